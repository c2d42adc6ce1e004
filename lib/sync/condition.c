/* condition.c - conditions: a queue of those who wait for a notification, beside a lock.
 *
 *   WAITING, in the condition's queue ---notified----> ACQUIRING, in the lock's queue ---its turn---> FINISHED
 *            |
 *            +--cancelled, or the condition is abandoned--> ACQUIRING, with an error ---its turn---> that error
 *
 * A notification moves a waiter from queue to queue and wakes nobody: it goes on when it is handed the lock, so a
 * thousand of them are not woken to find it taken (wait morphing).
 *
 * Invariant: each notification belongs to one waiter that is ACQUIRING without an error, or has been given the lock.  If
 * it is dropped before that, the notification passes to the next one.
 *
 * A waiter holds the condition through both states, and the condition holds its lock.
 */
#include "config.h"

#include <errno.h>

#include "core/loop.h"
#include "sync/sync.h"

struct weft_condition {
    struct weft__queued base;
    weft_lock *lock; /* a reference */
};

static weft_condition *condition_of(struct weft__object *object)
{
    return (weft_condition *)(void *)object;
}

/* ---- waiters --------------------------------------------------------------------------------- */

/* WAITING -> ACQUIRING, or the end at once if the lock is free. */
static void reacquire(struct weft__lock_waiter *self, int error)
{
    weft__loop_use(self->waiter.future.loop, NULL, WEFT__USE_ALL);
    weft__queue_remove(&self->waiter.place);
    self->acquiring = true;
    self->error = error;
    weft__lock_enter(condition_of(self->waiter.object)->lock, self);
}

static void notify(weft_condition *condition, size_t count)
{
    struct weft__lock_waiter *first;

    weft__loop_use(condition->base.object.loop, condition, WEFT__USE_WRITE);
    while (count-- > 0 && (first = weft__lock_waiter_first(&condition->base.queue)))
        reacquire(first, 0);
}

static bool wait_cancel(weft_future *future, const char *reason, const char *where)
{
    struct weft__lock_waiter *self = weft__lock_waiter(future);

    if (self->acquiring) /* it ends as it is to end */
        return self->error == WEFT_ECANCELLED;
    future->cancelling = 1;
    future->reason = reason;
    future->where = where;
    reacquire(self, WEFT_ECANCELLED);
    return true;
}

static void wait_drop(weft_future *future)
{
    struct weft__lock_waiter *self = weft__lock_waiter(future);

    if (self->acquiring && !self->error)
        notify(condition_of(self->waiter.object), 1);
    weft__waiter_drop(future);
}

static const struct weft__future_type condition_wait_type = {.name = "condition_wait",
                                                             .size = sizeof(struct weft__lock_waiter),
                                                             .cancel = wait_cancel,
                                                             .drop = wait_drop};

/* ---- conditions ------------------------------------------------------------------------------ */

/* Nobody will notify any more: they end with an error, but with the lock, as ever.  If only they hold the
 * condition, its reference on the lock is no better than a waiter's: the lock may be abandoned, too. */
static void condition_fail(struct weft__object *object, int error)
{
    struct weft__object *lock = &condition_of(object)->lock->base.object;
    struct weft__lock_waiter *first;

    while ((first = weft__lock_waiter_first(&condition_of(object)->base.queue)))
        reacquire(first, error);
    if (!object->abandoned || error != WEFT_EABANDONED)
        return;
    lock->refs++;
    lock->waiting++;
    weft__object_unref(lock);
}

static void condition_release(struct weft__object *object)
{
    struct weft__object *lock = &condition_of(object)->lock->base.object;

    if (object->abandoned)
        lock->waiting--;
    weft__object_unref(lock);
}

static const struct weft__object_type condition_type = {
    .size = sizeof(weft_condition), .release = condition_release, .fail = condition_fail};

weft_condition *weft_condition_new(weft_loop *loop, weft_lock *lock)
{
    weft_condition *condition;

    lock = lock ? weft_lock_ref(lock) : weft_lock_new(loop);
    if (lock->base.object.error)
        return weft__object_refused(lock->base.object.error);
    condition = (weft_condition *)(void *)weft__queued_new(lock->base.object.loop, &condition_type);
    if (condition->base.object.error)
        weft__object_unref(&lock->base.object);
    else
        condition->lock = lock;
    return condition;
}

weft_condition *weft_condition_ref(weft_condition *condition)
{
    return weft__object_ref(&condition->base.object);
}

void weft_condition_unref(weft_condition *condition)
{
    weft__object_unref((struct weft__object *)(void *)condition);
}

weft_lock *weft_condition_lock(weft_condition *condition)
{
    int error = condition->base.object.error;

    return error ? weft__object_refused(error) : condition->lock;
}

/* What speaks against a wait or a notification, or 0. */
static int use_error(const weft_condition *condition)
{
    if (condition->base.object.error)
        return condition->base.object.error;
    return weft_lock_is_mine(condition->lock) ? 0 : WEFT_ENOTOWNER;
}

weft_future *weft_condition_wait(weft_condition *condition)
{
    struct weft__queued *base = &condition->base;
    int error = use_error(condition);
    weft_future *future;

    if (error)
        return weft__object_failed(&base->object, error);
    future = weft__waiter_new(&base->object, &base->queue, &condition_wait_type);
    if (weft__done(future))
        return future; /* without memory: the lock is still held */
    weft__lock_waiter(future)->owner = condition->lock->owner;
    weft__lock_pass(condition->lock);
    return future;
}

int weft_condition_notify(weft_condition *condition, size_t count)
{
    int error = use_error(condition);

    if (!error)
        notify(condition, count);
    return error;
}

/* ---- wait_until: a generator of the library's own -------------------------------------------- */

struct wait_until {
    weft_gen gen;
    weft_condition *condition;
    bool (*predicate)(void *arg);
    void *arg;
};

static weft_step wait_until(void *frame)
{
    struct wait_until *f = frame;
    int error;

    WEFT_BEGIN(f);
    error = use_error(f->condition);
    if (error)
        WEFT_RAISE(f, error);
    while (!f->predicate(f->arg))
        WEFT_AWAIT(f, weft_condition_wait(f->condition));
    WEFT_END(f);
}
WEFT_GEN_TYPE(wait_until);

weft_gen *weft_condition_wait_until(weft_condition *condition, bool (*predicate)(void *arg),
                                    void *arg)
{
    return WEFT_CALL(wait_until, .condition = condition, .predicate = predicate, .arg = arg);
}
