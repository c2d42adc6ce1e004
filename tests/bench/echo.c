/* echo - messages per CPU second of an echo server: raw epoll, raw libevent, weft streams; one after the other, in one run.
 *
 *     make bench && tests/bench/echo [connections [seconds [rounds [words of the servers to run]]]]
 *
 * Each server is a process of its own, and so its CPU is the kernel's figure for it.  The client, here, is an epoll loop: each
 * connection sends 64 bytes, waits for them, and sends again.
 */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "bench.h"

enum { SIZE = 64, BUFFER = 4096, EVENTS = 512, MAX_ROUNDS = 21 };

static int listener(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 4096) != 0)
        abort();
    return fd;
}

/* ---- raw epoll, edge-triggered --------------------------------------------------------------------------- */

static void epoll_serve(int listening)
{
    int queue = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening}, events[EVENTS];
    char buffer[BUFFER];

    epoll_ctl(queue, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        int count = epoll_wait(queue, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            ssize_t n;

            if (fd == listening) {
                while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    event = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.fd = fd};
                    epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
                }
                continue;
            }
            n = read(fd, buffer, sizeof(buffer));
            if (n <= 0 || write(fd, buffer, (size_t)n) != n)
                _exit(0); /* the first that ends, ends all */
        }
    }
}

/* ---- raw libevent ---------------------------------------------------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    char buffer[BUFFER];
    ssize_t n = read(fd, buffer, sizeof(buffer));

    (void)what, (void)arg;
    if (n <= 0 || write(fd, buffer, (size_t)n) != n)
        _exit(0);
}

static void on_connection(evutil_socket_t listening, short what, void *base)
{
    int fd;

    (void)what;
    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0)
        event_add(event_new(base, fd, EV_READ | EV_PERSIST, on_readable, NULL), NULL);
}

static void libevent_serve(int listening)
{
    struct event_config *config = event_config_new();
    struct event_base *base;

    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    base = event_base_new_with_config(config);
    event_add(event_new(base, listening, EV_READ | EV_PERSIST, on_connection, base), NULL);
    event_base_dispatch(base);
}

/* ---- weft streams ---------------------------------------------------------------------------------------- */

struct echo {
    weft_gen gen;
    weft_stream *stream;
    char buffer[512];
};

static weft_step echo(void *frame)
{
    struct echo *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_TRY_AWAIT(f, weft_stream_read(f->stream, f->buffer, sizeof(f->buffer)));
        if (weft_failed(f) || weft_sent_int(f) == 0)
            _exit(0);
        WEFT_TRY_AWAIT(f, weft_stream_write(f->stream, f->buffer, (size_t)weft_sent_int(f)));
        if (weft_failed(f))
            _exit(0);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(echo);

static weft_gen *serve(weft_stream *stream, void *arg)
{
    (void)arg;
    return WEFT_CALL(echo, .stream = stream);
}

struct server {
    weft_gen gen;
    int tell; /* the port is written there */
    weft_server *server;
};

static void tell_port(int fd, int port)
{
    if (write(fd, &port, sizeof(port)) != sizeof(port))
        abort();
    close(fd);
}

static weft_step server(void *frame)
{
    struct server *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_start_server(NULL, serve, NULL, .host = "127.0.0.1", .backlog = 4096));
    f->server = weft_take(f);
    tell_port(f->tell, weft_server_port(f->server));
    WEFT_AWAIT(f, weft_signal(NULL, SIGTERM));
    WEFT_END(f);
}
WEFT_GEN_TYPE(server);

static void weft_serve(int tell)
{
    weft_run(WEFT_CALL(server, .tell = tell), NULL);
}

static void raw_serve(int tell, void (*run)(int listening))
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    int fd = listener();

    getsockname(fd, (struct sockaddr *)&address, &size);
    tell_port(tell, ntohs(address.sin_port));
    run(fd);
}

static void epoll_server(int tell)
{
    raw_serve(tell, epoll_serve);
}

static void libevent_server(int tell)
{
    raw_serve(tell, libevent_serve);
}

/* ---- the client ------------------------------------------------------------------------------------------ */

static int open_connection(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        abort();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Exchange messages on all connections for so many seconds; returns how many. */
static double drive(int port, int connections, double seconds)
{
    static char message[SIZE], buffer[BUFFER];
    int queue = epoll_create1(0);
    struct epoll_event events[EVENTS];
    double end, done = 0;

    for (int i = 0; i < connections; i++) {
        int fd = open_connection(port);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
        if (write(fd, message, SIZE) != SIZE)
            abort();
    }
    end = bench_now_ns() + seconds * 1e9;
    while (bench_now_ns() < end) {
        int count = epoll_wait(queue, events, EVENTS, 100);

        for (int i = 0; i < count; i++) {
            if (read(events[i].data.fd, buffer, sizeof(buffer)) != SIZE ||
                write(events[i].data.fd, message, SIZE) != SIZE)
                abort();
            done++;
        }
    }
    return done;
}

/* Messages per CPU second of a server; the client has a process of its own, too. */
static double measure(void (*serve_fn)(int tell), int connections, double seconds)
{
    struct rusage usage;
    int tell[2], count[2], port;
    double done, cpu;
    pid_t child, client;

    if (pipe(tell) != 0 || pipe(count) != 0 || (child = fork()) < 0)
        abort();
    if (child == 0) {
        serve_fn(tell[1]);
        _exit(1);
    }
    close(tell[1]);
    if (read(tell[0], &port, sizeof(port)) != sizeof(port) || (client = fork()) < 0)
        abort();
    if (client == 0) {
        done = drive(port, connections, seconds);
        _exit(write(count[1], &done, sizeof(done)) != sizeof(done));
    }
    close(tell[0]);
    close(count[1]);
    if (read(count[0], &done, sizeof(done)) != sizeof(done))
        abort();
    close(count[0]);
    waitpid(client, NULL, 0);
    wait4(child, NULL, 0, &usage); /* it has ended with its first connection */
    cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
          (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    return done / cpu;
}

/* ---- the table ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*serve)(int tell);
} servers[] = {{"raw epoll, edges", epoll_server},
               {"raw libevent", libevent_server},
               {"weft streams", weft_serve}};

enum { SERVERS = sizeof(servers) / sizeof(*servers) };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int connections = argc > 1 ? atoi(argv[1]) : 100;
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    int rounds = argc > 3 ? atoi(argv[3]) : 5;
    double results[SERVERS][MAX_ROUNDS], libevent = 0;
    struct rlimit limit;

    if (connections < 1 || seconds <= 0 || rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: echo [connections [seconds [rounds, 1 to %d [words]]]]\n",
                MAX_ROUNDS);
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < SERVERS; i++)
            results[i][round] = argc > 4 && !strstr(servers[i].name, argv[4])
                                    ? 0
                                    : measure(servers[i].serve, connections, seconds);
    printf("%-20s %26s %20s\n", "server", "messages per CPU second", "of raw libevent");
    for (int i = 0; i < SERVERS; i++)
        qsort(results[i], (size_t)rounds, sizeof(double), by_size);
    libevent = results[1][rounds / 2];
    for (int i = 0; i < SERVERS; i++)
        printf("%-20s %26.0f %20.2f\n", servers[i].name, results[i][rounds / 2],
               results[i][rounds / 2] / libevent);
    return 0;
}
