/* timer.c - timers: a 4-ary heap keyed (deadline, order of creation), and the sleeps that stand on it.
 *
 * The heap is ours because libevent's gives equal deadlines no order and takes 128 bytes a timer.  One libevent
 * timer, in events.c, waits for the first deadline.
 *
 * Due timers fire in order.  A sleep's waiters and a call's node go to the ready queue; a deadline (a scope's, a
 * wait_for's) acts at once, by asking somebody to cancel.  So it must not fire as long as a call that was due before
 * it has not run: what that call brings was in time.  The rest then waits for the next turn.
 *
 * The order of creation is a number of 32 bits.  When they are used up, those in the heap are numbered anew: a sorted
 * array is a heap, so the heap is sorted where it lies.
 */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/loop.h"
#include "core/round.h"

/* ---- the heap ------------------------------------------------------------------------------------------ */

static bool before(const struct weft__heap_slot *a, const struct weft__heap_slot *b)
{
    return a->when < b->when || (a->when == b->when && a->timer->seq < b->timer->seq);
}

static void put(struct weft__heap *heap, uint32_t at, struct weft__heap_slot slot)
{
    heap->slots[at] = slot;
    slot.timer->index = at + 1;
}

/* Let a slot rise from a hole to its place. */
static void rise(struct weft__heap *heap, uint32_t at, struct weft__heap_slot slot)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 4;

        if (!before(&slot, &heap->slots[parent]))
            break;
        put(heap, at, heap->slots[parent]);
        at = parent;
    }
    put(heap, at, slot);
}

/* Let a slot sink from a hole to its place. */
static void sink(struct weft__heap *heap, uint32_t at, struct weft__heap_slot slot)
{
    for (;;) {
        uint32_t first = at * 4 + 1;
        uint32_t end = first + 4 < heap->count ? first + 4 : heap->count;
        uint32_t least = first;

        if (first >= heap->count)
            break;
        for (uint32_t child = first + 1; child < end; child++)
            if (before(&heap->slots[child], &heap->slots[least]))
                least = child;
        if (!before(&heap->slots[least], &slot))
            break;
        put(heap, at, heap->slots[least]);
        at = least;
    }
    put(heap, at, slot);
}

static int compare(const void *a, const void *b)
{
    return before(a, b) ? -1 : before(b, a);
}

/* The numbers are used up: give out new ones, from 1. */
static weft__noinline void renumber(struct weft__heap *heap)
{
    if (heap->count)
        qsort(heap->slots, heap->count, sizeof(*heap->slots), compare);
    for (uint32_t i = 0; i < heap->count; i++) {
        heap->slots[i].timer->seq = i + 1;
        heap->slots[i].timer->index = i + 1;
    }
    heap->last_seq = heap->count;
}

int weft__heap_add(struct weft__heap *heap, struct weft__timer *timer, int64_t when)
{
    if (heap->count == heap->size) {
        uint32_t size = heap->size ? heap->size * 2 : 32;
        struct weft__heap_slot *slots = weft__resize(heap->slots, heap->size * sizeof(*slots),
                                                     size * sizeof(*slots));

        if (!slots)
            return -ENOMEM;
        heap->slots = slots;
        heap->size = size;
    }
    if (weft__unlikely(heap->last_seq == UINT32_MAX))
        renumber(heap);
    timer->seq = ++heap->last_seq;
    rise(heap, heap->count++, (struct weft__heap_slot){when, timer});
    return 0;
}

void weft__heap_remove(struct weft__heap *heap, struct weft__timer *timer)
{
    uint32_t at = timer->index - 1;
    struct weft__heap_slot last = heap->slots[--heap->count];

    timer->index = 0;
    if (at == heap->count)
        return;
    if (at > 0 && before(&last, &heap->slots[(at - 1) / 4]))
        rise(heap, at, last);
    else
        sink(heap, at, last);
}

void weft__heap_free(struct weft__heap *heap)
{
    weft__free(heap->slots, heap->size * sizeof(*heap->slots));
    *heap = (struct weft__heap){0};
}

/* ---- the loop's ------------------------------------------------------------------------------------------ */

int weft__deadline(weft_loop *loop, double seconds, bool relative, int64_t *when)
{
    int64_t base = relative ? weft__loop_now(loop) : 0;
    int64_t delay;

    if (isnan(seconds))
        return -EINVAL;
    if (seconds < 0)
        seconds = 0;
    /* A delay is clipped at a hundred years, a time at what fits: the virtual clock may jump by such a delay again and
     * again. */
    if (relative && seconds > 3.2e9)
        seconds = 3.2e9;
    delay = seconds > 9.2e9 ? INT64_MAX : (int64_t)(seconds * WEFT__NS + 0.5);
    *when = base > INT64_MAX - delay ? INT64_MAX : base + delay;
    return 0;
}

/* What stands for the order of the timers of one deadline: no object's address is odd. */
static const void *deadline_object(int64_t when)
{
    return (const void *)((uintptr_t)when << 1 | 1);
}

static const struct weft__timer_type sleep_timer;

/* An explorer wants to know. */
static weft__noinline void use_deadline(weft_loop *loop, const struct weft__timer_type *type,
                                        int64_t when)
{
    weft__loop_use(loop, deadline_object(when),
                   type == &sleep_timer ? WEFT__USE_WAIT : WEFT__USE_WRITE);
    if (when <= weft__loop_now(loop))
        weft__loop_use(loop, NULL, WEFT__USE_UNSEEN); /* it fires at the next turn, within a round */
}

int weft__timer_add(weft_loop *loop, struct weft__timer *timer, const struct weft__timer_type *type,
                    int64_t when)
{
    int error = weft__heap_add(&loop->heap, timer, when);

    timer->type = type;
    if (weft__unlikely(loop->guarded))
        use_deadline(loop, type, when);
    /* Outside a turn nobody looks at the heap, unless it is asked to. */
    if (!error && timer->index == 1)
        weft__loop_wake(loop);
    return error;
}

void weft__timer_remove(weft_loop *loop, struct weft__timer *timer)
{
    if (!timer->index)
        return;
    weft__heap_remove(&loop->heap, timer);
    /* Nothing is left to wait for: the host's dispatch must not wait for it all the same. */
    if (!loop->heap.count)
        weft__loop_wake(loop);
}

double weft__timer_when(const weft_loop *loop, const struct weft__timer *timer)
{
    return (double)loop->heap.slots[timer->index - 1].when / WEFT__NS;
}

struct sleep {
    weft_future future;
    struct weft__timer timer;
};

static struct sleep *sleep_of(struct weft__timer *timer)
{
    return weft__container_of(timer, struct sleep, timer);
}

static void sleep_over(weft_loop *loop, struct weft__timer *timer)
{
    (void)loop;
    weft__future_finish(&sleep_of(timer)->future, NULL, NULL);
}

static void sleep_closed(struct weft__timer *timer)
{
    weft_future *future = &sleep_of(timer)->future;

    future->flags |= WEFT__READ;
    weft__future_fail(future, WEFT_ECLOSED);
}

static const struct weft__timer_type sleep_timer = {.fire = sleep_over, .closed = sleep_closed};

static bool sleep_cancel(weft_future *future, const char *reason, const char *where)
{
    struct sleep *sleep = (struct sleep *)(void *)future;

    weft__timer_remove(future->loop, &sleep->timer);
    weft__future_cancelled(future, reason, where);
    return true;
}

static void sleep_drop(weft_future *future)
{
    struct sleep *sleep = (struct sleep *)(void *)future;

    weft__timer_remove(future->loop, &sleep->timer);
}

const struct weft__future_type weft__sleep_type = {.name = "sleep",
                                                   .size = sizeof(struct sleep),
                                                   .cancel = sleep_cancel,
                                                   .drop = sleep_drop,
                                                   .tells = true};

struct forever {
    weft_future future;
    struct weft__hook closer; /* the loop closes */
};

static void forever_drop(weft_future *future)
{
    struct forever *forever = (struct forever *)(void *)future;

    if (forever->closer.node.next)
        weft__queue_remove(&forever->closer.node);
}

static bool forever_cancel(weft_future *future, const char *reason, const char *where)
{
    forever_drop(future);
    weft__future_cancelled(future, reason, where);
    return true;
}

static void forever_closed(struct weft__hook *hook)
{
    weft__future_fail(&weft__container_of(hook, struct forever, closer)->future, WEFT_ECLOSED);
}

static const struct weft__future_type forever_type = {.name = "sleep_forever",
                                                      .size = sizeof(struct forever),
                                                      .cancel = forever_cancel,
                                                      .drop = forever_drop,
                                                      .tells = true};

void weft__timers_fire(weft_loop *loop, int64_t now)
{
    while (loop->heap.count && loop->heap.slots[0].when <= now) {
        struct weft__timer *timer = loop->heap.slots[0].timer;

        if (weft__unlikely(loop->calls.due) && timer->type->is_deadline)
            return;
        weft__prefetch(timer); /* the heap's work hides the miss */
        weft__heap_remove(&loop->heap, timer);
        timer->type->fire(loop, timer);
    }
}

void weft__timers_close(weft_loop *loop)
{
    while (loop->heap.count) {
        struct weft__timer *timer = loop->heap.slots[loop->heap.count - 1].timer;

        weft__heap_remove(&loop->heap, timer);
        if (timer->type->closed)
            timer->type->closed(timer);
    }
    weft__heap_free(&loop->heap);
}

/* ---- sleeping -------------------------------------------------------------------------------------------- */

static weft_future *sleep_new(weft_loop *loop, double seconds, bool relative)
{
    struct sleep *sleep;
    int64_t when;
    int error = weft__deadline(loop, seconds, relative, &when);

    if (!error && loop->closed)
        error = WEFT_ECLOSED;
    if (error)
        return weft__failed(loop, error, NULL);
    sleep = (struct sleep *)(void *)weft__future_make(loop, &weft__sleep_type, NULL);
    if (!sleep)
        return weft__failed(loop, -ENOMEM, NULL);
    error = weft__timer_add(loop, &sleep->timer, &sleep_timer, when);
    if (error) {
        weft_future_unref(&sleep->future);
        return weft__failed(loop, error, NULL);
    }
    return &sleep->future;
}

weft_future *weft_sleep(weft_loop *loop, double seconds)
{
    loop = weft__loop_alone(loop);
    if (seconds <= 0 && !loop->closed)
        return weft_future_ref(&loop->round);
    return sleep_new(loop, seconds, true);
}

weft_future *weft_sleep_until(weft_loop *loop, double when)
{
    loop = weft__loop_alone(loop);
    if (when <= weft_loop_time(loop) && !loop->closed)
        return weft_future_ref(&loop->round);
    return sleep_new(loop, when, false);
}

weft_future *weft_sleep_forever(weft_loop *loop)
{
    struct forever *forever;

    loop = weft__loop_alone(loop);
    if (loop->closed)
        return weft__failed(loop, WEFT_ECLOSED, NULL);
    forever = (struct forever *)(void *)weft__future_make(loop, &forever_type, NULL);
    if (!forever)
        return weft__failed(loop, -ENOMEM, NULL);
    forever->closer.fn = forever_closed;
    weft__queue_push(&loop->closers, &forever->closer.node);
    return &forever->future;
}
