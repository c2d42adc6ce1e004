/* weft/io.h - descriptors: waiting for them, and the system calls that may have to wait.
 *
 *     error = weft_io_new(loop, fd, WEFT_IO_OWNED, &io);       registered at its first wait, and kept so
 *     WEFT_AWAIT(f, weft_sock_connect(io, addr, len));
 *     WEFT_AWAIT(f, weft_sock_sendall(io, request, size));
 *     WEFT_AWAIT(f, weft_sock_recv(io, buffer, sizeof buffer));   n = weft_sent_int(f)
 *     weft_io_close(io);                                       waiters get WEFT_ECLOSED; fd is closed
 *
 * Each call tries the system call first and waits only on EAGAIN.  One waiter per object and direction: a
 * second one gets -EBUSY.  When data and a cancel (a deadline's, say) are both there, the data wins.
 *
 * A registration belongs to a weft_io, an object with a lifetime, and not to a number: the system gives
 * the number of a closed descriptor to the next one.  For a bare descriptor there are one-shot waits.
 *
 * Source: loop.sock_connect, sock_recv_into, sock_sendall, sock_accept, add_reader; trio's wait_readable
 * and notify_closing.  What differs: a second waiter is refused (asyncio forgets the first).
 */
#ifndef WEFT_IO_H
#define WEFT_IO_H

#include <sys/socket.h>
#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_io weft_io;

enum {
    WEFT_IO_BORROWED = 0, /* the descriptor stays yours; it must be non-blocking already */
    WEFT_IO_OWNED = 1     /* weft_io_close closes it, and weft_io_new makes it non-blocking */
};

/* Wrap a descriptor.  Ownership: yours until weft_io_close.
 * Errors: 0 and *io; -ENOMEM, -EBADF, WEFT_ECLOSED; WEFT_EBLOCKING: borrowed, and in blocking mode; -EINVAL: flags
 * that there are not.
 * On failure the descriptor is still yours, and open. */
WEFT_API int weft_io_new(weft_loop *loop, int fd, unsigned flags, weft_io **io) WEFT_NODISCARD;

/* Make a non-blocking, close-on-exec socket, wrapped.  Errors: as above, and socket(2)'s. */
WEFT_API int weft_io_socket(weft_loop *loop, int domain, int type, int protocol,
                            weft_io **io) WEFT_NODISCARD;

/* Unregister; waiters end with WEFT_ECLOSED; an owned descriptor is closed.  NULL is fine.
 * A loop that is closed first ends the waiters itself; the weft_io must still be closed, for its memory. */
WEFT_API void weft_io_close(weft_io *io);

WEFT_API int weft_io_fd(const weft_io *io);

/* Wait until the descriptor is, or may be, readable / writable; the result is NULL.
 * Suspends: unless it is.  Errors: -EBUSY, WEFT_ECLOSED, -ENOMEM. */
WEFT_API weft_future *weft_io_readable(weft_io *io) WEFT_NODISCARD;
WEFT_API weft_future *weft_io_writable(weft_io *io) WEFT_NODISCARD;

/* Connect.  The result is NULL.  The address is copied.
 * Errors: connect(2)'s; -EBUSY, WEFT_ECLOSED, -ENOMEM; -EINVAL: an address over 128 bytes.
 * Cancelled: the connect may still be under way: close the weft_io. */
WEFT_API weft_future *weft_sock_connect(weft_io *io, const struct sockaddr *addr,
                                        socklen_t len) WEFT_NODISCARD;

/* Receive up to `size` bytes into your memory.  The result is their number, as a small integer; 0: end
 * of file (or size 0).  Works on pipes, too.
 * Ownership: the buffer must stay until the future is done.
 * Cancelled: tries once more first; then nothing has been received. */
WEFT_API weft_future *weft_sock_recv(weft_io *io, void *buffer, size_t size) WEFT_NODISCARD;

/* Send all of `size` bytes.  The result is NULL.
 * Ownership: the bytes must stay until the future is done.
 * Cancelled: part of them may have been sent; close the connection.
 * Much of it goes out in several turns, so that others have theirs.
 * No SIGPIPE, on pipes neither: a dead peer is -EPIPE. */
WEFT_API weft_future *weft_sock_sendall(weft_io *io, const void *bytes, size_t size) WEFT_NODISCARD;

/* Accept a connection.  The result is its descriptor, as a small integer: non-blocking, close-on-exec.
 * Ownership: whoever takes the result (weft_take) closes it; untaken, it is closed.
 * Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM): reports it, and tries again in a second. */
WEFT_API weft_future *weft_sock_accept(weft_io *io) WEFT_NODISCARD;

/* ---- Without a descriptor ------------------------------------------------------------------------------ */

/* A weft_io for what has none and does its own waiting: another library's connection, a device behind a callback.
 * A stream on one (weft_stream_new_on) reads and writes as any other.
 *
 * `watch` is told what is waited for, whenever that changes; from then on, and until the next time, whoever stands
 * behind it says by weft_io_ready that a read or a write is worth a try.  Saying so too often does no harm; if it is
 * not said, the waiters hang.  It returns 0, or an error, which ends the wait that was to begin.  weft_io_close
 * calls it for the last time, with both false, unless nothing was waited for.
 * Errors: 0 and *io; -ENOMEM, WEFT_ECLOSED. */
typedef int weft_io_watch(void *arg, bool readable, bool writable);
WEFT_API int weft_io_new_manual(weft_loop *loop, weft_io_watch *watch, void *arg,
                                weft_io **io) WEFT_NODISCARD;
/* Say that something has happened.  Who waits is told by the loop, later: so it may be called from anywhere on the
 * loop's thread, within `watch`, too. */
WEFT_API void weft_io_ready(weft_io *io, bool readable, bool writable);

/* ---- Bare descriptors ---------------------------------------------------------------------------------- */

/* Wait, once, until a bare descriptor is readable / writable.  The result is NULL.
 * Errors: -EBUSY: somebody waits for this direction already; -EBADF; -EPERM: a regular file or a directory,
 * which are always ready; -ENOMEM; WEFT_ECLOSED.
 * A descriptor that was closed under a waiter and opened anew: the stale waiter ends with WEFT_ECLOSED; but for eventfds
 * and their kin where there is no epoll, which look alike: weft_notify_closing tells of those. */
WEFT_API weft_future *weft_readable(weft_loop *loop, int fd) WEFT_NODISCARD;
WEFT_API weft_future *weft_writable(weft_loop *loop, int fd) WEFT_NODISCARD;

/* Say that you are about to close a bare descriptor: its waiters end with WEFT_ECLOSED, its reader and writer
 * are removed.  (The kernel says nothing of a close.)  Source: trio.lowlevel.notify_closing. */
WEFT_API void weft_notify_closing(weft_loop *loop, int fd);

/* Call fn(arg) whenever a bare descriptor is readable / writable, from the loop; a second add replaces the
 * first.  It may remove itself.  Errors: -EBUSY: a task waits for this direction; -EBADF, -EPERM, -ENOMEM,
 * WEFT_ECLOSED. */
WEFT_API int weft_add_reader(weft_loop *loop, int fd, void (*fn)(void *arg), void *arg);
WEFT_API int weft_add_writer(weft_loop *loop, int fd, void (*fn)(void *arg), void *arg);
/* Returns whether there was one; safe after the descriptor was closed. */
WEFT_API bool weft_remove_reader(weft_loop *loop, int fd);
WEFT_API bool weft_remove_writer(weft_loop *loop, int fd);

#ifdef __cplusplus
}
#endif
#endif
