/* check_fork.c - a process that forks without exec: two loops, where one was. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include <event2/event.h>

#include "core/loop.h"
#include "support/fork_bodies.h"

/* A loop, on a base of its own or on a host's, that waits for two pipes and for other threads. */
struct scene {
    struct event_base *base; /* NULL: its own */
    weft_loop *loop;
    int bare[2], object[2];
    weft_io *io;
    weft_future *waits[2];
};

static void iterate(const struct scene *s)
{
    weft_loop_stop(s->loop);
    ck_assert_int_eq(weft_run_forever(s->loop), 0);
}

/* What ends with the loop of a child. */
static void keep_quiet(weft_loop *where, const weft_report *report, void *arg)
{
    (void)where, (void)report, (void)arg;
}

static struct scene set_up(bool hosted)
{
    struct scene s = {.base = hosted ? event_base_new() : NULL};

    s.loop = weft_loop_ref(weft_loop_new(s.base));
    weft_loop_set_exception_handler(s.loop, keep_quiet, NULL);
    ck_assert_int_eq(pipe(s.bare), 0);
    ck_assert_int_eq(pipe(s.object), 0);
    ck_assert_int_eq(weft_io_new(s.loop, s.object[0], WEFT_IO_OWNED, &s.io), 0);
    s.waits[0] = weft_readable(s.loop, s.bare[0]);
    s.waits[1] = weft_io_readable(s.io);
    iterate(&s);
    return s;
}

/* Both pipes and a post from another thread are heard. */
static void *post(void *arg)
{
    return (void *)(intptr_t)weft_call_soon_threadsafe(arg, (weft_call_fn *)weft_loop_stop, arg);
}

static bool hears_a_post(const struct scene *s)
{
    pthread_t thread;
    void *error;

    return pthread_create(&thread, NULL, post, s->loop) == 0 && weft_run_forever(s->loop) == 0 &&
           pthread_join(thread, &error) == 0 && !error;
}

static bool hears_its_pipes(const struct scene *s)
{
    bool hears = write(s->bare[1], "x", 1) == 1 && write(s->object[1], "x", 1) == 1;

    for (int i = 0; i < 2 && hears; i++)
        hears = weft_run_until_complete(s->loop, weft_future_ref(s->waits[i]), NULL) == 0;
    return hears;
}

/* Nobody has woken it. */
static bool sleeps(const struct scene *s)
{
    struct pollfd wake = {.fd = s->loop->mailbox.wake[0], .events = POLLIN};

    return poll(&wake, 1, 0) == 0;
}

static void drop(struct scene *s)
{
    weft_io_close(s->io);
    for (int i = 0; i < 2; i++)
        weft_future_unref(s->waits[i]);
    weft_loop_unref(s->loop);
    weft_loop_unref(s->loop);
    if (s->base)
        event_base_free(s->base);
    close(s->bare[0]);
    close(s->bare[1]);
    close(s->object[1]);
}

/* ---- what a child may do ------------------------------------------------------------------------- */

static void closes(struct scene *s)
{
    NEED(weft_loop_close(s->loop) == 0);
}

static void drops_all(struct scene *s)
{
    drop(s);
}

static void drops_its_waits(struct scene *s)
{
    weft_io_close(s->io);
    weft_future_unref(s->waits[0]);
}

static void says_that_it_closes_one(struct scene *s)
{
    weft_notify_closing(s->loop, s->bare[0]);
    close(s->bare[0]);
}

static void runs(struct scene *s)
{
    iterate(s);
}

static void runs_for_a_thread(struct scene *s)
{
    for (int i = 0; i < 3; i++)
        NEED(hears_a_post(s));
    drop(s);
}

static void watches_more(struct scene *s)
{
    int fds[2];
    weft_future *wait;

    NEED(pipe(fds) == 0);
    wait = weft_readable(s->loop, fds[0]);
    NEED(write(fds[1], "x", 1) == 1);
    NEED(weft_run_until_complete(s->loop, wait, NULL) == 0);
    drop(s);
}

static void posts_and_ends(struct scene *s)
{
    pthread_t thread;

    NEED(pthread_create(&thread, NULL, post, s->loop) == 0);
    pthread_join(thread, NULL); /* nobody collects it */
}

static void (*const deeds[])(struct scene *s) = {
    closes, drops_all,         drops_its_waits, says_that_it_closes_one,
    runs,   runs_for_a_thread, watches_more,    posts_and_ends};
enum { DEEDS = sizeof(deeds) / sizeof(*deeds) };

/* 275 */
RULE(whatever_the_child_does_the_parent_goes_on_hearing)
{
    for (int i = 0; i < 2 * DEEDS; i++) {
        struct scene s = set_up(i % 2);
        pid_t child = fork_child();

        if (child == 0) {
            deeds[i / 2](&s);
            _exit(0);
        }
        child_is_fine(child);
        ck_assert_msg(hears_its_pipes(&s), "after deed %d, %s base", i / 2,
                      i % 2 ? "a host's" : "its own");
        ck_assert_msg(sleeps(&s), "after deed %d, %s base", i / 2, i % 2 ? "a host's" : "its own");
        ck_assert(hears_a_post(&s));
        drop(&s);
    }
}
END_RULE

/* 275 */
RULE(whatever_the_parent_does_the_child_goes_on_hearing)
{
    for (int i = 0; i < 2; i++) {
        struct scene s = set_up(i);
        int gate[2];
        pid_t child;
        char byte;

        ck_assert_int_eq(pipe(gate), 0);
        child = fork_child();
        if (child == 0) {
            NEED(read(gate[0], &byte, 1) == 1); /* the parent is through */
            NEED(hears_a_post(&s));
            NEED(hears_its_pipes(&s));
            drop(&s);
            _exit(0);
        }
        ck_assert(hears_a_post(&s));
        drop(&s);
        ck_assert_int_eq(write(gate[1], "x", 1), 1);
        child_is_fine(child);
        close(gate[0]);
        close(gate[1]);
    }
}
END_RULE

static void count(void *arg)
{
    ++*(int *)arg;
}

/* 275 */
RULE(what_was_posted_before_the_fork_is_called_on_both_sides)
{
    weft_loop *real = weft_loop_ref(weft_loop_new(NULL));
    pthread_t thread;
    pid_t child;
    int calls = 0;

    ck_assert_int_eq(pthread_create(&thread, NULL, post, real), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(weft_call_soon(real, count, &calls, NULL), 0);
    child = fork_child();
    if (child == 0) {
        NEED(weft_run_forever(real) == 0);
        NEED(calls == 1);
        _exit(0);
    }
    child_is_fine(child);
    ck_assert_int_eq(weft_run_forever(real), 0);
    ck_assert_int_eq(calls, 1);
    weft_loop_unref(real);
    weft_loop_unref(real);
}
END_RULE

static void break_base(void *arg)
{
    event_base_loopbreak(arg);
}

static void *post_break(void *arg)
{
    weft_loop *where = arg;

    return (void *)(intptr_t)weft_call_soon_threadsafe(where, break_base, weft_loop_base(where));
}

/* 275 */
RULE(what_was_posted_before_the_fork_wakes_a_host_on_both_sides)
{
    struct event_base *base = event_base_new();
    weft_loop *hosted = weft_loop_ref(weft_loop_new(base));
    pthread_t thread;
    pid_t child;

    ck_assert_int_eq(pthread_create(&thread, NULL, post_break, hosted), 0);
    pthread_join(thread, NULL);
    child = fork_child();
    if (child == 0)
        NEED(event_reinit(base) == 0);
    event_base_dispatch(base); /* until it is broken */
    if (child == 0)
        _exit(0);
    child_is_fine(child);
    weft_loop_unref(hosted);
    weft_loop_unref(hosted);
    event_base_free(base);
}
END_RULE

/* ---- a host ------------------------------------------------------------------------------------ */

static void *post_count(void *arg)
{
    weft_loop *where = ((void **)arg)[0];

    for (int i = 0; i < 20; i++) {
        usleep(500);
        NEED(weft_call_soon_threadsafe(where, count, ((void **)arg)[1]) == 0);
    }
    weft_loop_unref(where);
    return NULL;
}

/* A thread posts to a hosted loop; the host's dispatch ends when it is through. */
static int counted(weft_loop *hosted)
{
    int calls = 0;
    void *arg[] = {hosted, &calls};
    pthread_t thread;

    NEED(pthread_create(&thread, NULL, post_count, arg) == 0);
    NEED(event_base_dispatch(weft_loop_base(hosted)) >= 0);
    pthread_join(thread, NULL);
    return calls;
}

/* 275 */
RULE(a_host_dispatches_on_both_sides_and_each_hears_its_own_threads)
{
    struct event_base *base = event_base_new();
    weft_loop *hosted = weft_loop_ref(weft_loop_new(base));
    pid_t child;

    event_base_loop(base, EVLOOP_NONBLOCK);
    child = fork_child();
    if (child == 0) {
        NEED(event_reinit(base) == 0); /* as libevent asks of every host */
        NEED(counted(hosted) == 20);
        weft_loop_unref(hosted);
        event_base_free(base);
        _exit(0);
    }
    ck_assert_int_eq(counted(hosted), 20);
    child_is_fine(child);
    weft_loop_unref(hosted);
    event_base_free(base);
}
END_RULE

/* ---- within a callback --------------------------------------------------------------------------- */

static pid_t forked;

static void fork_here(void *arg)
{
    (void)arg;
    forked = fork_child();
}

/* 275 */
RULE(a_callback_may_fork_and_the_run_goes_on_on_both_sides)
{
    struct scene s = set_up(false);

    ck_assert_int_eq(weft_call_soon(s.loop, fork_here, NULL, NULL), 0);
    iterate(&s);
    if (forked == 0) {
        NEED(hears_a_post(&s));
        drop(&s);
        _exit(0);
    }
    ck_assert(hears_a_post(&s));
    child_is_fine(forked);
    ck_assert(hears_its_pipes(&s));
    drop(&s);
}
END_RULE

static atomic_bool over;

static void *hold_on_and_on(void *arg)
{
    weft_loop *where = arg;

    /* A reference and back: the lock, and nothing that piles up. */
    while (!atomic_load(&over))
        weft_loop_unref(weft_loop_ref(where));
    return NULL;
}

/* 275 */
RULE(no_lock_is_left_locked_in_the_child_of_a_process_with_busy_threads)
{
    weft_loop *real = weft_loop_ref(weft_loop_new(NULL));
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hold_on_and_on, real), 0);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork_child();

        if (child == 0) {
            NEED(weft_loop_close(real) ==
                 0); /* its references are those of threads that are not there */
            _exit(0);
        }
        child_is_fine(child);
        weft_loop_stop(real);
        ck_assert_int_eq(weft_run_forever(real), 0);
    }
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    weft_loop_unref(real);
    weft_loop_unref(real);
}
END_RULE

RUN_SUITE("fork", whatever_the_child_does_the_parent_goes_on_hearing,
          whatever_the_parent_does_the_child_goes_on_hearing,
          what_was_posted_before_the_fork_is_called_on_both_sides,
          what_was_posted_before_the_fork_wakes_a_host_on_both_sides,
          a_host_dispatches_on_both_sides_and_each_hears_its_own_threads,
          a_callback_may_fork_and_the_run_goes_on_on_both_sides,
          no_lock_is_left_locked_in_the_child_of_a_process_with_busy_threads)
