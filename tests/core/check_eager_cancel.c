/* check_eager_cancel.c - eager tasks: cancels, and what fails. */
#include <errno.h>

#include "support/eager_bodies.h"
#include "support/harness.h"

/* ---- cancel -------------------------------------------------------------------------------------------------- */

static void cancel_done(struct within *f)
{
    make_done(f);
    ck_assert(!weft_future_cancel(f->task, NULL));
    ck_assert(!weft_future_is_cancelled(f->task));
}

/* 210 */
RULE(a_cancel_of_one_that_is_done_at_once_is_false)
{
    ck_assert_int_eq(run_within(cancel_done), 0);
}
END_RULE

static void cancel_waiting(struct within *f)
{
    make_waiting(f);
    ck_assert(weft_future_cancel(f->task, NULL));
    ck_assert_str_eq(trace(), "< a");
    ck_assert_int_eq(weft_task_cancelling(f->task), 1);
}

/* 210 */
RULE(a_cancel_of_one_that_waits_comes_at_its_wait)
{
    ck_assert_int_eq(run_within(cancel_waiting), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "< a > a! freed-a");
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_RULE

static void cancel_itself(struct within *f)
{
    f->task = weft_task_new_eager(NULL, WEFT_CALL(child, .name = "a", .cancels_me = true));
    ck_assert(weft_future_is_cancelled(f->task));
}

/* 210, 50 */
RULE(one_that_cancels_itself_at_once_ends_cancelled)
{
    ck_assert_int_eq(run_within(cancel_itself), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "< a freed-a destroyed-value >");
}
END_RULE

static void cancel_parent(struct within *f)
{
    f->task = weft_task_new_eager(NULL, WEFT_CALL(child, .name = "a", .cancels = weft_current_task(),
                                                  .future = weft_sleep(NULL, 1)));
    ck_assert_int_eq(weft_task_cancelling(weft_current_task()), 1);
}

/* 210, 50: the parent is running, too; its next await is cancelled, and with it the child that it awaits */
RULE(one_that_cancels_its_parent_at_once_ends_the_parents_next_await)
{
    ck_assert_int_eq(run_within(cancel_parent), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "< a > a! freed-a");
}
END_RULE

static weft_future *made;

/* Awaits what was cancelled, and is then cancelled by a child in its first step. */
struct hurt {
    weft_gen gen;
};

static weft_step hurt(void *frame)
{
    struct hurt *f = frame;

    WEFT_BEGIN(f);
    made = weft_future_new(NULL);
    ck_assert(weft_future_cancel(made, NULL));
    WEFT_TRY_AWAIT(f, made);
    ck_assert_int_eq(weft_failed(f), WEFT_ECANCELLED);
    weft_future_unref(
        weft_task_new_eager(NULL, WEFT_CALL(child, .name = "a", .cancels = weft_current_task())));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(hurt);

/* 210, 50 */
RULE(a_request_by_an_eager_child_is_not_taken_for_the_cancel_that_the_parent_has_had)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(hurt)), NULL), 0);
    ck_assert_str_eq(trace(), "a freed-a destroyed-value WEFT_ECANCELLED");
}
END_RULE

/* ---- errors -------------------------------------------------------------------------------------------------- */

static int attempt(void)
{
    weft_task *task = weft_task_new_eager(loop, WEFT_CALL(child, .name = "a"));
    int error = weft_future_is_done(task) ? weft_future_error(task) : 0;

    run_all();
    weft_future_unref(task);
    return error;
}

RULE(without_memory_it_fails_and_the_generator_is_freed)
{
    each_allocation_fails(attempt);
    ck_assert_str_eq(trace(), "freed-a freed-a a freed-a destroyed-value");
}
END_RULE

static int attempt_inside_error;

static void make_without_memory(void *arg)
{
    weft_task *task;

    weft_testing_fail_allocation(2, 1);
    task = weft_task_new_eager(NULL, WEFT_CALL(child, .name = arg));
    weft_testing_fail_allocation(0, 0);
    attempt_inside_error = weft_future_error(task);
    weft_future_unref(task);
}

RULE(without_memory_inside_a_run_nothing_is_run)
{
    ck_assert_int_eq(weft_call_soon(loop, make_without_memory, "a", NULL), 0);
    run_all();
    ck_assert_int_eq(attempt_inside_error, -ENOMEM);
    ck_assert_str_eq(trace(), "freed-a");
}
END_RULE

RULE(on_a_closed_loop_it_fails)
{
    weft_task *task;

    weft_loop_close(loop);
    task = weft_task_new_eager(loop, WEFT_CALL(child, .name = "a"));
    ck_assert_int_eq(weft_future_error(task), WEFT_ECLOSED);
    ck_assert_str_eq(trace(), "freed-a");
    weft_future_unref(task);
}
END_RULE

RUN_SUITE("eager_cancel", a_cancel_of_one_that_is_done_at_once_is_false,
          a_cancel_of_one_that_waits_comes_at_its_wait,
          one_that_cancels_itself_at_once_ends_cancelled,
          one_that_cancels_its_parent_at_once_ends_the_parents_next_await,
          a_request_by_an_eager_child_is_not_taken_for_the_cancel_that_the_parent_has_had,
          without_memory_it_fails_and_the_generator_is_freed,
          without_memory_inside_a_run_nothing_is_run, on_a_closed_loop_it_fails)
