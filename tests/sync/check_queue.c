/* check_queue.c - queues: orders, waiting, nowait, join. */
#include <errno.h>

#include "support/queue_bodies.h"

/* Put numbers without waiting, and take all in their order. */
static const char *drain(weft_queue *queue)
{
    void *item;

    while (weft_queue_get_nowait(queue, &item) == 0)
        say("%d", (int)weft_int(item));
    return trace();
}

static void put_numbers(weft_queue *queue, const char *digits)
{
    for (; *digits; digits++)
        ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(*digits - '0')), 0);
}

/* ---- orders and sizes ---- */

/* 175 */
RULE(a_fifo_queue_gives_what_came_first)
{
    weft_queue *queue = weft_queue_new(loop, .size = WEFT_UNBOUNDED);

    put_numbers(queue, "3142");
    ck_assert_str_eq(drain(queue), "3 1 4 2");
    weft_queue_unref(queue);
}
END_RULE

/* 175 */
RULE(a_lifo_queue_gives_what_came_last)
{
    weft_queue *queue = weft_queue_new(loop, .size = 5, .order = WEFT_LIFO);

    put_numbers(queue, "3142");
    ck_assert_str_eq(drain(queue), "2 4 1 3");
    put_numbers(queue, "12");
    ck_assert_str_eq(drain(queue), "2 4 1 3 2 1");
    weft_queue_unref(queue);
}
END_RULE

/* 175 */
RULE(a_priority_queue_gives_the_least)
{
    weft_queue *queue = weft_queue_new(loop, .size = 20, .order = WEFT_PRIORITY, .before = less);

    put_numbers(queue, "314159265358979");
    ck_assert_str_eq(drain(queue), "1 1 2 3 3 4 5 5 5 6 7 8 9 9 9");
    weft_queue_unref(queue);
}
END_RULE

/* 175 */
RULE(equal_items_of_a_priority_queue_come_in_the_order_in_which_they_were_put)
{
    weft_queue *queue = weft_queue_new(loop, .size = WEFT_UNBOUNDED, .order = WEFT_PRIORITY,
                                       .before = less_tens);

    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(i * 7 % 4 * 100 + i)), 0);
    for (int i = 0; i < 20; i++) { /* and when some have gone meanwhile */
        void *item;

        ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    }
    for (int i = 40; i < 50; i++)
        ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(i * 7 % 4 * 100 + i)), 0);
    for (int before = -1; weft_queue_count(queue) > 0;) {
        void *item;

        ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
        ck_assert_int_lt(before, (int)weft_int(item));
        before = (int)weft_int(item);
    }
    weft_queue_unref(queue);
}
END_RULE

/* 175: against a plain array that is searched, with a fixed series of puts and gets */
RULE(a_priority_queue_agrees_with_a_search)
{
    enum { STEPS = 5000 };
    weft_queue *queue = weft_queue_new(loop, .size = WEFT_UNBOUNDED, .order = WEFT_PRIORITY,
                                       .before = less_tens);
    static int model[STEPS];
    size_t count = 0;
    unsigned x = 12345;

    for (int i = 0; i < STEPS; i++) {
        x = x * 1664525 + 1013904223;
        if (count == 0 || x >> 30) {
            model[count] = (int)(x >> 20 & 15) * 100;
            ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(model[count++])), 0);
        } else {
            size_t best = 0;
            void *item;

            for (size_t j = 1; j < count; j++)
                if (model[j] < model[best])
                    best = j;
            ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
            ck_assert_int_eq((int)weft_int(item), model[best]);
            for (count--; best < count; best++)
                model[best] = model[best + 1];
        }
        ck_assert_uint_eq(weft_queue_count(queue), count);
    }
    weft_queue_unref(queue);
}
END_RULE

/* 175 */
RULE(a_queue_grows_wherever_its_ring_begins)
{
    for (int order = WEFT_FIFO; order <= WEFT_LIFO; order++)
        for (int shift = 0; shift < 20; shift++) {
            weft_queue *queue = weft_queue_new(loop, .size = WEFT_UNBOUNDED, .order = order);
            int next = 0, expected = 0;
            void *item;

            for (; next < shift; next++)
                ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(next)), 0);
            for (; weft_queue_count(queue) > 0; expected++)
                ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
            for (; next < shift + 100; next++)
                ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(next)), 0);
            ck_assert_uint_eq(weft_queue_count(queue), 100);
            while (weft_queue_get_nowait(queue, &item) == 0)
                ck_assert_int_eq((int)weft_int(item), order == WEFT_FIFO ? expected++ : --next);
            weft_queue_unref(queue);
        }
}
END_RULE

/* 175 [D] */
RULE(a_queue_without_a_size_is_refused)
{
    weft_queue *queue = weft_queue_new(loop, .order = WEFT_LIFO);
    void *item;

    ck_assert_int_eq(weft_queue_put_nowait(queue, NULL), -EINVAL);
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), -EINVAL);
    ck_assert_int_eq(weft_queue_task_done(queue), -EINVAL);
    ck_assert_int_eq(weft_queue_shutdown(queue, true), -EINVAL);
    ck_assert_uint_eq(weft_queue_count(queue), 0);
    weft_future_unref(start_put("a", queue, 1));
    weft_future_unref(start_get("b", queue));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 1)));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(join_one, .name = "j", .queue = queue)));
    run_all();
    ck_assert_str_eq(trace(), "a!EINVAL b!EINVAL g!EINVAL j!EINVAL");
    weft_queue_unref(queue);
}
END_RULE

/* 175 */
RULE(a_priority_queue_without_an_order_and_an_unknown_order_are_refused)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .order = WEFT_PRIORITY);

    ck_assert_int_eq(weft_queue_put_nowait(queue, NULL), -EINVAL);
    weft_queue_unref(queue);
    queue = weft_queue_new(loop, .size = 1, .order = (enum weft_queue_order)7, .before = less);
    ck_assert_int_eq(weft_queue_put_nowait(queue, NULL), -EINVAL);
    weft_queue_unref(queue);
    weft_queue_unref(NULL);
}
END_RULE

/* ---- put and get ---- */

/* 176 */
RULE(nowait_says_full_and_empty)
{
    weft_queue *queue = weft_queue_new(loop, .size = 2);
    void *item = &item;

    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), WEFT_EEMPTY);
    ck_assert(!weft_queue_is_full(queue));
    put_numbers(queue, "12");
    ck_assert(weft_queue_is_full(queue));
    ck_assert_uint_eq(weft_queue_count(queue), 2);
    ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(3)), WEFT_EFULL);
    ck_assert_str_eq(drain(queue), "1 2");
    weft_queue_unref(queue);
}
END_RULE

/* 176 */
RULE(get_waits_while_it_is_empty_and_put_while_it_is_full)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);
    weft_task *getter = start_get("g", queue), *putter;

    run_all();
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(1)), 0);
    run_all();
    ck_assert_str_eq(trace(), "g=1");
    put_numbers(queue, "2");
    putter = start_put("p", queue, 3);
    run_all();
    ck_assert_str_eq(trace(), "g=1");
    ck_assert_str_eq(drain(queue), "g=1 2 3");
    run_all();
    ck_assert_str_eq(trace(), "g=1 2 3 p.");
    weft_future_unref(getter);
    weft_future_unref(putter);
    weft_queue_unref(queue);
}
END_RULE

/* 176: what need not wait does not suspend */
RULE(put_and_get_that_need_not_wait_are_done_at_once)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);
    weft_future *put = weft_queue_put(queue, weft_from_int(5));
    weft_future *get = weft_queue_get(queue);
    void *value;

    ck_assert(weft_future_is_done(put));
    ck_assert_int_eq(weft_future_result(put, &value), 0);
    ck_assert_int_eq(weft_future_result(get, &value), 0);
    ck_assert_int_eq((int)weft_int(value), 5);
    weft_future_unref(put);
    weft_future_unref(get);
    weft_queue_unref(queue);
}
END_RULE

/* 177 */
RULE(getters_are_served_first_come_first_served)
{
    weft_queue *queue = weft_queue_new(loop, .size = 10);

    weft_future_unref(start_get("a", queue));
    weft_future_unref(start_get("b", queue));
    weft_future_unref(start_get("c", queue));
    run_rounds(1);
    put_numbers(queue, "123");
    run_all();
    ck_assert_str_eq(trace(), "a=1 b=2 c=3");
    weft_queue_unref(queue);
}
END_RULE

/* 177 */
RULE(putters_are_served_first_come_first_served)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);

    put_numbers(queue, "0");
    weft_future_unref(start_put("a", queue, 1));
    weft_future_unref(start_put("b", queue, 2));
    weft_future_unref(start_put("c", queue, 3));
    run_rounds(1);
    ck_assert_str_eq(drain(queue), "0 1 2 3");
    run_all();
    ck_assert_str_eq(trace(), "0 1 2 3 a. b. c.");
    weft_queue_unref(queue);
}
END_RULE

/* 177: a get that made room has let the first putter in */
RULE(a_newcomer_does_not_pass_a_putter_that_waits)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);
    void *item;

    put_numbers(queue, "0");
    weft_future_unref(start_put("a", queue, 1));
    run_rounds(1);
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(2)), WEFT_EFULL);
    ck_assert_str_eq(drain(queue), "1");
    run_all();
    weft_queue_unref(queue);
}
END_RULE

/* 177: a put that has a getter has served it */
RULE(a_newcomer_does_not_pass_a_getter_that_waits)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);
    void *item;

    weft_future_unref(start_get("a", queue));
    run_rounds(1);
    put_numbers(queue, "1");
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), WEFT_EEMPTY);
    run_all();
    ck_assert_str_eq(trace(), "a=1");
    weft_queue_unref(queue);
}
END_RULE

/* 175, 177: a get takes the best of what is there; then the putter's item comes in */
RULE(a_putter_that_waits_enters_after_the_get_has_taken)
{
    weft_queue *queue = weft_queue_new(loop, .size = 2, .order = WEFT_PRIORITY, .before = less);
    weft_queue *stack = weft_queue_new(loop, .size = 2, .order = WEFT_LIFO);

    put_numbers(queue, "95");
    weft_future_unref(start_put("a", queue, 1));
    put_numbers(stack, "12");
    weft_future_unref(start_put("b", stack, 3));
    run_rounds(1);
    drain(queue);
    drain(stack);
    ck_assert_str_eq(trace(), "5 1 9 2 3 1");
    run_all();
    ck_assert_str_eq(trace(), "5 1 9 2 3 1 a. b.");
    weft_queue_unref(queue);
    weft_queue_unref(stack);
}
END_RULE

/* 176, 177: both ways of waiting, in bodies of both kinds */
RULE(macros_and_futures_mix)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);

    weft_future_unref(weft_task_new(loop, WEFT_CALL(put_many, .queue = queue, .n = 6)));
    weft_future_unref(start_get("a", queue));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 2)));
    weft_future_unref(start_get("b", queue));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(explicit_get, .queue = queue)));
    weft_future_unref(start_get("c", queue));
    run_all();
    ck_assert_str_eq(trace(), "a=1 g2 put g3 got b=4 e=5 c=6");
    weft_queue_unref(queue);
}
END_RULE

/* ---- join ---- */

/* 180 */
RULE(join_returns_at_once_when_nothing_is_unfinished)
{
    weft_queue *queue = weft_queue_new(loop, .size = 3);
    weft_future *join = weft_queue_join(queue);

    ck_assert(weft_future_is_done(join));
    weft_future_unref(join);
    weft_queue_unref(queue);
}
END_RULE

/* 180 */
RULE(join_waits_until_each_item_is_done_with)
{
    weft_queue *queue = weft_queue_new(loop, .size = 2);

    put_numbers(queue, "12");
    weft_future_unref(start_put("p", queue, 3));
    weft_future_unref(start_waiter("j", weft_queue_join(queue)));
    weft_future_unref(start_waiter("k", weft_queue_join(queue)));
    run_rounds(1);
    drain(queue);
    run_all();
    ck_assert_str_eq(trace(), "1 2 3 p.");
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    run_all();
    ck_assert_str_eq(trace(), "1 2 3 p.");
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    run_all();
    ck_assert_str_eq(trace(), "1 2 3 p. j=0 k=0");
    weft_queue_unref(queue);
}
END_RULE

/* 180: an item that is handed over was put, too */
RULE(what_is_handed_over_counts_as_unfinished)
{
    weft_queue *queue = weft_queue_new(loop, .size = 2);
    weft_future *join;

    weft_future_unref(start_get("a", queue));
    run_rounds(1);
    put_numbers(queue, "1");
    join = weft_queue_join(queue);
    run_all();
    ck_assert(!weft_future_is_done(join));
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert(weft_future_is_done(join));
    weft_future_unref(join);
    weft_queue_unref(queue);
}
END_RULE

/* 180 */
RULE(task_done_too_often_is_an_error)
{
    weft_queue *queue = weft_queue_new(loop, .size = 2);

    ck_assert_int_eq(weft_queue_task_done(queue), WEFT_EINVALIDSTATE);
    put_numbers(queue, "1");
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_queue_shutdown(queue, true), 0); /* the item counts no more */
    ck_assert_int_eq(weft_queue_task_done(queue), WEFT_EINVALIDSTATE);
    weft_queue_unref(queue);
}
END_RULE

/* 180 */
RULE(a_cancelled_join_leaves_no_trace)
{
    weft_queue *queue = weft_queue_new(loop, .size = 2);
    weft_future *join, *other;

    put_numbers(queue, "1");
    join = weft_queue_join(queue);
    other = weft_queue_join(queue);
    ck_assert(weft_future_cancel(join, NULL));
    ck_assert(weft_future_is_cancelled(join));
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(weft_future_error(other), 0);
    weft_future_unref(join);
    weft_future_unref(other);
    weft_queue_unref(queue);
}
END_RULE

RUN_SUITE("queue", a_fifo_queue_gives_what_came_first, a_lifo_queue_gives_what_came_last,
          a_priority_queue_gives_the_least,
          equal_items_of_a_priority_queue_come_in_the_order_in_which_they_were_put,
          a_priority_queue_agrees_with_a_search, a_queue_grows_wherever_its_ring_begins,
          a_queue_without_a_size_is_refused,
          a_priority_queue_without_an_order_and_an_unknown_order_are_refused,
          nowait_says_full_and_empty, get_waits_while_it_is_empty_and_put_while_it_is_full,
          put_and_get_that_need_not_wait_are_done_at_once,
          getters_are_served_first_come_first_served, putters_are_served_first_come_first_served,
          a_newcomer_does_not_pass_a_putter_that_waits, a_newcomer_does_not_pass_a_getter_that_waits,
          a_putter_that_waits_enters_after_the_get_has_taken, macros_and_futures_mix,
          join_returns_at_once_when_nothing_is_unfinished, join_waits_until_each_item_is_done_with,
          what_is_handed_over_counts_as_unfinished, task_done_too_often_is_an_error,
          a_cancelled_join_leaves_no_trace)
