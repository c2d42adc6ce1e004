/* check_as_completed.c - as_completed: futures in the order in which they end. */
#include <errno.h>
#include <math.h>

#include "support/combine_bodies.h"

/* Takes what comes until it is told the end, or an error that it says: "1 0 end@3". */
struct taker {
    weft_gen gen;
    weft_as_completed *each;
    weft_future **futures;
    int count; /* how many it takes at most; 0: all */
    bool catches;
};

static weft_step taker(void *frame)
{
    struct taker *f = frame;
    int i = 0;

    WEFT_BEGIN(f);
    do {
        WEFT_TRY_AWAIT(f, weft_as_completed_next(f->each));
        if (weft_failed(f)) {
            say("!%s@%g", weft_errname(weft_failed(f)), weft_loop_time(NULL));
            if (!f->catches)
                WEFT_RAISE(f, weft_failed(f));
            f->catches = false;
            continue;
        }
        if (!weft_sent(f)) {
            say("end@%g", weft_loop_time(NULL));
            break;
        }
        for (i = 0; f->futures[i] != weft_sent(f); i++)
            ;
        say("%d", i);
    } while (--f->count != 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(taker);
#define TAKER(...) weft_task_new(loop, WEFT_CALL(taker, __VA_ARGS__))

static weft_future *futures[4];
static weft_as_completed *each;

static void begin(double a, double b, double c, double seconds)
{
    futures[0] = CHILD(.seconds = a);
    futures[1] = CHILD(.seconds = b);
    futures[2] = CHILD(.seconds = c);
    each = weft_as_completed_new(loop, futures, 3, seconds);
}

/* 117 */
RULE(each_future_is_given_once_in_the_order_in_which_they_end)
{
    begin(3, 1, 2, WEFT_NEVER);
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures), NULL), 0);
    ck_assert_str_eq(trace(), "1 2 0 end@3");
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures), NULL), 0);
    ck_assert_str_eq(trace(), "1 2 0 end@3 end@3");
    weft_as_completed_free(each);
}
END_RULE

/* 117 */
RULE(those_that_are_done_already_come_in_the_order_of_the_arguments)
{
    futures[0] = weft_future_new_done(loop, NULL);
    futures[1] = weft_sleep(loop, 1);
    futures[2] = weft_future_new_failed(loop, -EIO);
    each = weft_as_completed_new(loop, futures, 3, WEFT_NEVER);
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures), NULL), 0);
    ck_assert_str_eq(trace(), "0 2 1 end@1");
    ck_assert_int_eq(weft_future_error(futures[2]), -EIO);
    weft_as_completed_free(each);
}
END_RULE

/* 117 */
RULE(one_that_is_there_twice_is_given_twice)
{
    futures[0] = weft_sleep(loop, 1);
    each = weft_as_completed_new(loop, WEFT_FUTURES(futures[0], weft_future_ref(futures[0])),
                                 WEFT_NEVER);
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures), NULL), 0);
    ck_assert_str_eq(trace(), "0 0 end@1");
    weft_as_completed_free(each);
}
END_RULE

/* 117 */
RULE(of_no_futures_the_first_next_is_the_end)
{
    each = weft_as_completed_new(loop, NULL, 0, 5);
    ck_assert_int_eq(run_task(TAKER(.each = each), NULL), 0);
    ck_assert_str_eq(trace(), "end@0");
    weft_as_completed_free(each);
}
END_RULE

/* 118 */
RULE(when_time_is_up_the_rest_is_timed_out_and_goes_on)
{
    begin(1, 2, 5, 3);
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures, .catches = true), NULL),
                     WEFT_ETIMEDOUT);
    ck_assert_str_eq(trace(), "0 1 !WEFT_ETIMEDOUT@3 !WEFT_ETIMEDOUT@3");
    run_all();
    ck_assert(weft_future_is_done(futures[2]));
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures), NULL), WEFT_ETIMEDOUT);
    weft_as_completed_free(each);
}
END_RULE

/* 118 */
RULE(those_that_ended_before_time_was_up_are_given_after_it)
{
    begin(1, 2, 5, 3);
    ck_assert_int_eq(run_task(weft_sleep(loop, 4), NULL), 0);
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures), NULL), WEFT_ETIMEDOUT);
    ck_assert_str_eq(trace(), "0 1 !WEFT_ETIMEDOUT@4");
    weft_as_completed_free(each);
    run_all();
}
END_RULE

/* 118, 51 */
RULE(one_that_ends_in_the_round_in_which_time_is_up_is_no_timeout)
{
    weft_future *next;
    void *value;

    futures[0] = weft_sleep(loop, 3);
    futures[1] = weft_sleep(loop, 4);
    each = weft_as_completed_new(loop, futures, 2, 3);
    next = weft_as_completed_next(each);
    ck_assert_int_eq(weft_run_until_complete(loop, next, &value), 0);
    ck_assert_ptr_eq(value, futures[0]);
    next = weft_as_completed_next(each);
    ck_assert_int_eq(weft_run_until_complete(loop, next, NULL), WEFT_ETIMEDOUT);
    weft_as_completed_free(each);
}
END_RULE

/* 119 */
RULE(another_loop_may_take_up_where_one_left_off)
{
    begin(3, 1, 2, WEFT_NEVER);
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures, .count = 1), NULL), 0);
    say("|");
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures), NULL), 0);
    ck_assert_str_eq(trace(), "1 | 2 0 end@3");
    weft_as_completed_free(each);
}
END_RULE

/* 119 */
RULE(freed_early_it_leaves_no_timer_and_the_futures_run_on)
{
    begin(1, 2, 3, 100);
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures, .count = 1), NULL), 0);
    weft_future_ref(futures[2]);
    weft_as_completed_free(each);
    run_all();
    ck_assert_double_eq(weft_loop_time(loop), 3);
    ck_assert_int_eq(weft_future_error(futures[2]), 0);
    weft_future_unref(futures[2]);
    weft_as_completed_free(NULL);
}
END_RULE

/* 119 */
RULE(a_cancelled_next_loses_nothing)
{
    weft_task *task;

    begin(1, 2, 3, WEFT_NEVER);
    task = TAKER(.each = each, .futures = futures, .catches = true);
    run_rounds(2);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "!WEFT_ECANCELLED@0 0 1 2 end@3");
    weft_future_unref(task);
    weft_as_completed_free(each);
}
END_RULE

/* 119, 51 */
RULE(a_cancel_after_the_next_was_answered_comes_later)
{
    weft_task *task;

    futures[0] = weft_future_new(loop);
    futures[1] = weft_sleep(loop, 1);
    each = weft_as_completed_new(loop, WEFT_FUTURES(weft_future_ref(futures[0]), futures[1]),
                                 WEFT_NEVER);
    task = TAKER(.each = each, .futures = futures);
    run_rounds(1);
    ck_assert_int_eq(weft_future_set_result(futures[0], NULL), 0);
    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "0 !WEFT_ECANCELLED@0");
    weft_future_unref(task);
    weft_future_unref(futures[0]);
    weft_as_completed_free(each);
}
END_RULE

/* 119 */
RULE(a_dropped_next_makes_way_and_a_second_one_is_busy)
{
    weft_future *next, *second;

    begin(1, 2, 3, WEFT_NEVER);
    next = weft_as_completed_next(each);
    second = weft_as_completed_next(each);
    ck_assert_int_eq(weft_future_error(second), -EBUSY);
    weft_future_unref(second);
    weft_future_unref(next);
    ck_assert_int_eq(run_task(TAKER(.each = each, .futures = futures), NULL), 0);
    ck_assert_str_eq(trace(), "0 1 2 end@3");
    weft_as_completed_free(each);
}
END_RULE

/* 119, 16 */
RULE(freed_with_a_next_pending_that_is_abandoned)
{
    weft_future *next;

    begin(1, 2, 3, WEFT_NEVER);
    next = weft_as_completed_next(each);
    weft_as_completed_free(each);
    ck_assert_int_eq(weft_future_error(next), WEFT_EABANDONED);
    weft_future_unref(next);
    run_all();
}
END_RULE

/* What `next` of this answers at once; and it is freed. */
static int refused(weft_as_completed *it)
{
    int error = taken_error(weft_as_completed_next(it));

    weft_as_completed_free(it);
    return error;
}

/* 19, 72, 82 */
RULE(one_that_could_not_be_made_answers_with_the_reason_also_outside_the_loop)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *foreign = weft_future_new(other);

    ck_assert_int_eq(
        refused(weft_as_completed_new(loop, WEFT_FUTURES(weft_future_ref(foreign)), WEFT_NEVER)),
        WEFT_EOTHERLOOP);
    ck_assert_int_eq(
        refused(weft_as_completed_new(other, WEFT_FUTURES(weft_future_ref(foreign)), NAN)), -EINVAL);
    ck_assert_int_eq(weft_loop_close(other), 0);
    ck_assert_int_eq(
        refused(weft_as_completed_new(other, WEFT_FUTURES(weft_future_ref(foreign)), WEFT_NEVER)),
        WEFT_ECLOSED);
    weft_future_unref(foreign);
    weft_loop_unref(other);
}
END_RULE

/* 82 */
RULE(a_loop_that_closes_ends_the_futures_and_the_next)
{
    weft_future *next;

    begin(1, 2, 3, 10);
    next = weft_as_completed_next(each);
    weft_loop_unref(loop);
    loop = NULL;
    (void)reports();
    ck_assert_int_eq(weft_future_error(next), WEFT_ECLOSED);
    ck_assert_int_eq(taken_error(weft_as_completed_next(each)), WEFT_ECLOSED);
    weft_future_unref(next);
    weft_as_completed_free(each);
}
END_RULE

/* Runs inside the loop, because one that could not be made knows of none. */
static weft_step attempt(void *frame)
{
    struct taker *f = frame;

    WEFT_BEGIN(f);
    futures[0] = weft_sleep(NULL, 1);
    futures[1] = weft_future_ref(futures[0]);
    f->each = weft_as_completed_new(NULL, futures, 2, 5);
    WEFT_TRY_AWAIT(f, weft_as_completed_next(f->each));
    weft_as_completed_free(f->each);
    WEFT_RAISE(f, weft_failed(f) ? weft_failed(f) : -EXDEV);
    WEFT_END(f);
}
static const weft_gen_type attempt_type = {
    .name = "attempt", .size = sizeof(struct taker), .resume = attempt};

static int each_attempt(void)
{
    weft_loop *fresh = virtual_loop();
    int error;

    if (!fresh)
        return -ENOMEM;
    error = weft_run_until_complete(
        fresh, weft_task_new(fresh, weft_gen_copy(&attempt_type, &(struct taker){.count = 0})),
        NULL);
    weft_loop_unref(fresh);
    return error == -EXDEV ? 0 : error;
}

/* 100 */
RULE(without_memory_next_says_so_and_nothing_is_left)
{
    each_allocation_fails(each_attempt);
}
END_RULE

RUN_SUITE("as_completed", each_future_is_given_once_in_the_order_in_which_they_end,
          those_that_are_done_already_come_in_the_order_of_the_arguments,
          one_that_is_there_twice_is_given_twice, of_no_futures_the_first_next_is_the_end,
          when_time_is_up_the_rest_is_timed_out_and_goes_on,
          those_that_ended_before_time_was_up_are_given_after_it,
          one_that_ends_in_the_round_in_which_time_is_up_is_no_timeout,
          another_loop_may_take_up_where_one_left_off,
          freed_early_it_leaves_no_timer_and_the_futures_run_on, a_cancelled_next_loses_nothing,
          a_cancel_after_the_next_was_answered_comes_later,
          a_dropped_next_makes_way_and_a_second_one_is_busy,
          freed_with_a_next_pending_that_is_abandoned,
          one_that_could_not_be_made_answers_with_the_reason_also_outside_the_loop,
          a_loop_that_closes_ends_the_futures_and_the_next,
          without_memory_next_says_so_and_nothing_is_left)
