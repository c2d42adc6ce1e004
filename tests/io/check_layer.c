/* check_layer.c - a transport put between a stream and its descriptor, the descriptor taken out, and what is never
 * forgotten on the way.  check_stream_faults.c has all of it at random. */
#include <event2/buffer.h>

#include "support/filter.h"
#include "support/stream_bodies.h"

static weft_transport nothing;

/* A transport that says what is called, and holds what it is told to hold. */
static struct {
    ssize_t held, farewell;
    bool input;
    const char *text;
} odd;

static ssize_t odd_read(void *transport, const struct iovec *parts, int count)
{
    size_t size = odd.text ? strlen(odd.text) : 0;

    (void)transport, (void)count;
    if (!odd.input || size == 0)
        return -EAGAIN;
    size = size < parts->iov_len ? size : parts->iov_len;
    memcpy(parts->iov_base, odd.text, size);
    odd.text += size;
    odd.input = *odd.text != 0;
    return (ssize_t)size;
}

static ssize_t odd_write(void *transport, const struct iovec *parts, int count)
{
    (void)transport;
    odd.held += count == 1 ? (ssize_t)parts->iov_len : 0;
    return count == 1 ? (ssize_t)parts->iov_len : -EAGAIN;
}

static int odd_end(void *transport)
{
    (void)transport;
    say("end");
    odd.held += odd.farewell;
    return 0;
}

static ssize_t odd_flush(void *transport)
{
    (void)transport;
    return odd.held;
}

static bool odd_has_input(void *transport)
{
    (void)transport;
    return odd.input;
}

static void odd_free(void *transport)
{
    (void)transport;
    say("free");
}

static const weft_transport_type odd_type = {.name = "odd",
                                             .read = odd_read,
                                             .write = odd_write,
                                             .end = odd_end,
                                             .flush = odd_flush,
                                             .has_input = odd_has_input,
                                             .free = odd_free};

static void odd_open(void)
{
    odd.held = odd.farewell = 0;
    odd.input = false;
    odd.text = NULL;
    pair_open();
    ck_assert_int_eq(weft_stream_add_layer(ours, &odd_type, NULL, &nothing), 0);
    turns(1);
}

/* 220 */
RULE(what_was_read_ahead_comes_first_through_the_layer)
{
    static const char answer[] = {5,          'h' ^ 0x5a, 'e' ^ 0x5a, 'l' ^ 0x5a,
                                  'l' ^ 0x5a, 'o' ^ 0x5a, 0,          0};
    struct filter *filter;
    char got[8] = "";

    pair_open();
    they_write("STARTTLS\r\n");
    they_write(answer);
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "STARTTLS\r\n");
    filter = filter_add(ours, 0);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, got, 5)), 5);
    ck_assert_str_eq(got, "hello");
    ck_assert_int_eq(weft_stream_post(ours, "xy", 2), 0);
    ck_assert_uint_eq(they_read(got, sizeof(got)), 3);
    ck_assert_int_eq(got[0], 2);
    ck_assert_int_eq(got[1], 'x' ^ 0x5a);
    ck_assert(!filter->below.type->free);
    pair_close();
    ck_assert_int_eq(filters, 0);
}
END_RULE

/* 220 */
RULE(drain_close_and_write_eof_wait_for_what_a_transport_holds)
{
    weft_future *drain, *write, *closed;

    odd_open();
    ck_assert_int_eq(weft_stream_post(ours, "abc", 3), 0);
    ck_assert_uint_eq(weft_stream_pending(ours), 3);
    weft_stream_set_marks(ours, 1, 2);
    drain = weft_stream_drain(ours);
    write = weft_stream_write(ours, "", 0);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    turns(3);
    ck_assert(!weft_future_is_done(drain) && !weft_future_is_done(write));
    odd.held = 1;
    weft_stream_wake(ours);
    ck_assert_int_eq(error_of(drain), 0);
    ck_assert_int_eq(error_of(write), 0);
    closed = weft_stream_close(ours);
    turns(3);
    ck_assert(!weft_future_is_done(closed));
    say("|");
    odd.held = 0;
    odd.farewell = 2;
    weft_stream_wake(ours);
    turns(3);
    ck_assert(!weft_future_is_done(closed));
    ck_assert_str_eq(trace(), "| end");
    odd.held = 0;
    weft_stream_wake(ours);
    ck_assert_int_eq(error_of(closed), 0);
    ck_assert_str_eq(trace(), "| end free");
    pair_close();
}
END_RULE

/* 220 */
RULE(a_read_is_tried_again_when_a_transport_has_input_though_the_descriptor_is_silent)
{
    weft_future *f;
    char byte = 0;

    for (int how = 0; how < 2; how++) {
        odd_open();
        f = weft_stream_read(ours, &byte, 1);
        turns(3);
        ck_assert(!weft_future_is_done(f));
        odd.text = "ab";
        odd.input = true;
        if (how) /* of itself */
            weft_stream_wake(ours);
        else /* by a write */
            ck_assert_int_eq(weft_stream_post(ours, "x", 1), 0);
        ck_assert_int_eq(number_of(f), 1);
        ck_assert_int_eq(byte, 'a');
        pair_close();
    }
}
END_RULE

/* 188, 220 */
RULE(a_flush_that_fails_is_the_streams_failure_whoever_called_it)
{
    weft_future *f;
    char byte;

    for (int how = 0; how < 3; how++) {
        odd_open();
        f = how == 1 ? weft_stream_read(ours, &byte, 1) : weft_stream_wait_closed(ours);
        turns(2);
        odd.held = -EPROTO;
        if (how == 0)
            ck_assert_int_eq(weft_stream_write_eof(ours), -EPROTO);
        else if (how == 1)
            they_write("?"); /* the read makes some output */
        else
            weft_stream_wake(ours);
        turns(3);
        ck_assert_int_eq(weft_stream_error(ours), -EPROTO);
        ck_assert_int_eq(how == 1 ? error_of(weft_future_ref(f)) : 0, how == 1 ? -EPROTO : 0);
        weft_future_unref(f);
        pair_close();
    }
}
END_RULE

static int add_error(void)
{
    struct filter *filter = calloc(1, sizeof(*filter));
    int error = weft_stream_add_layer(ours, &filter_type, filter, &filter->below);

    filters += !error;
    if (error)
        free(filter); /* it is ours */
    return error;
}

/* 220 */
RULE(a_layer_is_refused_while_something_is_under_way_and_nothing_has_changed)
{
    char *big = pattern(1 << 20), byte;
    weft_future *f;

    pair_open();
    f = weft_stream_read(ours, &byte, 1);
    ck_assert_int_eq(add_error(), -EBUSY);
    they_write("x");
    ck_assert_int_eq(number_of(f), 1);
    ck_assert_int_eq(weft_stream_post(ours, big, 1 << 20), 0);
    ck_assert_uint_gt(weft_stream_pending(ours), 0);
    ck_assert_int_eq(add_error(), -EBUSY);
    weft_stream_set_marks(ours, 0, 0);
    f = weft_stream_drain(ours);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, big, 1 << 20)), 1 << 20);
    ck_assert_int_eq(error_of(f), 0);
    ck_assert_int_eq(add_error(), 0);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    ck_assert_int_eq(add_error(), WEFT_ECLOSED);
    weft_stream_abort(ours);
    ck_assert_int_eq(filters, 0);
    ck_assert_int_eq(add_error(), WEFT_ECLOSED);
    pair_close();
    free(big);
}
END_RULE

static int layer_on_a_pair(void)
{
    weft_io *io;
    int fds[2], error;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    error = weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io);
    if (error) {
        close(fds[0]);
        return error;
    }
    ours = weft_stream_new(io);
    error = weft_stream_error(ours);
    if (!error)
        error = add_error();
    weft_stream_free(ours);
    ours = NULL;
    return error;
}

/* 100, 220 */
RULE(a_layer_without_memory_says_so)
{
    each_allocation_fails(layer_on_a_pair);
}
END_RULE

/* ---- out of the stream ----------------------------------------------------------------------------------------- */

/* 221 */
RULE(the_descriptor_comes_out_with_what_was_read_ahead)
{
    weft_future *closed;
    void *bytes;
    size_t size;
    weft_io *io;
    char got[4] = "";

    pair_open();
    they_write("CONNECT\r\nabc");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "CONNECT\r\n");
    closed = weft_stream_wait_closed(ours);
    ck_assert_int_eq(weft_stream_detach(ours, &io, &bytes, &size), 0);
    ck_assert_uint_eq(size, 3);
    ck_assert_mem_eq(bytes, "abc", 3);
    free(bytes);
    ck_assert_int_eq(error_of(closed), 0);
    ck_assert(weft_stream_is_closing(ours));
    ck_assert_int_eq(weft_stream_fd(ours), -1);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(weft_stream_read_line(ours)), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
    they_write("def");
    ck_assert_int_eq(number_of(weft_sock_recv(io, got, 3)), 3);
    ck_assert_str_eq(got, "def");
    ck_assert_int_eq(error_of(weft_sock_sendall(io, "ghi", 3)), 0);
    weft_stream_unref(ours);
    ours = weft_stream_new(io); /* and into another one */
    they_write("jkl");
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, got, 3)), 3);
    ck_assert_str_eq(got, "jkl");
    ck_assert_int_eq(weft_stream_detach(ours, &io, &bytes, &size), 0);
    ck_assert_ptr_null(bytes);
    weft_io_close(io);
    pair_close();
}
END_RULE

/* 221 */
RULE(it_stays_where_it_is_while_something_is_under_way_or_a_transport_has_state)
{
    weft_io *io = NULL;
    void *bytes;
    size_t size;
    weft_future *f;
    char byte;

    pair_open();
    f = weft_stream_read(ours, &byte, 1);
    ck_assert_int_eq(weft_stream_detach(ours, &io, &bytes, &size), -EBUSY);
    ck_assert_ptr_null(io);
    they_write("x");
    ck_assert_int_eq(number_of(f), 1);
    (void)filter_add(ours, 0);
    turns(1);
    ck_assert_int_eq(weft_stream_detach(ours, &io, &bytes, &size), -ENOTSUP);
    weft_stream_abort(ours);
    ck_assert_int_eq(weft_stream_detach(ours, &io, &bytes, &size), WEFT_ECLOSED);
    pair_close();
}
END_RULE

/* ---- how much is still to be written --------------------------------------------------------------------------- */

/* 222 */
RULE(pending_is_what_the_system_has_not_taken_files_included)
{
    char *big = pattern(1 << 20);
    FILE *file = tmpfile();
    weft_future *f;
    size_t kept;

    ck_assert_uint_eq(fwrite(big, 1, 1000, file), 1000);
    ck_assert_int_eq(fflush(file), 0);
    pair_open();
    ck_assert_uint_eq(weft_stream_pending(ours), 0);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), 0);
    ck_assert_uint_eq(weft_stream_pending(ours), 0);
    ck_assert_int_eq(weft_stream_post(ours, big, 1 << 20), 0);
    kept = weft_stream_pending(ours);
    ck_assert_uint_gt(kept, 0);
    ck_assert_uint_lt(kept, 1 << 20);
    f = weft_stream_sendfile(ours, fileno(file), 0, 1000);
    ck_assert_uint_eq(weft_stream_pending(ours), kept + 1000);
    weft_stream_abort(ours);
    ck_assert_uint_eq(weft_stream_pending(ours), 0);
    ck_assert_int_eq(error_of(f), WEFT_ECLOSED);
    pair_close();
    fclose(file);
    free(big);
}
END_RULE

RUN_SUITE("layer", what_was_read_ahead_comes_first_through_the_layer,
          drain_close_and_write_eof_wait_for_what_a_transport_holds,
          a_read_is_tried_again_when_a_transport_has_input_though_the_descriptor_is_silent,
          a_flush_that_fails_is_the_streams_failure_whoever_called_it,
          a_layer_is_refused_while_something_is_under_way_and_nothing_has_changed,
          a_layer_without_memory_says_so, the_descriptor_comes_out_with_what_was_read_ahead,
          it_stays_where_it_is_while_something_is_under_way_or_a_transport_has_state,
          pending_is_what_the_system_has_not_taken_files_included)
