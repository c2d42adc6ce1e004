/* check_bufferevent_more.c - a stream on a bufferevent: what fails: connects, events, timeouts. */
#include <netinet/in.h>

#include "bufferevent_bodies.h"

/* ---- what fails ------------------------------------------------------------------------------------------ */

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

RUN_SUITE("bufferevent_more", a_connect_that_fails_is_the_streams_error,
          a_lookup_that_fails_has_its_own_error, what_was_written_while_it_connected_goes_out,
          each_event_has_its_error, a_peer_that_reads_no_more_ends_writing_and_not_reading,
          bytes_that_can_go_out_no_more_are_a_failure_of_the_whole,
          the_hosts_read_timeout_counts_while_a_read_waits_and_fails_the_stream,
          the_hosts_write_timeout_fails_the_stream)
