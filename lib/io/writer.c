/* writer.c - a stream's writing: at once what the system takes; the rest is kept, in order.
 *
 * Invariant: what is kept (`out`, and `files` among it) or held by the transport is not empty exactly while the stream
 * waits to write.  Nothing
 * is written past it: so each write stays in one piece.  Before it waits, the transport has said -EAGAIN, or there is
 * an event to come (weft__io_again): a write that took a part does not do, for with edges nothing more might be told.
 *
 * Rejected: to make the future of a write that must wait after the bytes are on their way.  Without memory, the caller
 * would be told -ENOMEM of bytes that go out all the same.
 */
#include "config.h"

#include <errno.h>

#include "core/loop.h"
#include "io/stream.h"

enum { PARTS = 16 }; /* of what is kept, in one call */

int weft__stream_write_error(const weft_stream *stream)
{
    if (stream->object.error)
        return stream->object.error;
    if (stream->error)
        return stream->error;
    return stream->object.loop->closed || stream->closing || stream->eof_asked ? WEFT_ECLOSED : 0;
}

/* Keep what is behind the first `skip` bytes.  Errors: -ENOMEM. */
static int keep(weft_stream *stream, const struct iovec *parts, int count, size_t skip)
{
    if (!stream->out && !(stream->out = evbuffer_new()))
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        size_t size = parts[i].iov_len;

        if (skip < size &&
            evbuffer_add(stream->out, (const char *)parts[i].iov_base + skip, size - skip) != 0)
            return -ENOMEM;
        skip -= skip < size ? skip : size;
    }
    return 0;
}

/* Write, and keep the rest.  A failure is the stream's from now on. */
static int put(weft_stream *stream, const struct iovec *parts, int count, size_t size)
{
    bool first = !weft__stream_kept(stream);
    ssize_t n = 0;
    int error = 0;

    if (size == 0)
        return 0;
    if (first) {
        n = stream->transport_type->write(stream->transport, parts, count);
        if (n >= 0)
            weft__stream_settle(stream);
    }
    if (n == -EAGAIN)
        n = 0;
    if (n < 0)
        error = (int)n;
    else if ((size_t)n < size)
        error = keep(stream, parts, count, (size_t)n);
    if (error)
        weft__stream_fail(stream, error);
    else if (first && ((size_t)n < size || stream->transport_type->flush))
        error = weft__stream_flush(stream);
    return error;
}

/* ---- what is kept goes out ------------------------------------------------------------------------------- */

/* Find up to `size` bytes of what is kept, and no more than a burst.  Returns the number of parts. */
static int peek(const weft_stream *stream, size_t size, struct iovec *parts)
{
    struct evbuffer_iovec kept[PARTS];
    size_t left = size < WEFT__BURST ? size : WEFT__BURST;
    int count = evbuffer_peek(stream->out, (ev_ssize_t)left, NULL, kept, PARTS);

    count = count < PARTS ? count : PARTS;
    for (int i = 0; i < count; i++) {
        size_t part = kept[i].iov_len < left ? kept[i].iov_len : left;

        parts[i] = (struct iovec){kept[i].iov_base, part};
        left -= part;
    }
    return count;
}

/* Write what is kept before the first file.  Errors: -EAGAIN: not all of it, yet. */
static int push_bytes(weft_stream *stream)
{
    size_t size = stream->files ? stream->files->before : weft__buffered(stream->out), before = size;

    while (size > 0) {
        struct iovec parts[PARTS];
        int count;
        ssize_t n;

        if (before - size >= WEFT__BURST) {
            int error = weft__stream_again(stream, WRITING);

            return error ? error : -EAGAIN;
        }
        count = peek(stream, size, parts);
        n = stream->transport_type->write(stream->transport, parts, count);
        if (n <= 0)
            return n < 0 ? (int)n : -EAGAIN;
        evbuffer_drain(stream->out, (size_t)n);
        size -= (size_t)n;
        if (stream->files)
            stream->files->before = size;
    }
    return 0;
}

/* Write what is kept.  Errors: -EAGAIN: not all of it, yet. */
static int push_kept(weft_stream *stream)
{
    int error = 0;

    while (!error && weft__stream_kept(stream)) {
        error = push_bytes(stream);
        if (!error && stream->files)
            error = weft__file_push(stream);
    }
    return error;
}

/* The transport sends what it holds.  Errors: -EAGAIN: not all of it, yet. */
static int push_held(weft_stream *stream)
{
    weft__stream_settle(stream);
    return stream->held > 0 ? -EAGAIN : (int)stream->held;
}

/* Write what is kept and held, and end writing if that was asked for.  Errors: -EAGAIN: not all of it, yet. */
static int push(weft_stream *stream)
{
    size_t before = weft_stream_pending(stream);
    int error, held;

    if (stream->held < 0) /* a read was told so */
        return (int)stream->held;
    error = push_kept(stream);
    if (error && error != -EAGAIN)
        return error;
    held = push_held(stream);
    if (held)
        return held;
    if (error && stream->transport_type->flush && weft_stream_pending(stream) < before)
        (void)weft__stream_again(stream, WRITING); /* it has room now, of which no descriptor tells */
    if (error || !stream->eof_asked || stream->eof_sent)
        return error;
    error = stream->transport_type->end(stream->transport);
    stream->eof_sent = error != -EAGAIN;
    return error ? error : push_held(stream);
}

static void wake_drains(weft_stream *stream)
{
    struct weft__waiter *first;

    while (weft__stream_marked(stream) <= stream->low &&
           (first = weft__waiter_first(&stream->drains)))
        weft__waiter_finish(first, NULL, NULL);
}

int weft__stream_flush(weft_stream *stream)
{
    int error = push(stream);

    stream->object.refs++;
    if (error == -EAGAIN) {
        weft__stream_blocked(stream, WRITING);
        error = 0;
    }
    if (!error)
        error = weft__stream_watch(stream);
    if (error)
        weft__stream_fail(stream, error);
    else
        wake_drains(stream);
    if (!error && stream->closing && !weft__stream_unsent(stream))
        weft__stream_finish_close(stream);
    weft__stream_look(stream); /* what was written, or answered, may be what a read has waited for */
    weft__object_unref(&stream->object);
    return error;
}

/* ---- the calls ------------------------------------------------------------------------------------------- */

static const struct weft__future_type write_type = WEFT__WAITER_TYPE("stream_write",
                                                                     struct weft__waiter);

weft_future *weft_stream_writev(weft_stream *stream, const struct iovec *parts, int count)
{
    size_t size = weft__total(parts, count);
    int error = weft__stream_write_error(stream);
    weft_future *future = NULL;

    if (error)
        return weft__object_failed(&stream->object, error);
    weft__check_thread(stream->object.loop, "a write to a stream");
    if (weft__stream_marked(stream) + size > stream->high) { /* it may have to wait */
        future = weft__waiter_new(&stream->object, &stream->drains, &write_type);
        if (weft__done(future))
            return future;
    }
    error = put(stream, parts, count, size); /* if it fails, the waiters do */
    if (!future)
        return error ? weft__object_failed(&stream->object, error)
                     : weft__object_at_once(&stream->object);
    if (!weft__done(future) && weft__stream_marked(stream) <= stream->high)
        weft__waiter_finish(weft__waiter(future), NULL, NULL);
    return future;
}

weft_future *weft_stream_write(weft_stream *stream, const void *bytes, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)bytes, size};

    return weft_stream_writev(stream, &part, 1);
}

int weft_stream_post(weft_stream *stream, const void *bytes, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    int error = weft__stream_write_error(stream);

    return error ? error : put(stream, &part, 1, size);
}

size_t weft_stream_pending(const weft_stream *stream)
{
    size_t size;

    if (stream->object.error)
        return 0;
    size = weft__stream_marked(stream);
    for (const struct weft__file *file = stream->files; file; file = file->next)
        size += file->left;
    return size;
}

weft_future *weft_stream_drain(weft_stream *stream)
{
    int error = stream->object.error ? stream->object.error : stream->error;

    if (!error && (stream->closing || stream->object.loop->closed))
        error = WEFT_ECLOSED;
    if (error)
        return weft__object_failed(&stream->object, error);
    if (weft__stream_marked(stream) <= stream->low)
        return weft__object_at_once(&stream->object);
    return weft__waiter_new(&stream->object, &stream->drains, &write_type);
}

int weft_stream_write_eof(weft_stream *stream)
{
    int error = stream->object.error ? stream->object.error : stream->error;

    if (error || stream->closing || stream->eof_asked)
        return error;
    if (stream->object.loop->closed)
        return WEFT_ECLOSED;
    stream->eof_asked = true;
    return weft__stream_kept(stream) ? 0 : weft__stream_flush(stream);
}

void weft_stream_set_marks(weft_stream *stream, size_t low, size_t high)
{
    if (stream->object.error)
        return;
    stream->low = low < high ? low : high;
    stream->high = high;
    wake_drains(stream);
}
