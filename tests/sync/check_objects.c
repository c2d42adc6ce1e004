/* check_objects.c - what locks, events, conditions, semaphores, barriers and queues have in common: references, telling. */
#include <errno.h>

#include "support/sync_bodies.h"

/* One of a kind: it lives as long as somebody holds it, and refused ones take any number of references. */
#define KIND(kind, first, refused) \
    do { \
        weft_##kind *object = (first), *none = (refused); \
\
        ck_assert_ptr_eq(weft_##kind##_ref(object), object); \
        weft_##kind##_unref(object); \
        ck_assert_int_gt(alive(), 0); /* else a sanitizer says so below */ \
        weft_##kind##_unref(object); \
        ck_assert_int_eq(alive(), 0); \
        ck_assert_ptr_eq(weft_##kind##_ref(none), none); \
        for (int i = 0; i < 3; i++) \
            weft_##kind##_unref(none); \
    } while (0)

static long before;

static long blocks(void)
{
    weft_live live;

    weft_testing_live(&live);
    return live.allocations;
}

static long alive(void)
{
    return blocks() - before;
}

static weft_lock *refused_lock(void)
{
    weft_lock *lock;

    weft_testing_fail_allocation(1, 1);
    lock = weft_lock_new(loop);
    weft_testing_fail_allocation(0, 0);
    return lock;
}

static weft_event *refused_event(void)
{
    weft_event *none;

    weft_testing_fail_allocation(1, 1);
    none = weft_event_new(loop);
    weft_testing_fail_allocation(0, 0);
    return none;
}

/* 255 */
RULE(each_kind_takes_references_and_goes_with_the_last)
{
    before = blocks();
    KIND(lock, weft_lock_new(loop), refused_lock());
    KIND(event, weft_event_new(loop), refused_event());
    KIND(condition, weft_condition_new(loop, NULL), weft_condition_new(loop, refused_lock()));
    KIND(semaphore, weft_semaphore_new(loop, 1), weft_semaphore_new(loop, -1));
    KIND(barrier, weft_barrier_new(loop, 2), weft_barrier_new(loop, 0));
    KIND(queue, weft_queue_new(loop, .size = 1), weft_queue_new(loop, .size = 0));
}
END_RULE

/* 255: the second holder may still release it, so who waits is not abandoned */
RULE(who_waits_goes_on_waiting_while_somebody_else_holds_the_object)
{
    weft_task *a;

    event = weft_event_new(loop);
    a = start("a", "E");
    run_all();
    weft_event_ref(event);
    weft_event_unref(event);
    run_all();
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(weft_event_set(event), 0);
    run_all();
    ck_assert_str_eq(trace(), "aE");
    ck_assert_int_eq(ended(a), 0);
    weft_event_unref(event);
}
END_RULE

/* 256 */
RULE(each_kind_tells_how_large_it_was_made)
{
    weft_semaphore *none = weft_semaphore_new(loop, -1);
    weft_barrier *no_barrier = weft_barrier_new(loop, 0);
    weft_queue *small = weft_queue_new(loop, .size = 7), *no_queue = weft_queue_new(loop, .size = 0);
    weft_queue *large = weft_queue_new(loop, .size = WEFT_UNBOUNDED);
    weft_task *a;

    semaphore = weft_semaphore_new(loop, 1);
    barrier = weft_barrier_new(loop, 3);
    ck_assert_int_eq(weft_barrier_parties(barrier), 3);
    ck_assert_uint_eq(weft_queue_size(small), 7);
    ck_assert_int_eq(weft_queue_put_nowait(small, NULL), 0);
    ck_assert_uint_eq(weft_queue_size(small), 7);
    ck_assert_int_eq(weft_queue_shutdown(small, true), 0);
    ck_assert_uint_eq(weft_queue_size(small), 7);
    ck_assert_uint_eq(weft_queue_size(large), WEFT_UNBOUNDED);
    ck_assert(!weft_semaphore_is_locked(semaphore));
    a = start("a", "P1V");
    run_rounds(1);
    ck_assert(weft_semaphore_is_locked(semaphore));
    run_all();
    ck_assert(!weft_semaphore_is_locked(semaphore));
    ck_assert_int_eq(ended(a), 0);
    ck_assert(!weft_semaphore_is_locked(none));
    ck_assert_int_eq(weft_barrier_parties(no_barrier), 0);
    ck_assert_uint_eq(weft_queue_size(no_queue), 0);
    weft_semaphore_unref(semaphore);
    weft_barrier_unref(barrier);
    weft_queue_unref(small);
    weft_queue_unref(large);
}
END_RULE

RUN_SUITE("objects", each_kind_takes_references_and_goes_with_the_last,
          who_waits_goes_on_waiting_while_somebody_else_holds_the_object,
          each_kind_tells_how_large_it_was_made)
