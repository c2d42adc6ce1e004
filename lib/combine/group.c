/* group.c - task groups: the children of a body, and the exit that waits for them.
 *
 * Invariant: a child is in the group's list from before its first step until the round after its end (member.c); the
 * exit's future is pending as long as the list is not empty.
 *
 *   NEW --enter--> OPEN --exit--> EXITING --the last member goes--> ENDED
 *                   +--last unref, nobody will exit: abandoned------^
 *
 * `stopping` is apart from that: the children have been asked to cancel, and no more of them are taken.  Who is
 * asked then, besides the children, is the owner, as long as it is OPEN: one request, counted as every other, and
 * withdrawn by the exit, which is how foreign ones are told from it (as scope.c does).
 *
 * Users' references say whether there may be an exit; pins only keep the memory.  The exit's future is made by enter,
 * because exit must wait also without memory.
 *
 * An exit that has a failure to tell ends in a later round, even if no child is left: an await of a future
 * that is done already may raise a cancel in its place (a level-triggered scope, the 64th await in a row).
 *
 * Rejected: a scope in the task's list in place of the counted request: the group lies on the heap, and a frame
 * that ends could not tell that this scope is one of its own.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "combine/group.h"
#include "core/loop.h"
#include "core/round.h"
#include "core/scope.h"

/* ---- life ------------------------------------------------------------------------------------------------ */

static weft_group no_memory = {.error = -ENOMEM};
static weft_group no_loop = {.error = WEFT_ENOTASK};
static weft_group closed = {.error = WEFT_ECLOSED};

weft_group *weft_group_new(enum weft_group_policy policy)
{
    weft_loop *loop = weft__thread.loop;
    weft_group *group;

    if (!loop)
        return &no_loop;
    if (loop->closed)
        return &closed;
    group = weft__zalloc(sizeof(*group));
    if (!group)
        return &no_memory;
    group->loop = loop;
    group->users = 1;
    group->policy = policy;
    weft__loop_hold(loop);
    return group;
}

weft_group *weft_group_ref(weft_group *group)
{
    if (!group->error) {
        weft__check_use(group->loop, "weft_group_ref", group, WEFT__USE_WRITE);
        group->users++;
    }
    return group;
}

/* Failures that were kept for an exit that did not come. */
static void report_untold(const weft_group *group)
{
    char message[96];

    for (size_t i = 0; i < group->failures && i < WEFT__GROUP_KEPT; i++) {
        snprintf(message, sizeof(message), "a failure in a group that was not exited: %s",
                 group->errors[i].task);
        weft__report(group->loop, message, group->errors[i].error, NULL);
    }
}

static void group_free(weft_group *group)
{
    weft_loop *loop = group->loop;

    if (group->policy != WEFT_IGNORE && !group->told)
        report_untold(group);
    if (group->exit)
        weft_future_unref(&group->exit->compound.future);
    weft_future_unref(group->owner);
    weft__free(group, sizeof(*group));
    weft__loop_let_go(loop);
}

void weft__group_unpin(weft_group *group)
{
    if (--group->pins == 0 && group->users == 0)
        group_free(group);
}

/* ---- cancel ----------------------------------------------------------------------------------------------- */

/* Nothing runs inline, so the list stays as it is. */
static void cancel_children(weft_group *group, const char *reason, const char *where)
{
    bool outermost;

    group->stopping = true;
    if (group->loop->closed)
        return;
    outermost = weft__pass_begin(group->loop);
    for (struct weft__member *member = group->members; member; member = member->next)
        weft_future_cancel_at(member->task, reason, where);
    if (outermost)
        weft__pass_end(group->loop);
}

/* A request that shields outside of the group do not hold back. */
static void ask_owner(weft_group *group, const char *reason, const char *where)
{
    struct weft__task *owner = weft__task(group->owner);

    if (group->asked || weft__done(&owner->future))
        return;
    group->asked = true;
    weft__task_count_request(owner, reason, where);
    group->holder = weft__scope_hold_within(owner, group->entry_scope);
    if (!group->holder)
        weft__task_deliver(owner);
}

/* The group's own reasons to stop: they count once. */
static void stop(weft_group *group, const char *reason, const char *where)
{
    if (!group->stopping)
        cancel_children(group, reason, where);
    if (group->state == WEFT__GROUP_OPEN)
        ask_owner(group, reason, where);
}

static void withdraw(weft_group *group)
{
    struct weft__task *owner = weft__task(group->owner);

    if (!group->asked || weft__done(&owner->future))
        return;
    if (!(group->holder && weft__scope_withdraw(owner, group->holder)) &&
        weft__scope_seen(owner) > group->entry_seen)
        owner->future.cancelling--;
    if (weft__scope_seen(owner) <= group->entry_seen && !group->entry_must)
        owner->future.flags &= (uint8_t)~WEFT__MUST;
}

/* Whether a request of others stands that came, or was delivered, since enter; not one that a shield holds back. */
static bool others_asked(const weft_group *group)
{
    const weft_future *owner = group->owner;

    return weft__scope_seen(weft__task(owner)) > group->entry_seen ||
           (group->entry_must && !(owner->flags & WEFT__MUST));
}

void weft_group_cancel_at(weft_group *group, const char *where)
{
    if (group->error || group->state == WEFT__GROUP_ENDED)
        return;
    weft__check_thread(group->loop, "weft_group_cancel");
    stop(group, "the group was cancelled", where);
}

/* Nobody is left who could exit it. */
static void abandon(weft_group *group)
{
    group->state = WEFT__GROUP_ENDED;
    group->abandoned = true;
    withdraw(group);
    cancel_children(group, "the group was dropped", group->owner->site);
}

void weft_group_unref(weft_group *group)
{
    if (!group || group->error)
        return;
    weft__check_use(group->loop, "weft_group_unref", group,
                    group->users > 1 ? WEFT__USE_WRITE : WEFT__USE_ALL);
    if (--group->users > 0)
        return;
    group->pins++;
    if (group->state == WEFT__GROUP_OPEN)
        abandon(group);
    weft__group_unpin(group);
}

/* ---- failures --------------------------------------------------------------------------------------------- */

static void note(weft_group *group, const weft_task *task, int error)
{
    if (group->failures < WEFT__GROUP_KEPT) {
        weft_group_error *kept = &group->errors[group->failures];

        weft_task_name(task, kept->task, sizeof(kept->task));
        kept->error = error;
    }
    group->failures++;
}

void weft__group_failed(weft_group *group, weft_task *task)
{
    if (group->abandoned)
        return; /* left unread, it is reported */
    note(group, task, task->error);
    if (group->policy == WEFT_IGNORE)
        return;
    task->flags |= WEFT__READ;
    if (!group->failure)
        group->failure = task->error;
    if (group->policy == WEFT_FAIL_FAST)
        stop(group, "a sibling failed", task->site);
}

size_t weft_group_errors(const weft_group *group, weft_group_error *errors, size_t size)
{
    for (size_t i = 0; i < group->failures && i < WEFT__GROUP_KEPT && i < size; i++)
        errors[i] = group->errors[i];
    return group->failures;
}

/* ---- the exit --------------------------------------------------------------------------------------------- */

/* It fails although the owner was cancelled: the request is not lost, but comes at the next await. */
static void request_again(weft_group *group)
{
    struct weft__task *owner = weft__task(group->owner);

    if (weft__done(&owner->future) || !others_asked(group))
        return;
    if (!weft__scope_hold_within(owner, group->entry_scope))
        owner->future.flags |= WEFT__MUST;
}

/* All children have ended. */
static void finish(weft_group *group)
{
    weft_future *future = &group->exit->compound.future;
    weft_future *owner = group->owner;

    if (group->loop->closed) {
        weft__future_fail(future, WEFT_ECLOSED);
    } else if (group->failure) {
        group->told = true;
        request_again(group);
        weft__future_fail(future, group->failure);
    } else if (group->exit->compound.asked) {
        weft__future_cancelled(future, future->reason, future->where);
    } else if (group->cancelled) {
        weft__future_cancelled(future, weft_future_cancel_reason(owner),
                               weft_future_cancel_site(owner));
    } else {
        weft__future_finish(future, NULL, NULL);
    }
    group->exit = NULL;
    group->owner = NULL;
    weft_future_unref(owner);
}

void weft__group_left(weft_group *group)
{
    if (group->state == WEFT__GROUP_EXITING && group->size == 0) {
        group->state = WEFT__GROUP_ENDED;
        finish(group);
    }
}

static void on_later(struct weft__hook *hook)
{
    finish(weft__container_of(hook, struct weft__exit, hook)->group);
}

static weft_future *exit_next_child(const weft_future *future, uintptr_t *cursor)
{
    const weft_group *group = ((const struct weft__exit *)(const void *)future)->group;
    struct weft__member *member = (struct weft__member *)*cursor;

    member = member ? member->next : group->members;
    while (member && weft__done(member->task))
        member = member->next;
    *cursor = (uintptr_t)member;
    return member ? member->task : NULL;
}

static bool exit_cancel(weft_future *future, const char *reason, const char *where)
{
    uintptr_t cursor = 0;

    if (!exit_next_child(future, &cursor))
        return weft__compound(future)->asked; /* the outcome is at hand; a cancel, if one came before */
    return weft__compound_cancel(future, reason, where);
}

static void exit_pass_cancel(weft_future *future, const char *reason, const char *where)
{
    cancel_children(((struct weft__exit *)(void *)future)->group, reason, where);
}

static void exit_drop(weft_future *future)
{
    struct weft__exit *exit = (struct weft__exit *)(void *)future;
    weft_group *group = exit->group;

    if (!group)
        return; /* exit was not called */
    if (exit->hook.node.next)
        weft__queue_remove(&exit->hook.node);
    group->exit = NULL;
    group->state = WEFT__GROUP_ENDED;
    group->abandoned = true;
    cancel_children(group, "the exit was dropped", group->owner->site);
}

static void exit_release(weft_future *future)
{
    weft_group *group = ((struct weft__exit *)(void *)future)->group;

    if (group)
        weft__group_unpin(group);
}

static const struct weft__compound_ops exit_ops = {
    .pass_cancel = exit_pass_cancel, .next_child = exit_next_child, .release = exit_release};
static const struct weft__future_type exit_type = {.name = "group exit",
                                                   .size = sizeof(struct weft__exit),
                                                   .cancel = exit_cancel,
                                                   .drop = exit_drop,
                                                   .compound = &exit_ops};

int weft_group_enter(weft_group *group)
{
    struct weft__task *owner;

    if (group->error)
        return group->error;
    weft__loop_use(group->loop, NULL, WEFT__USE_ALL);
    if (!weft__thread.task)
        return WEFT_ENOTASK;
    if (group->state != WEFT__GROUP_NEW)
        return WEFT_EINVALIDSTATE;
    if (weft__thread.task->loop != group->loop)
        return WEFT_EOTHERLOOP;
    owner = weft__task(weft__thread.task);
    group->exit = (struct weft__exit *)(void *)weft__future_make(group->loop, &exit_type,
                                                                 owner->future.site);
    if (!group->exit)
        return -ENOMEM;
    group->exit->hook = (struct weft__hook){.node.kind = WEFT__NODE_HOOK, .fn = on_later};
    group->owner = weft_future_ref(&owner->future);
    group->entry_seen = (uint16_t)weft__scope_seen(owner);
    group->entry_must = (owner->future.flags & WEFT__MUST) != 0;
    group->entry_scope = owner->extra ? owner->extra->scopes : NULL;
    group->state = WEFT__GROUP_OPEN;
    if (group->stopping)
        ask_owner(group, "the group was cancelled", owner->future.site);
    return 0;
}

/* The body is here with an error, or 0. */
static void body_ended(weft_group *group, int error)
{
    weft_future *owner = group->owner;
    bool others = others_asked(group);

    if (error == WEFT_ECANCELLED) {
        group->cancelled = !group->asked || others;
    } else if (!error) {
        /* It swallowed the group's request, and with it one of others that was delivered along. */
        group->cancelled = group->asked && others && !(owner->flags & WEFT__MUST);
    } else if (error < 0) {
        note(group, owner, error);
        if (!group->failure)
            group->failure = error;
    }
    if (error == WEFT_ECANCELLED && owner->cancelling)
        stop(group, owner->reason, owner->where);
    else if (error < 0)
        stop(group, "the body failed", owner->site);
}

weft_future *weft_group_exit(weft_group *group, int error)
{
    struct weft__exit *exit = group->exit;
    int refused = group->error;

    if (!refused)
        weft__check_thread(group->loop, "weft_group_exit");
    if (!refused && group->owner && weft__thread.task != group->owner)
        refused = WEFT_ENOTOWNER;
    if (!refused && group->state != WEFT__GROUP_OPEN)
        refused = WEFT_EINVALIDSTATE;
    if (refused) {
        weft_future *future = weft_future_new_at(group->loop, NULL);

        (void)weft_future_set_error(future, error < 0 ? error : refused);
        return future;
    }
    group->state = WEFT__GROUP_EXITING;
    withdraw(group);
    body_ended(group, error);
    exit->group = group;
    group->pins++;
    if (group->size > 0)
        return &exit->compound.future;
    group->state = WEFT__GROUP_ENDED;
    if (group->failure)
        weft__loop_push(group->loop, &exit->hook.node);
    else
        finish(group);
    return &exit->compound.future;
}

size_t weft_group_size(const weft_group *group)
{
    return group->size;
}
