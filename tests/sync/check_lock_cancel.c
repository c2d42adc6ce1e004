/* check_lock_cancel.c - locks: acquires that are cancelled, time out, are dropped or abandoned. */
#include <errno.h>
#include <string.h>

#include <weft/combine.h>
#include <weft/scope.h>

#include "support/sync_bodies.h"

/* ---- cancel ------------------------------------------------------------------------------------------------ */

/* 162, 163 */
RULE(a_waiter_that_is_cancelled_leaves_no_trace)
{
    weft_task *a, *b, *c;

    with_lock();
    a = start("a", "A1R");
    b = start("b", "AR");
    c = start("c", "AR");
    run_rounds(1);
    ck_assert(weft_future_cancel(b, NULL));
    run_all();
    ck_assert_str_eq(trace(), "aA bA!WEFT_ECANCELLED a1 aR cA cR");
    ck_assert(!weft_lock_is_locked(the_lock));
    ck_assert_int_eq(ended(b), WEFT_ECANCELLED);
    ended(a), ended(c);
    weft_lock_unref(the_lock);
}
END_RULE

/* 163 [D]: asyncio drops the lock that it had just been given */
RULE(a_waiter_that_is_cancelled_after_the_hand_off_has_the_lock_and_is_cancelled_next)
{
    weft_task *a, *b, *c;

    with_lock();
    a = start("a", "A1R");
    b = start("b", "A5?R");
    c = start("c", "AR");
    run_rounds(1);
    weft_testing_advance(loop, 1);
    run_rounds(1); /* a has released */
    ck_assert_str_eq(trace(), "aA a1 aR");
    ck_assert(weft_future_cancel(b, NULL));
    run_all();
    ck_assert_str_eq(trace(), "aA a1 aR bA b5!WEFT_ECANCELLED bR cA cR");
    ended(a), ended(b), ended(c);
    weft_lock_unref(the_lock);
}
END_RULE

/* 163 */
RULE(the_only_waiter_cancelled_leaves_the_lock_to_newcomers)
{
    weft_task *a, *b, *c;

    with_lock();
    a = start("a", "A1R");
    b = start("b", "AR");
    run_rounds(1);
    ck_assert(weft_future_cancel(b, NULL));
    run_all();
    c = start("c", "AR");
    run_all();
    ck_assert_str_eq(trace(), "aA bA!WEFT_ECANCELLED a1 aR cA cR");
    ended(a), ended(b), ended(c);
    weft_lock_unref(the_lock);
}
END_RULE

struct timed {
    weft_gen gen;
    double seconds;
};

static weft_step timed(void *frame)
{
    struct timed *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_wait_for(weft_lock_acquire(the_lock), f->seconds));
    say("%s", weft_errname(weft_failed(f)));
    if (!weft_failed(f))
        ck_assert_int_eq(weft_lock_release(the_lock), 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(timed);

/* 162, 128 */
RULE(an_acquire_whose_time_is_up_leaves_no_trace_and_one_in_time_has_it)
{
    weft_task *a, *b, *c;

    with_lock();
    a = start("a", "A3R");
    b = weft_task_new(loop, WEFT_CALL(timed, .seconds = 2));
    c = weft_task_new(loop, WEFT_CALL(timed, .seconds = 4));
    run_all();
    ck_assert_str_eq(trace(), "aA WEFT_ETIMEDOUT a3 aR 0");
    ck_assert(!weft_lock_is_locked(the_lock));
    ended(a), ended(b), ended(c);
    weft_lock_unref(the_lock);
}
END_RULE

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
    say("%s", weft_errname(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_lock_acquire(the_lock));
    say("%s", weft_errname(weft_failed(f)));
    ck_assert(!weft_lock_is_locked(the_lock));
    weft_future_unref(weft_lock_acquire(the_lock)); /* it is cancelled, and no unread failure */
    ck_assert(!weft_lock_is_locked(the_lock));
    ck_assert_int_eq(weft_scope_exit(&f->scope, 0), 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(levelled);

/* 62, 163 */
RULE(an_acquire_that_would_be_cancelled_although_the_lock_is_free_does_not_take_it)
{
    with_lock();
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(levelled)), NULL), 0);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED WEFT_ECANCELLED");
    weft_lock_unref(the_lock);
}
END_RULE

struct busy {
    weft_gen gen;
    int turns;
};

/* Never waits; its cancel comes at an await of a done future in the end. */
static weft_step busy(void *frame)
{
    struct busy *f = frame;

    WEFT_BEGIN(f);
    ck_assert(weft_future_cancel(weft_current_task(), NULL));
    for (;;) {
        WEFT_TRY_AWAIT(f, weft_lock_acquire(the_lock));
        if (weft_failed(f))
            break;
        f->turns++;
        ck_assert_int_eq(weft_lock_release(the_lock), 0);
    }
    ck_assert(!weft_lock_is_locked(the_lock));
    WEFT_RETURN(f, weft_from_int(f->turns));
    WEFT_END(f);
}
WEFT_GEN_TYPE(busy);

/* 101, 163 */
RULE(a_task_that_never_waits_is_cancelled_without_the_lock)
{
    intptr_t turns;

    with_lock();
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(busy)), &turns), 0);
    ck_assert_int_gt(turns, 0);
    weft_lock_unref(the_lock);
}
END_RULE

/* ---- the end ----------------------------------------------------------------------------------------------- */

struct dropper {
    weft_gen gen;
    weft_future *future;
};

static weft_step dropper(void *frame)
{
    struct dropper *f = frame;

    WEFT_BEGIN(f);
    f->future = weft_lock_acquire(the_lock);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    say("dropped%s", weft_future_is_done(f->future) ? "-done" : "");
    weft_future_unref(f->future);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    say("%s", weft_lock_is_mine(the_lock) ? "mine" : "not-mine");
    WEFT_END(f);
}
WEFT_GEN_TYPE(dropper);

/* 162 */
RULE(an_acquire_that_is_dropped_while_it_waits_leaves_no_trace)
{
    weft_task *a, *b;

    with_lock();
    a = start("a", "A2R");
    b = weft_task_new(loop, WEFT_CALL(dropper));
    run_all();
    ck_assert_str_eq(trace(), "aA dropped a2 aR not-mine");
    ck_assert(!weft_lock_is_locked(the_lock));
    ended(a), ended(b);
    weft_lock_unref(the_lock);
}
END_RULE

/* 163 */
RULE(an_acquire_that_is_dropped_after_it_was_done_has_acquired)
{
    with_lock();
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(dropper)), NULL), 0);
    ck_assert_str_eq(trace(), "dropped-done mine");
    weft_lock_unref(the_lock);
}
END_RULE

/* 16 */
RULE(waiters_of_a_lock_that_nobody_else_holds_are_abandoned)
{
    weft_task *a, *b;

    with_lock();
    a = start("a", "A5");
    b = start("b", "A");
    run_rounds(1);
    weft_lock_unref(the_lock);
    run_all();
    ck_assert_str_eq(trace(), "aA bA!WEFT_EABANDONED a5");
    ended(a);
    ck_assert_int_eq(ended(b), WEFT_EABANDONED);
}
END_RULE

/* 76, 35 */
RULE(a_loop_that_closes_ends_the_waiters_and_refuses_the_lock)
{
    weft_future *future;

    with_lock();
    weft_future_unref(start("a", "A5R"));
    weft_future_unref(start("b", "AR"));
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_ptr_nonnull(strstr(reports(), "actor-2"));
    ck_assert(weft_lock_is_locked(the_lock));
    ck_assert_int_eq(weft_lock_release(the_lock), WEFT_ENOTOWNER);
    future = weft_lock_acquire(the_lock);
    ck_assert_int_eq(weft_future_error(future), WEFT_ECLOSED);
    weft_future_unref(future);
    weft_lock_unref(the_lock);
    the_lock = weft_lock_new(loop);
    ck_assert_int_eq(weft_lock_release(the_lock), WEFT_ECLOSED);
    weft_lock_unref(the_lock);
}
END_RULE

RUN_SUITE("lock_cancel", a_waiter_that_is_cancelled_leaves_no_trace,
          a_waiter_that_is_cancelled_after_the_hand_off_has_the_lock_and_is_cancelled_next,
          the_only_waiter_cancelled_leaves_the_lock_to_newcomers,
          an_acquire_whose_time_is_up_leaves_no_trace_and_one_in_time_has_it,
          an_acquire_that_would_be_cancelled_although_the_lock_is_free_does_not_take_it,
          a_task_that_never_waits_is_cancelled_without_the_lock,
          an_acquire_that_is_dropped_while_it_waits_leaves_no_trace,
          an_acquire_that_is_dropped_after_it_was_done_has_acquired,
          waiters_of_a_lock_that_nobody_else_holds_are_abandoned,
          a_loop_that_closes_ends_the_waiters_and_refuses_the_lock)
