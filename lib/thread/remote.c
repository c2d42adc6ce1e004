/* remote.c - a task as another thread sees it.
 *
 * A remote is shared: by the threads that hold it, which look at the outcome under its lock; and by
 * the loop's side, which alone looks at the task.
 *
 *     POSTED --the letter has come--> STARTED --the task has ended--> DONE: the outcome stands,
 *        |                               |                             ^    and who waits is woken
 *        +-------------------------------+------- the loop closes -----+
 *
 * Invariant: until the loop's side is through, it holds a reference, and the remote is in the list
 * of the loop's guests, so that a close can tell all who wait before it waits for
 * jobs: one of them may be such a waiter.  The loop's memory stays as long as the remote does: it
 * is a guest.  The order of locks: loop, remote; no letter is posted under a remote's lock.
 *
 * The letters lie in the remote: a request to cancel allocates nothing, and those that come while
 * one is under way are that one.  They come in their order, so the start comes first.
 */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <weft/executor.h>

#include "base/alloc.h"
#include "thread/executor.h"
#include "core/loop.h"

struct weft_remote {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    atomic_uint refs;
    weft_loop *loop;
    const char *where;

    /* under the lock: */
    bool done;
    bool asked; /* the letter that cancels is under way */
    const char *reason;
    int error;
    void *value;
    void (*destroy)(void *value); /* the value is whose who receives it first */

    /* the loop's thread, once the letter is posted: */
    weft_gen *gen;
    weft_task *task;
    struct weft__hook at_end; /* among the task's waiters */
    struct weft__letter start;
    struct weft__letter cancel;

    struct weft__guest guest;
};

/* What a thread gets that there is no memory for. */
static weft_remote no_memory = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = true, .error = -ENOMEM};

/* ---- life ------------------------------------------------------------------------------------ */

static void run_start(struct weft__hook *hook);
static void run_cancel(struct weft__hook *hook);
static void task_ended(struct weft__hook *hook);
static void loop_closing(struct weft__guest *guest);
static void loop_forked(struct weft__guest *guest);

static weft_remote *new_remote(weft_loop *loop, weft_gen *gen, const char *where)
{
    weft_remote *remote = weft__zalloc(sizeof(*remote));

    if (!remote)
        return NULL;
    if (weft__cond_init(&remote->ended) != 0) {
        weft__free(remote, sizeof(*remote));
        return NULL;
    }
    pthread_mutex_init(&remote->lock, NULL); /* cannot fail without attributes */
    atomic_init(&remote->refs, 2);
    remote->loop = loop;
    remote->where = where;
    remote->gen = gen;
    remote->at_end = (struct weft__hook){.node.kind = WEFT__NODE_HOOK, .fn = task_ended};
    remote->start.hook.fn = run_start;
    remote->cancel.hook.fn = run_cancel;
    remote->guest.closing = loop_closing;
    remote->guest.forked = loop_forked;
    weft__loop_enter_guest(loop);
    return remote;
}

void weft_remote_unref(weft_remote *remote)
{
    weft_loop *loop;

    if (!remote || remote == &no_memory || atomic_fetch_sub(&remote->refs, 1) > 1)
        return;
    if (remote->destroy)
        remote->destroy(remote->value);
    loop = remote->loop;
    pthread_cond_destroy(&remote->ended);
    pthread_mutex_destroy(&remote->lock);
    weft__free(remote, sizeof(*remote));
    weft__loop_leave_guest(loop);
}

/* The outcome stands; the first one does. */
static void end(weft_remote *remote, int error, void *value, void (*destroy)(void *))
{
    pthread_mutex_lock(&remote->lock);
    if (!remote->done) {
        remote->done = true;
        remote->error = error;
        remote->value = value;
        remote->destroy = destroy;
        pthread_cond_broadcast(&remote->ended);
    }
    pthread_mutex_unlock(&remote->lock);
}

/* ---- the loop's side ------------------------------------------------------------------------- */

/* The task is done: its outcome becomes the remote's. */
static void end_as_task(weft_remote *remote)
{
    weft_task *task = remote->task;
    int error = weft_future_error(task);
    void (*destroy)(void *) = error ? NULL : task->destroy;

    end(remote, error, destroy ? weft_future_take(task) : weft__future_value(task), destroy);
}

static void task_ended(struct weft__hook *hook)
{
    weft_remote *remote = weft__container_of(hook, weft_remote, at_end);
    weft_task *task = remote->task;

    end_as_task(remote);
    remote->task = NULL;
    weft_future_unref(task);
    weft__guest_delist(remote->loop, &remote->guest);
    weft_remote_unref(remote);
}

/* In a loop that is closed, the task fails from the start. */
static void run_start(struct weft__hook *hook)
{
    weft_remote *remote = weft__container_of(hook, weft_remote, start.hook);

    remote->task = weft_task_new_at(remote->loop, remote->gen, remote->where);
    remote->gen = NULL;
    weft__future_wait(remote->task, &remote->at_end.node);
}

static void run_cancel(struct weft__hook *hook)
{
    weft_remote *remote = weft__container_of(hook, weft_remote, cancel.hook);
    const char *reason;

    pthread_mutex_lock(&remote->lock);
    remote->asked = false;
    reason = remote->reason;
    pthread_mutex_unlock(&remote->lock);
    if (remote->task && !remote->loop->closed)
        weft_future_cancel_at(remote->task, reason, "another thread");
    weft_remote_unref(remote);
}

static void loop_closing(struct weft__guest *guest)
{
    weft_remote *remote = weft__container_of(guest, weft_remote, guest);

    if (remote->task && weft__done(remote->task))
        end_as_task(remote); /* it was about to */
    else
        end(remote, WEFT_ECLOSED, NULL, NULL);
}

/* Whoever held the lock, or waits, is not there. */
static void loop_forked(struct weft__guest *guest)
{
    weft_remote *remote = weft__container_of(guest, weft_remote, guest);

    pthread_mutex_init(&remote->lock, NULL);
    (void)weft__cond_init(&remote->ended);
}

/* ---- the threads' side ----------------------------------------------------------------------- */

weft_remote *weft_task_new_threadsafe_at(weft_loop *loop, weft_gen *gen, const char *where)
{
    weft_remote *remote = new_remote(loop, gen, where);
    int error;

    if (!remote) {
        (void)weft_gen_close(gen);
        return &no_memory;
    }
    error = weft__guest_enlist(loop, &remote->guest);
    if (!error)
        error = weft__mailbox_post(loop, &remote->start, false);
    if (error) {
        weft__guest_delist(loop, &remote->guest);
        (void)weft_gen_close(gen);
        end(remote, error, NULL, NULL);
        weft_remote_unref(remote); /* the loop's reference */
    }
    return remote;
}

/* It has ended: what a call of weft_remote_wait gives; under the lock. */
static int receive(weft_remote *remote, void **value)
{
    if (!value)
        return remote->error;
    *value = remote->value;
    if (remote->destroy) {
        remote->destroy = NULL;
        remote->value = NULL;
    }
    return remote->error;
}

int weft_remote_wait(weft_remote *remote, double seconds, void **value)
{
    bool here = remote->loop && weft__loop_is_here(remote->loop);
    struct weft__until until;
    int error = 0;

    if (value)
        *value = NULL;
    if (isnan(seconds))
        return -EINVAL;
    until = weft__until(seconds);
    pthread_mutex_lock(&remote->lock);
    while (!remote->done && !error) {
        if (here && seconds > 0)
            error = WEFT_EDEADLOCK;
        else if (!weft__cond_wait(&remote->ended, &remote->lock, &until) && !remote->done)
            error = WEFT_ETIMEDOUT;
    }
    if (!error)
        error = receive(remote, value);
    pthread_mutex_unlock(&remote->lock);
    return error;
}

int weft_remote_cancel(weft_remote *remote, const char *reason)
{
    bool ask;
    int error;

    pthread_mutex_lock(&remote->lock);
    ask = !remote->done && !remote->asked;
    if (ask) {
        remote->asked = true;
        remote->reason = reason;
    }
    pthread_mutex_unlock(&remote->lock);
    if (!ask)
        return 0;
    atomic_fetch_add(&remote->refs, 1);
    error = weft__mailbox_post(remote->loop, &remote->cancel, false);
    if (!error)
        return 0;
    pthread_mutex_lock(&remote->lock);
    remote->asked = false;
    pthread_mutex_unlock(&remote->lock);
    weft_remote_unref(remote);
    return error;
}
