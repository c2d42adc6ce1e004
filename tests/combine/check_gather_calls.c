/* check_gather_calls.c - gather_calls: generators, so many at once. */
#include <errno.h>

#include "support/combine_bodies.h"

/* A job that says its cleanup, too: "(a)". */
static void job_cleanup(void *frame)
{
    struct child *f = frame;

    if (f->name)
        say("(%s)", f->name);
}
static const weft_gen_type job_type = {
    .name = "job", .size = sizeof(struct child), .resume = child, .cleanup = job_cleanup};
static weft_gen *job_of(struct child frame)
{
    return weft_gen_copy(&job_type, &frame);
}
#define JOB(...) job_of((struct child){__VA_ARGS__})
#define JOBS(limit, flags, ...) weft_gather_calls(loop, WEFT_CALLS(__VA_ARGS__), (limit), (flags))

/* 102 */
RULE(they_start_in_order_and_so_many_at_once)
{
    void *value;
    weft_result *results;

    ck_assert_int_eq(
        weft_run_until_complete(loop,
                                JOBS(2, 0, JOB(.name = "a", .seconds = 3, .value = "A"),
                                     JOB(.name = "b", .seconds = 1), JOB(.name = "c", .seconds = 1),
                                     JOB(.name = "d", .seconds = 4, .value = "D")),
                                &value),
        0);
    results = value;
    ck_assert_str_eq(trace(), "a b b. (b) c c. (c) d a. (a) d. (d)");
    ck_assert_double_eq(weft_loop_time(loop), 6);
    ck_assert_str_eq(results[0].value, "A");
    ck_assert_str_eq(results[3].value, "D");
    weft_results_free(results);
}
END_RULE

/* 102 */
RULE(a_limit_beyond_their_number_runs_all_and_nothing_to_run_is_done)
{
    weft_future *gather = told(
        JOBS(100, 0, JOB(.name = "a", .seconds = 1), JOB(.name = "b", .seconds = 1)), "g");

    run_all();
    ck_assert_str_eq(trace(), "a b a. (a) b. (b) g:0@1");
    weft_future_unref(gather);
    gather = weft_gather_calls(loop, NULL, 0, 1, 0);
    ck_assert_int_eq(weft_future_error(gather), 0);
    weft_future_unref(gather);
}
END_RULE

/* 104 */
RULE(after_an_error_none_starts_any_more)
{
    weft_future *gather = told(JOBS(2, 0, JOB(.name = "a", .seconds = 1, .error = -EIO),
                                    JOB(.name = "b", .seconds = 5, .cleanup = 1), JOB(.name = "c"),
                                    JOB(.name = "d")),
                               "g");

    run_all();
    ck_assert_str_eq(trace(), "a b a. (a) b! b~ (b) (c) (d) g:EIO@2");
    weft_future_unref(gather);
}
END_RULE

/* 104 */
RULE(with_keep_running_an_error_leaves_those_that_run_and_none_starts)
{
    weft_future *gather = told(JOBS(2, WEFT_KEEP_RUNNING,
                                    JOB(.name = "a", .seconds = 1, .error = -EIO),
                                    JOB(.name = "b", .seconds = 5), JOB(.name = "c")),
                               "g");

    run_all();
    ck_assert_str_eq(trace(), "a b a. (a) (c) g:EIO@1 b. (b)");
    weft_future_unref(gather);
}
END_RULE

/* 106 */
RULE(with_return_errors_all_of_them_run)
{
    weft_result *results;
    void *value;

    ck_assert_int_eq(weft_run_until_complete(loop,
                                             JOBS(1, WEFT_RETURN_ERRORS,
                                                  JOB(.name = "a", .seconds = 1, .error = -EIO),
                                                  JOB(.name = "b", .seconds = 1)),
                                             &value),
                     0);
    results = value;
    ck_assert_str_eq(trace(), "a a. (a) b b. (b)");
    ck_assert_int_eq(results[0].error, -EIO);
    ck_assert_int_eq(results[1].error, 0);
    weft_results_free(results);
}
END_RULE

static void cancelled_calls(unsigned flags)
{
    weft_future *gather = told(JOBS(2, flags, JOB(.name = "a", .seconds = 5, .cleanup = 1),
                                    JOB(.name = "b", .seconds = 5), JOB(.name = "c")),
                               "g");

    run_rounds(2);
    ck_assert(weft_future_cancel(gather, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a b a! b! (b) a~ (a) (c) g:WEFT_ECANCELLED@1");
    weft_future_unref(gather);
}

/* 108 */
RULE(a_cancel_cancels_those_that_run_and_none_starts)
{
    cancelled_calls(0);
}
END_RULE

/* 108 */
RULE(a_cancel_does_the_same_with_return_errors)
{
    cancelled_calls(WEFT_RETURN_ERRORS);
}
END_RULE

/* 108, 45 */
RULE(a_cancel_before_the_first_round_runs_none)
{
    weft_future *gather = told(JOBS(2, 0, JOB(.name = "a"), JOB(.name = "b"), JOB(.name = "c")),
                               "g");

    ck_assert(weft_future_cancel(gather, NULL));
    run_all();
    ck_assert_str_eq(trace(), "(a) (b) (c) g:WEFT_ECANCELLED@0");
    weft_future_unref(gather);
}
END_RULE

/* 108 */
RULE(a_cancel_between_one_jobs_end_and_the_next_ones_start_starts_none)
{
    weft_future *gather = told(
        JOBS(1, 0, JOB(.name = "a", .seconds = 1, .value = "A"), JOB(.name = "b")), "g");

    run_rounds(2);
    weft_testing_advance(loop, 1);
    run_rounds(1); /* a is done; its hook comes next */
    ck_assert(weft_future_cancel(gather, NULL));
    run_all();
    ck_assert_str_eq(trace(), "a a. (a) (b) -A g:WEFT_ECANCELLED@1");
    weft_future_unref(gather);
}
END_RULE

/* 108 */
RULE(a_pending_one_that_is_dropped_cancels_and_frees_all)
{
    weft_future *gather = JOBS(1, 0, JOB(.name = "a", .seconds = 5), JOB(.name = "b"),
                               JOB(.name = "c"));

    run_rounds(2);
    weft_future_unref(gather);
    ck_assert_str_eq(trace(), "a (b) (c)");
    run_all();
    ck_assert_str_eq(trace(), "a (b) (c) a! (a)");
}
END_RULE

/* 104 */
RULE(a_limit_of_zero_is_refused_and_the_generators_are_closed)
{
    weft_future *gather = JOBS(0, 0, JOB(.name = "a"), JOB(.name = "b"));

    ck_assert_int_eq(weft_future_error(gather), -EINVAL);
    ck_assert_str_eq(trace(), "(a) (b)");
    weft_future_unref(gather);
}
END_RULE

/* 82 */
RULE(on_a_closed_loop_they_are_closed)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *gather;

    ck_assert_int_eq(weft_loop_close(other), 0);
    gather = weft_gather_calls(other, WEFT_CALLS(JOB(.name = "a")), 1, 0);
    ck_assert_int_eq(weft_future_error(gather), WEFT_ECLOSED);
    ck_assert_str_eq(trace(), "(a)");
    weft_future_unref(gather);
    weft_loop_unref(other);
}
END_RULE

/* 82, 35 */
RULE(a_loop_that_closes_frees_those_that_have_not_started)
{
    weft_future *gather = JOBS(1, 0, JOB(.name = "a", .seconds = 5), JOB(.name = "b"),
                               JOB(.name = "c"));

    run_rounds(1);
    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_str_eq(trace(), "a (b) (c) (a)");
    ck_assert_int_eq(weft_future_error(gather), WEFT_ECLOSED);
    weft_future_unref(gather);
    (void)reports();
}
END_RULE

/* A job that says its context. */
struct reader {
    weft_gen gen;
};

static weft_step reader(void *frame)
{
    struct reader *f = frame;

    WEFT_BEGIN(f);
    say("%s", weft_task_context(NULL) ? (const char *)weft_task_context(NULL) : "none");
    WEFT_END(f);
}
WEFT_GEN_TYPE(reader);

struct maker {
    weft_gen gen;
    weft_future **gather; /* NULL: it is awaited here */
};

static weft_step maker(void *frame)
{
    struct maker *f = frame;
    weft_future *gather;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_task_set_context(NULL, (void *)(uintptr_t) "mine", NULL), 0);
    gather = weft_gather_calls(
        NULL, WEFT_CALLS(WEFT_CALL(reader), WEFT_CALL(reader), WEFT_CALL(reader)), 1, 0);
    if (f->gather) {
        *f->gather = gather;
        WEFT_RETURN(f, NULL);
    }
    WEFT_AWAIT(f, gather);
    WEFT_END(f);
}
WEFT_GEN_TYPE(maker);

/* 40 */
RULE(all_of_them_inherit_the_context_of_the_task_that_made_them)
{
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(maker)), NULL), 0);
    ck_assert_str_eq(trace(), "mine mine mine");
}
END_RULE

/* 40 */
RULE(those_that_start_after_its_end_have_none)
{
    weft_future *gather = NULL;

    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(maker, .gather = &gather)), NULL), 0);
    run_all();
    ck_assert_str_eq(trace(), "mine none none");
    weft_future_unref(gather);
}
END_RULE

/* 102 */
RULE(ten_thousand_jobs_three_at_a_time_never_are_more)
{
    static weft_gen *calls[10000];
    weft_future *gather;
    void *value;
    size_t most = 0;

    for (size_t i = 0; i < 10000; i++)
        calls[i] = WEFT_CALL(child, .seconds = 1);
    gather = weft_gather_calls(loop, calls, 10000, 3, 0);
    ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
    while (!weft_future_is_done(gather)) {
        size_t now = weft_all_tasks(loop, NULL, 0);

        most = now > most ? now : most;
        weft_testing_advance(loop, 1);
        ck_assert_int_eq(weft_testing_run_until_idle(loop), 0);
    }
    ck_assert_uint_eq(most, 3);
    ck_assert_double_eq(weft_loop_time(loop), 3334);
    ck_assert_int_eq(weft_future_result(gather, &value), 0);
    weft_future_unref(gather);
}
END_RULE

static int calls_attempt(void)
{
    weft_loop *fresh = virtual_loop();
    weft_future *gather;
    int error;

    if (!fresh)
        return -ENOMEM;
    gather = weft_gather_calls(fresh,
                               WEFT_CALLS(WEFT_CALL(child, .seconds = 1, .value = "A"),
                                          WEFT_CALL(child, .seconds = 2, .value = "B")),
                               1, 0);
    error = weft_run_until_complete(fresh, gather, NULL);
    weft_loop_unref(fresh);
    return error;
}

/* 100 */
RULE(without_memory_it_fails_and_nothing_is_left)
{
    each_allocation_fails(calls_attempt);
}
END_RULE

RUN_SUITE("gather_calls", they_start_in_order_and_so_many_at_once,
          a_limit_beyond_their_number_runs_all_and_nothing_to_run_is_done,
          after_an_error_none_starts_any_more,
          with_keep_running_an_error_leaves_those_that_run_and_none_starts,
          with_return_errors_all_of_them_run, a_cancel_cancels_those_that_run_and_none_starts,
          a_cancel_does_the_same_with_return_errors, a_cancel_before_the_first_round_runs_none,
          a_cancel_between_one_jobs_end_and_the_next_ones_start_starts_none,
          a_pending_one_that_is_dropped_cancels_and_frees_all,
          a_limit_of_zero_is_refused_and_the_generators_are_closed,
          on_a_closed_loop_they_are_closed, a_loop_that_closes_frees_those_that_have_not_started,
          all_of_them_inherit_the_context_of_the_task_that_made_them,
          those_that_start_after_its_end_have_none, ten_thousand_jobs_three_at_a_time_never_are_more,
          without_memory_it_fails_and_nothing_is_left)
