/* signal.c - a loop's signals, as futures; and SIGINT for its runner.
 *
 * The handler, in whichever thread, writes into a wake-up of the loop's: see sink.c.  Here the loop collects what has come.
 *
 *     IGNORED --weft_signal--> WATCHED: a signal ends all waits for it, or is kept for the next
 *        ^                        |
 *        +-- restore, close ------+
 *
 * Invariant: a wait is listed exactly as long as it is pending; then its signal is watched, and none is kept.
 *
 * Rejected: an event that stays added, because it would keep a host's dispatch going.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <weft/signal.h>

#include "base/alloc.h"
#include "core/events.h"
#include "process/signal.h"

struct signals {
    struct weft__part part;
    struct weft__sink *sink; /* NULL: not opened yet, or closed */
    struct event event;      /* the sink's wake-up, while somebody listens */
    bool wanted, added;
    size_t wait_count;
    struct weft__interrupt *interrupt;
    struct weft__node waits; /* pending ones, in the order in which they came */
    bool kept[NSIG];         /* came while nobody waited */
};

struct wait {
    weft_future future;
    struct weft__node place;
    struct signals *signals;
    int signum;
};

/* ---- a loop's signals -------------------------------------------------------------------------------------- */

static bool signals_may_wake(const struct weft__part *part);
static void signals_arm(struct weft__part *part);
static bool signals_base_gone(const struct weft__part *part);
static void signals_forget_base(struct weft__part *part);
static void signals_end_waits(struct weft__part *part);
static void signals_forked(struct weft__part *part);
static void signals_close(struct weft__part *part);

static const struct weft__part_type signals_type = {.size = sizeof(struct signals),
                                                    .may_wake = signals_may_wake,
                                                    .arm = signals_arm,
                                                    .base_gone = signals_base_gone,
                                                    .forget_base = signals_forget_base,
                                                    .end_waits = signals_end_waits,
                                                    .forked = signals_forked,
                                                    .close = signals_close};

static struct signals *signals_of(struct weft__part *part)
{
    return (struct signals *)(void *)part;
}

/* A loop's, if they are open; or NULL. */
static struct signals *signals_find(const weft_loop *loop)
{
    struct signals *signals = weft__part_find(loop, &signals_type);

    return signals && signals->sink ? signals : NULL;
}

static void arrived(struct signals *signals);

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct signals *signals = arg;

    (void)fd, (void)what;
    weft__fork_check(signals->part.loop);
    arrived(signals);
}

/* Prepare the event, and let libevent reserve its memory.  Errors: -ENOMEM; what the backend says. */
static int reserve_event(struct signals *signals, int fd)
{
    int error;

    event_assign(&signals->event, signals->part.loop->base, fd, EV_READ | EV_PERSIST, on_readable,
                 signals);
    error = weft__event_add(&signals->event, NULL);
    event_del(&signals->event);
    return error;
}

/* At the first use.  They stay open until the loop is closed. */
static int signals_open(weft_loop *loop)
{
    struct signals *signals = weft__part_need(loop, &signals_type);
    int fds[2], error;

    if (!signals)
        return -ENOMEM;
    if (signals->sink)
        return 0;
    error = weft__wake_open(fds);
    if (error)
        return error;
    error = reserve_event(signals, fds[0]);
    if (!error && !(signals->sink = weft__sink_take(loop, fds)))
        error = -EMFILE;
    if (error) {
        weft__wake_close(fds);
        return error;
    }
    weft__queue_init(&signals->waits);
    return 0;
}

/* Look at the wake-up only while somebody waits: what comes meanwhile waits there.  When the loop closes, its base may
 * be gone: nothing is added then. */
static void listen_or_not(struct signals *signals)
{
    bool wanted = signals->wait_count > 0 || signals->interrupt;

    signals->wanted = wanted && !signals->part.loop->closed;
    signals_arm(&signals->part);
}

static void signals_arm(struct weft__part *part)
{
    struct signals *signals = signals_of(part);

    if (signals->wanted == signals->added)
        return;
    weft__fork_check(part->loop);
    if (signals->wanted)
        signals->added = weft__event_add_or_poll(part->loop, &signals->event, NULL);
    else
        signals->added = event_del(&signals->event) != 0;
    part->loop->idle_events += signals->wanted == signals->added ? signals->added ? 1 : -1 : 0;
}

/* Those who wait may be woken at any time; and a SIGINT may have come that the runner has not heard of. */
static bool signals_may_wake(const struct weft__part *part)
{
    const struct signals *signals = (const struct signals *)(const void *)part;
    const struct weft__interrupt *interrupt = signals->interrupt;

    return signals->wait_count > 0 ||
           (interrupt && atomic_load(&signals->sink->interrupts) != interrupt->heard);
}

static bool signals_base_gone(const struct weft__part *part)
{
    const struct signals *signals = (const struct signals *)(const void *)part;

    return weft__event_gone(&signals->event, signals->added);
}

static void signals_forget_base(struct weft__part *part)
{
    signals_of(part)->added = signals_of(part)->wanted = false;
}

static void signals_forked(struct weft__part *part)
{
    if (signals_of(part)->sink)
        weft__sink_forked(signals_of(part)->sink);
}

static void wait_leave(struct wait *wait)
{
    if (!wait->place.next)
        return;
    weft__queue_remove(&wait->place);
    wait->signals->wait_count--;
}

static void wait_drop(weft_future *future)
{
    struct wait *wait = (struct wait *)(void *)future;

    if (!wait->place.next)
        return;
    wait_leave(wait);
    listen_or_not(wait->signals);
}

static bool wait_cancel(weft_future *future, const char *reason, const char *where)
{
    wait_drop(future);
    weft__future_cancelled(future, reason, where);
    return true;
}

static const struct weft__future_type wait_type = {
    .name = "signal", .size = sizeof(struct wait), .cancel = wait_cancel, .drop = wait_drop};

/* End the waits for a signal: it has come, or (an error) will not.  Returns whether there were any. */
static bool end_waits(struct signals *signals, int signum, int error)
{
    struct weft__node *next;
    bool any = false;

    for (struct weft__node *node = signals->waits.next; node != &signals->waits; node = next) {
        struct wait *wait = weft__container_of(node, struct wait, place);

        next = node->next;
        if (wait->signum != signum)
            continue;
        any = true;
        wait_leave(wait);
        if (error)
            weft__future_fail(&wait->future, error);
        else
            weft__future_finish(&wait->future, weft_from_int(signum), NULL);
    }
    return any;
}

/* Something has come, or may have. */
static void arrived(struct signals *signals)
{
    struct weft__interrupt *interrupt = signals->interrupt;
    struct weft__sink *sink = signals->sink;
    char bytes[256];
    int count;

    while (read(sink->fds[0], bytes, sizeof(bytes)) > 0 || errno == EINTR)
        ;
    for (int signum = 1; signum < NSIG; signum++)
        if (atomic_load(&sink->pending[signum]) && atomic_exchange(&sink->pending[signum], false))
            signals->kept[signum] = !end_waits(signals, signum, 0);
    listen_or_not(signals);
    if (!interrupt || (count = atomic_load(&sink->interrupts)) == interrupt->heard)
        return;
    interrupt->heard = count;
    interrupt->fn(interrupt, count);
}

/* ---- waiting ----------------------------------------------------------------------------------------------- */

/* Those that the kernel raises at an instruction come again when their handler returns. */
static bool can_wait_for(int signum)
{
    switch (signum) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGSYS:
        return false;
    default:
        return signum >= 1 && signum < NSIG;
    }
}

/* For dumps and reports; NULL: one that few programs wait for. */
static const char *name_of(int signum)
{
    static const struct {
        int signum;
        const char *name;
    } names[] = {{SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},
                 {SIGTERM, "SIGTERM"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"},
                 {SIGCHLD, "SIGCHLD"}, {SIGALRM, "SIGALRM"}, {SIGWINCH, "SIGWINCH"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (names[i].signum == signum)
            return names[i].name;
    return NULL;
}

static int watch(weft_loop *loop, int signum, struct signals **signals)
{
    int error;

    if (loop->closed)
        return WEFT_ECLOSED;
    if (!can_wait_for(signum))
        return -EINVAL;
    error = signals_open(loop);
    *signals = signals_find(loop);
    if (error)
        return error;
    if (!atomic_load(&(*signals)->sink->wanted[signum]))
        return weft__sink_watch((*signals)->sink, signum);
    weft__sink_insist(signum);
    return 0;
}

weft_future *weft_signal(weft_loop *loop, int signum)
{
    struct signals *signals;
    struct wait *wait;
    int error;

    loop = weft__loop_of(loop);
    wait = (struct wait *)(void *)weft__future_make(loop, &wait_type, name_of(signum));
    if (!wait)
        return weft__failed(loop, -ENOMEM, NULL);
    error = watch(loop, signum, &signals);
    if (error) {
        weft_future_unref(&wait->future);
        return weft__failed(loop, error, NULL);
    }
    wait->future.flags |= WEFT__NAMED;
    wait->signum = signum;
    wait->signals = signals;
    arrived(signals);
    if (signals->kept[signum]) {
        signals->kept[signum] = false;
        weft__future_finish(&wait->future, weft_from_int(signum), NULL);
        return &wait->future;
    }
    weft__queue_push(&signals->waits, &wait->place);
    signals->wait_count++;
    listen_or_not(signals);
    return &wait->future;
}

int weft_signal_restore(weft_loop *loop, int signum)
{
    struct signals *signals;

    loop = weft__loop_of(loop);
    signals = signals_find(loop);
    if (!can_wait_for(signum))
        return -EINVAL;
    if (!signals || !atomic_load(&signals->sink->wanted[signum]))
        return WEFT_EINVALIDSTATE;
    weft__sink_forget(signals->sink, signum);
    arrived(signals); /* for those who still wait */
    signals->kept[signum] = false;
    end_waits(signals, signum, WEFT_EABANDONED);
    listen_or_not(signals);
    return 0;
}

static void signals_end_waits(struct weft__part *part)
{
    struct signals *signals = signals_of(part);

    while (signals->sink && !weft__queue_empty(&signals->waits)) {
        struct wait *wait = weft__container_of(signals->waits.next, struct wait, place);

        wait_leave(wait);
        weft__future_fail(&wait->future, WEFT_ECLOSED);
    }
}

static void signals_close(struct weft__part *part)
{
    struct signals *signals = signals_of(part);

    if (!signals->sink)
        return;
    for (int signum = 1; signum < NSIG; signum++)
        if (atomic_load(&signals->sink->wanted[signum]))
            weft__sink_forget(signals->sink, signum);
    listen_or_not(signals);
    weft__sink_give_back(signals->sink);
    signals->sink = NULL;
}

/* ---- SIGINT of a runner ------------------------------------------------------------------------------------ */

int weft__interrupt_prepare(weft_loop *loop)
{
    return weft__on_main_thread() ? signals_open(loop) : 0;
}

void weft__interrupt_begin(weft_loop *loop, struct weft__interrupt *interrupt)
{
    struct signals *signals = signals_find(loop);

    interrupt->heard = 0;
    if (!signals || !weft__sink_interrupt(signals->sink))
        return;
    signals->interrupt = interrupt;
    listen_or_not(signals);
}

int weft__interrupt_end(weft_loop *loop)
{
    struct signals *signals = signals_find(loop);

    if (!signals || !signals->interrupt)
        return 0;
    weft__sink_uninterrupt(signals->sink);
    signals->interrupt = NULL;
    listen_or_not(signals);
    return atomic_load(&signals->sink->interrupts);
}
