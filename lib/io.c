/* io.c - descriptors: weft_io with one registration, and one-shot waits for bare descriptors.
 *
 * An operation is a future that knows which system call it stands for.  It is tried at once; on EAGAIN it waits
 * in its weft_io for its direction, and is tried again when libevent says so, or once more when it is
 * cancelled: data that has come by then wins.
 *
 *   weft_io   registered at its first wait: persistent, edge-triggered, both directions.  Each operation tries
 *             its call before it waits, so no edge is missed.  Where the backend has no edge trigger, it is
 *             registered anew, level-triggered and for once, at each wait.
 *   watch     what the loop knows of a bare descriptor, by its number: in each direction a one-shot wait or a
 *             reader/writer.  It remembers which file the number meant; if the number means another one by
 *             now, the old waiter is stale and ends with WEFT_ECLOSED.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "alloc.h"
#include "loop_priv.h"
#include <weft/io.h>

enum direction { READING, WRITING };

enum op_kind { OP_READY, OP_CONNECT, OP_RECV, OP_SEND, OP_ACCEPT };

/* An operation under way.  Of `io` and `watch`, one is where it waits; both NULL: nowhere any more. */
struct op {
    weft_future future;
    enum op_kind kind;
    enum direction direction;
    weft_io *io;
    struct weft__watch *watch;
    char *bytes;
    size_t left;
    struct weft__timer backoff; /* accept, out of descriptors */
};

struct weft_io {
    weft_loop *loop;
    weft_io *next; /* all of the loop */
    weft_io *prev;
    int fd;
    unsigned flags;
    bool registered;
    struct op *ops[2];
    struct event event;
};

/* One direction of a bare descriptor. */
struct side {
    struct event event;
    bool added;
    struct op *op;        /* a one-shot wait, or */
    void (*fn)(void *arg); /* a reader or writer, */
    void *arg;
    struct weft__hook hook; /* which the loop calls */
};

struct weft__watch {
    weft_loop *loop;
    int fd;
    dev_t device; /* the file that the number meant */
    ino_t inode;
    struct side sides[2];
};

/* ---- operations -------------------------------------------------------------------------------------------- */

/* It waits nowhere any more. */
static void op_detach(struct op *op)
{
    weft_loop *loop = op->future.loop;

    weft__timer_remove(loop, &op->backoff);
    if (op->io) {
        op->io->ops[op->direction] = NULL;
        loop->io_waits--;
        op->io = NULL;
    }
    if (op->watch) {
        struct side *side = &op->watch->sides[op->direction];

        side->op = NULL;
        loop->io_waits--;
        op->watch = NULL;
        if (side->added)
            event_del(&side->event);
        side->added = false;
    }
}

static void close_descriptor(void *value)
{
    close((int)weft_int(value));
}

/* A result, or -errno, of the call; -EAGAIN: not yet. */
static int op_call(struct op *op, intptr_t *result)
{
    int fd = op->io->fd;
    ssize_t n = 0;

    *result = 0;
    for (;;) {
        switch (op->kind) {
        case OP_READY: {
            /* The edge may have come and gone before anybody waited: ask. */
            struct pollfd ask = {.fd = fd, .events = op->direction == READING ? POLLIN : POLLOUT};

            n = poll(&ask, 1, 0);
            if (n == 0)
                return -EAGAIN;
            break;
        }
        case OP_CONNECT: {
            struct sockaddr_storage peer;
            int error = 0;
            socklen_t size = sizeof(peer);

            /* An edge from before the connect says nothing of it. */
            if (op->left > 0 && op->left-- > 0 &&
                getpeername(fd, (struct sockaddr *)&peer, &size) != 0 && errno == ENOTCONN)
                return -EAGAIN;
            size = sizeof(error);
            if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
                return -errno;
            return -error;
        }
        case OP_RECV:
            n = read(fd, op->bytes, op->left);
            *result = n;
            break;
        case OP_SEND:
            n = send(fd, op->bytes, op->left, MSG_NOSIGNAL);
            if (n < 0 && errno == ENOTSOCK)
                n = write(fd, op->bytes, op->left);
            if (n > 0) {
                op->bytes += n;
                op->left -= (size_t)n;
            }
            if (n >= 0 && op->left > 0)
                continue;
            break;
        case OP_ACCEPT:
#ifdef HAVE_ACCEPT4
            n = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
            n = accept(fd, NULL, NULL);
            if (n >= 0) {
                fcntl((int)n, F_SETFL, O_NONBLOCK);
                fcntl((int)n, F_SETFD, FD_CLOEXEC);
            }
#endif
            if (n < 0 && errno == ECONNABORTED)
                continue; /* it gave up while it was queued: the next one */
            *result = n;
            break;
        }
        if (n >= 0)
            return 0;
        if (errno != EINTR)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
}

/* Whether an accept should pause instead of failing. */
static bool is_exhausted(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/* Try the call; true if the operation has ended.  It must wait somewhere. */
static bool op_try(struct op *op)
{
    intptr_t result;
    int error = op_call(op, &result);
    weft_future *future = &op->future;

    if (error == -EAGAIN)
        return false;
    if (op->kind == OP_ACCEPT && is_exhausted(error)) {
        if (!op->backoff.index) {
            weft__report(future->loop, "accept pauses for a second", error, future);
            if (weft__timer_add(future->loop, &op->backoff, WEFT__TIMER_IO,
                                weft__loop_now(future->loop) + WEFT__NS) == 0)
                return false;
        } else {
            return false;
        }
    }
    op_detach(op);
    if (error)
        weft__future_fail(future, error);
    else
        weft__future_finish(future, weft_from_int(result),
                            op->kind == OP_ACCEPT ? close_descriptor : NULL);
    return true;
}

void weft__io_expired(struct weft__timer *timer)
{
    (void)op_try(weft__container_of(timer, struct op, backoff));
}

static bool op_cancel(weft_future *future, const char *reason, const char *where)
{
    struct op *op = (struct op *)(void *)future;

    /* Half a send is no outcome, and a connect under way none either. */
    if (op->io && (op->kind == OP_RECV || op->kind == OP_ACCEPT) && op_try(op))
        return false;
    op_detach(op);
    weft__future_cancelled(future, reason, where);
    return true;
}

static void op_drop(weft_future *future)
{
    op_detach((struct op *)(void *)future);
}

#define OP_TYPE(what) {.name = what, .size = sizeof(struct op), .cancel = op_cancel, .drop = op_drop}
static const struct weft__future_type op_types[][2] = {
    [OP_READY] = {OP_TYPE("readable"), OP_TYPE("writable")},
    [OP_CONNECT] = {OP_TYPE("sock_connect"), OP_TYPE("sock_connect")},
    [OP_RECV] = {OP_TYPE("sock_recv"), OP_TYPE("sock_recv")},
    [OP_SEND] = {OP_TYPE("sock_sendall"), OP_TYPE("sock_sendall")},
    [OP_ACCEPT] = {OP_TYPE("sock_accept"), OP_TYPE("sock_accept")}};

static struct op *op_new(weft_loop *loop, enum op_kind kind, enum direction direction)
{
    struct op *op =
        (struct op *)(void *)weft__future_make(loop, &op_types[kind][direction], NULL);

    if (op) {
        op->kind = kind;
        op->direction = direction;
    }
    return op;
}

/* The operation's wait has ended without it. */
static void op_end(struct op *op, int error)
{
    op_detach(op);
    weft__future_fail(&op->future, error);
}

static weft_future *op_failed(struct op *op, int error)
{
    weft_loop *loop = op->future.loop;

    weft_future_unref(&op->future);
    return weft__failed(loop, error, NULL);
}

/* ---- bare descriptors: which file a number means -------------------------------------------------------------- */

static struct weft__watch *watch_at(const weft_loop *loop, int fd)
{
    return fd >= 0 && fd < loop->watch_count ? loop->watches[fd] : NULL;
}

static void side_stop(struct side *side)
{
    if (side->added)
        event_del(&side->event);
    side->added = false;
    side->fn = NULL;
    if (side->hook.node.next)
        weft__queue_remove(&side->hook.node);
}

/* The number means another file by now, or soon: whoever waited for the old one is told. */
static void watch_forget(struct weft__watch *watch)
{
    for (int i = 0; i < 2; i++) {
        if (watch->sides[i].op)
            op_end(watch->sides[i].op, WEFT_ECLOSED);
        side_stop(&watch->sides[i]);
    }
}

/* Look whether a number still means the file that its waiters meant.  Errors: -EBADF. */
static int watch_refresh(struct weft__watch *watch)
{
    struct stat now;

    if (fstat(watch->fd, &now) != 0)
        return -errno;
    if (now.st_dev != watch->device || now.st_ino != watch->inode)
        watch_forget(watch);
    watch->device = now.st_dev;
    watch->inode = now.st_ino;
    return 0;
}

/* ---- weft_io ---------------------------------------------------------------------------------------------------- */

static void on_io(evutil_socket_t fd, short what, void *arg);

/* See to it that libevent wakes what waits.  Errors: what the backend says. */
static int io_register(weft_io *io)
{
    weft_loop *loop = io->loop;
    short what;

    if (io->registered && loop->edge_triggered)
        return 0;
    if (!io->registered && watch_at(loop, io->fd))
        (void)watch_refresh(watch_at(loop, io->fd));
    if (io->registered)
        event_del(&io->event);
    what = EV_READ | EV_WRITE | EV_PERSIST | EV_ET;
    if (!loop->edge_triggered)
        what = (short)((io->ops[READING] ? EV_READ : 0) | (io->ops[WRITING] ? EV_WRITE : 0));
    event_assign(&io->event, loop->base, io->fd, what, on_io, io);
    errno = 0;
    io->registered = event_add(&io->event, NULL) == 0;
    return io->registered ? 0 : errno ? -errno : -EBUSY;
}

/* Libevent says that something has happened. */
static void on_io(evutil_socket_t fd, short what, void *arg)
{
    static const short bits[2] = {EV_READ, EV_WRITE};
    weft_io *io = arg;

    (void)fd;
    if (!io->loop->edge_triggered)
        io->registered = false;
    for (int i = 0; i < 2; i++) {
        struct op *op = io->ops[i];

        if (!op || !(what & bits[i]))
            continue;
        (void)op_try(op);
    }
    if (!io->loop->edge_triggered && (io->ops[READING] || io->ops[WRITING]))
        (void)io_register(io);
}

/* Start an operation: try it, or wait. */
static weft_future *io_start(weft_io *io, enum op_kind kind, enum direction direction, void *bytes,
                             size_t size)
{
    struct op *op;
    int error;

    weft__check_thread(io->loop, "a call on a weft_io");
    if (io->loop->closed || io->fd < 0)
        return weft__failed(io->loop, WEFT_ECLOSED, NULL);
    if (io->ops[direction])
        return weft__failed(io->loop, -EBUSY, NULL);
    op = op_new(io->loop, kind, direction);
    if (!op)
        return weft__failed(io->loop, -ENOMEM, NULL);
    op->bytes = bytes;
    op->left = size;
    op->io = io;
    io->ops[direction] = op;
    io->loop->io_waits++;
    if (kind != OP_CONNECT && op_try(op))
        return &op->future;
    error = io_register(io);
    if (error) {
        op_detach(op);
        return op_failed(op, error);
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
static void io_stop(weft_io *io, bool base_freed)
{
    for (int i = 0; i < 2; i++)
        if (io->ops[i])
            op_end(io->ops[i], WEFT_ECLOSED);
    if (io->registered && !base_freed)
        event_del(&io->event);
    io->registered = false;
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
    io_stop(io, false);
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

/* ---- bare descriptors ------------------------------------------------------------------------------------------- */

static void call_reader(struct weft__hook *hook)
{
    struct side *side = weft__container_of(hook, struct side, hook);

    if (side->fn)
        side->fn(side->arg);
}

/* A bare descriptor is ready: end the wait, or queue the call. */
static void on_watch(struct side *side, weft_loop *loop)
{
    struct op *op = side->op;

    if (op) {
        side->added = false; /* it was for once */
        op_detach(op);
        weft__future_finish(&op->future, NULL, NULL);
    } else if (side->fn && !side->hook.node.next) {
        weft__loop_push(loop, &side->hook.node);
    }
}

static void on_watch_read(evutil_socket_t fd, short what, void *arg)
{
    struct weft__watch *watch = arg;

    (void)fd, (void)what;
    on_watch(&watch->sides[READING], watch->loop);
}

static void on_watch_write(evutil_socket_t fd, short what, void *arg)
{
    struct weft__watch *watch = arg;

    (void)fd, (void)what;
    on_watch(&watch->sides[WRITING], watch->loop);
}

/* The watch of a number, made at its first use.  Errors: -EBADF, -ENOMEM. */
static int watch_get(weft_loop *loop, int fd, struct weft__watch **out)
{
    struct weft__watch *watch = watch_at(loop, fd);

    if (fd < 0)
        return -EBADF;
    if (fd >= loop->watch_count) {
        int count = fd < 32 ? 64 : fd * 2;
        struct weft__watch **watches =
            weft__resize(loop->watches, (size_t)loop->watch_count * sizeof(*watches),
                         (size_t)count * sizeof(*watches));

        if (!watches)
            return -ENOMEM;
        memset(watches + loop->watch_count, 0,
               (size_t)(count - loop->watch_count) * sizeof(*watches));
        loop->watches = watches;
        loop->watch_count = count;
    }
    if (!watch) {
        watch = weft__zalloc(sizeof(*watch));
        if (!watch)
            return -ENOMEM;
        watch->loop = loop;
        watch->fd = fd;
        for (int i = 0; i < 2; i++)
            watch->sides[i].hook = (struct weft__hook){{.kind = WEFT__NODE_HOOK}, call_reader};
        loop->watches[fd] = watch;
    }
    *out = watch;
    return watch_refresh(watch);
}

/* Register one side.  Errors: what the backend says; -EBUSY: a weft_io has the same descriptor. */
static int side_add(struct weft__watch *watch, enum direction direction, short persist)
{
    struct side *side = &watch->sides[direction];
    short what = (short)((direction == READING ? EV_READ : EV_WRITE) | persist);

    event_assign(&side->event, watch->loop->base, watch->fd, what,
                 direction == READING ? on_watch_read : on_watch_write, watch);
    errno = 0;
    side->added = event_add(&side->event, NULL) == 0;
    return side->added ? 0 : errno ? -errno : -EBUSY;
}

static weft_future *watch_wait(weft_loop *loop, int fd, enum direction direction)
{
    struct weft__watch *watch = NULL;
    struct side *side;
    struct op *op;
    int error;

    loop = weft__loop_of(loop);
    error = loop->closed ? WEFT_ECLOSED : watch_get(loop, fd, &watch);
    if (error)
        return weft__failed(loop, error, NULL);
    side = &watch->sides[direction];
    if (side->op || side->fn)
        return weft__failed(loop, -EBUSY, NULL);
    op = op_new(loop, OP_READY, direction);
    if (!op)
        return weft__failed(loop, -ENOMEM, NULL);
    error = side_add(watch, direction, 0);
    if (error)
        return op_failed(op, error);
    side->op = op;
    op->watch = watch;
    loop->io_waits++;
    return &op->future;
}

weft_future *weft_readable(weft_loop *loop, int fd)
{
    return watch_wait(loop, fd, READING);
}

weft_future *weft_writable(weft_loop *loop, int fd)
{
    return watch_wait(loop, fd, WRITING);
}

void weft_notify_closing(weft_loop *loop, int fd)
{
    struct weft__watch *watch = watch_at(weft__loop_of(loop), fd);

    if (watch)
        watch_forget(watch);
}

static int watch_add(weft_loop *loop, int fd, enum direction direction, void (*fn)(void *),
                     void *arg)
{
    struct weft__watch *watch = NULL;
    struct side *side;
    int error;

    loop = weft__loop_of(loop);
    error = loop->closed ? WEFT_ECLOSED : watch_get(loop, fd, &watch);
    if (error)
        return error;
    side = &watch->sides[direction];
    if (side->op)
        return -EBUSY;
    side_stop(side);
    error = side_add(watch, direction, EV_PERSIST);
    if (error)
        return error;
    side->fn = fn;
    side->arg = arg;
    return 0;
}

int weft_add_reader(weft_loop *loop, int fd, void (*fn)(void *arg), void *arg)
{
    return watch_add(loop, fd, READING, fn, arg);
}

int weft_add_writer(weft_loop *loop, int fd, void (*fn)(void *arg), void *arg)
{
    return watch_add(loop, fd, WRITING, fn, arg);
}

static bool watch_remove(weft_loop *loop, int fd, enum direction direction)
{
    struct weft__watch *watch = watch_at(weft__loop_of(loop), fd);

    if (!watch || !watch->sides[direction].fn)
        return false;
    side_stop(&watch->sides[direction]);
    return true;
}

bool weft_remove_reader(weft_loop *loop, int fd)
{
    return watch_remove(loop, fd, READING);
}

bool weft_remove_writer(weft_loop *loop, int fd)
{
    return watch_remove(loop, fd, WRITING);
}

/* ---- the loop closes --------------------------------------------------------------------------------------------- */

/* Whether an event that we have added is gone from its base: the base was freed under us. */
static bool was_freed(const struct event *event, bool added)
{
    return added && !(event->ev_evcallback.evcb_flags &
                      (EVLIST_INSERTED | EVLIST_ACTIVE | EVLIST_ACTIVE_LATER));
}

bool weft__ios_close(weft_loop *loop, bool freed)
{
    for (weft_io *io = loop->ios; io; io = io->next) {
        freed = freed || was_freed(&io->event, io->registered);
        io_stop(io, freed);
    }
    loop->ios = NULL;
    for (int fd = 0; fd < loop->watch_count; fd++) {
        struct weft__watch *watch = loop->watches[fd];

        if (!watch)
            continue;
        for (int i = 0; i < 2; i++) {
            struct side *side = &watch->sides[i];

            freed = freed || was_freed(&side->event, side->added);
            if (freed)
                side->added = false;
        }
        watch_forget(watch);
        weft__free(watch, sizeof(*watch));
    }
    weft__free(loop->watches, (size_t)loop->watch_count * sizeof(*loop->watches));
    loop->watches = NULL;
    loop->watch_count = 0;
    return freed;
}
