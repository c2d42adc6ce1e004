#include "door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    pthread_t keeper;
    int listener, signals; /* SIGINT and SIGTERM can be read there */
    pthread_mutex_t lock;  /* for what follows */
    pthread_cond_t emptied;
    int *guests; /* their descriptors */
    size_t count, size;
    bool shut;
} door = {.lock = PTHREAD_MUTEX_INITIALIZER, .emptied = PTHREAD_COND_INITIALIZER};

/* ---- the end ---------------------------------------------------------------------------------- */

bool door_has_ended(int fd)
{
    char bytes[64];
    ssize_t n = read(fd, bytes, sizeof bytes);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void shut(void)
{
    pthread_mutex_lock(&door.lock);
    door.shut = true;
    shutdown(door.listener, SHUT_RDWR); /* on Linux, accept fails with EINVAL from now on */
    for (size_t i = 0; i < door.count; i++)
        shutdown(door.guests[i], SHUT_RDWR);
    pthread_mutex_unlock(&door.lock);
}

/* The thread. */
static void *keep(void *arg)
{
    struct pollfd ends[] = {{.fd = door.signals, .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};

    (void)arg;
    do
        poll(ends, 2, -1);
    while (!ends[0].revents && !(ends[1].revents && door_has_ended(STDIN_FILENO)));
    shut();
    return NULL;
}

/* The signals are blocked in all threads, so that no call of a server is interrupted. */
static int start_keeper(void)
{
    sigset_t both;
    int error;

    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &both, NULL); /* threads and children inherit it */
    door.signals = signalfd(-1, &both, SFD_CLOEXEC);
    if (door.signals < 0)
        return -errno;
    error = -pthread_create(&door.keeper, NULL, keep, NULL);
    if (error)
        close(door.signals);
    return error;
}

/* ---- the socket ------------------------------------------------------------------------------- */

int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int door_announce(int port)
{
    bool is_said = printf("listening on 127.0.0.1:%d\n", port) > 0 && fflush(stdout) == 0;

    return is_said ? 0 : -errno;
}

int door_open(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, error;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        return -errno;
    door.listener = fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        error = -errno;
    else
        error = start_keeper();
    if (error) {
        close(fd);
        return error;
    }
    error = door_announce(ntohs(address.sin_port));
    if (error) {
        door_close(fd);
        return error;
    }
    return fd;
}

int door_accept(int listener)
{
    int fd, on = 1;

    for (;;) {
        fd = accept(listener, NULL, NULL);
        if (fd >= 0) { /* else what is left of a message waits until its beginning is acknowledged */
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            return fd;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return -EAGAIN;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            poll(NULL, 0, 10); /* a full house: somebody will leave */
            if (fcntl(listener, F_GETFL) & O_NONBLOCK)
                return -EAGAIN;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return -errno;
        }
    }
}

/* ---- guests ----------------------------------------------------------------------------------- */

void door_enter(int fd)
{
    pthread_mutex_lock(&door.lock);
    if (door.count == door.size) {
        size_t size = door.size ? 2 * door.size : 16;
        int *guests = realloc(door.guests, size * sizeof *guests);

        if (!guests)
            abort();
        door.guests = guests;
        door.size = size;
    }
    door.guests[door.count++] = fd;
    if (door.shut)
        shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&door.lock);
}

void door_leave(int fd)
{
    pthread_mutex_lock(&door.lock);
    for (size_t i = 0; i < door.count; i++)
        if (door.guests[i] == fd) {
            door.guests[i] = door.guests[--door.count];
            break;
        }
    close(fd); /* within the lock: the number is given to others from now on */
    if (door.count == 0)
        pthread_cond_signal(&door.emptied);
    pthread_mutex_unlock(&door.lock);
}

void door_close(int listener)
{
    pthread_kill(door.keeper, SIGTERM); /* if the door was not shut, but failed */
    pthread_join(door.keeper, NULL);
    pthread_mutex_lock(&door.lock);
    while (door.count > 0)
        pthread_cond_wait(&door.emptied, &door.lock);
    close(door.signals);
    free(door.guests);
    door.guests = NULL;
    door.size = 0;
    pthread_mutex_unlock(&door.lock);
    close(listener);
}
