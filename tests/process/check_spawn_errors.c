/* check_spawn.c - children that cannot be started, and what becomes of other people's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/round.h"
#include "process/process.h"
#include "thread/executor.h"

#include "support/harness.h"

static weft_process *process;

static int start(const char *program, weft_process_options options)
{
    options.struct_size = sizeof(options);
    return weft_process_start_with(loop, WEFT_ARGV(program), &process, &options);
}

static int script(const char *text, weft_process_options options)
{
    options.struct_size = sizeof(options);
    return weft_process_start_with(loop, WEFT_ARGV("sh", "-c", text), &process, &options);
}

static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* Run until all that is known to the loop has ended. */
static void run_dry(void)
{
    ck_assert_int_eq(weft_run_until_complete(loop, weft_future_new(loop), NULL), WEFT_EDEADLOCK);
}

/* The status of what was started; then it is given back. */
static int status_of_it(void)
{
    intptr_t status = -1;

    ck_assert_int_eq(run_task(weft_process_wait(process), &status), 0);
    weft_process_unref(process);
    no_children();
    return (int)status;
}

/* ---- what the system refuses ------------------------------------------------------------------ */

/* fork(2), overlaid: it fails, or tells which signals are blocked meanwhile. */
static int fork_error;
static sigset_t at_fork;

pid_t fork(void)
{
    pid_t (*real)(void);

    if (fork_error) {
        errno = fork_error;
        return -1;
    }
    pthread_sigmask(SIG_SETMASK, NULL, &at_fork);
    *(void **)&real = dlsym(RTLD_NEXT, "fork");
    return real();
}

/* A handler that ran in the child would write into what it shares with its parent. */
RULE(no_signal_is_let_in_while_it_forks)
{
    sigset_t mask;

    ck_assert_int_eq(start("true", (weft_process_options){.in = WEFT_INHERIT}), 0);
    ck_assert_int_eq(sigismember(&at_fork, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&at_fork, SIGCHLD), 1);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
    ck_assert_int_eq(status_of_it(), 0);
}
END_RULE

RULE(a_fork_that_fails_is_the_error_of_the_start_and_the_signals_are_as_they_were)
{
    sigset_t mask;

    fork_error = EAGAIN;
    ck_assert_int_eq(start("true", (weft_process_options){.in = WEFT_PIPE}), -EAGAIN);
    ck_assert_ptr_null(process);
    fork_error = 0;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
    ck_assert_int_eq(start("true", (weft_process_options){.in = WEFT_PIPE}), 0);
    ck_assert_int_eq(status_of_it(), 0);
}
END_RULE

static struct rlimit before;
static int fillers[256], filler_count;

/* From now on, so many descriptors can be opened above the first three. */
static void leave_descriptors(rlim_t count)
{
    struct rlimit now;
    int last = 255, fd;

    while (fcntl(last, F_GETFD) < 0)
        last--;
    while ((fd = fcntl(2, F_DUPFD_CLOEXEC, 3)) < last)
        fillers[filler_count++] = fd;
    close(fd);
    getrlimit(RLIMIT_NOFILE, &before);
    now = (struct rlimit){.rlim_cur = (rlim_t)last + 1 + count, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
}

static void all_descriptors(void)
{
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    while (filler_count > 0)
        close(fillers[--filler_count]);
}

/* Start with fewer descriptors than that takes, until it succeeds; the harness counts what is left open. */
static void runs_out(weft_process_options options)
{
    int error = -EMFILE;

    options.struct_size = sizeof(options);
    for (rlim_t count = 0; error; count++) {
        leave_descriptors(count);
        error = start("true", options);
        all_descriptors();
        ck_assert_msg(!error || error == -EMFILE, "with %d: %s", (int)count, weft_errname(error));
        ck_assert_int_eq(!error, process != NULL);
        if (error)
            no_children();
    }
    ck_assert_int_eq(status_of_it(), 0);
}

RULE(out_of_descriptors_is_the_error_of_the_start_and_leaves_nothing)
{
    runs_out((weft_process_options){.in = WEFT_PIPE, .out = WEFT_PIPE, .err = WEFT_PIPE});
    runs_out((weft_process_options){.in = WEFT_DEVNULL, .out = WEFT_DEVNULL});
    runs_out((weft_process_options){.out = 2, .err = 1}); /* the child needs two itself */
}
END_RULE

/* A socket pair gets the numbers that are free, and has to leave them. */
RULE(standard_descriptors_that_are_closed_stay_so_and_are_none_to_spare)
{
    static const char *const texts[] = {"[ ! -e /proc/$$/fd/0 ]",
                                        "[ ! -e /proc/$$/fd/0 -a ! -e /proc/$$/fd/1 ]",
                                        "[ ! -e /proc/$$/fd/0 ]"};
    static const weft_process_options options[] = {
        {.in = WEFT_INHERIT},
        {.in = WEFT_INHERIT},
        {.in = WEFT_INHERIT, .out = WEFT_PIPE, .err = WEFT_DEVNULL}};
    int saved[2] = {fcntl(0, F_DUPFD, 3), fcntl(1, F_DUPFD, 3)};

    for (int last = 0; last < 3; last++) {
        int error = -EMFILE;

        for (int i = 0; i <= last && i < 2; i++)
            close(i);
        for (rlim_t count = 0; error; count++) {
            leave_descriptors(count);
            error = script(texts[last], options[last]);
            all_descriptors();
            ck_assert(!error || error == -EMFILE);
            ck_assert_int_ge(count, !error); /* at least one was wanting */
            for (int i = 0; i <= last && i < 2; i++)
                ck_assert_int_lt(fcntl(i, F_GETFD), 0);
        }
        ck_assert_int_eq(status_of_it(), 0);
        for (int i = 0; i <= last && i < 2; i++)
            dup2(saved[i], i);
    }
    close(saved[0]);
    close(saved[1]);
}
END_RULE

/* 193: the end of a pipe takes two */
RULE(an_end_without_descriptors_is_the_streams_error)
{
    ck_assert_int_eq(start("cat", (weft_process_options){.in = WEFT_PIPE}), 0);
    leave_descriptors(0);
    (void)weft_stream_write_eof(weft_process_in(process));
    run_rounds(3);
    ck_assert_int_eq(weft_stream_error(weft_process_in(process)), -EMFILE);
    all_descriptors();
    weft_stream_abort(weft_process_in(process)); /* closes it all the same */
    ck_assert_int_eq(status_of_it(), 0);
}
END_RULE

static int attempt(void)
{
    const weft_process_options options = {.struct_size = sizeof(options), .in = WEFT_PIPE};
    weft_loop *fresh = weft_loop_new(NULL);
    int error;

    if (!fresh)
        return -ENOMEM;
    error = weft_process_start_with(fresh, WEFT_ARGV("true"), &process, &options);
    if (!error)
        weft_process_unref(process);
    else
        ck_assert_ptr_null(process);
    ck_assert_ptr_null(
        weft__default_executor(fresh)); /* a thread that waits for a child is in no pool of others */
    (void)weft_run_forever(fresh);      /* until it is reaped */
    weft_loop_unref(fresh);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    return error;
}

/* 100 */
RULE(each_allocation_of_a_start_may_fail_with_a_pidfd_and_with_a_thread)
{
    for (int i = 0; i < 2; i++) {
        weft__no_pidfd = i > 0;
        each_allocation_fails(attempt);
        no_children();
    }
}
END_RULE

/* ---- who reaps ------------------------------------------------------------------------------------ */

/* What never became its program is taken back at once; where a thread looks at it, in the loop. */
RULE(one_that_never_ran_is_reaped_by_the_start_unless_a_thread_looks_at_it)
{
    siginfo_t info;

    ck_assert_int_eq(start("/no/such/program", (weft_process_options){.in = 0}), -ENOENT);
    no_children();
    weft__no_pidfd = true;
    ck_assert_int_eq(start("/no/such/program", (weft_process_options){.in = 0}), -ENOENT);
    ck_assert_int_eq(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    run_dry();
    no_children();
}
END_RULE

RULE(who_ignores_SIGCHLD_gets_no_status_from_a_thread_either)
{
    weft__no_pidfd = true;
    signal(SIGCHLD, SIG_IGN);
    ck_assert_int_eq(start("true", (weft_process_options){.in = 0}), 0);
    ck_assert_int_eq(run_task(weft_process_wait(process), NULL), -ECHILD);
    weft_process_unref(process);
}
END_RULE

/* 204: the thread of a closed loop reaps its child, and nobody else's */
RULE(a_child_of_others_keeps_its_status_when_the_loop_is_closed)
{
    pid_t stranger = fork(), pid;
    siginfo_t info;
    int status;

    if (stranger == 0)
        _exit(5);
    ck_assert_int_eq(waitid(P_PID, (id_t)stranger, &info, WEXITED | WNOWAIT), 0);
    weft__no_pidfd = true;
    ck_assert_int_eq(script("read x", (weft_process_options){.in = WEFT_PIPE}), 0);
    pid = weft_process_pid(process);
    while (!atomic_load(&weft__child_threads))
        usleep(1000);
    weft_process_unref(process); /* closes its input */
    weft_loop_unref(loop);
    loop = NULL;
    for (int i = 0; i < 5000 && kill(pid, 0) == 0; i++)
        usleep(1000); /* the thread hears of it, and reaps */
    ck_assert_int_eq(waitpid(stranger, &status, WNOHANG), stranger);
    ck_assert_int_eq(WEXITSTATUS(status), 5);
    no_children();
}
END_RULE

RUN_SUITE("spawn", no_signal_is_let_in_while_it_forks,
          a_fork_that_fails_is_the_error_of_the_start_and_the_signals_are_as_they_were,
          out_of_descriptors_is_the_error_of_the_start_and_leaves_nothing,
          standard_descriptors_that_are_closed_stay_so_and_are_none_to_spare,
          an_end_without_descriptors_is_the_streams_error,
          each_allocation_of_a_start_may_fail_with_a_pidfd_and_with_a_thread,
          one_that_never_ran_is_reaped_by_the_start_unless_a_thread_looks_at_it,
          who_ignores_SIGCHLD_gets_no_status_from_a_thread_either,
          a_child_of_others_keeps_its_status_when_the_loop_is_closed)
