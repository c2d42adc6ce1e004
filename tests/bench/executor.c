/* executor - what a thread's job costs: its round trip, beside the same in bare C, in the same run.
 *
 *     make bench && tests/bench/executor [rounds [words]]
 *
 * Bare C is a thread that waits for a condition, and tells of the end through an eventfd that its
 * maker polls.  Both are bound by the two wake-ups.  Many jobs at once share these.
 */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"

enum { TRIPS = 20000, BATCHES = 200, BATCH = 200 };

/* ---- bare C ------------------------------------------------------------------------------------ */

struct bare_job {
    struct bare_job *next;
    int (*run)(void *arg);
    void *arg;
    int result;
};

struct bare_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct bare_job *first, **last, *ended;
    int quit, wake;
};

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void *bare_work(void *arg)
{
    struct bare_pool *pool = arg;
    static const uint64_t one = 1;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct bare_job *job = pool->first;

        if (!job && pool->quit)
            break;
        if (!job) {
            pthread_cond_wait(&pool->work, &pool->lock);
            continue;
        }
        pool->first = job->next;
        if (!pool->first)
            pool->last = &pool->first;
        pthread_mutex_unlock(&pool->lock);
        job->result = job->run(job->arg);
        pthread_mutex_lock(&pool->lock);
        job->next = pool->ended;
        pool->ended = job;
        if (!job->next && write(pool->wake, &one, sizeof(one)) != sizeof(one))
            abort();
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void bare_submit(struct bare_pool *pool)
{
    struct bare_job *job = malloc(sizeof(*job));

    *job = (struct bare_job){.run = nothing};
    pthread_mutex_lock(&pool->lock);
    *pool->last = job;
    pool->last = &job->next;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

/* Wait for `count` jobs. */
static void bare_wait(struct bare_pool *pool, int count)
{
    struct pollfd ask = {.fd = pool->wake, .events = POLLIN};
    uint64_t told;

    while (count > 0) {
        struct bare_job *job, *next;

        poll(&ask, 1, -1);
        if (read(pool->wake, &told, sizeof(told)) != sizeof(told))
            abort();
        pthread_mutex_lock(&pool->lock);
        job = pool->ended;
        pool->ended = NULL;
        pthread_mutex_unlock(&pool->lock);
        for (; job; job = next, count--) {
            next = job->next;
            free(job);
        }
    }
}

/* ns a job, of `batches` times `batch` jobs. */
static double bare_jobs(int batches, int batch)
{
    struct bare_pool pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .work = PTHREAD_COND_INITIALIZER,
                             .last = &pool.first,
                             .wake = eventfd(0, 0)};
    pthread_t thread;
    double start;

    if (pthread_create(&thread, NULL, bare_work, &pool) != 0)
        abort();
    start = bench_now_ns();
    for (int i = 0; i < batches; i++) {
        for (int j = 0; j < batch; j++)
            bare_submit(&pool);
        bare_wait(&pool, batch);
    }
    start = (bench_now_ns() - start) / batches / batch;
    pthread_mutex_lock(&pool.lock);
    pool.quit = 1;
    pthread_cond_signal(&pool.work);
    pthread_mutex_unlock(&pool.lock);
    pthread_join(thread, NULL);
    close(pool.wake);
    return start;
}

static double bare_trip(void)
{
    return bare_jobs(TRIPS, 1);
}
static double bare_batch(void)
{
    return bare_jobs(BATCHES, BATCH);
}

/* ---- weft -------------------------------------------------------------------------------------- */

static int do_nothing(void *arg, void **result)
{
    (void)arg, (void)result;
    return 0;
}

struct jobs {
    weft_gen gen;
    weft_executor *pool;
    int batches, batch, i;
    weft_future *futures[BATCH];
};

static weft_step jobs(void *frame)
{
    struct jobs *f = frame;

    WEFT_BEGIN(f);
    for (; f->batches > 0; f->batches--) {
        for (int j = 0; j < f->batch; j++)
            f->futures[j] = weft_run_in_executor(NULL, f->pool, .run = do_nothing);
        for (f->i = 0; f->i < f->batch; f->i++)
            WEFT_AWAIT(f, f->futures[f->i]);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(jobs);

static double weft_jobs(int batches, int batch)
{
    weft_executor *pool = weft_executor_new(1);
    double took = bench_run(WEFT_CALL(jobs, .pool = pool, .batches = batches, .batch = batch));

    weft_executor_shutdown(pool, WEFT_NEVER);
    weft_executor_unref(pool);
    return took / batches / batch;
}

static double weft_trip(void)
{
    return weft_jobs(TRIPS, 1);
}
static double weft_batch(void)
{
    return weft_jobs(BATCHES, BATCH);
}

/* ---- the table --------------------------------------------------------------------------------- */

static const struct bench_row rows[] = {
    {"a job's round trip through a thread", "ns", bare_trip, weft_trip, 15000, 0},
    {"a job among 200 at once", "ns", bare_batch, weft_batch, 800, 0},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, rows, sizeof(rows) / sizeof(*rows));
}
