/* check_gen_delegation.c - a generator that drives another: values, errors and closing go along the chain. */
#include "support/gen_bodies.h"

/* Delegates to `child`, and says how that ended; stubborn: goes on after an error, and yields 7. */
struct outer {
    weft_gen gen;
    weft_gen *child;
    bool stubborn;
};

static weft_step outer(void *frame)
{
    struct outer *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_YIELD_FROM(f, f->child);
    say("child=%s,%d", weft_errname(weft_failed(f)), (int)weft_sent_int(f));
    if (weft_failed(f) && !f->stubborn)
        WEFT_RAISE(f, weft_failed(f));
    WEFT_YIELD(f, weft_from_int(7));
    say("end");
    WEFT_END(f);
}
WEFT_GEN_TYPE(outer);

RULE(delegation_passes_values_both_ways_and_the_result_back)
{
    weft_gen *gen = WEFT_CALL(outer, .child = WEFT_CALL(plain, .from = 1, .to = 3));

    while (step(gen, trace()[0] ? 4 : 0, "a") > 0)
        ;
    ck_assert_str_eq(trace(), "a:1 got4 a:2 got4 child=0,99 a:7 end a=0");
    ck_assert_int_eq(weft_gen_close(gen), 0);
}
END_RULE

RULE(an_error_is_thrown_in_the_innermost_and_goes_outwards)
{
    int cleaned = 0;
    weft_gen *gen = WEFT_CALL(outer, .stubborn = true,
                              .child = WEFT_CALL(count, .to = 3, .cleaned = &cleaned));

    step(gen, 0, "a");
    ck_assert_int_eq(raise_in(gen, -EIO), 1);
    ck_assert_int_eq(cleaned, 1);
    ck_assert_str_eq(trace(), "a:0 child=EIO,0 yield,7");
    ck_assert_int_eq(weft_gen_close(gen), 0);
}
END_RULE

RULE(close_ends_the_whole_chain_innermost_first)
{
    int cleaned = 0;
    weft_gen *child = WEFT_CALL(count, .to = 3, .cleaned = &cleaned);
    weft_gen *gen = WEFT_CALL(outer, .child = WEFT_CALL(outer, .child = child));

    step(gen, 0, "a");
    ck_assert_int_eq(weft_gen_close(gen), 0);
    ck_assert_int_eq(cleaned, 1);
    ck_assert_str_eq(trace(), "a:0 child=WEFT_EGENEXIT,0 child=WEFT_EGENEXIT,0");
}
END_RULE

RULE(a_started_generator_delegated_later_goes_on_where_it_was)
{
    weft_gen *deep = WEFT_CALL(outer, .child = WEFT_CALL(plain, .from = 1, .to = 3));
    weft_gen *gen;

    step(deep, 0, "deep");
    gen = WEFT_CALL(outer, .child = deep);
    while (step(gen, 0, "a") > 0)
        ;
    ck_assert_str_eq(trace(), "deep:1 a:2 child=0,99 a:7 end child=0,0 a:7 end a=0");
    ck_assert_int_eq(weft_gen_close(gen), 0);
}
END_RULE

RULE(delegating_to_nothing_or_to_one_that_has_ended_is_an_error)
{
    struct plain ended = {.from = 0};
    weft_gen *gen = WEFT_CALL(outer, .child = NULL);

    step(gen, 0, "a");
    weft_gen_close(gen);
    weft_gen_init(&ended.gen, &plain_type);
    step(&ended.gen, 0, "b");
    gen = WEFT_CALL(outer, .child = &ended.gen);
    step(gen, 0, "a");
    weft_gen_close(gen);
    ck_assert_str_eq(trace(), "child=WEFT_EBADYIELD,0 a!0 b=99 child=WEFT_EBADYIELD,0 a!0");
}
END_RULE

/* A frame within a frame: a call tree in one allocation. */
struct embed {
    weft_gen gen;
    struct count inner;
    int *cleaned;
};

static weft_step embed(void *frame)
{
    struct embed *f = frame;

    WEFT_BEGIN(f);
    f->inner = (struct count){.to = 1, .cleaned = f->cleaned};
    weft_gen_init(&f->inner.gen, &count_type);
    WEFT_YIELD_FROM(f, &f->inner.gen);
    f->inner = (struct count){.from = 5, .to = 6, .cleaned = f->cleaned};
    weft_gen_init(&f->inner.gen, &count_type);
    WEFT_YIELD_FROM(f, &f->inner.gen);
    WEFT_RETURN(f, weft_sent(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(embed);

RULE(an_embedded_frame_takes_no_memory_and_is_cleaned_all_the_same)
{
    int cleaned = 0;
    struct embed f = {.cleaned = &cleaned};
    weft_live before, after;

    weft_testing_live(&before);
    weft_gen_init(&f.gen, &embed_type);
    for (int i = 0; i < 3; i++)
        step(&f.gen, 0, "a");
    weft_testing_live(&after);
    ck_assert_int_eq(after.allocations, before.allocations);
    ck_assert_int_eq(cleaned, 2);
    ck_assert_str_eq(trace(), "a:0 a:5 a=99");
    ck_assert_int_eq(weft_gen_close(&f.gen), 0);
}
END_RULE

struct deep {
    weft_gen gen;
    int depth;
    char **low; /* the lowest stack address seen */
};
WEFT_GEN_FORWARD(deep);

static weft_step deep(void *frame)
{
    struct deep *f = frame;
    char *here = __builtin_frame_address(0);

    if (here < *f->low)
        *f->low = here;
    WEFT_BEGIN(f);
    if (f->depth == 0) {
        WEFT_YIELD(f, weft_from_int(1));
        WEFT_RETURN(f, weft_from_int(0));
    }
    WEFT_YIELD_FROM(f, WEFT_CALL(deep, .depth = f->depth - 1, .low = f->low));
    WEFT_RETURN(f, weft_from_int(weft_sent_int(f) + 1));
    WEFT_END(f);
}
WEFT_GEN_TYPE(deep);

static void go_deep(int depth, intptr_t how)
{
    char *top = __builtin_frame_address(0), *low = top;
    weft_gen *gen = WEFT_CALL(deep, .depth = depth, .low = &low);

    step(gen, 0, "a");
    if (how == 0)
        step(gen, 0, "a");
    else if (how < 0)
        raise_in(gen, (int)how);
    ck_assert_int_eq(weft_gen_close(gen), 0);
    ck_assert_int_lt(top - low, 4096);
}

/* 37, 38 */
RULE(a_million_deep_neither_start_nor_end_grows_the_stack)
{
    go_deep(1000000, 0);
    go_deep(1000000, -EIO);
    go_deep(1000000, 1);
    ck_assert_str_eq(trace(), "a:1 a=1000000 a:1 EIO,0 a:1");
}
END_RULE

/* 100: C can tell, where Python gives up */
RULE(without_memory_the_arguments_are_cleaned_and_driving_raises)
{
    int cleaned = 0;
    weft_gen *gen;

    weft_testing_fail_allocation(1, 1);
    gen = WEFT_CALL(count, .to = 3, .cleaned = &cleaned);
    weft_testing_fail_allocation(0, 0);
    ck_assert_ptr_nonnull(gen);
    ck_assert_int_eq(cleaned, 1);
    ck_assert_int_eq(weft_gen_send(gen, NULL, NULL), -ENOMEM);
    ck_assert_int_eq(weft_gen_send(gen, NULL, NULL), -ENOMEM);
    ck_assert_int_eq(weft_gen_close(gen), 0);
    gen = WEFT_CALL(outer, .child = gen);
    step(gen, 0, "a");
    ck_assert_str_eq(trace(), "child=ENOMEM,0 a!0");
    ck_assert_int_eq(weft_gen_close(gen), 0);
    ck_assert_int_eq(cleaned, 1);
}
END_RULE

RUN_SUITE("gen_delegation", delegation_passes_values_both_ways_and_the_result_back,
          an_error_is_thrown_in_the_innermost_and_goes_outwards,
          close_ends_the_whole_chain_innermost_first,
          a_started_generator_delegated_later_goes_on_where_it_was,
          delegating_to_nothing_or_to_one_that_has_ended_is_an_error,
          an_embedded_frame_takes_no_memory_and_is_cleaned_all_the_same,
          a_million_deep_neither_start_nor_end_grows_the_stack,
          without_memory_the_arguments_are_cleaned_and_driving_raises)
