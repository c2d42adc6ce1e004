/* check_process.c - children: started, waited for, signalled, spoken to; with pidfds and without.
 * */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/process.h"

#include "support/harness.h"

static weft_process *process;

static int start(const char *script, weft_process_options options)
{
    options.struct_size = sizeof(options);
    return weft_process_start_with(loop, WEFT_ARGV("sh", "-c", script), &process, &options);
}

static void started(const char *script, weft_process_options options)
{
    ck_assert_int_eq(start(script, options), 0);
    ck_assert_ptr_nonnull(process);
}

/* No child is left, not even a dead one. */
static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static void end_process(void)
{
    weft_process_unref(process);
    process = NULL;
    no_children();
}

static int status_of(const char *script)
{
    intptr_t status;

    started(script, (weft_process_options){.in = WEFT_DEVNULL});
    ck_assert_int_eq(run_task(weft_process_wait(process), &status), 0);
    end_process();
    return (int)status;
}

/* What a script says, and its status, as "out|err|status". */
static const char *said_by(const char *script, const char *input, weft_process_options options)
{
    static char text[512];
    weft_output *output;
    intptr_t value;

    options.in = input ? WEFT_PIPE : WEFT_DEVNULL;
    options.out = WEFT_PIPE;
    started(script, options);
    ck_assert_int_eq(
        run_task(weft_process_communicate(process, input, input ? strlen(input) : 0), &value), 0);
    output = weft_from_int(value);
    ck_assert_uint_eq(strlen(output->out), output->out_size);
    ck_assert_uint_eq(strlen(output->err), output->err_size);
    snprintf(text, sizeof(text), "%s|%s|%d", output->out, output->err, output->status);
    weft_output_free(output);
    end_process();
    return text;
}

/* ---- its end -----------------------------------------------------------------------------------
 * */

static void statuses(void)
{
    ck_assert_int_eq(status_of("exit 0"), 0);
    ck_assert_int_eq(status_of("exit 7"), 7);
    ck_assert_int_eq(status_of("exit 255"), 255);
    ck_assert_int_eq(status_of("kill -9 $$"), -SIGKILL);
    ck_assert_int_eq(status_of("kill -15 $$"), -SIGTERM);
}

RULE(the_status_is_what_it_exited_with_or_the_signal_that_ended_it)
{
    statuses();
}
END_RULE

RULE(a_thread_for_each_child_does_it_where_there_is_no_pidfd)
{
    weft__no_pidfd = true;
    statuses();
}
END_RULE

RULE(any_number_may_wait_and_who_comes_late_gets_the_status_too)
{
    weft_future *a, *b;
    intptr_t status;
    int known = -1;

    started("read x; exit 3", (weft_process_options){.in = WEFT_PIPE});
    ck_assert(!weft_process_has_ended(process, &known));
    ck_assert_int_eq(known, -1);
    a = weft_process_wait(process);
    b = weft_process_wait(process);
    weft_future_cancel(a, NULL); /* it goes on */
    ck_assert(weft_future_is_cancelled(a));
    weft_future_unref(weft_process_wait(process));
    weft_stream_abort(weft_process_in(process));
    ck_assert_int_eq(run_task(b, &status), 0);
    ck_assert_int_eq(status, 3);
    weft_future_unref(a);
    ck_assert_int_eq(run_task(weft_process_wait(process), &status), 0);
    ck_assert_int_eq(status, 3);
    ck_assert(weft_process_has_ended(process, &known));
    ck_assert_int_eq(known, 3);
    end_process();
}
END_RULE

/* Run until all that is known to the loop has ended. */
static void run_dry(void)
{
    ck_assert_int_eq(weft_run_until_complete(loop, weft_future_new(loop), NULL), WEFT_EDEADLOCK);
}

static void dropped(void)
{
    weft_future *waiting;
    intptr_t status;

    started("read x; exit 3", (weft_process_options){.in = WEFT_PIPE});
    ck_assert_ptr_eq(weft_process_ref(process), process);
    weft_process_unref(process);
    waiting = weft_process_wait(process);
    weft_process_unref(process); /* closes its input: it ends */
    ck_assert_int_eq(run_task(waiting, &status), 0);
    ck_assert_int_eq(status, 3);
    no_children();
    started("exit 0", (weft_process_options){.in = 0});
    weft_process_unref(process);
    run_dry();
    no_children();
    weft_process_unref(NULL);
}

RULE(one_that_is_dropped_goes_on_and_is_reaped_and_its_waits_end)
{
    dropped();
    weft__no_pidfd = true;
    dropped();
}
END_RULE

static int count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;

    while (tasks && (entry = readdir(tasks)))
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return count;
}

static void closed(bool early)
{
    int threads = count_threads(), input;
    weft_future *waiting;
    pid_t pid;

    weft__no_pidfd = early;
    started("read x", (weft_process_options){.in = WEFT_PIPE});
    pid = weft_process_pid(process);
    input = dup(weft_stream_fd(weft_process_in(process))); /* or it might end before the close */
    while (early && !atomic_load(&weft__child_threads))
        usleep(1000);
    waiting = weft_process_wait(process);
    if (early)
        weft_process_unref(process);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    close(input);
    ck_assert_int_eq(weft_future_error(waiting), WEFT_ECLOSED);
    weft_future_unref(waiting);
    if (!early) {
        ck_assert(!weft_process_has_ended(process, NULL));
        ck_assert_int_eq(weft_process_signal(process, SIGKILL), WEFT_ECLOSED);
        waiting = weft_process_wait(process);
        ck_assert_int_eq(weft_future_error(waiting), WEFT_ECLOSED);
        weft_future_unref(waiting);
        weft_process_unref(process);
        (void)waitpid(pid, NULL,
                      0); /* it went on, and its input was closed; a thread may be faster */
    }
    weft_loop_unref(loop);
    loop = NULL;
    for (int i = 0; i < 200 && count_threads() > threads; i++)
        usleep(1000); /* it hears of it, if there is one, and ends */
    no_children();
}

/* 82 */
RULE(a_loop_that_is_closed_loses_its_children_and_tells_who_waits)
{
    closed(false);
}
END_RULE

/* 82, 204 */
RULE(the_thread_of_a_loop_that_is_closed_reaps_alone)
{
    closed(true);
}
END_RULE

RULE(who_ignores_SIGCHLD_gets_no_status)
{
    weft_future *f;
    int status;

    signal(SIGCHLD, SIG_IGN);
    started("exit 3", (weft_process_options){.in = 0});
    f = weft_process_wait(process);
    ck_assert_int_eq(run_task(f, NULL), -ECHILD);
    f = weft_process_wait(process);
    ck_assert_int_eq(weft_future_error(f), -ECHILD);
    weft_future_unref(f);
    ck_assert(weft_process_has_ended(process, &status));
    ck_assert_int_eq(status, 255);
    weft_process_unref(process);
}
END_RULE

/* ---- signals -----------------------------------------------------------------------------------
 * */

static void signalled(void)
{
    intptr_t status;

    started("read x", (weft_process_options){.in = WEFT_PIPE});
    ck_assert_int_eq(weft_process_signal(process, 0), 0);
    ck_assert_int_eq(weft_process_signal(process, 12345), -EINVAL);
    ck_assert_int_eq(weft_process_signal(process, -1), -EINVAL);
    ck_assert_int_eq(weft_process_signal(process, SIGTERM), 0);
    ck_assert_int_eq(run_task(weft_process_wait(process), &status), 0);
    ck_assert_int_eq(status, -SIGTERM);
    ck_assert_int_eq(weft_process_signal(process, SIGTERM), -ESRCH);
    end_process();
}

RULE(a_signal_reaches_a_child_that_runs_and_no_other_after_its_end)
{
    signalled();
    weft__no_pidfd = true;
    signalled();
}
END_RULE

RULE(a_child_that_has_ended_keeps_its_number_until_the_loop_reaps_it)
{
    siginfo_t info;
    intptr_t status;

    for (int i = 0; i < 2; i++) {
        weft__no_pidfd = i > 0;
        started("exit 4", (weft_process_options){.in = 0});
        ck_assert_int_eq(waitid(P_PID, (id_t)weft_process_pid(process), &info, WEXITED | WNOWAIT),
                         0);
        usleep(10000); /* a thread could have reaped it */
        ck_assert_int_eq(kill(weft_process_pid(process), 0), 0);
        ck_assert_int_eq(weft_process_signal(process, SIGKILL), 0); /* it hits what is left of it */
        ck_assert_int_eq(run_task(weft_process_wait(process), &status), 0);
        ck_assert_int_eq(status, 4);
        end_process();
    }
}
END_RULE

/* ---- starting ----------------------------------------------------------------------------------
 * */

static void refused(void)
{
    weft_process_options none = {.struct_size = sizeof(none)}, piped = none;

    piped.in = piped.out = piped.err = WEFT_PIPE;

    ck_assert_int_eq(weft_process_start_with(loop, WEFT_ARGV("no-such-program"), &process, &none),
                     -ENOENT);
    ck_assert_ptr_null(process);
    ck_assert_int_eq(weft_process_start_with(loop, WEFT_ARGV("/no/such/program"), &process, &piped),
                     -ENOENT);
    ck_assert_int_eq(weft_process_start_with(loop, WEFT_ARGV("/etc/passwd"), &process, &none),
                     -EACCES);
    none.cwd = "/no/such/directory";
    ck_assert_int_eq(start("exit 0", none), -ENOENT);
    none.cwd = NULL;
    none.out = 999;
    ck_assert_int_eq(start("exit 0", none), -EBADF);
    none.out = WEFT_STDOUT;
    ck_assert_int_eq(start("exit 0", none), -EINVAL);
    none.out = -4;
    ck_assert_int_eq(start("exit 0", none), -EINVAL);
    ck_assert_int_eq(weft_process_start(loop, ((const char *const[]){NULL}), &process), -EINVAL);
    ck_assert_int_eq(weft_process_start(loop, WEFT_ARGV(""), &process), -EINVAL);
    ck_assert_int_eq(weft_process_start(loop, NULL, &process), -EINVAL);
}

RULE(what_keeps_a_program_from_running_is_the_error_of_its_start)
{
    refused();
    run_dry();
    no_children();
    weft__no_pidfd = true;
    refused();
    run_dry(); /* a thread tells of those that were forked */
    no_children();
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(start("exit 0", (weft_process_options){.in = 0}), WEFT_ECLOSED);
}
END_RULE

RULE(a_program_is_looked_for_in_the_path_of_its_environment)
{
    const char *const env[] = {"PATH=/no/such:/etc/passwd::/bin", "A=b", NULL};
    const char *const nowhere[] = {"PATH=/no/such:/etc/passwd", NULL}, *const none[] = {NULL};
    const char *const here[] = {"PATH=", NULL};
    const char *const nothing_to_run[] = {"PATH=/no/such:/etc:/no", NULL};

    ck_assert_str_eq(said_by("echo $A$HOME", NULL, (weft_process_options){.env = env}), "b\n||0");
    ck_assert_int_eq(start("exit 0", (weft_process_options){.env = nowhere}), -ENOENT);
    ck_assert_int_eq(weft_process_start(loop, WEFT_ARGV("passwd"), &process, .env = nothing_to_run),
                     -EACCES);
    ck_assert_str_eq(said_by("echo here", NULL, (weft_process_options){.env = here, .cwd = "/bin"}),
                     "here\n||0");
    ck_assert_str_eq(said_by("echo $HOME.", NULL, (weft_process_options){.env = none}), ".\n||0");
    ck_assert_int_eq(setenv("WEFT_TEST", "c", 1), 0);
    ck_assert_str_eq(said_by("echo $WEFT_TEST", NULL, (weft_process_options){.in = 0}), "c\n||0");
}
END_RULE

RULE(the_directory_and_the_session_are_its_own)
{
    pid_t pid;

    ck_assert_str_eq(said_by("pwd", NULL, (weft_process_options){.cwd = "/"}), "/\n||0");
    started("read x", (weft_process_options){.in = WEFT_PIPE, .new_session = true});
    pid = weft_process_pid(process);
    ck_assert_int_eq(getsid(pid), pid);
    ck_assert_int_eq(weft_process_signal(process, SIGKILL), 0);
    ck_assert_int_eq(run_task(weft_process_wait(process), NULL), 0);
    end_process();
}
END_RULE

/* The C library keeps two for itself (32 and 33), and lets nobody touch them: what they are is inherited. */
RULE(its_signals_are_at_their_defaults_and_none_is_blocked)
{
    sigset_t all;

    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    sigfillset(&all);
    sigdelset(&all, SIGALRM);
    sigprocmask(SIG_BLOCK, &all, NULL);
    ck_assert_str_eq(said_by("grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2 | "
                             "sed s/[01][08]0000000/000000000/ | tr '\\n' ' '",
                             NULL, (weft_process_options){.in = 0}),
                     "0000000000000000 0000000000000000 ||0");
}
END_RULE

/* ---- its descriptors ---------------------------------------------------------------------------
 * */

RULE(it_gets_three_descriptors_and_no_others)
{
    int fd = fcntl(2, F_DUPFD, 50); /* not close-on-exec */

    ck_assert_int_eq(fd, 50);
    ck_assert_str_eq(
        said_by("cd /proc/$$/fd; for i in *; do [ $i -lt 5 -o $i = 10 ] || echo $i; done", NULL,
                (weft_process_options){.err = WEFT_PIPE}),
        "||0");
    close(fd);
}
END_RULE

RULE(output_and_errors_go_where_they_are_sent)
{
    const char *script = "echo out; echo err >&2";
    char text[32] = "";
    int fds[2];

    ck_assert_str_eq(said_by(script, NULL, (weft_process_options){.err = WEFT_PIPE}),
                     "out\n|err\n|0");
    ck_assert_str_eq(said_by(script, NULL, (weft_process_options){.err = WEFT_STDOUT}),
                     "out\nerr\n||0");
    ck_assert_str_eq(said_by(script, NULL, (weft_process_options){.err = WEFT_DEVNULL}), "out\n||0");
    ck_assert_int_eq(pipe(fds), 0);
    started(script, (weft_process_options){.out = fds[1], .err = WEFT_STDOUT});
    ck_assert_ptr_null(weft_process_in(process));
    ck_assert_ptr_null(weft_process_out(process));
    ck_assert_ptr_null(weft_process_err(process));
    ck_assert_int_eq(run_task(weft_process_wait(process), NULL), 0);
    ck_assert_int_eq(read(fds[0], text, sizeof(text) - 1), 8);
    ck_assert_str_eq(text, "out\nerr\n");
    end_process();
    close(fds[0]);
    close(fds[1]);
}
END_RULE

/* A program may have closed its own, or exchange them. */
RULE(descriptors_that_stand_in_each_others_place_are_put_in_order)
{
    int in = fcntl(0, F_DUPFD, 20), out = fcntl(1, F_DUPFD, 20), err = fcntl(2, F_DUPFD, 20);
    int fds[2], others[2];
    intptr_t status;
    char text[32] = "";

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(pipe(others), 0);
    dup2(fds[1], 1);
    dup2(others[1], 2);
    started("echo out; echo err >&2", (weft_process_options){.out = 2, .err = 1});
    ck_assert_int_eq(run_task(weft_process_wait(process), NULL), 0);
    end_process();
    close(0);
    started("[ ! -e /proc/$$/fd/0 ]", (weft_process_options){.out = WEFT_PIPE, .err = WEFT_PIPE});
    ck_assert_int_eq(run_task(weft_process_wait(process), &status), 0);
    ck_assert_int_eq(status, 0); /* what was opened meanwhile has not become its input */
    end_process();
    close(1);
    close(2);
    ck_assert_str_eq(said_by("cat; echo err >&2", "x", (weft_process_options){.err = WEFT_PIPE}),
                     "x|err\n|0");
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    ck_assert_int_eq(read(fds[0], text, sizeof(text) - 1), 4);
    ck_assert_str_eq(text, "err\n");
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(others[i]);
    }
    close(in);
    close(out);
    close(err);
}
END_RULE

RUN_SUITE("process", the_status_is_what_it_exited_with_or_the_signal_that_ended_it,
          a_thread_for_each_child_does_it_where_there_is_no_pidfd,
          any_number_may_wait_and_who_comes_late_gets_the_status_too,
          one_that_is_dropped_goes_on_and_is_reaped_and_its_waits_end,
          a_loop_that_is_closed_loses_its_children_and_tells_who_waits,
          the_thread_of_a_loop_that_is_closed_reaps_alone, who_ignores_SIGCHLD_gets_no_status,
          a_signal_reaches_a_child_that_runs_and_no_other_after_its_end,
          a_child_that_has_ended_keeps_its_number_until_the_loop_reaps_it,
          what_keeps_a_program_from_running_is_the_error_of_its_start,
          a_program_is_looked_for_in_the_path_of_its_environment,
          the_directory_and_the_session_are_its_own,
          its_signals_are_at_their_defaults_and_none_is_blocked,
          it_gets_three_descriptors_and_no_others, output_and_errors_go_where_they_are_sent,
          descriptors_that_stand_in_each_others_place_are_put_in_order)
