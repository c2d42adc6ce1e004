/* eager_bodies.h - bodies that both suites on eager tasks use. */
#ifndef WEFT_TESTS_EAGER_BODIES_H
#define WEFT_TESTS_EAGER_BODIES_H

#include "support/harness.h"

/* Says its name, awaits a future if it is given one (takes it), says the name with a point, ends. */
struct child {
    weft_gen gen;
    const char *name;
    weft_future *future;
    int error;
    weft_task *cancels; /* asked to cancel first; "me": itself */
    bool cancels_me;
};

static void destroy(void *value)
{
    say("destroyed-%s", (const char *)value);
}

static weft_step child(void *frame)
{
    struct child *f = frame;

    WEFT_BEGIN(f);
    say("%s", f->name);
    if (f->cancels_me)
        f->cancels = weft_current_task();
    if (f->cancels)
        ck_assert(weft_future_cancel(f->cancels, "by a child"));
    if (f->future) {
        WEFT_TRY_AWAIT(f, f->future);
        say("%s%s", f->name, weft_failed(f) ? "!" : ".");
        if (weft_failed(f))
            WEFT_RAISE(f, weft_failed(f));
    }
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_RETURN_OWNED(f, "value", destroy);
    WEFT_END(f);
}

static void child_cleanup(void *frame)
{
    say("freed-%s", ((struct child *)frame)->name);
}
WEFT_GEN_TYPE(child, .cleanup = child_cleanup);

/* Runs `part` within its step; what that leaves in `task` is awaited then. */
struct within {
    weft_gen gen;
    void (*part)(struct within *f);
    weft_task *task, *other;
    int first_error;
};

static weft_step within(void *frame)
{
    struct within *f = frame;

    WEFT_BEGIN(f);
    say("<");
    f->part(f);
    say(">");
    if (f->task)
        WEFT_TRY_AWAIT(f, f->task);
    f->first_error = weft_failed(f);
    WEFT_RETURN(f, weft_from_int(f->first_error));
    WEFT_END(f);
}
WEFT_GEN_TYPE(within);

/* Run a part inside a task; returns the error of what it left in `task`. */
static int run_within(void (*part)(struct within *f))
{
    intptr_t error = 0;

    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(within, .part = part)), &error), 0);
    return (int)error;
}

static void make_waiting(struct within *f)
{
    f->task = weft_task_new_eager(NULL,
                                  WEFT_CALL(child, .name = "a", .future = weft_sleep(NULL, 1)));
    ck_assert(!weft_future_is_done(f->task));
    ck_assert_ptr_nonnull(weft_task_awaiting(f->task));
}

static void make_done(struct within *f)
{
    weft_task *tasks[4];
    void *value;

    f->task = weft_task_new_eager(NULL, WEFT_CALL(child, .name = "a"));
    ck_assert(weft_future_is_done(f->task));
    ck_assert_int_eq(weft_future_result(f->task, &value), 0);
    ck_assert_str_eq(value, "value");
    ck_assert_uint_eq(weft_all_tasks(NULL, tasks, 4), 1);
    ck_assert_ptr_eq(tasks[0], weft_current_task());
    ck_assert_uint_eq(weft_task_stack(f->task, NULL, 0), 0);
}

#endif
