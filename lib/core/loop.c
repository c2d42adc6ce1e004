/* loop.c - the loop: its life, and its runs.
 *
 *   weft_run_    turn, event_base_loop(ONCE), turn, ...  It blocks there only if nothing is ready.
 *
 * On a host's base the host calls turns, too: see events.c.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/alloc.h"
#include "core/events.h"
#include "core/loop.h"
#include "core/round.h"

/* ---- time -------------------------------------------------------------------------------------------------- */

int64_t weft__monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * WEFT__NS + now.tv_nsec;
}

int64_t weft__loop_now(weft_loop *loop)
{
    return loop->is_virtual ? loop->virtual_now : weft__monotonic();
}

double weft_loop_time(weft_loop *loop)
{
    return (double)weft__loop_now(weft__loop_of(loop)) / WEFT__NS;
}

/* ---- running ------------------------------------------------------------------------------------------------- */

/* Whether a deadline is left that somebody waits for. */
static bool has_deadline(const weft_loop *loop)
{
    return loop->heap.count > loop->idle_timers;
}

/* Virtual time: nothing is ready; go to the next deadline.  Errors: WEFT_EDEADLOCK: there is none. */
static int jump(weft_loop *loop)
{
    if (!has_deadline(loop))
        return WEFT_EDEADLOCK;
    if (loop->heap.slots[0].when > loop->virtual_now)
        loop->virtual_now = loop->heap.slots[0].when;
    return 0;
}

/* Whether a descriptor or a thread that somebody waits for may bring something: virtual time stands still. */
static bool outside_can_wake(const weft_loop *loop)
{
    return loop->outside > 0 || atomic_load(&loop->mailbox.shared) ||
           atomic_load(&loop->mailbox.waits);
}

/* The same, for which time does not stand still: a part's. */
static bool part_may_wake(const weft_loop *loop)
{
    for (const struct weft__part *part = loop->parts; part; part = part->next)
        if (part->type->may_wake && part->type->may_wake(part))
            return true;
    return false;
}

/* Nothing is ready, and nothing can change that. */
static bool nothing_can_wake(const weft_loop *loop)
{
    return !outside_can_wake(loop) && !has_deadline(loop) && !part_may_wake(loop) &&
           !weft__events_awaited(loop);
}

/* Look at libevent; block only if nothing is ready.  Errors: WEFT_EDEADLOCK; what the backend says. */
static int poll_events(weft_loop *loop)
{
    bool block = !weft__anything_ready(loop) && !loop->stopping;
    int result;

    if (block && loop->is_virtual) {
        block = outside_can_wake(loop) || (!has_deadline(loop) && part_may_wake(loop));
        if (!block) {
            event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
            if (loop->order && loop->order->idle && !weft__anything_ready(loop))
                loop->order->idle(loop->order, loop);
            if (weft__anything_ready(loop) || loop->abort_code || loop->stopping)
                return 0;
            return jump(loop);
        }
    }
    if (block && nothing_can_wake(loop))
        return WEFT_EDEADLOCK;
    weft__events_arm(loop, block);
    result = event_base_loop(loop->base, EVLOOP_ONCE | (block ? 0 : EVLOOP_NONBLOCK));
    if (result < 0)
        return errno ? -errno : -EIO;
    if (result == 1 && block && !weft__anything_ready(loop))
        return WEFT_EDEADLOCK;
    return 0;
}

/* Run turns until somebody stops it.  Returns 0, or why it ended otherwise. */
static int run(weft_loop *loop)
{
    struct weft__thread before = weft__thread;
    int result = 0;

    if (before.loop || loop->running || loop->draining)
        return WEFT_ERUNNING;
    if (loop->closed)
        return WEFT_ECLOSED;
    weft__fork_check(loop);
    loop->running = true;
    weft__thread.loop = loop;
    weft__mailbox_collect(loop);
    for (;;) {
        bool stopping = loop->stopping;

        weft__fork_check(loop); /* a callback may have forked */
        result = poll_events(loop);
        if (result)
            break;
        if (loop->stopping == stopping) /* else a round that followed an event was the last */
            weft__turn(loop);
        result = loop->abort_code;
        if (result || (loop->stopping && weft__queue_empty(&loop->batch)))
            break;
    }
    weft__reports_tell(loop);
    loop->stopping = false;
    loop->abort_code = 0;
    loop->running = false;
    weft__thread.loop = NULL;
    if (!loop->own_base) {
        weft__events_arm(loop, true);
        if (weft__anything_ready(loop))
            weft__loop_pump(loop);
    }
    return result;
}

int weft_run_forever(weft_loop *loop)
{
    weft__only_here(loop, "weft_run_forever");
    return run(loop);
}

/* Wakes weft_run_until_complete: lies on its stack. */
struct completion {
    struct weft__hook hook;
    weft_loop *loop;
    bool done;
};

static void on_complete(struct weft__hook *hook)
{
    struct completion *completion = weft__container_of(hook, struct completion, hook);

    completion->done = true;
    completion->loop->stopping = true;
}

int(weft_run_until_complete)(weft_loop *loop, weft_future *future, void **value)
{
    struct completion completion = {.hook = {.node.kind = WEFT__NODE_HOOK, .fn = on_complete},
                                    .loop = loop};
    int result;

    if (value)
        *value = NULL;
    weft__only_here(loop, "weft_run_until_complete");
    if (loop->closed || loop->running || loop->draining || weft__thread.loop) {
        result = loop->closed && weft__done(future) ? weft_future_error(future)
                 : loop->closed                     ? WEFT_ECLOSED
                                                    : WEFT_ERUNNING;
        weft_future_unref(future);
        return result;
    }
    if (future->loop != loop) {
        weft_future_unref(future);
        return WEFT_EOTHERLOOP;
    }
    weft__future_wait(future, &completion.hook.node);
    result = run(loop);
    weft__future_unwait(future, &completion.hook.node);
    if (result == 0) {
        result = completion.done ? weft_future_error(future) : WEFT_ESTOPPED;
        if (completion.done && value)
            *value = weft_future_take(future);
    }
    weft_future_unref(future);
    return result;
}

void weft_loop_stop(weft_loop *loop)
{
    weft__loop_of(loop)->stopping = true;
}

void weft_abort(weft_loop *loop, int code)
{
    weft__loop_of(loop)->abort_code = code < 0 ? code : -EINVAL;
}

weft_loop *weft_running_loop(void)
{
    return weft__thread.loop;
}

bool weft_loop_is_running(const weft_loop *loop)
{
    return loop->running || loop->draining;
}

bool weft_loop_is_closed(const weft_loop *loop)
{
    return loop->closed;
}

struct event_base *weft_loop_base(const weft_loop *loop)
{
    return loop->base;
}

/* ---- the layers above -------------------------------------------------------------------------------------------- */

void *weft__part_find(const weft_loop *loop, const struct weft__part_type *type)
{
    struct weft__part *part = loop->parts;

    while (part && part->type != type)
        part = part->next;
    return part;
}

void *weft__part_need(weft_loop *loop, const struct weft__part_type *type)
{
    struct weft__part *part = weft__part_find(loop, type);

    if (part || !(part = weft__zalloc(type->size)))
        return part;
    part->type = type;
    part->loop = loop;
    part->next = loop->parts;
    loop->parts = part;
    return part;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* libevent ends the program if a base finds no descriptors (evsig_init_).  So as many are opened first: epoll's, a
 * timer's and two for signals.  Another thread may still take them in between.  Errors: -EMFILE, -ENFILE. */
static int try_descriptors(const weft_loop *loop)
{
    int fds[4], count = 0, error = 0;

    while (!error && count < 4) {
        fds[count] = fcntl(loop->mailbox.wake[0], F_DUPFD_CLOEXEC, 0);
        error = fds[count] < 0 ? -errno : 0;
        count += !error;
    }
    while (count > 0)
        close(fds[--count]);
    return error;
}

static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

/* The futures that live with the loop; they are not counted. */
static void init_immortals(weft_loop *loop)
{
    weft__future_init(&loop->nomem, loop, &weft__plain_type, "out of memory");
    loop->nomem.state = WEFT__FAILED;
    loop->nomem.error = -ENOMEM;
    loop->nomem.flags = WEFT__READ | WEFT__NAMED;
    weft__future_init(&loop->round, loop, &weft__plain_type, "next round");
    loop->round.state = WEFT__FINISHED;
    loop->round.flags = WEFT__ROUND | WEFT__NAMED;
    weft__future_init(&loop->done, loop, &weft__plain_type, "at once");
    loop->done.state = WEFT__FINISHED;
    loop->done.flags = WEFT__NAMED;
    loop->nomem.refs = loop->round.refs = loop->done.refs = WEFT__IMMORTAL;
    loop->held = 0;
}

pthread_mutex_t weft__loops_mutex = PTHREAD_MUTEX_INITIALIZER;
weft_loop *weft__loops;

void weft__loops_lock(void)
{
    pthread_mutex_lock(&weft__loops_mutex);
    for (weft_loop *loop = weft__loops; loop; loop = loop->next_loop)
        pthread_mutex_lock(&loop->mailbox.lock);
}

void weft__loops_unlock(void)
{
    for (weft_loop *loop = weft__loops; loop; loop = loop->next_loop)
        pthread_mutex_unlock(&loop->mailbox.lock);
    pthread_mutex_unlock(&weft__loops_mutex);
}

static void link_loop(weft_loop *loop)
{
    pthread_mutex_lock(&weft__loops_mutex);
    loop->next_loop = weft__loops;
    if (weft__loops)
        weft__loops->prev_loop = loop;
    weft__loops = loop;
    pthread_mutex_unlock(&weft__loops_mutex);
}

void weft__loop_unlink(weft_loop *loop)
{
    pthread_mutex_lock(&weft__loops_mutex);
    if (loop->prev_loop)
        loop->prev_loop->next_loop = loop->next_loop;
    else
        weft__loops = loop->next_loop;
    if (loop->next_loop)
        loop->next_loop->prev_loop = loop->prev_loop;
    pthread_mutex_unlock(&weft__loops_mutex);
}

/* Errors: -ENOMEM, -EMFILE, -ENFILE. */
static int open_base(weft_loop *loop, struct event_base *base)
{
    int error = base ? 0 : try_descriptors(loop);

    loop->own_base = !base;
    if (!error)
        loop->base = base ? base : make_base();
    return error || loop->base ? error : -ENOMEM;
}

/* It cannot be made, and errno says why. */
static weft_loop *give_up(weft_loop *loop, int error)
{
    if (loop && loop->own_base && loop->base)
        event_base_free(loop->base);
    if (loop)
        weft__free(loop, sizeof(*loop));
    errno = -error;
    return NULL;
}

weft_loop *weft_loop_new(struct event_base *base)
{
    weft_loop *loop = weft__zalloc(sizeof(*loop));
    const char *debug = getenv("WEFT_DEBUG");
    const char *clock = getenv("WEFT_CLOCK");
    int error = loop ? weft__mailbox_open(loop) : -ENOMEM;

    if (error)
        return give_up(loop, error);
    error = open_base(loop, base);
    if (!error)
        error = weft__events_open(loop);
    if (error) {
        loop->closed = true; /* it listens to nobody */
        weft__mailbox_close(loop);
        weft__mailbox_destroy(loop);
        return give_up(loop, error);
    }
    weft__queue_init(&loop->ready);
    weft__queue_init(&loop->batch);
    weft__queue_init(&loop->closers);
    weft__forks_watch();
    loop->forks = weft__forks;
    loop->thread = pthread_self();
    loop->mailbox.refs = 1;
    loop->debug = debug && *debug && *debug != '0';
    /* A host's base keeps its own time. */
    loop->is_virtual = loop->own_base && clock && strcmp(clock, "virtual") == 0;
    weft__loop_observe(loop);
    loop->slow_ns = WEFT__NS / 10;
    loop->rounds_left = loop->turn_calls = WEFT__TURN;
    loop->portion = WEFT__TURN / 2;
    loop->turn_ns = loop->own_base ? 0 : WEFT__TURN_NS;
    init_immortals(loop);
    weft__count(WEFT__COUNT_LOOPS, 1);
    link_loop(loop);
    return loop;
}
