/* check_group.c - groups: exit waits, failures and policies, who may do what, memory. */
#include <string.h>

#include "support/group_bodies.h"

/* ---- exit waits ---- */

static void fill_two(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 2);
    SPAWN(.name = "b", .seconds = 1);
}

/* 143 */
RULE(exit_waits_for_all_children)
{
    ck_assert_int_eq(OWNER(.fill = fill_two), 0);
    ck_assert_str_eq(trace(), "a b b. a. exit:0");
    ck_assert_double_eq(weft_loop_time(loop), 2);
}
END_RULE

/* 143 */
RULE(exit_of_an_empty_group_is_done_at_once)
{
    weft_task *task = NEW_OWNER(.fill = NULL);

    run_rounds(1);
    ck_assert_str_eq(trace(), "exit:0");
    ck_assert(weft_future_is_done(task));
    weft_future_unref(task);
}
END_RULE

/* 143 */
RULE(exit_after_all_children_have_ended_is_done_at_once)
{
    ck_assert_int_eq(OWNER(.fill = fill_two, .seconds = 3), 0);
    ck_assert_str_eq(trace(), "a b b. a. body. exit:0");
    ck_assert_double_eq(weft_loop_time(loop), 3);
}
END_RULE

/* A child that spawns another one while the exit waits. */
struct parent {
    weft_gen gen;
    int generations;
};
WEFT_GEN_FORWARD(parent);

static weft_step parent(void *frame)
{
    struct parent *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    say("%d", f->generations);
    if (f->generations > 0)
        ck_assert_int_eq(
            weft_group_spawn(group, WEFT_CALL(parent, .generations = f->generations - 1)), 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(parent);

static void fill_parent(struct owner *f)
{
    ck_assert_int_eq(weft_group_spawn(f->group, WEFT_CALL(parent, .generations = 3)), 0);
}

/* 151 */
RULE(children_may_spawn_while_the_exit_waits)
{
    ck_assert_int_eq(OWNER(.fill = fill_parent), 0);
    ck_assert_str_eq(trace(), "3 2 1 0 exit:0");
}
END_RULE

static void fill_brief(struct owner *f)
{
    SPAWN(.name = "a");
    SPAWN(.name = "b", .seconds = 5);
    ck_assert_uint_eq(weft_group_size(f->group), 2);
}

/* 152 */
RULE(a_child_that_has_ended_is_forgotten_at_once)
{
    weft_task *task = NEW_OWNER(.fill = fill_brief, .seconds = 1);
    weft_live live;

    run_rounds(3);
    ck_assert_uint_eq(weft_group_size(group), 1);
    weft_testing_live(&live);
    ck_assert_int_eq(live.frames, 2);
    ck_assert_int_eq(live.tasks, 2);
    ck_assert_int_eq(live.futures, 5); /* the owner, b, their sleeps, the exit */
    run_all();
    weft_future_unref(task);
}
END_RULE

/* ---- failures ---- */

static void fill_failure(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 5, .cleanup = 1);
    SPAWN(.name = "b", .seconds = 1, .error = -EIO);
    SPAWN(.name = "c", .seconds = 5);
}

/* 144 */
RULE(a_failure_cancels_siblings_and_the_body_and_is_raised_when_all_have_ended)
{
    ck_assert_int_eq(OWNER(.fill = fill_failure, .seconds = 9), -EIO);
    ck_assert_str_eq(trace(), "a b c b. a! c! body!WEFT_ECANCELLED a~ exit:EIO");
    ck_assert_double_eq(weft_loop_time(loop), 2);
}
END_RULE

/* 144 */
RULE(a_failure_while_the_exit_waits_does_not_ask_the_owner)
{
    ck_assert_int_eq(OWNER(.fill = fill_failure, .after = true), -EIO);
    ck_assert_str_eq(trace(), "a b c b. a! c! a~ exit:EIO after:0");
}
END_RULE

/* 145 */
RULE(an_error_of_the_body_cancels_the_children_and_is_the_outcome)
{
    ck_assert_int_eq(OWNER(.fill = fill_failure, .seconds = 0.5, .error = -EPIPE), -EPIPE);
    ck_assert_str_eq(trace(), "a b c body. a! b! c! a~ exit:EPIPE");
}
END_RULE

/* 145 */
RULE(an_error_of_a_body_without_children_is_the_outcome)
{
    ck_assert_int_eq(OWNER(.error = -EPIPE, .after = true), -EPIPE);
    ck_assert_str_eq(trace(), "exit:EPIPE after:0");
}
END_RULE

static void fill_errors(struct owner *f)
{
    weft_task *task;

    (void)f;
    task = weft_group_task(
        group, WEFT_CALL(child, .name = "a", .seconds = 5, .cleanup = 1, .cleanup_error = -EPIPE));
    ck_assert_int_eq(weft_task_set_name(task, "a task with a name that is much too long"), 0);
    weft_future_unref(task);
    SPAWN(.name = "b", .seconds = 1, .error = -EIO);
    SPAWN(.name = "c", .seconds = 5);
}

/* 146, 156 [D]: C has no except* to take a tree apart */
RULE(several_failures_are_all_kept_in_order_and_cancels_are_none)
{
    weft_task *task = NEW_OWNER(.fill = fill_errors);
    weft_group_error errors[3];

    run_rounds(1);
    weft_group_ref(group);
    ck_assert_uint_eq(weft_group_errors(group, errors, 3), 0);
    ck_assert_int_eq(run_task(task, NULL), -EIO);
    ck_assert_uint_eq(weft_group_errors(group, NULL, 0), 2);
    ck_assert_uint_eq(weft_group_errors(group, errors, 3), 2);
    ck_assert_str_eq(errors[0].task, "child-3");
    ck_assert_int_eq(errors[0].error, -EIO);
    ck_assert_str_eq(errors[1].task, "a task with a name that is much");
    ck_assert_int_eq(errors[1].error, -EPIPE);
    weft_group_unref(group);
}
END_RULE

static void fill_many(struct owner *f)
{
    (void)f;
    for (int i = 0; i < 20; i++)
        SPAWN(.name = "x", .seconds = 1 + i, .error = -(i + 1));
}

/* 156 [D]: C has no except* to take a tree apart */
RULE(the_list_of_failures_is_bounded_and_all_are_counted)
{
    weft_task *task = NEW_OWNER(.fill = fill_many, .policy = WEFT_COLLECT);
    weft_group_error errors[32] = {{.error = 0}};

    run_rounds(1);
    weft_group_ref(group);
    ck_assert_int_eq(run_task(task, NULL), -1);
    ck_assert_uint_eq(weft_group_errors(group, errors, 32), 20);
    ck_assert_int_eq(errors[15].error, -16);
    ck_assert_int_eq(errors[16].error, 0);
    memset(errors, 0, sizeof(errors));
    ck_assert_uint_eq(weft_group_errors(group, errors, 2), 20);
    ck_assert_int_eq(errors[1].error, -2);
    ck_assert_int_eq(errors[2].error, 0);
    weft_group_unref(group);
}
END_RULE

static void fill_cancelled(struct owner *f)
{
    weft_task *task;

    (void)f;
    task = weft_group_task(group, WEFT_CALL(child, .name = "a", .seconds = 5));
    weft_future_cancel(task, NULL);
    weft_future_unref(task);
    SPAWN(.name = "b", .seconds = 1, .error = WEFT_ECANCELLED);
    SPAWN(.name = "c", .seconds = 2);
}

/* 146 */
RULE(a_child_cancelled_by_others_is_no_failure)
{
    ck_assert_int_eq(OWNER(.fill = fill_cancelled), 0);
    ck_assert_str_eq(trace(), "b c b. c. exit:0");
}
END_RULE

/* ---- policies ---- */

/* 158 [D]: servers must survive one bad client */
RULE(collect_lets_the_others_run_on_and_raises_the_first_failure)
{
    ck_assert_int_eq(OWNER(.fill = fill_failure, .policy = WEFT_COLLECT, .seconds = 2), -EIO);
    ck_assert_str_eq(trace(), "a b c b. body. a. c. exit:EIO");
}
END_RULE

/* 158 [D]: servers must survive one bad client */
RULE(ignore_reports_a_failure_and_goes_on)
{
    ck_assert_int_eq(OWNER(.fill = fill_failure, .policy = WEFT_IGNORE, .seconds = 2), 0);
    ck_assert_str_eq(trace(), "a b c b. body. a. c. exit:0");
    ck_assert_ptr_nonnull(strstr(reports(), "a failure that nobody read: <task child-3 failed EIO"));
}
END_RULE

/* 158 [D]: servers must survive one bad client */
RULE(in_every_policy_an_error_of_the_body_cancels_the_children)
{
    ck_assert_int_eq(
        OWNER(.fill = fill_two, .policy = WEFT_COLLECT, .error = -EPIPE, .seconds = 0.5), -EPIPE);
    ck_assert_int_eq(
        OWNER(.fill = fill_two, .policy = WEFT_IGNORE, .error = -EPIPE, .seconds = 0.5), -EPIPE);
    ck_assert_str_eq(trace(), "a b body. a! b! exit:EPIPE a b body. a! b! exit:EPIPE");
}
END_RULE

/* ---- nested ---- */

static void fill_inner_failure(struct owner *f)
{
    weft_group *mine = group;

    ck_assert_int_eq(
        weft_group_spawn(mine, WEFT_CALL(owner, .fill = fill_failure, .policy = WEFT_COLLECT)), 0);
    (void)f;
    SPAWN(.name = "z", .seconds = 9);
}

/* 153 */
RULE(a_failure_of_an_inner_group_is_one_failure_of_the_outer_one)
{
    weft_task *task = NEW_OWNER(.fill = fill_inner_failure);
    weft_group_error errors[3];
    weft_group *outer;

    run_rounds(1);
    outer = weft_group_ref(group);
    ck_assert_int_eq(run_task(task, NULL), -EIO);
    ck_assert_str_eq(trace(), "z a b c b. a. c. exit:EIO z! exit:EIO");
    ck_assert_uint_eq(weft_group_errors(outer, errors, 3), 1);
    ck_assert_str_eq(errors[0].task, "owner-2");
    weft_group_unref(outer);
}
END_RULE

/* ---- who may do what, and when ---- */

struct misuse {
    weft_gen gen;
};

static weft_step misuse(void *frame)
{
    struct misuse *f = frame;

    WEFT_BEGIN(f);
    group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_spawn(group, new_counted()), WEFT_EINVALIDSTATE);
    WEFT_TRY_AWAIT(f, weft_group_exit(group, 0));
    ck_assert_int_eq(weft_failed(f), WEFT_EINVALIDSTATE);
    WEFT_TRY_AWAIT(f, weft_group_exit(group, -EPIPE));
    ck_assert_int_eq(weft_failed(f), -EPIPE);
    WEFT_TRY_AWAIT(f, weft_group_exit(group, WEFT_ECANCELLED));
    ck_assert_int_eq(weft_failed(f), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_group_enter(group), 0);
    ck_assert_int_eq(weft_group_enter(group), WEFT_EINVALIDSTATE);
    WEFT_AWAIT(f, weft_group_exit(group, 0));
    ck_assert_int_eq(weft_group_enter(group), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_group_spawn(group, new_counted()), WEFT_EINVALIDSTATE);
    WEFT_TRY_AWAIT(f, weft_group_task(group, new_counted()));
    ck_assert_int_eq(weft_failed(f), WEFT_EINVALIDSTATE);
    WEFT_TRY_AWAIT(f, weft_group_task_eager(group, new_counted()));
    ck_assert_int_eq(weft_failed(f), WEFT_EINVALIDSTATE);
    WEFT_TRY_AWAIT(f, weft_group_start(group, new_counted()));
    ck_assert_int_eq(weft_failed(f), WEFT_EINVALIDSTATE);
    WEFT_TRY_AWAIT(f, weft_group_exit(group, 0));
    ck_assert_int_eq(weft_failed(f), WEFT_EINVALIDSTATE);
    weft_group_cancel(group);
    weft_group_unref(group);
    weft_group_unref(NULL);
    ck_assert_int_eq(lives, 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(misuse);

/* 150 */
RULE(a_spawn_before_enter_or_after_the_end_is_refused_and_frees_the_arguments)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(misuse)), NULL), 0);
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* Spawns when it is cancelled, and exits a group that is not its own. */
struct late {
    weft_gen gen;
};

static weft_step late(void *frame)
{
    struct late *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_group_exit(group, 0));
    ck_assert_int_eq(weft_failed(f), WEFT_ENOTOWNER);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 5));
    ck_assert_int_eq(weft_failed(f), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_group_spawn(group, new_counted()), WEFT_ESHUTDOWN);
    WEFT_TRY_AWAIT(f, weft_group_task(group, new_counted()));
    say("%s %d", weft_errname(weft_failed(f)), lives);
    WEFT_END(f);
}
WEFT_GEN_TYPE(late);

static void fill_late(struct owner *f)
{
    ck_assert_int_eq(weft_group_spawn(f->group, WEFT_CALL(late)), 0);
    SPAWN(.name = "a", .seconds = 1, .error = -EIO);
}

/* 150 */
RULE(a_spawn_while_it_is_stopping_is_refused_and_frees_the_arguments)
{
    ck_assert_int_eq(OWNER(.fill = fill_late), -EIO);
    ck_assert_str_eq(trace(), "a a. WEFT_ESHUTDOWN 0 exit:EIO");
}
END_RULE

static void in_a_callback(void *arg)
{
    weft_group *made = weft_group_new(WEFT_FAIL_FAST);

    (void)arg;
    ck_assert_int_eq(weft_group_enter(made), WEFT_ENOTASK);
    weft_group_unref(made);
}

/* 143 */
RULE(enter_needs_a_task_and_a_group_a_running_loop)
{
    weft_group *none = weft_group_new(WEFT_FAIL_FAST);

    ck_assert_ptr_nonnull(none);
    ck_assert_int_eq(weft_group_enter(none), WEFT_ENOTASK);
    ck_assert_int_eq(weft_group_spawn(none, new_counted()), WEFT_ENOTASK);
    ck_assert_int_eq(lives, 0);
    ck_assert_uint_eq(weft_group_size(none), 0);
    ck_assert_uint_eq(weft_group_errors(none, NULL, 0), 0);
    weft_group_cancel(none);
    weft_group_unref(weft_group_ref(none));
    weft_group_unref(none);
    ck_assert_int_eq(weft_call_soon(loop, in_a_callback, NULL, NULL), 0);
    run_all();
}
END_RULE

/* ---- memory ---- */

static void fill_oom(struct owner *f)
{
    weft_future *future;
    int error;

    error = weft_group_spawn(f->group, WEFT_CALL(child, .name = "a", .seconds = 1));
    ck_assert(error == 0 || error == -ENOMEM);
    f->error = error;
    future = weft_group_task(f->group, WEFT_CALL(child, .name = "b", .seconds = 5));
    f->error = f->error ? f->error : weft_future_error(future) == -ENOMEM ? -ENOMEM : 0;
    weft_future_unref(future);
    future = weft_group_start(f->group, WEFT_CALL(child, .name = "b", .seconds = 2));
    f->error = f->error ? f->error : weft_future_error(future) == -ENOMEM ? -ENOMEM : 0;
    weft_future_unref(future);
}

/* An owner that asserts nothing. */
struct frail {
    weft_gen gen;
    weft_outcome outcome;
    struct owner o;
};

static weft_step frail(void *frame)
{
    struct frail *f = frame;

    WEFT_BEGIN(f);
    f->o.group = weft_group_new(WEFT_FAIL_FAST);
    WEFT_TRY(f);
    if (weft_group_enter(f->o.group) != 0)
        WEFT_RAISE(f, -ENOMEM);
    fill_oom(&f->o);
    if (f->o.error)
        WEFT_RAISE(f, f->o.error);
    WEFT_FINALLY(f);
    WEFT_GROUP_EXIT(f, f->o.group);
    WEFT_END(f);
}

static void frail_cleanup(void *frame)
{
    weft_group_unref(((struct frail *)frame)->o.group);
}
WEFT_GEN_TYPE(frail, .cleanup = frail_cleanup);

static int attempt(void)
{
    return run_task(weft_task_new(loop, WEFT_CALL(frail)), NULL);
}

/* 100, 150 */
RULE(without_memory_a_group_says_so_and_leaks_nothing)
{
    each_allocation_fails(attempt);
}
END_RULE

RUN_SUITE("group", exit_waits_for_all_children, exit_of_an_empty_group_is_done_at_once,
          exit_after_all_children_have_ended_is_done_at_once,
          children_may_spawn_while_the_exit_waits, a_child_that_has_ended_is_forgotten_at_once,
          a_failure_cancels_siblings_and_the_body_and_is_raised_when_all_have_ended,
          a_failure_while_the_exit_waits_does_not_ask_the_owner,
          an_error_of_the_body_cancels_the_children_and_is_the_outcome,
          an_error_of_a_body_without_children_is_the_outcome,
          several_failures_are_all_kept_in_order_and_cancels_are_none,
          the_list_of_failures_is_bounded_and_all_are_counted,
          a_child_cancelled_by_others_is_no_failure,
          collect_lets_the_others_run_on_and_raises_the_first_failure,
          ignore_reports_a_failure_and_goes_on,
          in_every_policy_an_error_of_the_body_cancels_the_children,
          a_failure_of_an_inner_group_is_one_failure_of_the_outer_one,
          a_spawn_before_enter_or_after_the_end_is_refused_and_frees_the_arguments,
          a_spawn_while_it_is_stopping_is_refused_and_frees_the_arguments,
          enter_needs_a_task_and_a_group_a_running_loop,
          without_memory_a_group_says_so_and_leaks_nothing)
