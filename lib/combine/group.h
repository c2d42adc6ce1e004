/* combine/group.h - what a group and its members are inside: shared by group.c and member.c. */
#ifndef WEFT_COMBINE_GROUP_H
#define WEFT_COMBINE_GROUP_H

#include <weft/group.h>
#include <weft/scope.h>

#include "core/compound.h"

enum { WEFT__GROUP_KEPT = 16 }; /* failures */

enum weft__group_state {
    WEFT__GROUP_NEW,
    WEFT__GROUP_OPEN,
    WEFT__GROUP_EXITING,
    WEFT__GROUP_ENDED
};

struct weft__start; /* member.c's: a future that is done when a child is ready */

struct weft__member {
    struct weft__hook hook;
    weft_group *group;
    weft_task *task;
    struct weft__member *next, *prev;
    struct weft__start *start; /* who waits for it to be ready; or NULL */
    bool ready;                /* it has said so */
};

/* The exit's future. */
struct weft__exit {
    struct weft__compound compound;
    struct weft__hook hook; /* in the ready queue: it ends in the next round */
    weft_group *group;      /* pinned, once exit was called */
};

struct weft_group {
    weft_loop *loop;
    int error; /* of one that could not be made: all its calls answer this */
    uint32_t users, pins;
    enum weft_group_policy policy;
    enum weft__group_state state;
    bool stopping;
    bool abandoned; /* nobody will be told: failures are reported */
    bool asked;     /* the owner was, to cancel */
    bool cancelled; /* the body was, by others */
    bool told;      /* the exit has failed with what failed */
    bool entry_must;
    uint16_t entry_seen;           /* the requests that the owner knew of */
    const weft_scope *entry_scope; /* the owner's innermost; only compared */
    const weft_scope *holder;      /* the shield that has held back what we asked; only compared */
    weft_task *owner;              /* a reference, from enter until the end */
    struct weft__exit *exit;       /* a reference, until exit was called; NULL once it is done */
    struct weft__member *members, *last_member;
    size_t size;
    int failure; /* the outcome */
    size_t failures;
    weft_group_error errors[WEFT__GROUP_KEPT];
};

void weft__group_unpin(weft_group *group);
/* A child has failed: what the policy says. */
void weft__group_failed(weft_group *group, weft_task *task);
/* A child has gone; it may have been the one that the exit waits for. */
void weft__group_left(weft_group *group);

#endif
