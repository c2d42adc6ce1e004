/* check_gen_owner.c - who owns a generator: one that was taken is refused to others; and what one that is driven by hand
 * does within a task. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/gen_bodies.h"

static int refused_by(weft_gen *gen)
{
    void *value;
    int error = weft_gen_send(gen, NULL, &value);

    ck_assert_int_eq(weft_gen_throw(gen, -EIO, &value), error);
    ck_assert_int_eq(weft_gen_close(gen), error);
    ck_assert_ptr_null(value);
    return error;
}

/* Delegates to a generator, with what came of it said. */
struct delegating {
    weft_gen gen;
    const char *name;
    weft_gen *child;
};

static weft_step delegating(void *frame)
{
    struct delegating *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_YIELD_FROM(f, f->child);
    say("%s:%s", f->name, weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(delegating);

/* 243 */
RULE(what_another_delegates_to_is_refused_by_hand)
{
    weft_gen *inner = WEFT_CALL(count, .to = 2);
    weft_gen *outer = WEFT_CALL(delegating, .name = "outer", .child = inner);

    step(outer, 0, "outer");
    ck_assert_int_eq(refused_by(inner), WEFT_EOWNED);
    ck_assert(!weft_gen_is_ended(inner));
    step(outer, 0, "outer");
    step(outer, 0, "outer");
    ck_assert_int_eq(weft_gen_close(outer), 0);
    ck_assert_str_eq(trace(), "outer:0 outer:1 outer:0 outer=0");
}
END_RULE

static weft_gen *middle;

static weft_step upwards(void *frame)
{
    struct delegating *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_YIELD_FROM(f, f->child ? f->child : middle);
    say("%s:%s", f->name, weft_errname(weft_failed(f)));
    WEFT_END(f);
}
static const weft_gen_type upwards_type = {
    .name = "upwards", .size = sizeof(struct delegating), .resume = upwards};

static weft_gen *upwards_new(const char *name, weft_gen *child)
{
    struct delegating frame = {.name = name, .child = child};

    return weft_gen_copy(&upwards_type, &frame);
}

/* 243: a frame in the middle of a chain stays there, and the chain goes on */
RULE(delegating_into_the_middle_of_ones_own_chain_is_an_error_there)
{
    weft_gen *innermost = upwards_new("c", NULL);
    weft_gen *root;

    middle = upwards_new("b", innermost);
    root = upwards_new("a", middle);
    ck_assert_int_eq(weft_gen_send(root, NULL, NULL), 0);
    ck_assert_int_eq(weft_gen_close(root), 0);
    ck_assert_str_eq(trace(), "c:WEFT_EOWNED b:0 a:0");
}
END_RULE

/* 243 */
RULE(delegating_to_what_a_task_has_is_an_error_and_leaves_it_there)
{
    weft_gen *gen = WEFT_CALL(sleeper, .name = "s", .seconds = 1);
    weft_task *task = weft_task_new(loop, gen);
    weft_gen *other = WEFT_CALL(delegating, .name = "other", .child = gen);

    ck_assert_int_eq(weft_gen_send(other, NULL, NULL), 0);
    ck_assert_int_eq(weft_gen_close(other), 0);
    ck_assert_int_eq(refused_by(gen), WEFT_EOWNED);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "other:WEFT_EOWNED s s.");
}
END_RULE

static void make_two_tasks(void)
{
    weft_gen *gen = WEFT_CALL(sleeper, .name = "s");

    ck_assert_int_eq(weft_spawn(loop, gen), 0);
    ck_assert_int_eq(weft_spawn(loop, gen), 0);
}

/* 243 */
RULE(two_tasks_of_one_generator_stop_the_program_with_its_name)
{
    const char *words = last_words(make_two_tasks);

    ck_assert_msg(strstr(words, "check_gen_owner.c") && strstr(words, "sleeper is another task's"),
                  "%s", words);
}
END_RULE

/* ---- from the hand into a task ----------------------------------------------------------------------------------- */

/* Says each resumption: "1!EIO". */
static weft_step speaking(void *frame)
{
    weft_gen *gen = frame;

    say("%d%s%s", gen->state, gen->error ? "!" : "", gen->error ? weft_errname(gen->error) : "");
    if (gen->state == 2)
        return weft_return(gen, NULL);
    gen->state++;
    return gen->state < 3 ? weft_yield(gen, NULL) : weft_return(gen, NULL);
}

struct speaking {
    weft_gen gen;
};
WEFT_GEN_TYPE(speaking);

/* 244 */
RULE(a_task_takes_a_suspended_generator_over_without_what_it_was_sent_last)
{
    weft_gen *gen = WEFT_CALL(speaking);

    ck_assert_int_eq(weft_gen_send(gen, NULL, NULL), 1);
    ck_assert_int_eq(raise_in(gen, -EIO), 1);
    ck_assert_int_eq(run_task(weft_task_new(loop, gen), NULL), 0);
    ck_assert_str_eq(trace(), "0 1!EIO yield,0 2");
}
END_RULE

struct finishing {
    weft_gen gen;
    weft_outcome outcome;
};

static weft_step finishing(void *frame)
{
    struct finishing *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    WEFT_YIELD(f, NULL);
    say("never");
    WEFT_FINALLY(f);
    say("finally");
    WEFT_END(f);
}
WEFT_GEN_TYPE(finishing);

/* 244: it has been entered, so its FINALLY part runs */
RULE(cancelled_before_the_tasks_first_step_it_is_raised_where_it_is_suspended)
{
    weft_gen *gen = WEFT_CALL(finishing);
    weft_task *task;

    ck_assert_int_eq(weft_gen_send(gen, NULL, NULL), 1);
    task = weft_task_new(loop, gen);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "finally");
}
END_RULE

/* ---- by hand, within a task ---------------------------------------------------------------------------------------- */

static void say_freed(void *value)
{
    say("freed-%s", (char *)value);
    free(value);
}

static weft_future *text(const char *value)
{
    weft_future *future = weft_future_new(NULL);

    ck_assert_int_eq(weft_future_set_owned(future, strdup(value), say_freed), 0);
    return future;
}

/* Awaits two futures that are done, and says their values. */
struct reader {
    weft_gen gen;
    const char *names[2];
};

static weft_step reader(void *frame)
{
    struct reader *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, text(f->names[0]));
    say("%s", (char *)weft_sent(f));
    WEFT_AWAIT(f, text(f->names[1]));
    say("%s", (char *)weft_sent(f));
    WEFT_YIELD(f, NULL);
    WEFT_AWAIT(f, text("taken"));
    free(weft_take(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(reader);

struct driving {
    weft_gen gen;
    int depth;
};

static weft_step driving(void *frame);
WEFT_GEN_FORWARD(driving);

/* Keeps what it was given while it drives another by hand, which may do the same. */
static weft_step driving(void *frame)
{
    struct driving *f = frame;
    weft_gen *gen;
    char *mine;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, text(f->depth ? "inner" : "outer"));
    mine = weft_sent(f);
    gen = f->depth ? WEFT_CALL(reader, .names = {"a", "b"}) : WEFT_CALL(driving, .depth = 1);
    while (weft_gen_send(gen, NULL, NULL) == 1)
        say("yielded");
    ck_assert_int_eq(weft_gen_close(gen), 0);
    say("%s", mine);
    WEFT_END(f);
}
WEFT_GEN_TYPE(driving);

/* 245 */
RULE(a_value_stays_good_while_its_body_drives_generators_by_hand)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(driving)), NULL), 0);
    ck_assert_str_eq(trace(), "a freed-a b freed-b yielded inner freed-inner outer freed-outer");
}
END_RULE

/* 245, 17: also where no task runs */
RULE(driven_by_hand_what_is_done_does_not_suspend_and_what_is_pending_is_yielded)
{
    struct waiter frame = {.name = "w", .future = weft_future_new(loop)};
    weft_future *future = frame.future;
    weft_gen *gen = weft_gen_copy(&waiter_type, &frame);
    void *yielded;

    ck_assert_int_eq(weft_gen_send(gen, NULL, &yielded), 1);
    ck_assert_ptr_eq(yielded, future); /* with its reference */
    weft_future_unref(future);
    ck_assert_int_eq(weft_gen_send(gen, weft_from_int(3), NULL), 0);
    weft_gen_close(gen);
    frame.future = weft_future_new_done(loop, weft_from_int(4));
    gen = weft_gen_copy(&waiter_type, &frame);
    ck_assert_int_eq(weft_gen_send(gen, NULL, &yielded), 0);
    weft_gen_close(gen);
    ck_assert_str_eq(trace(), "w=3 w=4");
}
END_RULE

static void drive_another(void *value)
{
    weft_gen *gen = WEFT_CALL(count, .to = 0);

    ck_assert_int_eq(weft_gen_send(gen, NULL, NULL), 0);
    ck_assert_int_eq(weft_gen_close(gen), 0);
    say_freed(value);
}

struct replacing {
    weft_gen gen;
    weft_outcome outcome;
};

static weft_step replacing(void *frame)
{
    struct replacing *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    WEFT_RETURN_OWNED(f, strdup("old"), drive_another);
    WEFT_FINALLY(f);
    WEFT_RETURN_OWNED(f, strdup("new"), say_freed);
    WEFT_END(f);
}
WEFT_GEN_TYPE(replacing);

/* 245, 22 */
RULE(a_destructor_that_drives_a_generator_takes_nothing_from_what_is_returned)
{
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(replacing)), 0);
    run_all();
    ck_assert_str_eq(trace(), "freed-old freed-new");
}
END_RULE

/* ---- scopes in frames that are driven by hand ------------------------------------------------------------------- */

/* Yields inside of a scope; `stubborn`: and again when it is closed. */
struct scoped {
    weft_gen gen;
    weft_outcome outcome;
    weft_scope scope;
    bool stubborn;
};

static weft_step scoped(void *frame)
{
    struct scoped *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 1, 0), 0);
    WEFT_TRY(f);
    WEFT_YIELD(f, NULL);
    WEFT_FINALLY(f);
    if (f->stubborn)
        WEFT_YIELD(f, NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(scoped);

static weft_gen *by_hand;

static void close_it(void *arg)
{
    (void)arg;
    say("%s", weft_errname(weft_gen_close(by_hand)));
}

enum where { IN_THE_TASK, IN_A_CALLBACK, AFTER_IT };

/* Starts one by hand, enters a scope of its own, has it closed, and sleeps past the deadline. */
struct owner {
    weft_gen gen;
    weft_scope scope;
    bool stubborn;
    enum where where;
};

static weft_step owner(void *frame)
{
    struct owner *f = frame;

    WEFT_BEGIN(f);
    by_hand = WEFT_CALL(scoped, .stubborn = f->stubborn);
    ck_assert_int_eq(weft_gen_send(by_hand, NULL, NULL), 1);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 2, 0), 0);
    if (f->where == IN_THE_TASK)
        close_it(NULL);
    else if (f->where == IN_A_CALLBACK)
        weft_call_soon(NULL, close_it, NULL, NULL);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 3));
    say("%s", weft_errname(weft_scope_exit(&f->scope, weft_failed(f))));
    WEFT_END(f);
}
WEFT_GEN_TYPE(owner);

/* 246: whoever closes it, and wherever; the scopes around and within stay as they are */
RULE(a_scope_in_a_frame_that_is_driven_by_hand_goes_with_the_frame)
{
    for (int way = 0; way < 4; way++)
        ck_assert_int_eq(
            run_task(weft_task_new(loop, WEFT_CALL(owner, .stubborn = way & 1,
                                                   .where = way & 2 ? IN_A_CALLBACK : IN_THE_TASK)),
                     NULL),
            0);
    ck_assert_str_eq(trace(), "0 WEFT_ETIMEDOUT WEFT_EINVALIDSTATE WEFT_ETIMEDOUT "
                              "0 WEFT_ETIMEDOUT WEFT_EINVALIDSTATE WEFT_ETIMEDOUT");
}
END_RULE

/* 246 */
RULE(one_that_is_not_closed_expires_its_task_and_may_go_after_it)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(owner, .where = AFTER_IT)), NULL), 0);
    close_it(NULL);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED 0");
}
END_RULE

RUN_SUITE("gen-owner", two_tasks_of_one_generator_stop_the_program_with_its_name,
          what_another_delegates_to_is_refused_by_hand,
          delegating_into_the_middle_of_ones_own_chain_is_an_error_there,
          delegating_to_what_a_task_has_is_an_error_and_leaves_it_there,
          a_task_takes_a_suspended_generator_over_without_what_it_was_sent_last,
          cancelled_before_the_tasks_first_step_it_is_raised_where_it_is_suspended,
          a_value_stays_good_while_its_body_drives_generators_by_hand,
          driven_by_hand_what_is_done_does_not_suspend_and_what_is_pending_is_yielded,
          a_destructor_that_drives_a_generator_takes_nothing_from_what_is_returned,
          a_scope_in_a_frame_that_is_driven_by_hand_goes_with_the_frame,
          one_that_is_not_closed_expires_its_task_and_may_go_after_it)
