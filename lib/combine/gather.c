/* gather.c - gather: wait for all, whether they are futures already or generators to be started.
 *
 *   RUNNING --a child fails--> STOPPING: the others are cancelled --all ended--> failed
 *      |    --a cancel-------> STOPPING                           --all ended--> cancelled
 *      +----all ended--------> finished, with the results
 *
 * The results are one block, allocated at the start, so that the end cannot fail.  It holds a reference to each
 * child: the children go on owning their values.
 */
#include "config.h"

#include <errno.h>

#include <weft/combine.h>

#include "base/alloc.h"
#include "combine/join.h"
#include "core/loop.h"

/* ---- results --------------------------------------------------------------------------------------------- */

struct results {
    size_t count;
    weft_future **children; /* behind the items */
    struct results *next;   /* in the list of those to be freed */
    weft_result items[];
};

static size_t results_size(size_t count)
{
    return sizeof(struct results) + count * (sizeof(weft_result) + sizeof(weft_future *));
}

static struct results *results_new(size_t count)
{
    struct results *results = NULL;

    if (count < UINT32_MAX / sizeof(weft_result) / 2)
        results = weft__zalloc(results_size(count));
    if (results) {
        results->count = count;
        results->children = (weft_future **)(void *)(results->items + count);
    }
    return results;
}

void *weft_results_take(const weft_result *items, size_t index)
{
    struct results *results = weft__container_of((uintptr_t)items, struct results, items);

    results->items[index].value = NULL;
    return results->children[index] ? weft_future_take(results->children[index]) : NULL;
}

/* Results may hold the last reference to a child whose value is another gather's results, and so on: those
 * are listed, and freed by the outermost call. */
static _Thread_local struct results *to_free;
static _Thread_local bool freeing;

void weft_results_free(void *items)
{
    struct results *results;

    if (!items)
        return;
    results = weft__container_of(items, struct results, items);
    results->next = to_free;
    to_free = results;
    if (freeing)
        return;
    freeing = true;
    while ((results = to_free)) {
        to_free = results->next;
        for (size_t i = 0; i < results->count; i++)
            weft_future_unref(results->children[i]);
        weft__free(results, results_size(results->count));
    }
    freeing = false;
}

/* ---- the gather ------------------------------------------------------------------------------------------ */

struct gather {
    struct weft__join join;
    struct results *results;
    size_t limit; /* of gather_calls: so many at once */
    unsigned flags;
    int error; /* the first */
};

static void finish(struct gather *gather)
{
    struct weft__join *join = &gather->join;
    weft_future *future = weft__join_future(join);

    weft_future_ref(future); /* destructors may drop the last one */
    if (join->compound.asked) {
        weft__future_cancelled(future, future->reason, future->where);
    } else if (gather->error) {
        weft__future_fail(future, gather->error);
    } else {
        struct results *results = gather->results;

        for (uint32_t i = 0; i < join->count; i++) {
            weft_future *child = join->edges[i].child;

            results->items[i] = (weft_result){weft__future_value(child), child->error};
            results->children[i] = child;
            join->edges[i].child = NULL;
        }
        gather->results = NULL;
        weft__future_finish(future, results->items, weft_results_free);
    }
    weft__join_release_edges(join);
    weft_future_unref(future);
}

/* Start as many as may run. */
static void start_calls(struct gather *gather)
{
    while (gather->join.left < gather->limit && weft__join_start(&gather->join))
        ;
}

/* Others that fail later have been heard, too. */
static void leave_running(struct gather *gather)
{
    struct weft__join *join = &gather->join;

    for (uint32_t i = 0; i < join->count; i++)
        if (join->edges[i].child)
            join->edges[i].child->flags |= WEFT__READ;
    finish(gather);
}

static void gather_done(struct weft__join *join, struct weft__edge *edge)
{
    struct gather *gather = (struct gather *)(void *)join;
    bool was_well = !gather->error && !join->compound.asked;
    weft_future *future = weft_future_ref(weft__join_future(join)); /* a circle may be broken */

    edge->child->flags |= WEFT__READ;
    if (edge->child->error && !(gather->flags & WEFT_RETURN_ERRORS)) {
        if (!gather->error)
            gather->error = edge->child->error;
        if (was_well && gather->flags & WEFT_KEEP_RUNNING) {
            leave_running(gather);
            weft_future_unref(future);
            return;
        }
        if (was_well)
            weft__join_cancel_children(join, "a sibling failed", future->site);
    }
    if (!gather->error && !join->compound.asked)
        start_calls(gather);
    if (join->left == 0 && !weft__done(future))
        finish(gather);
    weft_future_unref(future);
}

static void gather_release(struct weft__join *join)
{
    struct gather *gather = (struct gather *)(void *)join;

    if (gather->results)
        weft_results_free(gather->results->items);
}

static const struct weft__join_type gather_type = {
    .base = {WEFT__JOIN_TYPE("gather", struct gather, weft__join_cancel)},
    .done = gather_done,
    .release = gather_release};

/* A gather of `count`, without edges yet; NULL without memory. */
static struct gather *gather_new(weft_loop *loop, size_t count, unsigned flags, const char *where)
{
    struct gather *gather = (struct gather *)(void *)weft__join_new(loop, &gather_type, where);

    if (!gather)
        return NULL;
    gather->flags = flags;
    gather->results = results_new(count);
    if (gather->results)
        return gather;
    weft_future_unref(weft__join_future(&gather->join));
    return NULL;
}

weft_future *weft_gather_at(const char *where, weft_loop *loop, weft_future *const *futures,
                            size_t count, unsigned flags)
{
    struct gather *gather = NULL;
    int error;

    loop = weft__loop_of(loop);
    error = weft__join_refusal(loop, futures, count);
    if (count == 0 && !error)
        return weft_future_ref(&loop->done);
    if (!error)
        gather = gather_new(loop, count, flags, where);
    if (!gather || weft__join_edges(&gather->join, count) != 0) {
        for (size_t i = 0; i < count; i++)
            weft_future_unref(futures[i]);
        if (gather)
            weft_future_unref(weft__join_future(&gather->join));
        return weft__failed(loop, error ? error : -ENOMEM, where);
    }
    for (size_t i = 0; i < count; i++)
        weft__edge_wait(&gather->join.edges[i], futures[i]);
    return weft__join_future(&gather->join);
}

weft_future *weft_gather_calls_at(const char *where, weft_loop *loop, weft_gen *const *calls,
                                  size_t count, size_t limit, unsigned flags)
{
    struct gather *gather = NULL;
    int error;

    loop = weft__loop_of(loop);
    error = limit == 0 ? -EINVAL : weft__join_refusal(loop, NULL, 0);
    if (count == 0 && !error)
        return weft_future_ref(&loop->done);
    if (!error)
        gather = gather_new(loop, count, flags, where);
    if (!gather) {
        weft__close_calls(calls, count);
        return weft__failed(loop, error ? error : -ENOMEM, where);
    }
    if (weft__join_calls(&gather->join, calls, count) != 0) {
        weft_future_unref(weft__join_future(&gather->join));
        return weft__failed(loop, -ENOMEM, where);
    }
    gather->limit = limit;
    start_calls(gather);
    return weft__join_future(&gather->join);
}
