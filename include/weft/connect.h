/* weft/connect.h - connections by name.
 *
 *     WEFT_AWAIT(f, weft_open_connection(NULL, "example.org", "http"));
 *     f->stream = weft_take(f);
 *
 * The name is looked up in a thread (weft_getaddrinfo; numbers need none).  Its addresses are tried one after
 * the other, IPv6 and IPv4 in turn; the next one begins after a quarter of a second, or as soon as one has
 * failed; the first that is up wins, the others are closed.  What is written goes out at once
 * (TCP_NODELAY, from the second write on: the first needs none).
 *
 * Source: asyncio.open_connection, loop.create_connection with happy_eyeballs_delay; RFC 8305.
 */
#ifndef WEFT_CONNECT_H
#define WEFT_CONNECT_H

#include <weft/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_connect_options {
    size_t struct_size; /* the macro's: see weft/language.h */
    int family;         /* AF_INET, AF_INET6; 0: both */
    double delay; /* between two attempts; 0: 0.25 s; WEFT_NEVER: each only when the one before has failed */
    const char *local; /* the address to connect from, a number, of that family; or NULL */
    char *log; /* or NULL: receives a line for each address that failed, "127.0.0.1 80: ECONNREFUSED"; */
    size_t log_size;     /* it lives until the end; what does not fit is cut, and "" is none */
    unsigned long flags; /* 0: there are none yet */
} weft_connect_options;

/* Connect to a host and a service ("http", "80"); options may follow: .local = "192.0.2.7".  A host of NULL is this
 * machine.
 * Result: weft_stream *, owned: weft_take makes it yours; untaken, it is closed.
 * Errors: the first address', if all failed; those of weft_getaddrinfo; -EINVAL: `.local` is no number of the family, or flags;
 * WEFT_ECLOSED; -ENOMEM.
 * Cancelled: attempts are closed. */
#define weft_open_connection(...) WEFT__OPEN_CONNECTION(__VA_ARGS__, )
#define WEFT__OPEN_CONNECTION(loop, host, service, ...) \
    weft_open_connection_with((loop), (host), (service), \
                              WEFT__STRUCT(weft_connect_options, __VA_ARGS__))
WEFT_API weft_future *weft_open_connection_with(weft_loop *loop, const char *host,
                                                const char *service,
                                                const weft_connect_options *options) WEFT_NODISCARD;

/* Connect to a socket of the file system; a path that begins with '@' is Linux's abstract one.  Result: as above.
 * Errors: connect(2)'s, among them -EAGAIN: the queue of those that wait to be accepted is full; -ENAMETOOLONG;
 * -EINVAL: an empty path; WEFT_ECLOSED; -ENOMEM. */
WEFT_API weft_future *weft_open_unix_connection(weft_loop *loop, const char *path) WEFT_NODISCARD;

#ifdef __cplusplus
}
#endif
#endif
