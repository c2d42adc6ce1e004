/* check_gen.c - generators driven by hand: send, throw and close, in both forms of a body. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/gen_bodies.h"

/* Catches whatever is thrown, and returns it as its result. */
struct catcher {
    weft_gen gen;
    int yields; /* more yields after the catch */
};

static weft_step catcher(void *frame)
{
    struct catcher *f = frame;

    switch (f->gen.state) {
    case 0:
        f->gen.state = 1;
        return weft_yield(&f->gen, weft_from_int(1));
    case 1:
        say("caught=%s", weft_errname(f->gen.error));
        if (f->yields-- > 0)
            return weft_yield(&f->gen, weft_from_int(2));
        return weft_return(&f->gen, weft_from_int(5));
    default:
        return weft_gen_bad_state(&f->gen);
    }
}
WEFT_GEN_TYPE(catcher);

static void sends_and_returns(weft_gen *gen)
{
    ck_assert_int_eq(step(gen, 0, "a"), 1);
    ck_assert_int_eq(step(gen, 5, "a"), 1);
    ck_assert_int_eq(weft_gen_is_ended(gen), 0);
    ck_assert_int_eq(step(gen, 6, "a"), 0);
    ck_assert_int_eq(weft_gen_is_ended(gen), 1);
    ck_assert_int_eq(weft_gen_close(gen), 0);
    ck_assert_str_eq(trace(), "a:1 got5 a:2 got6 a=99");
}

RULE(send_runs_to_the_next_yield_and_brings_the_value_in)
{
    sends_and_returns(WEFT_CALL(count, .from = 1, .to = 3));
}
END_RULE

RULE(send_does_the_same_in_the_explicit_form)
{
    sends_and_returns(WEFT_CALL(plain, .from = 1, .to = 3));
}
END_RULE

RULE(a_value_for_one_that_has_not_started_is_refused_and_changes_nothing)
{
    weft_gen *gen = WEFT_CALL(count, .from = 1, .to = 3);

    ck_assert_int_eq(step(gen, 1, "a"), -EINVAL);
    ck_assert_int_eq(step(gen, 0, "a"), 1);
    ck_assert_str_eq(trace(), "a!0 a:1");
    ck_assert_int_eq(weft_gen_close(gen), 0);
}
END_RULE

RULE(an_error_is_thrown_at_the_yield_and_goes_through)
{
    weft_gen *written = WEFT_CALL(count, .from = 1, .to = 3);
    weft_gen *explicit = WEFT_CALL(plain, .from = 1, .to = 3);

    step(written, 0, "a");
    step(explicit, 0, "b");
    ck_assert_int_eq(raise_in(written, -EIO), -EIO);
    ck_assert_int_eq(raise_in(explicit, -EPIPE), -EPIPE);
    ck_assert_int_eq(weft_gen_is_ended(written), 1);
    ck_assert_str_eq(trace(), "a:1 b:1 EIO,0 EPIPE,0");
    ck_assert_int_eq(weft_gen_close(written), 0);
    ck_assert_int_eq(weft_gen_close(explicit), 0);
}
END_RULE

RULE(a_thrown_error_that_is_caught_is_over)
{
    weft_gen *gen = WEFT_CALL(catcher, .yields = 1);

    step(gen, 0, "a");
    ck_assert_int_eq(raise_in(gen, -EIO), 1);
    ck_assert_int_eq(step(gen, 0, "a"), 0);
    ck_assert_str_eq(trace(), "a:1 caught=EIO yield,2 caught=0 a=5");
    ck_assert_int_eq(weft_gen_close(gen), 0);
}
END_RULE

RULE(what_is_not_an_error_cannot_be_thrown)
{
    weft_gen *gen = WEFT_CALL(count, .from = 1, .to = 3);

    step(gen, 0, "a");
    ck_assert_int_eq(weft_gen_throw(gen, 0, NULL), -EINVAL);
    ck_assert_int_eq(weft_gen_throw(gen, 1, NULL), -EINVAL);
    ck_assert_int_eq(step(gen, 0, "a"), 1);
    ck_assert_int_eq(weft_gen_close(gen), 0);
}
END_RULE

/* 39 */
RULE(throwing_before_the_start_ends_it_without_running_the_body)
{
    int cleaned = 0;
    weft_gen *gen = WEFT_CALL(count, .to = 3, .cleaned = &cleaned);

    ck_assert_int_eq(raise_in(gen, -EIO), -EIO);
    ck_assert_int_eq(cleaned, 1);
    ck_assert_int_eq(weft_gen_is_ended(gen), 1);
    ck_assert_int_eq(weft_gen_close(gen), 0);
    ck_assert_int_eq(cleaned, 1);
}
END_RULE

/* 39 */
RULE(cleanup_runs_exactly_once_from_any_state)
{
    for (int sends = 0; sends <= 4; sends++) {
        int cleaned = 0;
        weft_gen *gen = WEFT_CALL(count, .to = 3, .cleaned = &cleaned);

        for (int i = 0; i < sends; i++)
            (void)weft_gen_send(gen, NULL, NULL);
        ck_assert_int_eq(cleaned, sends == 4);
        ck_assert_int_eq(weft_gen_close(gen), 0);
        ck_assert_int_eq(cleaned, 1);
    }
}
END_RULE

RULE(close_raises_the_exit_and_a_body_may_return_on_it)
{
    weft_gen *gen = WEFT_CALL(catcher);

    step(gen, 0, "a");
    ck_assert_int_eq(weft_gen_close(gen), 0);
    ck_assert_int_eq(weft_gen_close(NULL), 0);
    ck_assert_str_eq(trace(), "a:1 caught=WEFT_EGENEXIT");
}
END_RULE

RULE(a_body_that_yields_on_close_is_ended_without_asking_again)
{
    weft_gen *gen = WEFT_CALL(catcher, .yields = 5);

    step(gen, 0, "a");
    ck_assert_int_eq(weft_gen_close(gen), WEFT_EINVALIDSTATE);
    ck_assert_str_eq(trace(), "a:1 caught=WEFT_EGENEXIT");
}
END_RULE

struct selfish {
    weft_gen gen;
};

static weft_step selfish(void *frame)
{
    struct selfish *f = frame;

    say("send=%s", weft_errname(weft_gen_send(&f->gen, NULL, NULL)));
    say("throw=%s", weft_errname(weft_gen_throw(&f->gen, -EIO, NULL)));
    say("close=%s", weft_errname(weft_gen_close(&f->gen)));
    return weft_return(&f->gen, NULL);
}
WEFT_GEN_TYPE(selfish);

RULE(one_that_is_running_cannot_be_resumed_or_closed)
{
    weft_gen *gen = WEFT_CALL(selfish);

    ck_assert_int_eq(step(gen, 0, "a"), 0);
    ck_assert_str_eq(trace(), "send=WEFT_ERUNNING throw=WEFT_ERUNNING close=WEFT_ERUNNING a=0");
    ck_assert_int_eq(weft_gen_close(gen), 0);
}
END_RULE

static void resume_an_ended_one(void)
{
    struct plain f = {.from = 0};

    weft_gen_init(&f.gen, &plain_type);
    (void)weft_gen_send(&f.gen, NULL, NULL);
    (void)weft_gen_send(&f.gen, NULL, NULL);
}

RULE(resuming_it_after_its_end_stops_the_program_with_its_name)
{
    ck_assert_ptr_nonnull(strstr(last_words(resume_an_ended_one), "plain"));
}
END_RULE

/* The mistake: a yield inside a switch of the body's own. */
struct nested {
    weft_gen gen;
    int which;
};

static weft_step nested(void *frame)
{
    struct nested *f = frame;

    WEFT_BEGIN(f);
    switch (f->which) {
    case 1:
        WEFT_YIELD(f, NULL);
        break;
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(nested);

static void resume_inside_a_switch(void)
{
    struct nested f = {.which = 1};

    weft_gen_init(&f.gen, &nested_type);
    (void)weft_gen_send(&f.gen, NULL, NULL);
    (void)weft_gen_send(&f.gen, NULL, NULL);
}

/* 41: the nested switch is a silent mistake otherwise */
RULE(resuming_a_state_that_the_body_does_not_have_stops_the_program)
{
    const char *words = last_words(resume_inside_a_switch);

    ck_assert_ptr_nonnull(strstr(words, "nested"));
    ck_assert_ptr_nonnull(strstr(words, "check_gen.c"));
}
END_RULE

RUN_SUITE("gen", send_runs_to_the_next_yield_and_brings_the_value_in,
          send_does_the_same_in_the_explicit_form,
          a_value_for_one_that_has_not_started_is_refused_and_changes_nothing,
          an_error_is_thrown_at_the_yield_and_goes_through, a_thrown_error_that_is_caught_is_over,
          what_is_not_an_error_cannot_be_thrown,
          throwing_before_the_start_ends_it_without_running_the_body,
          cleanup_runs_exactly_once_from_any_state,
          close_raises_the_exit_and_a_body_may_return_on_it,
          a_body_that_yields_on_close_is_ended_without_asking_again,
          one_that_is_running_cannot_be_resumed_or_closed,
          resuming_it_after_its_end_stops_the_program_with_its_name,
          resuming_a_state_that_the_body_does_not_have_stops_the_program)
