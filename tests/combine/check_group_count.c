/* check_group_count.c - groups: whose request it was, by weft_task_cancelling before and after; and whose value. */
#include "support/group_bodies.h"

static void fill_failing(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 1, .error = -EIO);
}

/* 149, 144 */
RULE(a_body_that_swallows_the_groups_cancel_is_none_the_wiser_afterwards)
{
    ck_assert_int_eq(OWNER(.fill = fill_failing, .seconds = 5, .swallow = true, .after = true),
                     -EIO);
    ck_assert_str_eq(trace(), "a a. body!WEFT_ECANCELLED exit:EIO after:0");
}
END_RULE

/* Enters with a request that was dealt with, or stands; uncancels as told. */
struct counting {
    weft_gen gen;
    weft_group *group;
    bool self;    /* cancels itself before enter; and takes delivery, if */
    bool taken;   /* is set */
    int uncancel; /* in the body, so often */
    double seconds;
    int error;
};

static weft_step counting(void *frame)
{
    struct counting *f = frame;

    WEFT_BEGIN(f);
    if (f->self)
        weft_future_cancel(weft_current_task(), "before");
    if (f->taken) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
        say("%s", weft_errname(weft_failed(f)));
    }
    group = f->group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_enter(group), 0);
    SPAWN(.name = "a", .seconds = 1, .error = f->error);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->seconds));
    say("body:%s", weft_errname(weft_failed(f)));
    while (f->uncancel-- > 0)
        weft_task_uncancel(weft_current_task());
    WEFT_TRY_AWAIT(f, weft_group_exit(f->group, weft_failed(f)));
    say("exit:%s cancelling=%d", weft_errname(weft_failed(f)),
        weft_task_cancelling(weft_current_task()));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("after:%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}

static void counting_cleanup(void *frame)
{
    weft_group_unref(((struct counting *)frame)->group);
}
WEFT_GEN_TYPE(counting, .cleanup = counting_cleanup);

#define COUNTING(...) \
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(counting, __VA_ARGS__)), NULL), 0)

/* 149 */
RULE(the_count_after_exit_is_the_one_before_enter_also_if_the_body_withdrew_the_request)
{
    COUNTING(.error = -EIO, .seconds = 5, .uncancel = 1);
    ck_assert_str_eq(trace(), "a a. body:WEFT_ECANCELLED exit:EIO cancelling=0 after:0");
}
END_RULE

/* 149 */
RULE(a_request_from_before_that_was_dealt_with_is_not_delivered_again)
{
    COUNTING(.self = true, .taken = true, .error = -EIO, .seconds = 5);
    ck_assert_str_eq(trace(),
                     "WEFT_ECANCELLED a a. body:WEFT_ECANCELLED exit:EIO cancelling=1 after:0");
}
END_RULE

/* 149 */
RULE(withdrawing_the_groups_request_leaves_the_one_from_before)
{
    COUNTING(.self = true, .taken = true, .error = -EIO, .seconds = 5, .uncancel = 1);
    ck_assert_str_eq(trace(),
                     "WEFT_ECANCELLED a a. body:WEFT_ECANCELLED exit:EIO cancelling=1 after:0");
}
END_RULE

/* 147, 149 */
RULE(a_request_from_before_that_is_delivered_within_is_one_of_others)
{
    COUNTING(.self = true, .seconds = 5);
    ck_assert_str_eq(trace(), "a body:WEFT_ECANCELLED a! exit:WEFT_ECANCELLED cancelling=1 after:0");
}
END_RULE

/* ---- the group's request and another one at once ---- */

static void fill_both(struct owner *f)
{
    if (f->policy == WEFT_COLLECT)
        SPAWN(.name = "a", .seconds = 9);
    weft_group_cancel(f->group);
    ck_assert(weft_future_cancel(weft_current_task(), "others"));
}

/* 149, 154, 147 */
RULE(a_request_of_others_that_is_not_delivered_yet_comes_in_the_exit)
{
    ck_assert_int_eq(OWNER(.fill = fill_both, .policy = WEFT_COLLECT, .after = true),
                     WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "exit:WEFT_ECANCELLED cancelling=1 after:0");
}
END_RULE

/* 149, 154, 147 */
RULE(or_after_an_exit_that_need_not_wait)
{
    ck_assert_int_eq(OWNER(.fill = fill_both, .after = true), 0);
    ck_assert_str_eq(trace(), "exit:0 cancelling=1 after:WEFT_ECANCELLED");
}
END_RULE

/* 149, 154, 147 */
RULE(or_in_the_body_with_the_groups_own_and_is_the_outcome)
{
    ck_assert_int_eq(OWNER(.fill = fill_both, .seconds = 1, .after = true), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "body!WEFT_ECANCELLED exit:WEFT_ECANCELLED cancelling=1 after:0");
}
END_RULE

/* Cancels itself, enters, cancels the group; awaits or not. */
struct doomed {
    weft_gen gen;
    bool awaits;
};

static weft_step doomed(void *frame)
{
    struct doomed *f = frame;

    WEFT_BEGIN(f);
    weft_future_cancel(weft_current_task(), "before");
    group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_enter(group), 0);
    weft_group_cancel(group);
    if (f->awaits) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
        say("body:%s", weft_errname(weft_failed(f)));
    }
    WEFT_TRY_AWAIT(f, weft_group_exit(group, weft_failed(f)));
    say("exit:%s", weft_errname(weft_failed(f)));
    weft_group_unref(group);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("after:%s %d", weft_errname(weft_failed(f)), weft_task_cancelling(weft_current_task()));
    WEFT_END(f);
}
WEFT_GEN_TYPE(doomed);

/* 149, 154 */
RULE(the_exit_does_not_withdraw_a_request_from_before_enter)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(doomed)), NULL), 0);
    ck_assert_str_eq(trace(), "exit:0 after:WEFT_ECANCELLED 1");
}
END_RULE

/* 149, 154, 147 */
RULE(a_request_from_before_enter_that_is_delivered_with_the_groups_own_is_the_outcome)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(doomed, .awaits = true)), NULL), 0);
    ck_assert_str_eq(trace(), "body:WEFT_ECANCELLED exit:WEFT_ECANCELLED after:0 1");
}
END_RULE

/* ---- values ---- */

static void destroy(void *value)
{
    say("destroyed-%s", (const char *)value);
}

struct giver {
    weft_gen gen;
    weft_outcome outcome;
    weft_group *group;
    int error; /* of its child; 0: that gives, too */
    bool child;
};
WEFT_GEN_FORWARD(giver);

static weft_step giver(void *frame)
{
    struct giver *f = frame;

    WEFT_BEGIN(f);
    if (f->child)
        WEFT_RETURN_OWNED(f, "childs", destroy);
    f->group = group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_enter(f->group), 0);
    WEFT_TRY(f);
    if (f->error)
        SPAWN(.name = "a", .error = f->error);
    else
        ck_assert_int_eq(weft_group_spawn(f->group, WEFT_CALL(giver, .child = true)), 0);
    WEFT_RETURN_OWNED(f, "mine", destroy);
    WEFT_FINALLY(f);
    WEFT_GROUP_EXIT(f, f->group);
    weft_group_unref(f->group);
    WEFT_END(f);
}
WEFT_GEN_TYPE(giver);

/* 145, 22 */
RULE(the_bodys_value_outlives_the_exit_and_a_childs_is_destroyed)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(giver));
    void *value;

    run_all();
    ck_assert_str_eq(trace(), "destroyed-childs");
    ck_assert_int_eq(weft_future_result(task, &value), 0);
    ck_assert_str_eq(value, "mine");
    weft_future_unref(task);
    ck_assert_str_eq(trace(), "destroyed-childs destroyed-mine");
}
END_RULE

/* 145, 22 */
RULE(a_failure_takes_the_place_of_the_bodys_value_which_is_destroyed)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(giver, .error = -EIO)), NULL), -EIO);
    ck_assert_str_eq(trace(), "a a. destroyed-mine");
}
END_RULE

/* ---- asked twice ---- */

static void fill_one_sleeper(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 5);
}

/* 47, 147 */
RULE(two_requests_before_the_exit_ends_are_delivered_once)
{
    weft_task *task = NEW_OWNER(.fill = fill_one_sleeper, .after = true);

    run_rounds(2);
    ck_assert(weft_future_cancel(task, NULL));
    run_rounds(1);
    ck_assert_str_eq(trace(), "a a!");
    ck_assert(weft_future_cancel(task, NULL)); /* the child has ended, and the exit has not */
    run_all();
    ck_assert_str_eq(trace(), "a a! exit:WEFT_ECANCELLED cancelling=2 after:0");
    weft_future_unref(task);
}
END_RULE

RUN_SUITE("group_count", two_requests_before_the_exit_ends_are_delivered_once,
          a_body_that_swallows_the_groups_cancel_is_none_the_wiser_afterwards,
          the_count_after_exit_is_the_one_before_enter_also_if_the_body_withdrew_the_request,
          a_request_from_before_that_was_dealt_with_is_not_delivered_again,
          withdrawing_the_groups_request_leaves_the_one_from_before,
          a_request_from_before_that_is_delivered_within_is_one_of_others,
          a_request_of_others_that_is_not_delivered_yet_comes_in_the_exit,
          or_after_an_exit_that_need_not_wait, or_in_the_body_with_the_groups_own_and_is_the_outcome,
          the_exit_does_not_withdraw_a_request_from_before_enter,
          a_request_from_before_enter_that_is_delivered_with_the_groups_own_is_the_outcome,
          the_bodys_value_outlives_the_exit_and_a_childs_is_destroyed,
          a_failure_takes_the_place_of_the_bodys_value_which_is_destroyed)
