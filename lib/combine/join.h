/* combine/join.h - the compound futures that wait for a given number of others: gather, wait, wait_for, ... */
#ifndef WEFT_COMBINE_JOIN_H
#define WEFT_COMBINE_JOIN_H

#include "core/compound.h"
#include "core/timer.h"

struct weft__join;

/* One of the futures that a join waits for. */
struct weft__edge {
    struct weft__hook hook; /* among the child's waiters, until it is done */
    struct weft__join *join;
    weft_future *child; /* a reference; NULL: not there yet, or given back */
};

struct weft__join_type {
    struct weft__future_type base;
    /* A child is done, and so the edge waits no longer; it still has its reference. */
    void (*done)(struct weft__join *join, struct weft__edge *edge);
    void (*expired)(struct weft__join *join);
    /* The loop closes, and no edge waits any more: end what is pending.  NULL: its own future fails. */
    void (*closed)(struct weft__join *join);
    /* It goes, in whatever state: what it holds besides the edges.  NULL: nothing. */
    void (*release)(struct weft__join *join);
    /* Whether it now ends as its only child does, so that a cancel is that child's (weft__join_forward).
     * NULL: never. */
    bool (*forwards)(const struct weft__join *join);
    bool leaves; /* a drop leaves what it waits for alone; else it is cancelled */
};

struct weft__join {
    struct weft__compound compound;
    struct weft__edge *edges;
    uint32_t count; /* edges */
    uint32_t left;  /* children that are not done */
    bool single;    /* its edge lies in it */
    struct weft__timer timer;
    struct weft__hook closer; /* the loop closes */
    weft_gen **calls; /* as many as edges, to be started as tasks; those from `started` on are ours */
    uint32_t started;
    weft_task *maker; /* whose context they inherit, or NULL; a reference */
};

/* A join of one. */
struct weft__single {
    struct weft__join join;
    struct weft__edge edge;
};

extern const struct weft__compound_ops weft__join_ops;
/* The `cancel` of a join: false if all its children are done, and none is to be started. */
bool weft__join_cancel(weft_future *future, const char *reason, const char *where);
/* The `cancel` of one that ends as its child does: false if that has its outcome at hand. */
bool weft__join_forward(weft_future *future, const char *reason, const char *where);
void weft__join_drop(weft_future *future);

/* The fields of a join's weft__future_type; its `cancel` is weft__join_cancel, weft__join_forward, or one of its own. */
#define WEFT__JOIN_TYPE(what, type, cancel_fn) \
    .name = (what), .size = sizeof(type), .cancel = (cancel_fn), .drop = weft__join_drop, \
    .compound = &weft__join_ops

/* Make a join: pending, one reference, no edges.  NULL without memory. */
struct weft__join *weft__join_new(weft_loop *loop, const struct weft__join_type *type,
                                  const char *where);
/* It hears of the close from now on; weft__join_new sees to that. */
void weft__join_link(struct weft__join *join);
/* Give it `count` edges without children.  Errors: -ENOMEM. */
int weft__join_edges(struct weft__join *join, size_t count);
/* What stands against waiting for these futures on a loop, or 0: WEFT_ECLOSED, WEFT_EOTHERLOOP. */
int weft__join_refusal(const weft_loop *loop, weft_future *const *futures, size_t count);
/* Let go of what a call that fails has taken. */
void weft__close_calls(weft_gen *const *calls, size_t count);
/* Give it edges and generators for them, which it takes on every path.  Errors: -ENOMEM. */
int weft__join_calls(struct weft__join *join, weft_gen *const *calls, size_t count);
/* Start the next generator.  False: there is none left. */
bool weft__join_start(struct weft__join *join);
/* Make a join of one, which takes the child. */
struct weft__single *weft__single_new(const struct weft__join_type *type, weft_future *child,
                                      const char *where);

/* Wait for a child; takes the reference. */
void weft__edge_wait(struct weft__edge *edge, weft_future *child);
/* Wait no longer, and give the reference back. */
void weft__edge_release(struct weft__edge *edge);
/* End the join as this child did, whose outcome it takes. */
void weft__join_end_as(struct weft__join *join, struct weft__edge *edge);

/* The future as which this one ends now: itself, or the one at the end of the joins that forward. */
const weft_future *weft__join_ends_as(const weft_future *future);
/* Ask each child that is not done to cancel. */
void weft__join_cancel_children(struct weft__join *join, const char *reason, const char *where);
/* Forget all edges; children that are not done are let go of.  Runs destructors of the user's: hold a
 * reference on the join. */
void weft__join_release_edges(struct weft__join *join);

/* Start its timer, in seconds from now; WEFT_NEVER: none.  Errors: -ENOMEM, -EINVAL. */
int weft__join_arm(struct weft__join *join, double seconds);

static inline struct weft__join *weft__join(const weft_future *future)
{
    return (struct weft__join *)(void *)(uintptr_t)future;
}
static inline weft_future *weft__join_future(struct weft__join *join)
{
    return &join->compound.future;
}

#endif
