/* filter.h - a transport on a transport that is as awkward as TLS may be: it holds bytes in both directions, and reads
 * wait for writes, writes for reads.
 *
 * Bytes go in records of up to 15, xored, behind their size.  Now and then a writer asks for an answer (ASK) and writes
 * nothing more before it has come (ANSWER), which the write itself looks for; a reader that is asked reads nothing more
 * before its answer is out.  END is the end: without it, the end of what is below is a reset.
 *
 *     struct filter *filter = filter_add(stream, seed);      freed with the stream; `filters` counts those that live
 */
#ifndef WEFT_TESTS_FILTER_H
#define WEFT_TESTS_FILTER_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

enum { FILTER_END = 0, FILTER_RECORD = 15, FILTER_ASK = 0x80, FILTER_ANSWER = 0x81 };

struct filter {
    weft_transport below;
    unsigned char in[4096], out[80], plain[FILTER_RECORD]; /* of a record, what was not read yet */
    size_t in_size, out_size, plain_size;
    unsigned records, ask_each; /* 0: never */
    bool awaits;                /* an answer */
    bool owes;                  /* one, which is in `out` */
    bool eof;
    int error;
};

static int filters;

static inline bool filter_whole(const struct filter *f)
{
    return f->in_size > 0 && (f->in[0] > FILTER_RECORD || f->in_size > f->in[0]);
}

static inline void filter_remove(struct filter *f, size_t at, size_t size)
{
    memmove(f->in + at, f->in + at + size, f->in_size - at - size);
    f->in_size -= size;
}

/* Read what is below.  Errors: -EAGAIN; -ECONNRESET: it has ended. */
static inline int filter_fetch(struct filter *f)
{
    struct iovec part = {f->in + f->in_size, sizeof(f->in) - f->in_size};
    ssize_t n;

    if (f->error || part.iov_len == 0)
        return f->error ? f->error : -EAGAIN;
    n = f->below.type->read(f->below.transport, &part, 1);
    if (n > 0)
        f->in_size += (size_t)n;
    else if (n != -EAGAIN)
        f->error = n < 0 ? (int)n : -ECONNRESET;
    return n > 0 ? 0 : n == -EAGAIN ? -EAGAIN : f->error;
}

/* Look for the answer, among what has come. */
static inline void filter_look(struct filter *f)
{
    while (filter_fetch(f) == 0)
        ;
    for (size_t at = 0; at<f->in_size; at += f->in[at]> FILTER_RECORD ? 1u : f->in[at] + 1u)
        if (f->in[at] == FILTER_ANSWER) {
            filter_remove(f, at, 1);
            f->awaits = false;
            return;
        }
}

/* The next record, which is whole. */
static inline void filter_open(struct filter *f)
{
    size_t size = f->in[0];

    if (size == FILTER_ASK) {
        ck_assert_uint_lt(f->out_size, sizeof(f->out));
        f->out[f->out_size++] = FILTER_ANSWER;
        f->owes = true;
        size = 0;
    } else if (size == FILTER_ANSWER) {
        f->awaits = false;
        size = 0;
    } else if (size == FILTER_END) {
        f->eof = true;
    }
    for (size_t i = 0; i < size; i++)
        f->plain[i] = f->in[1 + i] ^ 0x5a;
    f->plain_size = size;
    filter_remove(f, 0, 1 + size);
}

static inline ssize_t filter_read(void *transport, const struct iovec *parts, int count)
{
    struct filter *f = transport;
    size_t done = 0;
    int error = 0;

    while (!f->plain_size && !f->eof && !f->owes && !error) {
        if (filter_whole(f))
            filter_open(f);
        else
            error = filter_fetch(f);
    }
    if (f->eof)
        return 0;
    if (!f->plain_size)
        return error ? error : -EAGAIN;
    for (int i = 0; i < count && done < f->plain_size; i++) {
        size_t part = parts[i].iov_len < f->plain_size - done ? parts[i].iov_len
                                                              : f->plain_size - done;

        if (part > 0)
            memcpy(parts[i].iov_base, f->plain + done, part);
        done += part;
    }
    f->plain_size -= done;
    memmove(f->plain, f->plain + done, f->plain_size);
    return (ssize_t)done;
}

/* Room for one more record, an ASK and an ANSWER. */
static inline bool filter_has_room(const struct filter *f)
{
    return sizeof(f->out) - f->out_size >= FILTER_RECORD + 3;
}

static inline ssize_t filter_write(void *transport, const struct iovec *parts, int count)
{
    struct filter *f = transport;
    size_t done = 0, at = 0;
    int i = 0;

    if (f->awaits)
        filter_look(f);
    while (i < count && !f->awaits && filter_has_room(f)) {
        unsigned char *record = f->out + f->out_size;
        size_t size = 0;

        for (; i < count && size < FILTER_RECORD; at < parts[i].iov_len ? at++ : (i++, at = 0))
            if (at < parts[i].iov_len)
                record[++size] = ((const unsigned char *)parts[i].iov_base)[at] ^ 0x5a;
        if (size == 0)
            break;
        record[0] = (unsigned char)size;
        f->out_size += 1 + size;
        done += size;
        if (f->ask_each && ++f->records % f->ask_each == 0) {
            f->out[f->out_size++] = FILTER_ASK;
            f->awaits = true;
        }
    }
    return done ? (ssize_t)done : -EAGAIN;
}

static inline ssize_t filter_flush(void *transport)
{
    struct filter *f = transport;
    ssize_t n = 0;

    if (f->awaits)
        filter_look(f);
    while (f->out_size && n >= 0) {
        struct iovec part = {f->out, f->out_size};

        n = f->below.type->write(f->below.transport, &part, 1);
        if (n == 0)
            break;
        if (n > 0) {
            f->out_size -= (size_t)n;
            memmove(f->out, f->out + n, f->out_size);
        }
    }
    if (n < 0 && n != -EAGAIN)
        return n;
    f->owes = f->owes && f->out_size;
    n = f->below.type->flush(f->below.transport);
    return n < 0 ? n : n + (ssize_t)f->out_size + f->awaits;
}

static inline int filter_end(void *transport)
{
    struct filter *f = transport;

    if (f->awaits || !filter_has_room(f))
        return -EAGAIN;
    f->out[f->out_size++] = FILTER_END;
    return 0;
}

static inline unsigned filter_wants(void *transport, bool writing)
{
    struct filter *f = transport;
    unsigned in = f->below.type->wants(f->below.transport, false);
    unsigned out = f->below.type->wants(f->below.transport, true);

    if (writing)
        return (f->awaits ? in : 0) | (f->out_size || !f->awaits ? out : 0);
    return f->owes ? out : in;
}

static inline bool filter_has_input(void *transport)
{
    struct filter *f = transport;

    return !f->owes && (f->plain_size || f->eof || f->error || filter_whole(f) ||
                        f->below.type->has_input(f->below.transport));
}

static inline void filter_free(void *transport)
{
    filters--;
    free(transport);
}

static const weft_transport_type filter_type = {.name = "filter",
                                                .read = filter_read,
                                                .write = filter_write,
                                                .end = filter_end,
                                                .wants = filter_wants,
                                                .flush = filter_flush,
                                                .has_input = filter_has_input,
                                                .free = filter_free};

static inline struct filter *filter_add(weft_stream *stream, unsigned ask_each)
{
    struct filter *f = calloc(1, sizeof(*f));

    f->ask_each = ask_each;
    ck_assert_int_eq(weft_stream_add_layer(stream, &filter_type, f, &f->below), 0);
    filters++;
    return f;
}

#endif
