/* weft/timer.h - sleeping: futures that time resolves.
 *
 *     WEFT_AWAIT(f, weft_sleep(NULL, 0.5));
 *
 * Times are seconds as double, in and out; inside they are nanoseconds of a monotonic clock.  A sleep never
 * ends early.  Equal deadlines end in the order in which they were asked for.  Dropping or cancelling a
 * sleep removes its timer.  weft_call_later and its kin stand in weft/loop.h.
 *
 * Source: asyncio.sleep, loop.call_at; libuv's timer.c for the heap with a sequence number.  libevent's own
 * heap gives equal deadlines no order, and its default clock fires early.
 */
#ifndef WEFT_TIMER_H
#define WEFT_TIMER_H

#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A place in the loop's heap.  It lies in what it wakes (a weft_scope, for one); the fields are weft's. */
struct weft__timer {
    const struct weft__timer_type *type; /* what it does when its time has come */
    uint32_t seq;                        /* the order of creation, for equal deadlines */
    uint32_t index;                      /* its place in the heap, from 1; 0: not there */
};

/* A future that is done with NULL after `seconds`.  0 or less: awaiting it gives way for exactly one round.
 * Suspends: always.  Cancelled: the timer is removed.
 * Errors: never NULL; -EINVAL: not a number; -ENOMEM; WEFT_ECLOSED.
 * Source: asyncio.sleep. */
WEFT_API weft_future *weft_sleep(weft_loop *loop, double seconds) WEFT_NODISCARD;

/* The same, until a time on the loop's clock (weft_loop_time).  Source: trio.sleep_until. */
WEFT_API weft_future *weft_sleep_until(weft_loop *loop, double when) WEFT_NODISCARD;

/* A future that only a cancel ends.  Source: trio.sleep_forever. */
WEFT_API weft_future *weft_sleep_forever(weft_loop *loop) WEFT_NODISCARD;

#ifdef __cplusplus
}
#endif
#endif
