/* check_loop.c - the loop: rounds, handles, running, stopping, closing, deadlock. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "support/harness.h"

/* A call that says its word, and queues another one. */
struct chained {
    const char *word;
    struct chained *next;
};

static void say_chained(void *arg)
{
    struct chained *self = arg;

    say("%s", self->word);
    if (self->next)
        ck_assert_int_eq(weft_call_soon(NULL, say_chained, self->next, NULL), 0);
}

/* A call that counts, and queues itself again up to a number. */
struct counter {
    int count;
    int up_to;
};

static void count_again(void *arg)
{
    struct counter *self = arg;

    self->count++;
    if (self->count < self->up_to)
        ck_assert_int_eq(weft_call_soon(NULL, count_again, self, NULL), 0);
}

static void count_once(void *arg)
{
    ++*(int *)arg;
}

static void say_and_stop(void *arg)
{
    say("%s", (const char *)arg);
    weft_loop_stop(NULL);
}

/* ---- rounds ------------------------------------------------------------------------------------ */

/* 65 */
RULE(calls_are_called_in_the_order_in_which_they_were_asked_for)
{
    static const char *const words[] = {"a", "b", "c", "d"};

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(weft_call_soon(loop, say_call, (void *)(uintptr_t)words[i], NULL), 0);
    ck_assert_str_eq(trace(), "");
    run_all();
    ck_assert_str_eq(trace(), "a b c d");
}
END_RULE

/* 65 */
RULE(what_a_callback_queues_runs_in_the_next_round)
{
    struct chained a3 = {"a3", NULL}, a2 = {"a2", &a3}, a1 = {"a1", &a2};
    struct chained b2 = {"b2", NULL}, b1 = {"b1", &b2};

    weft_call_soon(loop, say_chained, &a1, NULL);
    weft_call_soon(loop, say_chained, &b1, NULL);
    run_rounds(1);
    ck_assert_str_eq(trace(), "a1 b1");
    run_rounds(1);
    ck_assert_str_eq(trace(), "a1 b1 a2 b2");
    run_rounds(1);
    ck_assert_str_eq(trace(), "a1 b1 a2 b2 a3");
}
END_RULE

struct meeting {
    struct counter chain;
    int seen_at;
    int fds[2];
};

static void on_reader(void *arg)
{
    struct meeting *self = arg;

    self->seen_at = self->chain.count;
    weft_remove_reader(NULL, self->fds[0]);
}

static void on_meeting_timer(void *arg)
{
    struct meeting *self = arg;

    self->seen_at = self->chain.count;
}

/* Inside a turn that is under way. */
static void write_within(void *arg)
{
    const struct meeting *self = arg;

    ck_assert_int_eq(write(self->fds[1], "x", 1), 1);
}

static void advance_within(void *arg)
{
    weft_testing_advance(loop, *(double *)arg);
}

/* 65 [D] a poll costs a hundred times a step */
RULE(descriptors_are_looked_at_after_256_callbacks_at_the_latest)
{
    struct meeting self = {.chain = {0, 5000}};

    ck_assert_int_eq(pipe(self.fds), 0);
    weft_call_soon(loop, count_again, &self.chain, NULL);
    ck_assert_int_eq(weft_add_reader(loop, self.fds[0], on_reader, &self), 0);
    weft_call_soon(loop, write_within, &self, NULL);
    run_all();
    ck_assert_int_eq(self.chain.count, 5000);
    ck_assert_int_gt(self.seen_at, 0);
    ck_assert_int_le(self.seen_at, 1 + 256 + 2);
    close(self.fds[0]);
    close(self.fds[1]);
}
END_RULE

/* 65, 98 */
RULE(timers_are_looked_at_after_256_callbacks_at_the_latest)
{
    struct meeting self = {.chain = {0, 5000}};
    double two = 2;

    weft_call_soon(loop, count_again, &self.chain, NULL);
    weft_call_soon(loop, advance_within, &two, NULL);
    weft_call_later(loop, 1, on_meeting_timer, &self, NULL);
    run_all();
    ck_assert_int_eq(self.chain.count, 5000);
    ck_assert_int_le(self.seen_at, 256 + 2);
}
END_RULE

/* ---- handles ----------------------------------------------------------------------------------- */

/* 66 */
RULE(a_cancelled_call_does_not_run_and_cancelling_twice_is_fine)
{
    weft_handle a, b;

    ck_assert_int_eq(weft_call_soon(loop, say_call, "a", &a), 0);
    ck_assert_int_eq(weft_call_later(loop, 1, say_call, "b", &b), 0);
    weft_call_soon(loop, say_call, "c", NULL);
    ck_assert(weft_handle_cancel(loop, a));
    ck_assert(weft_handle_cancel(loop, b));
    ck_assert(!weft_handle_cancel(loop, a));
    ck_assert(!weft_handle_cancel(loop, b));
    ck_assert(!weft_handle_cancel(loop, 0));
    run_all();
    ck_assert_str_eq(trace(), "c");
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_RULE

static void cancel_handle(void *arg)
{
    say("%d", weft_handle_cancel(NULL, *(weft_handle *)arg));
}

/* 66 */
RULE(a_call_may_cancel_another_one_of_its_round_and_not_itself)
{
    weft_handle self, later;

    weft_call_soon(loop, cancel_handle, &later, NULL);
    weft_call_soon(loop, cancel_handle, &self, &self);
    weft_call_soon(loop, say_call, "never", &later);
    run_all();
    ck_assert_str_eq(trace(), "1 0");
}
END_RULE

/* 67 [D] there is no garbage collector: the number is never used again */
RULE(the_handle_of_a_call_that_ran_names_nothing_for_ever)
{
    weft_handle old[200], now;
    int ran = 0;

    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(weft_call_soon(loop, count_once, &ran, &old[i]), 0);
        if (i % 3 == 0)
            ck_assert(weft_handle_cancel(loop, old[i]));
        else
            run_rounds(1);
        for (int j = 0; j < i; j++)
            ck_assert(old[j] != old[i]);
    }
    ck_assert_int_eq(ran, 133);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "kept", &now), 0);
    for (int i = 0; i < 200; i++)
        ck_assert(!weft_handle_cancel(loop, old[i]));
    run_all();
    ck_assert_str_eq(trace(), "kept");
}
END_RULE

/* ---- stopping ---------------------------------------------------------------------------------- */

/* 78 */
RULE(stop_ends_after_the_round_and_later_callbacks_stay_queued)
{
    struct chained c = {"c", NULL}, a = {"a", &c};

    weft_call_soon(loop, say_chained, &a, NULL);
    weft_call_soon(loop, say_and_stop, "stop", NULL);
    weft_call_soon(loop, say_call, "b", NULL);
    ck_assert_int_eq(weft_run_forever(loop), 0);
    ck_assert_str_eq(trace(), "a stop b");
    run_all();
    ck_assert_str_eq(trace(), "a stop b c");
}
END_RULE

/* 78 */
RULE(a_round_of_more_than_256_is_still_run_to_its_end_by_stop)
{
    struct counter again[600];

    weft_call_soon(loop, say_and_stop, "stop", NULL);
    for (int i = 0; i < 600; i++) {
        again[i] = (struct counter){0, 2};
        weft_call_soon(loop, count_again, &again[i], NULL);
    }
    ck_assert_int_eq(weft_run_forever(loop), 0);
    for (int i = 0; i < 600; i++)
        ck_assert_int_eq(again[i].count, 1);
    run_all();
    for (int i = 0; i < 600; i++)
        ck_assert_int_eq(again[i].count, 2);
}
END_RULE

/* 79 */
RULE(stop_before_a_run_means_exactly_one_iteration)
{
    struct counter chain = {0, 10};

    weft_call_soon(loop, count_again, &chain, NULL);
    weft_loop_stop(loop);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_run_forever(loop), 0);
    ck_assert_int_eq(chain.count, 1);
    run_all();
    ck_assert_int_eq(chain.count, 10);
}
END_RULE

/* 79 */
RULE(the_one_iteration_does_not_block_and_looks_at_descriptors)
{
    weft_loop *real = weft_loop_new(NULL);
    struct meeting self = {.chain = {7, 0}};

    ck_assert_int_eq(pipe(self.fds), 0);
    ck_assert_int_eq(weft_call_later(real, 3600, say_call, "never", NULL), 0);
    ck_assert_int_eq(weft_add_reader(real, self.fds[0], on_reader, &self), 0);
    weft_loop_stop(real);
    ck_assert_int_eq(weft_run_forever(real), 0);
    ck_assert_int_eq(self.seen_at, 0);
    ck_assert_int_eq(write(self.fds[1], "x", 1), 1);
    weft_loop_stop(real);
    ck_assert_int_eq(weft_run_forever(real), 0);
    ck_assert_int_eq(self.seen_at, 7);
    weft_loop_unref(real);
    close(self.fds[0]);
    close(self.fds[1]);
}
END_RULE

static void abort_run(void *arg)
{
    say("%s", (const char *)arg);
    weft_abort(NULL, -ECONNABORTED);
}

/* 36 [D] one channel for errors */
RULE(abort_stops_before_the_next_callback_and_its_code_is_returned)
{
    weft_call_soon(loop, say_call, "a", NULL);
    weft_call_soon(loop, abort_run, "b", NULL);
    weft_call_soon(loop, say_call, "c", NULL);
    ck_assert_int_eq(weft_run_forever(loop), -ECONNABORTED);
    ck_assert_str_eq(trace(), "a b");
    run_all();
    ck_assert_str_eq(trace(), "a b c");
}
END_RULE

/* ---- run_until_complete ------------------------------------------------------------------------ */

/* 80 */
RULE(run_until_complete_returns_the_result_or_the_error)
{
    weft_future *f = weft_future_new(loop);
    intptr_t n;

    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(sleeper, .seconds = 2, .result = 42)), &n), 0);
    ck_assert_int_eq(n, 42);
    weft_future_set_error(f, -EPIPE);
    ck_assert_int_eq(run_task(f, &n), -EPIPE);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(run_task(weft_future_new_done(loop, weft_from_int(3)), &n), 0);
    ck_assert_int_eq(n, 3);
}
END_RULE

/* 80 */
RULE(run_until_complete_says_that_it_was_stopped_first)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(sleeper, .seconds = 5, .result = 1));
    intptr_t n;

    weft_call_later(loop, 1, say_and_stop, "stop", NULL);
    ck_assert_int_eq(run_task(weft_future_ref(task), &n), WEFT_ESTOPPED);
    ck_assert_int_eq(n, 0);
    ck_assert(!weft_future_is_done(task));
    ck_assert_double_eq(weft_loop_time(loop), 1);
    ck_assert_int_eq(run_task(task, &n), 0);
    ck_assert_int_eq(n, 1);
}
END_RULE

static void say_freed(void *value)
{
    say("freed-%s", (char *)value);
}

/* 80, 22 */
RULE(run_until_complete_gives_away_a_value_that_has_a_destructor)
{
    weft_future *f = weft_future_new(loop);
    void *value;

    weft_future_set_owned(f, "v", say_freed);
    ck_assert_int_eq(weft_run_until_complete(loop, weft_future_ref(f), &value), 0);
    ck_assert_str_eq(value, "v");
    weft_future_unref(f);
    ck_assert_str_eq(trace(), "");
    f = weft_future_new(loop);
    weft_future_set_owned(f, "w", say_freed);
    ck_assert_int_eq(weft_run_until_complete(loop, f, NULL), 0);
    ck_assert_str_eq(trace(), "freed-w");
}
END_RULE

/* 80 */
RULE(run_until_complete_of_another_loops_future_is_refused)
{
    weft_loop *other = weft_loop_new(NULL);

    ck_assert_int_eq(weft_run_until_complete(loop, weft_future_new(other), NULL), WEFT_EOTHERLOOP);
    weft_loop_unref(other);
}
END_RULE

static void run_within(void *arg)
{
    weft_loop *other = arg;

    say("%s", weft_errname(weft_run_forever(loop)));
    say("%s", weft_errname(weft_run_until_complete(loop, weft_future_new(loop), NULL)));
    say("%s", weft_errname(weft_run_forever(other)));
    say("%s", weft_errname(weft_run_until_complete(other, weft_future_new(other), NULL)));
    say("%s", weft_errname(weft_loop_close(loop)));
    say("%d%d", weft_loop_is_running(loop), weft_loop_is_running(other));
    say("%d", weft_running_loop() == loop);
}

/* 81, 82 */
RULE(running_a_running_loop_or_two_in_a_thread_is_an_error)
{
    weft_loop *other = weft_loop_new(NULL);

    weft_call_soon(loop, run_within, other, NULL);
    weft_call_soon(loop, say_call, "after", NULL);
    run_all();
    ck_assert_str_eq(trace(), "WEFT_ERUNNING WEFT_ERUNNING WEFT_ERUNNING WEFT_ERUNNING "
                              "WEFT_ERUNNING 10 1 after");
    ck_assert(!weft_loop_is_running(loop));
    ck_assert_ptr_null(weft_running_loop());
    weft_loop_unref(other);
}
END_RULE

/* ---- deadlock ---------------------------------------------------------------------------------- */

/* 81 [D] a run that nothing can wake any more ends instead of hanging */
RULE(a_run_that_nothing_can_wake_any_more_ends_with_a_deadlock)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_loop *each[] = {loop, real};

    for (int i = 0; i < 2; i++) {
        weft_future *f = weft_future_new(each[i]);

        ck_assert_int_eq(weft_run_forever(each[i]), WEFT_EDEADLOCK);
        ck_assert_int_eq(weft_run_until_complete(each[i], weft_future_ref(f), NULL), WEFT_EDEADLOCK);
        ck_assert(!weft_future_is_done(f));
        /* And it can go on. */
        weft_future_set_int(f, 1);
        ck_assert_int_eq(weft_run_until_complete(each[i], f, NULL), 0);
    }
    weft_loop_unref(real);
}
END_RULE

/* 81 [D] as above */
RULE(a_timer_or_a_reader_is_no_deadlock)
{
    weft_loop *real = weft_loop_new(NULL);
    struct meeting self = {.chain = {3, 0}};

    weft_call_later(real, 0.002, say_and_stop, "timer", NULL);
    ck_assert_int_eq(weft_run_forever(real), 0);
    ck_assert_int_eq(pipe(self.fds), 0);
    ck_assert_int_eq(weft_add_reader(real, self.fds[0], on_reader, &self), 0);
    ck_assert_int_eq(write(self.fds[1], "x", 1), 1);
    ck_assert_int_eq(weft_run_forever(real), WEFT_EDEADLOCK); /* it has removed itself */
    ck_assert_int_eq(self.seen_at, 3);
    ck_assert_str_eq(trace(), "timer");
    weft_loop_unref(real);
    close(self.fds[0]);
    close(self.fds[1]);
}
END_RULE

RUN_SUITE("loop", calls_are_called_in_the_order_in_which_they_were_asked_for,
          what_a_callback_queues_runs_in_the_next_round,
          descriptors_are_looked_at_after_256_callbacks_at_the_latest,
          timers_are_looked_at_after_256_callbacks_at_the_latest,
          a_cancelled_call_does_not_run_and_cancelling_twice_is_fine,
          a_call_may_cancel_another_one_of_its_round_and_not_itself,
          the_handle_of_a_call_that_ran_names_nothing_for_ever,
          stop_ends_after_the_round_and_later_callbacks_stay_queued,
          a_round_of_more_than_256_is_still_run_to_its_end_by_stop,
          stop_before_a_run_means_exactly_one_iteration,
          the_one_iteration_does_not_block_and_looks_at_descriptors,
          abort_stops_before_the_next_callback_and_its_code_is_returned,
          run_until_complete_returns_the_result_or_the_error,
          run_until_complete_says_that_it_was_stopped_first,
          run_until_complete_gives_away_a_value_that_has_a_destructor,
          run_until_complete_of_another_loops_future_is_refused,
          running_a_running_loop_or_two_in_a_thread_is_an_error,
          a_run_that_nothing_can_wake_any_more_ends_with_a_deadlock,
          a_timer_or_a_reader_is_no_deadlock)
