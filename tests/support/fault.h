/* fault.h - a pair of streams over a wire in memory that does what wires do, by seed: it takes its time, takes and gives what
 * it likes, says -EAGAIN for no reason, is reset, ends in one direction.
 *
 *     struct fault_wire *wire = fault_new(seed, capacity);
 *     weft_stream *a = fault_stream(wire, 0), *b = fault_stream(wire, 1);
 *     wire->resets_after = 1000;         the wire breaks once so many bytes were sent, from one side or the other
 *
 * There is no descriptor: each end stands on a manual weft_io, and who waits is told again and again, each time after a
 * delay, in virtual time.  The wire itself is freed with the second stream.
 */
#ifndef WEFT_TESTS_FAULT_H
#define WEFT_TESTS_FAULT_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

struct fault_end {
    struct fault_wire *wire;
    weft_io *io;
    int side;
    bool wants[2]; /* to read, to write */
    weft_handle nudge;
    bool read_failed; /* it must not be asked again */
    bool said_end;
};

struct fault_wire {
    struct fault_end ends[2];
    char *bytes[2]; /* on their way from each side */
    size_t size[2], capacity;
    bool ended[2], freed[2];
    int error; /* it is broken */
    unsigned seed;
    unsigned moods;      /* of 16 calls, so many are refused or cut short: 0 is a good wire */
    size_t resets_after; /* bytes; 0: never */
    size_t sent;
    unsigned long calls;
    bool held; /* by the test: not freed with the streams */
};

static inline unsigned fault_random(struct fault_wire *wire, unsigned below)
{
    wire->seed = wire->seed * 1664525 + 1013904223;
    return (wire->seed >> 8) % below;
}

/* How many of `size` bytes the wire is in the mood for. */
static inline size_t fault_some(struct fault_wire *wire, size_t size)
{
    wire->calls++;
    if (size == 0 || fault_random(wire, 16) >= wire->moods)
        return size;
    return fault_random(wire, 2) ? 0 : 1 + fault_random(wire, (unsigned)size);
}

static inline ssize_t fault_read(void *transport, const struct iovec *parts, int count)
{
    struct fault_end *end = transport;
    struct fault_wire *wire = end->wire;
    int from = !end->side;
    size_t n = fault_some(wire, wire->size[from]), done = 0;

    ck_assert(!end->read_failed);
    end->read_failed = wire->size[from] == 0 && wire->error;
    if (wire->size[from] == 0)
        return wire->error ? wire->error : wire->ended[from] ? 0 : -EAGAIN;
    if (n == 0)
        return -EAGAIN;
    for (int i = 0; i < count && done < n; i++) {
        size_t part = parts[i].iov_len < n - done ? parts[i].iov_len : n - done;

        if (part > 0)
            memcpy(parts[i].iov_base, wire->bytes[from] + done, part);
        done += part;
    }
    memmove(wire->bytes[from], wire->bytes[from] + done, wire->size[from] - done);
    wire->size[from] -= done;
    return (ssize_t)done;
}

static inline ssize_t fault_write(void *transport, const struct iovec *parts, int count)
{
    struct fault_end *end = transport;
    struct fault_wire *wire = end->wire;
    size_t n, done = 0, room = wire->capacity - wire->size[end->side];

    if (wire->error)
        return wire->error;
    if (wire->freed[!end->side])
        return -EPIPE;
    ck_assert(!wire->ended[end->side]); /* nothing is written after the end */
    n = fault_some(wire, room);
    for (int i = 0; i < count && done < n; i++) {
        size_t part = parts[i].iov_len < n - done ? parts[i].iov_len : n - done;

        if (part > 0)
            memcpy(wire->bytes[end->side] + wire->size[end->side], parts[i].iov_base, part);
        wire->size[end->side] += part;
        done += part;
    }
    wire->sent += done;
    if (wire->resets_after && wire->sent >= wire->resets_after)
        wire->error = -ECONNRESET;
    return done || (wire->moods && fault_random(wire, 2)) ? (ssize_t)done : -EAGAIN;
}

static inline int fault_finish(void *transport)
{
    struct fault_end *end = transport;

    if (end->wire->error)
        return end->wire->error;
    if (fault_random(end->wire, 16) < end->wire->moods)
        return -EAGAIN;
    ck_assert(!end->wire->ended[end->side]); /* once */
    end->wire->ended[end->side] = end->said_end = true;
    return 0;
}

static inline void fault_discard(struct fault_wire *wire)
{
    free(wire->bytes[0]);
    free(wire->bytes[1]);
    free(wire);
}

static inline void fault_free(void *transport)
{
    struct fault_end *end = transport;
    struct fault_wire *wire = end->wire;

    ck_assert(!wire->freed[end->side]); /* once */
    weft_handle_cancel(loop, end->nudge);
    wire->freed[end->side] = true;
    wire->ended[end->side] = true;
    if (wire->freed[!end->side] && !wire->held)
        fault_discard(wire);
}

static const weft_transport_type fault_type = {.name = "fault",
                                               .read = fault_read,
                                               .write = fault_write,
                                               .end = fault_finish,
                                               .free = fault_free};

static inline struct fault_wire *fault_new(unsigned seed, size_t capacity)
{
    struct fault_wire *wire = calloc(1, sizeof(*wire));

    *wire = (struct fault_wire){.capacity = capacity, .seed = seed, .moods = 6};
    for (int i = 0; i < 2; i++) {
        wire->ends[i] = (struct fault_end){.wire = wire, .side = i};
        wire->bytes[i] = malloc(capacity);
    }
    return wire;
}

/* It tells who waits, and after a while again. */
static inline void fault_nudge(void *arg)
{
    struct fault_end *end = arg;
    double ms = fault_random(end->wire, 8);

    end->nudge = 0;
    if (!end->wants[0] && !end->wants[1])
        return;
    weft_io_ready(end->io, end->wants[0], end->wants[1]);
    ck_assert_int_eq(weft_call_later(loop, ms / 1000, fault_nudge, end, &end->nudge), 0);
}

static inline int fault_watch(void *arg, bool readable, bool writable)
{
    struct fault_end *end = arg;

    end->wants[0] = readable;
    end->wants[1] = writable;
    if (!end->nudge)
        fault_nudge(end);
    return 0;
}

/* Let a second pass: whoever waits is told many times. */
static inline void fault_pass(void)
{
    ck_assert_int_eq(run_task(weft_sleep(loop, 1), NULL), 0);
}

/* One end's stream. */
static inline weft_stream *fault_stream(struct fault_wire *wire, int side)
{
    struct fault_end *end = &wire->ends[side];

    ck_assert_int_eq(weft_io_new_manual(loop, fault_watch, end, &end->io), 0);
    return weft_stream_new_on(end->io, &fault_type, end);
}

#endif
