/* check_queue_await.c - queues: put and get as bodies await them, with the macros. */
#include "support/queue_bodies.h"

/* ---- without waiting ---- */

struct greedy {
    weft_gen gen;
    weft_queue *queue;
    int count, pass;
    bool puts, cancels;
    weft_scope scope;
};

/* Takes (or puts) as much as there is (room for). */
static weft_step greedy(void *frame)
{
    struct greedy *f = frame;

    WEFT_BEGIN(f);
    if (f->cancels)
        weft_future_cancel(weft_current_task(), NULL);
    for (;; f->count++)
        if (f->puts)
            WEFT_PUT(f, f->queue, make(f->count));
        else
            WEFT_GET(f, f->queue);
    WEFT_END(f);
}

static int greedy_count;

static void greedy_cleanup(void *frame)
{
    greedy_count = ((struct greedy *)frame)->count;
}
WEFT_GEN_TYPE(greedy, .cleanup = greedy_cleanup);

/* 176, 178, 179: a task that never waits can be cancelled all the same, and nothing is lost by that */
RULE(bodies_that_need_not_wait_give_way_and_can_be_cancelled)
{
    weft_queue *queue = weft_queue_new(loop, .size = 500, .destroy = destroy);
    weft_task *task = weft_task_new(
        loop, WEFT_CALL(greedy, .queue = queue, .puts = true, .cancels = true));

    run_rounds(1);
    weft_future_unref(start_waiter("other", weft_future_new_done(loop, NULL)));
    run_rounds(1);
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(task);
    ck_assert_int_gt(greedy_count, 10);
    ck_assert_int_lt(greedy_count, 100);
    ck_assert_uint_eq(weft_queue_count(queue), (size_t)greedy_count);
    ck_assert_str_eq(trace(), "d64 other=0"); /* it was not put */
    weft_queue_unref(queue);

    queue = weft_queue_new(loop, .size = 500);
    for (int i = 0; i < 200; i++)
        put_number(queue, i);
    task = weft_task_new(loop, WEFT_CALL(greedy, .queue = queue, .cancels = true));
    run_rounds(2);
    ck_assert(weft_future_is_cancelled(task));
    ck_assert_int_gt(greedy_count, 10);
    ck_assert_uint_eq(weft_queue_count(queue), 200 - (size_t)greedy_count);
    weft_future_unref(task);
    weft_queue_unref(queue);
}
END_RULE

/* 176 */
RULE(bodies_that_need_not_wait_let_others_run)
{
    weft_queue *queue = weft_queue_new(loop, .size = WEFT_UNBOUNDED);

    weft_future_unref(weft_task_new(loop, WEFT_CALL(put_many, .queue = queue, .n = 200)));
    weft_future_unref(start_waiter("other", weft_future_new_done(loop, NULL)));
    run_all();
    ck_assert_str_eq(trace(), "other=0 put");
    ck_assert_uint_eq(weft_queue_count(queue), 200);
    weft_queue_unref(queue);
}
END_RULE

/* 176: a body that gets gives way, too, in whatever order; and a put into a store that has grown */
RULE(bodies_that_only_get_or_only_put_give_way)
{
    for (int order = WEFT_FIFO; order <= WEFT_PRIORITY; order++) {
        weft_queue *queue = weft_queue_new(loop, .size = 500, .order = (enum weft_queue_order)order,
                                           .before = less);
        weft_task *task;

        for (int i = 0; i < 200; i++)
            put_number(queue, i);
        task = weft_task_new(loop, WEFT_CALL(greedy, .queue = queue));
        run_rounds(1);
        ck_assert_uint_gt(weft_queue_count(queue), 100);
        ck_assert_uint_lt(weft_queue_count(queue), 190);
        weft_future_cancel(task, NULL);
        weft_future_unref(task);
        run_all();
        for (void *item; weft_queue_get_nowait(queue, &item) == 0;)
            ;
        task = weft_task_new(loop, WEFT_CALL(put_many, .queue = queue, .n = 200));
        run_rounds(1);
        ck_assert_uint_gt(weft_queue_count(queue), 10);
        ck_assert_uint_lt(weft_queue_count(queue), 100);
        weft_future_cancel(task, NULL);
        weft_future_unref(task);
        run_all();
        weft_queue_unref(queue);
    }
}
END_RULE

/* Puts three; says what each brings, after something that brought 7. */
struct bringer {
    weft_gen gen;
    weft_queue *queue;
    int i;
};

static weft_step bringer(void *frame)
{
    struct bringer *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < 3; f->i++) {
        WEFT_AWAIT(f, weft_future_new_done(NULL, weft_from_int(7)));
        WEFT_PUT(f, f->queue, weft_from_int(f->i));
        say("%d", (int)weft_sent_int(f));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(bringer);

/* 180: what a body puts counts as unfinished, whether or not the store must grow; a put brings nothing */
RULE(each_put_of_a_body_is_one_that_is_unfinished)
{
    weft_queue *queue = weft_queue_new(loop, .size = 5);

    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(bringer, .queue = queue)), NULL), 0);
    ck_assert_str_eq(trace(), "0 0 0");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), WEFT_EINVALIDSTATE);
    weft_queue_unref(queue);
}
END_RULE

/* In a level-triggered scope that has been cancelled: gets, and puts. */
struct leveled {
    weft_gen gen;
    weft_queue *queue;
    weft_scope scope;
    weft_outcome outcome;
};

static weft_step leveled(void *frame)
{
    struct leveled *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 1, WEFT_SCOPE_LEVEL), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 5));
    say("%s", weft_errname(weft_failed(f)));
    if (weft_queue_count(f->queue) == 0)
        WEFT_PUT(f, f->queue, make(1));
    else
        WEFT_GET(f, f->queue);
    say("not reached");
    WEFT_FINALLY(f);
    say("%s", weft_errname(weft_scope_exit(&f->scope, f->outcome.error)));
    weft_outcome_replace(&f->outcome, 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(leveled);

/* 178, 179: every await inside fails, also one that need not wait; and then nothing was put or got */
RULE(in_a_cancelled_level_scope_nothing_is_put_or_got)
{
    weft_queue *queue = weft_queue_new(loop, .size = 5, .destroy = destroy);

    weft_future_unref(weft_task_new(loop, WEFT_CALL(leveled, .queue = queue)));
    run_all();
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED d1 WEFT_ETIMEDOUT");
    weft_future_unref(weft_queue_put(queue, make(2)));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(leveled, .queue = queue)));
    run_all();
    ck_assert_uint_eq(weft_queue_count(queue), 1);
    weft_queue_unref(queue);
}
END_RULE

/* ---- by hand ---- */

/* 176: a generator that is driven by hand yields the futures */
RULE(a_generator_that_is_driven_by_hand_has_what_is_there_and_yields_when_it_would_wait)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);
    weft_gen *gen = WEFT_CALL(get_many, .queue = queue, .n = 2);
    void *future;

    put_number(queue, 1);
    ck_assert_int_eq(weft_gen_send(gen, NULL, &future), 1);
    ck_assert_str_eq(trace(), "g1");
    ck_assert(!weft_future_is_done(future));
    weft_future_unref(future);
    put_number(queue, 2); /* nobody waits for it */
    ck_assert_uint_eq(weft_queue_count(queue), 1);
    ck_assert_int_eq(weft_gen_close(gen), 0);
    ck_assert_str_eq(trace(), "g1 g!WEFT_EGENEXIT");
    weft_queue_unref(queue);
}
END_RULE

/* Drives a get by hand until it waits, drops what it waits for, and does the same once more. */
struct driver {
    weft_gen gen;
    weft_queue *queue;
};

static weft_step driver(void *frame)
{
    struct driver *f = frame;
    void *future;

    WEFT_BEGIN(f);
    for (int i = 0; i < 2; i++) {
        weft_gen *gen = WEFT_CALL(get_many, .queue = f->queue, .n = 1);

        ck_assert_int_eq(weft_gen_send(gen, NULL, &future), 1);
        ck_assert(!weft_future_is_done(future));
        weft_future_unref(future);
        ck_assert_int_eq(weft_gen_close(gen), 0);
    }
    put_number(f->queue, 1);
    ck_assert_uint_eq(weft_queue_count(f->queue), 1);
    WEFT_END(f);
}
WEFT_GEN_TYPE(driver);

/* 176, 177: also within a task, whose waiter it is not */
RULE(a_get_that_a_task_drives_by_hand_leaves_when_its_future_is_dropped)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);
    weft_task *task = weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 1));

    run_rounds(1);
    put_number(queue, 5);
    run_all(); /* the queue keeps that waiter */
    weft_future_unref(task);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(driver, .queue = queue)), NULL), 0);
    ck_assert_str_eq(trace(), "g5 got g!WEFT_EGENEXIT g!WEFT_EGENEXIT");
    weft_queue_unref(queue);
}
END_RULE

/* ---- the waiter that is used again ---- */

/* 176, 177 */
RULE(a_waiter_that_is_used_again_can_be_abandoned)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    weft_queue *full = weft_queue_new(loop, .size = 1, .destroy = destroy);
    void *item;

    weft_future_unref(weft_task_new(loop, WEFT_CALL(take_some, .queue = queue, .n = 3)));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(put_some, .queue = full, .n = 5)));
    for (int i = 0; i < 2; i++) {
        run_rounds(1);
        weft_future_unref(weft_queue_put(queue, make(7)));
        ck_assert_int_eq(weft_queue_get_nowait(full, &item), 0);
        destroy(item);
    }
    run_rounds(1);
    weft_queue_unref(queue);
    weft_queue_unref(full);
    run_all();
    ck_assert_str_eq(trace(), "d1 d7 d2 d7 d4 d3 WEFT_EABANDONED WEFT_EABANDONED");
}
END_RULE

/* 177: several wait, and the queue keeps one of the waiters */
RULE(many_bodies_that_wait_again_and_again_are_served_in_order)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);

    for (int i = 0; i < 3; i++)
        weft_future_unref(weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 3)));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(put_many, .queue = queue, .n = 9)));
    run_all();
    ck_assert_str_eq(trace(), "g1 g4 g5 got g2 g3 g6 g8 got g7 g9 got put");
    weft_queue_unref(queue);
}
END_RULE

/* 177 */
RULE(a_waiter_that_somebody_else_holds_is_not_used_again)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);
    weft_task *task = weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 3));
    weft_future *held;

    run_rounds(1);
    held = weft_future_ref(weft_task_awaiting(task));
    put_number(queue, 1);
    run_rounds(1);
    ck_assert(weft_future_is_done(held));
    ck_assert_ptr_ne(weft_task_awaiting(task), held);
    put_number(queue, 2);
    put_number(queue, 3);
    run_all();
    ck_assert_str_eq(trace(), "g1 g2 g3 got");
    ck_assert_int_eq(weft_future_error(held), 0);
    weft_future_unref(held);
    weft_future_unref(task);
    weft_queue_unref(queue);
}
END_RULE

/* The explicit form, three times, and does not take what it gets: "saw1". */
struct forgetful {
    weft_gen gen;
    weft_queue *queue;
};

static weft_step forgetful(void *frame)
{
    struct forgetful *f = frame;

    if (f->gen.state > 0 && !f->gen.error)
        say("saw%d", *(int *)f->gen.value);
    if (f->gen.error || f->gen.state == 3)
        return weft_return(&f->gen, NULL);
    f->gen.state++;
    return weft_queue_await_get(&f->gen, f->queue);
}
WEFT_GEN_TYPE(forgetful);

/* 182: what it waited for, and did not take, is destroyed at its next suspension or its end */
RULE(an_item_that_a_body_waited_for_and_did_not_take_is_destroyed)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);

    weft_future_unref(weft_task_new(loop, WEFT_CALL(forgetful, .queue = queue)));
    for (int i = 1; i <= 3; i++) {
        run_rounds(1);
        weft_future_unref(weft_queue_put(queue, make(i)));
    }
    run_all();
    weft_queue_unref(queue); /* the queue keeps the last waiter */
    ck_assert_str_eq(trace(), "saw1 d1 saw2 d2 saw3 d3");
}
END_RULE

/* ---- errors ---- */

/* Awaits a failure, and then puts and gets at once; puts, or gets, after a shutdown. */
struct failing {
    weft_gen gen;
    weft_queue *queue;
    bool ends;
    weft_outcome outcome;
};

static weft_step failing(void *frame)
{
    struct failing *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    if (!f->ends) {
        WEFT_TRY_AWAIT(f, weft_future_new_failed(NULL, WEFT_EOVERRUN));
        WEFT_PUT(f, f->queue, make(1));
        WEFT_TRY_AWAIT(f, weft_future_new_failed(NULL, WEFT_EOVERRUN));
        WEFT_GET(f, f->queue);
        destroy(weft_sent(f));
        weft_queue_shutdown(f->queue, false);
    }
    if (f->ends)
        WEFT_GET(f, f->queue);
    else
        WEFT_PUT(f, f->queue, make(2));
    say("not reached");
    WEFT_FINALLY(f);
    say("%s", weft_errname(f->outcome.error));
    weft_outcome_replace(&f->outcome, 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(failing);

/* 176, 181: an earlier error is not theirs; after a shutdown they fail, also where there is room */
RULE(bodies_see_the_shutdown_and_no_error_that_was_before)
{
    for (int order = WEFT_FIFO; order <= WEFT_PRIORITY; order++) {
        weft_queue *queue = weft_queue_new(loop, .size = 5, .order = (enum weft_queue_order)order,
                                           .before = less_made, .destroy = destroy);

        say("|");
        weft_future_unref(weft_task_new(loop, WEFT_CALL(take_some, .queue = queue, .n = 2)));
        run_rounds(1);
        weft_future_unref(weft_queue_put(queue, make(8)));
        weft_future_unref(weft_queue_put(queue, make(9)));
        run_all(); /* the queue has a waiter to use again */
        weft_future_unref(weft_task_new(loop, WEFT_CALL(failing, .queue = queue)));
        weft_future_unref(weft_task_new(loop, WEFT_CALL(failing, .queue = queue, .ends = true)));
        run_all();
        weft_queue_unref(queue);
    }
    ck_assert_str_eq(trace(), "| d8 d9 d1 d2 WEFT_ESHUTDOWN WEFT_ESHUTDOWN "
                              "| d8 d9 d1 d2 WEFT_ESHUTDOWN WEFT_ESHUTDOWN "
                              "| d8 d9 d1 d2 WEFT_ESHUTDOWN WEFT_ESHUTDOWN");
}
END_RULE

/* Puts what it finds into another queue without waiting, and maybe gives way each time; says at which item that was full. */
struct forwarder {
    weft_gen gen;
    weft_queue *from, *to;
    bool gives_way;
    int count;
};

static weft_step forwarder(void *frame)
{
    struct forwarder *f = frame;

    WEFT_BEGIN(f);
    while (f->count < 100) {
        WEFT_GET(f, f->from);
        if (weft_queue_put_nowait(f->to, weft_sent(f)) == WEFT_EFULL) {
            say("full:%d", f->count);
            WEFT_RETURN(f, NULL);
        }
        f->count++;
        if (f->gives_way)
            WEFT_PAUSE(f);
    }
    say("all");
    WEFT_END(f);
}
WEFT_GEN_TYPE(forwarder);

static weft_step drain(void *frame)
{
    struct forwarder *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_GET(f, f->from);
        f->count++;
    }
    WEFT_END(f);
}
static const weft_gen_type drain_type = {
    .name = "drain", .size = sizeof(struct forwarder), .resume = drain};

/* 266: a consumer that waits is not slow, but has not run yet */
RULE(who_feeds_a_small_queue_from_what_is_at_hand_gives_way_by_hand)
{
    for (int gives_way = 0; gives_way < 2; gives_way++) {
        weft_queue *from = weft_queue_new(loop, .size = 100), *to = weft_queue_new(loop, .size = 10);
        weft_task *consumer;

        for (intptr_t i = 1; i <= 100; i++)
            ck_assert_int_eq(weft_queue_put_nowait(from, weft_from_int(i)), 0);
        consumer = weft_task_new(loop, weft_gen_copy(&drain_type, &(struct forwarder){.from = to}));
        ck_assert_int_eq(
            weft_spawn(loop, WEFT_CALL(forwarder, .from = from, .to = to, .gives_way = gives_way)),
            0);
        run_all();
        ck_assert(weft_future_cancel(consumer, NULL));
        run_all();
        weft_future_unref(consumer);
        weft_queue_unref(from);
        weft_queue_unref(to);
    }
    ck_assert_str_eq(trace(),
                     "full:11 all"); /* one went straight to the getter, ten are in the queue */
}
END_RULE

RUN_SUITE("queue_await", who_feeds_a_small_queue_from_what_is_at_hand_gives_way_by_hand,
          bodies_that_need_not_wait_give_way_and_can_be_cancelled,
          bodies_that_need_not_wait_let_others_run, bodies_that_only_get_or_only_put_give_way,
          each_put_of_a_body_is_one_that_is_unfinished,
          in_a_cancelled_level_scope_nothing_is_put_or_got,
          a_generator_that_is_driven_by_hand_has_what_is_there_and_yields_when_it_would_wait,
          a_get_that_a_task_drives_by_hand_leaves_when_its_future_is_dropped,
          a_waiter_that_is_used_again_can_be_abandoned,
          many_bodies_that_wait_again_and_again_are_served_in_order,
          a_waiter_that_somebody_else_holds_is_not_used_again,
          an_item_that_a_body_waited_for_and_did_not_take_is_destroyed,
          bodies_see_the_shutdown_and_no_error_that_was_before)
