/* check_shuffle.c - weft_testing_shuffle: rounds in an order drawn from a seed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/step_bodies.h"

/* ---- shuffle ------------------------------------------------------------------------------------------------- */

/* What three tasks of some rounds do with a seed. */
static void run_seed(uint64_t seed, int rounds, char *text, size_t size)
{
    size_t before = strlen(trace());

    ck_assert_int_eq(weft_testing_shuffle(loop, seed), 0);
    make_steps(3, rounds - 1);
    ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
    snprintf(text, size, "%s", trace() + before + (before > 0));
}

/* 212 [D] */
RULE(the_same_seed_gives_the_same_run_and_no_seed_the_order_in_which_they_came)
{
    static const char fifo[] = "a3 b3 c3 a2 b2 c2 a1 b1 c1 a0 b0 c0";
    char plain[64], first[64], second[64], other[64];

    run_seed(0, 4, plain, sizeof(plain));
    ck_assert_str_eq(plain, fifo);
    run_seed(17, 4, first, sizeof(first));
    run_seed(18, 4, other, sizeof(other));
    run_seed(17, 4, second, sizeof(second));
    ck_assert_str_eq(first, second);
    ck_assert_str_ne(first, other);
    ck_assert_str_ne(first, fifo);
    run_seed(0, 4, plain, sizeof(plain));
    ck_assert_str_eq(plain, fifo);
}
END_RULE

/* 212 */
RULE(every_order_has_a_seed_and_about_as_many_as_another)
{
    static const char *const orders[] = {"a0 b0 c0", "a0 c0 b0", "b0 a0 c0",
                                         "b0 c0 a0", "c0 a0 b0", "c0 b0 a0"};
    int found[6] = {0};
    char text[64];

    for (uint64_t seed = 1; seed <= 600; seed++) {
        run_seed(seed, 1, text, sizeof(text));
        for (int i = 0; i < 6; i++)
            found[i] += strcmp(text, orders[i]) == 0;
    }
    for (int i = 0; i < 6; i++) {
        ck_assert_int_gt(found[i], 60);
        ck_assert_int_lt(found[i], 140);
    }
}
END_RULE

/* 212, 8 */
RULE(a_shuffle_leaves_callbacks_and_what_threads_post_in_their_order)
{
    bool moved = false;

    weft_loop_ref(loop);
    for (uint64_t seed = 1; seed < 20; seed++) {
        weft_future *future = weft_future_new(loop);
        size_t before = strlen(trace()) + (seed > 1);
        char text[64] = "";

        ck_assert_int_eq(weft_testing_shuffle(loop, seed), 0);
        ck_assert_int_eq(weft_future_add_done_callback(future, say_done, "1"), 0);
        ck_assert_int_eq(weft_future_add_done_callback(future, say_done, "2"), 0);
        make_steps(3, 0);
        ck_assert_int_eq(weft_future_set_result(future, NULL), 0);
        ck_assert_int_eq(weft_call_soon(loop, say_call, "3", NULL), 0);
        ck_assert_int_eq(weft_call_soon_threadsafe(loop, say_call, "4"), 0);
        ck_assert_int_eq(weft_call_soon_threadsafe(loop, say_call, "5"), 0);
        weft_future_ref(future);
        ck_assert_int_eq(weft_future_cancel_threadsafe(future, NULL), 0);
        ck_assert_int_eq(weft_future_unref_threadsafe(future), 0);
        weft_future_unref(future);
        ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
        for (const char *at = trace() + before; *at; at++)
            if (*at >= '1' && *at <= '5')
                strncat(text, at, 1);
        ck_assert_str_eq(text, "12345");
        moved = moved || trace()[before] == '1';
    }
    ck_assert(moved);
    weft_loop_unref(loop);
}
END_RULE

static weft_handle victim;
static weft_task *target;

/* Takes others out of the round that is running. */
static void meddle(void *arg)
{
    (void)arg;
    say("meddle");
    weft_handle_cancel(loop, victim);
    weft_future_cancel(target, NULL);
}

/* 212 */
RULE(a_shuffled_round_may_lose_what_is_in_it)
{
    for (uint64_t seed = 1; seed < 30; seed++) {
        ck_assert_int_eq(weft_testing_shuffle(loop, seed), 0);
        target = weft_task_new(loop, WEFT_CALL(steps, .name = "t", .left = 2));
        ck_assert_int_eq(weft_call_soon(loop, meddle, NULL, NULL), 0);
        ck_assert_int_eq(weft_call_soon(loop, say_call, "never", &victim), 0);
        run_rounds(3);
        ck_assert(weft_future_is_cancelled(target));
        weft_future_unref(target);
    }
    ck_assert_ptr_null(strstr(trace(), "never"));
}
END_RULE

/* 212 */
RULE(a_round_stays_a_round)
{
    ck_assert_int_eq(weft_testing_shuffle(loop, 5), 0);
    make_steps(3, 2);
    for (int round = 1; round <= 3; round++) {
        size_t before = strlen(trace());

        run_rounds(1);
        ck_assert_uint_eq(strlen(trace()) - before, 9 - (round == 1));
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(trace()[before + (round > 1) + 3 * (size_t)i + 1], '3' - round);
    }
    run_all();
    ck_assert_uint_eq(strlen(trace()), 26);
}
END_RULE

static int ran, ran_in_order;

static void count_call(void *arg)
{
    ran_in_order += weft_int(arg) == ran;
    ran++;
}

static int stepped;

struct quiet {
    weft_gen gen;
    int number;
};

static weft_step quiet(void *frame)
{
    struct quiet *f = frame;

    WEFT_BEGIN(f);
    ran_in_order += f->number == stepped;
    stepped++;
    WEFT_END(f);
}
WEFT_GEN_TYPE(quiet);

/* 212 */
RULE(a_long_round_is_shuffled_in_parts)
{
    ck_assert_int_eq(weft_testing_shuffle(loop, 1), 0);
    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(quiet, .number = i)), 0);
    run_all();
    ck_assert_int_eq(stepped, 3000);
    ck_assert_int_lt(ran_in_order, 100);
    ran_in_order = 0;
    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(weft_call_soon(loop, count_call, weft_from_int(i), NULL), 0);
    run_all();
    ck_assert_int_eq(ran_in_order, 3000);
}
END_RULE

static void reseed(void *arg)
{
    ck_assert_int_eq(weft_testing_shuffle(loop, (uint64_t)weft_int(arg)), 0);
    say("seed%d", (int)weft_int(arg));
}

/* 212 */
RULE(a_shuffle_begins_and_ends_in_the_middle_of_a_round_or_with_the_loop)
{
    for (int seed = 0; seed < 12; seed++) {
        make_steps(2, 1);
        ck_assert_int_eq(
            weft_call_soon(loop, reseed, weft_from_int(seed % 3 == 2 ? 0 : seed), NULL), 0);
        make_steps(2, 1);
        if (seed % 4)
            run_all();
        else
            run_rounds(1);
    }
    run_all();
    ck_assert_uint_eq(strlen(trace()), 12 * 4 * 2 * 3 + 12 * 6 + 1 - 1);
    ck_assert_int_eq(weft_testing_shuffle(loop, 3), 0);
    make_steps(4, 1);
    ck_assert_int_eq(weft_call_soon(loop, abort_run, NULL, NULL), 0);
    ck_assert_int_eq(weft_run_forever(loop), -EIO); /* some are still in the round, and the mark */
    weft_loop_close(loop);
    reports();
}
END_RULE

static int attempt_shuffle(void)
{
    int error = weft_testing_shuffle(loop, 1);

    ck_assert_int_eq(weft_testing_shuffle(loop, 0), 0);
    return error;
}

static void shuffle_explored(weft_explorer *explorer, void *arg)
{
    (void)arg;
    if (weft_testing_shuffle(NULL, 1) != WEFT_EINVALIDSTATE)
        weft_explore_wrong(explorer, "shuffled");
}

RULE(a_shuffle_that_cannot_be_says_why)
{
    each_allocation_fails(attempt_shuffle);
    ck_assert_ptr_null(weft_testing_explore(.start = shuffle_explored).wrong);
    weft_loop_close(loop);
    ck_assert_int_eq(weft_testing_shuffle(loop, 1), WEFT_ECLOSED);
}
END_RULE

RUN_SUITE("shuffle", the_same_seed_gives_the_same_run_and_no_seed_the_order_in_which_they_came,
          every_order_has_a_seed_and_about_as_many_as_another,
          a_shuffle_leaves_callbacks_and_what_threads_post_in_their_order,
          a_shuffled_round_may_lose_what_is_in_it, a_round_stays_a_round,
          a_long_round_is_shuffled_in_parts,
          a_shuffle_begins_and_ends_in_the_middle_of_a_round_or_with_the_loop,
          a_shuffle_that_cannot_be_says_why)
