/* check_explore.c - what weft_testing_explore promises: it finds what is wrong, in every order and at every cancel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

/* ---- scenarios --------------------------------------------------------------------------------------------- */

/* Gives way `pauses` times, then sleeps. */
struct stepper {
    weft_gen gen;
    int pauses;
    double seconds;
    const char *name;
};

static int progress;

static weft_step stepper(void *frame)
{
    struct stepper *f = frame;

    WEFT_BEGIN(f);
    progress = 1;
    for (; f->pauses > 0; f->pauses--) {
        WEFT_PAUSE(f);
        progress++;
    }
    if (f->seconds > 0) {
        WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
        progress++;
    }
    if (f->name)
        say("%s", f->name);
    WEFT_END(f);
}
WEFT_GEN_TYPE(stepper);

struct steppers {
    int tasks, pauses;
    double seconds;
};

static void start_steppers(weft_explorer *explorer, void *arg)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    const struct steppers *steppers = arg;

    progress = 0;
    for (int i = 0; i < steppers->tasks; i++)
        weft_explore_task(
            explorer, weft_task_new(NULL, WEFT_CALL(stepper, .pauses = steppers->pauses,
                                                    .seconds = steppers->seconds * (i + 1),
                                                    .name = steppers->tasks < 4 ? names[i] : NULL)));
}

static const char *part_runs(void *arg)
{
    (void)arg;
    say("|");
    return NULL;
}

static unsigned long count_runs(struct steppers steppers, unsigned cancels, unsigned detours)
{
    weft_explored result = weft_testing_explore(.start = start_steppers, .arg = &steppers,
                                                .cancels = cancels, .detours = detours);

    ck_assert_msg(!result.wrong, "%s", result.wrong);
    ck_assert(result.complete);
    return result.runs;
}

/* ---- every order ------------------------------------------------------------------------------------------- */

RULE(every_order_of_a_round_is_run_once)
{
    weft_explored result = weft_testing_explore(.start = start_steppers, .check = part_runs,
                                                .arg = &(struct steppers){.tasks = 3});

    ck_assert(!result.wrong);
    ck_assert(result.complete);
    ck_assert_uint_eq(result.runs, 6);
    ck_assert_str_eq(trace(), "a b c | a c b | b a c | b c a | c a b | c b a |");
}
END_RULE

RULE(the_rounds_orders_multiply)
{
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 1, .pauses = 9}, 0, 0), 1);
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 2, .pauses = 3}, 0, 0), 16);
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 5}, 0, 0), 120);
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 3, .pauses = 2}, 0, 0), 216);
}
END_RULE

RULE(different_deadlines_keep_their_order)
{
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 3, .seconds = 1}, 0, 0), 6);
    for (int i = 0; i < 6; i++)
        ck_assert(strncmp(trace() + 6 * i, "a b c ", 6) == 0 || i == 5);
}
END_RULE

static void say_and_call(void *arg)
{
    say("%s", (const char *)arg);
}

static void on_done(weft_future *future, void *arg)
{
    (void)future;
    say("%s", (const char *)arg);
}

static void start_callbacks(weft_explorer *explorer, void *arg)
{
    weft_future *future = weft_future_new(NULL);

    (void)arg;
    ck_assert_int_eq(weft_call_soon(NULL, say_and_call, "1", NULL), 0);
    ck_assert_int_eq(weft_future_add_done_callback(future, on_done, "2"), 0);
    ck_assert_int_eq(weft_future_add_done_callback(future, on_done, "3"), 0);
    ck_assert_int_eq(weft_future_set_result(future, NULL), 0);
    weft_future_unref(future);
    weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(stepper, .name = "t")));
}

RULE(callbacks_keep_their_order_and_a_task_comes_anywhere_between_them)
{
    weft_explored result = weft_testing_explore(.start = start_callbacks, .check = part_runs);

    ck_assert(!result.wrong);
    ck_assert_uint_eq(result.runs, 4);
    ck_assert_str_eq(trace(), "1 2 3 t | 1 2 t 3 | 1 t 2 3 | t 1 2 3 |");
}
END_RULE

/* Makes a task of the scenario from a body, one that runs its first step at once, and from then on. */
struct maker {
    weft_gen gen;
    weft_explorer *explorer;
};

static weft_step maker(void *frame)
{
    struct maker *f = frame;

    WEFT_BEGIN(f);
    weft_explore_task(f->explorer, weft_task_new_eager(NULL, WEFT_CALL(stepper, .pauses = 1)));
    WEFT_PAUSE(f);
    WEFT_END(f);
}
WEFT_GEN_TYPE(maker);

static void start_maker(weft_explorer *explorer, void *arg)
{
    char name[32];
    weft_task *task = weft_task_new(NULL, WEFT_CALL(maker, .explorer = explorer));

    (void)arg;
    ck_assert_double_eq(weft_loop_time(NULL), 0);
    weft_task_name(task, name, sizeof(name));
    ck_assert_str_eq(name, "maker-1");
    ck_assert_ptr_null(weft_current_task());
    weft_explore_task(explorer, task);
}

RULE(each_run_has_a_fresh_loop_and_bodies_may_add_tasks)
{
    weft_explored result = weft_testing_explore(.start = start_maker);

    ck_assert(!result.wrong);
    ck_assert_uint_eq(result.runs, 2);
}
END_RULE

/* ---- it finds bugs ----------------------------------------------------------------------------------------- */

/* A wake-up that is lost if `ready` is set between the check and the wait: never in the order in which the
 * tasks were made. */
static weft_future *bell;
static bool ready;

struct listener {
    weft_gen gen;
};

static weft_step listener(void *frame)
{
    struct listener *f = frame;

    WEFT_BEGIN(f);
    if (!ready) {
        WEFT_PAUSE(f);
        say("listens");
        bell = weft_future_new(NULL);
        WEFT_AWAIT(f, weft_future_ref(bell));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(listener);

struct ringer {
    weft_gen gen;
};

static weft_step ringer(void *frame)
{
    struct ringer *f = frame;

    WEFT_BEGIN(f);
    WEFT_PAUSE(f);
    say("rings");
    ready = true;
    if (bell)
        weft_future_set_result(bell, NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(ringer);

static void start_bell(weft_explorer *explorer, void *arg)
{
    (void)arg;
    bell = NULL;
    ready = false;
    weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(listener)));
    weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(ringer)));
}

static const char *check_bell(void *arg)
{
    (void)arg;
    weft_future_unref(bell);
    say("|");
    return NULL;
}

RULE(a_lost_wake_up_is_found_and_its_schedule_runs_it_again)
{
    weft_explored result = weft_testing_explore(.start = start_bell, .check = check_bell);
    weft_explored again;

    ck_assert_ptr_nonnull(result.wrong);
    ck_assert_ptr_eq(strstr(result.wrong, "a task has not ended: <task listener-1 pending"),
                     result.wrong);
    ck_assert_ptr_nonnull(strstr(result.wrong, " awaits <future pending, 1 waiting"));
    ck_assert(!result.complete);
    ck_assert_uint_eq(result.runs, 2);
    ck_assert_str_eq(result.schedule, "0 0 0 1");
    ck_assert_str_eq(trace(), "listens rings | rings listens |");
    again = weft_testing_explore(.start = start_bell, .check = check_bell,
                                 .schedule = result.schedule);
    ck_assert_ptr_nonnull(again.wrong);
    ck_assert_uint_eq(again.runs, 1);
    ck_assert_str_eq(again.schedule, result.schedule);
    ck_assert_str_eq(trace(), "listens rings | rings listens | rings listens |");
}
END_RULE

/* Takes a permit, and gives it back: also if it is cancelled meanwhile, if it is `careful`. */
static int permits;

struct taker {
    weft_gen gen;
    bool careful;
    weft_outcome outcome;
};

static weft_step taker(void *frame)
{
    struct taker *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    permits--;
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    permits += !f->careful;
    WEFT_FINALLY(f);
    permits += f->careful;
    WEFT_END(f);
}
WEFT_GEN_TYPE(taker);

static void start_taker(weft_explorer *explorer, void *arg)
{
    permits = 1;
    weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(taker, .careful = arg != NULL)));
}

static const char *check_permits(void *arg)
{
    (void)arg;
    return permits == 1 ? NULL : "a permit is lost";
}

RULE(what_a_cancel_breaks_is_found_and_what_it_does_not_is_not)
{
    weft_explored result = weft_testing_explore(.start = start_taker, .check = check_permits,
                                                .cancels = 1);

    ck_assert_str_eq(result.wrong, "a permit is lost");
    ck_assert_str_eq(result.schedule, "0 0 c0");
    result = weft_testing_explore(.start = start_taker, .check = check_permits, .cancels = 1,
                                  .schedule = "0 0 c0");
    ck_assert_str_eq(result.wrong, "a permit is lost");
    result = weft_testing_explore(.start = start_taker, .check = check_permits);
    ck_assert(!result.wrong && result.complete);
    ck_assert_uint_eq(result.runs, 1);
    result = weft_testing_explore(.start = start_taker, .check = check_permits, .arg = "careful",
                                  .cancels = 2);
    ck_assert_msg(!result.wrong, "%s [%s]", result.wrong, result.schedule);
    ck_assert(result.complete);
}
END_RULE

static const char *check_cancelled(void *arg)
{
    (void)arg;
    say("%d", progress);
    return progress < 4 ? "it did not come through" : NULL;
}

/* 236 */
RULE(a_cancel_that_is_told_comes_as_early_as_it_can)
{
    weft_explored result = weft_testing_explore(.start = start_steppers, .check = check_cancelled,
                                                .cancels = 2,
                                                .arg = &(struct steppers){
                                                    .tasks = 1, .pauses = 2, .seconds = 1});

    /* Found: in the sleep.  Shrunk: before the first step. */
    ck_assert_str_eq(result.wrong, "it did not come through");
    ck_assert_str_eq(result.schedule, "0 c0");
}
END_RULE

/* 237 */
RULE(a_replay_in_the_environment_is_one_run_of_one_search_of_the_case)
{
    weft_scenario scenario = {
        .start = start_steppers, .check = part_runs, .arg = &(struct steppers){.tasks = 3}};

    ck_assert_int_eq(setenv("WEFT_REPLAY", "2: 0 2 1", 1), 0);
    ck_assert_uint_eq(explore(scenario), 1);
    ck_assert_str_eq(trace(), "");
    ck_assert_uint_eq(explore(scenario), 1);
    ck_assert_str_eq(trace(), "c b a |");
    unsetenv("WEFT_REPLAY");
    ck_assert_uint_eq(explore(scenario), 6);
}
END_RULE

/* ---- every cancel ------------------------------------------------------------------------------------------ */

static const char *say_progress(void *arg)
{
    (void)arg;
    say("%d", progress);
    return NULL;
}

RULE(a_cancel_comes_before_each_step_and_before_time_passes)
{
    weft_explored result = weft_testing_explore(.start = start_steppers, .check = say_progress,
                                                .cancels = 1,
                                                .arg = &(struct steppers){
                                                    .tasks = 1, .pauses = 2, .seconds = 1});

    ck_assert(!result.wrong && result.complete);
    /* No cancel; after the sleep, which is value first; in it; before each of the steps. */
    ck_assert_str_eq(trace(), "a 4 a 4 3 2 1 0");
}
END_RULE

static int most_requests;

struct counter {
    weft_gen gen;
};

static weft_step counter(void *frame)
{
    struct counter *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    if (weft_task_cancelling(weft_current_task()) > most_requests)
        most_requests = weft_task_cancelling(weft_current_task());
    WEFT_END(f);
}
WEFT_GEN_TYPE(counter);

static void start_counter(weft_explorer *explorer, void *arg)
{
    (void)arg;
    weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(counter)));
}

RULE(at_most_as_many_cancels_come_in_a_run_as_are_asked_for_also_to_one_task)
{
    for (int cancels = 1; cancels <= 3; cancels++) {
        weft_explored result = weft_testing_explore(.start = start_counter,
                                                    .cancels = (unsigned)cancels);

        ck_assert(!result.wrong && result.complete);
        ck_assert_int_eq(most_requests, cancels);
    }
}
END_RULE

RULE(cancels_of_every_task_come_in_every_order)
{
    weft_explored result = weft_testing_explore(.start = start_steppers, .check = part_runs,
                                                .cancels = 1, .limit = 3,
                                                .arg = &(struct steppers){.tasks = 2});

    ck_assert(!result.wrong);
    ck_assert_str_eq(trace(), "a b | a | b a |");
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 1}, 1, 0), 2);
    /* Two orders; each with a cancel of either before the first step, and of the second one before its own. */
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 2}, 1, 0), 8);
}
END_RULE

/* ---- bounds ------------------------------------------------------------------------------------------------ */

RULE(the_limit_ends_a_search_that_is_not_complete_then)
{
    weft_explored result = weft_testing_explore(.start = start_steppers, .limit = 5,
                                                .arg = &(struct steppers){.tasks = 3});

    ck_assert(!result.wrong && !result.complete);
    ck_assert_uint_eq(result.runs, 5);
    result = weft_testing_explore(.start = start_steppers, .limit = 6,
                                  .arg = &(struct steppers){.tasks = 3});
    ck_assert(!result.wrong && result.complete);
    ck_assert_uint_eq(result.runs, 6);
}
END_RULE

RULE(detours_bound_how_many_choices_are_not_the_first)
{
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 3}, 0, 1), 1 + 2 + 1);
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 3}, 0, 2), 6);
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 2, .pauses = 9}, 0, 1), 1 + 10);
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 2, .pauses = 9}, 0, 2), 1 + 10 + 45);
    /* A cancel is a detour, too: at each of five points one, and none besides. */
    ck_assert_uint_eq(count_runs((struct steppers){.tasks = 1, .pauses = 4}, 2, 1), 1 + 5);
}
END_RULE

RUN_SUITE("explore", every_order_of_a_round_is_run_once, the_rounds_orders_multiply,
          different_deadlines_keep_their_order,
          callbacks_keep_their_order_and_a_task_comes_anywhere_between_them,
          each_run_has_a_fresh_loop_and_bodies_may_add_tasks,
          a_lost_wake_up_is_found_and_its_schedule_runs_it_again,
          what_a_cancel_breaks_is_found_and_what_it_does_not_is_not,
          a_cancel_that_is_told_comes_as_early_as_it_can,
          a_replay_in_the_environment_is_one_run_of_one_search_of_the_case,
          a_cancel_comes_before_each_step_and_before_time_passes,
          at_most_as_many_cancels_come_in_a_run_as_are_asked_for_also_to_one_task,
          cancels_of_every_task_come_in_every_order,
          the_limit_ends_a_search_that_is_not_complete_then,
          detours_bound_how_many_choices_are_not_the_first)
