/* check_threads_close.c - a loop that closes while other threads post to it. */
#include <string.h>

#include "support/thread_bodies.h"

enum { CLOSINGS = 40 };

/* 76 */
RULE(after_close_every_threadsafe_call_is_refused)
{
    weft_future *f = weft_future_new(loop);
    struct poster self = {.future = f};

    ck_assert_int_eq(weft_loop_close(loop), 0);
    start(&self, loop, cancel_and_drop);
    join(&self);
    ck_assert_int_eq(self.error, WEFT_ECLOSED);
    ck_assert_int_eq(self.late_error, WEFT_ECLOSED);
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, say_call, "never"), WEFT_ECLOSED);
    weft_future_unref(f); /* still ours */
    ck_assert_str_eq(trace(), "");
}
END_RULE

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
    for (int i = 0; i < 3; i++)
        ck_assert(errors_in_close[i] == 0 || errors_in_close[i] == WEFT_ECLOSED);
    if (errors_in_close[2])
        weft_future_unref(f); /* still ours */
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
            if (!self->late_error)
                self->late_error = weft_future_unref_threadsafe(self->future);
            if (!self->late_error)
                self->future = NULL;
        }
    } while (!self->error);
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
            weft_future_unref(self[j].future);
        }
        weft_loop_unref(real);
    }
}
END_RULE

RUN_SUITE("threads_close", after_close_every_threadsafe_call_is_refused,
          close_drops_a_posted_call_and_gives_a_posted_reference_back,
          what_a_thread_posts_while_the_loop_closes_is_refused_or_dropped_and_never_lost,
          threads_that_post_while_the_loop_closes_are_refused_from_then_on)
