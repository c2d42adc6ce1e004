/* owner.c - whose a loop is: one thread's, which may hand it over.
 *
 * Invariant: `thread` and `nobodys` change under the loop's lock; so a thread that posts knows whether it is the
 * loop's.
 */
#include "config.h"

#include "core/loop.h"

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
