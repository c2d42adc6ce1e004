/* check_bufferevent_back.c - a stream on a bufferevent: what the host gets back, and when. */

#include "support/bufferevent_bodies.h"

/* ---- the host gets it back ------------------------------------------------------------------------------- */

/* What the host can ask of a bufferevent. */
static void check_host(struct bufferevent *bev, const char *name, short enabled)
{
    bufferevent_data_cb readcb, writecb;
    bufferevent_event_cb eventcb;
    size_t low, high;
    void *arg;

    bufferevent_getcb(bev, &readcb, &writecb, &eventcb, &arg);
    ck_assert(readcb == host_read && writecb == host_write && eventcb == host_event);
    ck_assert_str_eq(arg, name);
    ck_assert_int_eq(bufferevent_getwatermark(bev, EV_READ, &low, &high), 0);
    ck_assert_uint_eq(low, 3);
    ck_assert_uint_eq(high, 900);
    ck_assert_int_eq(bufferevent_getwatermark(bev, EV_WRITE, &low, &high), 0);
    ck_assert_uint_eq(low, 5);
    ck_assert_uint_eq(high, 700);
    ck_assert_int_eq(bufferevent_get_enabled(bev), enabled);
}

RULE(a_borrowed_one_goes_back_as_it_was)
{
    static const short enabled[] = {0, EV_READ, EV_WRITE, EV_READ | EV_WRITE};

    for (int kind = 0; kind < 2 * 4 * 3; kind++) {
        int way = kind / 8;
        char byte;

        real_clock();
        bevs_open(kind & 1 ? SOCKET : PAIR);
        host_on(bevs[0], "host");
        bufferevent_setwatermark(bevs[0], EV_READ, 3, 900);
        bufferevent_setwatermark(bevs[0], EV_WRITE, 5, 700);
        bufferevent_disable(bevs[0], EV_READ | EV_WRITE);
        bufferevent_enable(bevs[0], enabled[kind / 2 % 4]);
        ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
        theirs = stream_from(bevs[1], WEFT_BUFFEREVENT_OWNED);
        ck_assert_int_eq(weft_stream_post(theirs, "line\n", 5), 0);
        ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "line\n");
        ck_assert_int_eq(weft_stream_post(ours, "x", 1), 0);
        ck_assert_int_eq(number_of(weft_stream_read(theirs, &byte, 1)), 1);
        if (way == 0)
            ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
        else if (way == 1)
            weft_stream_abort(ours);
        else
            weft_future_unref(weft_stream_read_line(ours));
        weft_stream_free(ours);
        check_host(bevs[0], "host", enabled[kind / 2 % 4]);
        ours = NULL;
        bufferevent_free(bevs[0]);
        streams_close();
    }
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* A line-based host that a task works for, for a while: not a byte is lost, and none is read twice. */
RULE(what_was_read_ahead_goes_back_and_the_host_is_called)
{
    weft_future *f;
    char got[16];

    bevs_open(PAIR);
    host_on(bevs[0], "host");
    bufferevent_enable(bevs[0], EV_READ);
    bufferevent_write(bevs[1], "one\ntwo\nthree\n", 14);
    run_all();
    bufferevent_write(bevs[1], "four\nfive\n", 10);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "four\n");
    bufferevent_write(bevs[1], "six\n", 4);
    f = weft_stream_read_exactly(ours, got, 16);
    run_all();
    ck_assert(weft_future_cancel(f, NULL));
    ck_assert_int_eq(error_of(f), WEFT_ECANCELLED);
    bufferevent_write(bevs[1], "seven\n", 6); /* stays in the input */
    weft_future_unref(weft_stream_close(ours));
    ck_assert_uint_eq(evbuffer_get_length(bufferevent_get_input(bevs[0])), 15);
    weft_stream_unref(ours);
    ours = NULL;
    run_all();
    say("|");
    bufferevent_write(bevs[1], "eight\n", 6);
    run_all();
    ck_assert_str_eq(trace(), "host:one\ntwo\nthree\n host:five\nsix\nseven\n | host:eight\n");
    for (int i = 0; i < 2; i++)
        bufferevent_free(bevs[i]);
}
END_RULE

static size_t said_before;

/* A stream on a host's bufferevent, which has read "one\n" and, ahead, "two\nthr". */
static void ahead_open(enum kind kind)
{
    said_before = strlen(trace());
    bevs_open(kind);
    host_on(bevs[0], "host");
    bufferevent_enable(bevs[0], EV_READ);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
    bufferevent_write(bevs[1], "one\ntwo\nthr", 11);
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "one\n");
}

/* What the host gets, though no more comes. */
static void ahead_close(const char *expected)
{
    weft_stream_free(ours);
    ours = NULL;
    run_rounds(9);
    if (*expected)
        ck_assert_int_eq(
            strncmp(trace() + said_before + (said_before > 0), expected, strlen(expected)), 0);
    else
        ck_assert_ptr_null(strstr(trace() + said_before, "host:"));
    for (int i = 0; i < 2; i++)
        bufferevent_free(bevs[i]);
    streams_close();
}

RULE(it_goes_back_however_the_stream_ends)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int way = 0; way < 3 && kind != LOCKED; way++) {
            real_clock();
            ahead_open(kind);
            if (way == 0)
                ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
            else if (way == 1)
                weft_stream_abort(ours);
            ahead_close("host:two\nthr");
        }
}
END_RULE

RULE(it_goes_back_when_a_stream_is_dropped)
{
    ahead_open(PAIR);
    weft_stream_unref(ours);
    ours = NULL;
    ck_assert_ptr_nonnull(strstr(reports(), "a stream was dropped without being closed"));
    ahead_close("host:two\nthr");
}
END_RULE

/* A line's beginning, and all that a read_all has; but what read_exactly has is in the caller's buffer. */
RULE(so_does_what_a_pending_read_had_taken)
{
    for (int kind = 0; kind < 2; kind++)
        for (int how = 0; how < 3; how++)
            for (int way = 0; way < 3; way++) {
                char got[99] = "", *big = pattern(500000);
                weft_future *f, *closed = NULL;

                real_clock();
                ahead_open(kind);
                ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "two\n");
                f = how == 0   ? weft_stream_read_line(ours)
                    : how == 1 ? weft_stream_read_all(ours)
                               : weft_stream_read_exactly(ours, got, 99);
                bufferevent_write(bevs[1], "ee", 2);
                run_rounds(3);
                ck_assert(!weft_future_is_done(f));
                if (way == 1)
                    closed = weft_stream_close(ours);
                if (way == 2) { /* a close that takes its time */
                    ck_assert_int_eq(weft_stream_post(ours, big, 500000), 0);
                    closed = weft_stream_close(ours);
                    run_rounds(1);
                    ck_assert(weft_future_is_done(f) &&
                              (kind == PAIR || !weft_future_is_done(closed)));
                }
                weft_stream_abort(ours);
                ck_assert_int_eq(error_of(f), WEFT_ECLOSED);
                if (closed)
                    ck_assert_int_eq(error_of(closed), 0);
                ck_assert_uint_eq(weft_stream_count(ours), how ? 5 : 0);
                if (how == 2)
                    ck_assert_str_eq(got, "three");
                ahead_close(how == 2 ? "" : "host:three");
                free(big);
            }
}
END_RULE

RULE(more_than_the_hosts_high_watermark_goes_back_too_and_more_can_come)
{
    weft_future *f;
    char got[99];

    real_clock();
    bevs_open(SOCKET);
    host_on(bevs[0], "host");
    bufferevent_setwatermark(bevs[0], EV_READ, 0, 4);
    bufferevent_enable(bevs[0], EV_READ);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
    f = weft_stream_read_exactly(ours, got, 99);
    bufferevent_write(bevs[1], "a\nb\nc\nd\n", 8);
    run_rounds(20);
    weft_future_unref(f);
    weft_stream_free(ours);
    ours = NULL;
    ck_assert_uint_eq(evbuffer_get_length(bufferevent_get_input(bevs[0])), 8);
    run_rounds(5);
    bufferevent_write(bevs[1], "e\n", 2);
    run_rounds(20);
    ck_assert_str_eq(trace(), "host:a\nb\nc\nd\n host:e\n");
    for (int i = 0; i < 2; i++)
        bufferevent_free(bevs[i]);
    streams_close();
}
END_RULE

RULE(without_memory_for_what_goes_back_the_close_tells_it)
{
    weft_future *f, *closed;

    event_memory_open();
    for (int way = 0; way < 2; way++) {
        real_clock();
        ahead_open(PAIR);
        f = weft_stream_read_all(ours);
        ck_assert(!weft_future_is_done(f));
        bufferevent_write(bevs[0], "x", (size_t)way);
        if (way) /* it has something to say, too, which waits */
            ck_assert_int_eq(weft_stream_write_eof(ours), 0);
        without = true;
        closed = weft_stream_close(ours);
        ck_assert_int_eq(error_of(closed), -ENOMEM);
        without = false;
        ck_assert_int_eq(error_of(f), WEFT_ECLOSED);
        ahead_close("");
    }
}
END_RULE

RULE(a_borrowed_ones_output_stays_and_its_end_is_told_to_the_host)
{
    char *big = pattern(300000), *got = calloc(1, 300001);
    weft_future *closed;

    real_clock();
    bevs_open(SOCKET);
    host_on(bevs[0], "host");
    bufferevent_enable(bevs[0], EV_READ);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
    theirs = stream_from(bevs[1], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(weft_stream_post(ours, big, 300000), 0);
    closed = weft_stream_close(ours);
    run_rounds(5);
    ck_assert(!weft_future_is_done(closed)); /* the stream's own rest is not in the output yet */
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, got, 250000)), 250000);
    ck_assert_int_eq(error_of(closed), 0);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, got + 250000, 50000)), 50000);
    ck_assert(same(got, big));
    ck_assert(!weft_stream_at_eof(theirs));
    say("|");
    ck_assert_int_eq(weft_stream_post(theirs, "more", 4), 0);
    ck_assert_int_eq(error_of(weft_stream_close(theirs)), 0);
    for (int i = 0; i < 100 && !strstr(trace(), "eof"); i++)
        run_rounds(1);
    ck_assert_ptr_nonnull(strstr(trace(), "| host:more host:eof-r"));
    bufferevent_free(bevs[0]);
    streams_close();
    free(big);
    free(got);
}
END_RULE

RULE(an_end_that_the_stream_has_met_is_told_to_the_host_again)
{
    for (int kind = 0; kind < 2; kind++) {
        real_clock();
        bevs_open(kind);
        host_on(bevs[0], "host");
        bufferevent_enable(bevs[0], EV_READ);
        ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
        theirs = stream_from(bevs[1], WEFT_BUFFEREVENT_OWNED);
        ck_assert_int_eq(weft_stream_post(theirs, "last words", 10), 0);
        weft_future_unref(weft_stream_close(theirs));
        ck_assert_str_eq(text_of(weft_stream_read_all(ours)), "last words");
        say("|");
        ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
        run_rounds(9);
        bufferevent_free(bevs[0]);
        streams_close();
    }
    ck_assert_str_eq(trace(), "| host:eof-r | host:eof-r");
}
END_RULE

RULE(a_failure_that_the_stream_has_met_is_told_to_the_host_with_its_errno)
{
    char byte;

    bevs_open(PAIR);
    host_on(bevs[0], "host");
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
    errno = ECONNRESET;
    bufferevent_trigger_event(bevs[0], BEV_EVENT_ERROR | BEV_EVENT_READING, 0);
    ck_assert_int_eq(error_of(weft_stream_read(ours, &byte, 1)), -ECONNRESET);
    errno = 0;
    weft_stream_free(ours);
    run_all();
    ck_assert_str_eq(trace(), "host:ECONNRESET-r");
    ours = NULL;
    for (int i = 0; i < 2; i++)
        bufferevent_free(bevs[i]);
}
END_RULE

/* While the host's own reading still is enabled, and while that of a read is. */
RULE(a_timeout_that_nobody_waited_for_is_not_told_to_the_host)
{
    struct timeval timeout = {0, 20000};
    char byte;

    for (int i = 0; i < 4; i++) {
        real_clock();
        bevs_open(i & 1);
        host_on(bevs[0], "host");
        bufferevent_set_timeouts(bevs[0], &timeout, NULL);
        bufferevent_enable(bevs[0], EV_READ);
        ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
        if (i & 2) {
            bufferevent_write(bevs[1], "x", 1);
            ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), 1);
        }
        ck_assert_int_eq(run_task(weft_sleep(loop, 0.04), NULL), 0);
        bufferevent_set_timeouts(bevs[0], NULL, NULL);
        weft_stream_free(ours);
        ck_assert_int_eq(bufferevent_get_enabled(bevs[0]), EV_READ | EV_WRITE);
        run_rounds(5);
        ours = NULL;
        bufferevent_free(bevs[0]);
        bufferevent_free(bevs[1]);
        streams_close();
    }
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* ---- the loop closes ------------------------------------------------------------------------------------- */

/* A host's base outlives the loop: a borrowed one is the host's with the stream, also if that was waited for. */
RULE(a_loop_that_closes_gives_it_back)
{
    for (int waits = 0; waits < 3; waits++) {
        struct event_base *base = event_base_new();
        weft_future *f = NULL;

        weft_loop_unref(loop);
        loop = weft_loop_new(base);
        bevs_open(SOCKET);
        host_on(bevs[0], "host");
        bufferevent_setwatermark(bevs[0], EV_READ, 3, 900);
        bufferevent_setwatermark(bevs[0], EV_WRITE, 5, 700);
        ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
        theirs = stream_from(bevs[1], WEFT_BUFFEREVENT_OWNED);
        if (waits == 1)
            f = weft_stream_read_line(ours);
        if (waits == 2) {
            char *big = pattern(500000);

            ck_assert_int_eq(weft_stream_post(ours, big, 500000), 0);
            f = weft_stream_close(ours);
            free(big);
        }
        ck_assert_int_eq(weft_loop_close(loop), 0);
        if (waits)
            ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
        weft_future_unref(f);
        ck_assert_int_eq(weft_stream_post(ours, "x", 1), WEFT_ECLOSED);
        weft_stream_free(ours);
        weft_stream_free(theirs);
        check_host(bevs[0], "host", EV_WRITE);
        bufferevent_free(bevs[0]);
        ours = theirs = NULL;
        bevs[0] = bevs[1] = NULL;
        event_base_free(base);
    }
}
END_RULE

RUN_SUITE("bufferevent_back", a_borrowed_one_goes_back_as_it_was,
          what_was_read_ahead_goes_back_and_the_host_is_called, it_goes_back_however_the_stream_ends,
          it_goes_back_when_a_stream_is_dropped, so_does_what_a_pending_read_had_taken,
          more_than_the_hosts_high_watermark_goes_back_too_and_more_can_come,
          without_memory_for_what_goes_back_the_close_tells_it,
          a_borrowed_ones_output_stays_and_its_end_is_told_to_the_host,
          an_end_that_the_stream_has_met_is_told_to_the_host_again,
          a_failure_that_the_stream_has_met_is_told_to_the_host_with_its_errno,
          a_timeout_that_nobody_waited_for_is_not_told_to_the_host, a_loop_that_closes_gives_it_back)
