/* weft/future.h - futures: a result that is not there yet, and who waits for it.
 *
 *     weft_future *f = weft_future_new(loop);            pending; you hold one reference
 *     weft_future_add_done_callback(f, cb, arg);         cb will be called by the loop, never inline
 *     weft_future_set_result(f, value);                  done; the callbacks are queued, in order
 *     weft_future_result(f, &value);                     the result, or the error
 *     weft_future_unref(f);                              give your reference back
 *
 *                  set_result, set_owned, set_int --> FINISHED --+
 *     PENDING ---- set_error ----------------------> FAILED -----+--> done: never changes again
 *                  cancel -------------------------> CANCELLED --+
 *
 * Ownership, one rule: a function that returns a future gives you one reference.  What waits for a future
 * (WEFT_AWAIT and the combinators) takes the reference that you pass; everything else borrows.  Functions
 * that return futures never return NULL: without memory they return a future of the loop's that
 * has failed with -ENOMEM.
 *
 * Dropping the last reference to a pending operation (a sleep, a read) cancels it.  A plain future whose
 * only references are its waiters' has nobody left who could set it: it ends with WEFT_EABANDONED.
 *
 * A future belongs to one loop and, like the loop, to one thread.
 *
 * Source: asyncio.Future.  What differs: references instead of a garbage collector; errors are ints;
 * a callback that was removed does not run even if it was queued.
 */
#ifndef WEFT_FUTURE_H
#define WEFT_FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>
#include <weft/language.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_loop weft_loop;
typedef struct weft_future weft_future;
/* A task is a future: the same C type, so that it goes wherever a future goes without a cast. */
typedef weft_future weft_task;

/* Be told that a future is done.  Runs from the loop, never inside the call that caused it; may add
 * and remove callbacks and drop any reference.  `future` is borrowed. */
typedef void weft_done_cb(weft_future *future, void *arg);

/* "file.c:12", where this stands: the name that a future has by default. */
#define WEFT_HERE __FILE__ ":" WEFT__STRING(__LINE__)
#define WEFT__STRING(x) WEFT__STRING_(x)
#define WEFT__STRING_(x) #x

/* ---- Making and holding ------------------------------------------------------------------------------- */

/* Make a pending future.  `loop` may be NULL inside a task or a callback: the running one.
 * Ownership: one reference for you.  Give the producer one of its own (weft_future_ref): when it drops
 * it without an answer, the waiters get WEFT_EABANDONED.
 * Errors: never NULL; -ENOMEM is the future's error.  Outside a loop, NULL stops the program.
 * Source: loop.create_future(). */
#define weft_future_new(loop) weft_future_new_at((loop), WEFT_HERE)
WEFT_API weft_future *weft_future_new_at(weft_loop *loop, const char *where) WEFT_NODISCARD;

/* A future that is done from the start. */
#define weft_future_new_done(loop, value) weft_future_new_done_at((loop), (value), WEFT_HERE)
WEFT_API weft_future *weft_future_new_done_at(weft_loop *loop, void *value,
                                              const char *where) WEFT_NODISCARD;
#define weft_future_new_failed(loop, error) weft_future_new_failed_at((loop), (error), WEFT_HERE)
WEFT_API weft_future *weft_future_new_failed_at(weft_loop *loop, int error,
                                                const char *where) WEFT_NODISCARD;

/* Take one more reference; returns the future. */
WEFT_API weft_future *weft_future_ref(weft_future *future);

/* Give a reference back.  NULL is fine.
 * At the last one: a pending operation is cancelled, an untaken value is destroyed, and a failure that
 * nobody read is reported through the loop's exception handler.
 * When only waiters are left on a plain pending future, it ends with WEFT_EABANDONED. */
WEFT_API void weft_future_unref(weft_future *future);

/* ---- The producer's side ------------------------------------------------------------------------------- */

/* Set the result.  State: PENDING -> FINISHED.  Wakes the waiters in the order in which they came, in
 * the loop's next round; allocates nothing.
 * Errors: WEFT_EINVALIDSTATE: it is done already, or it is a task (a task's body sets its result).
 * Nothing has changed then. */
WEFT_API int weft_future_set_result(weft_future *future, void *value);

/* The same with a destructor, which runs exactly once if nobody takes the value.
 * Ownership: takes the value on every path; refused, it is destroyed at once. */
WEFT_API int weft_future_set_owned(weft_future *future, void *value, void (*destroy)(void *value));

/* The same with a small integer that travels in the pointer; weft_int reads it. */
WEFT_API int weft_future_set_int(weft_future *future, intptr_t number);

/* Set an error, negative.  State: PENDING -> FAILED; WEFT_ECANCELLED makes it CANCELLED.
 * Errors: as set_result; -EINVAL: `error` is not negative. */
WEFT_API int weft_future_set_error(weft_future *future, int error);

/* For late completions, whose future may have been cancelled meanwhile: set it, or do nothing.
 * The value of a refused set_owned_unless_done is destroyed. */
WEFT_API void weft_future_set_result_unless_done(weft_future *future, void *value);
WEFT_API void weft_future_set_owned_unless_done(weft_future *future, void *value,
                                                void (*destroy)(void *value));
WEFT_API void weft_future_set_error_unless_done(weft_future *future, int error);

/* ---- The consumer's side ------------------------------------------------------------------------------- */

WEFT_API bool weft_future_is_done(const weft_future *future);
/* True only once it has ended that way; a request that is on its way does not count. */
WEFT_API bool weft_future_is_cancelled(const weft_future *future);

/* Read the result; never waits.  `value` may be NULL.
 * Returns 0, or the error it failed with (WEFT_ECANCELLED if cancelled): reading counts, no report follows.
 * Ownership: borrowed; good while you hold a reference.  weft_future_take makes it yours.
 * Errors: WEFT_EINVALIDSTATE: still pending. */
WEFT_API int weft_future_result(weft_future *future, void **value);

/* Read the error: 0, the failure, WEFT_ECANCELLED, or WEFT_EINVALIDSTATE while pending. */
WEFT_API int weft_future_error(weft_future *future);

/* Take the result: its destructor will not run, and later readers get NULL.  NULL unless FINISHED. */
WEFT_API void *weft_future_take(weft_future *future);

/* Have cb(future, arg) called once the future is done; if it is done, in the next round.
 * The same pair may be added twice.  Holds a reference until it has run or is removed.
 * Errors: -ENOMEM; WEFT_ECLOSED: the loop would never call it. */
WEFT_API int weft_future_add_done_callback(weft_future *future, weft_done_cb *cb, void *arg);

/* Remove every (cb, arg); returns how many.  None of them will run, not even one that was queued. */
WEFT_API int weft_future_remove_done_callback(weft_future *future, weft_done_cb *cb, void *arg);

/* Ask for a cancel.  A request: it frees nothing and runs no user code inline.
 * A plain future or operation ends CANCELLED at once, and its callbacks are queued.  An operation that
 * has its outcome at hand (bytes that arrived) may finish with it instead: no data is lost.
 * A task: the request is counted, what it awaits is cancelled, and WEFT_ECANCELLED is raised at that
 * await.  If it had already been woken with an outcome, it gets that first, and the cancel comes at its
 * next await, or ends it (asyncio drops the outcome).
 * `reason` is NULL or a string that outlives the future; reason and place reach whoever looks.
 * Returns true if it was still pending; false, and nothing changes, if it was done.
 * Source: Future.cancel, Task.cancel. */
#define weft_future_cancel(future, reason) weft_future_cancel_at((future), (reason), WEFT_HERE)
WEFT_API bool weft_future_cancel_at(weft_future *future, const char *reason, const char *where);

/* Ask for a cancel from any thread.  The future must stay alive until the request has been carried out:
 * give a reference that another thread holds back through weft_future_unref_threadsafe, which comes
 * after it in the same queue.
 * Threads: any.  Errors: WEFT_ECLOSED, WEFT_EUNSHARED, -ENOMEM: the request was not queued. */
WEFT_API int weft_future_cancel_threadsafe(weft_future *future, const char *reason);
/* Give a reference back from any thread.  Once the loop is closed, its thread gives it back when it next drops a
 * reference, on one of its futures or on the loop itself; or whoever drops the loop's last pin.
 * Threads: any.  Errors: WEFT_EUNSHARED, -ENOMEM: the reference is still yours. */
WEFT_API int weft_future_unref_threadsafe(weft_future *future);

/* Who asked for the cancel and why; NULL where nobody did or gave no reason. */
WEFT_API const char *weft_future_cancel_reason(const weft_future *future);
WEFT_API const char *weft_future_cancel_site(const weft_future *future);

/* Let `target` end as `source` ends: result, error and cancel go forward, a cancel of the target goes
 * backward.  Whichever is done first wins; later events are ignored.  A value that has a destructor is
 * moved.  Ownership: borrows both.  Errors: -ENOMEM; WEFT_EOTHERLOOP.
 * Source: asyncio.futures._chain_future. */
WEFT_API int weft_future_chain(weft_future *source, weft_future *target);

/* ---- Telling what it is -------------------------------------------------------------------------------- */

WEFT_API weft_loop *weft_future_loop(const weft_future *future);
/* A name of your choosing instead of the place; must outlive the future.  Not for tasks, nor for what the loop gives to
 * everybody, because it need not be made: weft_sleep(loop, 0), what is done at once or failed without memory. */
WEFT_API void weft_future_set_name(weft_future *future, const char *name);

/* Write a one-line description, as snprintf does: "<future failed ETIMEDOUT at fetch.c:40>".
 * Returns the length that it has, or would have. */
WEFT_API int weft_future_describe(const weft_future *future, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif
#endif
