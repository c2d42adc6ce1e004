/* check_queue_end.c - queues: shutdown, who owns an item, and what becomes of all when an end comes. */
#include <errno.h>

#include <stdlib.h>
#include <string.h>

#include "support/queue_bodies.h"

/* Puts an item that is owned, with the future given. */
static weft_future *put_owned(weft_queue *queue, int number)
{
    return weft_queue_put(queue, make(number));
}

/* ---- shutdown ---- */

/* 181 */
RULE(after_a_shutdown_puts_fail_and_gets_take_what_is_left)
{
    weft_queue *queue = weft_queue_new(loop, .size = 3);

    put_number(queue, 1);
    put_number(queue, 2);
    ck_assert_int_eq(weft_queue_shutdown(queue, false), 0);
    ck_assert_int_eq(weft_queue_put_nowait(queue, NULL), WEFT_ESHUTDOWN);
    weft_future_unref(start_put("p", queue, 3));
    weft_future_unref(start_get("a", queue));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 2)));
    weft_future_unref(start_get("b", queue));
    run_all();
    ck_assert_str_eq(trace(), "p!WEFT_ESHUTDOWN a=1 g2 g!WEFT_ESHUTDOWN b!WEFT_ESHUTDOWN");
    weft_queue_unref(queue);
}
END_RULE

/* 181 */
RULE(a_shutdown_fails_those_who_wait)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1);
    weft_queue *other = weft_queue_new(loop, .size = 1);

    put_number(queue, 1);
    weft_future_unref(start_put("p", queue, 2));
    weft_future_unref(start_put("q", queue, 3));
    weft_future_unref(start_get("a", other));
    weft_future_unref(start_get("b", other));
    run_rounds(1);
    ck_assert_int_eq(weft_queue_shutdown(queue, false), 0);
    ck_assert_int_eq(weft_queue_shutdown(other, false), 0);
    run_all();
    ck_assert_str_eq(trace(), "p!WEFT_ESHUTDOWN q!WEFT_ESHUTDOWN a!WEFT_ESHUTDOWN b!WEFT_ESHUTDOWN");
    ck_assert_uint_eq(weft_queue_count(queue), 1);
    weft_queue_unref(queue);
    weft_queue_unref(other);
}
END_RULE

/* 181 */
RULE(join_returns_after_a_shutdown_once_the_rest_is_done_with)
{
    weft_queue *queue = weft_queue_new(loop, .size = 3);
    weft_future *join;
    void *item;

    put_number(queue, 1);
    join = weft_queue_join(queue);
    ck_assert_int_eq(weft_queue_shutdown(queue, false), 0);
    ck_assert(!weft_future_is_done(join));
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert(weft_future_is_done(join));
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), WEFT_ESHUTDOWN);
    weft_future_unref(join);
    weft_queue_unref(queue);
}
END_RULE

/* 181, 182 */
RULE(an_immediate_shutdown_drops_the_items_and_ends_the_join)
{
    weft_queue *queue = weft_queue_new(loop, .size = 2, .destroy = destroy);
    weft_future *join;

    weft_future_unref(put_owned(queue, 1));
    weft_future_unref(put_owned(queue, 2));
    weft_future_unref(start_put_owned("p", queue, 3));
    run_rounds(1);
    join = weft_queue_join(queue);
    ck_assert_int_eq(weft_queue_shutdown(queue, true), 0);
    ck_assert(weft_future_is_done(join));
    ck_assert_uint_eq(weft_queue_count(queue), 0);
    run_all();
    ck_assert_str_eq(trace(), "d3 d1 d2 p!WEFT_ESHUTDOWN");
    weft_future_unref(join);
    weft_queue_unref(queue);
}
END_RULE

/* 181 */
RULE(a_join_goes_on_waiting_for_what_was_got_before_an_immediate_shutdown)
{
    weft_queue *queue = weft_queue_new(loop, .size = 2, .destroy = destroy);
    weft_future *join;
    void *item;

    weft_future_unref(put_owned(queue, 1));
    weft_future_unref(put_owned(queue, 2));
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    join = weft_queue_join(queue);
    ck_assert_int_eq(weft_queue_shutdown(queue, false), 0);
    ck_assert_int_eq(weft_queue_shutdown(queue, true), 0);
    ck_assert_str_eq(trace(), "d2");
    ck_assert(!weft_future_is_done(join));
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert(weft_future_is_done(join));
    destroy(item);
    weft_future_unref(join);
    weft_queue_unref(queue);
}
END_RULE

static weft_queue *reentered;

static void destroy_and_use(void *item)
{
    void *other;

    destroy(item);
    say("%s", weft_errname(weft_queue_put_nowait(reentered, NULL)));
    if (weft_queue_get_nowait(reentered, &other) == 0)
        destroy(other);
    (void)weft_queue_shutdown(reentered, true);
}

/* 181, 182 */
RULE(a_destructor_may_use_the_queue)
{
    reentered = weft_queue_new(loop, .size = 2, .destroy = destroy_and_use);
    weft_future_unref(put_owned(reentered, 1));
    weft_future_unref(put_owned(reentered, 2));
    weft_future_unref(start_put_owned("p", reentered, 3));
    run_rounds(1);
    ck_assert_int_eq(weft_queue_shutdown(reentered, true), 0);
    run_all();
    ck_assert_str_eq(trace(), "d3 WEFT_ESHUTDOWN d1 d2 WEFT_ESHUTDOWN p!WEFT_ESHUTDOWN");
    weft_queue_unref(reentered);
}
END_RULE

/* ---- items ---- */

/* 182 */
RULE(the_last_unref_destroys_what_is_in_it)
{
    for (int order = WEFT_FIFO; order <= WEFT_PRIORITY; order++) {
        weft_queue *queue = weft_queue_new(loop, .size = WEFT_UNBOUNDED, .order = order,
                                           .before = less_made, .destroy = destroy);

        for (int i = 1; i <= 3; i++)
            weft_future_unref(put_owned(queue, i * 10 + order));
        weft_queue_unref(queue);
    }
    ck_assert_str_eq(trace(), "d10 d20 d30 d31 d21 d11 d12 d22 d32");
}
END_RULE

/* 182 */
RULE(an_item_that_nobody_takes_from_a_get_is_destroyed)
{
    weft_queue *queue = weft_queue_new(loop, .size = 5, .destroy = destroy);
    weft_future *get = weft_queue_get(queue);

    weft_future_unref(put_owned(queue, 1)); /* handed over */
    weft_future_unref(put_owned(queue, 2));
    weft_future_unref(put_owned(queue, 3));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(look_only, .queue = queue)));
    weft_future_unref(weft_queue_get(queue));
    ck_assert_str_eq(trace(), "d2");
    weft_future_unref(get);
    run_all();
    ck_assert_str_eq(trace(), "d2 d1 saw3 d3 on");
    weft_queue_unref(queue);
}
END_RULE

/* 182: what was taken is the taker's, by each of the ways */
RULE(an_item_that_was_taken_is_not_destroyed)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);

    weft_future_unref(weft_task_new(loop, WEFT_CALL(take_all, .queue = queue, .n = 12)));
    for (int i = 1; i <= 12; i++)
        weft_future_unref(start_put_owned(NULL, queue, i));
    run_all();
    ck_assert_str_eq(trace(), "d1 d2 d3 d4 d5 d6 d7 d8 d9 d10 d11 d12 end");
    weft_queue_unref(queue);
}
END_RULE

/* 182: put takes the item on every path, put_nowait only if it succeeds */
RULE(a_put_that_fails_destroys_its_item)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    void *item = make(9);
    weft_future *put;

    weft_future_unref(put_owned(queue, 1));
    ck_assert_int_eq(weft_queue_put_nowait(queue, item), WEFT_EFULL);
    weft_testing_fail_allocation(1, 1);
    put = put_owned(queue, 2);
    weft_testing_fail_allocation(0, 0);
    ck_assert_int_eq(weft_future_error(put), -ENOMEM);
    ck_assert_str_eq(trace(), "d2");
    weft_future_unref(put);
    weft_queue_shutdown(queue, false);
    put = put_owned(queue, 3);
    ck_assert_int_eq(weft_future_error(put), WEFT_ESHUTDOWN);
    weft_future_unref(put);
    ck_assert_int_eq(weft_queue_put_nowait(queue, item), WEFT_ESHUTDOWN);
    ck_assert_str_eq(trace(), "d2 d3");
    destroy(item);
    weft_queue_unref(queue);
    ck_assert_str_eq(trace(), "d2 d3 d9 d1");
}
END_RULE

/* 182 */
RULE(a_put_whose_future_is_dropped_leaves_and_its_item_is_destroyed)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    weft_future *put, *get = weft_queue_get(queue);
    void *item;

    weft_future_unref(get); /* a get that is dropped leaves, too */
    weft_future_unref(put_owned(queue, 1));
    put = put_owned(queue, 2);
    ck_assert(!weft_future_is_done(put));
    weft_future_unref(put);
    ck_assert_str_eq(trace(), "d2");
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    destroy(item);
    ck_assert_uint_eq(weft_queue_count(queue), 0);
    weft_queue_unref(queue);
}
END_RULE

static void destroy_else(void *item)
{
    say("e");
    destroy(item);
}

/* 182 */
RULE(a_queue_that_could_not_be_made_destroys_what_is_put)
{
    weft_queue *queue, *another, *other;
    weft_future *put;

    weft_testing_fail_allocation(1, 3);
    queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    another = weft_queue_new(loop, .size = 1, .destroy = destroy_else); /* each its own way */
    other = weft_queue_new(loop, .size = 1);
    weft_testing_fail_allocation(0, 0);
    weft_future_unref(start_get("g", queue));
    weft_future_unref(start_put_owned("p", queue, 1));
    weft_future_unref(start_put_owned("o", another, 3));
    run_all();
    ck_assert_str_eq(trace(), "g!ENOMEM d1 p!ENOMEM e d3 o!ENOMEM");
    ck_assert_int_eq(weft_queue_put_nowait(other, NULL), -ENOMEM);
    ck_assert_int_eq(weft_queue_shutdown(other, false), -ENOMEM);
    ck_assert_int_eq(weft_queue_task_done(other), -ENOMEM);
    ck_assert(!weft_queue_is_full(other) || weft_queue_count(other) == 0);
    weft_queue_unref(queue);
    weft_queue_unref(other);
    queue = weft_queue_new(loop, .destroy = destroy);
    weft_future_unref(start_put_owned("q", queue, 2));
    run_all();
    ck_assert_str_eq(trace(), "g!ENOMEM d1 p!ENOMEM e d3 o!ENOMEM d2 q!EINVAL");
    put = NULL;
    weft_future_unref(put);
    weft_queue_unref(queue);
}
END_RULE

/* ---- ends ---- */

/* 182: who only has waiters left cannot be filled any more */
RULE(waiters_of_a_queue_that_nobody_holds_are_abandoned)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    weft_queue *empty = weft_queue_new(loop, .size = 1, .destroy = destroy);

    weft_future_unref(put_owned(queue, 1));
    weft_future_unref(start_put_owned("p", queue, 2));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(join_one, .name = "j", .queue = queue)));
    weft_future_unref(start_get("g", empty));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(get_many, .queue = empty, .n = 1)));
    run_rounds(1);
    weft_queue_unref(queue);
    weft_queue_unref(empty);
    ck_assert_str_eq(trace(), "d2 d1");
    run_all();
    ck_assert_str_eq(trace(), "d2 d1 j!WEFT_EABANDONED p!WEFT_EABANDONED g!WEFT_EABANDONED "
                              "g!WEFT_EABANDONED");
}
END_RULE

/* 182 */
RULE(a_loop_that_is_closed_under_waiters_leaks_nothing)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    weft_queue *empty = weft_queue_new(loop, .size = 1, .destroy = destroy);
    weft_future *put, *get;
    void *item;

    weft_future_unref(put_owned(queue, 1));
    weft_future_unref(start_put_owned("p", queue, 2));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(put_with_macro, .queue = queue, .n = 1)));
    weft_future_unref(start_get("g", empty));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(get_many, .queue = empty, .n = 1)));
    run_rounds(1);
    put = put_owned(queue, 5);
    get = weft_queue_get(empty);
    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_ptr_nonnull(strstr(trace(), "d2"));
    ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0);
    destroy(item);
    weft_future_cancel(put, NULL);
    weft_future_unref(put);
    weft_future_unref(get);
    get = weft_queue_get(empty);
    ck_assert_int_eq(weft_future_error(get), WEFT_ECLOSED);
    weft_future_unref(get);
    weft_queue_unref(queue);
    weft_queue_unref(empty);
    ck_assert_int_eq(made, 0);
    (void)reports();
}
END_RULE

/* 182: between the hand-over and the task's turn */
RULE(an_item_on_its_way_when_the_loop_is_closed_is_destroyed)
{
    weft_queue *queue = weft_queue_new(loop, .size = 1, .destroy = destroy);

    weft_future_unref(start_get("g", queue));
    weft_future_unref(weft_task_new(loop, WEFT_CALL(get_many, .queue = queue, .n = 1)));
    run_rounds(1);
    weft_future_unref(put_owned(queue, 1));
    weft_future_unref(put_owned(queue, 2));
    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_str_eq(trace(), "d1");
    weft_queue_unref(queue); /* a get in a body: the queue keeps its waiter */
    ck_assert_str_eq(trace(), "d1 d2");
    (void)reports();
}
END_RULE

/* 182: a queue may be made before its loop runs, and outlive it; not be made after that */
RULE(a_queue_of_a_closed_loop_is_refused)
{
    weft_queue *queue;
    weft_future *keeper = weft_future_new(loop);

    weft_loop_close(loop);
    queue = weft_queue_new(loop, .size = 1, .destroy = destroy);
    ck_assert_int_eq(weft_queue_put_nowait(queue, NULL), WEFT_ECLOSED);
    weft_queue_unref(queue);
    weft_future_unref(keeper);
    (void)reports();
}
END_RULE

/* ---- memory ---- */

static int put_and_get(void)
{
    weft_queue *queue = weft_queue_new(loop, .size = 20, .destroy = destroy);
    int error = weft_queue_task_done(queue);

    error = error == WEFT_EINVALIDSTATE ? 0 : error; /* -ENOMEM: it could not be made */
    for (int i = 0; i < 25 && !error; i++) {
        weft_future *put = put_owned(queue, i);

        error = weft_future_is_done(put) ? weft_future_error(put) : 0;
        weft_future_unref(put);
    }
    for (int i = 0; i < 22 && !error; i++) {
        weft_future *get = weft_queue_get(queue);

        error = weft_future_is_done(get) ? weft_future_error(get) : 0;
        weft_future_unref(get);
    }
    if (!error) {
        weft_future *join = weft_queue_join(queue);

        error = weft_future_is_done(join) ? weft_future_error(join) : 0;
        weft_future_unref(join);
    }
    weft_queue_unref(queue);
    return error;
}

/* 182 */
RULE(each_failing_allocation_leaves_nothing_behind)
{
    each_allocation_fails(put_and_get);
    ck_assert_int_eq(made, 0);
}
END_RULE

static int run_bodies(void)
{
    weft_queue *queue = weft_queue_new(loop, .size = 2, .order = WEFT_PRIORITY, .before = less_made,
                                       .destroy = destroy);
    weft_task *getter = weft_task_new(loop, WEFT_CALL(take_all, .queue = queue, .n = 4));
    weft_task *putter = weft_task_new(loop, WEFT_CALL(put_with_macro, .queue = queue, .n = 4));
    int error;

    while (!(weft_future_is_done(getter) && weft_future_is_done(putter))) {
        run_rounds(1);
        if (weft_future_is_done(getter) || weft_future_is_done(putter))
            (void)weft_queue_shutdown(queue, weft_future_is_done(getter));
    }
    error = weft_future_error(putter);
    if (weft_future_error(getter) == -ENOMEM || !error)
        error = weft_future_error(getter);
    weft_future_unref(getter);
    weft_future_unref(putter);
    weft_queue_unref(queue);
    ck_assert_int_eq(made, 0);
    return error;
}

/* 182 */
RULE(each_failing_allocation_in_bodies_leaves_nothing_behind)
{
    each_allocation_fails(run_bodies);
}
END_RULE

RUN_SUITE("queue_end", after_a_shutdown_puts_fail_and_gets_take_what_is_left,
          a_shutdown_fails_those_who_wait, join_returns_after_a_shutdown_once_the_rest_is_done_with,
          an_immediate_shutdown_drops_the_items_and_ends_the_join,
          a_join_goes_on_waiting_for_what_was_got_before_an_immediate_shutdown,
          a_destructor_may_use_the_queue, the_last_unref_destroys_what_is_in_it,
          an_item_that_nobody_takes_from_a_get_is_destroyed,
          an_item_that_was_taken_is_not_destroyed, a_put_that_fails_destroys_its_item,
          a_put_whose_future_is_dropped_leaves_and_its_item_is_destroyed,
          a_queue_that_could_not_be_made_destroys_what_is_put,
          waiters_of_a_queue_that_nobody_holds_are_abandoned,
          a_loop_that_is_closed_under_waiters_leaks_nothing,
          an_item_on_its_way_when_the_loop_is_closed_is_destroyed,
          a_queue_of_a_closed_loop_is_refused, each_failing_allocation_leaves_nothing_behind,
          each_failing_allocation_in_bodies_leaves_nothing_behind)
