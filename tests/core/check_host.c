/* check_host.c - a loop on the host's event_base: who runs it, who wakes it, when its dispatch ends. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"

static struct event_base *base;
static weft_loop *hosted;

static void say_report(weft_loop *where, const weft_report *report, void *arg)
{
    (void)where, (void)arg;
    say("report:%s", weft_errname(report->error));
}

static void host_open(void)
{
    base = event_base_new();
    ck_assert_ptr_nonnull(base);
    hosted = weft_loop_new(base);
    ck_assert_ptr_nonnull(hosted);
    weft_loop_set_exception_handler(hosted, say_report, NULL);
}

static void host_close(void)
{
    ck_assert_int_eq(weft_loop_close(hosted), 0);
    weft_loop_unref(hosted);
    event_base_free(base);
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Have the host call `cb` after some milliseconds. */
static void host_later(int ms, event_callback_fn cb, void *arg)
{
    struct timeval timeout = {0, ms * 1000};

    ck_assert_int_eq(event_base_once(base, -1, EV_TIMEOUT, cb, arg, &timeout), 0);
}

/* ---- who runs it ------------------------------------------------------------------------------- */

/* 91 [D] the host owns the base */
RULE(nothing_runs_before_the_host_dispatches)
{
    weft_task *task;

    host_open();
    ck_assert_ptr_eq(weft_loop_base(hosted), base);
    task = weft_task_new(hosted, WEFT_CALL(sleeper, .name = "s", .seconds = 0.001));
    ck_assert_str_eq(trace(), "");
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_str_eq(trace(), "s s.");
    ck_assert(weft_future_is_done(task));
    ck_assert(!weft_loop_is_running(hosted));
    weft_future_unref(task);
    host_close();
}
END_RULE

/* 91 */
RULE(the_host_may_run_its_base_once_or_without_blocking)
{
    static const int flags[] = {EVLOOP_ONCE, EVLOOP_NONBLOCK, EVLOOP_ONCE | EVLOOP_NONBLOCK};

    for (int i = 0; i < 3; i++) {
        weft_task *task;
        int rounds = 0;

        host_open();
        task = weft_task_new(hosted, WEFT_CALL(sleeper, .seconds = 0.003, .result = 5));
        while (!weft_future_is_done(task) && rounds++ < 100000000)
            event_base_loop(base, flags[i]);
        ck_assert_int_eq(weft_future_error(task), 0);
        if (flags[i] == EVLOOP_ONCE)
            ck_assert_int_le(rounds, 20);
        weft_future_unref(task);
        host_close();
    }
}
END_RULE

/* 91 */
RULE(dispatch_ends_by_itself_when_weft_has_nothing_left)
{
    host_open();
    ck_assert_int_eq(event_base_dispatch(base), 1); /* no events at all */
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_call_soon(hosted, say_call, "call", NULL), 0);
        ck_assert_int_ge(event_base_dispatch(base), 0);
    }
    ck_assert_str_eq(trace(), "call call call");
    ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    host_close();
}
END_RULE

static void cancel_call(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ck_assert(weft_handle_cancel(hosted, *(weft_handle *)arg));
}

/* 91, 66 */
RULE(dispatch_ends_when_a_host_callback_cancels_the_last_timer)
{
    double began = seconds_now();
    weft_handle handle;

    host_open();
    ck_assert_int_eq(weft_call_later(hosted, 4, say_call, "never", &handle), 0);
    host_later(5, cancel_call, &handle);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_str_eq(trace(), "");
    ck_assert_double_lt(seconds_now() - began, 3);
    host_close();
}
END_RULE

static void drop_sleep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    weft_future_unref(arg);
}

/* 91, 96 */
RULE(dispatch_ends_when_a_host_callback_drops_the_last_sleep)
{
    double began = seconds_now();

    host_open();
    host_later(5, drop_sleep, weft_sleep(hosted, 4));
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_double_lt(seconds_now() - began, 3);
    host_close();
}
END_RULE

static void stop_hosted(void *arg)
{
    (void)arg;
    weft_loop_stop(NULL);
}

/* 91, 78: event_base_loopbreak is the host's */
RULE(stop_does_nothing_while_the_host_dispatches)
{
    weft_task *task;

    host_open();
    weft_call_soon(hosted, stop_hosted, NULL, NULL);
    weft_call_later(hosted, 0.001, say_call, "later", NULL);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_str_eq(trace(), "later");
    /* And it does not linger for a run of our own. */
    task = weft_task_new(hosted, WEFT_CALL(sleeper, .seconds = 0.001));
    ck_assert_int_eq(weft_run_until_complete(hosted, task, NULL), 0);
    host_close();
}
END_RULE

/* 91, 80 */
RULE(weft_run_on_an_adopted_base_works_and_what_is_left_goes_on_in_dispatch)
{
    host_open();
    weft_call_later(hosted, 0.08, say_call, "left", NULL);
    ck_assert_int_eq(weft_run_until_complete(
                         hosted, weft_task_new(hosted, WEFT_CALL(sleeper, .seconds = 0.001)), NULL),
                     0);
    ck_assert_str_eq(trace(), "");
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_str_eq(trace(), "left");
    host_close();
}
END_RULE

/* ---- who wakes it ------------------------------------------------------------------------------ */

static void set_future(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    say("host");
    weft_future_set_int(arg, 7);
    weft_future_unref(arg);
}

/* 93 */
RULE(a_host_callback_that_sets_a_result_need_do_nothing_more)
{
    weft_future *f;

    host_open();
    f = weft_future_new(hosted);
    ck_assert_int_eq(
        weft_spawn(hosted, WEFT_CALL(waiter, .name = "w", .future = weft_future_ref(f))), 0);
    host_later(2, set_future, f);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_str_eq(trace(), "host w=7");
    host_close();
}
END_RULE

static void add_timers(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    weft_call_later(hosted, 0.05, say_call, "sooner", NULL);
    weft_spawn(hosted, WEFT_CALL(sleeper, .name = "s", .seconds = 0.001));
}

/* 93 */
RULE(a_host_callback_may_add_a_timer_that_is_earlier_than_the_others)
{
    weft_handle handle;

    host_open();
    weft_call_later(hosted, 4, say_call, "never", &handle);
    host_later(1, add_timers, NULL);
    host_later(100, cancel_call, &handle);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_str_eq(trace(), "s s. sooner");
    host_close();
}
END_RULE

/* ---- fairness ---------------------------------------------------------------------------------- */

struct spinner {
    weft_gen gen;
    const bool *stop;
    int *turns;
};

static weft_step spinner(void *frame)
{
    struct spinner *f = frame;

    WEFT_BEGIN(f);
    while (!*f->stop) {
        ++*f->turns;
        WEFT_AWAIT(f, weft_sleep(NULL, 0));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(spinner);

struct host_pipe {
    int fds[2];
    struct event *event;
    int served;
    int turns;
    int at_first;
    bool stop;
};

static void on_host_pipe(evutil_socket_t fd, short what, void *arg)
{
    struct host_pipe *self = arg;
    char byte;

    (void)what;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    if (self->served++ == 0)
        self->at_first = self->turns;
    if (self->served < 20)
        return;
    self->stop = true;
    event_del(self->event);
}

/* 92 [D] libevent serves an event that activates itself before all others */
RULE(a_task_that_spins_does_not_starve_the_hosts_descriptors)
{
    struct host_pipe self = {.served = 0};

    host_open();
    ck_assert_int_eq(pipe(self.fds), 0);
    ck_assert_int_eq(write(self.fds[1], "12345678901234567890", 20), 20);
    self.event = event_new(base, self.fds[0], EV_READ | EV_PERSIST, on_host_pipe, &self);
    event_add(self.event, NULL);
    ck_assert_int_eq(
        weft_spawn(hosted, WEFT_CALL(spinner, .stop = &self.stop, .turns = &self.turns)), 0);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_int_eq(self.served, 20);
    ck_assert_int_le(self.at_first, 2 * 256);
    ck_assert_int_le(self.turns, 22 * 256);
    event_free(self.event);
    close(self.fds[0]);
    close(self.fds[1]);
    host_close();
}
END_RULE

/* 92, 98 */
RULE(a_task_that_spins_does_not_starve_the_hosts_timers)
{
    struct host_pipe self = {.served = 0};
    weft_future *f;
    weft_task *task;

    host_open();
    f = weft_future_new(hosted);
    task = weft_task_new(hosted, WEFT_CALL(spinner, .stop = &self.stop, .turns = &self.turns));
    host_later(2, set_future, weft_future_ref(f));
    while (!weft_future_is_done(f))
        event_base_loop(base, EVLOOP_ONCE);
    self.stop = true;
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert(weft_future_is_done(task));
    weft_future_unref(task);
    weft_future_unref(f);
    host_close();
}
END_RULE

/* ---- closing ----------------------------------------------------------------------------------- */

struct holder {
    weft_gen gen;
    int fd;
    bool with_io;
    weft_io *io;
    char byte;
};

static weft_step holder(void *frame)
{
    struct holder *f = frame;

    WEFT_BEGIN(f);
    if (f->with_io) {
        ck_assert_int_eq(weft_io_new(NULL, f->fd, WEFT_IO_OWNED, &f->io), 0);
        WEFT_AWAIT(f, weft_sock_recv(f->io, &f->byte, 1));
    }
    WEFT_AWAIT(f, weft_readable(NULL, f->fd));
    WEFT_END(f);
}

static void holder_cleanup(void *frame)
{
    struct holder *f = frame;

    say("cleanup");
    if (f->io)
        weft_io_close(f->io);
    else
        close(f->fd);
}
WEFT_GEN_TYPE(holder, .cleanup = holder_cleanup);

static void hold_descriptors(int fds[2], bool with_io)
{
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(weft_spawn(hosted, WEFT_CALL(holder, .fd = fds[0], .with_io = with_io)), 0);
    for (int i = 0; i < 3; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

/* 94 [D] finalizers that need the loop would leak */
RULE(close_needs_no_further_iteration_of_the_host)
{
    int fds[2];

    host_open();
    hold_descriptors(fds, true);
    weft_call_later(hosted, 3600, say_call, "never", NULL);
    weft_call_soon(hosted, say_call, "never", NULL);
    ck_assert_int_eq(weft_loop_close(hosted), 0);
    ck_assert_str_eq(trace(), "cleanup report:WEFT_ECLOSED");
    ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    ck_assert_int_eq(event_base_dispatch(base), 1);
    weft_loop_unref(hosted);
    event_base_free(base);
    close(fds[1]);
}
END_RULE

/* 94 */
RULE(a_base_that_was_freed_first_is_diagnosed)
{
    host_open();
    weft_call_later(hosted, 3600, say_call, "never", NULL);
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_free(base);
    ck_assert_int_eq(weft_loop_close(hosted), WEFT_EBASEFREED);
    ck_assert_str_eq(trace(), "report:WEFT_EBASEFREED");
    ck_assert(weft_loop_is_closed(hosted));
    ck_assert_int_eq(weft_loop_close(hosted), 0);
    weft_loop_unref(hosted);
}
END_RULE

/* 94 */
RULE(a_base_that_was_freed_under_waiting_tasks_is_diagnosed)
{
    for (int with_io = 0; with_io < 2; with_io++) {
        int fds[2];

        host_open();
        hold_descriptors(fds, with_io);
        event_base_free(base);
        ck_assert_int_eq(weft_loop_close(hosted), WEFT_EBASEFREED);
        weft_loop_unref(hosted);
        close(fds[1]);
    }
    ck_assert_str_eq(trace(), "cleanup report:WEFT_ECLOSED report:WEFT_EBASEFREED "
                              "cleanup report:WEFT_ECLOSED report:WEFT_EBASEFREED");
}
END_RULE

static void close_within_host(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    say("%s", weft_errname(weft_loop_close(hosted)));
}

static void close_within_weft(void *arg)
{
    (void)arg;
    say("%s", weft_errname(weft_loop_close(hosted)));
}

/* 94, 82 */
RULE(a_host_callback_may_close_the_loop_and_one_of_its_own_may_not)
{
    host_open();
    weft_call_soon(hosted, close_within_weft, NULL, NULL);
    weft_call_later(hosted, 3600, say_call, "never", NULL);
    host_later(2, close_within_host, NULL);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_str_eq(trace(), "WEFT_ERUNNING 0");
    weft_loop_unref(hosted);
    event_base_free(base);
}
END_RULE

RUN_SUITE("host", nothing_runs_before_the_host_dispatches,
          the_host_may_run_its_base_once_or_without_blocking,
          dispatch_ends_by_itself_when_weft_has_nothing_left,
          dispatch_ends_when_a_host_callback_cancels_the_last_timer,
          dispatch_ends_when_a_host_callback_drops_the_last_sleep,
          stop_does_nothing_while_the_host_dispatches,
          weft_run_on_an_adopted_base_works_and_what_is_left_goes_on_in_dispatch,
          a_host_callback_that_sets_a_result_need_do_nothing_more,
          a_host_callback_may_add_a_timer_that_is_earlier_than_the_others,
          a_task_that_spins_does_not_starve_the_hosts_descriptors,
          a_task_that_spins_does_not_starve_the_hosts_timers,
          close_needs_no_further_iteration_of_the_host, a_base_that_was_freed_first_is_diagnosed,
          a_base_that_was_freed_under_waiting_tasks_is_diagnosed,
          a_host_callback_may_close_the_loop_and_one_of_its_own_may_not)
