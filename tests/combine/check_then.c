/* check_then.c - shield, which stops a cancel; then, which goes on from a future to the next. */
#include <errno.h>
#include <string.h>

#include "support/combine_bodies.h"

/* ---- shield ---- */

/* 139 */
RULE(a_shield_passes_result_error_and_the_futures_own_cancel)
{
    weft_future *a = told(weft_shield(CHILD(.seconds = 1, .value = "A")), "a");
    weft_future *b = told(weft_shield(CHILD(.seconds = 2, .error = -EIO)), "b");
    weft_task *task = CHILD(.seconds = 5);
    weft_future *c = told(weft_shield(weft_future_ref(task)), "c");

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "c:WEFT_ECANCELLED@0 a:0@1 b:EIO@2");
    ck_assert_str_eq(weft_future_take(a), "A");
    ck_assert(weft_future_is_cancelled(c));
    weft_future_unref(a);
    weft_future_unref(b);
    weft_future_unref(c);
    weft_future_unref(task);
}
END_RULE

/* 140 */
RULE(a_cancel_of_the_shield_leaves_the_future_running)
{
    weft_task *inner = CHILD(.name = "a", .seconds = 1);
    weft_task *task = ASKER(.name = "t", .future = weft_shield(weft_future_ref(inner)));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a t!WEFT_ECANCELLED a.");
    ck_assert_int_eq(weft_future_error(inner), 0);
    weft_future_unref(inner);
    weft_future_unref(task);
}
END_RULE

/* 140 */
RULE(a_done_future_is_returned_as_it_is)
{
    weft_future *done = weft_future_new_done(loop, NULL), *shield = weft_shield(done);

    ck_assert_ptr_eq(shield, done);
    ck_assert(!weft_future_cancel(shield, NULL));
    weft_future_unref(shield);
}
END_RULE

/* 140, 51 */
RULE(a_cancel_that_finds_the_future_done_comes_at_the_next_await)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = ASKER(.name = "t", .future = weft_shield(weft_future_ref(future)));

    run_rounds(1);
    ck_assert_int_eq(weft_future_set_result(future, "A"), 0);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "t=A t2!WEFT_ECANCELLED");
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* 141: asyncio hid it, or reported it twice (gh 86802, 155143) */
RULE(a_failure_after_the_shield_was_cancelled_is_reported_once)
{
    weft_future *shield = weft_shield(CHILD(.seconds = 1, .error = -EIO));

    run_rounds(1);
    ck_assert(weft_future_cancel(shield, NULL));
    run_all();
    ck_assert_ptr_nonnull(strstr(reports(), "a failure that nobody read: <task child-1 failed EIO"));
    ck_assert_ptr_null(strchr(reports(), '\n'));
    weft_future_unref(shield);
}
END_RULE

/* 141 */
RULE(a_failure_that_somebody_else_reads_is_not_reported)
{
    weft_task *inner = CHILD(.seconds = 1, .error = -EIO);
    weft_future *shield = weft_shield(weft_future_ref(inner));

    run_rounds(1);
    ck_assert(weft_future_cancel(shield, NULL));
    ck_assert_int_eq(run_task(inner, NULL), -EIO);
    weft_future_unref(shield);
}
END_RULE

/* 141: gh 79306 */
RULE(the_future_keeps_no_trace_of_a_cancelled_shield)
{
    weft_future *inner = weft_future_new(loop);
    weft_live before, after;
    char text[128];

    weft_testing_live(&before);
    for (int i = 0; i < 100; i++) {
        weft_future *shield = weft_shield(weft_future_ref(inner));

        ck_assert(weft_future_cancel(shield, NULL));
        weft_future_unref(shield);
    }
    weft_testing_live(&after);
    ck_assert_int_eq(after.futures, before.futures);
    weft_future_describe(inner, text, sizeof(text));
    ck_assert_ptr_null(strstr(text, "waiting"));
    weft_future_unref(inner);
}
END_RULE

/* 140 */
RULE(an_operation_that_only_the_shield_held_goes_on_after_its_cancel)
{
    weft_future *shield = weft_shield(
        weft_gather(loop, WEFT_FUTURES(CHILD(.name = "a", .seconds = 3)), 0));

    run_rounds(1);
    ck_assert(weft_future_cancel(shield, NULL));
    weft_future_unref(shield);
    run_all();
    ck_assert_str_eq(trace(), "a a.");
}
END_RULE

/* 140 */
RULE(a_cancelled_shield_of_what_nobody_can_end_holds_nothing)
{
    weft_future *plain = weft_shield(weft_future_new(loop));
    weft_future *forever = weft_shield(weft_sleep_forever(loop));

    ck_assert(weft_future_cancel(plain, NULL));
    ck_assert(weft_future_cancel(forever, NULL));
    weft_future_unref(plain);
    weft_future_unref(forever);
}
END_RULE

/* 142 */
RULE(wait_for_of_a_shield_times_out_and_the_future_goes_on)
{
    weft_future *wait = told(
        weft_wait_for(weft_shield(CHILD(.name = "a", .seconds = 5, .value = "A")), 2), "w");

    run_all();
    ck_assert_str_eq(trace(), "a w:WEFT_ETIMEDOUT@2 a. -A");
    weft_future_unref(wait);
}
END_RULE

/* 139, 82 */
RULE(a_shield_on_a_closed_loop_is_refused_and_one_that_is_pending_ends_with_it)
{
    weft_future *plain = weft_future_new(loop), *shield = weft_shield(weft_sleep(loop, 5));
    weft_future *kept = weft_shield(weft_sleep(loop, 5));

    ck_assert(weft_future_cancel(kept, NULL));
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(shield), WEFT_ECLOSED);
    ck_assert_int_eq(taken_error(weft_shield(weft_future_ref(plain))), WEFT_ECLOSED);
    weft_future_unref(shield);
    weft_future_unref(kept);
    weft_future_unref(plain);
}
END_RULE

/* ---- then ---- */

static weft_future *next;

/* Says what came, and returns `next`. */
static weft_future *step(weft_future *done, void *arg)
{
    void *value;
    int error = weft_future_result(done, &value);

    say("%s(%s)", (const char *)arg, error ? weft_errname(error) : value ? (char *)value : "");
    return next;
}

static weft_future *pass(weft_future *done, void *arg)
{
    say("%s", (const char *)arg);
    return weft_future_ref(done);
}

static void freed(void *arg)
{
    say("free-%s", (const char *)arg);
}

#define THEN(future, fn) weft_then((future), (fn), (void *)(uintptr_t) "f", freed)

/* 21 */
RULE(fn_is_called_once_it_is_done_and_its_future_is_the_outcome)
{
    weft_future *then = told(THEN(CHILD(.seconds = 1, .value = "A"), step), "t");

    next = CHILD(.name = "b", .seconds = 2, .value = "B");
    run_all();
    ck_assert_str_eq(trace(), "b f(A) free-f -A b. t:0@2");
    ck_assert_str_eq(weft_future_take(then), "B");
    weft_future_unref(then);
}
END_RULE

/* 21 */
RULE(null_is_a_result_of_null_and_fn_sees_errors)
{
    weft_future *then = told(THEN(weft_future_new_failed(loop, -EIO), step), "t");

    next = NULL;
    ck_assert_str_eq(trace(), "");
    run_all();
    ck_assert_str_eq(trace(), "f(EIO) free-f t:0@0");
    weft_future_unref(then);
}
END_RULE

/* 21, 22 */
RULE(what_came_can_be_passed_on_with_its_value)
{
    weft_future *then = THEN(THEN(CHILD(.value = "A"), pass), pass);
    void *value;

    run_all();
    ck_assert_int_eq(weft_future_result(then, &value), 0);
    ck_assert_str_eq(value, "A");
    ck_assert_str_eq(trace(), "f free-f f free-f");
    weft_future_unref(then);
    ck_assert_str_eq(trace(), "f free-f f free-f -A");
}
END_RULE

/* 44 */
RULE(a_cancel_goes_to_the_future_and_fn_sees_it_and_may_go_on)
{
    weft_future *then = told(THEN(CHILD(.name = "a", .seconds = 5), step), "t");

    next = weft_sleep(loop, 1);
    run_rounds(1);
    ck_assert(weft_future_cancel(then, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a a! f(WEFT_ECANCELLED) free-f t:0@1");
    weft_future_unref(then);
}
END_RULE

/* 44 */
RULE(after_fn_a_cancel_goes_to_what_it_returned)
{
    weft_future *then = told(THEN(weft_future_new_done(loop, NULL), step), "t");

    next = CHILD(.name = "b", .seconds = 5, .cleanup = 1);
    run_rounds(2);
    ck_assert(weft_future_cancel(then, NULL));
    run_all();
    ck_assert_str_eq(trace(), "f() free-f b b! b~ t:WEFT_ECANCELLED@1");
    weft_future_unref(then);
}
END_RULE

/* A cancel comes when the future is done and fn has not been called. */
static weft_future *late_cancel(weft_future *returned)
{
    weft_future *then = told(weft_wait_for(THEN(weft_future_new_done(loop, NULL), step), 9), "t");

    next = returned;
    ck_assert(weft_future_cancel(then, "why"));
    run_all();
    return then;
}

/* 44, 126 */
RULE(a_cancel_between_the_future_and_fn_goes_to_what_fn_returns)
{
    weft_future_unref(late_cancel(CHILD(.name = "b", .seconds = 5)));
    ck_assert_str_eq(trace(), "b f() free-f b! t:WEFT_ECANCELLED@0");
}
END_RULE

/* 44, 126 */
RULE(and_is_not_swallowed_if_that_is_done)
{
    weft_future *done = weft_future_new(loop);
    weft_future *then;

    ck_assert_int_eq(weft_future_set_owned(done, "B", destroy), 0);
    then = late_cancel(done);
    ck_assert_str_eq(trace(), "f() free-f -B t:WEFT_ECANCELLED@0");
    ck_assert_str_eq(weft_future_cancel_reason(then), "why");
    weft_future_unref(then);
    weft_future_unref(late_cancel(NULL));
    ck_assert_str_eq(trace(), "f() free-f -B t:WEFT_ECANCELLED@0 f() free-f t:WEFT_ECANCELLED@0");
}
END_RULE

/* 44 */
RULE(dropped_before_fn_it_is_never_called_and_its_argument_is_freed)
{
    weft_future *then = THEN(CHILD(.name = "a", .seconds = 5), step);

    run_rounds(1);
    weft_future_unref(then);
    run_all();
    ck_assert_str_eq(trace(), "a free-f a!");
}
END_RULE

static weft_future *self;

static weft_future *drops_itself(weft_future *done, void *arg)
{
    (void)done;
    say("%s", (const char *)arg);
    weft_future_unref(self);
    return CHILD(.name = "b", .seconds = 5);
}

static weft_future *cancels_itself(weft_future *done, void *arg)
{
    (void)done, (void)arg;
    ck_assert(weft_future_cancel(self, NULL));
    return CHILD(.name = "b", .seconds = 5);
}

static weft_future *returns_itself(weft_future *done, void *arg)
{
    (void)done, (void)arg;
    return weft_future_ref(self);
}

static weft_future *returns_a_wrap_of_itself(weft_future *done, void *arg)
{
    (void)done, (void)arg;
    return weft_wait_for(weft_wait_for(weft_future_ref(self), 5), 6);
}

static weft_future *returns_a_gather_of_itself(weft_future *done, void *arg)
{
    (void)done, (void)arg;
    return weft_gather(NULL, WEFT_FUTURES(weft_future_ref(self)), 0);
}

/* 13, 60 */
RULE(fn_may_drop_or_cancel_the_future_that_it_is_of)
{
    self = THEN(weft_future_new_done(loop, NULL), drops_itself);
    run_all();
    ck_assert_str_eq(trace(), "f free-f");
    self = told(THEN(weft_future_new_done(loop, NULL), cancels_itself), "t");
    run_all();
    ck_assert_str_eq(trace(), "f free-f free-f t:WEFT_ECANCELLED@0");
    weft_future_unref(self);
}
END_RULE

/* 29 */
RULE(fn_may_not_return_what_waits_for_itself)
{
    self = told(THEN(weft_future_new_done(loop, NULL), returns_itself), "t");
    run_all();
    weft_future_unref(self);
    self = told(THEN(weft_future_new_done(loop, NULL), returns_a_wrap_of_itself), "t");
    run_all();
    weft_future_unref(self);
    weft_loop_set_debug(loop, true);
    self = told(THEN(weft_future_new_done(loop, NULL), returns_a_gather_of_itself), "t");
    run_all();
    weft_future_unref(self);
    ck_assert_str_eq(trace(), "free-f t:WEFT_ESELFAWAIT@0 free-f t:WEFT_ESELFAWAIT@0 "
                              "free-f t:WEFT_EDEADLOCK@0");
}
END_RULE

/* 19, 82 */
RULE(another_loops_future_and_a_closed_loop_are_refused)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *then = told(THEN(weft_future_new_done(loop, NULL), step), "t");

    next = weft_future_new(other);
    run_all();
    weft_future_unref(then);
    next = weft_future_new(other);
    ck_assert_int_eq(weft_loop_close(other), 0);
    ck_assert_int_eq(taken_error(THEN(next, step)), WEFT_ECLOSED);
    ck_assert_str_eq(trace(), "f() free-f t:WEFT_EOTHERLOOP@0 free-f");
    weft_loop_unref(other);
}
END_RULE

/* 82 */
RULE(a_loop_that_closes_ends_it_without_fn)
{
    weft_future *then = THEN(weft_sleep(loop, 1), step);

    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_int_eq(weft_future_error(then), WEFT_ECLOSED);
    weft_future_unref(then);
    ck_assert_str_eq(trace(), "free-f");
}
END_RULE

static weft_future *sleeps_on(weft_future *done, void *arg)
{
    (void)done, (void)arg;
    return weft_sleep(NULL, 1);
}

static int then_attempt(void)
{
    weft_loop *fresh = virtual_loop();
    int error;

    if (!fresh)
        return -ENOMEM;
    error = weft_run_until_complete(
        fresh, weft_shield(weft_then(weft_sleep(fresh, 1), sleeps_on, NULL, NULL)), NULL);
    weft_loop_unref(fresh);
    return error;
}

/* 100 */
RULE(without_memory_they_fail_and_nothing_is_left)
{
    each_allocation_fails(then_attempt);
}
END_RULE

RUN_SUITE("then", a_shield_passes_result_error_and_the_futures_own_cancel,
          a_cancel_of_the_shield_leaves_the_future_running, a_done_future_is_returned_as_it_is,
          a_cancel_that_finds_the_future_done_comes_at_the_next_await,
          a_failure_after_the_shield_was_cancelled_is_reported_once,
          a_failure_that_somebody_else_reads_is_not_reported,
          the_future_keeps_no_trace_of_a_cancelled_shield,
          an_operation_that_only_the_shield_held_goes_on_after_its_cancel,
          a_cancelled_shield_of_what_nobody_can_end_holds_nothing,
          wait_for_of_a_shield_times_out_and_the_future_goes_on,
          a_shield_on_a_closed_loop_is_refused_and_one_that_is_pending_ends_with_it,
          fn_is_called_once_it_is_done_and_its_future_is_the_outcome,
          null_is_a_result_of_null_and_fn_sees_errors, what_came_can_be_passed_on_with_its_value,
          a_cancel_goes_to_the_future_and_fn_sees_it_and_may_go_on,
          after_fn_a_cancel_goes_to_what_it_returned,
          a_cancel_between_the_future_and_fn_goes_to_what_fn_returns,
          and_is_not_swallowed_if_that_is_done,
          dropped_before_fn_it_is_never_called_and_its_argument_is_freed,
          fn_may_drop_or_cancel_the_future_that_it_is_of, fn_may_not_return_what_waits_for_itself,
          another_loops_future_and_a_closed_loop_are_refused, a_loop_that_closes_ends_it_without_fn,
          without_memory_they_fail_and_nothing_is_left)
