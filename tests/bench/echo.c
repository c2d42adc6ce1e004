/* echo - what a message costs an echo server: raw epoll, libevent, weft, libuv, asyncio, uvloop, Go; in turns, in one run.
 *
 *     make bench && tests/bench/echo [connections [seconds [rounds [words of the servers to run]]]]
 *
 * Each server is a process of its own (peers/).  The client, here, is an epoll loop: each connection sends 64 bytes, waits
 * for them, compares them, and sends again.  Its CPU does not count, nor does a server's start, nor that the connections
 * are made.  Memory is what is resident; that of a connection is the growth from the start until each has echoed once.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "net.h"

enum { SIZE = 64, EVENTS = 512, SILENCE_MS = 30000 };

static const struct net_peer servers[] = {
    {"raw epoll, edges", "epoll", {0}, ""},
    {"raw libevent", "libevent", {0}, ""},
    {"weft_io", "weft", {"io"}, ""},
    {"weft streams", "weft", {"streams"}, ""},
    {"libuv", "uv", {0}, "libuv1-dev"},
    {"Go net", "go", {0}, "golang-go"},
    {"uvloop Protocol", "net.py", {"uvloop", "protocol"}, "python3-uvloop"},
    {"uvloop streams", "net.py", {"uvloop", "streams"}, "python3-uvloop"},
    {"asyncio Protocol", "net.py", {"asyncio", "protocol"}, "python3"},
    {"asyncio streams", "net.py", {"asyncio", "streams"}, "python3"},
};

static int connections = 100;
static double seconds = 1;

/* ---- the client ------------------------------------------------------------------------------------------ */

struct connection {
    int fd, got;
    char message[SIZE], answer[SIZE];
};

static const char *serving; /* who is to blame */

static void post(struct connection *connection)
{
    uint64_t number;

    memcpy(&number, connection->message, sizeof(number));
    number++; /* no message is like the one before */
    memcpy(connection->message, &number, sizeof(number));
    connection->got = 0;
    if (write(connection->fd, connection->message, SIZE) != SIZE)
        net_fail(serving, "takes no message");
}

/* Returns whether the answer is complete. */
static bool receive(struct connection *connection)
{
    ssize_t n = read(connection->fd, connection->answer + connection->got,
                     (size_t)(SIZE - connection->got));

    if (n <= 0)
        net_fail(serving, "closed a connection");
    connection->got += (int)n;
    if (connection->got < SIZE)
        return false;
    if (memcmp(connection->message, connection->answer, SIZE) != 0)
        net_fail(serving, "echoed something else");
    return true;
}

/* Connect, and exchange one message, so that the server has all in place that a connection needs. */
static void begin(struct connection *connection, int port, int queue)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        net_fail("connect", strerror(errno));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    memset(connection->message, 'x', SIZE);
    post(connection);
    while (!receive(connection))
        ;
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(queue, EPOLL_CTL_ADD, connection->fd, &event);
}

/* Exchange messages on all connections for so many seconds; returns how many were answered, and that is all. */
static double drive(struct connection *all, int queue)
{
    struct epoll_event events[EVENTS];
    double end = bench_now_ns() + seconds * 1e9, done = 0;
    int waiting = connections;

    for (int i = 0; i < connections; i++)
        post(&all[i]);
    while (waiting > 0) {
        int count = epoll_wait(queue, events, EVENTS, SILENCE_MS);

        if (count == 0)
            net_fail(serving, "answers no more");
        for (int i = 0; i < count; i++) {
            if (!receive(events[i].data.ptr))
                continue;
            done++;
            if (bench_now_ns() < end)
                post(events[i].data.ptr);
            else
                waiting--;
        }
    }
    return done;
}

static void measure(const struct net_peer *server, struct net_result *result)
{
    static const int none[] = {-1};
    struct connection *all = calloc((size_t)connections, sizeof(*all));
    struct net_process process = net_start(server, "echo", none);
    int port = (int)net_number(&process), queue = epoll_create1(EPOLL_CLOEXEC);

    serving = server->name;
    result->start = net_usage(&process);
    for (int i = 0; i < connections; i++)
        begin(&all[i], port, queue);
    result->before = net_usage(&process);
    result->work = drive(all, queue);
    result->after = net_usage(&process);
    net_end(&process);
    for (int i = 0; i < connections; i++)
        close(all[i].fd);
    close(queue);
    free(all);
}

/* ---- the table ------------------------------------------------------------------------------------------- */

static double start_mb(const struct net_result *result)
{
    return result->start.resident / 1024;
}

static double connection_kb(const struct net_result *result)
{
    return (result->before.resident - result->start.resident) / connections;
}

static double end_mb(const struct net_result *result)
{
    return result->after.resident / 1024;
}

static double per_second(const struct net_result *result)
{
    return result->work / (result->after.cpu - result->before.cpu);
}

static void print(const struct net_row *rows, size_t count)
{
    printf("%-18s %11s %8s %22s %9s %9s %9s\n", "", "messages a", "of raw", "us of CPU a message",
           "MB at the", "KB a con-", "MB at the");
    printf("%-18s %11s %8s %7s %7s %7s %9s %9s %9s\n", "server", "CPU second", "libevent", "all",
           "user", "system", "start", "nection", "end");
    for (size_t i = 0; i < count; i++) {
        double all = net_median(&rows[i], net_cpu), user = all * net_user_share(&rows[i]);

        printf("%-18s %11.0f %8s ", rows[i].peer->name, net_median(&rows[i], per_second),
               net_ratio(rows, count, i, "raw libevent", per_second));
        printf("%7.2f %7.2f %7.2f %9.1f %9.2f %9.1f\n", all, user, all - user,
               net_median(&rows[i], start_mb), net_median(&rows[i], connection_kb),
               net_median(&rows[i], end_mb));
    }
}

int main(int argc, char **argv)
{
    static struct net_row rows[NET_PEERS];
    int rounds = argc > 3 ? atoi(argv[3]) : 5;

    connections = argc > 1 ? atoi(argv[1]) : connections;
    seconds = argc > 2 ? atof(argv[2]) : seconds;
    if (connections < 1 || !(seconds > 0) || rounds < 1 || rounds > NET_MAX_ROUNDS) {
        fprintf(stderr, "usage: echo [connections [seconds [rounds, 1 to %d [words]]]]\n",
                NET_MAX_ROUNDS);
        return 2;
    }
    print(rows, net_measure(servers, sizeof(servers) / sizeof(*servers), rounds,
                            argc > 4 ? argv[4] : NULL, measure, rows));
    return 0;
}
