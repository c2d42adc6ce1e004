/* check_heap.c - the heap of deadlines, against a reference that searches a plain array. */
#include <errno.h>

#include "support/harness.h"
#include "core/timer.h"

enum { TIMERS = 300 };

static struct weft__heap heap;
static struct weft__timer timers[TIMERS];
static int64_t deadlines[TIMERS];
static uint64_t born[TIMERS], births; /* the order of creation, as the reference has it */
static uint32_t random_state = 12345;

static uint32_t pick(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % below;
}

static void add(size_t i, int64_t when)
{
    deadlines[i] = when;
    born[i] = ++births;
    ck_assert_int_eq(weft__heap_add(&heap, &timers[i], when), 0);
}

/* The reference: the first deadline of all; of equal ones the first that was added. */
static struct weft__timer *first(void)
{
    size_t best = TIMERS;

    for (size_t i = 0; i < TIMERS; i++)
        if (timers[i].index && (best == TIMERS || deadlines[i] < deadlines[best] ||
                                (deadlines[i] == deadlines[best] && born[i] < born[best])))
            best = i;
    return best == TIMERS ? NULL : &timers[best];
}

/* Each slot knows its timer, and each timer its slot. */
static void check_places(void)
{
    for (uint32_t i = 0; i < heap.count; i++) {
        ck_assert_uint_eq(heap.slots[i].timer->index, i + 1);
        ck_assert_int_eq(heap.slots[i].when, deadlines[heap.slots[i].timer - timers]);
    }
}

static void pop_all(void)
{
    while (heap.count) {
        struct weft__timer *timer = heap.slots[0].timer;

        ck_assert_ptr_eq(timer, first());
        weft__heap_remove(&heap, timer);
        ck_assert_uint_eq(timer->index, 0);
    }
    ck_assert_ptr_null(first());
    weft__heap_free(&heap);
}

/* Add and remove at random, with deadlines below `range`; the first is right after each step. */
static void churn(uint32_t range, int steps)
{
    uint32_t in_heap = 0;

    while (steps-- > 0) {
        size_t i = pick(TIMERS);

        if (timers[i].index) {
            weft__heap_remove(&heap, &timers[i]);
            ck_assert_uint_eq(timers[i].index, 0);
            in_heap--;
        } else {
            add(i, (int64_t)pick(range) - range / 2);
            in_heap++;
        }
        ck_assert_uint_eq(heap.count, in_heap);
        if (in_heap)
            ck_assert_ptr_eq(heap.slots[0].timer, first());
        if (steps % 64 == 0)
            check_places();
    }
    pop_all();
}

/* 71 */
RULE(whatever_is_added_and_removed_the_first_deadline_is_on_top)
{
    churn(1000000, 20000);
}
END_RULE

/* 70: equal deadlines keep their order, because tests must repeat */
RULE(whatever_is_added_and_removed_equal_deadlines_keep_their_order)
{
    churn(4, 20000);
}
END_RULE

/* 70 */
RULE(equal_deadlines_come_in_the_order_of_creation)
{
    for (size_t i = 0; i < TIMERS; i++)
        add(i, 7);
    for (size_t i = 0; i < TIMERS; i++) {
        ck_assert_ptr_eq(heap.slots[0].timer, &timers[i]);
        weft__heap_remove(&heap, &timers[i]);
    }
    weft__heap_free(&heap);
}
END_RULE

/* 70 */
RULE(the_order_of_creation_survives_when_its_numbers_are_used_up)
{
    heap.last_seq = UINT32_MAX - 1000;
    churn(4, 20000);
    ck_assert_uint_lt(heap.last_seq, 100000);
    heap.last_seq = UINT32_MAX; /* with none in it, too */
    add(0, 1);
    ck_assert_uint_eq(timers[0].seq, 1);
    pop_all();
}
END_RULE

RULE(rising_and_falling_deadlines_come_sorted)
{
    for (size_t i = 0; i < TIMERS; i++)
        add(i, i % 2 ? (int64_t)i : -(int64_t)i);
    check_places();
    pop_all();
}
END_RULE

/* 72 */
RULE(deadlines_at_the_ends_of_the_range_compare_without_overflow)
{
    add(0, INT64_MAX);
    add(1, INT64_MIN);
    add(2, 0);
    add(3, INT64_MAX - 1);
    pop_all();
}
END_RULE

/* 73 */
RULE(cancelled_timers_do_not_pile_up)
{
    for (int i = 0; i < 100000; i++) {
        add(0, i);
        weft__heap_remove(&heap, &timers[0]);
    }
    ck_assert_uint_eq(heap.count, 0);
    ck_assert_uint_le(heap.size, 32);
    weft__heap_free(&heap);
}
END_RULE

/* 100: C can tell, where Python gives up */
RULE(without_memory_an_add_fails_and_the_heap_is_as_it_was)
{
    size_t i = 0;

    do
        add(i, (int64_t)i);
    while (++i < heap.size);
    weft_testing_fail_allocation(1, 1);
    ck_assert_int_eq(weft__heap_add(&heap, &timers[i], -1), -ENOMEM);
    weft_testing_fail_allocation(0, 0);
    ck_assert_uint_eq(timers[i].index, 0);
    ck_assert_uint_eq(heap.count, i);
    add(i, -1);
    ck_assert_ptr_eq(heap.slots[0].timer, &timers[i]);
    check_places();
    pop_all();
}
END_RULE

RUN_SUITE("heap", whatever_is_added_and_removed_the_first_deadline_is_on_top,
          whatever_is_added_and_removed_equal_deadlines_keep_their_order,
          equal_deadlines_come_in_the_order_of_creation,
          the_order_of_creation_survives_when_its_numbers_are_used_up,
          rising_and_falling_deadlines_come_sorted,
          deadlines_at_the_ends_of_the_range_compare_without_overflow,
          cancelled_timers_do_not_pile_up, without_memory_an_add_fails_and_the_heap_is_as_it_was)
