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
 * A stream reads only when somebody wants to read: who does not read slows the peer down.  So there is no pause_reading and
 * resume_reading: to pause is not to read, and nothing comes meanwhile that somebody would have to keep.
 * It writes at once what the system takes, and keeps the rest; a write waits while more than the high mark is kept.
 *
 * A task goes on in the same step where it need not wait, up to 64 awaits in a row.  So one who writes to many streams
 * without waiting (weft_stream_post) may give one of them a lot before its peer has had a chance to read: what is
 * kept then says nothing of how slow the peer is.  weft_stream_pending tells how much it is; look again a round later.
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
 * It must not call the stream, but for weft_stream_wake.
 *
 * Bytes that it holds by itself are never forgotten.  Those to be sent: `flush` says how many there are, and is called
 * after each write and each read, until it says 0; a drain, a close and write_eof wait for that.  Those that have come:
 * `has_input` says that a read would give something although the descriptor is silent. */
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
    /* After -EAGAIN, or a flush that is not done: what a read, or what is to be written, waits for: WEFT_READABLE,
     * WEFT_WRITABLE or both.  NULL: a read for readable, a write for writable.  Ask for the other direction only as long
     * as you need it: a descriptor is writable nearly all the time, and you are called each time. */
    unsigned (*wants)(void *transport, bool writing);
    /* Send what you hold: of what was written, or of your own (a handshake, an answer to a ping).  Returns how many
     * bytes you still hold; at least 1 as long as anything is to be done before more can be written, or the end.  They
     * count as kept by the stream, against its marks.  An error is the stream's failure.  NULL: it never holds any. */
    ssize_t (*flush)(void *transport);
    /* Whether a read would bring bytes, the end or an error, though the descriptor may be silent; asked while a read
     * waits, whenever another call has been made.  What is not whole yet is no reason: a read is tried each time that
     * this is true.  NULL: never. */
    bool (*has_input)(void *transport);
    /* The stream closes, or is aborted: take out what was read and nobody has asked for.  Before `free`; not called if
     * there is nothing.  What you leave is lost; all, if this is NULL. */
    void (*unread)(void *transport, struct evbuffer *bytes);
    void (*free)(void *transport); /* the weft_io is closed by the stream, after this */
} weft_transport_type;

enum { WEFT_READABLE = 1, WEFT_WRITABLE = 2 };

/* Make a stream on a transport of yours, over a descriptor.  Takes both, also when it fails.  Else as weft_stream_new. */
WEFT_API weft_stream *weft_stream_new_on(weft_io *io, const weft_transport_type *type,
                                         void *transport) WEFT_NODISCARD;

/* A transport, and what it is. */
typedef struct weft_transport {
    const weft_transport_type *type;
    void *transport;
} weft_transport;

/* Put a transport of yours between a stream and what has carried it until now: STARTTLS, CONNECT, an upgrade of the
 * protocol, TLS on weft_open_connection.  The stream stays the same, for all who hold it.
 * `below` receives what it stands on, for yours to call: all of its calls are there (but `free`: it goes after yours), and
 * obey the contract above; its `read` gives first what the stream had read ahead.  It is valid until your `free` has
 * returned.  Your `wants` should ask its `wants`; whether your `end` calls its `end` is your protocol's to say.
 * Your `flush` is called in the next round, so a handshake begins by itself; weft_stream_drain with marks of 0 waits for it.
 * At once: there is nothing to cancel.  One who is cancelled while the handshake is under way aborts the stream: nobody
 * could go on in the middle of it.
 * Ownership: takes the transport, if it returns 0.
 * Errors: then nothing has changed.  -EBUSY: a read is pending, or something is still to be written
 * (weft_stream_pending): what was said before must go out below; wait for it.  WEFT_ECLOSED: after close or write_eof; the
 * stream's failure; -ENOMEM.
 * Source: loop.start_tls. */
WEFT_API int weft_stream_add_layer(weft_stream *stream, const weft_transport_type *type,
                                   void *transport, weft_transport *below) WEFT_NODISCARD;
/* Say that your transport has something to give or to send that comes from elsewhere (a timer, another call of your
 * library): the read that waits is tried, and `flush` is called, in the next round.  May be called from anywhere on the
 * loop's thread, within the transport's calls, too. */
WEFT_API void weft_stream_wake(weft_stream *stream);

/* Take the descriptor out of a stream, with what was read ahead: for those who do their own reading and writing from
 * then on.  *io and *bytes (malloc's; NULL: none) are yours; the stream is CLOSED, for all who hold it.
 * An end of the stream that was seen is seen again by the next read.
 * Errors: then nothing has changed.  As weft_stream_add_layer; -ENOTSUP: a transport of yours carries it, which has state
 * of its own. */
WEFT_API int weft_stream_detach(weft_stream *stream, weft_io **io, void **bytes,
                                size_t *size) WEFT_NODISCARD;

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
/* How many bytes are still to be written: kept by the stream (files included) or held by its transport.  What the system
 * has taken is not among them.  Source: transport.get_write_buffer_size. */
WEFT_API size_t weft_stream_pending(const weft_stream *stream);
/* Wait until no more than the low mark is kept. */
WEFT_API weft_future *weft_stream_drain(weft_stream *stream) WEFT_NODISCARD;
/* End writing, after what was written; reading stays open.  Returns 0, also if it is closing, or the stream's error. */
WEFT_API int weft_stream_write_eof(weft_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
