/* owner.c - whose a loop is: one thread's, which may hand it over; and one process's.
 *
 * Invariant: `thread` and `nobodys` change under the loop's lock; so a thread that posts knows whether it is the
 * loop's.
 *
 * A fork makes two loops of one, on shared descriptors.  So that neither side hears or deafens the other:
 *   in fork(2)            all locks are held, for nobody would give them back in the child; there, each loop gets a
 *                         wake-up of its own, under the number of the old one.  These are a few system calls: most
 *                         children are about to exec.
 *   at the first use      the base is made anew (event_reinit), and what stood on other threads ends.
 * The order of locks is the order in which handlers for forks are called: those that were registered last come first.
 */
#include "config.h"

#include <event2/event.h>

#include "core/loop.h"

/* ---- threads ------------------------------------------------------------------------------------------------- */

bool weft__loop_is_here(weft_loop *loop)
{
    bool here;

    pthread_mutex_lock(&loop->mailbox.lock);
    here = weft__is_here(loop);
    pthread_mutex_unlock(&loop->mailbox.lock);
    return here;
}

static unsigned long number(pthread_t thread)
{
    return (unsigned long)thread; /* as debuggers show it */
}

void weft__wrong_thread(const weft_loop *loop, const char *what)
{
    unsigned long here = number(pthread_self());

    if (loop->nobodys)
        weft__fatal(
            "%s on loop %p, which was handed over, from thread %#lx, which has not taken it over "
            "(weft_loop_take_over)",
            what, (const void *)loop, here);
    weft__fatal(
        "%s on loop %p from another thread than the loop's: from %#lx, and it is %#lx's; from there, use "
        "what is called _threadsafe; to run it elsewhere, hand it over (weft_loop_hand_over)",
        what, (const void *)loop, here, number(loop->thread));
}

int weft_loop_hand_over(weft_loop *loop)
{
    if (loop->closed)
        return WEFT_ECLOSED;
    weft__only_here(loop, "weft_loop_hand_over");
    if (loop->running || loop->draining)
        return WEFT_ERUNNING;
    pthread_mutex_lock(&loop->mailbox.lock);
    loop->nobodys = true;
    pthread_mutex_unlock(&loop->mailbox.lock);
    return 0;
}

int weft_loop_take_over(weft_loop *loop)
{
    int error = 0;

    pthread_mutex_lock(&loop->mailbox.lock);
    if (loop->mailbox.gone)
        error = WEFT_ECLOSED;
    else if (!loop->nobodys)
        error = WEFT_EINVALIDSTATE;
    if (!error) {
        loop->thread = pthread_self();
        loop->nobodys = false;
    }
    pthread_mutex_unlock(&loop->mailbox.lock);
    return error;
}

/* ---- processes ----------------------------------------------------------------------------------------------- */

unsigned weft__forks;

static void in_child(void)
{
    weft__forks++;
    for (weft_loop *loop = weft__loops; loop; loop = loop->next_loop)
        weft__mailbox_forked(loop);
    weft__loops_unlock();
}

static void watch(void)
{
    (void)pthread_atfork(weft__loops_lock, weft__loops_unlock, in_child);
}

void weft__forks_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch);
}

void weft__loop_forked(weft_loop *loop)
{
    loop->forks = weft__forks;
    if (loop->closed)
        return;
    (void)event_reinit(
        loop->base); /* fails for descriptors that the child has closed; the others are fine */
    for (struct weft__part *part = loop->parts; part; part = part->next)
        if (part->type->forked)
            part->type->forked(part);
}
