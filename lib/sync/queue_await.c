/* queue_await.c - put and get as a body awaits them: WEFT_PUT and WEFT_GET.
 *
 * They do what weft_await of a put or a get does, with two differences.  What need not wait makes no future.  And
 * who waits here is a task that alone holds the waiter: it lets go of it at its next suspension, and has taken the
 * item by then.  So one waiter, which the queue keeps, serves one wait after the other.
 *
 * An await of a done future that gives way, after 64 that did not, delivers a cancel.  The put or the get would have
 * been made by then, and its item lost.  Here it is not made.
 *
 * Rejected: waiting without a future.  What a task waits for is seen in dumps, and is what a cancel asks.
 */
#include "config.h"

#include "core/loop.h"
#include "sync/queue.h"

/* Whether the running task may go on at once: as weft_await says. */
static inline bool may_go_on(const weft_queue *queue)
{
    const weft_task *task = weft__thread.task;

    return task && task->loop == queue->object.loop && !(task->flags & WEFT__LEVEL) &&
           task->loop->awaits_left;
}

/* A task puts or gets here; without one it is said where it is done. */
static void use(const weft_queue *queue)
{
    if (weft__thread.task)
        weft__loop_use(weft__thread.task->loop, queue, WEFT__USE_WRITE);
}

/* Whether the running task awaits here, and not a generator that it drives by hand. */
static inline bool awaits(const weft_queue *queue, const weft_gen *gen)
{
    const weft_task *task = weft__thread.task;

    return task && task->loop == queue->object.loop && weft__task(task)->gen->link == gen;
}

/* Whether a cancel would meet an await that gives way: nothing may have been put or got by then. */
static bool to_be_cancelled(const weft_queue *queue, const weft_gen *gen)
{
    return awaits(queue, gen) && weft__thread.task->flags & (WEFT__LEVEL | WEFT__MUST);
}

/* Wait with a waiter that was used before; false: it cannot be used. */
static inline bool wait_again(weft_queue *queue, struct weft__waiter *spare,
                              struct weft__node *waiters)
{
    weft_future *future = &spare->future;
    uint32_t refs = weft__task(weft__thread.task)->awaiting == future ? 2 : 1;

    if (weft__unlikely(future->refs != refs || (future->state == WEFT__FINISHED && future->destroy)))
        return false;
    future->refs = refs + 1;
    future->error = 0;
    future->state = WEFT__PENDING;
    future->flags = 0;
    spare->object = &queue->object;
    queue->object.refs++;
    queue->object.waiting++;
    weft__queue_push(waiters, &spare->place);
    return true;
}

/* Keep a waiter, in place of another. */
static void keep(struct weft__waiter **spare, weft_future *future)
{
    if (weft__done(future))
        return;
    if (*spare)
        weft_future_unref(&(*spare)->future);
    *spare = weft__waiter(weft_future_ref(future));
}

/* It has to give way, or nothing is usual. */
static weft__noinline weft_step put_slowly(weft_gen *gen, weft_queue *queue, void *item)
{
    weft_future *future;

    if (queue->store.count < queue->limit && to_be_cancelled(queue, gen)) {
        weft_loop *loop = queue->object.loop;

        if (queue->destroy)
            queue->destroy(item);
        return weft_await(gen, &loop->round);
    }
    future = weft_queue_put(queue, item);
    if (awaits(queue, gen))
        keep(&queue->spare_putter, future);
    return weft_await(gen, future);
}

/* A getter or the store's growth takes part in it, or it has to wait. */
static weft__noinline weft_step put_anyhow(weft_gen *gen, weft_queue *queue, void *item)
{
    struct weft__waiter *spare = queue->spare_putter;

    use(queue);
    if (queue->store.count < queue->limit) {
        if (weft__unlikely(!may_go_on(queue) || weft__queue_enter(queue, item) != 0))
            return put_slowly(gen, queue, item);
        queue->object.loop->awaits_left--;
        gen->value = NULL;
        gen->error = 0;
        return WEFT_AGAIN;
    }
    if (weft__unlikely(!spare || queue->shut || !awaits(queue, gen) ||
                       !wait_again(queue, spare, &queue->putters)))
        return put_slowly(gen, queue, item);
    spare->u.item = item;
    gen->value = &spare->future;
    return WEFT_AWAITING;
}

weft_step weft_queue_await_put(weft_gen *gen, weft_queue *queue, void *item)
{
    if (queue->store.count >= queue->quick || !weft__queue_empty(&queue->getters) ||
        !may_go_on(queue) || weft__unlikely(queue->object.loop->guarded))
        return put_anyhow(gen, queue, item);
    weft__store_push(&queue->store, item);
    queue->unfinished++;
    queue->object.loop->awaits_left--;
    gen->value = NULL;
    gen->error = 0;
    return WEFT_AGAIN;
}

static weft__noinline weft_step get_slowly(weft_gen *gen, weft_queue *queue)
{
    weft_future *future;

    if (queue->store.count > 0 && to_be_cancelled(queue, gen))
        return weft_await(gen, &queue->object.loop->round);
    future = weft_queue_get(queue);
    if (awaits(queue, gen))
        keep(&queue->spare_getter, future);
    return weft_await(gen, future);
}

static weft__noinline weft_step get_anyhow(weft_gen *gen, weft_queue *queue)
{
    struct weft__waiter *spare = queue->spare_getter;

    use(queue);
    if (queue->store.count > 0) {
        if (weft__unlikely(!may_go_on(queue)))
            return get_slowly(gen, queue);
        queue->object.loop->awaits_left--;
        gen->error = 0;
        gen->value = weft__queue_leave(queue);
        return WEFT_AGAIN;
    }
    if (weft__unlikely(!spare || queue->shut || !awaits(queue, gen) ||
                       !wait_again(queue, spare, &queue->getters)))
        return get_slowly(gen, queue);
    gen->value = &spare->future;
    return WEFT_AWAITING;
}

weft_step weft_queue_await_get(weft_gen *gen, weft_queue *queue)
{
    if (queue->store.count == 0 || queue->store.order != WEFT_FIFO ||
        !weft__queue_empty(&queue->putters) || !may_go_on(queue) ||
        weft__unlikely(queue->object.loop->guarded))
        return get_anyhow(gen, queue);
    queue->object.loop->awaits_left--;
    gen->error = 0;
    gen->value = weft__store_shift(&queue->store);
    return WEFT_AGAIN;
}
