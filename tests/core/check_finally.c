/* check_finally.c - the FINALLY part of a body that a task drives. */
#include <errno.h>

#include "support/harness.h"

enum how { RUN_OFF, RETURN, OWNED, RAISE, SLEEP };

struct body {
    weft_gen gen;
    weft_outcome outcome;
    enum how how;  /* the part between the two */
    enum how then; /* the FINALLY part */
};

static void destroy(void *value)
{
    say("destroyed-%s", (const char *)value);
}

static weft_step body(void *frame)
{
    struct body *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    if (f->how == RETURN)
        WEFT_RETURN(f, "result");
    if (f->how == OWNED)
        WEFT_RETURN_OWNED(f, "owned", destroy);
    if (f->how == RAISE)
        WEFT_RAISE(f, -EIO);
    if (f->how == SLEEP)
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_FINALLY(f);
    say("finally");
    WEFT_AWAIT(f, weft_sleep(NULL, 0.5));
    say("cleaned");
    if (f->then == RETURN)
        WEFT_RETURN(f, "replaced");
    if (f->then == RAISE)
        WEFT_RAISE(f, -EPROTO);
    WEFT_END(f);
}

static void body_cleanup(void *frame)
{
    (void)frame;
    say("freed");
}
WEFT_GEN_TYPE(body, .cleanup = body_cleanup);

static weft_task *ran(enum how how, enum how then)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(body, .how = how, .then = then));

    run_all();
    ck_assert(weft_future_is_done(task));
    return task;
}

static void ended(weft_task *task, int error, const char *result)
{
    void *value;

    ck_assert_int_eq(weft_future_result(task, &value), error);
    if (result)
        ck_assert_str_eq(value, result);
    else
        ck_assert_ptr_null(value);
    weft_future_unref(task);
}

/* 42 */
RULE(finally_runs_once_and_may_await_when_the_body_runs_into_it)
{
    ended(ran(RUN_OFF, RUN_OFF), 0, NULL);
    ck_assert_str_eq(trace(), "finally cleaned freed");
    ck_assert_double_eq(weft_loop_time(loop), 0.5);
}
END_RULE

/* 42 */
RULE(finally_runs_once_on_return_and_keeps_the_result)
{
    ended(ran(RETURN, RUN_OFF), 0, "result");
    ck_assert_str_eq(trace(), "finally cleaned freed");
}
END_RULE

/* 42 */
RULE(finally_runs_once_on_an_error_and_keeps_it)
{
    ended(ran(RAISE, RUN_OFF), -EIO, NULL);
    ck_assert_str_eq(trace(), "finally cleaned freed");
}
END_RULE

/* 42, 22 */
RULE(an_owned_result_survives_finally_and_is_destroyed_with_the_task)
{
    ended(ran(OWNED, RUN_OFF), 0, "owned");
    ck_assert_str_eq(trace(), "finally cleaned freed destroyed-owned");
}
END_RULE

/* 42 */
RULE(finally_runs_once_on_cancel_and_the_task_ends_cancelled)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(body, .how = SLEEP));

    run_rounds(1);
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "finally cleaned freed");
    ck_assert(weft_future_is_cancelled(task));
    ck_assert_double_eq(weft_loop_time(loop), 0.5);
    weft_future_unref(task);
}
END_RULE

/* 42 */
RULE(an_error_in_finally_replaces_the_outcome)
{
    ended(ran(RETURN, RAISE), -EPROTO, NULL);
    ended(ran(RAISE, RAISE), -EPROTO, NULL);
}
END_RULE

/* 42 */
RULE(a_return_in_finally_replaces_the_outcome)
{
    ended(ran(RAISE, RETURN), 0, "replaced");
    ended(ran(RETURN, RETURN), 0, "replaced");
}
END_RULE

/* 42, 22 */
RULE(an_owned_result_that_finally_replaces_is_destroyed_once)
{
    ended(ran(OWNED, RAISE), -EPROTO, NULL);
    ck_assert_str_eq(trace(), "finally cleaned destroyed-owned freed");
}
END_RULE

/* 42, 45 */
RULE(finally_does_not_run_when_the_body_never_did)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(body, .how = RETURN));

    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "freed");
    ended(task, WEFT_ECANCELLED, NULL);
}
END_RULE

/* 58 */
RULE(a_cancel_during_finally_is_delivered_again_there)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(body, .how = RAISE));

    run_rounds(1);
    ck_assert_str_eq(trace(), "finally");
    ck_assert(weft_future_cancel(task, NULL));
    run_all();
    ck_assert_str_eq(trace(), "finally freed");
    ck_assert_double_eq(weft_loop_time(loop), 0);
    ended(task, WEFT_ECANCELLED, NULL);
}
END_RULE

/* 42, 35: the youngest first */
RULE(closing_the_loop_frees_the_frame_without_finally)
{
    weft_task *waiting = weft_task_new(loop, WEFT_CALL(body, .how = SLEEP));
    weft_task *finalizing = weft_task_new(loop, WEFT_CALL(body, .how = OWNED));

    run_rounds(1);
    ck_assert_str_eq(trace(), "finally");
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "finally destroyed-owned freed freed");
    (void)reports();
    weft_future_unref(waiting);
    weft_future_unref(finalizing);
}
END_RULE

RUN_SUITE("finally", finally_runs_once_and_may_await_when_the_body_runs_into_it,
          finally_runs_once_on_return_and_keeps_the_result,
          finally_runs_once_on_an_error_and_keeps_it,
          an_owned_result_survives_finally_and_is_destroyed_with_the_task,
          finally_runs_once_on_cancel_and_the_task_ends_cancelled,
          an_error_in_finally_replaces_the_outcome, a_return_in_finally_replaces_the_outcome,
          an_owned_result_that_finally_replaces_is_destroyed_once,
          finally_does_not_run_when_the_body_never_did,
          a_cancel_during_finally_is_delivered_again_there,
          closing_the_loop_frees_the_frame_without_finally)
