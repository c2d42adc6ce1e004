/* epoll - the least that an echo server and a fetch can be: epoll, edge-triggered, and nothing else.
 *
 * A fetch is six system calls: socket, connect, write, epoll_ctl, read, close.  The write is tried at once: over
 * loopback the connection is up by then.  RDHUP says that the peer has ended, and so a short read was the last.
 */
#include "peer.h"

#include <stdbool.h>
#include <sys/epoll.h>

enum { EVENTS = 512 };

/* ---- echo ------------------------------------------------------------------------------------------------ */

static void welcome(int queue, int listening)
{
    int fd;

    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

        peer_nodelay(fd);
        if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) != 0)
            peer_fail("epoll_ctl");
    }
}

static void echo(void)
{
    int queue = epoll_create1(0), listening = peer_listen();
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening}, events[EVENTS];
    char buffer[PEER_BUFFER];

    epoll_ctl(queue, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        int count = epoll_wait(queue, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            ssize_t n;

            if (fd == listening) {
                welcome(queue, listening);
                continue;
            }
            n = read(fd, buffer, sizeof(buffer));
            if (n <= 0 || write(fd, buffer, (size_t)n) != n)
                close(fd);
        }
    }
}

/* ---- fetch ----------------------------------------------------------------------------------------------- */

struct connection {
    int fd;
    bool asked;
};

static bool ask(struct connection *connection)
{
    ssize_t n = write(connection->fd, PEER_REQUEST, PEER_REQUEST_SIZE);

    if (n != PEER_REQUEST_SIZE && errno != EAGAIN)
        peer_fail("write");
    connection->asked = n == PEER_REQUEST_SIZE;
    return connection->asked;
}

static void begin(int queue, struct connection *connection, int port, int number)
{
    struct sockaddr_in address = peer_address(port, number);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = connection};

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connection->fd < 0 ||
        (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
         errno != EINPROGRESS))
        peer_fail("connect");
    if (!ask(connection))
        event.events |= EPOLLOUT;
    if (epoll_ctl(queue, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        peer_fail("epoll_ctl");
}

/* Returns whether the fetch has ended. */
static bool go_on(struct connection *connection, uint32_t events, long *bytes)
{
    char buffer[PEER_BUFFER];
    ssize_t n;

    if (!connection->asked && !ask(connection))
        return false;
    if (!(events & EPOLLIN))
        return false;
    n = read(connection->fd, buffer, sizeof(buffer));
    if (n < 0)
        peer_fail("read");
    *bytes += n;
    if (n == (ssize_t)sizeof(buffer) || (n > 0 && !(events & EPOLLRDHUP)))
        return false; /* an answer as long as the buffer never comes here */
    close(connection->fd);
    return true;
}

static long fetch(const struct peer_job *job)
{
    struct connection *connections = calloc((size_t)job->concurrent, sizeof(*connections));
    struct epoll_event events[EVENTS];
    int queue = epoll_create1(0);
    long bytes = 0;

    for (int wave = 0; wave < job->waves; wave++) {
        int left = job->concurrent;

        for (int i = 0; i < job->concurrent; i++)
            begin(queue, &connections[i], job->port, i);
        while (left > 0) {
            int count = epoll_wait(queue, events, EVENTS, -1);

            for (int i = 0; i < count; i++)
                left -= go_on(events[i].data.ptr, events[i].events, &bytes);
        }
    }
    free(connections);
    return bytes;
}

int main(int argc, char **argv)
{
    return peer_main(argc, argv, 0, echo, fetch);
}
