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

struct weft_lock {
    struct weft__queued base;
    intptr_t owner; /* who holds it, see weft__lock_me; 0: it is free, and nobody waits */
};

/* Who ends with the lock held: an acquire, and a condition's wait.  waiter.u.number is the task that will hold it. */
struct weft__lock_waiter {
    struct weft__waiter waiter;
    int error; /* what it ends with then; WEFT_ECANCELLED: the reason is in the future already */
    bool acquiring; /* a condition's: it is in the lock's queue, and no longer in the condition's */
};

/* Make an object with an empty queue; or a refused one. */
struct weft__queued *weft__queued_new(weft_loop *loop, const struct weft__object_type *type);

/* The running task, as an owner: 0 if there is none of the lock's loop; a refused lock has no loop.  It is the task's
 * number and not its address: that may be another task's later. */
static inline intptr_t weft__lock_me(const weft_lock *lock)
{
    const weft_task *task = weft__thread.task;

    if (!task || task->loop != lock->base.object.loop)
        return 0;
    weft__loop_use(task->loop, lock, WEFT__USE_WRITE);
    return (intptr_t)task->w.id + 1;
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
