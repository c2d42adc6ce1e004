/* core/timer.h - the loop's timers: a heap of deadlines. */
#ifndef WEFT_CORE_TIMER_H
#define WEFT_CORE_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <weft/timer.h>

#define WEFT__NS 1000000000

/* What the timers of one kind do. */
struct weft__timer_type {
    /* Its time has come; it is out of the heap. */
    void (*fire)(weft_loop *loop, struct weft__timer *timer);
    /* It ends a wait that something else may still end: it lets calls that were due before it run first. */
    bool is_deadline;
    /* The loop closes; it is out of the heap.  NULL: nothing to do. */
    void (*closed)(struct weft__timer *timer);
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
    uint32_t last_seq; /* the number of the youngest */
};

/* The heap proper, without a loop. */
int weft__heap_add(struct weft__heap *heap, struct weft__timer *timer, int64_t when);
void weft__heap_remove(struct weft__heap *heap, struct weft__timer *timer);
void weft__heap_free(struct weft__heap *heap);

/* Seconds from now (relative) or on the loop's clock, as ns; clipped.  Errors: -EINVAL: not a number. */
int weft__deadline(weft_loop *loop, double seconds, bool relative, int64_t *when);

/* Errors: -ENOMEM. */
int weft__timer_add(weft_loop *loop, struct weft__timer *timer, const struct weft__timer_type *type,
                    int64_t when);
void weft__timer_remove(weft_loop *loop, struct weft__timer *timer);
/* The deadline of one that is in the heap, in seconds on the loop's clock. */
double weft__timer_when(const weft_loop *loop, const struct weft__timer *timer);
/* Fire what is due at `now`, in order. */
void weft__timers_fire(weft_loop *loop, int64_t now);
/* The loop closes: what somebody still waits for ends. */
void weft__timers_close(weft_loop *loop);

extern const struct weft__future_type weft__sleep_type;

#endif
