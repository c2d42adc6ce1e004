/* core/part.h - what a layer above the core keeps in a loop. */
#ifndef WEFT_CORE_PART_H
#define WEFT_CORE_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <weft/loop.h>

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
    /* This is the child of a fork, and the first time that the loop is used there: the base is the child's own by now,
     * and no other thread is there.  NULL: nothing is to be done. */
    void (*forked)(struct weft__part *part);
    /* The loop is about to close: end what runs elsewhere.  NULL: nothing does. */
    void (*stop)(struct weft__part *part);
    /* The loop closes: its pending waits end with WEFT_ECLOSED.  All frames are still there.  NULL: it has none. */
    void (*end_waits)(struct weft__part *part);
    /* Its tasks have gone: give back what is left to the system.  NULL: nothing is. */
    void (*close)(struct weft__part *part);
};

/* The loop's part of a type, or NULL; and the same, made if it is not there: NULL without memory. */
void *weft__part_find(const weft_loop *loop, const struct weft__part_type *type);
void *weft__part_need(weft_loop *loop, const struct weft__part_type *type);

#endif
