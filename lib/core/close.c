/* close.c - how a loop closes.
 *
 * Whatever is alive is taken down in an order in which nothing is freed that user code may still look at, and nobody
 * is told in the middle of it:
 *
 *   threads   jobs end, or are abandoned; threads that wait hear of it.  From here on every call answers WEFT_ECLOSED
 *   waits     tasks let go of what they await; then all that is pending ends with WEFT_ECLOSED: joins, waits on objects,
 *             sleeps, operations.  All frames are there: a read can still put back what it has written into one
 *   tasks     the youngest first, each from its innermost frame outwards: cleanup.  A child may look at its parent's
 *             frame, which is older; and no frame is freed before the last cleanup has run
 *   queue     callbacks are dropped; the library's own hooks run
 *   frames    are freed
 *   system    descriptors, signals, libevent's events, the base
 *
 * User code runs in the middle of it: cleanups and destructors.  It may call anything; what it ends or drops is queued
 * until the queue's turn comes.  The exception handler is told when all is over.  The memory of the loop is held meanwhile, even if a
 * cleanup drops the last reference.
 *
 * Invariant: between `waits` and the end nothing of the library's is pending but tasks that have not been reached; so
 * nothing can be told of a wait whose memory has gone.
 *
 * Rejected: tasks the oldest first, freed one by one (a child's cleanup found its parent gone); to cancel instead,
 * and run FINALLY parts: that is what weft_loop_shutdown does, and it needs a loop that runs.
 */
#include "config.h"

#include <event2/event.h>

#include "base/alloc.h"
#include "core/events.h"
#include "core/gen.h"
#include "core/loop.h"
#include "core/round.h"

static void stop_parts(weft_loop *loop)
{
    for (struct weft__part *part = loop->parts; part; part = part->next)
        if (part->type->stop)
            part->type->stop(part);
}

static void end_waits(weft_loop *loop)
{
    struct weft__node *node;

    for (struct weft__task *task = loop->last_task; task; task = task->prev)
        weft__task_detach(task);
    while ((node = weft__queue_pop(&loop->closers))) {
        struct weft__hook *closer = weft__container_of(node, struct weft__hook, node);

        closer->fn(closer);
    }
    for (struct weft__part *part = loop->parts; part; part = part->next)
        if (part->type->end_waits)
            part->type->end_waits(part);
    weft__timers_close(loop);
}

/* Returns the roots, to be freed: a list by their `value`. */
static weft_gen *end_tasks(weft_loop *loop)
{
    weft_gen *roots = NULL, *root;

    while (loop->last_task) {
        root = weft__task_end(loop->last_task);
        root->value = roots;
        roots = root;
    }
    return roots;
}

static void free_frames(weft_gen *roots)
{
    weft_gen *next;

    for (; roots; roots = next) {
        next = roots->value;
        weft__gen_free_chain(roots);
    }
}

/* What was queued will not run; it may queue more. */
static void drop_queued(weft_loop *loop)
{
    loop->dropping = false;
    weft__drop_queued(loop);
    loop->dropping = true;
}

static void close_parts(weft_loop *loop)
{
    for (struct weft__part *part = loop->parts; part; part = part->next)
        if (part->type->close)
            part->type->close(part);
}

/* All that user code may look at. */
static void take_down(weft_loop *loop)
{
    weft_gen *roots;

    weft__mailbox_collect(loop);
    end_waits(loop);
    roots = end_tasks(loop);
    weft__mailbox_refuse(loop); /* from now on; what came before is queued */
    drop_queued(loop);
    free_frames(roots);
    close_parts(loop);
    drop_queued(loop);
    weft__calls_close(loop);
}

int weft_loop_close(weft_loop *loop)
{
    struct weft__thread before = weft__thread;
    bool base_gone;

    if (loop->closed)
        return 0;
    weft__only_here(loop, "weft_loop_close");
    if (loop->running || loop->draining)
        return WEFT_ERUNNING;
    weft__loop_hold(loop);
    base_gone = weft__events_gone(loop);
    if (!base_gone)
        weft__fork_check(loop);
    weft__guests_close(loop);
    stop_parts(loop); /* jobs may look at memory that goes next */
    loop->closed = loop->dropping = true;
    weft__thread = (struct weft__thread){.loop = loop,
                                         .arena = before.arena}; /* cleanups may ask for it */
    take_down(loop);
    if (loop->order)
        loop->order->close(loop->order);
    loop->order = NULL;
    before.arena = weft__thread.arena;
    before.return_destroy = NULL;
    weft__thread = before;
    weft__events_close(loop);
    weft__mailbox_close(loop);
    if (loop->own_base && !base_gone)
        event_base_free(loop->base);
    loop->base = NULL;
    loop->dropping = false;
    weft__loop_unlink(loop);
    weft__count(WEFT__COUNT_LOOPS, -1);
    if (base_gone)
        weft__report(loop, "the event_base was freed before weft_loop_close", WEFT_EBASEFREED, NULL);
    weft__reports_close(loop);
    weft__loop_let_go(loop);
    return base_gone ? WEFT_EBASEFREED : 0;
}
