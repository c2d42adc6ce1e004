/* core/loop.h - what a loop is inside. */
#ifndef WEFT_CORE_LOOP_H
#define WEFT_CORE_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <weft/debug.h>
#include <weft/loop.h>

#include "core/call.h"
#include "core/compound.h"
#include "core/debug.h"
#include "core/mailbox.h"
#include "core/part.h"
#include "core/task.h"
#include "core/timer.h"
#include "core/use.h"

enum {
    WEFT__EAGER = 32,       /* eager steps within each other, before a new task is queued instead */
    WEFT__AWAITS = 64,      /* awaits of done futures in a row, before a task gives way */
    WEFT__TURN = 256,       /* callbacks, before the loop looks at timers and descriptors, */
    WEFT__TURN_NS = 1000000 /* and ns, on a host's base; unless it is told otherwise */
};

struct weft__order;  /* core/round.h */
struct weft__events; /* core/events.h */

struct weft_loop {
    /* what is ready: `batch` is the round that runs, `ready` the next one */
    struct weft__node ready;
    struct weft__node batch;
    unsigned awaits_left;
    unsigned turn_calls;  /* callbacks in a turn */
    unsigned portion;     /* of them, posts of other threads */
    int64_t turn_ns;      /* a turn's time; 0: as long as it takes */
    unsigned rounds_left; /* so many may follow an event each, before a whole turn does */
    bool debug;
    bool observed; /* debug, hooks, reports, or an order of the test's: rounds take the long way */
    bool guarded;  /* debug, or an order that wants to know what is used: calls are looked at */
    bool running;  /* weft_run_ is on the C stack */
    bool draining; /* callbacks are being run */
    bool closed;
    bool stopping;
    bool pumping; /* the host's base will call the pump */
    bool is_virtual;
    bool dropping; /* closed: what is queued is dropped by a call further down the C stack, or by the close */
    int abort_code;
    uint32_t now_ms; /* of the last turn, for `since` */
    unsigned eager_depth;
    const weft_hooks *hooks;
    void *hooks_arg;
    struct weft__order *order; /* NULL, but in tests: FIFO */

    /* tasks */
    struct weft__task *tasks, *last_task;
    size_t task_count;
    uint32_t next_id;

    /* compound futures: see compound.c */
    struct weft__compounds asked, dead;
    struct weft__compound *unasked; /* of those in `asked`: from here on */
    uint32_t pass, search;
    bool passing, burying;
    bool met; /* the pass has come to something for the second time: there may be a circle */

    /* time */
    struct weft__heap heap;
    unsigned idle_timers; /* of those, do not keep a run going: a shutdown's deadline */
    int64_t virtual_now;
    int64_t armed; /* the deadline that libevent's timer was added for */

    struct weft__calls calls;
    struct weft__mailbox mailbox;
    unsigned forks;   /* weft__forks, when it was last looked at */
    pthread_t thread; /* whose it is, unless it is nobody's; both change under the mailbox's lock */
    bool nobodys;     /* handed over, and not taken over yet */

    struct weft__node closers; /* hooks of what hears of the close: see close.c */

    /* the layers above */
    struct weft__part *parts;
    size_t outside; /* waits for descriptors and threads: virtual time stands still meanwhile */
    int idle_events; /* ours in the base that count for nothing: nobody waits, or somebody elsewhere says so */

    struct event_base *base;
    struct weft__events *events;
    bool own_base;

    weft_exception_cb *exception_cb;
    void *exception_arg;
    struct weft__reports reports;
    int64_t slow_ns;

    weft_loop *next_loop, *prev_loop; /* in weft__loops */

    size_t held;       /* what is alive and points here: see weft__loop_hold */
    weft_future nomem; /* failed with -ENOMEM */
    weft_future round; /* done; an await of it gives way */
    weft_future done;  /* done with NULL */
};

/* All open loops of the process, newest first.  For debuggers: in a core file nothing else leads to a loop
 * that no thread was running. */
extern weft_loop *weft__loops;
extern pthread_mutex_t weft__loops_mutex; /* of that list */
/* It closes. */
void weft__loop_unlink(weft_loop *loop);

/* Whether this is the loop's thread: on that thread, or under the mailbox's lock; and on any. */
static inline bool weft__is_here(const weft_loop *loop)
{
    return !loop->nobodys && pthread_equal(pthread_self(), loop->thread);
}
bool weft__loop_is_here(weft_loop *loop);

/* Misuse of a loop from another thread: stop the program; where calls are frequent, in debug mode only. */
WEFT_NORETURN void weft__wrong_thread(const weft_loop *loop, const char *what);
static inline void weft__only_here(const weft_loop *loop, const char *what)
{
    if (weft__unlikely(!weft__is_here(loop)))
        weft__wrong_thread(loop, what);
}

/* A call on a guarded loop.  Debug mode: misuse from another thread stops the program. */
void weft__guard(const weft_loop *loop, const char *what, const void *object, enum weft__use how);
void weft__guard_unref(const weft_future *future);
/* A call uses an object in some way; `what` is its name. */
static inline void weft__check_use(const weft_loop *loop, const char *what, const void *object,
                                   enum weft__use how)
{
    if (weft__unlikely(loop->guarded))
        weft__guard(loop, what, object, how);
}
/* The same, of a call that says no more: it may use anything. */
static inline void weft__check_thread(const weft_loop *loop, const char *what)
{
    weft__check_use(loop, what, NULL, WEFT__USE_ALL);
}
/* The same, within the library, and where no thread is checked: only explorers want to know. */
static inline void weft__loop_use(const weft_loop *loop, const void *object, enum weft__use how)
{
    if (weft__unlikely(loop->guarded))
        weft__guard(loop, NULL, object, how);
}

/* So many forks lie between the first process and this one. */
extern unsigned weft__forks;
/* From now on forks are counted. */
void weft__forks_watch(void);
/* The loop has come over a fork: make it the child's own.  To be asked before its descriptors are registered, or no
 * longer; before it looks at them; and before it closes. */
void weft__loop_forked(weft_loop *loop);
static inline void weft__fork_check(weft_loop *loop)
{
    if (weft__unlikely(loop->forks != weft__forks))
        weft__loop_forked(loop);
}
/* Lock all open loops, for a fork; and unlock them. */
void weft__loops_lock(void);
void weft__loops_unlock(void);

/* The loop that is meant by `loop`: itself, or the running one.  Stops the program if there is none. */
WEFT_NORETURN void weft__no_loop(void);
static inline weft_loop *weft__loop_used(weft_loop *loop, const void *object, enum weft__use how)
{
    if (!loop && weft__unlikely(!(loop = weft__thread.loop)))
        weft__no_loop();
    weft__check_use(loop, "a call", object, how);
    return loop;
}
/* The same, of a call that may use anything. */
static inline weft_loop *weft__loop_of(weft_loop *loop)
{
    return weft__loop_used(loop, NULL, WEFT__USE_ALL);
}
/* The same, of a call that uses nothing that others see. */
static inline weft_loop *weft__loop_alone(weft_loop *loop)
{
    return weft__loop_used(loop, NULL, WEFT__USE_READ);
}

/* ns: of the system's clock; and of the loop's, which may be virtual. */
int64_t weft__monotonic(void);
int64_t weft__loop_now(weft_loop *loop);

/* The memory of a closed loop may go. */
void weft__loop_released(weft_loop *loop);
/* Something points to the loop, which needs its memory: a future, a lock, a weft_io; and does so no longer. */
static inline void weft__loop_hold(weft_loop *loop)
{
    loop->held++;
}
static inline void weft__loop_let_go(weft_loop *loop)
{
    loop->held--;
    if (weft__unlikely(loop->closed))
        weft__loop_released(loop);
}

/* Give a reference back, on a path that runs at every await: see weft_future_unref. */
static inline void weft__future_unref(weft_future *future)
{
    if (weft__unlikely(future->loop->guarded))
        weft__guard_unref(future);
    if (weft__unlikely(future->refs == WEFT__IMMORTAL))
        return;
    if (--future->refs == 0)
        weft__future_last(future);
    else if (future->state == WEFT__PENDING && future->refs == future->waiting)
        weft__future_orphaned(future);
}

#endif
