/* check_group_life.c - groups within scopes and around them; groups that are dropped, or closed with their loop; many
 * in each other. */
#include <string.h>

#include "support/group_bodies.h"

static void fill_failing(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 1, .error = -EIO);
}

static void fill_cleaning(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 9, .cleanup = 1);
}

static void fill_failing_cleanup(struct owner *f)
{
    (void)f;
    SPAWN(.name = "a", .seconds = 9, .cleanup = 1, .cleanup_error = -EIO);
}

/* ---- scopes around a group ---- */

/* Delegates to an owner within a scope; says what the scope makes of it, and awaits. */
struct scoped {
    weft_gen gen;
    weft_scope scope;
    double seconds;
    unsigned flags;
    struct owner owner;
};

static weft_step scoped(void *frame)
{
    struct scoped *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, f->seconds, f->flags), 0);
    WEFT_TRY_YIELD_FROM(f, weft_gen_copy(&owner_type, &f->owner));
    say("scope:%s", weft_errname(weft_scope_exit(&f->scope, weft_failed(f))));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("later:%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(scoped);

static weft_task *new_scoped(double seconds, unsigned flags, struct owner owner)
{
    return weft_task_new(loop,
                         WEFT_CALL(scoped, .seconds = seconds, .flags = flags, .owner = owner));
}

/* 147, 129 */
RULE(a_deadline_around_a_group_ends_it_and_is_a_timeout)
{
    ck_assert_int_eq(
        run_task(new_scoped(2, 0, (struct owner){.fill = fill_cleaning, .seconds = 9}), NULL), 0);
    ck_assert_str_eq(trace(), "a body!WEFT_ECANCELLED a! a~ exit:WEFT_ECANCELLED cancelling=1 "
                              "scope:WEFT_ETIMEDOUT later:0");
}
END_RULE

/* 148, 131 */
RULE(a_failure_within_an_expired_deadline_stays_itself_and_leaves_no_cancel)
{
    ck_assert_int_eq(run_task(new_scoped(2, 0, (struct owner){.fill = fill_failing_cleanup}), NULL),
                     0);
    ck_assert_str_eq(trace(), "a a! a~ exit:EIO cancelling=1 scope:EIO later:0");
}
END_RULE

/* 144, 139 */
RULE(a_shield_around_a_group_does_not_keep_the_groups_own_cancel_from_the_body)
{
    ck_assert_int_eq(
        run_task(new_scoped(WEFT_NEVER, WEFT_SCOPE_SHIELD,
                            (struct owner){.fill = fill_failing, .seconds = 9, .after = true}),
                 NULL),
        0);
    ck_assert_str_eq(trace(), "a a. body!WEFT_ECANCELLED exit:EIO after:0 scope:EIO later:0");
}
END_RULE

/* 144, 62 */
RULE(the_groups_own_cancel_does_not_mark_a_level_triggered_scope_around_it)
{
    ck_assert_int_eq(
        run_task(new_scoped(WEFT_NEVER, WEFT_SCOPE_LEVEL,
                            (struct owner){.fill = fill_failing, .seconds = 9, .after = true}),
                 NULL),
        0);
    ck_assert_str_eq(trace(), "a a. body!WEFT_ECANCELLED exit:EIO after:0 scope:EIO later:0");
}
END_RULE

/* 147, 140 */
RULE(a_shield_around_a_group_keeps_a_cancel_of_others_from_it_until_it_is_left)
{
    weft_task *task = new_scoped(WEFT_NEVER, WEFT_SCOPE_SHIELD,
                                 (struct owner){.fill = fill_failing, .seconds = 9, .after = true});

    ck_assert_int_eq(weft_run_until_complete(loop, weft_sleep(loop, 0.5), NULL), 0);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a a. body!WEFT_ECANCELLED exit:EIO cancelling=1 after:0 scope:EIO "
                              "later:WEFT_ECANCELLED");
}
END_RULE

/* 144, 62 */
RULE(a_failure_comes_out_of_a_cancelled_level_triggered_scope_although_no_child_is_left)
{
    ck_assert_int_eq(
        run_task(new_scoped(1, WEFT_SCOPE_LEVEL, (struct owner){.seconds = 9, .error = -EPIPE}),
                 NULL),
        0);
    ck_assert_str_eq(trace(), "body!WEFT_ECANCELLED exit:EPIPE cancelling=1 scope:EPIPE later:0");
}
END_RULE

static void call_cancel(void *arg)
{
    ck_assert(weft_future_cancel(arg, NULL));
}

/* 148, 62 */
RULE(a_failure_and_a_cancel_at_once_in_a_level_triggered_scope_leave_the_cancel_for_later)
{
    weft_task *task = new_scoped(WEFT_NEVER, WEFT_SCOPE_LEVEL,
                                 (struct owner){.fill = fill_failing, .seconds = 9});

    run_rounds(2);
    ck_assert_int_eq(weft_call_later(loop, 1, call_cancel, task, NULL), 0);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a a. body!WEFT_ECANCELLED exit:EIO cancelling=1 scope:EIO "
                              "later:WEFT_ECANCELLED");
}
END_RULE

/* ---- a scope within a group ---- */

struct within {
    weft_gen gen;
    weft_group *group;
    weft_scope scope;
    unsigned flags;
};

static weft_step within(void *frame)
{
    struct within *f = frame;

    WEFT_BEGIN(f);
    group = f->group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_enter(group), 0);
    SPAWN(.name = "a", .seconds = 1, .error = -EIO);
    ck_assert_int_eq(weft_scope_enter(&f->scope, WEFT_NEVER, f->flags), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 2));
    say("1:%s", weft_errname(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 2));
    say("2:%s", weft_errname(weft_failed(f)));
    weft_scope_exit(&f->scope, 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 2));
    say("3:%s", weft_errname(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_group_exit(f->group, weft_failed(f)));
    say("exit:%s %d", weft_errname(weft_failed(f)), weft_task_cancelling(weft_current_task()));
    weft_group_unref(f->group);
    WEFT_END(f);
}
WEFT_GEN_TYPE(within);

/* 144, 139 */
RULE(a_shield_within_the_body_keeps_the_groups_cancel_until_it_is_left)
{
    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(within, .flags = WEFT_SCOPE_SHIELD)), NULL), 0);
    ck_assert_str_eq(trace(), "a a. 1:0 2:0 3:WEFT_ECANCELLED exit:EIO 0");
}
END_RULE

/* 144, 62 */
RULE(a_level_triggered_scope_within_the_body_stays_cancelled_by_the_group)
{
    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(within, .flags = WEFT_SCOPE_LEVEL)), NULL), 0);
    ck_assert_str_eq(trace(), "a a. 1:WEFT_ECANCELLED 2:WEFT_ECANCELLED 3:0 exit:EIO 0");
}
END_RULE

/* ---- another loop's ---- */

struct maker {
    weft_gen gen;
    bool enters;
};

static weft_step maker(void *frame)
{
    struct maker *f = frame;

    if (f->enters)
        ck_assert_int_eq(weft_group_enter(group), WEFT_EOTHERLOOP);
    else
        group = weft_group_new(WEFT_FAIL_FAST);
    return weft_return(&f->gen, NULL);
}
WEFT_GEN_TYPE(maker);

/* 143, 19 */
RULE(a_task_of_another_loop_cannot_enter)
{
    weft_loop *other = weft_loop_new(NULL);

    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(maker)), NULL), 0);
    ck_assert_int_eq(
        weft_run_until_complete(other, weft_task_new(other, WEFT_CALL(maker, .enters = true)), NULL),
        0);
    weft_group_unref(group);
    weft_loop_unref(other);
}
END_RULE

/* ---- dropped ---- */

/* 143 */
RULE(a_group_that_its_body_forgets_to_exit_cancels_its_children)
{
    ck_assert_int_eq(OWNER(.fill = fill_cleaning, .seconds = 1, .forgets = true), 0);
    run_all();
    ck_assert_str_eq(trace(), "a body. a! a~");
}
END_RULE

/* 143, 14 */
RULE(a_failure_after_its_group_was_dropped_is_reported)
{
    ck_assert_int_eq(OWNER(.fill = fill_failing_cleanup, .seconds = 1, .forgets = true), 0);
    run_all();
    ck_assert_str_eq(trace(), "a body. a! a~");
    ck_assert_ptr_nonnull(strstr(reports(), "a failure that nobody read: <task child-2 failed EIO"));
}
END_RULE

/* 143, 14, 149 */
RULE(a_failure_that_no_exit_told_is_reported_with_the_group)
{
    weft_task *task = NEW_OWNER(.fill = fill_failing, .seconds = 5, .swallow = true,
                                .forgets = true, .after = true);

    ck_assert_int_eq(run_task(weft_future_ref(task), NULL), 0);
    ck_assert(!weft_future_is_cancelled(task));
    ck_assert_str_eq(trace(), "a a. body!WEFT_ECANCELLED after:0");
    ck_assert_str_eq(reports(), "a failure in a group that was not exited: child-2: EIO");
    weft_future_unref(task);
}
END_RULE

/* Enters a group, awaits nothing, has it asked, and drops it. */
struct quitter {
    weft_gen gen;
    bool drops_exit;
    int error; /* of that exit */
};

static weft_step quitter(void *frame)
{
    struct quitter *f = frame;

    WEFT_BEGIN(f);
    group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_enter(group), 0);
    SPAWN(.name = "a", .seconds = 1, .error = -EIO);
    if (f->drops_exit) {
        weft_future_unref(weft_group_exit(group, f->error));
    } else {
        weft_group_cancel(group);
        ck_assert_int_eq(weft_task_cancelling(weft_current_task()), 1);
    }
    weft_group_unref(group);
    say("%d", weft_task_cancelling(weft_current_task()));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(quitter);

/* 149 */
RULE(dropping_a_group_withdraws_what_it_asked_of_the_owner)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(quitter)), NULL), 0);
    ck_assert_str_eq(trace(), "0 0");
}
END_RULE

/* 143, 14 */
RULE(dropping_the_exit_cancels_the_children_and_reports_what_it_would_have_told)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(quitter, .drops_exit = true)), NULL), 0);
    ck_assert_str_eq(trace(), "0 0");
    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(quitter, .drops_exit = true, .error = -EPIPE)), NULL),
        0);
    ck_assert_str_eq(trace(), "0 0 0 0");
    ck_assert_str_eq(reports(), "a failure in a group that was not exited: quitter-3: EPIPE");
}
END_RULE

static weft_step dropper(void *frame)
{
    weft_gen *gen = frame;

    group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_enter(group), 0);
    weft_future_unref(weft_group_exit(group, -EPIPE)); /* it would end in the next round */
    weft_group_unref(group);
    return weft_return(gen, NULL);
}
static const weft_gen_type dropper_type = {
    .name = "dropper", .size = sizeof(weft_gen), .resume = dropper};

/* 143, 14 */
RULE(dropping_an_exit_that_is_about_to_end_is_fine)
{
    weft_gen gen = {0};

    ck_assert_int_eq(run_task(weft_task_new(loop, weft_gen_copy(&dropper_type, &gen)), NULL), 0);
    ck_assert_str_eq(reports(), "a failure in a group that was not exited: dropper-1: EPIPE");
}
END_RULE

/* ---- the loop closes ---- */

/* 35, 143 */
RULE(a_loop_may_close_with_a_body_and_children_in_it)
{
    weft_future_unref(NEW_OWNER(.fill = fill_cleaning, .seconds = 9));
    run_rounds(2);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "a");
    ck_assert_ptr_nonnull(strstr(reports(), "owner-1"));
    ck_assert_ptr_nonnull(strstr(reports(), "child-2"));
}
END_RULE

/* 35, 143 */
RULE(a_loop_may_close_with_an_exit_that_waits)
{
    weft_task *task = NEW_OWNER(.fill = fill_cleaning);
    weft_group *held;

    run_rounds(2);
    held = weft_group_ref(group);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(task), WEFT_ECLOSED);
    weft_future_unref(task);
    ck_assert_uint_eq(weft_group_size(held), 0);
    ck_assert_int_eq(weft_group_spawn(held, new_counted()), WEFT_ECLOSED);
    ck_assert_int_eq(lives, 0);
    weft_group_cancel(held);
    weft_group_unref(held);
    (void)reports();
}
END_RULE

/* 35, 14 */
RULE(a_loop_may_close_with_a_failure_that_was_not_told)
{
    weft_task *task = NEW_OWNER(.fill = fill_failing, .policy = WEFT_COLLECT, .seconds = 9);

    ck_assert_int_eq(weft_run_until_complete(loop, weft_sleep(loop, 5), NULL), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    weft_future_unref(task);
    ck_assert_ptr_nonnull(
        strstr(reports(), "a failure in a group that was not exited: child-2: EIO"));
}
END_RULE

static void fill_held(struct owner *f)
{
    fill_cleaning(f);
    weft_group_ref(f->group);
}

/* 35, 14 */
RULE(that_children_end_with_the_loop_is_no_failure_to_be_told)
{
    weft_task *task = NEW_OWNER(.fill = fill_held, .forgets = true);

    run_rounds(2);
    ck_assert_uint_eq(weft_group_size(group), 1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    weft_future_unref(task);
    ck_assert_uint_eq(weft_group_errors(group, NULL, 0), 0);
    weft_group_unref(group);
    ck_assert_ptr_null(strstr(reports(), "not exited"));
}
END_RULE

/* ---- many ---- */

enum { DEEP = 20000 };

struct nested {
    weft_gen gen;
    weft_outcome outcome;
    weft_group *group;
    int left;
    int error;
};
WEFT_GEN_FORWARD(nested);

static weft_step nested(void *frame)
{
    struct nested *f = frame;

    WEFT_BEGIN(f);
    f->group = weft_group_new(WEFT_FAIL_FAST);
    ck_assert_int_eq(weft_group_enter(f->group), 0);
    WEFT_TRY(f);
    if (f->left > 0) {
        ck_assert_int_eq(
            weft_group_spawn(f->group, WEFT_CALL(nested, .left = f->left - 1, .error = f->error)),
            0);
        WEFT_RETURN(f, NULL);
    }
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_FINALLY(f);
    WEFT_GROUP_EXIT(f, f->group);
    WEFT_END(f);
}

static void nested_cleanup(void *frame)
{
    weft_group_unref(((struct nested *)frame)->group);
}
WEFT_GEN_TYPE(nested, .cleanup = nested_cleanup);

#define NEW_NESTED(...) weft_task_new(loop, WEFT_CALL(nested, .left = DEEP, __VA_ARGS__))

/* 37, 153 */
RULE(groups_in_groups_end_fail_cancel_and_close_on_a_constant_stack)
{
    weft_task *task;

    ck_assert_int_eq(run_task(NEW_NESTED(.error = 0), NULL), 0);
    ck_assert_int_eq(run_task(NEW_NESTED(.error = -EIO), NULL), -EIO);
    task = NEW_NESTED(.error = 0);
    ck_assert_int_eq(weft_run_until_complete(loop, weft_sleep(loop, 0.5), NULL), 0);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    weft_future_unref(NEW_NESTED(.error = 0));
    ck_assert_int_eq(weft_run_until_complete(loop, weft_sleep(loop, 0.5), NULL), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    (void)reports();
}
END_RULE

RUN_SUITE("group_life", a_deadline_around_a_group_ends_it_and_is_a_timeout,
          a_failure_within_an_expired_deadline_stays_itself_and_leaves_no_cancel,
          a_shield_around_a_group_does_not_keep_the_groups_own_cancel_from_the_body,
          the_groups_own_cancel_does_not_mark_a_level_triggered_scope_around_it,
          a_shield_around_a_group_keeps_a_cancel_of_others_from_it_until_it_is_left,
          a_failure_comes_out_of_a_cancelled_level_triggered_scope_although_no_child_is_left,
          a_failure_and_a_cancel_at_once_in_a_level_triggered_scope_leave_the_cancel_for_later,
          a_shield_within_the_body_keeps_the_groups_cancel_until_it_is_left,
          a_level_triggered_scope_within_the_body_stays_cancelled_by_the_group,
          a_task_of_another_loop_cannot_enter,
          a_group_that_its_body_forgets_to_exit_cancels_its_children,
          a_failure_after_its_group_was_dropped_is_reported,
          a_failure_that_no_exit_told_is_reported_with_the_group,
          dropping_a_group_withdraws_what_it_asked_of_the_owner,
          dropping_the_exit_cancels_the_children_and_reports_what_it_would_have_told,
          dropping_an_exit_that_is_about_to_end_is_fine,
          a_loop_may_close_with_a_body_and_children_in_it, a_loop_may_close_with_an_exit_that_waits,
          a_loop_may_close_with_a_failure_that_was_not_told,
          that_children_end_with_the_loop_is_no_failure_to_be_told,
          groups_in_groups_end_fail_cancel_and_close_on_a_constant_stack)
