/* check_shutdown.c - weft_loop_shutdown: what is left over ends, in order, within its time. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <event2/event.h>

#include "core/loop.h"

#include "support/harness.h"

/* Something left over: sleeps, and cleans up for a while when it is cancelled. */
struct left {
    weft_gen gen;
    const char *name;
    double cleans; /* seconds */
    int error;     /* to fail with; 0: the cancel */
    int stubborn;  /* so many cancels it ignores */
    bool forever;  /* sleeps for ever: nothing can wake it */
    weft_outcome outcome;
};

static weft_step left(void *frame)
{
    struct left *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    do {
        if (f->forever)
            WEFT_TRY_AWAIT(f, weft_sleep_forever(NULL));
        else
            WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1000));
        say("%s!%d", f->name, weft_task_cancelling(weft_current_task()));
        ck_assert_int_eq(weft_failed(f), WEFT_ECANCELLED);
    } while (f->stubborn-- > 0);
    WEFT_RAISE(f, f->error ? f->error : WEFT_ECANCELLED);
    WEFT_FINALLY(f);
    if (f->cleans > 0)
        WEFT_AWAIT(f, weft_sleep(NULL, f->cleans));
    say("%s.", f->name);
    WEFT_END(f);
}

WEFT_GEN_TYPE(left);

#define spawn_left(...) ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(left, __VA_ARGS__)), 0)

static const char *destroyed = "was destroyed while it was pending";

/* ---- what is cancelled ---- */

/* 206, 157 */
RULE(what_was_spawned_is_cancelled_awaited_and_then_the_loop_is_closed)
{
    spawn_left(.name = "a", .cleans = 2);
    spawn_left(.name = "b");
    run_rounds(1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert_str_eq(trace(), "a!1 b!1 b. a.");
    ck_assert(weft_loop_is_closed(loop));
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
}
END_RULE

RULE(a_loop_without_tasks_is_closed_at_once)
{
    ck_assert_int_eq(weft_call_later(loop, 1, say_call, "never", NULL), 0);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert(weft_loop_is_closed(loop));
    ck_assert_str_eq(trace(), "");
}
END_RULE

RULE(a_task_that_has_not_begun_never_runs)
{
    spawn_left(.name = "a");
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* 205 */
RULE(a_failure_of_what_is_left_over_is_reported)
{
    spawn_left(.name = "a", .error = -EIO);
    spawn_left(.name = "b");
    run_rounds(1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert_ptr_nonnull(strstr(reports(), "nobody read: <task left-1 failed EIO"));
    ck_assert_ptr_null(strstr(reports(), "left-2"));
}
END_RULE

/* Awaits a child of its own, alone or in a gather. */
struct parent {
    weft_gen gen;
    bool gathers;
};

static weft_step parent(void *frame)
{
    struct parent *f = frame;
    weft_future *child;

    WEFT_BEGIN(f);
    child = weft_task_new(NULL, WEFT_CALL(left, .name = "child"));
    if (f->gathers)
        child = weft_gather(NULL, WEFT_FUTURES(child), 0);
    WEFT_TRY_AWAIT(f, child);
    say("parent!%d", weft_task_cancelling(weft_current_task()));
    WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(parent);

/* 206 */
RULE(each_gets_one_request_also_through_the_one_that_awaits_it)
{
    for (int gathers = 0; gathers < 2; gathers++)
        ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(parent, .gathers = gathers)), 0);
    run_rounds(2);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert_str_eq(trace(), "child!1 child. child!1 child. parent!1 parent!1");
}
END_RULE

/* Owns a group with a child in it. */
struct owner {
    weft_gen gen;
    weft_group *group;
    weft_outcome outcome;
};

static weft_step owner(void *frame)
{
    struct owner *f = frame;

    WEFT_BEGIN(f);
    f->group = weft_group_new(WEFT_FAIL_FAST);
    WEFT_TRY(f);
    ck_assert_int_eq(weft_group_enter(f->group), 0);
    ck_assert_int_eq(weft_group_spawn(f->group, WEFT_CALL(left, .name = "child", .cleans = 2)), 0);
    WEFT_AWAIT(f, weft_sleep(NULL, 1000));
    WEFT_FINALLY(f);
    say("exit");
    WEFT_GROUP_EXIT(f, f->group);
    say("owner.");
    WEFT_END(f);
}

static void owner_cleanup(void *frame)
{
    weft_group_unref(((struct owner *)frame)->group);
}
WEFT_GEN_TYPE(owner, .cleanup = owner_cleanup);

/* 206, 157 */
RULE(a_groups_children_are_cancelled_by_their_group)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(owner)), 0);
    run_rounds(2);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert_str_eq(trace(), "exit child!1 child. owner.");
}
END_RULE

/* ---- waves ---- */

/* When it is cancelled, makes a task that helps it, and one that is on its own. */
struct maker {
    weft_gen gen;
    weft_outcome outcome;
};

static weft_step maker(void *frame)
{
    struct maker *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1000));
    WEFT_FINALLY(f);
    spawn_left(.name = "alone");
    WEFT_AWAIT(f, weft_task_new(NULL, WEFT_CALL(sleeper, .name = "helper", .seconds = 1)));
    say("maker.");
    WEFT_END(f);
}
WEFT_GEN_TYPE(maker);

/* 206 */
RULE(what_tasks_make_meanwhile_may_help_them_and_is_cancelled_after_them)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(maker)), 0);
    run_rounds(1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert_str_eq(trace(), "helper helper. maker. alone!1 alone.");
}
END_RULE

RULE(the_numbers_of_tasks_may_wrap)
{
    loop->next_id = UINT32_MAX - 2;
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(maker)), 0);
    spawn_left(.name = "old", .cleans = 5);
    run_rounds(1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert_str_eq(trace(), "old!1 helper helper. maker. old. alone!1 alone.");
}
END_RULE

/* ---- the deadline ---- */

/* 206 */
RULE(at_the_deadline_the_rest_is_destroyed_and_reported)
{
    double ended;

    spawn_left(.name = "a", .cleans = 7);
    spawn_left(.name = "b");
    run_rounds(1);
    ended = weft_loop_time(loop) + 3;
    ck_assert_int_eq(weft_loop_shutdown(loop, 3), WEFT_ETIMEDOUT);
    ck_assert_str_eq(trace(), "a!1 b!1 b.");
    ck_assert_double_eq((double)loop->virtual_now / WEFT__NS, ended);
    ck_assert_ptr_nonnull(strstr(reports(), destroyed));
    ck_assert_ptr_nonnull(strstr(reports(), "left-1"));
    ck_assert_ptr_null(strstr(reports(), "left-2"));
}
END_RULE

/* 206 */
RULE(one_deadline_is_for_all_waves)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(maker)), 0);
    spawn_left(.name = "b", .cleans = 2);
    run_rounds(1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 1.5), WEFT_ETIMEDOUT);
    ck_assert_str_eq(trace(), "b!1 helper helper. maker.");
    ck_assert_ptr_nonnull(strstr(reports(), destroyed));
}
END_RULE

RULE(a_task_that_ignores_its_one_request_is_not_asked_again)
{
    spawn_left(.name = "a", .stubborn = 1);
    run_rounds(1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 3), WEFT_ETIMEDOUT);
    ck_assert_str_eq(trace(), "a!1");
    ck_assert_ptr_nonnull(strstr(reports(), destroyed));
}
END_RULE

RULE(without_a_deadline_it_takes_as_long_as_it_takes)
{
    spawn_left(.name = "a", .cleans = 1e6);
    run_rounds(1);
    ck_assert_int_eq(weft_loop_shutdown(loop, WEFT_NEVER), 0);
    ck_assert_str_eq(trace(), "a!1 a.");
}
END_RULE

RULE(a_deadline_of_zero_leaves_one_round)
{
    spawn_left(.name = "a");
    spawn_left(.name = "b", .cleans = 1e-9);
    run_rounds(1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 0), WEFT_ETIMEDOUT);
    ck_assert_str_eq(trace(), "a!1 a. b!1");
    ck_assert_ptr_nonnull(strstr(reports(), destroyed));
}
END_RULE

/* ---- other ends ---- */

/* 206 */
RULE(what_waits_for_nothing_ends_the_wait_before_the_deadline)
{
    spawn_left(.name = "a", .stubborn = 1, .forever = true);
    ck_assert_int_eq(weft_call_later(loop, 5, say_call, "5", NULL), 0);
    run_rounds(1);
    ck_assert_int_eq(weft_loop_shutdown(loop, 1000), WEFT_EDEADLOCK);
    ck_assert_str_eq(trace(), "a!1 5");
    ck_assert_ptr_nonnull(strstr(reports(), destroyed));
}
END_RULE

RULE(a_real_clock_finds_that_deadlock_too)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_task *task = weft_task_new(real,
                                    WEFT_CALL(left, .name = "a", .stubborn = 1, .forever = true));

    weft_loop_stop(real);
    ck_assert_int_eq(weft_run_forever(real), 0);
    weft_loop_set_exception_handler(real, NULL, NULL);
    ck_assert_int_eq(weft_loop_shutdown(real, 1000), WEFT_EDEADLOCK);
    ck_assert_int_eq(weft_future_error(task), WEFT_ECLOSED);
    weft_future_unref(task);
    weft_loop_unref(real);
}
END_RULE

/* In its cleanup, stops or aborts the loop. */
struct stopper {
    weft_gen gen;
    int code;
    weft_outcome outcome;
};

static weft_step stopper(void *frame)
{
    struct stopper *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1000));
    WEFT_FINALLY(f);
    if (f->code)
        weft_abort(NULL, f->code);
    else
        weft_loop_stop(NULL);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    say("stopper.");
    WEFT_END(f);
}
WEFT_GEN_TYPE(stopper);

RULE(a_stop_does_not_end_the_wait_and_an_abort_does)
{
    weft_loop *other = weft_loop_new(NULL);

    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(waiter, .name = "a",
                                                .future = weft_task_new(loop, WEFT_CALL(stopper)))),
                     0);
    run_rounds(2);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
    ck_assert_str_eq(trace(), "stopper. a!WEFT_ECANCELLED");
    weft_loop_set_exception_handler(other, NULL, NULL);
    ck_assert_int_eq(weft_spawn(other, WEFT_CALL(stopper, .code = -EPERM)), 0);
    weft_loop_stop(other);
    ck_assert_int_eq(weft_run_forever(other), 0);
    ck_assert_int_eq(weft_loop_shutdown(other, 10), -EPERM);
    ck_assert(weft_loop_is_closed(other));
    weft_loop_unref(other);
    ck_assert_str_eq(trace(), "stopper. a!WEFT_ECANCELLED");
}
END_RULE

static void shutdown_call(void *arg)
{
    weft_loop *other = arg;

    ck_assert_int_eq(weft_loop_shutdown(loop, 1), WEFT_ERUNNING);
    ck_assert_int_eq(weft_loop_shutdown(other, 1), WEFT_ERUNNING);
    ck_assert(!weft_loop_is_closed(other));
    say("refused");
}

RULE(inside_a_run_it_is_refused_and_so_is_what_is_no_number)
{
    weft_loop *other = weft_loop_new(NULL);

    ck_assert_int_eq(weft_call_soon(loop, shutdown_call, other, NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "refused");
    ck_assert_int_eq(weft_loop_shutdown(loop, NAN), -EINVAL);
    ck_assert(!weft_loop_is_closed(loop));
    weft_loop_unref(other);
}
END_RULE

/* Shut down a loop with a task in it, without memory. */
static int starved(double seconds)
{
    weft_loop *other = weft_loop_new(NULL);
    int error;

    weft_loop_set_exception_handler(other, NULL, NULL);
    ck_assert_int_eq(weft_spawn(other, WEFT_CALL(left, .name = "a", .forever = true)), 0);
    weft_testing_fail_allocation(1, 1000);
    error = weft_loop_shutdown(other, seconds);
    weft_testing_fail_allocation(0, 0);
    ck_assert(weft_loop_is_closed(other));
    weft_loop_unref(other);
    return error;
}

RULE(without_memory_for_the_deadline_the_rest_is_destroyed)
{
    ck_assert_int_eq(starved(10), -ENOMEM);
    ck_assert_int_eq(starved(WEFT_NEVER), 0);
}
END_RULE

RULE(many_tasks_end)
{
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(sleeper, .seconds = 1000)), 0);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_run_forever(loop), 0);
    ck_assert_int_eq(weft_loop_shutdown(loop, 10), 0);
}
END_RULE

/* ---- a host's base ---- */

static void host_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    say("host");
    weft_future_set_result(arg, NULL);
    weft_future_unref(arg);
}

/* Its cleanup waits for the host. */
struct hosted {
    weft_gen gen;
    struct event_base *base;
    weft_outcome outcome;
};

static weft_step hosted(void *frame)
{
    static const struct timeval moment = {0, 1000};
    struct hosted *f = frame;
    weft_future *future;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    WEFT_AWAIT(f, weft_sleep_forever(NULL));
    WEFT_FINALLY(f);
    future = weft_future_new(NULL);
    ck_assert_int_eq(
        event_base_once(f->base, -1, EV_TIMEOUT, host_timer, weft_future_ref(future), &moment), 0);
    WEFT_AWAIT(f, future);
    say("hosted.");
    WEFT_END(f);
}
WEFT_GEN_TYPE(hosted);

RULE(on_a_hosts_base_its_events_go_on_meanwhile)
{
    struct event_base *base = event_base_new();
    weft_loop *guest = weft_loop_new(base);

    ck_assert_int_eq(weft_spawn(guest, WEFT_CALL(hosted, .base = base)), 0);
    ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
    ck_assert_int_eq(weft_loop_shutdown(guest, 100), 0);
    ck_assert_str_eq(trace(), "host hosted.");
    weft_loop_unref(guest);
    event_base_free(base);
}
END_RULE

RUN_SUITE("shutdown", what_was_spawned_is_cancelled_awaited_and_then_the_loop_is_closed,
          a_loop_without_tasks_is_closed_at_once, a_task_that_has_not_begun_never_runs,
          a_failure_of_what_is_left_over_is_reported,
          each_gets_one_request_also_through_the_one_that_awaits_it,
          a_groups_children_are_cancelled_by_their_group,
          what_tasks_make_meanwhile_may_help_them_and_is_cancelled_after_them,
          the_numbers_of_tasks_may_wrap, at_the_deadline_the_rest_is_destroyed_and_reported,
          one_deadline_is_for_all_waves, a_task_that_ignores_its_one_request_is_not_asked_again,
          without_a_deadline_it_takes_as_long_as_it_takes, a_deadline_of_zero_leaves_one_round,
          what_waits_for_nothing_ends_the_wait_before_the_deadline,
          a_real_clock_finds_that_deadlock_too, a_stop_does_not_end_the_wait_and_an_abort_does,
          inside_a_run_it_is_refused_and_so_is_what_is_no_number,
          without_memory_for_the_deadline_the_rest_is_destroyed, many_tasks_end,
          on_a_hosts_base_its_events_go_on_meanwhile)
