/* check_sync_orders.c - locks, semaphores, conditions, barriers in every order of their tasks, and with a cancel at
 * every point.
 *
 * A task marks where it is in a critical section, and is wrong if it is not alone there.  When nothing is left to run
 * and time passes, a closer looks whether somebody waits for what is there, and ends the rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/combine.h>

#include "support/harness.h"

enum { TASKS = 4, PERMITS = 2 };

static struct {
    weft_lock *lock;
    weft_semaphore *semaphore;
    weft_condition *condition;
    weft_event *event;
    weft_barrier *barrier;
    weft_explorer *explorer;
    weft_task *tasks[TASKS];
    int count;
    int inside;  /* the critical section */
    int items;   /* for the consumers */
    int waiting; /* consumers that await the condition, or waiters for the event */
    int numbers; /* of the barrier: bits */
    int passed;  /* the barrier */
    bool closed;
} now;

static void wrong_if(bool wrong, const char *what)
{
    if (wrong)
        weft_explore_wrong(now.explorer, what);
}

static void add(weft_gen *gen)
{
    now.tasks[now.count] = weft_task_new(NULL, gen);
    weft_explore_task(now.explorer, weft_future_ref(now.tasks[now.count++]));
}

/* All have ended, well or cancelled. */
static const char *all_ended(void)
{
    const char *wrong = NULL;
    int error;

    for (int i = 0; i < now.count; i++) {
        error = weft_future_error(now.tasks[i]);
        if (error && error != WEFT_ECANCELLED)
            wrong = weft_errname(error);
        weft_future_unref(now.tasks[i]);
    }
    now.count = 0;
    return wrong ? wrong : now.inside ? "somebody is inside" : NULL;
}

static void begin(weft_explorer *explorer)
{
    memset(&now, 0, sizeof(now));
    now.explorer = explorer;
}

/* Explore a scenario, all of it. */
static void holds(const weft_scenario *scenario)
{
    weft_explored result = weft_testing_explore_with(scenario);

    ck_assert_msg(!result.wrong, "%s: %s", result.wrong, result.schedule);
    ck_assert_msg(result.complete, "not complete after %lu runs", result.runs);
    ck_assert_uint_gt(result.runs, 10);
    if (getenv("WEFT_VERBOSE"))
        fprintf(stderr, "%lu runs\n", result.runs);
}
#define HOLDS(...) holds(WEFT__STRUCT(weft_scenario, __VA_ARGS__))

/* ---- lock --------------------------------------------------------------------------------------------------- */

struct contender {
    weft_gen gen;
    double patience; /* 0: any */
    double stay;
};

static weft_step contender(void *frame)
{
    struct contender *f = frame;

    WEFT_BEGIN(f);
    if (f->patience > 0)
        WEFT_TRY_AWAIT(f, weft_wait_for(weft_lock_acquire(now.lock), f->patience));
    else
        WEFT_TRY_AWAIT(f, weft_lock_acquire(now.lock));
    if (weft_failed(f) == WEFT_ETIMEDOUT)
        WEFT_RETURN(f, NULL);
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    wrong_if(now.inside++ || !weft_lock_is_mine(now.lock), "two hold the lock");
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->stay));
    now.inside--;
    wrong_if(weft_lock_release(now.lock) != 0, "the lock is not its holder's");
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(contender);

static void start_contenders(weft_explorer *explorer, void *arg)
{
    begin(explorer);
    now.lock = weft_lock_new(NULL);
    for (int i = 0; i < *(int *)arg; i++)
        add(WEFT_CALL(contender));
}

static void start_impatient(weft_explorer *explorer, void *arg)
{
    begin(explorer);
    now.lock = weft_lock_new(NULL);
    for (int i = 0; i < *(int *)arg; i++)
        add(WEFT_CALL(contender, .patience = i + 1, .stay = 1));
}

static const char *lock_is_free(void *arg)
{
    const char *wrong = all_ended();

    (void)arg;
    if (!wrong && weft_lock_is_locked(now.lock))
        wrong = "the lock is held by nobody";
    weft_lock_unref(now.lock);
    return wrong;
}

/* 159, 161, 163 */
RULE(a_lock_has_one_holder_and_nobody_is_stuck_in_any_order_with_a_cancel_anywhere)
{
    HOLDS(.start = start_contenders, .check = lock_is_free, .arg = &(int){4}, .cancels = 1);
}
END_RULE

/* 163 */
RULE(a_lock_has_one_holder_in_any_order_with_two_cancels)
{
    HOLDS(.start = start_contenders, .check = lock_is_free, .arg = &(int){3}, .cancels = 2);
}
END_RULE

/* 162, 128 */
RULE(a_lock_has_one_holder_though_the_waiters_time_is_up)
{
    HOLDS(.start = start_impatient, .check = lock_is_free, .arg = &(int){3}, .cancels = 1);
}
END_RULE

/* ---- semaphore ---------------------------------------------------------------------------------------------- */

struct guest {
    weft_gen gen;
};

static weft_step guest(void *frame)
{
    struct guest *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_semaphore_acquire(now.semaphore));
    wrong_if(++now.inside > PERMITS, "more than there are permits");
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 0));
    now.inside--;
    wrong_if(weft_semaphore_release(now.semaphore) != 0, "a permit too many");
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(guest);

static void start_guests(weft_explorer *explorer, void *arg)
{
    begin(explorer);
    now.semaphore = weft_semaphore_new_bounded(NULL, PERMITS);
    for (int i = 0; i < *(int *)arg; i++)
        add(WEFT_CALL(guest));
}

static const char *permits_are_there(void *arg)
{
    const char *wrong = all_ended();

    (void)arg;
    if (!wrong && weft_semaphore_value(now.semaphore) != PERMITS)
        wrong = "a permit is lost";
    weft_semaphore_unref(now.semaphore);
    return wrong;
}

/* 171, 172 */
RULE(permits_are_neither_lost_nor_made_in_any_order_with_a_cancel_anywhere)
{
    HOLDS(.start = start_guests, .check = permits_are_there, .arg = &(int){4}, .cancels = 1);
}
END_RULE

/* ---- condition ---------------------------------------------------------------------------------------------- */

/* Takes one item, or ends when all is closed. */
struct consumer {
    weft_gen gen;
    int error;
};

static weft_step consumer(void *frame)
{
    struct consumer *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_lock_acquire(now.lock));
    wrong_if(now.inside++, "two hold the lock");
    while (!now.items && !now.closed && !f->error) {
        now.inside--;
        now.waiting++;
        WEFT_TRY_AWAIT(f, weft_condition_wait(now.condition));
        now.waiting--;
        f->error = weft_failed(f);
        wrong_if(now.inside++ || !weft_lock_is_mine(now.lock), "a wait ended without the lock");
    }
    if (now.items && !f->error)
        now.items--;
    now.inside--;
    wrong_if(weft_lock_release(now.lock) != 0, "the lock is not its holder's");
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_END(f);
}
WEFT_GEN_TYPE(consumer);

struct producer {
    weft_gen gen;
    int items;
};

static weft_step producer(void *frame)
{
    struct producer *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_lock_acquire(now.lock));
    wrong_if(now.inside++, "two hold the lock");
    for (; f->items; f->items--) {
        now.items++;
        wrong_if(weft_condition_notify(now.condition, 1) != 0, "notify failed");
        WEFT_AWAIT(f, weft_sleep(NULL, 0));
    }
    now.inside--;
    wrong_if(weft_lock_release(now.lock) != 0, "the lock is not its holder's");
    WEFT_END(f);
}
WEFT_GEN_TYPE(producer);

/* When all is quiet: nobody waits for what is there.  Then it ends those who wait with a reason. */
struct closer {
    weft_gen gen;
};

static weft_step closer(void *frame)
{
    struct closer *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    wrong_if(now.items && now.waiting, "a notification is lost");
    WEFT_AWAIT(f, weft_lock_acquire(now.lock));
    now.closed = true;
    wrong_if(weft_condition_notify(now.condition, SIZE_MAX) != 0, "notify failed");
    wrong_if(weft_lock_release(now.lock) != 0, "the lock is not its holder's");
    WEFT_END(f);
}
WEFT_GEN_TYPE(closer);

/* `arg`: consumers; producers, which nobody cancels; items of each. */
static void start_market(weft_explorer *explorer, void *arg)
{
    const int *numbers = arg;

    begin(explorer);
    now.condition = weft_condition_new(NULL, NULL);
    now.lock = weft_condition_lock(now.condition);
    for (int i = 0; i < numbers[0]; i++)
        add(WEFT_CALL(consumer));
    for (int i = 0; i < numbers[1]; i++)
        (void)weft_spawn(NULL, WEFT_CALL(producer, .items = numbers[2]));
    (void)weft_spawn(NULL, WEFT_CALL(closer));
}

static const char *market_is_closed(void *arg)
{
    const char *wrong = all_ended();

    (void)arg;
    if (!wrong && weft_lock_is_locked(now.lock))
        wrong = "the lock is held by nobody";
    weft_condition_unref(now.condition);
    return wrong;
}

/* 166, 168, 169 */
RULE(no_notification_is_lost_in_any_order_with_a_cancel_anywhere)
{
    HOLDS(.start = start_market, .check = market_is_closed, .arg = (int[]){3, 1, 1}, .cancels = 1);
    HOLDS(.start = start_market, .check = market_is_closed, .arg = (int[]){2, 1, 1}, .cancels = 2);
}
END_RULE

/* 168 */
RULE(no_notification_is_lost_with_several_producers_or_items)
{
    HOLDS(.start = start_market, .check = market_is_closed, .arg = (int[]){2, 2, 1}, .cancels = 1);
    HOLDS(.start = start_market, .check = market_is_closed, .arg = (int[]){3, 1, 2}, .cancels = 1,
          .detours = 4);
}
END_RULE

/* ---- event and barrier -------------------------------------------------------------------------------------- */

struct spectator {
    weft_gen gen;
    bool early;
};

static weft_step spectator(void *frame)
{
    struct spectator *f = frame;

    WEFT_BEGIN(f);
    now.waiting++;
    f->early = !now.closed;
    WEFT_TRY_AWAIT(f, weft_event_wait(now.event));
    now.waiting--;
    wrong_if(f->early && weft_loop_time(weft_running_loop()) > 0, "one who waited was left behind");
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(spectator);

struct setter {
    weft_gen gen;
};

static weft_step setter(void *frame)
{
    struct setter *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 0));
    (void)weft_event_set(now.event);
    (void)weft_event_clear(now.event);
    now.closed = true;
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    (void)weft_event_set(now.event);
    WEFT_END(f);
}
WEFT_GEN_TYPE(setter);

static void start_spectators(weft_explorer *explorer, void *arg)
{
    begin(explorer);
    now.event = weft_event_new(NULL);
    for (int i = 0; i < *(int *)arg; i++)
        add(WEFT_CALL(spectator));
    (void)weft_spawn(NULL, WEFT_CALL(setter));
}

static const char *event_is_over(void *arg)
{
    (void)arg;
    weft_event_unref(now.event);
    return all_ended();
}

/* 164, 165 */
RULE(all_who_wait_see_the_event_in_any_order_with_a_cancel_anywhere)
{
    HOLDS(.start = start_spectators, .check = event_is_over, .arg = &(int){3}, .cancels = 1);
}
END_RULE

struct party {
    weft_gen gen;
};

static weft_step party(void *frame)
{
    struct party *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_barrier_wait(now.barrier));
    if (weft_failed(f) == WEFT_EBROKEN)
        WEFT_RETURN(f, NULL);
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    now.passed++;
    now.numbers |= 1 << weft_sent_int(f);
    WEFT_END(f);
}
WEFT_GEN_TYPE(party);

static void abort_barrier(void *arg)
{
    (void)arg;
    (void)weft_barrier_abort(now.barrier);
}

static void start_parties(weft_explorer *explorer, void *arg)
{
    begin(explorer);
    now.barrier = weft_barrier_new(NULL, 3);
    for (int i = 0; i < *(int *)arg; i++)
        add(WEFT_CALL(party));
    (void)weft_call_later(NULL, 1, abort_barrier, NULL, NULL);
}

static const char *three_have_passed(void *arg)
{
    const char *wrong = all_ended();

    (void)arg;
    if (!wrong && (now.passed != 3 || now.numbers != 7))
        wrong = "not three have passed, each with its number";
    weft_barrier_unref(now.barrier);
    return wrong;
}

/* 173, 174 */
RULE(a_barrier_lets_three_of_four_pass_in_any_order_with_a_cancel_anywhere)
{
    HOLDS(.start = start_parties, .check = three_have_passed, .arg = &(int){4}, .cancels = 1);
}
END_RULE

RUN_SUITE("sync_orders",
          a_lock_has_one_holder_and_nobody_is_stuck_in_any_order_with_a_cancel_anywhere,
          a_lock_has_one_holder_in_any_order_with_two_cancels,
          a_lock_has_one_holder_though_the_waiters_time_is_up,
          permits_are_neither_lost_nor_made_in_any_order_with_a_cancel_anywhere,
          no_notification_is_lost_in_any_order_with_a_cancel_anywhere,
          no_notification_is_lost_with_several_producers_or_items,
          all_who_wait_see_the_event_in_any_order_with_a_cancel_anywhere,
          a_barrier_lets_three_of_four_pass_in_any_order_with_a_cancel_anywhere)
