/* sink.c - signals in the process: one handler, and a table of sinks, one for each loop that has asked.
 *
 *     the kernel --> on_signal, in any thread --> each sink that wants the signal: pending = true, then wakes it
 *     the loop:  empties its wake-up, then collects what is pending
 *
 * Invariant: the flag is set before the wake-up is written, and read after that was emptied.  So it is a wake-up and no
 * more: one too many is harmless, and one that a full pipe refuses is not missed.
 *
 * The handler takes no lock; it reads atomics and writes.  Who takes a signal from a sink waits until no handler
 * is inside that sink (on another thread; on this one it has ended).  Then the descriptor can be closed: a late byte
 * would go to whichever file got its number.
 *
 *     what it was --the first sink that wants the signal--> on_signal --the last one no longer does--> what it was
 *
 * A handler that was there before is called, too, by ours: a signal is not taken away from who has it.  When ours is left
 * in place, because another one was installed over it, and that one then puts it back, it does what was done before.
 *
 * SIGINT goes to who waits for it.  If nobody watches it, and a runner's main runs, the handler counts for the
 * runner; the third one is fatal, from within the handler: that works also if a body never returns.
 *
 * Rejected: libevent's signal events, because they serve one event_base a process; signalfd, because it needs the
 * signal blocked in all threads, and children inherit that; a lock that the handler shares, because it may have
 * interrupted its holder.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "process/signal.h"

enum { SINKS = 64, FATAL = 3 };

static struct weft__sink sinks[SINKS];
static struct weft__sink *_Atomic interrupted; /* of the runner whose main runs */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int users; /* sinks that want it; a runner counts, too */
    struct sigaction before;
    /* for the handler: */
    atomic_bool used;
    _Atomic(uintptr_t) earlier; /* SIG_DFL, SIG_IGN, or the function that was there before */
    atomic_bool takes_info;     /* as SA_SIGINFO says */
    atomic_bool is_one_shot;    /* as SA_RESETHAND says: it is SIG_DFL after its first call */
} table[NSIG];

#if defined(__GNUC__)
#define AT_ONCE __attribute__((tls_model("initial-exec"))) /* a handler must not allocate it */
#else
#define AT_ONCE
#endif
static _Thread_local int passing_on AT_ONCE; /* the signal that an earlier handler is being told of */

/* ---- the handler ------------------------------------------------------------------------------------------- */

static void wake(struct weft__sink *sink)
{
    weft__wake_write(atomic_load(&sink->fd));
}

/* The default action, as if we had never been there. */
static void die(int signum)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    sigaction(signum, &action, NULL);
    raise(signum); /* comes when the handler returns */
}

static void count_interrupt(struct weft__sink *sink)
{
    atomic_fetch_add(&sink->inside, 1);
    if (atomic_load(&interrupted) == sink) {
        if (atomic_fetch_add(&sink->interrupts, 1) + 1 >= FATAL)
            die(SIGINT);
        wake(sink);
    }
    atomic_fetch_sub(&sink->inside, 1);
}

/* Call the handler that was there before.  If that one calls ours in turn, it has been over ours once. */
static void pass_on(int signum, siginfo_t *info, void *context)
{
    uintptr_t earlier = atomic_load(&table[signum].earlier);
    bool takes_info = atomic_load(&table[signum].takes_info);
    int outer = passing_on;

    if (earlier == (uintptr_t)SIG_DFL || earlier == (uintptr_t)SIG_IGN)
        return;
    if (atomic_load(&table[signum].is_one_shot) &&
        !atomic_compare_exchange_strong(&table[signum].earlier, &earlier, (uintptr_t)SIG_DFL))
        return;
    passing_on = signum;
    if (takes_info)
        ((void (*)(int, siginfo_t *, void *))earlier)(signum, info, context);
    else
        ((void (*)(int))earlier)(signum);
    passing_on = outer;
}

static void on_signal(int signum, siginfo_t *info, void *context)
{
    struct weft__sink *runner = atomic_load(&interrupted);
    bool taken = false;
    int error = errno;

    if (passing_on == signum)
        return;
    for (int i = 0; i < SINKS; i++) {
        struct weft__sink *sink = &sinks[i];

        if (!atomic_load(&sink->wanted[signum]))
            continue;
        atomic_fetch_add(&sink->inside, 1);
        if (atomic_load(&sink->wanted[signum])) {
            taken = true;
            atomic_store(&sink->pending[signum], true);
            wake(sink);
        }
        atomic_fetch_sub(&sink->inside, 1);
    }
    if (signum == SIGINT && !taken && runner)
        count_interrupt(runner);
    else if (!atomic_load(&table[signum].used) &&
             atomic_load(&table[signum].earlier) == (uintptr_t)SIG_DFL)
        die(signum);
    pass_on(signum, info, context);
    errno = error;
}

/* Nobody can enter any more; wait until those that were inside have left. */
static void wait_outside(struct weft__sink *sink)
{
    while (atomic_load(&sink->inside))
        sched_yield();
}

/* ---- the table; under the lock ----------------------------------------------------------------------------- */

static bool is_ours(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO && action->sa_sigaction == on_signal;
}

static bool is_function(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO ||
           (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

/* Remember what was there, where the handler finds it. */
static void remember(int signum, const struct sigaction *before)
{
    table[signum].before = *before;
    atomic_store(&table[signum].earlier, (uintptr_t)SIG_IGN); /* while the rest changes */
    atomic_store(&table[signum].takes_info, (before->sa_flags & SA_SIGINFO) != 0);
    atomic_store(&table[signum].is_one_shot, (before->sa_flags & (int)SA_RESETHAND) != 0);
    atomic_store(&table[signum].earlier, before->sa_flags & SA_SIGINFO
                                             ? (uintptr_t)before->sa_sigaction
                                             : (uintptr_t)before->sa_handler);
}

/* Install our handler, which runs as the one before did.  Errors: what sigaction says. */
static int install(int signum, const struct sigaction *before)
{
    static const int kept = SA_RESTART | SA_NODEFER | SA_NOCLDSTOP | SA_NOCLDWAIT;
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_RESTART};

    if (is_function(before)) {
        action.sa_mask = before->sa_mask;
        action.sa_flags = before->sa_flags & kept;
    } else {
        sigemptyset(&action.sa_mask);
    }
    action.sa_flags |= SA_SIGINFO | SA_ONSTACK;
    remember(signum, before); /* first: from now on the handler may run */
    return sigaction(signum, &action, NULL) == 0 ? 0 : -errno;
}

/* One more wants a signal.  Errors: what sigaction says. */
static int use(int signum)
{
    struct sigaction now;
    int error = sigaction(signum, NULL, &now) == 0 ? 0 : -errno;

    if (!error && !table[signum].users && !is_ours(&now))
        error = install(signum, &now);
    if (error)
        return error;
    table[signum].users++;
    atomic_store(&table[signum].used, true);
    return 0;
}

/* One less; what another part of the program has installed meanwhile stays. */
static void disuse(int signum)
{
    struct sigaction now, *before = &table[signum].before;

    if (--table[signum].users > 0)
        return;
    atomic_store(&table[signum].used, false);
    if (before->sa_flags & (int)SA_RESETHAND &&
        atomic_load(&table[signum].earlier) == (uintptr_t)SIG_DFL)
        *before = (struct sigaction){.sa_handler = SIG_DFL};
    if (sigaction(signum, NULL, &now) == 0 && is_ours(&now))
        sigaction(signum, before, NULL);
}

/* Wanted first: between the two the signal is ours already, and must find where to go. */
int weft__sink_watch(struct weft__sink *sink, int signum)
{
    int error;

    pthread_mutex_lock(&lock);
    atomic_store(&sink->wanted[signum], true);
    error = use(signum);
    if (error) {
        atomic_store(&sink->wanted[signum], false);
        wait_outside(sink);
        atomic_store(&sink->pending[signum], false);
    }
    pthread_mutex_unlock(&lock);
    return error;
}

/* Who had a handler under ours, and took it away, took ours along, and left none. */
void weft__sink_insist(int signum)
{
    struct sigaction now;

    pthread_mutex_lock(&lock);
    if (table[signum].users && sigaction(signum, NULL, &now) == 0 && !is_function(&now))
        (void)install(signum, &now);
    pthread_mutex_unlock(&lock);
}

/* In the reverse order: what still comes meanwhile is pending afterwards. */
void weft__sink_forget(struct weft__sink *sink, int signum)
{
    pthread_mutex_lock(&lock);
    disuse(signum);
    atomic_store(&sink->wanted[signum], false);
    wait_outside(sink);
    pthread_mutex_unlock(&lock);
}

/* ---- forks ------------------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

/* The loop's thread is not in the child: nobody would collect what its sink takes. */
static void abandon(struct weft__sink *sink)
{
    for (int signum = 1; signum < NSIG; signum++)
        if (atomic_exchange(&sink->wanted[signum], false))
            disuse(signum);
    if (atomic_load(&interrupted) != sink)
        return;
    atomic_store(&interrupted, NULL);
    disuse(SIGINT);
}

/* What wakes us must not wake the parent.  A handler that comes meanwhile writes into one or the other; so, as always,
 * once more. */
static void in_child(void)
{
    for (int i = 0; i < SINKS; i++) {
        struct weft__sink *sink = &sinks[i];

        if (!sink->loop)
            continue;
        atomic_store(&sink->inside, 0);
        weft__wake_renew(sink->fds);
        if (weft__is_here(sink->loop))
            wake(sink);
        else
            abandon(sink);
    }
    pthread_mutex_unlock(&lock);
}

static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, in_parent, in_child);
}

void weft__sink_forked(struct weft__sink *sink)
{
    struct sigaction now;

    pthread_mutex_lock(&lock);
    for (int signum = 1; signum < NSIG; signum++) {
        bool ours = atomic_load(&sink->wanted[signum]) ||
                    (signum == SIGINT && atomic_load(&interrupted) == sink);

        if (ours && sigaction(signum, NULL, &now) == 0 && !is_ours(&now))
            (void)install(signum, &now);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- sinks ------------------------------------------------------------------------------------------------- */

struct weft__sink *weft__sink_take(weft_loop *loop, const int fds[2])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct weft__sink *sink = NULL;

    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SINKS && !sink; i++)
        if (!sinks[i].loop)
            sink = &sinks[i];
    if (sink) {
        sink->loop = loop;
        memcpy(sink->fds, fds, sizeof(sink->fds));
        atomic_store(&sink->fd, fds[1]);
    }
    pthread_mutex_unlock(&lock);
    return sink;
}

void weft__sink_give_back(struct weft__sink *sink)
{
    pthread_mutex_lock(&lock);
    weft__wake_close(sink->fds);
    for (int signum = 0; signum < NSIG; signum++)
        atomic_store(&sink->pending[signum], false);
    sink->loop = NULL;
    pthread_mutex_unlock(&lock);
}

/* ---- SIGINT of a runner ------------------------------------------------------------------------------------ */

/* Ctrl-C belongs to the program's main thread: a helper thread that runs a loop of its own must not take it away. */
bool weft__on_main_thread(void)
{
#ifdef __linux__
    return syscall(SYS_gettid) == getpid();
#else
    return true;
#endif
}

/* Whether SIGINT has its default action, or had it before loops came to watch it; under the lock. */
static bool sigint_is_free(void)
{
    struct sigaction now = table[SIGINT].before;

    if (!table[SIGINT].users && sigaction(SIGINT, NULL, &now) != 0)
        return false;
    if (is_ours(&now)) /* left in place */
        now = table[SIGINT].before;
    return !is_function(&now) && now.sa_handler == SIG_DFL;
}

bool weft__sink_interrupt(struct weft__sink *sink)
{
    bool ours;

    pthread_mutex_lock(&lock);
    ours = weft__on_main_thread() && !atomic_load(&interrupted) && sigint_is_free();
    if (ours) {
        atomic_store(&sink->interrupts, 0);
        atomic_store(&interrupted, sink);
        ours = use(SIGINT) == 0;
    }
    if (!ours && atomic_load(&interrupted) == sink)
        atomic_store(&interrupted, NULL);
    pthread_mutex_unlock(&lock);
    return ours;
}

void weft__sink_uninterrupt(struct weft__sink *sink)
{
    pthread_mutex_lock(&lock);
    disuse(SIGINT);
    atomic_store(&interrupted, NULL);
    wait_outside(sink);
    pthread_mutex_unlock(&lock);
}
