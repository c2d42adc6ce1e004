/* check_executor_slow.c - slow jobs leave half of a pool's threads to the others. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <dlfcn.h>
#include <netdb.h>

#include "thread/executor.h"

#include "support/executor_jobs.h"

enum { LIMIT = 4, HALF = 2, JOBS = 6 };

static struct work slow[JOBS], quick;
static weft_future *slow_ones[JOBS];

static void start_slow(weft_executor *pool, unsigned more)
{
    static const char *const names[JOBS] = {"s0", "s1", "s2", "s3", "s4", "s5"};

    for (int i = 0; i < JOBS; i++) {
        work_init(&slow[i], names[i], true);
        slow_ones[i] = start_with(loop, pool, &slow[i], WEFT_SLOW | more);
    }
    work_init(&quick, "quick", false);
}

static int runs(const struct work *work)
{
    return atomic_load(&work->runs);
}

static void end_slow(void)
{
    for (int i = 0; i < JOBS; i++)
        sem_post(&slow[i].gate);
    run_all();
    for (int i = 0; i < JOBS; i++)
        weft_future_unref(slow_ones[i]);
}

/* 217 */
RULE(half_of_the_threads_run_slow_jobs_and_a_quick_one_passes_those_that_wait)
{
    weft_executor *pool = weft_executor_new(LIMIT);
    int before = threads_so_far();

    start_slow(pool, 0);
    wait_sem(&slow[0].begun);
    wait_sem(&slow[1].begun);
    ck_assert_int_eq(count_threads(), before + HALF); /* more would find nothing to do */
    ck_assert_int_eq(run_task(start_work(pool, &quick), NULL), 0);
    ck_assert_int_eq(runs(&slow[HALF]), 0);
    sem_post(&slow[1].gate);
    wait_sem(&slow[2].begun); /* in their order, as one ends */
    ck_assert_int_eq(runs(&slow[3]), 0);
    ck_assert_str_eq(notes(), "quick s1");
    end_slow();
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(runs(&slow[i]), 1);
    end_pool(pool);
}
END_RULE

/* 217, 61 */
RULE(those_that_were_abandoned_count_until_they_end)
{
    weft_executor *pool = weft_executor_new(LIMIT);

    start_slow(pool, WEFT_ABANDONABLE);
    for (int i = 0; i < HALF; i++) {
        wait_sem(&slow[i].begun);
        ck_assert(weft_future_cancel(slow_ones[i], NULL));
    }
    run_rounds(2);
    ck_assert_int_eq(run_task(start_work(pool, &quick), NULL), 0);
    ck_assert_int_eq(runs(&slow[HALF]), 0);
    ck_assert_str_eq(notes(), "quick");
    end_slow();
    end_pool(pool);
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(atomic_load(&slow[i].frees), 1);
}
END_RULE

/* 217, 201: of what may run, the oldest is next */
RULE(slow_and_quick_jobs_start_in_the_order_in_which_they_came)
{
    weft_executor *pool = weft_executor_new(1);
    struct work first, work[4];
    weft_future *f, *g[4];

    work_init(&first, "first", true);
    f = start_work(pool, &first);
    wait_sem(&first.begun);
    for (int i = 0; i < 4; i++) {
        work_init(&work[i], i % 2 ? "quick" : "slow", false);
        g[i] = start_with(loop, pool, &work[i], i % 2 ? 0 : WEFT_SLOW);
    }
    sem_post(&first.gate);
    run_all();
    ck_assert_str_eq(notes(), "first slow quick slow quick");
    weft_future_unref(f);
    for (int i = 0; i < 4; i++)
        weft_future_unref(g[i]);
    end_pool(pool);
}
END_RULE

/* 217, 202 */
RULE(a_shutdown_cancels_the_slow_ones_that_wait_as_it_does_the_others)
{
    weft_executor *pool = weft_executor_new(2);
    weft_future *f;

    start_slow(pool, 0);
    wait_sem(&slow[0].begun);
    f = start_with(loop, pool, &quick, 0);
    ck_assert_int_eq(run_task(f, NULL), 0);
    ck_assert_int_eq(weft_executor_shutdown(pool, 0), WEFT_ETIMEDOUT);
    sem_post(&slow[0].gate);
    run_all();
    ck_assert_int_eq(weft_future_error(slow_ones[0]), 0);
    for (int i = 1; i < JOBS; i++)
        ck_assert(weft_future_is_cancelled(slow_ones[i]));
    end_slow();
    end_pool(pool);
}
END_RULE

/* ---- names --------------------------------------------------------------------------------------------------- */

static sem_t answer;

/* A resolver that hangs, as long as the test likes. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!host || strcmp(host, "slow.test") != 0 || (hints && hints->ai_flags & AI_NUMERICHOST))
        return real(host, service, hints, result);
    wait_sem(&answer);
    return EAI_NONAME;
}

/* 217 */
RULE(names_that_are_looked_up_leave_half_of_the_loops_pool_to_others)
{
    enum { LOOKUPS = 64 };
    weft_future *f[LOOKUPS];

    sem_init(&answer, 0, 0);
    work_init(&quick, NULL, false);
    for (int i = 0; i < LOOKUPS; i++)
        f[i] = weft_getaddrinfo(loop, "slow.test", "80", NULL);
    ck_assert_int_eq(run_task(start_work(NULL, &quick), NULL), 0);
    for (int i = 0; i < LOOKUPS; i++)
        sem_post(&answer);
    for (int i = 0; i < LOOKUPS; i++)
        ck_assert_int_lt(run_task(f[i], NULL), WEFT_EGAI);
}
END_RULE

/* 202: a time_t may have 32 bits */
RULE(a_wait_in_a_thread_of_thirty_years_is_one_for_ever)
{
    ck_assert(weft__until(WEFT_NEVER).never);
    ck_assert(weft__until(2e9).never);
    ck_assert(!weft__until(1e8).never);
    ck_assert_int_gt(weft__until(1e8).when.tv_sec, 99999999);
}
END_RULE

RUN_SUITE("executor_slow", half_of_the_threads_run_slow_jobs_and_a_quick_one_passes_those_that_wait,
          those_that_were_abandoned_count_until_they_end,
          slow_and_quick_jobs_start_in_the_order_in_which_they_came,
          a_shutdown_cancels_the_slow_ones_that_wait_as_it_does_the_others,
          names_that_are_looked_up_leave_half_of_the_loops_pool_to_others,
          a_wait_in_a_thread_of_thirty_years_is_one_for_ever)
