/* check_remote.c - tasks that other threads make, wait for, and cancel. */
#include <math.h>

#include "support/remote_bodies.h"

/* ---- outcomes ----------------------------------------------------------------------------------- */

/* 203 */
RULE(a_thread_gets_the_result_of_the_task_that_it_made)
{
    struct caller self = {.gen = WEFT_CALL(brief, .value = "value"), .seconds = WEFT_NEVER};

    start(&self, call);
    run_all();
    join(&self);
    ck_assert_int_eq(self.error, 0);
    ck_assert_str_eq(self.value, "value");
}
END_RULE

/* 203 */
RULE(a_thread_gets_the_error_of_the_task_that_it_made)
{
    struct caller self = {.gen = WEFT_CALL(brief, .error = -EIO), .seconds = WEFT_NEVER};

    self.value = "before";
    start(&self, call);
    run_all();
    join(&self);
    ck_assert_int_eq(self.error, -EIO); /* and nobody reports it */
    ck_assert_ptr_null(self.value);
}
END_RULE

/* 203 */
RULE(a_thread_may_wait_for_a_task_that_takes_its_time)
{
    weft_future *gate = weft_future_new(loop);
    struct caller self = {.gen = WEFT_CALL(waiter, .name = "w", .future = gate), .seconds = 1e12};

    weft_future_ref(gate);
    start(&self, call);
    while (!weft_all_tasks(loop, NULL, 0))
        run_rounds(1);
    run_rounds(3);
    weft_future_set_int(gate, 6);
    run_all();
    join(&self);
    ck_assert_int_eq(self.error, 0);
    ck_assert_int_eq(weft_int(self.value), 6);
    weft_future_unref(gate);
}
END_RULE

/* Receives the same result several times. */
static void *receive_twice(void *arg)
{
    struct caller *self = arg;
    weft_remote *remote = weft_task_new_threadsafe(self->loop, self->gen);
    void *second = "before";

    ck_assert_int_eq(weft_remote_wait(remote, WEFT_NEVER, NULL), 0);
    ck_assert_int_eq(weft_remote_wait(remote, WEFT_NEVER, &self->value), 0);
    ck_assert_int_eq(weft_remote_wait(remote, 0, &second), 0);
    self->error = second != NULL;
    ck_assert_int_eq(weft_remote_cancel(remote, NULL), 0); /* it has ended */
    weft_remote_unref(remote);
    weft_loop_unref(self->loop);
    return NULL;
}

/* 203 */
RULE(a_result_with_a_destructor_is_whose_who_receives_it_first)
{
    struct caller self = {.gen = WEFT_CALL(brief, .owned = "mine")};

    start(&self, receive_twice);
    run_all();
    join(&self);
    ck_assert_str_eq(self.value, "mine");
    ck_assert_int_eq(self.error, 0); /* the second got NULL */
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* 203 */
RULE(a_result_without_one_is_for_every_call)
{
    struct caller self = {.gen = WEFT_CALL(brief, .value = "all")};

    start(&self, receive_twice);
    run_all();
    join(&self);
    ck_assert_int_eq(self.error, 1); /* so did the second */
}
END_RULE

static void *only_wait(void *arg)
{
    struct caller *self = arg;
    weft_remote *remote = weft_task_new_threadsafe(self->loop, self->gen);

    self->error = weft_remote_wait(remote, WEFT_NEVER, NULL);
    weft_remote_unref(remote);
    weft_loop_unref(self->loop);
    return NULL;
}

/* 203 */
RULE(a_result_that_nobody_receives_is_destroyed_with_the_remote)
{
    struct caller self = {.gen = WEFT_CALL(brief, .owned = "unread")};

    start(&self, only_wait);
    run_all();
    join(&self);
    ck_assert_str_eq(trace(), "destroyed-unread");
}
END_RULE

static void *make_and_forget(void *arg)
{
    struct caller *self = arg;

    weft_remote_unref(weft_task_new_threadsafe(self->loop, self->gen));
    weft_remote_unref(NULL);
    weft_loop_unref(self->loop);
    return NULL;
}

/* 203 */
RULE(a_task_whose_remote_was_given_back_goes_on)
{
    struct caller self = {.gen = WEFT_CALL(sleeper, .name = "z", .seconds = 5)};

    start(&self, make_and_forget);
    run_all();
    join(&self);
    ck_assert_str_eq(trace(), "z z.");
}
END_RULE

/* ---- cancel and time ----------------------------------------------------------------------------- */

/* 203: asyncio's future says cancelled before the task has ended */
RULE(a_cancel_from_a_thread_reaches_the_task_with_its_reason_and_the_wait_is_for_its_end)
{
    sem_t waits;
    struct caller self = {.seconds = WEFT_NEVER, .cancels = true, .before_cancel = &waits};

    sem_init(&waits, 0, 0);
    self.gen = WEFT_CALL(stubborn, .waits = &waits);
    start(&self, call);
    run_all();
    join(&self);
    ck_assert_int_eq(self.cancel_error, 0);
    ck_assert_int_eq(self.error, WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED (a thread's) ends");
}
END_RULE

/* 203, 45 */
RULE(a_cancel_that_comes_before_the_first_step_keeps_the_body_from_running)
{
    struct caller self = {.gen = WEFT_CALL(brief, .value = "never"), .cancels = true};

    start(&self, call);
    join(&self); /* all of it, while the loop does not look */
    ck_assert_int_eq(self.cancel_error, 0);
    ck_assert_int_eq(self.error, WEFT_ETIMEDOUT); /* it has only looked */
    run_all();
    ck_assert_str_eq(notes(), "freed");
}
END_RULE

/* 203: also if a test shuffles what is ready */
RULE(a_cancel_never_overtakes_the_start)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        weft_remote *remote;

        ck_assert_int_eq(weft_testing_shuffle(loop, seed), 0);
        remote = weft_task_new_threadsafe(loop, WEFT_CALL(brief, .value = "never"));
        ck_assert_int_eq(weft_remote_cancel(remote, "early"), 0);
        run_all();
        ck_assert_int_eq(weft_remote_wait(remote, 0, NULL), WEFT_ECANCELLED);
        weft_remote_unref(remote);
    }
    ck_assert_int_eq(weft_testing_shuffle(loop, 0), 0);
}
END_RULE

/* 203, 49 */
RULE(requests_before_the_loop_looks_are_one_and_later_ones_are_others)
{
    weft_remote *remote = weft_task_new_threadsafe(loop, WEFT_CALL(stubborn, .rounds = -1000));

    run_rounds(1);
    ck_assert_int_eq(weft_remote_cancel(remote, "first"), 0);
    ck_assert_int_eq(weft_remote_cancel(remote, "the same"), 0);
    run_rounds(5);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED (first)"); /* it goes on all the same */
    ck_assert_int_eq(weft_remote_cancel(remote, "second"), 0);
    run_all();
    ck_assert_int_eq(weft_remote_wait(remote, 0, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED (first)"); /* it did not get to its end */
    weft_remote_unref(remote);
}
END_RULE

/* 203 */
RULE(a_wait_that_times_out_leaves_the_task_alone_and_the_thread_may_cancel_it)
{
    sem_t waits, timed_out;
    struct caller self = {.seconds = 0.002, .before_cancel = &waits, .after_timeout = &timed_out};

    sem_init(&waits, 0, 0);
    sem_init(&timed_out, 0, 0);
    self.gen = WEFT_CALL(stubborn, .waits = &waits);
    start(&self, call);
    run_all();
    join(&self);
    ck_assert_int_eq(self.error, WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED (too late) ends");
}
END_RULE

/* 203 */
RULE(the_loops_own_thread_never_waits)
{
    weft_remote *remote = weft_task_new_threadsafe(loop, WEFT_CALL(brief, .value = "here"));
    void *value = "before";

    ck_assert_int_eq(weft_remote_wait(remote, WEFT_NEVER, &value), WEFT_EDEADLOCK);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(weft_remote_wait(remote, 0, NULL), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_remote_wait(remote, NAN, NULL), -EINVAL);
    run_all();
    ck_assert_int_eq(weft_remote_wait(remote, WEFT_NEVER, &value), 0);
    ck_assert_str_eq(value, "here");
    weft_remote_unref(remote);
}
END_RULE

static int one_remote(void)
{
    weft_remote *remote = weft_task_new_threadsafe(loop, WEFT_CALL(brief));
    int error;

    run_all();
    error = weft_remote_wait(remote, WEFT_NEVER, NULL);
    if (error)
        ck_assert_int_eq(weft_remote_cancel(remote, NULL), 0);
    weft_remote_unref(remote);
    ck_assert_str_eq(notes(), "freed"); /* once, on every path */
    noted[0] = 0;
    return error;
}

/* 100, 203 */
RULE(a_remote_without_memory_says_so_and_closes_the_generator)
{
    each_allocation_fails(one_remote);
}
END_RULE

enum { THREADS = 4, CALLS = 50 };

static void *call_many(void *arg)
{
    struct caller *self = arg;

    for (intptr_t i = 0; i < CALLS; i++) {
        weft_remote *remote = weft_task_new_threadsafe(self->loop, WEFT_CALL(sleeper, .result = i));
        void *value;

        if (i % 4 == 0)
            self->error |= weft_remote_cancel(remote, NULL);
        self->cancel_error = weft_remote_wait(remote, WEFT_NEVER, &value);
        if (self->cancel_error ? self->cancel_error != WEFT_ECANCELLED : weft_int(value) != i)
            self->error = -EINVAL;
        weft_remote_unref(remote);
    }
    weft_loop_unref(self->loop);
    return NULL;
}

/* 203 */
RULE(many_threads_may_wait_for_many_tasks)
{
    struct caller self[THREADS] = {{.error = 0}};

    for (int i = 0; i < THREADS; i++)
        start(&self[i], call_many);
    run_all();
    for (int i = 0; i < THREADS; i++) {
        join(&self[i]);
        ck_assert_int_eq(self[i].error, 0);
    }
}
END_RULE

RUN_SUITE("remote", a_thread_gets_the_result_of_the_task_that_it_made,
          a_thread_gets_the_error_of_the_task_that_it_made,
          a_thread_may_wait_for_a_task_that_takes_its_time,
          a_result_with_a_destructor_is_whose_who_receives_it_first,
          a_result_without_one_is_for_every_call,
          a_result_that_nobody_receives_is_destroyed_with_the_remote,
          a_task_whose_remote_was_given_back_goes_on,
          a_cancel_from_a_thread_reaches_the_task_with_its_reason_and_the_wait_is_for_its_end,
          a_cancel_that_comes_before_the_first_step_keeps_the_body_from_running,
          a_cancel_never_overtakes_the_start,
          requests_before_the_loop_looks_are_one_and_later_ones_are_others,
          a_wait_that_times_out_leaves_the_task_alone_and_the_thread_may_cancel_it,
          the_loops_own_thread_never_waits, a_remote_without_memory_says_so_and_closes_the_generator,
          many_threads_may_wait_for_many_tasks)
