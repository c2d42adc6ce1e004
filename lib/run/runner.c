/* runner.c - an orderly end, and what leads to it: weft_loop_shutdown, runners, weft_main.
 *
 *     OPEN --shutdown--> what accepts stops --> a wave of tasks is cancelled, and awaited --> no tasks: the pool
 *                                                 ^                                  |          |
 *                                                 +-- they have made new ones -------+          v
 *                         the deadline, a deadlock, an abort: straight to ---------------> CLOSED
 *
 * A wave is all tasks that there are when it begins: they are the oldest of the loop, which lists its tasks by age.
 * Those of the root group are cancelled; others are their group's.  A task that is made meanwhile waits for the next
 * wave: it may be what a cancelled one needs for its cleanup, and awaits.
 *
 * The deadline is no hope: it does not keep a run going in which nothing else can happen (loop->idle_timers).
 *
 * Rejected: to cancel new tasks as they come, which would break the cleanup that made them; to gather the tasks, as
 * asyncio does, which reads their failures, and needs memory.
 */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <weft/executor.h>
#include <weft/runner.h>
#include <weft/scope.h>

#include "base/alloc.h"
#include "thread/executor.h"
#include "net/server.h"
#include "process/signal.h"

/* ---- shutting down ----------------------------------------------------------------------------------------- */

struct shutdown {
    struct weft__hook hook; /* among the waiters of the loop's oldest task */
    weft_loop *loop;
    double deadline;
    bool late;
};

/* Also how a task is known that has heard of it already, through the one that awaits it. */
static const char reason[] = "shutdown";

static void on_oldest(struct weft__hook *hook)
{
    weft__container_of(hook, struct shutdown, hook)->loop->stopping = true;
}

static void on_deadline(void *arg)
{
    struct shutdown *shutdown = arg;

    shutdown->late = true;
    shutdown->loop->idle_timers--;
    shutdown->loop->stopping = true;
}

static bool in_root_group(const struct weft__task *task)
{
    return !task->extra || !task->extra->member;
}

/* Ask all tasks that there are, the oldest first.  Returns the number of the youngest. */
static uint32_t cancel_wave(weft_loop *loop)
{
    for (struct weft__task *task = loop->tasks; task; task = task->next)
        if (in_root_group(task) && !(task->future.cancelling && task->future.reason == reason))
            weft__task_cancel(task, reason, "weft_loop_shutdown");
    return loop->next_id;
}

/* Whether the wave whose youngest task is `last` has ended.  The numbers wrap. */
static bool wave_ended(const weft_loop *loop, uint32_t last)
{
    return !loop->tasks || (int32_t)(loop->tasks->future.id - last) > 0;
}

/* Run until there are no tasks, or it is late.  Errors: the run's. */
static int end_tasks(struct shutdown *shutdown)
{
    weft_loop *loop = shutdown->loop;
    int error = 0;

    while (loop->tasks && !shutdown->late && !error) {
        uint32_t last = cancel_wave(loop);

        while (!wave_ended(loop, last) && !shutdown->late && !error) {
            weft_future *oldest = weft_future_ref(&loop->tasks->future);

            weft__future_wait(oldest, &shutdown->hook.node);
            error = weft_run_forever(loop);
            weft__future_unwait(oldest, &shutdown->hook.node);
            weft_future_unref(oldest);
        }
    }
    return error;
}

/* Wait for the default pool; then let those hear of it who still listen: a job's end, and its callbacks. */
static int end_jobs(struct shutdown *shutdown)
{
    weft_loop *loop = shutdown->loop;
    double left = shutdown->deadline - weft_loop_time(loop);
    int error, run;

    if (!weft__threads_shut_down(loop, left > 0 ? left : 0, &error))
        return 0;
    for (int i = 0; i < 2; i++) {
        weft_loop_stop(loop);
        run = weft_run_forever(loop);
        error = error ? error : run;
    }
    return error;
}

int weft_loop_shutdown(weft_loop *loop, double seconds)
{
    struct shutdown shutdown = {.hook = {.node.kind = WEFT__NODE_HOOK, .fn = on_oldest},
                                .loop = loop};
    int error = 0, closed;

    if (loop->closed)
        return 0;
    weft__only_here(loop, "weft_loop_shutdown");
    if (loop->running || loop->draining || weft__thread.loop)
        return WEFT_ERUNNING;
    if (isnan(seconds))
        return -EINVAL;
    shutdown.deadline = weft_loop_time(loop) + seconds;
    /* The close takes the timer back. */
    if (seconds < WEFT_NEVER) {
        error = weft_call_later(loop, seconds, on_deadline, &shutdown, NULL);
        loop->idle_timers += !error;
    }
    weft__servers_close(loop); /* 1: what accepts stops */
    /* 2: tasks */
    if (!error)
        error = end_tasks(&shutdown);
    /* 3: threads */
    if (!error && !loop->tasks)
        error = end_jobs(&shutdown);
    if (!error && loop->tasks)
        error = WEFT_ETIMEDOUT;
    closed = weft_loop_close(loop);
    return error ? error : closed;
}

/* ---- runners ----------------------------------------------------------------------------------------------- */

struct weft_runner {
    weft_loop *loop;
    double grace;
    struct weft__interrupt interrupt;
    weft_task *main; /* while it runs */
};

static void on_interrupt(struct weft__interrupt *interrupt, int count)
{
    weft_runner *runner = weft__container_of(interrupt, weft_runner, interrupt);

    if (count > 1)
        weft_abort(runner->loop, WEFT_EINTERRUPTED);
    else if (!weft_future_cancel_at(runner->main, "SIGINT", "SIGINT"))
        interrupt->heard = 0; /* it has just ended */
}

weft_runner *weft_runner_new(void)
{
    weft_runner *runner = weft__zalloc(sizeof(*runner));
    int error;

    if (!runner) {
        errno = ENOMEM;
        return NULL;
    }
    runner->grace = 10;
    runner->interrupt.fn = on_interrupt;
    runner->loop = weft_loop_new(NULL);
    error = runner->loop ? weft__interrupt_prepare(runner->loop) : -errno;
    if (error) {
        weft_loop_unref(runner->loop);
        weft__free(runner, sizeof(*runner));
        errno = -error;
        return NULL;
    }
    return runner;
}

weft_loop *weft_runner_loop(weft_runner *runner)
{
    return runner->loop;
}

void weft_runner_set_grace(weft_runner *runner, double seconds)
{
    runner->grace = seconds;
}

/* What main came to, given what the run says and how many SIGINTs came. */
static int outcome(const weft_runner *runner, int result, int came)
{
    const weft_task *main = runner->main;

    if (!came || !weft_future_is_done(main) || (result && result != WEFT_ECANCELLED))
        return result;
    if (came > runner->interrupt.heard)
        return WEFT_EINTERRUPTED; /* too late for main to hear of it; it must not be lost */
    return result && main->cancelling <= 1 ? WEFT_EINTERRUPTED : result;
}

/* Run main to its end and tell what it came to; *task has its value, and is yours. */
static int run_main(weft_runner *runner, weft_gen *main, weft_task **task)
{
    int result, came;

    *task = NULL;
    if (weft__thread.loop || weft_loop_is_running(runner->loop)) {
        (void)weft_gen_close(main);
        return WEFT_ERUNNING;
    }
    *task = runner->main = weft_task_new_at(runner->loop, main, "weft_runner_run");
    weft__interrupt_begin(runner->loop, &runner->interrupt);
    result = weft_run_until_complete(runner->loop, weft_future_ref(*task), NULL);
    came = weft__interrupt_end(runner->loop);
    result = outcome(runner, result, came);
    runner->main = NULL;
    return result;
}

int(weft_runner_run)(weft_runner *runner, weft_gen *main, void **value)
{
    weft_task *task;
    int result = run_main(runner, main, &task);

    if (value)
        *value = result == 0 ? weft_future_take(task) : NULL;
    weft_future_unref(task);
    return result;
}

int weft_runner_free(weft_runner *runner)
{
    int result;

    if (!runner)
        return 0;
    result = weft_loop_shutdown(runner->loop, runner->grace);
    if (result == WEFT_ERUNNING || result == -EINVAL)
        return result;
    weft_loop_unref(runner->loop);
    weft__free(runner, sizeof(*runner));
    return result;
}

/* ---- whole programs ---------------------------------------------------------------------------------------- */

/* Errors: WEFT_ERUNNING; as weft_runner_new says in errno.  The generator has been closed then. */
static int begin(weft_gen *main, weft_runner **runner)
{
    int error = weft__thread.loop ? WEFT_ERUNNING : 0;

    *runner = error ? NULL : weft_runner_new();
    if (*runner)
        return 0;
    error = error ? error : -errno;
    (void)weft_gen_close(main);
    return error;
}

int(weft_run)(weft_gen *main, void **value)
{
    weft_runner *runner;
    int result = begin(main, &runner);

    if (value)
        *value = NULL;
    if (result)
        return result;
    result = weft_runner_run(runner, main, value);
    (void)weft_runner_free(runner);
    return result;
}

/* One line: "weft: program failed: WEFT_ETIMEDOUT: deadline expired, at client.c:57". */
static void complain(const char *name, int error, const weft_task *task)
{
    weft_frame_info frame = {0};

    if (task && !weft_future_is_done(task))
        (void)weft_task_stack(task, &frame, 1);
    else if (task)
        frame.site = weft_task_ended_at(task);
    fprintf(stderr, "weft: %s failed: %s: %s", name, weft_errname(error), weft_strerror(error));
    if (frame.site)
        fprintf(stderr, ", at %s:%d", frame.site->file, frame.site->line);
    fputc('\n', stderr);
}

int(weft_main)(weft_gen *main)
{
    const char *name = main->type->name;
    weft_runner *runner;
    weft_task *task = NULL;
    int status = 0;
    int result = begin(main, &runner);

    if (!result)
        result = run_main(runner, main, &task);
    if (result && result != WEFT_EINTERRUPTED)
        complain(name, result, task);
    else if (!result && !task->destroy)
        status = (int)weft_int(weft__future_value(task));
    weft_future_unref(task);
    (void)weft_runner_free(runner);
    if (result)
        status = result == WEFT_EINTERRUPTED ? 130 : 1;
    return status;
}
