/* check_hooks.c - the hooks of weft/debug.h: what tasks do, told as they do it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support/harness.h"

/* The task's name, in a buffer of few that are used in turn; "-": none. */
static const char *name_of(const weft_task *task)
{
    static char names[4][32];
    static unsigned turn;
    char *name = names[turn++ % 4];

    if (!task)
        return "-";
    weft_task_name(task, name, sizeof(names[0]));
    return name;
}

static void on_spawned(weft_task *task, weft_task *parent, void *arg)
{
    say("%snew(%s<%s)", (const char *)arg, name_of(task), name_of(parent));
    ck_assert(!weft_future_is_done(task));
    ck_assert_ptr_eq(parent, weft_current_task());
}

static void on_exited(weft_task *task, void *arg)
{
    say("%sexit(%s)", (const char *)arg, name_of(task));
    ck_assert(!weft_future_is_done(task));
}

static void on_before(weft_task *task, void *arg)
{
    say("%s%s{", (const char *)arg, name_of(task));
    ck_assert(!weft_future_is_done(task));
}

static void on_after(weft_task *task, void *arg)
{
    say("%s}%s%s", (const char *)arg, name_of(task), weft_future_is_done(task) ? "." : "");
}

static void on_waits(weft_task *task, weft_future *future, void *arg)
{
    say("%swait(%s)", (const char *)arg, name_of(task));
    ck_assert(!weft_future_is_done(future));
    ck_assert_ptr_eq(weft_task_awaiting(task), future);
}

static const weft_hooks all = {.spawned = on_spawned,
                               .exited = on_exited,
                               .before_step = on_before,
                               .after_step = on_after,
                               .waits = on_waits};

/* A body that awaits what is given (takes it), then ends with `error`. */
struct one {
    weft_gen gen;
    weft_future *future;
    int error;
};

static weft_step one(void *frame)
{
    struct one *f = frame;

    WEFT_BEGIN(f);
    if (f->future)
        WEFT_AWAIT(f, f->future);
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_END(f);
}
WEFT_GEN_TYPE(one);

/* ---- each of them -------------------------------------------------------------------------------------------- */

/* 214 [D] */
RULE(the_life_of_a_task_is_told_in_order)
{
    weft_task *task;

    weft_loop_set_hooks(loop, &all, "");
    task = weft_task_new(loop, WEFT_CALL(one, .future = weft_sleep(loop, 1)));
    ck_assert_str_eq(trace(), "new(one-1<-)");
    run_all();
    ck_assert_str_eq(trace(), "new(one-1<-) one-1{ wait(one-1) }one-1 one-1{ exit(one-1) }one-1.");
    weft_future_unref(task);
}
END_RULE

struct parent {
    weft_gen gen;
    bool eager;
};

static weft_step parent(void *frame)
{
    struct parent *f = frame;

    WEFT_BEGIN(f);
    if (f->eager)
        WEFT_AWAIT(f, weft_task_new_eager(NULL, WEFT_CALL(one, .future = weft_sleep(NULL, 1))));
    else
        WEFT_AWAIT(f, weft_task_new(NULL, WEFT_CALL(one)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(parent);

/* 214 */
RULE(spawned_names_the_task_that_made_it)
{
    weft_loop_set_hooks(loop, &all, "");
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(parent)), NULL), 0);
    ck_assert_str_eq(trace(),
                     "new(parent-1<-) parent-1{ new(one-2<parent-1) wait(parent-1) }parent-1 "
                     "one-2{ exit(one-2) }one-2. parent-1{ exit(parent-1) }parent-1.");
}
END_RULE

/* 214, 209 */
RULE(an_eager_first_step_is_a_step_within_a_step)
{
    weft_loop_set_hooks(loop, &all, "");
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(parent, .eager = true)), NULL), 0);
    ck_assert_str_eq(trace(),
                     "new(parent-1<-) parent-1{ new(one-2<parent-1) one-2{ wait(one-2) }one-2 "
                     "wait(parent-1) }parent-1 "
                     "one-2{ exit(one-2) }one-2. parent-1{ exit(parent-1) }parent-1.");
}
END_RULE

static void spawn(void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_spawn(NULL, WEFT_CALL(one)), 0);
}

/* 214 */
RULE(a_task_that_a_callback_makes_has_no_parent)
{
    weft_loop_set_hooks(loop, &all, "");
    ck_assert_int_eq(weft_call_soon(loop, spawn, NULL, NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "new(one-1<-) one-1{ exit(one-1) }one-1.");
}
END_RULE

/* 214 */
RULE(an_await_of_what_is_done_is_no_wait)
{
    weft_loop_set_hooks(loop, &all, "");
    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(one, .future = weft_future_new_done(loop, NULL))),
                 NULL),
        0);
    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(one, .future = weft_sleep(loop, 0))), NULL), 0);
    ck_assert_str_eq(trace(), "new(one-1<-) one-1{ exit(one-1) }one-1. "
                              "new(one-2<-) one-2{ }one-2 one-2{ exit(one-2) }one-2.");
}
END_RULE

/* 214 */
RULE(a_cancelled_task_exits_also_if_it_never_ran)
{
    weft_task *never = weft_task_new(loop, WEFT_CALL(one));
    weft_task *waiting = weft_task_new(loop, WEFT_CALL(one, .future = weft_sleep(loop, 9)));

    weft_loop_set_hooks(loop, &all, "");
    ck_assert(weft_future_cancel(never, NULL));
    run_rounds(1);
    ck_assert(weft_future_cancel(waiting, NULL));
    run_all();
    ck_assert_str_eq(trace(), "one-1{ exit(one-1) }one-1. one-2{ wait(one-2) }one-2 "
                              "one-2{ exit(one-2) }one-2.");
    weft_future_unref(never);
    weft_future_unref(waiting);
}
END_RULE

/* 214 */
RULE(a_task_whose_only_reference_is_the_loops_is_still_there_after_its_last_step)
{
    weft_loop_set_hooks(loop, &all, "");
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(one, .error = -EIO)), 0);
    run_all();
    ck_assert_str_eq(trace(), "new(one-1<-) one-1{ exit(one-1) }one-1.");
    ck_assert_ptr_nonnull(strstr(reports(), "a failure that nobody read: <task one-1 failed EIO"));
}
END_RULE

/* 214, 35 */
RULE(a_task_that_is_pending_when_the_loop_closes_exits)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(one, .future = weft_sleep(loop, 9)));

    weft_loop_set_hooks(loop, &all, "");
    run_rounds(1);
    weft_loop_close(loop);
    ck_assert_str_eq(trace(), "one-1{ wait(one-1) }one-1 exit(one-1)");
    ck_assert_ptr_nonnull(strstr(reports(), "destroyed while it was pending"));
    weft_future_unref(task);
}
END_RULE

static int refuse(void)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(one));
    int error = weft_future_is_done(task) ? weft_future_error(task) : 0;

    weft_future_cancel(task, NULL);
    run_all();
    weft_future_unref(task);
    return error;
}

/* 214 */
RULE(each_spawn_has_its_exit_also_without_memory)
{
    int news = 0, exits = 0;

    weft_loop_set_hooks(loop, &all, "");
    each_allocation_fails(refuse);
    for (const char *at = trace(); (at = strstr(at, "new(")); at++)
        news++;
    for (const char *at = trace(); (at = strstr(at, "exit(")); at++)
        exits++;
    ck_assert_int_ge(news, 1);
    ck_assert_int_eq(news, exits);
}
END_RULE

/* ---- setting them ----------------------------------------------------------------------------------------------- */

/* 214 */
RULE(each_hook_may_be_null)
{
    static const weft_hooks none = {.spawned = NULL};
    weft_hooks hooks;

    weft_loop_set_hooks(loop, &none, NULL);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(parent, .eager = true)), NULL), 0);
    for (int i = 0; i < 5; i++) {
        hooks = (weft_hooks){i == 0 ? on_spawned : NULL, i == 1 ? on_exited : NULL,
                             i == 2 ? on_before : NULL, i == 3 ? on_after : NULL,
                             i == 4 ? on_waits : NULL};
        weft_loop_set_hooks(loop, &hooks, "");
        ck_assert_int_eq(
            run_task(weft_task_new(loop, WEFT_CALL(one, .future = weft_sleep(loop, 1))), NULL), 0);
    }
    ck_assert_str_eq(trace(), "new(one-3<-) exit(one-4) one-5{ one-5{ }one-6 }one-6. wait(one-7)");
    weft_loop_set_hooks(loop, NULL, NULL);
}
END_RULE

/* Changes the loop's hooks between its steps and within one. */
struct changer {
    weft_gen gen;
};

static weft_step changer(void *frame)
{
    struct changer *f = frame;

    WEFT_BEGIN(f);
    weft_loop_set_hooks(NULL, &all, "2:");
    WEFT_PAUSE(f);
    weft_loop_set_hooks(NULL, NULL, NULL);
    WEFT_PAUSE(f);
    weft_loop_set_hooks(NULL, &all, "3:");
    WEFT_PAUSE(f);
    WEFT_END(f);
}
WEFT_GEN_TYPE(changer);

/* 214 */
RULE(hooks_are_set_and_taken_away_at_any_time)
{
    weft_loop_set_hooks(loop, &all, "1:");
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(changer)), NULL), 0);
    ck_assert_str_eq(trace(), "1:new(changer-1<-) 1:changer-1{ 2:}changer-1 2:changer-1{ "
                              "3:changer-1{ 3:exit(changer-1) 3:}changer-1.");
}
END_RULE

/* ---- what hooks may do ------------------------------------------------------------------------------------ */

static void look(weft_task *task, void *arg)
{
    weft_frame_info frame;
    weft_task *tasks[4];
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    ck_assert_ptr_nonnull(out);
    weft_dump(weft_future_loop(task), out);
    fclose(out);
    if (!weft_future_is_done(task)) {
        ck_assert_ptr_nonnull(strstr(text, name_of(task)));
        ck_assert_uint_eq(weft_task_stack(task, &frame, 1), 1);
        ck_assert_uint_eq(weft_all_tasks(weft_future_loop(task), tasks, 4), 1);
    }
    ck_assert_int_eq(weft_call_soon(weft_future_loop(task), say_call, arg, NULL), 0);
}

/* 214, 213 */
RULE(a_hook_may_look_at_everything_and_post)
{
    static const weft_hooks hooks = {.before_step = look, .after_step = look};

    weft_loop_set_hooks(loop, &hooks, "posted");
    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(one, .future = weft_sleep(loop, 1))), NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "posted posted posted posted");
}
END_RULE

/* A counter of what is alive, what ran and who waits for whom, of hooks alone. */
struct counts {
    int alive, most_alive, steps, depth, waits;
};

static void count_spawned(weft_task *task, weft_task *by, void *arg)
{
    struct counts *counts = arg;

    (void)task, (void)by;
    if (++counts->alive > counts->most_alive)
        counts->most_alive = counts->alive;
}

static void count_exited(weft_task *task, void *arg)
{
    (void)task;
    ((struct counts *)arg)->alive--;
}

static void count_before(weft_task *task, void *arg)
{
    struct counts *counts = arg;

    (void)task;
    counts->steps++;
    counts->depth++;
}

static void count_after(weft_task *task, void *arg)
{
    (void)task;
    ((struct counts *)arg)->depth--;
}

static void count_waits(weft_task *task, weft_future *future, void *arg)
{
    (void)task;
    ((struct counts *)arg)->waits += weft_is_task(future) ? 100 : 1;
}

/* 214 */
RULE(counters_need_only_the_hooks)
{
    static const weft_hooks hooks = {count_spawned, count_exited, count_before, count_after,
                                     count_waits};
    struct counts counts = {0};

    weft_loop_set_debug(loop, true);
    weft_loop_set_hooks(loop, &hooks, &counts);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(parent, .eager = i == 0)), 0);
    run_all();
    ck_assert_int_eq(counts.alive, 0);
    ck_assert_int_eq(counts.most_alive, 6);
    ck_assert_int_eq(counts.depth, 0);
    ck_assert_int_eq(counts.steps, 3 * 2 + 2 + 2 * 1);
    ck_assert_int_eq(counts.waits, 301);
}
END_RULE

RUN_SUITE("hooks", the_life_of_a_task_is_told_in_order, spawned_names_the_task_that_made_it,
          an_eager_first_step_is_a_step_within_a_step, a_task_that_a_callback_makes_has_no_parent,
          an_await_of_what_is_done_is_no_wait, a_cancelled_task_exits_also_if_it_never_ran,
          a_task_whose_only_reference_is_the_loops_is_still_there_after_its_last_step,
          a_task_that_is_pending_when_the_loop_closes_exits,
          each_spawn_has_its_exit_also_without_memory, each_hook_may_be_null,
          hooks_are_set_and_taken_away_at_any_time, a_hook_may_look_at_everything_and_post,
          counters_need_only_the_hooks)
