/* check_condition_cancel.c - conditions: waits that are cancelled, time out, are dropped or abandoned. */
#include <errno.h>
#include <string.h>

#include <weft/combine.h>
#include <weft/scope.h>

#include "support/sync_bodies.h"

/* ---- cancel ------------------------------------------------------------------------------------------------- */

/* 166, 169 */
RULE(a_wait_that_is_cancelled_has_the_lock_again_before_it_ends)
{
    weft_task *a, *b;

    with_condition();
    a = start("a", "AW?R");
    b = start("b", "A2R");
    cancel_later(a, 1);
    run_all();
    ck_assert_str_eq(trace(), "aA bA cancel b2 bR aW!WEFT_ECANCELLED aR");
    ck_assert_int_eq(ended(a), 0);
    ended(b);
    all_is_free();
}
END_RULE

/* 166 */
RULE(a_wait_that_is_cancelled_while_the_lock_is_free_has_it_at_once)
{
    weft_task *a, *b;

    with_condition();
    a = start("a", "AW?R");
    b = start("b", "1AR");
    run_rounds(1);
    ck_assert(!weft_lock_is_locked(the_lock));
    ck_assert(weft_future_cancel(a, NULL));
    ck_assert(weft_lock_is_locked(the_lock));
    run_all();
    ck_assert_str_eq(trace(), "aA aW!WEFT_ECANCELLED aR b1 bA bR");
    ended(a), ended(b);
    all_is_free();
}
END_RULE

struct timed {
    weft_gen gen;
    weft_scope scope;
    bool by_scope;
    int error;
};

static weft_step timed(void *frame)
{
    struct timed *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_lock_acquire(the_lock));
    if (f->by_scope) {
        ck_assert_int_eq(weft_scope_enter(&f->scope, 1, 0), 0);
        WEFT_TRY_AWAIT(f, weft_condition_wait(condition));
        f->error = weft_scope_exit(&f->scope, weft_failed(f));
    } else {
        WEFT_TRY_AWAIT(f, weft_wait_for(weft_condition_wait(condition), 1));
        f->error = weft_failed(f);
    }
    say("%s%s", weft_errname(f->error), weft_lock_is_mine(the_lock) ? "-mine" : "");
    ck_assert_int_eq(weft_lock_release(the_lock), 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(timed);

/* 166 */
RULE(a_wait_whose_time_is_up_has_the_lock_again_before_it_ends)
{
    weft_task *a, *b, *c;

    with_condition();
    a = weft_task_new(loop, WEFT_CALL(timed, .by_scope = true));
    b = weft_task_new(loop, WEFT_CALL(timed));
    c = start("c", "A2R");
    run_all();
    ck_assert_str_eq(trace(), "cA c2 cR WEFT_ETIMEDOUT-mine WEFT_ETIMEDOUT-mine");
    ended(a), ended(b), ended(c);
    all_is_free();
}
END_RULE

/* 168, 126 */
RULE(a_cancel_after_the_notification_is_not_swallowed_by_a_wait_for)
{
    weft_task *a, *b;

    with_condition();
    a = weft_task_new(loop, WEFT_CALL(timed));
    b = start("b", "AN2R");
    cancel_later(a, 0.5);
    run_all();
    ck_assert_str_eq(trace(), "bA bN cancel b2 bR 0-mine");
    ck_assert_int_eq(ended(a), WEFT_ECANCELLED);
    ended(b);
    all_is_free();
}
END_RULE

/* 168 */
RULE(a_notification_goes_past_a_waiter_that_was_cancelled_before_it)
{
    weft_task *a, *b, *c;

    with_condition();
    a = start("a", "AW?R");
    b = start("b", "AWR");
    c = start("c", "A2NR");
    cancel_later(a, 1);
    run_all();
    ck_assert_str_eq(trace(), "aA bA cA cancel c2 cN cR aW!WEFT_ECANCELLED aR bW bR");
    ended(a), ended(b), ended(c);
    all_is_free();
}
END_RULE

/* 168 [D]: asyncio wakes another one instead */
RULE(a_waiter_that_is_cancelled_after_its_notification_returns_and_is_cancelled_next)
{
    weft_task *a, *b, *c;

    with_condition();
    a = start("a", "AW1?R");
    b = start("b", "AWR");
    c = start("c", "AN2R");
    cancel_later(a, 1);
    run_all();
    ck_assert_str_eq(trace(), "aA bA cA cN cancel c2 cR aW a1!WEFT_ECANCELLED aR");
    PLAY("ABR");
    ended(a), ended(b), ended(c);
    all_is_free();
}
END_RULE

/* 168, 51 */
RULE(a_waiter_that_is_cancelled_after_it_was_handed_the_lock_returns_too)
{
    weft_task *a, *b;

    with_condition();
    a = start("a", "AW1?R");
    b = start("b", "ANR");
    run_rounds(1);
    ck_assert_str_eq(trace(), "aA bA bN bR");
    ck_assert(weft_future_cancel(a, NULL));
    run_all();
    ck_assert_str_eq(trace(), "aA bA bN bR aW a1!WEFT_ECANCELLED aR");
    ended(a), ended(b);
    all_is_free();
}
END_RULE

/* 169 */
RULE(a_second_cancel_during_the_reacquire_is_delivered_with_the_first)
{
    weft_task *a, *b;

    with_condition();
    a = start("a", "AW?1R");
    b = start("b", "A3R");
    cancel_later(a, 1);
    cancel_later(a, 2);
    run_all();
    ck_assert_str_eq(trace(), "aA bA cancel cancel b3 bR aW!WEFT_ECANCELLED a1 aR");
    ck_assert_int_eq(ended(a), 0);
    ended(b);
    all_is_free();
}
END_RULE

/* 169, 7 */
RULE(the_reason_of_a_cancel_outlives_the_reacquire)
{
    weft_future *wait = NULL;
    weft_task *a, *b;

    with_condition();
    a = start("a", "AW?R");
    b = start("b", "A1R");
    run_rounds(1);
    wait = weft_future_ref(weft_task_awaiting(a));
    ck_assert(weft_future_cancel(wait, "enough"));
    ck_assert(!weft_future_is_done(wait));
    ck_assert_str_eq(weft_future_cancel_reason(wait), "enough");
    run_all();
    ck_assert(weft_future_is_cancelled(wait));
    ck_assert_str_eq(weft_future_cancel_reason(wait), "enough");
    ck_assert_str_eq(trace(), "aA bA b1 bR aW!WEFT_ECANCELLED aR");
    weft_future_unref(wait);
    ended(a), ended(b);
    all_is_free();
}
END_RULE

/* 50, 168 */
RULE(who_cancelled_itself_before_the_wait_is_cancelled_there)
{
    with_condition();
    PLAY("AXW?R", "ABR");
    ck_assert_str_eq(trace(), "aA aX aW!WEFT_ECANCELLED aR bA bB bR");
    all_is_free();
}
END_RULE

/* 170, 166 */
RULE(wait_until_that_is_cancelled_holds_the_lock)
{
    weft_task *a, *b;

    with_condition();
    a = start("a", "AU?R");
    b = start("b", "A2BR");
    cancel_later(a, 1);
    run_all();
    ck_assert_str_eq(trace(), "aA bA cancel b2 bB bR aU!WEFT_ECANCELLED aR");
    ended(a), ended(b);
    all_is_free();
}
END_RULE

/* ---- the end ------------------------------------------------------------------------------------------------ */

/* Waits, and drops the wait after a while. */
struct dropper {
    weft_gen gen;
    weft_future *future;
    bool cancels; /* first */
};

static weft_step dropper(void *frame)
{
    struct dropper *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_lock_acquire(the_lock));
    f->future = weft_condition_wait(condition);
    WEFT_AWAIT(f, weft_sleep(NULL, 2));
    if (f->cancels)
        weft_future_cancel(f->future, NULL);
    weft_future_unref(f->future);
    say("dropped%s", weft_lock_is_mine(the_lock) ? "-mine" : "");
    WEFT_END(f);
}
WEFT_GEN_TYPE(dropper);

/* 162, 168 */
RULE(a_wait_that_is_dropped_leaves_no_trace)
{
    weft_task *a, *b;

    with_condition();
    a = weft_task_new(loop, WEFT_CALL(dropper));
    b = start("b", "AWR");
    run_all();
    PLAY("ANR");
    ck_assert_str_eq(trace(), "bA dropped aA aN aR bW bR");
    ended(a), ended(b);
    all_is_free();
}
END_RULE

/* 168 */
RULE(the_notification_of_a_wait_that_is_dropped_goes_to_the_next)
{
    weft_task *a, *b, *c;

    with_condition();
    a = weft_task_new(loop, WEFT_CALL(dropper));
    b = start("b", "AWR");
    c = start("c", "AN3R");
    run_all();
    ck_assert_str_eq(trace(), "bA cA cN dropped c3 cR bW bR");
    ended(a), ended(b), ended(c);
    all_is_free();
}
END_RULE

/* 168, 169 */
RULE(a_wait_that_is_cancelled_and_then_dropped_wakes_nobody)
{
    weft_task *a, *b, *c;

    with_condition();
    a = weft_task_new(loop, WEFT_CALL(dropper, .cancels = true));
    b = start("b", "AWR");
    c = start("c", "A3R");
    run_all();
    ck_assert_str_eq(trace(), "bA cA dropped c3 cR");
    PLAY("ANR");
    ck_assert_str_eq(trace(), "bA cA dropped c3 cR aA aN aR bW bR");
    ended(a), ended(b), ended(c);
    all_is_free();
}
END_RULE

/* 16, 166 */
RULE(waiters_of_a_condition_that_nobody_else_holds_are_abandoned_with_the_lock)
{
    weft_task *c;

    the_lock = weft_lock_new(loop);
    condition = weft_condition_new(NULL, the_lock);
    PLAY("AW?1R", "AW?1R");
    weft_condition_unref(condition);
    c = start("c", "AR"); /* waits when the condition goes: the lock is as good as ever */
    run_all();
    ck_assert_str_eq(trace(), "aA bA aW!WEFT_EABANDONED a1 aR bW!WEFT_EABANDONED b1 bR cA cR");
    ck_assert(!weft_lock_is_locked(the_lock));
    ended(c);
    weft_lock_unref(the_lock);
}
END_RULE

/* 16 */
RULE(who_was_notified_is_abandoned_only_if_the_lock_is_too)
{
    weft_task *a, *b;

    the_lock = weft_lock_new(loop);
    condition = weft_condition_new(NULL, the_lock);
    a = start("a", "AW");
    b = start("b", "AN5");
    run_rounds(1);
    weft_condition_unref(condition);
    run_rounds(1);
    ck_assert_str_eq(trace(), "aA bA bN");
    weft_lock_unref(the_lock);
    run_all();
    ck_assert_str_eq(trace(), "aA bA bN aW!WEFT_EABANDONED b5");
    ended(a), ended(b);
}
END_RULE

/* 16, 169 */
RULE(who_was_cancelled_ends_so_also_if_the_lock_is_abandoned_meanwhile)
{
    weft_task *a, *b;

    with_condition();
    a = start("a", "AW");
    b = start("b", "A5");
    run_rounds(1);
    ck_assert(weft_future_cancel(a, NULL));
    weft_condition_unref(condition);
    run_all();
    ck_assert_str_eq(trace(), "aA bA aW!WEFT_ECANCELLED b5");
    ended(a), ended(b);
}
END_RULE

/* 35, 82 */
RULE(a_loop_that_closes_takes_waiters_of_both_kinds_along)
{
    weft_task *c;

    with_condition();
    weft_future_unref(start("a", "AW"));
    weft_future_unref(start("b", "AW"));
    c = start("c", "AN5");
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_ptr_nonnull(strstr(reports(), "WEFT_ECLOSED"));
    ck_assert_int_eq(ended(c), WEFT_ECLOSED);
    weft_condition_unref(condition);
    condition = weft_condition_new(loop, NULL);
    ck_assert_int_eq(weft_condition_notify(condition, 1), WEFT_ECLOSED);
    weft_condition_unref(condition);
}
END_RULE

RUN_SUITE("condition_cancel", a_wait_that_is_cancelled_has_the_lock_again_before_it_ends,
          a_wait_that_is_cancelled_while_the_lock_is_free_has_it_at_once,
          a_wait_whose_time_is_up_has_the_lock_again_before_it_ends,
          a_cancel_after_the_notification_is_not_swallowed_by_a_wait_for,
          a_notification_goes_past_a_waiter_that_was_cancelled_before_it,
          a_waiter_that_is_cancelled_after_its_notification_returns_and_is_cancelled_next,
          a_waiter_that_is_cancelled_after_it_was_handed_the_lock_returns_too,
          a_second_cancel_during_the_reacquire_is_delivered_with_the_first,
          the_reason_of_a_cancel_outlives_the_reacquire,
          who_cancelled_itself_before_the_wait_is_cancelled_there,
          wait_until_that_is_cancelled_holds_the_lock, a_wait_that_is_dropped_leaves_no_trace,
          the_notification_of_a_wait_that_is_dropped_goes_to_the_next,
          a_wait_that_is_cancelled_and_then_dropped_wakes_nobody,
          waiters_of_a_condition_that_nobody_else_holds_are_abandoned_with_the_lock,
          who_was_notified_is_abandoned_only_if_the_lock_is_too,
          who_was_cancelled_ends_so_also_if_the_lock_is_abandoned_meanwhile,
          a_loop_that_closes_takes_waiters_of_both_kinds_along)
