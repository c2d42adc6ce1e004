/* core/future.h - what a future is inside: shared by futures, tasks, and the operations that are futures. */
#ifndef WEFT_CORE_FUTURE_H
#define WEFT_CORE_FUTURE_H

#include <weft/future.h>

#include "core/node.h"
#include "base/thread.h"

enum weft__state { WEFT__PENDING, WEFT__FINISHED, WEFT__FAILED, WEFT__CANCELLED };

enum {
    WEFT__READ = 1,   /* somebody has read the outcome (or nobody needs to): no report */
    WEFT__ROUND = 2,  /* awaiting it gives way for a round, although it is done: sleep(0) */
    WEFT__NAMED = 4,  /* `site` is a name */
    WEFT__MUST = 8,   /* task: a request to cancel is still to be delivered */
    WEFT__LEVEL = 16, /* task: each await fails: inside a level-triggered scope that was cancelled */
    WEFT__FORWARD = 32 /* finished with the value of another future, which goes on owning it */
};

/* The references of a future that lives with its loop: not counted. */
#define WEFT__IMMORTAL UINT32_MAX

/* What differs from one kind of future to the next. */
struct weft__future_type {
    const char *name;
    size_t size;
    /* Somebody asks a pending one to cancel.  Ends it (weft__future_cancelled), or sees to it that it will
     * end: true.  Or finishes it with an outcome that was at hand, or is past recall: false, and who
     * awaits it is cancelled at the next await.  NULL: end it. */
    bool (*cancel)(weft_future *future, const char *reason, const char *where);
    /* The last reference to a pending one is gone: stop the operation.  NULL: nothing to stop. */
    void (*drop)(weft_future *future);
    /* It waits for other futures: see core/compound.h.  NULL: it does not. */
    const struct weft__compound_ops *compound;
    /* What its cancel and its drop use besides itself, they tell (weft__loop_use).  False: they may use anything. */
    bool tells;
};

/* 64 bytes. */
struct weft_future {
    weft_loop *loop;
    const struct weft__future_type *type;
    const char *site; /* "file.c:12", or a name */
    union {
        void *value;        /* FINISHED */
        const char *reason; /* of a cancel: CANCELLED, or PENDING and asked */
    };
    union {
        void (*destroy)(void *value); /* FINISHED */
        const char *where;            /* who asked for a cancel; as `reason` */
    };
    struct weft__node *waiters; /* a ring; each node's owner holds a reference */
    uint32_t refs;
    int error;
    uint8_t state;
    uint8_t flags;
    uint16_t cancelling; /* task: requests that stand */
    union {
        uint32_t waiting; /* the references that waiters hold; counted for plain futures alone */
        uint32_t id;      /* task: its number in the loop */
    };
};

extern const struct weft__future_type weft__plain_type;

/* Prepare the future at the head of a new operation: pending, one reference. */
void weft__future_init(weft_future *future, weft_loop *loop, const struct weft__future_type *type,
                       const char *site);
/* Make an operation's future: `type->size` bytes, zeroed behind the head.  NULL without memory. */
weft_future *weft__future_make(weft_loop *loop, const struct weft__future_type *type,
                               const char *site);
/* The last reference is gone; and what only some futures leave behind then. */
void weft__future_last(weft_future *future);
void weft__future_last_words(weft_future *future);
/* A pending future whose references may all be its waiters': nobody is left who could set it. */
void weft__future_orphaned(weft_future *future);
/* A reference to a future that has failed (or, WEFT_ECANCELLED, was cancelled): with -ENOMEM, the loop's immortal one. */
weft_future *weft__failed(weft_loop *loop, int error, const char *site);

/* PENDING -> done: write the outcome, and move the waiters to the ready queue. */
void weft__future_finish(weft_future *future, void *value, void (*destroy)(void *));
void weft__future_fail(weft_future *future, int error);
void weft__future_cancelled(weft_future *future, const char *reason, const char *where);

/* Queue a node that waits for a future: its owner holds a reference already. */
void weft__future_wait(weft_future *future, struct weft__node *node);
/* Take it back, wherever it is queued. */
void weft__future_unwait(weft_future *future, struct weft__node *node);

/* What a done callback's node does when its turn comes; what becomes of it when the loop is closed. */
void weft__callback_run(struct weft__node *node);
void weft__callback_drop(struct weft__node *node);
const weft_future *weft__callback_future(const struct weft__node *node);

/* The value of a finished future, wherever it lives; and the same, taken. */
void *weft__future_forwarded(const weft_future *future);

/* A cancel of what is not a task.  Returns whether it was cancelled, or has been asked to. */
bool weft__future_cancel_plain(weft_future *future, const char *reason, const char *where);

static inline bool weft__done(const weft_future *future)
{
    return future->state != WEFT__PENDING;
}

/* The value of a done future, or NULL. */
static inline void *weft__future_value(const weft_future *future)
{
    if (future->error)
        return NULL;
    return weft__unlikely(future->flags & WEFT__FORWARD) ? weft__future_forwarded(future)
                                                         : future->value;
}

#endif
