/* mailbox.c - what other threads post: calls, cancels, references given back, and the ends of jobs.
 *
 * One lock guards the list, the number of references on the loop, and whether it is closed; so a post either
 * comes before the close, or is refused.  The descriptor is written once until the loop has collected.
 *
 * A mutex is not fair: a flood of posts would keep the loop out.  So it says that it wants the lock (`collecting`), and
 * who posts and has got the lock meanwhile gives it back, and waits until the loop has been in.
 *
 * Who posts holds the loop in one of two ways: by a reference (weft_loop_ref), which keeps it open; or as a
 * guest, a thread of the library's own, which keeps only its memory.
 *
 * Rejected: to spin until the loop has been in: a thread of higher priority, on the loop's processor, would spin for
 * ever.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#ifdef HAVE_SYS_EVENTFD_H
#include <sys/eventfd.h>
#endif

#include "base/alloc.h"
#include "core/events.h"
#include "core/loop.h"
#include "core/round.h"

/* A letter that weft_call_soon_threadsafe and its kin write. */
struct posted {
    struct weft__letter letter;
    weft_loop *loop;
    weft_call_fn *fn;
    void *arg;
    const char *reason; /* a cancel's */
};

int weft__wake_open(int fds[2])
{
#ifdef HAVE_EVENTFD
    fds[0] = fds[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fds[0] < 0 ? -errno : 0;
#else
#ifdef HAVE_PIPE2
    return pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0 ? 0 : -errno;
#else
    if (pipe(fds) != 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
#endif
#endif
}

void weft__wake_write(int fd)
{
    static const uint64_t one = 1; /* what an eventfd takes */

    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void weft__wake_close(const int fds[2])
{
    close(fds[0]);
    if (fds[1] != fds[0])
        close(fds[1]);
}

void weft__wake_renew(const int fds[2])
{
    int fresh[2];

    if (fds[0] == fds[1])
        close(fds[0]); /* it may have been the last that could be had */
    if (weft__wake_open(fresh) != 0)
        return;
    for (int i = 0; i < 2; i++)
        if (fresh[i] != fds[i] && (i == 0 || fds[0] != fds[1])) {
            dup2(fresh[i], fds[i]);
            fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        }
    if (fresh[0] != fds[0])
        weft__wake_close(fresh);
}

int weft__mailbox_open(weft_loop *loop)
{
    int error = weft__wake_open(loop->mailbox.wake);

    if (error)
        return error;
    pthread_mutex_init(&loop->mailbox.lock, NULL);   /* cannot fail without attributes, */
    pthread_cond_init(&loop->mailbox.entered, NULL); /* nor can this */
    return 0;
}

void weft__mailbox_destroy(weft_loop *loop)
{
    pthread_cond_destroy(&loop->mailbox.entered);
    pthread_mutex_destroy(&loop->mailbox.lock);
}

/* In the child, under the lock: those who stepped aside are not there, and what wakes us must not wake the parent. */
void weft__mailbox_forked(weft_loop *loop)
{
    loop->mailbox.aside = 0;
    pthread_cond_init(&loop->mailbox.entered, NULL);
    for (struct weft__guest *guest = loop->mailbox.guest_list; guest; guest = guest->next)
        guest->forked(guest);
    weft__wake_renew(loop->mailbox.wake);
    if (loop->mailbox.signalled)
        weft__wake_write(loop->mailbox.wake[1]);
}

/* Wake a loop that is blocked; under the lock. */
static void signal_loop(weft_loop *loop)
{
    if (loop->mailbox.signalled || loop->mailbox.gone)
        return;
    loop->mailbox.signalled = true;
    weft__wake_write(loop->mailbox.wake[1]);
}

static void drain_signal(weft_loop *loop)
{
    char bytes[64];

    if (!loop->mailbox.signalled)
        return;
    loop->mailbox.signalled = false;
    while (read(loop->mailbox.wake[0], bytes, sizeof(bytes)) < 0 && errno == EINTR)
        ;
}

/* The loop takes the lock before those who post, */
static void lock_first(weft_loop *loop)
{
    atomic_store(&loop->mailbox.collecting, true);
    pthread_mutex_lock(&loop->mailbox.lock);
    atomic_store(&loop->mailbox.collecting, false);
    if (loop->mailbox.aside)
        pthread_cond_broadcast(&loop->mailbox.entered);
}

/* who let it in. */
static void lock_after_loop(weft_loop *loop)
{
    pthread_mutex_lock(&loop->mailbox.lock);
    loop->mailbox.aside++;
    while (atomic_load(&loop->mailbox.collecting))
        pthread_cond_wait(&loop->mailbox.entered, &loop->mailbox.lock);
    loop->mailbox.aside--;
}

static void run_unref(struct weft__hook *hook);

int weft__mailbox_post(weft_loop *loop, struct weft__letter *letter, bool guest)
{
    bool here, gone;
    int error = 0;

    letter->hook.node.kind = WEFT__NODE_HOOK;
    letter->next = NULL;
    lock_after_loop(loop);
    here = weft__is_here(loop);
    gone = loop->mailbox.gone;
    if (gone)
        error = letter->hook.fn == run_unref ? 0 : WEFT_ECLOSED;
    else if (!here && !guest && loop->mailbox.refs < 2)
        error = WEFT_EUNSHARED;
    if (!error) {
        if (loop->mailbox.last_posted)
            loop->mailbox.last_posted->next = letter;
        else
            loop->mailbox.posted = letter;
        loop->mailbox.last_posted = letter;
        atomic_store(&loop->mailbox.waits, true);
        if (!here)
            signal_loop(loop);
    }
    pthread_mutex_unlock(&loop->mailbox.lock);
    if (!error && here && gone) {
        weft__mailbox_late(loop);
    } else if (!error && here) {
        weft__loop_use(loop, NULL, WEFT__USE_UNSEEN);
        weft__mailbox_collect(loop);
        weft__mailbox_feed(loop, WEFT__TURN / 2); /* in its order among weft_call_soon's */
    }
    return error;
}

/* `fn` is what the letter is for; a call's is user_fn. */
static int post(weft_loop *loop, void (*fn)(struct weft__hook *hook), weft_call_fn *user_fn,
                void *arg, const char *reason)
{
    struct posted *posted = weft__alloc(sizeof(*posted));
    int error;

    if (!posted)
        return -ENOMEM;
    *posted = (struct posted){
        .letter.hook.fn = fn, .loop = loop, .fn = user_fn, .arg = arg, .reason = reason};
    error = weft__mailbox_post(loop, &posted->letter, false);
    if (error)
        weft__free(posted, sizeof(*posted));
    return error;
}

/* Free a letter, and tell what was in it. */
static struct posted opened(struct weft__hook *hook)
{
    struct posted *posted = weft__container_of(hook, struct posted, letter.hook);
    struct posted copy = *posted;

    weft__free(posted, sizeof(*posted));
    return copy;
}

/* In a loop that closes, calls and cancels are dropped; a reference is given back all the same. */
static void run_call(struct weft__hook *hook)
{
    struct posted call = opened(hook);

    if (!call.loop->closed)
        call.fn(call.arg);
}

static void run_cancel(struct weft__hook *hook)
{
    struct posted cancel = opened(hook);

    if (!cancel.loop->closed)
        weft_future_cancel_at(cancel.arg, cancel.reason, "another thread");
}

static void run_unref(struct weft__hook *hook)
{
    weft_future_unref(opened(hook).arg);
}

int weft_call_soon_threadsafe(weft_loop *loop, weft_call_fn *fn, void *arg)
{
    return post(loop, run_call, fn, arg, NULL);
}

int weft_future_cancel_threadsafe(weft_future *future, const char *reason)
{
    return post(future->loop, run_cancel, NULL, future, reason);
}

int weft_future_unref_threadsafe(weft_future *future)
{
    return future ? post(future->loop, run_unref, NULL, future, NULL) : 0;
}

/* Take over what was posted.  It is fed to the rounds in portions (weft__mailbox_feed), so that a flood does not
 * delay what else is ready. */
void weft__mailbox_collect(weft_loop *loop)
{
    struct weft__letter *posted, *last;

    lock_first(loop);
    drain_signal(loop);
    posted = loop->mailbox.posted;
    last = loop->mailbox.last_posted;
    loop->mailbox.posted = loop->mailbox.last_posted = NULL;
    atomic_store(&loop->mailbox.waits, false);
    pthread_mutex_unlock(&loop->mailbox.lock);
    if (posted) {
        if (loop->mailbox.mail)
            loop->mailbox.last_mail->next = posted;
        else
            loop->mailbox.mail = posted;
        loop->mailbox.last_mail = last;
        weft__loop_wake(loop);
    }
    weft__loop_listen(loop);
}

void weft__mailbox_feed(weft_loop *loop, unsigned count)
{
    for (; loop->mailbox.mail && count > 0; count--) {
        struct weft__letter *letter = loop->mailbox.mail;

        loop->mailbox.mail = letter->next;
        weft__queue_push(&loop->ready, &letter->hook.node);
    }
}

void weft__mailbox_refuse(weft_loop *loop)
{
    lock_first(loop);
    loop->mailbox.gone = true;
    pthread_mutex_unlock(&loop->mailbox.lock);
    weft__mailbox_collect(loop); /* the last that were not refused */
    while (loop->mailbox.mail)
        weft__mailbox_feed(loop, WEFT__TURN); /* to be dropped */
}

void weft__mailbox_close(weft_loop *loop)
{
    weft__wake_close(loop->mailbox.wake);
}

void weft__mailbox_late(weft_loop *loop)
{
    struct weft__letter *letter, *next;

    pthread_mutex_lock(&loop->mailbox.lock);
    letter = loop->mailbox.posted;
    loop->mailbox.posted = loop->mailbox.last_posted = NULL;
    loop->mailbox.guests++; /* the last of them may be all that keeps it */
    pthread_mutex_unlock(&loop->mailbox.lock);
    for (; letter; letter = next) {
        next = letter->next;
        letter->hook.fn(&letter->hook);
    }
    weft__loop_leave_guest(loop);
}

/* ---- the memory ------------------------------------------------------------------------------------------ */

static void free_loop(weft_loop *loop)
{
    struct weft__part *part;

    while ((part = loop->parts)) {
        loop->parts = part->next;
        weft__free(part, part->type->size);
    }
    weft__mailbox_destroy(loop);
    weft__free(loop, sizeof(*loop));
}

void weft__loop_released(weft_loop *loop)
{
    bool forsaken, late;

    pthread_mutex_lock(&loop->mailbox.lock);
    late = loop->mailbox.gone && loop->mailbox.posted;
    loop->mailbox.forsaken = loop->mailbox.refs == 0 && loop->held == 0;
    forsaken = loop->mailbox.forsaken && loop->mailbox.guests == 0;
    pthread_mutex_unlock(&loop->mailbox.lock);
    if (forsaken)
        free_loop(loop);
    else if (late)
        weft__mailbox_late(loop);
}

void weft__loop_enter_guest(weft_loop *loop)
{
    pthread_mutex_lock(&loop->mailbox.lock);
    loop->mailbox.guests++;
    pthread_mutex_unlock(&loop->mailbox.lock);
}

void weft__loop_leave_guest(weft_loop *loop)
{
    bool forsaken;

    pthread_mutex_lock(&loop->mailbox.lock);
    forsaken = --loop->mailbox.guests == 0 && loop->mailbox.forsaken;
    pthread_mutex_unlock(&loop->mailbox.lock);
    if (forsaken)
        free_loop(loop);
}

int weft__guest_enlist(weft_loop *loop, struct weft__guest *guest)
{
    bool closing;

    pthread_mutex_lock(&loop->mailbox.lock);
    closing = loop->mailbox.closing;
    if (!closing) {
        guest->next = loop->mailbox.guest_list;
        if (guest->next)
            guest->next->prev = guest;
        loop->mailbox.guest_list = guest;
        guest->listed = true;
    }
    pthread_mutex_unlock(&loop->mailbox.lock);
    return closing ? WEFT_ECLOSED : 0;
}

/* Under the lock. */
static void delist(weft_loop *loop, struct weft__guest *guest)
{
    if (!guest->listed)
        return;
    if (guest->prev)
        guest->prev->next = guest->next;
    else
        loop->mailbox.guest_list = guest->next;
    if (guest->next)
        guest->next->prev = guest->prev;
    guest->listed = false;
}

void weft__guest_delist(weft_loop *loop, struct weft__guest *guest)
{
    pthread_mutex_lock(&loop->mailbox.lock);
    delist(loop, guest);
    pthread_mutex_unlock(&loop->mailbox.lock);
}

void weft__guests_close(weft_loop *loop)
{
    struct weft__guest *guest;

    pthread_mutex_lock(&loop->mailbox.lock);
    loop->mailbox.closing = true;
    while ((guest = loop->mailbox.guest_list)) {
        delist(loop, guest);
        guest->closing(guest);
    }
    pthread_mutex_unlock(&loop->mailbox.lock);
}

/* ---- references on the loop ------------------------------------------------------------------------------ */

weft_loop *weft_loop_ref(weft_loop *loop)
{
    bool here;

    pthread_mutex_lock(&loop->mailbox.lock);
    loop->mailbox.refs++;
    atomic_store(&loop->mailbox.shared, loop->mailbox.refs > 1);
    here = weft__is_here(loop);
    pthread_mutex_unlock(&loop->mailbox.lock);
    if (here)
        weft__loop_listen(loop);
    return loop;
}

void weft_loop_unref(weft_loop *loop)
{
    bool last, here;

    if (!loop)
        return;
    pthread_mutex_lock(&loop->mailbox.lock);
    here = weft__is_here(loop);
    last = --loop->mailbox.refs == 0;
    if (!last) {
        atomic_store(&loop->mailbox.shared, loop->mailbox.refs > 1);
        /* It may have nothing more to wait for. */
        if (!here && loop->mailbox.refs == 1)
            signal_loop(loop);
    }
    pthread_mutex_unlock(&loop->mailbox.lock);
    if (!last) {
        if (here && loop->closed)
            weft__mailbox_late(loop);
        else if (here)
            weft__loop_listen(loop);
        return;
    }
    weft__loop_hold(loop); /* until it is closed */
    if (weft_loop_close(loop) == WEFT_ERUNNING)
        weft__fatal("the last reference on a loop was dropped while it was running");
    weft__loop_let_go(loop);
}

/* ---- pins: the memory alone --------------------------------------------------------------------------------- */

weft_loop *weft_loop_pin(weft_loop *loop)
{
    weft__loop_enter_guest(loop);
    return loop;
}

void weft_loop_unpin(weft_loop *loop)
{
    bool late;

    if (!loop)
        return;
    pthread_mutex_lock(&loop->mailbox.lock);
    late = loop->mailbox.refs == 0 && loop->mailbox.posted;
    pthread_mutex_unlock(&loop->mailbox.lock);
    if (late)
        weft__mailbox_late(loop);
    weft__loop_leave_guest(loop);
}
