/* member.c - a group's children: how they come, how they go, and who waits for one to be ready.
 *
 * Invariant: a child has a member record, from before its first step until the round after its end.  The record is in
 * its group's list, its hook among the task's waiters; it holds a reference to the task and pins the group.
 *
 * A start is pending exactly as long as it and its child's record point to each other: until the child is ready or has
 * ended, or the start is dropped.
 */
#include "config.h"

#include <errno.h>

#include "base/alloc.h"
#include "combine/group.h"
#include "core/loop.h"

/* ---- readiness -------------------------------------------------------------------------------------------- */

struct weft__start {
    struct weft__compound compound;
    struct weft__member *member; /* while it is pending */
};

static struct weft__start *start_of(const weft_future *future)
{
    return (struct weft__start *)(void *)(uintptr_t)future;
}

/* Take a start off its child. */
static weft_future *start_leave(struct weft__start *start)
{
    start->member->start = NULL;
    start->member = NULL;
    return &start->compound.future;
}

/* The child has ended without being ready; its failure is the start's. */
static void start_ended(struct weft__start *start, weft_task *task)
{
    weft_future *future = start_leave(start);

    task->flags |= WEFT__READ;
    if (task->state == WEFT__CANCELLED)
        weft__future_cancelled(future, task->reason, task->where);
    else if (task->state == WEFT__FAILED)
        weft__future_fail(future, task->error);
    else if (start->compound.asked)
        weft__future_cancelled(future, future->reason, future->where);
    else
        weft__future_fail(future, WEFT_EABANDONED);
}

static weft_future *start_next_child(const weft_future *future, uintptr_t *cursor)
{
    const struct weft__member *member = start_of(future)->member;

    return member && !weft__done(member->task) && !(*cursor)++ ? member->task : NULL;
}

static bool start_cancel(weft_future *future, const char *reason, const char *where)
{
    uintptr_t cursor = 0;

    if (!start_next_child(future, &cursor))
        return weft__compound(future)->asked; /* the outcome is at hand; a cancel, if one came before */
    return weft__compound_cancel(future, reason, where);
}

static void start_pass_cancel(weft_future *future, const char *reason, const char *where)
{
    if (start_of(future)->member)
        weft_future_cancel_at(start_of(future)->member->task, reason, where);
}

static void start_drop(weft_future *future)
{
    struct weft__start *start = start_of(future);

    if (!start->member)
        return;
    if (!future->loop->closed)
        start_pass_cancel(future, "dropped", future->site);
    (void)start_leave(start);
}

static void start_release(weft_future *future)
{
    (void)future; /* drop has taken it off */
}

static const struct weft__compound_ops start_ops = {
    .pass_cancel = start_pass_cancel, .next_child = start_next_child, .release = start_release};
static const struct weft__future_type start_type = {.name = "group start",
                                                    .size = sizeof(struct weft__start),
                                                    .cancel = start_cancel,
                                                    .drop = start_drop,
                                                    .compound = &start_ops};

int weft_group_ready(void *value)
{
    weft_task *task = weft__thread.task;
    struct weft__member *member;

    if (!task)
        return WEFT_ENOTASK;
    member = weft__task(task)->extra ? weft__task(task)->extra->member : NULL;
    if (!member)
        return 0;
    weft__loop_use(task->loop, NULL, WEFT__USE_ALL);
    if (member->ready)
        return WEFT_EINVALIDSTATE;
    member->ready = true;
    if (member->start)
        weft__future_finish(start_leave(member->start), value, NULL);
    return 0;
}

/* ---- children --------------------------------------------------------------------------------------------- */

static void link_member(weft_group *group, struct weft__member *member)
{
    member->prev = group->last_member;
    if (group->last_member)
        group->last_member->next = member;
    else
        group->members = member;
    group->last_member = member;
    group->size++;
}

static void unlink_member(weft_group *group, struct weft__member *member)
{
    if (member->prev)
        member->prev->next = member->next;
    else
        group->members = member->next;
    if (member->next)
        member->next->prev = member->prev;
    else
        group->last_member = member->prev;
    group->size--;
}

/* A child has ended.  What comes last may be the user's code, and the end of the group. */
static void member_done(struct weft__hook *hook)
{
    struct weft__member *member = weft__container_of(hook, struct weft__member, hook);
    weft_group *group = member->group;
    weft_task *task = member->task;

    unlink_member(group, member);
    weft__task(task)->extra->member = NULL;
    if (member->start)
        start_ended(member->start, task);
    else if (task->state == WEFT__FAILED && !group->loop->closed)
        weft__group_failed(group, task);
    weft__free(member, sizeof(*member));
    weft__group_left(group);
    weft_future_unref(task);
    weft__group_unpin(group);
}

/* Why no child is taken, or 0. */
static int refusal(const weft_group *group)
{
    if (group->error)
        return group->error;
    weft__check_thread(group->loop, "a spawn in a group");
    if (group->loop->closed)
        return WEFT_ECLOSED;
    if (group->stopping)
        return WEFT_ESHUTDOWN;
    return group->state == WEFT__GROUP_OPEN || group->state == WEFT__GROUP_EXITING
               ? 0
               : WEFT_EINVALIDSTATE;
}

/* Make a child that is not queued yet; NULL, and *error.  All that can fail comes before the task is made. */
static weft_task *child_new(weft_group *group, weft_gen *gen, const char *where, int *error)
{
    struct weft__task_extra *extra = NULL;
    struct weft__member *member = NULL;
    weft_task *task;

    *error = refusal(group);
    if (!*error &&
        (!(member = weft__zalloc(sizeof(*member))) || !(extra = weft__zalloc(sizeof(*extra)))))
        *error = -ENOMEM;
    if (*error) {
        weft__free(member, sizeof(*member));
        (void)weft_gen_close(gen);
        return NULL;
    }
    group->pins++;
    task = weft__task_make(group->loop, gen, where);
    *error = task->error;
    if (*error || weft__task(task)->extra)
        weft__free(extra, sizeof(*extra)); /* it inherits a context, and has one */
    else
        weft__task(task)->extra = extra;
    if (*error) {
        weft__free(member, sizeof(*member));
        weft_future_unref(task);
        weft__group_unpin(group);
        return NULL;
    }
    *member = (struct weft__member){.hook = {.node.kind = WEFT__NODE_HOOK, .fn = member_done},
                                    .group = group,
                                    .task = weft_future_ref(task)};
    weft__task(task)->extra->member = member;
    link_member(group, member);
    weft__future_wait(task, &member->hook.node);
    return task;
}

int weft_group_spawn_at(weft_group *group, weft_gen *gen, const char *where)
{
    int error;
    weft_task *task = child_new(group, gen, where, &error);

    if (!task)
        return error;
    weft__task_queue(task);
    weft_future_unref(task);
    return 0;
}

weft_task *weft_group_task_at(weft_group *group, weft_gen *gen, const char *where)
{
    weft_loop *loop = weft__loop_of(group->loop);
    int error;
    weft_task *task = child_new(group, gen, where, &error);

    if (!task)
        return weft__failed(loop, error, where);
    weft__task_queue(task);
    return task;
}

weft_task *weft_group_task_eager_at(weft_group *group, weft_gen *gen, const char *where)
{
    weft_loop *loop = weft__loop_of(group->loop);
    int error;
    weft_task *task = child_new(group, gen, where, &error);

    if (!task)
        return weft__failed(loop, error, where);
    weft__task_start_eagerly(task);
    return task;
}

weft_future *weft_group_start_at(weft_group *group, weft_gen *gen, const char *where)
{
    weft_loop *loop = weft__loop_of(group->loop);
    struct weft__start *start = start_of(weft__future_make(loop, &start_type, where));
    int error = -ENOMEM;
    weft_task *task = NULL;

    if (start)
        task = child_new(group, gen, where, &error);
    else
        (void)weft_gen_close(gen);
    if (!task) {
        if (!start)
            return weft__failed(loop, error, where);
        weft__future_fail(&start->compound.future, error);
        return &start->compound.future;
    }
    start->member = weft__task(task)->extra->member;
    start->member->start = start;
    weft__task_queue(task);
    weft_future_unref(task);
    return &start->compound.future;
}
