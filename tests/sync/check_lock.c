/* check_lock.c - locks: order, hand-off, ownership, memory. */
#include <errno.h>
#include <limits.h>

#include "core/loop.h"
#include "support/sync_bodies.h"

/* ---- the order -------------------------------------------------------------------------------------------- */

/* 159 */
RULE(a_free_lock_is_acquired_at_once_without_a_suspension)
{
    weft_task *a, *b;

    with_lock();
    a = start("a", "ARAR");
    b = start("b", "AR");
    run_rounds(1);
    ck_assert_str_eq(trace(), "aA aR aA aR bA bR");
    ck_assert_int_eq(ended(a), 0);
    ck_assert_int_eq(ended(b), 0);
    weft_lock_unref(the_lock);
}
END_RULE

/* 159 */
RULE(what_need_not_wait_allocates_nothing)
{
    weft_task *a;

    with_lock();
    a = start("a", "0ARARAR");
    run_rounds(1);
    weft_testing_fail_allocation(1, LONG_MAX);
    run_rounds(1);
    ck_assert_int_eq(weft_testing_allocations(), 0);
    weft_testing_fail_allocation(0, 0);
    ck_assert_int_eq(ended(a), 0);
    weft_lock_unref(the_lock);
}
END_RULE

/* 159 */
RULE(waiters_get_it_in_the_order_in_which_they_came)
{
    weft_task *a, *b, *c;

    with_lock();
    a = start("a", "A1R");
    b = start("b", "AR");
    c = start("c", "A0R");
    run_all();
    ck_assert_str_eq(trace(), "aA a1 aR bA bR cA c0 cR");
    ck_assert(!weft_lock_is_locked(the_lock));
    ck_assert_int_eq(ended(a), 0);
    ck_assert_int_eq(ended(b), 0);
    ck_assert_int_eq(ended(c), 0);
    weft_lock_unref(the_lock);
}
END_RULE

/* 161 [D]: to wake, and to let them try again, is what asyncio's races came of */
RULE(a_newcomer_cannot_get_in_between_a_release_and_the_waiter)
{
    weft_task *a, *b, *c;

    with_lock();
    a = start("a", "A1R");
    b = start("b", "AR");
    c = start("c", "1AR"); /* wakes after the release, before b has run */
    run_all();
    ck_assert_str_eq(trace(), "aA a1 aR c1 bA bR cA cR");
    ended(a), ended(b), ended(c);
    weft_lock_unref(the_lock);
}
END_RULE

/* 161 */
RULE(who_releases_and_acquires_again_waits_behind_the_others)
{
    weft_task *a, *b;

    with_lock();
    a = start("a", "A1RAR");
    b = start("b", "A1R");
    run_all();
    ck_assert_str_eq(trace(), "aA a1 aR bA b1 bR aA aR");
    ended(a), ended(b);
    weft_lock_unref(the_lock);
}
END_RULE

/* 161 */
RULE(after_the_release_the_waiter_is_the_owner_before_it_has_run)
{
    weft_task *a, *b;

    with_lock();
    a = start("a", "A1RR?");
    b = start("b", "AR");
    run_all();
    ck_assert_str_eq(trace(), "aA a1 aR aR!WEFT_ENOTOWNER bA bR");
    ended(a), ended(b);
    weft_lock_unref(the_lock);
}
END_RULE

/* ---- errors ------------------------------------------------------------------------------------------------ */

/* 160 [D] the owner: deadlocks are else silent */
RULE(a_release_of_a_free_lock_or_of_anothers_is_an_error)
{
    weft_task *a, *b;

    with_lock();
    a = start("a", "R?A2R");
    b = start("b", "R?AR");
    run_all();
    ck_assert_str_eq(trace(), "aR!WEFT_EINVALIDSTATE aA bR!WEFT_ENOTOWNER a2 aR bA bR");
    ended(a), ended(b);
    weft_lock_unref(the_lock);
}
END_RULE

/* 160 */
RULE(an_acquire_by_the_owner_is_a_deadlock_and_changes_nothing)
{
    weft_task *a;

    with_lock();
    a = start("a", "AA?R");
    run_all();
    ck_assert_str_eq(trace(), "aA aA!WEFT_EDEADLOCK aR");
    ck_assert(!weft_lock_is_locked(the_lock));
    ended(a);
    weft_lock_unref(the_lock);
}
END_RULE

static void outside(void *arg)
{
    weft_future *future = weft_lock_acquire(the_lock);

    (void)arg;
    say("%s", weft_errname(weft_future_error(future)));
    weft_future_unref(future);
    say("%s", weft_errname(weft_lock_release(the_lock)));
    ck_assert(!weft_lock_is_mine(the_lock));
}

/* 160 */
RULE(a_callback_is_no_task_and_owns_nothing)
{
    weft_task *a;

    with_lock();
    outside(NULL);
    a = start("a", "A");
    run_all();
    outside(NULL);
    ck_assert_int_eq(weft_call_soon(loop, outside, NULL, NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "WEFT_ENOTASK WEFT_EINVALIDSTATE aA WEFT_ENOTASK WEFT_ENOTOWNER "
                              "WEFT_ENOTASK WEFT_ENOTOWNER");
    ended(a);
    weft_lock_unref(the_lock);
}
END_RULE

/* 19, 160 */
RULE(a_task_of_another_loop_is_refused_even_if_its_number_is_the_same)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_task *a, *b;

    with_lock();
    a = start("a", "A1R");
    run_rounds(1);
    b = weft_task_new(other, WEFT_CALL(actor, .name = "b", .script = "R?A?"));
    ck_assert_int_eq(weft_run_until_complete(other, b, NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "aA bR!WEFT_ENOTOWNER bA!WEFT_EOTHERLOOP a1 aR");
    ended(a);
    weft_lock_unref(the_lock);
    weft_loop_unref(other);
}
END_RULE

static bool mine[2], locked;

struct asker {
    weft_gen gen;
};

static weft_step asker(void *frame)
{
    struct asker *f = frame;

    WEFT_BEGIN(f);
    mine[0] = weft_lock_is_mine(the_lock);
    locked = weft_lock_is_locked(the_lock);
    WEFT_AWAIT(f, weft_lock_acquire(the_lock));
    mine[1] = weft_lock_is_mine(the_lock);
    ck_assert_int_eq(weft_lock_release(the_lock), 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(asker);

/* 160 */
RULE(is_locked_and_is_mine_tell_whose_it_is)
{
    weft_task *a, *b;

    with_lock();
    ck_assert(!weft_lock_is_locked(the_lock));
    a = start("a", "A1R");
    b = weft_task_new(loop, WEFT_CALL(asker));
    run_all();
    ck_assert(locked && !mine[0] && mine[1]);
    ended(a), ended(b);
    weft_lock_unref(the_lock);
}
END_RULE

/* 160 */
RULE(a_task_in_the_memory_of_a_dead_owner_is_not_the_owner)
{
    with_lock();
    weft_future_unref(start("a", "A"));
    run_all();
    /* The same sizes, and so the same addresses, unless malloc is another. */
    for (int i = 0; i < 4; i++)
        weft_future_unref(start("b", "R?"));
    run_all();
    ck_assert_str_eq(trace(), "aA bR!WEFT_ENOTOWNER bR!WEFT_ENOTOWNER bR!WEFT_ENOTOWNER "
                              "bR!WEFT_ENOTOWNER");
    weft_lock_unref(the_lock);
}
END_RULE

/* ---- memory ------------------------------------------------------------------------------------------------ */

static int use_lock(void)
{
    weft_task *a, *b;
    int errors[2];

    with_lock();
    a = start("a", "A1?R");
    b = start("b", "AR");
    run_all();
    ck_assert(!weft_lock_is_locked(the_lock));
    errors[0] = ended(a);
    errors[1] = ended(b);
    weft_lock_unref(the_lock);
    return errors[0] ? errors[0] : errors[1];
}

/* 100 [D]: C can */
RULE(without_memory_every_call_says_so)
{
    weft_testing_fail_allocation(1, 1);
    with_lock();
    weft_testing_fail_allocation(0, 0);
    ck_assert_int_eq(run_task(start("a", "R?A"), NULL), -ENOMEM);
    ck_assert_str_eq(trace(), "aR!ENOMEM aA!ENOMEM");
    ck_assert(!weft_lock_is_locked(the_lock) && !weft_lock_is_mine(the_lock));
    weft_lock_unref(the_lock);
    weft_lock_unref(NULL);
}
END_RULE

/* 100 */
RULE(each_allocation_of_a_contended_lock_may_fail)
{
    each_allocation_fails(use_lock);
}
END_RULE

/* 254, 160: white box: the counter of tasks is set back, as 2^32 tasks would do it */
RULE(a_task_with_the_number_of_the_holder_is_a_stranger_all_the_same)
{
    weft_task *a, *b, *c;

    with_lock();
    a = start("a", "A1R");
    run_rounds(1);
    loop->next_id = a->id - 1;
    b = start("b", "R?AR");
    loop->next_id = a->id - 1;
    c = start("c", "A");
    run_all();
    ck_assert_str_eq(trace(), "aA bR!WEFT_ENOTOWNER a1 aR bA bR cA");
    ck_assert_int_eq(ended(a), 0);
    ck_assert_int_eq(ended(b), 0);
    ck_assert_int_eq(ended(c), 0); /* it ends with the lock */
    a = start("a", "R");
    run_all();
    ck_assert_int_eq(ended(a), WEFT_ENOTOWNER);
    weft_lock_unref(the_lock);
}
END_RULE

RUN_SUITE("lock", a_task_with_the_number_of_the_holder_is_a_stranger_all_the_same,
          a_free_lock_is_acquired_at_once_without_a_suspension,
          what_need_not_wait_allocates_nothing, waiters_get_it_in_the_order_in_which_they_came,
          a_newcomer_cannot_get_in_between_a_release_and_the_waiter,
          who_releases_and_acquires_again_waits_behind_the_others,
          after_the_release_the_waiter_is_the_owner_before_it_has_run,
          a_release_of_a_free_lock_or_of_anothers_is_an_error,
          an_acquire_by_the_owner_is_a_deadlock_and_changes_nothing,
          a_callback_is_no_task_and_owns_nothing,
          a_task_of_another_loop_is_refused_even_if_its_number_is_the_same,
          is_locked_and_is_mine_tell_whose_it_is,
          a_task_in_the_memory_of_a_dead_owner_is_not_the_owner, without_memory_every_call_says_so,
          each_allocation_of_a_contended_lock_may_fail)
