/* check_barrier.c - barriers. */
#include <errno.h>

#include <weft/combine.h>

#include "support/sync_bodies.h"

/* 173 */
RULE(the_last_of_the_parties_lets_all_go_each_with_its_number)
{
    barrier = weft_barrier_new(loop, 3);
    PLAY("Y", "1Y", "2Y");
    ck_assert_str_eq(trace(), "b1 c2 cY=2 aY=0 bY=1");
    ck_assert_int_eq(weft_barrier_waiting(barrier), 0);
    weft_barrier_unref(barrier);
}
END_RULE

/* 173 */
RULE(whoever_comes_next_belongs_to_the_next_round)
{
    barrier = weft_barrier_new(loop, 2);
    PLAY("YY", "YY", "Y", "Y");
    ck_assert_str_eq(trace(), "bY=1 cY=1 aY=0 aY=1 bY=0 dY=0");
    weft_barrier_unref(barrier);
}
END_RULE

/* 173 */
RULE(a_barrier_for_one_never_waits_and_for_none_is_an_error)
{
    barrier = weft_barrier_new(loop, 1);
    PLAY("YY");
    ck_assert_str_eq(trace(), "aY=0 aY=0");
    weft_barrier_unref(barrier);
    barrier = weft_barrier_new(loop, 0);
    ck_assert_int_eq(run_task(start("b", "Y"), NULL), -EINVAL);
    ck_assert_int_eq(weft_barrier_abort(barrier), -EINVAL);
    ck_assert_int_eq(weft_barrier_reset(barrier), -EINVAL);
    ck_assert(!weft_barrier_is_broken(barrier) && !weft_barrier_waiting(barrier));
    weft_barrier_unref(barrier);
}
END_RULE

/* 174 */
RULE(a_cancelled_waiter_does_not_count_and_the_numbers_have_no_gap)
{
    weft_task *a, *b;

    barrier = weft_barrier_new(loop, 3);
    a = start("a", "Y");
    b = start("b", "Y");
    cancel_later(a, 1);
    run_all();
    ck_assert_int_eq(weft_barrier_waiting(barrier), 1);
    PLAY("Y", "Y");
    ck_assert_str_eq(trace(), "cancel aY!WEFT_ECANCELLED bY=2 bY=0 aY=1");
    ended(a), ended(b);
    weft_barrier_unref(barrier);
}
END_RULE

/* 174 */
RULE(reset_breaks_who_waits_and_begins_anew)
{
    weft_task *a, *b;

    barrier = weft_barrier_new(loop, 2);
    a = start("a", "Y?Y");
    run_rounds(1);
    ck_assert_int_eq(weft_barrier_reset(barrier), 0);
    ck_assert(!weft_barrier_is_broken(barrier));
    b = start("b", "Y");
    run_all();
    ck_assert_str_eq(trace(), "aY!WEFT_EBROKEN bY=1 aY=0");
    ended(a), ended(b);
    weft_barrier_unref(barrier);
}
END_RULE

/* 174 */
RULE(abort_breaks_who_waits_and_who_comes_until_a_reset)
{
    weft_task *a;

    barrier = weft_barrier_new(loop, 2);
    a = start("a", "Y?Y?1Y");
    run_rounds(1);
    ck_assert_int_eq(weft_barrier_abort(barrier), 0);
    run_rounds(1);
    ck_assert(weft_barrier_is_broken(barrier));
    ck_assert_int_eq(weft_barrier_reset(barrier), 0);
    weft_future_unref(start("b", "Y"));
    run_all();
    ck_assert_str_eq(trace(), "aY!WEFT_EBROKEN aY!WEFT_EBROKEN a1 aY=1 bY=0");
    ended(a);
    weft_barrier_unref(barrier);
}
END_RULE

/* 174, 51 */
RULE(a_waiter_cancelled_after_the_barrier_has_opened_has_its_number)
{
    weft_task *a, *b;

    barrier = weft_barrier_new(loop, 2);
    a = start("a", "Y1");
    run_rounds(1);
    b = start("b", "Y");
    run_rounds(1);
    ck_assert(weft_future_cancel(a, NULL));
    run_all();
    ck_assert_str_eq(trace(), "bY=1 aY=0 a1!WEFT_ECANCELLED");
    ended(a), ended(b);
    weft_barrier_unref(barrier);
}
END_RULE

/* 100, 173 */
RULE(without_memory_the_last_one_fails_and_the_others_wait_on)
{
    weft_task *a, *b;

    barrier = weft_barrier_new(loop, 2);
    a = start("a", "Y");
    b = start("b", "0Y?Y");
    run_rounds(1);
    weft_testing_fail_allocation(1, 1);
    run_rounds(1);
    ck_assert_int_ge(weft_testing_allocations(), 1);
    weft_testing_fail_allocation(0, 0);
    run_all();
    ck_assert_str_eq(trace(), "b0 bY!ENOMEM bY=1 aY=0");
    ended(a), ended(b);
    weft_barrier_unref(barrier);
}
END_RULE

/* Held by a callback that a closed loop gives up: the object may go while it ends its waiters. */
static void unref_barrier(void *arg)
{
    weft_barrier_unref(arg);
}

static weft_future *nothing_then(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    return NULL;
}

/* 82, 241 */
RULE(waiters_that_end_in_a_closed_loop_may_free_the_object)
{
    weft_future *waits[2], *then;

    barrier = weft_barrier_new(loop, 3);
    waits[0] = weft_barrier_wait(barrier);
    waits[1] = weft_barrier_wait(barrier);
    then = weft_then(weft_future_ref(waits[0]), nothing_then, barrier, unref_barrier);
    then = weft_shield(then); /* gives it back as soon as it has ended */
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(ended(then), WEFT_ECLOSED);
    ck_assert_int_eq(ended(waits[0]), WEFT_ECLOSED);
    ck_assert_int_eq(ended(waits[1]), WEFT_ECLOSED);
}
END_RULE

RUN_SUITE("barrier", the_last_of_the_parties_lets_all_go_each_with_its_number,
          whoever_comes_next_belongs_to_the_next_round,
          a_barrier_for_one_never_waits_and_for_none_is_an_error,
          a_cancelled_waiter_does_not_count_and_the_numbers_have_no_gap,
          reset_breaks_who_waits_and_begins_anew, abort_breaks_who_waits_and_who_comes_until_a_reset,
          a_waiter_cancelled_after_the_barrier_has_opened_has_its_number,
          without_memory_the_last_one_fails_and_the_others_wait_on,
          waiters_that_end_in_a_closed_loop_may_free_the_object)
