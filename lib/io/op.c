/* op.c - operations on descriptors: the system call, tried at once and whenever it may go on. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/io.h"

/* It waits nowhere any more. */
void weft__op_detach(struct weft__op *op)
{
    weft_loop *loop = op->future.loop;

    weft__timer_remove(loop, &op->backoff);
    if (op->io) {
        weft__io_leave(op->io, op->direction);
        op->io = NULL;
    }
    if (op->watch) {
        struct weft__side *side = &op->watch->sides[op->direction];

        side->op = NULL;
        loop->outside--;
        op->watch = NULL;
        if (side->added) {
            weft__fork_check(loop);
            event_del(&side->event);
        }
        side->added = false;
    }
}

static void close_descriptor(void *value)
{
    close((int)weft_int(value));
}

/* Whether what is sent in two calls comes as one: no datagrams. */
static bool is_stream(int fd)
{
    int type = SOCK_STREAM;
    socklen_t size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type == SOCK_STREAM;
}

/* Send what goes, up to a burst: a peer may read as fast as we write.  Errors: -EAGAIN: not all of it, yet. */
static int op_send(struct weft__op *op)
{
    size_t sent = 0;

    do {
        bool parts = op->left > WEFT__BURST && is_stream(op->io->fd);
        struct iovec part = {op->bytes, parts ? WEFT__BURST : op->left};
        ssize_t n;

        if (sent >= WEFT__BURST) {
            int error = weft__io_again(op->io, WRITING);

            return error ? error : -EAGAIN;
        }
        n = weft__io_send(op->io, &part, 1);
        if (n < 0)
            return (int)n;
        op->bytes += n;
        op->left -= (size_t)n;
        sent += (size_t)n;
    } while (op->left > 0);
    return 0;
}

/* A result, or -errno, of the call; -EAGAIN: not yet. */
static int op_call(struct weft__op *op, intptr_t *result)
{
    int fd = op->io->fd;
    ssize_t n = 0;

    *result = 0;
    for (;;) {
        switch (op->kind) {
        case OP_READY: {
            /* The edge may have come and gone before anybody waited: ask. */
            struct pollfd ask = {.fd = fd, .events = op->direction == READING ? POLLIN : POLLOUT};

            if (op->io->flags & WEFT__IO_MANUAL) /* there is nobody to ask, but who tells */
                return op->io->told & (op->direction == READING ? EV_READ : EV_WRITE) ? 0 : -EAGAIN;
            n = poll(&ask, 1, 0);
            if (n == 0)
                return -EAGAIN;
            break;
        }
        case OP_CONNECT: {
            struct sockaddr_storage peer;
            int error = 0;
            socklen_t size = sizeof(peer);

            /* epoll tells of a failure, and libevent then of both directions: this one alone is none. */
            if (op->left == 0 && op->io->told == EV_WRITE && op->io->is_epoll)
                return 0;
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
            if (n > 0 && (size_t)n < op->left)
                weft__io_short(op->io);
            break;
        case OP_SEND:
            return op_send(op);
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

static void backoff_over(weft_loop *loop, struct weft__timer *timer);

static const struct weft__timer_type backoff_timer = {.fire = backoff_over};

/* Try the call; true if the operation has ended.  It must wait somewhere. */
bool weft__op_try(struct weft__op *op)
{
    intptr_t result;
    int error = op_call(op, &result);
    weft_future *future = &op->future;

    if (error == -EAGAIN) {
        op->io->drained[op->direction] = op->kind != OP_READY && op->kind != OP_CONNECT;
        return false;
    }
    if (op->kind == OP_ACCEPT && is_exhausted(error)) {
        if (!op->backoff.index) {
            weft__report(future->loop, "accept pauses for a second", error, future);
            if (weft__timer_add(future->loop, &op->backoff, &backoff_timer,
                                weft__loop_now(future->loop) + WEFT__NS) == 0) {
                op->io->paused[READING] = true;
                return false;
            }
        } else {
            return false;
        }
    }
    weft__op_detach(op);
    if (error)
        weft__future_fail(future, error);
    else
        weft__future_finish(future, weft_from_int(result),
                            op->kind == OP_ACCEPT ? close_descriptor : NULL);
    return true;
}

static void backoff_over(weft_loop *loop, struct weft__timer *timer)
{
    struct weft__op *op = weft__container_of(timer, struct weft__op, backoff);
    int error;

    (void)loop;
    op->io->paused[READING] = false;
    if (weft__op_try(op) || op->backoff.index)
        return;
    error = weft__io_register(op->io);
    if (error)
        weft__op_end(op, error);
}

static void op_ready(struct weft__wait *wait, enum weft__direction direction)
{
    (void)direction;
    (void)weft__op_try(weft__container_of(wait, struct weft__op, wait));
}

static void op_closed(struct weft__wait *wait, int error)
{
    weft__op_end(weft__container_of(wait, struct weft__op, wait), error);
}

static const struct weft__wait_type op_wait_type = {op_ready, op_closed};

static bool op_cancel(weft_future *future, const char *reason, const char *where)
{
    struct weft__op *op = (struct weft__op *)(void *)future;

    /* Half a send is no outcome, and a connect under way none either. */
    if (op->io && (op->kind == OP_RECV || op->kind == OP_ACCEPT) && weft__op_try(op))
        return false;
    weft__op_detach(op);
    weft__future_cancelled(future, reason, where);
    return true;
}

static void op_drop(weft_future *future)
{
    weft__op_detach((struct weft__op *)(void *)future);
}

#define OP_TYPE(what) \
    { \
        .name = what, .size = sizeof(struct weft__op), .cancel = op_cancel, .drop = op_drop \
    }
static const struct weft__future_type op_types[][2] = {
    [OP_READY] = {OP_TYPE("readable"), OP_TYPE("writable")},
    [OP_CONNECT] = {OP_TYPE("sock_connect"), OP_TYPE("sock_connect")},
    [OP_RECV] = {OP_TYPE("sock_recv"), OP_TYPE("sock_recv")},
    [OP_SEND] = {OP_TYPE("sock_sendall"), OP_TYPE("sock_sendall")},
    [OP_ACCEPT] = {OP_TYPE("sock_accept"), OP_TYPE("sock_accept")}};

struct weft__op *weft__op_new(weft_loop *loop, enum weft__op_kind kind,
                              enum weft__direction direction)
{
    struct weft__op *op = (struct weft__op *)(void *)weft__future_make(
        loop, &op_types[kind][direction], NULL);

    if (op) {
        op->wait = (struct weft__wait){&op_wait_type};
        op->kind = kind;
        op->direction = direction;
    }
    return op;
}

/* The operation's wait has ended without it. */
void weft__op_end(struct weft__op *op, int error)
{
    weft__op_detach(op);
    weft__future_fail(&op->future, error);
}

weft_future *weft__op_failed(struct weft__op *op, int error)
{
    weft_loop *loop = op->future.loop;

    weft_future_unref(&op->future);
    return weft__failed(loop, error, NULL);
}
