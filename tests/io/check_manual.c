/* check_manual.c - a weft_io without a descriptor: who stands behind it says when something is ready. */
#include <errno.h>

#include "support/fault.h"
#include "support/stream_bodies.h"

static weft_io *io;
static int refusal;  /* what the next watch returns */
static bool at_once; /* watch says at once that all is ready */

static int watch(void *arg, bool readable, bool writable)
{
    say("%s:%s%s", (const char *)arg, readable ? "r" : "-", writable ? "w" : "-");
    if (at_once)
        weft_io_ready(io, readable, writable);
    return refusal;
}

static void manual_open(void)
{
    refusal = 0;
    at_once = false;
    ck_assert_int_eq(weft_io_new_manual(loop, watch, "watch", &io), 0);
}

static weft_future *wait_in(weft_future *future, char *name)
{
    weft_future_add_done_callback(future, say_done, name);
    return future;
}

RULE(it_is_told_what_is_waited_for_and_tells_who_waits)
{
    weft_future *r, *w;

    manual_open();
    r = wait_in(weft_io_readable(io), "readable");
    w = wait_in(weft_io_writable(io), "writable");
    run_all();
    say("|");
    weft_io_ready(io, false, true);
    say("told");
    run_all();
    ck_assert(!weft_future_is_done(r) && weft_future_is_done(w));
    say("|");
    weft_io_ready(io, true, false);
    run_all();
    weft_future_unref(r);
    weft_future_unref(w);
    say("|");
    weft_io_close(io);
    ck_assert_str_eq(trace(), "watch:r- watch:rw | told watch:r- writable | readable | watch:--");
}
END_RULE

RULE(what_is_told_while_nobody_waits_is_not_watched_any_longer)
{
    weft_future *r;

    manual_open();
    r = weft_io_readable(io);
    weft_io_ready(io, true, false);
    run_all();
    ck_assert_int_eq(run_task(r, NULL), 0);
    say("|");
    weft_io_ready(io, true, false); /* who stands behind it goes on telling */
    run_all();
    say("|");
    weft_future_unref(wait_in(weft_io_readable(io), "readable"));
    weft_io_close(io);
    ck_assert_str_eq(trace(), "watch:r- | watch:-- | watch:r- watch:--");
}
END_RULE

RULE(what_is_told_within_watch_is_acted_upon_later)
{
    weft_future *r;

    manual_open();
    at_once = true;
    r = wait_in(weft_io_readable(io), "readable");
    ck_assert(!weft_future_is_done(r));
    run_all();
    ck_assert_int_eq(run_task(r, NULL), 0);
    at_once = false;
    weft_io_close(io);
    ck_assert_str_eq(trace(), "watch:r- readable watch:--");
}
END_RULE

RULE(an_error_of_watch_ends_the_wait_that_was_to_begin)
{
    weft_future *r;

    manual_open();
    r = weft_io_readable(io);
    refusal = -EIO;
    ck_assert_int_eq(run_task(weft_io_writable(io), NULL), -EIO);
    refusal = 0;
    weft_io_ready(io, true, true);
    ck_assert_int_eq(run_task(r, NULL), 0);
    weft_io_close(io);
    ck_assert_str_eq(trace(), "watch:r- watch:rw watch:--");
}
END_RULE

RULE(it_has_one_waiter_a_direction_and_no_system_calls)
{
    weft_future *r;
    char byte;

    manual_open();
    ck_assert_int_eq(weft_io_fd(io), -1);
    r = weft_io_readable(io);
    ck_assert_int_eq(run_task(weft_io_readable(io), NULL), -EBUSY);
    ck_assert_int_eq(run_task(weft_sock_sendall(io, "x", 1), NULL), -EBADF);
    weft_future_unref(r);
    ck_assert_int_eq(run_task(weft_sock_recv(io, &byte, 1), NULL), -EBADF);
    weft_io_close(io);
}
END_RULE

RULE(a_close_ends_who_waits_and_forgets_what_was_told)
{
    weft_future *r;

    manual_open();
    r = wait_in(weft_io_readable(io), "readable");
    weft_io_ready(io, true, true);
    weft_io_close(io);
    ck_assert_int_eq(run_task(r, NULL), WEFT_ECLOSED);
    ck_assert_str_eq(trace(), "watch:r- watch:-- readable");
}
END_RULE

RULE(a_closed_loop_ends_who_waits_and_what_is_told_does_nothing)
{
    weft_future *r;
    weft_io *none;

    manual_open();
    r = weft_io_readable(io);
    weft_io_ready(io, true, false);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(r), WEFT_ECLOSED);
    weft_future_unref(r);
    weft_io_ready(io, true, true);
    ck_assert_int_eq(weft_io_new_manual(loop, watch, NULL, &none), WEFT_ECLOSED);
    ck_assert_ptr_null(none);
    weft_io_close(io);
    ck_assert_str_eq(trace(), "watch:r- watch:--");
}
END_RULE

static int make(void)
{
    int error = weft_io_new_manual(loop, watch, "watch", &io);

    if (!error)
        weft_io_close(io);
    return error;
}

RULE(without_memory_there_is_none)
{
    each_allocation_fails(make);
}
END_RULE

/* A stream closes on a wire without a descriptor: all that was written arrives, in virtual time. */
RULE(a_stream_on_one_reads_and_writes_as_any_other)
{
    struct fault_wire *wire = fault_new(7, 10);
    double start = weft_loop_time(loop);

    ours = fault_stream(wire, 0);
    theirs = fault_stream(wire, 1);
    ck_assert_int_eq(weft_stream_fd(ours), -1);
    ck_assert_int_eq(weft_stream_post(ours, "a line that is longer than the wire\nrest", 40), 0);
    weft_future_unref(weft_stream_close(ours));
    ck_assert_str_eq(text_of(weft_stream_read_line(theirs)),
                     "a line that is longer than the wire\n");
    ck_assert_str_eq(text_of(weft_stream_read_all(theirs)), "rest");
    ck_assert(weft_loop_time(loop) > start);
    ck_assert_int_eq(error_of(weft_stream_write(theirs, "answer", 6)), -EPIPE);
    pair_close();
}
END_RULE

RUN_SUITE("manual", it_is_told_what_is_waited_for_and_tells_who_waits,
          what_is_told_while_nobody_waits_is_not_watched_any_longer,
          what_is_told_within_watch_is_acted_upon_later,
          an_error_of_watch_ends_the_wait_that_was_to_begin,
          it_has_one_waiter_a_direction_and_no_system_calls,
          a_close_ends_who_waits_and_forgets_what_was_told,
          a_closed_loop_ends_who_waits_and_what_is_told_does_nothing, without_memory_there_is_none,
          a_stream_on_one_reads_and_writes_as_any_other)
