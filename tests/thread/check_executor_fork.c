/* check_executor_fork.c - jobs and pools on both sides of a fork. */
#include <errno.h>

#include "support/executor_jobs.h"
#include "support/fork_bodies.h"

static bool runs_a_job(weft_loop *where, weft_executor *executor)
{
    struct work work;
    void *result;

    work_init(&work, "new", false);
    work.result = &work;
    return weft_run_until_complete(where, start_with(where, executor, &work, 0), &result) == 0 &&
           result == &work && atomic_load(&work.frees) == 1;
}

/* 277 */
RULE(a_job_under_way_ends_in_the_child_and_goes_on_in_the_parent)
{
    for (int closes = 0; closes < 2; closes++) {
        weft_loop *real = weft_loop_new(NULL);
        weft_executor *pool = weft_executor_new(1);
        struct work runs, waits;
        weft_future *running, *queued;
        void *result;
        pid_t child;

        work_init(&runs, "runs", true);
        work_init(&waits, "waits", false);
        runs.result = &runs;
        running = start_with(real, pool, &runs, 0);
        queued = start_with(real, pool, &waits, 0);
        wait_sem(&runs.begun);
        child = fork_child();
        if (child == 0 && closes) {
            NEED(weft_loop_close(real) == 0);
            NEED(weft_future_error(running) == WEFT_EABANDONED);
            NEED(weft_future_error(queued) == WEFT_EABANDONED);
        } else if (child == 0) {
            NEED(weft_run_until_complete(real, running, NULL) == WEFT_EABANDONED);
            NEED(weft_run_until_complete(real, queued, NULL) == WEFT_EABANDONED);
            NEED(atomic_load(&waits.frees) == 1);
            NEED(runs_a_job(real, pool));
            NEED(runs_a_job(real, NULL));
            NEED(weft_executor_shutdown(pool, 5) == 0);
            weft_executor_unref(pool);
            weft_loop_unref(real);
        }
        if (child == 0)
            _exit(0);
        child_is_fine(child);
        sem_post(&runs.gate);
        ck_assert_int_eq(weft_run_until_complete(real, running, &result), 0);
        ck_assert_ptr_eq(result, &runs);
        ck_assert_int_eq(weft_run_until_complete(real, queued, NULL), 0);
        ck_assert(runs_a_job(real, pool));
        end_pool(pool);
        weft_loop_unref(real);
    }
}
END_RULE

/* 277 */
RULE(what_a_thread_had_told_of_before_the_fork_is_true_on_both_sides)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_executor *pool = weft_executor_new(1);
    struct work work;
    weft_future *future;
    void *result;
    pid_t child;

    work_init(&work, "ended", false);
    work.result = &work;
    future = start_with(real, pool, &work, 0);
    while (atomic_load(&work.frees) == 0)
        usleep(100);
    ck_assert_int_eq(weft_executor_shutdown(pool, 5), 0); /* it has told the loop */
    child = fork_child();
    ck_assert_int_eq(weft_run_until_complete(real, future, &result), 0);
    ck_assert_ptr_eq(result, &work);
    end_pool(pool);
    weft_loop_unref(real);
    if (child == 0)
        _exit(0);
    child_is_fine(child);
}
END_RULE

/* 277 */
RULE(an_idle_pool_gets_new_threads_in_the_child)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_executor *pool = weft_executor_new(1);
    pid_t child;

    ck_assert(runs_a_job(real, pool));
    ck_assert(runs_a_job(real, NULL));
    child = fork_child();
    if (child == 0) {
        NEED(runs_a_job(real, pool));
        NEED(runs_a_job(real, NULL));
        weft_executor_unref(pool);
        weft_loop_unref(real);
        _exit(0);
    }
    child_is_fine(child);
    ck_assert(runs_a_job(real, pool));
    end_pool(pool);
    weft_loop_unref(real);
}
END_RULE

RUN_SUITE("executor_fork", a_job_under_way_ends_in_the_child_and_goes_on_in_the_parent,
          what_a_thread_had_told_of_before_the_fork_is_true_on_both_sides,
          an_idle_pool_gets_new_threads_in_the_child)
