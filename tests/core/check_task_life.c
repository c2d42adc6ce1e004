/* check_task_life.c - tasks: frames and their ends, depth, context, abort, FINALLY. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/harness.h"

/* ---- the frame's end ---- */

/* Holds something: its cleanup says so.  Sleeps; then ends with `error`, or a result. */
struct holder {
    weft_gen gen;
    const char *name;
    double seconds;
    int error;
};

static weft_step holder(void *frame)
{
    struct holder *f = frame;

    WEFT_BEGIN(f);
    say("%s", f->name);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_END(f);
}

static void holder_cleanup(void *frame)
{
    say("%s-freed", ((struct holder *)frame)->name);
}
WEFT_GEN_TYPE(holder, .cleanup = holder_cleanup);

/* 39 */
RULE(the_frame_is_destroyed_once_when_the_body_has_ended)
{
    weft_task *a = weft_task_new(loop, WEFT_CALL(holder, .name = "a", .seconds = 1));
    weft_task *b = weft_task_new(loop, WEFT_CALL(holder, .name = "b", .seconds = 2, .error = -EIO));

    run_all();
    ck_assert_str_eq(trace(), "a b a-freed b-freed");
    ck_assert_int_eq(weft_future_error(b), -EIO);
    weft_future_unref(a);
    weft_future_unref(b);
    ck_assert_str_eq(trace(), "a b a-freed b-freed");
}
END_RULE

/* 39 */
RULE(a_cancelled_tasks_frame_is_destroyed_promptly_though_its_handle_is_held)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(holder, .name = "a", .seconds = 9));
    weft_live live;

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_rounds(1);
    ck_assert_str_eq(trace(), "a a-freed");
    weft_testing_live(&live);
    ck_assert_int_eq(live.frames, 0);
    ck_assert_int_eq(live.tasks, 0);
    weft_future_unref(task);
}
END_RULE

/* 35, 39 */
RULE(a_task_pending_at_close_is_reported_with_its_site_and_destroyed)
{
    weft_task *a = weft_task_new(loop, WEFT_CALL(holder, .name = "a", .seconds = 9));
    weft_task *b;

    run_rounds(1);
    b = weft_task_new(loop, WEFT_CALL(holder, .name = "b"));
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "a b-freed a-freed");
    ck_assert_ptr_nonnull(strstr(reports(), "<task holder-1 "));
    ck_assert_ptr_nonnull(strstr(reports(), "<task holder-2 "));
    ck_assert_ptr_nonnull(strstr(reports(), __FILE__));
    ck_assert_int_eq(weft_future_error(a), WEFT_ECLOSED);
    ck_assert_int_eq(weft_future_error(b), WEFT_ECLOSED);
    weft_future_unref(a);
    weft_future_unref(b);
}
END_RULE

/* 82 */
RULE(a_closed_loop_takes_no_task_and_frees_its_arguments)
{
    weft_task *task;

    ck_assert_int_eq(weft_loop_close(loop), 0);
    task = weft_task_new(loop, WEFT_CALL(holder, .name = "a"));
    ck_assert_str_eq(trace(), "a-freed");
    ck_assert_int_eq(weft_future_error(task), WEFT_ECLOSED);
    weft_future_unref(task);
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(holder, .name = "b")), WEFT_ECLOSED);
    ck_assert_str_eq(trace(), "a-freed b-freed");
}
END_RULE

RULE(what_is_for_tasks_alone_answers_a_plain_future)
{
    weft_future *future = weft_future_new(loop);
    char name[8] = "x";

    ck_assert(!weft_is_task(future));
    ck_assert_int_eq(weft_task_name(future, name, sizeof(name)), 0);
    ck_assert_str_eq(name, "");
    ck_assert_int_eq(weft_task_set_name(future, "name"), WEFT_ENOTTASK);
    ck_assert_int_eq(weft_task_cancelling(future), 0);
    ck_assert_int_eq(weft_task_uncancel(future), 0);
    ck_assert_uint_eq(weft_task_stack(future, NULL, 0), 0);
    ck_assert_ptr_null(weft_task_awaiting(future));
    ck_assert_ptr_null(weft_task_context(future));
    weft_future_unref(future);
}
END_RULE

/* ---- abort ---- */

static void abort_it(void *arg)
{
    say("abort");
    weft_abort(NULL, (int)weft_int(arg));
}

/* 36 [D]: C has one error channel, so a call replaces KeyboardInterrupt */
RULE(abort_ends_the_run_with_its_code_and_the_loop_can_run_again)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(sleeper, .name = "a", .seconds = 1));

    ck_assert_int_eq(weft_call_soon(loop, abort_it, weft_from_int(-EINTR), NULL), 0);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "later", NULL), 0);
    ck_assert_int_eq(weft_run_forever(loop), -EINTR);
    ck_assert_str_eq(trace(), "a abort");
    ck_assert(!weft_future_is_done(task));
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a abort later a.");
}
END_RULE

/* 36 */
RULE(abort_ends_run_until_complete)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(sleeper, .name = "a", .seconds = 5));

    ck_assert_int_eq(weft_call_later(loop, 1, abort_it, weft_from_int(-EINTR), NULL), 0);
    ck_assert_int_eq(weft_run_until_complete(loop, weft_future_ref(task), NULL), -EINTR);
    ck_assert_double_eq(weft_loop_time(loop), 1);
    ck_assert_int_eq(run_task(task, NULL), 0);
}
END_RULE

/* ---- depth ---- */

static uintptr_t lowest, highest;

static void note_stack(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    lowest = !lowest || here < lowest ? here : lowest;
    highest = here > highest ? here : highest;
}

struct deep {
    weft_gen gen;
    int depth;
    int by_task;
};

WEFT_GEN_FORWARD(deep);
static weft_step deep(void *frame)
{
    struct deep *f = frame;

    WEFT_BEGIN(f);
    note_stack();
    if (f->depth == 0)
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
    else if (f->by_task)
        WEFT_AWAIT(f, weft_task_new(NULL, WEFT_CALL(deep, .depth = f->depth - 1, .by_task = 1)));
    else
        WEFT_YIELD_FROM(f, WEFT_CALL(deep, .depth = f->depth - 1));
    note_stack();
    WEFT_RETURN(f, weft_from_int(weft_sent_int(f) + 1));
    WEFT_END(f);
}
WEFT_GEN_TYPE(deep);

/* 37 */
RULE(ten_thousand_delegations_deep_take_constant_stack)
{
    intptr_t result;

    lowest = highest = 0;
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(deep, .depth = 10000)), &result), 0);
    ck_assert_int_eq(result, 10001);
    ck_assert_uint_lt(highest - lowest, 4096);
}
END_RULE

/* 37 */
RULE(ten_thousand_tasks_deep_take_constant_stack)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(deep, .depth = 10000, .by_task = 1));
    intptr_t result;

    lowest = highest = 0;
    ck_assert_int_eq(run_task(task, &result), 0);
    ck_assert_int_eq(result, 10001);
    ck_assert_uint_lt(highest - lowest, 4096);
}
END_RULE

/* 37, 52 */
RULE(a_cancel_reaches_through_a_hundred_thousand_tasks)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(deep, .depth = 100000, .by_task = 1));

    run_rounds(100001);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_RULE

struct many {
    weft_gen gen;
    weft_future *done;
    int i;
};

static weft_step many(void *frame)
{
    struct many *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < 1000000; f->i++) {
        WEFT_AWAIT(f, weft_future_ref(f->done));
        note_stack();
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(many);

/* 38 */
RULE(a_million_awaits_on_done_futures_take_constant_stack)
{
    weft_future *done = weft_future_new_done(loop, NULL);

    lowest = highest = 0;
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(many, .done = done)), NULL), 0);
    ck_assert_uint_lt(highest - lowest, 4096);
    weft_future_unref(done);
}
END_RULE

/* ---- context ---- */

static void *copy_context(void *context)
{
    say("copy-%s", (const char *)context);
    return strcmp(context, "none") ? "copied" : NULL;
}

static void free_context(void *context)
{
    say("free-%s", (const char *)context);
}

static const weft_context_type context_type = {copy_context, free_context};

struct child {
    weft_gen gen;
};

static weft_step child(void *frame)
{
    struct child *f = frame;

    WEFT_BEGIN(f);
    say("child:%s", (const char *)weft_task_context(NULL));
    WEFT_END(f);
}
WEFT_GEN_TYPE(child);

struct parent {
    weft_gen gen;
    const char *context;
    const weft_context_type *type;
};

static weft_step parent(void *frame)
{
    struct parent *f = frame;

    WEFT_BEGIN(f);
    ck_assert_ptr_null(weft_task_context(NULL));
    ck_assert_int_eq(weft_task_set_context(NULL, (void *)(uintptr_t)f->context, f->type), 0);
    WEFT_TRY_AWAIT(f, weft_task_new(NULL, WEFT_CALL(child)));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(parent);

/* 40 [D]: C has no context variables to switch at each step */
RULE(a_context_is_copied_to_the_tasks_that_a_task_makes_and_freed_at_their_end)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(parent, .context = "mine", .type = &context_type)),
                     0);
    run_all();
    ck_assert_str_eq(trace(), "copy-mine child:copied free-copied 0 free-mine");
}
END_RULE

/* 40 */
RULE(a_context_without_hooks_is_shared)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(parent, .context = "mine")), 0);
    run_all();
    ck_assert_str_eq(trace(), "child:mine 0");
}
END_RULE

/* 40, 100 */
RULE(a_context_that_cannot_be_copied_fails_the_new_task)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(parent, .context = "none", .type = &context_type)),
                     0);
    run_all();
    ck_assert_str_eq(trace(), "copy-none ENOMEM free-none");
}
END_RULE

/* 250, 40 */
RULE(a_task_that_is_done_takes_no_context_and_what_it_was_given_is_freed)
{
    static char first[] = "1";
    weft_task *task = weft_task_new(loop, WEFT_CALL(sleeper, .name = "s"));

    run_all();
    ck_assert_int_eq(weft_task_set_context(task, first, &context_type), WEFT_EINVALIDSTATE);
    ck_assert_str_eq(trace(), "s s. free-1");
    ck_assert_ptr_null(weft_task_context(task));
    weft_future_unref(task);
}
END_RULE

static weft_task *to_reset;
static char next_context[] = "next";

static void reset_context(void *context)
{
    say("reset-%s", (const char *)context);
    ck_assert_int_eq(weft_task_set_context(to_reset, next_context, &context_type), 0);
}

/* 250, 40 */
RULE(a_context_whose_end_sets_another_one_is_freed_once_and_the_other_too)
{
    static const weft_context_type resetting = {.free = reset_context};
    static char first[] = "1", second[] = "2", third[] = "3";

    to_reset = weft_task_new(loop, WEFT_CALL(child));
    ck_assert_int_eq(weft_task_set_context(to_reset, first, &resetting), 0);
    ck_assert_int_eq(weft_task_set_context(to_reset, second, &context_type), 0);
    ck_assert_str_eq(trace(), "reset-1 free-2");
    ck_assert_str_eq(weft_task_context(to_reset), "next");
    ck_assert_int_eq(weft_task_set_context(to_reset, third, &resetting), 0);
    run_all();
    ck_assert_str_eq(trace(), "reset-1 free-2 free-next child:3 reset-3 free-next");
    weft_future_unref(to_reset);
}
END_RULE

/* 40 */
RULE(setting_a_context_takes_it_on_every_path_and_frees_the_one_before)
{
    static char first[] = "1", second[] = "2", third[] = "3", fourth[] = "4";
    weft_future *future = weft_future_new(loop);
    weft_task *task = weft_task_new(loop, WEFT_CALL(child));

    ck_assert_int_eq(weft_task_set_context(task, first, &context_type), 0);
    ck_assert_int_eq(weft_task_set_context(task, second, &context_type), 0);
    ck_assert_str_eq(weft_task_context(task), "2");
    ck_assert_int_eq(weft_task_set_context(future, third, &context_type), WEFT_ENOTTASK);
    ck_assert_int_eq(weft_task_set_context(NULL, fourth, &context_type), WEFT_ENOTASK);
    ck_assert_str_eq(trace(), "free-1 free-3 free-4");
    ck_assert_ptr_null(weft_task_context(NULL));
    run_all();
    ck_assert_str_eq(trace(), "free-1 free-3 free-4 child:2 free-2");
    weft_future_unref(task);
    weft_future_unref(future);
}
END_RULE

/* ---- a bad state ---- */

struct switcher {
    weft_gen gen;
};

/* The mistake: a yield inside a switch of the body's own.  Written out, for compilers that see it. */
static weft_step switcher(void *frame)
{
    struct switcher *f = frame;

    switch (f->gen.state) {
    case 0:
        f->gen.state = 77;
        return weft_await(&f->gen, weft_sleep(NULL, 0));
    default:
        return weft_gen_bad_state(&f->gen);
    }
}
WEFT_GEN_TYPE(switcher);

/* 41 [D]: the nested-switch mistake is silent otherwise */
RULE(resuming_an_impossible_state_stops_the_program_with_its_name)
{
    char text[512] = "";
    int fds[2], status;
    size_t length = 0;
    ssize_t got;
    pid_t pid;

    ck_assert_int_eq(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        if (weft_spawn(loop, WEFT_CALL(switcher)) == 0)
            run_all();
        _exit(0);
    }
    close(fds[1]);
    while ((got = read(fds[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    close(fds[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_msg(strstr(text, "switcher") && strstr(text, "77"), "%s", text);
}
END_RULE

RUN_SUITE("task_life", the_frame_is_destroyed_once_when_the_body_has_ended,
          a_cancelled_tasks_frame_is_destroyed_promptly_though_its_handle_is_held,
          a_task_pending_at_close_is_reported_with_its_site_and_destroyed,
          a_closed_loop_takes_no_task_and_frees_its_arguments,
          what_is_for_tasks_alone_answers_a_plain_future,
          abort_ends_the_run_with_its_code_and_the_loop_can_run_again,
          abort_ends_run_until_complete, ten_thousand_delegations_deep_take_constant_stack,
          ten_thousand_tasks_deep_take_constant_stack,
          a_cancel_reaches_through_a_hundred_thousand_tasks,
          a_million_awaits_on_done_futures_take_constant_stack,
          a_context_is_copied_to_the_tasks_that_a_task_makes_and_freed_at_their_end,
          a_context_without_hooks_is_shared, a_context_that_cannot_be_copied_fails_the_new_task,
          a_task_that_is_done_takes_no_context_and_what_it_was_given_is_freed,
          a_context_whose_end_sets_another_one_is_freed_once_and_the_other_too,
          setting_a_context_takes_it_on_every_path_and_frees_the_one_before,
          resuming_an_impossible_state_stops_the_program_with_its_name)
