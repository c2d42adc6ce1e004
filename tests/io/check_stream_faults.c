/* check_stream_faults.c - random scripts over a wire that does what it likes, compared byte for byte.
 *
 * Each side has a writer and a reader.  A writer sends a text in pieces of random sizes, by write, writev and post; a reader
 * takes what comes with random kinds of reads, cancels or drops some, and keeps account of every byte.  The n-th byte of a
 * text is a function of n, so each read can be checked where it ends.
 *
 * The same with filters between (filter.h), on that wire, and on sockets, which tell of nothing twice.
 */
#include "support/fault.h"
#include "support/filter.h"
#include "support/stream_bodies.h"

enum { TEXT = 700 };

/* The n-th byte that a side writes: a line ends now and then. */
static char byte_at(int side, size_t n)
{
    size_t mixed = n * 2654435761u + (size_t)side * 77;

    return (mixed >> 7) % 13 == 0 ? '\n' : (char)('a' + (mixed >> 9) % 26);
}

struct side {
    weft_stream *stream;
    struct fault_wire *wire;
    int number;
    size_t written, read, size;
    int read_error, write_error;
    bool eof;
};

static struct side sides[2];

/* With WEFT_EXPLORE=all in the environment, as explore() has it: many more. */
static unsigned seeds(void)
{
    const char *mode = getenv("WEFT_EXPLORE");

    return mode && strcmp(mode, "all") == 0 ? 5000 : 200;
}

static void check_bytes(struct side *f, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ck_assert_int_eq(bytes[i], byte_at(!f->number, f->read + i));
    f->read += size;
}

struct sender {
    weft_gen gen;
    struct side *side;
};

static weft_future *send_some(struct side *f)
{
    static char bytes[600]; /* what is kept is copied */
    unsigned kind = fault_random(f->wire, 8);
    size_t size = fault_random(f->wire, kind ? 60 : 600), half;

    size = size < f->size - f->written ? size : f->size - f->written;
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(f->number, f->written + i);
    f->written += size;
    half = size / 2;
    if (kind < 3) {
        f->write_error = weft_stream_post(f->stream, bytes, size);
        return f->write_error ? weft_future_new_failed(loop, f->write_error)
                              : weft_stream_drain(f->stream);
    }
    if (kind < 5)
        return weft_stream_writev(
            f->stream, (struct iovec[3]){{bytes, half}, {NULL, 0}, {bytes + half, size - half}}, 3);
    return weft_stream_write(f->stream, bytes, size);
}

static weft_step sender(void *frame)
{
    struct sender *f = frame;

    WEFT_BEGIN(f);
    while (f->side->written < f->side->size) {
        WEFT_TRY_AWAIT(f, send_some(f->side));
        if (weft_failed(f)) {
            f->side->write_error = weft_failed(f);
            WEFT_RETURN(f, NULL);
        }
    }
    f->side->write_error = weft_stream_write_eof(f->side->stream);
    WEFT_END(f);
}
WEFT_GEN_TYPE(sender);

struct taker {
    weft_gen gen;
    struct side *side;
    unsigned kind;
    size_t size;
    char bytes[200];
    weft_future *future;
};

static weft_future *begin_read(struct taker *f)
{
    static const char *const separators[] = {"\n", "xy", "abc"};
    struct side *side = f->side;

    f->kind = fault_random(side->wire, 10);
    f->size = fault_random(side->wire, 10) ? fault_random(side->wire, 20) : 200;
    switch (f->kind) {
    case 0:
    case 1:
        return weft_stream_read(side->stream, f->bytes, f->size);
    case 2:
    case 3:
        return weft_stream_read_exactly(side->stream, f->bytes, f->size);
    case 4:
    case 5:
        return weft_stream_read_line(side->stream);
    case 6:
        return weft_stream_read_until(side->stream, separators, 3);
    case 7: /* begun, and given up */
        f->future = weft_stream_read_exactly(side->stream, f->bytes, 200);
        break;
    case 8:
        f->future = weft_stream_read_line(side->stream);
        break;
    default:
        f->future = weft_stream_read_all(side->stream);
        break;
    }
    return weft_sleep(NULL, 0);
}

/* Where the text that begins at `from` has its first separator's end; or `size`. */
static size_t line_end(int side, size_t from, size_t size)
{
    while (from < size)
        if (byte_at(side, from++) == '\n')
            break;
    return from;
}

/* Look at the outcome of a read that may have ended.  False: there will be no more. */
static bool account(struct taker *f, int error, const char *text)
{
    struct side *side = f->side;
    size_t count = weft_stream_count(side->stream);

    if (error == WEFT_ECANCELLED || error == WEFT_EOVERRUN)
        return true;
    if (error == WEFT_EINCOMPLETE) {
        if (f->kind != 6)
            check_bytes(side, f->bytes, count);
        return f->kind == 6 || !(side->eof = true);
    }
    if (error) {
        if (f->kind == 2 || f->kind == 3 || f->kind == 7)
            check_bytes(side, f->bytes, count);
        side->read_error = error;
        return !weft_stream_at_eof(side->stream) && count > 0 && f->kind != 7 ? true : false;
    }
    if (f->kind == 4 || f->kind == 8)
        ck_assert_uint_eq(side->read + count, line_end(!side->number, side->read, side->size));
    check_bytes(side, text, count);
    if (count == 0 && (f->kind == 4 || f->kind == 5 || f->kind >= 8 || f->size > 0))
        side->eof = true;
    return !side->eof;
}

/* A read that was given up: by a cancel, or by a drop. */
static bool give_up(struct taker *f)
{
    void *value = NULL;
    int error = WEFT_ECANCELLED;
    bool more;

    if (fault_random(f->side->wire, 2))
        (void)weft_future_cancel(f->future, NULL);
    if (weft_future_is_done(f->future))
        error = weft_future_result(f->future, &value);
    if (error == 0 && f->kind == 7)
        value = f->bytes;
    more = account(f, error, value);
    weft_future_unref(f->future);
    f->future = NULL;
    return more;
}

static weft_step taker(void *frame)
{
    struct taker *f = frame;
    bool more;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_TRY_AWAIT(f, begin_read(f));
        if (f->future)
            more = give_up(f);
        else
            more = account(f, weft_failed(f), f->kind < 4 ? f->bytes : weft_sent(f));
        if (!more)
            break;
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(taker);

/* What the streams are on. */
enum { WIRE, SOCKETS };

static void open_sides(struct fault_wire *wire, int on, int layers)
{
    int fds[2], little = 1;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        if (on == WIRE)
            close(fds[i]);
        else /* the system's least */
            ck_assert_int_eq(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
        sides[i].stream = on == WIRE ? fault_stream(wire, i) : stream_on(fds[i], i ? 2 : 0);
        for (int n = 0; n < layers; n++)
            (void)filter_add(sides[i].stream, wire->seed / 3 % 6);
    }
}

/* A wire with a writer and a reader at each end; until all four have ended. */
static struct fault_wire *play_on(int on, int layers, unsigned seed, size_t resets_after)
{
    struct fault_wire *wire = fault_new(seed, 1 + (seed * 7) % 200);
    weft_task *tasks[4];

    wire->held = true;
    wire->moods = seed % 12;
    wire->resets_after = resets_after;
    for (int i = 0; i < 2; i++)
        sides[i] = (struct side){.wire = wire, .number = i, .size = on == WIRE ? TEXT : 20 * TEXT};
    open_sides(wire, on, layers);
    for (int i = 0; i < 2; i++) {
        weft_stream_set_marks(sides[i].stream, seed % 40, seed % 160);
        weft_stream_set_limit(sides[i].stream, SIZE_MAX / 2);
        tasks[2 * i] = weft_task_new(loop, WEFT_CALL(sender, .side = &sides[i]));
        tasks[2 * i + 1] = weft_task_new(loop, WEFT_CALL(taker, .side = &sides[i]));
    }
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(run_task(tasks[i], NULL), 0);
    return wire;
}

static struct fault_wire *play(unsigned seed, size_t resets_after)
{
    return play_on(WIRE, 0, seed, resets_after);
}

static void stop(struct fault_wire *wire)
{
    for (int i = 0; i < 2; i++)
        weft_stream_free(sides[i].stream);
    fault_discard(wire);
    ck_assert_int_eq(filters, 0);
}

static void all_arrives(unsigned seed, int layers)
{
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(sides[i].read == sides[i].size && sides[i].read_error == 0,
                      "seed %u: %zu, %s", seed, sides[i].read, weft_errname(sides[i].read_error));
        ck_assert_int_eq(sides[i].write_error, 0);
        ck_assert(weft_stream_at_eof(sides[i].stream));
        if (layers < 2) /* else the lower one may wait for an answer that nobody reads any more */
            ck_assert_uint_eq(weft_stream_pending(sides[i].stream), 0);
    }
}

/* 183, 184, 185, 190, 193 */
RULE(what_is_written_is_read_byte_for_byte_whatever_the_wire_does)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct fault_wire *wire = play(seed, 0);

        all_arrives(seed, 0);
        ck_assert(wire->ended[0] && wire->ended[1]);
        stop(wire);
    }
}
END_RULE

/* 220 */
RULE(so_it_is_through_transports_that_hold_bytes_and_cross_directions)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct fault_wire *wire = play_on(WIRE, 1 + (int)seed % 2, seed, 0);

        all_arrives(seed, 1 + (int)seed % 2);
        stop(wire);
    }
}
END_RULE

/* 220: with edges, and without */
RULE(nor_are_they_forgotten_where_a_descriptor_tells_once)
{
    for (unsigned seed = 0; seed < seeds() / 4; seed++) {
        struct fault_wire *wire = play_on(SOCKETS, 1 + (int)seed % 2, seed, 0);

        all_arrives(seed, 1 + (int)seed % 2);
        stop(wire);
    }
}
END_RULE

/* 188, 191 */
RULE(a_reset_anywhere_ends_all_four_and_what_came_before_was_right)
{
    int resets = 0; /* of two sides each */

    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct fault_wire *wire = play(seed, 1 + (seed * 37) % (2 * TEXT));

        for (int i = 0; i < 2; i++) {
            ck_assert_uint_le(sides[i].read, TEXT);
            resets += weft_stream_error(sides[i].stream) == -ECONNRESET;
        }
        stop(wire);
    }
    ck_assert_int_gt(resets, (int)seeds());
}
END_RULE

/* 188, 220 */
RULE(so_does_a_reset_below_a_layer)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct fault_wire *wire = play_on(WIRE, 1, seed, 1 + (seed * 37) % (2 * TEXT));

        for (int i = 0; i < 2; i++)
            ck_assert_uint_le(sides[i].read, TEXT);
        stop(wire);
    }
}
END_RULE

RUN_SUITE("stream_faults", what_is_written_is_read_byte_for_byte_whatever_the_wire_does,
          so_it_is_through_transports_that_hold_bytes_and_cross_directions,
          nor_are_they_forgotten_where_a_descriptor_tells_once,
          a_reset_anywhere_ends_all_four_and_what_came_before_was_right,
          so_does_a_reset_below_a_layer)
