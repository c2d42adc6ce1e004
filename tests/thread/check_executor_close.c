/* check_executor_close.c - loops that close while jobs are under way. */
#include "support/executor_jobs.h"

/* 61, 204 [D] the job may use the loop's memory */
RULE(a_close_waits_for_a_job_that_runs_and_its_outcome_stands_and_what_is_queued_never_runs)
{
    weft_executor *pool = weft_executor_new(1), *stuck = weft_executor_new(1);
    struct work running, blocker, queued;
    weft_future *f, *g, *h;
    pthread_t thread;

    work_init(&running, "ran", true);
    work_init(&blocker, NULL, true);
    work_init(&queued, "never", false);
    running.result = weft_from_int(4);
    h = start_with(loop, stuck, &blocker, WEFT_ABANDONABLE);
    wait_sem(&blocker.begun);
    g = start_work(stuck, &queued);
    f = start_work(pool, &running);
    weft_future_add_done_callback(g, say_done, "never");
    wait_sem(&running.begun);
    thread = opener(&running);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(notes(), "ran");
    ck_assert_int_eq(weft_future_error(f), 0);
    ck_assert_int_eq(weft_int(weft_future_take(f)), 4);
    ck_assert_int_eq(weft_future_error(g), WEFT_ECLOSED);
    ck_assert_int_eq(atomic_load(&queued.frees), 1);
    ck_assert_str_eq(trace(), "");
    weft_future_unref(f);
    weft_future_unref(g);
    weft_future_unref(h);
    pthread_join(thread, NULL);
    end_pool(pool);
    sem_post(&blocker.gate);
    end_pool(stuck);
    ck_assert_int_eq(atomic_load(&queued.runs), 0);
}
END_RULE

/* 204, 61 */
RULE(a_job_that_was_abandoned_by_the_close_ends_after_it_and_harms_nobody)
{
    weft_executor *pool = weft_executor_new(1);
    struct work work;
    weft_future *f;

    work_init(&work, "ended", true);
    f = start_with(loop, pool, &work, WEFT_ABANDONABLE);
    wait_sem(&work.begun);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_str_eq(notes(), "");
    sem_post(&work.gate);
    end_pool(pool);
    ck_assert_str_eq(notes(), "ended");
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
}
END_RULE

/* 204, 202 */
RULE(the_default_pool_lets_go_of_the_thread_of_an_abandoned_job)
{
    int before = threads_so_far();
    struct work work, other;
    weft_future *f, *g;

    work_init(&work, "ended", true);
    work_init(&other, NULL, false);
    f = start_with(loop, NULL, &work, WEFT_ABANDONABLE);
    g = start_work(NULL, &other);
    wait_sem(&work.begun);
    wait_sem(&other.begun);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(count_threads(), before + 1);
    weft_future_unref(f);
    weft_future_unref(g);
    sem_post(&work.gate);
    while (count_threads() > before)
        usleep(500); /* nobody joins it */
    ck_assert_str_eq(notes(), "ended");
    ck_assert_int_eq(atomic_load(&work.frees), 1);
}
END_RULE

/* Cancels, when it is cleaned up, what it awaits. */
struct fussy {
    weft_gen gen;
    weft_future *job, *held;
};

static weft_step fussy(void *frame)
{
    struct fussy *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, f->job);
    WEFT_END(f);
}

static void fussy_cleanup(void *frame)
{
    struct fussy *f = frame;

    weft_future_cancel(f->held, NULL);
    weft_future_unref(f->held);
}
WEFT_GEN_TYPE(fussy, .cleanup = fussy_cleanup);

/* 204, 60 */
RULE(a_cleanup_may_cancel_and_drop_a_job_that_the_close_has_abandoned)
{
    weft_executor *pool = weft_executor_new(1);
    struct work work;
    weft_future *f;

    work_init(&work, NULL, true);
    f = start_with(loop, pool, &work, WEFT_ABANDONABLE);
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(fussy, .job = f, .held = weft_future_ref(f))), 0);
    run_rounds(1);
    wait_sem(&work.begun);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_ptr_nonnull(strstr(reports(), "destroyed while it was pending"));
    sem_post(&work.gate);
    end_pool(pool);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
}
END_RULE

/* 204 */
RULE(an_outcome_that_a_close_finds_in_the_mail_is_destroyed_once_or_kept_by_who_holds_it)
{
    weft_executor *pool = weft_executor_new(2);
    struct work work[3];
    weft_future *f[3];

    for (int i = 0; i < 3; i++) {
        work_init(&work[i], NULL, false);
        f[i] = start_work(pool, &work[i]);
        wait_sem(&work[i].begun);
    }
    end_pool(pool);
    weft_future_unref(f[0]);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(weft_future_error(f[i]), 0);
        weft_future_unref(f[i]);
    }
    ck_assert_int_eq(atomic_load(&destroyed), 3);
}
END_RULE

/* 76, 202 */
RULE(after_close_a_job_is_refused_and_its_arg_is_freed)
{
    struct work work;
    weft_future *f;

    work_init(&work, NULL, false);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    f = start_work(NULL, &work);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    ck_assert_int_eq(atomic_load(&work.frees), 1);
    weft_future_unref(f);
}
END_RULE

RUN_SUITE("executor_close",
          a_close_waits_for_a_job_that_runs_and_its_outcome_stands_and_what_is_queued_never_runs,
          a_job_that_was_abandoned_by_the_close_ends_after_it_and_harms_nobody,
          the_default_pool_lets_go_of_the_thread_of_an_abandoned_job,
          a_cleanup_may_cancel_and_drop_a_job_that_the_close_has_abandoned,
          an_outcome_that_a_close_finds_in_the_mail_is_destroyed_once_or_kept_by_who_holds_it,
          after_close_a_job_is_refused_and_its_arg_is_freed)
