/* loop.c - the loop: rounds, turns, and libevent underneath.
 *
 * A round is a snapshot of what is ready (`batch`); what it makes ready (`ready`) is the next round.  A turn is
 * what happens between two looks at libevent: due timers, then up to 256 callbacks, over as many rounds as
 * that takes.
 *
 * Who calls turns:
 *   weft_run_    turn, event_base_loop(ONCE), turn, ...  It blocks there only if nothing is ready.
 *   the host     its dispatch calls our pump event, which does one turn.  If something is still ready, the pump is
 *                added with a timeout of zero, and not activated: an event that activates itself stays in
 *                libevent's queue, and starves descriptors.
 *
 * Three events of libevent's, each added only while it can bring something, so that neither the host's
 * dispatch nor our own run is kept going for nothing:
 *   timer        the first deadline of our heap; added before each wait if that has changed
 *   wake         other threads; while somebody else holds a reference on the loop
 *   pump         adopted base only; while something is ready
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "alloc.h"
#include "loop_priv.h"

_Thread_local struct weft__thread weft__thread;

struct weft__events {
    struct event timer;
    struct event wake;
    struct event pump;
    bool timer_added;
    bool wake_added;
};

/* ---- time -------------------------------------------------------------------------------------------------- */

static int64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * WEFT__NS + now.tv_nsec;
}

int64_t weft__loop_now(weft_loop *loop)
{
    return loop->is_virtual ? loop->virtual_now : monotonic();
}

double weft_loop_time(weft_loop *loop)
{
    return (double)weft__loop_now(weft__loop_of(loop)) / WEFT__NS;
}

/* ---- rounds -------------------------------------------------------------------------------------------------- */

static void dispatch(weft_loop *loop, struct weft__node *node)
{
    switch ((enum weft__kind)node->kind) {
    case WEFT__NODE_TASK:
        weft__task_step(weft__container_of(node, struct weft__task, node));
        break;
    case WEFT__NODE_START:
        weft__task_start(weft__container_of(node, struct weft__task, node));
        break;
    case WEFT__NODE_CALLBACK:
        weft__callback_run(node);
        break;
    case WEFT__NODE_CALL:
        weft__call_run(loop, node);
        break;
    case WEFT__NODE_POSTED:
        weft__posted_run(node);
        break;
    case WEFT__NODE_HOOK: {
        struct weft__hook *hook = weft__container_of(node, struct weft__hook, node);

        hook->fn(hook);
        break;
    }
    }
}

/* Debug mode: dispatch, and report what took too long.  What it was is told before it is gone. */
static void dispatch_timed(weft_loop *loop, struct weft__node *node)
{
    char what[192] = "a callback", message[288];
    int64_t took = monotonic();

    if (node->kind == WEFT__NODE_TASK || node->kind == WEFT__NODE_START) {
        struct weft__task *task = weft__container_of(node, struct weft__task, node);

        weft_future_describe(&task->future, what, sizeof(what));
    } else if (node->kind == WEFT__NODE_CALLBACK) {
        weft_future_describe(weft__callback_future(node), what, sizeof(what));
    }
    dispatch(loop, node);
    took = monotonic() - took;
    if (took > loop->slow_ns) {
        snprintf(message, sizeof(message), "%s: a step took %.3f s", what, (double)took / WEFT__NS);
        weft__report(loop, message, 0, NULL);
    }
}

/* Run rounds: at most WEFT__TURN callbacks, or until nothing is ready; one round only if it stops. */
static void drain(weft_loop *loop)
{
    struct weft__node *node;

    for (unsigned left = WEFT__TURN; left > 0 && !loop->abort_code; left--) {
        if (weft__queue_empty(&loop->batch)) {
            if (loop->stopping && left < WEFT__TURN)
                return;
            weft__queue_move(&loop->batch, &loop->ready);
        }
        node = weft__queue_pop(&loop->batch);
        if (!node)
            return;
        if (weft__unlikely(loop->debug))
            dispatch_timed(loop, node);
        else if (weft__likely(node->kind == WEFT__NODE_TASK))
            weft__task_step(weft__container_of(node, struct weft__task, node));
        else
            dispatch(loop, node);
    }
}

static bool anything_ready(const weft_loop *loop)
{
    return !weft__queue_empty(&loop->batch) || !weft__queue_empty(&loop->ready);
}

static void turn(weft_loop *loop)
{
    int64_t now = weft__loop_now(loop);

    loop->draining = true;
    loop->now_ms = (uint32_t)(now / 1000000);
    weft__timers_fire(loop, now);
    drain(loop);
    loop->draining = false;
}

/* ---- libevent ------------------------------------------------------------------------------------------------ */

/* Have libevent wait for the first deadline.  Its clock may be early: whoever wakes looks at ours. */
static void arm_timer(weft_loop *loop)
{
    struct weft__events *events = loop->events;
    int64_t first, left;
    struct timeval timeout;

    if (!loop->heap.count || loop->is_virtual) {
        if (events->timer_added)
            event_del(&events->timer);
        events->timer_added = false;
        return;
    }
    first = loop->heap.slots[0].when;
    if (events->timer_added && first == loop->armed)
        return;
    left = first - monotonic();
    left = left > 0 ? (left + 999) / 1000 : 0;
    timeout.tv_sec = (time_t)(left / 1000000);
    timeout.tv_usec = (suseconds_t)(left % 1000000);
    events->timer_added = event_add(&events->timer, &timeout) == 0;
    loop->armed = first;
}

/* The host's dispatch has come to us: one turn. */
static void pump(weft_loop *loop)
{
    static const struct timeval zero = {0, 0};
    struct weft__thread before = weft__thread;

    loop->pumping = false;
    weft__thread.loop = loop;
    weft__thread.task = NULL;
    turn(loop);
    weft__thread.loop = before.loop;
    weft__thread.task = before.task;
    loop->abort_code = 0; /* there is no run to end */
    if (anything_ready(loop)) {
        loop->pumping = true;
        event_add(&loop->events->pump, &zero);
    }
    arm_timer(loop);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    weft_loop *loop = arg;

    (void)fd, (void)what;
    if (!loop->running)
        pump(loop);
    else
        loop->pumping = false;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    weft_loop *loop = arg;

    (void)fd, (void)what;
    loop->events->timer_added = false;
    if (!loop->running)
        pump(loop);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    weft__mailbox_collect(arg);
}

void weft__loop_pump(weft_loop *loop)
{
    if (loop->pumping || loop->closed)
        return;
    loop->pumping = true;
    event_active(&loop->events->pump, EV_TIMEOUT, 0);
}

void weft__loop_listen(weft_loop *loop)
{
    struct weft__events *events = loop->events;
    bool wanted;

    if (!events)
        return; /* closed */
    /* What was posted before the last reference went is still to be collected. */
    pthread_mutex_lock(&loop->lock);
    wanted = (loop->refs > 1 || loop->posted) && !loop->closed;
    pthread_mutex_unlock(&loop->lock);
    if (wanted == events->wake_added)
        return;
    if (wanted)
        event_add(&events->wake, NULL);
    else
        event_del(&events->wake);
    events->wake_added = wanted;
}

/* ---- running ------------------------------------------------------------------------------------------------- */

/* Virtual time: nothing is ready; go to the next deadline.  Errors: WEFT_EDEADLOCK: there is none. */
static int jump(weft_loop *loop)
{
    if (!loop->heap.count)
        return WEFT_EDEADLOCK;
    if (loop->heap.slots[0].when > loop->virtual_now)
        loop->virtual_now = loop->heap.slots[0].when;
    return 0;
}

/* Look at libevent; block only if nothing is ready.  Errors: WEFT_EDEADLOCK; what the backend says. */
static int poll_events(weft_loop *loop)
{
    bool block = !anything_ready(loop) && !loop->stopping;
    int result;

    if (block && loop->is_virtual) {
        block = loop->io_waits > 0 || atomic_load(&loop->shared);
        if (!block) {
            event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
            return anything_ready(loop) ? 0 : jump(loop);
        }
    }
    if (block)
        arm_timer(loop);
    result = event_base_loop(loop->base, EVLOOP_ONCE | (block ? 0 : EVLOOP_NONBLOCK));
    if (result < 0)
        return errno ? -errno : -EIO;
    if (result == 1 && block && !anything_ready(loop))
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
    loop->running = true;
    weft__thread.loop = loop;
    weft__mailbox_collect(loop);
    for (;;) {
        result = poll_events(loop);
        if (result)
            break;
        turn(loop);
        result = loop->abort_code;
        if (result || (loop->stopping && weft__queue_empty(&loop->batch)))
            break;
    }
    loop->stopping = false;
    loop->abort_code = 0;
    loop->running = false;
    weft__thread.loop = NULL;
    if (!loop->own_base) {
        arm_timer(loop);
        if (anything_ready(loop))
            weft__loop_pump(loop);
    }
    return result;
}

int weft_run_forever(weft_loop *loop)
{
    weft__check_thread(loop, "weft_run_forever");
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

int weft_run_until_complete(weft_loop *loop, weft_future *future, void **value)
{
    struct completion completion = {
        .hook = {.node.kind = WEFT__NODE_HOOK, .fn = on_complete}, .loop = loop};
    int result;

    if (value)
        *value = NULL;
    weft__check_thread(loop, "weft_run_until_complete");
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

/* ---- life ------------------------------------------------------------------------------------------------------ */

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

/* The two futures that live with the loop; they are not counted. */
static void init_immortals(weft_loop *loop)
{
    weft__future_init(&loop->nomem, loop, &weft__plain_type, "out of memory");
    loop->nomem.state = WEFT__FAILED;
    loop->nomem.error = -ENOMEM;
    loop->nomem.flags = WEFT__READ | WEFT__NAMED;
    weft__future_init(&loop->round, loop, &weft__plain_type, "next round");
    loop->round.state = WEFT__FINISHED;
    loop->round.flags = WEFT__ROUND | WEFT__NAMED;
    loop->nomem.refs = loop->round.refs = WEFT__IMMORTAL;
    loop->futures = 0;
}

static pthread_mutex_t loops_lock = PTHREAD_MUTEX_INITIALIZER;
weft_loop *weft__loops;

static void link_loop(weft_loop *loop)
{
    pthread_mutex_lock(&loops_lock);
    loop->next_loop = weft__loops;
    if (weft__loops)
        weft__loops->prev_loop = loop;
    weft__loops = loop;
    pthread_mutex_unlock(&loops_lock);
}

static void unlink_loop(weft_loop *loop)
{
    pthread_mutex_lock(&loops_lock);
    if (loop->prev_loop)
        loop->prev_loop->next_loop = loop->next_loop;
    else
        weft__loops = loop->next_loop;
    if (loop->next_loop)
        loop->next_loop->prev_loop = loop->prev_loop;
    pthread_mutex_unlock(&loops_lock);
}

weft_loop *weft_loop_new(struct event_base *base)
{
    weft_loop *loop = weft__zalloc(sizeof(*loop));
    const char *debug = getenv("WEFT_DEBUG");

    if (!loop)
        return NULL;
    loop->own_base = !base;
    loop->base = base ? base : make_base();
    loop->events = weft__zalloc(sizeof(*loop->events));
    if (!loop->base || !loop->events || weft__mailbox_open(loop) != 0) {
        if (loop->own_base && loop->base)
            event_base_free(loop->base);
        weft__free(loop->events, sizeof(*loop->events));
        weft__free(loop, sizeof(*loop));
        return NULL;
    }
    weft__queue_init(&loop->ready);
    weft__queue_init(&loop->batch);
    loop->thread = pthread_self();
    loop->refs = 1;
    loop->debug = debug && *debug && *debug != '0';
    loop->slow_ns = WEFT__NS / 10;
    loop->edge_triggered = (event_base_get_features(loop->base) & EV_FEATURE_ET) != 0;
    init_immortals(loop);
    event_assign(&loop->events->timer, loop->base, -1, 0, on_timer, loop);
    event_assign(&loop->events->pump, loop->base, -1, 0, on_pump, loop);
    event_assign(&loop->events->wake, loop->base, loop->wake_read, EV_READ | EV_PERSIST, on_wake,
                 loop);
    weft__count(WEFT__COUNT_LOOPS, 1);
    link_loop(loop);
    return loop;
}

/* Whether an event that we have added is gone from its base: then the base was freed under us.  Looks at
 * the event alone. */
static bool was_freed(const struct event *event, bool added)
{
    return added && !(event->ev_evcallback.evcb_flags &
                      (EVLIST_INSERTED | EVLIST_TIMEOUT | EVLIST_ACTIVE | EVLIST_ACTIVE_LATER));
}

static void drop_queued(struct weft__node *queue)
{
    struct weft__node *node;

    while ((node = weft__queue_pop(queue))) {
        if (node->kind == WEFT__NODE_CALLBACK)
            weft__callback_drop(node);
        else if (node->kind == WEFT__NODE_POSTED)
            weft__posted_drop(node);
    }
}

int weft_loop_close(weft_loop *loop)
{
    struct weft__thread before = weft__thread;
    struct weft__events *events = loop->events;
    bool freed;

    weft__check_thread(loop, "weft_loop_close");
    if (loop->closed)
        return 0;
    if (loop->running || loop->draining)
        return WEFT_ERUNNING;
    freed = was_freed(&events->timer, events->timer_added) ||
            was_freed(&events->wake, events->wake_added) || was_freed(&events->pump, loop->pumping);
    weft__mailbox_collect(loop);
    loop->closed = true;
    weft__thread.loop = loop; /* cleanups may ask for it */
    weft__thread.task = NULL;
    while (loop->tasks)
        weft__task_abandon(loop->tasks);
    weft__mailbox_close(loop);
    freed = weft__ios_close(loop, freed) || freed;
    weft__timers_close(loop);
    drop_queued(&loop->batch);
    drop_queued(&loop->ready);
    weft__calls_close(loop);
    weft__thread = (struct weft__thread){before.loop, before.task, NULL, weft__thread.arena};
    if (!freed) {
        if (events->timer_added)
            event_del(&events->timer);
        if (events->wake_added)
            event_del(&events->wake);
        if (loop->pumping)
            event_del(&events->pump);
        if (loop->own_base)
            event_base_free(loop->base);
    }
    weft__free(events, sizeof(*events));
    loop->events = NULL;
    loop->base = NULL;
    unlink_loop(loop);
    weft__count(WEFT__COUNT_LOOPS, -1);
    if (!freed)
        return 0;
    weft__report(loop, "the event_base was freed before weft_loop_close", WEFT_EBASEFREED, NULL);
    return WEFT_EBASEFREED;
}

/* The memory goes when nobody holds the loop and no future points to it. */
void weft__loop_released(weft_loop *loop)
{
    if (loop->refs > 0 || loop->futures > 0)
        return;
    weft__mailbox_free(loop);
    weft__free(loop, sizeof(*loop));
}
