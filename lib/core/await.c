/* await.c - a body awaits a future: what is done goes on in the same step.
 *
 * A future that is pending suspends: that is task.c's.  The result of one that is done is held until the body's next
 * suspension, by the task (`awaiting`), or, within a generator that is driven by hand, by the thread (`held`, see
 * gen.c).
 */
#include "config.h"

#include "core/loop.h"

/* Within a generator that is driven by hand: nothing awaits, but what is done it gets at once. */
static weft__noinline weft_step await_by_hand(weft_gen *gen, weft_future *future)
{
    weft_future *before = weft__thread.held;

    if (!future || !weft__done(future) || future->flags & WEFT__ROUND)
        return WEFT_AWAITING;
    weft__thread.held = future;
    weft_future_unref(before);
    weft__deliver(gen, future);
    gen->value = weft__future_value(future);
    return WEFT_AGAIN;
}

/* Whether it is the innermost frame of the running task. */
static inline bool runs_in_task(const weft_gen *gen)
{
    const weft_task *current = weft__thread.task;

    return current && weft__task(current)->gen->link == gen;
}

weft_step(weft_await)(weft_gen *gen, weft_future *future)
{
    weft_task *current = weft__thread.task;
    struct weft__task *task;

    gen->value = future;
    if (weft__unlikely(!runs_in_task(gen)))
        return await_by_hand(gen, future);
    if (weft__unlikely(!future || !weft__done(future)) || future->flags & WEFT__ROUND ||
        current->flags & WEFT__LEVEL || future->loop != current->loop || !current->loop->awaits_left)
        return WEFT_AWAITING;
    current->loop->awaits_left--;
    task = weft__task(current);
    if (task->awaiting)
        weft__future_unref(task->awaiting);
    task->awaiting = future;
    weft__deliver(gen, future);
    if (weft__unlikely(future->flags & WEFT__FORWARD))
        gen->value = weft__future_value(future);
    return WEFT_AGAIN;
}

void *weft_gen_take(weft_gen *gen)
{
    weft_future *awaited = runs_in_task(gen) ? weft__task(weft__thread.task)->awaiting
                                             : weft__thread.held;

    if (awaited && weft__done(awaited) && !awaited->error &&
        weft__future_value(awaited) == gen->value)
        return weft_future_take(awaited);
    return gen->value;
}

bool weft__await_doomed(const weft_loop *loop)
{
    const weft_task *task = weft__thread.task;

    if (!task || task->loop != loop)
        return false;
    return task->flags & WEFT__LEVEL || (task->flags & WEFT__MUST && !loop->awaits_left);
}
