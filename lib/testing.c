/* testing.c - for tests: virtual time, failing allocations, what is alive. */
#include "config.h"

#include <weft/testing.h>

#include "alloc.h"
#include "loop_priv.h"

int weft_testing_virtual_clock(weft_loop *loop)
{
    if (loop->heap.count)
        return WEFT_EINVALIDSTATE;
    loop->is_virtual = true;
    loop->virtual_now = 0;
    return 0;
}

void weft_testing_advance(weft_loop *loop, double seconds)
{
    if (loop->is_virtual && seconds > 0)
        loop->virtual_now += (int64_t)(seconds * WEFT__NS + 0.5);
}

void weft_testing_fail_allocation(long nth, long count)
{
    weft__alloc_fail(nth, count);
}

long weft_testing_allocations(void)
{
    return weft__alloc_count();
}

void weft_testing_live(weft_live *live)
{
    struct weft__counts sum;

    weft__counts_sum(&sum);
    live->allocations = sum.alive[WEFT__COUNT_BLOCKS];
    live->loops = sum.alive[WEFT__COUNT_LOOPS];
    live->futures = sum.alive[WEFT__COUNT_FUTURES];
    live->tasks = sum.alive[WEFT__COUNT_TASKS];
    live->frames = sum.alive[WEFT__COUNT_FRAMES];
    live->handles = sum.alive[WEFT__COUNT_CALLS];
    live->ios = sum.alive[WEFT__COUNT_IOS];
}
