/* sync.c - locks, events, semaphores, barriers: objects with one queue of waiters.
 *
 * Invariants:
 *   lock        free: nobody waits.  Held: `owner` is the one holder.
 *   semaphore   permits are there: nobody waits.
 *   event       set: nobody waits.
 *   barrier     fewer wait than there are parties.
 *
 * So what an acquire finds free is nobody else's, and a newcomer cannot overtake.  Who gives something up hands it
 * to the first waiter, in one go (see waiters.c); it is never free in between.
 *
 * Rejected: asyncio's way, to wake the first waiter and let it try again: each race of that with a cancel or a
 * newcomer is a case of its own.  The owner's address alone: a freed task's becomes another's; its number alone: there
 * are 2^32 of them; and a reference would cost each acquire.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>

#include "core/loop.h"
#include "sync/sync.h"

/* ---- what they share ------------------------------------------------------------------------- */

struct weft__queued *weft__queued_new(weft_loop *loop, const struct weft__object_type *type)
{
    struct weft__queued *queued = weft__object_new(loop, type);

    if (!queued->object.error)
        weft__queue_init(&queued->queue);
    return queued;
}

static struct weft__queued *queued_of(struct weft__object *object)
{
    return (struct weft__queued *)(void *)object;
}

/* What speaks against using an object at all, or 0. */
static int use_error(const struct weft__queued *queued, const char *what)
{
    if (!queued->object.error)
        weft__check_use(queued->object.loop, what, queued, WEFT__USE_WRITE);
    return queued->object.error;
}

/* Look at an object.  False: it could not be made, and is nothing. */
static bool look(const struct weft__queued *queued)
{
    if (!queued->object.error)
        weft__loop_use(queued->object.loop, queued, WEFT__USE_READ);
    return !queued->object.error;
}

/* What speaks against waiting at it, or 0. */
static int wait_error(const struct weft__queued *queued, const char *what)
{
    int error = use_error(queued, what);

    return error ? error : queued->object.loop->closed ? WEFT_ECLOSED : 0;
}

static weft_future *wait_in_queue(struct weft__queued *queued, const struct weft__future_type *type)
{
    return weft__waiter_new(&queued->object, &queued->queue, type);
}

static void fail_all(struct weft__queued *queued, int error)
{
    queued->object.refs++; /* in a closed loop, waiters that end may run destructors */
    weft__waiters_fail(&queued->queue, error);
    weft__object_unref(&queued->object);
}

static void queued_fail(struct weft__object *object, int error)
{
    weft__waiters_fail(&queued_of(object)->queue, error);
}

/* ---- lock ------------------------------------------------------------------------------------ */

/* A waiter's turn has come: it leaves, and ends as it is to end. */
static void lock_waiter_end(struct weft__lock_waiter *self)
{
    weft_future *future = &self->waiter.future;

    if (!self->error)
        weft__waiter_finish(&self->waiter, NULL, NULL);
    else if (self->error == WEFT_ECANCELLED)
        (void)weft__waiter_cancel(future, future->reason, future->where);
    else
        weft__waiter_fail(&self->waiter, self->error);
}

void weft__lock_pass(weft_lock *lock)
{
    struct weft__lock_waiter *first = weft__lock_waiter_first(&lock->base.queue);

    lock->owner = first ? first->owner : (struct weft__owner){NULL, 0};
    if (first)
        lock_waiter_end(first);
}

void weft__lock_enter(weft_lock *lock, struct weft__lock_waiter *waiter)
{
    if (lock->owner.task && !lock->base.object.loop->closed) {
        weft__queue_push(&lock->base.queue, &waiter->waiter.place);
        return;
    }
    lock->owner = waiter->owner;
    lock_waiter_end(waiter);
}

/* Nobody is left who could release it.  Who was cancelled meanwhile ends so, and not with another error. */
static void lock_fail(struct weft__object *object, int error)
{
    struct weft__lock_waiter *first;

    while ((first = weft__lock_waiter_first(&queued_of(object)->queue))) {
        if (!first->error)
            first->error = error;
        lock_waiter_end(first);
    }
}

static const struct weft__object_type lock_type = {.size = sizeof(weft_lock), .fail = lock_fail};
static const struct weft__future_type lock_acquire_type = WEFT__WAITER_TYPE(
    "lock_acquire", struct weft__lock_waiter);

weft_lock *weft_lock_new(weft_loop *loop)
{
    return (weft_lock *)(void *)weft__queued_new(loop, &lock_type);
}

weft_lock *weft_lock_ref(weft_lock *lock)
{
    return weft__object_ref(&lock->base.object);
}

void weft_lock_unref(weft_lock *lock)
{
    weft__object_unref((struct weft__object *)(void *)lock);
}

/* What speaks against an acquire, or 0. */
static int acquire_error(const weft_lock *lock, const weft_task *me)
{
    int error = wait_error(&lock->base, "weft_lock_acquire");

    if (error)
        return error;
    if (!me)
        return weft__thread.task ? WEFT_EOTHERLOOP : WEFT_ENOTASK;
    if (weft__lock_is(lock, me))
        return WEFT_EDEADLOCK;
    return !lock->owner.task && weft__await_doomed(lock->base.object.loop) ? WEFT_ECANCELLED : 0;
}

weft_future *weft_lock_acquire(weft_lock *lock)
{
    const weft_task *me = weft__lock_me(lock);
    bool quick = me && !lock->owner.task && !(me->flags & (WEFT__MUST | WEFT__LEVEL));
    int error = weft__likely(quick) ? 0 : acquire_error(lock, me);
    weft_future *future;

    if (weft__unlikely(error))
        return weft__object_failed(&lock->base.object, error);
    if (weft__likely(!lock->owner.task)) {
        lock->owner = (struct weft__owner){me, me->id};
        return weft__object_at_once(&lock->base.object);
    }
    future = wait_in_queue(&lock->base, &lock_acquire_type);
    if (!weft__done(future))
        weft__lock_waiter(future)->owner = (struct weft__owner){me, me->id};
    return future;
}

int weft_lock_release(weft_lock *lock)
{
    int error;

    if (weft__likely(weft__lock_is(lock, weft__lock_me(lock)))) {
        weft__lock_pass(lock);
        return 0;
    }
    error = use_error(&lock->base, "weft_lock_release");
    return error ? error : lock->owner.task ? WEFT_ENOTOWNER : WEFT_EINVALIDSTATE;
}

bool weft_lock_is_locked(const weft_lock *lock)
{
    return look(&lock->base) && lock->owner.task;
}

bool weft_lock_is_mine(const weft_lock *lock)
{
    return weft__lock_is(lock, weft__lock_me(lock));
}

/* ---- event ----------------------------------------------------------------------------------- */

struct weft_event {
    struct weft__queued base;
    bool set;
};

static const struct weft__object_type event_type = {.size = sizeof(weft_event), .fail = queued_fail};
static const struct weft__future_type event_wait_type = WEFT__WAITER_TYPE("event_wait",
                                                                          struct weft__waiter);

weft_event *weft_event_new(weft_loop *loop)
{
    return (weft_event *)(void *)weft__queued_new(loop, &event_type);
}

weft_event *weft_event_ref(weft_event *event)
{
    return weft__object_ref(&event->base.object);
}

void weft_event_unref(weft_event *event)
{
    weft__object_unref((struct weft__object *)(void *)event);
}

weft_future *weft_event_wait(weft_event *event)
{
    int error = wait_error(&event->base, "weft_event_wait");

    if (error)
        return weft__object_failed(&event->base.object, error);
    if (event->set)
        return weft__object_at_once(&event->base.object);
    return wait_in_queue(&event->base, &event_wait_type);
}

int weft_event_set(weft_event *event)
{
    int error = use_error(&event->base, "weft_event_set");
    struct weft__waiter *first;

    if (error)
        return error;
    event->set = true;
    event->base.object.refs++;
    while ((first = weft__waiter_first(&event->base.queue)))
        weft__waiter_finish(first, NULL, NULL);
    weft__object_unref(&event->base.object);
    return 0;
}

int weft_event_clear(weft_event *event)
{
    int error = use_error(&event->base, "weft_event_clear");

    if (!error)
        event->set = false;
    return error;
}

bool weft_event_is_set(const weft_event *event)
{
    return look(&event->base) && event->set;
}

/* ---- semaphore ------------------------------------------------------------------------------- */

struct weft_semaphore {
    struct weft__queued base;
    long value;
    long bound;
};

static const struct weft__object_type semaphore_type = {.size = sizeof(weft_semaphore),
                                                        .fail = queued_fail};
static const struct weft__future_type semaphore_acquire_type = WEFT__WAITER_TYPE(
    "semaphore_acquire", struct weft__waiter);

static weft_semaphore *semaphore_new(weft_loop *loop, long permits, long bound)
{
    weft_semaphore *semaphore;

    if (permits < 0)
        return weft__object_refused(-EINVAL);
    semaphore = (weft_semaphore *)(void *)weft__queued_new(loop, &semaphore_type);
    if (!semaphore->base.object.error) {
        semaphore->value = permits;
        semaphore->bound = bound;
    }
    return semaphore;
}

weft_semaphore *weft_semaphore_new(weft_loop *loop, long permits)
{
    return semaphore_new(loop, permits, LONG_MAX);
}

weft_semaphore *weft_semaphore_new_bounded(weft_loop *loop, long permits)
{
    return semaphore_new(loop, permits, permits);
}

weft_semaphore *weft_semaphore_ref(weft_semaphore *semaphore)
{
    return weft__object_ref(&semaphore->base.object);
}

void weft_semaphore_unref(weft_semaphore *semaphore)
{
    weft__object_unref((struct weft__object *)(void *)semaphore);
}

weft_future *weft_semaphore_acquire(weft_semaphore *semaphore)
{
    struct weft__object *object = &semaphore->base.object;
    int error = wait_error(&semaphore->base, "weft_semaphore_acquire");

    if (error)
        return weft__object_failed(object, error);
    if (!semaphore->value)
        return wait_in_queue(&semaphore->base, &semaphore_acquire_type);
    if (weft__unlikely(weft__await_doomed(object->loop)))
        return weft__object_failed(object, WEFT_ECANCELLED);
    semaphore->value--;
    return weft__object_at_once(object);
}

int weft_semaphore_release(weft_semaphore *semaphore)
{
    int error = use_error(&semaphore->base, "weft_semaphore_release");
    struct weft__waiter *first;

    if (error)
        return error;
    if (semaphore->value == semaphore->bound)
        return WEFT_EINVALIDSTATE;
    first = weft__waiter_first(&semaphore->base.queue);
    if (first)
        weft__waiter_finish(first, NULL, NULL);
    else
        semaphore->value++;
    return 0;
}

long weft_semaphore_value(const weft_semaphore *semaphore)
{
    return look(&semaphore->base) ? semaphore->value : 0;
}

bool weft_semaphore_is_locked(const weft_semaphore *semaphore)
{
    return look(&semaphore->base) && semaphore->value == 0;
}

/* ---- barrier --------------------------------------------------------------------------------- */

struct weft_barrier {
    struct weft__queued base;
    long parties;
    bool broken;
};

static const struct weft__object_type barrier_type = {.size = sizeof(weft_barrier),
                                                      .fail = queued_fail};
static const struct weft__future_type barrier_wait_type = WEFT__WAITER_TYPE("barrier_wait",
                                                                            struct weft__waiter);

weft_barrier *weft_barrier_new(weft_loop *loop, long parties)
{
    weft_barrier *barrier;

    if (parties < 1)
        return weft__object_refused(-EINVAL);
    barrier = (weft_barrier *)(void *)weft__queued_new(loop, &barrier_type);
    if (!barrier->base.object.error)
        barrier->parties = parties;
    return barrier;
}

weft_barrier *weft_barrier_ref(weft_barrier *barrier)
{
    return weft__object_ref(&barrier->base.object);
}

void weft_barrier_unref(weft_barrier *barrier)
{
    weft__object_unref((struct weft__object *)(void *)barrier);
}

/* The last one is here: all go on, in the order in which they came. */
static weft_future *barrier_open(weft_barrier *barrier)
{
    struct weft__object *object = &barrier->base.object;
    struct weft__waiter *first;
    weft_future *last;
    intptr_t number = 0;

    if (weft__await_doomed(object->loop))
        return weft__object_failed(object, WEFT_ECANCELLED);
    last = weft_future_new_done_at(object->loop, weft_from_int(barrier->parties - 1), NULL);
    if (last->error)
        return last; /* it has not come, and the others wait on */
    object->refs++;
    while ((first = weft__waiter_first(&barrier->base.queue)))
        weft__waiter_finish(first, weft_from_int(number++), NULL);
    weft__object_unref(object);
    return last;
}

weft_future *weft_barrier_wait(weft_barrier *barrier)
{
    int error = wait_error(&barrier->base, "weft_barrier_wait");

    if (!error && barrier->broken)
        error = WEFT_EBROKEN;
    if (error)
        return weft__object_failed(&barrier->base.object, error);
    if (weft_barrier_waiting(barrier) + 1 < barrier->parties)
        return wait_in_queue(&barrier->base, &barrier_wait_type);
    return barrier_open(barrier);
}

static int barrier_break(weft_barrier *barrier, bool broken, const char *what)
{
    int error = use_error(&barrier->base, what);

    if (error)
        return error;
    barrier->broken = broken;
    fail_all(&barrier->base, WEFT_EBROKEN);
    return 0;
}

int weft_barrier_reset(weft_barrier *barrier)
{
    return barrier_break(barrier, false, "weft_barrier_reset");
}

int weft_barrier_abort(weft_barrier *barrier)
{
    return barrier_break(barrier, true, "weft_barrier_abort");
}

bool weft_barrier_is_broken(const weft_barrier *barrier)
{
    return look(&barrier->base) && barrier->broken;
}

long weft_barrier_waiting(const weft_barrier *barrier)
{
    return look(&barrier->base) ? (long)barrier->base.object.waiting : 0;
}

long weft_barrier_parties(const weft_barrier *barrier)
{
    return barrier->base.object.error ? 0 : barrier->parties;
}
