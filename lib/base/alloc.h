/* base/alloc.h - the library's allocator: small blocks from slabs, the rest from malloc; and what is counted.
 *
 * Futures and frames come and go at every call, so their allocation is on the hot path: a slab makes it
 * two loads and a store, where malloc and free cost 20 ns, and it has no header, so that a suspended task
 * takes 192 bytes.
 */
#ifndef WEFT_BASE_ALLOC_H
#define WEFT_BASE_ALLOC_H

#include <stddef.h>

#include "base/thread.h"

/* Allocate; not zeroed, aligned to 16.  NULL without memory. */
void *weft__alloc(size_t size);
/* The same, zeroed. */
void *weft__zalloc(size_t size);
/* Free; `size` is what was asked for.  Any thread may free what another has allocated. */
void weft__free(void *block, size_t size);
/* Change the size of a block; the first `size` bytes stay.  NULL: the old block is as it was. */
void *weft__resize(void *block, size_t size, size_t new_size);
char *weft__strdup(const char *text);
/* Copy a string, unless there is none: then NULL.  False: no memory. */
bool weft__string_copy(char **to, const char *from);
/* NULL is fine. */
void weft__string_free(char *text);

/* What weft_testing_live tells. */
enum weft__counter {
    WEFT__COUNT_BLOCKS,
    WEFT__COUNT_LOOPS,
    WEFT__COUNT_FUTURES,
    WEFT__COUNT_TASKS,
    WEFT__COUNT_FRAMES,
    WEFT__COUNT_CALLS,
    WEFT__COUNT_IOS,
    WEFT__COUNTERS
};
/* Counted by each thread for itself: the sum over all is what is alive. */
struct weft__counts {
    long alive[WEFT__COUNTERS];
};
void weft__count_first(enum weft__counter what, long change);
static inline void weft__count(enum weft__counter what, long change)
{
    struct weft__counts *counts = (struct weft__counts *)(void *)weft__thread.arena;

    if (weft__likely(counts != NULL))
        counts->alive[what] += change;
    else
        weft__count_first(what, change);
}
void weft__counts_sum(struct weft__counts *sum);

/* Let allocations fail: see weft_testing_fail_allocation. */
void weft__alloc_fail(long nth, long count);
long weft__alloc_count(void);
/* Be told of each block that is allocated, on any thread; NULL: no longer.  Its size is rounded up. */
void weft__alloc_watch(void (*made)(void *block, size_t size, void *arg), void *arg);

#endif
