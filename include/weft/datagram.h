/* weft/datagram.h - datagrams: packets that come whole, with the address of who sent them, or not
 * at all.
 *
 *     WEFT_AWAIT(f, weft_open_datagram(NULL, .local_host = "127.0.0.1", .local_service = "53"));
 *     f->io = weft_take(f);
 *     f->size = sizeof f->peer;
 *     f->from = (struct sockaddr *)&f->peer;
 *     WEFT_AWAIT(f, weft_sock_recvfrom(f->io, f->buffer, sizeof f->buffer, f->from, &f->size));
 *     WEFT_AWAIT(f, weft_sock_sendto(f->io, answer, n, f->from, f->size));
 *     cleanup: weft_io_close(f->io);
 *
 * An endpoint is a weft_io: one waiter for each direction, weft_io_close, weft_io_fd for options.
 * One that is connected (by a remote address) may also use weft_sock_recv and weft_sock_sendall, a
 * datagram at a time.
 *
 * Failures are those of a call, never of the endpoint.  The kernel tells of an earlier datagram
 * that nobody received (-ECONNREFUSED, -EHOSTUNREACH; on connected endpoints alone) in the next
 * call, whichever it is: a sendto that fails so has sent nothing, and may be tried again.
 *
 * Source: loop.sock_recvfrom_into, sock_sendto, create_datagram_endpoint.  What differs: no
 * protocol with callbacks; what a sendto cannot send waits in the caller, not in a buffer without
 * end.
 */
#ifndef WEFT_DATAGRAM_H
#define WEFT_DATAGRAM_H

#include <weft/io.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Receive a datagram.  The result is its size, an integer; 0 is an empty one: there is no end of
 * file.
 * `addr` and `len` receive who sent it, as in recvfrom(2): *len is the room that there is,
 * and then the size that the address has.  Both may be NULL.
 * Ownership: the buffer, `addr` and `len` must stay until the future is done.
 * Errors: -EMSGSIZE: it was larger than the buffer, which has its beginning; the rest is gone;
 * recvfrom(2)'s; -EBUSY, WEFT_ECLOSED, -ENOMEM: nothing was received.
 * Cancelled: tries once more first; then nothing has been received. */
WEFT_API weft_future *weft_sock_recvfrom(weft_io *io, void *buffer, size_t size,
                                         struct sockaddr *addr, socklen_t *len) WEFT_NODISCARD;

/* Send a datagram, whole, to an address; NULL: to where the endpoint is connected.  The result is
 * NULL.
 * Suspends: while the system has no room.
 * Ownership: the bytes must stay until the future is done; the address is copied.
 * Errors: sendto(2)'s; -EMSGSIZE: larger than a datagram can be; -EINVAL: an address over 128
 * bytes; -EAGAIN: the receiver's queue is full and the kernel does not tell when it is not (unix
 * sockets that are not connected); -EBUSY, WEFT_ECLOSED, -ENOMEM.
 * Cancelled: it was not sent. */
WEFT_API weft_future *weft_sock_sendto(weft_io *io, const void *bytes, size_t size,
                                       const struct sockaddr *addr, socklen_t len) WEFT_NODISCARD;

typedef struct weft_datagram_options {
    size_t struct_size;         /* the macro's: see weft/language.h */
    const char *local_host;     /* where to receive: a name or number; NULL: all of the machine's */
    const char *local_service;  /* "53"; NULL or "0": any free port */
    const char *remote_host;    /* to whom alone to talk; NULL, and a service: this machine */
    const char *remote_service; /* NULL, and no host: not connected */
    int family;                 /* AF_INET, AF_INET6; 0: as the addresses have it */
    bool reuse_port;            /* several endpoints share the port */
    bool broadcast;             /* may send to all of a network */
    unsigned long flags;        /* 0: there are none yet */
} weft_datagram_options;

/* Open an endpoint: weft_open_datagram(NULL, .remote_host = "ns.example.org", .remote_service =
 * "53"). With neither address it is one of `.family`, which the first sendto gives a port.  Names
 * are looked up in a thread; addresses are tried in the resolver's order, the remote ones with the
 * local ones of the same family.
 * Result: weft_io *, owned: weft_take makes it yours, weft_io_close ends it; untaken, it is closed.
 * Errors: the first address', if all failed; those of weft_getaddrinfo; -EAFNOSUPPORT: no two
 * addresses of one family; -EINVAL: no address and no family, or flags; -ENOMEM; WEFT_ECLOSED. */
#define weft_open_datagram(...) WEFT__OPEN_DATAGRAM(__VA_ARGS__, )
#define WEFT__OPEN_DATAGRAM(loop, ...) \
    weft_open_datagram_with((loop), WEFT__STRUCT(weft_datagram_options, __VA_ARGS__))
WEFT_API weft_future *weft_open_datagram_with(weft_loop *loop,
                                              const weft_datagram_options *options) WEFT_NODISCARD;

#ifdef __cplusplus
}
#endif
#endif
