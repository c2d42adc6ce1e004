/* callback.c - done callbacks, and the chain of two futures that stands on them.
 *
 * A callback is a node among a future's waiters; it holds a reference until it has run or is removed.
 */
#include "config.h"

#include <errno.h>

#include "base/alloc.h"
#include "core/compound.h"
#include "core/loop.h"

struct callback {
    struct weft__node node;
    weft_future *future;
    weft_done_cb *cb;
    void *arg;
};

int weft_future_add_done_callback(weft_future *future, weft_done_cb *cb, void *arg)
{
    struct callback *callback;

    weft__check_thread(future->loop, "weft_future_add_done_callback");
    if (future->loop->closed)
        return WEFT_ECLOSED;
    callback = weft__alloc(sizeof(*callback));
    if (!callback)
        return -ENOMEM;
    *callback = (struct callback){
        .node.kind = WEFT__NODE_CALLBACK, .future = weft_future_ref(future), .cb = cb, .arg = arg};
    weft__loop_use(future->loop, future, WEFT__USE_HOOK);
    weft__future_wait(future, &callback->node);
    return 0;
}

const weft_future *weft__callback_future(const struct weft__node *node)
{
    return weft__container_of((uintptr_t)node, struct callback, node)->future;
}

void weft__callback_run(struct weft__node *node)
{
    struct callback run = *weft__container_of(node, struct callback, node);

    weft__free(weft__container_of(node, struct callback, node), sizeof(run));
    run.cb(run.future, run.arg);
    weft_future_unref(run.future);
}

/* Drop a matching callback; NULL node or another's: leave it. */
static bool remove_if(weft_future *future, struct weft__node *node, weft_done_cb *cb, void *arg)
{
    struct callback *callback = weft__container_of(node, struct callback, node);

    if (node->kind != WEFT__NODE_CALLBACK || callback->future != future || callback->cb != cb ||
        callback->arg != arg)
        return false;
    weft__future_unwait(future, node);
    weft__free(callback, sizeof(*callback));
    return true;
}

/* Those that are queued already: the callbacks of a done future are anywhere in the queue. */
static uint32_t remove_queued(weft_future *future, struct weft__node *queue, weft_done_cb *cb,
                              void *arg)
{
    struct weft__node *node, *next;
    uint32_t removed = 0;

    for (node = queue->next; node != queue; node = next) {
        next = node->next;
        removed += remove_if(future, node, cb, arg);
    }
    return removed;
}

int weft_future_remove_done_callback(weft_future *future, weft_done_cb *cb, void *arg)
{
    uint32_t removed = 0;

    weft__check_thread(future->loop, "weft_future_remove_done_callback");
    if (weft__done(future)) {
        removed += remove_queued(future, &future->loop->batch, cb, arg);
        removed += remove_queued(future, &future->loop->ready, cb, arg);
    } else if (future->waiters) {
        struct weft__node *last = future->waiters->prev;
        struct weft__node *node = future->waiters;
        bool more;

        do {
            struct weft__node *next = node->next;

            more = node != last;
            removed += remove_if(future, node, cb, arg);
            node = next;
        } while (more);
    }
    for (uint32_t i = 0; i < removed; i++)
        weft_future_unref(future); /* the last may be the last of all: it is not touched again */
    return (int)removed;
}

/* ---- chaining ------------------------------------------------------------------------------------------- */

/* Forward: the source is done.  Sets the target, or ends nothing if it is done. */
static void chain_forward(weft_future *source, void *arg)
{
    weft_future *target = arg;

    if (weft__done(target)) {
        source->flags |= WEFT__READ; /* it comes too late, and is ignored */
    } else if (source->error) {
        (void)weft_future_set_error(target, weft_future_error(source));
        if (target->state == WEFT__CANCELLED) {
            target->reason = source->reason;
            target->where = source->where;
        }
    } else {
        void *value = weft__future_value(source);
        void (*destroy)(void *) = weft__future_owner(source)->destroy;

        source->flags |= WEFT__READ;
        if (destroy)
            value = weft_future_take(source);
        (void)weft_future_set_owned(target, value, destroy);
    }
    weft_future_unref(target);
}

/* The target's hold on its source ends: see weft_future_chain. */
static void chain_let_go(weft_future *source)
{
    if (source->type == &weft__plain_type && !weft__done(source))
        source->waiting--;
    weft_future_unref(source);
}

/* Backward: the target was cancelled. */
static void chain_backward(weft_future *target, void *arg)
{
    weft_future *source = arg;

    if (target->state == WEFT__CANCELLED)
        weft_future_cancel_at(source, target->reason, target->where);
    chain_let_go(source);
}

void weft__callback_drop(struct weft__node *node)
{
    struct callback drop = *weft__container_of(node, struct callback, node);

    weft__free(weft__container_of(node, struct callback, node), sizeof(drop));
    if (drop.cb == chain_forward)
        weft_future_unref(drop.arg);
    else if (drop.cb == chain_backward)
        chain_let_go(drop.arg);
    weft_future_unref(drop.future);
}

int weft_future_chain(weft_future *source, weft_future *target)
{
    int error;

    if (source->loop != target->loop)
        return WEFT_EOTHERLOOP;
    error = weft_future_add_done_callback(source, chain_forward, target);
    if (error)
        return error;
    weft_future_ref(target);
    error = weft_future_add_done_callback(target, chain_backward, source);
    if (error) {
        weft_future_remove_done_callback(source, chain_forward, target);
        weft_future_unref(target);
        return error;
    }
    /* The target's hold on its source is a waiter's: it does not make anybody set the source. */
    weft_future_ref(source);
    if (source->type == &weft__plain_type && !weft__done(source))
        source->waiting++;
    return 0;
}
