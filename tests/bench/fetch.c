/* fetch - what a fetch costs a client: raw epoll, libevent, weft, libuv, asyncio, uvloop, Go; in turns, in one run.
 *
 *     make bench && tests/bench/fetch [concurrent [rounds [words of the clients to run]]]
 *
 * A fetch: connect over loopback, send 61 bytes, receive 1 KB to the end of the stream, close.  So many (20) are under way
 * at once; with few, wave follows wave until there were 10,000.  The targets were set at 20, 1,000 and 9,000.
 *
 * Each client is a process of its own (peers/).  The origin is one too, and answers nobody until all of a wave have asked:
 * so all are really open at once, and none finds its answer there already.  It listens on 127.0.0.1 to 127.0.0.4, on one
 * port: a queue of connections to be accepted is cut to 4096 (somaxconn), and four queues hold what 9,000 bring at once.
 * It closes first, and so it is the origin's side that stays in TIME_WAIT: the client's ports are free again, however
 * many rounds follow, and a new connection from the same port is taken (its timestamps are newer).
 *
 * The system calls of a client, which need a pass of their own as they slow it down.  Start the origin, then a client:
 *
 *     tests/bench/fetch origin 20                                             says its port, PORT
 *     echo | strace -cf tests/bench/peers/libevent fetch PORT 20 100          2,000 fetches, and a start
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4 */
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "net.h"
#include "peers/peer.h"

enum { ANSWER = 1024, EVENTS = 512, LEAST = 10000, MOST = 15000 };

static const struct net_peer clients[] = {
    {"raw epoll, edges", "epoll", {0}, ""},
    {"raw libevent", "libevent", {0}, ""},
    {"weft_io", "weft", {"io"}, ""},
    {"weft streams", "weft", {"streams"}, ""},
    {"libuv", "uv", {0}, "libuv1-dev"},
    {"Go net", "go", {0}, "golang-go"},
    {"uvloop streams", "net.py", {"uvloop", "streams"}, "python3-uvloop"},
    {"asyncio streams", "net.py", {"asyncio", "streams"}, "python3"},
};

static int concurrent = 20, port;

/* ---- the origin ------------------------------------------------------------------------------------------ */

static int waiting, *asked; /* those that have asked in this wave */

static void welcome(int queue, int listening)
{
    int fd;

    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

        if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) != 0)
            net_fail("the origin", strerror(errno));
    }
    if (errno != EAGAIN)
        net_fail("the origin", strerror(errno));
}

static void answer_all(void)
{
    static char answer[ANSWER];

    for (int i = 0; i < waiting; i++) {
        if (write(asked[i], answer, ANSWER) != ANSWER)
            net_fail("the origin", "a client does not take its answer");
        close(asked[i]);
    }
    waiting = 0;
}

static void hear(int fd)
{
    char request[2 * PEER_REQUEST_SIZE];
    ssize_t n = read(fd, request, sizeof(request));

    if (n != PEER_REQUEST_SIZE || memcmp(request, PEER_REQUEST, PEER_REQUEST_SIZE) != 0)
        net_fail("the origin", "a client asks something else");
    asked[waiting++] = fd;
    if (waiting == concurrent)
        answer_all();
}

static void serve(const int *listening)
{
    struct epoll_event events[EVENTS];
    int queue = epoll_create1(0);

    asked = calloc((size_t)concurrent, sizeof(*asked));
    for (int i = 0; i < PEER_HOSTS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = listening[i]};

        epoll_ctl(queue, EPOLL_CTL_ADD, listening[i], &event);
    }
    for (;;) {
        int count = epoll_wait(queue, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;

            if (fd >= listening[0] && fd <= listening[PEER_HOSTS - 1])
                welcome(queue, fd);
            else
                hear(fd);
        }
    }
}

/* All addresses, on a port that is free on each.  The descriptors follow one another: nothing else is opened. */
static bool listen_on_all(int *listening)
{
    port = 0; /* any, for the first */
    for (int i = 0; i < PEER_HOSTS; i++) {
        struct sockaddr_in address = peer_address(port, i);

        listening[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (bind(listening[i], (struct sockaddr *)&address, sizeof(address)) != 0 ||
            listen(listening[i], 4096) != 0) {
            while (i >= 0)
                close(listening[i--]);
            return false;
        }
        port = net_port(listening[i]);
    }
    return true;
}

static void open_origin(int *listening)
{
    int tries = 20;

    while (!listen_on_all(listening))
        if (--tries == 0)
            net_fail("the origin", strerror(errno));
}

static pid_t start_origin(void)
{
    int listening[PEER_HOSTS];
    pid_t child;

    open_origin(listening);
    child = fork();
    if (child == 0) {
        net_die_with_parent();
        serve(listening);
    }
    for (int i = 0; i < PEER_HOSTS; i++)
        close(listening[i]);
    if (child < 0)
        net_fail("the origin", strerror(errno));
    return child;
}

/* ---- the table ------------------------------------------------------------------------------------------- */

static void measure(const struct net_peer *client, struct net_result *result)
{
    int waves = (LEAST + concurrent - 1) / concurrent;
    pid_t origin = start_origin();
    const int numbers[] = {port, concurrent, waves, -1};
    struct net_process process = net_start(client, "fetch", numbers);

    if (net_number(&process) != 0)
        net_fail(client->name, "does not get ready");
    result->before = net_usage(&process);
    net_go(&process);
    result->work = (double)waves * concurrent;
    if (net_number(&process) != (long)waves * concurrent * ANSWER)
        net_fail(client->name, "has not got all");
    result->after = net_usage(&process);
    net_end(&process);
    kill(origin, SIGKILL);
    waitpid(origin, NULL, 0);
}

static double start_mb(const struct net_result *result)
{
    return result->before.resident / 1024;
}

static double peak_mb(const struct net_result *result)
{
    return result->after.peak / 1024;
}

static double fetch_kb(const struct net_result *result)
{
    return (result->after.peak - result->before.resident) / concurrent;
}

static void print(const struct net_row *rows, size_t count)
{
    printf("%-18s %23s %11s %9s %9s %12s\n", "", "us of CPU a fetch", "against raw", "MB at the",
           "MB at the", "KB for each");
    printf("%-18s %7s %7s %7s %11s %9s %9s %12s\n", "client", "all", "user", "system", "libevent",
           "start", "peak", "at once");
    for (size_t i = 0; i < count; i++) {
        double all = net_median(&rows[i], net_cpu), user = all * net_user_share(&rows[i]);

        printf("%-18s %7.1f %7.1f %7.1f %11s ", rows[i].peer->name, all, user, all - user,
               net_ratio(rows, count, i, "raw libevent", net_cpu));
        printf("%9.1f %9.1f %12.2f\n", net_median(&rows[i], start_mb),
               net_median(&rows[i], peak_mb), net_median(&rows[i], fetch_kb));
    }
}

int main(int argc, char **argv)
{
    static struct net_row rows[NET_PEERS];
    bool only_origin = argc > 1 && strcmp(argv[1], "origin") == 0;
    int rounds = argc > 2 && !only_origin ? atoi(argv[2]) : 5, listening[PEER_HOSTS];

    concurrent = argc > 1 + only_origin ? atoi(argv[1 + only_origin]) : concurrent;
    if (concurrent < 1 || concurrent > MOST || rounds < 1 || rounds > NET_MAX_ROUNDS) {
        fprintf(stderr, "usage: fetch [concurrent, 1 to %d [rounds, 1 to %d [words]]]\n", MOST,
                NET_MAX_ROUNDS);
        return 2;
    }
    if (only_origin) {
        net_raise_limit();
        open_origin(listening);
        printf("%d\n", port);
        fflush(stdout);
        serve(listening);
    }
    print(rows, net_measure(clients, sizeof(clients) / sizeof(*clients), rounds,
                            argc > 3 ? argv[3] : NULL, measure, rows));
    return 0;
}
