/* check_threads.c - other threads: calls, cancels and references that they post; what a close makes of
 * that is in check_threads_close.c. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <event2/event.h>

#include "core/loop.h"
#include "support/thread_bodies.h"

enum { POSTS = 500 };

static void *post_late(void *arg)
{
    usleep(3000); /* the loop blocks by then */
    return post_once(arg);
}

static void *post_and_keep(void *arg)
{
    struct poster *self = arg;

    self->error = weft_call_soon_threadsafe(self->loop, self->fn, self->arg);
    return NULL;
}

/* ---- calls ------------------------------------------------------------------------------------- */

static void say_where(void *arg)
{
    say("%s %d%d", (char *)arg, weft_running_loop() == loop, weft_current_task() == NULL);
}

/* 74 */
RULE(a_threadsafe_call_wakes_a_blocked_loop_and_runs_in_its_thread)
{
    struct poster self = {.fn = say_where, .arg = "called"};

    start(&self, loop, post_late);
    run_all();
    join(&self);
    ck_assert_int_eq(self.error, 0);
    ck_assert_str_eq(trace(), "called 11");
}
END_RULE

static void stop_it(void *arg)
{
    weft_loop_stop(arg);
}

/* 74 */
RULE(a_threadsafe_call_wakes_a_loop_before_its_timer)
{
    weft_loop *real = weft_loop_new(NULL);
    struct poster self = {.fn = stop_it, .arg = real};

    ck_assert_int_eq(weft_call_later(real, 3600, say_call, "never", NULL), 0);
    start(&self, real, post_late);
    ck_assert_int_eq(weft_run_forever(real), 0);
    join(&self);
    ck_assert_str_eq(trace(), "");
    weft_loop_unref(real);
}
END_RULE

static void post_from_here(void *arg)
{
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, say_call, arg), 0);
    say("posting");
}

/* 74 */
RULE(a_threadsafe_call_works_from_the_loops_own_thread_and_is_never_inline)
{
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, say_call, "before"), 0);
    ck_assert_str_eq(trace(), "");
    weft_call_soon(loop, post_from_here, "within", NULL);
    run_all();
    ck_assert_str_eq(trace(), "before posting within");
}
END_RULE

/* 76 [D] the loop could not know that it must wait */
RULE(a_thread_for_which_nobody_took_a_reference_is_refused)
{
    struct poster self = {.fn = say_call, .arg = "never", .loop = loop};

    ck_assert_int_eq(pthread_create(&self.thread, NULL, post_and_keep, &self), 0);
    join(&self);
    ck_assert_int_eq(self.error, WEFT_EUNSHARED);
    run_all();
    ck_assert_str_eq(trace(), "");
}
END_RULE

/* 100 */
RULE(a_threadsafe_call_without_memory_says_so)
{
    weft_testing_fail_allocation(1, 1);
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, say_call, "never"), -ENOMEM);
    weft_testing_fail_allocation(0, 0);
    run_all();
    ck_assert_str_eq(trace(), "");
}
END_RULE

struct numbered {
    int number;
    int *seen;
};

static void see_number(void *arg)
{
    const struct numbered *self = arg;

    ck_assert_int_eq(self->number, *self->seen);
    ++*self->seen;
}

static void *post_numbers(void *arg)
{
    struct poster *self = arg;
    struct numbered *numbers = self->arg;

    for (int i = 0; i < POSTS; i++)
        if (weft_call_soon_threadsafe(self->loop, see_number, &numbers[i]) != 0)
            self->error++;
    weft_loop_unref(self->loop);
    return NULL;
}

/* 75 */
RULE(threadsafe_calls_of_each_thread_run_in_their_order)
{
    static struct numbered numbers[POSTERS][POSTS];
    struct poster self[POSTERS] = {{.error = 0}};
    int seen[POSTERS] = {0};

    for (int i = 0; i < POSTERS; i++) {
        for (int j = 0; j < POSTS; j++)
            numbers[i][j] = (struct numbered){j, &seen[i]};
        self[i].arg = numbers[i];
        start(&self[i], loop, post_numbers);
    }
    run_all();
    for (int i = 0; i < POSTERS; i++) {
        join(&self[i]);
        ck_assert_int_eq(self[i].error, 0);
        ck_assert_int_eq(seen[i], POSTS);
    }
}
END_RULE

static atomic_bool enough;

static void *post_until_enough(void *arg)
{
    struct poster *self = arg;

    while (!atomic_load(&enough) && !self->error)
        self->error = weft_call_soon_threadsafe(self->loop, nothing, NULL);
    weft_loop_unref(self->loop);
    return NULL;
}

/* 75 */
RULE(a_flood_of_threadsafe_calls_starves_neither_tasks_nor_timers)
{
    weft_loop *real = weft_loop_new(NULL);
    struct poster self = {.error = 0};
    weft_task *task;

    atomic_store(&enough, false);
    start(&self, real, post_until_enough);
    for (int i = 0; i < 3; i++) {
        task = weft_task_new(real, WEFT_CALL(sleeper, .seconds = 0.002));
        ck_assert_int_eq(weft_run_until_complete(real, task, NULL), 0);
        task = weft_task_new(real, WEFT_CALL(sleeper, .seconds = 0));
        ck_assert_int_eq(weft_run_until_complete(real, task, NULL), 0);
    }
    atomic_store(&enough, true);
    join(&self);
    ck_assert_int_eq(self.error, 0);
    weft_loop_unref(real);
}
END_RULE

static atomic_long poster_id;

static void *tell_and_post(void *arg)
{
    atomic_store(&poster_id, syscall(SYS_gettid));
    return post_once(arg);
}

/* Whether a thread of this process sleeps in the kernel, within two seconds. */
static bool falls_asleep(long tid)
{
    char path[64], text[256] = "";

    snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", tid);
    for (int i = 0; i < 2000 && !strstr(text, ") S "); i++) {
        FILE *stat = fopen(path, "r");

        ck_assert_ptr_nonnull(stat);
        ck_assert_ptr_nonnull(fgets(text, sizeof(text), stat));
        fclose(stat);
        usleep(1000);
    }
    return strstr(text, ") S ") != NULL;
}

/* 267 [D] one that spins, and has a higher priority on the same processor, would spin for ever */
RULE(a_thread_that_lets_the_loop_in_first_sleeps_meanwhile)
{
    struct poster self = {.fn = say_call, .arg = "posted"};

    /* The loop wants the lock, but gets no processor: it stands here. */
    atomic_store(&loop->mailbox.collecting, true);
    start(&self, loop, tell_and_post);
    while (!atomic_load(&poster_id))
        usleep(100);
    ck_assert(falls_asleep(atomic_load(&poster_id)));
    run_all(); /* it gets one */
    join(&self);
    ck_assert_int_eq(self.error, 0);
    ck_assert_str_eq(trace(), "posted");
}
END_RULE

/* ---- references on the loop -------------------------------------------------------------------- */

static void *keep_a_while(void *arg)
{
    struct poster *self = arg;

    usleep(3000);
    weft_loop_unref(self->loop);
    return NULL;
}

/* 74 */
RULE(a_run_waits_for_threads_and_ends_when_the_last_has_given_its_reference_back)
{
    weft_loop *real = weft_loop_new(NULL);
    struct poster self[2] = {{.error = 0}};

    for (int i = 0; i < 2; i++)
        start(&self[i], i ? real : loop, keep_a_while);
    ck_assert_int_eq(weft_run_forever(loop), WEFT_EDEADLOCK);
    ck_assert_int_eq(weft_run_forever(real), WEFT_EDEADLOCK);
    for (int i = 0; i < 2; i++)
        join(&self[i]);
    weft_loop_unref(real);
}
END_RULE

/* A whole thread's life within one callback: what it posted is not collected yet when the reference goes. */
static void live_within(void *arg)
{
    struct poster self = {.fn = say_call, .arg = arg};

    start(&self, loop, post_and_keep);
    join(&self);
    ck_assert_int_eq(self.error, 0);
    weft_loop_unref(loop);
}

/* 74, 75 */
RULE(what_a_thread_posted_is_called_also_if_its_reference_went_before)
{
    weft_call_soon(loop, live_within, "posted", NULL);
    run_all();
    ck_assert_str_eq(trace(), "posted");
}
END_RULE

/* 74, 93 */
RULE(on_a_hosts_base_what_a_thread_posted_is_called_also_if_its_reference_went_before)
{
    struct event_base *base = event_base_new();
    weft_loop *adopted = weft_loop_new(base);
    struct poster self = {.fn = say_call, .arg = "posted"};

    start(&self, adopted, post_and_keep);
    join(&self);
    ck_assert_int_eq(self.error, 0);
    weft_loop_unref(adopted);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_str_eq(trace(), "posted");
    weft_loop_unref(adopted);
    event_base_free(base);
}
END_RULE

/* 74, 93 */
RULE(a_hosts_dispatch_waits_for_a_thread_and_ends_by_itself_after_it)
{
    struct event_base *base = event_base_new();
    weft_loop *adopted = weft_loop_new(base);
    struct poster self = {.fn = say_call, .arg = "posted"};

    start(&self, adopted, post_late);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_str_eq(trace(), "posted");
    join(&self);
    weft_loop_unref(adopted);
    event_base_free(base);
}
END_RULE

/* ---- cancels ----------------------------------------------------------------------------------- */

/* 64 [D] a cancel from another thread would else wait in silence */
RULE(cancel_threadsafe_cancels_a_task_and_wakes_the_loop)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_task *task = weft_task_new(real, WEFT_CALL(sleeper, .name = "s", .seconds = 3600));
    struct poster self = {.future = weft_future_ref(task)};

    start(&self, real, cancel_and_drop);
    ck_assert_int_eq(weft_run_until_complete(real, weft_future_ref(task), NULL), WEFT_ECANCELLED);
    join(&self);
    ck_assert_int_eq(self.error, 0);
    ck_assert_int_eq(self.late_error, 0);
    ck_assert_str_eq(trace(), "s s!");
    ck_assert_str_eq(weft_future_cancel_reason(task), "a thread's wish");
    weft_future_unref(task);
    weft_loop_unref(real);
}
END_RULE

/* 64 */
RULE(cancel_threadsafe_of_what_is_done_by_then_changes_nothing)
{
    weft_future *f = weft_future_new(loop);
    struct poster self = {.future = weft_future_ref(f)};

    start(&self, loop, cancel_and_drop);
    weft_future_set_int(f, 1);
    run_all();
    join(&self);
    ck_assert_int_eq(self.error, 0);
    ck_assert_int_eq(weft_future_error(f), 0);
    weft_future_unref(f);
}
END_RULE

RUN_SUITE("threads", a_threadsafe_call_wakes_a_blocked_loop_and_runs_in_its_thread,
          a_threadsafe_call_wakes_a_loop_before_its_timer,
          a_threadsafe_call_works_from_the_loops_own_thread_and_is_never_inline,
          a_thread_for_which_nobody_took_a_reference_is_refused,
          a_threadsafe_call_without_memory_says_so,
          threadsafe_calls_of_each_thread_run_in_their_order,
          a_flood_of_threadsafe_calls_starves_neither_tasks_nor_timers,
          a_thread_that_lets_the_loop_in_first_sleeps_meanwhile,
          a_run_waits_for_threads_and_ends_when_the_last_has_given_its_reference_back,
          what_a_thread_posted_is_called_also_if_its_reference_went_before,
          on_a_hosts_base_what_a_thread_posted_is_called_also_if_its_reference_went_before,
          a_hosts_dispatch_waits_for_a_thread_and_ends_by_itself_after_it,
          cancel_threadsafe_cancels_a_task_and_wakes_the_loop,
          cancel_threadsafe_of_what_is_done_by_then_changes_nothing)
