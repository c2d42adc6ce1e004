/* check_group_cancel.c - groups: cancels from outside and inside, the count, scopes around and within, the end. */
#include <string.h>

#include "support/group_bodies.h"

static void fill_two(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 9, .cleanup = 1);
    SPAWN(.name = "b", .seconds = 9);
}

static void cancel_at(weft_task *task, double when)
{
    ck_assert_int_eq(weft_run_until_complete(loop, weft_sleep(loop, when), NULL), 0);
    ck_assert(weft_future_cancel(task, "others"));
}

/* ---- the owner is cancelled ---- */

/* 147 */
RULE(a_cancel_of_the_owner_in_the_body_cancels_the_children_and_awaits_them)
{
    weft_task *task = NEW_OWNER(.fill = fill_two, .seconds = 9);

    cancel_at(task, 1);
    ck_assert_int_eq(run_task(weft_future_ref(task), NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "a b body!WEFT_ECANCELLED a! b! a~ exit:WEFT_ECANCELLED cancelling=1");
    ck_assert(weft_future_is_cancelled(task));
    ck_assert_str_eq(weft_future_cancel_reason(task), "others");
    ck_assert_double_eq(weft_loop_time(loop), 2);
    weft_future_unref(task);
}
END_RULE

/* 147 */
RULE(a_cancel_of_the_owner_in_the_exit_cancels_the_children_and_awaits_them)
{
    weft_task *task = NEW_OWNER(.fill = fill_two);

    cancel_at(task, 1);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "a b a! b! a~ exit:WEFT_ECANCELLED cancelling=1");
}
END_RULE

/* 147, 58 */
RULE(a_second_cancel_of_the_owner_reaches_the_children_again)
{
    weft_task *task = NEW_OWNER(.fill = fill_two);

    cancel_at(task, 1);
    cancel_at(task, 0.5);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "a b a! b! a!! exit:WEFT_ECANCELLED cancelling=2");
}
END_RULE

static void call_cancel_owner(void *arg)
{
    ck_assert(weft_future_cancel(arg, NULL));
}

static void fill_one(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 1);
}

/* 147, 51 */
RULE(a_cancel_that_comes_when_the_children_have_ended_waits_for_the_next_await)
{
    weft_task *task = NEW_OWNER(.fill = fill_one, .after = true);

    run_rounds(2);
    ck_assert_int_eq(weft_call_later(loop, 1, call_cancel_owner, task, NULL), 0);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a a. exit:0 cancelling=1 after:WEFT_ECANCELLED");
}
END_RULE

static void fill_stubborn(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 9, .cleanup = 1, .cleanup_error = -EIO);
}

/* 148 */
RULE(owner_cancelled_in_the_exit_and_a_failure_gives_both)
{
    weft_task *task = NEW_OWNER(.fill = fill_stubborn, .after = true);

    cancel_at(task, 1);
    ck_assert_int_eq(run_task(task, NULL), -EIO);
    ck_assert_str_eq(trace(), "a a! a~ exit:EIO cancelling=1 after:WEFT_ECANCELLED");
}
END_RULE

/* 148 */
RULE(owner_cancelled_in_the_body_and_a_failure_gives_both)
{
    weft_task *task = NEW_OWNER(.fill = fill_stubborn, .seconds = 9, .after = true);

    cancel_at(task, 1);
    ck_assert_int_eq(run_task(task, NULL), -EIO);
    ck_assert_str_eq(trace(),
                     "a body!WEFT_ECANCELLED a! a~ exit:EIO cancelling=1 after:WEFT_ECANCELLED");
}
END_RULE

/* 148 */
RULE(a_body_that_fails_while_it_is_cancelled_gives_both)
{
    weft_task *task = NEW_OWNER(.seconds = 9, .error = -EPIPE, .after = true);

    cancel_at(task, 1);
    ck_assert_int_eq(run_task(task, NULL), -EPIPE);
    ck_assert_str_eq(trace(), "body!WEFT_ECANCELLED exit:EPIPE cancelling=1 after:WEFT_ECANCELLED");
}
END_RULE

static void fill_failing(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 1, .error = -EIO);
}

static void fill_nested(struct owner *f)
{
    fill_failing(f);
    ck_assert_int_eq(
        weft_group_spawn(group, WEFT_CALL(owner, .fill = fill_failing, .seconds = 5, .after = true)),
        0);
}

/* 148, 153 */
RULE(an_outer_and_an_inner_failure_in_one_round_end_both_groups)
{
    weft_task *task = NEW_OWNER(.fill = fill_nested);

    ck_assert_int_eq(run_task(task, NULL), -EIO);
    ck_assert_str_eq(trace(), "a a a. a. body!WEFT_ECANCELLED exit:EIO cancelling=1 "
                              "after:WEFT_ECANCELLED exit:EIO");
}
END_RULE

/* ---- group.cancel ---- */

static void call_cancel(void *arg)
{
    (void)arg;
    weft_group_cancel(group);
    weft_group_cancel(group);
}

/* 154 */
RULE(group_cancel_ends_children_and_body_without_an_error)
{
    ck_assert_int_eq(weft_call_later(loop, 1, call_cancel, NULL, NULL), 0);
    ck_assert_int_eq(OWNER(.fill = fill_two, .seconds = 9, .after = true), 0);
    ck_assert_str_eq(trace(), "a b a! b! body!WEFT_ECANCELLED a~ exit:0 after:0");
}
END_RULE

/* 154 */
RULE(group_cancel_during_the_exit_ends_it_without_an_error)
{
    ck_assert_int_eq(weft_call_later(loop, 1, call_cancel, NULL, NULL), 0);
    ck_assert_int_eq(OWNER(.fill = fill_two, .after = true), 0);
    ck_assert_str_eq(trace(), "a b a! b! a~ exit:0 after:0");
}
END_RULE

static void fill_and_cancel(struct owner *f)
{
    fill_two(f);
    weft_group_cancel(f->group);
}

/* 154, 45 */
RULE(the_owner_may_cancel_its_group_and_children_that_did_not_start_never_run)
{
    ck_assert_int_eq(OWNER(.fill = fill_and_cancel, .after = true), 0);
    ck_assert_int_eq(OWNER(.fill = fill_and_cancel, .seconds = 1), 0);
    ck_assert_str_eq(trace(), "exit:0 after:0 body!WEFT_ECANCELLED exit:0");
}
END_RULE

/* 154, 148 */
RULE(after_group_cancel_a_failure_is_the_outcome_all_the_same)
{
    ck_assert_int_eq(weft_call_later(loop, 1, call_cancel, NULL, NULL), 0);
    ck_assert_int_eq(OWNER(.fill = fill_stubborn, .seconds = 9, .after = true), -EIO);
    ck_assert_str_eq(trace(), "a a! body!WEFT_ECANCELLED a~ exit:EIO after:0");
}
END_RULE

static weft_task *cancelled_by_both;

static void call_cancel_both(void *arg)
{
    (void)arg;
    weft_group_cancel(group);
    ck_assert(weft_future_cancel(cancelled_by_both, "others"));
}

/* 154, 147 */
RULE(a_cancel_of_others_while_a_cancelled_group_ends_is_not_swallowed)
{
    weft_task *task = NEW_OWNER(.fill = fill_two);

    ck_assert_int_eq(weft_call_later(loop, 1, call_cancel, NULL, NULL), 0);
    cancel_at(task, 1.5);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "a b a! b! a!! exit:WEFT_ECANCELLED cancelling=1");
}
END_RULE

/* 154, 147 */
RULE(a_cancel_of_others_that_is_delivered_with_the_groups_own_is_not_swallowed)
{
    cancelled_by_both = NEW_OWNER(.fill = fill_two, .seconds = 9, .swallow = true);
    ck_assert_int_eq(weft_call_later(loop, 1, call_cancel_both, NULL, NULL), 0);
    ck_assert_int_eq(run_task(cancelled_by_both, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "a b a! b! body!WEFT_ECANCELLED a~ exit:WEFT_ECANCELLED cancelling=1");
}
END_RULE

/* 154, 147 */
RULE(a_cancel_of_others_that_the_body_swallowed_is_no_outcome)
{
    weft_task *task = NEW_OWNER(.fill = fill_two, .seconds = 10, .swallow = true);

    cancel_at(task, 1);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a b body!WEFT_ECANCELLED a. b. exit:0 cancelling=1");
}
END_RULE

/* Cancels the group in its first step, and awaits. */
struct rebel {
    weft_gen gen;
};

static weft_step rebel(void *frame)
{
    struct rebel *f = frame;

    WEFT_BEGIN(f);
    weft_group_cancel(group);
    say("still");
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 5));
    say("rebel:%s", weft_errname(weft_failed(f)));
    WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(rebel);

static void fill_rebel(struct owner *f)
{
    fill_two(f);
    ck_assert_int_eq(weft_group_spawn(f->group, WEFT_CALL(rebel)), 0);
}

/* 154 */
RULE(a_child_that_cancels_the_group_is_cancelled_too)
{
    ck_assert_int_eq(OWNER(.fill = fill_rebel, .seconds = 9, .after = true), 0);
    ck_assert_str_eq(
        trace(), "a b still a! b! body!WEFT_ECANCELLED rebel:WEFT_ECANCELLED a~ exit:0 after:0");
}
END_RULE

static void fill_eager_rebel(struct owner *f)
{
    weft_future_unref(weft_group_task_eager(f->group, WEFT_CALL(rebel)));
}

/* 154, 209 */
RULE(also_in_an_eager_first_step)
{
    ck_assert_int_eq(OWNER(.fill = fill_eager_rebel, .seconds = 9, .after = true), 0);
    ck_assert_str_eq(trace(), "still rebel:WEFT_ECANCELLED body!WEFT_ECANCELLED exit:0 after:0");
}
END_RULE

/* Swallows a cancel, and is asked again by an eager child. */
struct hardened {
    weft_gen gen;
    weft_group *group;
};

static weft_step hardened(void *frame)
{
    struct hardened *f = frame;

    WEFT_BEGIN(f);
    weft_future_cancel(weft_current_task(), NULL);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    weft_task_uncancel(weft_current_task());
    group = f->group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_enter(group), 0);
    weft_future_unref(weft_group_task_eager(group, WEFT_CALL(rebel)));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("body:%s", weft_errname(weft_failed(f)));
    WEFT_AWAIT(f, weft_group_exit(f->group, weft_failed(f)));
    weft_group_unref(f->group);
    WEFT_END(f);
}
WEFT_GEN_TYPE(hardened);

/* 154, 209 */
RULE(an_eager_childs_cancel_reaches_a_body_whose_last_await_was_cancelled)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(hardened)), NULL), 0);
    ck_assert_str_eq(trace(), "still rebel:WEFT_ECANCELLED body:WEFT_ECANCELLED");
}
END_RULE

struct early {
    weft_gen gen;
};

static weft_step early(void *frame)
{
    struct early *f = frame;

    WEFT_BEGIN(f);
    group = weft_group_new(WEFT_FAIL_FAST);
    weft_group_cancel(group);
    ck_assert_int_eq(weft_group_enter(group), 0);
    ck_assert_int_eq(weft_group_spawn(group, new_counted()), WEFT_ESHUTDOWN);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("body:%s", weft_errname(weft_failed(f)));
    WEFT_AWAIT(f, weft_group_exit(group, weft_failed(f)));
    say("%d", weft_task_cancelling(weft_current_task()));
    weft_group_unref(group);
    WEFT_END(f);
}
WEFT_GEN_TYPE(early);

/* 154 */
RULE(group_cancel_before_enter_cancels_the_body_at_its_first_await)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(early)), NULL), 0);
    ck_assert_str_eq(trace(), "body:WEFT_ECANCELLED 0");
    ck_assert_int_eq(lives, 0);
}
END_RULE

/* 154, 57 */
RULE(who_asked_reaches_the_children)
{
    weft_task *task = NEW_OWNER(.fill = fill_two);
    weft_task *children[2];

    run_rounds(2);
    ck_assert_uint_eq(weft_all_tasks(loop, children, 2), 3);
    weft_group_cancel_at(group, "here:1");
    ck_assert_str_eq(weft_future_cancel_site(children[1]), "here:1");
    ck_assert_str_eq(weft_future_cancel_reason(children[1]), "the group was cancelled");
    ck_assert_int_eq(run_task(task, NULL), 0);
    task = NEW_OWNER(.fill = fill_two, .seconds = 1);
    run_rounds(2);
    ck_assert_uint_eq(weft_all_tasks(loop, children, 2), 3);
    weft_future_cancel(task, "others");
    run_rounds(1);
    ck_assert_str_eq(weft_future_cancel_reason(children[1]), "others");
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
}
END_RULE

RUN_SUITE("group_cancel", a_cancel_of_the_owner_in_the_body_cancels_the_children_and_awaits_them,
          a_cancel_of_the_owner_in_the_exit_cancels_the_children_and_awaits_them,
          a_second_cancel_of_the_owner_reaches_the_children_again,
          a_cancel_that_comes_when_the_children_have_ended_waits_for_the_next_await,
          owner_cancelled_in_the_exit_and_a_failure_gives_both,
          owner_cancelled_in_the_body_and_a_failure_gives_both,
          a_body_that_fails_while_it_is_cancelled_gives_both,
          an_outer_and_an_inner_failure_in_one_round_end_both_groups,
          group_cancel_ends_children_and_body_without_an_error,
          group_cancel_during_the_exit_ends_it_without_an_error,
          the_owner_may_cancel_its_group_and_children_that_did_not_start_never_run,
          after_group_cancel_a_failure_is_the_outcome_all_the_same,
          a_cancel_of_others_while_a_cancelled_group_ends_is_not_swallowed,
          a_cancel_of_others_that_is_delivered_with_the_groups_own_is_not_swallowed,
          a_cancel_of_others_that_the_body_swallowed_is_no_outcome,
          a_child_that_cancels_the_group_is_cancelled_too, also_in_an_eager_first_step,
          an_eager_childs_cancel_reaches_a_body_whose_last_await_was_cancelled,
          group_cancel_before_enter_cancels_the_body_at_its_first_await,
          who_asked_reaches_the_children)
