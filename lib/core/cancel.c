/* cancel.c - a request to cancel, and its way from a task to what that awaits.
 *
 * It goes from task to task in a loop, and is handed over to compound.c at the first future that waits for several.
 * What it does to a task in each of its states stands at the top of task.c.  However many ways lead to a task, one cancel
 * (a pass, see compound.c) asks it once.
 */
#include "config.h"

#include "core/compound.h"
#include "core/loop.h"
#include "core/scope.h"

/* Whether a task is queued with a cancel: a request that comes now is delivered with that one. */
static bool wakes_cancelled(const struct weft__task *task)
{
    const weft_gen *root = task->gen;

    if (root->running || !(root->flags & WEFT__GEN_STARTED))
        return false;
    return (task->awaiting ? task->awaiting->error : root->link->error) == WEFT_ECANCELLED;
}

/* The pass that is under way comes by: false, if it has been here before. */
static bool come_by(struct weft__task *task)
{
    weft_loop *loop = task->future.loop;

    if (task->node.pass == (uint16_t)loop->pass) {
        loop->met = true;
        return false;
    }
    task->node.pass = (uint16_t)loop->pass;
    task->node.mark = 0;
    return true;
}

void weft__task_let_go(struct weft__task *task)
{
    weft__future_unwait(task->awaiting, &task->node);
    weft__task_wake_with(task, WEFT_ECANCELLED);
}

/* Whether a task is among those from `first` to `last`, each of which awaits the next. */
static bool is_between(const struct weft__task *task, const struct weft__task *first,
                       const struct weft__task *last)
{
    while (first != task && first != last)
        first = weft__task(first->awaiting);
    return first == task;
}

/* Cancel what a waiting task awaits.  A task there is asked in turn: a loop, not a recursion, so that a chain
 * of a million tasks takes constant stack.  Where the chain bites its tail, its last task is woken by force. */
static void deliver(struct weft__task *task)
{
    const struct weft__task *first = task;

    for (;;) {
        weft_future *future = weft__task_blocked_on(task);
        const char *reason = task->future.reason;
        const char *where = task->future.where;
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
            task->future.loop->met = true;
            if (weft__compound(future)->refused)
                task->future.flags |= WEFT__MUST;
            return;
        }
        if (future->type != &weft__task_type) {
            if (!weft__future_cancel_plain(future, reason, where))
                task->future.flags |= WEFT__MUST; /* it finished instead: value first */
            return;
        }
        inner = weft__task(future);
        if (!come_by(inner)) {
            if (is_between(inner, first, task))
                weft__task_let_go(task);
            return;
        }
        weft__loop_use(inner->future.loop, inner, WEFT__USE_INSIDE);
        weft__task_count_request(inner, reason, where);
        if (weft__scope_hold(inner, NULL)) {
            inner->node.mark = WEFT__HELD;
            return;
        }
        task = inner;
    }
}

void weft__task_deliver(struct weft__task *task)
{
    bool outermost = weft__pass_begin(task->future.loop);

    (void)come_by(task);
    deliver(task);
    if (outermost)
        weft__pass_end(task->future.loop);
}

bool weft__task_cancel(struct weft__task *task, const char *reason, const char *where)
{
    weft_loop *loop = task->future.loop;
    bool outermost = weft__pass_begin(loop);

    weft__loop_use(loop, task, WEFT__USE_INSIDE);
    if (come_by(task)) {
        weft__task_count_request(task, reason, where);
        if (weft__scope_hold(task, NULL))
            task->node.mark = WEFT__HELD;
        else
            deliver(task);
    }
    if (outermost)
        weft__pass_end(loop);
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
