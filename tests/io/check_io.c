/* check_io.c - weft_io: wrapping a descriptor, and the system calls that may have to wait; those of sockets that
 * listen or connect are in check_io_accept.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/harness.h"

enum { BIG = 8 * 1024 * 1024 };

static weft_io *ours, *theirs;

/* A connected pair, both ends wrapped. */
static void pair_open(void)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &ours), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[1], WEFT_IO_OWNED, &theirs), 0);
}

static void pair_close(void)
{
    weft_io_close(ours);
    weft_io_close(theirs);
}

/* ---- wrapping ---------------------------------------------------------------------------------- */

/* 198 */
RULE(a_borrowed_descriptor_in_blocking_mode_is_refused_and_stays_open)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_BORROWED, &ours), WEFT_EBLOCKING);
    ck_assert_ptr_null(ours);
    ck_assert_int_ge(fcntl(fds[0], F_GETFL), 0);
    ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_BORROWED, &ours), 0);
    weft_io_close(ours);
    ck_assert_int_eq(close(fds[0]), 0); /* it is still ours */
    close(fds[1]);
    ck_assert_int_eq(weft_io_new(loop, fds[1], WEFT_IO_OWNED, &ours), -EBADF);
    weft_io_close(NULL);
}
END_RULE

/* 100 */
RULE(a_descriptor_that_could_not_be_wrapped_is_as_it_was)
{
    weft_io *io;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    weft_testing_fail_allocation(1, 1);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), -ENOMEM);
    weft_testing_fail_allocation(0, 0);
    ck_assert_ptr_null(io);
    ck_assert_int_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    close(fds[0]);
    close(fds[1]);
}
END_RULE

/* ---- receiving and sending --------------------------------------------------------------------- */

struct receiver {
    weft_gen gen;
    weft_io *io;
    char *bytes;
    size_t size;
    size_t got;
};

static weft_step receiver(void *frame)
{
    struct receiver *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_AWAIT(f, weft_sock_recv(f->io, f->bytes + f->got, f->size - f->got));
        if (weft_sent_int(f) == 0)
            break;
        f->got += (size_t)weft_sent_int(f);
    }
    WEFT_RETURN(f, weft_from_int((intptr_t)f->got));
    WEFT_END(f);
}
WEFT_GEN_TYPE(receiver);

static void shut(weft_future *future, void *arg)
{
    (void)future;
    ck_assert_int_eq(shutdown(weft_io_fd(arg), SHUT_WR), 0);
}

/* 196 */
RULE(a_payload_of_8_MB_arrives_intact)
{
    char *sent = malloc(BIG), *got = malloc(BIG + 1);
    weft_future *send;
    weft_task *task;
    intptr_t n;

    pair_open();
    for (size_t i = 0; i < BIG; i++)
        sent[i] = (char)(i * 31 + (i >> 8) + (i >> 16));
    send = weft_sock_sendall(ours, sent, BIG);
    ck_assert(!weft_future_is_done(send));
    ck_assert_int_eq(weft_future_add_done_callback(send, shut, ours), 0);
    task = weft_task_new(loop, WEFT_CALL(receiver, .io = theirs, .bytes = got, .size = BIG + 1));
    ck_assert_int_eq(run_task(task, &n), 0);
    ck_assert_int_eq(n, BIG);
    ck_assert_int_eq(weft_future_error(send), 0);
    ck_assert_int_eq(memcmp(sent, got, BIG), 0);
    weft_future_unref(send);
    pair_close();
    free(sent);
    free(got);
}
END_RULE

/* 196, 86 */
RULE(recv_gives_what_is_there_and_0_at_the_end)
{
    char bytes[8];
    weft_future *f;
    intptr_t n;

    pair_open();
    ck_assert_int_eq(write(weft_io_fd(theirs), "abc", 3), 3);
    ck_assert_int_eq(run_task(weft_sock_recv(ours, bytes, 0), &n), 0);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(run_task(weft_sock_recv(ours, bytes, 2), &n), 0);
    ck_assert_int_eq(n, 2);
    ck_assert_int_eq(run_task(weft_sock_recv(ours, bytes + 2, 6), &n), 0);
    ck_assert_int_eq(n, 1);
    ck_assert_mem_eq(bytes, "abc", 3);
    f = weft_sock_recv(ours, bytes, 8);
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(shutdown(weft_io_fd(theirs), SHUT_WR), 0);
    ck_assert_int_eq(run_task(f, &n), 0);
    ck_assert_int_eq(n, 0);
    pair_close();
}
END_RULE

/* 196 */
RULE(a_dead_peer_is_EPIPE_and_no_signal)
{
    pair_open();
    weft_io_close(theirs);
    ck_assert_int_eq(run_task(weft_sock_sendall(ours, "x", 1), NULL), -EPIPE);
    weft_io_close(ours);
}
END_RULE

/* 87 [D] replacing would lose one in silence; 86 */
RULE(a_second_waiter_for_a_direction_is_busy_and_the_other_direction_is_not)
{
    char a, b;
    weft_future *f;
    intptr_t n;

    pair_open();
    f = weft_sock_recv(ours, &a, 1);
    ck_assert_int_eq(run_task(weft_sock_recv(ours, &b, 1), NULL), -EBUSY);
    ck_assert_int_eq(run_task(weft_io_readable(ours), NULL), -EBUSY);
    ck_assert_int_eq(run_task(weft_io_writable(ours), NULL), 0);
    ck_assert_int_eq(run_task(weft_sock_sendall(ours, "x", 1), NULL), 0);
    ck_assert_int_eq(run_task(weft_sock_sendall(theirs, "y", 1), NULL), 0);
    ck_assert_int_eq(run_task(f, &n), 0);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(a, 'y');
    pair_close();
}
END_RULE

/* ---- cancelling -------------------------------------------------------------------------------- */

/* 137 [D] libevent reports only the timeout */
RULE(data_wins_over_a_cancel_that_comes_with_it)
{
    char bytes[4];
    weft_future *f;
    void *value;

    pair_open();
    f = weft_sock_recv(ours, bytes, 4);
    ck_assert_int_eq(write(weft_io_fd(theirs), "data", 4), 4);
    weft_future_cancel(f, "late");
    ck_assert_int_eq(weft_future_result(f, &value), 0);
    ck_assert_int_eq(weft_int(value), 4);
    ck_assert_mem_eq(bytes, "data", 4);
    weft_future_unref(f);
    pair_close();
}
END_RULE

struct timed {
    weft_gen gen;
    weft_scope scope;
    weft_io *io;
    char *bytes;
};

static weft_step timed(void *frame)
{
    struct timed *f = frame;
    int error;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 0.003, 0), 0);
    WEFT_TRY_AWAIT(f, weft_sock_recv(f->io, f->bytes, 4));
    say("%s/%d", weft_errname(weft_failed(f)), (int)weft_sent_int(f));
    error = weft_scope_exit(&f->scope, weft_failed(f));
    say("%s", weft_errname(error));
    WEFT_END(f);
}
WEFT_GEN_TYPE(timed);

/* The loop is late, and meanwhile the bytes have come. */
static void be_late(void *arg)
{
    usleep(6000);
    ck_assert_int_eq(write(weft_io_fd(arg), "data", 4), 4);
}

/* 137, 51 */
RULE(a_deadline_that_expires_together_with_the_data_loses_no_byte)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_loop *fixture = loop;
    char bytes[4];
    weft_task *task;

    loop = real;
    pair_open();
    task = weft_task_new(real, WEFT_CALL(timed, .io = ours, .bytes = bytes));
    weft_call_soon(real, be_late, theirs, NULL);
    ck_assert_int_eq(weft_run_until_complete(real, task, NULL), 0);
    ck_assert_str_eq(trace(), "0/4 0");
    pair_close();
    weft_loop_unref(real);
    loop = fixture;
}
END_RULE

/* 197 */
RULE(a_cancelled_recv_leaves_a_usable_socket)
{
    char bytes[4];
    weft_future *f;
    intptr_t n;

    pair_open();
    f = weft_sock_recv(ours, bytes, 4);
    ck_assert(weft_future_cancel(f, NULL));
    ck_assert(weft_future_is_cancelled(f));
    weft_future_unref(f);
    weft_future_unref(weft_sock_recv(ours, bytes, 4)); /* a dropped one leaves nothing, either */
    f = weft_sock_recv(ours, bytes, 4);
    ck_assert_int_eq(write(weft_io_fd(theirs), "more", 4), 4);
    ck_assert_int_eq(run_task(f, &n), 0);
    ck_assert_int_eq(n, 4);
    pair_close();
}
END_RULE

/* ---- closing ----------------------------------------------------------------------------------- */

/* 88 */
RULE(close_wakes_the_waiters_of_both_directions)
{
    char byte, *big = calloc(1, BIG);
    weft_future *r, *w;

    pair_open();
    r = weft_sock_recv(ours, &byte, 1);
    w = weft_sock_sendall(ours, big, BIG);
    weft_spawn(loop, WEFT_CALL(waiter, .name = "r", .future = weft_future_ref(r)));
    weft_spawn(loop, WEFT_CALL(waiter, .name = "w", .future = weft_future_ref(w)));
    run_rounds(1);
    pair_close();
    weft_future_unref(r);
    weft_future_unref(w);
    run_rounds(2);
    ck_assert_str_eq(trace(), "r!WEFT_ECLOSED w!WEFT_ECLOSED");
    ck_assert_ptr_nonnull(strstr(reports(), "waiter-2 failed WEFT_ECLOSED"));
    free(big);
}
END_RULE

/* 82 */
RULE(a_loop_that_is_closed_first_ends_the_waiters_and_the_io_is_closed_later)
{
    char byte;
    weft_future *f;

    pair_open();
    f = weft_sock_recv(ours, &byte, 1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
    f = weft_sock_recv(ours, &byte, 1);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
    pair_close();
}
END_RULE

/* 85: a number is no registration */
RULE(a_number_that_is_closed_and_given_again_does_not_hang_a_weft_io)
{
    for (int i = 0; i < 5; i++) {
        char byte;
        weft_future *f;
        int before = i ? weft_io_fd(ours) : -1;

        if (i)
            pair_close();
        pair_open();
        if (i)
            ck_assert_int_eq(weft_io_fd(ours), before);
        f = weft_sock_recv(ours, &byte, 1);
        ck_assert(!weft_future_is_done(f));
        ck_assert_int_eq(write(weft_io_fd(theirs), "x", 1), 1);
        ck_assert_int_eq(run_task(f, NULL), 0);
    }
    pair_close();
}
END_RULE

/* 80: a run that nothing can wake ends, although libevent knows a descriptor */
RULE(a_weft_io_that_nobody_waits_on_does_not_keep_a_run_going)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_io *io;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(weft_io_new(real, fds[0], WEFT_IO_OWNED, &io), 0);
    weft_future_unref(weft_io_readable(io)); /* registers, and waits no more */
    ck_assert_int_eq(weft_run_until_complete(real, weft_future_new(real), NULL), WEFT_EDEADLOCK);
    weft_io_close(io);
    close(fds[1]);
    weft_loop_unref(real);
}
END_RULE

/* 219, 196 */
RULE(a_pipe_that_nobody_reads_is_EPIPE_and_no_signal)
{
    int fds[2];
    weft_io *io;

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pipe(fds), 0);
        ck_assert_int_eq(weft_io_new(loop, fds[1], WEFT_IO_OWNED, &io), 0);
        if (i)
            ck_assert_int_eq(run_task(weft_sock_sendall(io, "x", 1), NULL), 0);
        close(fds[0]);
        ck_assert_int_eq(run_task(weft_sock_sendall(io, "x", 1), NULL), -EPIPE);
        weft_io_close(io);
    }
}
END_RULE

/* 219: it is no stream */
RULE(a_packet_that_is_large_is_sent_in_one_piece)
{
    enum { SIZE = 300 * 1000 };
    int fds[2], room = SIZE;
    char *bytes = calloc(1, SIZE);
    weft_io *io;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), 0);
    if (run_task(weft_sock_sendall(io, bytes, SIZE), NULL) != -EMSGSIZE) /* none so large here */
        ck_assert_int_eq(recv(fds[1], bytes, SIZE, MSG_DONTWAIT), SIZE);
    weft_io_close(io);
    close(fds[1]);
    free(bytes);
}
END_RULE

/* 219 */
RULE(flags_that_there_are_not_are_refused)
{
    weft_io *io = (weft_io *)loop;

    for (unsigned flags = 2; flags; flags <<= 1) {
        ck_assert_int_eq(weft_io_new(loop, 0, flags | WEFT_IO_OWNED, &io), -EINVAL);
        ck_assert_ptr_null(io);
    }
}
END_RULE

RUN_SUITE("io", a_borrowed_descriptor_in_blocking_mode_is_refused_and_stays_open,
          a_descriptor_that_could_not_be_wrapped_is_as_it_was, a_payload_of_8_MB_arrives_intact,
          recv_gives_what_is_there_and_0_at_the_end, a_dead_peer_is_EPIPE_and_no_signal,
          a_second_waiter_for_a_direction_is_busy_and_the_other_direction_is_not,
          data_wins_over_a_cancel_that_comes_with_it,
          a_deadline_that_expires_together_with_the_data_loses_no_byte,
          a_cancelled_recv_leaves_a_usable_socket, close_wakes_the_waiters_of_both_directions,
          a_loop_that_is_closed_first_ends_the_waiters_and_the_io_is_closed_later,
          a_number_that_is_closed_and_given_again_does_not_hang_a_weft_io,
          a_weft_io_that_nobody_waits_on_does_not_keep_a_run_going,
          a_pipe_that_nobody_reads_is_EPIPE_and_no_signal,
          a_packet_that_is_large_is_sent_in_one_piece, flags_that_there_are_not_are_refused)
