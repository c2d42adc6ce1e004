/* future.c - futures: one outcome, who waits for it, and who hears of it when nobody does.
 *
 * Invariant: a pending future's waiters are in its ring; a done future has none: completion has moved
 * them to the loop's ready queue, in their order.  Each waiter's owner holds a reference, so a future lives
 * at least until the last of its waiters has run.
 *
 * Completion is the move of a ring: it allocates nothing, calls nothing and cannot fail.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "core/compound.h"
#include "core/loop.h"
#include "core/round.h"

const struct weft__future_type weft__plain_type = {
    .name = "future", .size = sizeof(weft_future), .tells = true};

/* ---- making ------------------------------------------------------------------------------------------- */

void weft__no_loop(void)
{
    weft__fatal("a call without a loop, and none is running on this thread");
}

void weft__future_init(weft_future *future, weft_loop *loop, const struct weft__future_type *type,
                       const char *site)
{
    *future = (weft_future){.loop = loop, .type = type, .site = site, .refs = 1};
    weft__loop_hold(loop);
}

weft_future *weft__future_make(weft_loop *loop, const struct weft__future_type *type,
                               const char *site)
{
    weft_future *future = weft__alloc(type->size);

    if (!future)
        return NULL;
    weft__future_init(future, loop, type, site);
    weft__count(WEFT__COUNT_FUTURES, 1);
    if (type->size > sizeof(*future))
        memset(future + 1, 0, type->size - sizeof(*future));
    return future;
}

weft_future *weft__failed(weft_loop *loop, int error, const char *site)
{
    weft_future *future = NULL;

    if (error != -ENOMEM)
        future = weft__future_make(loop, &weft__plain_type, site);
    if (!future)
        return weft_future_ref(&loop->nomem);
    future->state = error == WEFT_ECANCELLED ? WEFT__CANCELLED : WEFT__FAILED;
    future->error = error;
    return future;
}

weft_future *weft_future_new_at(weft_loop *loop, const char *where)
{
    weft_future *future;

    loop = weft__loop_alone(loop);
    future = weft__future_make(loop, &weft__plain_type, where);
    return future ? future : weft__failed(loop, -ENOMEM, where);
}

weft_future *weft_future_new_done_at(weft_loop *loop, void *value, const char *where)
{
    weft_future *future;

    loop = weft__loop_alone(loop);
    future = weft__future_make(loop, &weft__plain_type, where);
    if (weft__unlikely(!future))
        return weft__failed(loop, -ENOMEM, where);
    future->state = WEFT__FINISHED;
    future->value = value;
    return future;
}

weft_future *weft_future_new_failed_at(weft_loop *loop, int error, const char *where)
{
    return weft__failed(weft__loop_alone(loop), error < 0 ? error : -EINVAL, where);
}

weft_future *weft_future_ref(weft_future *future)
{
    weft__check_use(future->loop, "weft_future_ref", future, WEFT__USE_READ);
    if (weft__likely(future->refs != WEFT__IMMORTAL))
        future->refs++;
    return future;
}

/* ---- the end ------------------------------------------------------------------------------------------ */

void weft__future_last_words(weft_future *future)
{
    future->refs = 1; /* for as long as callees look at it */
    if (future->state == WEFT__PENDING && future->type->drop)
        future->type->drop(future);
    if (future->state == WEFT__FINISHED && future->destroy)
        future->destroy(future->value);
    if (future->type == &weft__task_type && weft__task(future)->extra) {
        struct weft__task_extra *extra = weft__task(future)->extra;

        weft__string_free(extra->name);
        weft__free(extra, sizeof(*extra));
    }
}

/* A failure that nobody read: the future lives until that is told. */
static weft__noinline void tell_failure(weft_future *future)
{
    future->refs = 1;
    future->flags |= WEFT__READ;
    if (!(future->loop->closed && future->error == WEFT_ECLOSED)) /* the close is no news */
        weft__report(future->loop, "a failure that nobody read", future->error, future);
    weft_future_unref(future);
}

void weft__future_last(weft_future *future)
{
    weft_loop *loop = future->loop;
    size_t size = future->type->size;

    if (weft__unlikely(future->state == WEFT__FAILED && !(future->flags & WEFT__READ))) {
        tell_failure(future);
        return;
    }
    if (future->type->compound) {
        weft__compound_last(future);
        return;
    }
    if (future->state != WEFT__FINISHED || future->destroy || future->type != &weft__plain_type)
        weft__future_last_words(future);
    weft__free(future, size);
    weft__count(WEFT__COUNT_FUTURES, -1);
    weft__loop_let_go(loop);
}

void weft__future_orphaned(weft_future *future)
{
    if (future->type != &weft__plain_type)
        return;
    if (future->loop->debug)
        weft__report(future->loop, "abandoned by its producer", WEFT_EABANDONED, future);
    weft__loop_use(future->loop, future, WEFT__USE_WRITE);
    weft__future_fail(future, WEFT_EABANDONED);
}

void weft_future_unref(weft_future *future)
{
    if (future)
        weft__future_unref(future);
}

/* ---- waiting ------------------------------------------------------------------------------------------- */

void weft__future_wait(weft_future *future, struct weft__node *node)
{
    if (weft__done(future)) {
        weft__loop_push(future->loop, node);
        return;
    }
    if (future->type == &weft__plain_type)
        future->waiting++;
    weft__ring_push(&future->waiters, node);
}

void weft__future_unwait(weft_future *future, struct weft__node *node)
{
    if (!node->next)
        return;
    if (weft__done(future)) {
        weft__queue_remove(node);
        return;
    }
    if (future->type == &weft__plain_type)
        future->waiting--;
    weft__ring_remove(&future->waiters, node);
}

/* The outcome is written: the waiters' turn comes. */
static void complete(weft_future *future)
{
    if (future->waiters) {
        weft__ring_release(&future->waiters, &future->loop->ready);
        if (weft__unlikely(future->loop->closed))
            weft__drop_queued(future->loop); /* nobody will run them */
        else
            weft__loop_wake(future->loop);
    }
}

void weft__future_finish(weft_future *future, void *value, void (*destroy)(void *))
{
    future->state = WEFT__FINISHED;
    future->value = value;
    future->destroy = destroy;
    complete(future);
}

void weft__future_fail(weft_future *future, int error)
{
    future->state = WEFT__FAILED;
    future->error = error;
    future->value = NULL;
    future->destroy = NULL;
    complete(future);
}

void weft__future_cancelled(weft_future *future, const char *reason, const char *where)
{
    future->state = WEFT__CANCELLED;
    future->error = WEFT_ECANCELLED;
    future->reason = reason;
    future->where = where;
    complete(future);
}

/* ---- the producer's side ------------------------------------------------------------------------------ */

/* Whether somebody outside may set it. */
static bool settable(const weft_future *future)
{
    weft__check_use(future->loop, "setting a future", future, WEFT__USE_WRITE);
    return future->state == WEFT__PENDING && future->type == &weft__plain_type;
}

int weft_future_set_result(weft_future *future, void *value)
{
    if (!settable(future))
        return WEFT_EINVALIDSTATE;
    weft__future_finish(future, value, NULL);
    return 0;
}

int weft_future_set_owned(weft_future *future, void *value, void (*destroy)(void *value))
{
    if (!settable(future)) {
        if (destroy)
            destroy(value);
        return WEFT_EINVALIDSTATE;
    }
    weft__future_finish(future, value, destroy);
    return 0;
}

int weft_future_set_int(weft_future *future, intptr_t number)
{
    return weft_future_set_result(future, weft_from_int(number));
}

int weft_future_set_error(weft_future *future, int error)
{
    if (error >= 0)
        return -EINVAL;
    if (!settable(future))
        return WEFT_EINVALIDSTATE;
    if (error == WEFT_ECANCELLED)
        weft__future_cancelled(future, NULL, NULL);
    else
        weft__future_fail(future, error);
    return 0;
}

void weft_future_set_result_unless_done(weft_future *future, void *value)
{
    (void)weft_future_set_result(future, value);
}

void weft_future_set_owned_unless_done(weft_future *future, void *value,
                                       void (*destroy)(void *value))
{
    (void)weft_future_set_owned(future, value, destroy);
}

void weft_future_set_error_unless_done(weft_future *future, int error)
{
    (void)weft_future_set_error(future, error);
}

/* ---- the consumer's side ------------------------------------------------------------------------------ */

bool weft_future_is_done(const weft_future *future)
{
    weft__loop_use(future->loop, future, WEFT__USE_READ);
    return weft__done(future);
}

bool weft_future_is_cancelled(const weft_future *future)
{
    weft__loop_use(future->loop, future, WEFT__USE_READ);
    return future->state == WEFT__CANCELLED;
}

int weft_future_result(weft_future *future, void **value)
{
    weft__check_use(future->loop, "weft_future_result", future, WEFT__USE_READ);
    if (value)
        *value = future->state == WEFT__FINISHED ? weft__future_value(future) : NULL;
    return weft_future_error(future);
}

int weft_future_error(weft_future *future)
{
    weft__loop_use(future->loop, future, WEFT__USE_READ);
    if (!weft__done(future))
        return WEFT_EINVALIDSTATE;
    future->flags |= WEFT__READ;
    return future->error;
}

void *weft_future_take(weft_future *future)
{
    void *value;

    weft__loop_use(future->loop, future, WEFT__USE_WRITE);
    if (future->state != WEFT__FINISHED)
        return NULL;
    while (future->flags & WEFT__FORWARD)
        future = weft__compound(future)->source;
    weft__loop_use(future->loop, future, WEFT__USE_WRITE);
    value = future->value;
    future->value = NULL;
    future->destroy = NULL;
    return value;
}

/* ---- cancel --------------------------------------------------------------------------------------------- */

bool weft__future_cancel_plain(weft_future *future, const char *reason, const char *where)
{
    weft__loop_use(future->loop, future, future->type->tells ? WEFT__USE_WRITE : WEFT__USE_ALL);
    if (future->type->cancel)
        return future->type->cancel(future, reason, where);
    weft__future_cancelled(future, reason, where);
    return true;
}

bool weft_future_cancel_at(weft_future *future, const char *reason, const char *where)
{
    weft__check_use(future->loop, "weft_future_cancel", future, WEFT__USE_READ);
    if (weft__done(future))
        return false;
    if (future->type == &weft__task_type)
        return weft__task_cancel(weft__task(future), reason, where);
    (void)weft__future_cancel_plain(future, reason, where);
    return true;
}

/* Whether somebody's request is on record. */
static bool was_asked(const weft_future *future)
{
    weft__loop_use(future->loop, NULL, WEFT__USE_ALL);
    return future->state == WEFT__CANCELLED ||
           (future->state == WEFT__PENDING && future->cancelling);
}

const char *weft_future_cancel_reason(const weft_future *future)
{
    return was_asked(future) ? future->reason : NULL;
}

const char *weft_future_cancel_site(const weft_future *future)
{
    return was_asked(future) ? future->where : NULL;
}

/* ---- telling ------------------------------------------------------------------------------------------- */

weft_loop *weft_future_loop(const weft_future *future)
{
    return future->loop;
}

void weft_future_set_name(weft_future *future, const char *name)
{
    if (future->type == &weft__task_type || future->refs == WEFT__IMMORTAL)
        return; /* an immortal one is everybody's, and outlives the name */
    weft__loop_use(future->loop, future, WEFT__USE_WRITE);
    future->site = name;
    future->flags |= WEFT__NAMED;
}

static unsigned count_waiters(const weft_future *future)
{
    const struct weft__node *node = future->waiters;
    unsigned count = 0;

    if (!node)
        return 0;
    do {
        count++;
        node = node->next;
    } while (node != future->waiters);
    return count;
}

int weft_future_describe(const weft_future *future, char *buffer, size_t size)
{
    char outcome[64], who[96];

    weft__loop_use(future->loop, NULL, WEFT__USE_ALL);
    switch ((enum weft__state)future->state) {
    case WEFT__PENDING:
        if (future->waiters)
            snprintf(outcome, sizeof(outcome), "pending, %u waiting", count_waiters(future));
        else
            snprintf(outcome, sizeof(outcome), "pending");
        break;
    case WEFT__FINISHED:
        snprintf(outcome, sizeof(outcome), "finished %p", weft__future_value(future));
        break;
    case WEFT__FAILED:
        snprintf(outcome, sizeof(outcome), "failed %s", weft_errname(future->error));
        break;
    case WEFT__CANCELLED:
        snprintf(outcome, sizeof(outcome), "cancelled");
        break;
    }
    if (future->type == &weft__task_type) {
        strcpy(who, "task ");
        weft_task_name(future, who + 5, sizeof(who) - 5);
    } else {
        snprintf(who, sizeof(who), "%s", future->type->name);
    }
    if (!future->site)
        return snprintf(buffer, size, "<%s %s>", who, outcome);
    return snprintf(buffer, size, "<%s %s %s %s>", who, outcome,
                    future->flags & WEFT__NAMED ? "named" : "at", future->site);
}
