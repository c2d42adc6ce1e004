/* check_combine_explore.c - the combinators in every order, with a cancel at every point. */
#include <errno.h>

#include "support/combine_bodies.h"

/* ---- what is counted -------------------------------------------------------------------------------------- */

static int made, destroyed, taken, seen, cancels, ends;

static void unmake(void *value)
{
    (void)value;
    destroyed++;
}

static void reset(void)
{
    made = destroyed = taken = seen = cancels = ends = 0;
}

/* Sleeps, and returns a value that it owns; says nothing. */
struct maker {
    weft_gen gen;
    double seconds;
    int error;     /* in place of the value */
    bool swallows; /* a cancel */
    bool cleans;   /* up, for a while, when it is cancelled */
    int failed;
};

static weft_step maker(void *frame)
{
    struct maker *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->seconds));
    f->failed = weft_failed(f);
    if (f->failed && f->cleans) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    }
    ends++;
    if (f->failed && !f->swallows)
        WEFT_RAISE(f, f->failed);
    if (f->error)
        WEFT_RAISE(f, f->error);
    made++;
    WEFT_RETURN_OWNED(f, f, unmake);
    WEFT_END(f);
}
WEFT_GEN_TYPE(maker);
#define MAKER(...) weft_task_new(NULL, WEFT_CALL(maker, __VA_ARGS__))

/* Awaits what `make` makes, takes its value, and awaits on: a cancel that was asked for must come at one of these
 * awaits; two may come as one. */
struct user {
    weft_gen gen;
    weft_future *(*make)(void);
    bool results; /* the value is a gather's */
};

static int error_seen;
static bool ran, has_results; /* the user: a cancel may come before its first step */

static weft_step user(void *frame)
{
    struct user *f = frame;

    WEFT_BEGIN(f);
    ran = true;
    WEFT_TRY_AWAIT(f, f->make());
    error_seen = weft_failed(f);
    if (weft_failed(f) == WEFT_ECANCELLED)
        seen++;
    if (!weft_failed(f) && f->results) {
        has_results = true;
        weft_results_free(weft_take(f));
    } else if (!weft_failed(f) && weft_take(f)) {
        taken++;
    }
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 50));
    if (weft_failed(f) == WEFT_ECANCELLED)
        seen++;
    /* Requests that came, whether they were seen or not, stand on the task's record. */
    cancels = weft_task_cancelling(weft_current_task());
    WEFT_RETURN(f, NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(user);

static weft_task *task;

static void start_user(weft_explorer *explorer, weft_future *(*make)(void), bool results)
{
    reset();
    error_seen = 0;
    ran = has_results = false;
    task = weft_task_new(NULL, WEFT_CALL(user, .make = make, .results = results));
    weft_explore_task(explorer, task);
}

static const char *check_values(void *arg)
{
    (void)arg;
    if (destroyed + taken != made)
        return "a value was lost, or destroyed twice";
    if (weft_future_error(task) == 0 && (seen > cancels || (cancels && !seen)))
        return "a cancel was swallowed, or came twice";
    return NULL;
}

/* ---- the scenarios ------------------------------------------------------------------------------------------ */

#define SCENARIO(name, make, results) \
    static void name(weft_explorer *explorer, void *arg) \
    { \
        (void)arg; \
        start_user(explorer, make, results); \
    }

static void every_order(void (*start)(weft_explorer *explorer, void *arg), unsigned count)
{
    explore((weft_scenario){.start = start, .check = check_values, .cancels = count, .reduce = true});
}

static weft_future *in_time(void)
{
    return weft_wait_for(MAKER(.seconds = 1), 2);
}
SCENARIO(start_in_time, in_time, false)

static weft_future *on_time(void)
{
    return weft_wait_for(MAKER(.seconds = 2), 2);
}
SCENARIO(start_on_time, on_time, false)

static weft_future *too_late(void)
{
    return weft_wait_for(MAKER(.seconds = 3, .cleans = true), 2);
}
SCENARIO(start_too_late, too_late, false)

static weft_future *nested(void)
{
    return weft_wait_for(weft_wait_for(MAKER(.seconds = 2, .cleans = true), 2), 3);
}
SCENARIO(start_nested, nested, false)

/* 126, 127 */
RULE(wait_for_loses_no_value_and_swallows_no_cancel)
{
    every_order(start_in_time, 1);
    every_order(start_on_time, 1);
    every_order(start_too_late, 1);
    every_order(start_nested, 1);
}
END_RULE

static weft_future *stubborn(void)
{
    return weft_wait_for(MAKER(.seconds = 2, .swallows = true), 2);
}

/* The child swallows a request on its own account: then it is not the wait's to deliver. */
static const char *check_values_alone(void *arg)
{
    (void)arg;
    return destroyed + taken != made ? "a value was lost, or destroyed twice" : NULL;
}
SCENARIO(start_stubborn, stubborn, false)

/* 124, 126 */
RULE(wait_for_of_what_swallows_the_cancel_loses_no_value)
{
    explore((weft_scenario){
        .start = start_stubborn, .check = check_values_alone, .cancels = 2, .reduce = true});
}
END_RULE

static weft_future *both(void)
{
    return weft_gather(NULL, WEFT_FUTURES(MAKER(.seconds = 1), MAKER(.seconds = 1, .cleans = true)),
                       0);
}
SCENARIO(start_both, both, true)

static weft_future *one_fails(void)
{
    return weft_gather(NULL,
                       WEFT_FUTURES(MAKER(.seconds = 1), MAKER(.seconds = 1, .error = -EIO),
                                    MAKER(.seconds = 2, .cleans = true)),
                       0);
}
SCENARIO(start_one_fails, one_fails, true)

static weft_future *one_after_the_other(void)
{
    return weft_gather_calls(
        NULL, WEFT_CALLS(WEFT_CALL(maker, .seconds = 1), WEFT_CALL(maker, .seconds = 1)), 1, 0);
}
SCENARIO(start_one_after_the_other, one_after_the_other, true)

static const char *check_siblings(void *arg)
{
    if (has_results && ends < *(int *)arg)
        return "it ended before its children";
    return check_values(NULL);
}

/* 104, 108 */
RULE(gather_awaits_its_children_and_leaks_nothing)
{
    static int two = 2, three = 3;

    explore((weft_scenario){
        .start = start_both, .check = check_siblings, .arg = &two, .cancels = 1, .reduce = true});
    explore((weft_scenario){.start = start_one_fails,
                            .check = check_siblings,
                            .arg = &three,
                            .cancels = 1,
                            .detours = 3,
                            .reduce = true});
    explore((weft_scenario){.start = start_one_after_the_other,
                            .check = check_siblings,
                            .arg = &two,
                            .cancels = 1,
                            .reduce = true});
}
END_RULE

static weft_future *shielded(void)
{
    return weft_shield(MAKER(.seconds = 1));
}
SCENARIO(start_shielded, shielded, false)

static weft_future *shielded_in_time(void)
{
    return weft_wait_for(weft_shield(MAKER(.seconds = 1)), 1);
}
SCENARIO(start_shielded_in_time, shielded_in_time, false)

static const char *check_shield(void *arg)
{
    if (ran && made != 1)
        return "the shielded task did not end by itself";
    return check_values(arg);
}

/* 140, 142 */
RULE(a_shielded_task_always_ends_by_itself)
{
    explore((weft_scenario){
        .start = start_shielded, .check = check_shield, .cancels = 2, .reduce = true});
    explore((weft_scenario){
        .start = start_shielded_in_time, .check = check_shield, .cancels = 1, .reduce = true});
}
END_RULE

static weft_future *goes_on(weft_future *done, void *arg)
{
    (void)arg;
    return weft_future_error(done) ? weft_future_ref(done) : MAKER(.seconds = 1);
}

static weft_future *passes(weft_future *done, void *arg)
{
    (void)arg;
    return weft_future_ref(done);
}

static weft_future *then(void)
{
    return weft_then(weft_then(MAKER(.seconds = 1), goes_on, NULL, NULL), passes, NULL, NULL);
}
SCENARIO(start_then, then, false)

/* 126 */
RULE(then_loses_no_value_and_swallows_no_cancel)
{
    every_order(start_then, 1);
}
END_RULE

static weft_future *race(void)
{
    return weft_staggered_race(
        NULL,
        WEFT_CALLS(WEFT_CALL(maker, .seconds = 2, .cleans = true), WEFT_CALL(maker, .seconds = 1)),
        1, NULL);
}
SCENARIO(start_race, race, false)

static weft_future *race_of_failures(void)
{
    return weft_staggered_race(NULL,
                               WEFT_CALLS(WEFT_CALL(maker, .seconds = 1, .error = -EIO),
                                          WEFT_CALL(maker, .seconds = 1),
                                          WEFT_CALL(maker, .seconds = 1)),
                               0, NULL);
}
SCENARIO(start_race_of_failures, race_of_failures, false)

/* 120 */
RULE(a_races_values_are_delivered_or_destroyed_once)
{
    every_order(start_race, 1);
    explore((weft_scenario){.start = start_race_of_failures,
                            .check = check_values,
                            .cancels = 1,
                            .detours = 3,
                            .reduce = true});
}
END_RULE

/* ---- a value, a deadline and a cancel, on a bare future ------------------------------------------------------ */

static weft_future *cell;

/* Sets the cell, at the very time of the deadline. */
static weft_step setter(void *frame)
{
    struct maker *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->seconds));
    made++;
    weft_future_set_owned_unless_done(cell, f, unmake);
    WEFT_END(f);
}
static const weft_gen_type setter_type = {
    .name = "setter", .size = sizeof(struct maker), .resume = setter};

static weft_future *of_the_cell(void)
{
    return weft_wait_for(weft_future_ref(cell), 2);
}

static void start_cell(weft_explorer *explorer, void *arg)
{
    (void)arg;
    cell = weft_future_new(NULL);
    start_user(explorer, of_the_cell, false);
    ck_assert_int_eq(weft_spawn(NULL, weft_gen_copy(&setter_type, &(struct maker){.seconds = 2})),
                     0);
}

static const char *check_cell(void *arg)
{
    weft_future_unref(cell);
    if (ran && error_seen == 0 && taken != 1)
        return "nothing was delivered";
    return check_values(arg);
}

/* 126, 127 */
RULE(a_value_that_comes_with_the_deadline_and_a_cancel_is_delivered_or_destroyed)
{
    explore((weft_scenario){.start = start_cell, .check = check_cell, .cancels = 2, .reduce = true});
}
END_RULE

RUN_SUITE("combine_explore", wait_for_loses_no_value_and_swallows_no_cancel,
          wait_for_of_what_swallows_the_cancel_loses_no_value,
          gather_awaits_its_children_and_leaks_nothing, a_shielded_task_always_ends_by_itself,
          then_loses_no_value_and_swallows_no_cancel, a_races_values_are_delivered_or_destroyed_once,
          a_value_that_comes_with_the_deadline_and_a_cancel_is_delivered_or_destroyed)
