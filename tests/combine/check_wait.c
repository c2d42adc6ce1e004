/* check_wait.c - wait: it looks on, and leaves what it watches alone. */
#include <errno.h>
#include <math.h>

#include "support/combine_bodies.h"

/* Says how many were done, and the time: "w:2@1"; the reference is taken. */
static void say_count(weft_future *wait)
{
    void *value;

    ck_assert_int_eq(weft_run_until_complete(loop, wait, &value), 0);
    say("w:%d@%g", (int)weft_int(value), weft_loop_time(loop));
}

static weft_task *abc[3];

/* Children that end after 1, 2 and 3 seconds. */
static void start_abc(void)
{
    static const char *const names[] = {"a", "b", "c"};

    for (int i = 0; i < 3; i++)
        abc[i] = CHILD(.name = names[i], .seconds = i + 1, .error = i == 1 ? -EIO : 0);
}

static void drop_abc(void)
{
    for (int i = 0; i < 3; i++) {
        (void)weft_future_error(abc[i]);
        weft_future_unref(abc[i]);
    }
}

/* 111, 112 */
RULE(all_waits_for_all_and_fails_for_none_of_them)
{
    start_abc();
    say_count(weft_wait(loop, abc, 3, WEFT_ALL, WEFT_NEVER));
    ck_assert_str_eq(trace(), "a b c a. b. c. w:3@3");
    drop_abc();
}
END_RULE

/* 111, 112 */
RULE(the_first_completed_ends_it_and_the_others_go_on)
{
    start_abc();
    say_count(weft_wait(loop, abc, 3, WEFT_FIRST_COMPLETED, WEFT_NEVER));
    ck_assert(weft_future_is_done(abc[0]));
    ck_assert(!weft_future_is_done(abc[1]));
    run_all();
    ck_assert_str_eq(trace(), "a b c a. w:1@1 b. c.");
    drop_abc();
}
END_RULE

/* 112 */
RULE(the_first_error_ends_it)
{
    start_abc();
    say_count(weft_wait(loop, abc, 3, WEFT_FIRST_ERROR, WEFT_NEVER));
    ck_assert_str_eq(trace(), "a b c a. b. w:2@2");
    run_all();
    drop_abc();
}
END_RULE

/* 112 */
RULE(a_cancelled_one_is_no_error_and_without_errors_all_are_waited_for)
{
    weft_future *cancelled = weft_future_new(loop), *sleep = weft_sleep(loop, 1);

    ck_assert(weft_future_cancel(cancelled, NULL));
    say_count(weft_wait(loop, WEFT_FUTURES(cancelled, sleep), WEFT_FIRST_ERROR, WEFT_NEVER));
    ck_assert_str_eq(trace(), "w:2@1");
    weft_future_unref(cancelled);
    weft_future_unref(sleep);
}
END_RULE

/* 111, 14 */
RULE(a_failure_that_it_saw_is_not_read_by_that)
{
    weft_future *failed = weft_future_new_failed(loop, -EIO);

    say_count(weft_wait(loop, &failed, 1, WEFT_ALL, WEFT_NEVER));
    weft_future_unref(failed);
    ck_assert_str_ne(reports(), "");
}
END_RULE

/* 113 */
RULE(time_that_is_up_is_no_error)
{
    start_abc();
    say_count(weft_wait(loop, abc, 3, WEFT_ALL, 1.5));
    run_all();
    ck_assert_str_eq(trace(), "a b c a. w:1@1.5 b. c.");
    drop_abc();
}
END_RULE

/* 113 */
RULE(no_time_at_all_tells_what_is_done_now_and_not_inline)
{
    weft_future *done = weft_future_new_done(loop, NULL), *never = weft_future_new(loop);
    weft_future *wait = weft_wait(loop, WEFT_FUTURES(done, never), WEFT_ALL, -1);

    ck_assert(!weft_future_is_done(wait));
    say_count(wait);
    ck_assert_str_eq(trace(), "w:1@0");
    weft_future_unref(done);
    weft_future_unref(never);
}
END_RULE

/* 114 */
RULE(no_futures_and_no_number_are_argument_errors)
{
    weft_future *one = weft_future_new(loop);
    weft_future *wait = weft_wait(loop, NULL, 0, WEFT_ALL, WEFT_NEVER);

    ck_assert_int_eq(weft_future_error(wait), -EINVAL);
    weft_future_unref(wait);
    wait = weft_wait(loop, &one, 1, WEFT_ALL, NAN);
    ck_assert_int_eq(weft_future_error(wait), -EINVAL);
    weft_future_unref(wait);
    weft_future_unref(one);
}
END_RULE

/* 111 */
RULE(an_until_that_there_is_not_is_an_argument_error)
{
    weft_future *one = weft_future_new(loop);

    ck_assert_int_eq(taken_error(weft_wait(loop, &one, 1, (enum weft_wait_until)3, WEFT_NEVER)),
                     -EINVAL);
    ck_assert_int_eq(taken_error(weft_wait(loop, &one, 1, (enum weft_wait_until) - 1, 1)), -EINVAL);
    weft_future_unref(one);
}
END_RULE

static void set_call(void *arg)
{
    ck_assert_int_eq(weft_future_set_result(arg, NULL), 0);
}

/* 249: the count is the wait's, and not the body's that resumes after it */
RULE(the_count_is_of_the_wait_s_end_and_is_done_of_now)
{
    weft_future *one = weft_future_new(loop);
    weft_future *wait = weft_wait(loop, &one, 1, WEFT_ALL, 1);
    void *value;

    ck_assert_int_eq(weft_call_at(loop, 1, set_call, one, NULL),
                     0); /* due after the wait's deadline */
    ck_assert_int_eq(weft_run_until_complete(loop, wait, &value), 0);
    ck_assert_int_eq(weft_int(value), 0);
    ck_assert(weft_future_is_done(one));
    weft_future_unref(one);
}
END_RULE

/* 114 */
RULE(the_same_future_twice_counts_once)
{
    weft_future *a = weft_sleep(loop, 1), *b = weft_sleep(loop, 2);

    say_count(weft_wait(loop, WEFT_FUTURES(a, b, a, a), WEFT_ALL, WEFT_NEVER));
    say_count(weft_wait(loop, WEFT_FUTURES(b, b), WEFT_ALL, 5));
    ck_assert_str_eq(trace(), "w:2@2 w:1@2");
    weft_future_unref(a);
    weft_future_unref(b);
}
END_RULE

/* 115 */
RULE(several_that_end_in_one_round_are_all_counted)
{
    weft_future *a = weft_future_new(loop), *b = weft_future_new(loop);
    weft_future *wait = weft_wait(loop, WEFT_FUTURES(a, b), WEFT_FIRST_COMPLETED, WEFT_NEVER);

    ck_assert_int_eq(weft_future_set_result(a, NULL), 0);
    ck_assert_int_eq(weft_future_set_result(b, NULL), 0);
    say_count(wait);
    ck_assert_str_eq(trace(), "w:2@0");
    weft_future_unref(a);
    weft_future_unref(b);
}
END_RULE

/* 116 */
RULE(a_cancel_ends_it_at_once_and_leaves_the_futures_alone)
{
    weft_task *task;

    start_abc();
    task = ASKER(.name = "w", .future = weft_wait(loop, abc, 3, WEFT_ALL, 10));
    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a b c w!WEFT_ECANCELLED a. b. c.");
    ck_assert_double_eq(weft_loop_time(loop), 3);
    weft_future_unref(task);
    drop_abc();
}
END_RULE

/* 60 */
RULE(a_cancel_of_it_runs_no_destructor_inline)
{
    weft_future *a = weft_future_new(loop), *b = weft_future_new(loop);
    weft_future *wait = weft_wait(loop, WEFT_FUTURES(a, b), WEFT_ALL, WEFT_NEVER);

    ck_assert_int_eq(weft_future_set_owned(a, "A", destroy), 0);
    weft_future_unref(a);
    ck_assert(weft_future_cancel(wait, NULL));
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(weft_future_set_result(b, NULL), 0);
    run_all();
    ck_assert(weft_future_is_cancelled(wait));
    weft_future_unref(wait);
    ck_assert_str_eq(trace(), "-A");
    weft_future_unref(b);
}
END_RULE

static weft_future *victim;

static void drop_victim(void *value)
{
    (void)value;
    say("dropped");
    weft_future_unref(victim);
}

/* 13 */
RULE(a_destructor_may_drop_the_wait_that_ends)
{
    weft_future *a = weft_future_new(loop);

    victim = weft_wait(loop, &a, 1, WEFT_ALL, WEFT_NEVER);
    ck_assert_int_eq(weft_future_set_owned(a, "A", drop_victim), 0);
    weft_future_unref(a);
    run_all();
    ck_assert_str_eq(trace(), "dropped");
}
END_RULE

/* 116, 73 */
RULE(a_pending_wait_that_is_dropped_leaves_no_timer_and_the_futures_alone)
{
    weft_task *task = CHILD(.name = "a", .seconds = 1);

    weft_future_unref(weft_wait(loop, &task, 1, WEFT_ALL, 10));
    run_all();
    ck_assert_str_eq(trace(), "a a.");
    ck_assert_double_eq(weft_loop_time(loop), 1);
    weft_future_unref(task);
}
END_RULE

/* 19, 82 */
RULE(futures_of_another_loop_and_a_closed_loop_are_refused)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *foreign = weft_future_new(other);
    weft_future *wait = weft_wait(loop, &foreign, 1, WEFT_ALL, WEFT_NEVER);

    ck_assert_int_eq(weft_future_error(wait), WEFT_EOTHERLOOP);
    weft_future_unref(wait);
    ck_assert_int_eq(weft_loop_close(other), 0);
    wait = weft_wait(other, &foreign, 1, WEFT_ALL, WEFT_NEVER);
    ck_assert_int_eq(weft_future_error(wait), WEFT_ECLOSED);
    weft_future_unref(wait);
    weft_future_unref(foreign);
    weft_loop_unref(other);
}
END_RULE

/* 82 */
RULE(a_loop_that_closes_ends_a_wait)
{
    weft_future *sleep = weft_sleep(loop, 5);
    weft_future *wait = weft_wait(loop, &sleep, 1, WEFT_ALL, 3);

    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_int_eq(weft_future_error(sleep), WEFT_ECLOSED);
    ck_assert_int_eq(weft_future_error(wait), WEFT_ECLOSED);
    weft_future_unref(wait);
    weft_future_unref(sleep);
}
END_RULE

/* A future that has failed answers with that at once; else it is run. */
static int run_attempt(weft_loop *fresh, weft_future *future, weft_future *a)
{
    int error = weft_run_until_complete(fresh, future, NULL);

    weft_future_unref(a);
    weft_loop_unref(fresh);
    return error;
}

static int wait_attempt(void)
{
    weft_loop *fresh = virtual_loop();
    weft_future *a;

    if (!fresh)
        return -ENOMEM;
    a = weft_sleep(fresh, 5);
    return run_attempt(fresh, weft_wait(fresh, WEFT_FUTURES(a, a), WEFT_ALL, 1), a);
}

/* 100 */
RULE(without_memory_a_wait_fails_and_nothing_is_left)
{
    each_allocation_fails(wait_attempt);
}
END_RULE

RUN_SUITE("wait", all_waits_for_all_and_fails_for_none_of_them,
          the_first_completed_ends_it_and_the_others_go_on, the_first_error_ends_it,
          a_cancelled_one_is_no_error_and_without_errors_all_are_waited_for,
          a_failure_that_it_saw_is_not_read_by_that, time_that_is_up_is_no_error,
          no_time_at_all_tells_what_is_done_now_and_not_inline,
          no_futures_and_no_number_are_argument_errors,
          an_until_that_there_is_not_is_an_argument_error,
          the_count_is_of_the_wait_s_end_and_is_done_of_now, the_same_future_twice_counts_once,
          several_that_end_in_one_round_are_all_counted,
          a_cancel_ends_it_at_once_and_leaves_the_futures_alone,
          a_cancel_of_it_runs_no_destructor_inline, a_destructor_may_drop_the_wait_that_ends,
          a_pending_wait_that_is_dropped_leaves_no_timer_and_the_futures_alone,
          futures_of_another_loop_and_a_closed_loop_are_refused, a_loop_that_closes_ends_a_wait,
          without_memory_a_wait_fails_and_nothing_is_left)
