/* check_alloc.c - the allocator: slabs, blocks that another thread frees, arenas, what is counted. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "support/harness.h"

enum { LARGEST = 2000, MANY = 5000 };

static void *blocks[MANY];

static long alive(void)
{
    struct weft__counts sum;

    weft__counts_sum(&sum);
    return sum.alive[WEFT__COUNT_BLOCKS];
}

static void fill(void *block, size_t size, size_t salt)
{
    memset(block, (int)((size + salt) & 0xff), size);
}

static void check_fill(const void *block, size_t size, size_t salt)
{
    const unsigned char *bytes = block;
    size_t i = 0;

    while (i < size && bytes[i] == ((size + salt) & 0xff))
        i++;
    ck_assert_msg(i == size, "byte %zu of %zu was overwritten", i, size);
}

static void in_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, fn, arg), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FREED_IS_KEPT 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FREED_IS_KEPT 1
#endif

/* Memory in use, as the system counts it, in pages; 0 where a checker keeps what was freed. */
static long pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long size = 0, resident = 0;

    if (file && !getenv("WEFT_MALLOC")) {
        ck_assert_int_eq(fscanf(file, "%ld %ld", &size, &resident), 2);
    }
    if (file)
        fclose(file);
#ifdef FREED_IS_KEPT
    resident = 0;
#endif
    return resident;
}

RULE(a_block_of_any_size_is_aligned_to_16)
{
    for (size_t size = 1; size <= LARGEST; size++) {
        void *block = weft__alloc(size);

        ck_assert_ptr_nonnull(block);
        ck_assert_uint_eq((uintptr_t)block % 16, 0);
        fill(block, size, 0);
        weft__free(block, size);
    }
}
END_RULE

RULE(blocks_of_all_sizes_do_not_overlap)
{
    for (size_t size = 1; size <= LARGEST; size++) {
        blocks[size] = weft__alloc(size);
        fill(blocks[size], size, 0);
    }
    for (size_t size = 1; size <= LARGEST; size++)
        check_fill(blocks[size], size, 0);
    for (size_t size = 1; size <= LARGEST; size++)
        weft__free(blocks[size], size);
}
END_RULE

RULE(blocks_of_one_size_do_not_overlap_however_they_come_and_go)
{
    uint32_t state = 99;

    for (int i = 0; i < 100000; i++) {
        size_t at = (state = state * 1664525 + 1013904223) / 65536 % MANY;

        if (blocks[at]) {
            check_fill(blocks[at], 48, at);
            weft__free(blocks[at], 48);
            blocks[at] = NULL;
        } else {
            blocks[at] = weft__alloc(48);
            fill(blocks[at], 48, at);
        }
    }
    for (size_t at = 0; at < MANY; at++) {
        if (blocks[at])
            check_fill(blocks[at], 48, at);
        weft__free(blocks[at], 48);
    }
}
END_RULE

RULE(zalloc_clears_what_was_used_before)
{
    for (size_t size = 1; size <= LARGEST; size += 7) {
        static const unsigned char zeros[LARGEST];
        void *block = weft__alloc(size);

        memset(block, 0xff, size);
        weft__free(block, size);
        block = weft__zalloc(size);
        ck_assert_mem_eq(block, zeros, size);
        weft__free(block, size);
    }
}
END_RULE

RULE(resize_keeps_what_fits)
{
    char *block = weft__resize(NULL, 0, 5);

    memcpy(block, "weft", 5);
    block = weft__resize(block, 5, 700);
    ck_assert_str_eq(block, "weft");
    memset(block + 5, 'x', 695);
    block = weft__resize(block, 700, 5);
    ck_assert_str_eq(block, "weft");
    weft__free(block, 5);
}
END_RULE

RULE(strdup_copies_and_free_of_null_is_nothing)
{
    char *copy = weft__strdup("warp");

    ck_assert_str_eq(copy, "warp");
    weft__free(copy, 5);
    copy = weft__strdup("");
    ck_assert_str_eq(copy, "");
    weft__free(copy, 1);
    weft__free(NULL, 0);
}
END_RULE

RULE(each_block_is_counted_once)
{
    long before = alive();
    void *small = weft__alloc(1), *large = weft__zalloc(LARGEST);
    char *copy = weft__strdup("warp");

    ck_assert_int_eq(alive(), before + 3);
    large = weft__resize(large, LARGEST, LARGEST + 1);
    ck_assert_int_eq(alive(), before + 3);
    weft__free(small, 1);
    weft__free(large, LARGEST + 1);
    weft__free(copy, 5);
    weft__free(NULL, 9);
    ck_assert_int_eq(alive(), before);
}
END_RULE

static void *free_all(void *arg)
{
    size_t size = *(size_t *)arg;

    for (size_t i = 0; i < MANY; i++) {
        check_fill(blocks[i], size, i);
        weft__free(blocks[i], size);
        blocks[i] = NULL;
    }
    return NULL;
}

static void *alloc_all(void *arg)
{
    size_t size = *(size_t *)arg;

    for (size_t i = 0; i < MANY; i++) {
        blocks[i] = weft__alloc(size);
        fill(blocks[i], size, i);
    }
    return NULL;
}

RULE(another_thread_may_free_a_block)
{
    static size_t sizes[] = {1, 64, 500, 2000};
    long before = alive();

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        alloc_all(&sizes[i]);
        in_thread(free_all, &sizes[i]);
        ck_assert_int_eq(alive(), before);
    }
}
END_RULE

RULE(a_thread_that_never_allocated_may_free_and_the_count_is_right)
{
    size_t size = 64;
    long before = alive();

    in_thread(alloc_all, &size);
    ck_assert_int_eq(alive(), before + MANY);
    in_thread(free_all, &size);
    ck_assert_int_eq(alive(), before);
}
END_RULE

RULE(blocks_outlive_their_thread_and_its_arena_is_used_again)
{
    size_t size = 64;
    long at_start;

    in_thread(alloc_all, &size);
    free_all(&size);
    at_start = pages();
    for (int i = 0; i < 100; i++) {
        in_thread(alloc_all, &size);
        free_all(&size);
    }
    ck_assert_int_lt(pages() - at_start, 4 * MANY * 64 / 4096);
}
END_RULE

RULE(memory_that_another_thread_freed_is_used_again)
{
    size_t size = 64;
    long at_start;

    alloc_all(&size);
    in_thread(free_all, &size);
    at_start = pages();
    for (int i = 0; i < 100; i++) {
        alloc_all(&size);
        in_thread(free_all, &size);
    }
    ck_assert_int_lt(pages() - at_start, 4 * MANY * 64 / 4096);
}
END_RULE

RULE(memory_that_its_own_thread_freed_is_used_again)
{
    size_t size = 64;
    uint32_t state = 1;
    long at_start;

    alloc_all(&size);
    at_start = pages();
    for (int round = 0; round < 200; round++) { /* one block in eight: no slab is ever empty */
        for (size_t i = 0; i < MANY; i++) {
            state = state * 1664525 + 1013904223;
            if (state >> 29)
                continue;
            weft__free(blocks[i], size);
            blocks[i] = NULL;
        }
        for (size_t i = 0; i < MANY; i++)
            if (!blocks[i]) {
                blocks[i] = weft__alloc(size);
                fill(blocks[i], size, i);
            }
    }
    ck_assert_int_lt(pages() - at_start, MANY * 64 / 4096);
    free_all(&size);
    for (int round = 0; round < 100; round++) {
        alloc_all(&size);
        free_all(&size);
    }
    ck_assert_int_lt(pages() - at_start, 4 * MANY * 64 / 4096);
}
END_RULE

RULE(a_slab_that_is_empty_serves_blocks_of_another_size)
{
    enum { GREATEST = 512 };
    long at_start = pages();

    for (size_t size = 16; size <= GREATEST; size += 16) {
        alloc_all(&size);
        free_all(&size);
    }
    ck_assert_int_lt(pages() - at_start, 3 * MANY * GREATEST / 4096);
}
END_RULE

/* Two threads hand blocks to each other through a ring of slots. */
static void *slots[64];

static void *exchange(void *arg)
{
    uint32_t state = (uint32_t)(uintptr_t)arg;

    for (int i = 0; i < 50000; i++) {
        size_t at = (state = state * 1664525 + 1013904223) / 65536 % 64;
        size_t size = at * 8 + 8;
        void *mine = weft__alloc(size);
        void *other;

        fill(mine, size, 0);
        other = __atomic_exchange_n(&slots[at], mine, __ATOMIC_ACQ_REL);
        if (other && *(unsigned char *)other != (size & 0xff))
            return arg; /* damaged */
        weft__free(other, size);
    }
    return NULL;
}

RULE(threads_may_free_each_others_blocks_at_once)
{
    long before = alive();
    pthread_t threads[3];

    for (uintptr_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, exchange, (void *)(i + 1)), 0);
    for (size_t i = 0; i < 3; i++) {
        void *damaged;

        pthread_join(threads[i], &damaged);
        ck_assert_ptr_null(damaged);
    }
    for (size_t at = 0; at < 64; at++)
        weft__free(slots[at], at * 8 + 8);
    ck_assert_int_eq(alive(), before);
}
END_RULE

RULE(the_counters_of_all_threads_are_summed)
{
    size_t size = 16;
    struct weft__counts sum;

    in_thread(alloc_all, &size);
    weft__count(WEFT__COUNT_FRAMES, 3);
    weft__counts_sum(&sum);
    ck_assert_int_eq(sum.alive[WEFT__COUNT_FRAMES], 3);
    ck_assert_int_ge(sum.alive[WEFT__COUNT_BLOCKS], MANY);
    weft__count(WEFT__COUNT_FRAMES, -3);
    in_thread(free_all, &size);
}
END_RULE

/* 100: C can tell, where Python gives up */
RULE(the_nth_allocation_fails_and_count_that_many_in_a_row)
{
    long before = alive();

    weft__alloc_fail(2, 2);
    blocks[0] = weft__alloc(10);
    ck_assert_ptr_nonnull(blocks[0]);
    ck_assert_ptr_null(weft__zalloc(10));
    ck_assert_ptr_null(weft__resize(blocks[0], 10, 20));
    ck_assert_int_eq(alive(), before + 1);
    blocks[1] = weft__strdup("weft");
    ck_assert_ptr_nonnull(blocks[1]);
    ck_assert_int_eq(weft__alloc_count(), 4);
    weft__alloc_fail(1, 1);
    ck_assert_ptr_null(weft__strdup("weft"));
    weft__alloc_fail(0, 0);
    weft__free(blocks[0], 10);
    weft__free(blocks[1], 5);
    ck_assert_int_eq(alive(), before);
}
END_RULE

RUN_SUITE(
    "alloc", a_block_of_any_size_is_aligned_to_16, blocks_of_all_sizes_do_not_overlap,
    blocks_of_one_size_do_not_overlap_however_they_come_and_go, zalloc_clears_what_was_used_before,
    resize_keeps_what_fits, strdup_copies_and_free_of_null_is_nothing, each_block_is_counted_once,
    another_thread_may_free_a_block, a_thread_that_never_allocated_may_free_and_the_count_is_right,
    blocks_outlive_their_thread_and_its_arena_is_used_again,
    memory_that_another_thread_freed_is_used_again, memory_that_its_own_thread_freed_is_used_again,
    a_slab_that_is_empty_serves_blocks_of_another_size, threads_may_free_each_others_blocks_at_once,
    the_counters_of_all_threads_are_summed, the_nth_allocation_fails_and_count_that_many_in_a_row)
