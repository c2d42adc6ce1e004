/* remote_bodies.h - threads that make tasks and wait for them, and the bodies of these. */
#ifndef WEFT_TESTS_REMOTE_BODIES_H
#define WEFT_TESTS_REMOTE_BODIES_H

#include "support/executor_jobs.h"

static inline void destroy(void *value)
{
    say("destroyed-%s", (const char *)value);
}

/* What a thread does; it gives its reference on the loop back at its end. */
struct caller {
    pthread_t thread;
    weft_loop *loop;
    weft_gen *gen;
    double seconds;
    sem_t *before_cancel, *after_timeout;
    bool cancels;
    int error, cancel_error;
    void *value;
};

static inline void start(struct caller *self, void *(*body)(void *))
{
    self->loop = weft_loop_ref(loop);
    ck_assert_int_eq(pthread_create(&self->thread, NULL, body, self), 0);
}

static inline void join(const struct caller *self)
{
    ck_assert_int_eq(pthread_join(self->thread, NULL), 0);
}

static inline void *call(void *arg)
{
    struct caller *self = arg;
    weft_remote *remote = weft_task_new_threadsafe(self->loop, self->gen);

    if (self->before_cancel)
        wait_sem(self->before_cancel);
    if (self->cancels) {
        self->cancel_error = weft_remote_cancel(remote, "a thread's");
        self->cancel_error |= weft_remote_cancel(remote, "again");
    }
    self->error = weft_remote_wait(remote, self->seconds, &self->value);
    if (self->error == WEFT_ETIMEDOUT && self->after_timeout) {
        sem_post(self->after_timeout);
        self->error = weft_remote_cancel(remote, "too late");
        if (!self->error)
            self->error = weft_remote_wait(remote, WEFT_NEVER, &self->value);
    }
    weft_remote_unref(remote);
    weft_loop_unref(self->loop);
    return NULL;
}

/* ---- bodies ------------------------------------------------------------------------------------- */

/* Ends at once, with a result of its own or an error. */
struct brief {
    weft_gen gen;
    char *owned;
    void *value;
    int error;
};

static weft_step brief(void *frame)
{
    struct brief *f = frame;

    WEFT_BEGIN(f);
    ck_assert_ptr_eq(weft_running_loop(), loop);
    if (f->error)
        WEFT_RAISE(f, f->error);
    if (f->owned)
        WEFT_RETURN_OWNED(f, f->owned, destroy);
    WEFT_RETURN(f, f->value);
    WEFT_END(f);
}

static void brief_cleanup(void *frame)
{
    (void)frame;
    note("freed");
}
WEFT_GEN_EXPORT(brief, .cleanup = brief_cleanup);

/* Tells a thread that it waits; then waits for ever, and takes its time when it is cancelled.
 * (Rounds: virtual time stands while a thread has a reference.) */
struct stubborn {
    weft_gen gen;
    sem_t *waits;
    int rounds;
};

static weft_step stubborn(void *frame)
{
    struct stubborn *f = frame;

    WEFT_BEGIN(f);
    if (f->waits)
        sem_post(f->waits);
    WEFT_TRY_AWAIT(f, weft_sleep_forever(NULL));
    say("%s", weft_errname(weft_failed(f)));
    say("(%s)", weft_future_cancel_reason(weft_current_task()));
    for (; f->rounds < 100; f->rounds++)
        WEFT_PAUSE(f);
    say("ends");
    WEFT_RAISE(f, WEFT_ECANCELLED);
    WEFT_END(f);
}
WEFT_GEN_EXPORT(stubborn);

#endif
