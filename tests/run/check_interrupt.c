/* check_interrupt.c - SIGINT while a main runs; weft_main, seen from outside. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/harness.h"
#include "support/runner_bodies.h"

static void raise_call(void *arg)
{
    if (arg)
        raise(SIGINT);
}

static bool is_default(int signum)
{
    struct sigaction now;

    ck_assert_int_eq(sigaction(signum, NULL, &now), 0);
    return now.sa_handler == SIG_DFL;
}

/* 207 */
RULE(a_sigint_cancels_main_which_may_clean_up)
{
    weft_runner *runner = new_runner();
    void *value;

    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.raises = 1, .seconds = 5), &value),
                     WEFT_EINTERRUPTED);
    ck_assert_str_eq(trace(), "main main!WEFT_ECANCELLED main-freed");
    ck_assert_ptr_null(value);
    ck_assert_double_eq(weft_loop_time(weft_runner_loop(runner)), 0);
    ck_assert(is_default(SIGINT));
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 5), NULL), 0);
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

/* 207 */
RULE(a_main_that_swallows_it_has_returned)
{
    weft_runner *runner = new_runner();
    void *value;

    ck_assert_int_eq(
        weft_runner_run(runner, PROGRAM(.raises = 1, .seconds = 5, .stubborn = 1, .result = "it"),
                        &value),
        0);
    ck_assert_str_eq(value, "it");
    ck_assert_int_eq(
        weft_runner_run(runner, PROGRAM(.raises = 1, .seconds = 5, .stubborn = 1, .error = -EIO),
                        NULL),
        -EIO);
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

/* Ends before so many calls that the loop looks at signals between its end and that of the run. */
struct crowd {
    weft_gen gen;
};

static weft_step crowd(void *frame)
{
    struct crowd *f = frame;
    int i;

    WEFT_BEGIN(f);
    for (i = 0; i < 300; i++)
        ck_assert_int_eq(weft_call_soon(NULL, raise_call, i == 0 ? f : NULL, NULL), 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(crowd);

RULE(one_that_comes_when_main_has_just_ended_is_not_lost)
{
    weft_runner *runner = new_runner();

    ck_assert_int_eq(weft_runner_run(runner, WEFT_CALL(crowd), NULL), WEFT_EINTERRUPTED);
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

/* Waits for what never comes. */
struct forever {
    weft_gen gen;
};

static weft_step forever(void *frame)
{
    struct forever *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep_forever(NULL));
    WEFT_END(f);
}
WEFT_GEN_TYPE(forever);

/* 207, 268 */
RULE(one_that_comes_when_nothing_else_can_come_any_more_cancels_main)
{
    weft_runner *runner = weft_runner_new(); /* virtual time would look once more before it jumps */

    plain_sigint();
    ck_assert_int_eq(weft_call_later(weft_runner_loop(runner), 0.001, raise_call, runner, NULL), 0);
    ck_assert_int_eq(weft_runner_run(runner, WEFT_CALL(forever), NULL), WEFT_EINTERRUPTED);
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

/* Passes a cancel on only at its second await. */
struct stays {
    weft_gen gen;
};

static weft_step stays(void *frame)
{
    struct stays *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 5));
    WEFT_AWAIT(f, weft_sleep(NULL, 5));
    WEFT_END(f);
}
WEFT_GEN_TYPE(stays);

/* 207 */
RULE(a_second_one_ends_the_run_at_once)
{
    weft_runner *runner = new_runner();

    ck_assert_int_eq(weft_call_later(weft_runner_loop(runner), 1, raise_call, runner, NULL), 0);
    ck_assert_int_eq(weft_call_later(weft_runner_loop(runner), 3, raise_call, runner, NULL), 0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 5, .stubborn = 2), NULL),
                     WEFT_EINTERRUPTED);
    ck_assert_double_eq(weft_loop_time(weft_runner_loop(runner)), 3);
    ck_assert_str_eq(trace(), "main main!WEFT_ECANCELLED");
    ck_assert(is_default(SIGINT));
    ck_assert_int_eq(weft_runner_free(runner), 0);
    ck_assert_str_eq(trace(), "main main!WEFT_ECANCELLED main!WEFT_ECANCELLED main-freed");
    ck_assert_str_eq(told, "");
}
END_RULE

RULE(two_at_once_end_the_run_too)
{
    weft_runner *runner = new_runner();

    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.raises = 2, .seconds = 5), NULL),
                     WEFT_EINTERRUPTED);
    ck_assert_str_eq(trace(), "main");
    ck_assert_int_eq(weft_runner_free(runner), 0);
    ck_assert_str_eq(trace(), "main main!WEFT_ECANCELLED main-freed");
}
END_RULE

RULE(one_that_comes_in_the_last_step_is_not_lost_and_a_failure_neither)
{
    weft_runner *runner = new_runner();
    void *value;

    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.raises_late = 1, .result = "x"), &value),
                     WEFT_EINTERRUPTED);
    ck_assert_ptr_null(value);
    ck_assert_str_eq(trace(), "main main-freed destroyed-x");
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.raises_late = 1, .error = -EIO), NULL), -EIO);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.result = "y"), &value), 0);
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

static void cancel_call(void *arg)
{
    weft_task *task;

    (void)arg;
    ck_assert_int_eq(weft_all_tasks(NULL, &task, 1), 1);
    weft_future_cancel(task, NULL);
}

RULE(a_cancel_of_somebody_elses_stays_a_cancel)
{
    weft_runner *runner = new_runner();
    weft_loop *its = weft_runner_loop(runner);

    ck_assert_int_eq(weft_call_later(its, 1, cancel_call, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 5), NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_call_later(its, 1, raise_call, runner, NULL), 0);
    ck_assert_int_eq(weft_call_later(its, 2, cancel_call, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.seconds = 5, .stubborn = 1), NULL), 0);
    ck_assert_int_eq(weft_call_later(its, 1, raise_call, runner, NULL), 0);
    ck_assert_int_eq(weft_call_later(its, 2, cancel_call, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_run(runner, WEFT_CALL(stays), NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

static int seen;

static void count_signal(int signum)
{
    seen += signum;
}

RULE(a_program_that_ignores_or_handles_sigint_goes_on_doing_so)
{
    struct sigaction theirs = {.sa_handler = SIG_IGN}, now;
    weft_runner *runner = new_runner();

    ck_assert_int_eq(sigaction(SIGINT, &theirs, NULL), 0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.raises = 3, .seconds = 5), NULL), 0);
    theirs.sa_handler = count_signal;
    ck_assert_int_eq(sigaction(SIGINT, &theirs, NULL), 0);
    ck_assert_int_eq(weft_runner_run(runner, PROGRAM(.raises = 3, .seconds = 5), NULL), 0);
    ck_assert_int_eq(seen, 3 * SIGINT);
    ck_assert_int_eq(sigaction(SIGINT, NULL, &now), 0);
    ck_assert(now.sa_handler == count_signal);
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

/* Takes SIGINT over, gets some, gives it back, gets one more. */
struct takes_over {
    weft_gen gen;
    bool restores;
};

static weft_step takes_over(void *frame)
{
    struct takes_over *f = frame;
    int i;

    WEFT_BEGIN(f);
    weft_future_unref(weft_signal(NULL, SIGINT));
    for (i = 0; i < 4; i++)
        raise(SIGINT);
    WEFT_AWAIT(f, weft_signal(NULL, SIGINT));
    say("got%d", (int)weft_sent_int(f));
    if (f->restores) {
        ck_assert_int_eq(weft_signal_restore(NULL, SIGINT), 0);
        raise(SIGINT);
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(takes_over);

RULE(a_program_that_waits_for_sigint_has_taken_it_over)
{
    weft_runner *runner = new_runner();

    ck_assert_int_eq(weft_runner_run(runner, WEFT_CALL(takes_over), NULL), 0);
    ck_assert(!is_default(SIGINT));
    ck_assert_int_eq(weft_runner_run(runner, WEFT_CALL(takes_over, .restores = true), NULL),
                     WEFT_EINTERRUPTED);
    ck_assert_str_eq(trace(), "got2 got2");
    ck_assert(is_default(SIGINT));
    ck_assert_int_eq(weft_runner_free(runner), 0);
}
END_RULE

/* ---- other threads ---- */

/* Fails with EBUSY if SIGINT has another disposition than it had before. */
struct looks_at_sigint {
    weft_gen gen;
};

static weft_step looks_at_sigint(void *frame)
{
    struct looks_at_sigint *f = frame;

    WEFT_BEGIN(f);
    weft_future_unref(weft_signal(NULL, SIGUSR1)); /* the loop has signals from now on */
    if (!is_default(SIGINT))
        WEFT_RAISE(f, -EBUSY);
    WEFT_END(f);
}
WEFT_GEN_TYPE(looks_at_sigint);

static void *run_in_thread(void *arg)
{
    weft_runner *runner = weft_runner_new();
    int error = 0;

    (void)arg;
    for (int i = 0; i < 2 && !error; i++)
        error = weft_runner_run(runner, WEFT_CALL(looks_at_sigint), NULL);
    weft_runner_free(runner);
    return (void *)(intptr_t)error;
}

RULE(a_runner_of_another_thread_leaves_sigint_alone)
{
    pthread_t thread;
    void *result;

    plain_sigint();
    ck_assert_int_eq(weft_run(WEFT_CALL(looks_at_sigint), NULL), -EBUSY);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_in_thread, NULL), 0);
    pthread_join(thread, &result);
    ck_assert_int_eq((intptr_t)result, 0);
}
END_RULE

/* ---- the process, from outside ---- */

struct ended {
    int status;
    char err[512];
};

/* Run weft_main in a child; `signals` times, once it has written a byte to stdout, it is sent SIGINT. */
static struct ended child(weft_gen *(*make)(void), int signals)
{
    struct ended ended = {0};
    int out[2], err[2];
    size_t length = 0;
    ssize_t got;
    char byte;
    pid_t pid;

    ck_assert_int_eq(pipe(out), 0);
    ck_assert_int_eq(pipe(err), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        plain_sigint();
        dup2(out[1], 1);
        dup2(err[1], 2);
        _exit(weft_main(make()));
    }
    close(out[1]);
    close(err[1]);
    for (; signals > 0; signals--) {
        ck_assert_int_eq(read(out[0], &byte, 1), 1);
        ck_assert_int_eq(kill(pid, SIGINT), 0);
    }
    while ((got = read(err[0], ended.err + length, sizeof(ended.err) - 1 - length)) > 0)
        length += (size_t)got;
    ck_assert_int_eq(waitpid(pid, &ended.status, 0), pid);
    close(out[0]);
    close(err[0]);
    return ended;
}

/* Asks for a SIGINT from outside whenever it is about to sleep. */
struct asks {
    weft_gen gen;
    int stubborn;
    bool returns; /* to the loop, between two of them */
};

static weft_step asks(void *frame)
{
    struct asks *f = frame;
    sigset_t set;

    WEFT_BEGIN(f);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    while (!f->returns) {
        ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
        ck_assert_int_eq(write(1, "!", 1), 1);
        sigdelset(&set, SIGINT);
        sigsuspend(&set); /* exactly one is handled */
        sigaddset(&set, SIGINT);
    }
    for (;;) {
        ck_assert_int_eq(write(1, "!", 1), 1);
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, 60));
        if (weft_failed(f) && f->stubborn-- == 0)
            WEFT_RAISE(f, weft_failed(f));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(asks);

static weft_gen *gives_seven(void)
{
    return WEFT_CALL(sleeper, .result = 7);
}
static weft_gen *gives_text(void)
{
    return WEFT_CALL(program, .name = "main", .result = "text");
}
static weft_gen *fails(void)
{
    return WEFT_CALL(program, .name = "main", .error = -EIO);
}
static weft_gen *is_stuck(void)
{
    return WEFT_CALL(waiter, .future = NULL);
}
/* No descriptor is left. */
static weft_gen *has_no_room(void)
{
    struct rlimit none;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &none), 0);
    none.rlim_cur = 3; /* the other one must stay, for valgrind */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    return gives_seven();
}
static weft_gen *asks_once(void)
{
    return WEFT_CALL(asks, .returns = true);
}
static weft_gen *asks_always(void)
{
    return WEFT_CALL(asks, .stubborn = 1000, .returns = true);
}
static weft_gen *never_returns(void)
{
    return WEFT_CALL(asks);
}

RULE(main_gives_the_status_and_tells_of_a_failure_and_its_place)
{
    struct ended ended = child(gives_seven, 0);
    char line[128];

    ck_assert_int_eq(WEXITSTATUS(ended.status), 7);
    ck_assert_str_eq(ended.err, "");
    ended = child(gives_text, 0);
    ck_assert_int_eq(ended.status, 0);
    ck_assert_str_eq(ended.err, "");
    ended = child(fails, 0);
    ck_assert_int_eq(WEXITSTATUS(ended.status), 1);
    snprintf(line, sizeof(line), "weft: program failed: EIO: %s, at ", strerror(EIO));
    ck_assert_ptr_eq(strstr(ended.err, line), ended.err);
    ck_assert_ptr_nonnull(strstr(ended.err, "runner_bodies.h:"));
    ck_assert_ptr_eq(strchr(ended.err, '\n'), ended.err + strlen(ended.err) - 1);
    ended = child(is_stuck, 0);
    ck_assert_int_eq(WEXITSTATUS(ended.status), 1);
    ck_assert_ptr_eq(strstr(ended.err, "weft: waiter failed: WEFT_EBADYIELD: "), ended.err);
}
END_RULE

/* 226 */
RULE(main_without_a_loop_says_why_there_is_none)
{
    struct ended ended = child(has_no_room, 0);
    char line[128];

    snprintf(line, sizeof(line), "weft: sleeper failed: EMFILE: %s\n", strerror(EMFILE));
    ck_assert_int_eq(WEXITSTATUS(ended.status), 1);
    ck_assert_str_eq(ended.err, line);
}
END_RULE

/* 207 */
RULE(main_that_was_interrupted_is_130_and_says_nothing)
{
    struct ended ended = child(asks_once, 1);

    ck_assert(WIFEXITED(ended.status));
    ck_assert_int_eq(WEXITSTATUS(ended.status), 130);
    ck_assert_str_eq(ended.err, "");
}
END_RULE

/* 207 */
RULE(a_third_sigint_kills_a_main_that_ignores_them)
{
    struct ended ended = child(asks_always, 3);

    ck_assert(WIFSIGNALED(ended.status));
    ck_assert_int_eq(WTERMSIG(ended.status), SIGINT);
}
END_RULE

/* 207 */
RULE(a_third_sigint_kills_a_body_that_does_not_come_back)
{
    struct ended ended = child(never_returns, 3);

    ck_assert(WIFSIGNALED(ended.status));
    ck_assert_int_eq(WTERMSIG(ended.status), SIGINT);
}
END_RULE

RUN_SUITE("interrupt", a_sigint_cancels_main_which_may_clean_up,
          a_main_that_swallows_it_has_returned, one_that_comes_when_main_has_just_ended_is_not_lost,
          one_that_comes_when_nothing_else_can_come_any_more_cancels_main,
          a_second_one_ends_the_run_at_once, two_at_once_end_the_run_too,
          one_that_comes_in_the_last_step_is_not_lost_and_a_failure_neither,
          a_cancel_of_somebody_elses_stays_a_cancel,
          a_program_that_ignores_or_handles_sigint_goes_on_doing_so,
          a_program_that_waits_for_sigint_has_taken_it_over,
          a_runner_of_another_thread_leaves_sigint_alone,
          main_gives_the_status_and_tells_of_a_failure_and_its_place,
          main_without_a_loop_says_why_there_is_none,
          main_that_was_interrupted_is_130_and_says_nothing,
          a_third_sigint_kills_a_main_that_ignores_them,
          a_third_sigint_kills_a_body_that_does_not_come_back)
