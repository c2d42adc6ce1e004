/* check_queue_explore.c - queues in every order, and with a cancel at every point: no item is lost or doubled, nobody
 * is stuck, nothing leaks. */
#include <string.h>

#include "support/queue_bodies.h"

enum { ITEMS = 4, PARTIES = 4 };

static char yes[] = "yes";

/* Whether an item was put, and what became of it then: one of the two. */
static int handed[ITEMS], got[ITEMS], destroyed[ITEMS];
static weft_queue *queue;
static weft_task *parties[PARTIES];
static int party_count, producer_count;

static void count_destroyed(void *item)
{
    destroyed[weft_int(item) - 1]++;
}

/* Puts items first to last: with the macro, or with futures. */
struct producer {
    weft_gen gen;
    int first, last;
    bool futures;
};

static weft_step producer(void *frame)
{
    struct producer *f = frame;

    WEFT_BEGIN(f);
    for (; f->first <= f->last; f->first++) {
        handed[f->first - 1]++;
        if (f->futures)
            WEFT_AWAIT(f, weft_queue_put(queue, weft_from_int(f->first)));
        else
            WEFT_PUT(f, queue, weft_from_int(f->first));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(producer);

/* Gets until there is no more; with a limit in time for each, if it is told so. */
struct consumer {
    weft_gen gen;
    bool futures;
    double seconds;
    bool again; /* after the time was up */
};

static weft_step consumer(void *frame)
{
    struct consumer *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        if (f->seconds > 0) {
            WEFT_TRY_AWAIT(f, weft_wait_for(weft_queue_get(queue), f->seconds));
            if (weft_failed(f) == WEFT_ETIMEDOUT && f->again)
                continue;
            if (weft_failed(f))
                WEFT_RAISE(f, weft_failed(f));
            f->gen.value = weft_take(f);
        } else if (f->futures) {
            WEFT_AWAIT(f, weft_queue_get(queue));
            f->gen.value = weft_take(f);
        } else {
            WEFT_GET(f, queue);
        }
        got[weft_sent_int(f) - 1]++;
        (void)weft_queue_task_done(queue);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(consumer);

/* Waits for the producers, and shuts down; no cancel hits it. */
struct closer {
    weft_gen gen;
    int i;
    bool now, joins;
};

static weft_step closer(void *frame)
{
    struct closer *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < producer_count; f->i++)
        WEFT_TRY_AWAIT(f, weft_future_ref(parties[f->i]));
    if (f->joins)
        WEFT_TRY_AWAIT(f, weft_queue_join(queue));
    weft_queue_shutdown(queue, f->now);
    WEFT_END(f);
}
WEFT_GEN_TYPE(closer);

static void begin(size_t size, enum weft_queue_order order)
{
    memset(handed, 0, sizeof(handed));
    memset(got, 0, sizeof(got));
    memset(destroyed, 0, sizeof(destroyed));
    party_count = 0;
    queue = weft_queue_new(NULL, .size = size, .order = order, .before = less,
                           .destroy = count_destroyed);
}

static void party(weft_explorer *explorer, weft_gen *gen)
{
    weft_task *task = weft_task_new(NULL, gen);

    parties[party_count++] = weft_future_ref(task);
    weft_explore_task(explorer, task);
}

/* The queue goes, too: then each item was got or destroyed, once.  Destroyed is at most what a cancelled producer was
 * about to put; or what was left at an immediate shutdown. */
static const char *each_item_once(void *arg)
{
    const char *wrong = NULL;
    int lost = 0, cancelled_producers = 0;

    for (int i = 0; i < party_count; i++) {
        int error = weft_future_error(parties[i]);

        if (error && error != WEFT_ECANCELLED && error != WEFT_ESHUTDOWN)
            wrong = weft_errname(error);
        cancelled_producers += i < producer_count && error == WEFT_ECANCELLED;
        weft_future_unref(parties[i]);
    }
    weft_queue_unref(queue);
    for (int i = 0; i < ITEMS; i++) {
        if (got[i] + destroyed[i] != handed[i])
            wrong = got[i] + destroyed[i] < handed[i] ? "an item leaked" : "an item twice";
        lost += destroyed[i];
    }
    if (!arg && lost > cancelled_producers)
        wrong = "an item lost";
    return wrong;
}

/* ---- two producers, two consumers, one slot ---- */

struct shape {
    bool futures;
    enum weft_queue_order order;
    int items; /* of each producer */
};

static void start_two_and_two(weft_explorer *explorer, void *arg)
{
    const struct shape *shape = arg;

    begin(1, shape->order);
    producer_count = 2;
    for (int first = 1; first <= 3; first += 2)
        party(explorer, WEFT_CALL(producer, .first = first, .last = first - 1 + shape->items,
                                  .futures = shape->futures));
    for (int i = 0; i < 2; i++)
        party(explorer, WEFT_CALL(consumer, .futures = shape->futures));
    weft_spawn(NULL, WEFT_CALL(closer, .joins = true));
}

static const char *nothing_lost(void *arg)
{
    (void)arg;
    return each_item_once(NULL);
}

static const char *at_most_once(void *arg)
{
    return each_item_once(arg);
}

/* 177, 178, 179, 180 */
RULE(two_producers_and_two_consumers_lose_nothing_in_any_order)
{
    for (int way = 0; way < 4; way++) {
        struct shape shape = {.futures = way % 2, .items = 1 + way / 2};

        (void)explore((weft_scenario){.start = start_two_and_two,
                                      .check = nothing_lost,
                                      .arg = &shape,
                                      .cancels = 1,
                                      .reduce = true});
    }
}
END_RULE

/* 177, 178, 179, 180 */
RULE(with_more_items_and_a_cancel_they_lose_nothing_either)
{
    for (int order = WEFT_FIFO; order <= WEFT_PRIORITY; order++) {
        struct shape shape = {.futures = order == WEFT_LIFO, .order = order, .items = 2};

        (void)explore((weft_scenario){.start = start_two_and_two,
                                      .check = nothing_lost,
                                      .arg = &shape,
                                      .cancels = 1,
                                      .reduce = true});
    }
}
END_RULE

/* ---- a limit in time, and an item that comes then ---- */

struct sleep_and_put {
    weft_gen gen;
    int item;
    double seconds;
};

static weft_step sleep_and_put(void *frame)
{
    struct sleep_and_put *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    handed[f->item - 1]++;
    WEFT_PUT(f, queue, weft_from_int(f->item));
    WEFT_END(f);
}
WEFT_GEN_TYPE(sleep_and_put);

static void start_in_time(weft_explorer *explorer, void *arg)
{
    begin(1, WEFT_FIFO);
    producer_count = arg ? 2 : 1;
    for (int i = 1; i <= producer_count; i++)
        party(explorer, WEFT_CALL(sleep_and_put, .item = i, .seconds = i));
    for (int i = 1; i <= 2; i++)
        party(explorer, WEFT_CALL(consumer, .seconds = i, .again = true));
    weft_spawn(NULL, WEFT_CALL(closer, .joins = true));
}

/* 128 */
RULE(wait_for_a_get_loses_nothing_when_the_item_comes_with_the_deadline)
{
    (void)explore((weft_scenario){
        .start = start_in_time, .check = nothing_lost, .cancels = 1, .reduce = true});
    (void)explore((weft_scenario){.start = start_in_time,
                                  .check = nothing_lost,
                                  .arg = yes,
                                  .cancels = 1,
                                  .detours = 3,
                                  .reduce = true});
}
END_RULE

/* ---- a shutdown at any point ---- */

struct stopper {
    weft_gen gen;
    bool now;
};

static weft_step stopper(void *frame)
{
    struct stopper *f = frame;

    WEFT_BEGIN(f);
    WEFT_PAUSE(f);
    weft_queue_shutdown(queue, f->now);
    WEFT_AWAIT(f, weft_queue_join(queue)); /* comes back, as the consumers go on */
    WEFT_END(f);
}
WEFT_GEN_TYPE(stopper);

static void start_stopped(weft_explorer *explorer, void *arg)
{
    begin(1, WEFT_FIFO);
    producer_count = 2;
    party(explorer, WEFT_CALL(producer, .first = 1, .last = 2));
    party(explorer, WEFT_CALL(producer, .first = 3, .last = 3, .futures = true));
    party(explorer, WEFT_CALL(consumer));
    party(explorer, WEFT_CALL(consumer, .futures = true));
    weft_spawn(NULL, WEFT_CALL(stopper, .now = arg != NULL));
}

/* 181, 182 */
RULE(a_shutdown_at_any_point_leaves_nobody_stuck_and_no_item_twice)
{
    (void)explore(
        (weft_scenario){.start = start_stopped, .check = at_most_once, .arg = yes, .reduce = true});
    (void)explore((weft_scenario){
        .start = start_stopped, .check = at_most_once, .arg = yes, .cancels = 1, .reduce = true});
}
END_RULE

static const char *stopped_softly(void *arg)
{
    (void)arg;
    return each_item_once(yes);
}

/* 181 */
RULE(after_a_shutdown_at_any_point_the_rest_is_got_and_the_join_ends)
{
    (void)explore((weft_scenario){.start = start_stopped, .check = stopped_softly, .reduce = true});
    (void)explore((weft_scenario){
        .start = start_stopped, .check = stopped_softly, .cancels = 1, .reduce = true});
}
END_RULE

RUN_SUITE("queue_explore", two_producers_and_two_consumers_lose_nothing_in_any_order,
          with_more_items_and_a_cancel_they_lose_nothing_either,
          wait_for_a_get_loses_nothing_when_the_item_comes_with_the_deadline,
          a_shutdown_at_any_point_leaves_nobody_stuck_and_no_item_twice,
          after_a_shutdown_at_any_point_the_rest_is_got_and_the_join_ends)
