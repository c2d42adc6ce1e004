/* check_wait_for.c - wait_for: one future, and a deadline. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "support/combine_bodies.h"

#define WAIT_FOR(future, seconds) told(weft_wait_for((future), (seconds)), "w")

/* Run all, let go of it, and compare what was said. */
static void expect(weft_future *future, const char *what)
{
    run_all();
    weft_future_unref(future);
    ck_assert_str_eq(trace(), what);
}

/* ---- in time ---- */

/* 121 */
RULE(in_time_it_ends_as_the_future_does)
{
    expect(WAIT_FOR(CHILD(.name = "a", .seconds = 1, .value = "A"), 2), "a a. w:0@1 -A");
    ck_assert_double_eq(weft_loop_time(loop), 1); /* and the timer is gone */
}
END_RULE

/* 121 */
RULE(in_time_an_error_is_passed_on_and_read_once)
{
    expect(WAIT_FOR(CHILD(.seconds = 1, .error = -EIO), 2), "w:EIO@1");
    weft_future_unref(weft_wait_for(CHILD(.error = -EPIPE), 2));
    run_all();
    ck_assert_str_eq(reports(), "");
}
END_RULE

/* 121 */
RULE(without_a_deadline_it_is_a_plain_await_and_a_drop_cancels_all_the_same)
{
    weft_future *wait = WAIT_FOR(CHILD(.name = "a", .seconds = 1000, .value = "A"), WEFT_NEVER);

    run_all();
    ck_assert_str_eq(trace(), "a a. w:0@1000");
    weft_future_unref(wait);
    wait = weft_wait_for(CHILD(.name = "b", .seconds = 1000), WEFT_NEVER);
    run_rounds(1);
    weft_future_unref(wait);
    run_all();
    ck_assert_str_eq(trace(), "a a. w:0@1000 -A b b!");
}
END_RULE

/* 121, 22 */
RULE(the_value_can_be_taken_through_any_number_of_them)
{
    weft_future *wait = weft_wait_for(
        weft_shield(weft_wait_for(CHILD(.seconds = 1, .value = "A"), 2)), 2);
    weft_future *second = weft_wait_for(CHILD(.seconds = 1, .value = "B"), 2);
    weft_task *task = ASKER(.name = "t", .takes = true,
                            .future = weft_wait_for(CHILD(.seconds = 1, .value = "C"), 2));

    run_all();
    ck_assert_str_eq(weft_future_take(wait), "A");
    ck_assert_ptr_null(weft_future_take(wait));
    weft_future_unref(wait);
    weft_future_unref(task);
    ck_assert_str_eq(trace(), "t=C");
    weft_future_unref(second);
    ck_assert_str_eq(trace(), "t=C -B");
}
END_RULE

/* 121, 21 */
RULE(a_chain_from_it_moves_the_value)
{
    weft_future *wait = weft_wait_for(CHILD(.value = "A"), 2), *target = weft_future_new(loop);
    void *value;

    ck_assert_int_eq(weft_future_chain(wait, target), 0);
    weft_future_unref(wait);
    run_all();
    ck_assert_int_eq(weft_future_result(target, &value), 0);
    ck_assert_str_eq(value, "A");
    ck_assert_str_eq(trace(), "");
    weft_future_unref(target);
    ck_assert_str_eq(trace(), "-A");
}
END_RULE

/* ---- time is up ---- */

/* 122: asyncio once left it running (cpython PR 7216) */
RULE(expired_it_cancels_the_future_awaits_its_end_and_then_is_timed_out)
{
    expect(WAIT_FOR(CHILD(.name = "a", .seconds = 5, .cleanup = 3), 2),
           "a a! a~ w:WEFT_ETIMEDOUT@5");
}
END_RULE

/* 123 */
RULE(without_time_a_done_future_gives_its_outcome)
{
    weft_future *done = weft_future_new_done(loop, "A");
    weft_future *wait = weft_wait_for(done, 0);

    ck_assert(weft_future_is_done(wait));
    ck_assert_int_eq(weft_future_error(wait), 0);
    weft_future_unref(wait);
}
END_RULE

/* 123 */
RULE(without_time_a_task_that_has_not_started_never_starts)
{
    expect(WAIT_FOR(CHILD(.name = "a"), 0), "w:WEFT_ETIMEDOUT@0");
}
END_RULE

/* 123 */
RULE(without_time_one_that_runs_is_cancelled_and_awaited)
{
    weft_task *task = CHILD(.name = "a", .seconds = 5, .cleanup = 1);

    run_rounds(1);
    expect(WAIT_FOR(task, -1), "a a! a~ w:WEFT_ETIMEDOUT@1");
}
END_RULE

/* 124 */
RULE(a_future_that_swallows_the_cancel_gives_its_value)
{
    expect(WAIT_FOR(CHILD(.seconds = 5, .cleanup = 1, .swallows = true, .value = "A"), 2),
           "w:0@3 -A");
}
END_RULE

/* 125 */
RULE(a_future_that_fails_while_it_stops_gives_that_error)
{
    expect(WAIT_FOR(CHILD(.seconds = 5, .last_error = -EIO), 2), "w:EIO@2");
}
END_RULE

/* 127 [D]: asyncio loses the result (ex A7) */
RULE(a_result_in_the_round_in_which_time_is_up_wins)
{
    expect(WAIT_FOR(weft_sleep(loop, 2), 2), "w:0@2");
}
END_RULE

/* 127 */
RULE(so_does_one_that_its_joins_have_not_heard_of_yet)
{
    weft_future *sleep = weft_sleep(loop, 2);
    weft_future *gather = weft_gather(loop, WEFT_FUTURES(sleep), 0);

    expect(WAIT_FOR(weft_wait_for(gather, 10), 2), "w:0@2");
}
END_RULE

/* 107, 122 */
RULE(one_that_others_cancel_before_time_is_up_is_cancelled)
{
    weft_task *task = CHILD(.seconds = 5);
    weft_future *wait = WAIT_FOR(weft_future_ref(task), 2);

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    expect(wait, "w:WEFT_ECANCELLED@0");
    weft_future_unref(task);
}
END_RULE

/* 107, 127 */
RULE(so_is_one_that_others_cancel_in_the_round_in_which_time_is_up)
{
    weft_future *future = weft_future_new(loop);
    weft_future *wait = WAIT_FOR(weft_future_ref(future), 2);

    weft_testing_advance(loop, 2);
    ck_assert(weft_future_cancel(future, NULL));
    expect(wait, "w:WEFT_ECANCELLED@2");
    weft_future_unref(future);
}
END_RULE

/* 132 */
RULE(nested_the_inner_deadline_comes_out_as_an_error_and_the_outer_as_its_own)
{
    expect(WAIT_FOR(weft_wait_for(weft_sleep_forever(loop), 1), 2), "w:WEFT_ETIMEDOUT@1");
    expect(WAIT_FOR(weft_wait_for(weft_sleep_forever(loop), 9), 2),
           "w:WEFT_ETIMEDOUT@1 w:WEFT_ETIMEDOUT@3");
}
END_RULE

/* ---- cancel ---- */

/* 126 */
RULE(a_cancel_cancels_the_future_and_it_ends_as_that_ends)
{
    weft_future *wait = WAIT_FOR(CHILD(.name = "a", .seconds = 5, .cleanup = 1), 10);

    run_rounds(1);
    ck_assert(weft_future_cancel(wait, "why"));
    ck_assert_str_eq(weft_future_cancel_reason(wait), "why");
    run_all();
    ck_assert(weft_future_is_cancelled(wait));
    expect(wait, "a a! a~ w:WEFT_ECANCELLED@1");
}
END_RULE

/* 126 */
RULE(cancelled_and_then_out_of_time_it_is_cancelled)
{
    weft_future *wait = WAIT_FOR(CHILD(.seconds = 5, .cleanup = 3), 2);

    run_rounds(1);
    ck_assert(weft_future_cancel(wait, NULL));
    expect(wait, "w:WEFT_ECANCELLED@2");
}
END_RULE

/* 126 */
RULE(out_of_time_and_then_cancelled_it_is_cancelled)
{
    weft_future *wait = WAIT_FOR(CHILD(.seconds = 5, .cleanup = 3), 2);

    ck_assert_int_eq(run_task(weft_sleep(loop, 3), NULL), 0);
    ck_assert(weft_future_cancel(wait, NULL));
    expect(wait, "w:WEFT_ECANCELLED@3");
}
END_RULE

/* The task that awaits is cancelled in the round in which the future ended, through so many joins. */
static void value_then_cancel(weft_future *(*wrap)(weft_future *future))
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = ASKER(.name = "t", .future = wrap(weft_future_ref(future)));

    run_rounds(1);
    ck_assert_int_eq(weft_future_set_result(future, "A"), 0);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "t=A t2!WEFT_ECANCELLED");
    weft_future_unref(future);
    weft_future_unref(task);
}

static weft_future *wait_for_once(weft_future *future)
{
    return weft_wait_for(future, 5);
}

static weft_future *wait_for_twice(weft_future *future)
{
    return weft_wait_for(weft_wait_for(future, 5), 6);
}

static weft_future *wait_for_shield(weft_future *future)
{
    return weft_wait_for(weft_shield(future), 5);
}

/* 126, 51: asyncio swallowed this cancel (gh 86296) */
RULE(a_future_that_ended_in_that_tick_gives_its_value_first_and_the_cancel_comes_later)
{
    value_then_cancel(wait_for_once);
}
END_RULE

/* 126, 51 */
RULE(so_it_is_through_two_of_them)
{
    value_then_cancel(wait_for_twice);
}
END_RULE

/* 126, 51 */
RULE(so_it_is_through_a_shield)
{
    value_then_cancel(wait_for_shield);
}
END_RULE

/* 126, 51 */
RULE(so_it_is_for_two_tasks_that_a_gather_cancels)
{
    weft_future *future = weft_future_new(loop);
    weft_future *wait = weft_wait_for(weft_wait_for(weft_future_ref(future), 5), 6);
    weft_future *gather = weft_gather(
        loop,
        WEFT_FUTURES(ASKER(.name = "t", .future = weft_future_ref(wait)),
                     ASKER(.name = "u", .future = wait)),
        0);

    run_rounds(1);
    ck_assert_int_eq(weft_future_set_result(future, "A"), 0);
    ck_assert(weft_future_cancel(gather, NULL));
    run_all();
    ck_assert_str_eq(trace(), "t=A u=A t2!WEFT_ECANCELLED u2!WEFT_ECANCELLED");
    weft_future_unref(future);
    weft_future_unref(gather);
}
END_RULE

/* 54, 126 */
RULE(two_cancels_before_the_delivery_are_delivered_once)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = ASKER(.name = "t",
                            .future = weft_wait_for(weft_wait_for(weft_future_ref(future), 5), 6));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert(weft_future_cancel(task, NULL));
    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "t!WEFT_ECANCELLED");
    ck_assert_int_eq(weft_future_error(task), 0);
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* ---- who lets go ---- */

/* 126 */
RULE(a_pending_one_that_is_dropped_cancels_the_future_and_leaves_no_timer)
{
    weft_future *wait = weft_wait_for(CHILD(.name = "a", .seconds = 5, .cleanup = 1), 100);

    run_rounds(1);
    weft_future_unref(wait);
    run_all();
    ck_assert_str_eq(trace(), "a a! a~");
    ck_assert_double_eq(weft_loop_time(loop), 1);
}
END_RULE

/* 72, 82 */
RULE(no_number_and_a_closed_loop_are_refused)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *future = weft_future_new(other);

    ck_assert_int_eq(taken_error(weft_wait_for(weft_future_ref(future), NAN)), -EINVAL);
    ck_assert_int_eq(weft_loop_close(other), 0);
    ck_assert_int_eq(taken_error(weft_wait_for(weft_future_ref(future), 1)), WEFT_ECLOSED);
    weft_future_unref(future);
    weft_loop_unref(other);
}
END_RULE

/* 82 */
RULE(a_loop_that_closes_ends_it_as_it_ends_the_future)
{
    weft_future *wait = weft_wait_for(CHILD(.seconds = 5), 2);
    weft_future *sleep = weft_wait_for(weft_wait_for(weft_sleep(loop, 5), 2), 3);

    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_int_eq(weft_future_error(wait), WEFT_ECLOSED);
    ck_assert_int_eq(weft_future_error(sleep), WEFT_ECLOSED);
    weft_future_unref(wait);
    weft_future_unref(sleep);
    ck_assert_ptr_nonnull(strstr(reports(), "destroyed while it was pending"));
}
END_RULE

/* 82 */
RULE(a_loop_that_closes_ends_all_of_them_and_leaves_the_users_future_alone)
{
    weft_future *future = weft_future_new(loop);
    weft_future *wait = weft_wait_for(weft_wait_for(weft_wait_for(weft_future_ref(future), 5), 6),
                                      7);

    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(wait), WEFT_ECLOSED);
    ck_assert(!weft_future_is_done(future));
    weft_future_unref(wait);
    weft_future_unref(future);
}
END_RULE

static int wait_for_attempt(void)
{
    weft_loop *fresh = virtual_loop();
    weft_future *future, *wait;
    int error;

    if (!fresh)
        return -ENOMEM;
    future = weft_future_new(fresh);
    wait = weft_wait_for(weft_future_ref(future), 5);
    error = weft_future_is_done(wait) ? weft_future_error(wait) : 0;
    if (error && !weft_future_is_cancelled(wait)) /* it was let go of, and not cancelled */
        ck_assert(!weft_future_is_cancelled(future));
    weft_future_set_result_unless_done(future, NULL);
    weft_future_unref(wait);
    weft_future_unref(future);
    weft_loop_unref(fresh);
    return error;
}

/* 100 */
RULE(without_memory_it_fails_and_has_let_go)
{
    each_allocation_fails(wait_for_attempt);
}
END_RULE

RUN_SUITE("wait_for", in_time_it_ends_as_the_future_does,
          in_time_an_error_is_passed_on_and_read_once,
          without_a_deadline_it_is_a_plain_await_and_a_drop_cancels_all_the_same,
          the_value_can_be_taken_through_any_number_of_them, a_chain_from_it_moves_the_value,
          expired_it_cancels_the_future_awaits_its_end_and_then_is_timed_out,
          without_time_a_done_future_gives_its_outcome,
          without_time_a_task_that_has_not_started_never_starts,
          without_time_one_that_runs_is_cancelled_and_awaited,
          a_future_that_swallows_the_cancel_gives_its_value,
          a_future_that_fails_while_it_stops_gives_that_error,
          a_result_in_the_round_in_which_time_is_up_wins,
          so_does_one_that_its_joins_have_not_heard_of_yet,
          one_that_others_cancel_before_time_is_up_is_cancelled,
          so_is_one_that_others_cancel_in_the_round_in_which_time_is_up,
          nested_the_inner_deadline_comes_out_as_an_error_and_the_outer_as_its_own,
          a_cancel_cancels_the_future_and_it_ends_as_that_ends,
          cancelled_and_then_out_of_time_it_is_cancelled,
          out_of_time_and_then_cancelled_it_is_cancelled,
          a_future_that_ended_in_that_tick_gives_its_value_first_and_the_cancel_comes_later,
          so_it_is_through_two_of_them, so_it_is_through_a_shield,
          so_it_is_for_two_tasks_that_a_gather_cancels,
          two_cancels_before_the_delivery_are_delivered_once,
          a_pending_one_that_is_dropped_cancels_the_future_and_leaves_no_timer,
          no_number_and_a_closed_loop_are_refused, a_loop_that_closes_ends_it_as_it_ends_the_future,
          a_loop_that_closes_ends_all_of_them_and_leaves_the_users_future_alone,
          without_memory_it_fails_and_has_let_go)
