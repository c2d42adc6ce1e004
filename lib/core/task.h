/* core/task.h - what a task is inside: a future, and the generator that it drives. */
#ifndef WEFT_CORE_TASK_H
#define WEFT_CORE_TASK_H

#include <weft/scope.h>
#include <weft/task.h>

#include "core/future.h"

/* What only some tasks have; allocated when it is needed. */
struct weft__task_extra {
    char *name;
    void *context;
    const weft_context_type *context_type;
    weft_scope *scopes;          /* the innermost */
    uint16_t withheld;           /* requests that shields keep from the body, of all that stand */
    struct weft__member *member; /* group.c: what it is in its group */
};

/* 128 bytes: with a frame of 64, a suspended task takes 192. */
struct weft__task {
    weft_future future;
    union {
        weft_gen *gen;                 /* the root, until it has ended */
        const weft_gen_type *gen_type; /* what it was, once the task is done */
    };
    weft_future *awaiting;  /* what it waits for; and then what it got, until the next suspension */
    struct weft__node node; /* among the waiters of `awaiting`, or in the ready queue, or neither */
    struct weft__task *next; /* all unfinished tasks of the loop, oldest first */
    union {
        struct weft__task *prev;
        const weft_site *ended_at; /* done: where the root was suspended last */
    };
    struct weft__task_extra *extra;
};

extern const struct weft__future_type weft__task_type;

static inline struct weft__task *weft__task(const weft_task *task)
{
    return (struct weft__task *)(void *)(uintptr_t)task;
}

/* Make a task that is not queued yet; else as weft_task_new_at.  Then queue it, or run its first step at
 * once, from within a step or callback; one that has failed already is left alone. */
weft_task *weft__task_make(weft_loop *loop, weft_gen *gen, const char *where);
void weft__task_queue(weft_task *task);
void weft__task_start_eagerly(weft_task *task);

/* Run a task's first, or next, step: it was taken from the ready queue. */
void weft__task_start(struct weft__task *task);
void weft__task_step(struct weft__task *task);
/* The loop closes: an unfinished task lets go of what it awaits; and ends, without running its body.  Returns its root, whose
 * frames are to be freed. */
void weft__task_detach(struct weft__task *task);
weft_gen *weft__task_end(struct weft__task *task);
/* A request to cancel: it counts, and who asked is known. */
static inline void weft__task_count_request(struct weft__task *task, const char *reason,
                                            const char *where)
{
    task->future.cancelling += task->future.cancelling < UINT16_MAX;
    task->future.reason = reason;
    task->future.where = where;
}

/* A task's node.mark, of those that the last pass has come to; other values are circle.c's. */
enum { WEFT__HELD = 255 }; /* a shield has held the request back: it went no further */

/* Cancel a task; and the one that it awaits, and so on.  Each counts the request. */
bool weft__task_cancel(struct weft__task *task, const char *reason, const char *where);
/* Queue a task that has an error to be raised, instead of an outcome. */
void weft__task_wake_with(struct weft__task *task, int error);
/* Deliver a request that has been counted: see the top of task.c. */
void weft__task_deliver(struct weft__task *task);
/* Wake a task by force: nothing else could, for what it awaits waits for it. */
void weft__task_let_go(struct weft__task *task);
struct weft__task_extra *weft__task_need_extra(struct weft__task *task);
/* Give a new task the context of the one that makes it (errors: -ENOMEM); free it at the task's end. */
int weft__context_inherit(struct weft__task *task);
void weft__context_release(struct weft__task *task);
/* Whether the running task is about to be cancelled at its next await even if that is of a done future: in a scope that
 * stays cancelled, or at the 64th in a row.  What need not wait must take no effect then, for nobody would hear of it:
 * it is cancelled (trio's checkpoints do the same). */
bool weft__await_doomed(const weft_loop *loop);
/* What a task waits for and is not done; or NULL. */
weft_future *weft__task_blocked_on(const struct weft__task *task);

/* Hand a done future's outcome to a frame. */
static inline void weft__deliver(weft_gen *gen, weft_future *future)
{
    future->flags |= WEFT__READ;
    gen->error = future->error;
    gen->value = future->error ? NULL : future->value;
}

#endif
