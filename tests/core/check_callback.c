/* check_callback.c - done callbacks, several waiters, and chained futures. */
#include <errno.h>

#include "support/harness.h"

/* Says its name, and carries what a callback needs for doing more. */
struct doer {
    const char *name;
    weft_future *future;
    struct doer *other;
    weft_done_cb *cb;
};

static void doer_says(weft_future *future, void *arg)
{
    struct doer *doer = arg;

    (void)future;
    say("%s", doer->name);
}

static void doer_adds(weft_future *future, void *arg)
{
    struct doer *doer = arg;

    say("%s", doer->name);
    ck_assert_int_eq(weft_future_add_done_callback(future, doer_says, doer->other), 0);
}

static void doer_removes(weft_future *future, void *arg)
{
    struct doer *doer = arg;

    say("%s", doer->name);
    say("%d", weft_future_remove_done_callback(future, doer->other->cb, doer->other));
}

static void doer_drops(weft_future *future, void *arg)
{
    struct doer *doer = arg;

    ck_assert_ptr_eq(future, doer->future);
    weft_future_unref(doer->future);
    doer->future = NULL;
    say("%s", doer->name);
}

static void add_words(weft_future *future, const char *const *words)
{
    for (; *words; words++)
        ck_assert_int_eq(weft_future_add_done_callback(future, say_done, (void *)*words), 0);
}

/* ---- queued, counted, removed ---- */

/* 9 */
RULE(a_callback_added_to_a_done_future_is_queued_and_never_run_inline)
{
    weft_future *f = weft_future_new_done(loop, NULL);

    add_words(f, (const char *const[]){"a", "b", NULL});
    say("added");
    run_rounds(1);
    say("round");
    ck_assert_str_eq(trace(), "added a b round");
    weft_future_unref(f);
}
END_RULE

/* 10 */
RULE(the_same_callback_may_be_added_twice_and_runs_twice)
{
    static char a[] = "a";
    weft_future *f = weft_future_new(loop);

    ck_assert_int_eq(weft_future_add_done_callback(f, say_done, a), 0);
    ck_assert_int_eq(weft_future_add_done_callback(f, say_done, a), 0);
    ck_assert_int_eq(weft_future_set_int(f, 1), 0);
    run_all();
    ck_assert_str_eq(trace(), "a a");
    weft_future_unref(f);
}
END_RULE

/* 10 */
RULE(remove_takes_out_every_equal_pair_and_says_how_many)
{
    static char a[] = "a", b[] = "b";
    weft_future *f = weft_future_new(loop);
    char *order[] = {a, b, a, b, a};

    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(weft_future_add_done_callback(f, say_done, order[i]), 0);
    ck_assert_int_eq(weft_future_remove_done_callback(f, say_done, a), 3);
    ck_assert_int_eq(weft_future_remove_done_callback(f, say_done, a), 0);
    ck_assert_int_eq(weft_future_set_int(f, 1), 0);
    run_all();
    ck_assert_str_eq(trace(), "b b");
    weft_future_unref(f);
}
END_RULE

/* 11 */
RULE(a_callback_that_adds_one_does_not_disturb_the_others)
{
    struct doer late = {.name = "late"}, adds = {.name = "adds", .other = &late};
    weft_future *f = weft_future_new(loop);

    add_words(f, (const char *const[]){"a", NULL});
    ck_assert_int_eq(weft_future_add_done_callback(f, doer_adds, &adds), 0);
    add_words(f, (const char *const[]){"b", "c", NULL});
    ck_assert_int_eq(weft_future_set_int(f, 1), 0);
    run_rounds(1);
    say("round");
    run_rounds(1);
    ck_assert_str_eq(trace(), "a adds b c round late");
    weft_future_unref(f);
}
END_RULE

/* 11, 12 */
RULE(a_callback_that_removes_one_does_not_disturb_the_others)
{
    struct doer victim = {.name = "victim", .cb = doer_says};
    struct doer removes = {.name = "removes", .other = &victim};
    weft_future *f = weft_future_new(loop);

    add_words(f, (const char *const[]){"a", NULL});
    ck_assert_int_eq(weft_future_add_done_callback(f, doer_removes, &removes), 0);
    ck_assert_int_eq(weft_future_add_done_callback(f, doer_says, &victim), 0);
    add_words(f, (const char *const[]){"b", NULL});
    ck_assert_int_eq(weft_future_add_done_callback(f, doer_says, &victim), 0);
    add_words(f, (const char *const[]){"c", NULL});
    ck_assert_int_eq(weft_future_set_int(f, 1), 0);
    run_all();
    ck_assert_str_eq(trace(), "a removes 2 b c");
    weft_future_unref(f);
}
END_RULE

/* 11 */
RULE(a_callback_that_removes_itself_finds_nothing_left_of_it)
{
    struct doer self = {.name = "self", .cb = doer_removes};
    weft_future *f = weft_future_new(loop);

    self.other = &self;
    ck_assert_int_eq(weft_future_add_done_callback(f, doer_removes, &self), 0);
    add_words(f, (const char *const[]){"a", NULL});
    ck_assert_int_eq(weft_future_set_int(f, 1), 0);
    run_all();
    ck_assert_str_eq(trace(), "self 0 a");
    weft_future_unref(f);
}
END_RULE

/* 12 [D] arg may be freed next */
RULE(a_removed_callback_does_not_run_even_if_it_was_queued)
{
    static char a[] = "a";
    weft_future *f = weft_future_new(loop);

    ck_assert_int_eq(weft_future_add_done_callback(f, say_done, a), 0);
    add_words(f, (const char *const[]){"b", NULL});
    ck_assert_int_eq(weft_future_set_int(f, 1), 0);
    ck_assert_int_eq(weft_future_remove_done_callback(f, say_done, a), 1);
    run_all();
    ck_assert_str_eq(trace(), "b");
    weft_future_unref(f);
}
END_RULE

/* 13 */
RULE(a_callback_may_drop_the_last_reference_to_its_future)
{
    struct doer drops = {.name = "drops"};
    weft_live live;

    drops.future = weft_future_new(loop);
    ck_assert_int_eq(weft_future_add_done_callback(drops.future, doer_drops, &drops), 0);
    add_words(drops.future, (const char *const[]){"after", NULL});
    ck_assert_int_eq(weft_future_set_int(drops.future, 1), 0);
    run_all();
    ck_assert_str_eq(trace(), "drops after");
    weft_testing_live(&live);
    ck_assert_int_eq(live.futures, 0);
}
END_RULE

/* ---- waiters ---- */

struct two {
    weft_gen gen;
    weft_future *first, *second;
};

static weft_step two(void *frame)
{
    struct two *f = frame;

    WEFT_BEGIN(f);
    say("start");
    WEFT_AWAIT(f, f->first);
    say("%d", (int)weft_sent_int(f));
    WEFT_AWAIT(f, f->second);
    say("%d", (int)weft_sent_int(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(two);

/* 17 */
RULE(awaiting_a_done_future_goes_on_in_the_same_step)
{
    weft_task *task = weft_task_new(
        loop, WEFT_CALL(two, .first = weft_future_new_done(loop, weft_from_int(1)),
                        .second = weft_future_new_done(loop, weft_from_int(2))));

    ck_assert_int_eq(weft_call_soon(loop, say_call, "other", NULL), 0);
    run_rounds(1);
    ck_assert_str_eq(trace(), "start 1 2 other");
    ck_assert(weft_future_is_done(task));
    weft_future_unref(task);
}
END_RULE

/* 18 */
RULE(several_tasks_that_await_one_future_wake_in_the_order_they_came)
{
    weft_future *f = weft_future_new(loop);
    const char *const names[] = {"a", "b", "c", "d"};

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(
            weft_spawn(loop, WEFT_CALL(waiter, .name = names[i], .future = weft_future_ref(f))), 0);
    run_rounds(1);
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(weft_future_set_int(f, 7), 0);
    run_rounds(1);
    ck_assert_str_eq(trace(), "a=7 b=7 c=7 d=7");
    weft_future_unref(f);
}
END_RULE

/* ---- chains ---- */

static weft_future *source, *target;

static void chained(void)
{
    source = weft_future_new(loop);
    target = weft_future_new(loop);
    ck_assert_int_eq(weft_future_chain(source, target), 0);
}

static void unchained(void)
{
    run_all();
    weft_future_unref(source);
    weft_future_unref(target);
}

/* 21 */
RULE(a_chain_copies_the_result_forward)
{
    void *value;

    chained();
    ck_assert_int_eq(weft_future_set_int(source, 5), 0);
    ck_assert(!weft_future_is_done(target));
    run_all();
    ck_assert_int_eq(weft_future_result(target, &value), 0);
    ck_assert_int_eq(weft_int(value), 5);
    unchained();
}
END_RULE

/* 21 */
RULE(a_chain_copies_the_error_forward)
{
    chained();
    ck_assert_int_eq(weft_future_set_error(source, -EIO), 0);
    run_all();
    ck_assert_int_eq(weft_future_error(target), -EIO);
    unchained();
}
END_RULE

/* 21 */
RULE(a_chain_copies_a_cancel_and_its_reason_forward)
{
    chained();
    ck_assert(weft_future_cancel(source, "forward"));
    run_all();
    ck_assert(weft_future_is_cancelled(target));
    ck_assert_str_eq(weft_future_cancel_reason(target), "forward");
    unchained();
}
END_RULE

/* 21 */
RULE(a_chain_copies_a_cancel_and_its_reason_backward)
{
    chained();
    ck_assert(weft_future_cancel(target, "backward"));
    ck_assert(!weft_future_is_done(source));
    run_all();
    ck_assert(weft_future_is_cancelled(source));
    ck_assert_str_eq(weft_future_cancel_reason(source), "backward");
    unchained();
}
END_RULE

/* 21 */
RULE(a_chain_never_carries_a_result_backward)
{
    chained();
    ck_assert_int_eq(weft_future_set_int(target, 1), 0);
    run_all();
    ck_assert(!weft_future_is_done(source));
    ck_assert_int_eq(weft_future_set_error(source, -EIO), 0); /* too late: ignored, not reported */
    unchained();
}
END_RULE

/* 21 */
RULE(a_chain_ignores_what_comes_late)
{
    void *value;

    chained();
    ck_assert_int_eq(weft_future_set_int(source, 1), 0);
    ck_assert_int_eq(weft_future_set_int(target, 2), 0);
    run_all();
    ck_assert_int_eq(weft_future_result(target, &value), 0);
    ck_assert_int_eq(weft_int(value), 2);
    ck_assert_int_eq(weft_future_result(source, &value), 0);
    ck_assert_int_eq(weft_int(value), 1);
    unchained();
}
END_RULE

static void say_destroyed(void *value)
{
    say("destroyed-%s", (const char *)value);
}

/* 21, 22 */
RULE(a_chain_moves_a_value_that_has_a_destructor)
{
    static char v[] = "v";

    chained();
    ck_assert_int_eq(weft_future_set_owned(source, v, say_destroyed), 0);
    run_all();
    weft_future_unref(source);
    source = NULL;
    say("kept");
    unchained();
    ck_assert_str_eq(trace(), "kept destroyed-v");
}
END_RULE

/* 19, 21 */
RULE(a_chain_of_two_loops_is_refused)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *theirs = weft_future_new(other), *ours = weft_future_new(loop);

    ck_assert_int_eq(weft_future_chain(theirs, ours), WEFT_EOTHERLOOP);
    weft_future_unref(ours);
    weft_future_unref(theirs);
    weft_loop_unref(other);
}
END_RULE

/* That they were abandoned may be told. */
static void hush(weft_loop *where, const weft_report *report, void *arg)
{
    (void)where, (void)report, (void)arg;
}

/* 21, 22 */
RULE(two_chained_pending_futures_at_loop_close_leak_nothing)
{
    for (int order = 0; order < 2; order++) {
        weft_loop *mine = weft_loop_new(NULL);
        weft_future *pair[2] = {weft_future_new(mine), weft_future_new(mine)};
        weft_live live;

        weft_loop_set_exception_handler(mine, hush, NULL);
        ck_assert_int_eq(weft_future_chain(pair[0], pair[1]), 0);
        ck_assert_int_eq(weft_loop_close(mine), 0);
        weft_future_unref(pair[order]);
        weft_future_unref(pair[1 - order]);
        weft_loop_unref(mine);
        weft_testing_live(&live);
        ck_assert_int_eq(live.futures, 0);
        ck_assert_int_eq(live.loops, 1);
    }
}
END_RULE

RUN_SUITE("callback", a_callback_added_to_a_done_future_is_queued_and_never_run_inline,
          the_same_callback_may_be_added_twice_and_runs_twice,
          remove_takes_out_every_equal_pair_and_says_how_many,
          a_callback_that_adds_one_does_not_disturb_the_others,
          a_callback_that_removes_one_does_not_disturb_the_others,
          a_callback_that_removes_itself_finds_nothing_left_of_it,
          a_removed_callback_does_not_run_even_if_it_was_queued,
          a_callback_may_drop_the_last_reference_to_its_future,
          awaiting_a_done_future_goes_on_in_the_same_step,
          several_tasks_that_await_one_future_wake_in_the_order_they_came,
          a_chain_copies_the_result_forward, a_chain_copies_the_error_forward,
          a_chain_copies_a_cancel_and_its_reason_forward,
          a_chain_copies_a_cancel_and_its_reason_backward, a_chain_never_carries_a_result_backward,
          a_chain_ignores_what_comes_late, a_chain_moves_a_value_that_has_a_destructor,
          a_chain_of_two_loops_is_refused, two_chained_pending_futures_at_loop_close_leak_nothing)
