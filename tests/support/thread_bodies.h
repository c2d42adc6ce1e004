/* thread_bodies.h - threads that post to a loop, for the suites on that. */
#ifndef WEFT_TESTS_THREAD_BODIES_H
#define WEFT_TESTS_THREAD_BODIES_H

#include <pthread.h>
#include <unistd.h>

#include "support/harness.h"

enum { POSTERS = 4 };

/* What a thread does; it gives its reference on the loop back at its end. */
struct poster {
    pthread_t thread;
    weft_loop *loop;
    weft_call_fn *fn;
    void *arg;
    weft_future *future;
    int error;
    int late_error;
};

static void start(struct poster *self, weft_loop *where, void *(*body)(void *))
{
    self->loop = weft_loop_ref(where);
    ck_assert_int_eq(pthread_create(&self->thread, NULL, body, self), 0);
}

static void join(const struct poster *self)
{
    ck_assert_int_eq(pthread_join(self->thread, NULL), 0);
}

static void *post_once(void *arg)
{
    struct poster *self = arg;

    self->error = weft_call_soon_threadsafe(self->loop, self->fn, self->arg);
    weft_loop_unref(self->loop);
    return NULL;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void *cancel_and_drop(void *arg)
{
    struct poster *self = arg;

    usleep(1000);
    self->error = weft_future_cancel_threadsafe(self->future, "a thread's wish");
    self->late_error = weft_future_unref_threadsafe(self->future);
    weft_loop_unref(self->loop);
    return NULL;
}

#endif
