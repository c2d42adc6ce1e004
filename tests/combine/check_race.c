/* check_race.c - the staggered race. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "support/combine_bodies.h"

#define RUN(...) WEFT_CALL(child, __VA_ARGS__)
#define RACE(delay, errors, ...) \
    told(weft_staggered_race(loop, WEFT_CALLS(__VA_ARGS__), (delay), (errors)), "r")

/* Let go of it; and compare what was said by then. */
static void expect(weft_future *race, const char *what)
{
    run_all();
    weft_future_unref(race);
    ck_assert_str_eq(trace(), what);
}

/* 120 */
RULE(the_first_success_wins_and_the_others_never_start)
{
    expect(RACE(5, NULL, RUN(.name = "a", .seconds = 1, .value = "A"), RUN(.name = "b")),
           "a a. r:0@1 -A");
    ck_assert_double_eq(weft_loop_time(loop), 1);
}
END_RULE

/* 120 */
RULE(the_next_starts_after_the_delay_and_losers_are_cancelled_and_awaited)
{
    int errors[4];

    expect(RACE(2, errors, RUN(.name = "a", .seconds = 9, .cleanup = 1, .value = "A"),
                RUN(.name = "b", .seconds = 3, .value = "B"), RUN(.name = "c", .seconds = 9),
                RUN(.name = "d")),
           "a b c b. a! c! a~ r:0@6 -B");
    ck_assert_int_eq(errors[0], WEFT_ECANCELLED);
    ck_assert_int_eq(errors[1], 0);
    ck_assert_int_eq(errors[2], WEFT_ECANCELLED);
    ck_assert_int_eq(errors[3], WEFT_ECANCELLED);
}
END_RULE

/* 120 */
RULE(the_next_starts_as_soon_as_one_fails_and_its_time_begins_anew)
{
    int errors[3];

    expect(RACE(4, errors, RUN(.name = "a", .seconds = 1, .error = -EIO),
                RUN(.name = "b", .seconds = 9), RUN(.name = "c", .value = "C")),
           "a a. b c c. b! r:0@5 -C");
    ck_assert_int_eq(errors[0], -EIO);
    ck_assert_int_eq(errors[1], WEFT_ECANCELLED);
    ck_assert_int_eq(errors[2], 0);
}
END_RULE

/* 120 */
RULE(with_never_only_a_failure_starts_the_next)
{
    expect(RACE(WEFT_NEVER, NULL, RUN(.name = "a", .seconds = 1000, .error = -EIO),
                RUN(.name = "b", .seconds = 1, .value = "B")),
           "a a. b b. r:0@1001 -B");
}
END_RULE

/* 120 */
RULE(without_delay_all_start_in_order)
{
    expect(RACE(0, NULL, RUN(.name = "a", .seconds = 3), RUN(.name = "b", .seconds = 2),
                RUN(.name = "c", .seconds = 1, .value = "C")),
           "a b c c. a! b! r:0@1 -C");
}
END_RULE

/* 120 */
RULE(if_all_fail_it_fails_with_the_first_error_and_lists_all)
{
    int errors[3];

    expect(RACE(1, errors, RUN(.name = "a", .seconds = 3, .error = -EIO),
                RUN(.name = "b", .seconds = 0.5, .error = -EPIPE),
                RUN(.name = "c", .seconds = 5, .error = -EPERM)),
           "a b b. c a. c. r:EPIPE@6.5");
    ck_assert_int_eq(errors[0], -EIO);
    ck_assert_int_eq(errors[1], -EPIPE);
    ck_assert_int_eq(errors[2], -EPERM);
}
END_RULE

/* 120: gh 124309 left a loser's failure to nobody, and a second winner's value */
RULE(of_two_that_succeed_in_one_round_one_wins_and_the_others_value_is_destroyed)
{
    int errors[2];

    expect(RACE(0, errors, RUN(.seconds = 2, .value = "A"), RUN(.seconds = 2, .value = "B")),
           "-B r:0@2 -A");
    ck_assert_int_eq(errors[0], 0);
    ck_assert_int_eq(errors[1], WEFT_ECANCELLED);
}
END_RULE

/* 120 */
RULE(a_loser_that_succeeds_or_fails_all_the_same_is_a_loser)
{
    int errors[3];

    expect(RACE(0, errors, RUN(.seconds = 9, .swallows = true, .value = "A"),
                RUN(.seconds = 9, .last_error = -EIO), RUN(.seconds = 1, .value = "C")),
           "-A r:0@1 -C");
    ck_assert_int_eq(errors[0], WEFT_ECANCELLED);
    ck_assert_int_eq(errors[1], -EIO);
    ck_assert_int_eq(errors[2], 0);
}
END_RULE

static weft_future *victim;

static void drop_victim(void *value)
{
    say("-%s", (const char *)value);
    weft_future_unref(victim);
}

/* Returns a value whose destructor drops the race. */
static weft_step dropper(void *frame)
{
    struct child *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_RETURN_OWNED(f, (void *)(uintptr_t) "D", drop_victim);
    WEFT_END(f);
}
static const weft_gen_type dropper_type = {
    .name = "dropper", .size = sizeof(struct child), .resume = dropper};

/* 13, 120 */
RULE(a_losers_destructor_may_drop_the_race)
{
    victim = weft_staggered_race(
        loop,
        WEFT_CALLS(RUN(.seconds = 1, .value = "A"),
                   weft_gen_copy(&dropper_type, &(struct child){.name = NULL})),
        0, NULL);
    run_all();
    ck_assert_str_eq(trace(), "-D -A");
}
END_RULE

/* 120, 22 */
RULE(the_winners_value_can_be_taken)
{
    weft_future *race = RACE(0, NULL, RUN(.value = "A"));
    void *value;

    ck_assert_int_eq(weft_run_until_complete(loop, race, &value), 0);
    ck_assert_str_eq(value, "A");
    run_all();
    ck_assert_str_eq(trace(), "r:0@0");
}
END_RULE

/* 120 */
RULE(a_cancel_cancels_those_that_run_and_starts_no_more)
{
    weft_future *race = RACE(1, NULL, RUN(.name = "a", .seconds = 9, .cleanup = 5),
                             RUN(.name = "b", .seconds = 9, .swallows = true, .value = "B"),
                             RUN(.name = "c"));

    ck_assert_int_eq(run_task(weft_sleep(loop, 1.5), NULL), 0);
    ck_assert(weft_future_cancel(race, "why"));
    run_all();
    ck_assert(weft_future_is_cancelled(race));
    expect(race, "a b a! b! a~ -B r:WEFT_ECANCELLED@6.5");
}
END_RULE

/* 120, 51 */
RULE(a_winner_is_past_recall_and_the_cancel_comes_at_the_next_await)
{
    weft_task *task = ASKER(.name = "t",
                            .future = weft_staggered_race(
                                loop,
                                WEFT_CALLS(RUN(.name = "a", .seconds = 9, .cleanup = 2),
                                           RUN(.name = "b", .seconds = 1, .value = "B")),
                                0, NULL));

    ck_assert_int_eq(run_task(weft_sleep(loop, 2), NULL), 0);
    ck_assert_str_eq(trace(), "a b b. a!");
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a b b. a! a~ t=B -B t2!WEFT_ECANCELLED");
    weft_future_unref(task);
}
END_RULE

/* 120 */
RULE(a_cancel_between_a_failure_and_the_next_start_starts_none)
{
    int errors[2];
    weft_future *race = RACE(WEFT_NEVER, errors, RUN(.name = "a", .seconds = 1, .error = -EIO),
                             RUN(.name = "b"));

    run_rounds(2);
    weft_testing_advance(loop, 1);
    run_rounds(1);
    ck_assert_str_eq(trace(), "a a.");
    ck_assert(weft_future_cancel(race, NULL));
    expect(race, "a a. r:WEFT_ECANCELLED@1");
    ck_assert_int_eq(errors[0], -EIO);
    ck_assert_int_eq(errors[1], WEFT_ECANCELLED);
}
END_RULE

/* 120 */
RULE(a_pending_one_that_is_dropped_cancels_all_and_leaves_no_timer)
{
    weft_future *race = weft_staggered_race(
        loop, WEFT_CALLS(RUN(.name = "a", .seconds = 9), RUN(.name = "b")), 100, NULL);

    run_rounds(1);
    weft_future_unref(race);
    run_all();
    ck_assert_str_eq(trace(), "a a!");
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_RULE

/* 120, 72, 82 */
RULE(no_generators_no_number_and_a_closed_loop_are_refused)
{
    weft_loop *other = weft_loop_new(NULL);

    ck_assert_int_eq(taken_error(weft_staggered_race(loop, NULL, 0, 1, NULL)), -EINVAL);
    ck_assert_int_eq(
        taken_error(weft_staggered_race(loop, WEFT_CALLS(RUN(.seconds = 0)), NAN, NULL)), -EINVAL);
    ck_assert_int_eq(weft_loop_close(other), 0);
    ck_assert_int_eq(taken_error(weft_staggered_race(other, WEFT_CALLS(RUN(.seconds = 0)), 1, NULL)),
                     WEFT_ECLOSED);
    weft_loop_unref(other);
}
END_RULE

/* 82, 35 */
RULE(a_loop_that_closes_ends_it_and_frees_those_that_have_not_started)
{
    int errors[3];
    weft_future *race = weft_staggered_race(
        loop, WEFT_CALLS(RUN(.name = "a", .seconds = 9), RUN(.name = "b"), RUN(.name = "c")), 100,
        errors);

    run_rounds(1);
    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_int_eq(weft_future_error(race), WEFT_ECLOSED);
    ck_assert_int_eq(errors[0], WEFT_ECANCELLED); /* as at the start: the frame may have gone */
    weft_future_unref(race);
    ck_assert_str_eq(trace(), "a");
    (void)reports();
}
END_RULE

static int race_attempt(void)
{
    weft_loop *fresh = virtual_loop();
    weft_future *race;
    int errors[3], error;

    if (!fresh)
        return -ENOMEM;
    race = weft_staggered_race(fresh,
                               WEFT_CALLS(RUN(.seconds = 3, .value = "A"),
                                          RUN(.seconds = 3, .value = "B"),
                                          RUN(.seconds = 5, .value = "C")),
                               1, errors);
    error = weft_run_until_complete(fresh, race, NULL);
    weft_loop_unref(fresh);
    return error;
}

/* 100 */
RULE(without_memory_it_fails_or_another_one_wins)
{
    each_allocation_fails(race_attempt);
}
END_RULE

RUN_SUITE("race", the_first_success_wins_and_the_others_never_start,
          the_next_starts_after_the_delay_and_losers_are_cancelled_and_awaited,
          the_next_starts_as_soon_as_one_fails_and_its_time_begins_anew,
          with_never_only_a_failure_starts_the_next, without_delay_all_start_in_order,
          if_all_fail_it_fails_with_the_first_error_and_lists_all,
          of_two_that_succeed_in_one_round_one_wins_and_the_others_value_is_destroyed,
          a_loser_that_succeeds_or_fails_all_the_same_is_a_loser, the_winners_value_can_be_taken,
          a_losers_destructor_may_drop_the_race, a_cancel_cancels_those_that_run_and_starts_no_more,
          a_winner_is_past_recall_and_the_cancel_comes_at_the_next_await,
          a_cancel_between_a_failure_and_the_next_start_starts_none,
          a_pending_one_that_is_dropped_cancels_all_and_leaves_no_timer,
          no_generators_no_number_and_a_closed_loop_are_refused,
          a_loop_that_closes_ends_it_and_frees_those_that_have_not_started,
          without_memory_it_fails_or_another_one_wins)
