/* check_condition.c - conditions: the lock around a wait, notifications, memory. */
#include <errno.h>

#include "support/sync_bodies.h"

/* ---- wait and notify ---------------------------------------------------------------------------------------- */

/* 166 */
RULE(wait_releases_the_lock_and_has_it_again_before_it_returns)
{
    with_condition();
    PLAY("AWR", "AN1R");
    ck_assert_str_eq(trace(), "aA bA bN b1 bR aW aR");
    all_is_free();
}
END_RULE

/* 166, 161 */
RULE(wait_hands_the_lock_to_the_first_waiter)
{
    with_condition();
    PLAY("AWR", "A1WR", "A1BR");
    ck_assert_str_eq(trace(), "aA bA b1 cA c1 cB cR aW aR bW bR");
    all_is_free();
}
END_RULE

/* 167 */
RULE(wait_and_notify_without_the_lock_are_errors)
{
    with_condition();
    PLAY("W?N?B?U?", "A2R", "1W?N?");
    ck_assert_str_eq(trace(), "aW!WEFT_ENOTOWNER aN!WEFT_ENOTOWNER aB!WEFT_ENOTOWNER "
                              "aU!WEFT_ENOTOWNER bA c1 cW!WEFT_ENOTOWNER cN!WEFT_ENOTOWNER b2 bR");
    ck_assert_int_eq(weft_condition_notify(condition, 1), WEFT_ENOTOWNER);
    all_is_free();
}
END_RULE

/* 168 */
RULE(notify_wakes_as_many_as_it_says_in_their_order)
{
    with_condition();
    PLAY("AWR", "AWR", "AWR", "AN1NNNR");
    ck_assert_str_eq(trace(), "aA bA cA dA dN d1 dN dN dN dR aW aR bW bR cW cR");
    all_is_free();
}
END_RULE

/* 168 */
RULE(those_who_are_not_notified_wait_on)
{
    with_condition();
    PLAY("AWR", "AWR", "ANR");
    ck_assert_str_eq(trace(), "aA bA cA cN cR aW aR");
    PLAY("ABR");
    ck_assert_str_eq(trace(), "aA bA cA cN cR aW aR aA aB aR bW bR");
    all_is_free();
}
END_RULE

/* 168 */
RULE(a_notification_that_nobody_waits_for_is_gone)
{
    weft_task *b;

    with_condition();
    PLAY("ABNR");
    b = start("b", "AWR");
    run_all();
    ck_assert_str_eq(trace(), "aA aB aN aR bA");
    ck_assert(!weft_lock_is_locked(the_lock));
    PLAY("AN0R");
    ck_assert_str_eq(trace(), "aA aB aN aR bA aA aN a0 aR bW bR");
    ended(b);
    all_is_free();
}
END_RULE

/* 168, 161 */
RULE(who_was_notified_gets_the_lock_in_turn_with_those_who_acquire_it)
{
    with_condition();
    PLAY("AWR", "A1N1R", "1AR", "2AR");
    ck_assert_str_eq(trace(), "aA bA b1 bN c1 d2 b1 bR aW aR cA cR dA dR");
    all_is_free();
}
END_RULE

/* 170 */
RULE(wait_until_checks_its_predicate_again_after_each_wait)
{
    with_condition();
    PLAY("AUR", "A1BR", "2A!NR");
    ck_assert_str_eq(trace(), "aA bA b1 bB bR c2 cA c! cN cR aU aR");
    all_is_free();
}
END_RULE

/* 170 */
RULE(wait_until_does_not_wait_if_the_predicate_is_true)
{
    with_condition();
    ready = true;
    PLAY("AUR", "AR");
    ck_assert_str_eq(trace(), "aA aU aR bA bR");
    all_is_free();
}
END_RULE

/* 167, 170 */
RULE(wait_until_without_the_lock_is_an_error_even_if_the_predicate_is_true)
{
    with_condition();
    ready = true;
    PLAY("U?", "A1R", "U?");
    ck_assert_str_eq(trace(), "aU!WEFT_ENOTOWNER bA cU!WEFT_ENOTOWNER b1 bR");
    all_is_free();
}
END_RULE

/* 166 */
RULE(two_conditions_share_a_lock)
{
    weft_condition *other;
    weft_task *a;

    the_lock = weft_lock_new(loop);
    condition = weft_condition_new(NULL, the_lock);
    other = weft_condition_new(NULL, the_lock);
    ck_assert_ptr_eq(weft_condition_lock(other), the_lock);
    a = start("a", "AWR");
    run_rounds(1);
    PLAY("A");
    weft_lock_unref(the_lock); /* the conditions hold it */
    ck_assert(weft_lock_is_locked(the_lock));
    weft_condition_unref(other);
    ck_assert(!weft_future_is_done(a));
    weft_condition_unref(condition);
    run_all(); /* nobody is left who could release the lock */
    ck_assert_str_eq(trace(), "aA aA aW!WEFT_EABANDONED");
    ended(a);
}
END_RULE

/* ---- memory ----------------------------------------------------------------------------------------------- */

/* 100, 166 */
RULE(a_wait_without_memory_keeps_the_lock)
{
    weft_task *a;

    with_condition();
    a = start("a", "0AW?R");
    run_rounds(1);
    weft_testing_fail_allocation(1, 1);
    run_rounds(1);
    weft_testing_fail_allocation(0, 0);
    ck_assert_str_eq(trace(), "a0 aA aW!ENOMEM aR");
    ended(a);
    all_is_free();
}
END_RULE

/* 100 */
RULE(without_memory_a_condition_and_its_lock_answer_with_that)
{
    for (int nth = 1; nth <= 2; nth++) {
        weft_testing_fail_allocation(nth, 1);
        with_condition();
        weft_testing_fail_allocation(0, 0);
        ck_assert_int_eq(run_task(start("a", "A?R?W?N?U"), NULL), -ENOMEM);
        weft_condition_unref(condition);
    }
    condition = weft_condition_new(NULL, the_lock); /* of a lock that has failed */
    ck_assert_int_eq(weft_condition_notify(condition, 1), -ENOMEM);
    weft_condition_unref(condition);
    weft_condition_unref(NULL);
}
END_RULE

static int use_condition(void)
{
    weft_task *a, *b;
    int errors[2];

    with_condition();
    last_error = 0;
    a = start("a", "AU?R");
    b = start("b", "0?A?!N?R?");
    run_all();
    errors[1] = ended(b);
    weft_future_cancel(a, NULL); /* if b could not wake it */
    run_all();
    errors[0] = ended(a);
    weft_condition_unref(condition);
    return last_error ? -ENOMEM : errors[1] ? errors[1] : errors[0];
}

/* 100 [D]: C can */
RULE(each_allocation_of_a_wait_may_fail)
{
    each_allocation_fails(use_condition);
}
END_RULE

RUN_SUITE("condition", wait_releases_the_lock_and_has_it_again_before_it_returns,
          wait_hands_the_lock_to_the_first_waiter, wait_and_notify_without_the_lock_are_errors,
          notify_wakes_as_many_as_it_says_in_their_order, those_who_are_not_notified_wait_on,
          a_notification_that_nobody_waits_for_is_gone,
          who_was_notified_gets_the_lock_in_turn_with_those_who_acquire_it,
          wait_until_checks_its_predicate_again_after_each_wait,
          wait_until_does_not_wait_if_the_predicate_is_true,
          wait_until_without_the_lock_is_an_error_even_if_the_predicate_is_true,
          two_conditions_share_a_lock, a_wait_without_memory_keeps_the_lock,
          without_memory_a_condition_and_its_lock_answer_with_that,
          each_allocation_of_a_wait_may_fail)
