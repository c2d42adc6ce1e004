/* cancel.c - a request to cancel, and its way from a task to what that awaits.
 *
 * It goes from task to task in a loop, and is handed over to compound.c at the first future that waits for several.
 * What it does to a task in each of its states stands at the top of task.c.
 */
#include "config.h"

#include "core/compound.h"
#include "core/loop.h"
#include "core/scope.h"

/* Whether a task is queued with a cancel: a request that comes now is delivered with that one. */
static bool wakes_cancelled(const struct weft__task *task)
{
    const weft_gen *root = task->body.gen;

    if (root->running || !(root->flags & WEFT__GEN_STARTED))
        return false;
    return (task->awaiting ? task->awaiting->error : root->link->error) == WEFT_ECANCELLED;
}

/* Nobody else in a circle could wake this task. */
static void break_circle(struct weft__task *task, weft_future *future)
{
    weft__future_unwait(future, &task->node);
    weft__task_wake_with(task, WEFT_ECANCELLED);
}

/* Cancel what a waiting task awaits.  A task there is asked in turn: a loop, not a recursion, so that a chain
 * of a million tasks takes constant stack.  A circle of tasks would go round for ever: when the walk has
 * come back to a task that it saw (the hare and the tortoise), that task is woken by force. */
void weft__task_deliver(struct weft__task *task)
{
    struct weft__task *seen = task;
    unsigned steps = 0, next_mark = 1;

    for (;;) {
        weft_future *future = weft__task_blocked_on(task);
        const char *reason = task->future.u.reason;
        const char *where = task->future.v.where;
        struct weft__task *inner;

        weft__loop_use(task->future.loop, task, WEFT__USE_INSIDE);
        weft__loop_use(task->future.loop, task->awaiting, WEFT__USE_READ);
        if (!future) {
            if (!wakes_cancelled(task))
                task->future.flags |= WEFT__MUST;
            return;
        }
        task->future.flags &= (uint8_t)~WEFT__MUST;
        if (weft__compound_passed(future)) {
            if (weft__waits_for(future, &task->future))
                break_circle(task, future);
            else if (weft__compound(future)->refused)
                task->future.flags |= WEFT__MUST;
            return;
        }
        if (future->type != &weft__task_type) {
            if (!weft__future_cancel_plain(future, reason, where))
                task->future.flags |= WEFT__MUST; /* it finished instead: value first */
            return;
        }
        inner = weft__task(future);
        if (inner == seen) {
            break_circle(task, future);
            return;
        }
        if (++steps == next_mark) {
            seen = task;
            next_mark *= 2;
        }
        weft__loop_use(inner->future.loop, inner, WEFT__USE_INSIDE);
        weft__task_count_request(inner, reason, where);
        if (weft__scope_hold(inner, NULL))
            return;
        task = inner;
    }
}

bool weft__task_cancel(struct weft__task *task, const char *reason, const char *where)
{
    weft__loop_use(task->future.loop, task, WEFT__USE_INSIDE);
    weft__task_count_request(task, reason, where);
    if (!weft__scope_hold(task, NULL))
        weft__task_deliver(task);
    return true;
}

int weft_task_cancelling(const weft_task *task)
{
    weft__loop_use(task->loop, NULL, task == weft__thread.task ? WEFT__USE_READ : WEFT__USE_ALL);
    return weft_is_task(task) && !weft__done(task) ? task->cancelling : 0;
}

int weft_task_uncancel(weft_task *task)
{
    weft__loop_use(task->loop, NULL, task == weft__thread.task ? WEFT__USE_READ : WEFT__USE_ALL);
    if (!weft_is_task(task) || weft__done(task))
        return 0;
    weft__scope_withdraw_any(weft__task(task));
    if (!weft__scope_seen(weft__task(task)))
        task->flags &= (uint8_t)~WEFT__MUST;
    return task->cancelling;
}
