/* reader.c - a stream's reading: one read at a time, straight into the caller's memory where it can be.
 *
 * A read is tried at once, and whenever the descriptor is readable: its `step` takes what was read too much before
 * (`in`), and then calls the transport (input.c).
 *
 * Invariant: while a read is pending, `in` is empty, unless it looks for a separator in it.  So what it has taken can go
 * back in front.
 *
 * A separator is looked for in `in`, where many lines come at once.  A line that grows long is read into memory of its
 * own, which becomes the result: in an evbuffer, to find the place where the search goes on takes the longer, the more
 * has come; and the copy of a line of 400 MB holds up the loop.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/loop.h"
#include "io/stream.h"

enum { LONG_LINE = 64 * 1024 }; /* from so many bytes on */

/* ---- a read's end ---------------------------------------------------------------------------------------- */

/* It waits no longer. */
static void leave(weft_stream *stream)
{
    stream->read = NULL;
    (void)weft__stream_watch(stream);
}

static const struct weft__read_type until_type, line_type, all_type;

/* Whether `bytes` are the read's own. */
static inline bool grows(const struct weft__read *read)
{
    const struct weft__future_type *type = read->waiter.future.type;

    return type == &all_type.base || type == &until_type.base || type == &line_type.base;
}

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
                weft__in_keep(stream, read->bytes, read->got, true) == 0;

    if (!kept)
        (void)weft__in_lose(stream);
    if (grows(read))
        free(read->bytes);
    read->bytes = NULL;
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

    bool lost = grows(read) && !give_back(read);

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
    int error = weft__stream_again(stream_of(read), READING);

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
    if (weft__buffered(stream->in) && read->got < read->size)
        read->got += weft__in_take(stream, read->bytes + read->got, read->size - read->got);
}

static bool step_read(struct weft__read *read)
{
    weft_stream *stream = stream_of(read);
    ssize_t n;

    take_kept(stream, read);
    if (read->got > 0 || read->size == 0)
        return end_int(read, read->got);
    n = weft__in_fill(stream, read->bytes, read->size, false);
    return n < 0 ? not_now(read, n) : end_int(read, (size_t)n);
}

static bool step_exactly(struct weft__read *read)
{
    weft_stream *stream = stream_of(read);
    size_t before = read->got;

    take_kept(stream, read);
    while (read->got < read->size) {
        ssize_t n;

        if (read->got - before >= WEFT__BURST)
            return later(read);
        n = weft__in_fill(stream, read->bytes + read->got, read->size - read->got, true);
        if (n < 0)
            return not_now(read, n);
        if (n == 0)
            return end_failed(read, WEFT_EINCOMPLETE, read->got);
        read->got += (size_t)n;
    }
    return end_int(read, read->got);
}

/* Let `bytes` grow, by half or more, to hold `least`.  Errors: -ENOMEM. */
static int grow(struct weft__read *read, size_t least)
{
    size_t half_more = read->size + read->size / 2;
    size_t size = half_more > least ? half_more : least;
    char *bytes = realloc(read->bytes, size + 1);

    if (!bytes)
        return -ENOMEM;
    read->bytes = bytes;
    read->size = size;
    return 0;
}

/* ---- to a separator -------------------------------------------------------------------------------------- */

/* Hand out the first bytes of `in` as a string. */
static bool end_string(struct weft__read *read, size_t size)
{
    char *text = malloc(size + 1);

    if (!text)
        return end_failed(read, -ENOMEM, 0);
    (void)weft__in_take(stream_of(read), text, size);
    text[size] = 0;
    return end(read, text, free, size);
}

/* Hand out the first of the read's own bytes; the others are kept. */
static bool end_own(struct weft__read *read, size_t size)
{
    char *text = read->bytes;

    if (size < read->got && weft__in_keep(stream_of(read), text + size, read->got - size, true) != 0)
        return end_failed(read, -ENOMEM, 0);
    text[size] = 0;
    read->bytes = NULL;
    read->got = 0;
    return end(read, text, free, size);
}

/* Where a separator ends in `in`, or 0. */
static size_t find_kept(struct evbuffer *in, const char *separator, size_t length, size_t from)
{
    struct evbuffer_ptr start, at;

    if (evbuffer_ptr_set(in, &start, from, EVBUFFER_PTR_SET) != 0)
        return 0;
    at = evbuffer_search(in, separator, length, &start);
    return at.pos >= 0 ? (size_t)at.pos + length : 0;
}

/* The same in the read's own bytes. */
static size_t find_own(const struct weft__read *read, const char *separator, size_t length,
                       size_t from)
{
    const char *at = read->bytes + from, *end = read->bytes + read->got;

    while ((size_t)(end - at) >= length &&
           (at = memchr(at, *separator, (size_t)(end - at) - length + 1)) != NULL) {
        if (memcmp(at, separator, length) == 0)
            return (size_t)(at - read->bytes) + length;
        at++;
    }
    return 0;
}

/* Where the first separator ends, or 0.  What was searched before is not searched again. */
static size_t find(weft_stream *stream, struct weft__read *read)
{
    size_t first = 0, size = read->bytes ? read->got : weft__buffered(stream->in);
    size_t searched = (size_t)read->waiter.u.number;

    for (size_t i = 0; i < read->count && size > 0; i++) {
        const char *separator = read->separators[i];
        size_t length = strlen(separator), end;
        size_t from = searched + 1 > length ? searched + 1 - length : 0;

        if (length > size)
            continue;
        end = read->bytes ? find_own(read, separator, length, from)
                          : find_kept(stream->in, separator, length, from);
        if (end && (!first || end < first))
            first = end;
    }
    read->waiter.u.number = (intptr_t)size;
    return first;
}

/* Read more; a long line into memory of its own.  Returns as `fill`; -ENOMEM without an error of the stream's: try
 * again later. */
static ssize_t fill_line(weft_stream *stream, struct weft__read *read)
{
    ssize_t n;

    if (!read->bytes && weft__buffered(stream->in) < LONG_LINE)
        return weft__in_fill(stream, NULL, 0, true);
    if (read->got == read->size && grow(read, read->got + weft__buffered(stream->in) + 4096) != 0)
        return -ENOMEM;
    take_kept(stream, read);
    n = weft__in_fill(stream, read->bytes + read->got, read->size - read->got, false);
    read->got += n > 0 ? (size_t)n : 0;
    return n;
}

static size_t come(const weft_stream *stream, const struct weft__read *read)
{
    return read->got + weft__buffered(stream->in);
}

static bool step_until(struct weft__read *read)
{
    weft_stream *stream = stream_of(read);
    bool is_line = read->waiter.future.type == &line_type.base;
    size_t before = come(stream, read);

    for (;;) {
        size_t found = find(stream, read), size = come(stream, read);
        ssize_t n;

        if (found > stream->limit || (!found && size > stream->limit))
            return end_failed(read, WEFT_EOVERRUN, found ? found : size);
        if (found || (stream->eof && is_line))
            return (read->bytes ? end_own : end_string)(read, found ? found : size);
        if (stream->eof)
            return end_failed(read, WEFT_EINCOMPLETE, size);
        if (size - before >= WEFT__BURST)
            return later(read);
        n = fill_line(stream, read);
        if (n == -ENOMEM && !stream->error)
            return end_failed(read, -ENOMEM, size);
        if (n < 0)
            return not_now(read, n);
    }
}

/* ---- to the end ------------------------------------------------------------------------------------------ */

/* Read behind what came.  Who waits for the first byte has no buffer yet: it is read on the stack.  Returns as `fill`. */
static ssize_t fill_more(weft_stream *stream, struct weft__read *read)
{
    char first[WEFT__SCRATCH];
    ssize_t n;

    if (read->size > 0)
        return weft__in_fill(stream, read->bytes + read->got, read->size - read->got, true);
    n = weft__in_fill(stream, first, sizeof(first), false);
    if (n <= 0)
        return n;
    if (grow(read, 2 * (size_t)n) != 0)
        return weft__in_keep(stream, first, (size_t)n, true) == 0 ? -ENOMEM : weft__in_lose(stream);
    memcpy(read->bytes, first, (size_t)n);
    return n;
}

/* Make room for what is kept, and for more.  Errors: -ENOMEM. */
static int make_room(struct weft__read *read, size_t kept)
{
    if (read->got < read->size || (read->size == 0 && kept == 0))
        return 0;
    return grow(read, read->got + kept + 4096);
}

static bool end_all(struct weft__read *read)
{
    char *text = read->bytes;

    if (!text && !(text = malloc(1)))
        return end_failed(read, -ENOMEM, 0);
    text[read->got] = 0;
    read->bytes = NULL;
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
        if (read->got - before >= WEFT__BURST)
            return later(read);
        if (read->got > 0 && read->got == read->size)
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
        read->bytes = bytes;
        read->size = size;
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
        read->separators = separators;
        read->count = count;
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
