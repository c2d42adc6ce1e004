/* core/compound.h - futures that wait for other futures: what gather, wait_for and a group's exit share. */
#ifndef WEFT_CORE_COMPOUND_H
#define WEFT_CORE_COMPOUND_H

#include "core/future.h"

struct weft__compound;
struct weft__compounds {
    struct weft__compound *first, *last;
};

/* What a compound future's type adds to weft__future_type. */
struct weft__compound_ops {
    /* It was asked to cancel: ask what it waits for. */
    void (*pass_cancel)(weft_future *future, const char *reason, const char *where);
    /* The next future that it waits for: *cursor is 0 at first, and the callee's.  NULL: no more. */
    weft_future *(*next_child)(const weft_future *future, uintptr_t *cursor);
    /* It goes, in whatever state: give back what it holds. */
    void (*release)(weft_future *future);
};

/* The head of each of them. */
struct weft__compound {
    weft_future future;
    weft_future *source;                /* WEFT__FORWARD: whose value it has; a reference */
    struct weft__compound *next, *prev; /* in the list of those that a pass asks, or of the dead */
    struct weft__compound *next_found;  /* in a search */
    uint32_t pass;                      /* the last cancel that came by */
    uint32_t search;                    /* the last search that came by */
    struct {                            /* in a walk that looks for circles: see circle.c */
        struct weft__compound *outer, *back;
        weft_future *via;
        uintptr_t cursor;
        uint32_t depth;
        uint8_t mark;
    } walk;
    bool listed;
    bool to_ask;  /* its `pass_cancel` is to be called at the end of the pass */
    bool asked;   /* to cancel */
    bool refused; /* the last cancel that came by: the outcome was at hand */
};

static inline struct weft__compound *weft__compound(const weft_future *future)
{
    return (struct weft__compound *)(void *)(uintptr_t)future;
}

/* The `cancel` of a compound future that ends when what it waits for has ended. */
bool weft__compound_cancel(weft_future *future, const char *reason, const char *where);
/* A pass begins, unless one is under way (false); its end asks all that are `to_ask`, and breaks the circles that they
 * are in.  In one pass each task and each compound is asked once. */
bool weft__pass_begin(weft_loop *loop);
void weft__pass_end(weft_loop *loop);
/* circle.c: wake by force who closes a circle of what this pass has asked. */
void weft__circles_break(weft_loop *loop);
/* The pass comes by: false, if it has been here before. */
bool weft__pass_visit(struct weft__compound *compound);
/* A request is on record. */
void weft__compound_ask(struct weft__compound *compound, const char *reason, const char *where);
/* Whether the pass that is under way has been here before. */
bool weft__compound_passed(const weft_future *future);
/* Whether `future` waits, through any number of tasks and compounds, for `target`. */
bool weft__waits_for(const weft_future *future, const weft_future *target);
/* The last reference to one is gone. */
void weft__compound_last(weft_future *future);
/* The future that owns a finished one's value: itself, or the one at the end of its sources. */
weft_future *weft__future_owner(const weft_future *future);
/* End as a done future did; the value stays its.  Takes the reference if the value was a result. */
void weft__compound_end_as(struct weft__compound *compound, weft_future *source);

#endif
