/* check_eager.c - eager tasks: the first step runs inside the call that makes them. */
#include <errno.h>
#include <string.h>

#include "support/eager_bodies.h"
#include "support/harness.h"

/* ---- the first step ------------------------------------------------------------------------------------------ */

/* 209 [D] */
RULE(an_eager_task_runs_to_its_first_wait_at_once)
{
    ck_assert_int_eq(run_within(make_waiting), 0);
    ck_assert_str_eq(trace(), "< a > a. freed-a destroyed-value");
}
END_RULE

/* 209 */
RULE(one_that_never_waits_is_done_at_once_and_was_never_queued)
{
    ck_assert_int_eq(run_within(make_done), 0);
    ck_assert_str_eq(trace(), "< a freed-a > destroyed-value");
}
END_RULE

struct looker {
    weft_gen gen;
    weft_task *parent;
};

static weft_step looker(void *frame)
{
    struct looker *f = frame;
    weft_task *tasks[4];

    WEFT_BEGIN(f);
    ck_assert_ptr_nonnull(weft_current_task());
    ck_assert_ptr_ne(weft_current_task(), f->parent);
    ck_assert_uint_eq(weft_all_tasks(NULL, tasks, 4), f->parent ? 2 : 1);
    ck_assert_ptr_eq(tasks[f->parent ? 1 : 0], weft_current_task());
    ck_assert_str_eq(weft_task_context(NULL) ? weft_task_context(NULL) : "",
                     f->parent ? "mine" : "");
    WEFT_RETURN(f, weft_current_task());
    WEFT_END(f);
}
WEFT_GEN_TYPE(looker);

static void look(struct within *f)
{
    weft_task *me = weft_current_task();
    void *who;

    ck_assert_int_eq(weft_task_set_context(NULL, "mine", NULL), 0);
    f->task = weft_task_new_eager(NULL, WEFT_CALL(looker, .parent = me));
    ck_assert_int_eq(weft_future_result(f->task, &who), 0);
    ck_assert_ptr_eq(who, f->task);
    ck_assert_ptr_eq(weft_current_task(), me);
}

/* 209, 31, 40 */
RULE(in_its_first_step_it_is_the_current_task_and_has_the_context_and_then_the_outer_one_is)
{
    ck_assert_int_eq(run_within(look), 0);
}
END_RULE

struct member {
    weft_gen gen;
    weft_group *group;
};

static weft_step member(void *frame)
{
    struct member *f = frame;

    WEFT_BEGIN(f);
    say("%d", (int)weft_group_size(f->group));
    weft_group_cancel(f->group);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(member);

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
    weft_future_unref(weft_group_task_eager(f->group, WEFT_CALL(member, .group = f->group)));
    say("made");
    WEFT_FINALLY(f);
    WEFT_GROUP_EXIT(f, f->group);
    WEFT_END(f);
}

static void owner_cleanup(void *frame)
{
    weft_group_unref(((struct owner *)frame)->group);
}
WEFT_GEN_TYPE(owner, .cleanup = owner_cleanup);

/* 209, 154 */
RULE(in_its_first_step_it_is_in_its_group_already)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(owner)), NULL), 0);
    ck_assert_str_eq(trace(), "1 made WEFT_ECANCELLED");
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_RULE

/* ---- where it is made ------------------------------------------------------------------------------------------ */

static weft_task *made;

static void make_in_callback(void *arg)
{
    void *who;

    made = weft_task_new_eager(NULL, WEFT_CALL(looker));
    ck_assert_int_eq(weft_future_result(made, &who), 0);
    ck_assert_ptr_eq(who, made);
    ck_assert_ptr_null(weft_current_task());
    say("%s", (const char *)arg);
}

/* 209 */
RULE(a_callback_may_make_one)
{
    ck_assert_int_eq(weft_call_soon(loop, make_in_callback, "called", NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "called");
    weft_future_unref(made);
}
END_RULE

RULE(outside_of_the_loops_run_it_is_queued)
{
    weft_task *first = weft_task_new(loop, WEFT_CALL(child, .name = "a"));
    weft_task *second = weft_task_new_eager(loop, WEFT_CALL(child, .name = "b"));

    ck_assert_str_eq(trace(), "");
    ck_assert(!weft_future_is_done(second));
    run_all();
    ck_assert_str_eq(trace(), "a freed-a b freed-b");
    weft_future_unref(first);
    weft_future_unref(second);
}
END_RULE

static weft_loop *other;

static void make_on_other(struct within *f)
{
    (void)f;
    made = weft_task_new_eager(other, WEFT_CALL(child, .name = "other"));
    ck_assert(!weft_future_is_done(made));
}

RULE(on_another_loop_it_is_queued_there)
{
    other = weft_loop_new(NULL);
    ck_assert_int_eq(run_within(make_on_other), 0);
    ck_assert_str_eq(trace(), "< >");
    ck_assert_int_eq(weft_run_until_complete(other, made, NULL), 0);
    ck_assert_str_eq(trace(), "< > other freed-other destroyed-value");
    weft_loop_unref(other);
}
END_RULE

/* Makes the next one, until there are `left` none. */
struct nested {
    weft_gen gen;
    int depth, left;
    weft_task *task;
};

static int deepest;
WEFT_GEN_FORWARD(nested);

static weft_step nested(void *frame)
{
    struct nested *f = frame;

    WEFT_BEGIN(f);
    if (f->depth > deepest)
        deepest = f->depth;
    if (f->left > 0) {
        f->task = weft_task_new_eager(
            NULL, WEFT_CALL(nested, .depth = f->depth + 1, .left = f->left - 1));
        WEFT_AWAIT(f, f->task);
    }
    WEFT_RETURN(f, weft_from_int(f->depth));
    WEFT_END(f);
}
WEFT_GEN_TYPE(nested);

/* 209, 37 */
RULE(eager_steps_within_eager_steps_end_in_a_queue)
{
    intptr_t depth;

    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(nested, .left = 100000)), &depth), 0);
    ck_assert_int_eq(deepest, 100000);
    ck_assert_int_eq(depth, 0);
}
END_RULE

static void make_many(struct within *f)
{
    (void)f;
    ck_assert_int_eq(weft_task_set_context(NULL, "mine", NULL), 0);
    for (int i = 0; i < 100; i++) {
        weft_task *task = weft_task_new_eager(NULL,
                                              WEFT_CALL(looker, .parent = weft_current_task()));

        ck_assert(weft_future_is_done(task));
        weft_future_unref(task);
    }
}

/* 209 */
RULE(any_number_of_eager_steps_one_after_the_other_run_at_once)
{
    ck_assert_int_eq(run_within(make_many), 0);
}
END_RULE

/* ---- endings --------------------------------------------------------------------------------------------------- */

static void make_failing(struct within *f)
{
    f->task = weft_task_new_eager(NULL, WEFT_CALL(child, .name = "a", .error = -EIO));
    ck_assert(weft_future_is_done(f->task));
    f->other = weft_task_new_eager(NULL, WEFT_CALL(child, .name = "b", .error = -EPERM));
    ck_assert_str_eq(trace(), "< a freed-a b freed-b");
    weft_future_unref(f->other);
}

RULE(one_that_fails_at_once_gives_its_error_to_who_awaits_it_and_is_reported_otherwise)
{
    ck_assert_int_eq(run_within(make_failing), -EIO);
    ck_assert_ptr_nonnull(
        strstr(reports(), "a failure that nobody read: <task child-3 failed EPERM"));
}
END_RULE

static void make_pausing(struct within *f)
{
    f->task = weft_task_new_eager(NULL,
                                  WEFT_CALL(child, .name = "a", .future = weft_sleep(NULL, 0)));
    ck_assert(!weft_future_is_done(f->task));
    ck_assert_ptr_null(weft_task_awaiting(f->task));
}

RULE(one_that_gives_way_is_queued)
{
    ck_assert_int_eq(run_within(make_pausing), 0);
    ck_assert_str_eq(trace(), "< a > a. freed-a destroyed-value");
}
END_RULE

/* ---- the outer step -------------------------------------------------------------------------------------------- */

/* Awaits `count` done futures; makes an eager one that does the same after half of them. */
struct busy {
    weft_gen gen;
    int count, i;
    bool outer;
};

static void count_rounds(void *arg)
{
    (void)arg;
    say("|");
}

WEFT_GEN_FORWARD(busy);

static weft_step busy(void *frame)
{
    struct busy *f = frame;

    WEFT_BEGIN(f);
    if (f->outer)
        ck_assert_int_eq(weft_call_soon(NULL, count_rounds, NULL, NULL), 0);
    for (f->i = 0; f->i < f->count; f->i++) {
        if (f->outer && f->i == f->count / 2)
            weft_future_unref(weft_task_new_eager(NULL, WEFT_CALL(busy, .count = 40)));
        WEFT_AWAIT(f, weft_future_new_done(NULL, NULL));
    }
    say(f->outer ? "outer" : "inner");
    WEFT_END(f);
}
WEFT_GEN_TYPE(busy);

/* 101, 209 */
RULE(each_step_has_its_own_budget_of_awaits)
{
    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(busy, .count = 60, .outer = true)), NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "inner outer |");
    ck_assert_int_eq(
        run_task(weft_task_new(loop, WEFT_CALL(busy, .count = 70, .outer = true)), NULL), 0);
    ck_assert_str_eq(trace(), "inner outer | inner | outer");
}
END_RULE

struct plain {
    weft_gen gen;
};

static weft_step plain(void *frame)
{
    struct plain *f = frame;

    WEFT_BEGIN(f);
    WEFT_RETURN(f, "nobody's");
    WEFT_END(f);
}
WEFT_GEN_TYPE(plain);

/* Returns what it owns; its cleanup makes an eager task that returns what nobody owns. */
struct giver {
    weft_gen gen;
};

static weft_step giver(void *frame)
{
    struct giver *f = frame;

    WEFT_BEGIN(f);
    WEFT_RETURN_OWNED(f, "mine", destroy);
    WEFT_END(f);
}

static void giver_cleanup(void *frame)
{
    (void)frame;
    made = weft_task_new_eager(NULL, WEFT_CALL(plain));
    ck_assert(weft_future_is_done(made));
    weft_future_unref(made);
    say("cleaned");
}
WEFT_GEN_TYPE(giver, .cleanup = giver_cleanup);

/* 209, 22 */
RULE(an_eager_step_within_a_cleanup_leaves_the_outer_result_its_destructor)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(giver)), NULL), 0);
    ck_assert_str_eq(trace(), "cleaned");
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(giver)), 0);
    run_all();
    ck_assert_str_eq(trace(), "cleaned cleaned destroyed-mine");
}
END_RULE

RUN_SUITE("eager", an_eager_task_runs_to_its_first_wait_at_once,
          one_that_never_waits_is_done_at_once_and_was_never_queued,
          in_its_first_step_it_is_the_current_task_and_has_the_context_and_then_the_outer_one_is,
          in_its_first_step_it_is_in_its_group_already, a_callback_may_make_one,
          outside_of_the_loops_run_it_is_queued, on_another_loop_it_is_queued_there,
          eager_steps_within_eager_steps_end_in_a_queue,
          any_number_of_eager_steps_one_after_the_other_run_at_once,
          one_that_fails_at_once_gives_its_error_to_who_awaits_it_and_is_reported_otherwise,
          one_that_gives_way_is_queued, each_step_has_its_own_budget_of_awaits,
          an_eager_step_within_a_cleanup_leaves_the_outer_result_its_destructor)
