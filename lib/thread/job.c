/* job.c - a thread's job as its loop sees it: a future, and how it ends.
 *
 * Invariant: a job that is neither ABANDONED nor freed is in its loop's ring, and counts there.  It leaves both on the loop's thread, when its hook has run; see thread/executor.h.
 *
 * A job's hook runs twice: it hands the outcome over, and leaves the loop a round later.  Who
 * awaited it has run by then, and often started the next job: the loop goes on listening, which
 * saves two epoll_ctl.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>

#include "base/alloc.h"
#include "base/options.h"
#include "core/events.h"
#include "core/round.h"
#include "thread/executor.h"

/* The future of a job. */
struct weft__job_wait {
    weft_future future;
    struct weft__job *job;  /* NULL: delivered, cancelled or abandoned */
    struct weft__hook hook; /* abandoned by a close: ends it */
};

/* ---- a job on its loop's thread -------------------------------------------------------------- */

/* It counts no longer: it has left, or is abandoned. */
void weft__job_leave(struct weft__job *job)
{
    weft_loop *loop = job->loop;

    weft__ring_remove(&job->threads->ring, &job->place);
    job->threads->jobs--;
    loop->outside--;
    if (--loop->mailbox.due == 0 && !loop->mailbox.closing) /* then its base may be gone */
        weft__loop_listen(loop);
}

/* The second turn of its hook. */
static void leave(struct weft__hook *hook)
{
    struct weft__job *job = weft__container_of(hook, struct weft__job, letter.hook);
    weft_executor *executor = job->executor;

    weft__job_leave(job);
    weft__free(job, sizeof(*job));
    weft__executor_release(executor);
}

/* Its letter has come, or it was removed here: its future ends. */
static void deliver(struct weft__hook *hook)
{
    struct weft__job *job = weft__container_of(hook, struct weft__job, letter.hook);
    bool removed = job->state == WEFT__JOB_REMOVED;
    weft_future *future = job->wait ? &job->wait->future : NULL;

    if (job->wait)
        job->wait->job = NULL;
    job->wait = NULL;
    if (removed && !job->error)
        job->error = job->loop->closed ? WEFT_ECLOSED : WEFT_ECANCELLED;
    if (future && job->error == WEFT_ECANCELLED)
        weft__future_cancelled(future, removed ? "the executor was shut down" : NULL, NULL);
    else if (future && job->error)
        weft__future_fail(future, job->error);
    else if (future)
        weft__future_finish(future, job->result, job->what.destroy);
    else if (!job->error && job->what.destroy)
        job->what.destroy(job->result);
    if (removed && job->what.free_arg)
        job->what.free_arg(job->what.arg);
    hook->fn = leave;
    weft__loop_push(job->loop, &hook->node);
}

/* A close was about to end it. */
static void forget_close(struct weft__job_wait *wait)
{
    if (wait->hook.node.next)
        weft__queue_remove(&wait->hook.node);
}

static bool job_cancel(weft_future *future, const char *reason, const char *where)
{
    struct weft__job_wait *wait = (struct weft__job_wait *)(void *)future;
    struct weft__job *job = wait->job;

    switch (job ? weft__executor_withdraw(job) : WEFT__JOB_ABANDONED) {
    case WEFT__JOB_QUEUED:
        job->wait = NULL;
        weft__loop_wake(future->loop);
        break;
    case WEFT__JOB_ABANDONED:
        break; /* the thread's: it may be gone by now */
    case WEFT__JOB_REMOVED:
        return true; /* that it was cancelled is on its way */
    default:
        return false;
    }
    wait->job = NULL;
    forget_close(wait);
    weft__future_cancelled(future, reason, where);
    return true;
}

static void job_drop(weft_future *future)
{
    struct weft__job_wait *wait = (struct weft__job_wait *)(void *)future;
    struct weft__job *job = wait->job;

    forget_close(wait);
    wait->job = NULL;
    if (!job || weft__executor_withdraw(job) == WEFT__JOB_ABANDONED)
        return;
    job->wait = NULL;
    weft__loop_wake(future->loop);
}

static const struct weft__future_type job_type = {
    .name = "job", .size = sizeof(struct weft__job_wait), .cancel = job_cancel, .drop = job_drop};

/* ---- starting one ---------------------------------------------------------------------------- */

static void threads_forked(struct weft__part *part);
static void threads_stop(struct weft__part *part);

static const struct weft__part_type threads_type = {
    .size = sizeof(struct weft__threads), .forked = threads_forked, .stop = threads_stop};

/* The loop's own pool, or NULL without memory. */
static weft_executor *need_default(struct weft__threads *threads)
{
    if (!threads->executor)
        threads->executor = weft_executor_new(0);
    return threads->executor;
}

int weft_loop_set_default_executor(weft_loop *loop, weft_executor *executor)
{
    struct weft__threads *threads = NULL;
    int error = 0;

    loop = weft__loop_of(loop);
    if (loop->closed)
        error = WEFT_ECLOSED;
    else if (!executor || !(threads = weft__part_need(loop, &threads_type)))
        error = -ENOMEM;
    else if (threads->executor)
        error = WEFT_EINVALIDSTATE;
    if (error)
        weft_executor_unref(executor);
    else
        threads->executor = executor;
    return error;
}

weft_executor *weft__default_executor(const weft_loop *loop)
{
    const struct weft__threads *threads = weft__part_find(loop, &threads_type);

    return threads ? threads->executor : NULL;
}

/* Make a job and its future.  Errors: its future is NULL. */
static int start_job(struct weft__threads *threads, weft_executor *executor, const weft_job *what,
                     const char *where, weft_future **future)
{
    weft_loop *loop = threads->part.loop;
    struct weft__job *job = weft__zalloc(sizeof(*job));
    struct weft__job_wait *wait;
    int error;

    *future = NULL;
    if (!job)
        return -ENOMEM;
    wait = (struct weft__job_wait *)(void *)weft__future_make(loop, &job_type, where);
    if (!wait) {
        weft__free(job, sizeof(*job));
        return -ENOMEM;
    }
    *job = (struct weft__job){.letter.hook = {.node.kind = WEFT__NODE_HOOK, .fn = deliver},
                              .loop = loop,
                              .threads = threads,
                              .executor = executor,
                              .wait = wait,
                              .what = *what};
    error = weft__executor_submit(executor, job);
    if (error) {
        weft_future_unref(&wait->future);
        weft__free(job, sizeof(*job));
        return error;
    }
    wait->job = job;
    weft__loop_use(loop, NULL, WEFT__USE_UNSEEN);
    weft__ring_push(&threads->ring, &job->place);
    threads->jobs++;
    loop->outside++;
    if (loop->mailbox.due++ == 0)
        weft__loop_listen(loop);
    *future = &wait->future;
    return 0;
}

WEFT__OPTIONS_END(weft_job, flags);

weft_future *weft_run_job(weft_loop *loop, weft_executor *executor, const weft_job *given,
                          const char *where)
{
    struct weft__threads *threads = NULL;
    weft_future *future = NULL;
    weft_job job;
    int error = weft__options_copy(&job, sizeof(job), given);

    loop = weft__loop_of(loop);
    if (!error)
        weft__fork_check(loop); /* what is lost there was started before */
    if (!error && (!job.run || job.flags & ~(unsigned long)(WEFT_ABANDONABLE | WEFT_SLOW)))
        error = -EINVAL;
    if (!error && loop->closed)
        error = WEFT_ECLOSED;
    if (!error && (!(threads = weft__part_need(loop, &threads_type)) ||
                   (!executor && !(executor = need_default(threads)))))
        error = -ENOMEM;
    if (!error)
        error = start_job(threads, executor, &job, where, &future);
    if (!error)
        return future;
    if (job.free_arg)
        job.free_arg(job.arg);
    return weft__failed(loop, error, where);
}

/* ---- the child of a fork --------------------------------------------------------------------- */

/* Its thread is in the parent.  What a thread had begun with is left as it is; who knows what it was at. */
static void lose(struct weft__job *job)
{
    job->state = job->state == WEFT__JOB_QUEUED ? WEFT__JOB_REMOVED : WEFT__JOB_ENDED;
    job->error = WEFT_EABANDONED;
    weft__loop_push(job->loop, &job->letter.hook.node);
}

/* All that were told of are in the mailbox; the others never will be. */
static void threads_forked(struct weft__part *part)
{
    struct weft__threads *threads = (struct weft__threads *)(void *)part;
    struct weft__node *node = threads->ring;

    weft__mailbox_collect(part->loop);
    weft__mailbox_feed(part->loop, UINT_MAX);
    if (!node)
        return;
    do {
        struct weft__job *job = weft__container_of(node, struct weft__job, place);

        if (!job->letter.hook.node.next)
            lose(job);
        node = node->next;
    } while (node != threads->ring);
}

/* ---- the loop closes ------------------------------------------------------------------------- */

/* Its job was abandoned by the close. */
static void end_closed(struct weft__hook *hook)
{
    weft__future_fail(&weft__container_of(hook, struct weft__job_wait, hook)->future, WEFT_ECLOSED);
}

/* Take back what has not begun, and let go of what can be abandoned.  Nothing is told yet: what
 * waits would wake a loop that has a base no more. */
static void withdraw_all(struct weft__threads *threads)
{
    weft_loop *loop = threads->part.loop;
    struct weft__node *node = threads->ring, *last = node ? node->prev : NULL, *next;

    for (bool more = node != NULL; more; node = next) {
        struct weft__job *job = weft__container_of(node, struct weft__job, place);
        struct weft__job_wait *wait = job->wait;

        more = node != last;
        next = node->next;
        if (weft__executor_withdraw(job) != WEFT__JOB_ABANDONED || !wait)
            continue;
        wait->job = NULL;
        wait->hook = (struct weft__hook){.node.kind = WEFT__NODE_HOOK, .fn = end_closed};
        weft__queue_push(&loop->ready, &wait->hook.node);
    }
}

static void wait_for_running(struct weft__threads *threads)
{
    struct weft__node *node = threads->ring;

    if (!node)
        return;
    do {
        weft__executor_await(weft__container_of(node, struct weft__job, place));
        node = node->next;
    } while (node != threads->ring);
}

/* Jobs that began are waited for, unless they can be abandoned. */
static void threads_stop(struct weft__part *part)
{
    struct weft__threads *threads = (struct weft__threads *)(void *)part;

    withdraw_all(threads);
    wait_for_running(threads);
    if (threads->executor)
        weft__executor_end(threads->executor);
    threads->executor = NULL;
}

bool weft__threads_shut_down(weft_loop *loop, double seconds, int *error)
{
    const struct weft__threads *threads = weft__part_find(loop, &threads_type);

    *error = 0;
    if (!threads || !threads->executor || !threads->jobs)
        return false;
    *error = weft_executor_shutdown(threads->executor, seconds);
    return true;
}
