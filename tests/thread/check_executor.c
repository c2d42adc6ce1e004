/* check_executor.c - jobs in threads: outcomes, order, cancel, drop. */
#include <math.h>
#include <signal.h>

#include <event2/event.h>

#include "support/cancel_bodies.h"
#include "support/executor_jobs.h"

/* ---- outcomes ---------------------------------------------------------------------------------- */

/* 201 */
RULE(the_result_of_a_job_comes_back_to_who_awaits_it)
{
    struct work work;
    intptr_t result;

    work_init(&work, NULL, false);
    work.result = weft_from_int(7);
    ck_assert_int_eq(
        run_task(weft_run_in_executor(loop, NULL, .run = do_work, .arg = &work), &result), 0);
    ck_assert_int_eq(result, 7);
    ck_assert(!pthread_equal(work.thread, pthread_self()));
}
END_RULE

/* 201 */
RULE(the_error_of_a_job_comes_back_to_who_awaits_it)
{
    struct work work;

    work_init(&work, NULL, false);
    work.result = "nothing to destroy";
    work.error = -EIO;
    ck_assert_int_eq(run_task(start_work(NULL, &work), NULL), -EIO);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    ck_assert_int_eq(atomic_load(&destroyed), 0);
}
END_RULE

/* 201 */
RULE(an_error_that_is_positive_is_einval_and_ecancelled_cancels_the_future)
{
    struct work work;
    weft_future *f;

    work_init(&work, NULL, false);
    work.error = 5;
    ck_assert_int_eq(run_task(start_work(NULL, &work), NULL), -EINVAL);
    work.error = WEFT_ECANCELLED;
    f = start_work(NULL, &work);
    run_all();
    ck_assert(weft_future_is_cancelled(f));
    weft_future_unref(f);
}
END_RULE

/* 201 */
RULE(a_result_that_nobody_takes_is_destroyed_once_and_one_that_is_taken_never)
{
    struct work work;
    weft_future *f;

    work_init(&work, NULL, false);
    f = start_work(NULL, &work);
    run_all();
    ck_assert_int_eq(atomic_load(&destroyed), 0);
    weft_future_unref(f);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
    ck_assert_int_eq(run_task(start_work(NULL, &work), NULL), 0);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
    ck_assert_int_eq(atomic_load(&work.frees), 2);
}
END_RULE

/* 201 */
RULE(a_job_without_a_function_is_refused_and_its_arg_is_freed)
{
    struct work work;
    weft_future *f;

    work_init(&work, NULL, false);
    f = weft_run_in_executor(loop, NULL, .arg = &work, .free_arg = free_work);
    ck_assert_int_eq(weft_future_error(f), -EINVAL);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    weft_future_unref(f);
}
END_RULE

/* 201 */
RULE(jobs_start_in_the_order_in_which_they_came)
{
    weft_executor *pool = weft_executor_new(1);
    struct work gate, work[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    weft_future *first, *others[4];

    work_init(&gate, "gate", true);
    first = start_work(pool, &gate);
    for (int i = 0; i < 4; i++) {
        work_init(&work[i], names[i], false);
        others[i] = start_work(pool, &work[i]);
    }
    sem_post(&gate.gate);
    run_all();
    ck_assert_str_eq(notes(), "gate a b c d");
    weft_future_unref(first);
    for (int i = 0; i < 4; i++)
        weft_future_unref(others[i]);
    end_pool(pool);
}
END_RULE

/* ---- cancel ------------------------------------------------------------------------------------ */

/* 201 */
RULE(a_job_that_is_cancelled_before_it_began_never_runs_and_its_arg_is_freed_but_not_inline)
{
    weft_executor *pool = weft_executor_new(1);
    struct work gate, work;
    weft_future *first, *f;

    work_init(&gate, NULL, true);
    work_init(&work, NULL, false);
    first = start_work(pool, &gate);
    f = start_work(pool, &work);
    ck_assert(weft_future_cancel(f, "changed my mind"));
    ck_assert(weft_future_is_cancelled(f));
    ck_assert_str_eq(weft_future_cancel_reason(f), "changed my mind");
    ck_assert_int_eq(atomic_load(&work.frees), 0);
    weft_future_unref(f);
    ck_assert_int_eq(atomic_load(&work.frees), 0);
    run_rounds(1);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    sem_post(&gate.gate);
    run_all();
    ck_assert_int_eq(atomic_load(&work.runs), 0);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    weft_future_unref(first);
    end_pool(pool);
}
END_RULE

/* 61, 201 [D] a thread cannot be stopped, and uses the caller's memory */
RULE(a_cancel_of_a_job_that_runs_waits_for_its_end_and_comes_at_the_next_await)
{
    struct work work;
    weft_task *task;

    work_init(&work, NULL, true);
    task = new_two("a", start_work(NULL, &work));
    run_rounds(1);
    wait_sem(&work.begun);
    ck_assert(weft_future_cancel(task, NULL));
    run_rounds(3);
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(atomic_load(&work.frees), 0);
    sem_post(&work.gate);
    run_all();
    ck_assert_str_eq(trace(), "a1:0 a2:WEFT_ECANCELLED");
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(task);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
}
END_RULE

/* 61 */
RULE(a_cancel_of_the_future_of_a_job_that_runs_leaves_its_outcome)
{
    struct work work;
    weft_future *f;
    intptr_t result;

    work_init(&work, NULL, true);
    work.result = weft_from_int(3);
    f = start_work(NULL, &work);
    wait_sem(&work.begun);
    ck_assert(weft_future_cancel(f, NULL));
    ck_assert(!weft_future_is_done(f));
    sem_post(&work.gate);
    ck_assert_int_eq(run_task(f, &result), 0);
    ck_assert_int_eq(result, 3);
}
END_RULE

/* 61 */
RULE(a_cancel_that_finds_the_outcome_at_hand_leaves_it_to_who_awaits)
{
    weft_executor *pool = weft_executor_new(1);
    struct work work;
    weft_task *task;

    work_init(&work, NULL, false);
    task = new_two("a", start_with(loop, pool, &work, WEFT_ABANDONABLE));
    run_rounds(1);
    wait_sem(&work.begun);
    end_pool(pool); /* it has ended, and the loop has not heard of it */
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a1:0 a2:WEFT_ECANCELLED");
    weft_future_unref(task);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
}
END_RULE

/* 61 */
RULE(a_cancel_of_an_abandonable_job_that_runs_ends_the_wait_at_once)
{
    weft_executor *pool = weft_executor_new(1);
    struct work work;
    weft_task *task;

    work_init(&work, "ended", true);
    task = new_two("a", start_with(loop, pool, &work, WEFT_ABANDONABLE));
    run_rounds(1);
    wait_sem(&work.begun);
    ck_assert(weft_future_cancel(task, NULL));
    run_all(); /* does not wait for it, either */
    ck_assert_str_eq(trace(), "a1:WEFT_ECANCELLED a2:0");
    ck_assert_str_eq(notes(), "");
    weft_future_unref(task);
    ck_assert_int_eq(atomic_load(&work.frees), 0);
    sem_post(&work.gate);
    end_pool(pool);
    ck_assert_str_eq(notes(), "ended");
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
}
END_RULE

/* 61 */
RULE(an_abandoned_job_that_fails_has_no_result_to_destroy)
{
    weft_executor *pool = weft_executor_new(1);
    struct work work;
    weft_future *f;

    work_init(&work, NULL, true);
    work.error = -EIO;
    f = start_with(loop, pool, &work, WEFT_ABANDONABLE);
    wait_sem(&work.begun);
    ck_assert(weft_future_cancel(f, NULL));
    ck_assert(!weft_future_cancel(f, NULL));
    weft_future_unref(f);
    sem_post(&work.gate);
    end_pool(pool);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    ck_assert_int_eq(atomic_load(&destroyed), 0);
}
END_RULE

/* ---- drop -------------------------------------------------------------------------------------- */

/* 201 */
RULE(a_job_whose_future_is_dropped_before_it_began_never_runs)
{
    weft_executor *pool = weft_executor_new(1);
    struct work gate, work;
    weft_future *first;

    work_init(&gate, NULL, true);
    work_init(&work, NULL, false);
    first = start_work(pool, &gate);
    weft_future_unref(start_work(pool, &work));
    sem_post(&gate.gate);
    run_all();
    ck_assert_int_eq(atomic_load(&work.runs), 0);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    weft_future_unref(first);
    end_pool(pool);
}
END_RULE

/* 61 */
RULE(a_job_that_runs_and_whose_future_is_dropped_goes_on_and_the_run_waits_for_it)
{
    struct work work;
    pthread_t thread;
    weft_future *f;

    work_init(&work, "ended", true);
    f = start_work(NULL, &work);
    wait_sem(&work.begun);
    weft_future_unref(f);
    thread = opener(&work);
    run_all();
    ck_assert_str_eq(notes(), "ended");
    ck_assert_int_eq(atomic_load(&destroyed), 1);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    pthread_join(thread, NULL);
}
END_RULE

/* 61 */
RULE(an_abandonable_job_that_runs_and_whose_future_is_dropped_is_nobodys_business)
{
    weft_executor *pool = weft_executor_new(1);
    struct work work;
    weft_future *f;

    work_init(&work, NULL, true);
    f = start_with(loop, pool, &work, WEFT_ABANDONABLE);
    wait_sem(&work.begun);
    weft_future_unref(f);
    run_all();
    ck_assert_int_eq(atomic_load(&work.frees), 0);
    sem_post(&work.gate);
    end_pool(pool);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
}
END_RULE

/* ---- the loop that waits ------------------------------------------------------------------------ */

/* 201 */
RULE(virtual_time_stands_still_while_a_job_runs)
{
    struct work work;
    pthread_t thread;
    weft_future *f;

    work_init(&work, NULL, true);
    f = start_work(NULL, &work);
    weft_future_add_done_callback(f, say_done, "job");
    ck_assert_int_eq(weft_call_later(loop, 3600, say_call, "an-hour", NULL), 0);
    thread = opener(&work);
    run_all();
    ck_assert_str_eq(trace(), "job an-hour");
    weft_future_unref(f);
    pthread_join(thread, NULL);
}
END_RULE

/* 201 */
RULE(a_hosts_dispatch_waits_for_a_job_and_ends_by_itself_after_it)
{
    struct event_base *base = event_base_new();
    weft_loop *hosted = weft_loop_new(base);
    struct work work;
    weft_future *f;
    pthread_t thread;

    work_init(&work, NULL, true);
    f = start_with(hosted, NULL, &work, 0);
    weft_future_add_done_callback(f, say_done, "job");
    thread = opener(&work);
    ck_assert_int_eq(event_base_dispatch(base), 1);
    ck_assert_str_eq(trace(), "job");
    weft_future_unref(f);
    weft_loop_unref(hosted);
    event_base_free(base);
    pthread_join(thread, NULL);
}
END_RULE

/* ---- everything at once ------------------------------------------------------------------------- */

enum { MANY = 300 };

/* 201, 61, 202 */
RULE(every_arg_is_freed_and_every_result_destroyed_once_whatever_is_cancelled_when)
{
    static struct work work[MANY];
    weft_executor *pool = weft_executor_new(3);
    weft_future *f[MANY];
    int runs = 0;

    for (int i = 0; i < MANY; i++) {
        work_init(&work[i], NULL, false);
        f[i] = start_with(loop, pool, &work[i], i % 3 == 0 ? WEFT_ABANDONABLE : 0);
        if (i % 7 == 0)
            weft_future_cancel(f[i / 2], NULL);
        if (i % 11 == 0) {
            weft_future_unref(f[i]);
            f[i] = weft_sleep(loop, 0);
        }
        if (i % 50 == 0)
            run_rounds(1);
    }
    run_all();
    for (int i = 0; i < MANY; i++)
        weft_future_unref(f[i]);
    end_pool(pool);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(atomic_load(&work[i].frees), 1);
        ck_assert_int_le(atomic_load(&work[i].runs), 1);
        runs += atomic_load(&work[i].runs);
    }
    ck_assert_int_eq(atomic_load(&destroyed), runs);
}
END_RULE

/* Make a pool, and do a job in it. */
static int one_job(void)
{
    weft_executor *pool = weft_executor_new(1);
    struct work work;
    int error;

    if (!pool)
        return -ENOMEM;
    work_init(&work, NULL, false);
    error = run_task(start_work(pool, &work), NULL);
    end_pool(pool);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    ck_assert_int_eq(atomic_load(&work.runs), error ? 0 : 1);
    return error;
}

/* 100, 201 */
RULE(a_job_without_memory_says_so_and_its_arg_is_freed)
{
    each_allocation_fails(one_job);
}
END_RULE

RUN_SUITE("executor", the_result_of_a_job_comes_back_to_who_awaits_it,
          the_error_of_a_job_comes_back_to_who_awaits_it,
          an_error_that_is_positive_is_einval_and_ecancelled_cancels_the_future,
          a_result_that_nobody_takes_is_destroyed_once_and_one_that_is_taken_never,
          a_job_without_a_function_is_refused_and_its_arg_is_freed,
          jobs_start_in_the_order_in_which_they_came,
          a_job_that_is_cancelled_before_it_began_never_runs_and_its_arg_is_freed_but_not_inline,
          a_cancel_of_a_job_that_runs_waits_for_its_end_and_comes_at_the_next_await,
          a_cancel_of_the_future_of_a_job_that_runs_leaves_its_outcome,
          a_cancel_that_finds_the_outcome_at_hand_leaves_it_to_who_awaits,
          a_cancel_of_an_abandonable_job_that_runs_ends_the_wait_at_once,
          an_abandoned_job_that_fails_has_no_result_to_destroy,
          a_job_whose_future_is_dropped_before_it_began_never_runs,
          a_job_that_runs_and_whose_future_is_dropped_goes_on_and_the_run_waits_for_it,
          an_abandonable_job_that_runs_and_whose_future_is_dropped_is_nobodys_business,
          virtual_time_stands_still_while_a_job_runs,
          a_hosts_dispatch_waits_for_a_job_and_ends_by_itself_after_it,
          every_arg_is_freed_and_every_result_destroyed_once_whatever_is_cancelled_when,
          a_job_without_memory_says_so_and_its_arg_is_freed)
