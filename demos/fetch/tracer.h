/* The tracer: Chrome trace events from a loop's hooks (weft/debug.h), for chrome://tracing and ui.perfetto.dev.
 *
 *     tracer = tracer_open("out.json");
 *     tracer_begin(tracer, 6, "generator");      a process of that number in the picture
 *     tracer_watch(tracer, loop);                sets the hooks
 *     ... the loop runs, and is closed ...
 *     tracer_end(tracer);                        what is still open ends; the file is complete so far
 *     tracer_close(tracer);
 *
 *     ph b, e     a task's life: from spawned to exited, by its id
 *     ph X        a step: from before_step to after_step
 *     ph s, f     a wake-up: to a task's next step, from the end of the task that it awaited; or, where the loop
 *                 woke it, from where it began to wait
 */
#ifndef FETCH_TRACER_H
#define FETCH_TRACER_H

#include <weft.h>

struct tracer;

/* Create the file.  NULL with errno if that can't be. */
struct tracer *tracer_open(const char *path);
void tracer_begin(struct tracer *tracer, int number, const char *name);
void tracer_watch(struct tracer *tracer, weft_loop *loop);
/* Errors: the file's. */
int tracer_end(struct tracer *tracer);
/* Frees it, too.  NULL is fine.  Errors: the file's. */
int tracer_close(struct tracer *tracer);

#endif
