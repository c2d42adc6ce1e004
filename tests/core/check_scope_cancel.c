/* check_scope_cancel.c - scopes that are cancelled by hand, and deadlines on the clock. */
#include <errno.h>
#include <math.h>

#include "support/combine_bodies.h"

/* A scope around two sleeps, and one behind it; says what came of each. */
struct scoped {
    weft_gen gen;
    weft_scope outer, scope;
    unsigned flags;
    double limit, outer_limit;
    int error;
};

static struct scoped *the_frame;

static weft_step scoped(void *frame)
{
    struct scoped *f = frame;

    WEFT_BEGIN(f);
    the_frame = f;
    ck_assert_int_eq(
        weft_scope_enter(&f->outer, f->outer_limit > 0 ? f->outer_limit : WEFT_NEVER, 0), 0);
    ck_assert_int_eq(weft_scope_enter(&f->scope, f->limit > 0 ? f->limit : WEFT_NEVER, f->flags), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 5));
    f->error = weft_failed(f);
    say("%s", weft_errname(f->error));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s", weft_errname(weft_failed(f)));
    f->error = weft_scope_exit(&f->scope, f->error);
    say("x:%s,%d,%d,%d", weft_errname(f->error), weft_scope_is_cancelled(&f->scope),
        weft_scope_expired(&f->scope), weft_task_cancelling(weft_current_task()));
    f->error = weft_scope_exit(&f->outer, f->error);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s,%s@%g", weft_errname(f->error), weft_errname(weft_failed(f)), weft_loop_time(NULL));
    WEFT_END(f);
}
WEFT_GEN_TYPE(scoped);

static void cancel_scope(void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_scope_cancel(&the_frame->scope), 0);
}

static void cancel_task(void *arg)
{
    ck_assert(weft_future_cancel(arg, NULL));
}

/* One that is cancelled by hand at `when`, and by others at `others` (0: not). */
static void runs(struct scoped frame, double when, double others, const char *expected)
{
    size_t from = strlen(trace());
    double now = weft_loop_time(loop);
    weft_task *task = weft_task_new(loop, weft_gen_copy(&scoped_type, &frame));

    if (others > 0)
        ck_assert_int_eq(weft_call_at(loop, now + others, cancel_task, task, NULL), 0);
    ck_assert_int_eq(weft_call_at(loop, now + when, cancel_scope, NULL, NULL), 0);
    run_all();
    ck_assert_str_eq(trace() + from + (from > 0), expected);
    weft_future_unref(task);
}

/* 263 */
RULE(a_cancel_of_a_scope_ends_what_is_within_and_the_body_goes_on_behind_it)
{
    runs((struct scoped){.flags = 0}, 1, 0, "WEFT_ECANCELLED 0 x:0,1,0,0 0,0@3");
}
END_RULE

/* 263, 62 */
RULE(a_level_scope_that_is_cancelled_fails_each_await_until_exit)
{
    runs((struct scoped){.flags = WEFT_SCOPE_LEVEL}, 1, 0,
         "WEFT_ECANCELLED WEFT_ECANCELLED x:0,1,0,0 0,0@2");
}
END_RULE

/* 263 */
RULE(a_scope_that_is_cancelled_does_not_expire_and_one_that_has_expired_is_a_timeout)
{
    runs((struct scoped){.limit = 1.5}, 1, 0, "WEFT_ECANCELLED 0 x:0,1,0,0 0,0@3");
    runs((struct scoped){.limit = 0.5}, 1, 0,
         "WEFT_ECANCELLED 0 x:WEFT_ETIMEDOUT,0,1,0 WEFT_ETIMEDOUT,0@5.5");
}
END_RULE

/* 263, 130 */
RULE(a_cancel_of_others_stays_one)
{
    runs((struct scoped){.flags = 0}, 1, 1.5,
         "WEFT_ECANCELLED WEFT_ECANCELLED x:WEFT_ECANCELLED,1,0,1 WEFT_ECANCELLED,0@2.5");
    runs((struct scoped){.outer_limit = 1}, 1.5, 0,
         "WEFT_ECANCELLED WEFT_ECANCELLED x:WEFT_ECANCELLED,1,0,1 WEFT_ETIMEDOUT,0@5");
}
END_RULE

/* Cancels its own scopes, in each state. */
struct own {
    weft_gen gen;
    weft_scope scope, shield;
};

static weft_step own(void *frame)
{
    struct own *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_cancel(&f->scope), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_scope_enter(&f->scope, WEFT_NEVER, 0), 0);
    ck_assert_int_eq(weft_scope_cancel(&f->scope), 0);
    ck_assert_int_eq(weft_scope_cancel(&f->scope), 0);
    ck_assert_int_eq(weft_task_cancelling(weft_current_task()), 1);
    ck_assert_int_eq(weft_scope_reschedule(&f->scope, 1), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_scope_enter(&f->shield, WEFT_NEVER, WEFT_SCOPE_SHIELD), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s", weft_errname(weft_failed(f)));
    ck_assert_int_eq(weft_scope_exit(&f->shield, 0), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s", weft_errname(weft_failed(f)));
    ck_assert_int_eq(weft_scope_exit(&f->scope, weft_failed(f)), 0);
    ck_assert_int_eq(weft_scope_cancel(&f->scope), WEFT_EINVALIDSTATE);
    /* One that got through before it came. */
    ck_assert_int_eq(weft_scope_enter(&f->scope, WEFT_NEVER, 0), 0);
    ck_assert(!weft_scope_is_cancelled(&f->scope));
    ck_assert_int_eq(weft_scope_cancel(&f->scope), 0);
    ck_assert_int_eq(weft_scope_exit(&f->scope, -EIO), -EIO);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s,%d", weft_errname(weft_failed(f)), weft_task_cancelling(weft_current_task()));
    WEFT_END(f);
}
WEFT_GEN_TYPE(own);

/* 263 */
RULE(a_body_may_cancel_its_own_scope_and_a_shield_within_is_respected)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(own)), NULL), 0);
    ck_assert_str_eq(trace(), "0 WEFT_ECANCELLED 0,0");
}
END_RULE

/* ---- deadlines on the clock ---- */

struct clocked {
    weft_gen gen;
    weft_scope scope;
};

static weft_step clocked(void *frame)
{
    struct clocked *f = frame;

    WEFT_BEGIN(f);
    ck_assert_double_eq(weft_scope_when(&f->scope), WEFT_NEVER);
    WEFT_AWAIT(f, weft_sleep(NULL, 10));
    ck_assert_int_eq(weft_scope_enter_at(&f->scope, NAN, 0), -EINVAL);
    ck_assert_int_eq(weft_scope_enter_at(&f->scope, 12, 0), 0);
    ck_assert_double_eq(weft_scope_when(&f->scope), 12);
    ck_assert_int_eq(weft_scope_reschedule_at(&f->scope, WEFT_NEVER), 0);
    ck_assert_double_eq(weft_scope_when(&f->scope), WEFT_NEVER);
    ck_assert_int_eq(weft_scope_reschedule(&f->scope, 4), 0);
    ck_assert_double_eq(weft_scope_when(&f->scope), 14);
    ck_assert_int_eq(weft_scope_reschedule_at(&f->scope, NAN), -EINVAL);
    ck_assert_int_eq(weft_scope_reschedule_at(&f->scope, 13), 0);
    ck_assert_double_eq(weft_scope_when(&f->scope), 13);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 50));
    say("%s@%g", weft_errname(weft_failed(f)), weft_loop_time(NULL));
    ck_assert_double_eq(weft_scope_when(&f->scope), WEFT_NEVER);
    ck_assert_int_eq(weft_scope_exit(&f->scope, weft_failed(f)), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_scope_reschedule_at(&f->scope, 99), WEFT_EINVALIDSTATE);
    /* A time that is past, or now. */
    ck_assert_int_eq(weft_scope_enter_at(&f->scope, 13, 0), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 0));
    say("%s@%g", weft_errname(weft_failed(f)), weft_loop_time(NULL));
    ck_assert_int_eq(weft_scope_exit(&f->scope, weft_failed(f)), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_scope_enter_at(&f->scope, 5, 0), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s@%g", weft_errname(weft_failed(f)), weft_loop_time(NULL));
    ck_assert_int_eq(weft_scope_exit(&f->scope, weft_failed(f)), WEFT_ETIMEDOUT);
    WEFT_END(f);
}
WEFT_GEN_TYPE(clocked);

/* 264, 133, 134 */
RULE(a_deadline_may_be_a_time_on_the_clock_and_tells_when)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(clocked)), NULL), 0);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED@13 WEFT_ECANCELLED@13 WEFT_ECANCELLED@13");
}
END_RULE

RUN_SUITE("scope_cancel", a_cancel_of_a_scope_ends_what_is_within_and_the_body_goes_on_behind_it,
          a_level_scope_that_is_cancelled_fails_each_await_until_exit,
          a_scope_that_is_cancelled_does_not_expire_and_one_that_has_expired_is_a_timeout,
          a_cancel_of_others_stays_one,
          a_body_may_cancel_its_own_scope_and_a_shield_within_is_respected,
          a_deadline_may_be_a_time_on_the_clock_and_tells_when)
