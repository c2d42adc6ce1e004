/* weft/testing.h - for tests, yours and ours: time that jumps, memory that runs out, leaks that show.
 *
 *     weft_loop *loop = weft_loop_new(NULL);
 *     weft_testing_virtual_clock(loop);          starts at 0; a sleep of an hour takes no time
 *     ...
 *     weft_loop_unref(loop);
 *     weft_testing_live(&live);                  all zero, or something leaked
 *
 * Source: trio's MockClock(autojump_threshold=0); expat's and c-ares' failing allocators.
 */
#ifndef WEFT_TESTING_H
#define WEFT_TESTING_H

#include <stdint.h>
#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Give a loop a clock of its own, which stands at 0 and jumps to the next deadline when nothing is ready and
 * nobody waits for a descriptor or a thread.  For a loop that weft_run_ drives.
 * Errors: WEFT_EINVALIDSTATE: the loop has timers already. */
WEFT_API int weft_testing_virtual_clock(weft_loop *loop);

/* Move the virtual clock forward by hand; what has become due runs when the loop runs. */
WEFT_API void weft_testing_advance(weft_loop *loop, double seconds);

/* Let the nth allocation of the library from now on fail (1: the next), and with `count` that many in a row;
 * 0, 0 ends it.  Counts the library's own allocations on all threads. */
WEFT_API void weft_testing_fail_allocation(long nth, long count);
/* How many allocations were made since the last weft_testing_fail_allocation. */
WEFT_API long weft_testing_allocations(void);

/* What is alive, in all loops of the process. */
typedef struct weft_live {
    long allocations; /* blocks of the library's allocator, all of the below included */
    long loops;
    long futures; /* tasks included */
    long tasks;
    long frames;  /* generators on the heap */
    long handles; /* calls that were asked for and have not run */
    long ios;     /* weft_io objects */
} weft_live;
WEFT_API void weft_testing_live(weft_live *live);

#ifdef __cplusplus
}
#endif
#endif
