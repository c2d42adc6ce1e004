/* thread/executor.h - what executor.c (the threads) and job.c (the loop's side) share; and remote.c,
 * which waits in a thread, too.
 *
 * A job's record is apart from its future: the future is touched on the loop's thread alone, and
 * may go while the job runs.  The record holds the letter that tells the loop of the end, so a job
 * that has begun cannot fail to be told of.  Its state is guarded by its executor's lock:
 *
 *                 a thread takes it              run has returned: the letter is posted
 *     QUEUED ------------------------> RUNNING --------------------------------------> ENDED
 *        | cancel, shutdown, close        | cancel, close; if it is abandonable
 *        v                                v
 *     REMOVED: its hook is queued,     ABANDONED: the thread's alone; it frees it, and does
 *     or its letter posted             not look at the loop any more
 *
 * The states tell who owns the record: QUEUED and RUNNING both sides know it; ENDED and REMOVED it
 * is the loop's; ABANDONED the thread's.
 */
#ifndef WEFT_THREAD_EXECUTOR_H
#define WEFT_THREAD_EXECUTOR_H

#include <pthread.h>
#include <time.h>
#include <weft/executor.h>

#include "core/loop.h"

enum weft__job_state {
    WEFT__JOB_QUEUED,
    WEFT__JOB_RUNNING,
    WEFT__JOB_ENDED,
    WEFT__JOB_REMOVED,
    WEFT__JOB_ABANDONED
};

struct weft__job_wait; /* its future, in job.c */

/* A loop's threads. */
struct weft__threads {
    struct weft__part part;
    weft_executor *executor; /* the default one; made when it is needed */
    size_t jobs;             /* handed to threads, and not ended */
    struct weft__node *ring; /* all of them */
};

struct weft__job {
    struct weft__letter letter;
    struct weft__node place; /* in the loop's ring */
    weft_loop *loop;
    struct weft__threads *threads;
    weft_executor *executor;
    struct weft__job_wait *wait; /* the loop's thread only; NULL: nobody is told */
    weft_job what;
    enum weft__job_state state;    /* under the executor's lock */
    struct weft__job *next, *prev; /* QUEUED: in the executor; under its lock */
    uint64_t number;               /* the same: its place among all */
    void *result;
    int error;
};

/* Queue a new job, and see to it that there is a thread for it.
 * Errors: WEFT_ESHUTDOWN, -EAGAIN, -ENOMEM: it is not queued. */
int weft__executor_submit(weft_executor *executor, struct weft__job *job);
/* Take a job back that nobody awaits any more, on its loop's thread.  Returns QUEUED: it was, and
 * is REMOVED now; ABANDONED: it is, and may be freed already; else its state, which is as it
 * was. */
enum weft__job_state weft__executor_withdraw(struct weft__job *job);
/* Block until a job does not run, or no longer. */
void weft__executor_await(struct weft__job *job);
/* A job's record is gone. */
void weft__executor_release(weft_executor *executor);
/* End a pool that one loop has had: its threads end, but for those that an abandoned job keeps. */
void weft__executor_end(weft_executor *executor);

/* A job leaves its loop's ring and count; on the loop's thread. */
void weft__job_leave(struct weft__job *job);
/* A loop's default pool, if it has been made; or NULL. */
weft_executor *weft__default_executor(const weft_loop *loop);
/* Wait for the jobs of a loop's default pool and end it.  Returns whether it had any; errors: of weft_executor_shutdown. */
bool weft__threads_shut_down(weft_loop *loop, double seconds, int *error);

/* ---- waiting in a thread, on the monotonic clock --------------------------------------------- */

/* Where conditions cannot wait on it (macOS), they wait on the system's: then setting that moves their ends. */
#ifdef HAVE_PTHREAD_CONDATTR_SETCLOCK
enum { WEFT__COND_CLOCK = CLOCK_MONOTONIC };
#else
enum { WEFT__COND_CLOCK = CLOCK_REALTIME };
#endif

/* Prepare a condition for it.  Errors: what pthreads says, positive. */
static inline int weft__cond_init(pthread_cond_t *cond)
{
#ifdef HAVE_PTHREAD_CONDATTR_SETCLOCK
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);

    if (error)
        return error;
    error = pthread_condattr_setclock(&attributes, WEFT__COND_CLOCK);
    if (!error)
        error = pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return error;
#else
    return pthread_cond_init(cond, NULL);
#endif
}

/* An end to waiting. */
struct weft__until {
    bool never;
    struct timespec when;
};

/* `seconds` from now, which is a number; from thirty years on, never: a time_t may have 32 bits. */
static inline struct weft__until weft__until(double seconds)
{
    struct weft__until until = {.never = seconds > 1e9};

    if (until.never)
        return until;
    if (seconds < 0)
        seconds = 0;
    clock_gettime(WEFT__COND_CLOCK, &until.when);
    until.when.tv_sec += (time_t)seconds;
    until.when.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (until.when.tv_nsec >= WEFT__NS) {
        until.when.tv_sec++;
        until.when.tv_nsec -= WEFT__NS;
    }
    return until;
}

/* Wait for a condition, once.  False: the end has come. */
static inline bool weft__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                   const struct weft__until *until)
{
    if (until->never)
        return pthread_cond_wait(cond, lock) == 0;
    return pthread_cond_timedwait(cond, lock, &until->when) == 0;
}

#endif
