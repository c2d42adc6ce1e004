/* check_transport.c - a stream and what is below it: pipes, and transports that want the other direction, take
 * little at a time, put off their end. */
#include "fault.h"
#include "stream_bodies.h"

enum { BIG = 4 * 1024 * 1024 };

/* ---- pipes --------------------------------------------------------------------------------------------- */

/* 190, 183 */
RULE(streams_go_over_pipes)
{
    char *big = pattern(BIG);
    weft_future *closed;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ours = stream_on(fds[1], 0);
    theirs = stream_on(fds[0], 0);
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    closed = weft_stream_close(ours);
    ck_assert(same(text_of(weft_stream_read_all(theirs)), big));
    ck_assert_int_eq(error_of(closed), 0);
    pair_close();
    free(big);
}
END_RULE

/* ---- a transport that is crossed ------------------------------------------------------------------------- */

static int crossed_fd; /* only its peer's byte lets a write go on */
static int crossed_calls;

static ssize_t crossed_read(void *transport, const struct iovec *parts, int count)
{
    (void)transport, (void)parts, (void)count;
    return -EAGAIN;
}

static ssize_t crossed_write(void *transport, const struct iovec *parts, int count)
{
    char byte;

    (void)transport;
    crossed_calls++;
    ck_assert_int_eq(count, 1);
    return read(crossed_fd, &byte, 1) == 1 ? (ssize_t)parts->iov_len : -EAGAIN;
}

static int crossed_end(void *transport)
{
    (void)transport;
    return 0;
}

static bool is_crossed(void *transport, bool writing)
{
    (void)transport;
    return writing;
}

/* 190 */
RULE(a_write_waits_for_what_the_transport_wants)
{
    static const weft_transport_type type = {.name = "crossed",
                                             .read = crossed_read,
                                             .write = crossed_write,
                                             .end = crossed_end,
                                             .crossed = is_crossed};
    weft_future *w, *r;
    weft_io *io;
    char byte;
    int fds[2];

    for (int level = 0; level < 2; level++) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED | (level ? 2 : 0), &io), 0);
        crossed_fd = fds[0];
        crossed_calls = 0;
        ours = weft_stream_new_on(io, &type, NULL);
        theirs = stream_on(fds[1], 0);
        weft_stream_set_marks(ours, 0, 0);
        w = weft_stream_write(ours, "x", 1);
        r = level ? weft_stream_read(ours, &byte, 1) : NULL;
        turns(9);
        ck_assert(!weft_future_is_done(w));
        ck_assert_int_lt(crossed_calls, 5); /* that it is writable is no reason */
        they_write("!");
        ck_assert_int_eq(error_of(w), 0);
        weft_future_unref(r);
        pair_close();
    }
}
END_RULE

/* ---- a transport that takes little at a time -------------------------------------------------------------- */

static ssize_t little_read(void *transport, const struct iovec *parts, int count)
{
    ssize_t n = read(*(int *)transport, parts->iov_base, parts->iov_len < 3 ? parts->iov_len : 3);

    (void)count;
    return n < 0 ? -errno : n;
}

static ssize_t little_write(void *transport, const struct iovec *parts, int count)
{
    ssize_t n = write(*(int *)transport, parts->iov_base, parts->iov_len < 7 ? parts->iov_len : 7);

    (void)count;
    return n < 0 ? -errno : n;
}

/* 190, 183: with edges nothing is told twice */
RULE(parts_that_a_transport_leaves_over_do_not_hang_a_stream_with_edges)
{
    static const weft_transport_type type = {
        .name = "little", .read = little_read, .write = little_write, .end = crossed_end};
    char *text = pattern(2000), *got = calloc(1, 2001);
    weft_io *io;
    weft_future *f;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), 0);
    ours = weft_stream_new_on(io, &type, &fds[0]);
    theirs = stream_on(fds[1], 0);
    f = weft_stream_read_exactly(ours, got, 2000); /* it is registered from now on */
    turns(2);
    ck_assert_int_eq(weft_stream_post(ours, text, 1000), 0);
    ck_assert_uint_eq(they_read(got, 1000), 1000); /* without a turn of the loop */
    ck_assert_mem_eq(got, text, 1000);
    memset(got, 0, 2000);
    ck_assert_int_eq(weft_stream_post(theirs, text, 2000), 0);
    ck_assert_int_eq(number_of(f), 2000);
    ck_assert(same(got, text));
    pair_close();
    free(text);
    free(got);
}
END_RULE

/* ---- its end ------------------------------------------------------------------------------------------- */

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

RUN_SUITE("transport", streams_go_over_pipes, a_write_waits_for_what_the_transport_wants,
          parts_that_a_transport_leaves_over_do_not_hang_a_stream_with_edges,
          a_transport_is_told_of_the_end_before_it_is_freed_and_of_no_abort)
