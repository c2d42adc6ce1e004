/* check_sync.c - events, semaphores; and what they share with barriers. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <weft/combine.h>
#include <weft/scope.h>

#include "support/sync_bodies.h"

/* ---- event ------------------------------------------------------------------------------------------------- */

/* 164 */
RULE(set_wakes_all_who_wait_in_their_order_and_later_waits_pass_at_once)
{
    event = weft_event_new(loop);
    PLAY("EEE", "E", "1S2EE");
    ck_assert_str_eq(trace(), "c1 cS aE aE aE bE c2 cE cE");
    ck_assert(weft_event_is_set(event));
    weft_event_unref(event);
}
END_RULE

/* 164 */
RULE(clear_right_after_set_still_lets_the_woken_go)
{
    event = weft_event_new(loop);
    PLAY("EE", "E", "1SC1S");
    ck_assert_str_eq(trace(), "c1 cS cC aE bE c1 cS aE");
    weft_event_unref(event);
}
END_RULE

/* 164 */
RULE(set_twice_and_clear_twice_are_fine)
{
    event = weft_event_new(loop);
    ck_assert(!weft_event_is_set(event));
    PLAY("CCSSE");
    ck_assert_str_eq(trace(), "aC aC aS aS aE");
    ck_assert_int_eq(weft_event_clear(event), 0);
    ck_assert(!weft_event_is_set(event));
    weft_event_unref(event);
}
END_RULE

/* 165 */
RULE(a_cancelled_event_waiter_is_removed)
{
    weft_task *a, *b;

    event = weft_event_new(loop);
    a = start("a", "E");
    b = start("b", "E");
    cancel_later(a, 1);
    run_all();
    ck_assert_int_eq(weft_event_set(event), 0);
    run_all();
    ck_assert_str_eq(trace(), "cancel aE!WEFT_ECANCELLED bE");
    ended(a), ended(b);
    weft_event_unref(event);
}
END_RULE

/* 165, 51 */
RULE(a_waiter_that_is_cancelled_after_set_has_seen_it)
{
    weft_task *a;

    event = weft_event_new(loop);
    a = start("a", "E1");
    run_rounds(1);
    ck_assert_int_eq(weft_event_set(event), 0);
    ck_assert(weft_future_cancel(a, NULL));
    run_all();
    ck_assert_str_eq(trace(), "aE a1!WEFT_ECANCELLED");
    ended(a);
    weft_event_unref(event);
}
END_RULE

/* ---- semaphore --------------------------------------------------------------------------------------------- */

/* 171 */
RULE(permits_that_are_there_are_had_at_once_and_others_wait_in_order)
{
    semaphore = weft_semaphore_new(loop, 2);
    PLAY("P2V", "P1V", "PV", "PV");
    ck_assert_str_eq(trace(), "aP bP b1 bV cP cV dP dV a2 aV");
    ck_assert_int_eq(weft_semaphore_value(semaphore), 2);
    weft_semaphore_unref(semaphore);
}
END_RULE

/* 171 */
RULE(a_newcomer_waits_behind_those_who_wait)
{
    semaphore = weft_semaphore_new(loop, 1);
    PLAY("P1VP", "PV", "1PV");
    ck_assert_str_eq(trace(), "aP a1 aV c1 bP bV aP");
    ck_assert_int_eq(weft_semaphore_value(semaphore), 0);
    ck_assert_int_eq(weft_semaphore_release(semaphore), 0);
    run_all();
    ck_assert_str_eq(trace(), "aP a1 aV c1 bP bV aP cP cV");
    weft_semaphore_unref(semaphore);
}
END_RULE

/* 171 */
RULE(a_negative_start_is_an_error_of_all_calls)
{
    semaphore = weft_semaphore_new(loop, -1);
    PLAY("P?V");
    ck_assert_str_eq(trace(), "aP!EINVAL aV!EINVAL");
    ck_assert_int_eq(weft_semaphore_value(semaphore), 0);
    weft_semaphore_unref(semaphore);
    ck_assert_ptr_nonnull(strstr(reports(), "EINVAL"));
}
END_RULE

/* 171 */
RULE(a_bounded_semaphore_refuses_a_release_too_many_and_a_plain_one_grows)
{
    semaphore = weft_semaphore_new_bounded(loop, 1);
    PLAY("V?PVV?");
    ck_assert_str_eq(trace(), "aV!WEFT_EINVALIDSTATE aP aV aV!WEFT_EINVALIDSTATE");
    ck_assert_int_eq(weft_semaphore_value(semaphore), 1);
    weft_semaphore_unref(semaphore);
    semaphore = weft_semaphore_new(loop, 0);
    ck_assert_int_eq(weft_semaphore_release(semaphore), 0);
    ck_assert_int_eq(weft_semaphore_value(semaphore), 1);
    weft_semaphore_unref(semaphore);
    semaphore = weft_semaphore_new(loop, LONG_MAX);
    ck_assert_int_eq(weft_semaphore_release(semaphore), WEFT_EINVALIDSTATE);
    weft_semaphore_unref(semaphore);
}
END_RULE

/* 172 */
RULE(a_waiter_cancelled_before_its_permit_leaves_it_to_the_next)
{
    weft_task *b, *c;

    semaphore = weft_semaphore_new(loop, 0);
    b = start("b", "P");
    c = start("c", "P");
    run_rounds(1);
    ck_assert(weft_future_cancel(b, NULL));
    ck_assert_int_eq(weft_semaphore_release(semaphore), 0);
    run_all();
    ck_assert_str_eq(trace(), "bP!WEFT_ECANCELLED cP");
    ck_assert_int_eq(weft_semaphore_value(semaphore), 0);
    ended(b), ended(c);
    weft_semaphore_unref(semaphore);
}
END_RULE

/* 172, 51 */
RULE(a_waiter_cancelled_after_its_permit_was_given_has_it)
{
    weft_task *b, *c;

    semaphore = weft_semaphore_new(loop, 0);
    b = start("b", "P1?V");
    c = start("c", "P");
    run_rounds(1);
    ck_assert_int_eq(weft_semaphore_release(semaphore), 0);
    ck_assert(weft_future_cancel(b, NULL));
    run_all();
    ck_assert_str_eq(trace(), "bP b1!WEFT_ECANCELLED bV cP");
    ck_assert_int_eq(weft_semaphore_value(semaphore), 0);
    ended(b), ended(c);
    weft_semaphore_unref(semaphore);
}
END_RULE

/* 172 */
RULE(all_waiters_cancelled_leave_the_permit_there)
{
    weft_task *b;

    semaphore = weft_semaphore_new(loop, 0);
    b = start("b", "P");
    run_rounds(1);
    ck_assert(weft_future_cancel(b, NULL));
    ck_assert_int_eq(weft_semaphore_release(semaphore), 0);
    ck_assert_int_eq(weft_semaphore_value(semaphore), 1);
    run_all();
    ended(b);
    weft_semaphore_unref(semaphore);
}
END_RULE

/* ---- what they share --------------------------------------------------------------------------------------- */

struct levelled {
    weft_gen gen;
    weft_scope scope;
};

static weft_step levelled(void *frame)
{
    struct levelled *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 0, WEFT_SCOPE_LEVEL), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_TRY_AWAIT(f, weft_semaphore_acquire(semaphore));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_barrier_wait(barrier));
    say("%s", weft_errname(weft_failed(f)));
    ck_assert_int_eq(weft_scope_exit(&f->scope, 0), 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(levelled);

/* 62, 172 */
RULE(what_would_be_cancelled_although_it_need_not_wait_takes_no_effect)
{
    semaphore = weft_semaphore_new(loop, 1);
    barrier = weft_barrier_new(loop, 2);
    weft_future_unref(start("a", "Y"));
    run_rounds(1);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(levelled)), NULL), 0);
    ck_assert_int_eq(weft_semaphore_value(semaphore), 1);
    ck_assert_int_eq(weft_barrier_waiting(barrier), 1);
    PLAY("Y");
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED WEFT_ECANCELLED aY=1 aY=0");
    weft_semaphore_unref(semaphore);
    weft_barrier_unref(barrier);
}
END_RULE

/* 16 */
RULE(waiters_whose_object_nobody_else_holds_are_abandoned)
{
    event = weft_event_new(loop);
    semaphore = weft_semaphore_new(loop, 0);
    barrier = weft_barrier_new(loop, 2);
    PLAY("E", "P", "Y");
    weft_event_unref(event);
    weft_semaphore_unref(semaphore);
    weft_barrier_unref(barrier);
    run_all();
    ck_assert_str_eq(trace(), "aE!WEFT_EABANDONED bP!WEFT_EABANDONED cY!WEFT_EABANDONED");
    ck_assert_ptr_nonnull(strstr(reports(), "WEFT_EABANDONED"));
}
END_RULE

/* 162, 174 */
RULE(a_wait_that_is_dropped_leaves_no_trace)
{
    event = weft_event_new(loop);
    semaphore = weft_semaphore_new(loop, 0);
    barrier = weft_barrier_new(loop, 2);
    weft_future_unref(weft_event_wait(event));
    weft_future_unref(weft_semaphore_acquire(semaphore));
    weft_future_unref(weft_barrier_wait(barrier));
    ck_assert_int_eq(weft_event_set(event), 0);
    ck_assert_int_eq(weft_semaphore_release(semaphore), 0);
    ck_assert_int_eq(weft_semaphore_value(semaphore), 1);
    ck_assert_int_eq(weft_barrier_waiting(barrier), 0);
    weft_event_unref(event);
    weft_semaphore_unref(semaphore);
    weft_barrier_unref(barrier);
}
END_RULE

/* 76, 82 */
RULE(a_closed_loop_gives_no_waits_and_no_objects)
{
    event = weft_event_new(loop);
    semaphore = weft_semaphore_new(loop, 1);
    barrier = weft_barrier_new(loop, 1);
    weft_future_unref(start("a", "E"));
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_ptr_nonnull(strstr(reports(), "WEFT_ECLOSED"));
    ck_assert_int_eq(ended(weft_event_wait(event)), WEFT_ECLOSED);
    ck_assert_int_eq(ended(weft_semaphore_acquire(semaphore)), WEFT_ECLOSED);
    ck_assert_int_eq(ended(weft_barrier_wait(barrier)), WEFT_ECLOSED);
    ck_assert_int_eq(weft_event_set(event), 0);
    weft_event_unref(event);
    weft_semaphore_unref(semaphore);
    weft_barrier_unref(barrier);
    event = weft_event_new(loop);
    ck_assert_int_eq(weft_event_set(event), WEFT_ECLOSED);
    weft_event_unref(event);
}
END_RULE

static void unref_event(void *arg)
{
    weft_event_unref(arg);
}

static weft_future *nothing_then(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    return NULL;
}

/* 82, 241 */
RULE(waiters_that_a_closed_loop_lets_end_may_free_the_event)
{
    weft_future *waits[2], *then;

    event = weft_event_new(loop);
    waits[0] = weft_event_wait(event);
    waits[1] = weft_event_wait(event);
    then = weft_then(weft_future_ref(waits[0]), nothing_then, event, unref_event);
    then = weft_shield(then);
    ck_assert(weft_future_cancel(then, NULL)); /* it gives the chain back as soon as that has ended */
    ck_assert_int_eq(weft_loop_close(loop), 0);
    weft_future_unref(then);
    ck_assert_int_eq(ended(waits[0]), WEFT_ECLOSED);
    ck_assert_int_eq(ended(waits[1]), WEFT_ECLOSED);
}
END_RULE

/* 100 */
RULE(without_memory_an_object_answers_with_that)
{
    weft_testing_fail_allocation(1, 3);
    event = weft_event_new(loop);
    semaphore = weft_semaphore_new_bounded(loop, 1);
    barrier = weft_barrier_new(loop, 1);
    weft_testing_fail_allocation(0, 0);
    PLAY("E?S?C?P?V?Y?");
    ck_assert_str_eq(trace(), "aE!ENOMEM aS!ENOMEM aC!ENOMEM aP!ENOMEM aV!ENOMEM aY!ENOMEM");
    ck_assert(!weft_event_is_set(event));
    weft_event_unref(event);
    weft_semaphore_unref(semaphore);
    weft_barrier_unref(barrier);
    weft_event_unref(NULL);
    weft_semaphore_unref(NULL);
    weft_barrier_unref(NULL);
}
END_RULE

static int use_all(void)
{
    weft_task *tasks[2];
    int errors[2];

    event = weft_event_new(loop);
    semaphore = weft_semaphore_new(loop, 0);
    barrier = weft_barrier_new(loop, 2);
    tasks[0] = start("a", "EPY");
    tasks[1] = start("b", "0?S?V?Y");
    run_all();
    weft_barrier_abort(barrier); /* if the other one failed */
    weft_event_set(event);
    weft_semaphore_release(semaphore);
    run_all();
    errors[0] = ended(tasks[0]);
    errors[1] = ended(tasks[1]);
    weft_event_unref(event);
    weft_semaphore_unref(semaphore);
    weft_barrier_unref(barrier);
    if (errors[0] == WEFT_EBROKEN || errors[1] == WEFT_EBROKEN)
        return -ENOMEM;
    return errors[0] ? errors[0] : errors[1];
}

/* 100 [D]: C can */
RULE(each_allocation_of_a_wait_may_fail)
{
    each_allocation_fails(use_all);
}
END_RULE

RUN_SUITE("sync", set_wakes_all_who_wait_in_their_order_and_later_waits_pass_at_once,
          clear_right_after_set_still_lets_the_woken_go, set_twice_and_clear_twice_are_fine,
          a_cancelled_event_waiter_is_removed, a_waiter_that_is_cancelled_after_set_has_seen_it,
          permits_that_are_there_are_had_at_once_and_others_wait_in_order,
          a_newcomer_waits_behind_those_who_wait, a_negative_start_is_an_error_of_all_calls,
          a_bounded_semaphore_refuses_a_release_too_many_and_a_plain_one_grows,
          a_waiter_cancelled_before_its_permit_leaves_it_to_the_next,
          a_waiter_cancelled_after_its_permit_was_given_has_it,
          all_waiters_cancelled_leave_the_permit_there,
          what_would_be_cancelled_although_it_need_not_wait_takes_no_effect,
          waiters_whose_object_nobody_else_holds_are_abandoned,
          a_wait_that_is_dropped_leaves_no_trace, a_closed_loop_gives_no_waits_and_no_objects,
          waiters_that_a_closed_loop_lets_end_may_free_the_event,
          without_memory_an_object_answers_with_that, each_allocation_of_a_wait_may_fail)
