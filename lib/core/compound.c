/* compound.c - futures that wait for other futures: cancel, search and death without recursion.
 *
 * Tasks and compound futures make a graph: a task awaits a gather, which waits for tasks, and so on, a million
 * levels deep if a program wants it.  What walks that graph is a loop over a list that lies in the
 * compounds themselves: it allocates nothing, and its C stack is constant.
 *
 *   a cancel   goes from a compound to what it waits for.  The outermost call works the list off (a pass); what
 *              it reaches meanwhile is appended.  Each compound, and each task, is visited once in one pass.  Where it
 *              comes to one for the second time there may be a circle: see circle.c.
 *   a search   asks whether a future waits for another one: so circles are found.
 *   a death    gives back references, the last of which may be another compound's.
 */
#include "config.h"

#include "base/alloc.h"
#include "core/compound.h"
#include "core/loop.h"

/* ---- cancel --------------------------------------------------------------------------------------------- */

static void append(struct weft__compounds *list, struct weft__compound *compound)
{
    compound->listed = true;
    compound->next = NULL;
    compound->prev = list->last;
    if (list->last)
        list->last->next = compound;
    else
        list->first = compound;
    list->last = compound;
}

static void delist(struct weft__compounds *list, struct weft__compound *compound)
{
    if (compound->prev)
        compound->prev->next = compound->next;
    else
        list->first = compound->next;
    if (compound->next)
        compound->next->prev = compound->prev;
    else
        list->last = compound->prev;
    compound->listed = false;
}

static struct weft__compound *pop(struct weft__compounds *list)
{
    struct weft__compound *compound = list->first;

    if (compound)
        delist(list, compound);
    return compound;
}

bool weft__compound_passed(const weft_future *future)
{
    return future->type->compound && future->loop->passing &&
           weft__compound(future)->pass == future->loop->pass;
}

/* A task has 16 bits for the number of its last pass: before they come round, all forget it. */
static weft__noinline void forget_passes(weft_loop *loop)
{
    for (struct weft__task *task = loop->tasks; task; task = task->next)
        task->node.pass = 0;
    loop->pass++; /* 0: none has come by */
}

bool weft__pass_begin(weft_loop *loop)
{
    if (loop->passing)
        return false;
    loop->passing = true;
    loop->met = false;
    if (weft__unlikely((uint16_t)++loop->pass == 0))
        forget_passes(loop);
    return true;
}

bool weft__pass_visit(struct weft__compound *compound)
{
    weft_loop *loop = compound->future.loop;

    if (compound->pass == loop->pass) {
        loop->met = true;
        return false;
    }
    compound->pass = loop->pass;
    compound->walk.mark = 0;
    compound->to_ask = false;
    append(&loop->asked, compound);
    if (!loop->unasked)
        loop->unasked = compound;
    return true;
}

static void ask_visited(weft_loop *loop)
{
    struct weft__compound *compound;

    while ((compound = loop->unasked)) {
        weft_future *future = weft_future_ref(&compound->future);

        loop->unasked = compound->next;
        if (compound->to_ask && !weft__done(future))
            future->type->compound->pass_cancel(future, future->reason, future->where);
        weft_future_unref(future); /* the loop may be closed */
    }
}

void weft__pass_end(weft_loop *loop)
{
    ask_visited(loop);
    while (weft__unlikely(loop->met)) {
        loop->met = false;
        weft__circles_break(loop);
        ask_visited(loop); /* who was woken lets go of what it awaited, and that is asked */
    }
    while (pop(&loop->asked))
        ;
    loop->passing = false;
}

/* One that a pass has come by goes. */
static void forget(weft_loop *loop, struct weft__compound *compound)
{
    if (!compound->listed)
        return;
    if (loop->unasked == compound)
        loop->unasked = compound->next;
    delist(&loop->asked, compound);
}

void weft__compound_ask(struct weft__compound *compound, const char *reason, const char *where)
{
    compound->asked = true;
    compound->future.cancelling = 1;
    compound->future.reason = reason;
    compound->future.where = where;
}

bool weft__compound_cancel(weft_future *future, const char *reason, const char *where)
{
    struct weft__compound *compound = weft__compound(future);
    weft_loop *loop = future->loop;
    bool outermost = weft__pass_begin(loop);

    if (weft__pass_visit(compound)) {
        compound->refused = false;
        weft__compound_ask(compound, reason, where);
        compound->to_ask = true;
    }
    if (outermost)
        weft__pass_end(loop);
    return true;
}

/* ---- search --------------------------------------------------------------------------------------------- */

/* Go from a future, over tasks, to what is no task; `target` on the way is found.  A circle of tasks that
 * leaves the target out would go round for ever: the tortoise ends it. */
static const weft_future *past_tasks(const weft_future *future, const weft_future *target)
{
    const weft_future *seen = future;
    unsigned steps = 0, next_mark = 1;

    while (future && future != target && future->type == &weft__task_type) {
        future = weft__task_blocked_on(weft__task(future));
        if (future == seen)
            return NULL;
        if (++steps == next_mark) {
            seen = future;
            next_mark *= 2;
        }
    }
    return future;
}

bool weft__waits_for(const weft_future *future, const weft_future *target)
{
    weft_loop *loop = target->loop;
    struct weft__compound *first = NULL, *last = NULL;

    if (++loop->search == 0)
        loop->search = 1; /* 0: not found yet */
    for (uintptr_t cursor = 0;;) {
        future = future ? past_tasks(future, target) : NULL;
        if (future == target)
            return true;
        if (future && future->type->compound && !weft__done(future) &&
            weft__compound(future)->search != loop->search) {
            struct weft__compound *found = weft__compound(future);

            found->search = loop->search;
            found->next_found = NULL;
            if (first)
                last->next_found = found;
            else
                first = found;
            last = found;
        }
        /* The next child of the first compound that has one left. */
        future = NULL;
        while (first &&
               !(future = first->future.type->compound->next_child(&first->future, &cursor))) {
            first = first->next_found;
            cursor = 0;
        }
        if (!first)
            return false;
    }
}

/* ---- the outcome, and death ------------------------------------------------------------------------------ */

void weft__compound_end_as(struct weft__compound *compound, weft_future *source)
{
    weft_future *future = &compound->future;

    source->flags |= WEFT__READ;
    if (source->state == WEFT__FINISHED) {
        compound->source = source;
        future->flags |= WEFT__FORWARD;
        weft__future_finish(future, NULL, NULL);
        return;
    }
    if (source->state == WEFT__CANCELLED)
        weft__future_cancelled(future, source->reason, source->where);
    else
        weft__future_fail(future, source->error);
    weft_future_unref(source);
}

weft_future *weft__future_owner(const weft_future *future)
{
    while (future->flags & WEFT__FORWARD)
        future = weft__compound(future)->source;
    return (weft_future *)(uintptr_t)future;
}

void *weft__future_forwarded(const weft_future *future)
{
    const weft_future *owner = weft__future_owner(future);

    weft__loop_use(owner->loop, owner, WEFT__USE_READ);
    return owner->value;
}

/* What dies together drops what it waits for in one pass: else each level of a nest would pass through all those
 * below it. */
void weft__compound_last(weft_future *future)
{
    weft_loop *loop = future->loop;
    struct weft__compound *compound = weft__compound(future);
    bool outermost;

    forget(loop, compound);
    future->refs = 1; /* on a closed loop its hooks may still run */
    append(&loop->dead, compound);
    if (loop->burying)
        return;
    loop->burying = true;
    outermost = weft__pass_begin(loop);
    while ((compound = pop(&loop->dead))) {
        size_t size = compound->future.type->size;

        weft__future_last_words(&compound->future);
        compound->future.type->compound->release(&compound->future);
        if (compound->source)
            weft_future_unref(compound->source);
        weft__free(compound, size);
        weft__count(WEFT__COUNT_FUTURES, -1);
        loop->held--; /* the loop itself goes after the last */
    }
    loop->burying = false;
    if (outermost)
        weft__pass_end(loop);
    if (loop->closed)
        weft__loop_released(loop);
}
