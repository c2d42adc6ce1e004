/* join.c - what waits for a given number of futures: gather, wait, wait_for, shield, then, race.
 *
 * A join has an edge to each future that it waits for.  The edge's hook is among the child's waiters; it runs in
 * the round after the child is done, and tells the join's type.  So a join ends one round after the
 * last of its children, and never inside the call that ended that child.
 *
 * A cancel that finds the outcome at hand (all children done, the hook not run yet) is refused: who awaits the join
 * gets that outcome, and its cancel at the next await.  Through joins that end as their child does (wait_for,
 * then) this answer must come from the innermost: weft__join_forward goes there at once.
 *
 * Invariant: an edge with a child holds one reference to it, from weft__edge_wait until weft__edge_release,
 * or until the join ends as that child did (weft__join_end_as) and holds it as its source.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "combine/join.h"
#include "core/loop.h"

static const struct weft__join_type *type_of(const struct weft__join *join)
{
    return (const struct weft__join_type *)(const void *)join->compound.future.type;
}

/* ---- edges ---------------------------------------------------------------------------------------------- */

static void on_done(struct weft__hook *hook)
{
    struct weft__edge *edge = weft__container_of(hook, struct weft__edge, hook);

    edge->join->left--;
    type_of(edge->join)->done(edge->join, edge);
}

void weft__edge_wait(struct weft__edge *edge, weft_future *child)
{
    edge->hook.node.next = NULL;
    edge->hook.node.kind = WEFT__NODE_HOOK;
    edge->hook.fn = on_done;
    edge->child = child;
    edge->join->left++;
    weft__loop_use(child->loop, child, WEFT__USE_HOOK);
    weft__future_wait(child, &edge->hook.node);
}

void weft__edge_release(struct weft__edge *edge)
{
    weft_future *child = edge->child;

    if (!child)
        return;
    edge->child = NULL;
    if (edge->hook.node.next)
        edge->join->left--;
    weft__future_unwait(child, &edge->hook.node);
    weft_future_unref(child);
}

void weft__join_end_as(struct weft__join *join, struct weft__edge *edge)
{
    weft_future *source = edge->child;

    edge->child = NULL;
    weft__timer_remove(join->compound.future.loop, &join->timer);
    weft__compound_end_as(&join->compound, source);
}

/* ---- making ---------------------------------------------------------------------------------------------- */

struct weft__join *weft__join_new(weft_loop *loop, const struct weft__join_type *type,
                                  const char *where)
{
    struct weft__join *join = loop->closed ? NULL
                                           : weft__join(weft__future_make(loop, &type->base, where));

    if (join)
        weft__join_link(join);
    return join;
}

/* The loop closes: the user's memory is still there, but not for long.  Hooks must not find it gone, so no edge waits
 * any more. */
static void join_closed(struct weft__hook *hook)
{
    struct weft__join *join = weft__container_of(hook, struct weft__join, closer);
    weft_future *future = weft_future_ref(weft__join_future(join));

    weft__timer_remove(future->loop, &join->timer);
    for (uint32_t i = 0; i < join->count; i++)
        if (join->edges[i].child)
            weft__future_unwait(join->edges[i].child, &join->edges[i].hook.node);
    if (type_of(join)->closed)
        type_of(join)->closed(join);
    else if (!weft__done(future))
        weft__future_fail(future, WEFT_ECLOSED);
    weft__join_release_edges(join);
    weft_future_unref(future);
}

void weft__join_link(struct weft__join *join)
{
    join->closer.fn = join_closed;
    weft__queue_push(&weft__join_future(join)->loop->closers, &join->closer.node);
}

int weft__join_edges(struct weft__join *join, size_t count)
{
    if (count >= UINT32_MAX / sizeof(*join->edges))
        return -ENOMEM;
    join->edges = weft__alloc(count * sizeof(*join->edges));
    if (!join->edges)
        return -ENOMEM;
    join->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        join->edges[i] = (struct weft__edge){.join = join};
    return 0;
}

int weft__join_refusal(const weft_loop *loop, weft_future *const *futures, size_t count)
{
    if (loop->closed)
        return WEFT_ECLOSED;
    for (size_t i = 0; i < count; i++)
        if (futures[i]->loop != loop)
            return WEFT_EOTHERLOOP;
    return 0;
}

void weft__close_calls(weft_gen *const *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)weft_gen_close(calls[i]);
}

int weft__join_calls(struct weft__join *join, weft_gen *const *calls, size_t count)
{
    if (weft__join_edges(join, count) == 0)
        join->calls = weft__alloc(count * sizeof(*calls));
    if (!join->calls) {
        weft__close_calls(calls, count);
        return -ENOMEM;
    }
    memcpy(join->calls, calls, count * sizeof(*calls));
    if (weft__thread.task)
        join->maker = weft_future_ref(weft__thread.task);
    return 0;
}

bool weft__join_start(struct weft__join *join)
{
    weft_future *future = weft__join_future(join);
    weft_task *before = weft__thread.task, *task;
    uint32_t i = join->started;

    if (!join->calls || i == join->count)
        return false;
    join->started++;
    weft__thread.task = join->maker && !weft__done(join->maker) ? join->maker : NULL;
    task = weft_task_new_at(future->loop, join->calls[i], future->site);
    weft__thread.task = before;
    weft__edge_wait(&join->edges[i], task);
    return true;
}

struct weft__single *weft__single_new(const struct weft__join_type *type, weft_future *child,
                                      const char *where)
{
    struct weft__join *join = weft__join_new(child->loop, type, where);
    struct weft__single *single = (struct weft__single *)(void *)join;

    if (!join) {
        weft_future_unref(child);
        return NULL;
    }
    join->edges = &single->edge;
    join->count = 1;
    join->single = true;
    single->edge.join = join;
    weft__edge_wait(&single->edge, child);
    return single;
}

/* ---- time ------------------------------------------------------------------------------------------------ */

static void join_due(weft_loop *loop, struct weft__timer *timer)
{
    struct weft__join *join = weft__container_of(timer, struct weft__join, timer);

    (void)loop;
    type_of(join)->expired(join);
}

static const struct weft__timer_type join_timer = {.fire = join_due, .is_deadline = true};

int weft__join_arm(struct weft__join *join, double seconds)
{
    weft_loop *loop = join->compound.future.loop;
    int64_t when;
    int error;

    if (seconds == WEFT_NEVER)
        return 0;
    error = weft__deadline(loop, seconds, true, &when);
    return error ? error : weft__timer_add(loop, &join->timer, &join_timer, when);
}

/* ---- cancel, search, end --------------------------------------------------------------------------------- */

bool weft__join_cancel(weft_future *future, const char *reason, const char *where)
{
    struct weft__join *join = weft__join(future);
    uintptr_t cursor = 0;

    if (!weft__join_ops.next_child(future, &cursor) && !(join->calls && join->started < join->count))
        return join->compound.asked; /* the outcome is at hand; a cancel, if one came before */
    return weft__compound_cancel(future, reason, where);
}

/* The child as which a pending future ends now, or NULL. */
static weft_future *forwarded(const weft_future *future)
{
    const struct weft__join *join = weft__join(future);

    if (weft__done(future) || future->type->compound != &weft__join_ops)
        return NULL;
    return type_of(join)->forwards && type_of(join)->forwards(join) ? join->edges[0].child : NULL;
}

const weft_future *weft__join_ends_as(const weft_future *future)
{
    const weft_future *child;

    while ((child = forwarded(future)))
        future = child;
    return future;
}

/* Ask the child of the innermost join that forwards.  A task is asked at the end of the pass: it may await another
 * such join. */
static bool ask_child(struct weft__join *last, const char *reason, const char *where)
{
    weft_future *child = last->edges[0].child;

    if (!child || weft__done(child))
        return child && child->error == WEFT_ECANCELLED; /* delivered with that one */
    if (child->type != &weft__task_type)
        return weft__future_cancel_plain(child, reason, where);
    last->compound.to_ask = true;
    return true;
}

bool weft__join_forward(weft_future *future, const char *reason, const char *where)
{
    weft_loop *loop = future->loop;
    bool outermost = weft__pass_begin(loop);
    bool taken = !weft__compound(future)->refused; /* if it was asked in this pass already */
    weft_future *last = future, *child;

    /* Down to the innermost, or to one that was asked in this pass already. */
    while (weft__pass_visit(weft__compound(last))) {
        weft__compound(last)->refused = true;
        child = weft__join(last)->edges[0].child;
        if (!child || !forwarded(child)) {
            weft_future_ref(last); /* on a closed loop all of them may end here */
            taken = ask_child(weft__join(last), reason, where);
            weft__compound(last)->refused = !taken;
            weft_future_unref(last);
            break;
        }
        last = child;
        taken = !weft__compound(last)->refused;
    }
    for (child = future; child && !weft__done(child); child = forwarded(child)) {
        weft__compound(child)->refused = !taken;
        if (taken)
            weft__compound_ask(weft__compound(child), reason, where);
        if (child == last)
            break;
    }
    if (outermost)
        weft__pass_end(loop);
    return taken;
}

void weft__join_cancel_children(struct weft__join *join, const char *reason, const char *where)
{
    weft_loop *loop = weft__join_future(join)->loop;
    bool outermost = weft__pass_begin(loop);

    for (uint32_t i = 0; i < join->count; i++)
        if (join->edges[i].child)
            weft_future_cancel_at(join->edges[i].child, reason, where);
    if (outermost)
        weft__pass_end(loop);
}

static void pass_cancel(weft_future *future, const char *reason, const char *where)
{
    weft__join_cancel_children(weft__join(future), reason, where);
}

static weft_future *next_child(const weft_future *future, uintptr_t *cursor)
{
    const struct weft__join *join = weft__join(future);

    while (*cursor < join->count) {
        weft_future *child = join->edges[(*cursor)++].child;

        if (child && !weft__done(child))
            return child;
    }
    return NULL;
}

/* The last reference to a pending one is gone: nobody wants the outcome. */
void weft__join_drop(weft_future *future)
{
    struct weft__join *join = weft__join(future);

    weft__timer_remove(future->loop, &join->timer);
    if (!type_of(join)->leaves && !future->loop->closed)
        pass_cancel(future, "dropped", future->site);
}

/* Close the generators that have not started. */
static void drop_calls(struct weft__join *join, uint32_t count)
{
    weft_gen **calls = join->calls;
    weft_task *maker = join->maker;

    join->calls = NULL;
    join->maker = NULL;
    if (calls)
        weft__close_calls(calls + join->started, count - join->started);
    weft__free(calls, count * sizeof(*calls));
    weft_future_unref(maker);
}

void weft__join_release_edges(struct weft__join *join)
{
    struct weft__edge *edges = join->edges;
    uint32_t count = join->count;

    /* No hook may run any more once the user's code does. */
    for (uint32_t i = 0; i < count; i++)
        if (edges[i].child)
            weft__future_unwait(edges[i].child, &edges[i].hook.node);
    join->edges = NULL;
    join->count = join->left = 0;
    drop_calls(join, count);
    for (uint32_t i = 0; i < count; i++)
        weft_future_unref(edges[i].child);
    if (edges && !join->single)
        weft__free(edges, count * sizeof(*edges));
}

static void release(weft_future *future)
{
    struct weft__join *join = weft__join(future);

    if (join->closer.node.next)
        weft__queue_remove(&join->closer.node);
    weft__join_release_edges(join);
    if (type_of(join)->release)
        type_of(join)->release(join);
}

const struct weft__compound_ops weft__join_ops = {
    .pass_cancel = pass_cancel, .next_child = next_child, .release = release};
