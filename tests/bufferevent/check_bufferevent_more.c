/* check_bufferevent_more.c - a stream on a bufferevent: what fails (connects, events, timeouts, farewells), and the end. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>

#include "support/bufferevent_bodies.h"

/* ---- what fails ------------------------------------------------------------------------------------------ */

static void *realloc_or_not(void *old, size_t size)
{
    return without ? NULL : realloc(old, size);
}

/* To register a descriptor, libevent's table of them grows, if the number is large. */
RULE(one_that_cannot_be_enabled_is_left_as_it_was)
{
    weft_stream *stream = NULL;
    size_t low, high;
    int fds[2], fd;

    event_set_mem_functions(malloc, realloc_or_not, free);
    real_clock();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 900);
    ck_assert_int_ge(fd, 900);
    close(fds[0]);
    bevs[0] = socket_on(fd, 0);
    host_on(bevs[0], "host");
    bufferevent_disable(bevs[0], EV_READ | EV_WRITE);
    bufferevent_setwatermark(bevs[0], EV_READ, 3, 900);
    for (int i = 0; i < 2; i++) {
        evbuffer_add(bufferevent_get_output(bevs[0]), "x", 1); /* it has to go out */
        without = true;
        ck_assert_int_lt(
            weft_stream_from_bufferevent(loop, bevs[0], i ? WEFT_BUFFEREVENT_OWNED : 0, &stream), 0);
        without = false;
        ck_assert_ptr_null(stream);
        bufferevent_getwatermark(bevs[0], EV_READ, &low, &high);
        ck_assert_uint_eq(low, 3);
        ck_assert_uint_eq(high, 900);
    }
    ours = stream_from(bevs[0], 0); /* and can be given once more */
    weft_stream_free(ours);
    ours = NULL;
    bufferevent_free(bevs[0]);
    close(fds[1]);
}
END_RULE

/* 100: what was not written is no success */
RULE(without_memory_for_the_output_a_write_fails)
{
    event_memory_open();
    real_clock();
    streams_open(PAIR);
    without = true;
    ck_assert_int_eq(error_of(weft_stream_write(ours, "x", 1)), -ENOMEM);
    without = false;
    ck_assert_int_eq(weft_stream_error(ours), -ENOMEM);
    streams_close();
}
END_RULE

/* 190, 196: more than the outputs may hold, in several parts */
RULE(large_parts_arrive_whole_and_in_order)
{
    enum { PART = 100000 };
    char *bytes = malloc(3 * PART), *got = malloc(3 * PART);
    const struct iovec parts[] = {{bytes, PART}, {bytes + PART, PART}, {bytes + 2 * PART, PART}};
    weft_future *f;

    for (int i = 0; i < 3 * PART; i++)
        bytes[i] = (char)(i * 7 / 5);
    for (int kind = 0; kind <= SOCKET; kind++) {
        real_clock();
        streams_open((enum kind)kind);
        f = weft_stream_writev(ours, parts, 3);
        ck_assert_int_eq(error_of(weft_stream_read_exactly(theirs, got, 3 * PART)), 0);
        ck_assert_int_eq(error_of(f), 0);
        ck_assert_mem_eq(got, bytes, 3 * PART);
        streams_close();
    }
    free(bytes);
    free(got);
}
END_RULE

/* A connect that is refused, while a task waits; deferred or not, with what was written before. */
RULE(a_connect_that_fails_is_the_streams_error)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(nobody);
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, and deaf: its port is nobody's */

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&nobody, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&nobody, &size), 0);
    for (int i = 0; i < 4; i++) {
        weft_future *f;
        char byte;

        real_clock();
        bevs[0] = socket_on(-1, i & 1 ? BEV_OPT_DEFER_CALLBACKS : 0);
        ck_assert_int_eq(bufferevent_socket_connect(bevs[0], (struct sockaddr *)&nobody, (int)size),
                         0);
        ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
        if (i & 2)
            ck_assert_int_eq(weft_stream_post(ours, "hello", 5), 0);
        f = weft_stream_read(ours, &byte, 1);
        ck_assert_int_eq(error_of(f), -ECONNREFUSED);
        ck_assert_int_eq(weft_stream_error(ours), -ECONNREFUSED);
        ck_assert_int_eq(weft_stream_post(ours, "x", 1), -ECONNREFUSED);
        ck_assert_int_eq(error_of(weft_stream_close(ours)), -ECONNREFUSED);
        streams_close();
    }
    close(fd);
}
END_RULE

/* The lookup needs no network: a number of the other family. */
RULE(a_lookup_that_fails_has_its_own_error)
{
    char byte;

    real_clock();
    bevs[0] = socket_on(-1, BEV_OPT_DEFER_CALLBACKS);
    host_on(bevs[0], "host");
    ck_assert_int_eq(bufferevent_socket_connect_hostname(bevs[0], NULL, AF_INET, "::1", 80), 0);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_le(error_of(weft_stream_read(ours, &byte, 1)), WEFT_EGAI);
    ck_assert_str_eq(trace(), "");
    streams_close();
}
END_RULE

RULE(what_was_written_while_it_connected_goes_out)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0), accepted;

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    real_clock();
    bevs[0] = socket_on(-1, 0);
    host_on(bevs[0], "host");
    ck_assert_int_eq(bufferevent_socket_connect(bevs[0], (struct sockaddr *)&address, (int)size), 0);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(weft_stream_post(ours, "hello\n", 6), 0);
    accepted = accept(fd, NULL, NULL);
    theirs = stream_on(accepted, 0);
    ck_assert_str_eq(text_of(weft_stream_read_line(theirs)), "hello\n");
    ck_assert_int_eq(weft_stream_post(theirs, "you\n", 4), 0);
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "you\n");
    ck_assert_str_eq(trace(), ""); /* the host's callbacks sleep */
    streams_close();
    close(fd);
}
END_RULE

/* Let the event callback of a bufferevent say something, with errno. */
static int event_gives(short what, int code)
{
    char byte;
    weft_future *f;
    int error;

    streams_open(PAIR);
    f = weft_stream_read(ours, &byte, 1);
    errno = code;
    bufferevent_trigger_event(bevs[0], what, 0);
    run_all();
    ck_assert(weft_future_is_done(f));
    error = error_of(f);
    streams_close();
    return error;
}

RULE(each_event_has_its_error)
{
    ck_assert_int_eq(event_gives(BEV_EVENT_ERROR | BEV_EVENT_READING, ECONNRESET), -ECONNRESET);
    ck_assert_int_eq(event_gives(BEV_EVENT_ERROR | BEV_EVENT_WRITING, EPIPE), -EPIPE);
    ck_assert_int_eq(event_gives(BEV_EVENT_ERROR, 0), -EIO);
    ck_assert_int_eq(event_gives(BEV_EVENT_ERROR, EAGAIN), -EIO);
    ck_assert_int_eq(event_gives(BEV_EVENT_TIMEOUT | BEV_EVENT_READING, 0), -ETIMEDOUT);
    ck_assert_int_eq(event_gives(BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING, 0), -ETIMEDOUT);
    ck_assert_int_eq(event_gives(BEV_EVENT_EOF | BEV_EVENT_READING, ECONNRESET), 0);
    ck_assert_int_eq(event_gives(BEV_EVENT_EOF, 0), 0);
    ck_assert_int_eq(event_gives(BEV_EVENT_EOF | BEV_EVENT_READING | BEV_EVENT_ERROR, EIO), 0);
}
END_RULE

RULE(a_peer_that_reads_no_more_ends_writing_and_not_reading)
{
    weft_future *f;
    char got[5] = "";

    bevs_open(PAIR);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    f = weft_stream_read(ours, got, 4);
    bufferevent_flush(bevs[1], EV_READ, BEV_FINISHED); /* our writing is over */
    run_all();
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(bufferevent_write(bevs[1], "more", 4), 0);
    ck_assert_int_eq(number_of(f), 4);
    ck_assert_int_eq(bufferevent_write(bevs[1], "last", 4), 0);
    ck_assert_int_eq(error_of(weft_stream_write(ours, "x", 1)), -EPIPE);
    ck_assert_int_eq(number_of(weft_stream_read(ours, got, 4)), 4);
    ck_assert_str_eq(got, "last");
    ck_assert_int_eq(number_of(weft_stream_read(ours, got, 4)), -EPIPE);
    bufferevent_free(bevs[1]);
    streams_close();
}
END_RULE

RULE(bytes_that_can_go_out_no_more_are_a_failure_of_the_whole)
{
    weft_future *f;
    char byte;

    bevs_open(PAIR);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    f = weft_stream_read(ours, &byte, 1);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), 0);
    bufferevent_trigger_event(bevs[0], BEV_EVENT_EOF | BEV_EVENT_WRITING, 0);
    ck_assert_int_eq(error_of(f), -EPIPE);
    bufferevent_free(bevs[1]);
    streams_close();
}
END_RULE

/* ---- timeouts -------------------------------------------------------------------------------------------- */

RULE(the_hosts_read_timeout_counts_while_a_read_waits_and_fails_the_stream)
{
    struct timeval timeout = {0, 30000};
    char byte;

    for (int kind = 0; kind < 2; kind++) {
        real_clock();
        bevs_open(kind);
        bufferevent_set_timeouts(bevs[0], &timeout, NULL);
        bufferevent_enable(bevs[0], EV_READ);
        ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(run_task(weft_sleep(loop, 0.05), NULL), 0); /* nobody waits */
            ck_assert_int_eq(weft_stream_error(ours), 0);
            ck_assert_int_eq(bufferevent_write(bevs[1], "x", 1), 0);
            ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), 1);
        }
        ck_assert_int_eq(error_of(weft_stream_read(ours, &byte, 1)), -ETIMEDOUT);
        ck_assert_int_eq(weft_stream_error(ours), -ETIMEDOUT);
        ck_assert_int_eq(weft_stream_post(ours, "x", 1), -ETIMEDOUT);
        bufferevent_free(bevs[1]);
        streams_close();
    }
}
END_RULE

RULE(the_hosts_write_timeout_fails_the_stream)
{
    struct timeval ms = {0, 1000};
    char *big = pattern(1024 * 1024);

    real_clock();
    bevs_open(SOCKET);
    bufferevent_set_timeouts(bevs[0], NULL, &ms);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(error_of(weft_stream_write(ours, big, 1024 * 1024)), -ETIMEDOUT);
    ck_assert_int_eq(error_of(weft_stream_close(ours)), -ETIMEDOUT);
    bufferevent_free(bevs[1]);
    streams_close();
    free(big);
}
END_RULE

/* ---- farewells ------------------------------------------------------------------------------------------- */

/* What a close gives, of an owned one whose peer has read nothing, and whose output does not go out. */
static int close_with_output(bool timeout, bool reset)
{
    struct timeval ms = {0, 1000};
    char *text = pattern(60000);
    weft_future *closed;
    int error, small = 4096, fd;

    real_clock();
    bevs_open(SOCKET);
    fd = bufferevent_getfd(bevs[0]);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    ck_assert_int_eq(weft_stream_post(ours, text, 60000), 0);
    if (timeout)
        bufferevent_set_timeouts(bevs[0], NULL, &ms);
    closed = weft_stream_close(ours);
    run_rounds(2);
    if (reset) {
        ck_assert(!weft_future_is_done(closed));
        bufferevent_free(bevs[1]);
    }
    error = error_of(closed);
    ck_assert_int_eq(weft_stream_error(ours), error);
    if (!reset)
        bufferevent_free(bevs[1]);
    streams_close();
    free(text);
    return error;
}

RULE(a_close_tells_that_the_output_has_failed)
{
    int error;

    signal(SIGPIPE, SIG_IGN); /* a bufferevent raises it */
    error = close_with_output(false, true);
    ck_assert(error == -EPIPE || error == -ECONNRESET);
    ck_assert_int_eq(close_with_output(true, false), -ETIMEDOUT);
}
END_RULE

/* 193 */
RULE(a_peer_that_has_gone_need_not_hear_a_farewell)
{
    for (int kind = 0; kind < 2; kind++)
        for (int reads = 0; reads < 2; reads++) {
            weft_future *f = NULL;
            char byte;

            real_clock();
            bevs_open(kind);
            ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
            if (reads)
                f = weft_stream_read(ours, &byte, 1);
            if (kind == PAIR)
                bufferevent_flush(bevs[1], EV_READ | EV_WRITE, BEV_FINISHED);
            else {
                bufferevent_free(bevs[1]);
                bevs[1] = NULL;
            }
            run_rounds(5);
            if (reads)
                ck_assert_int_eq(number_of(f), 0);
            ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
            if (bevs[1])
                bufferevent_free(bevs[1]);
            streams_close();
        }
}
END_RULE

RULE(write_eof_on_a_borrowed_one_is_said_and_close_is_not)
{
    bevs_open(PAIR);
    host_on(bevs[1], "peer");
    bufferevent_enable(bevs[1], EV_READ);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
    ck_assert_int_eq(weft_stream_post(ours, "a", 1), 0);
    ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
    weft_stream_unref(ours);
    run_all();
    say("|");
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
    ck_assert_int_eq(weft_stream_post(ours, "b", 1), 0);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    weft_stream_free(ours);
    run_all();
    ck_assert_str_eq(trace(), "peer:a | peer:b peer:eof-r");
    for (int i = 0; i < 2; i++)
        bufferevent_free(bevs[i]);
    ours = NULL;
}
END_RULE

/* Then the close waits for the output, below a filter, too; and the host may go on reading. */
RULE(write_eof_and_a_close_at_once_are_said_too)
{
    char *big = pattern(500000);

    for (int kind = 0; kind < KINDS; kind++)
        for (int size = 0; size <= 500000 && kind != LOCKED; size += 250000) {
            weft_future *closed, *all;
            void *got;

            real_clock();
            bevs_open(kind);
            ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
            theirs = stream_from(bevs[1], WEFT_BUFFEREVENT_OWNED);
            ck_assert_int_eq(weft_stream_post(ours, big, (size_t)size), 0);
            ck_assert_int_eq(weft_stream_write_eof(ours), 0);
            closed = weft_stream_close(ours);
            all = weft_stream_read_all(theirs);
            ck_assert_int_eq(weft_run_until_complete(loop, all, &got), 0);
            ck_assert_uint_eq(weft_stream_count(theirs),
                              (size_t)size + (size_t)(kind == DEEP) * 2 + (kind == FILTER));
            ck_assert_mem_eq(got, big, (size_t)size);
            free(got);
            ck_assert_int_eq(error_of(closed), 0);
            weft_stream_unref(ours);
            ours = NULL;
            ck_assert_int_eq(weft_stream_post(theirs, "more", 4), 0);
            bufferevent_enable(bevs[0], EV_READ);
            run_until_input(bevs[0], 4);
            bufferevent_free(bevs[0]);
            streams_close();
        }
    free(big);
}
END_RULE

/* ---- the loop closes ------------------------------------------------------------------------------------- */

/* Ahead, in a line's beginning, or in a read_all; of a stream that a task has, or that closes. */
RULE(a_loop_that_closes_loses_nothing)
{
    for (int how = 0; how < 6; how++) {
        struct event_base *base = event_base_new();
        struct evbuffer *input;
        weft_future *f = NULL;
        char *big = pattern(500000);

        weft_loop_unref(loop);
        loop = weft_loop_new(base);
        bevs_open(SOCKET);
        ours = stream_from(bevs[0], WEFT_BUFFEREVENT_BORROWED);
        bufferevent_write(bevs[1], "one\ntwo\nthr", 11);
        ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "one\n");
        if (how == 1 || how == 2)
            ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "two\n");
        if (how == 1)
            f = weft_stream_read_line(ours);
        if (how > 1)
            f = weft_stream_read_all(ours);
        if (how == 3 || how == 4)
            ck_assert_int_eq(weft_stream_post(ours, big, 500000), 0);
        if (how == 3)
            weft_future_unref(weft_stream_close(ours));
        if (how == 5) {
            weft_future_unref(f); /* dropped */
            f = NULL;
        }
        run_rounds(2);
        ck_assert_int_eq(weft_loop_close(loop), 0);
        weft_future_unref(f);
        weft_stream_free(ours);
        ours = NULL;
        input = bufferevent_get_input(bevs[0]);
        ck_assert_uint_eq(evbuffer_get_length(input), how == 1 || how == 2 ? 3 : 7);
        ck_assert_int_eq(evbuffer_search(input, "thr", 3, NULL).pos, how == 1 || how == 2 ? 0 : 4);
        for (int i = 0; i < 2; i++)
            bufferevent_free(bevs[i]);
        event_base_loop(base, EVLOOP_NONBLOCK);
        event_base_free(base);
        free(big);
    }
}
END_RULE

/* The loop's own base goes with it: what is waited for is freed in time. */
RULE(a_loop_with_its_own_base_frees_what_it_owns_while_it_can)
{
    weft_future *r, *t;

    streams_open(SOCKET);
    r = weft_stream_read_line(ours);
    t = weft_stream_read_line(theirs);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(r), WEFT_ECLOSED);
    ck_assert_int_eq(weft_future_error(t), WEFT_ECLOSED);
    weft_future_unref(r);
    weft_future_unref(t);
    pair_close();
}
END_RULE

RULE(a_dropped_stream_is_reported_and_frees_its_bufferevent)
{
    streams_open(PAIR);
    weft_stream_unref(ours);
    ours = NULL;
    ck_assert_ptr_nonnull(strstr(reports(), "a stream was dropped without being closed"));
    streams_close();
}
END_RULE

RUN_SUITE("bufferevent_more", without_memory_for_the_output_a_write_fails,
          one_that_cannot_be_enabled_is_left_as_it_was, large_parts_arrive_whole_and_in_order,
          a_connect_that_fails_is_the_streams_error, a_lookup_that_fails_has_its_own_error,
          what_was_written_while_it_connected_goes_out, each_event_has_its_error,
          a_peer_that_reads_no_more_ends_writing_and_not_reading,
          bytes_that_can_go_out_no_more_are_a_failure_of_the_whole,
          the_hosts_read_timeout_counts_while_a_read_waits_and_fails_the_stream,
          the_hosts_write_timeout_fails_the_stream, a_close_tells_that_the_output_has_failed,
          a_peer_that_has_gone_need_not_hear_a_farewell,
          write_eof_on_a_borrowed_one_is_said_and_close_is_not,
          write_eof_and_a_close_at_once_are_said_too, a_loop_that_closes_loses_nothing,
          a_loop_with_its_own_base_frees_what_it_owns_while_it_can,
          a_dropped_stream_is_reported_and_frees_its_bufferevent)
