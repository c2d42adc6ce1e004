/* check_explore_bugs.c - the reduced search finds what is wrong in some order, and tells it in the fewest detours. */
#include <stdlib.h>
#include <string.h>

#include "support/explore_bodies.h"

/* How many words of a schedule are not the first choice. */
static int detours_of(const char *schedule)
{
    int detours = 0;

    for (const char *at = schedule; *at; at++)
        if ((at == schedule || at[-1] == ' ') && *at != '0' && *at != 't')
            detours += at[1] == '*' ? atoi(at + 2) : 1;
    return detours;
}

/* How many detours it takes at least for something to be wrong. */
static int fewest_detours(weft_scenario scenario)
{
    scenario.reduce = false;
    for (scenario.detours = 1;; scenario.detours++)
        if (weft_testing_explore_with(&scenario).wrong)
            return (int)scenario.detours;
}

/* Each is wrong in some order, and not in the first: the reduced search finds it, with no detour too many, and its
 * schedule runs it again. */
static void finds(weft_scenario scenario, const char *wrong)
{
    weft_explored result, again;

    scenario.struct_size = sizeof(scenario);
    scenario.reduce = true;
    result = weft_testing_explore_with(&scenario);
    ck_assert_ptr_nonnull(result.wrong);
    ck_assert_int_eq(detours_of(result.schedule), fewest_detours(scenario));
    ck_assert_msg(strncmp(result.wrong, wrong, strlen(wrong)) == 0, "%s", result.wrong);
    ck_assert_uint_gt(result.runs, 1);
    scenario.schedule = result.schedule;
    again = weft_testing_explore_with(&scenario);
    ck_assert_str_eq(again.schedule, result.schedule);
    ck_assert_msg(strncmp(again.wrong, wrong, strlen(wrong)) == 0, "%s", again.wrong);
}

static weft_lock *locks[2];

/* One takes them in this order, the other one in that. */
static weft_future *take_both_locks(struct party *f)
{
    static const int wanted[2][3] = {{0, -1, 1}, {-1, 1, 0}};

    if (f->step < 3)
        return wanted[f->who][f->step] < 0 ? NULL
                                           : weft_lock_acquire(locks[wanted[f->who][f->step]]);
    weft_lock_release(locks[0]);
    weft_lock_release(locks[1]);
    f->ended = true;
    return NULL;
}

static void start_locks(weft_explorer *explorer, void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        locks[i] = weft_lock_new(NULL);
    start_parties(explorer, take_both_locks, 2);
}

static const char *free_locks(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        weft_lock_unref(locks[i]);
    return NULL;
}

/* 234, 236, 237 */
RULE(two_locks_in_two_orders_are_found)
{
    finds((weft_scenario){.start = start_locks, .check = free_locks}, "a task has not ended:");
}
END_RULE

static int number, seen;

/* One counts in two steps, the other one in one. */
static weft_future *count_up(struct party *f)
{
    weft_explore_touch(&number);
    if (f->step == 0) {
        seen = f->who == 0 ? number : seen;
        return NULL;
    }
    number = (f->who == 0 ? seen : number) + 1;
    f->ended = true;
    return NULL;
}

static void start_counting(weft_explorer *explorer, void *arg)
{
    (void)arg;
    number = 0;
    start_parties(explorer, count_up, 2);
}

static const char *check_number(void *arg)
{
    (void)arg;
    return number == 2 ? NULL : "an update is lost";
}

/* 234, 235, 236, 237 */
RULE(a_lost_update_of_memory_that_is_touched_is_found)
{
    finds((weft_scenario){.start = start_counting, .check = check_number}, "an update is lost");
}
END_RULE

static weft_future *bell;
static bool rung;

static weft_future *listen_or_ring(struct party *f)
{
    weft_explore_touch(&bell);
    if (f->step == 0 && !rung)
        return NULL;
    f->ended = f->who == 1 || f->step != 1;
    if (f->who == 0)
        return f->ended ? NULL : weft_future_ref(bell = weft_future_new(NULL));
    rung = true;
    if (bell)
        weft_future_set_result(bell, NULL);
    return NULL;
}

static void start_bell(weft_explorer *explorer, void *arg)
{
    (void)arg;
    bell = NULL;
    rung = false;
    start_parties(explorer, listen_or_ring, 2);
}

static const char *free_bell(void *arg)
{
    (void)arg;
    weft_future_unref(bell);
    return NULL;
}

/* 234, 235, 236, 237 */
RULE(a_lost_wake_up_is_found)
{
    finds((weft_scenario){.start = start_bell, .check = free_bell}, "a task has not ended:");
}
END_RULE

static int permits;

static weft_future *borrow(struct party *f)
{
    weft_explore_touch(&permits);
    permits += f->step == 0 ? -1 : 1;
    f->ended = f->step == 1;
    return f->step == 0 ? weft_sleep(NULL, 1 + f->who) : NULL;
}

static void start_borrowing(weft_explorer *explorer, void *arg)
{
    (void)arg;
    permits = 2;
    start_parties(explorer, borrow, 2);
}

static const char *check_permits(void *arg)
{
    (void)arg;
    return permits == 2 ? NULL : "a permit is lost";
}

/* 234, 236, 237 */
RULE(a_permit_that_a_cancel_loses_is_found)
{
    finds((weft_scenario){.start = start_borrowing, .check = check_permits, .cancels = 1},
          "a permit is lost");
}
END_RULE

RUN_SUITE("explore_bugs", two_locks_in_two_orders_are_found,
          a_lost_update_of_memory_that_is_touched_is_found, a_lost_wake_up_is_found,
          a_permit_that_a_cancel_loses_is_found)
