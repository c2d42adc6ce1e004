/* core/round.h - rounds and turns: what is ready, and who runs it. */
#ifndef WEFT_CORE_ROUND_H
#define WEFT_CORE_ROUND_H

#include "core/loop.h"

/* A test's choice of what runs next, in place of first come, first served. */
struct weft__order {
    /* Take a node from the loop's batch, which may be empty: NULL. */
    struct weft__node *(*next)(struct weft__order *order, weft_loop *loop);
    /* Nothing is ready, and virtual time is about to jump.  NULL: nothing to do. */
    void (*idle)(struct weft__order *order, weft_loop *loop);
    /* The loop closes. */
    void (*close)(struct weft__order *order);
    /* A node's step is over; the task's, whose reference it gives back, or NULL: of another kind.  An eager task's lies
     * within another one's step.  NULL: nobody wants to know. */
    void (*stepped)(struct weft__order *order, weft_task *task);
    /* The library uses an object in this step, in this way.  NULL: nobody wants to know. */
    void (*use)(struct weft__order *order, const void *object, enum weft__use how);
};

/* Something is ready, and the loop may not be running: see to it that it will. */
void weft__loop_pump(weft_loop *loop);
static inline void weft__loop_wake(weft_loop *loop)
{
    if (weft__unlikely(!loop->running && !loop->draining))
        weft__loop_pump(loop);
}
static inline void weft__loop_push(weft_loop *loop, struct weft__node *node)
{
    weft__queue_push(&loop->ready, node);
    weft__loop_wake(loop);
}

/* One turn: due timers, and the rounds that fit. */
void weft__turn(weft_loop *loop);
bool weft__anything_ready(const weft_loop *loop);
/* Run what is ready, once. */
void weft__round(weft_loop *loop);
/* Whether what an event makes ready may run at once, and so it does: see round.c. */
static inline bool weft__loop_may_follow(const weft_loop *loop)
{
    return !loop->draining && !loop->observed && !loop->pumping && !loop->stopping &&
           !loop->abort_code && weft__queue_empty(&loop->ready) && weft__queue_empty(&loop->batch);
}
void weft__loop_follow(weft_loop *loop);
/* Run a new task's first step, seen by whoever observes. */
void weft__run_start(weft_loop *loop, struct weft__task *task);
/* The loop is closed: what is queued will not run, and what it holds is given back.  Hooks run: compound
 * futures end as what they wait for. */
void weft__drop_queued(weft_loop *loop);

#endif
