/* check_handle.c - handles of calls: what they tell, and numbers that would come round again. */
#include <math.h>

#include "core/loop.h"
#include "support/harness.h"

static weft_handle own;

/* A call sees itself as one that has run. */
static void see_itself(void *arg)
{
    (void)arg;
    say("%d,%g", weft_handle_is_pending(NULL, own), weft_handle_when(NULL, own));
}

/* 252 */
RULE(a_handle_tells_whether_and_when_its_call_is_to_come)
{
    weft_handle soon, later, at, cancelled;

    ck_assert_int_eq(weft_call_soon(loop, say_call, "soon", &soon), 0);
    ck_assert_int_eq(weft_call_later(loop, 2, say_call, "later", &later), 0);
    ck_assert_int_eq(weft_call_at(loop, 3, see_itself, NULL, &at), 0);
    ck_assert_int_eq(weft_call_later(loop, 4, say_call, "never", &cancelled), 0);
    own = at;
    ck_assert(weft_handle_is_pending(loop, soon));
    ck_assert_double_eq(weft_handle_when(loop, soon), 0);
    ck_assert_double_eq(weft_handle_when(loop, later), 2);
    ck_assert_double_eq(weft_handle_when(loop, at), 3);
    ck_assert(weft_handle_cancel(loop, cancelled));
    ck_assert(!weft_handle_is_pending(loop, cancelled));
    ck_assert_double_eq(weft_handle_when(loop, cancelled), WEFT_NEVER);
    run_all();
    ck_assert_str_eq(trace(), "soon later 0,inf");
    ck_assert(!weft_handle_is_pending(loop, later));
    ck_assert(!weft_handle_is_pending(loop, 0));
    ck_assert(!weft_handle_is_pending(loop, 12345));
}
END_RULE

/* 252 */
RULE(a_call_whose_time_has_come_is_due_now)
{
    weft_handle handle;

    ck_assert_int_eq(weft_call_later(loop, 1, say_call, "a", &handle), 0);
    weft_testing_advance(loop, 5);
    weft__timers_fire(loop, weft__loop_now(loop)); /* it is in the ready queue now */
    ck_assert(weft_handle_is_pending(loop, handle));
    ck_assert_double_eq(weft_handle_when(loop, handle), 5);
    ck_assert(weft_handle_cancel(loop, handle));
    run_all();
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* Let each slot of the table have been used so often. */
static void age(uint32_t uses)
{
    for (uint32_t i = 0; i < loop->calls.count * WEFT__CALL_PAGE; i++)
        loop->calls.pages[i / WEFT__CALL_PAGE][i % WEFT__CALL_PAGE].generation = uses;
}

/* 253, 66 */
RULE(a_slot_whose_numbers_are_used_up_is_not_used_again)
{
    weft_handle before[2], after[2];

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(weft_call_soon(loop, say_call, "old", &before[i]), 0);
    ck_assert(weft_handle_cancel(loop, before[0]));
    age(UINT32_MAX);
    /* The last use of one slot, by a call; of another one, by a cancel. */
    ck_assert_int_eq(weft_call_soon(loop, say_call, "last", NULL), 0);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "cancelled", &before[1]), 0);
    ck_assert(weft_handle_cancel(loop, before[1]));
    run_all();
    ck_assert_str_eq(trace(), "old last");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(weft_call_soon(loop, say_call, "new", &after[i]), 0);
        ck_assert(!weft_handle_cancel(loop, before[i]));
        ck_assert(!weft_handle_is_pending(loop, before[i]));
    }
    for (weft_handle number = 0; number < 4 * WEFT__CALL_PAGE; number++)
        ck_assert(number == after[0] || number == after[1] || !weft_handle_cancel(loop, number));
    run_all();
    ck_assert_str_eq(trace(), "old last new new");
}
END_RULE

/* 253 */
RULE(calls_go_on_when_all_slots_are_used_up)
{
    weft_handle handle;

    ck_assert_int_eq(weft_call_soon(loop, say_call, "a", NULL), 0);
    run_all();
    age(UINT32_MAX);
    for (int i = 0; i < WEFT__CALL_PAGE + 5; i++) {
        ck_assert_int_eq(weft_call_soon(loop, say_call, "x", &handle), 0);
        ck_assert(weft_handle_cancel(loop, handle));
    }
    ck_assert_uint_eq(loop->calls.count, 2);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "b", NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "a b");
}
END_RULE

RUN_SUITE("handle", a_handle_tells_whether_and_when_its_call_is_to_come,
          a_call_whose_time_has_come_is_due_now, a_slot_whose_numbers_are_used_up_is_not_used_again,
          calls_go_on_when_all_slots_are_used_up)
