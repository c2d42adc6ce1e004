/* check_testing.c - what weft/testing.h promises: virtual time, the dump, failing allocations, what is alive. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"
#include "support/step_bodies.h"

static void note_time(void *arg)
{
    say("%s@%g", (const char *)arg, weft_loop_time(loop));
}

/* ---- the clock ---- */

/* 211 [D] */
RULE(the_virtual_clock_starts_at_zero_and_jumps_to_the_next_timer)
{
    ck_assert_double_eq(weft_loop_time(loop), 0);
    ck_assert_int_eq(weft_call_later(loop, 3600, note_time, "hour", NULL), 0);
    ck_assert_int_eq(weft_call_later(loop, 86400, note_time, "day", NULL), 0);
    ck_assert_int_eq(weft_call_soon(loop, note_time, "now", NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "now@0 hour@3600 day@86400");
}
END_RULE

/* 211 */
RULE(the_clock_stands_while_something_is_ready)
{
    ck_assert_int_eq(weft_call_later(loop, 1, note_time, "late", NULL), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(sleeper, .seconds = 0)), NULL), 0);
    ck_assert_double_eq(weft_loop_time(loop), 0);
    run_all();
    ck_assert_str_eq(trace(), "late@1");
}
END_RULE

static void write_byte(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ck_assert_int_eq(write(*(int *)arg, "x", 1), 1);
}

/* 211 */
RULE(the_clock_stands_while_somebody_waits_for_a_descriptor)
{
    static const struct timeval soon = {0, 3000};
    weft_task *task;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(
        event_base_once(weft_loop_base(loop), -1, EV_TIMEOUT, write_byte, &fds[1], &soon), 0);
    ck_assert_int_eq(weft_call_later(loop, 60, note_time, "minute", NULL), 0);
    task = weft_task_new(
        loop, WEFT_CALL(waiter, .name = "readable", .future = weft_readable(loop, fds[0])));
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_double_eq(weft_loop_time(loop), 0);
    run_all();
    ck_assert_str_eq(trace(), "readable=0 minute@60");
    close(fds[0]);
    close(fds[1]);
}
END_RULE

RULE(advance_moves_the_clock_and_what_is_due_runs_when_the_loop_does)
{
    ck_assert_int_eq(weft_call_later(loop, 2, note_time, "two", NULL), 0);
    weft_testing_advance(loop, 1.5);
    run_rounds(1);
    ck_assert_str_eq(trace(), "");
    weft_testing_advance(loop, 1.5);
    ck_assert_str_eq(trace(), "");
    weft_testing_advance(loop, -1);
    ck_assert_double_eq(weft_loop_time(loop), 3);
    run_rounds(1);
    ck_assert_str_eq(trace(), "two@3");
}
END_RULE

RULE(a_loop_that_has_timers_keeps_its_clock)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *sleep = weft_sleep(other, 1);

    ck_assert_int_eq(weft_testing_virtual_clock(other), WEFT_EINVALIDSTATE);
    ck_assert_double_gt(weft_loop_time(other), 0);
    weft_future_unref(sleep);
    ck_assert_int_eq(weft_testing_virtual_clock(other), 0);
    ck_assert_double_eq(weft_loop_time(other), 0);
    weft_loop_unref(other);
}
END_RULE

/* ---- until idle ---------------------------------------------------------------------------------------------- */

/* 211 */
RULE(run_until_idle_runs_what_is_ready_and_no_time_passes)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(steps, .name = "a", .left = 3));

    ck_assert_int_eq(weft_call_later(loop, 1, note_time, "late", NULL), 0);
    ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
    ck_assert_str_eq(trace(), "a3 a2 a1 a0");
    ck_assert(weft_future_is_done(task));
    ck_assert_double_eq(weft_loop_time(loop), 0);
    ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
    weft_testing_advance(loop, 1.5);
    ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
    ck_assert_str_eq(trace(), "a3 a2 a1 a0 late@1.5");
    weft_future_unref(task);
}
END_RULE

static void call_again(void *arg)
{
    say("first");
    ck_assert_int_eq(weft_call_at(loop, 2, note_time, arg, NULL), 0);
}

RULE(run_until_idle_runs_what_has_become_due_meanwhile)
{
    ck_assert_int_eq(weft_call_at(loop, 1, call_again, "second", NULL), 0);
    weft_testing_advance(loop, 3);
    ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
    ck_assert_str_eq(trace(), "first second@3");
}
END_RULE

static void write_now(void *arg)
{
    write_byte(-1, 0, arg);
}

RULE(run_until_idle_takes_what_a_descriptor_has_and_waits_for_none)
{
    weft_task *task;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    task = weft_task_new(
        loop, WEFT_CALL(waiter, .name = "readable", .future = weft_readable(loop, fds[0])));
    ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(weft_call_soon(loop, write_now, &fds[1], NULL), 0);
    ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
    ck_assert_str_eq(trace(), "readable=0");
    weft_future_unref(task);
    close(fds[0]);
    close(fds[1]);
}
END_RULE

static void run_inside(void *arg)
{
    (void)arg;
    say("%s", weft_errname(weft_testing_run_until_idle(loop)));
}

RULE(run_until_idle_fails_as_a_run_does)
{
    ck_assert_int_eq(weft_call_soon(loop, run_inside, NULL, NULL), 0);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "next", NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "WEFT_ERUNNING next");
    ck_assert_int_eq(weft_call_soon(loop, abort_run, NULL, NULL), 0);
    ck_assert_int_eq(weft_testing_run_until_idle(loop), -EIO);
    weft_loop_close(loop);
    ck_assert_int_eq(weft_testing_run_until_idle(loop), WEFT_ECLOSED);
}
END_RULE

/* ---- the dump --------------------------------------------------------------------------------------------------- */

static FILE *dumped;

static void dump_at(weft_task *task, void *arg)
{
    (void)arg;
    weft_dump(weft_future_loop(task), dumped);
}

static void dump_call(void *arg)
{
    (void)arg;
    weft_dump(NULL, dumped);
    weft_dump(loop, dumped);
}

/* 213 [D] */
RULE(the_dump_changes_nothing_and_allocates_nothing_wherever_it_is_asked_for)
{
    static const weft_hooks hooks = {
        .before_step = dump_at, .after_step = dump_at, .exited = dump_at};
    long made[3];
    char said[3][64];

    dumped = fopen("/dev/null", "w");
    ck_assert_ptr_nonnull(dumped);
    for (int i = 0; i < 3; i++) { /* to warm up; without a dump; with dumps */
        size_t before = strlen(trace());

        weft_loop_set_hooks(loop, i == 2 ? &hooks : NULL, NULL);
        weft_testing_fail_allocation(1000000, 1);
        make_steps(2, 2);
        ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(sleeper, .name = "s", .seconds = 1)), 0);
        ck_assert_int_eq(weft_call_soon(loop, i == 2 ? dump_call : run_inside, NULL, NULL), 0);
        run_all();
        made[i] = weft_testing_allocations();
        weft_testing_fail_allocation(0, 0);
        snprintf(said[i], sizeof(said[i]), "%s", trace() + before + (i > 0));
    }
    ck_assert_int_eq(made[2], made[1]);
    ck_assert_str_eq(said[1], "a2 b2 s WEFT_ERUNNING a1 b1 a0 b0 s.");
    ck_assert_str_eq(said[2], "a2 b2 s a1 b1 a0 b0 s.");
    weft_dump(NULL, dumped);
    fclose(dumped);
}
END_RULE

/* ---- allocations ---- */

/* Whether making a future fails. */
static bool fails(void)
{
    weft_future *future = weft_future_new(loop);
    bool failed = weft_future_error(future) == -ENOMEM;

    weft_future_unref(future);
    return failed;
}

RULE(the_nth_allocation_fails_and_as_many_in_a_row_as_are_asked_for)
{
    weft_testing_fail_allocation(3, 2);
    for (int i = 0; i < 5; i++)
        say("%d", fails());
    ck_assert_int_eq(weft_testing_allocations(), 5);
    weft_testing_fail_allocation(1, 1);
    ck_assert_int_eq(weft_testing_allocations(), 0);
    weft_testing_fail_allocation(0, 0);
    ck_assert(!fails());
    ck_assert_str_eq(trace(), "0 0 1 1 0");
}
END_RULE

/* ---- what is alive ---- */

/* 215 [D] */
RULE(live_counts_what_each_kind_of_leak_would_leave)
{
    weft_live none, live;
    weft_future *future, *sleep;
    weft_task *task;
    weft_handle handle;
    weft_gen *gen;
    weft_io *io;
    int fds[2];

    weft_testing_live(&none);
    ck_assert_int_eq(none.loops, 1);
    ck_assert_int_eq(none.futures + none.tasks + none.frames + none.handles + none.ios, 0);
    ck_assert_int_eq(pipe(fds), 0);
    future = weft_future_new(loop);
    sleep = weft_sleep(loop, 1);
    task = weft_task_new(loop, WEFT_CALL(sleeper));
    gen = WEFT_CALL(sleeper);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "x", &handle), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), 0);
    weft_testing_live(&live);
    ck_assert_int_eq(live.futures, 3);
    ck_assert_int_eq(live.tasks, 1);
    ck_assert_int_eq(live.frames, 2);
    ck_assert_int_eq(live.handles, 1);
    ck_assert_int_eq(live.ios, 1);
    ck_assert_int_ge(live.allocations, none.allocations + 6);
    weft_io_close(io);
    close(fds[1]);
    ck_assert(weft_handle_cancel(loop, handle));
    ck_assert_int_eq(weft_gen_close(gen), 0);
    weft_future_unref(future);
    weft_future_unref(sleep);
    ck_assert_int_eq(run_task(task, NULL), 0);
    weft_testing_live(&live);
    ck_assert_int_eq(live.futures + live.tasks + live.frames + live.handles + live.ios, 0);
}
END_RULE

/* 215 */
RULE(live_counts_loops_until_they_are_closed)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_live live;

    weft_testing_live(&live);
    ck_assert_int_eq(live.loops, 2);
    weft_loop_unref(other);
    weft_testing_live(&live);
    ck_assert_int_eq(live.loops, 1);
}
END_RULE

/* 215, 14 */
RULE(a_failure_that_nobody_read_reaches_the_handler)
{
    weft_future_unref(weft_future_new_failed(loop, -EIO));
    ck_assert_str_ne(reports(), "");
}
END_RULE

RUN_SUITE("testing", the_virtual_clock_starts_at_zero_and_jumps_to_the_next_timer,
          the_clock_stands_while_something_is_ready,
          the_clock_stands_while_somebody_waits_for_a_descriptor,
          advance_moves_the_clock_and_what_is_due_runs_when_the_loop_does,
          a_loop_that_has_timers_keeps_its_clock,
          run_until_idle_runs_what_is_ready_and_no_time_passes,
          run_until_idle_runs_what_has_become_due_meanwhile,
          run_until_idle_takes_what_a_descriptor_has_and_waits_for_none,
          run_until_idle_fails_as_a_run_does,
          the_dump_changes_nothing_and_allocates_nothing_wherever_it_is_asked_for,
          the_nth_allocation_fails_and_as_many_in_a_row_as_are_asked_for,
          live_counts_what_each_kind_of_leak_would_leave, live_counts_loops_until_they_are_closed,
          a_failure_that_nobody_read_reaches_the_handler)
