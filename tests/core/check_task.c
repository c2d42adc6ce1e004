/* check_task.c - tasks: when they run, what they end with, and what can be asked of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

/* ---- bodies ---- */

/* Ends at once: with an error if there is one, else with a number. */
struct ender {
    weft_gen gen;
    const char *name;
    int error;
    int number;
};

static weft_step ender(void *frame)
{
    struct ender *f = frame;

    if (f->name)
        say("%s", f->name);
    return f->error ? weft_raise(&f->gen, f->error) : weft_return(&f->gen, weft_from_int(f->number));
}
WEFT_GEN_TYPE(ender);

/* Awaits what `future` points to at that time (a new reference), and ends with its error. */
struct late {
    weft_gen gen;
    weft_future **future;
};

static weft_step late(void *frame)
{
    struct late *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, *f->future ? weft_future_ref(*f->future) : NULL);
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(late);

static int error_of(weft_task *task)
{
    int error = weft_future_error(task);

    weft_future_unref(task);
    return error;
}

/* ---- the first step ---- */

/* 24 */
RULE(a_new_task_takes_its_first_step_in_the_next_round)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(sleeper, .name = "a"));

    say("made");
    run_rounds(1);
    say("round");
    run_rounds(1);
    ck_assert_str_eq(trace(), "made a round a.");
    weft_future_unref(task);
}
END_RULE

static void spawn_in_call(void *arg)
{
    ck_assert_int_eq(weft_spawn(NULL, WEFT_CALL(ender, .name = arg)), 0);
    ck_assert_int_eq(weft_call_soon(NULL, say_call, "after", NULL), 0);
    say("spawned");
}

/* 24 */
RULE(a_task_made_in_a_callback_does_not_run_inside_it)
{
    ck_assert_int_eq(weft_call_soon(loop, spawn_in_call, "task", NULL), 0);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "same-round", NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "spawned same-round task after");
}
END_RULE

/* 25 */
RULE(tasks_take_their_first_step_in_the_order_they_were_made)
{
    for (const char *name = "abcdefgh"; *name; name++) {
        static char names[8][2];
        static int count;

        names[count][0] = *name;
        ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(ender, .name = names[count])), 0);
        count++;
    }
    run_all();
    ck_assert_str_eq(trace(), "a b c d e f g h");
}
END_RULE

/* ---- the end ---- */

/* 26 */
RULE(the_value_of_the_body_is_the_result)
{
    intptr_t result;

    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(ender, .number = 42)), &result), 0);
    ck_assert_int_eq(result, 42);
}
END_RULE

/* 26 */
RULE(the_error_of_the_body_is_the_failure)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(ender, .error = -EPROTO));

    run_all();
    ck_assert(weft_future_is_done(task));
    ck_assert(!weft_future_is_cancelled(task));
    ck_assert_int_eq(error_of(task), -EPROTO);
}
END_RULE

/* 26 */
RULE(a_body_that_raises_cancelled_ends_its_task_cancelled)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(ender, .error = WEFT_ECANCELLED));

    run_all();
    ck_assert(weft_future_is_cancelled(task));
    ck_assert_int_eq(error_of(task), WEFT_ECANCELLED);
}
END_RULE

/* 27 [D]: asyncio keeps weak references, and tasks vanish */
RULE(a_task_whose_handle_was_dropped_runs_on)
{
    weft_future_unref(weft_task_new(loop, WEFT_CALL(sleeper, .name = "a", .seconds = 1)));
    run_all();
    ck_assert_str_eq(trace(), "a a.");
}
END_RULE

/* 27, 14 */
RULE(a_detached_task_that_fails_is_reported_once)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(ender, .error = -EPROTO)), 0);
    run_all();
    ck_assert_ptr_nonnull(strstr(reports(), "EPROTO"));
    ck_assert_ptr_nonnull(strstr(reports(), "ender-"));
    ck_assert_ptr_null(strchr(reports(), '\n'));
}
END_RULE

static void say_destroyed(void *value)
{
    say("destroyed-%s", (const char *)value);
}

/* 28 */
RULE(the_result_of_a_task_cannot_be_set_from_outside)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(ender, .number = 7));
    void *value;

    ck_assert_int_eq(weft_future_set_result(task, task), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_set_int(task, 1), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_set_error(task, -EIO), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_future_set_owned(task, "value", say_destroyed), WEFT_EINVALIDSTATE);
    weft_future_set_error_unless_done(task, -EIO);
    ck_assert_str_eq(trace(), "destroyed-value");
    ck_assert(!weft_future_is_done(task));
    run_all();
    ck_assert_int_eq(weft_future_result(task, &value), 0);
    ck_assert_int_eq(weft_int(value), 7);
    weft_future_unref(task);
}
END_RULE

/* ---- awaiting what cannot be awaited ---- */

/* 29 */
RULE(a_task_that_awaits_itself_fails)
{
    weft_future *task = NULL;

    task = weft_task_new(loop, WEFT_CALL(late, .future = &task));
    run_all();
    ck_assert_int_eq(error_of(task), WEFT_ESELFAWAIT);
}
END_RULE

/* 29 [D]: the await edge is stored anyway, so the debug mode finds circles of any length */
RULE(in_debug_mode_an_await_that_closes_a_circle_fails)
{
    weft_future *a = NULL, *b = NULL, *c = NULL;

    weft_loop_set_debug(loop, true);
    a = weft_task_new(loop, WEFT_CALL(late, .future = &b));
    b = weft_task_new(loop, WEFT_CALL(late, .future = &c));
    c = weft_task_new(loop, WEFT_CALL(late, .future = &a));
    run_all();
    ck_assert_int_eq(error_of(c), WEFT_EDEADLOCK);
    ck_assert_int_eq(error_of(b), WEFT_EDEADLOCK);
    ck_assert_int_eq(error_of(a), WEFT_EDEADLOCK);
}
END_RULE

struct yielder {
    weft_gen gen;
    int what; /* 0: a value; 1: a NULL await; 2: no generator; 3: one that has ended; 4: itself */
    weft_gen *ended;
};

static weft_step yielder(void *frame)
{
    struct yielder *f = frame;

    WEFT_BEGIN(f);
    if (f->what == 0)
        WEFT_YIELD(f, f);
    if (f->what == 1)
        WEFT_AWAIT(f, NULL);
    if (f->what == 2)
        WEFT_YIELD_FROM(f, NULL);
    if (f->what == 3)
        WEFT_YIELD_FROM(f, f->ended);
    if (f->what == 4)
        WEFT_YIELD_FROM(f, &f->gen);
    say("went-on");
    WEFT_END(f);
}
WEFT_GEN_TYPE(yielder);

/* 30 */
RULE(a_step_that_yields_what_is_not_a_future_fails_its_task)
{
    weft_gen *ended = WEFT_CALL(ender, .number = 1);

    ck_assert_int_eq(weft_gen_send(ended, NULL, NULL), 0);
    for (int what = 0; what < 5; what++) {
        weft_task *task = weft_task_new(loop, WEFT_CALL(yielder, .what = what, .ended = ended));

        run_all();
        ck_assert_msg(weft_future_error(task) == WEFT_EBADYIELD, "%d: %s", what,
                      weft_errname(weft_future_error(task)));
        weft_future_unref(task);
    }
    ck_assert_str_eq(trace(), ""); /* and YIELD_FROM took the one that has ended */
}
END_RULE

/* Gets the error of a bad yield at that yield, and goes on. */
struct forgiver {
    weft_gen gen;
};

static weft_step forgiver(void *frame)
{
    struct forgiver *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, NULL);
    say("%s", weft_errname(weft_failed(f)));
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    say("slept");
    WEFT_END(f);
}
WEFT_GEN_TYPE(forgiver);

/* 30 */
RULE(the_error_of_a_bad_yield_is_raised_at_that_yield)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(forgiver)), 0);
    run_all();
    ck_assert_str_eq(trace(), "WEFT_EBADYIELD slept");
}
END_RULE

/* 19 */
RULE(awaiting_a_future_of_another_loop_fails_and_names_both)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *future = weft_future_new(other);
    weft_task *task = weft_task_new(loop, WEFT_CALL(late, .future = &future));

    weft_future_set_name(future, "stranger");
    run_all();
    ck_assert_int_eq(error_of(task), WEFT_EOTHERLOOP);
    ck_assert_ptr_nonnull(strstr(reports(), "stranger"));
    ck_assert_ptr_nonnull(strstr(reports(), "late-"));
    weft_future_unref(future);
    weft_loop_unref(other);
}
END_RULE

/* ---- which task is running ---- */

struct who {
    weft_gen gen;
    weft_task **me;
    const char *name;
    int i;
};

static weft_step who(void *frame)
{
    struct who *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < 2; f->i++) {
        ck_assert_ptr_eq(weft_current_task(), *f->me);
        say("%s%d", f->name, f->i);
        WEFT_AWAIT(f, weft_sleep(NULL, 0));
    }
    ck_assert_ptr_eq(weft_current_task(), *f->me);
    WEFT_END(f);
}
WEFT_GEN_TYPE(who);

static void no_task(void *arg)
{
    ck_assert_ptr_null(weft_current_task());
    say_call(arg);
}

static void no_task_done(weft_future *future, void *arg)
{
    (void)future;
    no_task(arg);
}

/* 31 */
RULE(current_task_is_the_one_whose_step_runs_and_null_elsewhere)
{
    weft_task *a, *b;

    ck_assert_ptr_null(weft_current_task());
    a = weft_task_new(loop, WEFT_CALL(who, .me = &a, .name = "a"));
    b = weft_task_new(loop, WEFT_CALL(who, .me = &b, .name = "b"));
    ck_assert_int_eq(weft_call_soon(loop, no_task, "call", NULL), 0);
    ck_assert_int_eq(weft_future_add_done_callback(a, no_task_done, "done"), 0);
    run_all();
    ck_assert_ptr_null(weft_current_task());
    ck_assert_str_eq(trace(), "a0 b0 call a1 b1 done");
    weft_future_unref(a);
    weft_future_unref(b);
}
END_RULE

/* 32 */
RULE(all_tasks_are_the_unfinished_ones_oldest_first)
{
    weft_task *a = weft_task_new(loop, WEFT_CALL(sleeper, .seconds = 3));
    weft_task *b = weft_task_new(loop, WEFT_CALL(ender));
    weft_task *c = weft_task_new(loop, WEFT_CALL(sleeper, .seconds = 2));
    weft_task *tasks[4] = {NULL};

    ck_assert_uint_eq(weft_all_tasks(loop, tasks, 4), 3);
    ck_assert(tasks[0] == a && tasks[1] == b && tasks[2] == c);
    run_rounds(1);
    tasks[1] = NULL;
    ck_assert_uint_eq(weft_all_tasks(loop, tasks, 1), 2);
    ck_assert_ptr_eq(tasks[0], a);
    ck_assert_ptr_null(tasks[1]);
    ck_assert_uint_eq(weft_all_tasks(loop, tasks, 4), 2);
    ck_assert(tasks[0] == a && tasks[1] == c);
    ck_assert_uint_eq(weft_all_tasks(loop, NULL, 0), 2);
    run_all();
    ck_assert_uint_eq(weft_all_tasks(loop, tasks, 4), 0);
    weft_future_unref(a);
    weft_future_unref(b);
    weft_future_unref(c);
}
END_RULE

/* ---- names ---- */

/* 33 */
RULE(a_name_is_the_bodys_and_a_number_and_can_be_set)
{
    weft_task *a = weft_task_new(loop, WEFT_CALL(ender));
    weft_task *b = weft_task_new(loop, WEFT_CALL(ender));
    char name[64], other[64], mine[] = "fetch /index";

    ck_assert_int_eq(weft_task_name(a, name, sizeof(name)), strlen(name));
    ck_assert_int_eq(strncmp(name, "ender-", 6), 0);
    weft_task_name(b, other, sizeof(other));
    ck_assert_str_ne(name, other);
    ck_assert_int_eq(weft_task_set_name(a, mine), 0);
    mine[0] = 'X';
    ck_assert_int_eq(weft_task_name(a, name, 6), 12);
    ck_assert_str_eq(name, "fetch");
    ck_assert_int_eq(weft_task_set_name(a, "second"), 0);
    run_all();
    weft_task_name(a, name, sizeof(name));
    ck_assert_str_eq(name, "second");
    weft_task_name(b, name, sizeof(name));
    ck_assert_str_eq(name, other);
    weft_future_unref(a);
    weft_future_unref(b);
}
END_RULE

/* 33 */
RULE(the_name_stands_in_descriptions_and_reports)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(ender, .error = -EIO));
    char text[160];

    ck_assert_int_eq(weft_task_set_name(task, "spooler"), 0);
    weft_future_describe(task, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "task spooler pending"));
    ck_assert_ptr_nonnull(strstr(text, __FILE__));
    weft_future_unref(task);
    run_all();
    ck_assert_ptr_nonnull(strstr(reports(), "spooler"));
}
END_RULE

/* ---- where it is ---- */

enum { OUTER_START, OUTER_CALLED };
static const char *const outer_states[] = {"START", "CALLED"};
struct outer {
    weft_gen gen;
    weft_future *future;
};

static weft_step outer(void *frame)
{
    struct outer *f = frame;

    if (f->gen.state == OUTER_START) {
        f->gen.state = OUTER_CALLED;
        return weft_yield_from(&f->gen, WEFT_CALL(late, .future = &f->future));
    }
    return weft_end(&f->gen);
}
WEFT_GEN_TYPE(outer, .states = outer_states, .state_count = 2);

/* 34 */
RULE(a_suspended_task_tells_where_it_is_and_what_it_awaits)
{
    weft_future *future = weft_future_new(loop);
    weft_task *task = weft_task_new(loop, WEFT_CALL(outer, .future = future));
    weft_frame_info frames[3] = {{0}};

    ck_assert_uint_eq(weft_task_stack(task, frames, 3), 1);
    ck_assert_str_eq(frames[0].function, "outer");
    ck_assert_ptr_null(frames[0].site);
    ck_assert_ptr_null(weft_task_awaiting(task));
    run_rounds(1);
    ck_assert_uint_eq(weft_task_stack(task, frames, 3), 2);
    ck_assert_str_eq(frames[0].function, "outer");
    ck_assert_str_eq(frames[0].state_name, "CALLED");
    ck_assert_int_eq(frames[0].state, OUTER_CALLED);
    ck_assert_str_eq(frames[1].function, "late");
    ck_assert_ptr_null(frames[1].state_name);
    ck_assert_str_eq(frames[1].site->file, __FILE__);
    ck_assert_str_eq(frames[1].site->function, "late");
    ck_assert_int_eq(frames[1].site->line, frames[1].state);
    ck_assert_ptr_eq(weft_task_awaiting(task), future);
    ck_assert_uint_eq(weft_task_stack(task, frames, 1), 2);
    ck_assert_int_eq(weft_future_set_result(future, NULL), 0);
    ck_assert_ptr_null(weft_task_awaiting(task));
    run_all();
    ck_assert_uint_eq(weft_task_stack(task, frames, 3), 0);
    weft_future_unref(future);
    weft_future_unref(task);
}
END_RULE

RUN_SUITE("task", a_new_task_takes_its_first_step_in_the_next_round,
          a_task_made_in_a_callback_does_not_run_inside_it,
          tasks_take_their_first_step_in_the_order_they_were_made,
          the_value_of_the_body_is_the_result, the_error_of_the_body_is_the_failure,
          a_body_that_raises_cancelled_ends_its_task_cancelled,
          a_task_whose_handle_was_dropped_runs_on, a_detached_task_that_fails_is_reported_once,
          the_result_of_a_task_cannot_be_set_from_outside, a_task_that_awaits_itself_fails,
          in_debug_mode_an_await_that_closes_a_circle_fails,
          a_step_that_yields_what_is_not_a_future_fails_its_task,
          the_error_of_a_bad_yield_is_raised_at_that_yield,
          awaiting_a_future_of_another_loop_fails_and_names_both,
          current_task_is_the_one_whose_step_runs_and_null_elsewhere,
          all_tasks_are_the_unfinished_ones_oldest_first,
          a_name_is_the_bodys_and_a_number_and_can_be_set,
          the_name_stands_in_descriptions_and_reports,
          a_suspended_task_tells_where_it_is_and_what_it_awaits)
