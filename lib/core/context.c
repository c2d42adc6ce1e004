/* context.c - what only some tasks have: a context that their children inherit, a name of their own. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "core/loop.h"

struct weft__task_extra *weft__task_need_extra(struct weft__task *task)
{
    if (!task->extra)
        task->extra = weft__zalloc(sizeof(*task->extra));
    return task->extra;
}

static void free_context(void *context, const weft_context_type *type)
{
    if (context && type && type->free)
        type->free(context);
}

int weft__context_inherit(struct weft__task *task)
{
    const struct weft__task_extra *from = NULL;
    struct weft__task_extra *to;

    if (weft__thread.task)
        from = weft__task(weft__thread.task)->extra;
    if (!from || !from->context)
        return 0;
    to = weft__task_need_extra(task);
    if (!to)
        return -ENOMEM;
    to->context = from->context;
    to->context_type = from->context_type;
    if (from->context_type && from->context_type->copy)
        to->context = from->context_type->copy(from->context);
    return to->context ? 0 : -ENOMEM;
}

int weft_task_set_context(weft_task *task, void *context, const weft_context_type *type)
{
    struct weft__task_extra *extra = NULL;
    const weft_context_type *old_type;
    void *old;
    int error = 0;

    if (!task)
        task = weft__thread.task;
    if (!task)
        error = WEFT_ENOTASK;
    else if (!weft_is_task(task))
        error = WEFT_ENOTTASK;
    else if (weft__done(task))
        error = WEFT_EINVALIDSTATE; /* its end, which frees a context, is over */
    else if (!(extra = weft__task_need_extra(weft__task(task))))
        error = -ENOMEM;
    if (error) {
        free_context(context, type);
        return error;
    }
    weft__loop_use(task->loop, task, WEFT__USE_WRITE);
    old = extra->context;
    old_type = extra->context_type;
    extra->context = context;
    extra->context_type = type;
    free_context(old, old_type); /* the user's: it may set another one */
    return 0;
}

void *weft_task_context(const weft_task *task)
{
    if (!task)
        task = weft__thread.task;
    if (!task || !weft_is_task(task) || !weft__task(task)->extra)
        return NULL;
    weft__loop_use(task->loop, task, WEFT__USE_READ);
    return weft__task(task)->extra->context;
}

void weft__context_release(struct weft__task *task)
{
    void *context;

    while (task->extra && (context = task->extra->context)) {
        task->extra->context = NULL;
        free_context(context, task->extra->context_type); /* the user's: it may set another one */
    }
}

/* ---- names ---------------------------------------------------------------------------------------------- */

int weft_task_name(const weft_task *task, char *buffer, size_t size)
{
    const struct weft__task *self = weft__task(task);

    if (!weft_is_task(task))
        return snprintf(buffer, size, "%s", "");
    weft__loop_use(task->loop, task, WEFT__USE_READ);
    if (self->extra && self->extra->name)
        return snprintf(buffer, size, "%s", self->extra->name);
    return snprintf(buffer, size, "%s-%u",
                    weft__done(task) ? self->gen_type->name : self->gen->type->name,
                    (unsigned)task->id);
}

int weft_task_set_name(weft_task *task, const char *name)
{
    struct weft__task_extra *extra;
    char *copy;

    if (!weft_is_task(task))
        return WEFT_ENOTTASK;
    extra = weft__task_need_extra(weft__task(task));
    copy = extra ? weft__strdup(name) : NULL;
    if (!copy)
        return -ENOMEM;
    weft__loop_use(task->loop, task, WEFT__USE_WRITE);
    weft__string_free(extra->name);
    extra->name = copy;
    return 0;
}
