/* sync/store.h - where a queue keeps its items: a ring that is taken from either end, or a heap. */
#ifndef WEFT_SYNC_STORE_H
#define WEFT_SYNC_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <weft/queue.h>

#include "base/thread.h"

/* An item of a priority queue; equal ones go by their number. */
struct weft__ranked {
    void *item;
    uint64_t number;
};

struct weft__store {
    union {
        void **ring; /* FIFO and LIFO: from `first` on, around its end */
        struct weft__ranked *heap;
    } u;
    size_t count;
    size_t room; /* how many it can hold before it grows: 0, or a power of two */
    size_t first;
    enum weft_queue_order order;
    bool (*before)(const void *a, const void *b);
    uint64_t next_number;
};

/* Twice the room.  Errors: -ENOMEM; nothing has changed. */
int weft__store_grow(struct weft__store *store);
void weft__store_free(struct weft__store *store);

/* A heap that has room takes an item; a heap that has one gives the best. */
void weft__store_rank(struct weft__store *store, void *item);
void *weft__store_best(struct weft__store *store);

/* A ring that has room takes an item; a ring that has one gives the first. */
static inline void weft__store_push(struct weft__store *store, void *item)
{
    store->u.ring[(store->first + store->count++) & (store->room - 1)] = item;
}
static inline void *weft__store_shift(struct weft__store *store)
{
    void *item = store->u.ring[store->first];

    store->first = (store->first + 1) & (store->room - 1);
    store->count--;
    return item;
}

/* Errors: -ENOMEM, if it has to grow: it does not have to after a take. */
static inline int weft__store_put(struct weft__store *store, void *item)
{
    int error;

    if (weft__unlikely(store->count == store->room) && (error = weft__store_grow(store)))
        return error;
    if (weft__unlikely(store->order == WEFT_PRIORITY))
        weft__store_rank(store, item);
    else
        weft__store_push(store, item);
    return 0;
}

/* The next item; there is one. */
static inline void *weft__store_take(struct weft__store *store)
{
    if (weft__likely(store->order == WEFT_FIFO))
        return weft__store_shift(store);
    if (store->order == WEFT_PRIORITY)
        return weft__store_best(store);
    return store->u.ring[(store->first + --store->count) & (store->room - 1)];
}

#endif
