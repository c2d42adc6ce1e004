/* weft/loop.h - the loop: what runs callbacks, resumes tasks, and waits in libevent.
 *
 * With a loop of your own:                        In a program that has an event_base already:
 *     weft_loop *loop = weft_loop_new(NULL);          weft_loop *loop = weft_loop_new(base);
 *     weft_run_until_complete(loop, task);            weft_spawn(loop, WEFT_CALL(...));
 *     weft_loop_unref(loop);                          event_base_dispatch(base);   yours, as ever
 *
 * It runs rounds: what is ready when a round begins is the round, and what that makes ready comes in the
 * next.  After at most 256 callbacks, a turn, it looks at timers and descriptors; on a base of yours also after about
 * a millisecond (weft_loop_set_turn).
 *
 *     OPEN <---> RUNNING (weft_run_until_complete, weft_run_forever, or inside the host's dispatch)
 *       |
 *       v close
 *     CLOSED: every call answers WEFT_ECLOSED; the memory goes with the last reference
 *
 * An adopted base is never dispatched, freed or reconfigured, unless you call weft_run_ on it.  weft wakes
 * itself there, with events of its own: a host callback that sets a result need do nothing more.  Those
 * events keep event_base_dispatch going while a timer, a descriptor or another thread (weft_loop_ref) may
 * still bring something, and no longer.  Close the loop before the base is freed.
 *
 * Threads: a loop and all that it owns belong to one thread, the one that made it or has taken it over, except for
 * what is called _threadsafe.  A run, a shutdown, a close and a dispatch in another thread stop the program; the debug
 * mode (weft/debug.h) checks every call.
 *
 * Fork: after a fork without exec both sides may go on with a loop of the thread that forked, or close it; what the
 * child does never disturbs the parent.  Each side has its own wake-up for threads and signals.  At its first use in the
 * child weft makes the base anew (event_reinit), also one of yours; you do so yourself, as libevent asks, before you
 * dispatch it there.  What is registered is watched on both sides: who reads a shared socket first has it.  Jobs in
 * threads end in the child with WEFT_EABANDONED: their threads are the parent's.  The references that other threads
 * hold are never given back there, and loops of other threads can be neither used nor closed.
 *
 * Source: asyncio.BaseEventLoop.  What differs: descriptors and timers are looked at every 256 callbacks
 * instead of every round, because a poll costs a hundred times a step; equal deadlines keep their order;
 * a run that nothing can wake any more ends with WEFT_EDEADLOCK instead of hanging.
 */
#ifndef WEFT_LOOP_H
#define WEFT_LOOP_H

#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;

/* ---- Life ---------------------------------------------------------------------------------------------- */

/* Make a loop on an event_base of yours, or (NULL) on one of its own, without locks.
 * Ownership: one reference for you.  The base stays yours.
 * Returns NULL, and says why in errno: ENOMEM; EMFILE or ENFILE: no descriptors are left, of which an own base takes
 * some.  Only this and weft_runner_new do so. */
WEFT_API weft_loop *weft_loop_new(struct event_base *base) WEFT_NODISCARD;

/* Take a reference on the loop.  Each other thread that calls a _threadsafe function holds one, taken on
 * the loop's thread before the loop is given to it: while there are two references, the loop knows
 * that a thread may still post something, and waits for it.  Returns the loop. */
WEFT_API weft_loop *weft_loop_ref(weft_loop *loop);
/* Give it back; the last one closes the loop.  NULL is fine.  Threads: any, but for the last one. */
WEFT_API void weft_loop_unref(weft_loop *loop);

/* Keep the loop's memory, and no more: the loop may close, and nothing is kept going for it.  What keeps a pointer to a
 * loop that others close (a bridge to another library, a plugin) pins it: after the close every call answers
 * WEFT_ECLOSED.  Threads: any that has the loop by a reference or a pin.  Returns the loop. */
WEFT_API weft_loop *weft_loop_pin(weft_loop *loop);
/* Give a pin back.  NULL is fine.  Threads: any. */
WEFT_API void weft_loop_unpin(weft_loop *loop);

/* Make a loop in one thread and run it in another:
 *
 *     weft_loop *loop = weft_loop_ref(weft_loop_new(NULL));       weft_loop_take_over(loop);
 *     weft_loop_hand_over(loop);                                  weft_run_forever(loop);
 *     pthread_create(&thread, NULL, runs_it, loop);               weft_loop_unref(loop);
 *     weft_task_new_threadsafe(loop, WEFT_CALL(...));
 *
 * From the first call to the second the loop is nobody's: any thread may post to it, and none may do more.  What it has
 * by then goes with it.  The first to take it over has it; also the thread that gave it away.
 * Errors: of both, WEFT_ECLOSED; of the first, WEFT_ERUNNING: from inside a run or a callback; of the second,
 * WEFT_EINVALIDSTATE: it is not handed over, or somebody has been faster. */
WEFT_API int weft_loop_hand_over(weft_loop *loop);
WEFT_API int weft_loop_take_over(weft_loop *loop) WEFT_NODISCARD;

/* Close the loop.  All that is pending ends with WEFT_ECLOSED: operations, sleeps, waits on locks and queues, gather
 * and its kin (futures of your own stay as they are).  Unfinished tasks are destroyed, the youngest first, and
 * reported: cleanup runs, FINALLY does not (weft_loop_shutdown, in weft/runner.h, lets it run).  Frames are freed when
 * the last cleanup has run, so that one may look at another's.  Queued callbacks are dropped.
 * Cleanups, destructors and the exception handler that run meanwhile may call anything; what they ask of the loop
 * answers WEFT_ECLOSED.  Needs no further iteration of the host.  Calling it again is fine.
 * Errors: WEFT_ERUNNING: from inside a run or a callback; nothing has changed.
 *         WEFT_EBASEFREED: the host's base was freed before: a bug there, and reported; weft is closed all
 *         the same. */
WEFT_API int weft_loop_close(weft_loop *loop);

WEFT_API bool weft_loop_is_closed(const weft_loop *loop);
/* Whether it is running, or the host's dispatch is inside one of its rounds. */
WEFT_API bool weft_loop_is_running(const weft_loop *loop);
/* The loop that is running on this thread, or NULL. */
WEFT_API weft_loop *weft_running_loop(void);
/* Its event_base, for events of your own.  Borrowed. */
WEFT_API struct event_base *weft_loop_base(const weft_loop *loop);

/* ---- Running ------------------------------------------------------------------------------------------- */

/* Run until a future is done.
 * Ownership: takes the reference.  `value` (may be NULL) receives the result; if that has a destructor, it is
 * yours from now on.
 * Returns 0, or the future's error; WEFT_ESTOPPED: weft_loop_stop came first; the code given to weft_abort.
 * Errors: WEFT_ERUNNING: this loop, or another one on this thread, is running; WEFT_ECLOSED; WEFT_EOTHERLOOP;
 * WEFT_EDEADLOCK: nothing is ready and no timer, descriptor or thread can wake anything any more. */
WEFT_API int weft_run_until_complete(weft_loop *loop, weft_future *future, void **value);
#define weft_run_until_complete(loop, future, value) \
    weft_run_until_complete((loop), WEFT__FUTURE(future), (value))

/* Run until weft_loop_stop.  Returns 0, or the code given to weft_abort.  Errors: as above. */
WEFT_API int weft_run_forever(weft_loop *loop);

/* Stop after the round that is running; what it made ready stays queued for the next run.  Before a run:
 * that run does exactly one iteration, without blocking.  On an adopted base that the host dispatches
 * it does nothing: event_base_loopbreak is the host's.  Source: loop.stop. */
WEFT_API void weft_loop_stop(weft_loop *loop);

/* Stop at once, before the next callback, and let weft_run_ return `code` (negative).
 * Source: KeyboardInterrupt and SystemExit, which pass through asyncio's loop. */
WEFT_API void weft_abort(weft_loop *loop, int code);

/* Set how long a turn may be: so many callbacks, and about so many seconds (WEFT_NEVER: however long they take).  Then
 * the loop looks at timers and descriptors, or the host goes on.  At first 256 callbacks, and on a base of yours
 * 0.001 s.  The last callback may take longer: nothing interrupts it.  A virtual clock measures no turns.
 * Errors: -EINVAL: no callbacks, no time, not a number. */
WEFT_API int weft_loop_set_turn(weft_loop *loop, unsigned callbacks, double seconds);

/* ---- Callbacks ----------------------------------------------------------------------------------------- */

typedef void weft_call_fn(void *arg);

/* Names a call that was asked for; 0 is none.  Safe to cancel at any time, also after it ran: the number is
 * never used again. */
typedef uint64_t weft_handle;

/* Call fn(arg) in the next round; first come, first called.  `handle` may be NULL; it is 0 on failure.
 * Errors: -ENOMEM, WEFT_ECLOSED: it will not be called.  Source: loop.call_soon. */
WEFT_API int weft_call_soon(weft_loop *loop, weft_call_fn *fn, void *arg, weft_handle *handle);

/* Call fn(arg) after `seconds`; 0 and less: in the next round but never inline.  Huge delays are clipped.
 * Errors: as above; -EINVAL: not a number.  Source: loop.call_later. */
WEFT_API int weft_call_later(weft_loop *loop, double seconds, weft_call_fn *fn, void *arg,
                             weft_handle *handle);

/* Call fn(arg) at `when`, seconds on the loop's clock (weft_loop_time); never early.  Equal deadlines
 * are called in the order in which they were asked for.  Source: loop.call_at. */
WEFT_API int weft_call_at(weft_loop *loop, double when, weft_call_fn *fn, void *arg,
                          weft_handle *handle);

/* Take a call back.  Returns true if it will not run because of this; false if it ran, or was
 * cancelled before, or the handle is 0. */
WEFT_API bool weft_handle_cancel(weft_loop *loop, weft_handle handle);
/* Whether the call is still to come: it has not run, and was not cancelled.  Source: Handle.cancelled. */
WEFT_API bool weft_handle_is_pending(weft_loop *loop, weft_handle handle);
/* When it is due, on the loop's clock: now, if it waits for its round only; infinite (WEFT_NEVER), if it is not to come.
 * Source: TimerHandle.when. */
WEFT_API double weft_handle_when(weft_loop *loop, weft_handle handle);

/* Call fn(arg) in the loop's thread, from any thread; wakes a loop that is blocked.
 * First come, first called.  `loop` may not be NULL; the calling thread holds a reference to it.
 * Threads: any.
 * Errors: WEFT_ECLOSED, atomically with close; WEFT_EUNSHARED: another thread than the loop's calls, and
 * nobody holds a second reference (weft_loop_ref): the loop could not know that it must wait;
 * -ENOMEM.  It will not be called then.  A call that close finds in the queue is dropped. */
WEFT_API int weft_call_soon_threadsafe(weft_loop *loop, weft_call_fn *fn, void *arg);

/* Seconds on the loop's clock: monotonic, with an arbitrary start (0 for the virtual clock). */
WEFT_API double weft_loop_time(weft_loop *loop);

/* ---- Reports ------------------------------------------------------------------------------------------- */

/* Something went wrong that nobody else will hear of. */
typedef struct weft_report {
    const char *message; /* what: "a failure that nobody read", ... */
    int error;           /* which, or 0 */
    weft_future *future; /* whose, or NULL.  Borrowed until the handler returns */
    const char *subject; /* what it was when it was reported, "<task fetch-3 failed ...>", or NULL */
} weft_report;

/* Runs as a callback does, never inside a call or a step: it may close, cancel and free whatever it likes. */
typedef void weft_exception_cb(weft_loop *loop, const weft_report *report, void *arg);

/* Set who is told; NULL: the default, which writes a line to stderr at once.  The handler is told in order, before the
 * next callback or step of the loop, and before a run returns; of what is reported outside of a run, in the next one
 * or when the loop has closed; after that, at once.  A report that comes up while the handler runs, or a second one
 * for which there is no memory, goes to the default. */
WEFT_API void weft_loop_set_exception_handler(weft_loop *loop, weft_exception_cb *cb, void *arg);

/* Report something of your own, as the loop reports.  `future` is borrowed, or NULL; the message is copied.
 * Source: loop.call_exception_handler. */
WEFT_API void weft_loop_report(weft_loop *loop, const char *message, int error, weft_future *future);

#ifdef __cplusplus
}
#endif
#endif
