/* check_circle_many.c - circles of waits in any graph, and in large ones; one cancel asks each once. */
#include <stdlib.h>

#include "support/combine_bodies.h"

static weft_future *gathered(weft_future *future)
{
    return weft_gather(loop, WEFT_FUTURES(future), 0);
}

static weft_future *waited_for(weft_future *future)
{
    return weft_wait_for(future, 100);
}

static weft_future *shared;
static weft_task *owner;

struct circler {
    weft_gen gen;
};

/* ---- any graph ---- */

enum { KNOTS = 7, TANGLES = 3 }; /* tasks; gathers that several of them may share */
static weft_future *knots[KNOTS + TANGLES];
static unsigned edges[KNOTS + TANGLES]; /* whom each waits for: a bit for each */
static uint32_t random_state;

static unsigned pick(unsigned below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % below;
}

/* References to those that `bits` says, and a sleep without an end: what a knot waits for. */
static weft_future *gather_of(unsigned bits)
{
    weft_future *futures[KNOTS + TANGLES + 1];
    size_t count = 0;

    for (int i = 0; i < KNOTS + TANGLES; i++)
        if (bits & 1U << i)
            futures[count++] = weft_future_ref(knots[i]);
    if (count == 1 && pick(2))
        return futures[0];
    futures[count++] = weft_sleep_forever(loop);
    return pick(3) ? weft_gather(loop, futures, count, 0)
                   : waited_for(weft_gather(loop, futures, count, 0));
}

struct knot {
    weft_gen gen;
    unsigned bits;
};

static weft_step knot(void *frame)
{
    struct knot *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, gather_of(f->bits));
    WEFT_END(f);
}
WEFT_GEN_TYPE(knot);

static unsigned reachable(void)
{
    unsigned seen = 1, before;

    do {
        before = seen;
        for (int i = 0; i < KNOTS + TANGLES; i++)
            if (seen & 1U << i)
                seen |= edges[i];
    } while (seen != before);
    return seen;
}

static void tangle(void)
{
    for (int i = 0; i < KNOTS; i++) {
        edges[i] = 1U << pick(KNOTS + TANGLES) | (pick(2) ? 1U << pick(KNOTS + TANGLES) : 0);
        knots[i] = weft_task_new(loop, WEFT_CALL(knot, .bits = edges[i]));
    }
    for (int i = KNOTS; i < KNOTS + TANGLES; i++) {
        edges[i] = 1U << pick(KNOTS) | 1U << pick((unsigned)i);
        knots[i] = gather_of(edges[i]);
    }
}

/* 257 */
RULE(a_cancel_ends_all_that_it_reaches_in_any_graph)
{
    for (unsigned graph = 0; graph < 3000; graph++) {
        unsigned reached;

        random_state = graph;
        tangle();
        weft_testing_run_until_idle(loop);
        reached = reachable();
        if (!weft_future_is_done(knots[0]))
            ck_assert(weft_future_cancel(knots[0], NULL));
        run_all();
        for (int i = 0; i < KNOTS; i++)
            ck_assert_msg(!(reached & 1U << i) || weft_future_is_done(knots[i]),
                          "graph %u: %d has not ended", graph, i);
        for (int i = 0; i < KNOTS; i++)
            if (!weft_future_is_done(knots[i]))
                weft_future_cancel(knots[i], NULL);
        run_all();
        for (int i = 0; i < KNOTS + TANGLES; i++) {
            ck_assert_msg(weft_future_is_done(knots[i]) || i >= KNOTS, "graph %u: %d is left",
                          graph, i);
            (void)weft_future_error(knots[i]);
            weft_future_unref(knots[i]);
        }
    }
}
END_RULE

/* ---- one cancel asks once ---- */

/* 258 */
RULE(whoever_is_reached_twice_by_one_cancel_is_asked_once)
{
    weft_task *task = CHILD(.seconds = 9, .cleanup = 1);
    weft_future *twice = weft_gather(
        loop,
        WEFT_FUTURES(weft_future_ref(task), gathered(weft_future_ref(task)),
                     waited_for(weft_future_ref(task)), weft_future_ref(task)),
        0);

    weft_testing_run_until_idle(loop);
    ck_assert(weft_future_cancel(twice, NULL));
    ck_assert_int_eq(weft_task_cancelling(task), 1);
    ck_assert(weft_future_cancel(task, NULL)); /* that is another one */
    ck_assert_int_eq(weft_task_cancelling(task), 2);
    run_all();
    ck_assert(weft_future_is_cancelled(twice));
    weft_future_unref(twice);
    weft_future_unref(task);
}
END_RULE

/* ---- many ---- */

enum { MANY = 50000 };

static weft_step waits_shared(void *frame)
{
    struct circler *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_future_ref(shared));
    WEFT_END(f);
}
static const weft_gen_type shared_type = {
    .name = "waits_shared", .size = sizeof(struct circler), .resume = waits_shared};

/* 259: tens of seconds, if each of them searched what it awaits */
RULE(many_tasks_at_one_gather_of_many_are_cancelled_in_no_time)
{
    weft_future **many = calloc(MANY, sizeof(*many));
    weft_future *all;

    ck_assert_ptr_nonnull(many);
    for (int i = 0; i < MANY; i++)
        many[i] = CHILD(.seconds = 9, .cleanup = 1);
    shared = weft_gather(loop, many, MANY, 0);
    for (int i = 0; i < MANY; i++)
        many[i] = weft_task_new(loop, weft_gen_copy(&shared_type, &(struct circler){.gen = {0}}));
    all = weft_gather(loop, many, MANY, 0);
    weft_testing_run_until_idle(loop);
    ck_assert(weft_future_cancel(all, NULL));
    run_all();
    ck_assert(weft_future_is_cancelled(all));
    ck_assert(weft_future_is_cancelled(shared));
    weft_future_unref(all);
    weft_future_unref(shared);
    free(many);
}
END_RULE

static weft_step waits_owner(void *frame)
{
    struct circler *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_future_ref(owner));
    WEFT_END(f);
}
static const weft_gen_type waits_owner_type = {
    .name = "waits_owner", .size = sizeof(struct circler), .resume = waits_owner};

/* 259, 257 */
RULE(many_children_that_await_their_owner_are_woken_in_no_time)
{
    weft_future **many = calloc(MANY, sizeof(*many));

    ck_assert_ptr_nonnull(many);
    for (int i = 0; i < MANY; i++)
        many[i] = weft_task_new(loop,
                                weft_gen_copy(&waits_owner_type, &(struct circler){.gen = {0}}));
    shared = weft_gather(loop, many, MANY, 0);
    owner = weft_task_new(loop, weft_gen_copy(&shared_type, &(struct circler){.gen = {0}}));
    weft_testing_run_until_idle(loop);
    ck_assert(weft_future_cancel(owner, NULL));
    run_all();
    ck_assert(weft_future_is_cancelled(owner));
    ck_assert(weft_future_is_cancelled(shared));
    weft_future_unref(owner);
    weft_future_unref(shared);
    free(many);
}
END_RULE

/* 258: white box: the number of the pass has 16 bits in a task */
RULE(a_cancel_long_after_the_last_one_is_a_new_one)
{
    weft_task *task = CHILD(.seconds = 9, .swallows = true, .cleanup = 5);
    weft_task *other;

    weft_testing_run_until_idle(loop);
    ck_assert(weft_future_cancel(task, NULL));
    weft_testing_run_until_idle(loop);
    for (int i = 0; i < 65535; i++) {
        other = CHILD(.seconds = 1);
        ck_assert(weft_future_cancel(other, NULL));
        weft_testing_run_until_idle(loop);
        weft_future_unref(other);
    }
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(weft_task_cancelling(task), 2);
    run_all();
    weft_future_unref(task);
}
END_RULE

RUN_SUITE("circle_many", a_cancel_ends_all_that_it_reaches_in_any_graph,
          whoever_is_reached_twice_by_one_cancel_is_asked_once,
          many_tasks_at_one_gather_of_many_are_cancelled_in_no_time,
          many_children_that_await_their_owner_are_woken_in_no_time,
          a_cancel_long_after_the_last_one_is_a_new_one)
