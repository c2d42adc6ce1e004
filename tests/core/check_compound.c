/* check_compound.c - futures that wait for futures: depth, diamonds, circles. */
#include <errno.h>

#include "support/combine_bodies.h"

enum { DEPTH = 100000 };

/* Awaits a future (takes it) and ends as it does. */
struct follower {
    weft_gen gen;
    weft_future *future;
};

static weft_step follower(void *frame)
{
    struct follower *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, f->future);
    WEFT_END(f);
}
WEFT_GEN_TYPE(follower);

static weft_future *gathered(weft_future *future)
{
    return weft_gather(loop, WEFT_FUTURES(future), 0);
}

static weft_future *waited_for(weft_future *future)
{
    return weft_wait_for(future, WEFT_NEVER);
}

static weft_future *shielded(weft_future *future)
{
    return weft_shield(future);
}

static weft_future *same(weft_future *done, void *arg)
{
    (void)arg;
    return weft_future_ref(done);
}

static weft_future *and_then(weft_future *future)
{
    return weft_then(future, same, NULL, NULL);
}

static weft_future *raced(weft_future *future)
{
    return weft_staggered_race(loop, WEFT_CALLS(WEFT_CALL(follower, .future = future)), 0, NULL);
}

static weft_future *tasked(weft_future *future)
{
    return weft_task_new(loop, WEFT_CALL(follower, .future = future));
}

static weft_future *looked_at(weft_future *future)
{
    weft_future *wait = weft_wait(loop, &future, 1, WEFT_ALL, WEFT_NEVER);

    weft_future_unref(future);
    return wait;
}

typedef weft_future *wrap_fn(weft_future *future);
static wrap_fn *const wraps[] = {gathered, waited_for, shielded, and_then,
                                 raced,    tasked,     looked_at};
enum { SHIELDED = 2, LOOKED_AT = 6, WRAPS = 7 };

static weft_future *bottom;

/* A nest over `bottom`, which the test holds: one kind of join after the other, or (kind < WRAPS) one kind with
 * tasks between. */
static weft_future *nest(int kind, bool tasks)
{
    weft_future *future;

    bottom = weft_future_new(loop);
    future = weft_future_ref(bottom);
    for (int i = 0; i < DEPTH; i++) {
        future = wraps[kind < WRAPS ? kind : i % WRAPS](future);
        if (tasks)
            future = tasked(future);
    }
    run_rounds(2);
    ck_assert(!weft_future_is_done(future));
    return future;
}

static void each_nest(void (*test)(weft_future *top, int kind))
{
    for (int kind = 0; kind <= WRAPS; kind++)
        for (int tasks = 0; tasks < 2; tasks++) {
            test(nest(kind, tasks), kind);
            run_all();
            weft_future_unref(bottom);
        }
}

static void completes(weft_future *top, int kind)
{
    (void)kind;
    ck_assert_int_eq(weft_future_set_result(bottom, NULL), 0);
    run_all();
    ck_assert_int_eq(weft_future_error(top), 0);
    weft_future_unref(top);
}

static void is_cancelled(weft_future *top, int kind)
{
    ck_assert(weft_future_cancel(top, NULL));
    run_all();
    ck_assert_int_eq(weft_future_error(top), WEFT_ECANCELLED);
    if (kind < LOOKED_AT)
        ck_assert_int_eq(weft_future_is_done(bottom), kind != SHIELDED);
    weft_future_set_result_unless_done(bottom, NULL);
    weft_future_unref(top);
}

static void is_dropped(weft_future *top, int kind)
{
    (void)kind;
    weft_future_unref(top);
    run_all();
    weft_future_set_result_unless_done(bottom, NULL);
}

/* 37 */
RULE(a_nest_of_100000_joins_completes_in_constant_stack)
{
    each_nest(completes);
}
END_RULE

/* 37, 52 */
RULE(a_nest_of_100000_joins_is_cancelled_in_constant_stack)
{
    each_nest(is_cancelled);
}
END_RULE

/* 37 */
RULE(a_nest_of_100000_joins_is_dropped_in_constant_stack)
{
    each_nest(is_dropped);
}
END_RULE

static void ignore(weft_loop *where, const weft_report *report, void *arg)
{
    (void)where, (void)report, (void)arg;
}

/* 37, 82 */
RULE(a_loop_with_a_nest_of_100000_joins_closes_in_constant_stack)
{
    for (int kind = 0; kind <= WRAPS; kind++)
        for (int tasks = 0; tasks < 2; tasks++) {
            weft_future *top;

            weft_loop_set_exception_handler(loop, ignore, NULL);
            top = nest(kind, tasks);
            ck_assert_int_eq(weft_loop_close(loop), 0);
            ck_assert_int_eq(weft_future_set_error(bottom, WEFT_ECLOSED), 0);
            ck_assert(weft_future_is_done(top));
            weft_future_unref(top);
            weft_future_unref(bottom);
            weft_loop_unref(loop);
            loop = virtual_loop();
        }
}
END_RULE

/* Gathers what it is given, and returns the results as its own value. */
static weft_step owner(void *frame)
{
    struct follower *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, f->future);
    WEFT_RETURN_OWNED(f, weft_take(f), weft_results_free);
    WEFT_END(f);
}
static const weft_gen_type owner_type = {
    .name = "owner", .size = sizeof(struct follower), .resume = owner};

/* 37, 22 */
RULE(results_within_100000_results_are_freed_in_constant_stack)
{
    weft_future *future = CHILD(.value = "A");

    for (int i = 0; i < DEPTH; i++)
        future = weft_task_new(
            loop, weft_gen_copy(&owner_type, &(struct follower){.future = gathered(future)}));
    run_all();
    ck_assert_str_eq(trace(), "");
    weft_future_unref(future);
    ck_assert_str_eq(trace(), "-A");
}
END_RULE

/* 52 */
RULE(a_diamond_of_2_to_the_60_paths_is_cancelled_and_searched_in_no_time)
{
    weft_future *task, *other, *before;

    bottom = CHILD(.seconds = 5);
    task = weft_future_ref(bottom);
    before = weft_future_ref(bottom);
    for (int i = 0; i < 90; i++) { /* each waits for the two below it */
        weft_future *gather = weft_gather(loop, WEFT_FUTURES(weft_future_ref(task), before), 0);

        before = task;
        task = gather;
    }
    weft_future_unref(before);
    for (int i = 0; i < 60; i++)
        task = weft_gather(loop, WEFT_FUTURES(weft_future_ref(task), task), 0);
    weft_loop_set_debug(loop, true);
    task = tasked(task);
    other = tasked(weft_future_ref(task));
    run_rounds(1);
    ck_assert(!weft_future_is_done(task));
    ck_assert(weft_future_cancel(other, NULL));
    run_all();
    ck_assert(weft_future_is_cancelled(task));
    ck_assert(weft_future_is_cancelled(other));
    weft_future_unref(task);
    weft_future_unref(other);
    weft_future_unref(bottom);
}
END_RULE

/* ---- circles ---- */

/* Awaits `wrap` of another task; says what came. */
struct circler {
    weft_gen gen;
    const char *name;
    weft_future **other;
    wrap_fn *wrap;
};

static weft_step circler(void *frame)
{
    struct circler *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, f->wrap(weft_future_ref(*f->other)));
    say("%s!%s", f->name, weft_errname(weft_failed(f)));
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(circler);

static weft_future *a, *b, *c;

static weft_future *gathered_twice(weft_future *future)
{
    return weft_gather(loop, WEFT_FUTURES(gathered(weft_future_ref(future)), waited_for(future)), 0);
}

static weft_future *much(weft_future *future)
{
    return and_then(waited_for(gathered(waited_for(and_then(future)))));
}

static void circle(wrap_fn *wrap)
{
    a = weft_task_new(loop, WEFT_CALL(circler, .name = "a", .other = &b, .wrap = wrap));
    b = weft_task_new(loop, WEFT_CALL(circler, .name = "b", .other = &c, .wrap = wrap));
    c = weft_task_new(loop, WEFT_CALL(circler, .name = "c", .other = &a, .wrap = wrap));
}

static void drop_circle(void)
{
    weft_future_unref(a);
    weft_future_unref(b);
    weft_future_unref(c);
}

/* 29, 59 */
RULE(a_cancel_ends_a_circle_through_joins)
{
    static wrap_fn *const through[] = {gathered, waited_for, and_then, raced, gathered_twice, much};

    for (size_t i = 0; i < sizeof(through) / sizeof(*through); i++) {
        circle(through[i]);
        run_rounds(5);
        ck_assert(!weft_future_is_done(a));
        ck_assert(weft_future_cancel(a, NULL));
        run_all();
        ck_assert(weft_future_is_cancelled(a));
        ck_assert(weft_future_is_cancelled(b));
        ck_assert(weft_future_is_cancelled(c));
        drop_circle();
    }
}
END_RULE

/* 29, 59 */
RULE(a_cancel_of_a_join_ends_the_circle_that_it_waits_for)
{
    weft_future *gather;

    circle(gathered);
    gather = weft_gather(loop, WEFT_FUTURES(weft_future_ref(b), weft_future_ref(c)), 0);
    run_rounds(5);
    ck_assert(weft_future_cancel(gather, NULL));
    run_all();
    ck_assert(weft_future_is_cancelled(gather));
    ck_assert(weft_future_is_cancelled(a));
    weft_future_unref(gather);
    drop_circle();
}
END_RULE

/* 29 [D] */
RULE(debug_mode_refuses_a_circle_through_joins)
{
    static wrap_fn *const through[] = {gathered,       waited_for, and_then,
                                       gathered_twice, much,       shielded};

    weft_loop_set_debug(loop, true);
    for (size_t i = 0; i < sizeof(through) / sizeof(*through); i++) {
        circle(through[i]);
        run_all();
        ck_assert_int_eq(weft_future_error(c), WEFT_EDEADLOCK);
        ck_assert(
            weft_future_is_done(a)); /* cancelled, where c's join was dropped and passed that on */
        ck_assert(weft_future_is_done(b));
        (void)weft_future_error(a);
        (void)weft_future_error(b);
        drop_circle();
    }
    ck_assert_str_eq(reports(), "");
}
END_RULE

static weft_future *bare(weft_future *future)
{
    return future;
}

/* 29 */
RULE(a_search_ends_in_a_circle_that_leaves_the_asker_out)
{
    weft_future *outside;

    circle(bare);
    run_rounds(3);
    weft_loop_set_debug(loop, true);
    outside = tasked(gathered(weft_future_ref(a)));
    run_rounds(3);
    ck_assert(!weft_future_is_done(outside));
    ck_assert(weft_future_cancel(outside, NULL));
    run_all();
    ck_assert(weft_future_is_cancelled(outside));
    ck_assert(weft_future_is_cancelled(b));
    weft_future_unref(outside);
    drop_circle();
}
END_RULE

/* 29 */
RULE(a_task_that_awaits_a_gather_of_itself_can_be_cancelled)
{
    a = weft_task_new(loop, WEFT_CALL(circler, .name = "a", .other = &a, .wrap = gathered));
    run_all();
    ck_assert(!weft_future_is_done(a));
    ck_assert(weft_future_cancel(a, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a!WEFT_ECANCELLED");
    weft_future_unref(a);
}
END_RULE

/* 29, 82 */
RULE(a_loop_closes_over_a_circle)
{
    weft_loop_set_exception_handler(loop, ignore, NULL);
    circle(much);
    run_rounds(5);
    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_int_eq(weft_future_error(a), WEFT_ECLOSED);
    drop_circle();
}
END_RULE

RUN_SUITE("compound", a_nest_of_100000_joins_completes_in_constant_stack,
          a_nest_of_100000_joins_is_cancelled_in_constant_stack,
          a_nest_of_100000_joins_is_dropped_in_constant_stack,
          a_loop_with_a_nest_of_100000_joins_closes_in_constant_stack,
          results_within_100000_results_are_freed_in_constant_stack,
          a_diamond_of_2_to_the_60_paths_is_cancelled_and_searched_in_no_time,
          a_cancel_ends_a_circle_through_joins, a_cancel_of_a_join_ends_the_circle_that_it_waits_for,
          debug_mode_refuses_a_circle_through_joins,
          a_search_ends_in_a_circle_that_leaves_the_asker_out,
          a_task_that_awaits_a_gather_of_itself_can_be_cancelled, a_loop_closes_over_a_circle)
