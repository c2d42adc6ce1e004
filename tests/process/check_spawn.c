/* check_spawn.c - how a child begins: what other threads fork meanwhile keeps nobody waiting, what is passed on arrives. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/process.h"

#include "support/harness.h"

/* ---- what libc's calls do here ----------------------------------------------------------------------------- */

static bool strangers; /* one is forked with each socket pair */
static bool no_threads;
static pid_t stranger;

/* As another thread of the program would: a process that lives on, and has whatever was open then. */
static void fork_stranger(void)
{
    stranger = fork();
    ck_assert_int_ge(stranger, 0);
    if (stranger > 0)
        return;
    alarm(20); /* if the test does not end it */
    for (;;)
        pause();
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    int (*real)(int, int, int, int *);
    int result;

    *(void **)&real = dlsym(RTLD_NEXT, "socketpair");
    result = real(domain, type, protocol, fds);
    if (!strangers || result != 0)
        return result;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(fcntl(fds[i], F_GETFD), FD_CLOEXEC); /* for those that exec */
    fork_stranger();
    return result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return no_threads ? EAGAIN : real(thread, attributes, run, arg);
}

static void end_stranger(void)
{
    ck_assert_int_eq(kill(stranger, SIGKILL), 0);
    ck_assert_int_eq(waitpid(stranger, NULL, 0), stranger);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* there is no other child */
    ck_assert_int_eq(errno, ECHILD);
}

/* ---- strangers --------------------------------------------------------------------------------------------- */

static weft_process *process;

static int start(const char *const *argv, int in)
{
    return weft_process_start(loop, argv, &process, .in = in);
}

/* 216 */
RULE(a_process_that_another_thread_forks_meanwhile_keeps_no_start_waiting)
{
    intptr_t status;

    strangers = true;
    ck_assert_int_eq(start(WEFT_ARGV("sh", "-c", "exit 7"), WEFT_DEVNULL), 0);
    ck_assert_int_eq(run_task(weft_process_wait(process), &status), 0);
    ck_assert_int_eq(status, 7);
    weft_process_unref(process);
    end_stranger();
}
END_RULE

/* 216 */
RULE(nor_one_that_fails)
{
    strangers = true;
    ck_assert_int_eq(start(WEFT_ARGV("/no/such/program"), WEFT_DEVNULL), -ENOENT);
    end_stranger();
}
END_RULE

/* 216 */
RULE(nor_one_that_nobody_could_watch)
{
    strangers = no_threads = weft__no_pidfd = true;
    ck_assert_int_eq(start(WEFT_ARGV("sh", "-c", "exit 7"), WEFT_DEVNULL), -EAGAIN);
    ck_assert_ptr_null(process);
    end_stranger();
}
END_RULE

/* ---- what is passed on --------------------------------------------------------------------------------------- */

/* 223 */
RULE(descriptors_are_passed_on_under_their_numbers_and_stay_ours)
{
    const char *script = "cd /proc/$$/fd; echo a >$1; echo b >$2; [ ! -e $3 ]";
    int first[2], second[2], passed[2];
    char numbers[3][12], got[8] = "";
    intptr_t status;

    ck_assert_int_eq(pipe2(first, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(second, O_CLOEXEC), 0);
    passed[0] = fcntl(first[1], F_DUPFD_CLOEXEC, 50);
    passed[1] = second[1];
    snprintf(numbers[0], sizeof(numbers[0]), "%d", passed[0]);
    snprintf(numbers[1], sizeof(numbers[1]), "%d", passed[1]);
    snprintf(numbers[2], sizeof(numbers[2]), "%d", first[1]);
    ck_assert_int_eq(
        weft_process_start(loop,
                           WEFT_ARGV("sh", "-c", script, "sh", numbers[0], numbers[1], numbers[2]),
                           &process, .pass_fds = passed, .pass_count = 2),
        0);
    ck_assert_int_eq(run_task(weft_process_wait(process), &status), 0);
    ck_assert_int_eq(status, 0);
    weft_process_unref(process);
    ck_assert_int_eq(read(first[0], got, 7), 2);
    ck_assert_str_eq(got, "a\n");
    ck_assert_int_eq(read(second[0], got, 7), 2);
    ck_assert_str_eq(got, "b\n");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(fcntl(passed[i], F_GETFD), FD_CLOEXEC);
        close(first[i]);
        close(second[i]);
    }
    close(passed[0]);
}
END_RULE

/* 223 */
RULE(what_cannot_be_passed_on_is_refused_before_anything_runs)
{
    ck_assert_int_eq(weft_process_start(loop, WEFT_SHELL("exit 0"), &process,
                                        .pass_fds = (const int[]){1}, .pass_count = 1),
                     -EINVAL);
    ck_assert_int_eq(weft_process_start(loop, WEFT_SHELL("exit 0"), &process,
                                        .pass_fds = (const int[]){900}, .pass_count = 1),
                     -EBADF);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_RULE

/* 223 */
RULE(a_shell_runs_a_command)
{
    intptr_t value;
    weft_output *output;

    ck_assert_int_eq(
        weft_process_start(loop, WEFT_SHELL("echo one two | wc -w"), &process, .out = WEFT_PIPE), 0);
    ck_assert_int_eq(run_task(weft_process_communicate(process, NULL, 0), &value), 0);
    output = weft_from_int(value);
    ck_assert_int_eq(atoi(output->out), 2);
    ck_assert_int_eq(output->status, 0);
    weft_output_free(output);
    weft_process_unref(process);
}
END_RULE

RUN_SUITE("spawn", a_process_that_another_thread_forks_meanwhile_keeps_no_start_waiting,
          nor_one_that_fails, nor_one_that_nobody_could_watch,
          descriptors_are_passed_on_under_their_numbers_and_stay_ours,
          what_cannot_be_passed_on_is_refused_before_anything_runs, a_shell_runs_a_command)
