/* check_bufferevent.c - a stream on a bufferevent of each kind: how it is made, reads, writes, ends. */
#include "support/bufferevent_bodies.h"

enum { BIG = 1024 * 1024 };

RULE(streams_on_all_kinds_carry_lines_both_ways_and_end)
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (kind == LOCKED)
            continue; /* a test of its own: locks are for good */
        real_clock();
        streams_open(kind);
        ck_assert_int_eq(weft_stream_post(ours, "one\ntwo\nthr", 11), 0);
        ck_assert_str_eq(text_of(weft_stream_read_line(theirs)), "one\n");
        ck_assert_str_eq(text_of(weft_stream_read_line(theirs)), "two\n");
        ck_assert_int_eq(weft_stream_post(ours, "ee\n", 3), 0);
        ck_assert_str_eq(text_of(weft_stream_read_line(theirs)), "three\n");
        ck_assert_int_eq(error_of(weft_stream_write(theirs, "answer\n", 7)), 0);
        ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "answer\n");
        ck_assert_int_eq(weft_stream_post(ours, "rest", 4), 0);
        ck_assert_int_eq(weft_stream_write_eof(ours), 0);
        ck_assert_str_eq(text_of(weft_stream_read_all(theirs)), kind == DEEP     ? "rest.-"
                                                                : kind == FILTER ? "rest."
                                                                                 : "rest");
        ck_assert(weft_stream_at_eof(theirs));
        ck_assert_int_eq(error_of(weft_stream_write(theirs, "late\n", 5)), 0);
        ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "late\n");
        streams_close();
    }
}
END_RULE

RULE(locks_are_no_hindrance)
{
    locks_use();
    real_clock();
    streams_open(LOCKED);
    ck_assert_int_eq(weft_stream_post(ours, "one\n", 4), 0);
    ck_assert_str_eq(text_of(weft_stream_read_line(theirs)), "one\n");
    ck_assert_int_eq(weft_stream_write_eof(theirs), 0);
    ck_assert_str_eq(text_of(weft_stream_read_all(ours)), "");
    streams_close();
    weft_loop_unref(loop);
    loop = NULL;
}
END_RULE

RULE(a_close_waits_until_all_is_out_also_below_a_filter)
{
    char *big = pattern(BIG);

    for (int kind = 0; kind < KINDS; kind++) {
        weft_future *closed, *all;
        void *got;

        if (kind == LOCKED)
            continue;
        real_clock();
        streams_open(kind);
        ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
        closed = weft_stream_close(ours);
        run_rounds(5);
        ck_assert(!weft_future_is_done(closed));
        all = weft_stream_read_all(theirs);
        ck_assert_int_eq(weft_run_until_complete(loop, all, &got), 0);
        ck_assert_uint_eq(weft_stream_count(theirs),
                          BIG + (size_t)(kind == DEEP) * 2 + (kind == FILTER));
        ck_assert_mem_eq(got, big, BIG);
        free(got);
        ck_assert_int_eq(error_of(closed), 0);
        streams_close();
    }
    free(big);
}
END_RULE

/* What the outputs hold is bounded; and a write waits for the low mark. */
RULE(who_writes_waits_for_who_reads)
{
    char *big = pattern(BIG), *got = calloc(1, BIG + 1);

    for (int kind = 0; kind < KINDS; kind++) {
        weft_future *w;

        if (kind == LOCKED)
            continue;
        real_clock();
        streams_open(kind);
        weft_stream_set_marks(ours, 0, 0);
        w = weft_stream_write(ours, big, BIG);
        ck_assert_uint_eq(output_of(bevs[0]), 64 * 1024);
        run_rounds(20);
        ck_assert(!weft_future_is_done(w));
        ck_assert_uint_le(output_of(bevs[0]), 64 * 1024);
        ck_assert_uint_gt(output_of(bevs[0]), 16 * 1024); /* else it would have written more */
        ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, got, BIG)), BIG);
        ck_assert_mem_eq(got, big, BIG);
        ck_assert_int_eq(error_of(w), 0);
        streams_close();
    }
    free(big);
    free(got);
}
END_RULE

RULE(a_write_goes_on_at_the_low_mark)
{
    enum { KB = 1024 };
    char *big = pattern(BIG);

    bevs_open(PAIR);
    bufferevent_setwatermark(bevs[1], EV_READ, 0, 16 * KB);
    bufferevent_enable(bevs[1], EV_READ);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    for (int i = 0; i < 9; i++) {
        run_all();
        say("%u", (unsigned)output_of(bevs[0]) / KB);
        evbuffer_drain(bufferevent_get_input(bevs[1]), 16 * KB);
    }
    ck_assert_str_eq(trace(), "64 48 32 64 48 32 64 48 32");
    bufferevent_free(bevs[1]);
    streams_close();
    free(big);
}
END_RULE

/* Nobody reads: one chunk, or two, come ahead; the rest stays with the peer. */
RULE(nothing_is_read_that_nobody_waits_for)
{
    static char big[BIG];
    char byte;

    real_clock();
    bevs_open(SOCKET);
    bufferevent_set_max_single_read(bevs[0], 1000);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(bufferevent_write(bevs[1], big, BIG), 0);
    run_rounds(20);
    ck_assert_uint_eq(evbuffer_get_length(bufferevent_get_input(bevs[0])), 0);
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), 1);
    run_rounds(50);
    ck_assert_uint_eq(evbuffer_get_length(bufferevent_get_input(bevs[0])), 1999);
    ck_assert_int_eq(bufferevent_get_enabled(bevs[0]) & EV_READ, 0);
    bufferevent_free(bevs[1]);
    streams_close();
}
END_RULE

RULE(reading_that_the_host_had_enabled_stops_with_the_first_bytes)
{
    static char big[BIG];

    real_clock();
    bevs_open(SOCKET);
    bufferevent_set_max_single_read(bevs[0], 1000);
    bufferevent_enable(bevs[0], EV_READ);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(bufferevent_write(bevs[1], big, BIG), 0);
    run_rounds(20);
    ck_assert_uint_eq(evbuffer_get_length(bufferevent_get_input(bevs[0])), 1000);
    ck_assert_int_eq(bufferevent_get_enabled(bevs[0]) & EV_READ, 0);
    bufferevent_free(bevs[1]);
    streams_close();
}
END_RULE

RULE(the_hosts_high_watermark_holds_and_its_low_one_does_not)
{
    char *big = pattern(100);
    char got[101] = "";

    for (int kind = 0; kind < KINDS; kind++) {
        if (kind == LOCKED)
            continue;
        real_clock();
        bevs_open(kind);
        bufferevent_setwatermark(bevs[0], EV_READ, 8, 16);
        ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
        theirs = stream_from(bevs[1], WEFT_BUFFEREVENT_OWNED);
        ck_assert_int_eq(weft_stream_post(theirs, big, 3), 0);
        ck_assert_int_eq(number_of(weft_stream_read(ours, got, 100)), 3);
        ck_assert_int_eq(weft_stream_post(theirs, big + 3, 97), 0);
        ck_assert_int_eq(weft_stream_write_eof(theirs), 0);
        ck_assert_int_eq(number_of(weft_stream_read(ours, got + 3, 1)), 1);
        run_rounds(10);
        ck_assert_uint_le(evbuffer_get_length(bufferevent_get_input(bevs[0])), 16);
        ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, got + 4, 96)), 96);
        ck_assert_str_eq(got, big);
        ck_assert_str_eq(text_of(weft_stream_read_all(ours)), kind == DEEP     ? ".-"
                                                              : kind == FILTER ? "."
                                                                               : "");
        streams_close();
    }
    free(big);
}
END_RULE

/* In the bufferevent's own input, and in that below a filter, where nobody will be told of it. */
RULE(what_had_come_before_the_stream_is_read_first)
{
    for (int filtered = 0; filtered < 2; filtered++) {
        real_clock();
        bevs_open(SOCKET);
        bufferevent_enable(bevs[0], EV_READ);
        ck_assert_int_eq(bufferevent_write(bevs[1], filtered ? "bc\v" : "ab\n", 3), 0);
        run_until_input(bevs[0], 3);
        if (filtered)
            bevs[0] = filter_on(bevs[0]);
        ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
        ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "ab\n");
        bufferevent_free(bevs[1]);
        streams_close();
    }
}
END_RULE

/* In memory, in virtual time: the other end is a host's. */
RULE(a_task_and_a_hosts_callbacks_talk_over_a_pair)
{
    bevs_open(PAIR);
    host_on(bevs[1], "host");
    bufferevent_enable(bevs[1], EV_READ);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(error_of(weft_stream_write(ours, "hello", 5)), 0);
    run_all();
    say("|");
    ck_assert_int_eq(bufferevent_write(bevs[1], "you\n", 4), 0);
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "you\n");
    run_all();
    say("|");
    ck_assert_int_eq(weft_stream_post(ours, "bye", 3), 0);
    ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
    run_all();
    ck_assert_str_eq(trace(), "host:hello | host-written | host:bye host:eof-r");
    weft_stream_unref(ours);
    bufferevent_free(bevs[1]);
}
END_RULE

RULE(a_cancelled_read_loses_nothing)
{
    weft_future *f;
    char got[8] = "";

    streams_open(PAIR);
    f = weft_stream_read_exactly(ours, got, 6);
    ck_assert_int_eq(weft_stream_post(theirs, "abc", 3), 0);
    run_all();
    ck_assert(!weft_future_is_done(f));
    ck_assert(weft_future_cancel(f, NULL));
    ck_assert_int_eq(error_of(f), WEFT_ECANCELLED);
    f = weft_stream_read_line(ours);
    weft_future_unref(f); /* dropped */
    f = weft_stream_read_exactly(ours, got, 4);
    run_all();
    ck_assert_int_eq(weft_stream_post(theirs, "d", 1), 0);
    ck_assert_uint_eq(evbuffer_get_length(bufferevent_get_input(bevs[0])), 1);
    (void)weft_future_cancel(f, NULL);
    ck_assert_int_eq(number_of(f), 4); /* what has come wins */
    ck_assert_str_eq(got, "abcd");
    streams_close();
}
END_RULE

RULE(a_second_reader_is_refused_and_a_write_after_close)
{
    weft_future *f;
    char byte;

    streams_open(PAIR);
    f = weft_stream_read(ours, &byte, 1);
    ck_assert_int_eq(error_of(weft_stream_read(ours, &byte, 1)), -EBUSY);
    ck_assert_int_eq(weft_stream_fd(ours), -1);
    ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
    ck_assert_int_eq(error_of(f), WEFT_ECLOSED);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), WEFT_ECLOSED);
    streams_close();
}
END_RULE

/* A tick brings 1000 bytes: it takes a while, in which nothing is lost, and nobody is told too soon. */
RULE(a_rate_limit_holds)
{
    struct timeval tick = {0, 2000};
    struct ev_token_bucket_cfg *limit = ev_token_bucket_cfg_new(1000, 1000, 1000, 1000, &tick);
    char *text = pattern(9000), *got = calloc(1, 9001);
    double begun;

    real_clock();
    streams_open(SOCKET);
    ck_assert_int_eq(bufferevent_set_rate_limit(bevs[0], limit), 0);
    begun = weft_loop_time(loop);
    ck_assert_int_eq(weft_stream_post(theirs, text, 9000), 0);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, got, 9000)), 9000);
    ck_assert(weft_loop_time(loop) - begun > 0.008);
    ck_assert(same(got, text));
    streams_close();
    ev_token_bucket_cfg_free(limit);
    free(text);
    free(got);
}
END_RULE

/* Then what waits is in the filter's own output, too. */
RULE(a_filter_that_may_not_fill_what_is_below_it_is_waited_for)
{
    char *big = pattern(BIG), *got = calloc(1, BIG + 1);
    weft_future *closed;

    real_clock();
    bevs_open(FILTER);
    bufferevent_setwatermark(bufferevent_get_underlying(bevs[0]), EV_WRITE, 1024, 4096);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    theirs = stream_from(bevs[1], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    closed = weft_stream_close(ours);
    ck_assert_uint_eq(output_of(bevs[0]), 64 * 1024);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, got, BIG)), BIG);
    ck_assert(same(got, big));
    ck_assert_int_eq(error_of(closed), 0);
    streams_close();
    free(big);
    free(got);
}
END_RULE

RULE(an_input_that_the_host_has_frozen_is_an_error)
{
    char byte;

    bevs_open(PAIR);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    evbuffer_freeze(bufferevent_get_input(bevs[0]), 1);
    ck_assert_int_eq(bufferevent_write(bevs[1], "x", 1), 0);
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), -EPERM);
    bufferevent_free(bevs[1]);
    streams_close();
}
END_RULE

/* A task on the loop that runs: it need not be named. */
struct session {
    weft_gen gen;
    struct bufferevent *bev;
    weft_stream *stream;
};

static weft_step session(void *frame)
{
    struct session *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_stream_from_bufferevent(NULL, f->bev, 1, &f->stream), 0);
    for (;;) {
        WEFT_AWAIT(f, weft_stream_read_line(f->stream));
        if (!weft_stream_count(f->stream))
            break;
        say("task:%s", (const char *)weft_sent(f));
        WEFT_AWAIT(f, weft_stream_write(f->stream, "ok", 2));
    }
    WEFT_AWAIT(f, weft_stream_close(f->stream));
    say("task.");
    WEFT_END(f);
}

static void session_cleanup(void *frame)
{
    weft_stream_free(((struct session *)frame)->stream);
}
WEFT_GEN_TYPE(session, .cleanup = session_cleanup);

RULE(a_task_serves_a_host_line_by_line)
{
    weft_task *task;

    bevs_open(PAIR);
    host_on(bevs[1], "host");
    bufferevent_enable(bevs[1], EV_READ);
    task = weft_task_new(loop, WEFT_CALL(session, .bev = bevs[0]));
    bufferevent_write(bevs[1], "one\ntw", 6);
    run_all();
    say("|");
    bufferevent_write(bevs[1], "o\nthree", 7);
    run_all();
    say("|");
    bufferevent_flush(bevs[1], EV_WRITE, BEV_FINISHED);
    ck_assert_int_eq(run_task(task, NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "task:one\n host:ok host-written | host-written task:two\n host:ok | "
                              "host-written task:three task. host:ok host-written host:eof-r");
    bufferevent_free(bevs[1]);
}
END_RULE

RULE(a_task_that_is_cancelled_frees_what_it_owns)
{
    weft_task *task;

    real_clock();
    bevs_open(SOCKET);
    task = weft_task_new(loop, WEFT_CALL(session, .bev = bevs[0]));
    theirs = stream_from(bevs[1], WEFT_BUFFEREVENT_OWNED);
    run_rounds(2);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(text_of(weft_stream_read_all(theirs)), "");
    streams_close();
}
END_RULE

/* ---- how it is made -------------------------------------------------------------------------------------- */

RULE(it_is_refused_on_another_base_with_unknown_flags_or_twice)
{
    struct event_base *other = event_base_new();
    struct bufferevent *foreign = bufferevent_socket_new(other, -1, 0);
    weft_stream *none;

    bevs_open(PAIR);
    ck_assert_int_eq(weft_stream_from_bufferevent(loop, foreign, 0, &none), WEFT_EOTHERLOOP);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(weft_stream_from_bufferevent(loop, bevs[0], 2, &none), -EINVAL);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(weft_stream_from_bufferevent(loop, bevs[0], 0, &none), -EBUSY);
    ck_assert_ptr_null(none);
    weft_stream_free(ours);
    ck_assert_int_eq(weft_loop_close(loop), 0); /* the base goes with it: no other call on bevs */
    ck_assert_int_eq(weft_stream_from_bufferevent(loop, foreign, 0, &none), WEFT_ECLOSED);
    bufferevent_free(foreign);
    event_base_free(other);
}
END_RULE

static int make(void)
{
    weft_stream *stream;
    int error = weft_stream_from_bufferevent(loop, bevs[0], 0, &stream);
    bufferevent_data_cb readcb;
    void *arg;

    if (!error)
        weft_stream_free(stream);
    else
        ck_assert_ptr_null(stream);
    bufferevent_getcb(bevs[0], &readcb, NULL, NULL, &arg);
    ck_assert(readcb == host_read && strcmp(arg, "host") == 0);
    ck_assert_int_eq(bufferevent_get_enabled(bevs[0]), EV_READ);
    return error;
}

RULE(without_memory_the_bufferevent_stays_as_it_was)
{
    bevs_open(PAIR);
    host_on(bevs[0], "host");
    bufferevent_enable(bevs[0], EV_READ);
    bufferevent_disable(bevs[0], EV_WRITE);
    each_allocation_fails(make);
    for (int i = 0; i < 2; i++)
        bufferevent_free(bevs[i]);
}
END_RULE

RUN_SUITE("bufferevent", it_is_refused_on_another_base_with_unknown_flags_or_twice,
          without_memory_the_bufferevent_stays_as_it_was,
          streams_on_all_kinds_carry_lines_both_ways_and_end, locks_are_no_hindrance,
          a_close_waits_until_all_is_out_also_below_a_filter, who_writes_waits_for_who_reads,
          a_write_goes_on_at_the_low_mark, nothing_is_read_that_nobody_waits_for,
          reading_that_the_host_had_enabled_stops_with_the_first_bytes,
          the_hosts_high_watermark_holds_and_its_low_one_does_not,
          what_had_come_before_the_stream_is_read_first,
          a_task_and_a_hosts_callbacks_talk_over_a_pair, a_cancelled_read_loses_nothing,
          a_second_reader_is_refused_and_a_write_after_close, a_rate_limit_holds,
          a_filter_that_may_not_fill_what_is_below_it_is_waited_for,
          an_input_that_the_host_has_frozen_is_an_error, a_task_serves_a_host_line_by_line,
          a_task_that_is_cancelled_frees_what_it_owns)
