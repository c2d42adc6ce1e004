/* weft/runner.h - running a program: one main body, and an orderly end.
 *
 *     int main(void)
 *     {
 *         return weft_main(WEFT_CALL(program));
 *     }
 *
 *     weft_run     a loop is made, main runs in it, what is left over is shut down, the loop is closed
 *     weft_main    the same; tells stderr of a failure, and gives the exit status
 *     weft_runner  the same in steps: several mains, one after the other, on one loop
 *
 * The first SIGINT cancels main, which may clean up; the second one ends the run at once; a third one kills the
 * process, also while a body does not come back.  So it is while a main runs on the program's main thread, if
 * SIGINT had its default action before; else weft leaves it alone.  After the run it is what it was.
 * A program that waits for SIGINT itself (weft/signal.h) has taken it over.
 *
 * Source: asyncio.run, asyncio.Runner.
 */
#ifndef WEFT_RUNNER_H
#define WEFT_RUNNER_H

#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Cancel what a loop still has, wait for it, and close the loop, within `seconds` in all (WEFT_NEVER: as long as it
 * takes).  In this order: what accepts stops; the tasks of the root group (those that belong to no other group, spawned and
 * detached ones too) are cancelled, once each, and awaited; then those that they made meanwhile, which so may help
 * with their cleanup; the default pool is shut down (jobs that run are awaited, others
 * cancelled); the loop is closed.  Failures of the tasks are reported.
 * Needs no running loop; dispatches the base, also a host's, and not from within its dispatch.  A loop that
 * is closed already is fine.
 * Errors: WEFT_ERUNNING, -EINVAL (not a number): nothing has changed.  The loop is closed, and what was left was
 * destroyed and reported: WEFT_ETIMEDOUT: time was up; WEFT_EDEADLOCK: a task that was cancelled waits for what can
 * never come; the code given to weft_abort; -ENOMEM: no timer for the deadline.  Or as weft_loop_close. */
WEFT_API int weft_loop_shutdown(weft_loop *loop, double seconds);

typedef struct weft_runner weft_runner;

/* Make a runner and its loop.  NULL without memory or descriptors; errno says which, as after weft_loop_new. */
WEFT_API weft_runner *weft_runner_new(void) WEFT_NODISCARD;
/* Its loop, to be configured.  Borrowed. */
WEFT_API weft_loop *weft_runner_loop(weft_runner *runner);
/* How long weft_runner_free waits: 10 s by default. */
WEFT_API void weft_runner_set_grace(weft_runner *runner, double seconds);

/* Run a generator as the main task.  `value` (may be NULL) receives its result; if that has a destructor, it is yours.
 * Returns 0 or its error; WEFT_EINTERRUPTED: a SIGINT cancelled it, or came too late for it to hear of; or a second one
 * ended the run, and main is left over.  A main that handles the cancel and returns has returned.
 * Ownership: takes the generator, also when it fails.
 * Errors: WEFT_ERUNNING: a loop runs on this thread; what weft_run_until_complete can return. */
WEFT_API int weft_runner_run(weft_runner *runner, weft_gen *main, void **value);
#define weft_runner_run(runner, main, value) weft_runner_run((runner), WEFT__GEN(main), (value))
/* Shut the loop down and free the runner.  Errors: as weft_loop_shutdown; after WEFT_ERUNNING it is not freed.  NULL
 * is fine. */
WEFT_API int weft_runner_free(weft_runner *runner);

/* Run a program's main body: new, run, free.  Returns as weft_runner_run; -ENOMEM, -EMFILE, -ENFILE: no runner could
 * be made.  What goes wrong with what is left over is reported.
 * Source: asyncio.run. */
WEFT_API int weft_run(weft_gen *main, void **value);
#define weft_run(main, value) weft_run(WEFT__GEN(main), (value))

/* The same for a C main: 0 if it returned (its result, as an integer, is the status; one that has a destructor is
 * destroyed, and is 0), 130 if it was interrupted, 1 if it failed: then a line on stderr says with what, and where
 * it was. */
WEFT_API int weft_main(weft_gen *main);
#define weft_main(main) weft_main(WEFT__GEN(main))

#ifdef __cplusplus
}
#endif
#endif
