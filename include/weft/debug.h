/* weft/debug.h - seeing what tasks do: the dump, the debug mode, slow steps.
 *
 *     weft_dump(loop, stderr);
 *
 *     2 tasks, 1 timer, 0 waiting for descriptors
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
#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Write every unfinished task as a tree of its frames: function, file and line (or state name), what it
 * awaits and since when.  Changes nothing and allocates nothing; may be called from any callback or step, and
 * from gdb. */
WEFT_API void weft_dump(weft_loop *loop, FILE *out);

/* Turn the debug mode on or off; it is on from the start where the environment has WEFT_DEBUG=1.  It stops
 * the program on a call from the wrong thread, refuses to await in a circle (WEFT_EDEADLOCK), reports
 * abandoned futures, and reports slow steps. */
WEFT_API void weft_loop_set_debug(weft_loop *loop, bool on);
WEFT_API bool weft_loop_debug(const weft_loop *loop);

/* In debug mode, a step or callback that takes longer is reported, with its name and place.  0.1 s. */
WEFT_API void weft_loop_set_slow_limit(weft_loop *loop, double seconds);

#ifdef __cplusplus
}
#endif
#endif
