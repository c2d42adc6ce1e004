/* weft/server.h - servers: sockets that listen, and a task for each connection.
 *
 *     static weft_step echo(void *frame) ...                    struct echo { weft_gen gen; weft_stream *stream; ... }
 *     static weft_gen *serve(weft_stream *stream, void *arg)
 *     {
 *         return WEFT_CALL(echo, .stream = stream);             the body frees the stream, in its cleanup
 *     }
 *     ...
 *     WEFT_AWAIT(f, weft_start_server(NULL, serve, NULL, .host = "127.0.0.1", .service = "8080"));
 *     f->server = weft_take(f);
 *     ...
 *     WEFT_AWAIT(f, weft_server_shutdown(f->server, 10));
 *     cleanup: weft_server_unref(f->server);
 *
 *     LISTENING --close--> CLOSING: accepts no more, its connections go on --the last ends--> CLOSED
 *         +---shutdown: close, wait, and after a grace cancel the connections-----------------^
 *
 * A handler that fails is reported, and the others live on.  A loop that shuts down (weft_loop_shutdown) closes
 * its servers first, then cancels the connections with all other tasks.  What a connection writes goes out at
 * once (TCP_NODELAY).
 *
 * Source: asyncio.start_server, Server.close, wait_closed, close_clients.
 */
#ifndef WEFT_SERVER_H
#define WEFT_SERVER_H

#include <weft/stream.h>
#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_server weft_server;

/* Make what handles a connection: a generator, which the server runs as a task.  It is to free the stream in its
 * cleanup.  NULL: the server closes the connection, and frees the stream. */
typedef weft_gen *weft_client_fn(weft_stream *stream, void *arg);

/* Where to listen: as `.host` and `.service` below. */
typedef struct weft_server_address {
    const char *host, *service;
} weft_server_address;

typedef struct weft_server_options {
    size_t struct_size; /* the macro's: see weft/language.h */
    const char *host; /* a name or number; all its addresses are listened on; NULL: all of the machine's */
    const char *service; /* "http", "8080", "0": any free port, the same for all addresses; NULL: "0" */
    const char *path; /* or a unix socket in place of both; '@': Linux's abstract.  One that nobody listens on any
                       * more is replaced, nothing else is.  Unlinked at the close, if it is still this one. */
    int backlog;         /* 0: 100 */
    size_t limit;        /* connections at once, more wait to be accepted; 0: any number */
    bool reuse_port;     /* several processes share the port */
    unsigned long flags; /* 0: there are none yet */
    const weft_server_address
        *addresses; /* in place of host and service: several, each with a port of its own */
    size_t address_count;
    /* Or sockets that listen already, in place of all of these: handed in by systemd, or by the process before.  The server
     * has copies of the descriptors; yours stay yours: close them, or connections come in that nobody accepts once it is
     * closed.  They are made non-blocking.  A unix socket's path is left alone. */
    const int *fds;
    size_t fd_count;
} weft_server_options;

/* Listen.  Result: weft_server *, owned (weft_server_unref); untaken, it is closed.
 * Errors: those of weft_getaddrinfo, socket, bind, listen; -EINVAL: an empty path, ways to say where that exclude each
 * other, a socket in `.fds` that does not listen, or flags; -EBADF, -ENOTSOCK; -ENAMETOOLONG; -ENOTSUP: no SO_REUSEPORT
 * here; WEFT_ECLOSED; -ENOMEM.  An address that the machine has not got is left out, unless it is the
 * only one.
 * Once it listens: out of descriptors or memory, or whatever else an accept fails with: that is reported, and accepting
 * pauses for a second. */
#define weft_start_server(...) WEFT__START_SERVER(__VA_ARGS__, )
#define WEFT__START_SERVER(loop, fn, arg, ...) \
    weft_start_server_with((loop), (fn), (arg), WEFT__STRUCT(weft_server_options, __VA_ARGS__))
WEFT_API weft_future *weft_start_server_with(weft_loop *loop, weft_client_fn *fn, void *arg,
                                             const weft_server_options *options) WEFT_NODISCARD;

WEFT_API weft_server *weft_server_ref(weft_server *server);
/* The last one closes it, and cancels its connections.  NULL is fine. */
WEFT_API void weft_server_unref(weft_server *server);
/* The port that it listens on, the first one's of several; 0: a unix socket. */
WEFT_API int weft_server_port(const weft_server *server);
/* Its sockets, to ask for names and set options: index 0, 1 and so on; -1: there are no more, or it is closed.
 * Source: Server.sockets. */
WEFT_API int weft_server_fd(const weft_server *server, size_t index);
/* How many connections it has; one that ends is forgotten in the next round. */
WEFT_API size_t weft_server_count(const weft_server *server);

/* Accept no more; connections go on.  Idempotent. */
WEFT_API void weft_server_close(weft_server *server);
/* Close, and cancel the tasks of all connections. */
WEFT_API void weft_server_cancel_clients(weft_server *server);
/* Wait until it is closed and the last connection's task has ended.  Cancelled: nothing happens to it.
 * Errors: WEFT_ECANCELLED: the loop shuts down; WEFT_ECLOSED; -ENOMEM. */
WEFT_API weft_future *weft_server_wait_closed(weft_server *server) WEFT_NODISCARD;
/* Close at once, wait up to `seconds` (WEFT_NEVER) for the connections, cancel those that are left, and wait for them.
 * Result: how many were cancelled, an integer.
 * Cancelled: it stays closed, and the connections go on.
 * Errors: -EINVAL: not a number; as weft_server_wait_closed. */
WEFT_API weft_future *weft_server_shutdown(weft_server *server, double seconds) WEFT_NODISCARD;

#ifdef __cplusplus
}
#endif
#endif
