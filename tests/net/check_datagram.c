/* check_datagram.c - datagrams, by descriptor and by name. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <weft/datagram.h>

#include "core/loop.h"
#include "support/harness.h"

static weft_io *ours, *theirs;

static weft_io *opened(weft_datagram_options options)
{
    intptr_t value = 0;

    options.struct_size = sizeof(options);
    ck_assert_int_eq(run_task(weft_open_datagram_with(loop, &options), &value), 0);
    return weft_from_int(value);
}

static int port_of(const weft_io *io)
{
    struct sockaddr_in addr;
    socklen_t size = sizeof(addr);

    ck_assert_int_eq(getsockname(weft_io_fd(io), (struct sockaddr *)&addr, &size), 0);
    return ntohs(addr.sin_port);
}

static struct sockaddr_in address_of(const weft_io *io)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port_of(io)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void both_open(void)
{
    ours = opened((weft_datagram_options){.local_host = "127.0.0.1"});
    theirs = opened((weft_datagram_options){.local_host = "127.0.0.1", .local_service = "0"});
}

static void both_close(void)
{
    weft_io_close(ours);
    weft_io_close(theirs);
}

static weft_future *send_to(weft_io *from, const weft_io *to, const char *text)
{
    struct sockaddr_in addr = address_of(to);

    return weft_sock_sendto(from, text, strlen(text), (struct sockaddr *)&addr, sizeof(addr));
}

/* ---- one at a time -----------------------------------------------------------------------------
 * */

/* 196 */
RULE(a_datagram_comes_whole_with_its_senders_address)
{
    struct sockaddr_storage from = {.ss_family = 0};
    socklen_t size = sizeof(from);
    char bytes[8] = "";
    weft_future *f;
    intptr_t n;

    both_open();
    f = weft_sock_recvfrom(ours, bytes, 8, (struct sockaddr *)&from, &size);
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(run_task(send_to(theirs, ours, "abc"), &n), 0);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(run_task(send_to(theirs, ours, ""), NULL), 0);
    ck_assert_int_eq(run_task(send_to(theirs, ours, "de"), NULL), 0);
    ck_assert_int_eq(run_task(f, &n), 0);
    ck_assert_int_eq(n, 3);
    ck_assert_str_eq(bytes, "abc");
    ck_assert_int_eq(size, sizeof(struct sockaddr_in));
    ck_assert_int_eq(ntohs(((struct sockaddr_in *)(void *)&from)->sin_port), port_of(theirs));
    ck_assert_int_eq(run_task(weft_sock_recvfrom(ours, bytes, 8, NULL, NULL), &n), 0);
    ck_assert_int_eq(n, 0); /* an empty one is no end */
    ck_assert_int_eq(run_task(weft_sock_recvfrom(ours, bytes, 8, NULL, NULL), &n), 0);
    ck_assert_int_eq(n, 2);
    both_close();
}
END_RULE

RULE(one_that_is_larger_than_the_buffer_is_cut_and_that_is_an_error)
{
    struct sockaddr_in from = {.sin_port = 0};
    socklen_t size = sizeof(from);
    char bytes[4] = "";
    intptr_t n;

    both_open();
    ck_assert_int_eq(run_task(send_to(theirs, ours, "abcd"), NULL), 0);
    ck_assert_int_eq(run_task(send_to(theirs, ours, "efg"), NULL), 0);
    ck_assert_int_eq(
        run_task(weft_sock_recvfrom(ours, bytes, 3, (struct sockaddr *)&from, &size), NULL),
        -EMSGSIZE);
    ck_assert_str_eq(bytes, "abc");
    ck_assert_int_eq(ntohs(from.sin_port), port_of(theirs));
    ck_assert_int_eq(run_task(weft_sock_recvfrom(ours, bytes, 3, NULL, NULL), &n), 0);
    ck_assert_int_eq(n, 3);
    ck_assert_str_eq(bytes, "efg");
    both_close();
}
END_RULE

RULE(what_cannot_be_sent_is_an_error)
{
    char *big = calloc(1, 70000);
    struct sockaddr_storage addr = {.ss_family = AF_INET};

    both_open();
    ck_assert_int_eq(run_task(weft_sock_sendto(ours, big, 70000, (struct sockaddr *)&addr,
                                               sizeof(struct sockaddr_in)),
                              NULL),
                     -EMSGSIZE);
    ck_assert_int_eq(run_task(weft_sock_sendto(ours, big, 1, (struct sockaddr *)&addr, 129), NULL),
                     -EINVAL);
    ck_assert_int_eq(run_task(weft_sock_sendto(ours, big, 1, NULL, 0), NULL), -EDESTADDRREQ);
    both_close();
    free(big);
}
END_RULE

/* 200 */
RULE(a_refusal_is_an_error_of_one_call_and_the_endpoint_goes_on)
{
    char service[16], bytes[8];
    weft_future *f;
    intptr_t n;
    int port;

    theirs = opened((weft_datagram_options){.local_host = "127.0.0.1"});
    port = port_of(theirs);
    snprintf(service, sizeof(service), "%d", port);
    ours = opened((weft_datagram_options){.remote_host = "127.0.0.1", .remote_service = service});
    weft_io_close(theirs);
    f = weft_sock_recvfrom(ours, bytes, 8, NULL, NULL);
    ck_assert_int_eq(run_task(weft_sock_sendto(ours, "a", 1, NULL, 0), NULL), 0);
    ck_assert_int_eq(run_task(f, NULL), -ECONNREFUSED);
    ck_assert_int_eq(run_task(weft_sock_sendto(ours, "b", 1, NULL, 0), NULL), 0);
    ck_assert_int_eq(run_task(weft_sock_sendto(ours, "c", 1, NULL, 0), NULL), -ECONNREFUSED);
    theirs = opened((weft_datagram_options){.local_host = "127.0.0.1", .local_service = service});
    f = weft_sock_recvfrom(ours, bytes, 8, NULL, NULL);
    ck_assert_int_eq(run_task(weft_sock_sendto(ours, "d", 1, NULL, 0), NULL), 0);
    ck_assert_int_eq(run_task(weft_sock_recvfrom(theirs, bytes + 1, 7, NULL, NULL), &n), 0);
    ck_assert_int_eq(bytes[1], 'd');
    ck_assert_int_eq(run_task(send_to(theirs, ours, "e"), NULL), 0);
    ck_assert_int_eq(run_task(f, &n), 0);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(bytes[0], 'e');
    both_close();
}
END_RULE

/* ---- waiting -----------------------------------------------------------------------------------
 * */

/* 87, 196 */
RULE(a_second_receive_is_busy_and_a_close_ends_the_first)
{
    char bytes[8];
    weft_future *f;

    both_open();
    f = weft_sock_recvfrom(ours, bytes, 8, NULL, NULL);
    ck_assert_int_eq(run_task(weft_sock_recvfrom(ours, bytes, 8, NULL, NULL), NULL), -EBUSY);
    ck_assert_int_eq(run_task(weft_sock_recv(ours, bytes, 8), NULL), -EBUSY);
    ck_assert_int_eq(run_task(send_to(ours, theirs, "x"), NULL), 0);
    both_close();
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
}
END_RULE

/* 82 */
RULE(a_loop_that_is_closed_ends_what_waits)
{
    char bytes[8];
    weft_future *f;

    both_open();
    f = weft_sock_recvfrom(ours, bytes, 8, NULL, NULL);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
    f = weft_sock_recvfrom(ours, bytes, 8, NULL, NULL);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
    both_close();
}
END_RULE

/* 137, 197 */
RULE(a_datagram_wins_over_a_cancel_and_a_cancelled_receive_leaves_the_endpoint_usable)
{
    struct sockaddr_in to;
    char bytes[8] = "";
    weft_future *f;
    intptr_t n;

    both_open();
    to = address_of(ours);
    f = weft_sock_recvfrom(ours, bytes, 8, NULL, NULL);
    ck_assert(weft_future_cancel(f, NULL));
    ck_assert(weft_future_is_cancelled(f));
    weft_future_unref(f);
    weft_future_unref(weft_sock_recvfrom(ours, bytes, 8, NULL, NULL)); /* dropped */
    f = weft_sock_recvfrom(ours, bytes, 8, NULL, NULL);
    ck_assert_int_eq(sendto(weft_io_fd(theirs), "late", 4, 0, (struct sockaddr *)&to, sizeof(to)),
                     4);
    weft_future_cancel(f, NULL);
    ck_assert_int_eq(run_task(f, &n), 0);
    ck_assert_int_eq(n, 4);
    ck_assert_str_eq(bytes, "late");
    both_close();
}
END_RULE

/* A pair of connected unix sockets, filled up. */
static int fill(void)
{
    int fds[2], count = 0;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &ours), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[1], WEFT_IO_OWNED, &theirs), 0);
    while (send(fds[0], "x", 1, 0) == 1)
        count++;
    return count;
}

/* 196, 197 */
RULE(a_send_waits_for_room_and_a_cancelled_one_was_not_sent)
{
    char bytes[4];
    int count = fill();
    weft_future *f = weft_sock_sendto(ours, "n", 1, NULL, 0);
    intptr_t n;

    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(run_task(weft_sock_recvfrom(theirs, bytes, 4, NULL, NULL), NULL), 0);
    weft_future_cancel(f, NULL); /* there is room, but it is told by the loop */
    ck_assert(weft_future_is_cancelled(f));
    weft_future_unref(f);
    ck_assert_int_eq(send(weft_io_fd(ours), "x", 1, 0), 1);
    f = weft_sock_sendto(ours, "y", 1, NULL, 0);
    ck_assert(!weft_future_is_done(f));
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(run_task(weft_sock_recvfrom(theirs, bytes, 4, NULL, NULL), NULL), 0);
        ck_assert_int_eq(bytes[0], 'x');
    }
    ck_assert_int_eq(run_task(f, NULL), 0);
    ck_assert_int_eq(run_task(weft_sock_recvfrom(theirs, bytes, 4, NULL, NULL), &n), 0);
    ck_assert_int_eq(bytes[0], 'y');
    both_close();
}
END_RULE

RULE(a_full_receiver_of_which_the_kernel_says_nothing_is_EAGAIN)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    socklen_t size = offsetof(struct sockaddr_un, sun_path);
    int error;

    ck_assert_int_eq(weft_io_socket(loop, AF_UNIX, SOCK_DGRAM, 0, &ours), 0);
    ck_assert_int_eq(weft_io_socket(loop, AF_UNIX, SOCK_DGRAM, 0, &theirs), 0);
    ck_assert_int_eq(bind(weft_io_fd(theirs), (struct sockaddr *)&addr, size), 0); /* any name */
    size = sizeof(addr);
    ck_assert_int_eq(getsockname(weft_io_fd(theirs), (struct sockaddr *)&addr, &size), 0);
    do
        error = run_task(weft_sock_sendto(ours, "x", 1, (struct sockaddr *)&addr, size), NULL);
    while (!error);
    ck_assert_int_eq(error, -EAGAIN);
    both_close();
}
END_RULE

/* ---- by name -----------------------------------------------------------------------------------
 * */

static int error_of(weft_datagram_options options)
{
    options.struct_size = sizeof(options);
    return run_task(weft_open_datagram_with(loop, &options), NULL);
}

/* 199 */
RULE(an_endpoint_is_opened_by_its_addresses_and_tells_what_is_wrong_with_them)
{
    char service[16];
    int on = 0;
    socklen_t size = sizeof(on);

    ck_assert_int_eq(error_of((weft_datagram_options){.family = 0}), -EINVAL);
    ck_assert_int_eq(
        error_of((weft_datagram_options){.local_host = "127.0.0.1", .remote_host = "::1"}),
        -EAFNOSUPPORT);
    ck_assert_int_eq(error_of((weft_datagram_options){.local_host = "192.0.2.1"}), -EADDRNOTAVAIL);
    ck_assert_int_lt(
        error_of((weft_datagram_options){.local_host = "127.0.0.1", .family = AF_INET6}), WEFT_EGAI);
    ours = opened((weft_datagram_options){.family = AF_INET});
    ck_assert_int_eq(port_of(ours), 0);
    weft_io_close(ours);
    ours = opened((weft_datagram_options){.local_host = "127.0.0.1", .reuse_port = true});
    snprintf(service, sizeof(service), "%d", port_of(ours));
    ck_assert_int_eq(
        error_of((weft_datagram_options){.local_host = "127.0.0.1", .local_service = service}),
        -EADDRINUSE);
    theirs = opened((weft_datagram_options){
        .local_host = "127.0.0.1", .local_service = service, .reuse_port = true});
    both_close();
    ck_assert_int_eq(
        error_of((weft_datagram_options){.remote_host = "255.255.255.255", .remote_service = "9"}),
        -EACCES);
    ours = opened((weft_datagram_options){.family = AF_INET, .broadcast = true});
    ck_assert_int_eq(getsockopt(weft_io_fd(ours), SOL_SOCKET, SO_BROADCAST, &on, &size), 0);
    ck_assert_int_ne(on, 0);
    weft_io_close(ours);
}
END_RULE

RULE(an_endpoint_that_nobody_takes_is_closed)
{
    weft_future *f = weft_open_datagram(loop, .local_host = "127.0.0.1");

    run_all();
    ck_assert_int_eq(weft_future_error(f), 0);
    weft_future_unref(f);
    f = weft_open_datagram(loop, .local_host = "127.0.0.1", .remote_host = "127.0.0.1");
    weft_future_cancel(f, NULL);
    ck_assert_int_eq(run_task(f, NULL), WEFT_ECANCELLED);
}
END_RULE

/* libevent's memory. */
static bool without;

static void *event_malloc(size_t size)
{
    return without ? NULL : malloc(size);
}

static void *event_realloc(void *old, size_t size)
{
    return without ? NULL : realloc(old, size);
}

/* 100: libevent has room for small numbers only, so this one is large */
RULE(a_receive_that_cannot_wait_is_an_error_and_the_endpoint_goes_on)
{
    char bytes[8] = "";
    weft_future *f;
    weft_io *far;
    int fd;

    event_set_mem_functions(event_malloc, event_realloc, free);
    both_open();
    fd = fcntl(weft_io_fd(theirs), F_DUPFD_CLOEXEC, 900);
    ck_assert_int_ge(fd, 900);
    ck_assert_int_eq(weft_io_new(loop, fd, WEFT_IO_OWNED, &far), 0);
    without = true;
    for (int i = 0; i < 2; i++) {
        f = weft_sock_recvfrom(far, bytes, sizeof(bytes), NULL, NULL);
        ck_assert(weft_future_is_done(f));
        ck_assert_int_ne(weft_future_error(f), 0);
        weft_future_unref(f);
        ck_assert_int_eq(loop->outside, 0);
    }
    ck_assert_int_eq(run_task(send_to(ours, theirs, "x"), NULL), 0);
    f = weft_sock_recvfrom(far, bytes, sizeof(bytes), NULL, NULL);
    ck_assert(weft_future_is_done(f)); /* it need not wait */
    ck_assert_int_eq(run_task(f, NULL), 0);
    ck_assert_str_eq(bytes, "x");
    without = false;
    f = weft_sock_recvfrom(far, bytes, sizeof(bytes), NULL, NULL);
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(run_task(send_to(ours, theirs, "y"), NULL), 0);
    ck_assert_int_eq(run_task(f, NULL), 0);
    ck_assert_str_eq(bytes, "y");
    weft_io_close(far);
    both_close();
}
END_RULE

static int attempt(void)
{
    weft_loop *fresh = weft_loop_new(NULL);
    void *value = NULL;
    char bytes[4];
    weft_future *f;
    int error;

    if (!fresh)
        return -ENOMEM;
    f = weft_open_datagram(fresh, .local_host = "127.0.0.1", .local_service = "0",
                           .remote_host = "127.0.0.1", .remote_service = "9");
    error = weft_run_until_complete(fresh, f, &value);
    if (!error) {
        f = weft_sock_recvfrom(value, bytes, 4, NULL, NULL);
        error = weft_future_is_done(f) ? weft_future_error(f) : 0;
        weft_future_unref(f);
        weft_io_close(value);
    }
    weft_loop_unref(fresh);
    return error;
}

/* 100 */
RULE(each_allocation_of_an_endpoint_may_fail)
{
    each_allocation_fails(attempt);
}
END_RULE

RUN_SUITE("datagram", a_datagram_comes_whole_with_its_senders_address,
          one_that_is_larger_than_the_buffer_is_cut_and_that_is_an_error,
          what_cannot_be_sent_is_an_error,
          a_refusal_is_an_error_of_one_call_and_the_endpoint_goes_on,
          a_second_receive_is_busy_and_a_close_ends_the_first, a_loop_that_is_closed_ends_what_waits,
          a_datagram_wins_over_a_cancel_and_a_cancelled_receive_leaves_the_endpoint_usable,
          a_send_waits_for_room_and_a_cancelled_one_was_not_sent,
          a_full_receiver_of_which_the_kernel_says_nothing_is_EAGAIN,
          an_endpoint_is_opened_by_its_addresses_and_tells_what_is_wrong_with_them,
          an_endpoint_that_nobody_takes_is_closed,
          a_receive_that_cannot_wait_is_an_error_and_the_endpoint_goes_on,
          each_allocation_of_an_endpoint_may_fail)
