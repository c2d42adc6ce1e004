/* weft/bufferevent.h - a stream on a bufferevent that the host has already: a socket's, a filter's, a pair's, TLS.
 *
 *     static void on_read(struct bufferevent *bev, void *arg)        the host's callback hands the connection over
 *     {
 *         weft_spawn(loop, WEFT_CALL(session, .bev = bev));
 *     }
 *
 *     error = weft_stream_from_bufferevent(NULL, f->bev, WEFT_BUFFEREVENT_BORROWED, &f->stream);
 *     WEFT_AWAIT(f, weft_stream_read_line(f->stream));               as any other stream, see weft/stream.h
 *     WEFT_AWAIT(f, weft_stream_close(f->stream));                   the host's again, and what was read too much
 *
 * Of a library of its own: pkg-config --cflags --libs weft-bufferevent.
 *
 * While the stream is open, the bufferevent is its own: its callbacks, its read low-watermark, and whether it reads; nobody
 * else reads, writes, flushes or frees it.  (weft cannot know that somebody did.)  All that touches it, or the other end of
 * a pair, does so on the loop's thread.  The stream goes before the event_base does.
 *
 *     reading   is enabled while a read waits, and until the first bytes that nobody waits for: so what comes too early is
 *               what two reads of libevent bring (4 KB each; bufferevent_set_max_single_read), or the high-watermark.
 *     writing   puts bytes into its output, up to 64 KB, those below a filter counted; then waits until 16 KB are left.
 *               What the output holds counts as written: a failure after that is told by the next call.
 *     the end   BEV_EVENT_EOF.  One end of a bufferevent_pair hears nothing if the other is freed: libevent tells it not.
 *     failures  BEV_EVENT_ERROR is what errno says within the event callback (-EIO, if it says nothing: a filter's, TLS's),
 *               or a name lookup's (WEFT_EGAI).  A connect may still be under way: what was written goes out after it,
 *               and its failure is the stream's.  What is in the input by then can be read, and no more.
 *     timeouts  of the host (bufferevent_set_timeouts) count while reading is enabled, or output is left.  Nobody waits to
 *               read: nothing happens.  Else it is -ETIMEDOUT, and the stream has failed, as with any error: for a wait that
 *               may be tried again, there is weft/scope.h.
 *
 * Rate limits hold; so do locks (BEV_OPT_THREADSAFE) and deferred callbacks.
 */
#ifndef WEFT_BUFFEREVENT_H
#define WEFT_BUFFEREVENT_H

#include <weft/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bufferevent;

enum {
    /* When the stream is closed, aborted or freed, the bufferevent is the host's again: its callbacks and their argument,
     * watermarks, and what is enabled are as they were; what its buffers hold stays.  What the stream has read and nobody
     * was given (after a line; by a read that was cancelled, or a read_all that the close has ended) goes back, in front of
     * the input.  (What a read_exactly has that ends with the stream is in your buffer, weft_stream_count bytes.)
     * If there is something to read, the read callback is called, soon (a deferred one perhaps once for nothing); the
     * event callback, of an end or a failure that the stream has met (that direction stays disabled, then).
     * A close does not end writing, and does not wait for the output, unless write_eof was called.
     * A loop that is closed closes no stream: free it. */
    WEFT_BUFFEREVENT_BORROWED = 0,
    /* It is freed with the stream.  A close waits until its output is empty, a filter's and what is below it; a failure of
     * it is the close's error. */
    WEFT_BUFFEREVENT_OWNED = 1
};

/* Make a stream on a bufferevent; bytes that it holds already are read first.  weft_stream_fd is -1: bufferevent_getfd.
 * write_eof flushes (BEV_FINISHED, which ends the other end of a pair), waits until the output is empty, and shuts a socket
 * down for writing.  (TLS: libevent sends no close_notify: SSL_shutdown is yours, before.)
 * Errors: 0 and *stream; -ENOMEM, WEFT_ECLOSED; WEFT_EOTHERLOOP: the loop is not on the bufferevent's event_base
 * (weft_loop_new(base)); -EBUSY: there is a stream on it; -EINVAL: flags.  Then it is as it was, and still yours. */
WEFT_API int weft_stream_from_bufferevent(weft_loop *loop, struct bufferevent *bev, unsigned flags,
                                          weft_stream **stream) WEFT_NODISCARD;

#ifdef __cplusplus
}
#endif
#endif
