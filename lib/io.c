/* io.c - weft_io: a descriptor with a lifetime and a registration.
 *
 * Each operation tries its call before it waits, unless the last one has found nothing more and libevent has said
 * nothing since (`drained`).  There are two ways to be registered:
 *
 *   edge     once, at the first wait, for both directions.  Nothing more is to be done, ever; but each burst ends with
 *            a call that finds nothing.
 *   level    reading for good, from the first wait on; taken away when it fires and nobody waits.  Writing only while
 *            somebody waits.  A read that gets less than it asked for has drained the descriptor: a server that
 *            answers one message at a time saves one call in three.
 *
 * Edge is for sockets that connect, and level for those that were accepted, and for backends without edges.
 *
 * Rejected: a short read as a sign of an empty descriptor with edges: an end of file or an error that came together
 * with the data would never be told.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "alloc.h"
#include "io_priv.h"

static void on_io(evutil_socket_t fd, short what, void *arg);

static const short bits[2] = {[READING] = EV_READ, [WRITING] = EV_WRITE};

static bool wanted(const weft_io *io, int direction)
{
    return io->waits[direction] && !io->waits[direction]->paused;
}

/* ---- registration ---------------------------------------------------------------------------------------- */

static struct event *event_of(weft_io *io, short what)
{
    return io->level && what == EV_WRITE ? &io->write_event : &io->event;
}

static void io_remove(weft_io *io, short what)
{
    if (!(io->added & what))
        return;
    event_del(event_of(io, what));
    io->added &= (uint8_t) ~(io->level ? what : EV_READ | EV_WRITE);
    io->loop->io_registered--;
}

/* Errors: what the backend says. */
static int io_add(weft_io *io, short what)
{
    short flags = (short)(io->level ? what | EV_PERSIST : EV_READ | EV_WRITE | EV_PERSIST | EV_ET);

    if (io->added & what)
        return 0;
    if (!io->added)
        weft__watch_refresh(io->loop, io->fd);
    event_assign(event_of(io, what), io->loop->base, io->fd, flags, on_io, io);
    errno = 0;
    if (event_add(event_of(io, what), NULL) != 0)
        return errno ? -errno : -EBUSY;
    io->added |= (uint8_t)(flags & (EV_READ | EV_WRITE));
    io->loop->io_registered++;
    return 0;
}

static void io_unregister(weft_io *io)
{
    io_remove(io, EV_READ);
    io_remove(io, EV_WRITE);
}

int weft__io_register(weft_io *io)
{
    int error = wanted(io, READING) ? io_add(io, EV_READ) : 0;

    if (!error && wanted(io, WRITING))
        error = io_add(io, EV_WRITE);
    return error;
}

static void io_free(weft_io *io)
{
    weft_loop *loop = io->loop;

    weft__free(io, sizeof(*io));
    weft__count(WEFT__COUNT_IOS, -1);
    weft__loop_let_go(loop);
}

/* Libevent says that something has happened. */
static void on_io(evutil_socket_t fd, short what, void *arg)
{
    weft_io *io = arg;

    (void)fd;
    io->told = true;
    for (int i = 0; i < 2 && !io->dead; i++) {
        if (!(what & bits[i]))
            continue;
        io->drained[i] = false;
        if (wanted(io, i))
            io->waits[i]->ready(io->waits[i]);
        else if (io->level)
            io_remove(io, bits[i]);
        if (io->level && i == WRITING && !wanted(io, i))
            io_remove(io, EV_WRITE);
    }
    io->told = false;
    if (io->dead)
        io_free(io);
}

int weft__io_wait(weft_io *io, enum weft__direction direction, struct weft__wait *wait)
{
    int error;

    io->waits[direction] = wait;
    io->loop->io_waits++;
    error = weft__io_register(io);
    if (error) {
        io->drained[direction] = false;
        weft__io_leave(io, direction);
    }
    return error;
}

void weft__io_leave(weft_io *io, enum weft__direction direction)
{
    io->waits[direction] = NULL;
    io->loop->io_waits--;
}

/* Whether a call may bring something, as far as one can know without making it. */
static bool is_worth_a_try(const struct weft__op *op)
{
    switch (op->kind) {
    case OP_CONNECT:
        return false; /* it has been made */
    case OP_READY:
        return true;
    case OP_RECV:
    case OP_SEND:
        return !op->io->drained[op->direction] || op->left == 0; /* nothing is always there */
    default:
        return !op->io->drained[op->direction];
    }
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
    if (io->waits[direction])
        return weft__failed(io->loop, -EBUSY, NULL);
    if (weft__unlikely(weft__await_doomed(io->loop)) && direction == READING)
        return weft__failed(io->loop, WEFT_ECANCELLED, NULL); /* what it would bring would be lost */
    op = weft__op_new(io->loop, kind, direction);
    if (!op)
        return weft__failed(io->loop, -ENOMEM, NULL);
    op->bytes = bytes;
    op->left = size;
    op->io = io;
    io->waits[direction] = &op->wait;
    io->loop->io_waits++;
    if (is_worth_a_try(op) && weft__op_try(op))
        return &op->future;
    error = weft__io_register(io);
    if (error) {
        io->drained[direction] = false;
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
    if (!(mode & O_NONBLOCK) && !(flags & WEFT_IO_OWNED))
        return WEFT_EBLOCKING;
    io = weft__zalloc(sizeof(*io));
    if (!io)
        return -ENOMEM;
    if (!(mode & O_NONBLOCK) && fcntl(fd, F_SETFL, mode | O_NONBLOCK) != 0) {
        int error = -errno;

        weft__free(io, sizeof(*io));
        return error;
    }
    io->loop = loop;
    io->fd = fd;
    io->flags = (uint8_t)flags;
    io->level = flags & WEFT__IO_LEVEL || !loop->edge_triggered;
    io->next = loop->ios;
    if (io->next)
        io->next->prev = io;
    loop->ios = io;
    weft__loop_hold(loop);
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
        if (io->waits[i])
            io->waits[i]->closed(io->waits[i], WEFT_ECLOSED);
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
    io->dead = true;
    if (!io->told)
        io_free(io);
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
    if (io->waits[WRITING])
        return weft__failed(io->loop, -EBUSY, NULL);
    do
        result = connect(io->fd, addr, len);
    while (result != 0 && errno == EINTR);
    if (result == 0)
        return weft_future_new_done_at(io->loop, NULL, "connected");
    if (errno != EINPROGRESS)
        return weft__failed(io->loop, -errno, NULL);
    io->drained[READING] = true; /* nothing can have come */
    return io_start(io, OP_CONNECT, WRITING, NULL, io->added ? 1 : 0);
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
        gone = weft__event_gone(&io->event, io->added & (io->level ? EV_READ : EV_READ | EV_WRITE)) ||
               weft__event_gone(&io->write_event, io->level && io->added & EV_WRITE);
    return gone;
}

void weft__ios_forget(weft_loop *loop)
{
    for (weft_io *io = loop->ios; io; io = io->next)
        io->added = 0;
    weft__watches_forget(loop);
}

void weft__ios_close(weft_loop *loop)
{
    while (loop->ios) {
        weft_io *io = loop->ios;

        loop->ios = io->next;
        if (io->next)
            io->next->prev = NULL;
        io->next = NULL;
        io->told = true; /* a stream that ends closes it */
        io_stop(io);
        io->told = false;
        if (io->dead)
            io_free(io);
    }
    weft__watches_close(loop);
}
