/* store.c - where a queue keeps its items.
 *
 * Invariant: `room` is 0 or a power of two, so that a place in the ring is a mask.  A ring's items are those from
 * `first` on, `count` of them.  A heap's are the first `count`; none comes before its parent.
 *
 * It grows by doubling, as items come: a bound of a million costs nothing in a queue that holds three.  It never
 * shrinks: what was needed once is needed again, and a take cannot fail.
 *
 * Rejected: a list of blocks, as deque has it (no copy when it grows, but two branches more for each item); a heap
 * with four children, as timers have it: comparing is the user's function, and four children take more calls.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "sync/store.h"

enum { FIRST_ROOM = 8 };

static size_t entry_size(const struct weft__store *store)
{
    return store->order == WEFT_PRIORITY ? sizeof(*store->u.heap) : sizeof(*store->u.ring);
}

int weft__store_grow(struct weft__store *store)
{
    size_t room = store->room, new_room = room ? room * 2 : FIRST_ROOM;
    void *entries;

    if (new_room > SIZE_MAX / 2 / sizeof(struct weft__ranked))
        return -ENOMEM;
    entries = weft__resize(store->order == WEFT_PRIORITY ? (void *)store->u.heap : store->u.ring,
                           room * entry_size(store), new_room * entry_size(store));
    if (!entries)
        return -ENOMEM;
    store->room = new_room;
    if (store->order == WEFT_PRIORITY) {
        store->u.heap = entries;
        return 0;
    }
    store->u.ring = entries;
    if (store->first) /* it is full: what lay before `first` goes behind the rest */
        memcpy(store->u.ring + room, store->u.ring, store->first * sizeof(*store->u.ring));
    return 0;
}

void weft__store_free(struct weft__store *store)
{
    weft__free(store->order == WEFT_PRIORITY ? (void *)store->u.heap : store->u.ring,
               store->room * entry_size(store));
}

/* ---- the heap ---------------------------------------------------------------------------------------------- */

static bool comes_before(const struct weft__store *store, const struct weft__ranked *a,
                         const struct weft__ranked *b)
{
    if (store->before(a->item, b->item))
        return true;
    return a->number < b->number && !store->before(b->item, a->item);
}

void weft__store_rank(struct weft__store *store, void *item)
{
    struct weft__ranked *heap = store->u.heap, new = {item, store->next_number++};
    size_t at = store->count;

    /* The newest goes behind its equals: one question is enough. */
    for (; at > 0 && store->before(item, heap[(at - 1) / 2].item); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = new;
    store->count++;
}

void *weft__store_best(struct weft__store *store)
{
    struct weft__ranked *heap = store->u.heap, last = heap[--store->count];
    void *best = heap[0].item;
    size_t at = 0, child;

    for (; (child = at * 2 + 1) < store->count; at = child) {
        if (child + 1 < store->count && comes_before(store, &heap[child + 1], &heap[child]))
            child++;
        if (!comes_before(store, &heap[child], &last))
            break;
        heap[at] = heap[child];
    }
    heap[at] = last;
    return best;
}
