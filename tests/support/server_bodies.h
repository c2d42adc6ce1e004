/* server_bodies.h - what the suites on servers and connections share: plain sockets, and a handler that says what
 * happens. */
#ifndef WEFT_TESTS_SERVER_BODIES_H
#define WEFT_TESTS_SERVER_BODIES_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/harness.h"

#if defined(__GNUC__)
#define MAYBE_UNUSED __attribute__((unused))
#else
#define MAYBE_UNUSED
#endif

/* ---- plain sockets --------------------------------------------------------------------------------------- */

static struct sockaddr_in v4(const char *number, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    ck_assert_int_eq(inet_pton(AF_INET, number, &address.sin_addr), 1);
    return address;
}

/* A socket that listens on a number, and its port. */
MAYBE_UNUSED static int plain_listener(const char *number, int backlog, int *port)
{
    struct sockaddr_in address = v4(number, *port);
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

MAYBE_UNUSED static int plain_connect(const char *number, int port)
{
    struct sockaddr_in address = v4(number, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    return fd;
}

MAYBE_UNUSED static const char *text_of(int port)
{
    static char text[16];

    snprintf(text, sizeof(text), "%d", port);
    return text;
}

/* A port where nobody listens. */
MAYBE_UNUSED static int closed_port(void)
{
    int port = 0;

    close(plain_listener("127.0.0.1", 1, &port));
    return port;
}

MAYBE_UNUSED static int open_count(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Whether the peer of a plain socket has closed it; what it sent before is read away. */
MAYBE_UNUSED static bool has_ended(int fd)
{
    char bytes[64];
    ssize_t n;

    do
        n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    while (n > 0);
    return n == 0 || errno != EAGAIN;
}

/* Run until a condition holds; a descriptor may take milliseconds. */
#define RUN_UNTIL(condition) \
    do { \
        for (int tries_ = 0; !(condition) && tries_ < 5000; tries_++) { \
            run_rounds(1); \
            usleep(100); \
        } \
        ck_assert(condition); \
    } while (0)

static void say_report(weft_loop *where, const weft_report *report, void *arg)
{
    (void)where, (void)arg;
    say("[%s: %s]", report->message, weft_errname(report->error));
}

/* A loop on the real clock, in the fixture's place; it says what is reported. */
MAYBE_UNUSED static void use_real_clock(void)
{
    weft_loop_unref(loop);
    loop = weft_loop_new(NULL);
    weft_loop_set_exception_handler(loop, say_report, NULL);
}

/* ---- handlers -------------------------------------------------------------------------------------------- */

/* Says "+word" for each line, answers it, and "-" or the error at its end.  The word "fail": it fails. */
struct echo {
    weft_gen gen;
    weft_stream *stream;
};

static void say_line(const char *line)
{
    char word[32];

    snprintf(word, sizeof(word), "%s", line);
    word[strcspn(word, "\n")] = 0;
    say("+%s", word);
}

static weft_step echo(void *frame)
{
    struct echo *f = frame;
    const char *line;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_TRY_AWAIT(f, weft_stream_read_line(f->stream));
        if (weft_failed(f)) {
            say("!%s", weft_errname(weft_failed(f)));
            WEFT_RAISE(f, weft_failed(f));
        }
        line = weft_sent(f);
        if (!*line)
            break;
        say_line(line);
        if (strcmp(line, "fail\n") == 0)
            WEFT_RAISE(f, -EPROTO);
        WEFT_AWAIT(f, weft_stream_write(f->stream, line, strlen(line)));
    }
    say("-");
    WEFT_END(f);
}

static void echo_cleanup(void *frame)
{
    weft_stream_free(((struct echo *)frame)->stream);
}
WEFT_GEN_TYPE(echo, .cleanup = echo_cleanup);

MAYBE_UNUSED static weft_gen *serve(weft_stream *stream, void *arg)
{
    (void)arg;
    return WEFT_CALL(echo, .stream = stream);
}

/* Start a server, and have it. */
#define START(...) started(weft_start_server(loop, __VA_ARGS__))
MAYBE_UNUSED static weft_server *started(weft_future *start)
{
    void *server;
    int error;

    weft_future_ref(start);
    error = weft_run_until_complete(loop, start, NULL);
    ck_assert_msg(!error, "%s", weft_errname(error));
    server = weft_future_take(start);
    weft_future_unref(start);
    return server;
}

/* Run a connect, and have its stream. */
MAYBE_UNUSED static weft_stream *opened(weft_future *future)
{
    void *stream;
    int error;

    weft_future_ref(future);
    error = weft_run_until_complete(loop, future, NULL);
    ck_assert_msg(!error, "%s", weft_errname(error));
    stream = weft_future_take(future);
    weft_future_unref(future);
    return stream;
}

/* Close it, let all end, and give it back. */
MAYBE_UNUSED static void finish(weft_server *server)
{
    weft_future *closed;

    weft_server_close(server);
    closed = weft_server_wait_closed(server);
    ck_assert_int_eq(run_task(closed, NULL), 0);
    weft_server_unref(server);
    run_rounds(3); /* acceptors hear of it */
}

#endif
