/* check_gen.c - generators driven by hand: send, throw, close and delegation, in both forms of a body. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* Counts from `from` up to `to`; says what it was sent; a thrown error goes through. */
struct count {
    weft_gen gen;
    int from, to;
    int *cleaned;
};

static weft_step count(void *frame)
{
    struct count *f = frame;

    WEFT_BEGIN(f);
    for (; f->from < f->to; f->from++) {
        WEFT_YIELD(f, weft_from_int(f->from));
        if (weft_sent(f))
            say("got%d", (int)weft_sent_int(f));
    }
    WEFT_RETURN(f, weft_from_int(99));
    WEFT_END(f);
}

static void count_cleanup(void *frame)
{
    struct count *f = frame;

    if (f->cleaned)
        ++*f->cleaned;
}
WEFT_GEN_TYPE(count, .cleanup = count_cleanup);

/* The same, as an explicit state machine. */
struct plain {
    weft_gen gen;
    int from, to;
};

static weft_step plain(void *frame)
{
    struct plain *f = frame;

    switch (f->gen.state) {
    case 1:
        if (f->gen.error)
            return weft_raise(&f->gen, f->gen.error);
        if (f->gen.value)
            say("got%d", (int)weft_sent_int(f));
        f->from++;
        break;
    case 0:
        break;
    default:
        return weft_gen_bad_state(&f->gen);
    }
    f->gen.state = 1;
    if (f->from < f->to)
        return weft_yield(&f->gen, weft_from_int(f->from));
    return weft_return(&f->gen, weft_from_int(99));
}
WEFT_GEN_TYPE(plain);

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

static int step(weft_gen *gen, intptr_t value, const char *name)
{
    void *out = &out;
    int result = weft_gen_send(gen, weft_from_int(value), &out);

    say("%s%s%d", name, result > 0 ? ":" : result == 0 ? "=" : "!", (int)weft_int(out));
    return result;
}

static int raise_in(weft_gen *gen, int error)
{
    void *out = &out;
    int result = weft_gen_throw(gen, error, &out);

    say("%s,%d", result > 0 ? "yield" : weft_errname(result), (int)weft_int(out));
    return result;
}

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

/* 37 */
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

/* What a function writes to stderr before it stops the program. */
static const char *last_words(void (*fn)(void))
{
    static char words[512];
    size_t length = 0;
    ssize_t got;
    int fds[2], status;
    pid_t pid;

    ck_assert_int_eq(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], 2);
        fn();
        _exit(0);
    }
    close(fds[1]);
    while ((got = read(fds[0], words + length, sizeof(words) - 1 - length)) > 0)
        length += (size_t)got;
    words[length] = 0;
    close(fds[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "it went on: %s", words);
    return words;
}

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
          delegation_passes_values_both_ways_and_the_result_back,
          an_error_is_thrown_in_the_innermost_and_goes_outwards,
          close_ends_the_whole_chain_innermost_first,
          a_started_generator_delegated_later_goes_on_where_it_was,
          delegating_to_nothing_or_to_one_that_has_ended_is_an_error,
          an_embedded_frame_takes_no_memory_and_is_cleaned_all_the_same,
          a_million_deep_neither_start_nor_end_grows_the_stack,
          without_memory_the_arguments_are_cleaned_and_driving_raises,
          one_that_is_running_cannot_be_resumed_or_closed,
          resuming_it_after_its_end_stops_the_program_with_its_name,
          resuming_a_state_that_the_body_does_not_have_stops_the_program)
