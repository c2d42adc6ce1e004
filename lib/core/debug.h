/* core/debug.h - reports, and who observes a loop. */
#ifndef WEFT_CORE_DEBUG_H
#define WEFT_CORE_DEBUG_H

#include <weft/debug.h>
#include <stddef.h>
#include <weft/loop.h>

/* What the handler has not been told yet. */
struct weft__pending_report {
    struct weft__pending_report *next;
    weft_future *future; /* a reference, or NULL */
    int error;
    const char *message, *subject;
    size_t size; /* of it and its text, which lies behind it */
};

/* A loop's, in order. */
struct weft__reports {
    struct weft__pending_report *first, *last;
    struct weft__pending_report spare; /* without memory one report is told all the same; its size is 0 */
    char spare_text[384];
    bool spare_is_used;
    bool telling; /* the handler is on the C stack */
    bool at_once; /* the loop is closed: nobody comes by any more */
};

/* Report, from anywhere: no user code runs inside.  The texts are copied, and a reference to the future is taken. */
void weft__report(weft_loop *loop, const char *message, int error, weft_future *future);
/* Tell the handler, at a place where it may do anything.  It may drop the last reference on a loop that is closed. */
void weft__reports_tell(weft_loop *loop);
/* The same for the last time: the loop is closed. */
void weft__reports_close(weft_loop *loop);
/* Whether rounds take the long way; to be called when one of the reasons changes. */
void weft__loop_observe(weft_loop *loop);

#endif
