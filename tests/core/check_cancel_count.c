/* check_cancel_count.c - cancel requests: how they are counted, and who may ask. */
#include <pthread.h>

#include "support/cancel_bodies.h"
#include "support/harness.h"

/* ---- bodies ---- */

static weft_task *sleeping(const char *name, double seconds)
{
    return weft_task_new(loop, WEFT_CALL(sleeper, .name = name, .seconds = seconds));
}

/* ---- counting ---- */

/* 53, 45 */
RULE(an_undelivered_request_is_withdrawn_when_uncancel_reaches_zero)
{
    weft_task *task = sleeping("a", 0);

    ck_assert_int_eq(weft_task_uncancel(task), 0);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(weft_task_cancelling(task), 2);
    ck_assert_int_eq(weft_task_uncancel(task), 1);
    ck_assert_int_eq(weft_task_uncancel(task), 0);
    ck_assert_int_eq(weft_task_uncancel(task), 0);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a a.");
}
END_RULE

/* 53 */
RULE(a_request_that_still_stands_is_delivered_though_another_was_withdrawn)
{
    weft_task *task = sleeping("a", 0);

    ck_assert(weft_future_cancel(task, NULL));
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(weft_task_uncancel(task), 1);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* 54 */
RULE(requests_before_the_delivery_are_counted_each_and_delivered_once)
{
    weft_task *task = new_two("a", weft_sleep(loop, 5));

    ck_assert(!weft_future_is_done(task));
    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(weft_task_cancelling(task), 1);
    run_rounds(1);
    ck_assert_str_eq(trace(), "a1:WEFT_ECANCELLED");
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(weft_task_cancelling(task), 2);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "a1:WEFT_ECANCELLED a2:WEFT_ECANCELLED");
}
END_RULE

/* 54 */
RULE(three_requests_in_one_round_are_one_delivery)
{
    weft_task *task = new_two("a", weft_sleep(loop, 5));

    run_rounds(1);
    for (int i = 0; i < 3; i++)
        ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(weft_task_cancelling(task), 3);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a1:WEFT_ECANCELLED a2:0");
}
END_RULE

/* Cancels itself, gives way, and sleeps: says what came of both. */
struct hasty {
    weft_gen gen;
};

static weft_step hasty(void *frame)
{
    struct hasty *f = frame;

    WEFT_BEGIN(f);
    ck_assert(weft_future_cancel(weft_current_task(), NULL));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 0));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(hasty);

/* 54, 50 */
RULE(a_request_after_ones_own_and_before_its_delivery_is_delivered_with_it)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(hasty));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(weft_task_cancelling(task), 2);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED 0");
}
END_RULE

/* 55 */
RULE(after_uncancel_a_task_can_be_cancelled_again_and_after_its_end_uncancel_does_nothing)
{
    weft_task *task = new_two("a", weft_sleep(loop, 5));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, "first"));
    run_rounds(1);
    ck_assert_int_eq(weft_task_uncancel(task), 0);
    ck_assert(weft_future_cancel(task, "second"));
    run_all();
    ck_assert_str_eq(trace(), "a1:WEFT_ECANCELLED a2:WEFT_ECANCELLED");
    ck_assert_int_eq(weft_task_uncancel(task), 0);
    ck_assert(weft_future_is_cancelled(task));
    ck_assert_str_eq(weft_future_cancel_reason(task), "second");
    weft_future_unref(task);
}
END_RULE

/* 56 */
RULE(cancelled_is_true_only_once_the_task_has_ended_so)
{
    weft_task *task = sleeping(NULL, 1);

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert(!weft_future_is_cancelled(task));
    ck_assert(!weft_future_is_done(task));
    run_rounds(1);
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(task);
}
END_RULE

/* 57, 7 */
RULE(who_asked_and_why_is_known_while_the_request_stands_and_after_the_end)
{
    weft_task *task = sleeping(NULL, 1);

    ck_assert_ptr_null(weft_future_cancel_reason(task));
    ck_assert_ptr_null(weft_future_cancel_site(task));
    run_rounds(1);
    ck_assert(weft_future_cancel_at(task, "too slow", "here.c:5"));
    ck_assert_str_eq(weft_future_cancel_reason(task), "too slow");
    run_rounds(1);
    ck_assert(weft_future_is_cancelled(task));
    ck_assert_str_eq(weft_future_cancel_reason(task), "too slow");
    ck_assert_str_eq(weft_future_cancel_site(task), "here.c:5");
    weft_future_unref(task);
}
END_RULE

/* ---- from anywhere ---- */

struct killer {
    weft_gen gen;
    weft_task *victim;
};

static weft_step killer(void *frame)
{
    struct killer *f = frame;

    WEFT_BEGIN(f);
    ck_assert(weft_future_cancel(f->victim, NULL));
    say("asked");
    WEFT_AWAIT(f, weft_sleep(NULL, 0));
    say("killer-goes-on");
    WEFT_END(f);
}
WEFT_GEN_TYPE(killer);

/* 59 */
RULE(a_step_may_cancel_a_sibling)
{
    weft_task *victim = sleeping("v", 5);

    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(killer, .victim = victim)), 0);
    run_all();
    ck_assert_str_eq(trace(), "v asked v! killer-goes-on");
    weft_future_unref(victim);
}
END_RULE

struct family {
    weft_gen gen;
    weft_task *me;
};

static weft_step family(void *frame)
{
    struct family *f = frame;

    WEFT_BEGIN(f);
    f->me = weft_current_task();
    WEFT_TRY_AWAIT(f, weft_task_new(NULL, WEFT_CALL(killer, .victim = f->me)));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(family);

/* 59, 52 */
RULE(a_child_may_cancel_the_parent_that_awaits_it)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(family)), 0);
    run_all();
    ck_assert_str_eq(trace(), "asked WEFT_ECANCELLED");
}
END_RULE

static void cancel_call(void *arg)
{
    ck_assert(weft_future_cancel(arg, NULL));
    say("asked");
}

/* 59, 60 [D]: the caller's stack holds pointers */
RULE(cancel_runs_no_user_code_and_frees_nothing_inline)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(catcher, .future = weft_sleep(loop, 5)));

    ck_assert_int_eq(weft_future_add_done_callback(task, say_done, "done"), 0);
    ck_assert_int_eq(weft_call_later(loop, 1, cancel_call, task, NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "asked WEFT_ECANCELLED freed done");
    weft_future_unref(task);
}
END_RULE

static void *cancel_from_thread(void *arg)
{
    weft_future *task = arg;
    weft_loop *its = weft_future_loop(task);

    if (weft_future_cancel_threadsafe(task, "thread") != 0 ||
        weft_future_unref_threadsafe(task) != 0)
        return arg;
    weft_loop_unref(its);
    return NULL;
}

/* 64 [D]: asyncio's cancel from another thread silently waits */
RULE(cancel_threadsafe_wakes_a_loop_that_is_blocked)
{
    weft_task *task = weft_task_new(
        loop, WEFT_CALL(waiter, .name = "a", .future = weft_sleep_forever(loop)));
    pthread_t thread;
    void *failed;

    weft_loop_ref(loop);
    weft_future_ref(task);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_from_thread, weft_future_ref(task)), 0);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
    run_all();
    ck_assert_str_eq(weft_future_cancel_reason(task), "thread");
    weft_future_unref(task);
}
END_RULE

/* 64 */
RULE(cancel_threadsafe_works_on_the_loops_thread_and_is_never_inline)
{
    weft_future *future = weft_future_new(loop);

    ck_assert_int_eq(weft_future_cancel_threadsafe(future, "why"), 0);
    ck_assert(!weft_future_is_done(future));
    run_all();
    ck_assert_str_eq(weft_future_cancel_reason(future), "why");
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_cancel_threadsafe(future, NULL), WEFT_ECLOSED);
    ck_assert_int_eq(weft_future_unref_threadsafe(future), 0);
}
END_RULE

/* 57 */
RULE(a_cancelled_task_tells_where_it_was_interrupted_and_who_asked)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(sleeper, .seconds = 5));
    weft_frame_info frame;

    run_rounds(1);
    ck_assert_uint_eq(weft_task_stack(task, &frame, 1), 1);
    ck_assert_ptr_null(weft_task_ended_at(task));
    weft_future_cancel(task, "no time");
    run_all();
    ck_assert_ptr_eq(weft_task_ended_at(task), frame.site);
    ck_assert_str_eq(weft_task_ended_at(task)->function, "sleeper");
    ck_assert_str_eq(weft_future_cancel_reason(task), "no time");
    ck_assert_ptr_nonnull(strstr(weft_future_cancel_site(task), "check_cancel_count.c:"));
    weft_future_unref(task);
}
END_RULE

RUN_SUITE("cancel_count", a_cancelled_task_tells_where_it_was_interrupted_and_who_asked,
          an_undelivered_request_is_withdrawn_when_uncancel_reaches_zero,
          a_request_that_still_stands_is_delivered_though_another_was_withdrawn,
          requests_before_the_delivery_are_counted_each_and_delivered_once,
          three_requests_in_one_round_are_one_delivery,
          a_request_after_ones_own_and_before_its_delivery_is_delivered_with_it,
          after_uncancel_a_task_can_be_cancelled_again_and_after_its_end_uncancel_does_nothing,
          cancelled_is_true_only_once_the_task_has_ended_so,
          who_asked_and_why_is_known_while_the_request_stands_and_after_the_end,
          a_step_may_cancel_a_sibling, a_child_may_cancel_the_parent_that_awaits_it,
          cancel_runs_no_user_code_and_frees_nothing_inline,
          cancel_threadsafe_wakes_a_loop_that_is_blocked,
          cancel_threadsafe_works_on_the_loops_thread_and_is_never_inline)
