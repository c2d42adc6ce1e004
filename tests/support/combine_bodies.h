/* combine_bodies.h - what the suites of weft/combine.h wait for, and with. */
#ifndef WEFT_TESTS_COMBINE_BODIES_H
#define WEFT_TESTS_COMBINE_BODIES_H

#include "support/harness.h"

static inline void destroy(void *value)
{
    say("-%s", (const char *)value);
}

/* Sleeps, and ends as it is told to.  Says "a" at its start, "a." when it has slept, "a!" when it is cancelled,
 * "a~" after its cleanup; and "-A" when its value is destroyed. */
struct child {
    weft_gen gen;
    const char *name; /* NULL: says nothing */
    double seconds;
    double cleanup;    /* of a cancelled one */
    const char *value; /* owned */
    int error;         /* after its sleep */
    int last_error;    /* in place of WEFT_ECANCELLED */
    bool swallows;     /* a cancel: returns its value */
    int failed;
};

static inline weft_step child(void *frame)
{
    struct child *f = frame;

    WEFT_BEGIN(f);
    if (f->name)
        say("%s", f->name);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->seconds));
    f->failed = weft_failed(f);
    if (f->name)
        say("%s%s", f->name, f->failed ? "!" : ".");
    if (f->failed && f->cleanup > 0) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->cleanup));
        if (f->name)
            say("%s%s", f->name, weft_failed(f) ? "!!" : "~");
    }
    if (f->failed && f->last_error)
        WEFT_RAISE(f, f->last_error);
    if (f->failed && !f->swallows)
        WEFT_RAISE(f, f->failed);
    if (!f->failed && f->error)
        WEFT_RAISE(f, f->error);
    if (f->value)
        WEFT_RETURN_OWNED(f, (void *)(uintptr_t)f->value, destroy);
    WEFT_END(f);
}
WEFT_GEN_TYPE(child);
#define CHILD(...) weft_task_new(loop, WEFT_CALL(child, __VA_ARGS__))

/* Awaits a future (takes it), and says "w=A" (its value, a string; NULL: "w"; taken if told to) or "w!EIO"; then
 * sleeps for a second, and says "w2!ECANCELLED" if a cancel comes there. */
struct asker {
    weft_gen gen;
    const char *name;
    weft_future *future;
    bool takes;
};

static inline weft_step asker(void *frame)
{
    struct asker *f = frame;
    const char *value;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, f->future);
    value = f->takes ? weft_take(f) : weft_sent(f);
    if (weft_failed(f))
        say("%s!%s", f->name, weft_errname(weft_failed(f)));
    else
        say(value ? "%s=%s" : "%s", f->name, value);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    if (weft_failed(f)) {
        say("%s2!%s", f->name, weft_errname(weft_failed(f)));
        WEFT_RAISE(f, weft_failed(f));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(asker);
#define ASKER(...) weft_task_new(loop, WEFT_CALL(asker, __VA_ARGS__))

/* Its name, error and time, once it is done: "g:0@2". */
static inline void say_end(weft_future *future, void *arg)
{
    say("%s:%s@%g", (const char *)arg, weft_errname(weft_future_error(future)),
        weft_loop_time(NULL));
}

/* A future that says its end; the reference goes on. */
static inline weft_future *told(weft_future *future, const char *name)
{
    ck_assert_int_eq(weft_future_add_done_callback(future, say_end, (void *)(uintptr_t)name), 0);
    return future;
}

/* The error of one that may have failed at once; the reference is taken. */
static inline int taken_error(weft_future *future)
{
    int error = weft_future_is_done(future) ? weft_future_error(future) : 0;

    weft_future_unref(future);
    return error;
}

/* A loop of its own for each attempt at an allocation; see each_allocation_fails. */
static inline weft_loop *virtual_loop(void)
{
    weft_loop *fresh = weft_loop_new(NULL);

    if (fresh && weft_testing_virtual_clock(fresh) != 0)
        ck_abort_msg("no virtual clock");
    return fresh;
}

#endif
