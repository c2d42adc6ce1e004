/* input.c - what a stream has from its transport: read straight into the caller's memory, or kept in `in`.
 *
 * What comes beyond a read's own need lands in `in`, by way of a scratch buffer on the C stack: a stream that is idle has
 * no buffer, and never more than WEFT__SCRATCH bytes are read that nobody has asked for.
 */
#include "config.h"

#include <errno.h>

#include "io/stream.h"

int weft__in_keep(weft_stream *stream, const void *bytes, size_t size, bool in_front)
{
    if (!stream->in && !(stream->in = evbuffer_new()))
        return -ENOMEM;
    return (in_front ? evbuffer_prepend : evbuffer_add)(stream->in, bytes, size) == 0 ? 0 : -ENOMEM;
}

/* evbuffer_remove would do, but its count is an int. */
size_t weft__in_take(weft_stream *stream, void *bytes, size_t size)
{
    ev_ssize_t n = stream->in && size > 0 ? evbuffer_copyout(stream->in, bytes, size) : 0;

    if (n <= 0)
        return 0;
    evbuffer_drain(stream->in, (size_t)n);
    return (size_t)n;
}

int weft__in_lose(weft_stream *stream)
{
    if (stream->in)
        evbuffer_drain(stream->in, weft__buffered(stream->in));
    stream->broken = true;
    if (!stream->error)
        stream->error = -ENOMEM;
    return stream->error;
}

/* The transport gave nothing.  Once the stream has failed, that is the end of what had come. */
static ssize_t nothing(weft_stream *stream, ssize_t n)
{
    if (!stream->error && n == -EAGAIN)
        return n;
    if (!stream->error && n == 0) {
        stream->eof = true;
        return 0;
    }
    stream->broken = true;
    if (!stream->error)
        stream->error = (int)n;
    return stream->error;
}

/* The transport has read, and may have something to send now, or room again.  Who waits for that, or for the failure, is
 * told later: here somebody reads. */
static void settle(weft_stream *stream)
{
    ssize_t before = stream->held;

    weft__stream_settle(stream);
    if (stream->held < before)
        (void)weft__stream_again(stream, WRITING);
}

ssize_t weft__in_fill(weft_stream *stream, void *bytes, size_t size, bool ahead)
{
    char scratch[WEFT__SCRATCH];
    struct iovec parts[2] = {{bytes, size < WEFT__BURST ? size : WEFT__BURST},
                             {scratch, sizeof(scratch)}};
    ssize_t n;

    if (stream->eof)
        return 0;
    if (stream->broken)
        return stream->error;
    n = stream->transport_type->read(stream->transport, size > 0 ? parts : parts + 1,
                                     size > 0 && ahead && size < sizeof(scratch) ? 2 : 1);
    settle(stream);
    if (n == -EAGAIN)
        weft__stream_look(stream);
    if (n <= 0)
        return nothing(stream, n);
    if ((size_t)n <= size)
        return n;
    if (weft__in_keep(stream, scratch, (size_t)n - size, false) != 0)
        return weft__in_lose(stream);
    return (ssize_t)size;
}
