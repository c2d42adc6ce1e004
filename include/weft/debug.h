/* weft/debug.h - seeing what tasks do: the dump, the debug mode, slow steps.
 *
 *     weft_dump(loop, stderr);
 *
 *     2 tasks, 1 timer, 0 waiting for descriptors or threads
 *     fetch-1  waiting 0.200 s on <sleep pending, 1 waiting>  (made at main.c:40)
 *       fetch  fetch.c:31
 *         client_readall  client.c:57
 *     main-2  running  (made at main.c:41)
 *       main  main.c:12
 *
 * The same from gdb, on a live process or a core file: the command `weft-tasks` of weft-gdb.py.
 *
 * Source: asyncio's debug mode and Task.print_stack.
 */
#ifndef WEFT_DEBUG_H
#define WEFT_DEBUG_H

#include <stdio.h>
#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Write every unfinished task as a tree of its frames: function, file and line (or state name), what it
 * awaits and since when.  Changes nothing and allocates nothing; may be called from any callback or step, and
 * from gdb. */
WEFT_API void weft_dump(weft_loop *loop, FILE *out);

/* Turn the debug mode on or off; it is on from the start where the environment has WEFT_DEBUG=1.  It stops
 * the program on any call from the wrong thread, refuses to await in a circle (WEFT_EDEADLOCK), reports
 * abandoned futures, and reports slow steps. */
WEFT_API void weft_loop_set_debug(weft_loop *loop, bool on);
WEFT_API bool weft_loop_debug(const weft_loop *loop);

/* In debug mode, a step or callback that takes longer is reported, with its name and place.  0.1 s; WEFT_NEVER: none is.
 * What is negative or not a number changes nothing. */
WEFT_API void weft_loop_set_slow_limit(weft_loop *loop, double seconds);

/* ---- Hooks --------------------------------------------------------------------------------------------- */

/* Be told what tasks do, for traces and counters.  Each may be NULL.  They run inline, on the loop's thread: they
 * may look at everything, call weft_dump, and post; they must not cancel, spawn, set or drop anything. */
typedef struct weft_hooks {
    /* A task was made, by `parent` (NULL: by a callback, or from outside). */
    void (*spawned)(weft_task *task, weft_task *parent, void *arg);
    /* Its body has ended; the outcome is set next. */
    void (*exited)(weft_task *task, void *arg);
    /* Around each of its steps.  After the last one it is done. */
    void (*before_step)(weft_task *task, void *arg);
    void (*after_step)(weft_task *task, void *arg);
    /* It begins to wait for a pending future; within its step. */
    void (*waits)(weft_task *task, weft_future *future, void *arg);
} weft_hooks;

/* Set the hooks of a loop; NULL takes them away.  Costs nothing where there are none.
 * Ownership: borrows `hooks`, which must outlive the loop or the next call.
 * Source: trio.abc.Instrument. */
WEFT_API void weft_loop_set_hooks(weft_loop *loop, const weft_hooks *hooks, void *arg);

#ifdef __cplusplus
}
#endif
#endif
