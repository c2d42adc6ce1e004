/* timer_priv.h - the loop's timers: a heap of deadlines. */
#ifndef WEFT_TIMER_PRIV_H
#define WEFT_TIMER_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <weft/timer.h>

#define WEFT__NS 1000000000

enum weft__timer_kind {
    WEFT__TIMER_SLEEP,
    WEFT__TIMER_CALL,
    WEFT__TIMER_SCOPE,
    WEFT__TIMER_IO,
    WEFT__TIMER_JOIN
};

struct weft__heap_slot {
    int64_t when; /* ns of the loop's clock */
    struct weft__timer *timer;
};

/* A 4-ary heap: a node's children lie side by side, in one cache line. */
struct weft__heap {
    struct weft__heap_slot *slots;
    uint32_t count;
    uint32_t size;
};

/* The heap proper, without a loop. */
int weft__heap_add(struct weft__heap *heap, struct weft__timer *timer, int64_t when);
void weft__heap_remove(struct weft__heap *heap, struct weft__timer *timer);
void weft__heap_free(struct weft__heap *heap);

/* Seconds from now (relative) or on the loop's clock, as ns; clipped.  Errors: -EINVAL: not a number. */
int weft__deadline(weft_loop *loop, double seconds, bool relative, int64_t *when);

int weft__timer_add(weft_loop *loop, struct weft__timer *timer, uint32_t kind, int64_t when);
void weft__timer_remove(weft_loop *loop, struct weft__timer *timer);
/* Fire what is due at `now`, in order; returns whether anything was. */
bool weft__timers_fire(weft_loop *loop, int64_t now);
/* The loop closes: sleeps that somebody still holds end. */
void weft__timers_close(weft_loop *loop);

#endif
