/* sync/waiters.h - objects at which tasks wait in a queue: locks, events, semaphores, barriers, queues. */
#ifndef WEFT_SYNC_WAITERS_H
#define WEFT_SYNC_WAITERS_H

#include "core/future.h"

struct weft__object;

struct weft__object_type {
    size_t size;
    /* The last reference is gone: free what it holds.  NULL: nothing. */
    void (*release)(struct weft__object *object);
    /* Nobody will serve its waiters any more: fail them all.  WEFT_EABANDONED: only they hold it; WEFT_ECLOSED: the
     * loop closes.  NULL: it sees to that by itself. */
    void (*fail)(struct weft__object *object, int error);
};

/* The head of each object.  Waiters hold references, too: it lives until the last of them has ended. */
struct weft__object {
    const struct weft__object_type *type;
    weft_loop *loop;
    int error; /* of one that could not be made: all its calls answer this */
    uint32_t refs;
    uint32_t waiting; /* the references that waiters hold */
    bool abandoned;
    struct weft__hook closer; /* the loop closes */
};

/* A future in a queue of an object.  The queue is a list with a sentinel; an object may have several. */
struct weft__waiter {
    weft_future future;
    struct weft__node place;     /* in the queue; next is NULL once it has left */
    struct weft__object *object; /* a reference, until it has left */
    union {
        void *item;
        intptr_t number;
    } u;
};

/* Make an object, zeroed behind its head, with one reference; or one that answers -ENOMEM or WEFT_ECLOSED. */
void *weft__object_new(weft_loop *loop, const struct weft__object_type *type);
/* An object whose calls all answer with this error: -ENOMEM, -EINVAL, WEFT_ECLOSED. */
void *weft__object_refused(int error);
/* Take a reference; returns the object.  A refused one is nobody's, and has none. */
void *weft__object_ref(struct weft__object *object);
void weft__object_unref(struct weft__object *object);

/* What a call on an object that cannot be made use of returns. */
weft_future *weft__object_failed(const struct weft__object *object, int error);
/* What a call returns that need not wait. */
weft_future *weft__object_at_once(const struct weft__object *object);

/* Make a waiter at the end of a queue, or in none (NULL).  Its type's `cancel` and `drop` are weft__waiter_cancel and _drop, or
 * call these.  Errors: never NULL: a future that has failed, which is in no queue. */
weft_future *weft__waiter_new(struct weft__object *object, struct weft__node *queue,
                              const struct weft__future_type *type);
bool weft__waiter_cancel(weft_future *future, const char *reason, const char *where);
void weft__waiter_drop(weft_future *future);
/* The weft__future_type of a waiter that a cancel just takes out of its queue. */
#define WEFT__WAITER_TYPE(what, type) \
    { \
        .name = (what), .size = sizeof(type), .cancel = weft__waiter_cancel, \
        .drop = weft__waiter_drop, .tells = true \
    }

/* Take it out of its queue; the object may go with it. */
void weft__waiter_leave(struct weft__waiter *waiter);

/* Nobody is left who could serve a queue: its waiters fail. */
void weft__waiters_fail(struct weft__node *queue, int error);

/* Serve a waiter: it leaves, and ends with a value or an error. */
void weft__waiter_finish(struct weft__waiter *waiter, void *value, void (*destroy)(void *));
void weft__waiter_fail(struct weft__waiter *waiter, int error);

static inline struct weft__waiter *weft__waiter(const weft_future *future)
{
    return (struct weft__waiter *)(void *)(uintptr_t)future;
}
/* The first of a queue, or NULL. */
static inline struct weft__waiter *weft__waiter_first(const struct weft__node *queue)
{
    return weft__queue_empty(queue)
               ? NULL
               : weft__container_of((uintptr_t)queue->next, struct weft__waiter, place);
}

#endif
