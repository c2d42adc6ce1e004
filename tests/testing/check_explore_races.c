/* check_explore_races.c - what a reduced search must not leave out, one case after the other; and what it leaves out. */
#include <stdio.h>
#include <string.h>

#include "support/explore_bodies.h"

/* ---- outcomes: what was said in a run, each once, sorted ----------------------------------------------------- */

enum { OUTCOMES = 64, LENGTH = 64 };

static char outcomes[OUTCOMES][LENGTH], said[LENGTH];
static int outcome_count;
static unsigned long runs;

static void tell(const char *word)
{
    size_t length = strlen(said);

    snprintf(said + length, LENGTH - length, "%s", word);
}

static const char *add_outcome(void *arg)
{
    int at = 0;

    (void)arg;
    while (at < outcome_count && strcmp(outcomes[at], said) < 0)
        at++;
    if (at == outcome_count || strcmp(outcomes[at], said) != 0) {
        ck_assert_int_lt(outcome_count, OUTCOMES);
        memmove(outcomes[at + 1], outcomes[at], (size_t)(outcome_count++ - at) * LENGTH);
        memcpy(outcomes[at], said, LENGTH);
    }
    said[0] = 0;
    return NULL;
}

static const char *search(weft_scenario scenario, bool reduce)
{
    static char all[OUTCOMES * LENGTH];
    weft_explored result;

    scenario.struct_size = sizeof(scenario);
    outcome_count = 0;
    said[0] = 0;
    scenario.reduce = reduce;
    scenario.check = scenario.check ? scenario.check : add_outcome;
    result = weft_testing_explore_with(&scenario);
    ck_assert_msg(!result.wrong, "%s [%s]", result.wrong, result.schedule);
    ck_assert(result.complete);
    runs = result.runs;
    all[0] = 0;
    for (int i = 0; i < outcome_count; i++)
        strcat(strcat(all, i ? "|" : ""), outcomes[i]);
    return all;
}

/* The outcomes are these, with the reduction and without; it takes so many runs with it. */
static void both(weft_scenario scenario, const char *expected, unsigned long reduced)
{
    ck_assert_str_eq(search(scenario, false), expected);
    ck_assert_str_eq(search(scenario, true), expected);
    ck_assert_uint_eq(runs, reduced);
}

/* ---- what it leaves out ---------------------------------------------------------------------------------------- */

static weft_future *pause_or_sleep(struct party *f)
{
    f->ended = f->step == 4;
    return f->step % 2 ? weft_sleep(NULL, 1) : NULL;
}

static void start_alone(weft_explorer *explorer, void *arg)
{
    (void)arg;
    start_parties(explorer, pause_or_sleep, 3);
}

/* 234 */
RULE(tasks_that_share_nothing_run_in_one_order)
{
    weft_explored result = weft_testing_explore(.start = start_alone, .reduce = true);

    ck_assert(!result.wrong && result.complete);
    ck_assert_uint_eq(result.runs, 1); /* of 6 to the power of 5 */
}
END_RULE

static weft_event *event;

static weft_future *wait_for_event(struct party *f)
{
    f->ended = f->step == 1;
    return f->step == 0 ? weft_event_wait(event) : NULL;
}

static weft_future *set_event(struct party *f)
{
    f->ended = f->step == 1;
    if (f->step == 0)
        return weft_sleep(NULL, 1);
    weft_event_set(event);
    return NULL;
}

static void start_waiting(weft_explorer *explorer, void *arg)
{
    (void)arg;
    event = weft_event_new(NULL);
    start_parties(explorer, wait_for_event, 2);
    weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(party, .fn = set_event)));
}

static const char *check_event(void *arg)
{
    (void)arg;
    weft_event_unref(event);
    return NULL;
}

/* 234 */
RULE(with_detours_nothing_is_left_out)
{
    weft_scenario scenario = {.start = start_waiting, .check = check_event, .detours = 2};

    (void)search(scenario, false);
    ck_assert_uint_gt(runs, 5);
    for (unsigned long before = runs; before; before = 0) {
        (void)search(scenario, true);
        ck_assert_uint_eq(runs, before);
    }
}
END_RULE

/* ---- what it does not ------------------------------------------------------------------------------------------ */

static int number;

static weft_future *double_and_add(struct party *f)
{
    weft_explore_touch(&number);
    number = number * 2 + f->who;
    f->ended = true;
    return NULL;
}

static void start_numbers(weft_explorer *explorer, void *arg)
{
    number = 0;
    start_parties(explorer, arg ? pause_or_sleep : double_and_add, 2);
    if (arg)
        start_parties(explorer, double_and_add, 2);
}

static const char *tell_number(void *arg)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", number);
    tell(text);
    return add_outcome(arg);
}

/* 235 */
RULE(steps_that_touch_one_address_come_in_both_orders)
{
    both((weft_scenario){.start = start_numbers, .check = tell_number}, "1|2", 2);
    both((weft_scenario){.start = start_numbers, .check = tell_number, .arg = &number}, "1|2", 2);
}
END_RULE

static weft_future *touch_frame(struct party *f)
{
    weft_explore_touch(f->shared);
    *f->shared = *f->shared * 2 + f->who;
    f->ended = true;
    return NULL;
}

struct owner {
    weft_gen gen;
    weft_explorer *explorer;
    int number;
};

static weft_step owner(void *frame)
{
    struct owner *f = frame;

    WEFT_BEGIN(f);
    for (int i = 0; i < 2; i++)
        weft_explore_task(f->explorer,
                          weft_task_new(NULL, WEFT_CALL(party, .fn = touch_frame, .who = i,
                                                        .shared = &f->number)));
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    number = f->number;
    WEFT_END(f);
}
WEFT_GEN_TYPE(owner);

static void start_owner(weft_explorer *explorer, void *arg)
{
    (void)arg;
    weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(owner, .explorer = explorer)));
}

/* 235 */
RULE(what_is_touched_may_lie_in_a_frame)
{
    both((weft_scenario){.start = start_owner, .check = tell_number}, "1|2", 2);
}
END_RULE

static weft_future *futures[2];

static void tell_future(weft_future *future, void *arg)
{
    (void)arg;
    tell(future == futures[0] ? "a" : "b");
}

static weft_future *set_own(struct party *f)
{
    (void)weft_future_set_result(futures[f->who], NULL);
    f->ended = true;
    return NULL;
}

static void start_callbacks(weft_explorer *explorer, void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        futures[i] = weft_future_new(NULL);
        weft_future_add_done_callback(futures[i], tell_future, NULL);
    }
    start_parties(explorer, set_own, 2);
}

static const char *free_futures(void *arg)
{
    for (int i = 0; i < 2; i++)
        weft_future_unref(futures[i]);
    return add_outcome(arg);
}

/* 234 */
RULE(callbacks_of_two_futures_come_in_both_orders)
{
    both((weft_scenario){.start = start_callbacks, .check = free_futures}, "ab|ba", 2);
}
END_RULE

/* Two tasks make a sleep each, to the same time; in a later round callbacks are added. */
static weft_future *make_sleep(struct party *f)
{
    if (f->step == 0) {
        futures[f->who] = weft_sleep(NULL, 1);
        return NULL;
    }
    if (f->who == 0)
        for (int i = 0; i < 2; i++)
            weft_future_add_done_callback(futures[i], tell_future, NULL);
    f->ended = true;
    return NULL;
}

static void start_sleeps(weft_explorer *explorer, void *arg)
{
    (void)arg;
    start_parties(explorer, make_sleep, 2);
}

/* 234 */
RULE(sleeps_that_callbacks_wait_for_are_made_in_both_orders)
{
    both((weft_scenario){.start = start_sleeps, .check = free_futures}, "ab|ba", 5);
}
END_RULE

static weft_future *spawn(struct party *f)
{
    char name[32];
    weft_task *task = weft_task_new(NULL, WEFT_CALL(party, .fn = pause_or_sleep));

    weft_task_name(task, name, sizeof(name));
    if (f->who == 0)
        tell(name);
    weft_future_unref(task);
    f->ended = true;
    return NULL;
}

static void start_spawning(weft_explorer *explorer, void *arg)
{
    (void)arg;
    start_parties(explorer, spawn, 2);
}

/* 234 */
RULE(tasks_are_numbered_in_both_orders)
{
    both((weft_scenario){.start = start_spawning}, "party-3|party-4", 2);
}
END_RULE

static weft_future *look_at_the_other(struct party *f)
{
    if (f->who == 0)
        tell(weft_future_is_done(parties[1]) ? "done" : "pending");
    f->ended = true;
    return NULL;
}

static void start_looking(weft_explorer *explorer, void *arg)
{
    (void)arg;
    start_parties(explorer, look_at_the_other, 2);
}

/* 234 */
RULE(a_look_at_a_task_that_ends_comes_before_it_and_after_it)
{
    both((weft_scenario){.start = start_looking}, "done|pending", 2);
}
END_RULE

/* Says when a cancel comes. */
static weft_future *say_steps(struct party *f)
{
    char text[8];

    weft_explore_touch(said);
    snprintf(text, sizeof(text), "%c%d", "ab"[f->who], f -> step);
    tell(text);
    f->ended = f->step == 1;
    return NULL;
}

static void start_steps(weft_explorer *explorer, void *arg)
{
    (void)arg;
    start_parties(explorer, say_steps, 2);
}

/* 234 */
RULE(a_cancel_comes_wherever_it_makes_a_difference)
{
    static char all[OUTCOMES * LENGTH];
    weft_scenario scenario = {.start = start_steps, .cancels = 1};
    unsigned long before;

    strcpy(all, search(scenario, false));
    before = runs;
    ck_assert_ptr_nonnull(strstr(all, "a0b0b1"));
    ck_assert_str_eq(search(scenario, true), all);
    ck_assert_uint_lt(runs * 4, before * 3);
}
END_RULE

/* ---- what cannot be followed ----------------------------------------------------------------------------------- */

static weft_future *fail_an_allocation(struct party *f)
{
    f->ended = true;
    if (f->who == 0)
        weft_testing_fail_allocation(1, 1);
    else
        tell(weft_future_is_done(futures[0] = weft_future_new(NULL)) ? "failed" : "made");
    if (f->who == 1)
        weft_future_unref(futures[0]);
    return NULL;
}

static void start_failing(weft_explorer *explorer, void *arg)
{
    (void)arg;
    start_parties(explorer, fail_an_allocation, 2);
}

static const char *fail_no_more(void *arg)
{
    weft_testing_fail_allocation(0, 0);
    return add_outcome(arg);
}

/* 238 */
RULE(what_cannot_be_followed_is_run_in_every_order)
{
    both((weft_scenario){.start = start_failing, .check = fail_no_more}, "failed|made", 1 + 2);
}
END_RULE

RUN_SUITE("explore_races", tasks_that_share_nothing_run_in_one_order,
          with_detours_nothing_is_left_out, steps_that_touch_one_address_come_in_both_orders,
          what_is_touched_may_lie_in_a_frame, callbacks_of_two_futures_come_in_both_orders,
          sleeps_that_callbacks_wait_for_are_made_in_both_orders, tasks_are_numbered_in_both_orders,
          a_look_at_a_task_that_ends_comes_before_it_and_after_it,
          a_cancel_comes_wherever_it_makes_a_difference,
          what_cannot_be_followed_is_run_in_every_order)
