/* check_executor_pool.c - pools: threads, shutdown, several loops. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <signal.h>

#include "thread/executor.h"

#include "support/executor_jobs.h"

/* ---- threads ----------------------------------------------------------------------------------- */

/* 202 */
RULE(the_default_pool_is_made_with_the_first_job_and_ends_with_the_loop)
{
    int before = threads_so_far();
    struct work work;

    work_init(&work, NULL, false);
    ck_assert_ptr_null(weft__default_executor(loop));
    ck_assert_int_eq(run_task(start_work(NULL, &work), NULL), 0);
    ck_assert_ptr_nonnull(weft__default_executor(loop));
    ck_assert_int_eq(count_threads(), before + 1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_ptr_null(weft__default_executor(loop));
    ck_assert_int_eq(count_threads_down_to(before), before);
}
END_RULE

/* 265, 202 */
RULE(a_pool_of_ones_own_may_be_the_loops_default_one_and_ends_with_it)
{
    int before = threads_so_far();
    weft_executor *pool = weft_executor_new(1);
    struct work work[2];
    weft_future *f[2];

    ck_assert_int_eq(weft_loop_set_default_executor(loop, NULL), -ENOMEM);
    ck_assert_int_eq(weft_loop_set_default_executor(loop, weft_executor_ref(pool)), 0);
    ck_assert_ptr_eq(weft__default_executor(loop), pool);
    for (int i = 0; i < 2; i++) {
        work_init(&work[i], NULL, false);
        f[i] = start_work(NULL, &work[i]);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(run_task(f[i], NULL), 0);
    ck_assert(pthread_equal(work[0].thread, work[1].thread));
    ck_assert_int_eq(count_threads(), before + 1);
    ck_assert_int_eq(weft_loop_set_default_executor(loop, weft_executor_new(2)), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(count_threads(), before);
    ck_assert_int_eq(weft_loop_set_default_executor(loop, weft_executor_new(2)), WEFT_ECLOSED);
    weft_executor_unref(pool);
}
END_RULE

/* 202 */
RULE(a_job_that_finds_an_idle_thread_starts_none)
{
    weft_executor *pool = weft_executor_new(8);
    struct work work;
    pthread_t first;
    int before = threads_so_far();

    work_init(&work, NULL, false);
    ck_assert_int_eq(run_task(start_work(pool, &work), NULL), 0);
    first = work.thread;
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(run_task(start_work(pool, &work), NULL), 0);
        ck_assert(pthread_equal(work.thread, first));
    }
    ck_assert_int_eq(count_threads(), before + 1);
    end_pool(pool);
}
END_RULE

/* 202 */
RULE(a_pool_has_as_many_threads_as_it_was_given_and_no_more)
{
    enum { LIMIT = 3, JOBS = 10 };
    weft_executor *pool = weft_executor_new(LIMIT);
    struct work work[JOBS];
    weft_future *f[JOBS];
    int before = threads_so_far();

    for (int i = 0; i < JOBS; i++) {
        work_init(&work[i], NULL, true);
        f[i] = start_work(pool, &work[i]);
    }
    for (int i = 0; i < LIMIT; i++)
        wait_sem(&work[i].begun); /* all at once */
    ck_assert_int_eq(count_threads(), before + LIMIT);
    ck_assert_int_eq(atomic_load(&work[LIMIT].runs), 0);
    for (int i = 0; i < JOBS; i++)
        sem_post(&work[i].gate);
    run_all();
    for (int i = 0; i < JOBS; i++) {
        ck_assert_int_eq(atomic_load(&work[i].runs), 1);
        weft_future_unref(f[i]);
    }
    end_pool(pool);
}
END_RULE

static int see_mask(void *arg, void **result)
{
    (void)result;
    ck_assert_ptr_null(weft_running_loop());
    return -pthread_sigmask(SIG_SETMASK, NULL, arg);
}

/* 202 */
RULE(threads_take_no_signals_but_those_of_their_own_mistakes)
{
    static const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGPIPE};
    static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t mask, before, after;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    ck_assert_int_eq(
        run_task(weft_run_in_executor(loop, NULL, .run = see_mask, .arg = &mask), NULL), 0);
    for (size_t i = 0; i < sizeof(blocked) / sizeof(*blocked); i++)
        ck_assert_int_eq(sigismember(&mask, blocked[i]), 1);
    for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
        ck_assert_int_eq(sigismember(&mask, open[i]), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    ck_assert_int_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}
END_RULE

static bool none_starts;

/* The system's, overlaid.  (A stack that is too large for it is cut down elsewhere, or no number.) */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    return none_starts ? EAGAIN : create(thread, attr, run, arg);
}

/* 202, 201 */
RULE(a_thread_that_cannot_be_started_is_an_error_only_if_there_is_none)
{
    weft_executor *pool = weft_executor_new(2);
    struct work first, second;
    weft_future *f, *g;

    work_init(&first, "first", true);
    work_init(&second, "second", false);
    none_starts = true;
    ck_assert_int_eq(run_task(start_work(pool, &first), NULL), -EAGAIN);
    ck_assert_int_eq(atomic_load(&first.frees), 1);
    none_starts = false;
    f = start_work(pool, &first);
    wait_sem(&first.begun);
    none_starts = true;
    g = start_work(pool, &second); /* the first thread will come to it */
    none_starts = false;
    sem_post(&first.gate);
    run_all();
    ck_assert_str_eq(notes(), "first second");
    weft_future_unref(f);
    weft_future_unref(g);
    end_pool(pool);
}
END_RULE

/* ---- shutdown ---------------------------------------------------------------------------------- */

/* 202 */
RULE(a_shutdown_cancels_what_is_queued_and_waits_for_what_runs_and_refuses_what_comes)
{
    weft_executor *pool = weft_executor_new(1);
    struct work running, queued, late;
    weft_future *f, *g, *h;
    pthread_t thread;

    work_init(&running, "ran", true);
    work_init(&queued, "never", false);
    work_init(&late, "never", false);
    f = start_work(pool, &running);
    g = start_work(pool, &queued);
    wait_sem(&running.begun);
    ck_assert_int_eq(weft_executor_shutdown(pool, 0), WEFT_ETIMEDOUT);
    thread = opener(&running);
    ck_assert_int_eq(weft_executor_shutdown(pool, WEFT_NEVER), 0);
    ck_assert_str_eq(notes(), "ran");
    h = start_work(pool, &late);
    ck_assert_int_eq(weft_future_error(h), WEFT_ESHUTDOWN);
    ck_assert_int_eq(atomic_load(&late.frees), 1);
    ck_assert(weft_future_cancel(g, "too late")); /* it is under way already */
    ck_assert(!weft_future_is_done(g));
    run_all();
    ck_assert_int_eq(weft_future_error(f), 0);
    ck_assert(weft_future_is_cancelled(g));
    ck_assert_str_eq(weft_future_cancel_reason(g), "the executor was shut down");
    ck_assert_int_eq(atomic_load(&queued.frees), 1);
    ck_assert_int_eq(atomic_load(&queued.runs), 0);
    ck_assert_int_eq(weft_executor_shutdown(pool, 0), 0); /* again */
    weft_executor_unref(pool);
    weft_future_unref(f);
    weft_future_unref(g);
    weft_future_unref(h);
    pthread_join(thread, NULL);
}
END_RULE

/* 202 */
RULE(a_shutdown_waits_no_longer_than_it_is_told_and_the_loop_hears_of_the_job_all_the_same)
{
    weft_executor *pool = weft_executor_new(2);
    struct work work, idle;
    weft_future *f;

    work_init(&work, "ended", true);
    work_init(&idle, NULL, true);
    f = start_work(pool, &work);
    weft_future_unref(start_work(pool, &idle));
    sem_post(&idle.gate);
    wait_sem(&work.begun);
    ck_assert_int_eq(weft_executor_shutdown(pool, 0), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_executor_shutdown(pool, 0.002), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_executor_shutdown(pool, -1), WEFT_ETIMEDOUT);
    sem_post(&work.gate);
    ck_assert_int_eq(run_task(f, NULL), 0);
    ck_assert_str_eq(notes(), "ended");
    ck_assert_int_eq(weft_executor_shutdown(pool, 1e300), 0);
    weft_executor_unref(pool);
}
END_RULE

static int shut_own_pool(void *arg, void **result)
{
    (void)result;
    return weft_executor_shutdown(arg, WEFT_NEVER);
}

/* 202 */
RULE(a_shutdown_from_a_job_of_the_pool_does_not_wait_for_itself)
{
    weft_executor *pool = weft_executor_new(1);

    ck_assert_int_eq(
        run_task(weft_run_in_executor(loop, pool, .run = shut_own_pool, .arg = pool), NULL),
        WEFT_EDEADLOCK);
    end_pool(pool);
}
END_RULE

/* 202 */
RULE(a_shutdown_for_no_number_of_seconds_changes_nothing)
{
    weft_executor *pool = weft_executor_new(1);
    struct work work;

    work_init(&work, NULL, false);
    ck_assert_int_eq(weft_executor_shutdown(pool, NAN), -EINVAL);
    ck_assert_int_eq(run_task(start_work(pool, &work), NULL), 0);
    end_pool(pool);
}
END_RULE

static void *shut_from_elsewhere(void *pool)
{
    usleep(3000); /* the loop blocks by then */
    weft_executor_shutdown(pool, 0);
    return NULL;
}

/* 202 */
RULE(a_shutdown_in_another_thread_reaches_a_loop_that_blocks)
{
    weft_executor *pool = weft_executor_new(1);
    struct work running, queued;
    weft_future *f, *g;
    pthread_t thread;

    work_init(&running, NULL, true);
    work_init(&queued, NULL, false);
    f = start_work(pool, &running);
    g = start_work(pool, &queued);
    wait_sem(&running.begun);
    ck_assert_int_eq(pthread_create(&thread, NULL, shut_from_elsewhere, pool), 0);
    ck_assert_int_eq(run_task(g, NULL), WEFT_ECANCELLED);
    sem_post(&running.gate);
    ck_assert_int_eq(run_task(f, NULL), 0);
    pthread_join(thread, NULL);
    end_pool(pool);
}
END_RULE

/* 202 */
RULE(the_last_reference_shuts_a_pool_down_and_a_job_that_runs_ends_as_ever)
{
    weft_executor *pool = weft_executor_ref(weft_executor_new(1));
    struct work running, queued;
    weft_future *f, *g;
    int before = threads_so_far();

    work_init(&running, "ended", true);
    work_init(&queued, NULL, false);
    weft_executor_unref(pool);
    weft_executor_unref(NULL);
    f = start_work(pool, &running);
    g = start_work(pool, &queued);
    wait_sem(&running.begun);
    weft_executor_unref(pool);
    ck_assert_int_eq(run_task(g, NULL), WEFT_ECANCELLED);
    sem_post(&running.gate);
    ck_assert_int_eq(run_task(f, NULL), 0);
    ck_assert_str_eq(notes(), "ended");
    while (count_threads() > before)
        usleep(500); /* nobody joins it */
}
END_RULE

/* ---- several loops ------------------------------------------------------------------------------ */

static void *run_a_loop(void *pool)
{
    static struct work work; /* outlives what the close abandons */
    weft_loop *other = weft_loop_new(NULL);

    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(weft_run_until_complete(other, start_with(other, pool, &work, 0), NULL), 0);
    for (int i = 0; i < 10; i++) /* left to the close */
        weft_future_unref(start_with(other, pool, &work, i % 2 ? WEFT_ABANDONABLE : 0));
    weft_loop_unref(other);
    return NULL;
}

/* 202, 204 */
RULE(one_pool_serves_several_loops)
{
    weft_executor *pool = weft_executor_new(2);
    pthread_t threads[3];
    struct work work;

    work_init(&work, NULL, false);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_a_loop, pool), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(run_task(start_work(pool, &work), NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    end_pool(pool);
}
END_RULE

RUN_SUITE("executor_pool", the_default_pool_is_made_with_the_first_job_and_ends_with_the_loop,
          a_pool_of_ones_own_may_be_the_loops_default_one_and_ends_with_it,
          a_job_that_finds_an_idle_thread_starts_none,
          a_pool_has_as_many_threads_as_it_was_given_and_no_more,
          threads_take_no_signals_but_those_of_their_own_mistakes,
          a_thread_that_cannot_be_started_is_an_error_only_if_there_is_none,
          a_shutdown_cancels_what_is_queued_and_waits_for_what_runs_and_refuses_what_comes,
          a_shutdown_waits_no_longer_than_it_is_told_and_the_loop_hears_of_the_job_all_the_same,
          a_shutdown_from_a_job_of_the_pool_does_not_wait_for_itself,
          a_shutdown_for_no_number_of_seconds_changes_nothing,
          a_shutdown_in_another_thread_reaches_a_loop_that_blocks,
          the_last_reference_shuts_a_pool_down_and_a_job_that_runs_ends_as_ever,
          one_pool_serves_several_loops)
