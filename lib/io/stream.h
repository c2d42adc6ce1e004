/* io/stream.h - what a stream is inside: shared by its life, its reader and its writer. */
#ifndef WEFT_IO_STREAM_H
#define WEFT_IO_STREAM_H

#include <event2/buffer.h>
#include <weft/stream.h>

#include "io/io.h"
#include "sync/waiters.h"

enum { WEFT__SCRATCH = 8 * 1024 }; /* so much is read ahead of a small read, at most */

/* A read under way.  `waiter.u.number`: so many bytes of what has come hold no separator's end. */
struct weft__read {
    struct weft__waiter waiter;
    size_t got;
    char *bytes; /* the caller's, or what grows: read_all's, and that of a long line */
    size_t size;
    const char *const *separators;
    size_t count;
};

struct weft__read_type {
    struct weft__future_type base;
    /* Go on: end, or wait for more.  Returns whether it has ended. */
    bool (*step)(struct weft__read *read);
};

static inline bool weft__read_step(struct weft__read *read)
{
    return ((const struct weft__read_type *)(const void *)read->waiter.future.type)->step(read);
}

/* What each message needs comes first: of a hundred thousand streams, each line is a cache miss. */
struct weft_stream {
    struct weft__object object;
    weft_io *io;
    const weft_transport_type *transport_type;
    void *transport;
    struct weft__read *read; /* the one that is pending */
    struct weft__wait wait;  /* in either direction of the weft_io: */
    bool waiting[2];
    uint8_t wants[2]; /* what a read, and what is to be written, waits for: a set of directions */
    bool limit_set;
    bool eof;       /* the peer has ended */
    bool broken;    /* nothing more can be read: the transport is not asked again */
    bool eof_asked; /* write_eof */
    bool eof_sent;
    bool closing, closed;
    bool holds_itself;    /* closing, and not written out yet */
    int error;            /* it failed: what all further calls answer, once what had come is read */
    struct evbuffer *in;  /* what was read too much.  NULL: nothing, ever */
    struct evbuffer *out; /* what is to be written; the same */
    struct weft__file *files; /* to be sent, among what is in `out` */
    size_t count, high, low, limit;
    struct weft__node drains; /* who waits for the low mark */
    struct weft__node closes; /* who waits for the end */
    ssize_t held;             /* by the transport, to be sent; or what its flush has failed with */
    struct weft__layer *layers; /* what the transport stands on, if it is not the descriptor */
    struct weft__hook again;    /* in the ready queue: the transport is to be tried again */
};

/* A file on its way, or a part of one: a descriptor of our own. */
struct weft__file {
    struct weft__file *next;
    struct weft__waiter *waiter; /* NULL: nobody waits for it any more */
    int fd;
    int64_t offset;
    size_t left, sent;
    size_t before; /* so many bytes of `out` go out first, besides those that go before earlier files */
};

extern const weft_transport_type weft__descriptor_type; /* a descriptor, alone */

/* stream.c: wait for what the pending read and what is unsent want, and for nothing else.  Errors: the backend's. */
int weft__stream_watch(weft_stream *stream);
/* After -EAGAIN: what this direction waits for. */
void weft__stream_blocked(weft_stream *stream, enum weft__direction direction);
/* The transport's own output has its turn, after a call of the transport that may have made some. */
void weft__stream_settle(weft_stream *stream);
/* It may have something to give though the descriptor is silent: see to it that a read that waits is tried again. */
void weft__stream_look(weft_stream *stream);
/* layer.c: try again in this direction, after others have had their turn.  Errors: the backend's. */
int weft__stream_again(weft_stream *stream, enum weft__direction direction);
/* A transport has come: it may have something to say. */
void weft__stream_arm(weft_stream *stream);
/* Free what the transport stood on. */
void weft__layers_free(weft_stream *stream);
/* It has failed, or is closed: everything that waits ends. */
void weft__stream_fail(weft_stream *stream, int error);
void weft__stream_finish_close(weft_stream *stream);

/* input.c: keep bytes for the next read, at one end or the other.  Errors: -ENOMEM. */
int weft__in_keep(weft_stream *stream, const void *bytes, size_t size, bool in_front);
/* Take up to `size` bytes out of what is kept; returns how many. */
size_t weft__in_take(weft_stream *stream, void *bytes, size_t size);
/* Bytes are lost: what is behind them is no good.  Returns the error, -ENOMEM or an earlier one. */
int weft__in_lose(weft_stream *stream);
/* Read into `bytes`; `ahead`, or if `size` is 0: and what is more into `in`.  Returns how many went into `bytes`, 0 at the
 * end or if `size` is 0, or an error: the stream's, or -EAGAIN. */
ssize_t weft__in_fill(weft_stream *stream, void *bytes, size_t size, bool ahead);
/* reader.c: let the read that is pending fail. */
void weft__stream_fail_read(weft_stream *stream, int error);
/* sendfile.c: send of the first file what goes.  Errors: -EAGAIN: not all of it, yet. */
int weft__file_push(weft_stream *stream);
void weft__files_fail(weft_stream *stream, int error);
/* writer.c: what speaks against writing, or 0. */
int weft__stream_write_error(const weft_stream *stream);
/* writer.c: write what is unsent, as much as goes; wait for more, or close.  Returns the error that it failed with. */
int weft__stream_flush(weft_stream *stream);

static inline size_t weft__buffered(const struct evbuffer *buffer)
{
    return buffer ? evbuffer_get_length(buffer) : 0;
}

static inline size_t weft__total(const struct iovec *parts, int count)
{
    size_t size = 0;

    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

/* What counts against the marks. */
static inline size_t weft__stream_marked(const weft_stream *stream)
{
    return weft__buffered(stream->out) + (stream->held > 0 ? (size_t)stream->held : 0);
}

/* Whether something is left to be written. */
static inline bool weft__stream_kept(const weft_stream *stream)
{
    return weft__buffered(stream->out) > 0 || stream->files;
}

/* Whether something is left to be told to the peer. */
static inline bool weft__stream_unsent(const weft_stream *stream)
{
    return !stream->error && (weft__stream_kept(stream) || stream->held != 0 ||
                              (stream->eof_asked && !stream->eof_sent));
}

#endif
