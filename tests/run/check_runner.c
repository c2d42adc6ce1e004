/* check_runner.c - runners: mains one after the other, what they leave behind, threads. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/harness.h"
#include "support/runner_bodies.h"

/* 205 */
RULE(run_gives_the_result_which_is_ours_or_the_error)
{
    void *value;

    ck_assert_int_eq(weft_run(PROGRAM(.result = "mine"), &value), 0);
    ck_assert_str_eq(value, "mine");
    ck_assert_str_eq(trace(), "main main-freed");
    ck_assert_int_eq(weft_run(PROGRAM(.error = -EIO), &value), -EIO);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(weft_run(PROGRAM(.error = -EIO), NULL), -EIO);
    ck_assert_int_eq(weft_run(PROGRAM(.result = "x"), NULL), 0);
    ck_assert_ptr_nonnull(strstr(trace(), "main main-freed destroyed-x"));
}
END_RULE

/* Leaves tasks behind. */
struct leaves {
    weft_gen gen;
    double cleans;
};

static weft_step leaves(void *frame)
{
    WEFT_BEGIN((struct leaves *)frame);
    ck_assert_int_eq(weft_spawn(NULL, WEFT_CALL(program, .name = "a", .seconds = 100)), 0);
    ck_assert_int_eq(weft_spawn(NULL, WEFT_CALL(program, .name = "b", .seconds = 5, .stubborn = 1,
                                                .error = -EIO)),
                     0);
    WEFT_AWAIT((struct leaves *)frame, weft_sleep(NULL, 1));
    say("done");
    WEFT_END((struct leaves *)frame);
}
WEFT_GEN_TYPE(leaves);

/* 205, 157 */
RULE(what_main_leaves_behind_is_cancelled_awaited_and_its_failure_reported)
{
    weft_runner *runner = new_runner();

    ck_assert_int_eq(weft_runner_run(runner, WEFT_CALL(leaves), NULL), 0);
    ck_assert_str_eq(trace(), "a b done");
    ck_assert_int_eq(weft_runner_free(runner), 0);
    ck_assert_str_eq(trace(), "a b done a!WEFT_ECANCELLED a-freed b!WEFT_ECANCELLED b-freed");
    ck_assert_str_eq(told, "a failure that nobody read");
}
END_RULE

RULE(the_grace_is_ten_seconds_or_what_was_set)
{
    weft_runner *runner = new_runner();

    ck_assert_int_eq(weft_runner_run(runner, WEFT_CALL(leaves), NULL), 0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 1), NULL), 0);
    weft_runner_set_grace(runner, 0);
    ck_assert_int_eq(weft_spawn(weft_runner_loop(runner),
                                WEFT_CALL(program, .name = "c", .seconds = 9, .stubborn = 2)),
                     0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 1), NULL), 0);
    ck_assert_int_eq(weft_runner_free(runner), WEFT_ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(told, "was destroyed while it was pending"));
    runner = new_runner();
    told[0] = 0;
    ck_assert_int_eq(weft_spawn(weft_runner_loop(runner),
                                WEFT_CALL(program, .name = "d", .seconds = 9.9, .stubborn = 2)),
                     0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 1), NULL), 0);
    ck_assert_int_eq(weft_runner_free(runner), 0);
    ck_assert_str_eq(told, "");
    ck_assert_int_eq(weft_runner_free(NULL), 0);
}
END_RULE

/* 208 */
RULE(a_runner_runs_several_mains_on_one_loop)
{
    weft_runner *runner = new_runner();
    void *value;

    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 1), NULL), 0);
    ck_assert_int_eq(
        weft_spawn(weft_runner_loop(runner), WEFT_CALL(sleeper, .name = "s", .seconds = 2)), 0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 1, .error = -EIO), NULL), -EIO);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 2, .result = "3"), &value), 0);
    ck_assert_str_eq(value, "3");
    ck_assert_double_eq(weft_loop_time(weft_runner_loop(runner)), 4);
    ck_assert_str_eq(trace(), "main main-freed s main main-freed main s. main-freed");
    ck_assert_int_eq(weft_runner_free(runner), 0);
    ck_assert_str_eq(told, "");
}
END_RULE

static weft_runner *outer;

static void nest(void *arg)
{
    weft_runner *inner = weft_runner_new();
    void *value = arg;

    ck_assert_int_eq(weft_run(WEFT_CALL(program, .name = "n1"), &value), WEFT_ERUNNING);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(weft_runner_run(inner, WEFT_CALL(program, .name = "n2"), &value),
                     WEFT_ERUNNING);
    ck_assert_int_eq(weft_runner_run(outer, WEFT_CALL(program, .name = "n3"), NULL), WEFT_ERUNNING);
    ck_assert_int_eq(weft_runner_free(outer), WEFT_ERUNNING);
    ck_assert_int_eq(weft_runner_free(inner), WEFT_ERUNNING);
    outer = inner;
}

/* 208 */
RULE(a_nested_run_is_refused_and_its_generator_closed)
{
    weft_runner *runner = outer = new_runner();

    ck_assert_int_eq(weft_call_soon(weft_runner_loop(runner), nest, runner, NULL), 0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 1), NULL), 0);
    ck_assert_str_eq(trace(), "n1-freed n2-freed n3-freed main main-freed");
    ck_assert_int_eq(weft_runner_free(outer), 0);
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

RULE(a_run_that_is_stopped_or_stuck_leaves_main_over)
{
    weft_runner *runner = new_runner();

    weft_loop_stop(weft_runner_loop(runner));
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 2), NULL), WEFT_ESTOPPED);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 1), NULL), 0);
    ck_assert_int_eq(weft_runner_free(runner), 0);
    ck_assert_str_eq(trace(), "main main main-freed main!WEFT_ECANCELLED main-freed");
    runner = new_runner();
    ck_assert_int_eq(weft_loop_close(weft_runner_loop(runner)), 0);
    ck_assert_int_eq(weft_runner_run(runner, WEFT_CALL(program, .name = "closed"), NULL),
                     WEFT_ECLOSED);
    ck_assert_ptr_nonnull(strstr(trace(), "closed-freed"));
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

static int attempt(void)
{
    return weft_run(WEFT_CALL(sleeper, .seconds = 1e-9), NULL);
}

RULE(each_allocation_of_a_run_may_fail)
{
    each_allocation_fails(attempt);
}
END_RULE

/* ---- threads ---- */

/* Says that it has begun, and takes a moment. */
static int work(void *arg, void **result)
{
    *result = NULL;
    if (write(((int *)arg)[1], "", 1) != 1)
        return -EIO;
    return poll(NULL, 0, 10) == 0 ? 0 : -EIO; /* goes on while the loop shuts down */
}

static void said_by_job(weft_future *future, void *arg)
{
    ck_assert_int_eq(weft_future_error(future), 0);
    say("%s%s", (const char *)arg, weft_loop_is_closed(loop) ? " closed" : "");
}

/* 206, 205 */
RULE(jobs_that_run_are_awaited_after_the_tasks)
{
    weft_future *job;
    int fds[2];
    char byte;

    ck_assert_int_eq(pipe(fds), 0);
    job = weft_run_in_executor(loop, NULL, .run = work, .arg = fds);
    ck_assert_int_eq(weft_future_add_done_callback(job, said_by_job, "job"), 0);
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(program, .name = "a", .seconds = 9)), 0);
    run_rounds(1);
    ck_assert_int_eq(read(fds[0], &byte, 1), 1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert_ptr_nonnull(strstr(trace(), "a-freed"));
    ck_assert_ptr_nonnull(strstr(trace(), "job"));
    weft_future_unref(job);
    close(fds[0]);
    close(fds[1]);
}
END_RULE

/* Says that it has begun, and blocks until it is let go. */
static int blocks(void *arg, void **result)
{
    int *fds = arg;
    char byte = 0;

    *result = NULL;
    return write(fds[3], &byte, 1) == 1 && read(fds[0], &byte, 1) == 0 ? 0 : -EIO;
}

/* 206, 204 */
RULE(a_job_has_what_is_left_of_the_time)
{
    static const struct timespec moment = {0, 1000000};
    static int fds[4];
    weft_future *job;
    weft_live live;
    char byte;

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(pipe(fds + 2), 0);
    job = weft_run_in_executor(loop, NULL, .run = blocks, .arg = fds, .flags = WEFT_ABANDONABLE);
    ck_assert_int_eq(read(fds[2], &byte, 1), 1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 0.01), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_future_error(job), WEFT_ECLOSED);
    weft_future_unref(job);
    weft_loop_unref(loop);
    loop = NULL;
    close(fds[1]);
    do { /* the thread ends on its own */
        nanosleep(&moment, NULL);
        weft_testing_live(&live);
    } while (live.allocations);
    for (int i = 0; i < 4; i++)
        if (i != 1)
            close(fds[i]);
}
END_RULE

RUN_SUITE("runner", run_gives_the_result_which_is_ours_or_the_error,
          what_main_leaves_behind_is_cancelled_awaited_and_its_failure_reported,
          the_grace_is_ten_seconds_or_what_was_set, a_runner_runs_several_mains_on_one_loop,
          a_nested_run_is_refused_and_its_generator_closed,
          a_run_that_is_stopped_or_stuck_leaves_main_over, each_allocation_of_a_run_may_fail,
          jobs_that_run_are_awaited_after_the_tasks, a_job_has_what_is_left_of_the_time)
