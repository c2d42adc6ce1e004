/* executor.c - pools of threads that do blocking work.
 *
 * Invariant: a letter is posted under the executor's lock, in the same breath as the job's state
 * changes.  So a loop that closes, and finds a job QUEUED or RUNNING, knows that its letter is
 * still to come, and can wait for that; and no thread looks at a loop whose close has got past
 * weft__executor_close.  The order of locks: executor, loop.
 *
 * Invariant: `idle` counts the threads that have no job.  As long as more jobs are queued that may
 * run than that, and the limit allows it, a thread is started.  Threads never end before the pool
 * does.
 *
 * Slow jobs have a queue of their own, for half of the threads (rounded up) may run such, abandoned
 * ones included: 64 lookups of a resolver that hangs would keep every other job waiting.  Of the
 * two queues' first, the older one is next; so the order is the one in which they came.  As libuv.
 *
 * Rejected: a reference count on the job (its states tell who owns it); posting outside the lock (a
 * close would have to wait for the posts as well); a queue of the executor's own through which
 * loops are told (the mailbox has an order, and a wake-up already); ending idle threads after a
 * while (a thread that waits costs a few pages).
 */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "thread/executor.h"

enum { MOST_THREADS = 32, SPARE_THREADS = 4 }; /* of a pool that may choose; as CPython's */

struct worker {
    weft_executor *executor;
    struct worker *next;
    pthread_t thread;
    bool ended; /* it will look at nothing of the executor's any more */
};

struct jobs {
    struct weft__job *first, *last;
    unsigned count;
};

struct weft_executor {
    weft_executor *next, *prev; /* all of the process, under the list's lock */
    pthread_mutex_t lock;
    pthread_cond_t work;    /* a job is queued, or it is shut down */
    pthread_cond_t changed; /* a job or a thread has ended, and somebody watches */
    struct jobs queued[2];  /* others, and slow ones */
    uint64_t numbers;       /* so many jobs have come */
    struct worker *workers; /* neither joined nor detached */
    unsigned limit;
    unsigned slow; /* jobs that run, of `slow_limit` */
    unsigned slow_limit;
    unsigned threads;
    unsigned idle;      /* threads without a job; one that is being started is one */
    unsigned abandoned; /* jobs that still run */
    unsigned watchers;
    unsigned users;   /* references */
    unsigned holders; /* what keeps the memory: threads, jobs, and the users as one */
    bool shut;
    bool forsaken; /* nobody will join its threads: they detach themselves */
};

/* ---- forks ----------------------------------------------------------------------------------- */

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static weft_executor *executors;

static void enlist(weft_executor *executor)
{
    pthread_mutex_lock(&list_lock);
    executor->next = executors;
    if (executor->next)
        executor->next->prev = executor;
    executors = executor;
    pthread_mutex_unlock(&list_lock);
}

static void delist(weft_executor *executor)
{
    pthread_mutex_lock(&list_lock);
    if (executor->prev)
        executor->prev->next = executor->next;
    else
        executors = executor->next;
    if (executor->next)
        executor->next->prev = executor->prev;
    pthread_mutex_unlock(&list_lock);
}

static void before_fork(void)
{
    pthread_mutex_lock(&list_lock);
    for (weft_executor *executor = executors; executor; executor = executor->next)
        pthread_mutex_lock(&executor->lock);
}

static void in_parent(void)
{
    for (weft_executor *executor = executors; executor; executor = executor->next)
        pthread_mutex_unlock(&executor->lock);
    pthread_mutex_unlock(&list_lock);
}

/* None of its threads is here, and what was handed to them is the parent's: a loop ends its own jobs when it finds that
 * it has come over a fork.  New ones get new threads.  The records of the threads are left where they are. */
static void in_child(void)
{
    for (weft_executor *executor = executors; executor; executor = executor->next) {
        executor->holders -= executor->threads + executor->abandoned;
        executor->threads = executor->idle = executor->abandoned = executor->watchers = 0;
        executor->slow = 0;
        executor->workers = NULL;
        memset(executor->queued, 0, sizeof(executor->queued));
        (void)weft__cond_init(&executor->work); /* some may wait there for ever */
        (void)weft__cond_init(&executor->changed);
    }
    in_parent();
}

static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, in_parent, in_child);
}

/* ---- the pool's life ------------------------------------------------------------------------- */

static unsigned default_limit(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (processors < 1)
        processors = 1;
    return processors < MOST_THREADS - SPARE_THREADS ? (unsigned)processors + SPARE_THREADS
                                                     : MOST_THREADS;
}

weft_executor *weft_executor_new(unsigned threads)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    weft_executor *executor = weft__zalloc(sizeof(*executor));

    if (!executor)
        return NULL;
    weft__forks_watch(); /* first: the order of locks is executor, loop */
    pthread_once(&once, watch_forks);
    executor->limit = threads ? threads : default_limit();
    executor->slow_limit = executor->limit / 2 + executor->limit % 2;
    executor->users = executor->holders = 1;
    if (pthread_mutex_init(&executor->lock, NULL) != 0)
        goto no_lock;
    if (weft__cond_init(&executor->work) != 0)
        goto no_work;
    if (weft__cond_init(&executor->changed) == 0) {
        enlist(executor);
        return executor;
    }
    pthread_cond_destroy(&executor->work);
no_work:
    pthread_mutex_destroy(&executor->lock);
no_lock:
    weft__free(executor, sizeof(*executor));
    return NULL;
}

/* One holder less; the lock is held, and given back. */
static void unlock_and_release(weft_executor *executor)
{
    bool last = --executor->holders == 0;

    pthread_mutex_unlock(&executor->lock);
    if (!last)
        return;
    delist(executor);
    pthread_cond_destroy(&executor->changed);
    pthread_cond_destroy(&executor->work);
    pthread_mutex_destroy(&executor->lock);
    weft__free(executor, sizeof(*executor));
}

weft_executor *weft_executor_ref(weft_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    executor->users++;
    pthread_mutex_unlock(&executor->lock);
    return executor;
}

/* Take a worker out whose thread has ended; or NULL. */
static struct worker *take_ended(weft_executor *executor)
{
    for (struct worker **link = &executor->workers; *link; link = &(*link)->next) {
        struct worker *worker = *link;

        if (worker->ended) {
            *link = worker->next;
            return worker;
        }
    }
    return NULL;
}

/* Join the threads that have ended; the lock is given back meanwhile. */
static void join_ended(weft_executor *executor)
{
    struct worker *worker;

    while ((worker = take_ended(executor))) {
        pthread_mutex_unlock(&executor->lock);
        pthread_join(worker->thread, NULL);
        weft__free(worker, sizeof(*worker));
        pthread_mutex_lock(&executor->lock);
    }
}

/* ---- the queue; all of this under the lock --------------------------------------------------- */

static inline bool is_slow(const struct weft__job *job)
{
    return (job->what.flags & WEFT_SLOW) != 0;
}

static void enqueue(weft_executor *executor, struct weft__job *job)
{
    struct jobs *queue = &executor->queued[is_slow(job)];

    job->number = executor->numbers++;
    job->next = NULL;
    job->prev = queue->last;
    if (queue->last)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
    queue->count++;
}

static void dequeue(weft_executor *executor, struct weft__job *job, enum weft__job_state state)
{
    struct jobs *queue = &executor->queued[is_slow(job)];

    if (job->prev)
        job->prev->next = job->next;
    else
        queue->first = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else
        queue->last = job->prev;
    queue->count--;
    job->state = state;
}

/* The oldest that is queued; `all`: also of those that may not run yet. */
static struct weft__job *next_job(const weft_executor *executor, bool all)
{
    struct weft__job *other = executor->queued[0].first, *slow = executor->queued[1].first;

    if (!slow || (!all && executor->slow >= executor->slow_limit))
        return other;
    return !other || slow->number < other->number ? slow : other;
}

/* How many slow jobs may begin. */
static inline unsigned slow_room(const weft_executor *executor)
{
    return executor->slow_limit - executor->slow;
}

/* Whether one more job needs one more thread. */
static bool needs_thread(const weft_executor *executor, const struct weft__job *job)
{
    unsigned slow = executor->queued[1].count, room = slow_room(executor);

    if (is_slow(job) && slow >= room)
        return false;
    return executor->idle <= executor->queued[0].count + (slow < room ? slow : room);
}

/* Tell the loop; from now on the job is its thread's.  It cannot be refused: see the top. */
static void post(struct weft__job *job)
{
    (void)weft__mailbox_post(job->loop, &job->letter, true);
}

static void shut_down(weft_executor *executor)
{
    struct weft__job *job;

    executor->shut = true;
    while ((job = next_job(executor, true))) {
        dequeue(executor, job, WEFT__JOB_REMOVED);
        post(job);
    }
    pthread_cond_broadcast(&executor->work);
}

/* ---- the threads ----------------------------------------------------------------------------- */

/* Do a job; the lock is given back meanwhile. */
static void run(weft_executor *executor, struct weft__job *job)
{
    void (*destroy)(void *) = job->what.destroy;
    bool slow = is_slow(job);

    executor->slow += slow;
    pthread_mutex_unlock(&executor->lock);
    job->error = job->what.run(job->what.arg, &job->result);
    if (job->error > 0)
        job->error = -EINVAL;
    if (job->what.free_arg)
        job->what.free_arg(job->what.arg);
    pthread_mutex_lock(&executor->lock);
    executor->slow -= slow;
    if (job->state == WEFT__JOB_RUNNING) {
        job->state = WEFT__JOB_ENDED;
        post(job);
    } else {
        pthread_mutex_unlock(&executor->lock);
        if (!job->error && destroy)
            destroy(job->result);
        weft__free(job, sizeof(*job));
        pthread_mutex_lock(&executor->lock);
        executor->abandoned--;
        executor->holders--; /* the job's; this thread is another one */
    }
    if (executor->watchers)
        pthread_cond_broadcast(&executor->changed);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    weft_executor *executor = worker->executor;

    pthread_mutex_lock(&executor->lock);
    for (;;) {
        struct weft__job *job = next_job(executor, false);

        if (job) {
            dequeue(executor, job, WEFT__JOB_RUNNING);
            executor->idle--;
            run(executor, job);
            executor->idle++;
        } else if (executor->shut) {
            break;
        } else {
            pthread_cond_wait(&executor->work, &executor->lock);
        }
    }
    executor->threads--;
    executor->idle--;
    worker->ended = true;
    if (executor->forsaken) {
        pthread_detach(worker->thread);
        (void)take_ended(executor); /* itself: the others have detached themselves */
        weft__free(worker, sizeof(*worker));
    }
    if (executor->watchers)
        pthread_cond_broadcast(&executor->changed);
    unlock_and_release(executor);
    return NULL;
}

/* Start a thread that takes no signals, but those that its own mistakes raise.  Errors: -EAGAIN,
 * -ENOMEM. */
static int start_thread(weft_executor *executor)
{
    static const int faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
    struct worker *worker = weft__zalloc(sizeof(*worker));
    sigset_t blocked, before;
    int error;

    if (!worker)
        return -ENOMEM;
    worker->executor = executor;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    error = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        weft__free(worker, sizeof(*worker));
        return -EAGAIN;
    }
    worker->next = executor->workers;
    executor->workers = worker;
    executor->threads++;
    executor->holders++;
    executor->idle++;
    return 0;
}

/* Queue a new job, and see to it that there is a thread for it.  Errors: WEFT_ESHUTDOWN, -EAGAIN,
 * -ENOMEM: it is not queued. */
int weft__executor_submit(weft_executor *executor, struct weft__job *job)
{
    int error = 0;

    pthread_mutex_lock(&executor->lock);
    if (executor->shut)
        error = WEFT_ESHUTDOWN;
    else if (executor->threads < executor->limit && needs_thread(executor, job))
        error = start_thread(executor);
    if (error && error != WEFT_ESHUTDOWN && executor->threads > 0)
        error = 0; /* one of those that run will come to it */
    if (!error) {
        executor->holders++;
        enqueue(executor, job);
        pthread_cond_signal(&executor->work);
    }
    pthread_mutex_unlock(&executor->lock);
    return error;
}

int weft_executor_shutdown(weft_executor *executor, double seconds)
{
    struct weft__until until;
    int error = 0;

    if (isnan(seconds))
        return -EINVAL;
    until = weft__until(seconds);
    pthread_mutex_lock(&executor->lock);
    shut_down(executor);
    for (struct worker *worker = executor->workers; worker; worker = worker->next)
        if (pthread_equal(worker->thread, pthread_self()))
            error = WEFT_EDEADLOCK;
    executor->watchers++;
    while (!error && executor->threads > executor->idle)
        if (!weft__cond_wait(&executor->changed, &executor->lock, &until) &&
            executor->threads > executor->idle)
            error = WEFT_ETIMEDOUT;
    while (!error && executor->threads > 0) /* they are on their way out */
        pthread_cond_wait(&executor->changed, &executor->lock);
    executor->watchers--;
    if (error != WEFT_EDEADLOCK)
        join_ended(executor);
    pthread_mutex_unlock(&executor->lock);
    return error;
}

void weft_executor_unref(weft_executor *executor)
{
    struct worker *worker;

    if (!executor)
        return;
    pthread_mutex_lock(&executor->lock);
    if (--executor->users > 0) {
        pthread_mutex_unlock(&executor->lock);
        return;
    }
    shut_down(executor);
    executor->forsaken = true;
    while ((worker = take_ended(executor))) {
        pthread_detach(worker->thread);
        weft__free(worker, sizeof(*worker));
    }
    unlock_and_release(executor);
}

/* ---- what job.c asks for --------------------------------------------------------------------- */

enum weft__job_state weft__executor_withdraw(struct weft__job *job)
{
    weft_executor *executor = job->executor;
    weft_loop *loop = job->loop;
    enum weft__job_state was;

    pthread_mutex_lock(&executor->lock);
    was = job->state;
    if (was == WEFT__JOB_QUEUED) {
        dequeue(executor, job, WEFT__JOB_REMOVED);
    } else if (was == WEFT__JOB_RUNNING && job->what.flags & WEFT_ABANDONABLE) {
        weft__job_leave(job);
        job->state = was = WEFT__JOB_ABANDONED;
        executor->abandoned++;
    }
    pthread_mutex_unlock(&executor->lock);
    if (was == WEFT__JOB_QUEUED)
        weft__queue_push(&loop->ready, &job->letter.hook.node); /* it frees its arg: not here */
    return was;
}

void weft__executor_await(struct weft__job *job)
{
    weft_executor *executor = job->executor;

    pthread_mutex_lock(&executor->lock);
    executor->watchers++;
    while (job->state == WEFT__JOB_RUNNING)
        pthread_cond_wait(&executor->changed, &executor->lock);
    executor->watchers--;
    pthread_mutex_unlock(&executor->lock);
}

void weft__executor_release(weft_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    unlock_and_release(executor);
}

void weft__executor_end(weft_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    shut_down(executor);
    executor->watchers++;
    while (executor->threads > executor->abandoned)
        pthread_cond_wait(&executor->changed, &executor->lock);
    executor->watchers--;
    join_ended(executor);
    pthread_mutex_unlock(&executor->lock);
    weft_executor_unref(executor);
}
