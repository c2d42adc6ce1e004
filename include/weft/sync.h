/* weft/sync.h - locks, events, conditions, semaphores, barriers: for tasks of one loop, not threads.
 *
 *     f->lock = weft_lock_new(NULL);
 *     ...
 *     WEFT_AWAIT(f, weft_lock_acquire(f->lock));
 *     ... at most one task is here, also across awaits ...
 *     weft_lock_release(f->lock);
 *
 * All stand on one queue of waiters, first come, first served, with direct hand-off: a release gives
 * the lock to the first waiter, and nobody can get in between.  A waiter that is cancelled before that
 * leaves no trace; after it, it has the lock: its await succeeds, and its next one is cancelled.  So
 * there is always exactly one holder, no permit and no notification is lost, and nobody is stuck.
 *
 * What need not wait does not suspend, and allocates nothing (but a barrier's last one, for its number).
 *
 * Ownership: new gives one reference, ref takes one more and returns the object, unref gives one back; NULL is fine
 * there, not for ref.  new never gives NULL:
 * without memory, or with a bad argument, it gives an object whose calls all answer with that error.
 * Waiters whose object nobody else holds end with WEFT_EABANDONED.
 * A wait whose future is dropped while it is pending leaves no trace; after it was done, it has acquired
 * all the same.  It took effect when it was called: await it at once, and let nothing come between.
 *
 * Errors of every call: -ENOMEM, -EINVAL or WEFT_ECLOSED, if the object could not be made; of what gives
 * a future, -ENOMEM and WEFT_ECLOSED besides.  What tells (is_, value, waiting) says false or 0 then.
 * An object that could not be made has no loop: what gives a future must be called from a running one.
 *
 * Source: asyncio.Lock, Event, Condition, Semaphore, BoundedSemaphore, Barrier.  What differs: asyncio
 * wakes a waiter, which then tries again (cpython gh-90155 is what came of it); here the lock is handed
 * over, as in trio.
 */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Lock ------------------------------------------------------------------------------------ */

typedef struct weft_lock weft_lock;

WEFT_API weft_lock *weft_lock_new(weft_loop *loop) WEFT_NODISCARD;
WEFT_API weft_lock *weft_lock_ref(weft_lock *lock);
WEFT_API void weft_lock_unref(weft_lock *lock);

/* Wait for the lock; the task that calls this will hold it, until it gives it back: one that ends
 * without a release leaves the lock held for ever.  (Release it in FINALLY.)
 * Suspends: only if another task holds it.
 * Errors: WEFT_EDEADLOCK: this task holds it already; WEFT_ENOTASK: no task is running; WEFT_EOTHERLOOP:
 * one of another loop is. */
WEFT_API weft_future *weft_lock_acquire(weft_lock *lock) WEFT_NODISCARD;
/* Give it to the first waiter, or free it.
 * Errors: WEFT_EINVALIDSTATE: it is free; WEFT_ENOTOWNER: it is not this task that holds it. */
WEFT_API int weft_lock_release(weft_lock *lock);
WEFT_API bool weft_lock_is_locked(const weft_lock *lock);
/* Whether the current task holds it. */
WEFT_API bool weft_lock_is_mine(const weft_lock *lock);

/* ---- Event ----------------------------------------------------------------------------------- */

typedef struct weft_event weft_event;

WEFT_API weft_event *weft_event_new(weft_loop *loop) WEFT_NODISCARD;
WEFT_API weft_event *weft_event_ref(weft_event *event);
WEFT_API void weft_event_unref(weft_event *event);

/* Wait until it is set.  Suspends: only if it is not. */
WEFT_API weft_future *weft_event_wait(weft_event *event) WEFT_NODISCARD;
/* Set it: all who wait go on, also if it is cleared right after.  Any task may, and a callback. */
WEFT_API int weft_event_set(weft_event *event);
WEFT_API int weft_event_clear(weft_event *event);
WEFT_API bool weft_event_is_set(const weft_event *event);

/* ---- Condition ------------------------------------------------------------------------------- */

typedef struct weft_condition weft_condition;

/* Make a condition on a lock of yours (it keeps a reference; `loop` is not looked at), or (NULL) on one
 * of its own, of `loop`. */
WEFT_API weft_condition *weft_condition_new(weft_loop *loop, weft_lock *lock) WEFT_NODISCARD;
WEFT_API weft_condition *weft_condition_ref(weft_condition *condition);
WEFT_API void weft_condition_unref(weft_condition *condition);
/* Its lock, to be acquired around everything else.  Borrowed. */
WEFT_API weft_lock *weft_condition_lock(weft_condition *condition);

/* Release the lock, wait for a notification, and have the lock again before this ends, however it ends.
 * Suspends: always.  May end without a reason: check what you wait for, or use
 * weft_condition_wait_until.
 * Errors: WEFT_ENOTOWNER: the current task does not hold the lock.  WEFT_EABANDONED: nobody is left who
 * could notify; the lock is held, unless nobody but waiters holds a reference on that, either.
 * Cancelled: before a notification: that goes to another one; the await is cancelled once the lock is
 * held again.  After it: the await succeeds, and the next one is cancelled.
 * Dropped while pending: the lock is not taken again, and a notification goes to another one. */
WEFT_API weft_future *weft_condition_wait(weft_condition *condition) WEFT_NODISCARD;

/* Wait until predicate(arg) is true; it is called with the lock held, by the waiting task.  A generator:
 * WEFT_YIELD_FROM(f, weft_condition_wait_until(condition, is_ready, f)).
 * Ownership: borrows the condition until it has ended.
 * Errors: those of weft_condition_wait; WEFT_ENOTOWNER also if the predicate is true at once.
 * Source: Condition.wait_for. */
WEFT_API weft_gen *weft_condition_wait_until(weft_condition *condition,
                                             bool (*predicate)(void *arg), void *arg);

/* Wake up to `count` waiters, the first ones first (SIZE_MAX: all): they go on one after the other, as
 * they get the lock.  Errors: WEFT_ENOTOWNER: the current task does not hold the lock. */
WEFT_API int weft_condition_notify(weft_condition *condition, size_t count);

/* ---- Semaphore ------------------------------------------------------------------------------- */

typedef struct weft_semaphore weft_semaphore;

/* Make a semaphore with so many permits.  -EINVAL: `permits` is negative. */
WEFT_API weft_semaphore *weft_semaphore_new(weft_loop *loop, long permits) WEFT_NODISCARD;
/* The same, but never more than at the start: a release too many is an error. */
WEFT_API weft_semaphore *weft_semaphore_new_bounded(weft_loop *loop, long permits) WEFT_NODISCARD;
WEFT_API weft_semaphore *weft_semaphore_ref(weft_semaphore *semaphore);
WEFT_API void weft_semaphore_unref(weft_semaphore *semaphore);

/* Wait for a permit, behind those who wait already.  Suspends: only if there is none. */
WEFT_API weft_future *weft_semaphore_acquire(weft_semaphore *semaphore) WEFT_NODISCARD;
/* Give a permit to the first waiter, or back.  Any task may, and a callback.
 * Errors: WEFT_EINVALIDSTATE: a bounded one has all its permits; any one has LONG_MAX. */
WEFT_API int weft_semaphore_release(weft_semaphore *semaphore);
/* The permits that are there; whether an acquire would wait. */
WEFT_API long weft_semaphore_value(const weft_semaphore *semaphore);
WEFT_API bool weft_semaphore_is_locked(const weft_semaphore *semaphore);

/* ---- Barrier --------------------------------------------------------------------------------- */

typedef struct weft_barrier weft_barrier;

/* Make a barrier for so many tasks.  -EINVAL: fewer than one. */
WEFT_API weft_barrier *weft_barrier_new(weft_loop *loop, long parties) WEFT_NODISCARD;
WEFT_API weft_barrier *weft_barrier_ref(weft_barrier *barrier);
WEFT_API void weft_barrier_unref(weft_barrier *barrier);

/* Wait until all parties are here; then all go on, and the barrier begins anew.  Whoever comes next
 * belongs to the next round.
 * Result: a number from 0 to parties - 1, each given once: the order in which they came.
 * Suspends: unless it is the last one.
 * Errors: WEFT_EBROKEN: aborted, or reset while this waited.  -ENOMEM: it has not come; the others wait.
 * Cancelled: it does not count any more. */
WEFT_API weft_future *weft_barrier_wait(weft_barrier *barrier) WEFT_NODISCARD;
/* Break those who wait, and begin anew. */
WEFT_API int weft_barrier_reset(weft_barrier *barrier);
/* Break those who wait, and all who come until a reset. */
WEFT_API int weft_barrier_abort(weft_barrier *barrier);
WEFT_API bool weft_barrier_is_broken(const weft_barrier *barrier);
/* How many wait. */
WEFT_API long weft_barrier_waiting(const weft_barrier *barrier);
/* How many it is for. */
WEFT_API long weft_barrier_parties(const weft_barrier *barrier);

#ifdef __cplusplus
}
#endif
#endif
