/* queue.c - queues: items from tasks to tasks.
 *
 * Invariants:
 *   getters wait     the store is empty, and it is not shut down
 *   putters wait     the store is full, and it is not shut down
 *   joiners wait     `unfinished` is not 0
 *
 * They hold after each call, because items are handed over directly: a put with a getter waiting ends that
 * getter, and a get that makes room lets the first putter's item in, after it has taken its own.  So who comes
 * new finds no gap to slip into, nobody is woken in vain, and a cancelled waiter has left no trace: it just
 * leaves its list.
 *
 * Destructors are the user's, and may call the queue: an item is out of the queue before it is destroyed, and
 * the queue is held meanwhile.  A cancel runs no user code: the item of a put that was cancelled waits for its
 * turn in the ready queue, before the task that is told.
 *
 * queue_await.c has what bodies call instead of put and get.
 *
 * Rejected: to wake a waiter that then tries again, as asyncio does: a newcomer may be faster, and a woken
 * waiter that is cancelled has to wake the next.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/options.h"
#include "core/loop.h"
#include "core/round.h"
#include "sync/queue.h"

/* A put that waits; its item is `waiter.u.item`. */
struct putter {
    struct weft__waiter waiter;
    struct weft__hook dispose; /* destroys the item, once it was cancelled */
    void (*destroy)(void *item);
};

static void destroy_item(void (*destroy)(void *), void *item)
{
    if (destroy)
        destroy(item);
}

/* ---- waiting to put ---------------------------------------------------------------------------------------- */

static void dispose(struct weft__hook *hook)
{
    struct putter *putter = weft__container_of(hook, struct putter, dispose);

    destroy_item(putter->destroy, putter->waiter.u.item);
    weft_future_unref(&putter->waiter.future);
}

static bool putter_cancel(weft_future *future, const char *reason, const char *where)
{
    struct putter *putter = (struct putter *)(void *)future;
    weft_loop *loop = future->loop;

    if (putter->destroy) {
        putter->dispose = (struct weft__hook){{.kind = WEFT__NODE_HOOK}, dispose};
        weft_future_ref(future);
        weft__loop_push(loop, &putter->dispose.node);
    }
    weft__waiter_cancel(future, reason, where);
    if (weft__unlikely(loop->closed))
        weft__drop_queued(loop);
    return true;
}

static void putter_drop(weft_future *future)
{
    struct putter *putter = (struct putter *)(void *)future;

    weft__waiter_leave(&putter->waiter);
    destroy_item(putter->destroy, putter->waiter.u.item);
}

static const struct weft__future_type getter_type = WEFT__WAITER_TYPE("queue get",
                                                                      struct weft__waiter);
static const struct weft__future_type putter_type = {.name = "queue put",
                                                     .size = sizeof(struct putter),
                                                     .cancel = putter_cancel,
                                                     .drop = putter_drop,
                                                     .tells = true};
static const struct weft__future_type joiner_type = WEFT__WAITER_TYPE("queue join",
                                                                      struct weft__waiter);

/* End the waits to put; the queue is held. */
static void fail_putters(weft_queue *queue, int error)
{
    struct weft__waiter *waiter;

    while ((waiter = weft__waiter_first(&queue->putters))) {
        void *item = waiter->u.item;

        weft__waiter_fail(waiter, error);
        destroy_item(queue->destroy, item);
    }
}

/* ---- life -------------------------------------------------------------------------------------------------- */

static void queue_fail(struct weft__object *object, int error)
{
    weft_queue *queue = (weft_queue *)(void *)object;

    weft__waiters_fail(&queue->getters, error);
    weft__waiters_fail(&queue->joiners, error);
    fail_putters(queue, error);
}

static void queue_release(struct weft__object *object)
{
    weft_queue *queue = (weft_queue *)(void *)object;

    while (queue->store.count > 0)
        destroy_item(queue->destroy, weft__store_take(&queue->store));
    weft__store_free(&queue->store);
    if (queue->spare_getter)
        weft_future_unref(&queue->spare_getter->future);
    if (queue->spare_putter)
        weft_future_unref(&queue->spare_putter->future);
}

static const struct weft__object_type queue_type = {
    .size = sizeof(weft_queue), .release = queue_release, .fail = queue_fail};

/* A queue that could not be made: one for each error and destructor, because it must destroy what is put.  They
 * are never freed; were there ever more, the last one would have no destructor. */
static weft_queue *refused(int error, void (*destroy)(void *))
{
    enum { REFUSED = 32 };
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static weft_queue queues[REFUSED];
    static weft_queue others = {.object.error = -ENOMEM};
    weft_queue *queue = queues;

    pthread_mutex_lock(&lock);
    while (queue < queues + REFUSED && queue->object.error &&
           (queue->object.error != error || queue->destroy != destroy))
        queue++;
    if (queue == queues + REFUSED) {
        queue = &others;
    } else if (!queue->object.error) {
        queue->object.error = error;
        queue->destroy = destroy;
    }
    pthread_mutex_unlock(&lock);
    return queue;
}

WEFT__OPTIONS_END(weft_queue_options, destroy);

weft_queue *weft_queue_new_with(weft_loop *loop, const weft_queue_options *given)
{
    weft_queue_options options;
    int error = weft__options_copy(&options, sizeof(options), given);
    weft_queue *queue;

    if (!error && (options.size == 0 || (unsigned)options.order > WEFT_PRIORITY ||
                   (options.order == WEFT_PRIORITY && !options.before)))
        error = -EINVAL;
    if (error)
        return refused(error, options.destroy);
    queue = weft__object_new(loop, &queue_type);
    if (queue->object.error)
        return refused(queue->object.error, options.destroy);
    queue->limit = queue->size = options.size;
    queue->store.order = options.order;
    queue->store.before = options.before;
    queue->destroy = options.destroy;
    weft__queue_init(&queue->getters);
    weft__queue_init(&queue->putters);
    weft__queue_init(&queue->joiners);
    return queue;
}

weft_queue *weft_queue_ref(weft_queue *queue)
{
    return weft__object_ref(&queue->object);
}

void weft_queue_unref(weft_queue *queue)
{
    if (queue)
        weft__object_unref(&queue->object);
}

/* Why nothing can be put, or got from an empty queue, now or later; 0: one has to wait. */
static int refusal(const weft_queue *queue)
{
    if (queue->object.error)
        return queue->object.error;
    weft__loop_use(queue->object.loop, queue, WEFT__USE_READ);
    return queue->shut ? WEFT_ESHUTDOWN : 0;
}

/* Serve a waiter of a queue that the caller holds: weft__waiter_finish without that doubt. */
static inline void serve(weft_queue *queue, struct weft__waiter *waiter, void *value,
                         void (*destroy)(void *))
{
    weft__loop_use(waiter->future.loop, &waiter->future, WEFT__USE_WRITE);
    weft__queue_remove(&waiter->place);
    waiter->object = NULL;
    queue->object.refs--;
    queue->object.waiting--;
    weft__future_finish(&waiter->future, value, destroy);
}

/* ---- items come and go --------------------------------------------------------------------------------------- */

int weft__queue_enter(weft_queue *queue, void *item)
{
    if (weft__queue_empty(&queue->getters)) {
        int error = weft__store_put(&queue->store, item);

        if (weft__unlikely(error))
            return error;
        if (queue->store.order != WEFT_PRIORITY)
            queue->quick = queue->store.room < queue->limit ? queue->store.room : queue->limit;
    } else {
        serve(queue, weft__waiter_first(&queue->getters), item, queue->destroy);
    }
    queue->unfinished++;
    return 0;
}

void weft__queue_admit(weft_queue *queue)
{
    struct weft__waiter *waiter = weft__waiter_first(&queue->putters);

    (void)weft__store_put(&queue->store, waiter->u.item);
    queue->unfinished++;
    serve(queue, waiter, NULL, NULL);
}

/* ---- put ------------------------------------------------------------------------------------------------------ */

int weft_queue_put_nowait(weft_queue *queue, void *item)
{
    int error;

    if (weft__likely(queue->store.count < queue->limit)) {
        weft__check_use(queue->object.loop, "weft_queue_put_nowait", queue, WEFT__USE_WRITE);
        return weft__queue_enter(queue, item);
    }
    error = refusal(queue);
    return error ? error : WEFT_EFULL;
}

static weft_future *put_refused(weft_queue *queue, void *item, int error)
{
    void (*destroy)(void *) = queue->destroy;
    weft_future *future = weft__object_failed(&queue->object, error);

    destroy_item(destroy, item);
    return future;
}

weft_future *weft_queue_put(weft_queue *queue, void *item)
{
    weft_future *future;
    int error;

    if (weft__unlikely(weft__await_doomed(queue->object.loop)))
        return put_refused(queue, item, WEFT_ECANCELLED);
    error = weft_queue_put_nowait(queue, item);
    if (weft__likely(!error))
        return weft__object_at_once(&queue->object);
    if (error != WEFT_EFULL)
        return put_refused(queue, item, error);
    weft__check_use(queue->object.loop, "weft_queue_put", queue, WEFT__USE_WRITE);
    future = weft__waiter_new(&queue->object, &queue->putters, &putter_type);
    if (weft__done(future)) {
        destroy_item(queue->destroy, item);
        return future;
    }
    weft__waiter(future)->u.item = item;
    ((struct putter *)(void *)future)->destroy = queue->destroy;
    return future;
}

/* ---- get ------------------------------------------------------------------------------------------------------ */

int weft_queue_get_nowait(weft_queue *queue, void **item)
{
    int error;

    if (weft__likely(queue->store.count > 0)) {
        weft__check_use(queue->object.loop, "weft_queue_get_nowait", queue, WEFT__USE_WRITE);
        *item = weft__queue_leave(queue);
        return 0;
    }
    error = refusal(queue);
    return error ? error : WEFT_EEMPTY;
}

weft_future *weft_queue_get(weft_queue *queue)
{
    weft_future *future;
    int error;

    if (queue->store.count > 0 && weft__unlikely(weft__await_doomed(queue->object.loop)))
        return weft__object_failed(&queue->object, WEFT_ECANCELLED);
    if (queue->store.count > 0) {
        weft__check_use(queue->object.loop, "weft_queue_get", queue, WEFT__USE_WRITE);
        future = weft__future_make(queue->object.loop, &weft__plain_type, NULL);
        if (weft__unlikely(!future))
            return weft__object_failed(&queue->object, -ENOMEM);
        future->value = weft__queue_leave(queue);
        future->destroy = queue->destroy;
        future->state = WEFT__FINISHED;
        return future;
    }
    error = refusal(queue);
    if (error)
        return weft__object_failed(&queue->object, error);
    weft__check_use(queue->object.loop, "weft_queue_get", queue, WEFT__USE_WRITE);
    return weft__waiter_new(&queue->object, &queue->getters, &getter_type);
}

/* ---- done with -------------------------------------------------------------------------------------------------- */

/* An item is done with. */
static void finish_item(weft_queue *queue)
{
    struct weft__waiter *waiter;

    if (--queue->unfinished > 0)
        return;
    while ((waiter = weft__waiter_first(&queue->joiners)))
        weft__waiter_finish(waiter, NULL, NULL);
}

static int nothing_unfinished(const weft_queue *queue)
{
    weft__loop_use(queue->object.loop, queue, WEFT__USE_READ);
    return WEFT_EINVALIDSTATE;
}

int weft_queue_task_done(weft_queue *queue)
{
    if (weft__unlikely(queue->unfinished == 0))
        return queue->object.error ? queue->object.error : nothing_unfinished(queue);
    weft__check_use(queue->object.loop, "weft_queue_task_done", queue, WEFT__USE_WRITE);
    finish_item(queue);
    return 0;
}

weft_future *weft_queue_join(weft_queue *queue)
{
    if (queue->object.error)
        return weft__object_failed(&queue->object, queue->object.error);
    weft__check_use(queue->object.loop, "weft_queue_join", queue, WEFT__USE_WRITE);
    if (queue->unfinished == 0)
        return weft__object_at_once(&queue->object);
    return weft__waiter_new(&queue->object, &queue->joiners, &joiner_type);
}

int weft_queue_shutdown(weft_queue *queue, bool now)
{
    if (queue->object.error)
        return queue->object.error;
    weft__check_use(queue->object.loop, "weft_queue_shutdown", queue, WEFT__USE_WRITE);
    queue->shut = true;
    queue->limit = queue->quick = 0;
    queue->object.refs++;
    weft__waiters_fail(&queue->getters, WEFT_ESHUTDOWN);
    fail_putters(queue, WEFT_ESHUTDOWN);
    while (now && queue->store.count > 0) {
        void *item = weft__store_take(&queue->store);

        if (queue->unfinished > 0) /* it is not, if task_done was called too early */
            finish_item(queue);
        destroy_item(queue->destroy, item);
    }
    weft__object_unref(&queue->object);
    return 0;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static void look(const weft_queue *queue)
{
    if (!queue->object.error)
        weft__loop_use(queue->object.loop, queue, WEFT__USE_READ);
}

size_t weft_queue_count(const weft_queue *queue)
{
    look(queue);
    return queue->store.count;
}

size_t weft_queue_size(const weft_queue *queue)
{
    return queue->size;
}

bool weft_queue_is_full(const weft_queue *queue)
{
    look(queue);
    return queue->store.count >= queue->size;
}
