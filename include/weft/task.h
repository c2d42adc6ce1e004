/* weft/task.h - tasks: futures that drive a generator.
 *
 *     weft_task *task = weft_task_new(loop, WEFT_CALL(fetch, .host = host));
 *     ... the loop runs the body, step by step; the task is done when the body has ended ...
 *     weft_future_result(task, &value);
 *     weft_future_unref(task);            dropping the handle earlier detaches it: it runs on
 *
 *                first step               await a pending future
 *     QUEUED ----------------> RUNNING ---------------------------> WAITING
 *        ^                        |  \ return, raise                    |
 *        |                        |   +--------------> done             |
 *        +------------------------|-------------------------------------+
 *                                 the future is done: queued again
 *
 * The loop owns every unfinished task.  Every future function takes a task, too; only set_result and
 * its kin are refused.  A call that is for tasks alone answers a plain future with WEFT_ENOTTASK (or with
 * nothing: NULL, 0, false).
 *
 * A task gives way at an await that must wait, and of those that need not at every 64th in a row.  What it does in between
 * no other task sees happen: who feeds others that way gives way by hand (WEFT_PAUSE).
 *
 * Source: asyncio.Task.  What differs: the loop's reference is strong; value first on cancel (see
 * weft_future_cancel); a request made while the body runs to its end still ends the task CANCELLED, and
 * its result is destroyed.
 */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include <weft/future.h>
#include <weft/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Make a task that drives a generator.  Its first step comes in the loop's next round; tasks made in order
 * take it in order.  `loop` may be NULL inside a task or a callback.
 * Ownership: takes the generator.  One reference for you, one for the loop until it is done.
 * Inherits the context of the task that makes it (weft_task_set_context).
 * Errors: never NULL; -ENOMEM or WEFT_ECLOSED is the future's error, and the generator has been closed.
 * Source: loop.create_task(coro). */
#define weft_task_new(loop, gen) weft_task_new_at((loop), WEFT__GEN(gen), WEFT_HERE)
WEFT_API weft_task *weft_task_new_at(weft_loop *loop, weft_gen *gen,
                                     const char *where) WEFT_NODISCARD;

/* Make a task and run its first step at once, inside this call: a body that never waits is done when the call
 * returns, and was never queued.  Outside of the loop's run, and deep inside other eager steps, it is
 * queued as weft_task_new queues it.
 * Source: Task(eager_start=True).  There is no factory that makes all tasks eager: it changes the order of
 * other people's code. */
#define weft_task_new_eager(loop, gen) weft_task_new_eager_at((loop), WEFT__GEN(gen), WEFT_HERE)
WEFT_API weft_task *weft_task_new_eager_at(weft_loop *loop, weft_gen *gen,
                                           const char *where) WEFT_NODISCARD;

/* Make a task and let it go: weft_task_new and unref.  A failure is reported at its end.
 * Errors: 0, -ENOMEM, WEFT_ECLOSED. */
#define weft_spawn(loop, gen) weft_spawn_at((loop), WEFT__GEN(gen), WEFT_HERE)
WEFT_API int weft_spawn_at(weft_loop *loop, weft_gen *gen, const char *where);

/* The task whose step is running on this thread; NULL in a callback and outside.  Borrowed. */
WEFT_API weft_task *weft_current_task(void);

/* Write up to `size` unfinished tasks of a loop into `tasks`, oldest first; returns how many there are.
 * Ownership: borrowed; ref what you keep. */
WEFT_API size_t weft_all_tasks(weft_loop *loop, weft_task **tasks, size_t size);

/* Say whether a future is a task. */
WEFT_API bool weft_is_task(const weft_future *future);

/* The name: what was set, or the body's name and a number ("fetch-12").  Written as snprintf does. */
WEFT_API int weft_task_name(const weft_task *task, char *buffer, size_t size);
/* Set the name; it is copied.  Errors: -ENOMEM, WEFT_ENOTTASK. */
WEFT_API int weft_task_set_name(weft_task *task, const char *name);

/* How many cancel requests stand; 0 once done.  One cancel of what several ways lead from to this task is one.
 * Source: Task.cancelling. */
WEFT_API int weft_task_cancelling(const weft_task *task);
/* Withdraw one request and return how many are left; with the last one the mark of what was not delivered yet goes.
 * Those that a shield holds back are withdrawn last: the body has not seen them.
 * Does nothing on a task that is done.  Source: Task.uncancel. */
WEFT_API int weft_task_uncancel(weft_task *task);

/* ---- Where it is --------------------------------------------------------------------------------------- */

/* One frame of a suspended task. */
typedef struct weft_frame_info {
    const char *function;  /* the body's name */
    const weft_site *site; /* where it is suspended; NULL in the explicit form or before the start */
    const char *state_name; /* explicit form with state names; else NULL */
    int state;              /* the resume point */
} weft_frame_info;

/* Write up to `size` frames of a task, outermost first; returns how many there are (0: done).
 * A task that is running gives the places where its frames were last suspended.  Source: Task.get_stack. */
WEFT_API size_t weft_task_stack(const weft_task *task, weft_frame_info *frames, size_t size);

/* Where the body of a task that is done was suspended last, in its outermost frame: for one that was cancelled,
 * where it was interrupted.  NULL: not done, never suspended, or the explicit form.  Static. */
WEFT_API const weft_site *weft_task_ended_at(const weft_task *task);

/* The future that it awaits; NULL if it is running, queued or done.  Borrowed. */
WEFT_API weft_future *weft_task_awaiting(const weft_task *task);

/* ---- Context ------------------------------------------------------------------------------------------- */

/* How an inherited context is copied for a new task, and freed at a task's end.  Either may be NULL: the
 * pointer is then shared as it is, or nobody's to free.  `copy` returns NULL without memory, and the
 * new task fails with -ENOMEM. */
typedef struct weft_context_type {
    void *(*copy)(void *context);
    void (*free)(void *context);
} weft_context_type;

/* Attach a context to a task; tasks that it makes inherit it.  NULL task: the current one.
 * Ownership: takes the context also when it fails; one that was there before is freed.
 * Errors: -ENOMEM; WEFT_ENOTTASK; WEFT_ENOTASK: none is running; WEFT_EINVALIDSTATE: it is done.
 * Source: contextvars, reduced to one pointer: C has no context variables to switch at each step. */
WEFT_API int weft_task_set_context(weft_task *task, void *context, const weft_context_type *type);
/* The context of a task (NULL: the current one), or NULL. */
WEFT_API void *weft_task_context(const weft_task *task);

#ifdef __cplusplus
}
#endif
#endif
