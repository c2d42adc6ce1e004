/* A callback that comes in another thread.
 *
 * A library computes a checksum in a thread of its own and calls back from there; it can be asked to stop, and
 * calls back all the same, once.  Futures belong to the loop's thread, so the callback does one thing only: it
 * posts.  The library's thread writes into the frame until it has called back; so the body stays until then,
 * also when it is cancelled: its FINALLY part waits, and a shield keeps a second cancel away.
 *
 *     def on_sum(error, value):                       on_sum, in the library's thread
 *         loop.call_soon_threadsafe(deliver, ...)         weft_call_soon_threadsafe(loop, deliver, f)
 *     def deliver(error, value):                      deliver, in the loop's
 *         future.set_result(value)                        weft_future_set_result(f->done, ...)
 *
 * Where you may call the blocking function yourself, weft_run_in_executor does all this.
 *
 * It prints:
 *     one that takes years, for a moment: deadline expired
 *     one of a short text: 87f03406
 *     2 threads were started, 2 have called back
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <weft.h>

/* ---- the library: FNV-1a over a text, over and over ------------------------------------------------- */

typedef void sum_cb(int error, uint32_t value, void *arg);

struct sum_job {
    pthread_t thread;
    const char *text;
    uint64_t times;
    sum_cb *cb;
    void *arg;
    atomic_bool stop;
};

static atomic_int started, called_back;

static void *sum_run(void *arg)
{
    struct sum_job *job = arg;
    uint32_t sum = 2166136261u;

    for (uint64_t i = 0; i < job->times && !job->stop; i++)
        for (const char *c = job->text; *c; c++)
            sum = (sum ^ (unsigned char)*c) * 16777619u;
    called_back++;
    job->cb(job->stop ? ECANCELED : 0, sum, job->arg);
    return NULL;
}

static struct sum_job *sum_start(const char *text, uint64_t times, sum_cb *cb, void *arg)
{
    struct sum_job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    job->text = text;
    job->times = times;
    job->cb = cb;
    job->arg = arg;
    if (pthread_create(&job->thread, NULL, sum_run, job) != 0) {
        free(job);
        return NULL;
    }
    started++;
    return job;
}

/* The callback still comes, and says ECANCELED. */
static void sum_cancel(struct sum_job *job)
{
    job->stop = true;
}

/* Waits for the callback, if it has not come. */
static void sum_free(struct sum_job *job)
{
    pthread_join(job->thread, NULL);
    free(job);
}

/* ---- the bridge --------------------------------------------------------------------------------------- */

struct sum {
    weft_gen gen;
    weft_outcome outcome;
    weft_scope scope;
    const char *text;
    uint64_t times;
    weft_loop *loop;   /* the thread's reference */
    weft_future *done; /* the thread has let go of this frame */
    struct sum_job *job;
    int error;
    uint32_t value;
};

static void deliver(void *arg) /* in the loop's thread */
{
    struct sum *f = arg;

    if (f->error)
        weft_future_set_error(f->done, -f->error);
    else
        weft_future_set_result(f->done, weft_from_int(f->value));
}

static void on_sum(int error, uint32_t value, void *arg) /* in the library's */
{
    struct sum *f = arg;
    weft_loop *loop = f->loop;

    f->error = error;
    f->value = value;
    while (weft_call_soon_threadsafe(loop, deliver, f) == -ENOMEM)
        sched_yield();     /* nothing else would end the wait */
    weft_loop_unref(loop); /* f is not ours any more */
}

static weft_step sum(void *frame)
{
    struct sum *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    f->done = weft_future_new(NULL);
    if (weft_future_is_done(f->done))
        WEFT_RAISE(f, -ENOMEM);
    f->loop = weft_loop_ref(weft_running_loop()); /* before the thread has it */
    f->job = sum_start(f->text, f->times, on_sum, f);
    if (!f->job) {
        weft_loop_unref(f->loop);
        WEFT_RAISE(f, -EAGAIN);
    }
    WEFT_AWAIT(f, weft_shield(weft_future_ref(f->done)));
    WEFT_RETURN(f, weft_sent(f));
    WEFT_FINALLY(f);
    if (f->job) {
        sum_cancel(f->job);
        weft_scope_enter(&f->scope, WEFT_NEVER, WEFT_SCOPE_SHIELD);
        WEFT_TRY_AWAIT(f, weft_future_ref(f->done));
        weft_scope_exit(&f->scope, 0);
    }
    WEFT_END(f);
}

/* If the loop is closed under the body, there is no FINALLY: then the thread is waited for here. */
static void sum_cleanup(void *frame)
{
    struct sum *f = frame;

    if (f->job) {
        sum_cancel(f->job);
        sum_free(f->job);
    }
    weft_future_unref(f->done);
}
WEFT_GEN_TYPE(sum, .cleanup = sum_cleanup);

/* ---- a program ----------------------------------------------------------------------------------------- */

struct program {
    weft_gen gen;
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    weft_task *task;

    WEFT_BEGIN(f);
    task = weft_task_new(NULL, WEFT_CALL(sum, .text = "callback", .times = UINT64_MAX));
    WEFT_TRY_AWAIT(f, weft_wait_for(task, 0.02));
    printf("one that takes years, for a moment: %s\n", weft_strerror(weft_failed(f)));
    WEFT_YIELD_FROM(f, WEFT_CALL(sum, .text = "callback", .times = 1));
    printf("one of a short text: %08" PRIx32 "\n", (uint32_t)weft_sent_int(f));
    printf("%d threads were started, %d have called back\n", started, called_back);
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
