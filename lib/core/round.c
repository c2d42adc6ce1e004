/* round.c - rounds and turns: what is ready runs.
 *
 * A round is a snapshot of what is ready (`batch`); what it makes ready (`ready`) is the next round.  A turn is
 * what happens between two looks at libevent: due timers, then up to 256 callbacks, over as many rounds as
 * that takes; on a host's base, for about a millisecond.  The clock is read after 4 callbacks, and as long as they are
 * short, after twice as many each time: seven times in 256.
 *
 * What a descriptor's event makes ready, while nothing else is, is a round of its own, and runs at once: the answer to
 * a message is written while the socket, the kernel's part and ours, is still in the processor's cache.  An echo server
 * with 5,000 busy connections does 6 % more so than if all are read first, and then all answered.  After 256 such
 * rounds comes a turn, for the timers.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "core/loop.h"
#include "core/round.h"

static void dispatch(weft_loop *loop, struct weft__node *node)
{
    switch ((enum weft__kind)node->kind) {
    case WEFT__NODE_TASK:
        weft__task_step(weft__container_of(node, struct weft__task, node));
        break;
    case WEFT__NODE_START:
        weft__task_start(weft__container_of(node, struct weft__task, node));
        break;
    case WEFT__NODE_CALLBACK:
        weft__callback_run(node);
        break;
    case WEFT__NODE_CALL:
        weft__call_run(loop, node);
        break;
    case WEFT__NODE_HOOK: {
        struct weft__hook *hook = weft__container_of(node, struct weft__hook, node);

        hook->fn(hook);
        break;
    }
    }
}

/* The task that a node is of, or NULL. */
static weft_task *task_of(struct weft__node *node)
{
    return weft__node_is_task(node) ? &weft__container_of(node, struct weft__task, node)->future
                                    : NULL;
}

/* Dispatch a task's node between the hooks before and after a step.  The task outlives its step for them. */
static void dispatch_hooked(weft_loop *loop, struct weft__node *node)
{
    weft_task *task = loop->hooks ? task_of(node) : NULL;

    if (!task) {
        dispatch(loop, node);
        return;
    }
    weft_future_ref(task);
    if (loop->hooks->before_step)
        loop->hooks->before_step(task, loop->hooks_arg);
    dispatch(loop, node);
    if (loop->hooks && loop->hooks->after_step)
        loop->hooks->after_step(task, loop->hooks_arg);
    weft_future_unref(task);
}

/* Debug mode: dispatch, and report what took too long.  What it was is told before it is gone. */
static void dispatch_timed(weft_loop *loop, struct weft__node *node)
{
    char what[192] = "a callback", message[288];
    int64_t took = weft__monotonic();

    if (task_of(node)) {
        weft_future_describe(task_of(node), what, sizeof(what));
    } else if (node->kind == WEFT__NODE_CALLBACK) {
        weft_future_describe(weft__callback_future(node), what, sizeof(what));
    }
    dispatch_hooked(loop, node);
    took = weft__monotonic() - took;
    if (took > loop->slow_ns) {
        snprintf(message, sizeof(message), "%s: a step took %.3f s", what, (double)took / WEFT__NS);
        weft__report(loop, message, 0, NULL);
    }
}

static void dispatch_observed(weft_loop *loop, struct weft__node *node)
{
    bool told = loop->order && loop->order->stepped;
    weft_task *task = told ? task_of(node) : NULL;

    if (task)
        weft_future_ref(task);
    if (loop->debug)
        dispatch_timed(loop, node);
    else
        dispatch_hooked(loop, node);
    if (told)
        loop->order->stepped(loop->order, task);
}

/* Somebody observes, or chooses the order: run one node.  False: there is none. */
static weft__noinline bool run_observed(weft_loop *loop)
{
    struct weft__node *node;

    weft__reports_tell(loop);
    node = loop->order ? loop->order->next(loop->order, loop) : weft__queue_pop(&loop->batch);
    if (node)
        dispatch_observed(loop, node);
    return node != NULL;
}

void weft__run_start(weft_loop *loop, struct weft__task *task)
{
    dispatch_observed(loop, &task->node);
}

static inline void dispatch_one(weft_loop *loop, struct weft__node *node)
{
    if (weft__likely(node->kind == WEFT__NODE_TASK))
        weft__task_step(weft__container_of(node, struct weft__task, node));
    else
        dispatch(loop, node);
}

void weft__round(weft_loop *loop)
{
    struct weft__node *node;

    loop->draining = true;
    weft__queue_move(&loop->batch, &loop->ready);
    while (!loop->abort_code && (node = weft__queue_pop(&loop->batch)))
        dispatch_one(loop, node);
    weft__reports_tell(loop);
    loop->draining = false;
}

/* Run rounds: at most `count` callbacks, or until nothing is ready; one round only if it stops, which may have `begun`
 * before.  Returns whether that many have run. */
static bool drain(weft_loop *loop, unsigned count, bool begun)
{
    struct weft__node *node;

    for (unsigned left = count; left > 0; left--) {
        if (weft__unlikely(loop->abort_code))
            return false;
        if (weft__queue_empty(&loop->batch)) {
            if (loop->stopping && (begun || left < count))
                return false;
            weft__queue_move(&loop->batch, &loop->ready);
        }
        if (weft__unlikely(loop->observed)) {
            if (!run_observed(loop))
                return false;
            continue;
        }
        node = weft__queue_pop(&loop->batch);
        if (!node)
            return false;
        weft__prefetch(loop->batch.next); /* with many tasks, each is a miss */
        dispatch_one(loop, node);
    }
    return true;
}

/* The same, until the turn's time is up, too.  As many posts as were half of it are fed to the next one. */
static void drain_in_time(weft_loop *loop, int64_t began)
{
    unsigned ran = 0, slice = 4, most = loop->turn_calls;

    for (;;) {
        int64_t took;

        slice = slice < most - ran ? slice : most - ran;
        if (!drain(loop, slice, ran > 0))
            break;
        ran += slice;
        took = ran < most ? weft__monotonic() - began : loop->turn_ns;
        if (took >= loop->turn_ns) {
            loop->portion = (ran + 1) / 2;
            return;
        }
        slice = took < loop->turn_ns / 4 ? slice * 2 : 1;
    }
    loop->portion = (most + 1) / 2;
}

bool weft__anything_ready(const weft_loop *loop)
{
    return !weft__queue_empty(&loop->batch) || !weft__queue_empty(&loop->ready) ||
           loop->mailbox.mail || loop->reports.first;
}

void weft__turn(weft_loop *loop)
{
    int64_t now = weft__loop_now(loop);

    loop->draining = true;
    loop->rounds_left = WEFT__TURN;
    loop->now_ms = (uint32_t)(now / 1000000);
    weft__timers_fire(loop, now);
    weft__mailbox_feed(loop, loop->portion);
    if (loop->turn_ns == 0 || loop->is_virtual)
        drain(loop, loop->turn_calls, false);
    else
        drain_in_time(loop, now);
    weft__reports_tell(loop);
    loop->draining = false;
}

int weft_loop_set_turn(weft_loop *loop, unsigned callbacks, double seconds)
{
    loop = weft__loop_of(loop);
    if (!callbacks || !(seconds > 0)) /* nor a number that is none */
        return -EINVAL;
    loop->turn_calls = callbacks;
    loop->portion = callbacks / 2 + callbacks % 2;
    loop->turn_ns = seconds > 3.2e9 ? 0 : (int64_t)(seconds * WEFT__NS);
    loop->turn_ns += seconds <= 3.2e9 && loop->turn_ns == 0; /* 0 is for ever */
    return 0;
}

void weft__drop_queued(weft_loop *loop)
{
    struct weft__node *node;

    if (loop->dropping)
        return;
    loop->dropping = true;
    while ((node = weft__queue_pop(&loop->batch)) || (node = weft__queue_pop(&loop->ready))) {
        if (node->kind == WEFT__NODE_CALLBACK) {
            weft__callback_drop(node);
        } else if (node->kind == WEFT__NODE_HOOK) {
            struct weft__hook *hook = weft__container_of(node, struct weft__hook, node);

            hook->fn(hook);
        }
    }
    loop->dropping = false;
}
