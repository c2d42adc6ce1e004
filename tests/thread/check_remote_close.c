/* check_remote_close.c - tasks of other threads that a loop refuses, or ends when it closes. */
#include "support/remote_bodies.h"

static void *call_unshared(void *arg)
{
    struct caller *self = arg;
    weft_remote *remote = weft_task_new_threadsafe(self->loop, self->gen);

    self->error = weft_remote_wait(remote, WEFT_NEVER, NULL);
    weft_remote_unref(remote);
    return NULL;
}

/* 203, 76 */
RULE(a_thread_without_a_reference_on_the_loop_is_told_so_and_the_generator_is_closed)
{
    struct caller self = {.gen = WEFT_CALL(brief), .loop = loop};

    ck_assert_int_eq(pthread_create(&self.thread, NULL, call_unshared, &self), 0);
    join(&self);
    ck_assert_int_eq(self.error, WEFT_EUNSHARED);
    ck_assert_str_eq(notes(), "freed");
}
END_RULE

static void *cancel_unshared(void *arg)
{
    struct caller *self = arg;

    self->error = weft_remote_cancel(self->value, "nobody's");
    return NULL;
}

/* 203, 76: a request that could not be made is not under way: the next one is */
RULE(a_cancel_from_a_thread_without_a_reference_is_refused_and_another_one_is_not)
{
    weft_remote *remote = weft_task_new_threadsafe(loop, WEFT_CALL(stubborn));
    struct caller self = {.value = remote};

    run_rounds(1);
    ck_assert_int_eq(pthread_create(&self.thread, NULL, cancel_unshared, &self), 0);
    join(&self);
    ck_assert_int_eq(self.error, WEFT_EUNSHARED);
    run_rounds(2);
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(weft_remote_cancel(remote, "ours"), 0);
    run_rounds(2);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED (ours)");
    run_all();
    ck_assert_int_eq(weft_remote_wait(remote, 0, NULL), WEFT_ECANCELLED);
    weft_remote_unref(remote);
}
END_RULE

/* 203, 76 */
RULE(after_close_a_thread_is_told_so_and_the_generator_is_closed)
{
    struct caller self = {.gen = WEFT_CALL(brief), .seconds = WEFT_NEVER, .cancels = true};

    ck_assert_int_eq(weft_loop_close(loop), 0);
    start(&self, call);
    join(&self);
    ck_assert_int_eq(self.error, WEFT_ECLOSED);
    ck_assert_str_eq(notes(), "freed");
}
END_RULE

/* 203, 204 */
RULE(a_close_tells_the_thread_that_waits_whether_its_task_has_begun_or_not)
{
    sem_t waits;
    struct caller begun = {.seconds = WEFT_NEVER}, posted = {.seconds = WEFT_NEVER};

    sem_init(&waits, 0, 0);
    begun.gen = WEFT_CALL(stubborn, .waits = &waits);
    start(&begun, call);
    while (sem_trywait(&waits) != 0)
        run_rounds(1);
    posted.gen = WEFT_CALL(brief);
    posted.before_cancel = &waits;
    posted.cancels = true;
    start(&posted, call);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_ptr_nonnull(strstr(reports(), "destroyed while it was pending"));
    sem_post(&waits);
    join(&begun);
    join(&posted);
    ck_assert_int_eq(begun.error, WEFT_ECLOSED);
    ck_assert_int_eq(posted.error, WEFT_ECLOSED);
    ck_assert_str_eq(notes(), "freed");
}
END_RULE

/* 203 */
RULE(an_outcome_that_a_close_finds_reaches_the_thread)
{
    weft_remote *remote = weft_task_new_threadsafe(loop, WEFT_CALL(brief, .owned = "mine"));
    void *value;

    run_rounds(2); /* the task has ended, and the remote has not heard of it */
    ck_assert_int_eq(weft_remote_wait(remote, 0, NULL), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_remote_wait(remote, WEFT_NEVER, &value), 0);
    ck_assert_str_eq(value, "mine");
    weft_remote_unref(remote);
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* A job that asks its loop for something, and waits for it. */
static int ask_the_loop(void *arg, void **result)
{
    struct caller *self = arg;
    weft_remote *remote = weft_task_new_threadsafe(self->loop, WEFT_CALL(stubborn));
    weft_remote *late;

    (void)result;
    sem_post(self->after_timeout);
    self->error = weft_remote_wait(remote, WEFT_NEVER, NULL);
    weft_remote_unref(remote);
    late = weft_task_new_threadsafe(self->loop, WEFT_CALL(brief)); /* the close waits for this job */
    self->cancel_error = weft_remote_wait(late, WEFT_NEVER, NULL);
    weft_remote_unref(late);
    weft_loop_unref(self->loop);
    return 0;
}

/* 204, 203 */
RULE(a_job_that_waits_for_a_task_of_a_loop_that_closes_is_told_and_the_close_goes_on)
{
    sem_t asked;
    struct caller self = {.after_timeout = &asked, .loop = weft_loop_ref(loop)};
    weft_future *f;

    sem_init(&asked, 0, 0);
    f = weft_run_in_executor(loop, NULL, .run = ask_the_loop, .arg = &self);
    wait_sem(&asked);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(self.error, WEFT_ECLOSED);
    ck_assert_int_eq(self.cancel_error, WEFT_ECLOSED);
    ck_assert_str_eq(notes(), "freed");
    weft_future_unref(f);
}
END_RULE

/* 204 */
RULE(a_remote_may_be_kept_longer_than_the_loop)
{
    weft_remote *remote = weft_task_new_threadsafe(loop, WEFT_CALL(sleeper, .seconds = 5));

    run_rounds(1);
    weft_loop_unref(loop);
    loop = NULL;
    ck_assert_ptr_nonnull(strstr(reports(), "destroyed while it was pending"));
    ck_assert_int_eq(weft_remote_wait(remote, 0, NULL), WEFT_ECLOSED);
    ck_assert_int_eq(weft_remote_cancel(remote, NULL), 0);
    weft_remote_unref(remote);
}
END_RULE

RUN_SUITE("remote_close",
          a_thread_without_a_reference_on_the_loop_is_told_so_and_the_generator_is_closed,
          a_cancel_from_a_thread_without_a_reference_is_refused_and_another_one_is_not,
          after_close_a_thread_is_told_so_and_the_generator_is_closed,
          a_close_tells_the_thread_that_waits_whether_its_task_has_begun_or_not,
          an_outcome_that_a_close_finds_reaches_the_thread,
          a_job_that_waits_for_a_task_of_a_loop_that_closes_is_told_and_the_close_goes_on,
          a_remote_may_be_kept_longer_than_the_loop)
