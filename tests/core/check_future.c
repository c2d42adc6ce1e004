/* check_future.c - futures: their states, who hears of the outcome, and what becomes of it if nobody does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support/harness.h"

static void say_destroyed(void *value)
{
    say("destroyed-%s", (const char *)value);
}

static char v[] = "v", w[] = "w";

/* ---- states ---- */

/* 1 */
RULE(a_new_future_is_pending_and_asking_it_never_waits)
{
    weft_future *f = weft_future_new(loop);
    void *value = v;

    ck_assert(!weft_future_is_done(f));
    ck_assert(!weft_future_is_cancelled(f));
    ck_assert_int_eq(weft_future_result(f, &value), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_error(f), WEFT_EINVALIDSTATE);
    ck_assert_ptr_null(weft_future_take(f));
    ck_assert_ptr_eq(weft_future_loop(f), loop);
    weft_future_unref(f);
}
END_RULE

/* 2 */
RULE(the_first_result_wins_and_a_second_setting_changes_nothing)
{
    weft_future *f = weft_future_new(loop);
    void *value;

    ck_assert_int_eq(weft_future_set_result(f, v), 0);
    ck_assert_int_eq(weft_future_set_result(f, w), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_set_error(f, -EIO), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_result(f, &value), 0);
    ck_assert_ptr_eq(value, v);
    weft_future_unref(f);
}
END_RULE

/* 2 */
RULE(the_first_error_wins_and_a_second_setting_changes_nothing)
{
    weft_future *f = weft_future_new(loop);

    ck_assert_int_eq(weft_future_set_error(f, 5), -EINVAL);
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(weft_future_set_error(f, -EIO), 0);
    ck_assert_int_eq(weft_future_set_error(f, -EPIPE), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_set_result(f, v), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_error(f), -EIO);
    weft_future_unref(f);
}
END_RULE

/* 3, 22 */
RULE(setting_a_cancelled_future_is_refused_and_unless_done_is_silent)
{
    weft_future *f = weft_future_new(loop);

    ck_assert(weft_future_cancel(f, NULL));
    ck_assert_int_eq(weft_future_set_result(f, v), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_set_error(f, -EIO), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_set_owned(f, v, say_destroyed), WEFT_EINVALIDSTATE);
    weft_future_set_result_unless_done(f, v);
    weft_future_set_error_unless_done(f, -EIO);
    weft_future_set_owned_unless_done(f, w, say_destroyed);
    ck_assert(weft_future_is_cancelled(f));
    ck_assert_str_eq(trace(), "destroyed-v destroyed-w");
    weft_future_unref(f);
}
END_RULE

/* 4, 8 */
RULE(a_cancel_of_a_pending_future_queues_the_callbacks)
{
    weft_future *f = weft_future_new(loop);

    ck_assert_int_eq(weft_future_add_done_callback(f, say_done, v), 0);
    ck_assert_int_eq(weft_future_add_done_callback(f, say_done, w), 0);
    ck_assert(weft_future_cancel(f, NULL));
    say("cancelled");
    run_all();
    ck_assert_str_eq(trace(), "cancelled v w");
    weft_future_unref(f);
}
END_RULE

/* 4, 7 */
RULE(a_cancel_of_a_done_future_is_false_and_changes_nothing)
{
    weft_future *f = weft_future_new_done(loop, v), *g = weft_future_new(loop);
    void *value;

    ck_assert(!weft_future_cancel(f, "late"));
    ck_assert(!weft_future_is_cancelled(f));
    ck_assert_int_eq(weft_future_result(f, &value), 0);
    ck_assert_ptr_eq(value, v);
    ck_assert_ptr_null(weft_future_cancel_reason(f));
    ck_assert(weft_future_cancel(g, "first"));
    ck_assert(!weft_future_cancel(g, "second"));
    ck_assert_str_eq(weft_future_cancel_reason(g), "first");
    weft_future_unref(f);
    weft_future_unref(g);
}
END_RULE

/* Awaits, and says what came and how many requests stand against itself. */
struct teller {
    weft_gen gen;
    weft_future *future;
};

static weft_step teller(void *frame)
{
    struct teller *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, f->future);
    say("%s/%d", weft_errname(weft_failed(f)), weft_task_cancelling(weft_current_task()));
    WEFT_END(f);
}
WEFT_GEN_TYPE(teller);

/* 5 */
RULE(a_cancelled_future_is_told_apart_from_a_failure_and_from_ones_own_cancel)
{
    weft_future *f[3];
    weft_task *task[3];

    for (int i = 0; i < 3; i++) {
        f[i] = weft_future_new(loop);
        task[i] = weft_task_new(loop, WEFT_CALL(teller, .future = weft_future_ref(f[i])));
    }
    run_rounds(1);
    ck_assert(weft_future_cancel(f[0], NULL));
    ck_assert_int_eq(weft_future_set_error(f[1], -EIO), 0);
    ck_assert(weft_future_cancel(task[2], NULL));
    run_all();
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED/0 EIO/0 WEFT_ECANCELLED/1");
    ck_assert_int_eq(weft_future_result(f[0], NULL), WEFT_ECANCELLED);
    ck_assert(!weft_future_is_cancelled(f[1]));
    for (int i = 0; i < 3; i++) {
        weft_future_unref(task[i]);
        weft_future_unref(f[i]);
    }
}
END_RULE

/* 6 [D] an int, C has no exceptions to re-raise */
RULE(reading_the_error_twice_gives_the_same_error)
{
    weft_future *f = weft_future_new_failed(loop, -EIO);

    ck_assert_int_eq(weft_future_error(f), -EIO);
    ck_assert_int_eq(weft_future_error(f), -EIO);
    ck_assert_int_eq(weft_future_result(f, NULL), -EIO);
    weft_future_unref(f);
}
END_RULE

/* 7 [D] a string and a place, arbitrary objects need an owner */
RULE(a_cancel_carries_its_reason_and_its_place)
{
    weft_future *f = weft_future_new(loop);
    char here[64];

    ck_assert_ptr_null(weft_future_cancel_reason(f));
    ck_assert_ptr_null(weft_future_cancel_site(f));
    snprintf(here, sizeof(here), "check_future.c:%d", __LINE__ + 1);
    ck_assert(weft_future_cancel(f, "shutting down"));
    ck_assert_str_eq(weft_future_cancel_reason(f), "shutting down");
    ck_assert_ptr_nonnull(strstr(weft_future_cancel_site(f), here));
    weft_future_unref(f);
}
END_RULE

/* 8 */
RULE(callbacks_are_queued_in_order_and_never_run_inside_set_result)
{
    static char x[] = "x";
    weft_future *f = weft_future_new(loop);
    char *order[] = {v, w, x};

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_future_add_done_callback(f, say_done, order[i]), 0);
    ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
    say("set");
    run_rounds(1);
    ck_assert_str_eq(trace(), "set v w x");
    weft_future_unref(f);
}
END_RULE

/* ---- who hears of it ---- */

/* 14 [D] at the last unref, there is no garbage collector */
RULE(a_failure_that_nobody_read_is_reported_once_at_the_last_unref)
{
    weft_future *f = weft_future_new(loop);

    weft_future_set_name(f, "lost");
    weft_future_ref(f);
    ck_assert_int_eq(weft_future_set_error(f, -EIO), 0);
    run_all();
    weft_future_unref(f);
    ck_assert_str_eq(reports(), "");
    weft_future_unref(f);
    ck_assert_str_eq(reports(), "a failure that nobody read: <future failed EIO named lost>: EIO");
}
END_RULE

/* 14 */
RULE(the_report_names_the_place_where_the_future_was_made)
{
    char here[64];

    snprintf(here, sizeof(here), "check_future.c:%d>", __LINE__ + 1);
    weft_future_unref(weft_future_new_failed(loop, -EIO));
    ck_assert_ptr_nonnull(strstr(reports(), here));
}
END_RULE

/* 15 */
RULE(no_report_follows_a_read_a_cancel_or_a_success)
{
    weft_future *f = weft_future_new_failed(loop, -EIO), *g = weft_future_new_failed(loop, -EIO);
    weft_future *h = weft_future_new(loop), *i = weft_future_new_done(loop, v);

    ck_assert_int_eq(weft_future_error(f), -EIO);
    ck_assert_int_eq(weft_future_result(g, NULL), -EIO);
    ck_assert(weft_future_cancel(h, NULL));
    weft_future_unref(f);
    weft_future_unref(g);
    weft_future_unref(h);
    weft_future_unref(i);
    ck_assert_str_eq(reports(), "");
}
END_RULE

/* 16 [D] waiters would hang */
RULE(a_future_whose_producer_is_gone_ends_abandoned)
{
    weft_future *f = weft_future_new(loop);

    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(teller, .future = weft_future_ref(f))), 0);
    run_rounds(1);
    weft_future_unref(f);
    run_all();
    ck_assert_str_eq(trace(), "WEFT_EABANDONED/0");
}
END_RULE

/* 16 */
RULE(an_abandoned_future_is_reported_in_debug)
{
    weft_future *f = weft_future_new(loop);

    weft_loop_set_debug(loop, true);
    weft_future_set_name(f, "orphan");
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(teller, .future = weft_future_ref(f))), 0);
    run_rounds(1);
    weft_future_unref(f);
    run_all();
    ck_assert_str_eq(reports(), "abandoned by its producer: <future pending, 1 waiting named "
                                "orphan>: WEFT_EABANDONED");
}
END_RULE

/* 19 */
RULE(awaiting_another_loops_future_fails_at_once_and_names_both)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *theirs = weft_future_new(other);
    weft_task *ours;

    weft_future_set_name(theirs, "theirs");
    ours = weft_task_new(loop, WEFT_CALL(teller, .future = weft_future_ref(theirs)));
    ck_assert_int_eq(weft_task_set_name(ours, "ours"), 0);
    run_rounds(2); /* asks, and is refused: no time passes */
    ck_assert_str_eq(trace(), "WEFT_EOTHERLOOP/0");
    ck_assert_ptr_nonnull(strstr(reports(), "ours"));
    ck_assert_ptr_nonnull(strstr(reports(), "theirs"));
    ck_assert(!weft_future_is_done(theirs));
    weft_future_unref(ours);
    weft_future_unref(theirs);
    weft_loop_unref(other);
}
END_RULE

/* ---- telling ---- */

static const char *described(weft_future *future)
{
    static char text[256];
    int length = weft_future_describe(future, text, sizeof(text));

    ck_assert_int_eq(length, (int)strlen(text));
    return text;
}

/* 20 */
RULE(the_text_shows_state_outcome_waiters_and_name)
{
    weft_future *f = weft_future_new(loop), *g = weft_future_new_failed(loop, -EIO);
    weft_future *h = weft_future_new_done(loop, v);
    char finished[64], small[8];

    weft_future_set_name(f, "f");
    weft_future_set_name(g, "g");
    weft_future_set_name(h, "h");
    ck_assert_str_eq(described(f), "<future pending named f>");
    ck_assert_int_eq(weft_future_add_done_callback(f, say_done, v), 0);
    ck_assert_int_eq(weft_future_add_done_callback(f, say_done, w), 0);
    ck_assert_str_eq(described(f), "<future pending, 2 waiting named f>");
    ck_assert(weft_future_cancel(f, NULL));
    ck_assert_str_eq(described(f), "<future cancelled named f>");
    ck_assert_str_eq(described(g), "<future failed EIO named g>");
    snprintf(finished, sizeof(finished), "<future finished %p named h>", (void *)v);
    ck_assert_str_eq(described(h), finished);
    ck_assert_int_eq(weft_future_describe(h, small, sizeof(small)), (int)strlen(finished));
    ck_assert_str_eq(small, "<future");
    ck_assert_int_eq(weft_future_error(g), -EIO);
    weft_future_unref(f);
    weft_future_unref(g);
    weft_future_unref(h);
}
END_RULE

/* 20 */
RULE(the_text_is_safe_on_cycles)
{
    weft_future *a = weft_future_new(loop), *b = weft_future_new(loop);

    weft_future_set_name(a, "a");
    weft_future_set_name(b, "b");
    ck_assert_int_eq(weft_future_chain(a, b), 0);
    ck_assert_int_eq(weft_future_chain(b, a), 0);
    ck_assert_str_eq(described(a), "<future pending, 2 waiting named a>");
    ck_assert_str_eq(described(b), "<future pending, 2 waiting named b>");
    ck_assert_int_eq(weft_future_set_int(a, 1), 0);
    run_all();
    ck_assert(weft_future_is_done(b));
    weft_future_unref(a);
    weft_future_unref(b);
}
END_RULE

/* 23 [D] a pointer in a log helps nobody */
RULE(every_future_has_the_place_where_it_was_made_for_a_name)
{
    char here[64];
    weft_future *f;

    snprintf(here, sizeof(here), "check_future.c:%d>", __LINE__ + 1);
    f = weft_future_new(loop);
    ck_assert_ptr_nonnull(strstr(described(f), "<future pending at "));
    ck_assert_ptr_nonnull(strstr(described(f), here));
    weft_future_unref(f);
}
END_RULE

/* ---- destructors ---- */

/* 22 [D] a descriptor or a buffer would leak */
RULE(a_value_that_nobody_takes_is_destroyed_once)
{
    weft_future *f = weft_future_new(loop), *g = weft_future_new(loop);
    void *value;

    ck_assert_int_eq(weft_future_set_owned(f, v, say_destroyed), 0);
    ck_assert_int_eq(weft_future_result(f, &value), 0);
    ck_assert_ptr_eq(value, v);
    say("read");
    weft_future_unref(f);
    ck_assert_int_eq(weft_future_set_owned(g, w, say_destroyed), 0);
    ck_assert_ptr_eq(weft_future_take(g), w);
    ck_assert_int_eq(weft_future_result(g, &value), 0);
    ck_assert_ptr_null(value);
    weft_future_unref(g);
    say("taken");
    ck_assert_str_eq(trace(), "read destroyed-v taken");
}
END_RULE

/* 22 */
RULE(a_value_on_its_way_to_a_waiter_is_destroyed_at_loop_close)
{
    weft_future *f = weft_future_new(loop);

    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(teller, .future = weft_future_ref(f))), 0);
    run_rounds(1);
    ck_assert_int_eq(weft_future_set_owned(f, v, say_destroyed), 0);
    weft_future_unref(f);
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "destroyed-v");
    (void)reports(); /* the task was unfinished */
}
END_RULE

/* 22 */
RULE(a_future_with_a_callback_that_outlives_its_loop_leaks_nothing)
{
    weft_future *f = weft_future_new(loop);

    ck_assert_int_eq(weft_future_add_done_callback(f, say_done, v), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    weft_future_unref(f);
    ck_assert_str_eq(trace(), "");
    (void)reports(); /* that it was abandoned may be told */
}
END_RULE

/* 251 */
RULE(what_the_loop_gives_to_everybody_takes_no_name)
{
    char name[] = "mine", text[96];
    weft_future *f = weft_sleep(loop, 0);

    weft_future_set_name(f, name);
    weft_future_unref(f);
    memset(name, '?', sizeof(name) - 1); /* it has outlived the future that we had */
    f = weft_sleep(loop, 0);
    weft_future_describe(f, text, sizeof(text));
    ck_assert_ptr_null(strstr(text, "?"));
    weft_future_unref(f);
}
END_RULE

/* ---- many ---- */

struct many {
    weft_gen gen;
    int left;
    char *lowest, *highest;
};

static weft_step many(void *frame)
{
    struct many *f = frame;
    char *here = __builtin_frame_address(0);

    if (!f->lowest || here < f->lowest)
        f->lowest = here;
    if (here > f->highest)
        f->highest = here;
    WEFT_BEGIN(f);
    while (f->left-- > 0)
        WEFT_AWAIT(f, weft_future_new_done(NULL, NULL));
    WEFT_RETURN(f, weft_from_int(f->highest - f->lowest));
    WEFT_END(f);
}
WEFT_GEN_TYPE(many);

/* 38 */
RULE(a_million_awaits_of_done_futures_run_in_constant_stack)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(many, .left = 1000000));
    intptr_t used = -1;

    ck_assert_int_eq(run_task(task, &used), 0);
    ck_assert_int_ge(used, 0);
    ck_assert_int_lt(used, 4096);
}
END_RULE

RUN_SUITE("future", what_the_loop_gives_to_everybody_takes_no_name,
          a_new_future_is_pending_and_asking_it_never_waits,
          the_first_result_wins_and_a_second_setting_changes_nothing,
          the_first_error_wins_and_a_second_setting_changes_nothing,
          setting_a_cancelled_future_is_refused_and_unless_done_is_silent,
          a_cancel_of_a_pending_future_queues_the_callbacks,
          a_cancel_of_a_done_future_is_false_and_changes_nothing,
          a_cancelled_future_is_told_apart_from_a_failure_and_from_ones_own_cancel,
          reading_the_error_twice_gives_the_same_error, a_cancel_carries_its_reason_and_its_place,
          callbacks_are_queued_in_order_and_never_run_inside_set_result,
          a_failure_that_nobody_read_is_reported_once_at_the_last_unref,
          the_report_names_the_place_where_the_future_was_made,
          no_report_follows_a_read_a_cancel_or_a_success,
          a_future_whose_producer_is_gone_ends_abandoned, an_abandoned_future_is_reported_in_debug,
          awaiting_another_loops_future_fails_at_once_and_names_both,
          the_text_shows_state_outcome_waiters_and_name, the_text_is_safe_on_cycles,
          every_future_has_the_place_where_it_was_made_for_a_name,
          a_value_that_nobody_takes_is_destroyed_once,
          a_value_on_its_way_to_a_waiter_is_destroyed_at_loop_close,
          a_future_with_a_callback_that_outlives_its_loop_leaks_nothing,
          a_million_awaits_of_done_futures_run_in_constant_stack)
