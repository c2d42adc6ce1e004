/* check_report.c - reports: when the handler is told, and what it may do then. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"

static void say_report(weft_loop *where, const weft_report *report, void *arg)
{
    (void)where, (void)arg;
    say("(%s)", weft_errname(report->error));
}

/* A callback that lets a failure go; the report comes after its end. */
static void fail_call(void *arg)
{
    weft_future_unref(weft_future_new_failed_at(NULL, *(int *)arg, "x.c:1"));
    say("failed");
}

static int pipe_error = -EPIPE, io_error = -EIO;

/* 260 */
RULE(the_handler_is_told_between_two_callbacks_and_before_the_round_goes_on)
{
    weft_loop_set_exception_handler(loop, say_report, NULL);
    ck_assert_int_eq(weft_call_soon(loop, fail_call, &pipe_error, NULL), 0);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "next", NULL), 0);
    ck_assert_int_eq(weft_call_soon(loop, fail_call, &io_error, NULL), 0);
    run_rounds(1);
    ck_assert_str_eq(trace(), "failed (EPIPE) next failed (EIO)");
}
END_RULE

/* 260 */
RULE(so_it_is_in_debug_mode_and_in_an_order_of_the_tests)
{
    weft_loop_set_exception_handler(loop, say_report, NULL);
    weft_loop_set_debug(loop, true);
    ck_assert_int_eq(weft_testing_shuffle(loop, 7), 0);
    ck_assert_int_eq(weft_call_soon(loop, fail_call, &pipe_error, NULL), 0);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "next", NULL), 0);
    run_rounds(2);
    ck_assert_str_eq(trace(), "failed (EPIPE) next");
}
END_RULE

static void abort_call(void *arg)
{
    fail_call(arg);
    weft_abort(NULL, -EINTR);
}

/* 260 */
RULE(it_is_told_before_a_run_returns_also_if_that_is_aborted)
{
    weft_loop_set_exception_handler(loop, say_report, NULL);
    ck_assert_int_eq(weft_call_soon(loop, abort_call, &io_error, NULL), 0);
    ck_assert_int_eq(weft_run_forever(loop), -EINTR);
    ck_assert_str_eq(trace(), "failed (EIO)");
}
END_RULE

/* 260 */
RULE(what_is_reported_outside_of_a_run_is_told_in_the_next_one_in_order)
{
    weft_loop_set_exception_handler(loop, say_report, NULL);
    weft_future_unref(weft_future_new_failed(loop, -EPIPE));
    weft_loop_report(loop, "mine", -EBADF, NULL);
    weft_future_unref(weft_future_new_failed(loop, -EIO));
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(weft_call_soon(loop, say_call, "first", NULL), 0);
    run_rounds(1);
    ck_assert_str_eq(trace(), "(EPIPE) (EBADF) (EIO) first");
}
END_RULE

/* 260: nothing else keeps the dispatch going */
RULE(the_hosts_dispatch_tells_it)
{
    struct event_base *base = event_base_new();
    weft_loop *hosted = weft_loop_new(base);

    weft_loop_set_exception_handler(hosted, say_report, NULL);
    weft_loop_report(hosted, "mine", -EIO, NULL);
    ck_assert_str_eq(trace(), "");
    event_base_dispatch(base);
    ck_assert_str_eq(trace(), "(EIO)");
    weft_loop_unref(hosted);
    event_base_free(base);
}
END_RULE

/* ---- what it is told, and may do ---- */

static weft_future *seen;

static void keep_future(weft_loop *where, const weft_report *report, void *arg)
{
    char text[96];

    (void)where, (void)arg;
    weft_future_describe(report->future, text, sizeof(text));
    ck_assert_str_eq(text, report->subject);
    say("%s", report->message);
    seen = weft_future_ref(report->future);
}

/* 260, 83 */
RULE(a_future_that_nobody_holds_lives_until_it_is_told_and_is_told_once)
{
    weft_live before, after;

    weft_testing_live(&before);
    weft_loop_set_exception_handler(loop, keep_future, NULL);
    weft_future_unref(weft_future_new_failed_at(loop, -EPIPE, "x.c:1"));
    run_rounds(1);
    ck_assert_str_eq(trace(), "a failure that nobody read");
    ck_assert_int_eq(weft_future_error(seen), -EPIPE);
    weft_future_unref(seen);
    run_rounds(1);
    ck_assert_str_eq(trace(), "a failure that nobody read");
    weft_testing_live(&after);
    ck_assert_int_eq(after.futures, before.futures);
}
END_RULE

/* 260 */
RULE(a_message_of_ones_own_is_copied_and_a_future_kept)
{
    char message[] = "mine";
    weft_future *future = weft_future_new_at(loop, "x.c:1");

    weft_loop_set_exception_handler(loop, keep_future, NULL);
    weft_loop_report(loop, message, 0, future);
    memset(message, '?', 4);
    weft_future_unref(future);
    run_rounds(1);
    ck_assert_str_eq(trace(), "mine");
    weft_future_unref(seen);
}
END_RULE

static weft_io *listener;

static void close_listener(weft_loop *where, const weft_report *report, void *arg)
{
    say_report(where, report, arg);
    weft_io_close(listener);
}

/* 260: it was called inside of the accept */
RULE(a_handler_may_close_the_listener_that_is_out_of_descriptors)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(addr);
    struct rlimit before, low;
    int peer = socket(AF_INET, SOCK_STREAM, 0);

    weft_loop_set_exception_handler(loop, close_listener, NULL);
    ck_assert_int_eq(weft_io_socket(loop, AF_INET, SOCK_STREAM, 0, &listener), 0);
    ck_assert_int_eq(bind(weft_io_fd(listener), (struct sockaddr *)&addr, size), 0);
    ck_assert_int_eq(listen(weft_io_fd(listener), 4), 0);
    ck_assert_int_eq(getsockname(weft_io_fd(listener), (struct sockaddr *)&addr, &size), 0);
    ck_assert_int_eq(connect(peer, (struct sockaddr *)&addr, size), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = (rlim_t)dup(0);
    close((int)low.rlim_cur);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    ck_assert_int_eq(run_task(weft_sock_accept(listener), NULL), WEFT_ECLOSED);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_str_eq(trace(), "(EMFILE)");
    close(peer);
}
END_RULE

/* ---- the end of the loop ---- */

/* 261 */
RULE(what_a_close_reports_is_told_when_the_loop_has_closed)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(sleeper, .name = "a", .seconds = 9)), 0);
    run_rounds(1);
    weft_loop_set_exception_handler(loop, say_report, NULL);
    weft_loop_report(loop, "before", -EIO, NULL);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "a (EIO) (WEFT_ECLOSED)");
}
END_RULE

static weft_loop *mine;

static void drop_loop(weft_loop *where, const weft_report *report, void *arg)
{
    say_report(where, report, arg);
    ck_assert(weft_loop_is_closed(where));
    weft_loop_unref(mine);
    mine = NULL;
}

/* 261 */
RULE(the_handler_may_drop_the_last_reference_on_a_loop_that_has_closed)
{
    mine = weft_loop_new(NULL);
    weft_loop_set_exception_handler(mine, drop_loop, NULL);
    weft_loop_report(mine, "mine", -EIO, NULL);
    ck_assert_int_eq(weft_loop_close(mine), 0);
    ck_assert_str_eq(trace(), "(EIO)");
    ck_assert_ptr_null(mine);
}
END_RULE

/* 261 */
RULE(after_the_close_it_is_told_at_once)
{
    weft_future *future = weft_future_new_failed(loop, -EPIPE);

    weft_loop_set_exception_handler(loop, say_report, NULL);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    weft_future_unref(future);
    ck_assert_str_eq(trace(), "(EPIPE)");
}
END_RULE

/* ---- without memory ---- */

/* 262 */
RULE(without_memory_one_report_is_told_and_further_ones_go_to_stderr)
{
    char text[512] = "", message[600];
    int fds[2], old = dup(2);

    memset(message, 'x', sizeof(message) - 1);
    message[sizeof(message) - 1] = 0;
    ck_assert_int_eq(pipe(fds), 0);
    dup2(fds[1], 2);
    weft_loop_set_exception_handler(loop, say_report, NULL);
    for (int i = 0; i < 2; i++) {
        weft_testing_fail_allocation(1, 9);
        weft_loop_report(loop, message, -EPIPE, NULL); /* too long for what is spare: cut */
        weft_loop_report(loop, "second", -EIO, NULL);
        weft_testing_fail_allocation(0, 0);
        run_rounds(1);
    }
    dup2(old, 2);
    close(old);
    close(fds[1]);
    ck_assert_int_gt(read(fds[0], text, sizeof(text) - 1), 0);
    close(fds[0]);
    ck_assert_str_eq(trace(), "(EPIPE) (EPIPE)");
    ck_assert_ptr_nonnull(strstr(text, "weft: second"));
}
END_RULE

RUN_SUITE("report", the_handler_is_told_between_two_callbacks_and_before_the_round_goes_on,
          so_it_is_in_debug_mode_and_in_an_order_of_the_tests,
          it_is_told_before_a_run_returns_also_if_that_is_aborted,
          what_is_reported_outside_of_a_run_is_told_in_the_next_one_in_order,
          the_hosts_dispatch_tells_it,
          a_future_that_nobody_holds_lives_until_it_is_told_and_is_told_once,
          a_message_of_ones_own_is_copied_and_a_future_kept,
          a_handler_may_close_the_listener_that_is_out_of_descriptors,
          what_a_close_reports_is_told_when_the_loop_has_closed,
          the_handler_may_drop_the_last_reference_on_a_loop_that_has_closed,
          after_the_close_it_is_told_at_once,
          without_memory_one_report_is_told_and_further_ones_go_to_stderr)
