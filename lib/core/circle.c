/* circle.c - circles of waits among what a cancel has asked.
 *
 * A task awaits a gather of its child, and the child awaits the task.  No cancel wakes any of them: each waits until the
 * next one has ended.  So one of them is woken by force, and lets go of what it awaits.  It is the one who closes the
 * circle, the child, and not the one who gathers: that was promised that its children have ended before it goes on, and
 * they often hold pointers into its frame.
 *
 * A depth-first walk finds them, from those who wait for what was asked, down through tasks and compounds.  A task has
 * one edge, to what it awaits; a compound has many.  A task whose edge leads to one on the path, itself or by way of
 * compounds alone, closes a circle, and is cut off.  Each circle has such a task, whichever way the walk takes; and
 * each task and compound is visited once:
 *
 *   - a task that is over does not lead back any more: it has been cut off if it did.
 *   - a compound that is over may, if it was shared: it remembers which of those on the path it led to (`back`), of
 *     several the outermost, which stays on the path for longest.
 *
 * The path is a stack of compounds; between two of them is a chain of tasks, each of which awaits the next.  They are
 * woken when the walk is over, because that frees what it stands on.
 *
 * Rejected: to ask at each task that comes to something for the second time whether that waits for it.  With many tasks
 * at one gather each of those searches goes through all its children.  And to break a circle at the task where the
 * cancel comes back to: that is the one who gathers.
 */
#include "config.h"

#include "core/compound.h"
#include "core/loop.h"

/* node.mark of a task, walk.mark of a compound. */
enum { NEW, ON_PATH, OVER, CUT_OFF };

struct walk {
    struct weft__compound *top; /* the innermost on the path */
    struct weft__task *first_cut,
        *last_cut; /* linked through what their innermost frames were sent last */
};

/* What was asked and waits; or NULL. */
static struct weft__task *asked_task(const weft_future *future)
{
    struct weft__task *task = weft__task(future);

    if (future->type != &weft__task_type || task->node.pass != (uint16_t)future->loop->pass ||
        task->node.mark == WEFT__HELD || !weft__task_blocked_on(task))
        return NULL;
    return task;
}

static struct weft__compound *asked_compound(const weft_future *future)
{
    return !weft__done(future) && weft__compound_passed(future) ? weft__compound(future) : NULL;
}

static void cut_off(struct walk *walk, struct weft__task *task)
{
    if (task->node.mark == CUT_OFF)
        return;
    task->node.mark = CUT_OFF;
    task->gen->link->value = NULL; /* it waits: nobody reads that until it is woken */
    if (walk->last_cut)
        walk->last_cut->gen->link->value = task;
    else
        walk->first_cut = task;
    walk->last_cut = task;
}

/* The last task of the chain that leads to a compound of the path; or NULL: it is another one's child. */
static struct weft__task *awaiter(const struct weft__compound *compound)
{
    weft_future *future = compound->walk.via;
    struct weft__task *last = NULL;

    while (future != &compound->future) {
        last = weft__task(future);
        future = last->awaiting;
    }
    return last;
}

/* A chain is left, behind its last task; NULL: it is empty. */
static void leave_chain(weft_future *future, const struct weft__task *last)
{
    while (last) {
        struct weft__task *task = weft__task(future);

        if (task->node.mark == ON_PATH)
            task->node.mark = OVER;
        future = task->awaiting;
        if (task == last)
            return;
    }
}

static bool is_on_path(const struct weft__compound *compound)
{
    return compound && compound->walk.mark == ON_PATH;
}

/* The compound of the path that lies behind a task, or a compound, of the path; NULL: there is none yet. */
static struct weft__compound *behind_task(const struct weft__task *task)
{
    while (task->awaiting->type == &weft__task_type)
        task = weft__task(task->awaiting);
    return weft__compound(task->awaiting);
}

static struct weft__compound *behind_compound(const struct walk *walk,
                                              const struct weft__compound *compound)
{
    struct weft__compound *next = walk->top;

    while (next && next->walk.outer != compound)
        next = next->walk.outer;
    return next;
}

/* The innermost compound has led to the path, before `back`: who awaits it closes a circle. */
static void lead_back(struct walk *walk, struct weft__compound *back)
{
    for (struct weft__compound *c = walk->top; back && c; c = c->walk.outer) {
        struct weft__task *task = awaiter(c);

        if (!is_on_path(c->walk.back) || back->walk.depth < c->walk.back->walk.depth)
            c->walk.back = back;
        if (task)
            cut_off(walk, task);
        if (task || c == back)
            return; /* or there is no task in it, whom one could wake */
    }
}

static void enter(struct walk *walk, struct weft__compound *compound, weft_future *via)
{
    struct weft__compound *outer = walk->top;

    compound->walk.outer = outer;
    compound->walk.back = NULL;
    compound->walk.via = via;
    compound->walk.cursor = 0;
    compound->walk.depth = outer ? outer->walk.depth + 1 : 0;
    compound->walk.mark = ON_PATH;
    walk->top = compound;
}

/* From the innermost compound, or at first from nowhere, to one that it waits for; down through tasks to the next
 * compound, or to an end. */
static void descend(struct walk *walk, weft_future *future)
{
    weft_future *via = future;
    struct weft__task *last = NULL, *task;
    struct weft__compound *compound;

    while ((task = asked_task(future)) && task->node.mark == NEW) {
        task->node.mark = ON_PATH;
        last = task;
        future = task->awaiting;
    }
    compound = task ? NULL : asked_compound(future);
    if (compound && compound->walk.mark == NEW) {
        enter(walk, compound, via);
        return;
    }
    if (task ? task->node.mark == ON_PATH
             : is_on_path(compound) || (compound && is_on_path(compound->walk.back))) {
        if (last)
            cut_off(walk, last);
        else if (task)
            lead_back(walk, behind_task(task));
        else
            lead_back(walk,
                      is_on_path(compound) ? behind_compound(walk, compound) : compound->walk.back);
    }
    leave_chain(via, last);
}

static void walk_from(struct walk *walk, weft_future *future)
{
    struct weft__compound *top;

    descend(walk, future);
    while ((top = walk->top)) {
        future = top->future.type->compound->next_child(&top->future, &top->walk.cursor);
        if (future) {
            descend(walk, future);
            continue;
        }
        walk->top = top->walk.outer;
        leave_chain(top->walk.via, awaiter(top));
        top->walk.mark = OVER;
    }
}

/* From the tasks that wait for a compound; then from itself. */
static void walk_from_compound(struct walk *walk, struct weft__compound *compound)
{
    struct weft__node *first = compound->future.waiters, *node = first;

    if (weft__done(&compound->future))
        return;
    do {
        if (node && node->kind == WEFT__NODE_TASK)
            walk_from(walk, &weft__container_of(node, struct weft__task, node)->future);
    } while (node && (node = node->next) != first);
    walk_from(walk, &compound->future);
}

void weft__circles_break(weft_loop *loop)
{
    struct walk walk = {NULL, NULL, NULL};
    struct weft__task *task;

    weft__loop_use(loop, NULL, WEFT__USE_ALL);
    for (struct weft__compound *compound = loop->asked.first; compound; compound = compound->next)
        walk_from_compound(&walk, compound);
    for (struct weft__compound *compound = loop->asked.first; compound; compound = compound->next)
        compound->walk.back = NULL; /* what it points to may go now; and this may come again */
    while ((task = walk.first_cut)) {
        walk.first_cut = task->gen->link->value;
        if (weft__task_blocked_on(task))
            weft__task_let_go(task);
    }
}
