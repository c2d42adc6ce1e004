/* check_debug.c - the dump, the debug mode, slow steps. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/harness.h"

#include <weft/debug.h>

/* What weft_dump writes, in a buffer that the next call overwrites. */
static const char *dump(void)
{
    static char text[4096];
    FILE *out = fmemopen(text, sizeof(text), "w");

    ck_assert_ptr_nonnull(out);
    weft_dump(loop, out);
    fclose(out);
    return text;
}

/* ---- the dump ---------------------------------------------------------------------------------- */

/* START -> SLEPT -> done */
enum { INNER_START, INNER_SLEPT, INNER_STATES };
static const char *const inner_states[] = {"INNER_START", "INNER_SLEPT"};

struct inner {
    weft_gen gen;
};

static weft_step inner(void *frame)
{
    struct inner *f = frame;

    if (f->gen.state == INNER_START) {
        f->gen.state = INNER_SLEPT;
        return weft_await(&f->gen, weft_sleep(NULL, 10));
    }
    return f->gen.error ? weft_raise(&f->gen, f->gen.error) : weft_return(&f->gen, NULL);
}
WEFT_GEN_TYPE(inner, .states = inner_states, .state_count = INNER_STATES);

struct outer {
    weft_gen gen;
};

static int outer_line;

static weft_step outer(void *frame)
{
    struct outer *f = frame;

    WEFT_BEGIN(f);
    outer_line = __LINE__ + 1;
    WEFT_YIELD_FROM(f, WEFT_CALL(inner));
    WEFT_END(f);
}
WEFT_GEN_TYPE(outer);

/* 34, 213 */
RULE(the_dump_shows_both_forms_what_is_awaited_since_when_and_a_cancel)
{
    static char expected[2048];
    int made = __LINE__ + 1;
    weft_task *task = weft_task_new(loop, WEFT_CALL(outer));

    snprintf(expected, sizeof(expected),
             "1 task, 0 timers, 0 waiting for descriptors or threads\n"
             "outer-1  ready  (made at %s:%d)\n"
             "  outer  not started\n",
             __FILE__, made);
    ck_assert_str_eq(dump(), expected);
    run_rounds(1);
    weft_testing_advance(loop, 2.5);
    snprintf(expected, sizeof(expected),
             "1 task, 1 timer, 0 waiting for descriptors or threads\n"
             "outer-1  waiting 2.500 s on <sleep pending, 1 waiting>  (made at %s:%d)\n"
             "  outer  %s:%d\n"
             "    inner  state INNER_SLEPT\n",
             __FILE__, made, __FILE__, outer_line);
    ck_assert_str_eq(dump(), expected);
    ck_assert_str_eq(dump(), expected); /* it changes nothing */
    weft_future_cancel_at(task, "enough", "here.c:1");
    snprintf(expected, sizeof(expected),
             "1 task, 0 timers, 0 waiting for descriptors or threads\n"
             "outer-1  ready  cancel requested at here.c:1: enough  (made at %s:%d)\n"
             "  outer  %s:%d\n"
             "    inner  state INNER_SLEPT\n",
             __FILE__, made, __FILE__, outer_line);
    ck_assert_str_eq(dump(), expected);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(dump(), "0 tasks, 0 timers, 0 waiting for descriptors or threads\n");
}
END_RULE

/* ---- slow steps -------------------------------------------------------------------------------- */

struct slow {
    weft_gen gen;
};

static weft_step slow(void *frame)
{
    struct slow *f = frame;

    WEFT_BEGIN(f);
    usleep(4000);
    WEFT_END(f);
}
WEFT_GEN_TYPE(slow);

/* 84 */
RULE(a_slow_step_is_reported_by_name_and_line_in_debug_mode_only)
{
    char place[64];
    int made;

    weft_loop_set_slow_limit(loop, 0.002);
    weft_loop_set_debug(loop, false);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(slow)), NULL), 0);
    ck_assert_str_eq(reports(), "");
    weft_loop_set_debug(loop, true);
    made = __LINE__ + 1;
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(slow)), NULL), 0);
    snprintf(place, sizeof(place), "%s:%d", __FILE__, made);
    ck_assert_ptr_nonnull(strstr(reports(), "slow-2"));
    ck_assert_ptr_nonnull(strstr(reports(), place));
    ck_assert_ptr_nonnull(strstr(reports(), "a step took 0.0"));
}
END_RULE

/* 251, 84 */
RULE(a_limit_of_never_reports_no_step_and_what_is_no_limit_changes_nothing)
{
    weft_loop_set_debug(loop, true);
    weft_loop_set_slow_limit(loop, WEFT_NEVER);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(slow)), NULL), 0);
    weft_loop_set_slow_limit(loop, NAN);
    weft_loop_set_slow_limit(loop, -1);
    weft_loop_set_slow_limit(loop, -INFINITY);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(slow)), NULL), 0);
    ck_assert_str_eq(reports(), "");
    weft_loop_set_slow_limit(loop, 0);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(slow)), NULL), 0);
    ck_assert_ptr_nonnull(strstr(reports(), "a step took"));
}
END_RULE

/* ---- wait circles ------------------------------------------------------------------------------ */

/* 29 [D] the await edge is already stored */
RULE(a_circle_of_two_or_three_waits_is_refused_in_debug_mode)
{
    for (int n = 2; n <= 3; n++) {
        struct waiter frames[3];
        weft_task *tasks[3];
        int deadlocks = 0;

        weft_loop_set_debug(loop, true);
        for (int i = 0; i < n; i++) {
            frames[i] = (struct waiter){.name = "w"};
            weft_gen_init(&frames[i].gen, &waiter_type);
            tasks[i] = weft_task_new(loop, &frames[i].gen);
        }
        for (int i = 0; i < n; i++)
            frames[i].future = weft_future_ref(tasks[(i + 1) % n]);
        run_all();
        for (int i = 0; i < n; i++) {
            ck_assert(weft_future_is_done(tasks[i]));
            deadlocks += weft_future_error(tasks[i]) == WEFT_EDEADLOCK;
            weft_future_unref(tasks[i]);
        }
        ck_assert_int_eq(deadlocks, n); /* the refusal goes round as each one's error */
    }
}
END_RULE

/* ---- the wrong thread -------------------------------------------------------------------------- */

static void *call_from_elsewhere(void *arg)
{
    weft_call_soon(arg, say_call, "never", NULL);
    return NULL;
}

static void *put_from_elsewhere(void *queue)
{
    weft_future_unref(weft_queue_put(queue, NULL));
    return NULL;
}

static void *get_from_elsewhere(void *queue)
{
    weft_future_unref(weft_queue_get(queue));
    return NULL;
}

static void *join_from_elsewhere(void *queue)
{
    weft_future_unref(weft_queue_join(queue));
    return NULL;
}

static void *end_from_elsewhere(void *queue)
{
    weft_queue_task_done(queue);
    return NULL;
}

static void *shutdown_from_elsewhere(void *queue)
{
    weft_queue_shutdown(queue, false);
    return NULL;
}

static void *unref_from_elsewhere(void *queue)
{
    weft_queue_unref(queue);
    return NULL;
}

/* What a program says that such a call stops. */
static const char *said_when_stopped(void *(*fn)(void *), void *arg)
{
    static char text[1024];
    size_t length = 0;
    ssize_t n;
    int fds[2], status;
    pid_t child;

    ck_assert_int_eq(pipe(fds), 0);
    child = fork();
    if (child == 0) {
        pthread_t thread;

        dup2(fds[1], 2);
        weft_loop_set_debug(loop, true);
        pthread_create(&thread, NULL, fn, arg);
        pthread_join(thread, NULL);
        _exit(0);
    }
    close(fds[1]);
    while (length < sizeof(text) - 1 &&
           (n = read(fds[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)n;
    text[length] = 0;
    close(fds[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(text, "from another thread than the loop's"));
    return text;
}

/* 77 */
RULE(a_call_from_the_wrong_thread_stops_the_program_in_debug_mode)
{
    ck_assert_ptr_nonnull(strstr(said_when_stopped(call_from_elsewhere, loop), "_threadsafe"));
}
END_RULE

/* 77: also where the call would wait, and where it gives something back */
RULE(so_does_each_call_on_a_queue)
{
    weft_queue *full = weft_queue_new(loop, .size = 1), *empty = weft_queue_new(loop, .size = 1);
    const struct {
        void *(*fn)(void *);
        weft_queue *queue;
        const char *name;
    } calls[] = {{put_from_elsewhere, full, "weft_queue_put "},
                 {put_from_elsewhere, empty, "weft_queue_put_nowait"},
                 {get_from_elsewhere, full, "weft_queue_get "},
                 {get_from_elsewhere, empty, "weft_queue_get "},
                 {join_from_elsewhere, empty, "weft_queue_join"},
                 {end_from_elsewhere, full, "weft_queue_task_done"},
                 {shutdown_from_elsewhere, empty, "weft_queue_shutdown"},
                 {unref_from_elsewhere, empty, "an unref"}};

    ck_assert_int_eq(weft_queue_put_nowait(full, NULL), 0);
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
        ck_assert_ptr_nonnull(strstr(said_when_stopped(calls[i].fn, calls[i].queue), calls[i].name));
    weft_queue_unref(full);
    weft_queue_unref(empty);
}
END_RULE

/* 77 */
RULE(the_environment_turns_the_debug_mode_on)
{
    static const struct {
        const char *value;
        bool on;
    } cases[] = {{"1", true}, {"0", false}, {"", false}, {NULL, false}};

    for (int i = 0; i < 4; i++) {
        weft_loop *other;

        if (cases[i].value)
            setenv("WEFT_DEBUG", cases[i].value, 1);
        else
            unsetenv("WEFT_DEBUG");
        other = weft_loop_new(NULL);
        ck_assert_int_eq(weft_loop_debug(other), cases[i].on);
        weft_loop_unref(other);
    }
}
END_RULE

RUN_SUITE("debug", the_dump_shows_both_forms_what_is_awaited_since_when_and_a_cancel,
          a_slow_step_is_reported_by_name_and_line_in_debug_mode_only,
          a_limit_of_never_reports_no_step_and_what_is_no_limit_changes_nothing,
          a_circle_of_two_or_three_waits_is_refused_in_debug_mode,
          a_call_from_the_wrong_thread_stops_the_program_in_debug_mode,
          so_does_each_call_on_a_queue, the_environment_turns_the_debug_mode_on)
