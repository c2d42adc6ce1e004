/* check_threads_close.c - a loop that closes while other threads post to it. */
#include <string.h>

#include "support/thread_bodies.h"

enum { CLOSINGS = 40 };

/* 76, 269 */
RULE(after_close_every_threadsafe_call_is_refused_but_a_reference_is_taken)
{
    weft_future *f = weft_future_new(loop);
    struct poster self = {.future = f};

    ck_assert_int_eq(weft_loop_close(loop), 0);
    start(&self, loop, cancel_and_drop);
    join(&self);
    ck_assert_int_eq(self.error, WEFT_ECLOSED);
    ck_assert_int_eq(self.late_error, 0);
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, say_call, "never"), WEFT_ECLOSED);
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* A future whose value says that it goes. */
static weft_future *valued(weft_loop *where)
{
    weft_future *f = weft_future_new(where);

    weft_future_set_owned(f, "value", say_call);
    return f;
}

static void *drop_alone(void *arg)
{
    struct poster *self = arg;

    self->late_error = weft_future_unref_threadsafe(self->future);
    weft_loop_unref(self->loop);
    return NULL;
}

/* 269 */
RULE(a_reference_given_back_after_the_close_goes_on_the_loops_thread)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_future *mine = weft_future_new(real);
    struct poster self[3];

    for (int i = 0; i < 3; i++)
        self[i] = (struct poster){.future = valued(real)};
    ck_assert_int_eq(weft_loop_close(real), 0);
    for (int i = 0; i < 2; i++) {
        start(&self[i], real, drop_alone);
        join(&self[i]);
        ck_assert_int_eq(self[i].late_error, 0);
    }
    ck_assert_str_eq(trace(), ""); /* it may be at another of its futures just now */
    weft_future_unref(mine);
    ck_assert_str_eq(trace(), "value value");
    start(&self[2], real, drop_alone);
    join(&self[2]);
    ck_assert_int_eq(weft_future_unref_threadsafe(weft_future_ref(self[2].future)), 0); /* here */
    ck_assert_str_eq(trace(), "value value value");
    weft_loop_unref(real);
}
END_RULE

/* 269 */
RULE(a_reference_given_back_after_the_close_goes_with_the_loops_last_reference)
{
    weft_loop *real = weft_loop_new(NULL);
    struct poster self = {.future = valued(real)};

    ck_assert_int_eq(weft_loop_close(real), 0);
    start(&self, real, drop_alone);
    join(&self);
    ck_assert_str_eq(trace(), "");
    weft_loop_unref(real);
    ck_assert_str_eq(trace(), "value");
}
END_RULE

/* ---- pins -------------------------------------------------------------------------------------- */

/* 270 */
RULE(a_pin_keeps_the_memory_and_nothing_going)
{
    weft_loop *real = weft_loop_pin(weft_loop_new(NULL));

    ck_assert_int_eq(weft_run_forever(real), WEFT_EDEADLOCK);
    weft_loop_unref(real);
    ck_assert(weft_loop_is_closed(real));
    ck_assert_ptr_null(weft_loop_base(real));
    ck_assert_int_eq(weft_call_soon(real, say_call, "never", NULL), WEFT_ECLOSED);
    ck_assert_int_eq(weft_call_soon_threadsafe(real, say_call, "never"), WEFT_ECLOSED);
    ck_assert_int_eq(weft_run_until_complete(real, weft_sleep(real, 1), NULL), WEFT_ECLOSED);
    weft_loop_unpin(real);
    weft_loop_unpin(NULL);
}
END_RULE

static void *unpin(void *arg)
{
    struct poster *self = arg;

    self->error = weft_call_soon_threadsafe(self->loop, self->fn, self->arg);
    self->late_error = weft_future_unref_threadsafe(self->future);
    weft_loop_unpin(self->loop);
    return NULL;
}

/* 269, 270 */
RULE(a_thread_may_drop_the_last_pin_and_what_was_given_back_goes_with_it)
{
    weft_loop *real = weft_loop_new(NULL);
    struct poster self = {.loop = weft_loop_pin(real), .future = valued(real)};

    weft_loop_unref(real);
    ck_assert_int_eq(pthread_create(&self.thread, NULL, unpin, &self), 0);
    join(&self);
    ck_assert_int_eq(self.error, WEFT_ECLOSED);
    ck_assert_int_eq(self.late_error, 0);
    ck_assert_str_eq(trace(), "value");
}
END_RULE

/* 76, 270 */
RULE(a_pin_is_no_reference_to_post_with)
{
    weft_loop *real = weft_loop_new(NULL);
    struct poster self = {.loop = weft_loop_pin(real), .fn = say_call, .arg = "never"};

    ck_assert_int_eq(pthread_create(&self.thread, NULL, unpin, &self), 0);
    join(&self);
    ck_assert_int_eq(self.error, WEFT_EUNSHARED);
    weft_loop_unref(real);
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* ---- while it closes ----------------------------------------------------------------------------- */

/* 76 */
RULE(close_drops_a_posted_call_and_gives_a_posted_reference_back)
{
    weft_future *f = weft_future_new(loop);
    struct poster self = {.fn = say_call, .arg = "never"};
    struct poster other = {.future = f};

    weft_future_set_owned(f, "value", say_call);
    start(&self, loop, post_once);
    join(&self);
    start(&other, loop, cancel_and_drop);
    join(&other);
    ck_assert_int_eq(self.error | other.error | other.late_error, 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "value"); /* the destructor */
}
END_RULE

/* A frame whose cleanup, run by the close, lets a thread post. */
struct poster_frame {
    weft_gen gen;
    weft_future *future; /* the thread gives it back */
    int error;
};

static weft_step poster_frame(void *frame)
{
    struct poster_frame *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep_forever(NULL));
    WEFT_END(f);
}

static int errors_in_close[3];

static void post_in_cleanup(void *frame)
{
    struct poster_frame *f = frame;
    struct poster self = {.fn = say_call, .arg = "never"};
    struct poster other = {.future = f->future};

    start(&self, loop, post_once);
    join(&self);
    start(&other, loop, cancel_and_drop);
    join(&other);
    errors_in_close[0] = self.error;
    errors_in_close[1] = other.error;
    errors_in_close[2] = other.late_error;
}
WEFT_GEN_TYPE(poster_frame, .cleanup = post_in_cleanup);

/* 76, 60 */
RULE(what_a_thread_posts_while_the_loop_closes_is_refused_or_dropped_and_never_lost)
{
    weft_future *f = weft_future_new(loop);

    weft_future_set_owned(f, "value", say_call);
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(poster_frame, .future = f)), 0);
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_ptr_nonnull(strstr(reports(), "a task was destroyed while it was pending"));
    for (int i = 0; i < 2; i++)
        ck_assert(errors_in_close[i] == 0 || errors_in_close[i] == WEFT_ECLOSED);
    ck_assert_int_eq(errors_in_close[2], 0);
    ck_assert_str_eq(trace(), "value");
}
END_RULE

static void *post_until_closed(void *arg)
{
    struct poster *self = arg;

    do {
        self->error = weft_call_soon_threadsafe(self->loop, nothing, NULL);
        if (self->future && !self->error) {
            self->late_error = weft_future_cancel_threadsafe(self->future, NULL);
            self->late_error = weft_future_unref_threadsafe(self->future);
            self->future = NULL;
        }
    } while (!self->error);
    if (!self->late_error)
        self->late_error = weft_future_unref_threadsafe(self->future);
    weft_loop_unref(self->loop);
    return NULL;
}

/* 76, 204 */
RULE(threads_that_post_while_the_loop_closes_are_refused_from_then_on)
{
    for (int i = 0; i < CLOSINGS; i++) {
        weft_loop *real = weft_loop_new(NULL);
        struct poster self[POSTERS] = {{.error = 0}};
        weft_task *task = weft_task_new(real, WEFT_CALL(sleeper, .seconds = 0.0001 * (i % 5)));

        for (int j = 0; j < POSTERS; j++) {
            self[j].future = weft_future_new(real);
            start(&self[j], real, post_until_closed);
        }
        ck_assert_int_eq(weft_run_until_complete(real, task, NULL), 0);
        ck_assert_int_eq(weft_loop_close(real), 0);
        for (int j = 0; j < POSTERS; j++) {
            join(&self[j]);
            ck_assert_int_eq(self[j].error, WEFT_ECLOSED);
            ck_assert_int_eq(self[j].late_error, 0);
        }
        weft_loop_unref(real);
    }
}
END_RULE

RUN_SUITE("threads_close", after_close_every_threadsafe_call_is_refused_but_a_reference_is_taken,
          a_reference_given_back_after_the_close_goes_on_the_loops_thread,
          a_reference_given_back_after_the_close_goes_with_the_loops_last_reference,
          a_pin_keeps_the_memory_and_nothing_going,
          a_thread_may_drop_the_last_pin_and_what_was_given_back_goes_with_it,
          a_pin_is_no_reference_to_post_with,
          close_drops_a_posted_call_and_gives_a_posted_reference_back,
          what_a_thread_posts_while_the_loop_closes_is_refused_or_dropped_and_never_lost,
          threads_that_post_while_the_loop_closes_are_refused_from_then_on)
