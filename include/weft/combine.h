/* weft/combine.h - waiting for several futures, or for one with conditions.
 *
 *     WEFT_AWAIT(f, weft_gather(NULL, WEFT_FUTURES(a, b, c), 0));      all of them
 *     WEFT_AWAIT(f, weft_wait_for(weft_sock_recv(io, buffer, n), 2));  at most two seconds
 *     WEFT_AWAIT(f, weft_shield(task));                                a cancel stops here
 *
 * Each is a future itself: it may be awaited, gathered, cancelled, given a callback.  It ends in the round after
 * the last of what it waits for.
 *
 *     call          takes                  ends when                        a cancel of it
 *     gather        futures                all have ended                   cancels them, awaits them
 *     gather_calls  generators             all have ended; some at a time   cancels them, awaits them
 *     wait          borrows futures        all, the first, or time is up    leaves them alone
 *     as_completed  futures                each next one has ended          leaves them alone
 *     wait_for      a future               it has, or time is up            cancels it, awaits it
 *     shield        a future               it has                           leaves it alone
 *     then          a future               the callback's future has        cancels it, awaits it
 *     race          generators             the first has succeeded          cancels them, awaits them
 *
 * A child that awaits, in whatever way, the task that awaits it here would wait for ever, and so would that task.  A cancel
 * of either wakes the child, and the other one goes on when the child has ended.  (The debug mode refuses the await.)
 *
 * Ownership: what takes futures takes one reference to each, also when it fails; `futures`, the array, stays yours.
 * A pending one that loses its last reference acts as if it were cancelled, and nobody hears of the end.
 * Errors: all return a future, never NULL; one that failed with -ENOMEM, WEFT_ECLOSED, -EINVAL or WEFT_EOTHERLOOP
 * has let go of what it took.
 *
 * Source: asyncio.gather, wait, as_completed, wait_for, shield; staggered.staggered_race; Twisted's Deferred.
 */
#ifndef WEFT_COMBINE_H
#define WEFT_COMBINE_H

#include <weft/scope.h>
#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An array of futures and its length, as two arguments: weft_gather(NULL, WEFT_FUTURES(a, b), 0). */
#define WEFT_FUTURES(...) WEFT__ARRAY(weft_future *, weft__future_not_generator, __VA_ARGS__)
/* The same of generators. */
#define WEFT_CALLS(...) WEFT__ARRAY(weft_gen *, weft__generator_not_future, __VA_ARGS__)

/* ---- All of them ----------------------------------------------------------------------------------------- */

enum {
    WEFT_KEEP_RUNNING = 1, /* the first error ends the gather; the others run on (asyncio's rule) */
    WEFT_RETURN_ERRORS = 2 /* errors are among the results: the gather does not fail */
};

/* How one of them ended. */
typedef struct weft_result {
    void *value; /* NULL where there is an error */
    int error;
} weft_result;

/* Wait for all futures.  `loop` may be NULL inside a task or callback.
 * Result: const weft_result[n], in the order of the arguments; NULL for none.  It lives as long as the gather, or
 * as a value that was taken (weft_take): weft_results_free then frees it, and the values that nobody
 * took.  weft_results_take makes a value in it yours.
 * The first error: the others are cancelled and awaited, and then the gather fails with it; what else they fail
 * with counts as read.  With WEFT_KEEP_RUNNING it fails at once, and they run on.
 * A future that others cancel counts as one that failed with WEFT_ECANCELLED; the gather is not cancelled.
 * The same future may be there twice, with a reference each.
 * Cancelled: cancels all that are unfinished, and is cancelled when they have ended, whatever they end with.
 * Source: asyncio.gather.  What differs: siblings are cancelled and awaited, because they often hold pointers into
 * the frame of whoever gathers. */
#define weft_gather(...) WEFT__GATHER(__VA_ARGS__)
#define WEFT__GATHER(loop, futures, count, flags) \
    weft_gather_at(WEFT_HERE, (loop), WEFT__FUTURES(futures), (count), (flags))
WEFT_API weft_future *weft_gather_at(const char *where, weft_loop *loop, weft_future *const *futures,
                                     size_t count, unsigned flags) WEFT_NODISCARD;

/* Run generators as tasks, at most `limit` at once, and wait for all: "these jobs, five at a time".
 * They start in order, each when one before it has ended; the rest as weft_gather.  Those that an error or a
 * cancel leaves unstarted never start.  All inherit the context of the task that calls this, until it ends.
 * Ownership: takes the generators, also when it fails.
 * Errors: also -EINVAL: the limit is 0.
 * Source: gather under a Semaphore; but a job takes a task only while it runs. */
#define weft_gather_calls(...) WEFT__GATHER_CALLS(__VA_ARGS__)
#define WEFT__GATHER_CALLS(loop, calls, count, limit, flags) \
    weft_gather_calls_at(WEFT_HERE, (loop), WEFT__GENS(calls), (count), (limit), (flags))
WEFT_API weft_future *weft_gather_calls_at(const char *where, weft_loop *loop,
                                           weft_gen *const *calls, size_t count, size_t limit,
                                           unsigned flags) WEFT_NODISCARD;

/* Take one value out of a gather's results: its destructor will not run. */
WEFT_API void *weft_results_take(const weft_result *results, size_t index);
/* Free results that were taken out of their gather.  NULL is fine. */
WEFT_API void weft_results_free(void *results);

/* ---- Some of them ---------------------------------------------------------------------------------------- */

enum weft_wait_until {
    WEFT_ALL,
    WEFT_FIRST_COMPLETED,
    WEFT_FIRST_ERROR /* or all; a cancelled one is no error */
};

/* Wait until all futures are done, or the first, or `seconds` have passed (WEFT_NEVER).
 * Result: how many were done when the wait ended (an integer).  The body that awaits it resumes a round later, and more
 * may have ended by then: weft_future_is_done says which are done now.  Time that is up is no error, and nor is that a
 * future failed; none is cancelled.
 * Ownership: borrows: you go on holding the futures.  The same one may be there twice, and counts once.
 * Errors: also -EINVAL: no futures; no such `until`.  Cancelled: leaves the futures alone.
 * Source: asyncio.wait, whose two sets are here the array and is_done. */
#define weft_wait(...) WEFT__WAIT(__VA_ARGS__)
#define WEFT__WAIT(loop, futures, count, until, seconds) \
    weft_wait_at(WEFT_HERE, (loop), WEFT__FUTURES(futures), (count), (until), (seconds))
WEFT_API weft_future *weft_wait_at(const char *where, weft_loop *loop, weft_future *const *futures,
                                   size_t count, enum weft_wait_until until,
                                   double seconds) WEFT_NODISCARD;

/* Futures in the order in which they end:
 *
 *     f->each = weft_as_completed_new(NULL, futures, n, WEFT_NEVER);
 *     for (;;) {
 *         WEFT_AWAIT(f, weft_as_completed_next(f->each));
 *         if (!(done = weft_sent(f)))
 *             break;
 *         ... weft_future_result(done, &value) ...
 *     }
 *     cleanup: weft_as_completed_free(f->each);
 */
typedef struct weft_as_completed weft_as_completed;

/* Watch futures; `seconds` from now the rest is given up.
 * Ownership: takes the futures; they live as long as this.  Never NULL: one that could not be made is one whose
 * `next` fails with the reason: -ENOMEM (that one knows no loop: `next` must be called inside a task or
 * callback), WEFT_ECLOSED, WEFT_EOTHERLOOP, -EINVAL (a time that is not a number). */
WEFT_API weft_as_completed *weft_as_completed_new(weft_loop *loop, weft_future *const *futures,
                                                  size_t count, double seconds) WEFT_NODISCARD;
#define weft_as_completed_new(...) WEFT__AS_COMPLETED_NEW(__VA_ARGS__)
#define WEFT__AS_COMPLETED_NEW(loop, futures, count, seconds) \
    (weft_as_completed_new)((loop), WEFT__FUTURES(futures), (count), (seconds))
/* Wait for the next: the result is the future that has ended (borrowed), or NULL after the last.  Each is given
 * once; one that was there twice, twice.
 * Errors: WEFT_ETIMEDOUT: time is up, and this and all further ones were not done then; -EBUSY: one next is
 * pending.
 * Cancelled: nothing is lost: the next `next` gives what this one would have given. */
WEFT_API weft_future *weft_as_completed_next(weft_as_completed *each) WEFT_NODISCARD;
/* Stop watching; the futures run on.  A pending `next` fails with WEFT_EABANDONED. */
WEFT_API void weft_as_completed_free(weft_as_completed *each);

/* ---- One, with conditions -------------------------------------------------------------------------------- */

/* Wait for a future, at most `seconds` (WEFT_NEVER: for ever).
 * When time is up, it is cancelled and awaited to its end; then: WEFT_ETIMEDOUT if it ended cancelled, its value
 * if it ended with one all the same, its error if it failed otherwise.  A result that came in the round in which
 * time was up wins.  0 or less: one that is done gives its outcome, a task that has not started never starts.
 * Cancelled: cancels it, and ends as it ends.  Errors: also -EINVAL: not a number.
 * Source: asyncio.wait_for; value first where that times out and loses the result. */
#define weft_wait_for(future, seconds) weft_wait_for_at(WEFT__FUTURE(future), (seconds), WEFT_HERE)
WEFT_API weft_future *weft_wait_for_at(weft_future *future, double seconds,
                                       const char *where) WEFT_NODISCARD;

/* Wait for a future without passing a cancel on to it.
 * Cancelled: ends at once, and the future goes on, an operation too: a failure of it that nobody reads then is
 * reported.  Dropped: lets go of the future.
 * Source: asyncio.shield. */
#define weft_shield(future) weft_shield_at(WEFT__FUTURE(future), WEFT_HERE)
WEFT_API weft_future *weft_shield_at(weft_future *future, const char *where) WEFT_NODISCARD;

/* What comes after a future: called by the loop once it is done, however it ended (weft_future_result says how).
 * Returns the future whose outcome is the chain's: a further operation, weft_future_new_done(NULL, value),
 * or weft_future_ref(done) to pass on what came.  NULL stands for a result of NULL.
 * Ownership: `done` is borrowed; a reference to what it returns is given. */
typedef weft_future *weft_then_fn(weft_future *done, void *arg);

/* Call fn(future, arg) when a future is done: a future of what that leads to.
 * Ownership: takes the future; and `arg`, if `free_arg` is not NULL: it is called once after fn, or when fn
 * will never be called.
 * Cancelled: cancels what it waits for now, and ends as that ends; fn is called all the same, and sees it.  If
 * the future is done and fn is still to be called, what fn returns is cancelled; and if that is done, it is
 * dropped, and this ends cancelled.
 * Errors: of what fn returned: WEFT_EOTHERLOOP, WEFT_ESELFAWAIT: it ends as this one does; in debug mode
 * WEFT_EDEADLOCK: it waits for this one.
 * Source: Twisted's Deferred.addBoth; JavaScript's Promise.then. */
#define weft_then(future, fn, arg, free_arg) \
    weft_then_at(WEFT__FUTURE(future), (fn), (arg), (free_arg), WEFT_HERE)
WEFT_API weft_future *weft_then_at(weft_future *future, weft_then_fn *fn, void *arg,
                                   void (*free_arg)(void *arg), const char *where) WEFT_NODISCARD;

/* ---- The first ------------------------------------------------------------------------------------------- */

/* Run generators as tasks until one succeeds.  The next one starts `delay` seconds after the one before it
 * (WEFT_NEVER: not by time), or as soon as one fails.
 * Result: the winner's; the others are cancelled and awaited first.
 * Errors: the first error, if all failed; -EINVAL: no generators.  `errors` (NULL, or an array of n that lives until
 * the end) receives how each ended: 0 for the winner, its error, WEFT_ECANCELLED for one that lost or
 * never started.
 * Ownership: takes the generators, also when it fails.
 * Cancelled: cancels all that run, starts no more, and is cancelled when they have ended.
 * Source: asyncio.staggered.staggered_race; RFC 8305 (Happy Eyeballs). */
#define weft_staggered_race(...) WEFT__STAGGERED_RACE(__VA_ARGS__)
#define WEFT__STAGGERED_RACE(loop, calls, count, delay, errors) \
    weft_staggered_race_at(WEFT_HERE, (loop), WEFT__GENS(calls), (count), (delay), (errors))
WEFT_API weft_future *weft_staggered_race_at(const char *where, weft_loop *loop,
                                             weft_gen *const *calls, size_t count, double delay,
                                             int *errors) WEFT_NODISCARD;

#ifdef __cplusplus
}
#endif
#endif
