/* core/call.h - calls that were asked for, and their handles. */
#ifndef WEFT_CORE_CALL_H
#define WEFT_CORE_CALL_H

#include <stddef.h>
#include <stdint.h>
#include <weft/loop.h>

#include "core/node.h"
#include "core/timer.h"

enum { WEFT__CALL_PAGE = 64 };

struct weft__call {
    struct weft__node node;
    weft_call_fn *fn; /* NULL: the slot is free */
    void *arg;
    struct weft__timer timer;
    uint32_t index;
    uint32_t generation;
    bool is_due; /* it counts in loop->calls.due */
    struct weft__call *next_free;
};

/* A loop's: a table of slots, in pages that never move. */
struct weft__calls {
    struct weft__call **pages;
    uint32_t count, size; /* of the pages */
    struct weft__call *free;
    size_t due; /* whose time has come, and that have not run: see timer.c */
};

void weft__call_run(weft_loop *loop, struct weft__node *node);
void weft__calls_close(weft_loop *loop);

#endif
