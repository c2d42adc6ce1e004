/* check_timer.c - sleeps, delayed calls, and their order. */
#include <errno.h>
#include <math.h>
#include <time.h>

#include <event2/event.h>

#include "support/harness.h"

static void note_time(void *arg)
{
    say("%s@%g", (const char *)arg, weft_loop_time(NULL));
}

static void later_zero(void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_call_later(NULL, 0, say_call, "zero", NULL), 0);
    ck_assert_int_eq(weft_call_later(NULL, -5, say_call, "negative", NULL), 0);
    ck_assert_int_eq(weft_call_later(NULL, -INFINITY, say_call, "infinite", NULL), 0);
    say("asked");
}

/* 68 */
RULE(a_call_later_of_zero_or_less_comes_in_the_next_round_and_never_inline)
{
    ck_assert_int_eq(weft_call_soon(loop, later_zero, NULL, NULL), 0);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "same-round", NULL), 0);
    run_rounds(1);
    ck_assert_str_eq(trace(), "asked same-round");
    run_rounds(1);
    ck_assert_str_eq(trace(), "asked same-round zero negative infinite");
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_RULE

/* 68 */
RULE(a_call_at_a_time_that_is_past_is_never_inline)
{
    weft_testing_advance(loop, 5);
    ck_assert_int_eq(weft_call_at(loop, 1, say_call, "past", NULL), 0);
    ck_assert_str_eq(trace(), "");
    run_all();
    ck_assert_str_eq(trace(), "past");
    ck_assert_double_eq(weft_loop_time(loop), 5);
}
END_RULE

static double due;
static weft_loop *real;

static void not_early(void *arg)
{
    double late = weft_loop_time(real) - due;

    (void)arg;
    /* Times are whole nanoseconds inside. */
    ck_assert_msg(late > -1e-9, "%g s early", -late);
    say("x");
}

/* 69 */
RULE(on_the_real_clock_a_call_is_never_early)
{
    real = weft_loop_new(NULL);
    for (int i = 1; i <= 4; i++) {
        due = weft_loop_time(real) + i * 0.00037;
        ck_assert_int_eq(weft_call_at(real, due, not_early, NULL, NULL), 0);
        ck_assert_int_eq(weft_run_forever(real), WEFT_EDEADLOCK);
    }
    ck_assert_str_eq(trace(), "x x x x");
    weft_loop_unref(real);
}
END_RULE

/* 70 [D]: tests must repeat, and asyncio and libevent give no order */
RULE(equal_deadlines_fire_in_the_order_of_creation)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    weft_handle handles[40];

    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(weft_call_at(loop, i % 2 ? 2 : 1, say_call,
                                      (void *)(uintptr_t)names[i % 10], &handles[i]),
                         0);
    }
    for (int i = 10; i < 30; i++)
        ck_assert(weft_handle_cancel(loop, handles[i]));
    run_all();
    ck_assert_str_eq(trace(), "a c e g i a c e g i b d f h j b d f h j");
}
END_RULE

/* 70 */
RULE(sleeps_and_calls_with_one_deadline_keep_their_order)
{
    weft_future *a = weft_sleep(loop, 1), *c;

    ck_assert_int_eq(weft_future_add_done_callback(a, say_done, "a"), 0);
    ck_assert_int_eq(weft_call_later(loop, 1, say_call, "b", NULL), 0);
    c = weft_sleep_until(loop, 1);
    ck_assert_int_eq(weft_future_add_done_callback(c, say_done, "c"), 0);
    run_all();
    ck_assert_str_eq(trace(), "a b c");
    weft_future_unref(a);
    weft_future_unref(c);
}
END_RULE

/* 71 */
RULE(a_late_loop_fires_all_that_is_due_in_the_order_of_deadlines)
{
    static const double times[] = {3, 1, 4, 1.5, 5, 9, 2, 6};
    static const char *const names[] = {"3", "1", "4", "1.5", "5", "9", "2", "6"};

    for (int i = 0; i < 8; i++) {
        void *name = (void *)(uintptr_t)names[i];

        ck_assert_int_eq(weft_call_at(loop, times[i], say_call, name, NULL), 0);
    }
    weft_testing_advance(loop, 6);
    run_rounds(1);
    ck_assert_str_eq(trace(), "1 1.5 2 3 4 5 6");
    run_all();
    ck_assert_str_eq(trace(), "1 1.5 2 3 4 5 6 9");
}
END_RULE

/* 72 */
RULE(what_is_not_a_number_is_refused)
{
    weft_handle handle = 7;
    weft_future *sleep = weft_sleep(loop, NAN);

    ck_assert_int_eq(weft_call_later(loop, NAN, say_call, "x", &handle), -EINVAL);
    ck_assert_uint_eq(handle, 0);
    ck_assert_int_eq(weft_call_at(loop, NAN, say_call, "x", NULL), -EINVAL);
    ck_assert_int_eq(weft_future_error(sleep), -EINVAL);
    weft_future_unref(sleep);
    sleep = weft_sleep_until(loop, NAN);
    ck_assert_int_eq(weft_future_error(sleep), -EINVAL);
    weft_future_unref(sleep);
    run_all();
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* 72 */
RULE(huge_delays_are_clipped_without_overflow)
{
    static const double huge[] = {1e10, 1e300, INFINITY, 1e300, 1e300};

    for (int i = 0; i < 5; i++) {
        weft_handle handle;

        ck_assert_int_eq(weft_call_later(loop, huge[i], say_call, "late", &handle), 0);
        ck_assert_int_eq(weft_call_at(loop, huge[i], say_call, "late", NULL), 0);
        ck_assert_int_eq(weft_call_later(loop, 1, say_call, "soon", NULL), 0);
        run_rounds(1);
        weft_testing_advance(loop, 1);
        run_rounds(1);
        ck_assert(weft_handle_cancel(loop, handle));
    }
    ck_assert_str_eq(trace(), "soon soon soon soon soon");
}
END_RULE

/* 72, 211 */
RULE(huge_delays_one_after_the_other_do_not_overflow)
{
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(sleeper, .seconds = 1e300)), NULL),
                         0);
    ck_assert_double_gt(weft_loop_time(loop), 9e9); /* the clock stands at its end */
}
END_RULE

/* 251, 72 */
RULE(a_time_on_a_clock_that_is_far_on_is_not_clipped)
{
    double now;

    ck_assert_int_eq(run_task(weft_sleep(loop, 1e300), NULL), 0);
    ck_assert_int_eq(run_task(weft_sleep(loop, 1e9), NULL), 0);
    now = weft_loop_time(loop); /* 4.2e9: beyond a hundred years */
    ck_assert_int_eq(weft_call_at(loop, now + 50, say_call, "call", NULL), 0);
    ck_assert_int_eq(run_task(weft_sleep_until(loop, now + 100), NULL), 0);
    ck_assert_str_eq(trace(), "call");
    ck_assert_double_ge(weft_loop_time(loop), now + 100);
    ck_assert_double_lt(weft_loop_time(loop), now + 101);
}
END_RULE

/* 73 */
RULE(cancelled_timers_do_not_pile_up)
{
    static weft_handle handles[5000];
    static weft_future *sleeps[5000];
    long after_first = 0;

    for (int round = 0; round < 4; round++) {
        weft_live live;

        for (int i = 0; i < 5000; i++) {
            ck_assert_int_eq(weft_call_later(loop, 1 + i, say_call, "x", &handles[i]), 0);
            sleeps[i] = weft_sleep(loop, 1 + i);
        }
        for (int i = 0; i < 5000; i++) {
            int other = (int)((i * 2411L) % 5000);

            ck_assert(weft_handle_cancel(loop, handles[other]));
            ck_assert(weft_future_cancel(sleeps[other], NULL));
            weft_future_unref(sleeps[other]);
        }
        weft_testing_live(&live);
        ck_assert_int_eq(live.handles, 0);
        ck_assert_int_eq(live.futures, 0);
        if (round == 0)
            after_first = live.allocations;
        ck_assert_int_eq(live.allocations, after_first);
    }
    run_all();
    ck_assert_double_eq(weft_loop_time(loop), 0);
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* ---- sleeping ---- */

struct ticker {
    weft_gen gen;
    const char *name;
    int i;
};

static weft_step ticker(void *frame)
{
    struct ticker *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 1; f->i <= 3; f->i++) {
        say("%s%d", f->name, f->i);
        WEFT_AWAIT(f, weft_sleep(NULL, f->i == 2 ? -1 : 0));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(ticker);

/* 95 */
RULE(a_sleep_of_zero_gives_way_for_exactly_one_round)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(ticker, .name = "a")), 0);
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(ticker, .name = "b")), 0);
    run_rounds(1);
    ck_assert_str_eq(trace(), "a1 b1");
    run_rounds(1);
    ck_assert_str_eq(trace(), "a1 b1 a2 b2");
    run_rounds(1);
    ck_assert_str_eq(trace(), "a1 b1 a2 b2 a3 b3");
    run_rounds(1);
    ck_assert_uint_eq(weft_all_tasks(loop, NULL, 0), 0);
}
END_RULE

/* 96 */
RULE(a_sleep_that_is_cancelled_or_dropped_removes_its_timer)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(sleeper, .seconds = 9));

    weft_future_unref(weft_sleep(loop, 5));
    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert(weft_future_is_cancelled(task));
    ck_assert_double_eq(weft_loop_time(loop), 0);
    weft_future_unref(task);
}
END_RULE

/* 97 */
RULE(sleep_until_ends_at_its_time)
{
    weft_future *future;

    weft_testing_advance(loop, 2);
    future = weft_sleep_until(loop, 5);
    ck_assert_int_eq(weft_call_at(loop, 5, note_time, "call", NULL), 0);
    ck_assert_int_eq(run_task(future, NULL), 0);
    ck_assert_double_eq(weft_loop_time(loop), 5);
    ck_assert_int_eq(run_task(weft_sleep_until(loop, 1), NULL), 0);
    ck_assert_double_eq(weft_loop_time(loop), 5);
    ck_assert_str_eq(trace(), "call@5");
}
END_RULE

/* 97 */
RULE(sleep_forever_ends_only_by_a_cancel)
{
    weft_future *future = weft_sleep_forever(loop);

    ck_assert_int_eq(weft_future_set_result(future, NULL), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(run_task(weft_future_ref(future), NULL), WEFT_EDEADLOCK);
    ck_assert(!weft_future_is_done(future));
    ck_assert(weft_future_cancel(future, NULL));
    ck_assert_int_eq(run_task(future, NULL), WEFT_ECANCELLED);
}
END_RULE

/* 82 */
RULE(a_closed_loop_neither_sleeps_nor_calls)
{
    weft_future *pending = weft_sleep(loop, 5), *sleeps[4];

    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(pending), WEFT_ECLOSED);
    weft_future_unref(pending);
    sleeps[0] = weft_sleep(loop, 1);
    sleeps[1] = weft_sleep(loop, 0);
    sleeps[2] = weft_sleep_until(loop, 0);
    sleeps[3] = weft_sleep_forever(loop);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(weft_future_error(sleeps[i]), WEFT_ECLOSED);
        weft_future_unref(sleeps[i]);
    }
    ck_assert_int_eq(weft_call_later(loop, 1, say_call, "x", NULL), WEFT_ECLOSED);
    ck_assert_int_eq(weft_call_at(loop, 1, say_call, "x", NULL), WEFT_ECLOSED);
}
END_RULE

/* ---- deadlines, and what was due before ------------------------------------------------------------------------- */

/* Awaits a future with a deadline, a scope's or a wait_for's, and says what came. */
struct within {
    weft_gen gen;
    weft_scope scope;
    weft_future *future;
    double seconds;
    bool by_scope;
};

static weft_step within(void *frame)
{
    struct within *f = frame;

    WEFT_BEGIN(f);
    if (f->by_scope)
        ck_assert_int_eq(weft_scope_enter(&f->scope, f->seconds, 0), 0);
    WEFT_TRY_AWAIT(f, f->by_scope ? f->future : weft_wait_for(f->future, f->seconds));
    say("%s", weft_errname(weft_scope_exit(&f->scope, weft_failed(f))));
    WEFT_END(f);
}
WEFT_GEN_TYPE(within);

static void run_nothing(void *arg)
{
    (void)arg;
}

static void cancel_call(void *handle)
{
    ck_assert(weft_handle_cancel(loop, *(weft_handle *)handle));
}

static void set_1(void *future)
{
    weft_future_set_result_unless_done(future, weft_from_int(1));
    weft_future_unref(future);
}

/* 239: so does the result of a call that was due first, on time and in a late loop, however deep the queue is */
RULE(a_deadline_lets_the_calls_that_were_due_before_it_run_first)
{
    static const struct {
        double call, deadline;
        bool call_first;
    } cases[] = {{1, 2, false}, {1, 1, true}, {1, 1, false}, {2, 1, true}};

    for (int way = 0; way < 16; way++) {
        bool late = way & 8, by_scope = way & 4;
        weft_future *future = weft_future_new(loop);

        if (cases[way & 3].call_first)
            weft_call_later(loop, cases[way & 3].call, set_1, weft_future_ref(future), NULL);
        weft_spawn(loop, WEFT_CALL(within, .future = weft_future_ref(future), .by_scope = by_scope,
                                   .seconds = cases[way & 3].deadline));
        run_rounds(1);
        if (!cases[way & 3].call_first)
            weft_call_later(loop, cases[way & 3].call, set_1, weft_future_ref(future), NULL);
        if (late)
            weft_testing_advance(loop, 5);
        for (int i = 0; late && i < 1000; i++)
            weft_call_soon(loop, run_nothing, NULL, NULL);
        run_all();
        weft_future_unref(future);
    }
    ck_assert_str_eq(trace(), "0 0 WEFT_ETIMEDOUT WEFT_ETIMEDOUT 0 0 WEFT_ETIMEDOUT WEFT_ETIMEDOUT "
                              "0 0 WEFT_ETIMEDOUT WEFT_ETIMEDOUT 0 0 WEFT_ETIMEDOUT WEFT_ETIMEDOUT");
}
END_RULE

/* 239: a call that is taken back, or dropped by a close, holds up nothing */
RULE(a_due_call_that_is_cancelled_holds_up_no_deadline)
{
    weft_handle handle;

    weft_call_later(loop, 1, cancel_call, &handle, NULL);
    weft_call_later(loop, 1, say_call, "never", &handle);
    weft_spawn(loop,
               WEFT_CALL(within, .future = weft_sleep(loop, 5), .by_scope = true, .seconds = 1));
    run_all();
    ck_assert_str_eq(trace(), "WEFT_ETIMEDOUT");
}
END_RULE

static int look_at_timeout(const struct event_base *base, const struct event *event, void *arg)
{
    struct timeval now, deadline;
    double *longest = arg;

    if (event_pending(event, EV_TIMEOUT, &deadline)) {
        event_base_gettimeofday_cached((struct event_base *)(uintptr_t)base, &now);
        *longest = fmax(*longest, difftime(deadline.tv_sec, now.tv_sec));
    }
    return 0;
}

/* 278 */
RULE(libevent_is_never_asked_to_wait_for_more_than_a_day)
{
    struct event_base *base = event_base_new();
    weft_loop *hosted = weft_loop_new(base);
    double longest = 0;

    ck_assert_int_eq(weft_call_later(hosted, 3e9, say_call, "never", NULL), 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_foreach_event(base, look_at_timeout, &longest);
    ck_assert_double_gt(longest, 86390);
    ck_assert_double_lt(longest, 86410);
    weft_loop_unref(hosted);
    event_base_free(base);
    ck_assert_str_eq(trace(), "");
}
END_RULE

RUN_SUITE("timer", libevent_is_never_asked_to_wait_for_more_than_a_day,
          a_call_later_of_zero_or_less_comes_in_the_next_round_and_never_inline,
          a_call_at_a_time_that_is_past_is_never_inline, on_the_real_clock_a_call_is_never_early,
          equal_deadlines_fire_in_the_order_of_creation,
          sleeps_and_calls_with_one_deadline_keep_their_order,
          a_late_loop_fires_all_that_is_due_in_the_order_of_deadlines,
          a_time_on_a_clock_that_is_far_on_is_not_clipped, what_is_not_a_number_is_refused,
          huge_delays_are_clipped_without_overflow, huge_delays_one_after_the_other_do_not_overflow,
          cancelled_timers_do_not_pile_up, a_sleep_of_zero_gives_way_for_exactly_one_round,
          a_sleep_that_is_cancelled_or_dropped_removes_its_timer, sleep_until_ends_at_its_time,
          a_deadline_lets_the_calls_that_were_due_before_it_run_first,
          a_due_call_that_is_cancelled_holds_up_no_deadline, sleep_forever_ends_only_by_a_cancel,
          a_closed_loop_neither_sleeps_nor_calls)
