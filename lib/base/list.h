/* base/list.h - nodes that are queued: one intrusive, doubly linked, circular list.
 *
 * Two kinds of list hold the same nodes.  A queue (the loop's) has a sentinel, so that a node can be
 * unlinked without knowing where it is.  A ring (a future's waiters) is one pointer to its first node: it
 * saves eight bytes in each future, and moving it whole to the end of a queue is four stores.
 */
#ifndef WEFT_BASE_LIST_H
#define WEFT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weft__node {
    struct weft__node *next; /* NULL: not queued anywhere */
    struct weft__node *prev;
    uint8_t kind;  /* what it lies in: core/node.h */
    uint8_t mark;  /* a task: see core/circle.c */
    uint16_t pass; /* a task: the last cancel that came by, see core/compound.c */
    uint32_t since; /* a task: when it began to wait, in ms of the loop's clock (wraps after 49 days) */
};

#define weft__container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* ---- a queue: a sentinel ---- */

static inline void weft__queue_init(struct weft__node *queue)
{
    queue->next = queue->prev = queue;
}

static inline bool weft__queue_empty(const struct weft__node *queue)
{
    return queue->next == queue;
}

static inline void weft__queue_push(struct weft__node *queue, struct weft__node *node)
{
    struct weft__node *last = queue->prev;

    node->next = queue;
    node->prev = last;
    last->next = node;
    queue->prev = node;
}

static inline void weft__queue_remove(struct weft__node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = NULL;
}

static inline struct weft__node *weft__queue_pop(struct weft__node *queue)
{
    struct weft__node *node = queue->next;
    struct weft__node *next = node->next;

    if (node == queue)
        return NULL;
    queue->next = next;
    next->prev = queue;
    node->next = NULL;
    return node;
}

/* Move all of `from` to the end of `to`. */
static inline void weft__queue_move(struct weft__node *to, struct weft__node *from)
{
    if (weft__queue_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    weft__queue_init(from);
}

/* ---- a ring: a pointer to its first node ---- */

static inline void weft__ring_push(struct weft__node **ring, struct weft__node *node)
{
    struct weft__node *first = *ring;

    if (!first) {
        node->next = node->prev = node;
        *ring = node;
        return;
    }
    node->next = first;
    node->prev = first->prev;
    first->prev->next = node;
    first->prev = node;
}

static inline void weft__ring_remove(struct weft__node **ring, struct weft__node *node)
{
    if (node->next == node)
        *ring = NULL;
    else if (*ring == node)
        *ring = node->next;
    weft__queue_remove(node);
}

/* Move a whole ring to the end of a queue. */
static inline void weft__ring_release(struct weft__node **ring, struct weft__node *queue)
{
    struct weft__node *first = *ring;
    struct weft__node *last = first->prev;

    first->prev = queue->prev;
    queue->prev->next = first;
    last->next = queue;
    queue->prev = last;
    *ring = NULL;
}

#endif
