/* executor_jobs.h - jobs that tests hold at a gate; for the suites on threads. */
#ifndef WEFT_TESTS_EXECUTOR_JOBS_H
#define WEFT_TESTS_EXECUTOR_JOBS_H

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/harness.h"

/* What threads did, in order: as say, but from any thread. */
static pthread_mutex_t noted_lock = PTHREAD_MUTEX_INITIALIZER;
static char noted[4096];

static inline void note(const char *word)
{
    pthread_mutex_lock(&noted_lock);
    if (noted[0])
        strcat(noted, " ");
    strcat(noted, word);
    pthread_mutex_unlock(&noted_lock);
}

/* Read it while threads run. */
static inline const char *notes(void)
{
    static char copy[sizeof(noted)];

    pthread_mutex_lock(&noted_lock);
    strcpy(copy, noted);
    pthread_mutex_unlock(&noted_lock);
    return copy;
}

/* A job: says that it has begun, waits at its gate if it has one, and ends as it is told to. */
struct work {
    const char *name;
    void *result;
    int error;
    bool gated;
    sem_t begun, gate;
    atomic_int runs, frees;
    _Atomic(pthread_t) thread;
};

static inline void work_init(struct work *work, const char *name, bool gated)
{
    *work = (struct work){.name = name, .gated = gated};
    sem_init(&work->begun, 0, 0);
    sem_init(&work->gate, 0, 0);
}

static inline void wait_sem(sem_t *sem)
{
    while (sem_wait(sem) != 0)
        ck_assert_int_eq(errno, EINTR);
}

static inline int do_work(void *arg, void **result)
{
    struct work *work = arg;

    work->thread = pthread_self();
    atomic_fetch_add(&work->runs, 1);
    sem_post(&work->begun);
    if (work->gated)
        wait_sem(&work->gate);
    if (work->name)
        note(work->name);
    *result = work->result;
    return work->error;
}

static inline void free_work(void *arg)
{
    struct work *work = arg;

    atomic_fetch_add(&work->frees, 1);
}

static atomic_int destroyed;

static inline void destroy_result(void *result)
{
    (void)result;
    atomic_fetch_add(&destroyed, 1);
}

static inline weft_future *start_with(weft_loop *where, weft_executor *pool, struct work *work,
                                      unsigned flags)
{
    return weft_run_in_executor(where, pool, .run = do_work, .arg = work, .free_arg = free_work,
                                .destroy = destroy_result, .flags = flags);
}

static inline weft_future *start_work(weft_executor *pool, struct work *work)
{
    return start_with(loop, pool, work, 0);
}

static inline void end_pool(weft_executor *pool)
{
    ck_assert_int_eq(weft_executor_shutdown(pool, WEFT_NEVER), 0);
    weft_executor_unref(pool);
}

/* Open a gate a little later, from a thread of its own: whoever waits for that blocks by then. */
static inline void *open_late(void *arg)
{
    struct work *work = arg;

    usleep(3000);
    sem_post(&work->gate);
    return NULL;
}

static inline pthread_t opener(struct work *work)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, open_late, work), 0);
    return thread;
}

/* ---- threads of the process ---- */

static inline int count_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    int count = -2; /* . and .. */

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* The same, once it is down to so many, or after two seconds: a thread that was joined is listed a moment longer. */
static inline int count_threads_down_to(int count)
{
    for (int i = 0; i < 4000 && count_threads() > count; i++)
        usleep(500);
    return count_threads();
}

static inline void *nothing(void *arg)
{
    return arg;
}

/* How many there are before a test's own.  A sanitizer adds its own thread with the first. */
static inline int threads_so_far(void)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, nothing, NULL), 0);
    pthread_join(thread, NULL);
    return count_threads();
}

#endif
