/* stream.c - streams: their life, and the transport that is a descriptor.
 *
 *   OPEN --close--> CLOSING --all is written--> CLOSED          Any state --a failure--> failed: `error` stays
 *     +------------------------abort, a failure---^
 *
 * Invariant: a stream waits for a direction of its weft_io exactly as long as the pending read, or what is unsent, wants
 * it; that is the direction's own, unless the transport says otherwise (TLS may have to write before it can read).
 * A stream that is CLOSING holds itself.
 *
 * Rejected: to let a failure of writing end reading at once.  A server that refuses a request answers, and closes: the
 * answer is in the system's buffer when the request's rest fails.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#ifdef HAVE_SYS_SENDFILE_H
#include <sys/sendfile.h>
#endif
#include <unistd.h>

#include "base/alloc.h"
#include "io/pipe.h"
#include "io/stream.h"

/* ---- the transport that is a descriptor ------------------------------------------------------------------ */

static ssize_t plain_read(void *transport, const struct iovec *parts, int count)
{
    weft_io *io = transport;
    ssize_t n;

    if (io->drained[READING])
        return -EAGAIN;
    do
        n = count == 1 ? read(io->fd, parts->iov_base, parts->iov_len) : readv(io->fd, parts, count);
    while (n < 0 && errno == EINTR);
    if (n > 0 && (size_t)n < weft__total(parts, count))
        weft__io_short(io);
    if (n >= 0)
        return n;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return -errno;
    io->drained[READING] = true;
    return -EAGAIN;
}

/* Nagle's algorithm goes with the second write: see connect.c. */
static inline void before_write(weft_io *io)
{
    if (weft__unlikely(io->nagle) && --io->nagle == 0)
        weft__no_delay(io->fd);
}

static ssize_t plain_write(void *transport, const struct iovec *parts, int count)
{
    weft_io *io = transport;
    ssize_t n;

    if (io->drained[WRITING])
        return -EAGAIN;
    before_write(io);
    count = count < IOV_MAX ? count : IOV_MAX;
    n = weft__io_send(io, parts, count);
    io->drained[WRITING] = n == -EAGAIN ||
                           (n >= 0 && (size_t)n < weft__total(parts, count)); /* full: see epoll(7) */
    return n;
}

#ifdef HAVE_SYS_SENDFILE_H
static ssize_t plain_send_file(void *transport, int fd, int64_t offset, size_t size)
{
    weft_io *io = transport;
    off_t at = (off_t)offset;
    struct weft__quiet quiet;
    ssize_t n;

    if (io->drained[WRITING])
        return -EAGAIN;
    before_write(io);
    weft__quiet_begin(&quiet);
    do
        n = sendfile(io->fd, fd, &at, size);
    while (n < 0 && errno == EINTR);
    n = n >= 0 ? n : errno == EWOULDBLOCK ? -EAGAIN : -errno;
    weft__quiet_end(&quiet, n == -EPIPE);
    io->drained[WRITING] = n == -EAGAIN;
    return n;
}
#endif

static int plain_end(void *transport)
{
    weft_io *io = transport;

    if (shutdown(io->fd, SHUT_WR) == 0 || errno == ENOTCONN) /* it was reset: who reads is told */
        return 0;
    if (errno != ENOTSOCK)
        return -errno;
    return io->flags & WEFT_IO_OWNED ? weft__pipe_end(io->fd) : 0; /* else it is not ours to end */
}

const weft_transport_type weft__descriptor_type = {.name = "descriptor",
                                                   .read = plain_read,
                                                   .write = plain_write,
#ifdef HAVE_SYS_SENDFILE_H
                                                   .send_file = plain_send_file,
#endif
                                                   .end = plain_end,
                                                   .silent_close = true};

/* ---- life ------------------------------------------------------------------------------------------------ */

static void stream_release(struct weft__object *object)
{
    weft_stream *stream = (weft_stream *)(void *)object;

    if (!stream->closed) {
        object->refs++; /* it is not to go twice */
        if (!object->loop->closed)
            weft__report(object->loop, "a stream was dropped without being closed", 0, NULL);
        weft__stream_finish_close(stream);
        object->refs--;
    }
    if (stream->in)
        evbuffer_free(stream->in);
    if (stream->out)
        evbuffer_free(stream->out);
}

static const struct weft__object_type stream_type = {.size = sizeof(weft_stream),
                                                     .release = stream_release};

static void leave(weft_stream *stream, enum weft__direction direction)
{
    if (stream->waiting[direction])
        weft__io_leave(stream->io, direction);
    stream->waiting[direction] = false;
}

static void on_closed(struct weft__wait *wait, int error)
{
    weft_stream *stream = weft__container_of(wait, weft_stream, wait);

    stream->object.refs++;
    stream->broken = true;
    if (!stream->error)
        stream->error = error; /* so nothing is waited for again */
    leave(stream, READING);
    leave(stream, WRITING);
    weft__stream_fail_read(stream, stream->error);
    weft__stream_fail(stream, error);
    weft__object_unref(&stream->object);
}

/* Whether what reads or writes waits for that direction. */
static inline bool wants(const weft_stream *stream, enum weft__direction who,
                         enum weft__direction what)
{
    return (stream->wants[who] >> what & 1) != 0;
}

/* The descriptor is ready. */
static void on_ready(struct weft__wait *wait, enum weft__direction direction)
{
    weft_stream *stream = weft__container_of(wait, weft_stream, wait);

    stream->object.refs++;
    if (stream->read && wants(stream, READING, direction))
        (void)weft__read_step(stream->read);
    if (!stream->closed && weft__stream_unsent(stream) && wants(stream, WRITING, direction))
        (void)weft__stream_flush(stream);
    weft__object_unref(&stream->object);
}

static const struct weft__wait_type wait_type = {on_ready, on_closed};

weft_stream *weft_stream_new_on(weft_io *io, const weft_transport_type *type, void *transport)
{
    weft_stream *stream = weft__object_new(io->loop, &stream_type);

    if (stream->object.error) {
        if (type->free)
            type->free(transport);
        weft_io_close(io);
        return stream;
    }
    stream->transport_type = type;
    stream->transport = transport;
    stream->io = io;
    stream->wait.type = &wait_type;
    stream->wants[READING] = WEFT_READABLE;
    stream->wants[WRITING] = WEFT_WRITABLE;
    weft__queue_init(&stream->drains);
    weft__queue_init(&stream->closes);
    stream->limit = 64 * 1024;
    stream->low = 16 * 1024;
    stream->high = 64 * 1024;
    weft__stream_arm(stream);
    return stream;
}

weft_stream *weft_stream_new(weft_io *io)
{
    return weft_stream_new_on(io, &weft__descriptor_type, io);
}

weft_stream *weft_stream_ref(weft_stream *stream)
{
    if (!stream->object.error)
        stream->object.refs++;
    return stream;
}

void weft_stream_unref(weft_stream *stream)
{
    weft__object_unref((struct weft__object *)(void *)stream);
}

static inline int watch(weft_stream *stream, enum weft__direction direction, bool wanted)
{
    int error;

    if (wanted == stream->waiting[direction])
        return 0;
    if (!wanted) {
        leave(stream, direction);
        return 0;
    }
    error = weft__io_wait(stream->io, direction, &stream->wait);
    stream->waiting[direction] = !error;
    return error;
}

int weft__stream_watch(weft_stream *stream)
{
    bool reads = stream->read, writes = weft__stream_unsent(stream);
    int error = 0;

    for (int i = READING; i <= WRITING && !error && !stream->closed; i++)
        error = watch(stream, (enum weft__direction)i,
                      (reads && wants(stream, READING, (enum weft__direction)i)) ||
                          (writes && wants(stream, WRITING, (enum weft__direction)i)));
    return error;
}

void weft__stream_blocked(weft_stream *stream, enum weft__direction direction)
{
    const weft_transport_type *type = stream->transport_type;
    unsigned own = direction == WRITING ? WEFT_WRITABLE : WEFT_READABLE;

    stream->wants[direction] = (uint8_t)(type->wants
                                             ? type->wants(stream->transport, direction == WRITING)
                                             : own);
}

void weft__stream_settle(weft_stream *stream)
{
    const weft_transport_type *type = stream->transport_type;

    if (!type->flush || stream->held < 0 || stream->error)
        return;
    stream->held = type->flush(stream->transport);
    if (stream->held > 0)
        weft__stream_blocked(stream, WRITING);
}

void weft__stream_look(weft_stream *stream)
{
    const weft_transport_type *type = stream->transport_type;

    if (stream->read && !stream->closed && type->has_input && type->has_input(stream->transport))
        (void)weft__stream_again(stream, READING);
}

/* ---- the end --------------------------------------------------------------------------------------------- */

/* Tell who waits for the end. */
static void end_closes(weft_stream *stream)
{
    struct weft__waiter *first;

    if (stream->object.loop->closed)
        weft__waiters_fail(&stream->closes, WEFT_ECLOSED);
    else if (stream->error && stream->error != WEFT_ECLOSED)
        weft__waiters_fail(&stream->closes, stream->error);
    while ((first = weft__waiter_first(&stream->closes)))
        weft__waiter_finish(first, NULL, NULL);
}

/* What nobody has asked for goes back to where it came from. */
static void unread(weft_stream *stream)
{
    if (stream->transport_type->unread && weft__buffered(stream->in) > 0)
        stream->transport_type->unread(stream->transport, stream->in);
}

/* Close the descriptor, and tell who waits for it.  The stream may go with the last of them. */
void weft__stream_finish_close(weft_stream *stream)
{
    int error = stream->error ? stream->error : WEFT_ECLOSED;

    if (stream->closed)
        return;
    stream->closing = stream->closed = true;
    stream->object.refs++;
    leave(stream, READING);
    leave(stream, WRITING);
    weft__stream_fail_read(stream, error);
    weft__waiters_fail(&stream->drains, error);
    weft__files_fail(stream, error);
    if (stream->again.node.next)
        weft__queue_remove(&stream->again.node);
    if (stream->io) { /* else it was taken out */
        unread(stream);
        weft__io_unregister(stream->io); /* the transport may be what it stands for */
        if (stream->transport_type->free)
            stream->transport_type->free(stream->transport);
        weft__layers_free(stream);
        weft_io_close(stream->io);
    }
    stream->io = NULL;
    end_closes(stream);
    if (stream->holds_itself) {
        stream->holds_itself = false;
        weft__object_unref(&stream->object);
    }
    weft__object_unref(&stream->object);
}

void weft__stream_fail(weft_stream *stream, int error)
{
    if (stream->closed)
        return;
    if (!stream->error)
        stream->error = error;
    stream->object.refs++;
    if (stream->out)
        evbuffer_drain(stream->out, weft__buffered(stream->out));
    stream->held = 0;
    (void)weft__stream_watch(stream);
    weft__waiters_fail(&stream->drains, stream->error);
    weft__files_fail(stream, stream->error);
    if (stream->closing || stream->broken) {
        weft__stream_fail_read(stream, stream->error);
    } else {
        stream->io->drained[READING] = false; /* what came before the failure */
        if (stream->read)
            (void)weft__read_step(stream->read);
    }
    if (stream->closing)
        weft__stream_finish_close(stream);
    weft__object_unref(&stream->object);
}

static const struct weft__future_type closed_type = WEFT__WAITER_TYPE("stream_wait_closed",
                                                                      struct weft__waiter);

static bool close_cancel(weft_future *future, const char *reason, const char *where)
{
    weft_stream *stream = (weft_stream *)(void *)weft__waiter(future)->object;

    stream->object.refs++;
    (void)weft__waiter_cancel(future, reason, where);
    weft_stream_abort(stream);
    weft__object_unref(&stream->object);
    return true;
}

static const struct weft__future_type close_type = {.name = "stream_close",
                                                    .size = sizeof(struct weft__waiter),
                                                    .cancel = close_cancel,
                                                    .drop = weft__waiter_drop};

static weft_future *wait_closed(weft_stream *stream, const struct weft__future_type *type)
{
    weft_loop *loop = stream->object.loop;

    if (!stream->closed)
        return weft__waiter_new(&stream->object, &stream->closes, type);
    if (stream->error && stream->error != WEFT_ECLOSED)
        return weft__object_failed(&stream->object, stream->error);
    if (loop->closed) /* the future may outlive the stream, and the loop's own ones with it */
        return weft_future_new_done_at(loop, NULL, type->name);
    return weft__object_at_once(&stream->object);
}

weft_future *weft_stream_wait_closed(weft_stream *stream)
{
    if (stream->object.error)
        return weft__object_failed(&stream->object, stream->object.error);
    return wait_closed(stream, &closed_type);
}

weft_future *weft_stream_close(weft_stream *stream)
{
    weft_future *future;

    if (stream->object.error)
        return weft__object_failed(&stream->object, stream->object.error);
    weft__check_thread(stream->object.loop, "weft_stream_close");
    if (stream->closing)
        return wait_closed(stream, &close_type);
    stream->closing = true;
    if (!stream->error && !stream->transport_type->silent_close)
        stream->eof_asked = true;
    if (!weft__stream_unsent(stream) || stream->object.loop->closed) {
        weft__stream_finish_close(stream);
        return wait_closed(stream, &close_type);
    }
    stream->object.refs++; /* it goes on alone, until what was written is out */
    stream->holds_itself = true;
    future = wait_closed(stream, &close_type);
    weft__stream_fail_read(stream, WEFT_ECLOSED); /* without memory for what goes back, all ends */
    if (!stream->closed && !weft__stream_kept(stream))
        (void)weft__stream_flush(stream); /* `end`, and what is held */
    return future;
}

void weft_stream_abort(weft_stream *stream)
{
    if (!stream || stream->object.error || stream->closed)
        return;
    weft__check_thread(stream->object.loop, "weft_stream_abort");
    stream->closing = true;
    weft__stream_fail(stream, WEFT_ECLOSED);
}

void weft_stream_free(weft_stream *stream)
{
    weft_stream_abort(stream);
    weft_stream_unref(stream);
}

bool weft_stream_is_closing(const weft_stream *stream)
{
    return stream->object.error || stream->closing;
}

void weft_stream_set_limit(weft_stream *stream, size_t limit)
{
    if (stream->object.error)
        return;
    stream->limit = limit;
    stream->limit_set = true;
}

int weft_stream_error(const weft_stream *stream)
{
    return stream->object.error ? stream->object.error : stream->error;
}

int weft_stream_fd(const weft_stream *stream)
{
    return stream->object.error || !stream->io ? -1 : weft_io_fd(stream->io);
}

size_t weft_stream_count(const weft_stream *stream)
{
    return stream->object.error ? 0 : stream->count;
}

bool weft_stream_at_eof(const weft_stream *stream)
{
    return stream->object.error || (stream->eof && !weft__buffered(stream->in));
}
