/* check_oom.c - each allocation fails in turn: the caller hears of it, nothing leaks, and all goes on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/harness.h"

/* Each attempt has a loop of its own, so that what a loop allocates once is allocated anew. */
static weft_loop *fresh;
static int (*use)(void);

static int with_a_loop(void)
{
    int error = -ENOMEM;

    fresh = weft_loop_new(NULL);
    if (!fresh)
        return -ENOMEM;
    ck_assert_int_eq(weft_testing_virtual_clock(fresh), 0);
    error = use();
    weft_loop_unref(fresh);
    return error;
}

/* Each allocation of `fn` fails in turn; afterwards the fixture's loop is as good as ever. */
static void each_fails(int (*fn)(void))
{
    weft_live before, after;

    weft_testing_live(&before);
    use = fn;
    each_allocation_fails(with_a_loop);
    weft_testing_live(&after);
    ck_assert_mem_eq(&before, &after, sizeof(before));
    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(sleeper, .name = "a", .seconds = 1)), NULL), 0);
    ck_assert_str_eq(trace(), "a a.");
}

/* The error of a future that may have failed at once; the reference is taken. */
static int taken(weft_future *future)
{
    int error = weft_future_is_done(future) ? weft_future_error(future) : 0;

    weft_future_unref(future);
    return error;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void nothing_done(weft_future *future, void *arg)
{
    (void)future, (void)arg;
}

static int nothing_more(void)
{
    return 0;
}

/* 100 [D]: C can */
RULE(a_loop)
{
    each_fails(nothing_more);
}
END_RULE

static int use_future(void)
{
    weft_future *future = weft_future_new(fresh);
    int error = weft_future_add_done_callback(future, nothing_done, NULL);

    if (!error && weft_future_is_done(future))
        error = weft_future_error(future);
    weft_future_set_result_unless_done(future, NULL);
    if (!error)
        error = weft_future_error(future);
    ck_assert_int_eq(weft_run_forever(fresh), WEFT_EDEADLOCK);
    weft_future_unref(future);
    return error;
}

/* 100 */
RULE(a_future_and_its_callback)
{
    each_fails(use_future);
}
END_RULE

struct worker {
    weft_gen gen;
    weft_scope scope;
    int depth;
};

static int freed, made;
static bool has_context;

static void *copy_context(void *context)
{
    char *copy = malloc(2);

    ck_assert_ptr_nonnull(context);
    ck_assert_ptr_nonnull(copy);
    made++;
    return memcpy(copy, context, 2);
}

static void free_context(void *context)
{
    freed++;
    free(context);
}

static const weft_context_type context_type = {copy_context, free_context};

WEFT_GEN_FORWARD(worker);
static weft_step worker(void *frame)
{
    struct worker *f = frame;
    int error;

    WEFT_BEGIN(f);
    if (f->depth > 0) {
        WEFT_YIELD_FROM(f, WEFT_CALL(worker, .depth = f->depth - 1));
    } else if (has_context) {
        static char text[] = "c";

        error = weft_task_set_context(NULL, copy_context(text), &context_type);
        if (error)
            WEFT_RAISE(f, error);
        has_context = false;
        WEFT_TRY_AWAIT(f, weft_task_new(NULL, WEFT_CALL(worker)));
        has_context = true;
        if (weft_failed(f))
            WEFT_RAISE(f, weft_failed(f));
    } else {
        error = weft_scope_enter(&f->scope, 5, 0);
        if (error)
            WEFT_RAISE(f, weft_scope_exit(&f->scope, error));
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
        error = weft_scope_exit(&f->scope, weft_failed(f));
        if (error)
            WEFT_RAISE(f, error);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(worker);

static int use_task(void)
{
    return weft_run_until_complete(fresh, weft_task_new(fresh, WEFT_CALL(worker, .depth = 3)), NULL);
}

/* 100 */
RULE(a_task_that_delegates_and_sleeps_in_a_scope)
{
    each_fails(use_task);
}
END_RULE

/* 100, 40 */
RULE(a_context_and_its_copy)
{
    has_context = true;
    freed = made = 0;
    each_fails(use_task);
    ck_assert_int_gt(made, 0);
    ck_assert_int_eq(freed, made);
}
END_RULE

static int use_spawn(void)
{
    int error = weft_spawn(fresh, WEFT_CALL(sleeper));
    int result = weft_run_forever(fresh);

    ck_assert_int_eq(result, WEFT_EDEADLOCK);
    return error;
}

static void count_reports(weft_loop *where, const weft_report *report, void *arg)
{
    (void)where, (void)arg;
    ck_assert_int_eq(report->error, -ENOMEM);
}

static int use_spawn_quietly(void)
{
    weft_loop_set_exception_handler(fresh, count_reports, NULL);
    return use_spawn();
}

/* 100 */
RULE(a_task_that_is_let_go)
{
    each_fails(use_spawn_quietly);
}
END_RULE

static int use_sleeps(void)
{
    int error = taken(weft_sleep(fresh, 1));

    if (!error)
        error = taken(weft_sleep_until(fresh, 1));
    return error ? error : taken(weft_sleep_forever(fresh));
}

/* 100 */
RULE(sleeps)
{
    each_fails(use_sleeps);
}
END_RULE

static int use_calls(void)
{
    weft_handle soon = 1, later = 1;
    int error = weft_call_soon(fresh, nothing, NULL, &soon);

    ck_assert((error == 0) == (soon != 0));
    if (!error) {
        error = weft_call_later(fresh, 1, nothing, NULL, &later);
        ck_assert((error == 0) == (later != 0));
    }
    ck_assert_int_eq(weft_run_forever(fresh), WEFT_EDEADLOCK);
    return error;
}

/* 100 */
RULE(calls)
{
    each_fails(use_calls);
}
END_RULE

static int use_threadsafe(void)
{
    int error = weft_call_soon_threadsafe(fresh, nothing, NULL);

    ck_assert_int_eq(weft_run_forever(fresh), WEFT_EDEADLOCK);
    return error;
}

/* 100 */
RULE(a_threadsafe_call)
{
    each_fails(use_threadsafe);
}
END_RULE

static int use_name(void)
{
    weft_task *task = weft_task_new(fresh, WEFT_CALL(sleeper));
    int error = weft_future_is_done(task) ? weft_future_error(task) : 0;

    if (!error)
        error = weft_task_set_name(task, "first");
    if (!error)
        error = weft_task_set_name(task, "second");
    if (weft_future_is_done(task)) {
        weft_future_unref(task);
    } else {
        int ran = weft_run_until_complete(fresh, task, NULL);

        error = error ? error : ran;
    }
    return error;
}

/* 100 */
RULE(a_name)
{
    each_fails(use_name);
}
END_RULE

static int use_chain(void)
{
    weft_future *source = weft_future_new(fresh), *target = weft_future_new(fresh);
    int error = weft_future_is_done(source)   ? weft_future_error(source)
                : weft_future_is_done(target) ? weft_future_error(target)
                                              : weft_future_chain(source, target);
    bool pending;

    pending = !weft_future_is_done(target);
    weft_future_set_result_unless_done(source, NULL);
    ck_assert_int_eq(weft_run_forever(fresh), WEFT_EDEADLOCK);
    /* A chain that was refused leaves nothing of itself. */
    ck_assert(!error || weft_future_is_done(target) != pending);
    if (!error)
        error = weft_future_error(target);
    weft_future_unref(source);
    weft_future_unref(target);
    return error;
}

/* 100 */
RULE(a_chain)
{
    each_fails(use_chain);
}
END_RULE

static int pipe_fds[2];

static int use_io(void)
{
    char buffer[4];
    weft_io *io;
    int error = weft_io_new(fresh, pipe_fds[0], WEFT_IO_OWNED, &io);

    if (error)
        return error;
    error = taken(weft_io_readable(io));
    if (!error)
        error = taken(weft_sock_recv(io, buffer, sizeof(buffer)));
    pipe_fds[0] = dup(pipe_fds[0]); /* close takes the other */
    weft_io_close(io);
    return error;
}

static int use_bare(void)
{
    int error = taken(weft_readable(fresh, pipe_fds[0]));

    if (!error)
        error = weft_add_reader(fresh, pipe_fds[0], nothing, NULL);
    if (!error)
        error = weft_add_writer(fresh, pipe_fds[1], nothing, NULL);
    weft_notify_closing(fresh, pipe_fds[0]);
    weft_notify_closing(fresh, pipe_fds[1]);
    return error;
}

static void with_a_pipe(int (*fn)(void))
{
    ck_assert_int_eq(pipe(pipe_fds), 0);
    each_fails(fn);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* 100 */
RULE(a_wrapped_descriptor)
{
    with_a_pipe(use_io);
}
END_RULE

/* 100 */
RULE(a_bare_descriptor)
{
    with_a_pipe(use_bare);
}
END_RULE

RUN_SUITE("oom", a_loop, a_future_and_its_callback, a_task_that_delegates_and_sleeps_in_a_scope,
          a_context_and_its_copy, a_task_that_is_let_go, sleeps, calls, a_threadsafe_call, a_name,
          a_chain, a_wrapped_descriptor, a_bare_descriptor)
