/* weft/stream.h - byte streams: reads that wait for enough, writes that wait for room.
 *
 *     WEFT_AWAIT(f, weft_open_connection(NULL, "example.org", "80"));
 *     f->stream = weft_take(f);
 *     WEFT_AWAIT(f, weft_stream_write(f->stream, request, size));
 *     WEFT_AWAIT(f, weft_stream_read_line(f->stream));            line = weft_sent(f)
 *     WEFT_AWAIT(f, weft_stream_read(f->stream, f->buffer, sizeof f->buffer));    n = weft_sent_int(f)
 *     WEFT_AWAIT(f, weft_stream_close(f->stream));
 *     cleanup: weft_stream_free(f->stream);
 *
 *     OPEN --close--> CLOSING: what was written goes out --> CLOSED: the descriptor is closed
 *       +-----abort, free, or an error while closing----------^
 *     Reading ends by itself at the end of the stream; writing by write_eof, which leaves reading open.
 *
 * A stream reads only when somebody wants to read: who does not read slows the peer down.  It writes at once what the
 * system takes, and keeps the rest; a write waits while more than the high mark is kept.
 *
 * One reader at a time: a second one gets -EBUSY.  Several tasks may write; each write stays in one piece.
 * A failure stays, whichever side it met: it wakes the reader and all writers, and whoever reads or writes after it gets
 * the same error.  Bytes that had come before are read first.
 *
 * Source: asyncio.StreamReader and StreamWriter.  What differs: a write is awaited, in place of write and drain; writing
 * without waiting has a name of its own; a write after close is an error.
 */
#ifndef WEFT_STREAM_H
#define WEFT_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <weft/io.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evbuffer;

typedef struct weft_stream weft_stream;

/* ---- Life ------------------------------------------------------------------------------------------------ */

/* Make a stream on a descriptor.  Ownership: takes the weft_io, also when it fails.  One reference for you.
 * Errors: never NULL: without memory, or on a closed loop, it is one whose calls answer -ENOMEM or WEFT_ECLOSED. */
WEFT_API weft_stream *weft_stream_new(weft_io *io) WEFT_NODISCARD;

/* What carries a stream's bytes: a descriptor, or what another library puts between (TLS).  Each call gives a number of
 * bytes, 0 or -errno, and never waits: it gives -EAGAIN, and is called again once the descriptor is ready.  Until then it
 * is called again and again, so it may take or give less than it could.  After another error it is not called again.
 * It must not call the stream. */
typedef struct weft_transport_type {
    const char *name;
    ssize_t (*read)(void *transport, const struct iovec *parts, int count);  /* 0: the end */
    ssize_t (*write)(void *transport, const struct iovec *parts, int count); /* 0: as -EAGAIN */
    /* Send part of a file, as write does.  -EINVAL or -ENOSYS: of this file it cannot; then, and if this is NULL, the
     * file is read and written.  0: there is no more of it. */
    ssize_t (*send_file)(void *transport, int fd, int64_t offset, size_t size);
    /* No more will be written: write_eof, or a close; once, unless it gives -EAGAIN.  An error is the stream's failure,
     * and the close's.  So where nobody need hear a farewell (TLS's close_notify, to a peer that has gone), give 0. */
    int (*end)(void *transport);
    bool silent_close; /* a close alone calls no `end`: what is below goes on, or tells the peer by itself */
    /* After -EAGAIN: whether a read waits for the descriptor to be writable, or a write for readable; or NULL. */
    bool (*crossed)(void *transport, bool writing);
    /* The stream closes, or is aborted: take out what was read and nobody has asked for.  Before `free`; not called if
     * there is nothing.  What you leave is lost; all, if this is NULL. */
    void (*unread)(void *transport, struct evbuffer *bytes);
    void (*free)(void *transport); /* the weft_io is closed by the stream, after this */
} weft_transport_type;

/* Make a stream on a transport of yours, over a descriptor.  Takes both, also when it fails.  Else as weft_stream_new. */
WEFT_API weft_stream *weft_stream_new_on(weft_io *io, const weft_transport_type *type,
                                         void *transport) WEFT_NODISCARD;
WEFT_API weft_stream *weft_stream_ref(weft_stream *stream);
/* At the last one, a stream that was not closed is aborted, and reported.  One that is CLOSING goes on by itself.
 * NULL is fine. */
WEFT_API void weft_stream_unref(weft_stream *stream);

/* Close: nothing more is read or written by others; what was written goes out; then the descriptor is closed.  Done with
 * NULL when it is; idempotent.
 * Errors: what kept the rest, or the end, from going out, or had failed before; the descriptor is closed all the same.
 * WEFT_ECLOSED: the loop was closed meanwhile.  A stream that somebody aborts meanwhile is closed, too: no error.
 * Cancelled: aborts.  Dropped: goes on. */
WEFT_API weft_future *weft_stream_close(weft_stream *stream) WEFT_NODISCARD;
/* Close now: what has not gone out is dropped; waiters end with WEFT_ECLOSED.  NULL is fine. */
WEFT_API void weft_stream_abort(weft_stream *stream);
/* Abort and unref: for cleanups.  NULL is fine. */
WEFT_API void weft_stream_free(weft_stream *stream);
/* Wait until it is closed, by whoever does so.  Errors: as above.  Cancelled: changes nothing. */
WEFT_API weft_future *weft_stream_wait_closed(weft_stream *stream) WEFT_NODISCARD;
WEFT_API bool weft_stream_is_closing(const weft_stream *stream);
/* What went wrong with it: 0, its failure, or why it could not be made. */
WEFT_API int weft_stream_error(const weft_stream *stream);
/* Its descriptor, to ask for names and set options; -1: closed. */
WEFT_API int weft_stream_fd(const weft_stream *stream);

/* How many bytes one read_line, read_until or read_all may bring: 64 KB by default (read_all: no limit by default). */
WEFT_API void weft_stream_set_limit(weft_stream *stream, size_t limit);
/* The marks of what is kept to be written: a write waits above `high` (64 KB), until it is `low` (16 KB) or less. */
WEFT_API void weft_stream_set_marks(weft_stream *stream, size_t low, size_t high);

/* ---- Reading ---------------------------------------------------------------------------------------------
 *
 * All: Errors: -EBUSY: another read is pending; WEFT_ECLOSED; -ENOMEM; what the system says.
 * Cancelled: tries once more first; what has come then wins if it is enough.  Else nothing is lost: the next read begins
 * with it.  (Without memory to keep it, the stream fails with -ENOMEM.) */

/* Read up to `size` bytes into your memory, at least one.  Result: how many (an integer); 0: end of the stream,
 * or size 0.  The buffer must stay until the future is done. */
WEFT_API weft_future *weft_stream_read(weft_stream *stream, void *buffer,
                                       size_t size) WEFT_NODISCARD;

/* Read exactly `size` bytes into your memory.  Result: `size`.
 * Errors: WEFT_EINCOMPLETE: the stream ended before; what came is in the buffer, weft_stream_count bytes. */
WEFT_API weft_future *weft_stream_read_exactly(weft_stream *stream, void *buffer,
                                               size_t size) WEFT_NODISCARD;

/* Read up to and with the first separator; of several that end at the same byte, the longest.  Result: char *, with a NUL
 * behind it, owned: weft_take makes it yours, free frees it; weft_stream_count is its length.
 * Ownership: the separators must stay until the future is done.
 * Errors: WEFT_EINCOMPLETE: the stream ended before a separator; the rest can still be read, weft_stream_count bytes.
 * WEFT_EOVERRUN: what ends with the separator is longer than the limit (weft_stream_count says how long), or more than the
 * limit has come and no separator in it (so many bytes have come); they can still be read.
 * -EINVAL: no separators, or an empty one. */
WEFT_API weft_future *weft_stream_read_until(weft_stream *stream, const char *const *separators,
                                             size_t count) WEFT_NODISCARD;

/* Read a line, with its newline; at the end of the stream what is left; "" after that.  Result: as read_until.
 * Errors: WEFT_EOVERRUN. */
WEFT_API weft_future *weft_stream_read_line(weft_stream *stream) WEFT_NODISCARD;

/* Read to the end of the stream.  Result: as read_until.
 * Errors: WEFT_EOVERRUN: more than a limit that was set.  After any error the bytes that came can still be read. */
WEFT_API weft_future *weft_stream_read_all(weft_stream *stream) WEFT_NODISCARD;

/* How many bytes the last read brought. */
WEFT_API size_t weft_stream_count(const weft_stream *stream);
/* Whether the stream has ended, and all of it was read. */
WEFT_API bool weft_stream_at_eof(const weft_stream *stream);

/* ---- Writing ---------------------------------------------------------------------------------------------
 *
 * All: Errors: WEFT_ECLOSED: after close or write_eof; -ENOMEM: nothing of it was written, or (weft_stream_error says so)
 * the stream has failed; what the system says (-EPIPE, -ECONNRESET). */

/* Write; what does not go out at once is copied.  Suspends: only while more than the high mark is kept.
 * Cancelled: the bytes go out all the same: a write stays in one piece. */
WEFT_API weft_future *weft_stream_write(weft_stream *stream, const void *bytes,
                                        size_t size) WEFT_NODISCARD;
/* The same with several buffers, in one system call where it can be. */
WEFT_API weft_future *weft_stream_writev(weft_stream *stream, const struct iovec *parts,
                                         int count) WEFT_NODISCARD;
/* Write without waiting for room: fire and forget.  Returns 0 or an error. */
WEFT_API int weft_stream_post(weft_stream *stream, const void *bytes, size_t size);
/* Write a file, or `size` bytes of it from `offset` on (SIZE_MAX: to its end), in order with what is written before and
 * after; without copying it where the system can.  Result: how many bytes (an integer): fewer than `size` if it ends
 * before.
 * Ownership: the descriptor stays yours, and may be closed at once; its position is neither used nor moved.
 * Suspends: until all of it has been handed to the system.  A disk that is slow holds up the loop.
 * Errors: -EINVAL: no regular file, or an offset below 0; -EBADF; -ENOMEM, -EMFILE: nothing of it was written.  A file that
 * cannot be read (-EIO) is the stream's failure: nobody could tell what is missing.
 * Cancelled: it goes out all the same, as a write does; abort the stream to stop it.
 * Source: loop.sendfile. */
WEFT_API weft_future *weft_stream_sendfile(weft_stream *stream, int fd, int64_t offset,
                                           size_t size) WEFT_NODISCARD;
/* Wait until no more than the low mark is kept. */
WEFT_API weft_future *weft_stream_drain(weft_stream *stream) WEFT_NODISCARD;
/* End writing, after what was written; reading stays open.  Returns 0, also if it is closing, or the stream's error. */
WEFT_API int weft_stream_write_eof(weft_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
