/* check_group_start.c - groups: children that say when they are ready; eager children. */
#include <string.h>

#include "support/group_bodies.h"

/* A server: takes a second to come up, is ready (unless it is told to fail), and then runs or fails. */
struct server {
    weft_gen gen;
    int before;   /* it fails with this before it is ready */
    bool returns; /* without being ready */
    bool defies;  /* is ready although it was cancelled */
    int after;    /* it fails with this one second later */
};

static weft_step server(void *frame)
{
    struct server *f = frame;

    WEFT_BEGIN(f);
    say("up");
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    if (weft_failed(f) && !f->defies) {
        say("interrupted");
        if (f->returns)
            WEFT_RETURN(f, NULL);
        WEFT_RAISE(f, f->before ? f->before : weft_failed(f));
    }
    if (f->before)
        WEFT_RAISE(f, f->before);
    if (f->returns)
        WEFT_RETURN(f, NULL);
    ck_assert_int_eq(weft_group_ready("port"), 0);
    ck_assert_int_eq(weft_group_ready("port"), WEFT_EINVALIDSTATE);
    say("ready");
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("down:%s", weft_errname(weft_failed(f)));
    if (f->after)
        WEFT_RAISE(f, f->after);
    WEFT_END(f);
}
WEFT_GEN_TYPE(server);

/* Starts one; what came of it is the body's end. */
struct client {
    weft_gen gen;
    weft_outcome outcome;
    weft_group *group;
    struct server server;
};

static weft_step client(void *frame)
{
    struct client *f = frame;

    WEFT_BEGIN(f);
    group = f->group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_enter(group), 0);
    WEFT_TRY(f);
    WEFT_TRY_AWAIT(f, weft_group_start(group, weft_gen_copy(&server_type, &f->server)));
    say("start:%s", weft_failed(f) ? weft_errname(weft_failed(f)) : (char *)weft_sent(f));
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_FINALLY(f);
    WEFT_GROUP_EXIT(f, f->group);
    say("exit:%s %d", weft_errname(f->outcome.error), (int)weft_group_errors(f->group, NULL, 0));
    WEFT_END(f);
}

static void client_cleanup(void *frame)
{
    weft_group_unref(((struct client *)frame)->group);
}
WEFT_GEN_TYPE(client, .cleanup = client_cleanup);

#define NEW_CLIENT(...) weft_task_new(loop, WEFT_CALL(client, .server = {__VA_ARGS__}))

/* ---- start ---- */

/* 155 */
RULE(start_returns_what_the_child_says_when_it_is_ready)
{
    ck_assert_int_eq(run_task(NEW_CLIENT(.after = 0), NULL), 0);
    ck_assert_str_eq(trace(), "up ready start:port down:0 exit:0 0");
}
END_RULE

/* 155 */
RULE(a_child_that_fails_before_it_is_ready_fails_the_start_alone)
{
    ck_assert_int_eq(run_task(NEW_CLIENT(.before = -EADDRINUSE), NULL), -EADDRINUSE);
    /* the one failure is the body's */
    ck_assert_str_eq(trace(), "up start:EADDRINUSE exit:EADDRINUSE 1");
}
END_RULE

/* 155 */
RULE(a_child_that_returns_without_being_ready_fails_the_start)
{
    ck_assert_int_eq(run_task(NEW_CLIENT(.returns = true), NULL), WEFT_EABANDONED);
    ck_assert_str_eq(trace(), "up start:WEFT_EABANDONED exit:WEFT_EABANDONED 1");
}
END_RULE

/* 155 */
RULE(a_failure_after_it_was_ready_is_the_groups)
{
    ck_assert_int_eq(run_task(NEW_CLIENT(.after = -EIO), NULL), -EIO);
    ck_assert_str_eq(trace(), "up ready start:port down:0 exit:EIO 1");
}
END_RULE

static void cancel_at_half(weft_task *task)
{
    ck_assert_int_eq(weft_run_until_complete(loop, weft_sleep(loop, 0.5), NULL), 0);
    ck_assert(weft_future_cancel(task, "others"));
}

/* 155, 52 */
RULE(a_cancelled_start_cancels_the_child_and_ends_with_it)
{
    weft_task *task = NEW_CLIENT(.after = 0);

    cancel_at_half(task);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "up interrupted start:WEFT_ECANCELLED exit:WEFT_ECANCELLED 0");
}
END_RULE

/* 155 */
RULE(a_cancelled_start_whose_child_returns_is_cancelled)
{
    weft_task *task = NEW_CLIENT(.returns = true);

    cancel_at_half(task);
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "up interrupted start:WEFT_ECANCELLED exit:WEFT_ECANCELLED 0");
}
END_RULE

/* 155, 125 */
RULE(a_cancelled_start_whose_child_fails_fails_with_that)
{
    weft_task *task = NEW_CLIENT(.before = -EIO);

    cancel_at_half(task);
    ck_assert_int_eq(run_task(task, NULL), -EIO);
    ck_assert_str_eq(trace(), "up interrupted start:EIO exit:EIO 1");
}
END_RULE

/* 155, 51 */
RULE(a_cancelled_start_whose_child_is_ready_all_the_same_has_its_value)
{
    weft_task *task = NEW_CLIENT(.defies = true);

    cancel_at_half(task);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "up ready start:port down:0 exit:0 0");
}
END_RULE

static void call_cancel(void *arg)
{
    ck_assert(weft_future_cancel(arg, NULL));
}

/* 155, 51 */
RULE(a_cancel_that_comes_when_the_child_has_ended_comes_too_late_for_the_start)
{
    weft_task *task = NEW_CLIENT(.returns = true);

    run_rounds(2);
    ck_assert_int_eq(weft_call_later(loop, 1, call_cancel, task, NULL), 0);
    ck_assert_int_eq(run_task(task, NULL), WEFT_EABANDONED);
    ck_assert_str_eq(trace(), "up start:WEFT_EABANDONED exit:WEFT_EABANDONED 1");
}
END_RULE

static weft_future *starting;

static void fill_start(struct owner *f)
{
    starting = weft_group_start(f->group, WEFT_CALL(server));
}

/* 155, 51 */
RULE(a_start_cancelled_when_its_child_is_ready_keeps_the_value)
{
    weft_task *task = NEW_OWNER(.fill = fill_start, .seconds = 5);
    void *value;

    ck_assert_int_eq(weft_run_until_complete(loop, weft_sleep(loop, 1.5), NULL), 0);
    ck_assert(weft_future_is_done(starting));
    ck_assert(!weft_future_cancel(starting, NULL));
    ck_assert_int_eq(weft_future_result(starting, &value), 0);
    ck_assert_str_eq(value, "port");
    weft_future_unref(starting);
    ck_assert_int_eq(run_task(task, NULL), 0);
}
END_RULE

static void call_drop(void *arg)
{
    weft_future_unref(arg);
}

static void fill_drop(struct owner *f)
{
    starting = weft_group_start(f->group, WEFT_CALL(server, .before = -EIO));
    ck_assert_int_eq(weft_call_later(loop, 0.5, call_drop, starting, NULL), 0);
}

/* 155 */
RULE(a_dropped_start_cancels_the_child_whose_failure_is_then_the_groups)
{
    ck_assert_int_eq(OWNER(.fill = fill_drop, .seconds = 5), -EIO);
    ck_assert_str_eq(trace(), "up interrupted body!WEFT_ECANCELLED exit:EIO");
}
END_RULE

static void fill_cancelled_start(struct owner *f)
{
    starting = weft_group_start(f->group, WEFT_CALL(server));
    weft_group_cancel(f->group);
}

/* 155, 154 */
RULE(a_child_cancelled_with_its_group_cancels_the_start)
{
    ck_assert_int_eq(OWNER(.fill = fill_cancelled_start), 0);
    ck_assert(weft_future_is_cancelled(starting));
    ck_assert_str_eq(weft_future_cancel_reason(starting), "the group was cancelled");
    weft_future_unref(starting);
    ck_assert_str_eq(trace(), "exit:0");
}
END_RULE

/* 155, 35 */
RULE(a_start_pending_at_the_close_ends_with_it)
{
    weft_future_unref(NEW_OWNER(.fill = fill_start));
    run_rounds(3);
    weft_loop_close(loop);
    ck_assert_int_eq(weft_future_error(starting), WEFT_ECLOSED);
    weft_future_unref(starting);
    ck_assert_ptr_nonnull(strstr(reports(), "destroyed while it was pending"));
}
END_RULE

static void call_ready(void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_group_ready(NULL), WEFT_ENOTASK);
}

struct outsider {
    weft_gen gen;
};

static weft_step outsider(void *frame)
{
    ck_assert_int_eq(weft_group_ready(NULL), 0);
    ck_assert_int_eq(weft_group_ready(NULL), 0);
    return weft_return(frame, NULL);
}
WEFT_GEN_TYPE(outsider);

static void fill_server(struct owner *f)
{
    ck_assert_int_eq(weft_group_spawn(f->group, WEFT_CALL(server)), 0);
}

/* 155 */
RULE(to_be_ready_when_nobody_waits_is_fine_and_needs_a_task)
{
    ck_assert_int_eq(weft_call_soon(loop, call_ready, NULL, NULL), 0);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(outsider)), NULL), 0);
    ck_assert_int_eq(OWNER(.fill = fill_server), 0);
    ck_assert_str_eq(trace(), "up ready down:0 exit:0");
}
END_RULE

struct deadlocked {
    weft_gen gen;
    weft_task *owner;
};

static weft_step deadlocked(void *frame)
{
    struct deadlocked *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_TRY_AWAIT(f, weft_future_ref(f->owner));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(deadlocked);

static void fill_deadlock(struct owner *f)
{
    ck_assert_int_eq(
        weft_group_spawn(f->group, WEFT_CALL(deadlocked, .owner = weft_current_task())), 0);
}

/* 29, 143 */
RULE(a_child_that_awaits_its_owner_is_found_in_debug_mode)
{
    weft_loop_set_debug(loop, true);
    ck_assert_int_eq(OWNER(.fill = fill_deadlock), WEFT_EDEADLOCK);
    ck_assert_str_eq(trace(), "WEFT_EDEADLOCK exit:WEFT_EDEADLOCK");
}
END_RULE

/* 29, 59 */
RULE(a_cancel_ends_a_child_that_awaits_its_owner)
{
    weft_task *task = NEW_OWNER(.fill = fill_deadlock);

    weft_loop_set_debug(loop, false);
    run_all();
    ck_assert(!weft_future_is_done(task));
    weft_future_cancel(task, NULL);
    run_all();
    ck_assert(weft_future_is_done(task));
    weft_future_unref(task);
}
END_RULE

/* ---- eager children ---- */

static void fill_eager(struct owner *f)
{
    weft_task *task = weft_group_task_eager(f->group, WEFT_CALL(child, .name = "a"));

    ck_assert(weft_future_is_done(task));
    weft_future_unref(task);
    task = weft_group_task_eager(f->group, WEFT_CALL(child, .name = "b", .seconds = 5));
    ck_assert(!weft_future_is_done(task));
    weft_future_unref(task);
    task = weft_group_task_eager(f->group, WEFT_CALL(child, .name = "c", .error = -EIO));
    ck_assert(weft_future_is_done(task));
    weft_future_unref(task);
    say("filled");
}

/* 209, 144 */
RULE(an_eager_child_runs_at_once_and_its_failure_ends_the_group_later)
{
    ck_assert_int_eq(OWNER(.fill = fill_eager, .seconds = 5), -EIO);
    ck_assert_str_eq(trace(), "a a. b c c. filled b! body!WEFT_ECANCELLED exit:EIO");
}
END_RULE

struct ready_at_once {
    weft_gen gen;
};

static weft_step ready_at_once(void *frame)
{
    ck_assert_int_eq(weft_group_ready(NULL), 0);
    ck_assert_int_eq(weft_group_ready(NULL), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_group_spawn(group, WEFT_CALL(child, .name = "sibling")), 0);
    return weft_return(frame, NULL);
}
WEFT_GEN_TYPE(ready_at_once);

static void fill_ready(struct owner *f)
{
    weft_future_unref(weft_group_task_eager(f->group, WEFT_CALL(ready_at_once)));
}

/* 209, 151 */
RULE(in_its_eager_first_step_a_child_is_of_the_group_already)
{
    ck_assert_int_eq(OWNER(.fill = fill_ready), 0);
    ck_assert_str_eq(trace(), "sibling sibling. exit:0");
}
END_RULE

RUN_SUITE("group_start", start_returns_what_the_child_says_when_it_is_ready,
          a_child_that_fails_before_it_is_ready_fails_the_start_alone,
          a_child_that_returns_without_being_ready_fails_the_start,
          a_failure_after_it_was_ready_is_the_groups,
          a_cancelled_start_cancels_the_child_and_ends_with_it,
          a_cancelled_start_whose_child_returns_is_cancelled,
          a_cancelled_start_whose_child_fails_fails_with_that,
          a_cancelled_start_whose_child_is_ready_all_the_same_has_its_value,
          a_cancel_that_comes_when_the_child_has_ended_comes_too_late_for_the_start,
          a_start_cancelled_when_its_child_is_ready_keeps_the_value,
          a_dropped_start_cancels_the_child_whose_failure_is_then_the_groups,
          a_child_cancelled_with_its_group_cancels_the_start,
          a_start_pending_at_the_close_ends_with_it,
          to_be_ready_when_nobody_waits_is_fine_and_needs_a_task,
          a_child_that_awaits_its_owner_is_found_in_debug_mode,
          a_cancel_ends_a_child_that_awaits_its_owner,
          an_eager_child_runs_at_once_and_its_failure_ends_the_group_later,
          in_its_eager_first_step_a_child_is_of_the_group_already)
