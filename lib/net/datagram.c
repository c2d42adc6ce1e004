/* datagram.c - datagrams: a future for each that is received or sent, and endpoints by name.
 *
 * Invariant: a packet that waits is in its weft_io's `waits`, and `io` is not NULL.  It is tried
 * before it waits, unless the last call has found nothing and libevent has said nothing since; and
 * once more when a receive is cancelled.
 *
 * A short datagram says nothing of the next one, so a receive never marks the descriptor as
 * drained but by -EAGAIN.
 *
 * Rejected: more kinds of struct weft__op, whose result is a number and which has no room for an
 * address.
 */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>

#include <weft/datagram.h>
#include <weft/executor.h>

#include "base/alloc.h"
#include "base/options.h"
#include "io/io.h"

/* A receive or send under way. */
struct packet {
    weft_future future;
    struct weft__wait wait;
    weft_io *io; /* where it waits, or NULL */
    void *bytes;
    size_t size;
    struct sockaddr *from; /* receive: the caller's, or NULL */
    socklen_t *from_size;
    struct sockaddr_storage to;
    socklen_t to_size; /* send; 0: connected */
};

static struct packet *packet_of(weft_future *future)
{
    return (struct packet *)(void *)future;
}

/* ---- the calls ------------------------------------------------------------------------------ */

/* A result, or -errno; -EAGAIN: not yet. */
static ssize_t receive(weft_io *io, struct packet *packet)
{
    struct iovec part = {packet->bytes, packet->size};
    struct msghdr message = {.msg_name = packet->from,
                             .msg_namelen = packet->from ? *packet->from_size : 0,
                             .msg_iov = &part,
                             .msg_iovlen = 1};
    ssize_t n = recvmsg(io->fd, &message, 0);

    if (n < 0)
        return -errno;
    if (packet->from)
        *packet->from_size = message.msg_namelen;
    return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static ssize_t send_to(weft_io *io, struct packet *packet)
{
    struct sockaddr *to = packet->to_size ? (struct sockaddr *)&packet->to : NULL;
    struct pollfd ask = {.fd = io->fd, .events = POLLOUT};
    ssize_t n = 0;

    for (int i = 0; i < 2; i++) {
        n = sendto(io->fd, packet->bytes, packet->size, MSG_NOSIGNAL, to, packet->to_size);
        if (n >= 0)
            return 0;
        n = -errno;
        /* It is the receiver that has no room; nobody tells when it has: see the header. */
        if (n != -EAGAIN || packet->to.ss_family != AF_UNIX || poll(&ask, 1, 0) != 1)
            return n;
    }
    packet->io = NULL; /* no use in waiting */
    return n;
}

static const struct weft__future_type recvfrom_type, sendto_type;

/* Try it; true if it has ended. */
static bool try_packet(struct packet *packet)
{
    bool sends = packet->future.type == &sendto_type;
    weft_io *io = packet->io;
    bool waits = io->waits[sends] == &packet->wait;
    ssize_t n;

    do
        n = sends ? send_to(io, packet) : receive(io, packet);
    while (n == -EINTR);
    if ((n == -EAGAIN || n == -EWOULDBLOCK) && packet->io) {
        io->drained[sends] = true;
        return false;
    }
    packet->io = NULL;
    if (waits)
        weft__io_leave(io, sends);
    if (n < 0)
        weft__future_fail(&packet->future, (int)n);
    else
        weft__future_finish(&packet->future, weft_from_int((intptr_t)n), NULL);
    return true;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void packet_leave(struct packet *packet)
{
    if (packet->io)
        weft__io_leave(packet->io, packet->future.type == &sendto_type);
    packet->io = NULL;
}

static void packet_ready(struct weft__wait *wait, enum weft__direction direction)
{
    (void)direction;
    (void)try_packet(weft__container_of(wait, struct packet, wait));
}

static void packet_closed(struct weft__wait *wait, int error)
{
    struct packet *packet = weft__container_of(wait, struct packet, wait);

    packet_leave(packet);
    weft__future_fail(&packet->future, error);
}

static const struct weft__wait_type packet_wait_type = {packet_ready, packet_closed};

static bool packet_cancel(weft_future *future, const char *reason, const char *where)
{
    struct packet *packet = packet_of(future);

    if (future->type == &recvfrom_type && packet->io && try_packet(packet))
        return false;
    packet_leave(packet);
    weft__future_cancelled(future, reason, where);
    return true;
}

static void packet_drop(weft_future *future)
{
    packet_leave(packet_of(future));
}

static const struct weft__future_type recvfrom_type = {.name = "sock_recvfrom",
                                                       .size = sizeof(struct packet),
                                                       .cancel = packet_cancel,
                                                       .drop = packet_drop};
static const struct weft__future_type sendto_type = {.name = "sock_sendto",
                                                     .size = sizeof(struct packet),
                                                     .cancel = packet_cancel,
                                                     .drop = packet_drop};

/* Make one and try it; it waits if it must.  Its fields are the caller's, from `bytes` on. */
static weft_future *start(weft_io *io, const struct weft__future_type *type,
                          const struct packet *fields)
{
    enum weft__direction direction = type == &sendto_type ? WRITING : READING;
    struct packet *packet;
    int error;

    weft__check_thread(io->loop, "a call on a weft_io");
    if (io->loop->closed || io->fd < 0)
        return weft__failed(io->loop, WEFT_ECLOSED, NULL);
    if (io->waits[direction])
        return weft__failed(io->loop, -EBUSY, NULL);
    if (weft__unlikely(weft__await_doomed(io->loop)))
        return weft__failed(io->loop, WEFT_ECANCELLED, NULL); /* nobody would hear of it */
    packet = packet_of(weft__future_make(io->loop, type, NULL));
    if (!packet)
        return weft__failed(io->loop, -ENOMEM, NULL);
    memcpy(&packet->bytes, &fields->bytes, sizeof(*packet) - offsetof(struct packet, bytes));
    packet->wait = (struct weft__wait){&packet_wait_type};
    packet->io = io;
    if (!io->drained[direction] && try_packet(packet))
        return &packet->future;
    error = weft__io_wait(io, direction, &packet->wait);
    if (!error)
        return &packet->future;
    packet->io = NULL; /* it waits for nothing */
    weft_future_unref(&packet->future);
    return weft__failed(io->loop, error, NULL);
}

weft_future *weft_sock_recvfrom(weft_io *io, void *buffer, size_t size, struct sockaddr *addr,
                                socklen_t *len)
{
    return start(io, &recvfrom_type,
                 &(struct packet){
                     .bytes = buffer, .size = size, .from = len ? addr : NULL, .from_size = len});
}

weft_future *weft_sock_sendto(weft_io *io, const void *bytes, size_t size,
                              const struct sockaddr *addr, socklen_t len)
{
    struct packet fields = {.bytes = (void *)(uintptr_t)bytes, .size = size};

    if (addr && (len > sizeof(fields.to) || len == 0))
        return weft__failed(io->loop, -EINVAL, NULL);
    if (addr) {
        memcpy(&fields.to, addr, len);
        fields.to_size = len;
    }
    return start(io, &sendto_type, &fields);
}

/* ---- endpoints by name ---------------------------------------------------------------------- */

struct endpoint {
    weft_gen gen;
    weft_datagram_options options;
    char *local_host, *local_service, *remote_host, *remote_service; /* copies of its strings */
    struct addrinfo *local, *remote;
};

static void close_io(void *io)
{
    weft_io_close(io);
}

/* Make one of a pair of addresses, either of which may be missing. */
static int endpoint_make(const struct endpoint *f, const struct addrinfo *local,
                         const struct addrinfo *remote, weft_io **io)
{
    int family = local ? local->ai_family : remote ? remote->ai_family : f->options.family;
    int error = weft_io_socket(NULL, family, SOCK_DGRAM, 0, io);
    int on = 1, fd;

    if (error)
        return error;
    fd = weft_io_fd(*io);
#ifdef SO_REUSEPORT
    if (f->options.reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
        error = -errno;
#endif
    if (!error && f->options.broadcast &&
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) != 0)
        error = -errno;
    if (!error && local && bind(fd, local->ai_addr, local->ai_addrlen) != 0)
        error = -errno;
    if (!error && remote && connect(fd, remote->ai_addr, remote->ai_addrlen) != 0)
        error = -errno;
    if (!error)
        return 0;
    weft_io_close(*io);
    *io = NULL;
    return error;
}

/* Try the pairs of addresses of one family, until one will do.  Errors: the first one's. */
static int endpoint_open(const struct endpoint *f, weft_io **io)
{
    const struct addrinfo *remote = f->remote;
    int first = 0;

    do {
        const struct addrinfo *local = f->local;

        do {
            int error;

            if (local && remote && local->ai_family != remote->ai_family)
                continue;
            error = endpoint_make(f, local, remote, io);
            if (!error)
                return 0;
            first = first ? first : error;
        } while (local && (local = local->ai_next));
    } while (remote && (remote = remote->ai_next));
    return first ? first : -EAFNOSUPPORT;
}

static weft_future *endpoint_look_up(const struct endpoint *f, const char *host,
                                     const char *service, int flags)
{
    return weft_getaddrinfo(NULL, host, service ? service : "0",
                            &(struct addrinfo){.ai_flags = flags,
                                               .ai_family = f->options.family,
                                               .ai_socktype = SOCK_DGRAM});
}

static weft_step open_endpoint(void *frame)
{
    struct endpoint *f = frame;
    weft_io *io;
    int error;

    WEFT_BEGIN(f);
    if (f->local_host || f->local_service) {
        WEFT_AWAIT(f, endpoint_look_up(f, f->local_host, f->local_service, AI_PASSIVE));
        f->local = weft_take(f);
    }
    if (f->remote_host || f->remote_service) {
        WEFT_AWAIT(f, endpoint_look_up(f, f->remote_host, f->remote_service, 0));
        f->remote = weft_take(f);
    }
    if (!f->local && !f->remote && !f->options.family)
        WEFT_RAISE(f, -EINVAL);
    error = endpoint_open(f, &io);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_RETURN_OWNED(f, io, close_io);
    WEFT_END(f);
}

static void endpoint_cleanup(void *frame)
{
    struct endpoint *f = frame;

    weft__string_free(f->local_host);
    weft__string_free(f->local_service);
    weft__string_free(f->remote_host);
    weft__string_free(f->remote_service);
    if (f->local)
        freeaddrinfo(f->local);
    if (f->remote)
        freeaddrinfo(f->remote);
}

static const weft_gen_type endpoint_type = {.name = "open_datagram",
                                            .size = sizeof(struct endpoint),
                                            .resume = open_endpoint,
                                            .cleanup = endpoint_cleanup};

WEFT__OPTIONS_END(weft_datagram_options, flags);

weft_future *weft_open_datagram_with(weft_loop *loop, const weft_datagram_options *options)
{
    struct endpoint frame = {.gen = {0}};
    int error = weft__options_copy(&frame.options, sizeof(frame.options), options);

    loop = weft__loop_of(loop);
    if (error || frame.options.flags)
        return weft__failed(loop, error ? error : -EINVAL, NULL);
    if (!weft__string_copy(&frame.local_host, frame.options.local_host) ||
        !weft__string_copy(&frame.local_service, frame.options.local_service) ||
        !weft__string_copy(&frame.remote_host, frame.options.remote_host) ||
        !weft__string_copy(&frame.remote_service, frame.options.remote_service)) {
        endpoint_cleanup(&frame);
        return weft__failed(loop, -ENOMEM, NULL);
    }
    return weft_task_new_at(loop, weft_gen_copy(&endpoint_type, &frame), "open_datagram");
}
