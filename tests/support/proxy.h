/* proxy.h - a process between a client and a server, which mistreats what passes.
 *
 * It takes one connection.  What goes to the client is passed on up to `after` bytes; then the mode's misdeed follows.
 */
#ifndef WEFT_TESTS_PROXY_H
#define WEFT_TESTS_PROXY_H

#include <signal.h>
#include <sys/wait.h>

#include "support/server_bodies.h"

enum misdeed {
    TRICKLE, /* all passes, in both directions, in pieces of one byte; `after` is the size of a piece */
    TRUNCATE, /* an end of file in place of the rest */
    RESET,    /* both connections are reset */
    STALL     /* nothing more passes, and nothing is closed */
};

struct proxy {
    pid_t pid;
    int port;
};

/* Pass on what is there, in pieces; returns how much, 0 at the end. */
static ssize_t proxy_pass(int from, int to, size_t most, size_t piece)
{
    static char bytes[65536];
    ssize_t n = read(from, bytes, most < sizeof(bytes) ? most : sizeof(bytes));

    for (ssize_t done = 0; done < n;) {
        size_t left = (size_t)(n - done);
        ssize_t written = write(to, bytes + done, left < piece ? left : piece);

        if (written < 0)
            _exit(0);
        done += written;
    }
    return n > 0 ? n : 0;
}

static void proxy_misbehave(enum misdeed misdeed, int client, int server)
{
    struct linger reset = {.l_onoff = 1};

    switch (misdeed) {
    case RESET:
        setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        setsockopt(server, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(client);
        close(server);
        _exit(0);
    case TRUNCATE:
        shutdown(client, SHUT_WR);
        while (proxy_pass(client, server, SIZE_MAX, SIZE_MAX) > 0)
            ;
        _exit(0);
    default:
        for (;;)
            pause();
    }
}

/* No ck_ call here: it would write to Check's pipe, whose number is another descriptor's by now. */
static void proxy_run(enum misdeed misdeed, size_t after, int listener, struct sockaddr_in upstream)
{
    int client = accept(listener, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct pollfd ask[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    size_t piece = misdeed == TRICKLE ? after : SIZE_MAX;

    if (connect(server, (struct sockaddr *)&upstream, sizeof(upstream)) != 0)
        _exit(1);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    while (poll(ask, 2, -1) > 0) {
        if (ask[0].revents && proxy_pass(client, server, SIZE_MAX, piece) == 0) {
            shutdown(server, SHUT_WR);
            ask[0].fd = -1;
        }
        if (ask[1].revents) {
            size_t n = (size_t)proxy_pass(server, client, misdeed == TRICKLE ? SIZE_MAX : after,
                                          piece);

            if (n == 0)
                break;
            if (misdeed != TRICKLE && (after -= n) == 0)
                proxy_misbehave(misdeed, client, server);
        }
    }
    _exit(0);
}

/* Start one before a port of this machine. */
static struct proxy proxy_start(enum misdeed misdeed, size_t after, int port)
{
    struct proxy proxy = {.port = 0};
    int listener = plain_listener("127.0.0.1", 8, &proxy.port);
    struct sockaddr_in upstream = v4("127.0.0.1", port);

    proxy.pid = fork();
    ck_assert_int_ge(proxy.pid, 0);
    if (proxy.pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        alarm(60);
        for (int fd = 3; fd < 256; fd++)
            if (fd != listener)
                close(fd);
        proxy_run(misdeed, after, listener, upstream);
    }
    close(listener);
    return proxy;
}

static void proxy_end(struct proxy proxy)
{
    kill(proxy.pid, SIGKILL);
    ck_assert_int_eq(waitpid(proxy.pid, NULL, 0), proxy.pid);
}

#endif
