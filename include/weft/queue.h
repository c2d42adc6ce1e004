/* weft/queue.h - queues: items from tasks to tasks of one loop.
 *
 *     f->queue = weft_queue_new(NULL, .size = 10, .destroy = free);
 *     producer:  WEFT_AWAIT(f, weft_queue_put(f->queue, item));      waits while it is full
 *     consumer:  WEFT_AWAIT(f, weft_queue_get(f->queue));            waits while it is empty
 *                item = weft_take(f);
 *                ...
 *                weft_queue_task_done(f->queue);
 *     anybody:   WEFT_AWAIT(f, weft_queue_join(f->queue));           until all that was put is done
 *     the end:   weft_queue_shutdown(f->queue, false);
 *
 *     OPEN --shutdown--> DRAINING: puts fail, gets take what is left, then fail too
 *
 * Waiters are served first come, first served.  An item goes from a put to a get in one piece: a get that was
 * cancelled has not had it, or has it (its await succeeds, and the next one is cancelled).
 *
 * A put or get that need not wait does not give way, up to 64 in a row.  So a producer may fill a queue before its consumer
 * has run once: that a queue is full (put_nowait: WEFT_EFULL) does not say that the consumer is slow.  Who would throw out
 * slow ones must wait (weft_queue_put, with a timeout), or look again after the consumer had its turn; a producer whose own
 * input is at hand gives way between two items (WEFT_PAUSE).
 *
 * Ownership: put takes the item on every path.  An item that nobody takes is destroyed with `.destroy`: one that a get
 * brought and that was not taken (weft_take) before the next suspension, those of a put that failed or was
 * cancelled, those that a shutdown or the last unref finds in the queue.
 *
 * Source: asyncio.Queue, PriorityQueue, LifoQueue.  What differs: the size must be said, WEFT_UNBOUNDED is spelled
 * out: a queue without a bound hides the consumer that is too slow.
 */
#ifndef WEFT_QUEUE_H
#define WEFT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_queue weft_queue;

#define WEFT_UNBOUNDED SIZE_MAX

enum weft_queue_order {
    WEFT_FIFO,
    WEFT_LIFO,
    WEFT_PRIORITY /* the least first, as `.before` says; equal ones in the order in which they came */
};

typedef struct weft_queue_options {
    size_t struct_size; /* the macro's: see weft/language.h */
    size_t size;        /* how many items; WEFT_UNBOUNDED.  Must be said */
    enum weft_queue_order order;
    /* Of a priority queue: whether a comes first.  Called within put and get; may not use the queue. */
    bool (*before)(const void *a, const void *b);
    void (*destroy)(void *item); /* or NULL: items own nothing */
} weft_queue_options;

/* Make a queue: weft_queue_new(NULL, .size = 10).
 * Ownership: one reference for you.  Never NULL: without memory, or with bad options (-EINVAL: no size; a priority
 * queue without `.before`; WEFT_ECLOSED), it is one whose calls all answer with that error. */
#define weft_queue_new(...) WEFT__QUEUE_NEW(__VA_ARGS__, )
#define WEFT__QUEUE_NEW(loop, ...) \
    weft_queue_new_with((loop), WEFT__STRUCT(weft_queue_options, __VA_ARGS__))
WEFT_API weft_queue *weft_queue_new_with(weft_loop *loop,
                                         const weft_queue_options *options) WEFT_NODISCARD;
/* Take a reference; returns the queue. */
WEFT_API weft_queue *weft_queue_ref(weft_queue *queue);
/* At the last one, items are destroyed, and waiters end with WEFT_EABANDONED.  NULL is fine. */
WEFT_API void weft_queue_unref(weft_queue *queue);

/* Put an item; waits while the queue is full.  Takes the item on every path.
 * Suspends: only if it is full, or others wait to put.
 * Errors: WEFT_ESHUTDOWN; -ENOMEM; WEFT_ECLOSED, WEFT_EABANDONED where it would wait.
 * Cancelled: the item is not in the queue, and is destroyed: in the next round, before the task that put it
 * learns of the cancel. */
WEFT_API weft_future *weft_queue_put(weft_queue *queue, void *item) WEFT_NODISCARD;
/* The same without waiting.  Ownership: takes the item; it stays yours if this fails.
 * Errors: WEFT_EFULL; WEFT_ESHUTDOWN; -ENOMEM. */
WEFT_API int weft_queue_put_nowait(weft_queue *queue, void *item);

/* Get the next item; waits while the queue is empty.  Result: the item; weft_take makes it yours.
 * Suspends: only if it is empty, or others wait to get.
 * Errors: WEFT_ESHUTDOWN: it was shut down, and is empty; -ENOMEM; WEFT_ECLOSED, WEFT_EABANDONED where it
 * would wait.
 * Cancelled: it had no item. */
WEFT_API weft_future *weft_queue_get(weft_queue *queue) WEFT_NODISCARD;
/* The same without waiting; the item is yours.  Allocates nothing.  Errors: WEFT_EEMPTY; WEFT_ESHUTDOWN. */
WEFT_API int weft_queue_get_nowait(weft_queue *queue, void **item);

/* Say that an item that was got is done with.  Errors: WEFT_EINVALIDSTATE: more often than items were put. */
WEFT_API int weft_queue_task_done(weft_queue *queue);
/* Wait until all items that were put are done with.  Suspends: unless they are. */
WEFT_API weft_future *weft_queue_join(weft_queue *queue) WEFT_NODISCARD;

/* Let nothing more in: who waits to put fails now, and so does who waits to get, as the queue is empty then.
 * Gets take what is left, and fail after that.  `now`: what is left is destroyed, and counts as done with.
 * May be called again, with `now`, too.  Source: Queue.shutdown. */
WEFT_API int weft_queue_shutdown(weft_queue *queue, bool now);

/* How many items are in it; how many it takes (WEFT_UNBOUNDED); whether a put would wait.
 * Source: qsize, maxsize, full. */
WEFT_API size_t weft_queue_count(const weft_queue *queue);
WEFT_API size_t weft_queue_size(const weft_queue *queue);
WEFT_API bool weft_queue_is_full(const weft_queue *queue);

/* In a body: get an item, weft_sent(f) is it and it is yours (weft_take gives the same); put an item.  As
 * WEFT_AWAIT of get and put, but no future is made where none is needed. */
#define WEFT_GET(f, queue) \
    do { \
        WEFT__SUSPEND(f); \
        if (weft_queue_await_get(&(f)->gen, (queue)) == WEFT_AWAITING) { \
            return WEFT_AWAITING; \
        case __LINE__: \
            (f)->gen.value = weft_take(f); \
        } \
        WEFT__RAISE_IF(f); \
    } while (0)
#define WEFT_PUT(f, queue, item) \
    do { \
        WEFT__SUSPEND(f); \
        if (weft_queue_await_put(&(f)->gen, (queue), (item)) == WEFT_AWAITING) \
            return WEFT_AWAITING; \
        WEFT__FALLTHROUGH; \
    case __LINE__: \
        WEFT__RAISE_IF(f); \
    } while (0)

/* The same in the explicit form, as weft_await(gen, weft_queue_get(queue)); on resumption weft_take gives the item.
 * Cancelled: as get and put; also where the await gives way after 64 that did not: nothing was put or got. */
WEFT_API weft_step weft_queue_await_get(weft_gen *gen, weft_queue *queue);
WEFT_API weft_step weft_queue_await_put(weft_gen *gen, weft_queue *queue, void *item);

#ifdef __cplusplus
}
#endif
#endif
