/* check_stream.c - a stream's life: close, abort, unref, a loop that is closed under it. */
#include "fault.h"
#include "stream_bodies.h"

enum { BIG = 4 * 1024 * 1024 };

/* ---- close ----------------------------------------------------------------------------------------------- */

/* 192 */
RULE(close_flushes_and_ends_exactly_when_the_descriptor_is_closed)
{
    char *big = pattern(BIG);
    weft_future *closed, *other, *got;
    int fd;

    pair_open();
    fd = weft_stream_fd(ours);
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    closed = weft_stream_close(ours);
    other = weft_stream_wait_closed(ours);
    turns(2);
    ck_assert(!weft_future_is_done(closed) && !weft_future_is_done(other));
    ck_assert(weft_stream_is_closing(ours));
    ck_assert_int_eq(weft_stream_fd(ours), fd);
    got = weft_stream_read_all(theirs);
    ck_assert(same(text_of(got), big));
    ck_assert(weft_future_is_done(closed) && weft_future_is_done(other));
    ck_assert_int_eq(weft_stream_fd(ours), -1);
    ck_assert_int_eq(weft_stream_error(ours), 0);
    ck_assert_int_eq(error_of(closed), 0);
    ck_assert_int_eq(error_of(other), 0);
    ck_assert_int_eq(error_of(weft_stream_close(ours)), 0); /* once more */
    ck_assert_int_eq(error_of(weft_stream_wait_closed(ours)), 0);
    pair_close();
    free(big);
}
END_RULE

/* 192 [D] asyncio only warns */
RULE(after_close_each_call_is_ECLOSED)
{
    char byte;

    pair_open();
    ck_assert(!weft_stream_is_closing(ours));
    ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
    ck_assert(weft_stream_is_closing(ours));
    ck_assert_int_eq(error_of(weft_stream_write(ours, "x", 1)), WEFT_ECLOSED);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(weft_stream_drain(ours)), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(weft_stream_read(ours, &byte, 1)), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(weft_stream_read_line(ours)), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(weft_stream_read_all(ours)), WEFT_ECLOSED);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0); /* 193: fine */
    weft_stream_abort(ours);
    weft_stream_abort(NULL);
    weft_stream_free(NULL);
    weft_stream_unref(NULL);
    pair_close();
}
END_RULE

/* 192 */
RULE(a_close_whose_future_is_dropped_and_whose_stream_is_unreferenced_still_flushes)
{
    char *big = pattern(BIG);

    pair_open();
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    weft_future_unref(weft_stream_close(ours));
    weft_stream_unref(ours); /* it was closed: no report */
    ours = NULL;
    ck_assert(same(text_of(weft_stream_read_all(theirs)), big));
    pair_close();
    free(big);
}
END_RULE

/* 192 */
RULE(a_cancelled_close_aborts_and_a_cancelled_wait_closed_does_not)
{
    char *big = pattern(BIG);
    weft_future *closed, *waits;

    pair_open();
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    closed = weft_stream_close(ours);
    waits = weft_stream_wait_closed(ours);
    weft_future_cancel(waits, NULL);
    ck_assert(weft_future_is_cancelled(waits));
    ck_assert_int_ge(weft_stream_fd(ours), 0);
    weft_future_unref(waits);
    waits = weft_stream_wait_closed(ours);
    weft_future_cancel(closed, "enough");
    ck_assert(weft_future_is_cancelled(closed));
    ck_assert_int_eq(weft_stream_fd(ours), -1);
    ck_assert_int_eq(error_of(waits), 0);
    weft_future_unref(closed);
    ck_assert(strlen(text_of(weft_stream_read_all(theirs))) < BIG);
    pair_close();
    free(big);
}
END_RULE

/* 192, 191 */
RULE(a_close_that_cannot_flush_fails_with_the_reason_and_closes_all_the_same)
{
    char *big = pattern(BIG);
    weft_future *closed, *drain;

    pair_open();
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    drain = weft_stream_drain(ours);
    closed = weft_stream_close(ours);
    weft_stream_abort(theirs);
    ck_assert_int_eq(error_of(closed), -EPIPE);
    ck_assert_int_eq(error_of(drain), -EPIPE);
    ck_assert_int_eq(weft_stream_fd(ours), -1);
    ck_assert_int_eq(error_of(weft_stream_wait_closed(ours)), -EPIPE);
    ck_assert_int_eq(error_of(weft_stream_close(ours)), -EPIPE);
    pair_close();
    free(big);
}
END_RULE

/* 192 */
RULE(close_and_abort_end_the_pending_read)
{
    char bytes[4];
    weft_future *a, *b;

    pair_open();
    a = weft_stream_read_exactly(ours, bytes, 4);
    b = weft_stream_read_line(theirs);
    weft_stream_abort(theirs);
    ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
    ck_assert_int_eq(error_of(a), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(b), WEFT_ECLOSED);
    ck_assert_int_eq(weft_stream_error(theirs), WEFT_ECLOSED);
    pair_close();
}
END_RULE

/* 192 */
RULE(abort_drops_what_is_kept_and_wakes_all)
{
    char *big = pattern(BIG), byte;
    weft_future *w, *d, *r, *c;

    pair_open();
    r = weft_stream_read(ours, &byte, 1);
    w = weft_stream_write(ours, big, BIG);
    d = weft_stream_drain(ours);
    c = weft_stream_wait_closed(ours);
    weft_stream_abort(ours);
    ck_assert_int_eq(error_of(w), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(d), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(r), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(c), 0);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), WEFT_ECLOSED);
    pair_close();
    free(big);
}
END_RULE

/* 193 */
RULE(the_peer_may_end_while_we_close)
{
    char *big = pattern(BIG);
    weft_future *closed;

    pair_open();
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    closed = weft_stream_close(ours);
    ck_assert_int_eq(weft_stream_write_eof(theirs), 0);
    turns(2);
    ck_assert(!weft_future_is_done(closed));
    ck_assert(same(text_of(weft_stream_read_all(theirs)), big));
    ck_assert_int_eq(error_of(closed), 0);
    pair_close();
    free(big);
}
END_RULE

/* ---- the last reference ---------------------------------------------------------------------------------- */

/* 194 [D] at last unref */
RULE(a_stream_dropped_unclosed_is_closed_and_reported)
{
    char byte;

    pair_open();
    weft_stream_unref(weft_stream_ref(ours));
    ck_assert_int_ge(weft_stream_fd(ours), 0);
    weft_stream_unref(ours);
    ours = NULL;
    ck_assert_str_eq(reports(), "a stream was dropped without being closed: 0");
    ck_assert_int_eq(number_of(weft_stream_read(theirs, &byte, 1)), 0);
    pair_close();
}
END_RULE

/* 194 */
RULE(a_pending_read_holds_its_stream_and_the_last_one_reports)
{
    char byte;
    weft_future *f;

    pair_open();
    f = weft_stream_read(ours, &byte, 1);
    weft_stream_unref(ours);
    ours = NULL;
    they_write("x");
    ck_assert_int_eq(number_of(f), 1);
    ck_assert_ptr_nonnull(strstr(reports(), "dropped without being closed"));
    pair_close();
}
END_RULE

/* 194 */
RULE(a_failed_stream_dropped_unclosed_is_reported_too)
{
    pair_open();
    weft_stream_abort(theirs);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), -EPIPE);
    weft_stream_unref(ours);
    ours = NULL;
    ck_assert_ptr_nonnull(strstr(reports(), "dropped without being closed"));
    pair_close();
}
END_RULE

static void unref_both(weft_future *future, void *arg)
{
    (void)future;
    say("%s", (const char *)arg);
    weft_stream_free(ours);
    weft_stream_free(theirs);
    ours = theirs = NULL;
}

/* 194, 192 */
RULE(streams_may_go_in_a_done_callback)
{
    char byte;
    weft_future *f;

    pair_open();
    f = weft_stream_read(ours, &byte, 1);
    ck_assert_int_eq(weft_future_add_done_callback(f, unref_both, (void *)"gone"), 0);
    ck_assert_int_eq(weft_stream_post(theirs, "x", 1), 0);
    ck_assert_int_eq(number_of(f), 1);
    turns(2);
    ck_assert_str_eq(trace(), "gone");
    pair_open();
    f = weft_stream_close(ours);
    ck_assert_int_eq(weft_future_add_done_callback(f, unref_both, (void *)"closed"), 0);
    weft_future_unref(f);
    turns(2);
    ck_assert_str_eq(trace(), "gone closed");
}
END_RULE

/* ---- the loop closes ------------------------------------------------------------------------------------- */

/* 192 */
RULE(a_loop_that_is_closed_ends_all_that_waits)
{
    char *big = pattern(BIG), byte;
    weft_future *r, *w, *d, *c, *f;

    pair_open();
    r = weft_stream_read(ours, &byte, 1);
    w = weft_stream_write(ours, big, BIG);
    d = weft_stream_drain(ours);
    c = weft_stream_wait_closed(ours);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(r), WEFT_ECLOSED);
    ck_assert_int_eq(weft_future_error(w), WEFT_ECLOSED);
    ck_assert_int_eq(weft_future_error(d), WEFT_ECLOSED);
    ck_assert(!weft_future_is_done(c)); /* it is not closed */
    ck_assert_int_eq(weft_stream_post(theirs, "x", 1), WEFT_ECLOSED);
    ck_assert_int_eq(weft_stream_write_eof(theirs), WEFT_ECLOSED);
    f = weft_stream_read(theirs, &byte, 1);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
    f = weft_stream_drain(theirs);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
    f = weft_stream_close(theirs); /* for its memory */
    ck_assert_int_eq(weft_future_error(f), 0);
    weft_stream_unref(theirs);
    theirs = NULL;
    pair_close();
    ck_assert(weft_future_is_done(c));
    weft_loop_unref(loop);
    loop = NULL;
    weft_future_unref(f);
    weft_future_unref(r);
    weft_future_unref(w);
    weft_future_unref(d);
    ck_assert_int_eq(weft_future_error(c), WEFT_ECLOSED);
    weft_future_unref(c);
    free(big);
}
END_RULE

/* 192 */
RULE(a_loop_that_is_closed_while_a_stream_closes_ends_that_too)
{
    char *big = pattern(BIG);
    weft_future *closed;

    pair_open();
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    closed = weft_stream_close(ours);
    weft_stream_unref(ours); /* it holds itself */
    ours = NULL;
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(closed), WEFT_ECLOSED);
    weft_future_unref(closed);
    pair_close();
    free(big);
}
END_RULE

struct holder {
    weft_gen gen;
    weft_stream *stream;
    char byte;
};

static weft_step holder(void *frame)
{
    struct holder *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_stream_read(f->stream, &f->byte, 1));
    WEFT_END(f);
}

static void holder_cleanup(void *frame)
{
    weft_stream_free(((struct holder *)frame)->stream);
    say("cleanup");
}
WEFT_GEN_TYPE(holder, .cleanup = holder_cleanup);

/* 192 */
RULE(a_loop_that_is_closed_under_a_reading_task_frees_its_stream)
{
    pair_open();
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(holder, .stream = ours)), 0);
    ours = NULL;
    turns(2);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "cleanup");
    pair_close();
    (void)reports();
}
END_RULE

/* ---- memory ---------------------------------------------------------------------------------------------- */

static int attempt_life(void)
{
    weft_io *io = NULL;
    weft_stream *stream;
    weft_future *f;
    char byte;
    int fds[2], error;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    error = weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io);
    if (error) {
        close(fds[0]);
        close(fds[1]);
        return error;
    }
    stream = weft_stream_new(io);
    error = weft_stream_error(stream);
    ck_assert_uint_eq(weft_stream_count(stream), 0);
    ck_assert_int_eq(weft_stream_at_eof(stream), error != 0);
    weft_stream_set_limit(stream, 10);
    weft_stream_set_marks(stream, 0, 0);
    if (error) { /* what answers with futures needs a running loop: see below */
        weft_stream_free(stream);
        close(fds[1]);
        return error;
    }
    f = weft_stream_read(stream, &byte, 1);
    if (weft_future_is_done(f))
        error = weft_future_error(f);
    weft_future_unref(f);
    if (!error)
        error = weft_stream_post(stream, "x", 1);
    f = weft_stream_close(stream);
    if (!error)
        error = weft_future_error(f);
    else
        (void)weft_future_error(f);
    weft_future_unref(f);
    weft_stream_free(stream);
    close(fds[1]);
    return error;
}

/* 100, 192: memory that libevent's buffers ask for is not counted; check_reader and check_writer take it away */
RULE(a_stream_without_memory_answers_ENOMEM_and_leaves_nothing)
{
    each_allocation_fails(attempt_life);
}
END_RULE

static void call_all(void *arg)
{
    weft_stream *stream = arg;
    const char *separators[] = {"x"};
    weft_future *all[] = {weft_stream_read(stream, NULL, 1),
                          weft_stream_read_exactly(stream, NULL, 1),
                          weft_stream_read_until(stream, separators, 1),
                          weft_stream_read_line(stream),
                          weft_stream_read_all(stream),
                          weft_stream_write(stream, "x", 1),
                          weft_stream_drain(stream),
                          weft_stream_close(stream),
                          weft_stream_wait_closed(stream)};

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        say("%s", weft_errname(weft_future_error(all[i])));
        weft_future_unref(all[i]);
    }
}

/* 100, 192 */
RULE(each_call_on_a_stream_that_could_not_be_made_answers_why)
{
    weft_io *io;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), 0);
    weft_testing_fail_allocation(1, 1);
    ours = weft_stream_new(io);
    weft_testing_fail_allocation(0, 0);
    ck_assert_int_eq(weft_stream_error(ours), -ENOMEM);
    weft_call_soon(loop, call_all, ours, NULL);
    turns(1);
    ck_assert_str_eq(trace(), "ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM");
    weft_stream_free(ours);
}
END_RULE

/* 192 */
RULE(a_stream_on_a_closed_loop_answers_ECLOSED)
{
    weft_io *io;
    weft_stream *stream;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    stream = weft_stream_new(io);
    ck_assert_int_eq(weft_stream_error(stream), WEFT_ECLOSED);
    ck_assert(weft_stream_is_closing(stream) && weft_stream_at_eof(stream));
    ck_assert_int_eq(weft_stream_fd(stream), -1);
    ck_assert_int_eq(weft_stream_post(stream, "x", 1), WEFT_ECLOSED);
    ck_assert_int_eq(weft_stream_write_eof(stream), WEFT_ECLOSED);
    weft_stream_abort(stream);
    weft_stream_unref(weft_stream_ref(stream));
    weft_stream_free(stream);
}
END_RULE

/* 192, 193 */
RULE(a_transport_is_told_of_the_end_before_it_is_freed_and_of_no_abort)
{
    struct fault_wire *wire = fault_new(1, 64);
    weft_future *closed;

    wire->held = true;
    wire->moods = 15; /* mostly "later" */
    ours = fault_stream(wire, 0);
    theirs = fault_stream(wire, 1);
    closed = weft_stream_close(ours);
    ck_assert_int_eq(error_of(closed), 0);
    ck_assert(wire->ends[0].said_end && wire->freed[0]);
    weft_stream_abort(theirs);
    ck_assert(!wire->ends[1].said_end && wire->freed[1]);
    pair_close();
    fault_discard(wire);
}
END_RULE

RUN_SUITE("stream", close_flushes_and_ends_exactly_when_the_descriptor_is_closed,
          after_close_each_call_is_ECLOSED,
          a_close_whose_future_is_dropped_and_whose_stream_is_unreferenced_still_flushes,
          a_cancelled_close_aborts_and_a_cancelled_wait_closed_does_not,
          a_close_that_cannot_flush_fails_with_the_reason_and_closes_all_the_same,
          close_and_abort_end_the_pending_read, abort_drops_what_is_kept_and_wakes_all,
          the_peer_may_end_while_we_close, a_stream_dropped_unclosed_is_closed_and_reported,
          a_pending_read_holds_its_stream_and_the_last_one_reports,
          a_failed_stream_dropped_unclosed_is_reported_too, streams_may_go_in_a_done_callback,
          a_loop_that_is_closed_ends_all_that_waits,
          a_loop_that_is_closed_while_a_stream_closes_ends_that_too,
          a_loop_that_is_closed_under_a_reading_task_frees_its_stream,
          a_stream_without_memory_answers_ENOMEM_and_leaves_nothing,
          each_call_on_a_stream_that_could_not_be_made_answers_why,
          a_stream_on_a_closed_loop_answers_ECLOSED,
          a_transport_is_told_of_the_end_before_it_is_freed_and_of_no_abort)
