/* check_gather.c - gather: results, errors, cancel, ownership. */
#include <errno.h>
#include <string.h>

#include "support/combine_bodies.h"

#define GATHER(flags, ...) weft_gather(loop, WEFT_FUTURES(__VA_ARGS__), (flags))

/* Run a gather to its end and take its results. */
static weft_result *run_gather(weft_future *gather)
{
    void *value;

    ck_assert_int_eq(weft_run_until_complete(loop, gather, &value), 0);
    return value;
}

/* ---- results ---- */

/* 102 */
RULE(results_come_in_the_order_of_the_arguments)
{
    weft_result *results = run_gather(GATHER(0, CHILD(.name = "a", .seconds = 3, .value = "A"),
                                             CHILD(.name = "b", .seconds = 1, .value = "B"),
                                             CHILD(.name = "c", .seconds = 2, .value = "C")));

    ck_assert_str_eq(trace(), "a b c b. c. a.");
    ck_assert_str_eq(results[0].value, "A");
    ck_assert_str_eq(results[1].value, "B");
    ck_assert_str_eq(results[2].value, "C");
    ck_assert_int_eq(results[0].error, 0);
    weft_results_free(results);
    ck_assert_str_eq(trace(), "a b c b. c. a. -A -B -C");
}
END_RULE

/* 102 */
RULE(a_gather_ends_in_the_round_after_the_last_of_its_futures)
{
    weft_future *future = weft_future_new(loop);
    weft_future *gather = GATHER(0, weft_future_ref(future));

    ck_assert_int_eq(weft_future_set_result(future, "x"), 0);
    ck_assert(!weft_future_is_done(gather));
    run_rounds(1);
    ck_assert(weft_future_is_done(gather));
    weft_future_unref(gather);
    weft_future_unref(future);
}
END_RULE

/* 103 */
RULE(a_gather_of_nothing_is_done_with_null_and_its_callbacks_are_queued)
{
    weft_future *gather = weft_gather(loop, NULL, 0, 0);
    void *value = "x";

    ck_assert_int_eq(weft_future_add_done_callback(gather, say_done, "told"), 0);
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(weft_future_result(gather, &value), 0);
    ck_assert_ptr_null(value);
    run_all();
    ck_assert_str_eq(trace(), "told");
    weft_future_unref(gather);
}
END_RULE

/* 109 */
RULE(the_same_future_twice_gives_its_result_twice)
{
    weft_task *task = CHILD(.seconds = 1, .value = "A");
    weft_result *results = run_gather(GATHER(0, weft_future_ref(task), task));

    ck_assert_str_eq(results[0].value, "A");
    ck_assert_str_eq(results[1].value, "A");
    ck_assert_str_eq(weft_results_take(results, 1), "A");
    ck_assert_ptr_null(weft_results_take(results, 0));
    weft_results_free(results);
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* 102, 22 */
RULE(results_live_as_long_as_the_gather_and_a_value_can_be_taken_out)
{
    weft_future *gather = GATHER(0, CHILD(.value = "A"), CHILD(.value = "B"));
    const weft_result *results;
    void *value;

    run_all();
    ck_assert_int_eq(weft_future_result(gather, &value), 0);
    results = value;
    ck_assert_str_eq(weft_results_take(results, 0), "A");
    ck_assert_ptr_null(results[0].value);
    ck_assert_ptr_null(weft_results_take(results, 0));
    ck_assert_str_eq(results[1].value, "B");
    ck_assert_str_eq(trace(), "");
    weft_future_unref(gather);
    ck_assert_str_eq(trace(), "-B");
    weft_results_free(NULL);
}
END_RULE

/* ---- errors ---- */

/* 104 [D]: siblings often hold pointers into the frame of whoever gathers (gh 75633) */
RULE(the_first_error_cancels_the_others_and_awaits_them)
{
    weft_task *task = ASKER(.name = "w",
                            .future = GATHER(0, CHILD(.name = "a", .seconds = 1, .error = -EIO),
                                             CHILD(.name = "b", .seconds = 5, .cleanup = 1),
                                             CHILD(.name = "c", .value = "C")));

    run_all();
    ck_assert_str_eq(trace(), "a b c c. a. b! b~ -C w!EIO");
    ck_assert_double_eq(weft_loop_time(loop), 3);
    weft_future_unref(task);
}
END_RULE

/* 104 */
RULE(with_keep_running_the_first_error_ends_it_and_the_others_run_on)
{
    weft_future *gather = told(GATHER(WEFT_KEEP_RUNNING,
                                      CHILD(.name = "a", .seconds = 1, .error = -EIO),
                                      CHILD(.name = "b", .seconds = 5, .value = "B")),
                               "g");

    run_all();
    ck_assert_str_eq(trace(), "a b a. g:EIO@1 b. -B");
    weft_future_unref(gather);
}
END_RULE

/* 105 */
RULE(what_siblings_fail_with_later_counts_as_read)
{
    weft_future *gather = told(GATHER(0, CHILD(.name = "a", .seconds = 1, .error = -EIO),
                                      CHILD(.name = "b", .seconds = 5, .last_error = -EPIPE)),
                               "g");
    weft_future *running = told(GATHER(WEFT_KEEP_RUNNING,
                                       CHILD(.name = "c", .seconds = 1, .error = -EIO),
                                       CHILD(.name = "d", .seconds = 5, .error = -EPIPE)),
                                "r");

    run_all();
    ck_assert_str_eq(trace(), "a b c d a. c. b! r:EIO@1 g:EIO@1 d.");
    weft_future_unref(gather);
    weft_future_unref(running);
}
END_RULE

/* 14, 104 */
RULE(an_error_of_a_gather_that_nobody_reads_is_reported_once)
{
    weft_future *gather = GATHER(0, weft_future_new_failed(loop, -EPIPE));

    run_all();
    weft_future_unref(gather);
    ck_assert_ptr_nonnull(strstr(reports(), "a failure that nobody read: <gather failed EPIPE"));
    ck_assert_ptr_null(strchr(reports(), '\n'));
}
END_RULE

/* 106 */
RULE(with_return_errors_they_are_among_the_results)
{
    weft_future *cancelled = weft_future_new(loop);
    weft_result *results;

    ck_assert(weft_future_cancel(cancelled, NULL));
    results = run_gather(GATHER(WEFT_RETURN_ERRORS, CHILD(.seconds = 1, .error = -EIO),
                                CHILD(.seconds = 2, .value = "B"), cancelled));
    ck_assert_int_eq(results[0].error, -EIO);
    ck_assert_ptr_null(results[0].value);
    ck_assert_ptr_null(weft_results_take(results, 0));
    ck_assert_int_eq(results[1].error, 0);
    ck_assert_str_eq(results[1].value, "B");
    ck_assert_int_eq(results[2].error, WEFT_ECANCELLED);
    ck_assert_double_eq(weft_loop_time(loop), 2);
    weft_results_free(results);
}
END_RULE

/* 107 */
RULE(a_child_that_others_cancel_is_an_error_and_the_gather_is_not_cancelled)
{
    weft_task *a = CHILD(.name = "a", .seconds = 5);
    weft_future *gather = GATHER(0, weft_future_ref(a), CHILD(.name = "b", .seconds = 5));

    run_rounds(1);
    ck_assert(weft_future_cancel(a, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a b a! b!");
    ck_assert_int_eq(weft_future_error(gather), WEFT_ECANCELLED);
    ck_assert(!weft_future_is_cancelled(gather));
    weft_future_unref(a);
    weft_future_unref(gather);
}
END_RULE

/* ---- cancel ---- */

static void cancelled_gather_awaits_all(unsigned flags)
{
    weft_future *gather = told(
        GATHER(flags, CHILD(.name = "a", .seconds = 5, .cleanup = 2),
               CHILD(.name = "b", .seconds = 5, .swallows = true, .value = "B"),
               CHILD(.name = "c", .seconds = 5, .last_error = -EIO),
               CHILD(.name = "d", .value = "D")),
        "g");

    run_rounds(3);
    ck_assert(weft_future_cancel(gather, "why"));
    ck_assert(!weft_future_is_done(gather));
    ck_assert_str_eq(weft_future_cancel_reason(gather), "why");
    run_all();
    ck_assert_str_eq(trace(), "a b c d d. a! b! c! a~ -B -D g:WEFT_ECANCELLED@2");
    ck_assert(weft_future_is_cancelled(gather));
    ck_assert_str_eq(weft_future_cancel_reason(gather), "why");
    ck_assert(!weft_future_cancel(gather, NULL));
    weft_future_unref(gather);
}

/* 108 */
RULE(a_cancel_cancels_all_that_are_unfinished_and_it_ends_after_them)
{
    cancelled_gather_awaits_all(0);
}
END_RULE

/* 108 */
RULE(a_cancel_does_the_same_with_return_errors)
{
    cancelled_gather_awaits_all(WEFT_RETURN_ERRORS); /* gh 76865 */
}
END_RULE

/* 108 */
RULE(a_cancel_does_the_same_with_keep_running)
{
    cancelled_gather_awaits_all(WEFT_KEEP_RUNNING);
}
END_RULE

/* 110 */
RULE(a_cancel_of_a_done_gather_is_false)
{
    weft_future *gather = GATHER(0, CHILD(.value = "A")); /* gh 81884 */

    run_all();
    ck_assert(!weft_future_cancel(gather, NULL));
    ck_assert_int_eq(weft_future_error(gather), 0);
    weft_future_unref(gather);
}
END_RULE

/* 51, 108 */
RULE(a_cancel_that_finds_all_done_comes_at_the_await_after_it)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = ASKER(.name = "w", .future = GATHER(0, weft_future_ref(future)));

    run_rounds(1);
    ck_assert_int_eq(weft_future_set_result(future, NULL), 0);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_ptr_nonnull(strstr(trace(), "w="));
    ck_assert_ptr_nonnull(strstr(trace(), " w2!WEFT_ECANCELLED"));
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* 54, 108 */
RULE(two_cancels_before_the_delivery_are_delivered_once)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = ASKER(.name = "w", .future = GATHER(0, weft_future_ref(future)));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert(weft_future_is_cancelled(future));
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "w!WEFT_ECANCELLED");
    ck_assert_int_eq(weft_future_error(task), 0);
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

/* 108 */
RULE(a_cancel_while_the_siblings_of_an_error_stop_ends_it_cancelled)
{
    weft_future *gather = told(GATHER(0, CHILD(.name = "a", .error = -EIO),
                                      CHILD(.name = "b", .seconds = 5, .cleanup = 5)),
                               "g");

    run_rounds(4);
    ck_assert_str_eq(trace(), "a b a. b!");
    ck_assert(weft_future_cancel(gather, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a b a. b! b!! g:WEFT_ECANCELLED@0");
    weft_future_unref(gather);
}
END_RULE

/* ---- who lets go ---- */

/* 108 */
RULE(a_pending_gather_that_is_dropped_cancels_its_futures_and_nobody_hears)
{
    weft_future *gather = GATHER(0, CHILD(.name = "a", .seconds = 5, .cleanup = 1),
                                 weft_sleep(loop, 7), CHILD(.name = "b", .value = "B"));

    run_rounds(3);
    weft_future_unref(gather);
    run_all();
    ck_assert_str_eq(trace(), "a b b. -B a! a~");
    ck_assert_double_eq(weft_loop_time(loop), 1);
}
END_RULE

static weft_future *victim;

static void drop_victim(void *value)
{
    say("-%s", (const char *)value);
    weft_future_unref(victim);
}

/* 13, 22 */
RULE(a_destructor_may_drop_the_gather_that_ends)
{
    weft_future *future = weft_future_new(loop), *failing = weft_future_new(loop);

    victim = GATHER(0, future, weft_future_ref(failing));
    ck_assert_int_eq(weft_future_set_owned(future, "A", drop_victim), 0);
    run_rounds(1);
    ck_assert_int_eq(weft_future_set_error(failing, -EIO), 0);
    weft_future_unref(failing);
    run_all();
    ck_assert_str_eq(trace(), "-A");
    ck_assert_ptr_nonnull(strstr(reports(), "gather failed EIO"));
}
END_RULE

static void set_victim(void *value)
{
    say("-%s", (const char *)value);
    ck_assert_int_eq(weft_future_set_result(victim, NULL), 0);
}

/* 13, 82 */
RULE(on_a_closed_loop_a_destructor_may_end_what_is_being_dropped)
{
    weft_future *a = weft_future_new(loop), *b = weft_future_new(loop), *gather;

    victim = weft_future_new(loop);
    gather = GATHER(0, GATHER(0, weft_future_ref(victim)), a, weft_future_ref(b));
    ck_assert_int_eq(weft_future_set_owned(a, "A", set_victim), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    weft_future_unref(gather);
    ck_assert_str_eq(trace(), "-A");
    weft_future_unref(victim);
    weft_future_unref(b);
}
END_RULE

/* 82, 35 */
RULE(a_loop_that_closes_ends_a_gather_of_tasks_with_closed)
{
    weft_future *gather = GATHER(0, CHILD(.name = "a", .seconds = 5), weft_sleep(loop, 5),
                                 CHILD(.name = "b", .seconds = 5));

    run_rounds(1);
    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_int_eq(weft_future_error(gather), WEFT_ECLOSED);
    ck_assert_str_eq(trace(), "a b");
    ck_assert_ptr_nonnull(strstr(reports(), "a task was destroyed while it was pending"));
    weft_future_unref(gather);
}
END_RULE

/* 82 */
RULE(a_loop_that_closes_ends_a_gather_of_futures_that_are_the_users)
{
    weft_future *a = weft_future_new(loop), *b = weft_future_new(loop);
    weft_future *gather = GATHER(0, GATHER(0, weft_future_ref(a)), GATHER(0, weft_future_ref(b)));

    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(gather), WEFT_ECLOSED);
    ck_assert(!weft_future_cancel(gather, NULL));
    ck_assert(!weft_future_is_done(a)); /* theirs */
    ck_assert_int_eq(weft_future_set_result(a, NULL), 0);
    weft_future_unref(gather);
    weft_future_unref(a);
    weft_future_unref(b);
}
END_RULE

/* 19, 82 */
RULE(futures_of_another_loop_and_a_closed_loop_are_refused_and_let_go)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *foreign = weft_future_new(other);
    weft_future *gather = GATHER(0, weft_sleep(loop, 1), weft_future_ref(foreign));

    ck_assert_int_eq(weft_future_error(gather), WEFT_EOTHERLOOP);
    weft_future_unref(gather);
    ck_assert_int_eq(weft_loop_close(other), 0);
    gather = weft_gather(other, WEFT_FUTURES(weft_future_ref(foreign)), 0);
    ck_assert_int_eq(weft_future_error(gather), WEFT_ECLOSED);
    weft_future_unref(gather);
    gather = weft_gather(other, NULL, 0, 0);
    ck_assert_int_eq(weft_future_error(gather), WEFT_ECLOSED);
    weft_future_unref(gather);
    weft_future_unref(foreign);
    weft_loop_unref(other);
}
END_RULE

static int gather_attempt(void)
{
    weft_future *a = weft_future_new(loop), *gather;
    int error = weft_future_error(a);

    if (error == -ENOMEM)
        return error;
    weft_future_set_owned_unless_done(a, "A", destroy);
    gather = GATHER(0, weft_future_ref(a), a);
    error = weft_future_is_done(gather) ? weft_future_error(gather) : 0;
    if (!error)
        run_all();
    weft_future_unref(gather);
    return error;
}

/* 100 */
RULE(without_memory_a_gather_fails_and_has_let_go)
{
    each_allocation_fails(gather_attempt);
    ck_assert_str_eq(trace(), "-A -A -A -A");
}
END_RULE

RUN_SUITE("gather", results_come_in_the_order_of_the_arguments,
          a_gather_ends_in_the_round_after_the_last_of_its_futures,
          a_gather_of_nothing_is_done_with_null_and_its_callbacks_are_queued,
          the_same_future_twice_gives_its_result_twice,
          results_live_as_long_as_the_gather_and_a_value_can_be_taken_out,
          the_first_error_cancels_the_others_and_awaits_them,
          with_keep_running_the_first_error_ends_it_and_the_others_run_on,
          what_siblings_fail_with_later_counts_as_read,
          an_error_of_a_gather_that_nobody_reads_is_reported_once,
          with_return_errors_they_are_among_the_results,
          a_child_that_others_cancel_is_an_error_and_the_gather_is_not_cancelled,
          a_cancel_cancels_all_that_are_unfinished_and_it_ends_after_them,
          a_cancel_does_the_same_with_return_errors, a_cancel_does_the_same_with_keep_running,
          a_cancel_of_a_done_gather_is_false,
          a_cancel_that_finds_all_done_comes_at_the_await_after_it,
          two_cancels_before_the_delivery_are_delivered_once,
          a_cancel_while_the_siblings_of_an_error_stop_ends_it_cancelled,
          a_pending_gather_that_is_dropped_cancels_its_futures_and_nobody_hears,
          a_destructor_may_drop_the_gather_that_ends,
          on_a_closed_loop_a_destructor_may_end_what_is_being_dropped,
          a_loop_that_closes_ends_a_gather_of_tasks_with_closed,
          a_loop_that_closes_ends_a_gather_of_futures_that_are_the_users,
          futures_of_another_loop_and_a_closed_loop_are_refused_and_let_go,
          without_memory_a_gather_fails_and_has_let_go)
