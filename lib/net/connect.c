/* connect.c - connections by name: bodies that the library runs, written like a user's.
 *
 *   open_connection   look the name up, make an attempt for each address, race them
 *     attempt         a socket, connect, a stream; numbers are a single attempt
 *
 * Invariant: an attempt owns its socket until the stream does; a stream that nobody takes is closed by its destructor.
 *
 * Rejected: Nagle's algorithm: a stream gathers what it cannot send by itself, and a request in two small writes
 * would wait for the peer's delayed acknowledgement.  The first write waits for nobody: it is at the second that the
 * algorithm is switched off, and most requests have but one (io/io.h).
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <weft/combine.h>
#include <weft/connect.h>
#include <weft/executor.h>

#include "base/alloc.h"
#include "base/options.h"
#include "io/io.h"
#include "net/connect.h"

static void free_stream(void *stream)
{
    weft_stream_free(stream);
}

/* ---- one address ----------------------------------------------------------------------------------------- */

struct attempt {
    weft_gen gen;
    struct sockaddr_storage address, local;
    socklen_t size, local_size; /* local_size 0: any */
    int protocol;
    weft_io *io;
};

static int attempt_socket(struct attempt *f)
{
    int error = weft_io_socket(NULL, f->address.ss_family, SOCK_STREAM, f->protocol, &f->io);

    if (error)
        return error;
    if (f->local_size && bind(weft_io_fd(f->io), (struct sockaddr *)&f->local, f->local_size) != 0)
        return -errno;
    f->io->nagle = f->address.ss_family == AF_UNIX ? 0 : 2;
    return 0;
}

static weft_step attempt(void *frame)
{
    struct attempt *f = frame;
    weft_stream *stream;
    int error;

    WEFT_BEGIN(f);
    error = attempt_socket(f);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_AWAIT(f, weft_sock_connect(f->io, (struct sockaddr *)&f->address, f->size));
    stream = weft_stream_new(f->io);
    f->io = NULL;
    error = weft_stream_error(stream);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_RETURN_OWNED(f, stream, free_stream);
    WEFT_END(f);
}

static void attempt_cleanup(void *frame)
{
    weft_io_close(((struct attempt *)frame)->io);
}
WEFT_GEN_TYPE(attempt, .cleanup = attempt_cleanup);

/* ---- all addresses of a name ----------------------------------------------------------------------------- */

struct connection {
    weft_gen gen;
    weft_connect_options options;
    char *host, *service;
    struct addrinfo *found;
    struct addrinfo **order; /* IPv6 and IPv4 in turn */
    weft_gen **attempts;
    int *errors;
    size_t count;
    struct sockaddr_storage local;
    socklen_t local_size;
};

/* The address to connect from.  Errors: -EINVAL: it is no number, or of another family; -ENOMEM. */
static int parse_local(struct connection *f)
{
    struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST, .ai_family = f->options.family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int eai;

    if (!f->options.local)
        return 0;
    eai = getaddrinfo(f->options.local, NULL, &hints, &found);
    if (eai)
        return eai == EAI_MEMORY ? -ENOMEM : -EINVAL;
    memcpy(&f->local, found->ai_addr, found->ai_addrlen);
    f->local_size = found->ai_addrlen;
    f->options.family = found->ai_family;
    freeaddrinfo(found);
    return 0;
}

/* The first address of the other family, from `at` on, or of any. */
static size_t next_of(struct addrinfo *const *list, size_t at, size_t count, int family)
{
    for (size_t i = at; i < count; i++)
        if (list[i]->ai_family != family)
            return i;
    return at;
}

/* Put the addresses in order: families take turns, each in the resolver's order (RFC 8305, 4). */
static void interleave(struct addrinfo **list, size_t count)
{
    for (size_t at = 1; at < count; at++) {
        size_t from = next_of(list, at, count, list[at - 1]->ai_family);
        struct addrinfo *next = list[from];

        memmove(list + at + 1, list + at, (from - at) * sizeof(*list));
        list[at] = next;
    }
}

/* A number and a port's need no lookup.  False: they are something else. */
static bool parse_numbers(const char *host, const char *service, int family, struct attempt *f)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&f->address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&f->address;
    unsigned long port;
    char *end;

    if (!host || !service || *service < '0' || *service > '9')
        return false;
    port = strtoul(service, &end, 10);
    if (*end || port > UINT16_MAX)
        return false;
    if (family != AF_INET6 && inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        f->size = sizeof(*in);
    } else if (family != AF_INET && inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        f->size = sizeof(*in6);
    } else {
        return false;
    }
    f->protocol = IPPROTO_TCP;
    return true;
}

static weft_gen *attempt_new(const struct connection *f, const struct addrinfo *address)
{
    struct attempt frame = {.size = address->ai_addrlen,
                            .protocol = address->ai_protocol,
                            .local = f->local,
                            .local_size = f->local_size};

    memcpy(&frame.address, address->ai_addr, address->ai_addrlen);
    return weft_gen_copy(&attempt_type, &frame);
}

/* Make an attempt for each address.  Errors: -ENOMEM. */
static int make_attempts(struct connection *f)
{
    size_t count = 0;

    for (struct addrinfo *a = f->found; a; a = a->ai_next)
        count += a->ai_addrlen <= sizeof(struct sockaddr_storage);
    f->count = count;
    f->order = weft__alloc(count * sizeof(*f->order));
    f->attempts = weft__alloc(count * sizeof(*f->attempts));
    f->errors = weft__zalloc(count * sizeof(*f->errors));
    if (!f->order || !f->attempts || !f->errors)
        return -ENOMEM;
    count = 0;
    for (struct addrinfo *a = f->found; a; a = a->ai_next)
        if (a->ai_addrlen <= sizeof(struct sockaddr_storage))
            f->order[count++] = a;
    interleave(f->order, count);
    for (size_t i = 0; i < count; i++)
        f->attempts[i] = attempt_new(f, f->order[i]);
    return 0;
}

static void write_log(const struct connection *f)
{
    char host[64], service[16];
    size_t length = 0;

    for (size_t i = 0; i < f->count && length < f->options.log_size; i++) {
        int n;

        if (!f->errors[i] || f->errors[i] == WEFT_ECANCELLED ||
            getnameinfo(f->order[i]->ai_addr, f->order[i]->ai_addrlen, host, sizeof(host), service,
                        sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
            continue;
        n = snprintf(f->options.log + length, f->options.log_size - length, "%s %s: %s\n", host,
                     service, weft_errname(f->errors[i]));
        length += n > 0 ? (size_t)n : 0;
    }
}

static weft_step connection(void *frame)
{
    struct connection *f = frame;
    int error;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_getaddrinfo(NULL, f->host, f->service,
                                   &(struct addrinfo){.ai_family = f->options.family,
                                                      .ai_socktype = SOCK_STREAM}));
    f->found = weft_take(f);
    error = make_attempts(f);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_TRY_AWAIT(f,
                   weft_staggered_race(NULL, f->attempts, f->count,
                                       f->options.delay > 0 ? f->options.delay : 0.25, f->errors));
    if (f->options.log)
        write_log(f);
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_RETURN_OWNED(f, weft_take(f), free_stream);
    WEFT_END(f);
}

static void connection_cleanup(void *frame)
{
    struct connection *f = frame;

    weft__string_free(f->host);
    weft__string_free(f->service);
    weft__free(f->order, f->count * sizeof(*f->order));
    weft__free(f->attempts, f->count * sizeof(*f->attempts));
    weft__free(f->errors, f->count * sizeof(*f->errors));
    if (f->found)
        freeaddrinfo(f->found);
}
WEFT_GEN_TYPE(connection, .cleanup = connection_cleanup);

WEFT__OPTIONS_END(weft_connect_options, flags);

weft_future *weft_open_connection_with(weft_loop *loop, const char *host, const char *service,
                                       const weft_connect_options *options)
{
    struct connection frame = {.gen = {0}};
    struct attempt only = {.size = 0};
    int error = weft__options_copy(&frame.options, sizeof(frame.options), options);

    loop = weft__loop_of(loop);
    if (frame.options.log && frame.options.log_size > 0)
        frame.options.log[0] = 0;
    if (!error)
        error = frame.options.flags ? -EINVAL : parse_local(&frame);
    if (error)
        return weft__failed(loop, error, NULL);
    if (!frame.options.log && parse_numbers(host, service, frame.options.family, &only)) {
        only.local = frame.local;
        only.local_size = frame.local_size;
        return weft_task_new_at(loop, weft_gen_copy(&attempt_type, &only), "open_connection");
    }
    if (!weft__string_copy(&frame.host, host) || !weft__string_copy(&frame.service, service)) {
        connection_cleanup(&frame);
        return weft__failed(loop, -ENOMEM, NULL);
    }
    return weft_task_new_at(loop, weft_gen_copy(&connection_type, &frame), "open_connection");
}

int weft__unix_address(const char *path, struct sockaddr_un *address, socklen_t *size)
{
    size_t length = strlen(path);

    if (length == 0)
        return -EINVAL; /* the system takes it for an abstract one without a name */
    if (length >= sizeof(address->sun_path))
        return -ENAMETOOLONG;
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length + 1);
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    if (*path == '@') {
        address->sun_path[0] = 0;
        --*size; /* the name is no string */
    }
    return 0;
}

weft_future *weft_open_unix_connection(weft_loop *loop, const char *path)
{
    struct attempt frame = {.protocol = 0};
    struct sockaddr_un address;
    int error = weft__unix_address(path, &address, &frame.size);

    loop = weft__loop_of(loop);
    if (error)
        return weft__failed(loop, error, NULL);
    memcpy(&frame.address, &address, frame.size);
    return weft_task_new_at(loop, weft_gen_copy(&attempt_type, &frame), "open_unix_connection");
}
