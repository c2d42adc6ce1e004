/* check_io_accept.c - weft_io: sockets that listen, and that connect to them. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/harness.h"

static weft_io *listener(struct sockaddr_in *addr)
{
    socklen_t size = sizeof(*addr);
    weft_io *io;

    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(weft_io_socket(loop, AF_INET, SOCK_STREAM, 0, &io), 0);
    ck_assert_int_eq(bind(weft_io_fd(io), (struct sockaddr *)addr, size), 0);
    ck_assert_int_eq(listen(weft_io_fd(io), 8), 0);
    ck_assert_int_eq(getsockname(weft_io_fd(io), (struct sockaddr *)addr, &size), 0);
    return io;
}

static int accepted = -1;

static void keep_accepted(weft_future *future, void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_future_error(future), 0);
    accepted = (int)weft_int(weft_future_take(future));
}

static weft_io *connected(const struct sockaddr_in *addr)
{
    weft_io *io;

    ck_assert_int_eq(weft_io_socket(loop, AF_INET, SOCK_STREAM, 0, &io), 0);
    ck_assert_int_eq(
        run_task(weft_sock_connect(io, (const struct sockaddr *)addr, sizeof(*addr)), NULL), 0);
    return io;
}

/* 196 */
RULE(accept_and_connect_meet_and_the_taken_descriptor_is_ours)
{
    struct sockaddr_in addr;
    weft_io *server = listener(&addr), *client;
    weft_future *f = weft_sock_accept(server);
    char byte = 0;

    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(weft_future_add_done_callback(f, keep_accepted, NULL), 0);
    client = connected(&addr);
    ck_assert_int_eq(run_task(f, NULL), 0);
    ck_assert_int_ge(accepted, 0);
    ck_assert(fcntl(accepted, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(accepted, F_GETFD) & FD_CLOEXEC);
    ck_assert_int_eq(write(accepted, "x", 1), 1);
    ck_assert_int_eq(run_task(weft_sock_recv(client, &byte, 1), NULL), 0);
    ck_assert_int_eq(byte, 'x');
    close(accepted);
    weft_io_close(client);
    weft_io_close(server);
}
END_RULE

/* 197, 22 [D] an accepted connection that nobody takes is closed by its destructor */
RULE(a_connection_that_nobody_takes_is_closed)
{
    struct sockaddr_in addr;
    weft_io *server = listener(&addr), *client = connected(&addr);
    weft_future *f = weft_sock_accept(server);
    char byte;
    intptr_t n;

    ck_assert(weft_future_is_done(f));
    weft_future_unref(f);
    ck_assert_int_eq(run_task(weft_sock_recv(client, &byte, 1), &n), 0);
    ck_assert_int_eq(n, 0);
    weft_io_close(client);
    weft_io_close(server);
}
END_RULE

/* 197 */
RULE(a_cancelled_accept_loses_no_connection)
{
    struct sockaddr_in addr;
    weft_io *server = listener(&addr), *client;
    weft_future *f = weft_sock_accept(server);
    intptr_t fd;

    ck_assert(weft_future_cancel(f, NULL));
    ck_assert(weft_future_is_cancelled(f));
    weft_future_unref(f);
    f = weft_sock_accept(server);
    client = connected(&addr);
    ck_assert_int_eq(run_task(f, &fd), 0);
    ck_assert_int_eq(close((int)fd), 0);
    weft_io_close(client);
    weft_io_close(server);
}
END_RULE

/* 196 */
RULE(a_refused_connect_is_ECONNREFUSED)
{
    struct sockaddr_in addr;
    weft_io *server = listener(&addr), *client;

    weft_io_close(server);
    ck_assert_int_eq(weft_io_socket(loop, AF_INET, SOCK_STREAM, 0, &client), 0);
    ck_assert_int_eq(
        run_task(weft_sock_connect(client, (struct sockaddr *)&addr, sizeof(addr)), NULL),
        -ECONNREFUSED);
    weft_io_close(client);
}
END_RULE

/* 99 [D] C sees errno raw */
RULE(accept_out_of_descriptors_is_reported_and_pauses_for_a_second)
{
    struct sockaddr_in addr;
    struct rlimit before, low;
    weft_io *server = listener(&addr), *client = connected(&addr), *second;
    weft_future *f;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    f = weft_sock_accept(server);
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_ptr_nonnull(strstr(reports(), "EMFILE"));
    second = connected(&addr); /* valgrind's EMFILE takes the first one away */
    weft_testing_advance(loop, 0.9);
    run_rounds(2);
    ck_assert(!weft_future_is_done(f));
    weft_testing_advance(loop, 0.2);
    run_rounds(2);
    ck_assert(weft_future_is_done(f));
    ck_assert_int_eq(weft_future_error(f), 0);
    weft_future_unref(f);
    weft_io_close(second);
    weft_io_close(client);
    weft_io_close(server);
}
END_RULE

RUN_SUITE("io_accept", accept_and_connect_meet_and_the_taken_descriptor_is_ours,
          a_connection_that_nobody_takes_is_closed, a_cancelled_accept_loses_no_connection,
          a_refused_connect_is_ECONNREFUSED,
          accept_out_of_descriptors_is_reported_and_pauses_for_a_second)
