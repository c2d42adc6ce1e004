/* signal.c - a loop's signals, as futures; and SIGINT for its runner.
 *
 * The handler, in whichever thread, writes into the loop's pipe: see sink.c.  Here the loop collects what has come.
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

#include <weft/signal.h>

#include "alloc.h"
#include "signal_priv.h"

struct weft__signals {
    struct weft__sink *sink;
    int fd; /* the pipe's read end */
    struct weft__interrupt *interrupt;
    struct weft__node waits; /* pending ones, in the order in which they came */
    bool kept[NSIG];         /* came while nobody waited */
};

struct wait {
    weft_future future;
    struct weft__node place;
    int signum;
};

/* ---- a loop's signals -------------------------------------------------------------------------------------- */

/* At the first use.  It stays until the loop is closed. */
static int signals_open(weft_loop *loop)
{
    struct weft__signals *signals;
    int fds[2], error;

    if (loop->signals)
        return 0;
    signals = weft__zalloc(sizeof(*signals));
    if (!signals)
        return -ENOMEM;
    error = weft__wake_pipe(fds);
    if (!error) {
        error = weft__events_open_signals(loop, fds[0]);
        if (!error && !(signals->sink = weft__sink_take(fds[1])))
            error = -EMFILE;
        if (error) {
            close(fds[0]);
            close(fds[1]);
        }
    }
    if (error) {
        weft__free(signals, sizeof(*signals));
        return error;
    }
    signals->fd = fds[0];
    weft__queue_init(&signals->waits);
    loop->signals = signals;
    return 0;
}

/* Look at the pipe only while somebody waits: what comes meanwhile waits there.  When the loop closes, its base may
 * be gone: nothing is added then. */
static void listen_or_not(weft_loop *loop)
{
    const struct weft__signals *signals = loop->signals;
    bool wanted = loop->signal_waits > 0 || signals->interrupt;

    weft__loop_watch_signals(loop, wanted && !loop->closed);
}

static void wait_leave(struct wait *wait)
{
    if (!wait->place.next)
        return;
    weft__queue_remove(&wait->place);
    wait->future.loop->signal_waits--;
}

static void wait_drop(weft_future *future)
{
    struct wait *wait = (struct wait *)(void *)future;

    if (!wait->place.next)
        return;
    wait_leave(wait);
    listen_or_not(future->loop);
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
static bool end_waits(struct weft__signals *signals, int signum, int error)
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

void weft__signals_arrived(weft_loop *loop)
{
    struct weft__signals *signals = loop->signals;
    struct weft__interrupt *interrupt = signals->interrupt;
    struct weft__sink *sink = signals->sink;
    char bytes[256];
    int count;

    while (read(signals->fd, bytes, sizeof(bytes)) > 0 || errno == EINTR)
        ;
    for (int signum = 1; signum < NSIG; signum++)
        if (atomic_load(&sink->pending[signum]) && atomic_exchange(&sink->pending[signum], false))
            signals->kept[signum] = !end_waits(signals, signum, 0);
    listen_or_not(loop);
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

static int watch(weft_loop *loop, int signum)
{
    int error;

    if (loop->closed)
        return WEFT_ECLOSED;
    if (!can_wait_for(signum))
        return -EINVAL;
    error = signals_open(loop);
    if (error || atomic_load(&loop->signals->sink->wanted[signum]))
        return error;
    return weft__sink_watch(loop->signals->sink, signum);
}

weft_future *weft_signal(weft_loop *loop, int signum)
{
    struct wait *wait;
    int error;

    loop = weft__loop_of(loop);
    wait = (struct wait *)(void *)weft__future_make(loop, &wait_type, name_of(signum));
    if (!wait)
        return weft__failed(loop, -ENOMEM, NULL);
    error = watch(loop, signum);
    if (error) {
        weft_future_unref(&wait->future);
        return weft__failed(loop, error, NULL);
    }
    wait->future.flags |= WEFT__NAMED;
    wait->signum = signum;
    weft__signals_arrived(loop);
    if (loop->signals->kept[signum]) {
        loop->signals->kept[signum] = false;
        weft__future_finish(&wait->future, weft_from_int(signum), NULL);
        return &wait->future;
    }
    weft__queue_push(&loop->signals->waits, &wait->place);
    loop->signal_waits++;
    listen_or_not(loop);
    return &wait->future;
}

int weft_signal_restore(weft_loop *loop, int signum)
{
    struct weft__signals *signals;

    loop = weft__loop_of(loop);
    signals = loop->signals;
    if (!can_wait_for(signum))
        return -EINVAL;
    if (!signals || !atomic_load(&signals->sink->wanted[signum]))
        return WEFT_EINVALIDSTATE;
    weft__sink_forget(signals->sink, signum);
    weft__signals_arrived(loop); /* for those who still wait */
    signals->kept[signum] = false;
    end_waits(signals, signum, WEFT_EABANDONED);
    listen_or_not(loop);
    return 0;
}

void weft__signals_close(weft_loop *loop)
{
    struct weft__signals *signals = loop->signals;

    if (!signals)
        return;
    for (int signum = 1; signum < NSIG; signum++)
        if (atomic_load(&signals->sink->wanted[signum]))
            weft__sink_forget(signals->sink, signum);
    while (!weft__queue_empty(&signals->waits)) {
        struct wait *wait = weft__container_of(signals->waits.next, struct wait, place);

        wait_leave(wait);
        weft__future_fail(&wait->future,
                          WEFT_ECLOSED); /* waiters are dropped: with them other waits may go */
    }
    weft__loop_watch_signals(loop, false);
    close(signals->fd);
    weft__sink_give_back(signals->sink);
    loop->signals = NULL;
    weft__free(signals, sizeof(*signals));
}

/* ---- SIGINT of a runner ------------------------------------------------------------------------------------ */

int weft__interrupt_prepare(weft_loop *loop)
{
    return weft__on_main_thread() ? signals_open(loop) : 0;
}

void weft__interrupt_begin(weft_loop *loop, struct weft__interrupt *interrupt)
{
    struct weft__signals *signals = loop->signals;

    interrupt->heard = 0;
    if (!signals || !weft__sink_interrupt(signals->sink))
        return;
    signals->interrupt = interrupt;
    listen_or_not(loop);
}

int weft__interrupt_end(weft_loop *loop)
{
    struct weft__signals *signals = loop->signals;

    if (!signals || !signals->interrupt)
        return 0;
    weft__sink_uninterrupt(signals->sink);
    signals->interrupt = NULL;
    listen_or_not(loop);
    return atomic_load(&signals->sink->interrupts);
}
