/* check_queue_cancel.c - queues: a cancel loses no item, and takes no slot. */
#include <errno.h>

#include "support/queue_bodies.h"

/* ---- get ---- */

/* 177 */
RULE(cancelled_getters_are_skipped_and_forgotten)
{
    weft_queue *queue = weft_queue_new(loop, .size = 5);
    weft_task *tasks[4];
    static const char *const names[] = {"a", "b", "c", "d"};

    for (int i = 0; i < 4; i++)
        tasks[i] = start_get(names[i], queue);
    run_rounds(1);
    weft_future_cancel(tasks[0], NULL);
    weft_future_cancel(tasks[2], NULL);
    put_number(queue, 1);
    put_number(queue, 2);
    put_number(queue, 3);
    ck_assert_uint_eq(weft_queue_count(queue), 1);
    run_all();
    ck_assert_str_eq(trace(), "a!WEFT_ECANCELLED c!WEFT_ECANCELLED b=1 d=2");
    for (int i = 0; i < 4; i++)
        weft_future_unref(tasks[i]);
    weft_queue_unref(queue);
}
END_RULE

/* 178 */
RULE(a_put_after_the_cancel_in_one_tick_stays_in_the_queue)
{
    weft_queue *queue = weft_queue_new(loop, .size = 5);
    weft_task *task = start_get("a", queue);
    void *item;

    run_rounds(1);
    weft_future_cancel(task, NULL);
    put_number(queue, 1);
    run_all();
    ck_assert_str_eq(trace(), "a!WEFT_ECANCELLED");
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    weft_future_unref(task);
    weft_queue_unref(queue);
}
END_RULE

/* 178, 51 */
RULE(a_cancel_after_the_put_in_one_tick_comes_after_the_item)
{
    weft_queue *queue = weft_queue_new(loop, .size = 5);
    weft_task *task = start_get("a", queue);
    weft_task *macro = weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 2));

    run_rounds(1);
    put_number(queue, 1);
    put_number(queue, 2);
    weft_future_cancel(task, NULL);
    weft_future_cancel(macro, NULL);
    run_all();
    ck_assert_str_eq(trace(), "a=1 g2 g!WEFT_ECANCELLED");
    ck_assert(weft_future_is_cancelled(task)); /* it did not await again */
    weft_future_unref(task);
    weft_future_unref(macro);
    weft_queue_unref(queue);
}
END_RULE

/* 177, 178: the macro's waiter is used again, also after a cancel */
RULE(a_get_that_was_cancelled_can_be_followed_by_another)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);

    for (int i = 0; i < 3; i++) {
        weft_task *task = weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 1));

        run_rounds(1);
        weft_future_cancel(task, NULL);
        run_all();
        weft_future_unref(task);
        task = weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 2));
        weft_future_unref(weft_task_new(loop, WEFT_CALL(put_many, .queue = queue, .n = 2)));
        run_all();
        weft_future_unref(task);
    }
    ck_assert_str_eq(trace(), "g!WEFT_ECANCELLED put g1 g2 got g!WEFT_ECANCELLED put g1 g2 got "
                              "g!WEFT_ECANCELLED put g1 g2 got");
    weft_queue_unref(queue);
}
END_RULE

/* Waits for an item, with a limit in time: "name=1" or "name!ENAME". */
struct patient {
    weft_gen gen;
    const char *name;
    weft_queue *queue;
    double seconds;
};

static weft_step patient(void *frame)
{
    struct patient *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_wait_for(weft_queue_get(f->queue), f->seconds));
    if (weft_failed(f))
        say("%s!%s", f->name, weft_errname(weft_failed(f)));
    else
        say("%s=%d", f->name, (int)weft_int(weft_take(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(patient);

static void put_1(void *queue)
{
    ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(1)), 0);
}

/* 128, 239: before, at, and after the deadline; at the deadline whichever was asked for first wins */
RULE(wait_for_a_get_never_loses_an_item)
{
    static const double times[] = {0.5, 1, 1.5};

    for (int way = 0; way < 6; way++) {
        weft_queue *queue = weft_queue_new(loop, .size = 5);
        double at = times[way / 2];
        size_t left;

        if (way % 2) /* the put's timer comes first */
            weft_call_later(loop, at, put_1, queue, NULL);
        weft_future_unref(
            weft_task_new(loop, WEFT_CALL(patient, .name = "a", .queue = queue, .seconds = 1)));
        run_rounds(1);
        if (way % 2 == 0)
            weft_call_later(loop, at, put_1, queue, NULL);
        run_all();
        left = weft_queue_count(queue);
        say("%d", (int)left);
        weft_queue_unref(queue);
    }
    ck_assert_str_eq(trace(), "a=1 0 a=1 0 a!WEFT_ETIMEDOUT 1 a=1 0 a!WEFT_ETIMEDOUT 1 "
                              "a!WEFT_ETIMEDOUT 1");
}
END_RULE

/* 128 */
RULE(wait_for_a_get_with_no_time_takes_what_is_there)
{
    weft_queue *queue = weft_queue_new(loop, .size = 5);

    put_number(queue, 7);
    weft_future_unref(
        weft_task_new(loop, WEFT_CALL(patient, .name = "a", .queue = queue, .seconds = 0)));
    weft_future_unref(
        weft_task_new(loop, WEFT_CALL(patient, .name = "b", .queue = queue, .seconds = 0)));
    run_all();
    ck_assert_str_eq(trace(), "a=7 b!WEFT_ETIMEDOUT");
    put_number(queue, 8); /* nobody waits any more */
    ck_assert_uint_eq(weft_queue_count(queue), 1);
    weft_queue_unref(queue);
}
END_RULE

/* ---- put ---- */

/* 179 */
RULE(a_cancelled_put_has_put_nothing_and_its_slot_is_not_lost)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    weft_task *cancelled;
    void *item;

    weft_future_unref(start_put_owned("a", queue, 1));
    cancelled = start_put_owned("b", queue, 2);
    weft_future_unref(start_put_owned("c", queue, 3));
    run_rounds(1);
    weft_future_cancel(cancelled, NULL);
    run_all();
    ck_assert_str_eq(trace(), "a. d2 b!WEFT_ECANCELLED");
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    destroy(item);
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    destroy(item);
    ck_assert_uint_eq(weft_queue_count(queue), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), WEFT_EINVALIDSTATE);
    run_all();
    ck_assert_str_eq(trace(), "a. d2 b!WEFT_ECANCELLED d1 d3 c.");
    weft_future_unref(cancelled);
    weft_queue_unref(queue);
}
END_RULE

/* 179, 51 */
RULE(a_cancel_after_the_item_was_let_in_comes_after_the_put)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    weft_task *task;
    void *item;

    weft_future_unref(start_put_owned("a", queue, 1));
    task = start_put_owned("b", queue, 2);
    run_rounds(1);
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    destroy(item);
    weft_future_cancel(task, NULL);
    run_all();
    ck_assert_str_eq(trace(), "a. d1 b.");
    ck_assert_uint_eq(weft_queue_count(queue), 1);
    weft_future_unref(task);
    weft_queue_unref(queue);
    ck_assert_str_eq(trace(), "a. d1 b. d2");
}
END_RULE

/* 179, 182: a cancel runs no user code inline; who learns of it finds the item destroyed */
RULE(the_item_of_a_cancelled_put_is_destroyed_in_the_next_round)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    weft_future *put;

    weft_future_unref(weft_queue_put(queue, make(1)));
    put = weft_queue_put(queue, make(2));
    weft_future_unref(start_waiter("w", weft_future_ref(put)));
    run_rounds(1);
    ck_assert(weft_future_cancel(put, "enough"));
    ck_assert(weft_future_is_cancelled(put));
    ck_assert_str_eq(weft_future_cancel_reason(put), "enough");
    ck_assert_str_eq(trace(), "");
    run_all();
    ck_assert_str_eq(trace(), "d2 w!WEFT_ECANCELLED");
    ck_assert(!weft_future_cancel(put, NULL));
    weft_future_unref(put);
    weft_queue_unref(queue);
    ck_assert_str_eq(trace(), "d2 w!WEFT_ECANCELLED d1");
}
END_RULE

/* 179, 182: and if there is no next round */
RULE(the_item_of_a_cancelled_put_is_destroyed_when_the_loop_is_closed)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    weft_future *put, *late;

    weft_future_unref(weft_queue_put(queue, make(1)));
    put = weft_queue_put(queue, make(2));
    late = weft_queue_put(queue, make(3));
    weft_future_cancel(put, NULL);
    weft_future_unref(put);
    weft_queue_unref(queue);
    ck_assert_str_eq(trace(), "d3 d1");
    ck_assert_int_eq(weft_future_error(late), WEFT_EABANDONED);
    weft_future_unref(late);
    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_str_eq(trace(), "d3 d1 d2");
}
END_RULE

RUN_SUITE("queue_cancel", cancelled_getters_are_skipped_and_forgotten,
          a_put_after_the_cancel_in_one_tick_stays_in_the_queue,
          a_cancel_after_the_put_in_one_tick_comes_after_the_item,
          a_get_that_was_cancelled_can_be_followed_by_another, wait_for_a_get_never_loses_an_item,
          wait_for_a_get_with_no_time_takes_what_is_there,
          a_cancelled_put_has_put_nothing_and_its_slot_is_not_lost,
          a_cancel_after_the_item_was_let_in_comes_after_the_put,
          the_item_of_a_cancelled_put_is_destroyed_in_the_next_round,
          the_item_of_a_cancelled_put_is_destroyed_when_the_loop_is_closed)
