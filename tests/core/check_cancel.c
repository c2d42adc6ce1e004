/* check_cancel.c - cancel requests: counting, delivery, value first. */
#include <errno.h>

#include "support/cancel_bodies.h"
#include "support/harness.h"

/* ---- bodies ---- */

/* Cancels itself; then awaits if it is told to. */
struct suicide {
    weft_gen gen;
    bool awaits;
};

static weft_step suicide(void *frame)
{
    struct suicide *f = frame;

    WEFT_BEGIN(f);
    ck_assert(weft_future_cancel(weft_current_task(), "enough"));
    say("on");
    if (f->awaits) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
        say("%s", weft_errname(weft_failed(f)));
    }
    WEFT_RETURN_OWNED(f, "mine", destroy);
    WEFT_END(f);
}
WEFT_GEN_TYPE(suicide);

static weft_task *sleeping(const char *name, double seconds)
{
    return weft_task_new(loop, WEFT_CALL(sleeper, .name = name, .seconds = seconds));
}

/* ---- the request ---- */

/* 43 */
RULE(cancel_is_true_on_an_unfinished_task_and_false_on_a_finished_one)
{
    weft_task *task = sleeping(NULL, 1);

    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert(!weft_future_cancel(task, NULL));
    ck_assert_int_eq(weft_task_cancelling(task), 0);
    weft_future_unref(task);
}
END_RULE

/* 44 */
RULE(the_awaited_future_is_cancelled_first_then_the_await_fails)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = new_two("a", weft_future_ref(future));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert(weft_future_is_cancelled(future));
    ck_assert_str_eq(trace(), "");
    run_rounds(1);
    ck_assert_str_eq(trace(), "a1:WEFT_ECANCELLED");
    run_all();
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* 45 */
RULE(a_task_cancelled_before_its_first_step_never_runs_and_frees_its_arguments)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(catcher));

    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_str_eq(trace(), "");
    run_all();
    ck_assert_str_eq(trace(), "freed");
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(task);
}
END_RULE

/* 46 */
RULE(a_cancel_of_the_inner_future_alone_is_no_request_to_the_task)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = weft_task_new(loop, WEFT_CALL(waiter, .name = "a", .future = future));

    weft_future_ref(future);
    run_rounds(1);
    ck_assert(weft_future_cancel(future, "theirs"));
    ck_assert_int_eq(weft_task_cancelling(task), 0);
    run_all();
    ck_assert_str_eq(trace(), "a!WEFT_ECANCELLED");
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* 47 */
RULE(cancelling_the_task_and_then_its_inner_future_delivers_once)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = new_two("a", weft_future_ref(future));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert(!weft_future_cancel(future, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a1:WEFT_ECANCELLED a2:0");
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* 47 */
RULE(cancelling_the_inner_future_and_then_the_task_delivers_once)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = new_two("a", weft_future_ref(future));

    run_rounds(1);
    ck_assert(weft_future_cancel(future, NULL));
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a1:WEFT_ECANCELLED a2:0");
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* 48 */
RULE(a_body_that_catches_the_cancel_and_returns_is_done_and_not_cancelled)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(catcher, .future = weft_sleep(loop, 5)));
    void *value;

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert(!weft_future_is_cancelled(task));
    ck_assert_int_eq(weft_future_result(task, &value), 0);
    ck_assert_str_eq(value, "mine");
    weft_future_unref(task);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED freed destroyed-mine");
}
END_RULE

/* 49 */
RULE(a_body_may_swallow_the_cancel_and_its_later_awaits_work)
{
    weft_task *task = new_two("a", weft_sleep(loop, 5));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a1:WEFT_ECANCELLED a2:0");
    ck_assert_double_eq(weft_loop_time(loop), 1);
}
END_RULE

/* 50 */
RULE(a_cancel_of_oneself_comes_at_the_next_await)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(suicide, .awaits = true));

    run_all();
    ck_assert_str_eq(trace(), "on WEFT_ECANCELLED");
    ck_assert(!weft_future_is_cancelled(task));
    weft_future_unref(task);
    ck_assert_str_eq(trace(), "on WEFT_ECANCELLED destroyed-mine");
}
END_RULE

/* 50 */
RULE(a_cancel_of_oneself_without_another_await_ends_the_task_cancelled)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(suicide));

    run_all();
    ck_assert_str_eq(trace(), "on destroyed-mine");
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(task);
}
END_RULE

/* ---- value first ---- */

/* 51 [D]: asyncio drops the outcome, and bytes, locks and items are lost */
RULE(a_task_woken_with_a_value_gets_it_and_the_cancel_at_its_next_await)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = new_two("a", weft_future_ref(future));

    run_rounds(1);
    ck_assert_int_eq(weft_future_set_result(future, NULL), 0);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a1:0 a2:WEFT_ECANCELLED");
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* 51 */
RULE(a_task_woken_with_an_error_gets_that_first)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = new_two("a", weft_future_ref(future));

    run_rounds(1);
    ck_assert_int_eq(weft_future_set_error(future, -EIO), 0);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a1:EIO a2:WEFT_ECANCELLED");
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* 51, 22 */
RULE(a_task_woken_with_a_value_that_never_awaits_again_ends_cancelled)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = weft_task_new(loop, WEFT_CALL(catcher, .future = weft_future_ref(future)));

    run_rounds(1);
    ck_assert_int_eq(weft_future_set_result(future, NULL), 0);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert(weft_future_is_cancelled(task));
    ck_assert_str_eq(trace(), "0 freed destroyed-mine");
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* ---- children ---- */

/* 52 */
RULE(cancelling_a_task_cancels_the_child_it_awaits)
{
    weft_task *inner = sleeping("child", 5);
    weft_task *task = weft_task_new(
        loop, WEFT_CALL(waiter, .name = "parent", .future = weft_future_ref(inner)));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, "stop"));
    ck_assert_int_eq(weft_task_cancelling(inner), 1);
    run_all();
    ck_assert_str_eq(trace(), "child child! parent!WEFT_ECANCELLED");
    ck_assert(weft_future_is_cancelled(inner));
    ck_assert_str_eq(weft_future_cancel_reason(inner), "stop");
    weft_future_unref(inner);
    weft_future_unref(task);
}
END_RULE

/* 52, 48 */
RULE(a_child_that_swallows_the_cancel_gives_the_parent_its_value)
{
    weft_task *inner = weft_task_new(loop, WEFT_CALL(catcher, .future = weft_sleep(loop, 5)));
    weft_task *task = new_two("a", inner);

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED freed a1:0 destroyed-mine a2:0");
    weft_future_unref(task);
}
END_RULE

struct late {
    weft_gen gen;
    weft_future **future;
};

static weft_step late(void *frame)
{
    struct late *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_future_ref(*f->future));
    WEFT_END(f);
}
WEFT_GEN_TYPE(late);

/* 59, 29 */
RULE(a_cancel_ends_a_circle_of_tasks)
{
    weft_future *a, *b, *c;

    a = weft_task_new(loop, WEFT_CALL(late, .future = &b));
    b = weft_task_new(loop, WEFT_CALL(late, .future = &c));
    c = weft_task_new(loop, WEFT_CALL(late, .future = &a));
    run_all();
    ck_assert(!weft_future_is_done(a));
    ck_assert(weft_future_cancel(a, NULL));
    run_all();
    ck_assert(weft_future_is_cancelled(a));
    ck_assert(weft_future_is_cancelled(b));
    ck_assert(weft_future_is_cancelled(c));
    weft_future_unref(a);
    weft_future_unref(b);
    weft_future_unref(c);
}
END_RULE

RUN_SUITE("cancel", cancel_is_true_on_an_unfinished_task_and_false_on_a_finished_one,
          the_awaited_future_is_cancelled_first_then_the_await_fails,
          a_task_cancelled_before_its_first_step_never_runs_and_frees_its_arguments,
          a_cancel_of_the_inner_future_alone_is_no_request_to_the_task,
          cancelling_the_task_and_then_its_inner_future_delivers_once,
          cancelling_the_inner_future_and_then_the_task_delivers_once,
          a_body_that_catches_the_cancel_and_returns_is_done_and_not_cancelled,
          a_body_may_swallow_the_cancel_and_its_later_awaits_work,
          a_cancel_of_oneself_comes_at_the_next_await,
          a_cancel_of_oneself_without_another_await_ends_the_task_cancelled,
          a_task_woken_with_a_value_gets_it_and_the_cancel_at_its_next_await,
          a_task_woken_with_an_error_gets_that_first,
          a_task_woken_with_a_value_that_never_awaits_again_ends_cancelled,
          cancelling_a_task_cancels_the_child_it_awaits,
          a_child_that_swallows_the_cancel_gives_the_parent_its_value,
          a_cancel_ends_a_circle_of_tasks)
