/* check_transport.c - a stream and what is below it: pipes, and transports that want the other direction, take
 * little at a time, put off their end, fail in it, want back what was read too much. */
#include <netinet/in.h>

#include <event2/buffer.h>

#include "support/fault.h"
#include "support/stream_bodies.h"

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

static unsigned is_crossed(void *transport, bool writing)
{
    (void)transport, (void)writing;
    return WEFT_READABLE;
}

/* 190 */
RULE(a_write_waits_for_what_the_transport_wants)
{
    static const weft_transport_type type = {.name = "crossed",
                                             .read = crossed_read,
                                             .write = crossed_write,
                                             .end = crossed_end,
                                             .wants = is_crossed};
    weft_future *w, *r;
    weft_io *io;
    char byte;
    int fds[2];

    for (int level = 0; level < 2; level++) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        ck_assert_int_eq(weft__io_new(loop, fds[0], WEFT_IO_OWNED | (level ? 2 : 0), &io), 0);
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

/* A transport in memory: what is to be read, how often a write and the end say "later", and what the end says then. */
static struct {
    weft_io *io;
    const char *text;
    int full, later, farewell;
} memory;

static ssize_t memory_read(void *transport, const struct iovec *parts, int count)
{
    size_t size = strlen(memory.text), done = 0;

    (void)transport;
    for (int i = 0; i < count && done < size; i++) {
        size_t part = parts[i].iov_len < size - done ? parts[i].iov_len : size - done;

        memcpy(parts[i].iov_base, memory.text + done, part);
        done += part;
    }
    memory.text += done;
    return done ? (ssize_t)done : -EAGAIN;
}

/* So often, it says that it will later. */
static bool is_later(int *times)
{
    if (*times == 0)
        return false;
    --*times;
    weft_io_ready(memory.io, true, true);
    return true;
}

static ssize_t memory_write(void *transport, const struct iovec *parts, int count)
{
    (void)transport, (void)count;
    return is_later(&memory.full) ? -EAGAIN : (ssize_t)parts->iov_len;
}

static int memory_end(void *transport)
{
    (void)transport;
    if (is_later(&memory.later))
        return -EAGAIN;
    say("end");
    return memory.farewell;
}

static void memory_unread(void *transport, struct evbuffer *bytes)
{
    char text[16] = "";

    (void)transport;
    evbuffer_remove(bytes, text, 15);
    say("unread:%s", text);
}

static void memory_free(void *transport)
{
    (void)transport;
    say("free");
}

static int memory_watch(void *arg, bool readable, bool writable)
{
    (void)arg, (void)readable, (void)writable; /* who waits is told anyway */
    return 0;
}

#define MEMORY_TYPE \
    .name = "memory", .read = memory_read, .write = memory_write, .end = memory_end, \
    .unread = memory_unread, .free = memory_free
static const weft_transport_type memory_type = {MEMORY_TYPE};
static const weft_transport_type silent_type = {MEMORY_TYPE, .silent_close = true};

static void memory_open(const weft_transport_type *type, const char *text)
{
    memory.io = NULL;
    memory.text = text;
    memory.full = memory.later = memory.farewell = 0;
    ck_assert_int_eq(weft_io_new_manual(loop, memory_watch, NULL, &memory.io), 0);
    ours = weft_stream_new_on(memory.io, type, &memory);
}

/* Close it, and say what that gives. */
static void memory_close(void)
{
    say("%s |", weft_errname(error_of(weft_stream_close(ours))));
    weft_stream_unref(ours);
    ours = NULL;
}

/* 192, 193 [D] a close tells */
RULE(an_end_that_fails_is_what_the_close_gives)
{
    for (int kept = 0; kept < 2; kept++)
        for (int later = 0; later < 2; later++) {
            memory_open(&memory_type, "");
            memory.full = 2 * kept;
            memory.later = 2 * later;
            memory.farewell = kept == later ? -EIO : 0;
            ck_assert_int_eq(weft_stream_post(ours, "x", 1), 0);
            memory_close();
        }
    ck_assert_str_eq(trace(), "end free EIO | end free 0 | end free 0 | end free EIO |");
}
END_RULE

/* 192, 193 */
RULE(a_silent_close_calls_no_end_unless_write_eof_was_called)
{
    for (int kept = 0; kept < 2; kept++) {
        memory_open(&silent_type, "");
        memory.full = 2 * kept;
        ck_assert_int_eq(weft_stream_post(ours, "x", 1), 0);
        memory_close();
        memory_open(&silent_type, "");
        memory.full = 2 * kept;
        memory.later = 2;
        ck_assert_int_eq(weft_stream_post(ours, "x", 1), 0);
        ck_assert_int_eq(weft_stream_write_eof(ours), 0);
        memory_close();
    }
    ck_assert_str_eq(trace(), "free 0 | end free 0 | free 0 | end free 0 |");
}
END_RULE

/* 184, 192 */
RULE(what_nobody_has_asked_for_goes_back_to_a_transport_before_it_is_freed)
{
    char got[4] = "";

    memory_open(&silent_type, "one\ntwo");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "one\n");
    memory_close();
    memory_open(&memory_type, "three");
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, got, 3)), 3);
    weft_stream_abort(ours);
    ck_assert_str_eq(got, "thr");
    weft_stream_free(ours);
    memory_open(&memory_type, "four");
    weft_future_unref(weft_stream_read_all(ours));
    weft_stream_free(ours);
    memory_open(&memory_type, "five\n");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "five\n"); /* nothing is left */
    weft_stream_free(ours);
    ours = NULL;
    ck_assert_str_eq(trace(), "unread:two free 0 | unread:ee free unread:four free free");
}
END_RULE

/* 184, 192 */
RULE(so_does_what_a_read_has_that_a_close_ends_and_read_exactly_has_counted_it)
{
    weft_future *f;
    char got[9] = "";

    for (int how = 0; how < 3; how++) {
        memory_open(&memory_type, "abc");
        memory.later = 2 * how;
        f = how ? weft_stream_read_all(ours) : weft_stream_read_line(ours);
        ck_assert(!weft_future_is_done(f));
        memory_close();
        ck_assert_int_eq(error_of(f), WEFT_ECLOSED);
    }
    memory_open(&memory_type, "");
    memory.text = "abcd";
    f = weft_stream_read_exactly(ours, got, 8);
    memory_close();
    ck_assert_int_eq(error_of(f), WEFT_ECLOSED);
    ck_assert_str_eq(got, "abcd");
    ck_assert_str_eq(trace(), "end unread:abc free 0 | end unread:abc free 0 | end unread:abc "
                              "free 0 | end free 0 |");
}
END_RULE

/* 193: who reads is told of the reset */
RULE(write_eof_to_a_peer_that_has_reset_is_no_failure)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger at_once = {.l_onoff = 1};
    socklen_t size = sizeof(here);
    int server = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), peer;
    char byte;

    ck_assert_int_eq(bind(server, (struct sockaddr *)&here, size), 0);
    ck_assert_int_eq(listen(server, 1), 0);
    ck_assert_int_eq(getsockname(server, (struct sockaddr *)&here, &size), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&here, size), 0);
    peer = accept(server, NULL, NULL);
    ours = stream_on(fd, 0);
    ck_assert_int_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(peer);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), -ECONNRESET);
    pair_close();
    close(server);
}
END_RULE

RUN_SUITE("transport", streams_go_over_pipes, a_write_waits_for_what_the_transport_wants,
          parts_that_a_transport_leaves_over_do_not_hang_a_stream_with_edges,
          a_transport_is_told_of_the_end_before_it_is_freed_and_of_no_abort,
          an_end_that_fails_is_what_the_close_gives,
          a_silent_close_calls_no_end_unless_write_eof_was_called,
          what_nobody_has_asked_for_goes_back_to_a_transport_before_it_is_freed,
          so_does_what_a_read_has_that_a_close_ends_and_read_exactly_has_counted_it,
          write_eof_to_a_peer_that_has_reset_is_no_failure)
