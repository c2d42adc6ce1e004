/* check_shield.c - scopes: shields, the level trigger, and scopes that a body does not leave. */
#include <errno.h>

#include <sys/socket.h>
#include <unistd.h>

#include "support/harness.h"

/* In a scope of the given kind: awaits twice, leaves it, awaits once more; says what came each time. */
struct kind {
    weft_gen gen;
    weft_scope scope, shield;
    unsigned flags;
    double limit;
    bool shielded; /* the second await lies in a shield of its own */
    int error;
};

static weft_step kind(void *frame)
{
    struct kind *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, f->limit, f->flags), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 2));
    say("1:%s", weft_errname(weft_failed(f)));
    if (f->shielded)
        ck_assert_int_eq(weft_scope_enter(&f->shield, WEFT_NEVER, WEFT_SCOPE_SHIELD), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 2));
    say("2:%s", weft_errname(weft_failed(f)));
    f->error = weft_failed(f);
    if (f->shielded) {
        f->error = weft_scope_exit(&f->shield, f->error);
        WEFT_TRY_AWAIT(f, weft_future_new_done(NULL, NULL));
        say("done:%s", weft_errname(weft_failed(f)));
        f->error = weft_failed(f);
    }
    say("exit:%s", weft_errname(weft_scope_exit(&f->scope, f->error)));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 2));
    say("3:%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(kind);

static void cancel_call(void *arg)
{
    ck_assert(weft_future_cancel(arg, NULL));
}

static void uncancel_call(void *arg)
{
    ck_assert_int_eq(weft_task_uncancel(arg), 0);
}

/* Run one, cancelled at 1. */
static void run_cancelled(weft_gen *gen)
{
    weft_task *task = weft_task_new(loop, gen);

    ck_assert_int_eq(weft_call_later(loop, 1, cancel_call, task, NULL), 0);
    run_all();
    weft_future_unref(task);
}

/* 49, 62 */
RULE(in_a_plain_scope_a_cancel_is_delivered_once)
{
    run_cancelled(WEFT_CALL(kind, .limit = WEFT_NEVER));
    ck_assert_str_eq(trace(), "1:WEFT_ECANCELLED 2:0 exit:0 3:0");
}
END_RULE

/* 62 [D]: cleanup code that forgets is common */
RULE(in_a_level_scope_every_await_fails_once_cancelled_until_exit)
{
    run_cancelled(WEFT_CALL(kind, .limit = WEFT_NEVER, .flags = WEFT_SCOPE_LEVEL));
    ck_assert_str_eq(trace(), "1:WEFT_ECANCELLED 2:WEFT_ECANCELLED exit:WEFT_ECANCELLED 3:0");
    ck_assert_double_eq(weft_loop_time(loop), 3);
}
END_RULE

/* 62, 129 */
RULE(a_level_scope_that_expires_fails_every_await_and_is_a_timeout)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(kind, .limit = 1, .flags = WEFT_SCOPE_LEVEL)), 0);
    run_all();
    ck_assert_str_eq(trace(), "1:WEFT_ECANCELLED 2:WEFT_ECANCELLED exit:WEFT_ETIMEDOUT 3:0");
}
END_RULE

/* 62 */
RULE(a_shielded_part_of_a_level_scope_is_exempt_and_a_done_future_is_not)
{
    run_cancelled(WEFT_CALL(kind, .limit = WEFT_NEVER, .flags = WEFT_SCOPE_LEVEL, .shielded = true));
    ck_assert_str_eq(trace(), "1:WEFT_ECANCELLED 2:0 done:WEFT_ECANCELLED exit:WEFT_ECANCELLED 3:0");
}
END_RULE

/* 58 */
RULE(a_shield_keeps_a_request_outside_until_its_exit)
{
    run_cancelled(WEFT_CALL(kind, .limit = WEFT_NEVER, .flags = WEFT_SCOPE_SHIELD));
    ck_assert_str_eq(trace(), "1:0 2:0 exit:0 3:WEFT_ECANCELLED");
    ck_assert_double_eq(weft_loop_time(loop), 4);
}
END_RULE

/* 53 */
RULE(a_request_that_a_shield_holds_can_be_withdrawn)
{
    weft_task *task = weft_task_new(
        loop, WEFT_CALL(kind, .limit = WEFT_NEVER, .flags = WEFT_SCOPE_SHIELD));

    ck_assert_int_eq(weft_call_later(loop, 1, cancel_call, task, NULL), 0);
    ck_assert_int_eq(weft_call_later(loop, 2.5, uncancel_call, task, NULL), 0);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "1:0 2:0 exit:0 3:0");
}
END_RULE

/* 63 */
RULE(a_shields_own_deadline_cancels_within)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(kind, .limit = 3, .flags = WEFT_SCOPE_SHIELD)), 0);
    run_all();
    ck_assert_str_eq(trace(), "1:0 2:WEFT_ECANCELLED exit:WEFT_ETIMEDOUT 3:0");
}
END_RULE

/* 129 */
RULE(a_deadline_waits_outside_an_inner_shield)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(kind, .limit = 3, .shielded = true)), 0);
    run_all();
    ck_assert_str_eq(trace(), "1:0 2:0 done:0 exit:0 3:0");
    ck_assert_double_eq(weft_loop_time(loop), 6);
}
END_RULE

/* A parent whose child has the shield. */
struct parent {
    weft_gen gen;
};

static weft_step parent(void *frame)
{
    struct parent *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(
        f, weft_task_new(NULL, WEFT_CALL(kind, .limit = WEFT_NEVER, .flags = WEFT_SCOPE_SHIELD)));
    say("parent:%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(parent);

/* 52 */
RULE(a_childs_shield_holds_the_request_that_came_through_its_parent)
{
    run_cancelled(WEFT_CALL(parent));
    ck_assert_str_eq(trace(), "1:0 2:0 exit:0 3:WEFT_ECANCELLED parent:0");
}
END_RULE

/* ---- scopes that a body does not leave ---- */

struct careless {
    weft_gen gen;
    weft_scope first, second;
    double seconds;
    unsigned flags;
};

static weft_step careless(void *frame)
{
    struct careless *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->first, 2, 0), 0);
    ck_assert_int_eq(weft_scope_enter(&f->second, 9, f->flags), 0);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    WEFT_RETURN(f, weft_from_int(3));
    WEFT_END(f);
}
WEFT_GEN_TYPE(careless);

struct caller {
    weft_gen gen;
    double seconds;
    unsigned flags;
};

static weft_step caller(void *frame)
{
    struct caller *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_YIELD_FROM(f, WEFT_CALL(careless, .seconds = f->seconds, .flags = f->flags));
    say("%s,%d", weft_errname(weft_failed(f)), (int)weft_sent_int(f));
    WEFT_AWAIT(f, weft_sleep(NULL, 20));
    say("on@%g,%d", weft_loop_time(NULL), weft_task_cancelling(weft_current_task()));
    WEFT_END(f);
}
WEFT_GEN_TYPE(caller);

/* 129 */
RULE(a_scope_that_a_body_did_not_leave_is_left_at_its_end)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(caller, .seconds = 1)), 0);
    run_all();
    ck_assert_str_eq(trace(), "0,3 on@21,0");
}
END_RULE

/* 129 */
RULE(a_scope_that_an_error_jumped_over_converts_its_own_expiry)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(caller, .seconds = 5)), 0);
    run_all();
    ck_assert_str_eq(trace(), "WEFT_ETIMEDOUT,0 on@22,0");
}
END_RULE

/* 129 */
RULE(a_shield_that_a_body_did_not_leave_ends_with_its_frame)
{
    run_cancelled(WEFT_CALL(caller, .seconds = 1.5, .flags = WEFT_SCOPE_SHIELD));
    ck_assert_str_eq(trace(), "0,3");
    ck_assert_double_eq(weft_loop_time(loop), 1.5);
}
END_RULE

/* 35 */
RULE(a_task_destroyed_inside_a_scope_leaves_no_timer)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(caller, .seconds = 5));

    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    (void)reports();
    weft_future_unref(task);
}
END_RULE

/* ---- bytes ---- */

struct stubborn {
    weft_gen gen;
    weft_scope scope;
    weft_io *io;
    char byte;
};

static weft_step stubborn(void *frame)
{
    struct stubborn *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 0, WEFT_SCOPE_LEVEL), 0);
    WEFT_TRY_AWAIT(f, weft_sock_recv(f->io, &f->byte, 1));
    say("%s", weft_errname(weft_failed(f)));
    say("%s", weft_errname(weft_scope_exit(&f->scope, weft_failed(f))));
    WEFT_AWAIT(f, weft_sock_recv(f->io, &f->byte, 1));
    say("%c", f->byte);
    WEFT_END(f);
}
WEFT_GEN_TYPE(stubborn);

/* 51, 62 */
RULE(a_call_whose_await_is_bound_to_fail_takes_no_bytes)
{
    weft_io *io;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), 0);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(stubborn, .io = io)), NULL), 0);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED WEFT_ETIMEDOUT x");
    weft_io_close(io);
    close(fds[1]);
}
END_RULE

RUN_SUITE("shield", a_call_whose_await_is_bound_to_fail_takes_no_bytes,
          in_a_plain_scope_a_cancel_is_delivered_once,
          in_a_level_scope_every_await_fails_once_cancelled_until_exit,
          a_level_scope_that_expires_fails_every_await_and_is_a_timeout,
          a_shielded_part_of_a_level_scope_is_exempt_and_a_done_future_is_not,
          a_shield_keeps_a_request_outside_until_its_exit,
          a_request_that_a_shield_holds_can_be_withdrawn, a_shields_own_deadline_cancels_within,
          a_deadline_waits_outside_an_inner_shield,
          a_childs_shield_holds_the_request_that_came_through_its_parent,
          a_scope_that_a_body_did_not_leave_is_left_at_its_end,
          a_scope_that_an_error_jumped_over_converts_its_own_expiry,
          a_shield_that_a_body_did_not_leave_ends_with_its_frame,
          a_task_destroyed_inside_a_scope_leaves_no_timer)
