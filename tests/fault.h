/* fault.h - a pair of streams over a wire in memory that does what wires do, by seed: it takes and gives what it likes, says
 * -EAGAIN for no reason, is reset, ends in one direction.
 *
 *     struct fault_wire *wire = fault_new(seed, capacity);
 *     weft_stream *a = fault_stream(wire, 0), *b = fault_stream(wire, 1);
 *     wire->resets_after = 1000;         the wire breaks once so many bytes were sent, from one side or the other
 *
 * A stream needs a weft_io to wait in: each end has one over its half of a socket pair, which is always writable, and
 * readable because the other half has sent a byte that nobody reads.  So whoever waits is asked again in the next turn
 * of a level-triggered loop.  The wire itself is freed with the second stream.
 */
#ifndef WEFT_TESTS_FAULT_H
#define WEFT_TESTS_FAULT_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

/* io_priv.h: level-triggered. */
enum { FAULT_LEVEL = 2 };

struct fault_end {
    struct fault_wire *wire;
    int side;
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
    int fds[2];
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
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, wire->fds), 0);
    ck_assert_int_eq(write(wire->fds[0], "!", 1), 1);
    ck_assert_int_eq(write(wire->fds[1], "!", 1), 1);
    return wire;
}

/* One end's stream.  Both must be made before the loop runs. */
static inline weft_stream *fault_stream(struct fault_wire *wire, int side)
{
    weft_io *io;

    ck_assert_int_eq(weft_io_new(loop, wire->fds[side], WEFT_IO_OWNED | FAULT_LEVEL, &io), 0);
    return weft_stream_new_on(io, &fault_type, &wire->ends[side]);
}

#endif
