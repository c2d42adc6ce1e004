/* events.c - libevent underneath: a loop's own events, and its turns on a host's base.
 *
 * Who calls turns:
 *   weft_run_    see loop.c
 *   the host     its dispatch calls our pump event, which does one turn.  If something is still ready, the pump is
 *                added with a timeout of zero, and not activated: an event that activates itself stays in
 *                libevent's queue, and starves descriptors.
 *
 * Three events of libevent's, each added only while it can bring something, so that neither the host's
 * dispatch nor our own run is kept going for nothing:
 *   timer        the first deadline of our heap; added before each wait if that has changed
 *   wake         other threads; while somebody else holds a reference on the loop
 *   pump         adopted base only; while something is ready
 *
 * Adding one may take memory.  What can be reserved is, when the loop is opened: libevent keeps a descriptor's
 * entry, and its heap's size.  But a host's events may use that up.  Then the loop polls: the pump is activated,
 * which takes no memory, until all are added.  A turn of libevent's comes between, as it is told to begin anew
 * (event_base_loopcontinue); only a host's event_base_loop(ONCE or NONBLOCK) does not return meanwhile.
 */
#include "config.h"

#include <errno.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/alloc.h"
#include "core/events.h"
#include "core/loop.h"
#include "core/round.h"

struct weft__events {
    struct event timer;
    struct event wake;
    struct event pump;
    bool timer_added;
    bool wake_added;
    bool polling; /* one could not be added */
};

/* ---- adding ------------------------------------------------------------------------------------------------ */

int weft__event_add(struct event *event, const struct timeval *timeout)
{
    errno = 0;
    if (event_add(event, timeout) == 0)
        return 0;
    return errno ? -errno : -ENOMEM;
}

bool weft__event_add_or_poll(weft_loop *loop, struct event *event, const struct timeval *timeout)
{
    if (weft__event_add(event, timeout) == 0)
        return true;
    loop->events->polling = true;
    weft__loop_pump(loop);
    event_base_loopcontinue(loop->base);
    return false;
}

/* A day, in us: a time_t may have 32 bits, and backends give up on long timeouts, and poll. */
static const int64_t LONGEST = (int64_t)24 * 3600 * 1000000;

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
    left = first - weft__monotonic();
    left = left > 0 ? (left + 999) / 1000 : 0;
    left = left < LONGEST ? left : LONGEST;
    timeout.tv_sec = (time_t)(left / 1000000);
    timeout.tv_usec = (suseconds_t)(left % 1000000);
    events->timer_added = weft__event_add_or_poll(loop, &events->timer, &timeout);
    loop->armed = first;
}

void weft__events_arm(weft_loop *loop, bool block)
{
    struct weft__events *events = loop->events;

    if (weft__unlikely(events->polling)) {
        events->polling = false;
        weft__loop_listen(loop);
        for (struct weft__part *part = loop->parts; part; part = part->next)
            if (part->type->arm)
                part->type->arm(part);
    }
    if (block)
        arm_timer(loop);
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

    if (loop->closed)
        return;
    /* In this order: a thread posts first and gives its reference back then. */
    wanted = atomic_load(&loop->mailbox.shared);
    wanted = wanted || atomic_load(&loop->mailbox.waits) || loop->mailbox.due > 0;
    if (wanted == events->wake_added)
        return;
    weft__fork_check(loop);
    if (wanted)
        wanted = weft__event_add_or_poll(loop, &events->wake, NULL);
    else
        event_del(&events->wake);
    events->wake_added = wanted;
}

bool weft__events_awaited(const weft_loop *loop)
{
    return event_base_get_num_events(loop->base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE) >
           loop->idle_events;
}

/* ---- what libevent calls ----------------------------------------------------------------------------------- */

/* The host's dispatch has come to us: run a turn, or a round. */
static void pump(weft_loop *loop, void (*go)(weft_loop *loop))
{
    static const struct timeval zero = {0, 0};
    struct weft__thread before = weft__thread;

    weft__only_here(loop, "a dispatch of its event_base");
    weft__fork_check(loop);
    loop->pumping = false;
    weft__thread.loop = loop;
    weft__thread.task = NULL;
    go(loop);
    weft__thread.loop = before.loop;
    weft__thread.task = before.task;
    loop->abort_code = 0; /* there is no run to end */
    loop->stopping = false;
    if (weft__anything_ready(loop)) {
        weft__event_add_or_poll(loop, &loop->events->pump, &zero);
        loop->pumping = true;
    }
    weft__events_arm(loop, true);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    weft_loop *loop = arg;

    (void)fd, (void)what;
    if (!loop->running)
        pump(loop, weft__turn);
    else
        loop->pumping = false;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    weft_loop *loop = arg;

    (void)fd, (void)what;
    loop->events->timer_added = false;
    if (!loop->running)
        pump(loop, weft__turn);
}

void weft__loop_follow(weft_loop *loop)
{
    bool last = --loop->rounds_left == 0;

    if (!loop->running)
        pump(loop, last ? weft__turn : weft__round);
    else if (last)
        weft__turn(loop);
    else
        weft__round(loop);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    weft__only_here(arg, "a dispatch of its event_base");
    weft__fork_check(arg);
    weft__mailbox_collect(arg);
}

/* ---- life -------------------------------------------------------------------------------------------------- */

int weft__events_open(weft_loop *loop)
{
    static const struct timeval hour = {3600, 0};
    struct weft__events *events = weft__zalloc(sizeof(*events));
    int error;

    if (!events)
        return -ENOMEM;
    event_assign(&events->timer, loop->base, -1, 0, on_timer, loop);
    event_assign(&events->pump, loop->base, -1, 0, on_pump, loop);
    event_assign(&events->wake, loop->base, loop->mailbox.wake[0], EV_READ | EV_PERSIST, on_wake,
                 loop);
    error = weft__event_add(&events->timer,
                            &hour); /* to reserve; two at once need two places in the heap */
    if (!error)
        error = weft__event_add(&events->pump, &hour);
    if (!error)
        error = weft__event_add(&events->wake, NULL);
    event_del(&events->timer);
    event_del(&events->pump);
    event_del(&events->wake);
    if (error)
        weft__free(events, sizeof(*events));
    else
        loop->events = events;
    return error;
}

bool weft__event_gone(const struct event *event, bool added)
{
    return added && !(event->ev_evcallback.evcb_flags &
                      (EVLIST_INSERTED | EVLIST_TIMEOUT | EVLIST_ACTIVE | EVLIST_ACTIVE_LATER));
}

bool weft__events_gone(weft_loop *loop)
{
    struct weft__events *events = loop->events;
    bool gone = weft__event_gone(&events->timer, events->timer_added) ||
                weft__event_gone(&events->wake, events->wake_added) ||
                weft__event_gone(&events->pump, loop->pumping);

    for (struct weft__part *part = loop->parts; part && !gone; part = part->next)
        gone = part->type->base_gone && part->type->base_gone(part);
    if (!gone)
        return false;
    events->timer_added = events->wake_added = loop->pumping = false;
    for (struct weft__part *part = loop->parts; part; part = part->next)
        if (part->type->forget_base)
            part->type->forget_base(part);
    return true;
}

void weft__events_close(weft_loop *loop)
{
    struct weft__events *events = loop->events;

    if (events->timer_added)
        event_del(&events->timer);
    if (events->wake_added)
        event_del(&events->wake);
    if (loop->pumping)
        event_del(&events->pump);
    weft__free(events, sizeof(*events));
    loop->events = NULL;
}
