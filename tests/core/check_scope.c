/* check_scope.c - scopes: deadlines. */
#include <errno.h>
#include <math.h>

#include "support/harness.h"

/* Enters a scope, awaits a sleep in it, leaves it, says what that gave; then sleeps on if it is told to. */
struct scoped {
    weft_gen gen;
    weft_scope scope;
    const char *name;
    double limit;
    double inside;
    double after;
    int raise; /* instead of the sleep's error */
    int error;
};

static weft_step scoped(void *frame)
{
    struct scoped *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, f->limit, 0), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->inside));
    f->error = f->raise ? f->raise : weft_failed(f);
    f->error = weft_scope_exit(&f->scope, f->error);
    say("%s:%s,%d,%d@%g", f->name, weft_errname(f->error), weft_scope_expired(&f->scope),
        weft_task_cancelling(weft_current_task()), weft_loop_time(NULL));
    if (f->after > 0)
        WEFT_AWAIT(f, weft_sleep(NULL, f->after));
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_END(f);
}
WEFT_GEN_TYPE(scoped);

/* Two scopes, a sleep in the inner one, and another one between the two exits. */
struct nested {
    weft_gen gen;
    weft_scope outer, inner;
    double outer_limit, inner_limit;
    double between;
    int error;
};

static weft_step nested(void *frame)
{
    struct nested *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->outer, f->outer_limit, 0), 0);
    ck_assert_int_eq(weft_scope_enter(&f->inner, f->inner_limit, 0), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 50));
    f->error = weft_scope_exit(&f->inner, weft_failed(f));
    say("inner:%s,%d@%g", weft_errname(f->error), weft_scope_expired(&f->inner),
        weft_loop_time(NULL));
    if (f->error == WEFT_ETIMEDOUT && f->between > 0) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->between));
        f->error = weft_failed(f);
    }
    f->error = weft_scope_exit(&f->outer, f->error);
    say("outer:%s,%d,%d@%g", weft_errname(f->error), weft_scope_expired(&f->outer),
        weft_task_cancelling(weft_current_task()), weft_loop_time(NULL));
    WEFT_AWAIT(f, weft_sleep(NULL, 0));
    say("on");
    WEFT_END(f);
}
WEFT_GEN_TYPE(nested);

static void cancel_call(void *arg)
{
    ck_assert(weft_future_cancel(arg, "foreign"));
}

/* ---- one scope ---- */

/* 129, 135 */
RULE(at_the_deadline_cancelled_becomes_timed_out_and_the_task_is_not_cancelled)
{
    weft_task *task = weft_task_new(
        loop, WEFT_CALL(scoped, .name = "a", .limit = 2, .inside = 5, .after = 1));

    ck_assert_int_eq(run_task(task, NULL), WEFT_ETIMEDOUT);
    ck_assert_str_eq(trace(), "a:WEFT_ETIMEDOUT,1,0@2");
    ck_assert_double_eq(weft_loop_time(loop), 3);
}
END_RULE

/* 129 */
RULE(a_body_in_time_is_no_timeout_and_the_timer_is_gone)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(scoped, .name = "a", .limit = 9, .inside = 1));

    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a:0,0,0@1");
    run_all();
    ck_assert_double_eq(weft_loop_time(loop), 1);
}
END_RULE

/* 129, 127 [D]: the outcome wins over an expiry of the same tick, because of 51 */
RULE(a_body_that_got_through_withdraws_an_undelivered_expiry)
{
    weft_task *task = weft_task_new(
        loop, WEFT_CALL(scoped, .name = "a", .limit = 2, .inside = 1, .after = 1));

    run_rounds(1);
    weft_testing_advance(loop, 3);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a:0,1,0@3");
}
END_RULE

/* 129 */
RULE(timed_out_and_a_foreign_request_stay_cancelled)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(scoped, .name = "a", .limit = 2, .inside = 5));

    run_rounds(1);
    weft_testing_advance(loop, 2);
    ck_assert_int_eq(weft_call_soon(loop, cancel_call, task, NULL), 0);
    weft_future_ref(task);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(task);
}
END_RULE

/* 130, 63 */
RULE(a_foreign_cancel_before_the_deadline_stays_cancelled)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(scoped, .name = "a", .limit = 2, .inside = 5));

    ck_assert_int_eq(weft_call_later(loop, 1, cancel_call, task, NULL), 0);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "a:WEFT_ECANCELLED,0,1@1");
}
END_RULE

/* 131 */
RULE(other_errors_pass_through_expired_or_not)
{
    weft_task *a = weft_task_new(
        loop, WEFT_CALL(scoped, .name = "a", .limit = 9, .inside = 1, .raise = -EIO));
    weft_task *b = weft_task_new(
        loop, WEFT_CALL(scoped, .name = "b", .limit = 2, .inside = 9, .raise = -EIO));

    ck_assert_int_eq(run_task(a, NULL), -EIO);
    ck_assert_int_eq(run_task(b, NULL), -EIO);
    ck_assert_str_eq(trace(), "a:EIO,0,0@1 b:EIO,1,0@2");
}
END_RULE

/* 133 */
RULE(a_deadline_now_or_past_lets_the_body_run_to_its_first_await)
{
    static const double limits[] = {0, -1, -INFINITY};

    for (int i = 0; i < 3; i++) {
        weft_task *task = weft_task_new(loop, WEFT_CALL(scoped, .name = "a", .limit = limits[i]));

        ck_assert_int_eq(run_task(task, NULL), WEFT_ETIMEDOUT);
        task = weft_task_new(loop, WEFT_CALL(scoped, .name = "b", .limit = limits[i], .inside = 1));
        ck_assert_int_eq(run_task(task, NULL), WEFT_ETIMEDOUT);
    }
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_RULE

/* 129 */
RULE(without_a_deadline_nothing_expires)
{
    weft_task *task = weft_task_new(
        loop, WEFT_CALL(scoped, .name = "a", .limit = WEFT_NEVER, .inside = 1e6));

    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a:0,0,0@1e+06");
}
END_RULE

/* ---- nested ---- */

/* 132 */
RULE(nested_scopes_convert_each_its_own)
{
    ck_assert_int_eq(
        weft_spawn(loop, WEFT_CALL(nested, .outer_limit = 3, .inner_limit = 1, .between = 10)), 0);
    run_all();
    ck_assert_str_eq(trace(), "inner:WEFT_ETIMEDOUT,1@1 outer:WEFT_ETIMEDOUT,1,0@3 on");
}
END_RULE

/* 132, 63 */
RULE(the_inner_scope_passes_the_outer_ones_cancel)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(nested, .outer_limit = 1, .inner_limit = 3)), 0);
    run_all();
    ck_assert_str_eq(trace(), "inner:WEFT_ECANCELLED,0@1 outer:WEFT_ETIMEDOUT,1,0@1 on");
}
END_RULE

/* 132 */
RULE(of_two_scopes_with_one_deadline_the_outer_reports)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(nested, .outer_limit = 2, .inner_limit = 2)), 0);
    run_all();
    ck_assert_str_eq(trace(), "inner:WEFT_ECANCELLED,1@2 outer:WEFT_ETIMEDOUT,1,0@2 on");
}
END_RULE

/* 132 */
RULE(a_late_loop_honours_both_deadlines)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(nested, .outer_limit = 2, .inner_limit = 1)), 0);
    run_rounds(1);
    weft_testing_advance(loop, 5);
    run_all();
    ck_assert_str_eq(trace(), "inner:WEFT_ECANCELLED,1@5 outer:WEFT_ETIMEDOUT,1,0@5 on");
}
END_RULE

/* ---- the states ---- */

/* Tries every call in every state. */
struct states {
    weft_gen gen;
    weft_scope scope;
};

static weft_step states(void *frame)
{
    struct states *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_reschedule(&f->scope, 1), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_scope_exit(&f->scope, -EIO), -EIO);
    ck_assert_int_eq(weft_scope_enter(&f->scope, NAN, 0), -EINVAL);
    ck_assert_int_eq(weft_scope_exit(&f->scope, -EIO), -EIO);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 1, 0), 0);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 1, 0), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_scope_reschedule(&f->scope, NAN), -EINVAL);
    ck_assert_int_eq(weft_scope_reschedule(&f->scope, WEFT_NEVER), 0);
    WEFT_AWAIT(f, weft_sleep(NULL, 5));
    ck_assert(!weft_scope_expired(&f->scope));
    ck_assert_int_eq(weft_scope_reschedule(&f->scope, 2), 0);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    ck_assert_int_eq(weft_scope_reschedule(&f->scope, 4), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 50));
    ck_assert_int_eq(weft_failed(f), WEFT_ECANCELLED);
    say("%g", weft_loop_time(NULL));
    ck_assert(weft_scope_expired(&f->scope));
    ck_assert_int_eq(weft_scope_reschedule(&f->scope, 1), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 1, 0), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_scope_exit(&f->scope, WEFT_ECANCELLED), WEFT_ETIMEDOUT);
    ck_assert(weft_scope_expired(&f->scope));
    ck_assert_int_eq(weft_scope_reschedule(&f->scope, 1), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_scope_exit(&f->scope, WEFT_ECANCELLED), WEFT_ECANCELLED);
    say("over");
    WEFT_END(f);
}
WEFT_GEN_TYPE(states);

/* 134 */
RULE(a_deadline_moves_while_the_scope_is_active_and_at_no_other_time)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(states)), NULL), 0);
    ck_assert_str_eq(trace(), "10 over");
}
END_RULE

/* 134 */
RULE(outside_a_task_there_is_nothing_to_enter)
{
    weft_scope scope = {0};

    ck_assert_int_eq(weft_scope_enter(&scope, 1, 0), WEFT_ENOTASK);
    ck_assert_int_eq(weft_scope_exit(&scope, WEFT_ECANCELLED), WEFT_ECANCELLED);
    ck_assert(!weft_scope_expired(&scope));
}
END_RULE

/* ---- in the cleanup of a cancelled task ---- */

struct cleaner {
    weft_gen gen;
    weft_outcome outcome;
};

static weft_step cleaner(void *frame)
{
    struct cleaner *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    WEFT_AWAIT(f, weft_sleep_forever(NULL));
    WEFT_FINALLY(f);
    WEFT_TRY_YIELD_FROM(f, WEFT_CALL(scoped, .name = "a", .limit = 2, .inside = 1));
    WEFT_TRY_YIELD_FROM(f, WEFT_CALL(scoped, .name = "b", .limit = 2, .inside = 5));
    WEFT_END(f);
}
WEFT_GEN_TYPE(cleaner);

/* 136 */
RULE(a_scope_works_in_the_cleanup_of_a_cancelled_task)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(cleaner));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a:0,0,1@1 b:WEFT_ETIMEDOUT,1,1@3");
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(task);
}
END_RULE

/* ---- a request that stood at entry ---- */

struct asked_before {
    weft_gen gen;
    weft_scope scope;
};

static weft_step asked_before(void *frame)
{
    struct asked_before *f = frame;

    WEFT_BEGIN(f);
    weft_future_cancel(weft_current_task(), NULL);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 0, 0), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s", weft_errname(weft_failed(f)));
    say("%s", weft_errname(weft_scope_exit(&f->scope, weft_failed(f))));
    say("%d", weft_task_cancelling(weft_current_task()));
    WEFT_RAISE(f, WEFT_ECANCELLED);
    WEFT_END(f);
}
WEFT_GEN_TYPE(asked_before);

/* 63, 130 */
RULE(a_foreign_request_that_is_delivered_with_the_deadlines_stays_a_cancel)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(asked_before)), NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED WEFT_ECANCELLED 1");
}
END_RULE

RUN_SUITE("scope", a_foreign_request_that_is_delivered_with_the_deadlines_stays_a_cancel,
          at_the_deadline_cancelled_becomes_timed_out_and_the_task_is_not_cancelled,
          a_body_in_time_is_no_timeout_and_the_timer_is_gone,
          a_body_that_got_through_withdraws_an_undelivered_expiry,
          timed_out_and_a_foreign_request_stay_cancelled,
          a_foreign_cancel_before_the_deadline_stays_cancelled,
          other_errors_pass_through_expired_or_not,
          a_deadline_now_or_past_lets_the_body_run_to_its_first_await,
          without_a_deadline_nothing_expires, nested_scopes_convert_each_its_own,
          the_inner_scope_passes_the_outer_ones_cancel,
          of_two_scopes_with_one_deadline_the_outer_reports, a_late_loop_honours_both_deadlines,
          a_deadline_moves_while_the_scope_is_active_and_at_no_other_time,
          outside_a_task_there_is_nothing_to_enter, a_scope_works_in_the_cleanup_of_a_cancelled_task)
