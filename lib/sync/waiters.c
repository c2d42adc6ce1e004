/* waiters.c - objects at which tasks wait, first come, first served.
 *
 * Invariant: a waiter is in a queue exactly as long as its future is pending.  Who serves it takes it out and
 * ends it in one go; so what it was given is its own, and a cancel that comes later finds it done (value first).
 *
 * Whom only waiters hold, nobody can release, set or fill any more: they end with WEFT_EABANDONED.
 */
#include "config.h"

#include <errno.h>

#include "base/alloc.h"
#include "core/loop.h"
#include "sync/waiters.h"

/* ---- objects --------------------------------------------------------------------------------------------- */

static struct weft__object no_memory = {.error = -ENOMEM};
static struct weft__object invalid = {.error = -EINVAL};
static struct weft__object closed = {.error = WEFT_ECLOSED};
static struct weft__object no_task = {.error = WEFT_ENOTASK};

void *weft__object_refused(int error)
{
    switch (error) {
    case -EINVAL:
        return &invalid;
    case WEFT_ECLOSED:
        return &closed;
    case WEFT_ENOTASK:
        return &no_task;
    default:
        return &no_memory;
    }
}

/* The loop closes. */
static void object_closed(struct weft__hook *hook)
{
    struct weft__object *object = weft__container_of(hook, struct weft__object, closer);

    if (!object->type->fail)
        return;
    object->refs++;
    object->type->fail(object, WEFT_ECLOSED);
    weft__object_unref(object);
}

void *weft__object_new(weft_loop *loop, const struct weft__object_type *type)
{
    struct weft__object *object;

    loop = weft__loop_alone(loop);
    if (loop->closed)
        return weft__object_refused(WEFT_ECLOSED);
    object = weft__zalloc(type->size);
    if (!object)
        return weft__object_refused(-ENOMEM);
    object->type = type;
    object->loop = loop;
    object->refs = 1;
    object->closer.fn = object_closed;
    weft__queue_push(&loop->closers, &object->closer.node);
    weft__loop_hold(loop);
    return object;
}

static void object_last(struct weft__object *object)
{
    weft_loop *loop = object->loop;

    if (object->closer.node.next)
        weft__queue_remove(&object->closer.node);
    if (object->type->release)
        object->type->release(object);
    weft__free(object, object->type->size);
    weft__loop_let_go(loop);
}

void *weft__object_ref(struct weft__object *object)
{
    if (!object->error) {
        weft__check_thread(object->loop, "a ref");
        object->refs++;
    }
    return object;
}

void weft__object_unref(struct weft__object *object)
{
    if (!object || object->error)
        return;
    weft__check_use(object->loop, "an unref", object, WEFT__USE_WRITE);
    if (--object->refs == 0)
        object_last(object);
    else if (object->refs == object->waiting && object->type->fail && !object->abandoned) {
        object->abandoned = true; /* it is held until all have left */
        object->refs++;
        object->type->fail(object, WEFT_EABANDONED);
        weft__object_unref(object);
    }
}

weft_future *weft__object_failed(const struct weft__object *object, int error)
{
    bool here = object->error || error == WEFT_EOTHERLOOP; /* it is the caller's loop that awaits */

    return weft__failed(weft__loop_alone(here ? NULL : object->loop), error, NULL);
}

weft_future *weft__object_at_once(const struct weft__object *object)
{
    return weft_future_ref(&object->loop->done);
}

/* ---- waiters --------------------------------------------------------------------------------------------- */

weft_future *weft__waiter_new(struct weft__object *object, struct weft__node *queue,
                              const struct weft__future_type *type)
{
    weft_loop *loop = object->loop;
    struct weft__waiter *waiter;

    if (loop->closed)
        return weft__failed(loop, WEFT_ECLOSED, NULL);
    waiter = (struct weft__waiter *)(void *)weft__future_make(loop, type, NULL);
    if (!waiter)
        return weft__failed(loop, -ENOMEM, NULL);
    weft__loop_use(loop, object, WEFT__USE_WRITE);
    waiter->object = object;
    object->refs++;
    object->waiting++;
    if (queue)
        weft__queue_push(queue, &waiter->place);
    return &waiter->future;
}

/* Take it out; the reference that it had on its object is the caller's now. */
static struct weft__object *take_out(struct weft__waiter *waiter)
{
    struct weft__object *object = waiter->object;

    weft__loop_use(waiter->future.loop, object, WEFT__USE_WRITE);
    weft__loop_use(waiter->future.loop, &waiter->future, WEFT__USE_WRITE);
    waiter->object = NULL;
    if (waiter->place.next)
        weft__queue_remove(&waiter->place);
    object->waiting--;
    return object;
}

void weft__waiter_leave(struct weft__waiter *waiter)
{
    if (waiter->object)
        weft__object_unref(take_out(waiter));
}

bool weft__waiter_cancel(weft_future *future, const char *reason, const char *where)
{
    weft__waiter_leave(weft__waiter(future));
    weft__future_cancelled(future, reason, where);
    return true;
}

void weft__waiter_drop(weft_future *future)
{
    weft__waiter_leave(weft__waiter(future));
}

void weft__waiter_finish(struct weft__waiter *waiter, void *value, void (*destroy)(void *))
{
    struct weft__object *object = take_out(waiter);

    weft__future_finish(&waiter->future, value, destroy);
    weft__object_unref(object);
}

void weft__waiter_fail(struct weft__waiter *waiter, int error)
{
    struct weft__object *object = take_out(waiter);

    weft__future_fail(&waiter->future, error);
    weft__object_unref(object);
}

void weft__waiters_fail(struct weft__node *queue, int error)
{
    struct weft__waiter *waiter;

    while ((waiter = weft__waiter_first(queue)))
        weft__waiter_fail(waiter, error);
}
