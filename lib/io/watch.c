/* watch.c - bare descriptors: one-shot waits, readers and writers.
 *
 * A watch is what the loop knows of a descriptor's number.  It remembers which file the number meant; if the number
 * means another one by now, the old waiter is stale and ends with WEFT_ECLOSED.  A watch stays until the loop is
 * closed: its number will be used again.
 *
 * A file is known by its device and inode.  Those that the kernel makes without a name (eventfd, timerfd, signalfd,
 * epoll) share one inode; on Linux an epoll set of ours tells them apart, which nobody ever waits on: it knows a number
 * together with its file, and forgets it when that is closed.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_SYS_EPOLL_H
#include <sys/epoll.h>
#endif

#include "base/alloc.h"
#include "core/events.h"
#include "core/round.h"
#include "io/io.h"

static struct weft__watch *watch_at(const struct weft__ios *ios, int fd)
{
    return ios && fd >= 0 && fd < ios->watch_count ? ios->watches[fd] : NULL;
}

static void side_stop(weft_loop *loop, struct weft__side *side)
{
    if (side->added) {
        weft__fork_check(loop);
        event_del(&side->event);
    }
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
            weft__op_end(watch->sides[i].op, WEFT_ECLOSED);
        side_stop(watch->loop, &watch->sides[i]);
    }
}

/* Whether a number means the same nameless file as when we were last asked.  If it cannot be told, it does. */
static bool is_known(struct weft__ios *ios, int fd)
{
#ifdef HAVE_SYS_EPOLL_H
    struct epoll_event nothing = {.events = 0};

    if (ios->known < 0)
        ios->known = epoll_create1(EPOLL_CLOEXEC);
    return ios->known < 0 || epoll_ctl(ios->known, EPOLL_CTL_ADD, fd, &nothing) != 0;
#else
    (void)ios, (void)fd;
    return true;
#endif
}

static bool is_same_file(const struct weft__watch *watch, const struct stat *now)
{
    bool same = now->st_dev == watch->device && now->st_ino == watch->inode;

    if ((now->st_mode & S_IFMT) == 0 && !is_known(weft__ios(watch->loop), watch->fd))
        return false;
    return same;
}

/* Look whether a number still means the file that its waiters meant.  Errors: -EBADF; -EPERM: one that is always
 * ready.  epoll says that, too; poll and select take it, and it would be ready in each turn. */
static int watch_refresh(struct weft__watch *watch)
{
    struct stat now;

    if (fstat(watch->fd, &now) != 0)
        return -errno;
    if (!is_same_file(watch, &now))
        watch_forget(watch);
    watch->device = now.st_dev;
    watch->inode = now.st_ino;
    return S_ISREG(now.st_mode) || S_ISDIR(now.st_mode) ? -EPERM : 0;
}

static void call_reader(struct weft__hook *hook)
{
    struct weft__side *side = weft__container_of(hook, struct weft__side, hook);

    if (side->fn)
        side->fn(side->arg);
}

/* A bare descriptor is ready: end the wait, or queue the call. */
static void on_watch(struct weft__side *side, weft_loop *loop)
{
    struct weft__op *op = side->op;

    if (op) {
        side->added = false; /* it was for once */
        weft__op_detach(op);
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

/* The watch of a number, made at its first use.  Errors: -EBADF, -EPERM, -ENOMEM. */
static int watch_get(weft_loop *loop, int fd, struct weft__watch **out)
{
    struct weft__ios *ios = weft__ios(loop);
    struct weft__watch *watch = watch_at(ios, fd);

    if (fd < 0)
        return -EBADF;
    if (!ios)
        return -ENOMEM;
    if (fd >= ios->watch_count) {
        int count = fd < 32 ? 64 : fd * 2;
        struct weft__watch **watches = weft__resize(ios->watches,
                                                    (size_t)ios->watch_count * sizeof(*watches),
                                                    (size_t)count * sizeof(*watches));

        if (!watches)
            return -ENOMEM;
        memset(watches + ios->watch_count, 0, (size_t)(count - ios->watch_count) * sizeof(*watches));
        ios->watches = watches;
        ios->watch_count = count;
    }
    if (!watch) {
        watch = weft__zalloc(sizeof(*watch));
        if (!watch)
            return -ENOMEM;
        watch->loop = loop;
        watch->fd = fd;
        for (int i = 0; i < 2; i++)
            watch->sides[i].hook = (struct weft__hook){{.kind = WEFT__NODE_HOOK}, call_reader};
        ios->watches[fd] = watch;
    }
    *out = watch;
    return watch_refresh(watch);
}

/* Register one side.  Errors: what the backend says; -EBUSY: a weft_io has the same descriptor. */
static int side_add(struct weft__watch *watch, enum weft__direction direction, short persist)
{
    struct weft__side *side = &watch->sides[direction];
    short what = (short)((direction == READING ? EV_READ : EV_WRITE) | persist);

    weft__fork_check(watch->loop);
    event_assign(&side->event, watch->loop->base, watch->fd, what,
                 direction == READING ? on_watch_read : on_watch_write, watch);
    errno = 0;
    side->added = event_add(&side->event, NULL) == 0;
    return side->added ? 0 : errno ? -errno : -EBUSY;
}

/* ---- one-shot waits ---------------------------------------------------------------------------------------------- */

static weft_future *watch_wait(weft_loop *loop, int fd, enum weft__direction direction)
{
    struct weft__watch *watch = NULL;
    struct weft__side *side;
    struct weft__op *op;
    int error;

    loop = weft__loop_of(loop);
    error = loop->closed ? WEFT_ECLOSED : watch_get(loop, fd, &watch);
    if (error)
        return weft__failed(loop, error, NULL);
    side = &watch->sides[direction];
    if (side->op || side->fn)
        return weft__failed(loop, -EBUSY, NULL);
    op = weft__op_new(loop, OP_READY, direction);
    if (!op)
        return weft__failed(loop, -ENOMEM, NULL);
    error = side_add(watch, direction, 0);
    if (error)
        return weft__op_failed(op, error);
    side->op = op;
    op->watch = watch;
    loop->outside++;
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
    struct weft__watch *watch = watch_at(weft__ios(weft__loop_of(loop)), fd);

    if (watch)
        watch_forget(watch);
}

/* ---- readers and writers ------------------------------------------------------------------------------------------ */

static int watch_add(weft_loop *loop, int fd, enum weft__direction direction, void (*fn)(void *),
                     void *arg)
{
    struct weft__watch *watch = NULL;
    struct weft__side *side;
    int error;

    loop = weft__loop_of(loop);
    error = loop->closed ? WEFT_ECLOSED : watch_get(loop, fd, &watch);
    if (error)
        return error;
    side = &watch->sides[direction];
    if (side->op)
        return -EBUSY;
    side_stop(watch->loop, side);
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

static bool watch_remove(weft_loop *loop, int fd, enum weft__direction direction)
{
    struct weft__watch *watch = watch_at(weft__ios(weft__loop_of(loop)), fd);

    if (!watch || !watch->sides[direction].fn)
        return false;
    side_stop(watch->loop, &watch->sides[direction]);
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

void weft__watch_refresh(weft_loop *loop, int fd)
{
    struct weft__watch *watch = watch_at(weft__ios(loop), fd);

    if (watch)
        (void)watch_refresh(watch);
}

bool weft__watches_gone(const struct weft__ios *ios)
{
    for (int fd = 0; fd < ios->watch_count; fd++)
        for (int i = 0; i < 2 && ios->watches[fd]; i++)
            if (weft__event_gone(&ios->watches[fd]->sides[i].event, ios->watches[fd]->sides[i].added))
                return true;
    return false;
}

void weft__watches_forget(struct weft__ios *ios)
{
    for (int fd = 0; fd < ios->watch_count; fd++)
        for (int i = 0; i < 2 && ios->watches[fd]; i++)
            ios->watches[fd]->sides[i].added = false;
}

void weft__watches_end_waits(struct weft__ios *ios)
{
    for (int fd = 0; fd < ios->watch_count; fd++)
        if (ios->watches[fd])
            watch_forget(ios->watches[fd]);
}

void weft__watches_close(struct weft__ios *ios)
{
    for (int fd = 0; fd < ios->watch_count; fd++) {
        struct weft__watch *watch = ios->watches[fd];

        if (!watch)
            continue;
        ios->watches[fd] = NULL;
        weft__free(watch, sizeof(*watch));
    }
    weft__free(ios->watches, (size_t)ios->watch_count * sizeof(*ios->watches));
    ios->watches = NULL;
    ios->watch_count = 0;
    if (ios->known >= 0)
        close(ios->known);
    ios->known = -1;
}
