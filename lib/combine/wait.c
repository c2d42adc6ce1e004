/* wait.c - wait and as_completed: they look on, and leave what they watch alone. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <weft/combine.h>

#include "base/alloc.h"
#include "combine/join.h"
#include "core/loop.h"

/* ---- wait ------------------------------------------------------------------------------------------------ */

struct wait {
    struct weft__join join;
    enum weft_wait_until until;
};

static void wait_end(struct weft__join *join)
{
    weft_future *future = weft_future_ref(weft__join_future(join));
    intptr_t done = 0;

    weft__timer_remove(future->loop, &join->timer);
    for (uint32_t i = 0; i < join->count; i++)
        done += join->edges[i].child && weft__done(join->edges[i].child);
    weft__future_finish(future, weft_from_int(done), NULL);
    weft__join_release_edges(join);
    weft_future_unref(future);
}

static void wait_done(struct weft__join *join, struct weft__edge *edge)
{
    enum weft_wait_until until = ((struct wait *)(void *)join)->until;

    if (weft__done(weft__join_future(join)))
        return; /* it was cancelled */
    if (join->left == 0 || until == WEFT_FIRST_COMPLETED ||
        (until == WEFT_FIRST_ERROR && edge->child->state == WEFT__FAILED))
        wait_end(join);
}

/* The edges stay until it goes: to let go of the futures may run destructors, and a cancel does not. */
static bool wait_cancel(weft_future *future, const char *reason, const char *where)
{
    weft__timer_remove(future->loop, &weft__join(future)->timer);
    weft__future_cancelled(future, reason, where);
    return true;
}

static const struct weft__join_type wait_type = {
    .base = {WEFT__JOIN_TYPE("wait", struct wait, wait_cancel)},
    .done = wait_done,
    .expired = wait_end,
    .leaves = true};

static int by_child(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t)((const struct weft__edge *)a)->child;
    uintptr_t right = (uintptr_t)((const struct weft__edge *)b)->child;

    return (left > right) - (left < right);
}

/* Wait for each future once. */
static void wait_edges(struct weft__join *join, weft_future *const *futures, size_t count)
{
    weft_future *before = NULL;

    for (size_t i = 0; i < count; i++)
        join->edges[i].child = futures[i];
    qsort(join->edges, count, sizeof(*join->edges), by_child);
    for (size_t i = 0; i < count; i++) {
        weft_future *child = join->edges[i].child;

        if (child != before)
            weft__edge_wait(&join->edges[i], weft_future_ref(child));
        else
            join->edges[i].child = NULL;
        before = child;
    }
}

weft_future *weft_wait_at(const char *where, weft_loop *loop, weft_future *const *futures,
                          size_t count, enum weft_wait_until until, double seconds)
{
    struct weft__join *join = NULL;
    bool valid = count > 0 && !isnan(seconds) && (unsigned)until <= WEFT_FIRST_ERROR;
    int error = valid ? 0 : -EINVAL;

    loop = weft__loop_of(loop);
    if (!error)
        error = weft__join_refusal(loop, futures, count);
    if (!error) {
        join = weft__join_new(loop, &wait_type, where);
        error = join ? weft__join_edges(join, count) : -ENOMEM;
    }
    if (!error) {
        ((struct wait *)(void *)join)->until = until;
        error = weft__join_arm(join, seconds);
    }
    if (error) {
        if (join)
            weft_future_unref(weft__join_future(join));
        return weft__failed(loop, error, where);
    }
    wait_edges(join, futures, count);
    return weft__join_future(join);
}

/* ---- as_completed -----------------------------------------------------------------------------------------
 *
 * A join whose own future nobody sees: it is the list of edges.  Those that are done are chained in `order`, by
 * their numbers; `given` of them were given out. */

struct next {
    weft_future future;
    weft_as_completed *each; /* while it is pending */
};

struct weft_as_completed {
    struct weft__join join;
    uint32_t *order;
    size_t count;
    uint32_t done, given;
    uint32_t late; /* time was up when these were done, and their hooks had not run */
    bool expired;
    int error; /* of one that could not be made */
    struct next *next;
};

static struct weft_as_completed no_memory = {.error = -ENOMEM};

/* The outcome of a `next` now; false: there is none yet. */
static bool outcome(weft_as_completed *each, weft_future **value, int *error)
{
    *value = NULL;
    *error = 0;
    if (each->given < each->done)
        *value = each->join.edges[each->order[each->given++]].child;
    else if (each->given == each->join.count)
        return true;
    else if (each->expired && !each->late)
        *error = WEFT_ETIMEDOUT;
    else
        return false;
    return true;
}

static void answer(weft_as_completed *each)
{
    struct next *next = each->next;
    weft_future *value;
    int error;

    if (!next || !outcome(each, &value, &error))
        return;
    each->next = NULL;
    if (error)
        weft__future_fail(&next->future, error);
    else
        weft__future_finish(&next->future, value, NULL);
}

static void each_done(struct weft__join *join, struct weft__edge *edge)
{
    weft_as_completed *each = (weft_as_completed *)(void *)join;

    if (each->expired && !each->late)
        return;
    each->late -= each->expired;
    each->order[each->done++] = (uint32_t)(edge - join->edges);
    if (each->done == join->count)
        weft__timer_remove(weft__join_future(join)->loop, &join->timer);
    answer(each);
}

static void each_expired(struct weft__join *join)
{
    weft_as_completed *each = (weft_as_completed *)(void *)join;

    each->expired = true;
    for (uint32_t i = 0; i < join->count; i++)
        each->late += join->edges[i].hook.node.next && weft__done(join->edges[i].child);
    answer(each);
}

static void each_closed(struct weft__join *join)
{
    weft_as_completed *each = (weft_as_completed *)(void *)join;
    struct next *next = each->next;

    each->next = NULL;
    if (next)
        weft__future_fail(&next->future, WEFT_ECLOSED);
}

static void each_release(struct weft__join *join)
{
    weft_as_completed *each = (weft_as_completed *)(void *)join;

    weft__free(each->order, each->count * sizeof(*each->order));
}

static const struct weft__join_type each_type = {
    .base = {WEFT__JOIN_TYPE("as_completed", struct weft_as_completed, weft__join_cancel)},
    .done = each_done,
    .expired = each_expired,
    .closed = each_closed,
    .release = each_release,
    .leaves = true};

static int each_prepare(weft_as_completed *each, size_t count, double seconds)
{
    if (count > 0) {
        each->order = weft__alloc(count * sizeof(*each->order));
        each->count = count;
        if (!each->order || weft__join_edges(&each->join, count) != 0)
            return -ENOMEM;
    }
    return weft__join_arm(&each->join, seconds);
}

weft_as_completed *(weft_as_completed_new)(weft_loop *loop, weft_future *const *futures,
                                           size_t count, double seconds)
{
    weft_as_completed *each;
    int error;

    loop = weft__loop_of(loop);
    error = isnan(seconds) ? -EINVAL : weft__join_refusal(loop, futures, count);
    each = (weft_as_completed *)(void *)weft__future_make(loop, &each_type.base, NULL);
    if (each)
        weft__join_link(&each->join);
    if (!error)
        error = each ? each_prepare(each, count, seconds) : -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (!error)
            weft__edge_wait(&each->join.edges[i], futures[i]);
        else
            weft_future_unref(futures[i]);
    }
    if (each)
        each->error = error;
    return each ? each : &no_memory;
}

static bool next_cancel(weft_future *future, const char *reason, const char *where)
{
    ((struct next *)(void *)future)->each->next = NULL;
    weft__future_cancelled(future, reason, where);
    return true;
}

static void next_drop(weft_future *future)
{
    struct next *next = (struct next *)(void *)future;

    if (next->each)
        next->each->next = NULL;
}

static const struct weft__future_type next_type = {
    .name = "next", .size = sizeof(struct next), .cancel = next_cancel, .drop = next_drop};

weft_future *weft_as_completed_next(weft_as_completed *each)
{
    weft_loop *loop = weft__loop_of(weft__join_future(&each->join)->loop);
    struct next *next;
    int error = each->error;

    if (!error && each->next)
        error = -EBUSY;
    if (!error && loop->closed)
        error = WEFT_ECLOSED;
    if (!error && (next = (struct next *)(void *)weft__future_make(loop, &next_type, NULL))) {
        next->each = each;
        each->next = next;
        answer(each);
        return &next->future;
    }
    return weft__failed(loop, error ? error : -ENOMEM, NULL);
}

void weft_as_completed_free(weft_as_completed *each)
{
    struct next *next;

    if (!each || each == &no_memory)
        return;
    next = each->next;
    weft__loop_use(weft__join_future(&each->join)->loop, NULL, WEFT__USE_ALL);
    if (next) {
        each->next = NULL;
        next->each = NULL;
        weft__future_fail(&next->future, WEFT_EABANDONED);
    }
    weft_future_unref(weft__join_future(&each->join));
}
