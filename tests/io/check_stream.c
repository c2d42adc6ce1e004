/* check_stream.c - a stream's life: close, abort, unref. */
#include "support/stream_bodies.h"

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

RUN_SUITE("stream", close_flushes_and_ends_exactly_when_the_descriptor_is_closed,
          after_close_each_call_is_ECLOSED,
          a_close_whose_future_is_dropped_and_whose_stream_is_unreferenced_still_flushes,
          a_cancelled_close_aborts_and_a_cancelled_wait_closed_does_not,
          a_close_that_cannot_flush_fails_with_the_reason_and_closes_all_the_same,
          close_and_abort_end_the_pending_read, abort_drops_what_is_kept_and_wakes_all,
          the_peer_may_end_while_we_close, a_stream_dropped_unclosed_is_closed_and_reported,
          a_pending_read_holds_its_stream_and_the_last_one_reports,
          a_failed_stream_dropped_unclosed_is_reported_too, streams_may_go_in_a_done_callback)
