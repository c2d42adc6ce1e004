/* process/signal.h - signals: between the handler, a loop and its runner. */
#ifndef WEFT_PROCESS_SIGNAL_H
#define WEFT_PROCESS_SIGNAL_H

#include <signal.h>

#include "core/loop.h"

/* ---- sink.c ------------------------------------------------------------------------------------------------ */

/* What the handler knows of a loop. */
struct weft__sink {
    weft_loop *loop;       /* NULL: free; under the table's lock */
    int fds[2];            /* the loop's wake-up */
    atomic_int fd;         /* of these, the one to write to; good while something is wanted */
    atomic_int inside;     /* handlers that are using this sink */
    atomic_int interrupts; /* SIGINTs since the runner's main began */
    atomic_bool wanted[NSIG];
    atomic_bool pending[NSIG];
};

/* A free sink, for a loop, and a wake-up that is the sink's from now on.  NULL: there are 64. */
struct weft__sink *weft__sink_take(weft_loop *loop, const int fds[2]);
/* It wants nothing any more. */
void weft__sink_give_back(struct weft__sink *sink);
/* In the child of a fork, whose base is new: libevent may have put its own handlers back over ours. */
void weft__sink_forked(struct weft__sink *sink);

/* Errors: what sigaction says. */
int weft__sink_watch(struct weft__sink *sink, int signum);
/* It is wanted; see to it that it comes, unless another function than ours has been installed. */
void weft__sink_insist(int signum);
/* Once it has returned, no handler touches the sink for this signal; what came before is pending. */
void weft__sink_forget(struct weft__sink *sink, int signum);

bool weft__on_main_thread(void);
/* SIGINT is this sink's from now on, if it is nobody else's: it has its default action, and this is the main thread. */
bool weft__sink_interrupt(struct weft__sink *sink);
void weft__sink_uninterrupt(struct weft__sink *sink);

/* ---- signal.c ---------------------------------------------------------------------------------------------- */

/* Lies in the runner. */
struct weft__interrupt {
    /* So many SIGINTs have come by now; on the loop's thread. */
    void (*fn)(struct weft__interrupt *interrupt, int count);
    int heard; /* how many it was told of */
};

/* Prepare a loop for weft__interrupt_begin, which cannot fail then.  Errors: -EMFILE and its like; -ENOMEM. */
int weft__interrupt_prepare(weft_loop *loop);
/* SIGINT is the runner's from now on, if that can be. */
void weft__interrupt_begin(weft_loop *loop, struct weft__interrupt *interrupt);
/* The disposition is what it was.  Returns how many have come in all. */
int weft__interrupt_end(weft_loop *loop);

#endif
