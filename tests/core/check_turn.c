/* check_turn.c - how long a turn is: in callbacks, and in time. */
#include <errno.h>
#include <math.h>
#include <time.h>

#include <event2/event.h>

#include "support/harness.h"

enum { CALLS = 600 };

/* Calls that are all ready, while the base calls us back once between two turns. */
static struct {
    struct event_base *base;
    struct event *beat;
    int work_us; /* of each call */
    int calls;   /* since the last beat */
    int most;    /* in one turn */
    int left;
} busy;

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval zero = {0, 0};

    (void)fd, (void)what, (void)arg;
    if (busy.calls > busy.most)
        busy.most = busy.calls;
    busy.calls = 0;
    if (busy.left > 0)
        event_add(busy.beat, &zero);
}

static void call(void *arg)
{
    double end = seconds_now() + busy.work_us / 1e6;

    (void)arg;
    busy.calls++;
    busy.left--;
    while (busy.work_us && seconds_now() < end)
        ;
}

/* How many calls there are at most in one turn of a loop. */
static int longest_turn(weft_loop *where, bool own, int work_us, int calls)
{
    busy.base = weft_loop_base(where);
    busy.beat = evtimer_new(busy.base, on_beat, NULL);
    busy.work_us = work_us;
    busy.calls = busy.most = 0;
    busy.left = calls;
    for (int i = 0; i < calls; i++)
        ck_assert_int_eq(weft_call_soon(where, call, NULL, NULL), 0);
    on_beat(-1, 0, NULL);
    while (busy.left > 0) {
        if (own) {
            weft_loop_stop(where); /* after this round; between its turns it polls */
            ck_assert_int_eq(weft_run_forever(where), 0);
        } else {
            event_base_loop(busy.base, EVLOOP_ONCE);
        }
    }
    on_beat(-1, 0, NULL);
    event_free(busy.beat);
    return busy.most;
}

/* 92, 273 */
RULE(on_a_hosts_base_a_turn_ends_after_a_millisecond)
{
    struct event_base *base = event_base_new();
    weft_loop *hosted = weft_loop_new(base);

    /* After 4 calls it looks at the clock for the first time; a busy machine makes it fewer. */
    ck_assert_int_le(longest_turn(hosted, false, 300, 40), 5);
    ck_assert_int_le(longest_turn(hosted, false, 0, CALLS), 256);
    weft_loop_unref(hosted);
    event_base_free(base);
}
END_RULE

/* 273 */
RULE(its_length_can_be_set_in_callbacks_and_in_time)
{
    struct event_base *base = event_base_new();
    weft_loop *hosted = weft_loop_new(base);

    ck_assert_int_eq(weft_loop_set_turn(hosted, 3, WEFT_NEVER), 0);
    ck_assert_int_eq(longest_turn(hosted, false, 0, 30), 3);
    ck_assert_int_eq(weft_loop_set_turn(hosted, 500, WEFT_NEVER), 0);
    ck_assert_int_eq(longest_turn(hosted, false, 10, CALLS), 500);
    ck_assert_int_eq(weft_loop_set_turn(hosted, 500, 1e-12), 0);
    ck_assert_int_eq(longest_turn(hosted, false, 10, CALLS), 4);
    weft_loop_unref(hosted);
    event_base_free(base);
}
END_RULE

/* 273 */
RULE(a_turn_of_nothing_is_refused)
{
    ck_assert_int_eq(weft_loop_set_turn(loop, 0, 1), -EINVAL);
    ck_assert_int_eq(weft_loop_set_turn(loop, 1, 0), -EINVAL);
    ck_assert_int_eq(weft_loop_set_turn(loop, 1, -1), -EINVAL);
    ck_assert_int_eq(weft_loop_set_turn(loop, 1, NAN), -EINVAL);
}
END_RULE

/* 65, 273 */
RULE(a_loop_of_its_own_has_no_time_unless_it_is_set)
{
    weft_loop *real = weft_loop_new(NULL);

    ck_assert_int_eq(longest_turn(real, true, 100, 100), 100);
    ck_assert_int_eq(weft_loop_set_turn(real, 256, 0.001), 0);
    ck_assert_int_le(longest_turn(real, true, 100, 100), 11);
    weft_loop_unref(real);
}
END_RULE

/* 211, 273 */
RULE(virtual_time_measures_no_turns)
{
    ck_assert_int_eq(weft_loop_set_turn(loop, 256, 1e-9), 0);
    ck_assert_int_eq(longest_turn(loop, true, 10, 100), 100);
}
END_RULE

RUN_SUITE("turn", on_a_hosts_base_a_turn_ends_after_a_millisecond,
          its_length_can_be_set_in_callbacks_and_in_time, a_turn_of_nothing_is_refused,
          a_loop_of_its_own_has_no_time_unless_it_is_set, virtual_time_measures_no_turns)
