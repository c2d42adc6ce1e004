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
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/events.h"
#include "core/round.h"
#include "io/io.h"

static void on_io(evutil_socket_t fd, short what, void *arg);

static const short bits[2] = {[READING] = EV_READ, [WRITING] = EV_WRITE};

static bool wanted(const weft_io *io, int direction)
{
    return io->waits[direction] && !io->paused[direction];
}

/* ---- registration ---------------------------------------------------------------------------------------- */

static struct weft__manual_io *manual(weft_io *io)
{
    return io->flags & WEFT__IO_MANUAL ? (struct weft__manual_io *)(void *)io : NULL;
}

static struct event *event_of(weft_io *io, short what)
{
    return io->level && what == EV_WRITE ? io->write_event : &io->event;
}

/* Let whatever stands for a descriptor be watched for what is in `added`.  Errors: its own. */
static int watch_by_hand(weft_io *io)
{
    struct weft__manual_io *m = manual(io);

    return m->watch(m->arg, (io->added & EV_READ) != 0, (io->added & EV_WRITE) != 0);
}

static void io_remove(weft_io *io, short what)
{
    if (!(io->added & what))
        return;
    io->added &= (uint8_t) ~(io->level ? what : EV_READ | EV_WRITE);
    if (manual(io))
        (void)watch_by_hand(io);
    else {
        weft__fork_check(io->loop);
        event_del(event_of(io, what));
        io->loop->idle_events--;
    }
}

/* Errors: -ENOMEM; what the backend says. */
static int event_begin(weft_io *io, short what, short flags)
{
    if (io->level && what == EV_WRITE && !io->write_event &&
        !(io->write_event = weft__zalloc(sizeof(*io->write_event))))
        return -ENOMEM;
    weft__fork_check(io->loop);
    if (!io->added)
        weft__watch_refresh(io->loop, io->fd);
    event_assign(event_of(io, what), io->loop->base, io->fd, flags, on_io, io);
    errno = 0;
    if (event_add(event_of(io, what), NULL) != 0)
        return errno ? -errno : -EBUSY;
    io->loop->idle_events++;
    return 0;
}

/* Errors: as above, or of who watches by hand. */
static int io_add(weft_io *io, short what)
{
    short flags = (short)(io->level ? what | EV_PERSIST : EV_READ | EV_WRITE | EV_PERSIST | EV_ET);
    uint8_t before = io->added;
    int error = 0;

    if (before & what)
        return 0;
    if (!manual(io))
        error = event_begin(io, what, flags);
    io->added |= (uint8_t)(flags & (EV_READ | EV_WRITE));
    if (manual(io))
        error = watch_by_hand(io);
    if (error)
        io->added = before;
    return error;
}

void weft__io_unregister(weft_io *io)
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
    struct weft__manual_io *m = manual(io);

    if (m && m->hook.node.next)
        weft__queue_remove(&m->hook.node);
    if (io->write_event)
        weft__free(io->write_event, sizeof(*io->write_event));
    weft__free(io, m ? sizeof(*m) : sizeof(*io));
    weft__count(WEFT__COUNT_IOS, -1);
    weft__loop_let_go(loop);
}

/* Something has happened: tell who waits. */
static void io_tell(weft_io *io, short what)
{
    weft_loop *loop = io->loop;
    bool follow = weft__loop_may_follow(loop);

    loop->draining = loop->draining || follow; /* who wakes up need not ask for a turn */
    io->told = (uint8_t)(what & (EV_READ | EV_WRITE));
    for (int i = 0; i < 2 && !io->dead; i++) {
        if (!(what & bits[i]))
            continue;
        io->drained[i] = false;
        if (wanted(io, i))
            io->waits[i]->type->ready(io->waits[i], (enum weft__direction)i);
        else if (io->level)
            io_remove(io, bits[i]);
        if (io->level && i == WRITING && !wanted(io, i))
            io_remove(io, EV_WRITE);
    }
    io->told = 0;
    if (io->dead)
        io_free(io);
    if (!follow)
        return;
    loop->draining = false;
    if (!weft__queue_empty(&loop->ready))
        weft__loop_follow(loop);
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    io_tell(arg, what);
}

/* While a descriptor is waited for, virtual time stands still.  What is told by hand may well be told by a timer. */
static void wait_begin(weft_io *io, enum weft__direction direction, struct weft__wait *wait)
{
    io->waits[direction] = wait;
    io->loop->outside += !manual(io);
}

int weft__io_wait(weft_io *io, enum weft__direction direction, struct weft__wait *wait)
{
    int error;

    wait_begin(io, direction, wait);
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
    io->paused[direction] = false;
    io->loop->outside -= !manual(io);
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

/* With edges, only a new registration is told of what is there already. */
int weft__io_again(weft_io *io, enum weft__direction direction)
{
    io->drained[direction] = false;
    if (manual(io))
        weft_io_ready(io, direction == READING, direction == WRITING);
    if (io->level || !io->added)
        return 0;
    io_remove(io, EV_READ | EV_WRITE);
    return io_add(io, EV_READ | EV_WRITE);
}

static bool is_closed(const weft_io *io)
{
    return io->loop->closed || (io->fd < 0 && !(io->flags & WEFT__IO_MANUAL));
}

/* Start an operation: try it, or wait. */
static weft_future *io_start(weft_io *io, enum weft__op_kind kind, enum weft__direction direction,
                             void *bytes, size_t size)
{
    struct weft__op *op;
    int error;

    weft__check_thread(io->loop, "a call on a weft_io");
    if (is_closed(io))
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
    wait_begin(io, direction, &op->wait);
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

/* It is the loop's from now on. */
static void io_link(struct weft__ios *ios, weft_io *io)
{
    weft_loop *loop = ios->part.loop;

    weft__loop_use(loop, NULL, WEFT__USE_UNSEEN);
    io->loop = loop;
    io->is_epoll = ios->is_epoll;
    io->next = ios->first;
    if (io->next)
        io->next->link = &io->next;
    io->link = &ios->first;
    ios->first = io;
    weft__loop_hold(loop);
    weft__count(WEFT__COUNT_IOS, 1);
}

int weft__io_new(weft_loop *loop, int fd, unsigned flags, weft_io **out)
{
    int mode = flags & WEFT__IO_NONBLOCKING ? O_NONBLOCK : fcntl(fd, F_GETFL);
    struct weft__ios *ios;
    weft_io *io;

    *out = NULL;
    loop = weft__loop_of(loop);
    if (loop->closed)
        return WEFT_ECLOSED;
    if (mode < 0)
        return -errno;
    if (!(mode & O_NONBLOCK) && !(flags & WEFT_IO_OWNED))
        return WEFT_EBLOCKING;
    ios = weft__ios(loop);
    io = ios ? weft__zalloc(sizeof(*io)) : NULL;
    if (!io)
        return -ENOMEM;
    if (!(mode & O_NONBLOCK) && fcntl(fd, F_SETFL, mode | O_NONBLOCK) != 0) {
        int error = -errno;

        weft__free(io, sizeof(*io));
        return error;
    }
    io->fd = fd;
    io->flags = (uint8_t)flags;
    io->level = flags & WEFT__IO_LEVEL || !ios->edge_triggered;
    io_link(ios, io);
    *out = io;
    return 0;
}

int weft_io_new(weft_loop *loop, int fd, unsigned flags, weft_io **io)
{
    *io = NULL;
    return flags & ~(unsigned)WEFT_IO_OWNED ? -EINVAL : weft__io_new(loop, fd, flags, io);
}

int weft_io_socket(weft_loop *loop, int domain, int type, int protocol, weft_io **io)
{
    unsigned flags = WEFT_IO_OWNED;
    int fd, error;

    *io = NULL;
#ifdef SOCK_NONBLOCK
    type |= SOCK_NONBLOCK | SOCK_CLOEXEC;
    flags |= WEFT__IO_NONBLOCKING;
#endif
    fd = socket(domain, type, protocol);
    if (fd < 0)
        return -errno;
#ifndef SOCK_NONBLOCK
    fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
    error = weft__io_new(loop, fd, flags, io);
    if (error)
        close(fd);
    return error;
}

/* ---- without a descriptor -------------------------------------------------------------------------------- */

static void manual_ready(struct weft__hook *hook)
{
    struct weft__manual_io *m = weft__container_of(hook, struct weft__manual_io, hook);
    uint8_t ready = m->ready;

    m->ready = 0;
    if (!m->io.loop->closed)
        io_tell(&m->io, ready);
}

int weft_io_new_manual(weft_loop *loop, weft_io_watch *watch, void *arg, weft_io **io)
{
    struct weft__manual_io *m;
    struct weft__ios *ios;

    *io = NULL;
    loop = weft__loop_of(loop);
    if (loop->closed)
        return WEFT_ECLOSED;
    ios = weft__ios(loop);
    m = ios ? weft__zalloc(sizeof(*m)) : NULL;
    if (!m)
        return -ENOMEM;
    m->io.fd = -1;
    m->io.flags = WEFT__IO_MANUAL;
    m->io.level = true;
    m->watch = watch;
    m->arg = arg;
    m->hook = (struct weft__hook){.node.kind = WEFT__NODE_HOOK, .fn = manual_ready};
    io_link(ios, &m->io);
    *io = &m->io;
    return 0;
}

void weft_io_ready(weft_io *io, bool readable, bool writable)
{
    struct weft__manual_io *m = manual(io);

    weft__check_thread(io->loop, "weft_io_ready");
    m->ready |= (uint8_t)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    if (m->ready && !m->hook.node.next && !io->loop->closed)
        weft__loop_push(io->loop, &m->hook.node);
}

/* ---- the end --------------------------------------------------------------------------------------------- */

/* End the waiters. */
static void io_end_waits(weft_io *io)
{
    for (int i = 0; i < 2; i++)
        if (io->waits[i])
            io->waits[i]->type->closed(io->waits[i], WEFT_ECLOSED);
}

/* Give the descriptor back; the object stays. */
static void io_stop(weft_io *io)
{
    weft__io_unregister(io);
    if (io->flags & WEFT_IO_OWNED && io->fd >= 0)
        close(io->fd);
    io->fd = -1;
}

static void io_unlink(weft_io *io)
{
    if (!io->link)
        return;
    *io->link = io->next;
    if (io->next)
        io->next->link = io->link;
    io->link = NULL;
}

void weft_io_close(weft_io *io)
{
    if (!io)
        return;
    weft__check_thread(io->loop, "weft_io_close");
    io_end_waits(io);
    io_stop(io);
    io_unlink(io);
    io->dead = true;
    if (!io->told)
        io_free(io);
}

void weft__no_delay(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
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

    if (is_closed(io))
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

/* ---- all of a loop ------------------------------------------------------------------------------------------------ */

static struct weft__ios *ios_of(struct weft__part *part)
{
    return (struct weft__ios *)(void *)part;
}

static bool ios_base_gone(const struct weft__part *part)
{
    const struct weft__ios *ios = (const struct weft__ios *)(const void *)part;
    bool gone = weft__watches_gone(ios);

    for (const weft_io *io = ios->first; io && !gone; io = io->next)
        gone = !(io->flags & WEFT__IO_MANUAL) &&
               (weft__event_gone(&io->event, io->added & (io->level ? EV_READ : EV_READ | EV_WRITE)) ||
                (io->write_event && weft__event_gone(io->write_event, io->added & EV_WRITE)));
    return gone;
}

static void ios_forget_base(struct weft__part *part)
{
    for (weft_io *io = ios_of(part)->first; io; io = io->next)
        io->added = 0;
    weft__watches_forget(ios_of(part));
}

static void ios_end_waits(struct weft__part *part)
{
    weft_io *next;

    for (weft_io *io = ios_of(part)->first; io; io = next) {
        next = io->next;
        io->told = EV_READ | EV_WRITE; /* a stream that ends closes it */
        io_end_waits(io);
        io->told = 0;
        if (io->dead)
            io_free(io);
    }
    weft__watches_end_waits(ios_of(part));
}

static void ios_close(struct weft__part *part)
{
    struct weft__ios *ios = ios_of(part);
    weft_io *io;

    while ((io = ios->first)) {
        io_unlink(io);
        io_stop(io);
    }
    weft__watches_close(ios);
}

static const struct weft__part_type ios_type = {.size = sizeof(struct weft__ios),
                                                .base_gone = ios_base_gone,
                                                .forget_base = ios_forget_base,
                                                .end_waits = ios_end_waits,
                                                .close = ios_close};

struct weft__ios *weft__ios(weft_loop *loop)
{
    struct weft__ios *ios = weft__part_find(loop, &ios_type);

    if (ios || loop->closed || !(ios = weft__part_need(loop, &ios_type)))
        return ios;
    ios->known = -1;
    ios->edge_triggered = (event_base_get_features(loop->base) & EV_FEATURE_ET) != 0;
    ios->is_epoll = strncmp(event_base_get_method(loop->base), "epoll", 5) == 0;
    return ios;
}
