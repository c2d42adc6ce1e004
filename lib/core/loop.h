/* core/loop.h - what a loop is inside. */
#ifndef WEFT_CORE_LOOP_H
#define WEFT_CORE_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <weft/debug.h>
#include <weft/loop.h>

#include "core/future.h"
#include "core/task.h"
#include "base/thread.h"
#include "core/timer.h"

enum {
    WEFT__EAGER = 32,  /* eager steps within each other, before a new task is queued instead */
    WEFT__AWAITS = 64, /* awaits of done futures in a row, before a task gives way */
    WEFT__TURN = 256,  /* callbacks, before the loop looks at timers and descriptors */
    WEFT__CALL_PAGE = 64
};

struct weft__call;
struct weft__events; /* libevent's, in events.c */

/* What a layer above the core keeps in a loop, at the head of a struct of its own.  It is made at its first use; its
 * memory goes with the loop's.  The core knows it by these questions alone. */
struct weft__part {
    const struct weft__part_type *type;
    weft_loop *loop;
    struct weft__part *next; /* in the loop, youngest first */
};
struct weft__part_type {
    size_t size;
    /* Whether it waits for something that may wake the loop, beside what counts as `outside`.  NULL: never. */
    bool (*may_wake)(const struct weft__part *part);
    /* An event that could not be added, without memory, is to be tried again.  NULL: it has none of its own. */
    void (*arm)(struct weft__part *part);
    /* Whether an event of its own is gone from the base: then the host has freed that under us; and that none of
     * them is to be touched any more.  NULL: it has none. */
    bool (*base_gone)(const struct weft__part *part);
    void (*forget_base)(struct weft__part *part);
    /* The loop is about to close: end what runs elsewhere.  NULL: nothing does. */
    void (*stop)(struct weft__part *part);
    /* The loop closes, and its tasks have gone: end what is left.  NULL: nothing is. */
    void (*close)(struct weft__part *part);
};

struct weft__compound;
struct weft__compounds {
    struct weft__compound *first, *last;
};

/* What another thread posts, in memory of its own; its hook runs on the loop's thread, also at close. */
struct weft__letter {
    struct weft__hook hook;
    struct weft__letter *next;
};

/* What other threads know of a loop, and must hear of its end: in the loop's list, under its lock. */
struct weft__guest {
    struct weft__guest *next, *prev;
    bool listed;
    /* The loop closes; under its lock.  It is in no list any more. */
    void (*closing)(struct weft__guest *guest);
};

/* A test's choice of what runs next, in place of first come, first served. */
struct weft__order {
    /* Take a node from the loop's batch, which may be empty: NULL. */
    struct weft__node *(*next)(struct weft__order *order, weft_loop *loop);
    /* Nothing is ready, and virtual time is about to jump.  NULL: nothing to do. */
    void (*idle)(struct weft__order *order, weft_loop *loop);
    /* The loop closes. */
    void (*close)(struct weft__order *order);
};

struct weft_loop {
    /* what is ready: `batch` is the round that runs, `ready` the next one */
    struct weft__node ready;
    struct weft__node batch;
    unsigned awaits_left;
    unsigned rounds_left; /* so many may follow an event each, before a whole turn does */
    bool debug;
    bool observed; /* debug, hooks, or an order of the test's: rounds take the long way */
    bool running;  /* weft_run_ is on the C stack */
    bool draining; /* callbacks are being run */
    bool closed;
    bool stopping;
    bool pumping; /* the host's base will call the pump */
    bool is_virtual;
    bool dropping; /* closed: what was queued is being dropped */
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
    struct weft__compounds to_cancel, dead;
    uint32_t pass, search;
    bool passing, burying;

    /* time */
    struct weft__heap heap;
    unsigned idle_timers; /* of those, do not keep a run going: a shutdown's deadline */
    int64_t virtual_now;
    int64_t armed; /* the deadline that libevent's timer was added for */

    /* calls and their handles */
    struct weft__call **calls;
    uint32_t call_pages, call_pages_size;
    struct weft__call *free_calls;
    size_t due_calls; /* whose time has come, and that have not run: see timer.c */

    /* other threads; under the lock: */
    pthread_mutex_t lock;
    struct weft__letter *posted, *last_posted;
    bool signalled;
    bool gone; /* closed */
    int refs;
    int guests;                            /* threads of ours that may post, and keep the memory */
    struct weft__guest *guest_list;        /* those that must hear of the close */
    bool closing;                          /* no more of them */
    bool forsaken;                         /* only guests are left */
    atomic_bool shared;                    /* refs > 1 */
    atomic_bool collecting;                /* the loop wants the lock */
    atomic_bool mail_waits;                /* something is posted and not collected */
    struct weft__letter *mail, *last_mail; /* collected, not yet fed to the rounds */
    int wake_read, wake_write;
    pthread_t thread;

    /* the layers above */
    struct weft__part *parts;
    size_t outside;     /* waits for descriptors and threads: virtual time stands still meanwhile */
    size_t letters_due; /* which guests are going to post: the wake-up is listened to */
    int idle_events; /* ours in the base that count for nothing: nobody waits, or somebody elsewhere says so */

    struct event_base *base;
    struct weft__events *events;
    bool own_base;

    weft_exception_cb *exception_cb;
    void *exception_arg;
    bool reporting;
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

/* Misuse of a loop from another thread, in debug mode: stop the program. */
void weft__wrong_thread(const weft_loop *loop, const char *what);
static inline void weft__check_thread(const weft_loop *loop, const char *what)
{
    if (weft__unlikely(loop->debug) && !pthread_equal(pthread_self(), loop->thread))
        weft__wrong_thread(loop, what);
}

/* The loop's part of a type, or NULL; and the same, made if it is not there: NULL without memory. */
void *weft__part_find(const weft_loop *loop, const struct weft__part_type *type);
void *weft__part_need(weft_loop *loop, const struct weft__part_type *type);

/* The loop that is meant by `loop`: itself, or the running one.  Stops the program if there is none. */
WEFT_NORETURN void weft__no_loop(void);
static inline weft_loop *weft__loop_of(weft_loop *loop)
{
    if (!loop && weft__unlikely(!(loop = weft__thread.loop)))
        weft__no_loop();
    weft__check_thread(loop, "a call");
    return loop;
}

/* Give a reference back, on a path that runs at every await: see weft_future_unref. */
static inline void weft__future_unref(weft_future *future)
{
    weft__check_thread(future->loop, "weft_future_unref");
    if (weft__unlikely(future->refs == WEFT__IMMORTAL))
        return;
    if (--future->refs == 0)
        weft__future_last(future);
    else if (future->state == WEFT__PENDING && future->refs == future->w.waiting)
        weft__future_orphaned(future);
}

/* Something is ready, and the loop may not be running: see to it that it will. */
void weft__loop_pump(weft_loop *loop);
static inline void weft__loop_wake(weft_loop *loop)
{
    if (weft__unlikely(!loop->running && !loop->draining))
        weft__loop_pump(loop);
}
static inline void weft__loop_push(weft_loop *loop, struct weft__node *node)
{
    weft__queue_push(&loop->ready, node);
    weft__loop_wake(loop);
}

/* ns: of the system's clock; and of the loop's, which may be virtual. */
int64_t weft__monotonic(void);
int64_t weft__loop_now(weft_loop *loop);
/* round.c: one turn: due timers, and the rounds that fit. */
void weft__turn(weft_loop *loop);
bool weft__anything_ready(const weft_loop *loop);
/* Run what is ready, once. */
void weft__round(weft_loop *loop);
/* Whether what an event makes ready may run at once, and so it does: see round.c. */
static inline bool weft__loop_may_follow(const weft_loop *loop)
{
    return !loop->draining && !loop->observed && !loop->pumping && !loop->stopping &&
           !loop->abort_code && weft__queue_empty(&loop->ready) && weft__queue_empty(&loop->batch);
}
void weft__loop_follow(weft_loop *loop);
/* Run a new task's first step, seen by whoever observes. */
void weft__run_start(weft_loop *loop, struct weft__task *task);
/* The loop is closed: what is queued will not run, and what it holds is given back.  Hooks run: compound
 * futures end as what they wait for. */
void weft__drop_queued(weft_loop *loop);
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
/* The number of references has changed: listen to other threads, or no longer. */
void weft__loop_listen(weft_loop *loop);
void weft__report(weft_loop *loop, const char *message, int error, weft_future *future);
/* debug.c: whether rounds take the long way; to be called when one of the reasons changes. */
void weft__loop_observe(weft_loop *loop);

/* call.c */
void weft__call_run(weft_loop *loop, struct weft__node *node);
void weft__calls_close(weft_loop *loop);

/* mailbox.c */
int weft__mailbox_open(weft_loop *loop);
/* A pipe through which a loop is woken: non-blocking, close-on-exec.  Errors: pipe(2)'s. */
int weft__wake_pipe(int fds[2]);
void weft__mailbox_collect(weft_loop *loop);
/* Make up to `count` of what was posted ready. */
void weft__mailbox_feed(weft_loop *loop, unsigned count);
void weft__mailbox_close(weft_loop *loop);
/* Post a letter from any thread; nothing is allocated.  A guest needs no reference on the loop.
 * Errors: WEFT_ECLOSED, WEFT_EUNSHARED: it was not posted, and is the caller's. */
int weft__mailbox_post(weft_loop *loop, struct weft__letter *letter, bool guest);
/* Begin to be a guest, on any thread that holds the loop; cease, on any. */
void weft__loop_enter_guest(weft_loop *loop);
void weft__loop_leave_guest(weft_loop *loop);
/* Hear of the close, on any thread that holds the loop.  Errors: WEFT_ECLOSED: it closes.  And no longer. */
int weft__guest_enlist(weft_loop *loop, struct weft__guest *guest);
void weft__guest_delist(weft_loop *loop, struct weft__guest *guest);
/* The loop is about to close: all of them hear of it. */
void weft__guests_close(weft_loop *loop);

/* events.c.  Errors: -ENOMEM; what the backend says. */
int weft__events_open(weft_loop *loop);
void weft__events_close(weft_loop *loop);
/* Before libevent looks at its events: ours are added as they are needed. */
void weft__events_arm(weft_loop *loop, bool block);
/* Whether libevent has events that may bring something; those that count as idle may not. */
bool weft__events_awaited(const weft_loop *loop);
struct event;
struct timeval;
/* Add an event.  Errors: -ENOMEM; what the backend says. */
int weft__event_add(struct event *event, const struct timeval *timeout);
/* Add an event that the loop cannot do without: else it polls, until the part is asked to arm it again.  Returns
 * whether it is added. */
bool weft__event_add_or_poll(weft_loop *loop, struct event *event, const struct timeval *timeout);
/* Whether an event that we have added is gone from its base: then the base was freed under us.  Looks at the
 * event alone. */
bool weft__event_gone(const struct event *event, bool added);
/* Whether the host has freed the base under us.  Then no event of ours may be touched any more. */
bool weft__events_gone(weft_loop *loop);

#endif
