/* wait_for.c - waiting for one future, with conditions: wait_for, shield, then. */
#include "config.h"

#include <errno.h>
#include <math.h>

#include <weft/combine.h>

#include "base/alloc.h"
#include "combine/join.h"
#include "core/loop.h"

/* ---- wait_for ---------------------------------------------------------------------------------------------
 *
 * WAITING --done--> as it ended         WAITING --time is up--> EXPIRED --done--> as it ended; cancelled: ETIMEDOUT
 *
 * A child that is done when time is up, but whose hook has not run, is WAITING: its outcome wins. */

struct wait_for {
    struct weft__single single;
    bool expired;
};

static void wait_for_done(struct weft__join *join, struct weft__edge *edge)
{
    struct wait_for *self = (struct wait_for *)(void *)join;

    if (self->expired && !join->compound.asked && edge->child->state == WEFT__CANCELLED) {
        edge->child->flags |= WEFT__READ;
        weft__edge_release(edge);
        weft__future_fail(weft__join_future(join), WEFT_ETIMEDOUT);
        return;
    }
    weft__join_end_as(join, edge);
}

static void wait_for_expired(struct weft__join *join)
{
    struct wait_for *self = (struct wait_for *)(void *)join;

    if (weft__done(join->edges[0].child))
        return;
    self->expired = true;
    weft_future_cancel_at(join->edges[0].child, "deadline", weft__join_future(join)->site);
}

static bool always_forwards(const struct weft__join *join)
{
    (void)join;
    return true;
}

static const struct weft__join_type wait_for_type = {
    .base = {WEFT__JOIN_TYPE("wait_for", struct wait_for, weft__join_forward)},
    .done = wait_for_done,
    .expired = wait_for_expired,
    .forwards = always_forwards};

weft_future *weft_wait_for_at(weft_future *future, double seconds, const char *where)
{
    weft_loop *loop = future->loop;
    struct weft__single *single;
    int error;

    weft__check_thread(loop, "weft_wait_for");
    if (isnan(seconds)) {
        weft_future_unref(future);
        return weft__failed(loop, -EINVAL, where);
    }
    if (weft__done(future))
        return future;
    single = weft__single_new(&wait_for_type, future, where);
    if (!single)
        return weft__failed(loop, loop->closed ? WEFT_ECLOSED : -ENOMEM, where);
    if (seconds <= 0) {
        wait_for_expired(&single->join);
        return weft__join_future(&single->join);
    }
    error = weft__join_arm(&single->join, seconds);
    if (!error)
        return weft__join_future(&single->join);
    weft__edge_release(&single->edge); /* it is let go of, and not cancelled */
    weft_future_unref(weft__join_future(&single->join));
    return weft__failed(loop, error, where);
}

/* ---- shield -----------------------------------------------------------------------------------------------
 *
 * A cancel ends the shield at once, and it lets go of the future.  Where that would be the last reference to an
 * operation, and so its end, the shield holds on to it, and itself lives until then. */

static void shield_done(struct weft__join *join, struct weft__edge *edge)
{
    weft_future *future = weft__join_future(join);

    if (!weft__done(future)) {
        weft__join_end_as(join, edge);
        return;
    }
    weft__edge_release(edge); /* it was cancelled before */
    weft_future_unref(future);
}

/* Let go of the future without ending it. */
static void shield_leave(struct weft__join *join)
{
    struct weft__edge *edge = &join->edges[0];

    if (edge->child->refs == 1 && edge->child->type->drop)
        weft_future_ref(weft__join_future(join));
    else
        weft__edge_release(edge);
}

static bool shield_cancel(weft_future *future, const char *reason, const char *where)
{
    struct weft__join *join = weft__join(future);

    if (weft__done(join->edges[0].child))
        return join->edges[0].child->error == WEFT_ECANCELLED;
    shield_leave(join);
    weft__future_cancelled(future, reason, where);
    return true;
}

static void shield_closed(struct weft__join *join)
{
    weft_future *future = weft__join_future(join);

    if (!weft__done(future)) {
        weft__future_fail(future, WEFT_ECLOSED);
    } else if (join->edges[0].child) { /* it was cancelled before, and holds on */
        weft__edge_release(&join->edges[0]);
        weft_future_unref(future);
    }
}

static const struct weft__join_type shield_type = {
    .base = {WEFT__JOIN_TYPE("shield", struct weft__single, shield_cancel)},
    .done = shield_done,
    .closed = shield_closed,
    .leaves = true};

weft_future *weft_shield_at(weft_future *future, const char *where)
{
    weft_loop *loop = future->loop;
    struct weft__single *single;

    weft__check_thread(loop, "weft_shield");
    if (weft__done(future))
        return future;
    single = weft__single_new(&shield_type, future, where);
    if (!single)
        return weft__failed(loop, loop->closed ? WEFT_ECLOSED : -ENOMEM, where);
    return weft__join_future(&single->join);
}

/* ---- then -------------------------------------------------------------------------------------------------
 *
 * WAITING for the future --done, fn is called--> CALLED, waiting for what it returned --done--> as that ended */

struct then {
    struct weft__single single;
    weft_then_fn *fn; /* NULL: it was called, or never will be */
    void *arg;
    void (*free_arg)(void *arg);
    bool late; /* a cancel came when the future was done: fn does not see it, and nothing has taken it yet */
};

static void then_free_arg(struct then *self)
{
    void (*free_arg)(void *) = self->free_arg;

    self->fn = NULL;
    self->free_arg = NULL;
    if (free_arg)
        free_arg(self->arg);
}

/* A cancel goes to what it waits for, but not while a done future waits for fn. */
static bool then_forwards(const struct weft__join *join)
{
    return !((const struct then *)(const void *)join)->fn || !weft__done(join->edges[0].child);
}

/* What stands against waiting for what fn returned, or 0. */
static int then_error(const weft_future *future, const weft_future *next)
{
    if (next->loop != future->loop)
        return WEFT_EOTHERLOOP;
    if (weft__join_ends_as(next) == future)
        return WEFT_ESELFAWAIT;
    return future->loop->debug && weft__waits_for(next, future) ? WEFT_EDEADLOCK : 0;
}

static void then_call(struct then *self, struct weft__edge *edge)
{
    weft_future *future = weft__join_future(&self->single.join);
    weft_future *done = edge->child;
    weft_future *next = self->fn(done, self->arg);
    int error;

    then_free_arg(self);
    edge->child = NULL;
    error = next ? then_error(future, next) : 0;
    if (error) {
        weft_future_unref(next);
        weft__future_fail(future, error);
    } else if (!next && self->late) {
        weft__future_cancelled(future, future->reason, future->where);
    } else if (!next) {
        weft__future_finish(future, NULL, NULL);
    } else {
        weft__edge_wait(edge, next);
        if (self->late)
            self->late = !weft__join_forward(future, future->reason, future->where);
    }
    weft_future_unref(done);
}

static void then_done(struct weft__join *join, struct weft__edge *edge)
{
    struct then *self = (struct then *)(void *)join;
    weft_future *future = weft_future_ref(weft__join_future(join)); /* fn may drop the last one */

    if (self->fn && !future->loop->closed) {
        then_call(self, edge);
    } else if (self->late) {
        edge->child->flags |= WEFT__READ;
        weft__future_cancelled(future, future->reason, future->where);
        weft__edge_release(edge);
    } else {
        weft__join_end_as(join, edge);
    }
    weft_future_unref(future);
}

static bool then_cancel(weft_future *future, const char *reason, const char *where)
{
    struct then *self = (struct then *)(void *)future;

    if (then_forwards(&self->single.join))
        return weft__join_forward(future, reason, where);
    self->late = true;
    weft__compound_ask(&self->single.join.compound, reason, where);
    return true;
}

static void then_release(struct weft__join *join)
{
    then_free_arg((struct then *)(void *)join);
}

static const struct weft__join_type then_type = {
    .base = {WEFT__JOIN_TYPE("then", struct then, then_cancel)},
    .done = then_done,
    .release = then_release,
    .forwards = then_forwards};

weft_future *weft_then_at(weft_future *future, weft_then_fn *fn, void *arg,
                          void (*free_arg)(void *arg), const char *where)
{
    weft_loop *loop = future->loop;
    struct weft__single *single;
    struct then *self;

    weft__check_thread(loop, "weft_then");
    single = weft__single_new(&then_type, future, where);
    if (!single) {
        if (free_arg)
            free_arg(arg);
        return weft__failed(loop, loop->closed ? WEFT_ECLOSED : -ENOMEM, where);
    }
    self = (struct then *)(void *)single;
    self->fn = fn;
    self->arg = arg;
    self->free_arg = free_arg;
    return weft__join_future(&single->join);
}
