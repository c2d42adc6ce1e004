/* cancel_bodies.h - bodies that both suites on cancel use. */
#ifndef WEFT_TESTS_CANCEL_BODIES_H
#define WEFT_TESTS_CANCEL_BODIES_H

#include "support/harness.h"

/* Awaits `first` (takes it), says what came, sleeps a second, says what came; ends with the last error. */
struct two {
    weft_gen gen;
    const char *name;
    weft_future *first;
};

static weft_step two(void *frame)
{
    struct two *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, f->first);
    say("%s1:%s", f->name, weft_errname(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s2:%s", f->name, weft_errname(weft_failed(f)));
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(two);

static weft_task *new_two(const char *name, weft_future *first)
{
    return weft_task_new(loop, WEFT_CALL(two, .name = name, .first = first));
}

static void destroy(void *value)
{
    say("destroyed-%s", (const char *)value);
}

/* Awaits a future (takes it); returns "mine", which is owned, whatever came. */
struct catcher {
    weft_gen gen;
    weft_future *future;
};

static weft_step catcher(void *frame)
{
    struct catcher *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, f->future);
    say("%s", weft_errname(weft_failed(f)));
    WEFT_RETURN_OWNED(f, "mine", destroy);
    WEFT_END(f);
}

static void catcher_cleanup(void *frame)
{
    (void)frame;
    say("freed");
}
WEFT_GEN_TYPE(catcher, .cleanup = catcher_cleanup);

#endif
