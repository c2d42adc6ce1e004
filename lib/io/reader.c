/* reader.c - a stream's reading: one read at a time, straight into the caller's memory where it can be.
 *
 * A read is tried at once, and whenever the descriptor is readable: its `step` takes what was read too much before
 * (`in`), and then calls the transport.  What comes beyond a read's own need lands in `in`, by way of a scratch
 * buffer on the C stack: a stream that is idle has no buffer, and never more than WEFT__SCRATCH bytes are read that
 * nobody has asked for.
 *
 * Invariant: while a read is pending, `in` is empty, unless it looks for a separator in it.  So what it has taken can go
 * back in front.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/loop.h"
#include "io/stream.h"

/* ---- bytes ----------------------------------------------------------------------------------------------- */

/* Keep bytes for the next read, at one end or the other.  Errors: -ENOMEM. */
static int keep(weft_stream *stream, const void *bytes, size_t size, bool in_front)
{
    if (!stream->in && !(stream->in = evbuffer_new()))
        return -ENOMEM;
    return (in_front ? evbuffer_prepend : evbuffer_add)(stream->in, bytes, size) == 0 ? 0 : -ENOMEM;
}

/* Bytes are lost: what is behind them is no good. */
static int lose(weft_stream *stream)
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

/* Read into `bytes`, and what is more into `in`.  Returns how many went into `bytes`, 0 at the end or if `size` is 0, or an
 * error: the stream's, or -EAGAIN. */
static ssize_t fill(weft_stream *stream, void *bytes, size_t size, bool ahead)
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
    if (n <= 0)
        return nothing(stream, n);
    if ((size_t)n <= size)
        return n;
    if (keep(stream, scratch, (size_t)n - size, false) != 0)
        return lose(stream);
    return (ssize_t)size;
}

/* ---- a read's end ---------------------------------------------------------------------------------------- */

/* It waits no longer. */
static void leave(weft_stream *stream)
{
    stream->read = NULL;
    (void)weft__stream_watch(stream);
}

static const struct weft__read_type line_type, all_type;

/* A read that has not ended has its stream. */
static inline weft_stream *stream_of(const struct weft__read *read)
{
    return (weft_stream *)(void *)read->waiter.object;
}

/* What a read has taken goes back: the next one begins with it.  False: it is lost. */
static bool give_back(struct weft__read *read)
{
    weft_stream *stream = stream_of(read);
    bool kept = read->got == 0 || (stream->closing && !stream->transport_type->unread) ||
                keep(stream, read->u.to.bytes, read->got, true) == 0;

    if (!kept)
        (void)lose(stream);
    if (read->waiter.future.type == &all_type.base)
        free(read->u.to.bytes);
    read->u.to.bytes = NULL;
    read->got = 0;
    return kept;
}

static bool end(struct weft__read *read, void *value, void (*destroy)(void *), size_t count)
{
    weft_stream *stream = stream_of(read);

    stream->count = count;
    leave(stream);
    weft__waiter_finish(&read->waiter, value, destroy);
    return true;
}

static bool end_int(struct weft__read *read, size_t count)
{
    return end(read, weft_from_int((intptr_t)count), NULL, count);
}

static bool end_failed(struct weft__read *read, int error, size_t count)
{
    weft_stream *stream = stream_of(read);

    bool lost = read->waiter.future.type == &all_type.base && !give_back(read);

    stream->object.refs++;
    stream->count = count;
    leave(stream);
    weft__waiter_fail(&read->waiter, error);
    if (lost)
        weft__stream_fail(stream, -ENOMEM);
    weft__object_unref(&stream->object);
    return true;
}

/* What the transport said when it gave nothing: wait, or fail. */
static bool not_now(struct weft__read *read, ssize_t n)
{
    weft_stream *stream = stream_of(read);
    int error = (int)n;

    if (n == -EAGAIN) {
        weft__stream_blocked(stream, READING);
        error = weft__stream_watch(stream);
        if (!error)
            return false;
    }
    stream->object.refs++;
    (void)end_failed(read, error, read->got);
    weft__stream_fail(stream, error);
    weft__object_unref(&stream->object);
    return true;
}

/* There may be more, but others have their turn first. */
static bool later(struct weft__read *read)
{
    int error = weft__io_again(stream_of(read)->io, READING);

    return not_now(read, error ? error : -EAGAIN);
}

void weft__stream_fail_read(weft_stream *stream, int error)
{
    if (stream->read)
        (void)end_failed(stream->read, error, stream->read->got);
}

/* ---- steps ----------------------------------------------------------------------------------------------- */

/* Take from `in` what the read can use. */
static void take_kept(weft_stream *stream, struct weft__read *read)
{
    if (weft__buffered(stream->in) && read->got < read->u.to.size)
        read->got += (size_t)evbuffer_remove(stream->in, read->u.to.bytes + read->got,
                                             read->u.to.size - read->got);
}

static bool step_read(struct weft__read *read)
{
    weft_stream *stream = stream_of(read);
    ssize_t n;

    take_kept(stream, read);
    if (read->got > 0 || read->u.to.size == 0)
        return end_int(read, read->got);
    n = fill(stream, read->u.to.bytes, read->u.to.size, false);
    return n < 0 ? not_now(read, n) : end_int(read, (size_t)n);
}

static bool step_exactly(struct weft__read *read)
{
    weft_stream *stream = stream_of(read);
    size_t before = read->got;

    take_kept(stream, read);
    while (read->got < read->u.to.size) {
        ssize_t n;

        if (weft__stream_burst(stream, read->got - before))
            return later(read);
        n = fill(stream, read->u.to.bytes + read->got, read->u.to.size - read->got, true);
        if (n < 0)
            return not_now(read, n);
        if (n == 0)
            return end_failed(read, WEFT_EINCOMPLETE, read->got);
        read->got += (size_t)n;
    }
    return end_int(read, read->got);
}

/* Hand out the first bytes of `in` as a string. */
static bool end_string(struct weft__read *read, size_t size)
{
    weft_stream *stream = stream_of(read);
    char *text = malloc(size + 1);

    if (!text)
        return end_failed(read, -ENOMEM, 0);
    if (size > 0)
        evbuffer_remove(stream->in, text, size);
    text[size] = 0;
    return end(read, text, free, size);
}

/* Where the first separator ends, or 0. */
static size_t find(weft_stream *stream, struct weft__read *read)
{
    size_t first = 0, size = weft__buffered(stream->in);
    size_t searched = (size_t)read->waiter.u.number;

    for (size_t i = 0; i < read->u.until.count && size > 0; i++) {
        size_t length = strlen(read->u.until.separators[i]);
        size_t from = searched + 1 > length ? searched + 1 - length : 0;
        struct evbuffer_ptr start, at;

        if (length > size || evbuffer_ptr_set(stream->in, &start, from, EVBUFFER_PTR_SET))
            continue;
        at = evbuffer_search(stream->in, read->u.until.separators[i], length, &start);
        if (at.pos >= 0 && (!first || (size_t)at.pos + length < first))
            first = (size_t)at.pos + length;
    }
    read->waiter.u.number = (intptr_t)size;
    return first;
}

static bool step_until(struct weft__read *read)
{
    weft_stream *stream = stream_of(read);
    bool is_line = read->waiter.future.type == &line_type.base;

    for (;;) {
        size_t found = find(stream, read), size = weft__buffered(stream->in);
        ssize_t n;

        if (found > stream->limit || (!found && size > stream->limit))
            return end_failed(read, WEFT_EOVERRUN, found ? found : size);
        if (found)
            return end_string(read, found);
        if (stream->eof && is_line)
            return end_string(read, size);
        if (stream->eof)
            return end_failed(read, WEFT_EINCOMPLETE, size);
        n = fill(stream, NULL, 0, true);
        if (n < 0)
            return not_now(read, n);
    }
}

/* Let `bytes` grow, by half or more, to hold `least`.  Errors: -ENOMEM. */
static int grow(struct weft__read *read, size_t least)
{
    size_t half_more = read->u.to.size + read->u.to.size / 2;
    size_t size = half_more > least ? half_more : least;
    char *bytes = realloc(read->u.to.bytes, size + 1);

    if (!bytes)
        return -ENOMEM;
    read->u.to.bytes = bytes;
    read->u.to.size = size;
    return 0;
}

/* Read behind what came.  Who waits for the first byte has no buffer yet: it is read on the stack.  Returns as `fill`. */
static ssize_t fill_more(weft_stream *stream, struct weft__read *read)
{
    char first[WEFT__SCRATCH];
    ssize_t n;

    if (read->u.to.size > 0)
        return fill(stream, read->u.to.bytes + read->got, read->u.to.size - read->got, true);
    n = fill(stream, first, sizeof(first), false);
    if (n <= 0)
        return n;
    if (grow(read, 2 * (size_t)n) != 0)
        return keep(stream, first, (size_t)n, true) == 0 ? -ENOMEM : lose(stream);
    memcpy(read->u.to.bytes, first, (size_t)n);
    return n;
}

/* Make room for what is kept, and for more.  Errors: -ENOMEM. */
static int make_room(struct weft__read *read, size_t kept)
{
    if (read->got < read->u.to.size || (read->u.to.size == 0 && kept == 0))
        return 0;
    return grow(read, read->got + kept + 4096);
}

static bool end_all(struct weft__read *read)
{
    char *text = read->u.to.bytes;

    if (!text && !(text = malloc(1)))
        return end_failed(read, -ENOMEM, 0);
    text[read->got] = 0;
    read->u.to.bytes = NULL;
    return end(read, text, free, read->got);
}

static bool step_all(struct weft__read *read)
{
    weft_stream *stream = stream_of(read);
    size_t limit = stream->limit_set ? stream->limit : SIZE_MAX - 1, before = read->got;

    for (;;) {
        ssize_t n;

        if (make_room(read, weft__buffered(stream->in)) != 0)
            return end_failed(read, -ENOMEM, read->got);
        take_kept(stream, read);
        if (read->got > limit)
            return end_failed(read, WEFT_EOVERRUN, read->got);
        if (weft__stream_burst(stream, read->got - before))
            return later(read);
        if (read->got > 0 && read->got == read->u.to.size)
            continue;
        n = fill_more(stream, read);
        if (n == -ENOMEM && !stream->error)
            return end_failed(read, -ENOMEM, read->got);
        if (n < 0)
            return not_now(read, n);
        if (n == 0 && !weft__buffered(stream->in))
            return end_all(read);
        read->got += (size_t)n;
    }
}

/* ---- the calls ------------------------------------------------------------------------------------------- */

/* It ends without an outcome. */
static void withdraw(struct weft__read *read)
{
    weft_stream *stream = stream_of(read);
    bool kept = give_back(read);

    leave(stream);
    if (!kept)
        weft__stream_fail(stream, -ENOMEM);
}

static bool read_cancel(weft_future *future, const char *reason, const char *where)
{
    struct weft__read *read = (struct weft__read *)(void *)future;

    stream_of(read)->io->drained[READING] = false; /* ask once more */
    if (weft__read_step(read))
        return false; /* the outcome was at hand */
    withdraw(read);
    return weft__waiter_cancel(future, reason, where);
}

static void read_drop(weft_future *future)
{
    withdraw((struct weft__read *)(void *)future);
    weft__waiter_drop(future);
}

#define READ_TYPE(what, step) \
    { \
        {.name = (what), \
         .size = sizeof(struct weft__read), \
         .cancel = read_cancel, \
         .drop = read_drop}, \
            (step) \
    }
static const struct weft__read_type read_type = READ_TYPE("stream_read", step_read);
static const struct weft__read_type exactly_type = READ_TYPE("stream_read_exactly", step_exactly);
static const struct weft__read_type until_type = READ_TYPE("stream_read_until", step_until);
static const struct weft__read_type line_type = READ_TYPE("stream_read_line", step_until);
static const struct weft__read_type all_type = READ_TYPE("stream_read_all", step_all);

/* What speaks against a read, or 0. */
static int read_error(const weft_stream *stream)
{
    if (stream->object.error)
        return stream->object.error;
    if (stream->closing)
        return WEFT_ECLOSED;
    if (stream->read)
        return -EBUSY;
    if (weft__await_doomed(stream->object.loop))
        return WEFT_ECANCELLED; /* what it would bring would be lost */
    return weft__buffered(stream->in) || stream->eof || !stream->broken ? 0 : stream->error;
}

/* Make a read, which weft__read_step begins; or a future that has failed. */
static struct weft__read *begin(weft_stream *stream, const struct weft__read_type *type)
{
    struct weft__read *read;
    int error = read_error(stream);

    if (error) {
        if (!stream->object.error && error != -EBUSY)
            stream->count = 0;
        return (struct weft__read *)(void *)weft__object_failed(&stream->object, error);
    }
    weft__check_thread(stream->object.loop, "a read from a stream");
    read = (struct weft__read *)(void *)weft__waiter_new(&stream->object, NULL, &type->base);
    if (!weft__done(&read->waiter.future))
        stream->read = read;
    return read;
}

/* Read into memory. */
static weft_future *read_to(weft_stream *stream, const struct weft__read_type *type, void *bytes,
                            size_t size)
{
    struct weft__read *read = begin(stream, type);

    if (!weft__done(&read->waiter.future)) {
        read->u.to.bytes = bytes;
        read->u.to.size = size;
        (void)weft__read_step(read);
    }
    return &read->waiter.future;
}

/* Read up to a separator. */
static weft_future *read_until(weft_stream *stream, const struct weft__read_type *type,
                               const char *const *separators, size_t count)
{
    struct weft__read *read = begin(stream, type);

    if (!weft__done(&read->waiter.future)) {
        read->u.until.separators = separators;
        read->u.until.count = count;
        (void)weft__read_step(read);
    }
    return &read->waiter.future;
}

weft_future *weft_stream_read(weft_stream *stream, void *buffer, size_t size)
{
    return read_to(stream, &read_type, buffer, size);
}

weft_future *weft_stream_read_exactly(weft_stream *stream, void *buffer, size_t size)
{
    return read_to(stream, &exactly_type, buffer, size);
}

weft_future *weft_stream_read_until(weft_stream *stream, const char *const *separators, size_t count)
{
    bool empty = count == 0;

    for (size_t i = 0; i < count; i++)
        empty = empty || !*separators[i];
    if (empty)
        return weft__object_failed(&stream->object, -EINVAL);
    return read_until(stream, &until_type, separators, count);
}

weft_future *weft_stream_read_line(weft_stream *stream)
{
    static const char *const newline[] = {"\n"};

    return read_until(stream, &line_type, newline, 1);
}

weft_future *weft_stream_read_all(weft_stream *stream)
{
    return read_to(stream, &all_type, NULL, 0);
}
