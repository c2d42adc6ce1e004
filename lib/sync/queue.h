/* sync/queue.h - what a queue is inside. */
#ifndef WEFT_SYNC_QUEUE_H
#define WEFT_SYNC_QUEUE_H

#include "sync/store.h"
#include "sync/waiters.h"

struct weft_queue {
    struct weft__object object;
    size_t limit; /* 0: no puts: it was shut down, or could not be made */
    size_t quick; /* a ring with fewer items takes another at once; 0: it is a heap, or no puts */
    struct weft__store store;
    struct weft__node getters, putters, joiners;
    void (*destroy)(void *item);
    size_t unfinished; /* items that were put, and are not done with */
    size_t size;
    bool shut;
    /* The last waiters that tasks waited with; used again once nobody else holds them. */
    struct weft__waiter *spare_getter, *spare_putter;
};

/* An item comes in: to the first getter, or into the store.  There is room.  Errors: -ENOMEM. */
int weft__queue_enter(weft_queue *queue, void *item);
/* A take has made room: the first putter's item comes in. */
void weft__queue_admit(weft_queue *queue);

/* The next item goes.  There is one. */
static inline void *weft__queue_leave(weft_queue *queue)
{
    void *item = weft__store_take(&queue->store);

    if (!weft__queue_empty(&queue->putters))
        weft__queue_admit(queue);
    return item;
}

#endif
