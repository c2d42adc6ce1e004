/* task.c - tasks: the step function.
 *
 * Invariant: an unfinished task is in exactly one of these states.
 *
 *   QUEUED    its node is in the loop's ready queue.  `awaiting` is NULL (not started, or an error to be
 *             raised lies in the innermost frame) or done (the outcome that woke it).
 *   RUNNING   it is weft__thread.task.  `awaiting` is NULL, or done: the last outcome, held so that its
 *             value stays good until the next suspension.
 *   WAITING   its node is among the waiters of `awaiting`, which is pending.
 *
 * A request to cancel (WEFT__MUST is its mark while it is undelivered) meets it so:
 *
 *   WAITING            what it awaits is cancelled; when that has ended, the task wakes with that outcome.
 *   QUEUED, with an    the outcome is delivered first (bytes, locks and items would be lost otherwise); the
 *   outcome            mark stays, and the next await of something pending is cancelled at once.
 *   QUEUED after a pause  WEFT_ECANCELLED is raised when it resumes.
 *   QUEUED, unstarted  the body never runs.
 *   RUNNING            the mark stays; without another await the task ends cancelled.
 *
 * An await that gives way although its future is done (sleep(0), or the 64th in a row) delivers the mark:
 * a task that never waits can be cancelled all the same.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "core/compound.h"
#include "core/gen.h"
#include "core/loop.h"
#include "core/round.h"
#include "core/scope.h"

const struct weft__future_type weft__task_type = {.name = "task", .size = sizeof(struct weft__task)};

/* ---- life ---------------------------------------------------------------------------------------------- */

static weft_task *refused(weft_loop *loop, weft_gen *gen, int error, const char *where)
{
    (void)weft_gen_close(gen);
    return weft__failed(loop, error, where);
}

/* Misuse: say what is wrong with the generator. */
static WEFT_NORETURN void unfit(const weft_gen *gen, const char *where)
{
    if (!gen)
        weft__fatal("weft_task_new at %s: there is no generator", where ? where : "?");
    weft__fatal("weft_task_new at %s: the generator %s %s", where ? where : "?", gen->type->name,
                gen->flags & WEFT__GEN_OWNED   ? "is another task's, or another one delegates to it"
                : gen->flags & WEFT__GEN_ENDED ? "has ended"
                                               : "is running");
}

weft_task *weft__task_make(weft_loop *loop, weft_gen *gen, const char *where)
{
    struct weft__task *task;

    loop = weft__loop_used(loop, NULL, WEFT__USE_MAKE);
    if (weft__unlikely(loop->closed))
        return refused(loop, gen, WEFT_ECLOSED, where);
    if (weft__unlikely(gen == &weft__gen_nomem))
        return refused(loop, gen, -ENOMEM, where);
    if (weft__unlikely(!gen || gen->running || gen->flags & (WEFT__GEN_ENDED | WEFT__GEN_OWNED)))
        unfit(gen, where);
    task = (struct weft__task *)(void *)weft__future_make(loop, &weft__task_type, where);
    if (!task)
        return refused(loop, gen, -ENOMEM, where);
    if (weft__context_inherit(task) != 0) {
        task->future.flags |= WEFT__READ;
        task->future.state = WEFT__FAILED;
        task->gen_type = gen->type;
        weft_future_unref(&task->future);
        return refused(loop, gen, -ENOMEM, where);
    }
    gen->flags |= WEFT__GEN_OWNED;
    task->gen = gen;
    task->future.id = ++loop->next_id;
    task->future.refs = 2;
    task->prev = loop->last_task;
    if (loop->last_task)
        loop->last_task->next = task;
    else
        loop->tasks = task;
    loop->last_task = task;
    loop->task_count++;
    weft__count(WEFT__COUNT_TASKS, 1);
    task->node.kind = WEFT__NODE_START;
    if (weft__unlikely(loop->hooks) && loop->hooks->spawned)
        loop->hooks->spawned(&task->future, weft__thread.task, loop->hooks_arg);
    return &task->future;
}

void weft__task_queue(weft_task *task)
{
    if (!weft__done(task))
        weft__loop_push(task->loop, &weft__task(task)->node);
}

/* The step runs inside another one, or a callback: what that knew is put aside meanwhile. */
void weft__task_start_eagerly(weft_task *task)
{
    weft_loop *loop = task->loop;
    struct weft__thread outer = weft__thread;
    unsigned awaits_left = loop->awaits_left;

    if (weft__thread.loop != loop || !weft_loop_is_running(loop) ||
        loop->eager_depth >= WEFT__EAGER) {
        weft__task_queue(task);
        return;
    }
    if (weft__done(task))
        return;
    loop->eager_depth++;
    weft__thread.task = NULL;
    weft__thread.return_destroy = NULL;
    weft__run_start(loop, weft__task(task));
    weft__thread.task = outer.task;
    weft__thread.return_destroy = outer.return_destroy;
    loop->awaits_left = awaits_left;
    loop->eager_depth--;
}

weft_task *weft_task_new_at(weft_loop *loop, weft_gen *gen, const char *where)
{
    weft_task *task = weft__task_make(loop, gen, where);

    weft__task_queue(task);
    return task;
}

weft_task *weft_task_new_eager_at(weft_loop *loop, weft_gen *gen, const char *where)
{
    weft_task *task = weft__task_make(loop, gen, where);

    weft__task_start_eagerly(task);
    return task;
}

int weft_spawn_at(weft_loop *loop, weft_gen *gen, const char *where)
{
    weft_task *task = weft_task_new_at(loop, gen, where);
    int error = task->error;

    task->flags |= error ? WEFT__READ : 0;
    weft_future_unref(task);
    return error;
}

/* The body has ended: the loop forgets the task.  Its outcome is set next. */
static void task_leave(struct weft__task *task)
{
    weft_loop *loop = task->future.loop;

    if (task->prev)
        task->prev->next = task->next;
    else
        loop->tasks = task->next;
    if (task->next)
        task->next->prev = task->prev;
    else
        loop->last_task = task->prev;
    loop->task_count--;
    if (weft__unlikely(loop->hooks) && loop->hooks->exited)
        loop->hooks->exited(&task->future, loop->hooks_arg);
    weft__count(WEFT__COUNT_TASKS, -1);
    weft__context_release(task);
}

static inline void release_awaited(struct weft__task *task)
{
    weft_future *awaited = task->awaiting;

    if (awaited) {
        task->awaiting = NULL;
        weft__future_unref(awaited);
    }
}

static weft__noinline void drop_awaited(struct weft__task *task)
{
    release_awaited(task);
}

/* The body has returned or raised.  What the task was is told by its frame until it is done: user code may look. */
static void task_finish(struct weft__task *task, weft_step step)
{
    weft_future *future = &task->future;
    weft_gen *gen = task->gen;
    void *value = gen->value;
    int error = gen->error;
    void (*destroy)(void *) = weft__thread.return_destroy;

    weft__thread.return_destroy = NULL;
    weft__scope_forget(task); /* in frames that are driven by hand, and live on */
    task_leave(task);
    task->ended_at = gen->site;
    task->gen_type = gen->type;
    weft__gen_free(gen);
    if (step == WEFT_RETURNED && !(future->flags & WEFT__MUST)) {
        weft__future_finish(future, value, destroy);
    } else if (step == WEFT_RETURNED || error == WEFT_ECANCELLED) {
        const char *reason = future->cancelling ? future->reason : NULL;
        const char *where = future->cancelling ? future->where : NULL;

        weft__future_cancelled(future, reason, where);
        if (step == WEFT_RETURNED && destroy)
            destroy(value);
    } else {
        weft__future_fail(future, error);
    }
    release_awaited(task);
    weft_future_unref(future);
}

void weft__task_detach(struct weft__task *task)
{
    if (task->awaiting) {
        weft__future_unwait(task->awaiting, &task->node);
        task->awaiting->flags |= WEFT__READ; /* the task is reported; cleanup may close what it awaits */
    }
    if (task->node.next)
        weft__queue_remove(&task->node);
    weft__scope_forget(task);
}

weft_gen *weft__task_end(struct weft__task *task)
{
    weft_future *future = &task->future;
    weft_gen *root = task->gen;

    weft__report(future->loop, "a task was destroyed while it was pending", WEFT_ECLOSED, future);
    weft__gen_end_chain(root);
    task_leave(task);
    task->ended_at = root->site;
    task->gen_type = root->type;
    future->flags |= WEFT__READ;
    weft__future_fail(future, WEFT_ECLOSED);
    release_awaited(task);
    weft_future_unref(future);
    return root;
}

/* ---- awaiting ----------------------------------------------------------------------------------------- */

void weft__task_wake_with(struct weft__task *task, int error)
{
    weft_gen *gen = task->gen->link;

    release_awaited(task);
    gen->value = NULL;
    gen->error = error;
    weft__loop_push(task->future.loop, &task->node);
}

weft_future *weft__task_blocked_on(const struct weft__task *task)
{
    return task->awaiting && !weft__done(task->awaiting) ? task->awaiting : NULL;
}

/* Misuse: say who awaits what. */
static weft__noinline int other_loop(const struct weft__task *task, const weft_future *future)
{
    char mine[160], other[160], message[512];

    weft_future_describe(&task->future, mine, sizeof(mine));
    weft_future_describe(future, other, sizeof(other));
    snprintf(message, sizeof(message), "%s of one loop awaits %s of another", mine, other);
    weft__report(task->future.loop, message, WEFT_EOTHERLOOP, NULL);
    return WEFT_EOTHERLOOP;
}

/* What speaks against awaiting a future, or 0. */
static inline int await_error(const struct weft__task *task, const weft_future *future)
{
    if (weft__unlikely(!future))
        return WEFT_EBADYIELD;
    if (weft__unlikely(future == &task->future))
        return WEFT_ESELFAWAIT;
    if (weft__unlikely(future->loop != task->future.loop))
        return other_loop(task, future);
    if (weft__unlikely(future->loop->debug) && weft__waits_for(future, &task->future))
        return WEFT_EDEADLOCK;
    return 0;
}

/* The body awaits a future, and has passed its reference. */
static void task_wait(struct weft__task *task, weft_future *future)
{
    weft_loop *loop = task->future.loop;
    int error = await_error(task, future);

    if (weft__unlikely(error)) {
        weft_future_unref(future);
        weft__task_wake_with(task, error);
        return;
    }
    release_awaited(task);
    if (weft__unlikely(task->future.flags & WEFT__LEVEL))
        task->future.flags |= WEFT__MUST;
    task->awaiting = future;
    if (weft__done(future)) {
        /* It gives way: sleep(0), or too many done ones in a row. */
        if (weft__unlikely(task->future.flags & WEFT__MUST)) {
            task->future.flags &= (uint8_t)~WEFT__MUST;
            future->flags |= WEFT__READ;
            weft__task_wake_with(task, WEFT_ECANCELLED);
        } else {
            weft__loop_push(loop, &task->node);
        }
        return;
    }
    task->node.since = loop->now_ms;
    if (weft__unlikely(loop->hooks) && loop->hooks->waits)
        loop->hooks->waits(&task->future, future, loop->hooks_arg);
    weft__future_wait(future, &task->node);
    if (weft__unlikely(task->future.flags & WEFT__MUST))
        weft__task_deliver(task);
}

/* A task that has no outcome to lose is about to resume: a request that stands is delivered. */
static weft__noinline void raise_request(struct weft__task *task, weft_gen *gen)
{
    if (task->future.flags & WEFT__MUST && !gen->error) {
        task->future.flags &= (uint8_t)~WEFT__MUST;
        gen->value = NULL;
        gen->error = WEFT_ECANCELLED;
    }
}

/* It resumes with the outcome of a future that is no plain one. */
static weft__noinline void deliver_special(struct weft__task *task, weft_gen *gen)
{
    if (task->awaiting->flags & WEFT__FORWARD)
        gen->value = weft__future_value(task->awaiting);
    else
        raise_request(task, gen);
}

/* What a step came to, other than a pause. */
static weft__noinline void settle(struct weft__task *task, weft_step step)
{
    weft_gen *root = task->gen;

    if (step == WEFT_AWAITING)
        task_wait(task, root->link->value);
    else if (step == WEFT_YIELDED)
        weft__task_wake_with(task, WEFT_EBADYIELD);
    else
        task_finish(task, step);
}

/* The hot path: an outcome goes in, the body runs to its next suspension. */
void weft__task_step(struct weft__task *task)
{
    weft_gen *root = task->gen;
    weft_gen *gen = root->link;
    weft_future *awaited = task->awaiting;
    weft_step step;

    if (awaited) {
        weft__deliver(gen, awaited);
        if (weft__unlikely(awaited->flags & (WEFT__ROUND | WEFT__FORWARD)))
            deliver_special(task, gen);
    } else if (weft__unlikely(task->future.flags & WEFT__MUST)) {
        raise_request(task, gen);
    }
    root->running = 1;
    task->future.loop->awaits_left = WEFT__AWAITS;
    weft__thread.task = &task->future;
    step = weft__gen_run(root);
    weft__thread.task = NULL;
    root->running = 0;
    if (step != WEFT_PAUSED) {
        settle(task, step);
        return;
    }
    if (weft__unlikely(task->awaiting))
        drop_awaited(task);
    root->link->error = 0;
    if (weft__unlikely(task->future.flags & WEFT__LEVEL))
        task->future.flags |= WEFT__MUST;
    weft__queue_push(&task->future.loop->ready, &task->node);
}

/* A generator that was driven by hand before goes on where it is suspended; what it was sent last is not for it. */
void weft__task_start(struct weft__task *task)
{
    weft_gen *root = task->gen;
    weft_gen *gen = root->link;
    bool suspended = root->flags & WEFT__GEN_STARTED;

    task->node.kind = WEFT__NODE_TASK;
    root->flags |= WEFT__GEN_STARTED;
    gen->value = NULL;
    gen->error = 0;
    raise_request(task, gen);
    if (suspended || !gen->error) {
        weft__task_step(task);
        return;
    }
    weft__gen_abandon(root); /* its body never runs */
    task_finish(task, WEFT_RAISED);
}

/* ---- telling -------------------------------------------------------------------------------------------- */

weft_task *weft_current_task(void)
{
    return weft__thread.task;
}

size_t weft_all_tasks(weft_loop *loop, weft_task **tasks, size_t size)
{
    size_t count = 0;

    loop = weft__loop_of(loop);
    for (struct weft__task *task = loop->tasks; task && count < size; task = task->next)
        tasks[count++] = &task->future;
    return loop->task_count;
}

bool weft_is_task(const weft_future *future)
{
    return future->type == &weft__task_type;
}

size_t weft_task_stack(const weft_task *task, weft_frame_info *frames, size_t size)
{
    const weft_gen *root, *gen;
    size_t depth = 1, place;

    weft__loop_use(task->loop, NULL, WEFT__USE_ALL);
    if (!weft_is_task(task) || weft__done(task))
        return 0;
    root = weft__task(task)->gen;
    for (gen = root->link; gen != root; gen = gen->link)
        depth++;
    /* The links go outwards: fill from the end. */
    place = depth;
    for (gen = root->link; place-- > 0; gen = gen->link) {
        const weft_gen_type *type = gen->type;

        if (place < size)
            frames[place] = (weft_frame_info){.function = type->name,
                                              .site = gen->site,
                                              .state = gen->state,
                                              .state_name = type->states && gen->state >= 0 &&
                                                                    gen->state < type->state_count
                                                                ? type->states[gen->state]
                                                                : NULL};
    }
    return depth;
}

const weft_site *weft_task_ended_at(const weft_task *task)
{
    weft__loop_use(task->loop, task, WEFT__USE_READ);
    return weft_is_task(task) && weft__done(task) ? weft__task(task)->ended_at : NULL;
}

weft_future *weft_task_awaiting(const weft_task *task)
{
    weft__loop_use(task->loop, NULL, WEFT__USE_ALL);
    return weft_is_task(task) ? weft__task_blocked_on(weft__task(task)) : NULL;
}
