/* listen.c - how a server begins: its addresses are looked up, and listened on.
 *
 * All addresses of one server get the same port: where any free one is asked for, the first socket gets one, and
 * the others take it, too; if one of them cannot, all begin anew.  An address that the machine has not got (IPv6
 * switched off) is left out, unless it is the only one; one that the resolver gives twice counts once.
 *
 * Invariant: what a start has made belongs to its server, and goes with it if the start fails or is cancelled.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <weft/executor.h>

#include "base/alloc.h"
#include "base/options.h"
#include "io/io.h"
#include "net/connect.h"
#include "net/server.h"

enum { ANY_PORT_TRIES = 16 };

struct listen {
    weft_gen gen;
    weft_server *server;         /* a user's reference */
    weft_server_options options; /* but for its strings: */
    struct {
        char *host, *service;
    } * addresses;
    size_t count, at;
    size_t first; /* of the address that is listened on: its first listener */
    struct addrinfo *found;
};

/* ---- one socket ------------------------------------------------------------------------------------------ */

/* Errors: SO_REUSEPORT's. */
static int set_options(const struct listen *f, int fd, int family)
{
    int on = 1;

    if (family == AF_UNIX)
        return 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (family == AF_INET6) /* IPv4 has a socket of its own */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    weft__no_delay(fd); /* connections inherit it */
    if (!f->options.reuse_port)
        return 0;
#ifdef SO_REUSEPORT
    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 ? 0 : -errno;
#else
    return -ENOTSUP;
#endif
}

/* Make a socket that listens, the next one of the server. */
static int listen_on(struct listen *f, const struct sockaddr *address, socklen_t size)
{
    weft_server *server = f->server;
    weft_io *io;
    int backlog = f->options.backlog > 0 ? f->options.backlog : 100;
    int error = weft_io_socket(server->loop, address->sa_family, SOCK_STREAM, 0, &io);

    if (error)
        return error;
    error = set_options(f, weft_io_fd(io), address->sa_family);
    if (!error && (bind(weft_io_fd(io), address, size) != 0 || listen(weft_io_fd(io), backlog) != 0))
        error = -errno;
    if (error) {
        weft_io_close(io);
        return error;
    }
    server->listeners[server->listener_count++] = io;
    return 0;
}

/* Make room for more listeners.  Errors: -ENOMEM. */
static int reserve(weft_server *server, size_t more)
{
    size_t count = server->listener_count;
    weft_io **larger = weft__alloc((count + more) * sizeof(*larger));

    if (!larger)
        return -ENOMEM;
    if (count > 0)
        memcpy(larger, server->listeners, count * sizeof(*larger));
    weft__free(server->listeners, server->listener_size * sizeof(*larger));
    server->listeners = larger;
    server->listener_size = count + more;
    return 0;
}

/* ---- by path --------------------------------------------------------------------------------------------- */

/* A socket that nobody listens on any more is in the way.  (A live one with a full queue says EAGAIN.) */
static void remove_stale(const struct sockaddr_un *address, socklen_t size)
{
    struct stat status;
    weft_io *io;

    if (!address->sun_path[0] || lstat(address->sun_path, &status) != 0 ||
        !S_ISSOCK(status.st_mode) || weft_io_socket(NULL, AF_UNIX, SOCK_STREAM, 0, &io) != 0)
        return;
    if (connect(weft_io_fd(io), (const struct sockaddr *)address, size) != 0 && errno == ECONNREFUSED)
        unlink(address->sun_path);
    weft_io_close(io);
}

static int listen_by_path(struct listen *f)
{
    weft_server *server = f->server;
    struct sockaddr_un address;
    struct stat status;
    socklen_t size;
    int error = weft__unix_address(server->path, &address, &size);

    if (error)
        return error;
    error = reserve(server, 1);
    if (error)
        return error;
    remove_stale(&address, size);
    error = listen_on(f, (struct sockaddr *)&address, size);
    if (!error && address.sun_path[0] && lstat(server->path, &status) == 0) {
        server->device = status.st_dev;
        server->inode = status.st_ino;
    }
    return error;
}

/* ---- by name --------------------------------------------------------------------------------------------- */

static int port_in(const struct sockaddr *address)
{
    const void *any = address;

    return ntohs(address->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *)any)->sin6_port
                                                : ((const struct sockaddr_in *)any)->sin_port);
}

static int port_of(weft_io *io)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    if (getsockname(weft_io_fd(io), (struct sockaddr *)&address, &size) != 0 ||
        address.ss_family == AF_UNIX)
        return 0;
    return port_in((struct sockaddr *)&address);
}

static void set_port(struct sockaddr *address, int port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons((uint16_t)port);
}

static bool has_no_such_address(int error)
{
    return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

static bool was_there(const struct addrinfo *list, const struct addrinfo *address)
{
    for (; list != address; list = list->ai_next)
        if (list->ai_addrlen == address->ai_addrlen &&
            memcmp(list->ai_addr, address->ai_addr, address->ai_addrlen) == 0)
            return true;
    return false;
}

/* Listen on all addresses of a name; with a port that the first gets, if none is asked for. */
static int listen_on_each(struct listen *f)
{
    weft_server *server = f->server;
    int first_error = 0, port = 0;

    for (const struct addrinfo *a = f->found; a; a = a->ai_next) {
        int error;

        if (port)
            set_port(a->ai_addr, port);
        if (was_there(f->found, a))
            continue;
        error = listen_on(f, a->ai_addr, a->ai_addrlen);
        if (error && !has_no_such_address(error))
            return error;
        if (error && !first_error)
            first_error = error;
        if (!error && !port) {
            port = port_of(server->listeners[f->first]);
            set_port(a->ai_addr, port);
        }
    }
    return server->listener_count > f->first ? 0 : first_error;
}

/* That port was taken on another address: try again. */
static void begin_anew(struct listen *f)
{
    while (f->server->listener_count > f->first)
        weft_io_close(f->server->listeners[--f->server->listener_count]);
    for (const struct addrinfo *a = f->found; a; a = a->ai_next)
        set_port(a->ai_addr, 0);
}

static int listen_by_name(struct listen *f)
{
    bool any_port = port_in(f->found->ai_addr) == 0;
    size_t count = 0;
    int error;

    for (const struct addrinfo *a = f->found; a; a = a->ai_next)
        count++;
    error = reserve(f->server, count);
    if (error)
        return error;
    f->first = f->server->listener_count;
    for (int tries = 1;; tries++) {
        error = listen_on_each(f);
        if (error != -EADDRINUSE || !any_port || tries == ANY_PORT_TRIES)
            return error;
        begin_anew(f);
    }
}

/* ---- given ------------------------------------------------------------------------------------------------ */

/* Listen on a copy of a socket that does so already. */
static int adopt(weft_server *server, int fd)
{
    int listens = 0, copy, error;
    socklen_t size = sizeof(listens);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0)
        return -errno;
    if (!listens)
        return -EINVAL;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return -errno;
    error = weft_io_new(server->loop, copy, WEFT_IO_OWNED,
                        &server->listeners[server->listener_count]);
    if (error) {
        close(copy);
        return error;
    }
    server->listener_count++;
    weft__no_delay(copy); /* as set_options */
    return 0;
}

static int adopt_all(weft_server *server, const weft_server_options *options)
{
    int error = reserve(server, options->fd_count);

    for (size_t i = 0; i < options->fd_count && !error; i++)
        error = adopt(server, options->fds[i]);
    return error;
}

/* ---- the body -------------------------------------------------------------------------------------------- */

static void unref_server(void *server)
{
    weft_server_unref(server);
}

/* The parts of a server that need memory.  Errors: -ENOMEM. */
static int make_parts(struct listen *f)
{
    weft_server *server = f->server;
    long limit = f->options.limit < LONG_MAX ? (long)f->options.limit : LONG_MAX;

    server->group = weft_group_new(WEFT_IGNORE); /* it says by itself if it could not be made */
    server->closing = weft_future_new(server->loop);
    if (weft_future_is_done(server->closing))
        return weft_future_error(server->closing);
    if (limit)
        server->permits = weft_semaphore_new(server->loop, limit);
    return limit && weft_semaphore_value(server->permits) != limit ? -ENOMEM : 0;
}

static weft_future *look_up(const struct listen *f)
{
    const char *service = f->addresses[f->at].service;

    return weft_getaddrinfo(NULL, f->addresses[f->at].host, service ? service : "0",
                            &(struct addrinfo){.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM});
}

static weft_step listen_all(void *frame)
{
    struct listen *f = frame;
    weft_server *server;
    int error;

    WEFT_BEGIN(f);
    error = make_parts(f);
    if (error)
        WEFT_RAISE(f, error);
    for (f->at = 0; f->at < f->count; f->at++) {
        WEFT_AWAIT(f, look_up(f));
        f->found = weft_take(f);
        error = listen_by_name(f);
        freeaddrinfo(f->found);
        f->found = NULL;
        if (error)
            WEFT_RAISE(f, error);
    }
    error = f->server->path ? listen_by_path(f) : 0;
    if (!error) {
        f->server->port = port_of(f->server->listeners[0]);
        error = weft__server_run(f->server);
    }
    if (error)
        WEFT_RAISE(f, error);
    server = f->server;
    f->server = NULL;
    WEFT_RETURN_OWNED(f, server, unref_server);
    WEFT_END(f);
}

static void listen_cleanup(void *frame)
{
    struct listen *f = frame;

    for (size_t i = 0; i < f->count; i++) {
        weft__string_free(f->addresses[i].host);
        weft__string_free(f->addresses[i].service);
    }
    weft__free(f->addresses, f->count * sizeof(*f->addresses));
    if (f->found)
        freeaddrinfo(f->found);
    weft_server_unref(f->server);
}
static const weft_gen_type listen_type = {.name = "start_server",
                                          .size = sizeof(struct listen),
                                          .resume = listen_all,
                                          .cleanup = listen_cleanup};

/* Ways to say where exclude each other. */
static bool is_clear(const weft_server_options *options)
{
    int ways = (options->host || options->service) + (options->path != NULL) +
               (options->address_count > 0) + (options->fd_count > 0);

    return ways <= 1;
}

/* Keep what is said of where to listen.  Errors: -EINVAL; -ENOMEM; of a socket that was given. */
static int copy_places(struct listen *f, const weft_server_options *options)
{
    weft_server_address only = {options->host, options->service};
    const weft_server_address *from = options->address_count ? options->addresses : &only;
    size_t count = options->address_count ? options->address_count : 1;

    if (!is_clear(options))
        return -EINVAL;
    if (options->fd_count)
        return adopt_all(f->server, options);
    if (options->path)
        return weft__string_copy(&f->server->path, options->path) ? 0 : -ENOMEM;
    f->addresses = weft__zalloc(count * sizeof(*f->addresses));
    if (!f->addresses)
        return -ENOMEM;
    f->count = count;
    for (size_t i = 0; i < count; i++)
        if (!weft__string_copy(&f->addresses[i].host, from[i].host) ||
            !weft__string_copy(&f->addresses[i].service, from[i].service))
            return -ENOMEM;
    return 0;
}

WEFT__OPTIONS_END(weft_server_options, fd_count);

weft_future *weft_start_server_with(weft_loop *loop, weft_client_fn *fn, void *arg,
                                    const weft_server_options *options)
{
    struct listen frame = {.gen = {0}};
    int error = weft__options_copy(&frame.options, sizeof(frame.options), options);

    loop = weft__loop_of(loop);
    if (error || frame.options.flags)
        return weft__failed(loop, error ? error : -EINVAL, NULL);
    frame.server = weft__zalloc(sizeof(*frame.server));
    if (!frame.server)
        return weft__failed(loop, -ENOMEM, NULL);
    *frame.server = (weft_server){.loop = loop, .users = 1, .pins = 1, .fn = fn, .arg = arg};
    error = loop->closed ? WEFT_ECLOSED : copy_places(&frame, &frame.options);
    if (error) {
        listen_cleanup(&frame);
        return weft__failed(loop, error, NULL);
    }
    return weft_task_new_at(loop, weft_gen_copy(&listen_type, &frame), "start_server");
}
