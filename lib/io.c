/* io.c - weft_io: a descriptor with a lifetime and one registration.
 *
 * It is registered at its first wait: persistent, edge-triggered, both directions.  Each operation tries its call
 * before it waits, so no edge is missed.  Where the backend has no edge trigger, it is registered anew,
 * level-triggered and for once, at each wait.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "alloc.h"
#include "io_priv.h"

static void on_io(evutil_socket_t fd, short what, void *arg);

/* Whether an operation waits for the descriptor, and not for its pause to end. */
static bool waits(const struct weft__op *op)
{
    return op && !op->backoff.index;
}

static void io_unregister(weft_io *io)
{
    if (!io->registered)
        return;
    event_del(&io->event);
    io->registered = false;
    io->loop->io_registered--;
}

int weft__io_register(weft_io *io)
{
    weft_loop *loop = io->loop;
    short what;

    if (io->registered && loop->edge_triggered)
        return 0;
    if (!io->registered)
        weft__watch_refresh(loop, io->fd);
    io_unregister(io);
    what = EV_READ | EV_WRITE | EV_PERSIST | EV_ET;
    if (!loop->edge_triggered)
        what = (short)((waits(io->ops[READING]) ? EV_READ : 0) |
                       (waits(io->ops[WRITING]) ? EV_WRITE : 0));
    if (!what)
        return 0;
    event_assign(&io->event, loop->base, io->fd, what, on_io, io);
    errno = 0;
    io->registered = event_add(&io->event, NULL) == 0;
    loop->io_registered += io->registered;
    return io->registered ? 0 : errno ? -errno : -EBUSY;
}

/* Libevent says that something has happened. */
static void on_io(evutil_socket_t fd, short what, void *arg)
{
    static const short bits[2] = {EV_READ, EV_WRITE};
    weft_io *io = arg;

    (void)fd;
    if (!io->loop->edge_triggered && io->registered) {
        io->registered = false; /* it was for once */
        io->loop->io_registered--;
    }
    for (int i = 0; i < 2; i++) {
        struct weft__op *op = io->ops[i];

        if (waits(op) && what & bits[i])
            (void)weft__op_try(op);
    }
    if (!io->loop->edge_triggered)
        (void)weft__io_register(io);
}

/* Start an operation: try it, or wait. */
static weft_future *io_start(weft_io *io, enum weft__op_kind kind, enum weft__direction direction,
                             void *bytes, size_t size)
{
    struct weft__op *op;
    int error;

    weft__check_thread(io->loop, "a call on a weft_io");
    if (io->loop->closed || io->fd < 0)
        return weft__failed(io->loop, WEFT_ECLOSED, NULL);
    if (io->ops[direction])
        return weft__failed(io->loop, -EBUSY, NULL);
    if (weft__unlikely(weft__await_doomed(io->loop)) && direction == READING)
        return weft__failed(io->loop, WEFT_ECANCELLED, NULL); /* what it would bring would be lost */
    op = weft__op_new(io->loop, kind, direction);
    if (!op)
        return weft__failed(io->loop, -ENOMEM, NULL);
    op->bytes = bytes;
    op->left = size;
    op->io = io;
    io->ops[direction] = op;
    io->loop->io_waits++;
    if (kind != OP_CONNECT && weft__op_try(op))
        return &op->future;
    error = weft__io_register(io);
    if (error) {
        weft__op_detach(op);
        return weft__op_failed(op, error);
    }
    return &op->future;
}

int weft_io_new(weft_loop *loop, int fd, unsigned flags, weft_io **out)
{
    int mode = fcntl(fd, F_GETFL);
    weft_io *io;

    *out = NULL;
    loop = weft__loop_of(loop);
    if (loop->closed)
        return WEFT_ECLOSED;
    if (mode < 0)
        return -errno;
    if (!(mode & O_NONBLOCK)) {
        if (!(flags & WEFT_IO_OWNED))
            return WEFT_EBLOCKING;
        if (fcntl(fd, F_SETFL, mode | O_NONBLOCK) != 0)
            return -errno;
    }
    io = weft__zalloc(sizeof(*io));
    if (!io)
        return -ENOMEM;
    io->loop = loop;
    io->fd = fd;
    io->flags = flags;
    io->next = loop->ios;
    if (io->next)
        io->next->prev = io;
    loop->ios = io;
    loop->futures++; /* it points to the loop, as a future does */
    weft__count(WEFT__COUNT_IOS, 1);
    *out = io;
    return 0;
}

int weft_io_socket(weft_loop *loop, int domain, int type, int protocol, weft_io **io)
{
    int fd, error;

    *io = NULL;
#ifdef SOCK_NONBLOCK
    type |= SOCK_NONBLOCK | SOCK_CLOEXEC;
#endif
    fd = socket(domain, type, protocol);
    if (fd < 0)
        return -errno;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    error = weft_io_new(loop, fd, WEFT_IO_OWNED, io);
    if (error)
        close(fd);
    return error;
}

/* Unregister and end the waiters; the object stays. */
static void io_stop(weft_io *io)
{
    for (int i = 0; i < 2; i++)
        if (io->ops[i])
            weft__op_end(io->ops[i], WEFT_ECLOSED);
    io_unregister(io);
    if (io->flags & WEFT_IO_OWNED && io->fd >= 0)
        close(io->fd);
    io->fd = -1;
}

void weft_io_close(weft_io *io)
{
    weft_loop *loop;

    if (!io)
        return;
    loop = io->loop;
    weft__check_thread(loop, "weft_io_close");
    io_stop(io);
    if (io->prev)
        io->prev->next = io->next;
    else if (loop->ios == io)
        loop->ios = io->next;
    if (io->next)
        io->next->prev = io->prev;
    weft__free(io, sizeof(*io));
    weft__count(WEFT__COUNT_IOS, -1);
    loop->futures--;
    if (loop->closed)
        weft__loop_released(loop);
}

int weft_io_fd(const weft_io *io)
{
    return io->fd;
}

weft_future *weft_io_readable(weft_io *io)
{
    return io_start(io, OP_READY, READING, NULL, 0);
}

weft_future *weft_io_writable(weft_io *io)
{
    return io_start(io, OP_READY, WRITING, NULL, 0);
}

weft_future *weft_sock_connect(weft_io *io, const struct sockaddr *addr, socklen_t len)
{
    int result;

    if (io->loop->closed || io->fd < 0)
        return weft__failed(io->loop, WEFT_ECLOSED, NULL);
    if (io->ops[WRITING])
        return weft__failed(io->loop, -EBUSY, NULL);
    do
        result = connect(io->fd, addr, len);
    while (result != 0 && errno == EINTR);
    if (result == 0)
        return weft_future_new_done_at(io->loop, NULL, "connected");
    if (errno != EINPROGRESS)
        return weft__failed(io->loop, -errno, NULL);
    return io_start(io, OP_CONNECT, WRITING, NULL, io->registered ? 1 : 0);
}

weft_future *weft_sock_recv(weft_io *io, void *buffer, size_t size)
{
    return io_start(io, OP_RECV, READING, buffer, size);
}

weft_future *weft_sock_sendall(weft_io *io, const void *bytes, size_t size)
{
    return io_start(io, OP_SEND, WRITING, (void *)(uintptr_t)bytes, size);
}

weft_future *weft_sock_accept(weft_io *io)
{
    return io_start(io, OP_ACCEPT, READING, NULL, 0);
}

/* ---- the loop closes --------------------------------------------------------------------------------------------- */

bool weft__ios_gone(const weft_loop *loop)
{
    bool gone = weft__watches_gone(loop);

    for (const weft_io *io = loop->ios; io && !gone; io = io->next)
        gone = weft__event_gone(&io->event, io->registered);
    return gone;
}

void weft__ios_forget(weft_loop *loop)
{
    for (weft_io *io = loop->ios; io; io = io->next)
        io->registered = false;
    weft__watches_forget(loop);
}

void weft__ios_close(weft_loop *loop)
{
    for (weft_io *io = loop->ios; io; io = io->next)
        io_stop(io);
    loop->ios = NULL;
    weft__watches_close(loop);
}
