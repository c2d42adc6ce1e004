/* group_bodies.h - bodies that the suites on groups use. */
#ifndef WEFT_TESTS_GROUP_BODIES_H
#define WEFT_TESTS_GROUP_BODIES_H

#include <errno.h>

#include "support/harness.h"

/* The group of the owner that was made last; borrowed. */
static weft_group *group;

/* Says "name", sleeps, says "name." and ends with its error; cancelled, says "name!", takes its time to clean up, and says
 * "name~" (or "name!!", if it was cancelled again), and ends with that error instead, if there is one. */
struct child {
    weft_gen gen;
    const char *name;
    double seconds;
    int error;
    double cleanup;
    int cleanup_error;
};

static weft_step child(void *frame)
{
    struct child *f = frame;

    WEFT_BEGIN(f);
    say("%s", f->name);
    if (f->seconds > 0)
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->seconds));
    if (!weft_failed(f)) {
        say("%s.", f->name);
        if (f->error)
            WEFT_RAISE(f, f->error);
        WEFT_RETURN(f, NULL);
    }
    say("%s!", f->name);
    if (f->cleanup > 0) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->cleanup));
        say(weft_failed(f) ? "%s!!" : "%s~", f->name);
    }
    WEFT_RAISE(f, f->cleanup_error ? f->cleanup_error : WEFT_ECANCELLED);
    WEFT_END(f);
}
WEFT_GEN_TYPE(child);

/* Enters a group; calls `fill`; if told to, sleeps, saying "body." or "body!ENAME"; raises its error; exits, saying
 * "exit:ENAME" and, unless 0, what weft_task_cancelling says; then, if told to, sleeps again. */
struct owner {
    weft_gen gen;
    weft_outcome outcome;
    weft_group *group;
    void (*fill)(struct owner *f);
    enum weft_group_policy policy;
    double seconds;
    int error;    /* raised by the body at its end */
    bool swallow; /* a cancel of the body's sleep */
    bool after;
    bool forgets; /* to exit */
};

static weft_step owner(void *frame)
{
    struct owner *f = frame;

    WEFT_BEGIN(f);
    group = f->group = weft_group_new(f->policy);
    ck_assert_int_eq(weft_group_enter(f->group), 0);
    WEFT_TRY(f);
    if (f->fill)
        f->fill(f);
    if (f->seconds > 0) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->seconds));
        say(weft_failed(f) ? "body!%s" : "body.", weft_errname(weft_failed(f)));
        if (weft_failed(f) && !f->swallow)
            WEFT_RAISE(f, f->error ? f->error : weft_failed(f));
    }
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_FINALLY(f);
    if (!f->forgets) {
        WEFT_GROUP_EXIT(f, f->group);
        say("exit:%s", weft_errname(f->outcome.error));
        if (weft_task_cancelling(weft_current_task()))
            say("cancelling=%d", weft_task_cancelling(weft_current_task()));
    }
    if (f->after) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
        say("after:%s", weft_errname(weft_failed(f)));
    }
    WEFT_END(f);
}

static void owner_cleanup(void *frame)
{
    weft_group_unref(((struct owner *)frame)->group);
}
WEFT_GEN_TYPE(owner, .cleanup = owner_cleanup);

#define SPAWN(...) ck_assert_int_eq(weft_group_spawn(group, WEFT_CALL(child, __VA_ARGS__)), 0)
#define NEW_OWNER(...) weft_task_new(loop, WEFT_CALL(owner, __VA_ARGS__))
/* Run an owner to its end; its error. */
#define OWNER(...) run_task(NEW_OWNER(__VA_ARGS__), NULL)

/* Counts its frames: `lives` is how many are there. */
static int lives;

struct counted {
    weft_gen gen;
};

static weft_step counted(void *frame)
{
    struct counted *f = frame;

    WEFT_BEGIN(f);
    say("never");
    WEFT_END(f);
}

static void counted_cleanup(void *frame)
{
    (void)frame;
    lives--;
}
WEFT_GEN_TYPE(counted, .cleanup = counted_cleanup);

static inline weft_gen *new_counted(void)
{
    lives++;
    return WEFT_CALL(counted);
}

#endif
