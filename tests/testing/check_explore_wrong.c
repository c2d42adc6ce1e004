/* check_explore_wrong.c - what weft_testing_explore takes for wrong, how it says so, and its schedules as text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support/harness.h"

/* Gives way `pauses` times (below 0: for ever), then ends with `error`. */
struct stepper {
    weft_gen gen;
    int pauses, error;
};

static weft_step stepper(void *frame)
{
    struct stepper *f = frame;

    WEFT_BEGIN(f);
    while (f->pauses) {
        f->pauses -= f->pauses > 0;
        WEFT_PAUSE(f);
    }
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_END(f);
}
WEFT_GEN_TYPE(stepper);

static weft_task *new_stepper(int pauses, int error)
{
    return weft_task_new(NULL, WEFT_CALL(stepper, .pauses = pauses, .error = error));
}

static void ck_starts_with(const char *text, const char *start)
{
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(strncmp(text, start, strlen(start)) == 0, "\"%s\"", text);
}

/* ---- what is wrong ------------------------------------------------------------------------------------------- */

static void start_forever(weft_explorer *explorer, void *arg)
{
    (void)arg;
    weft_explore_task(explorer, new_stepper(-1, 0));
}

RULE(a_run_that_does_not_end_is_wrong)
{
    weft_explored result = weft_testing_explore(.start = start_forever);

    ck_assert_str_eq(result.wrong, "the run does not end");
    ck_assert(!result.complete);
    ck_assert_uint_eq(result.runs, 1);
    ck_assert_str_eq(result.schedule, "");
}
END_RULE

static weft_future *held;

static void start_stuck(weft_explorer *explorer, void *arg)
{
    (void)explorer, (void)arg;
    held = weft_future_new(NULL);
    (void)weft_spawn(NULL, WEFT_CALL(waiter, .name = "w", .future = weft_future_ref(held)));
}

static const char *check_held(void *arg)
{
    weft_future_unref(held);
    held = NULL;
    return arg;
}

RULE(a_task_that_has_not_ended_is_wrong_also_if_it_was_only_spawned)
{
    weft_explored result = weft_testing_explore(.start = start_stuck, .check = check_held,
                                                .arg = "only the consequence");

    ck_starts_with(result.wrong, "a task has not ended: <task waiter-1 pending");
    ck_assert_ptr_null(held);
}
END_RULE

static void start_failing(weft_explorer *explorer, void *arg)
{
    held = new_stepper(0, -EIO);
    weft_explore_task(explorer, held);
    (void)arg;
}

static void spawn_failing(weft_explorer *explorer, void *arg)
{
    (void)explorer, (void)arg;
    (void)weft_spawn(NULL, WEFT_CALL(stepper, .pauses = 1, .error = -EIO));
}

static const char *read_error(void *arg)
{
    (void)arg;
    return weft_future_error(held) == -EIO ? NULL : "another error";
}

/* 215 */
RULE(a_failure_is_wrong_unless_check_reads_it)
{
    weft_explored result = weft_testing_explore(.start = start_failing);

    ck_starts_with(result.wrong, "a failure that nobody read: <task stepper-1 failed EIO");
    ck_assert_str_eq(result.wrong + strlen(result.wrong) - 5, ": EIO");
    result = weft_testing_explore(.start = start_failing, .check = read_error);
    ck_assert_msg(!result.wrong, "%s", result.wrong);
    result = weft_testing_explore(.start = spawn_failing);
    ck_starts_with(result.wrong, "a failure that nobody read: <task stepper-1 failed EIO");
}
END_RULE

static void start_leaking(weft_explorer *explorer, void *arg)
{
    (void)explorer, (void)arg;
    held = weft_future_new(NULL);
}

static void start_leaking_frame(weft_explorer *explorer, void *arg)
{
    (void)explorer;
    *(weft_gen **)arg = WEFT_CALL(stepper);
}

static const char *keep_loop(void *arg)
{
    *(weft_loop **)arg = weft_loop_ref(weft_future_loop(held));
    return check_held(NULL);
}

/* 215 */
RULE(what_is_alive_after_the_run_is_wrong)
{
    weft_explored result = weft_testing_explore(.start = start_leaking);
    weft_loop *kept;
    weft_gen *gen;

    ck_assert_str_eq(result.wrong, "a leak: futures: 1");
    weft_future_unref(held);
    result = weft_testing_explore(.start = start_leaking, .check = check_held);
    ck_assert(!result.wrong);
    result = weft_testing_explore(.start = start_leaking_frame, .arg = &gen);
    ck_assert_str_eq(result.wrong, "a leak: frames: 1");
    weft_gen_close(gen);
    result = weft_testing_explore(.start = start_leaking, .check = keep_loop, .arg = &kept);
    ck_starts_with(result.wrong, "a leak: allocations: ");
    ck_assert(weft_loop_is_closed(kept));
    weft_loop_unref(kept);
}
END_RULE

static void start_stop(weft_explorer *explorer, void *arg)
{
    (void)explorer;
    if (arg)
        weft_abort(NULL, -EIO);
    else
        weft_loop_stop(NULL);
}

RULE(a_loop_that_is_stopped_is_wrong)
{
    weft_explored result = weft_testing_explore(.start = start_stop);

    ck_assert_str_eq(result.wrong, "the loop was stopped: 0");
    result = weft_testing_explore(.start = start_stop, .arg = "abort");
    ck_assert_str_eq(result.wrong, "the loop was stopped: EIO");
}
END_RULE

static void start_many(weft_explorer *explorer, void *arg)
{
    for (int i = 0; i < *(int *)arg; i++)
        weft_explore_task(explorer, new_stepper(0, 0));
}

RULE(a_scenario_has_at_most_sixteen_tasks)
{
    weft_explored result = weft_testing_explore(.start = start_many, .arg = &(int){16}, .limit = 1);

    ck_assert(!result.wrong);
    result = weft_testing_explore(.start = start_many, .arg = &(int){17});
    ck_assert_str_eq(result.wrong, "the scenario has more than 16 tasks");
}
END_RULE

struct complainer {
    weft_gen gen;
    weft_explorer *explorer;
};

static weft_step complainer(void *frame)
{
    struct complainer *f = frame;
    char what[] = "this is wrong";

    WEFT_BEGIN(f);
    weft_explore_wrong(f->explorer, what);
    weft_explore_wrong(f->explorer, "and that");
    memset(what, 'x', sizeof(what) - 1);
    WEFT_PAUSE(f);
    say("on");
    WEFT_END(f);
}
WEFT_GEN_TYPE(complainer);

static void start_complainer(weft_explorer *explorer, void *arg)
{
    (void)arg;
    weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(complainer, .explorer = explorer)));
}

RULE(the_first_complaint_stands_and_the_run_goes_on_to_its_end)
{
    weft_explored result = weft_testing_explore(.start = start_complainer);

    ck_assert_str_eq(result.wrong, "this is wrong");
    ck_assert_str_eq(trace(), "on");
}
END_RULE

static int times;

static void start_erratic(weft_explorer *explorer, void *arg)
{
    int tasks = times++ == 0 ? 3 : *(int *)arg;

    while (tasks-- > 0)
        weft_explore_task(explorer, new_stepper(0, 0));
}

RULE(a_scenario_that_does_something_else_each_time_is_wrong)
{
    weft_explored result = weft_testing_explore(.start = start_erratic, .arg = &(int){2});

    ck_starts_with(result.wrong, "the scenario is not deterministic: it came to choice 1");
    ck_assert_uint_eq(result.runs, 2);
    times = 0;
    result = weft_testing_explore(.start = start_erratic, .arg = &(int){0});
    ck_starts_with(result.wrong, "the scenario is not deterministic: it came to choice 1");
    times = 0;
    result = weft_testing_explore(.start = start_erratic, .arg = &(int){3});
    ck_assert(!result.wrong && result.complete);
}
END_RULE

static void search_inside(void *arg)
{
    weft_explored result = weft_testing_explore(.start = start_many, .arg = arg);

    ck_assert_str_eq(result.wrong, "a search inside of a loop's run");
    ck_assert_uint_eq(result.runs, 0);
}

RULE(a_search_inside_of_a_run_is_refused)
{
    ck_assert_int_eq(weft_call_soon(loop, search_inside, &(int){1}, NULL), 0);
    run_all();
}
END_RULE

/* ---- schedules ------------------------------------------------------------------------------------------- */

struct plan {
    int tasks, pauses;
    bool wrong;
};

static void start_plan(weft_explorer *explorer, void *arg)
{
    const struct plan *plan = arg;

    for (int i = 0; i < plan->tasks; i++)
        weft_explore_task(explorer, new_stepper(plan->pauses, 0));
}

static const char *check_plan(void *arg)
{
    return ((const struct plan *)arg)->wrong ? "as told" : NULL;
}

/* Run a schedule; returns the one that the run then had. */
static weft_explored follow(struct plan plan, const char *schedule)
{
    plan.wrong = true;
    return weft_testing_explore(.start = start_plan, .check = check_plan, .arg = &plan,
                                .cancels = 2, .schedule = schedule);
}

RULE(a_schedule_is_run_as_it_is_written)
{
    static const char *const schedules[] = {
        "",         "0 2 1", "0 2 1 0 2",   "c0",           "0 c2 c0 1",
        "0 1 c1 1", "0*4 1", "0 1 0 0 1 1", "0 1 0 0 1 c2", "0 2 1 0 2 1 0 2 1"};

    for (size_t i = 0; i < sizeof(schedules) / sizeof(*schedules); i++) {
        weft_explored result = follow((struct plan){.tasks = 3, .pauses = 2}, schedules[i]);

        if (strcmp(schedules[i], "c0") == 0) { /* nobody is there yet */
            ck_starts_with(result.wrong, "the schedule does not fit the scenario, at choice");
            continue;
        }
        ck_assert_msg(strcmp(result.wrong, "as told") == 0, "%s: %s", schedules[i], result.wrong);
        ck_assert_str_eq(result.schedule, schedules[i]);
        ck_assert_uint_eq(result.runs, 1);
    }
}
END_RULE

static void start_sleepers(weft_explorer *explorer, void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(sleeper, .seconds = 1)));
}

RULE(a_schedule_says_when_time_passes)
{
    static const char *const schedules[] = {"0 0 0 c0", "0 0 0 t c0", "0 0 0 t 0 c1", "0 1 0 t 1",
                                            "0 0 0 c1 c0"};

    for (size_t i = 0; i < sizeof(schedules) / sizeof(*schedules); i++) {
        weft_explored result = weft_testing_explore(.start = start_sleepers, .check = check_plan,
                                                    .cancels = 2,
                                                    .arg = &(struct plan){.wrong = true},
                                                    .schedule = schedules[i]);

        ck_assert_str_eq(result.wrong, "as told");
        ck_assert_str_eq(result.schedule, schedules[i]);
    }
}
END_RULE

RULE(a_cancel_in_a_schedule_names_its_task_also_when_others_have_ended)
{
    weft_explored result = follow((struct plan){.tasks = 3}, "0 0 c2 c1");

    ck_assert_str_eq(result.wrong, "as told");
    ck_assert_str_eq(result.schedule, "0 0 c2 c1");
    result = follow((struct plan){.tasks = 3}, "0 0 c0");
    ck_starts_with(result.wrong, "the schedule does not fit");
}
END_RULE

RULE(a_run_of_a_schedule_that_is_right_is_complete)
{
    weft_explored result = weft_testing_explore(.start = start_plan, .check = check_plan,
                                                .arg = &(struct plan){.tasks = 3},
                                                .schedule = "0 2");

    ck_assert(!result.wrong && result.complete);
    ck_assert_uint_eq(result.runs, 1);
    ck_assert_str_eq(result.schedule, "");
}
END_RULE

RULE(a_schedule_that_does_not_fit_the_scenario_is_refused)
{
    static const char *const schedules[] = {
        "1",         "0 3",     "t",          "0 c3",        "0 x",        "0 c",
        "0 0 0 0 0", "0 2*0 1", "0 ...",      "-1",          "0 0 -1",     "c0 c0",
        "0*5",       "0 0x1",   "0 c0 c1 c2", "0 0 0 0 t 0", "0 0 0 0 t t"};

    for (size_t i = 0; i < sizeof(schedules) / sizeof(*schedules); i++) {
        weft_explored result = follow((struct plan){.tasks = 3}, schedules[i]);

        ck_assert_msg(strncmp(result.wrong, "the schedule does not fit", 25) == 0, "%s: %s",
                      schedules[i], result.wrong);
    }
}
END_RULE

RULE(a_long_schedule_is_written_short_or_cut)
{
    char many[700] = "0", *end;
    weft_explored result;

    result = follow((struct plan){.tasks = 1, .pauses = 1000}, "0*1000 c0");
    ck_assert_str_eq(result.schedule, "0*1000 c0");
    for (int i = 0; i < 100; i++)
        strcat(many, " 0 1 0");
    result = follow((struct plan){.tasks = 3, .pauses = 150}, many);
    ck_assert_str_eq(result.wrong, "as told");
    ck_assert_uint_lt(strlen(result.schedule), sizeof(result.schedule));
    ck_assert_uint_gt(strlen(result.schedule), sizeof(result.schedule) - 10);
    end = strstr(result.schedule, " ...");
    ck_assert_ptr_nonnull(end);
    ck_assert_int_eq(strncmp(result.schedule, many, (size_t)(end - result.schedule)), 0);
    ck_assert_str_eq(end, " ...");
}
END_RULE

/* ---- memory ------------------------------------------------------------------------------------------------ */

static int started;

static void start_sleeper(weft_explorer *explorer, void *arg)
{
    (void)arg;
    started++;
    weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(sleeper, .seconds = 1)));
}

static bool reduces;

static int attempt_search(void)
{
    weft_explored result;

    started = 0;
    result = weft_testing_explore(.start = start_sleeper, .reduce = reduces);
    ck_assert(result.wrong || (result.complete && started == 1));
    return result.wrong ? -ENOMEM : 0;
}

RULE(a_search_without_memory_is_wrong_and_leaves_nothing)
{
    each_allocation_fails(attempt_search);
    reduces = true;
    each_allocation_fails(attempt_search);
}
END_RULE

RUN_SUITE("explore_wrong", a_run_that_does_not_end_is_wrong,
          a_task_that_has_not_ended_is_wrong_also_if_it_was_only_spawned,
          a_failure_is_wrong_unless_check_reads_it, what_is_alive_after_the_run_is_wrong,
          a_loop_that_is_stopped_is_wrong, a_scenario_has_at_most_sixteen_tasks,
          the_first_complaint_stands_and_the_run_goes_on_to_its_end,
          a_scenario_that_does_something_else_each_time_is_wrong,
          a_search_inside_of_a_run_is_refused, a_schedule_is_run_as_it_is_written,
          a_schedule_says_when_time_passes,
          a_cancel_in_a_schedule_names_its_task_also_when_others_have_ended,
          a_run_of_a_schedule_that_is_right_is_complete,
          a_schedule_that_does_not_fit_the_scenario_is_refused,
          a_long_schedule_is_written_short_or_cut,
          a_search_without_memory_is_wrong_and_leaves_nothing)
