/* check_communicate.c - all that a child says, while it is told all that it should hear. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/process.h"

#include "support/harness.h"

enum { BIG = 1024 * 1024 };

static const weft_process_options pipes = {
    .struct_size = sizeof(pipes), .in = WEFT_PIPE, .out = WEFT_PIPE, .err = WEFT_PIPE};

static weft_process *started(const char *script)
{
    weft_process *process;

    ck_assert_int_eq(weft_process_start_with(loop, WEFT_ARGV("sh", "-c", script), &process, &pipes),
                     0);
    return process;
}

static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* Until nothing is left that could happen. */
static int run_until_dry(void)
{
    return weft_run_until_complete(loop, weft_future_new(loop), NULL);
}

static weft_output *said(weft_process *process, const char *input, size_t size)
{
    intptr_t value;

    ck_assert_int_eq(run_task(weft_process_communicate(process, input, size), &value), 0);
    return weft_from_int(value);
}

static void through(const char *script)
{
    weft_process *process = started(script);
    char *text = malloc(BIG);
    weft_output *output;

    for (size_t i = 0; i < BIG; i++)
        text[i] = (char)(i * 31 + (i >> 8));
    output = said(process, text, BIG);
    ck_assert_uint_eq(output->out_size, BIG);
    ck_assert_uint_eq(output->err_size, BIG);
    ck_assert_mem_eq(output->out, text, BIG);
    ck_assert_mem_eq(output->err, text, BIG);
    ck_assert_int_eq(output->out[BIG], 0);
    ck_assert_int_eq(output->status, 0);
    weft_output_free(output);
    weft_output_free(NULL);
    weft_process_unref(process);
    no_children();
    free(text);
}

/* 196 */
RULE(more_than_the_pipes_hold_goes_in_and_out_and_to_the_errors_at_once)
{
    through("tee /dev/stderr");
    weft__no_pidfd = true;
    through("tee /dev/stderr");
}
END_RULE

RULE(a_child_that_does_not_read_its_input_is_no_error_and_no_SIGPIPE)
{
    weft_process *process = started("exec <&-; echo done; exit 2");
    char *text = calloc(1, BIG);
    weft_output *output;
    sigset_t pending;

    signal(SIGPIPE, SIG_DFL);
    output = said(process, text, BIG);
    ck_assert_str_eq(output->out, "done\n");
    ck_assert_str_eq(output->err, "");
    ck_assert_int_eq(output->status, 2);
    sigpending(&pending);
    ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
    sigprocmask(SIG_BLOCK, NULL, &pending);
    ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0); /* nor is it blocked */
    weft_output_free(output);
    weft_process_unref(process);
    free(text);
}
END_RULE

/* A SIGPIPE that was on its way before is the program's. */
RULE(a_SIGPIPE_of_others_is_left_where_it_was)
{
    weft_process *process = started("exec <&-; exit 0");
    sigset_t pipe;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigprocmask(SIG_BLOCK, &pipe, NULL);
    ck_assert_int_eq(run_task(weft_process_wait(process), NULL), 0);
    ck_assert_int_eq(raise(SIGPIPE), 0);
    ck_assert_int_eq(weft_stream_post(weft_process_in(process), "x", 1), -EPIPE);
    sigpending(&pipe);
    ck_assert_int_eq(sigismember(&pipe, SIGPIPE), 1);
    weft_process_unref(process);
}
END_RULE

RULE(the_end_of_its_input_is_told_by_write_eof_and_by_close)
{
    char byte;

    for (int i = 0; i < 2; i++) {
        weft_process *process = started("cat; exit 5");
        weft_stream *in = weft_process_in(process);
        intptr_t value;

        ck_assert_int_eq(weft_stream_post(in, "ab", 2), 0);
        if (i == 0)
            ck_assert_int_eq(weft_stream_write_eof(in), 0);
        else
            ck_assert_int_eq(run_task(weft_stream_close(in), NULL), 0);
        ck_assert_int_eq(weft_stream_post(in, "c", 1), WEFT_ECLOSED);
        ck_assert_int_eq(
            run_task(weft_stream_read_exactly(weft_process_out(process), &byte, 1), NULL), 0);
        ck_assert_int_eq(byte, 'a');
        ck_assert_int_eq(run_task(weft_stream_read_all(weft_process_out(process)), &value), 0);
        ck_assert_str_eq((char *)value, "b");
        free((char *)value);
        ck_assert_int_eq(run_task(weft_process_wait(process), &value), 0);
        ck_assert_int_eq(value, 5);
        weft_process_unref(process);
    }
}
END_RULE

RULE(write_eof_comes_after_all_that_was_written)
{
    weft_process *process = started("wc -c >&2; exec >&-");
    char *text = calloc(1, BIG), *line;
    intptr_t value;

    ck_assert_int_eq(weft_stream_post(weft_process_in(process), text, BIG), 0);
    ck_assert_int_eq(weft_stream_write_eof(weft_process_in(process)), 0);
    ck_assert_int_eq(run_task(weft_stream_read_line(weft_process_err(process)), &value), 0);
    line = weft_from_int(value);
    ck_assert_str_eq(line, "1048576\n");
    free(line);
    ck_assert_int_eq(run_task(weft_process_wait(process), NULL), 0);
    weft_process_unref(process);
    free(text);
}
END_RULE

/* 197 */
RULE(a_cancelled_communicate_leaves_the_child_and_it_can_be_signalled)
{
    weft_process *process = started("read x; read y; exit 0");
    weft_future *f = weft_process_communicate(process, NULL, 0);
    char *text = calloc(1, BIG);
    intptr_t status;

    weft_future_cancel(f, NULL); /* before it began */
    ck_assert_int_eq(run_task(f, NULL), WEFT_ECANCELLED);
    f = weft_process_communicate(process, text, BIG);
    run_rounds(3);
    weft_future_cancel(f, NULL);
    ck_assert_int_eq(run_task(f, NULL), WEFT_ECANCELLED);
    ck_assert(!weft_process_has_ended(process, NULL));
    ck_assert_int_eq(weft_process_signal(process, SIGKILL), 0);
    ck_assert_int_eq(run_task(weft_process_wait(process), &status), 0);
    ck_assert_int_eq(status, -SIGKILL);
    weft_process_unref(process);
    free(text);
}
END_RULE

RULE(one_whose_process_is_dropped_meanwhile_goes_on)
{
    weft_process *process = started("cat; exit 6");
    weft_future *f = weft_process_communicate(process, "text", 4);
    weft_output *output;
    intptr_t value;

    weft_process_unref(process);
    ck_assert_int_eq(run_task(f, &value), 0);
    output = weft_from_int(value);
    ck_assert_str_eq(output->out, "text");
    ck_assert_int_eq(output->status, 6);
    weft_output_free(output);
    no_children();
    process = started("cat; exit 6");
    f = weft_process_communicate(process, "text", 4);
    weft_process_unref(process);
    ck_assert_int_eq(run_until_dry(), WEFT_EDEADLOCK);
    ck_assert_int_eq(weft_future_error(f), 0);
    weft_future_unref(f); /* nobody took its output */
}
END_RULE

RULE(what_its_streams_say_is_its_error)
{
    weft_process *process = started("cat; exit 0");
    char byte;
    weft_future *read = weft_stream_read(weft_process_out(process), &byte, 1);

    ck_assert_int_eq(run_task(weft_process_communicate(process, "x", 1), NULL), -EBUSY);
    weft_future_unref(read);
    weft_process_unref(process);
    process = started("echo long; exit 0");
    weft_stream_set_limit(weft_process_out(process), 2);
    ck_assert_int_eq(run_task(weft_process_communicate(process, NULL, 0), NULL), WEFT_EOVERRUN);
    weft_process_unref(process);
    process = started("exit 0");
    weft_stream_abort(weft_process_err(process));
    ck_assert_int_eq(run_task(weft_process_communicate(process, NULL, 0), NULL), WEFT_ECLOSED);
    weft_process_unref(process);
    ck_assert_int_eq(run_until_dry(), WEFT_EDEADLOCK);
    no_children();
}
END_RULE

/* ---- without memory ------------------------------------------------------------------------- */

static int attempt(void)
{
    weft_loop *fresh = weft_loop_new(NULL);
    weft_process *process;
    void *output = NULL;
    int error;

    if (!fresh)
        return -ENOMEM;
    error = weft_process_start_with(fresh, WEFT_ARGV("cat"), &process, &pipes);
    if (error) {
        no_children(); /* it never ran */
        ck_assert_ptr_null(process);
        weft_loop_unref(fresh);
        return error;
    }
    error = weft_run_until_complete(fresh, weft_process_communicate(process, "text", 4), &output);
    if (!error)
        ck_assert_str_eq(((weft_output *)output)->out, "text");
    weft_output_free(output);
    weft_process_signal(process, SIGKILL);
    weft_process_unref(process);
    (void)weft_run_forever(fresh); /* until it is reaped */
    weft_loop_unref(fresh);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    return error;
}

/* 100 */
RULE(each_allocation_of_a_start_and_a_communicate_may_fail)
{
    each_allocation_fails(attempt);
    (void)reports();
}
END_RULE

RUN_SUITE("communicate", more_than_the_pipes_hold_goes_in_and_out_and_to_the_errors_at_once,
          a_child_that_does_not_read_its_input_is_no_error_and_no_SIGPIPE,
          a_SIGPIPE_of_others_is_left_where_it_was,
          the_end_of_its_input_is_told_by_write_eof_and_by_close,
          write_eof_comes_after_all_that_was_written,
          a_cancelled_communicate_leaves_the_child_and_it_can_be_signalled,
          one_whose_process_is_dropped_meanwhile_goes_on, what_its_streams_say_is_its_error,
          each_allocation_of_a_start_and_a_communicate_may_fail)
