/* check_loop_life.c - closing a loop, reports, fairness, signals that interrupt. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"

/* ---- closing ----------------------------------------------------------------------------------- */

static int and_unref(weft_future *f)
{
    int error = weft_future_error(f);

    weft_future_unref(f);
    return error;
}

/* 82 */
RULE(close_is_idempotent_and_then_every_call_answers_closed)
{
    weft_handle handle;

    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert(weft_loop_is_closed(loop));
    ck_assert_int_eq(weft_call_soon(loop, say_call, "never", &handle), WEFT_ECLOSED);
    ck_assert(handle == 0);
    ck_assert_int_eq(weft_call_later(loop, 1, say_call, "never", NULL), WEFT_ECLOSED);
    ck_assert_int_eq(weft_call_at(loop, 1, say_call, "never", NULL), WEFT_ECLOSED);
    ck_assert_int_eq(weft_run_forever(loop), WEFT_ECLOSED);
    ck_assert_int_eq(weft_run_until_complete(loop, weft_future_new(loop), NULL), WEFT_ECLOSED);
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(sleeper, .name = "never")), WEFT_ECLOSED);
    ck_assert_int_eq(and_unref(weft_sleep(loop, 1)), WEFT_ECLOSED);
    ck_assert_int_eq(and_unref(weft_sleep(loop, 0)), WEFT_ECLOSED);
    ck_assert_int_eq(and_unref(weft_sleep_until(loop, 1)), WEFT_ECLOSED);
    ck_assert_int_eq(and_unref(weft_sleep_forever(loop)), WEFT_ECLOSED);
    ck_assert_int_eq(and_unref(weft_readable(loop, 0)), WEFT_ECLOSED);
    ck_assert_int_eq(weft_add_reader(loop, 0, say_call, NULL), WEFT_ECLOSED);
    ck_assert(!weft_remove_reader(loop, 0));
    ck_assert(!weft_handle_cancel(loop, 1));
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* 82, 35 */
RULE(close_drops_what_is_queued_and_reports_unfinished_tasks)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(sleeper, .name = "s", .seconds = 9));
    weft_future *sleep = weft_sleep(loop, 5);

    run_rounds(1);
    weft_call_soon(loop, say_call, "never", NULL);
    weft_call_later(loop, 1, say_call, "never", NULL);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "s");
    ck_assert_ptr_nonnull(strstr(reports(), "<task sleeper-1 "));
    ck_assert_int_eq(and_unref(task), WEFT_ECLOSED);
    ck_assert_int_eq(and_unref(sleep), WEFT_ECLOSED);
}
END_RULE

/* ---- reports ----------------------------------------------------------------------------------- */

static void keep_message(weft_loop *where, const weft_report *report, void *arg)
{
    ck_assert_ptr_eq(where, loop);
    ck_assert_ptr_nonnull(report->future);
    say("%s/%s/%s", (char *)arg, weft_errname(report->error), report->subject);
}

/* 83 */
RULE(a_custom_handler_gets_the_message_and_the_object)
{
    weft_future *f = weft_future_new_failed_at(loop, -EPIPE, "x.c:1");

    weft_loop_set_exception_handler(loop, keep_message, "mine");
    weft_future_unref(f);
    run_rounds(1);
    ck_assert_str_eq(trace(), "mine/EPIPE/<future failed EPIPE at x.c:1>");
}
END_RULE

static void fail_again(weft_loop *where, const weft_report *report, void *arg)
{
    (void)report, (void)arg;
    say("handler");
    weft_future_unref(weft_future_new_failed_at(where, -EIO, "again.c:2"));
}

/* 83 */
RULE(a_handler_that_makes_reports_and_the_default_one_write_to_stderr)
{
    char text[512] = "";
    int fds[2], old = dup(2);

    ck_assert_int_eq(pipe(fds), 0);
    dup2(fds[1], 2);
    weft_loop_set_exception_handler(loop, fail_again, NULL);
    weft_future_unref(weft_future_new_failed_at(loop, -EPIPE, "first.c:1"));
    run_rounds(1);
    weft_loop_set_exception_handler(loop, NULL, NULL);
    weft_future_unref(weft_future_new_failed_at(loop, -EBADF, "last.c:3"));
    dup2(old, 2);
    close(old);
    close(fds[1]);
    ck_assert_int_gt(read(fds[0], text, sizeof(text) - 1), 0);
    close(fds[0]);
    ck_assert_str_eq(trace(), "handler");
    ck_assert_ptr_null(strstr(text, "first.c:1"));
    ck_assert_ptr_nonnull(strstr(text, "<future failed EIO at again.c:2>"));
    ck_assert_ptr_nonnull(strstr(text, "<future failed EBADF at last.c:3>"));
    ck_assert_ptr_nonnull(strstr(text, "(EBADF)\n"));
}
END_RULE

/* ---- fairness ---------------------------------------------------------------------------------- */

struct eager {
    weft_gen gen;
    int up_to;
    int done;
};

static int eager_done;

static weft_step eager(void *frame)
{
    struct eager *f = frame;

    WEFT_BEGIN(f);
    while (f->done < f->up_to) {
        WEFT_AWAIT(f, weft_future_new_done(NULL, NULL));
        eager_done = ++f->done;
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(eager);

static void say_eager_done(void *arg)
{
    (void)arg;
    say("%d", eager_done);
}

/* 101 [D] a done future never suspends */
RULE(after_64_immediate_awaits_a_task_gives_way)
{
    eager_done = 0;
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(eager, .up_to = 1000)), 0);
    weft_call_soon(loop, say_eager_done, NULL, NULL);
    run_all();
    ck_assert_str_eq(trace(), "64");
    ck_assert_int_eq(eager_done, 1000);
}
END_RULE

/* 90 */
RULE(an_idle_loop_does_not_spin)
{
    weft_loop *real = weft_loop_new(NULL);
    struct timespec before, after;
    double used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    ck_assert_int_eq(
        weft_run_until_complete(real, weft_task_new(real, WEFT_CALL(sleeper, .seconds = 0.1)), NULL),
        0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    used = (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    ck_assert_double_lt(used, 0.05);
    weft_loop_unref(real);
}
END_RULE

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
}

/* 99 [D] C sees errno raw */
RULE(signals_that_interrupt_do_not_end_a_run_or_a_sleep)
{
    struct sigaction action = {.sa_handler = on_signal}, old;
    struct itimerval every = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}}; /* valgrind is slow */
    weft_loop *real = weft_loop_new(NULL);
    double began = weft_loop_time(real);

    sigaction(SIGALRM, &action, &old); /* no SA_RESTART */
    setitimer(ITIMER_REAL, &every, NULL);
    ck_assert_int_eq(
        weft_run_until_complete(real, weft_task_new(real, WEFT_CALL(sleeper, .seconds = 0.1)), NULL),
        0);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    ck_assert_int_gt(signals, 2);
    ck_assert_double_ge(weft_loop_time(real) - began, 0.1);
    weft_loop_unref(real);
}
END_RULE

/* ---- making one --------------------------------------------------------------------------------- */

static struct rlimit limit;
static int taken[64], taken_count;

/* Take all descriptors but so many. */
static void leave_descriptors(int count)
{
    struct rlimit low;
    int fd;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 64;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    while ((fd = dup(STDERR_FILENO)) >= 0)
        taken[taken_count++] = fd;
    ck_assert_int_eq(errno, EMFILE);
    while (count-- > 0)
        close(taken[--taken_count]);
}

static void give_descriptors_back(void)
{
    while (taken_count > 0)
        close(taken[--taken_count]);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int makes_a_loop(void)
{
    weft_loop *made;

    errno = 0;
    made = weft_loop_new(NULL);
    weft_loop_unref(made);
    return made ? 0 : -errno;
}

static int makes_a_runner(void)
{
    weft_runner *runner;

    errno = 0;
    runner = weft_runner_new();
    if (!runner)
        return -errno;
    return weft_runner_free(runner);
}

static int runs(void)
{
    return weft_run(WEFT_CALL(sleeper, .seconds = 1e-9), NULL);
}

/* 226: libevent alone would end the program */
RULE(without_descriptors_errno_says_emfile_however_many_are_left)
{
    int (*const attempts[])(void) = {makes_a_loop, makes_a_runner, runs};

    for (int i = 0; i < 3; i++) {
        int error = -EMFILE, left;

        for (left = 0; error; left++) {
            leave_descriptors(left);
            error = attempts[i]();
            give_descriptors_back();
            ck_assert_msg(error == 0 || error == -EMFILE, "%d left: %s", left, weft_errname(error));
        }
        ck_assert_int_gt(left, 1); /* it takes some */
    }
}
END_RULE

/* 226 */
RULE(without_descriptors_there_is_no_loop_on_a_host_s_base_either)
{
    struct event_base *base = event_base_new();
    weft_loop *made;

    leave_descriptors(0);
    errno = 0;
    made = weft_loop_new(base);
    ck_assert_int_eq(errno, EMFILE);
    give_descriptors_back();
    ck_assert_ptr_null(made);
    event_base_free(base);
}
END_RULE

/* 226, 100 */
RULE(without_memory_errno_says_enomem)
{
    each_allocation_fails(makes_a_loop);
    each_allocation_fails(makes_a_runner);
}
END_RULE

RUN_SUITE("loop-life", close_is_idempotent_and_then_every_call_answers_closed,
          close_drops_what_is_queued_and_reports_unfinished_tasks,
          a_custom_handler_gets_the_message_and_the_object,
          a_handler_that_makes_reports_and_the_default_one_write_to_stderr,
          after_64_immediate_awaits_a_task_gives_way, an_idle_loop_does_not_spin,
          signals_that_interrupt_do_not_end_a_run_or_a_sleep,
          without_descriptors_errno_says_emfile_however_many_are_left,
          without_descriptors_there_is_no_loop_on_a_host_s_base_either,
          without_memory_errno_says_enomem)
