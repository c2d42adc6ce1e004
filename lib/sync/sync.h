/* sync/sync.h - what locks and conditions share: an object with one queue, and a lock's waiters. */
#ifndef WEFT_SYNC_SYNC_H
#define WEFT_SYNC_SYNC_H

#include <weft/sync.h>

#include "sync/waiters.h"

/* The head of each object that has one queue. */
struct weft__queued {
    struct weft__object object;
    struct weft__node queue;
};

/* Who holds a lock: only compared, for a task may end and leave its lock held.  The address tells it from all that live,
 * the number from one that lies there later. */
struct weft__owner {
    const weft_task *task;
    uint32_t number;
};

struct weft_lock {
    struct weft__queued base;
    struct weft__owner owner; /* no task: it is free, and nobody waits */
};

/* Who ends with the lock held: an acquire, and a condition's wait. */
struct weft__lock_waiter {
    struct weft__waiter waiter;
    struct weft__owner owner; /* the task that will hold it */
    int error; /* what it ends with then; WEFT_ECANCELLED: the reason is in the future already */
    bool acquiring; /* a condition's: it is in the lock's queue, and no longer in the condition's */
};

/* Make an object with an empty queue; or a refused one. */
struct weft__queued *weft__queued_new(weft_loop *loop, const struct weft__object_type *type);

/* The running task, if it is one of the lock's loop; a refused lock has no loop. */
static inline const weft_task *weft__lock_me(const weft_lock *lock)
{
    const weft_task *task = weft__thread.task;

    if (!task || task->loop != lock->base.object.loop)
        return NULL;
    weft__loop_use(task->loop, lock, WEFT__USE_WRITE);
    return task;
}
/* Whether it is the one who holds the lock. */
static inline bool weft__lock_is(const weft_lock *lock, const weft_task *me)
{
    return me && lock->owner.task == me && lock->owner.number == me->id;
}

/* Give the lock to the first waiter, or free it. */
void weft__lock_pass(weft_lock *lock);
/* Let a waiter that is in no queue have the lock: at once if it is free, else in its turn. */
void weft__lock_enter(weft_lock *lock, struct weft__lock_waiter *waiter);

static inline struct weft__lock_waiter *weft__lock_waiter(const weft_future *future)
{
    return (struct weft__lock_waiter *)(void *)(uintptr_t)future;
}
static inline struct weft__lock_waiter *weft__lock_waiter_first(const struct weft__node *queue)
{
    return (struct weft__lock_waiter *)(void *)weft__waiter_first(queue);
}

#endif
