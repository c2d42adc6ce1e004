/* testing.c - for tests: virtual time, a shuffled order, failing allocations, what is alive.
 *
 * A shuffle permutes a round once, when its first node is asked for, and then takes node by node.  That the
 * round is permuted is said by a mark, a hook of ours that stands behind its last node: a count would be wrong as
 * soon as a step takes another node out of the queue.
 *
 * Only tasks change places with each other.  Everything else keeps its order: callbacks have it promised,
 * and of what threads post, a later letter may free what an earlier one needs.
 *
 * Rejected: to draw the next node at each step: that looks through the round each time.
 */
#include "config.h"

#include <errno.h>
#include <weft/testing.h>

#include "base/alloc.h"
#include "core/loop.h"
#include "core/round.h"

int weft_testing_virtual_clock(weft_loop *loop)
{
    if (loop->heap.count)
        return WEFT_EINVALIDSTATE;
    loop->is_virtual = true;
    loop->virtual_now = 0;
    return 0;
}

void weft_testing_advance(weft_loop *loop, double seconds)
{
    weft__loop_use(loop, NULL, WEFT__USE_UNSEEN);
    if (loop->is_virtual && seconds > 0)
        loop->virtual_now += (int64_t)(seconds * WEFT__NS + 0.5);
}

/* Whether a turn would run something without libevent's help. */
static bool is_busy(weft_loop *loop)
{
    return weft__anything_ready(loop) ||
           (loop->heap.count && loop->heap.slots[0].when <= weft__loop_now(loop));
}

int weft_testing_run_until_idle(weft_loop *loop)
{
    bool was_busy;
    int result;

    if (weft__thread.loop || weft_loop_is_running(loop))
        return WEFT_ERUNNING;
    do {
        was_busy = is_busy(loop);
        loop->stopping = true; /* after one round */
        result = weft_run_forever(loop);
    } while (result == 0 && (was_busy || is_busy(loop))); /* the last one has looked at descriptors */
    return result;
}

/* ---- shuffle ---------------------------------------------------------------------------------------------- */

enum { PART = 1024 }; /* nodes that are permuted at a time */

struct shuffle {
    struct weft__order order;
    struct weft__hook mark; /* in the batch, behind what is permuted; or nowhere */
    uint64_t state;
    struct weft__node *nodes[PART];
};

/* splitmix64: 64 bits of state, and as many good bits each time. */
static uint64_t draw(struct shuffle *shuffle)
{
    uint64_t z = shuffle->state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* Permute the batch's first nodes (Fisher-Yates), and set the mark behind them.  A NULL stands for the next one of
 * those that are no tasks. */
static void permute(struct shuffle *shuffle, struct weft__node *batch)
{
    struct weft__node others, all, *node;
    size_t count = 0;

    weft__queue_init(&others);
    weft__queue_init(&all);
    while (count < PART && (node = weft__queue_pop(batch))) {
        bool is_task = weft__node_is_task(node);

        shuffle->nodes[count++] = is_task ? node : NULL;
        if (!is_task)
            weft__queue_push(&others, node);
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)((draw(shuffle) >> 32) * i >> 32);

        node = shuffle->nodes[i - 1];
        shuffle->nodes[i - 1] = shuffle->nodes[other];
        shuffle->nodes[other] = node;
    }
    for (size_t i = 0; i < count; i++)
        weft__queue_push(&all, shuffle->nodes[i] ? shuffle->nodes[i] : weft__queue_pop(&others));
    weft__queue_push(&all, &shuffle->mark.node);
    weft__queue_move(&all, batch);
    weft__queue_move(batch, &all);
}

static struct weft__node *shuffle_next(struct weft__order *order, weft_loop *loop)
{
    struct shuffle *shuffle = weft__container_of(order, struct shuffle, order);
    struct weft__node *node;

    if (loop->batch.next == &shuffle->mark.node) {
        weft__queue_remove(&shuffle->mark.node);
        if (weft__queue_empty(&loop->batch) && !loop->stopping)
            weft__queue_move(&loop->batch, &loop->ready);
    }
    if (!shuffle->mark.node.next && !weft__queue_empty(&loop->batch))
        permute(shuffle, &loop->batch);
    node = weft__queue_pop(&loop->batch);
    return node;
}

static void shuffle_close(struct weft__order *order)
{
    struct shuffle *shuffle = weft__container_of(order, struct shuffle, order);

    weft__free(shuffle, sizeof(*shuffle));
}

/* The loop closes, and the mark is in its queue. */
static void pass(struct weft__hook *hook)
{
    (void)hook;
}

static struct shuffle *shuffle_new(void)
{
    struct shuffle *shuffle = weft__zalloc(sizeof(*shuffle));

    if (!shuffle)
        return NULL;
    shuffle->order = (struct weft__order){.next = shuffle_next, .close = shuffle_close};
    shuffle->mark = (struct weft__hook){.node.kind = WEFT__NODE_HOOK, .fn = pass};
    return shuffle;
}

int weft_testing_shuffle(weft_loop *loop, uint64_t seed)
{
    struct shuffle *shuffle = NULL;

    loop = weft__loop_of(loop);
    if (loop->closed)
        return WEFT_ECLOSED;
    if (loop->order && loop->order->next != shuffle_next)
        return WEFT_EINVALIDSTATE;
    if (loop->order)
        shuffle = weft__container_of(loop->order, struct shuffle, order);
    else if (seed && !(shuffle = shuffle_new()))
        return -ENOMEM;
    if (shuffle && shuffle->mark.node.next)
        weft__queue_remove(&shuffle->mark.node);
    if (seed) {
        shuffle->state = seed;
        loop->order = &shuffle->order;
    } else if (shuffle) {
        shuffle_close(&shuffle->order);
        loop->order = NULL;
    }
    weft__loop_observe(loop);
    return 0;
}

/* ---- memory ----------------------------------------------------------------------------------------------- */

void weft_testing_fail_allocation(long nth, long count)
{
    if (weft__thread.loop)
        weft__loop_use(weft__thread.loop, NULL, WEFT__USE_UNSEEN);
    weft__alloc_fail(nth, count);
}

long weft_testing_allocations(void)
{
    return weft__alloc_count();
}

void weft_testing_live(weft_live *live)
{
    struct weft__counts sum;

    if (weft__thread.loop)
        weft__loop_use(weft__thread.loop, NULL, WEFT__USE_ALL);
    weft__counts_sum(&sum);
    live->allocations = sum.alive[WEFT__COUNT_BLOCKS];
    live->loops = sum.alive[WEFT__COUNT_LOOPS];
    live->futures = sum.alive[WEFT__COUNT_FUTURES];
    live->tasks = sum.alive[WEFT__COUNT_TASKS];
    live->frames = sum.alive[WEFT__COUNT_FRAMES];
    live->handles = sum.alive[WEFT__COUNT_CALLS];
    live->ios = sum.alive[WEFT__COUNT_IOS];
}
