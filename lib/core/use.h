/* core/use.h - how a step uses an object: what two steps must not both do for their order to make no difference. */
#ifndef WEFT_CORE_USE_H
#define WEFT_CORE_USE_H

/* Told by weft__loop_use and its kin, in core/loop.h. */
enum weft__use {
    WEFT__USE_READ,  /* commutes with itself, and with a wait */
    WEFT__USE_WAIT,  /* a task waits for a future: commutes with itself, and with a read */
    WEFT__USE_UNREF, /* commutes with itself */
    WEFT__USE_WRITE, /* commutes with nothing */
    WEFT__USE_INSIDE, /* a write to what a step of this task writes, too: its requests, and what it awaits */
    WEFT__USE_ALL,    /* whatever there is was written to: the object does not matter */
    WEFT__USE_HOOK,   /* something else than a task waits for a future */
    WEFT__USE_SHARED, /* a write to memory of the user's */
    WEFT__USE_MAKE,   /* a task is made: they are numbered */
    WEFT__USE_UNSEEN  /* how steps depend on each other cannot be said any more, in the whole run */
};

#endif
