/* check_oom_events.c - libevent's memory fails: nothing hangs, nothing is lost, and nothing leaks.
 *
 * Each allocation of libevent's fails in turn, alone or with the next hundred.  A scenario ends rightly, or with
 * -ENOMEM; that nothing hangs is told by Check's timeout.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"

/* ---- libevent's memory ------------------------------------------------------------------------- */

static long made, fail_first, fail_last; /* 0: none fails */
static long held;

static bool fails_now(void)
{
    made++;
    return made >= fail_first && made <= fail_last;
}

static void *event_malloc(size_t size)
{
    void *block = fails_now() ? NULL : malloc(size);

    held += block != NULL;
    return block;
}

static void *event_realloc(void *old, size_t size)
{
    void *block = fails_now() ? NULL : realloc(old, size);

    held += block && !old;
    return block;
}

static void event_freed(void *block)
{
    held -= block != NULL;
    free(block);
}

static void fail_from(long first, long count)
{
    made = 0;
    fail_first = first;
    fail_last = first + count - 1;
}

static void fail_no_more(void)
{
    fail_first = fail_last = 0;
}

static void quiet(int severity, const char *message)
{
    (void)severity, (void)message;
}

/* ---- a loop whose libevent has no room left ---------------------------------------------------- */

enum {
    TIMERS = 8,
    DESCRIPTORS = 31
}; /* as many as fill libevent's heap, and its table for poll(2) */

static bool is_hosted, is_crowded, is_poll;
static struct event_base *base;
static weft_loop *fresh;
static struct event *crowd[TIMERS + DESCRIPTORS];
static int ends[2];

static void nothing_happens(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static void crowd_in(void)
{
    static const struct timeval hour = {3600, 0};

    weft_future_unref(weft_signal(fresh, SIGUSR1)); /* the loop's pipe for signals is there */
    ck_assert_int_eq(pipe(ends), 0);
    for (int i = 0; i < TIMERS + DESCRIPTORS; i++) {
        bool is_timer = i < TIMERS;

        crowd[i] = event_new(weft_loop_base(fresh), is_timer ? -1 : dup(ends[0]),
                             is_timer ? 0 : EV_READ | EV_PERSIST, nothing_happens, NULL);
        ck_assert_ptr_nonnull(crowd[i]);
        ck_assert_int_eq(event_add(crowd[i], is_timer ? &hour : NULL), 0);
    }
}

static void crowd_out(void)
{
    for (int i = 0; i < TIMERS + DESCRIPTORS; i++) {
        int fd = event_get_fd(crowd[i]);

        event_free(crowd[i]);
        if (fd >= 0)
            close(fd);
    }
    close(ends[0]);
    close(ends[1]);
}

static void on_done(weft_future *future, void *arg)
{
    (void)future;
    event_base_loopbreak(arg);
}

/* Run until a future is done: the loop itself, or the host.  Returns its error; the reference is taken. */
static int finish(weft_future *future)
{
    long before = made;
    int error;

    if (!is_hosted) {
        error = weft_run_until_complete(fresh, future, NULL);
    } else {
        ck_assert_int_eq(weft_future_add_done_callback(future, on_done, base), 0);
        ck_assert_int_ge(event_base_dispatch(base), 0);
        ck_assert(weft_future_is_done(future));
        error = weft_future_error(future);
        weft_future_unref(future);
    }
    /* All was reserved when the loop was made; but poll's dispatch takes memory itself. */
    ck_assert(is_crowded || is_poll || made == before);
    return error;
}

/* One attempt of a scenario with libevent's memory failing so. */
static int attempt(int (*scenario)(void), long first, long count)
{
    int error = -ENOMEM;

    base = is_hosted ? event_base_new() : NULL;
    ck_assert(!is_hosted || base);
    if (!is_crowded)
        fail_from(first, count);
    errno = 0;
    fresh = weft_loop_new(base);
    ck_assert(fresh || errno == ENOMEM);
    if (fresh) {
        if (is_crowded) {
            crowd_in();
            fail_from(first, count);
        }
        error = scenario();
        if (is_crowded)
            crowd_out();
        weft_loop_unref(fresh);
    }
    fail_no_more();
    if (base)
        event_base_free(base);
    return error;
}

static void sweep(int (*scenario)(void))
{
    static const int counts[] = {1, 100};
    long before;

    ck_assert_int_eq(attempt(scenario, 0, 0), 0); /* what libevent makes once for all is there */
    before = held;
    for (int i = 0; i < 2; i++) {
        for (long first = 1; first == 1 || made >= first - 1; first++) {
            int error = attempt(scenario, first, counts[i]);

            ck_assert_msg(error == 0 || error == -ENOMEM, "%ld. of libevent's: %s", first,
                          weft_errname(error));
            ck_assert_int_eq(held, before);
        }
    }
}

/* On each kind of loop. */
static void everywhere(int (*scenario)(void))
{
    event_set_mem_functions(event_malloc, event_realloc, event_freed);
    event_set_log_callback(quiet);
    for (int kind = 0; kind < 8; kind++) {
        is_hosted = kind & 1;
        is_crowded = kind & 2;
        if (kind & 4)
            setenv("EVENT_NOEPOLL", "1", 1);
        is_poll = getenv("EVENT_NOEPOLL") != NULL; /* all may run so */
        sweep(scenario);
    }
}

/* ---- what is done ------------------------------------------------------------------------------ */

static int makes_a_loop(void)
{
    return 0;
}

/* 100 */
RULE(a_loop)
{
    everywhere(makes_a_loop);
}
END_RULE

static int sleeps(void)
{
    return finish(weft_task_new(fresh, WEFT_CALL(sleeper, .seconds = 0.001)));
}

/* 100 */
RULE(a_sleep)
{
    everywhere(sleeps);
}
END_RULE

struct busy {
    weft_gen gen;
    int left;
};
WEFT_GEN_FORWARD(busy);
static weft_step busy(void *frame)
{
    struct busy *f = frame;

    WEFT_BEGIN(f);
    for (f->left = 1000; f->left > 0; f->left--)
        WEFT_AWAIT(f, weft_sleep(NULL, 0));
    WEFT_END(f);
}
WEFT_GEN_TYPE(busy);

static int is_busy(void)
{
    return finish(weft_task_new(fresh, WEFT_CALL(busy)));
}

/* 100 */
RULE(more_rounds_than_fit_into_a_turn)
{
    everywhere(is_busy);
}
END_RULE

static void set_result(void *arg)
{
    weft_future_set_result_unless_done(arg, NULL);
    weft_future_unref(arg);
}

static int calls_later(void)
{
    weft_future *future = weft_future_new(fresh);

    ck_assert_int_eq(weft_call_later(fresh, 0.001, set_result, weft_future_ref(future), NULL), 0);
    return finish(future);
}

/* 100 */
RULE(a_call_later)
{
    everywhere(calls_later);
}
END_RULE

static void *post(void *future)
{
    ck_assert_int_eq(weft_call_soon_threadsafe(fresh, set_result, future), 0);
    weft_loop_unref(fresh);
    return NULL;
}

static pthread_t thread;

static void start_thread(void *future)
{
    ck_assert_int_eq(pthread_create(&thread, NULL, post, future), 0);
}

/* The thread is started from within the loop: what it posts has to wake it. */
static int hears_a_thread(void)
{
    weft_future *future = weft_future_new(fresh);
    int error;

    weft_loop_ref(fresh);
    ck_assert_int_eq(weft_call_soon(fresh, start_thread, weft_future_ref(future), NULL), 0);
    error = finish(future);
    pthread_join(thread, NULL);
    return error;
}

/* 100 */
RULE(a_post_of_another_thread)
{
    everywhere(hears_a_thread);
}
END_RULE

static int work(void *arg, void **result)
{
    (void)arg, (void)result;
    return 0;
}

struct worker {
    weft_gen gen;
};
WEFT_GEN_FORWARD(worker);
static weft_step worker(void *frame)
{
    struct worker *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_run_in_executor(NULL, NULL, .run = work));
    WEFT_END(f);
}
WEFT_GEN_TYPE(worker);

static int runs_a_job(void)
{
    return finish(weft_task_new(fresh, WEFT_CALL(worker)));
}

/* 100 */
RULE(a_job_in_an_executor)
{
    everywhere(runs_a_job);
}
END_RULE

static void raise_it(void *arg)
{
    (void)arg;
    raise(SIGUSR1);
}

static int hears_a_signal(void)
{
    weft_future *future = weft_signal(fresh, SIGUSR1);
    int error;

    ck_assert_int_eq(weft_call_soon(fresh, raise_it, NULL, NULL), 0);
    if (weft_future_is_done(future)) { /* no handler is there */
        error = weft_future_error(future);
        weft_future_unref(future);
        return error;
    }
    return finish(future);
}

/* 100 */
RULE(a_signal)
{
    everywhere(hears_a_signal);
}
END_RULE

/* ---- while a loop polls ------------------------------------------------------------------------ */

static void memory_is_back(evutil_socket_t fd, short what, void *arg)
{
    char byte;

    (void)what;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    fail_no_more();
    event_base_loopbreak(arg);
}

static void write_byte(void *arg)
{
    (void)arg;
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

/* 100, 91 */
RULE(a_loop_that_polls_starves_no_descriptor_of_the_hosts_and_ends_with_the_shortage)
{
    struct event *event;
    weft_task *task;

    event_set_mem_functions(event_malloc, event_realloc, event_freed);
    base = event_base_new();
    fresh = weft_loop_new(base);
    crowd_in();
    event = event_new(base, ends[0], EV_READ, memory_is_back, base);
    ck_assert_int_eq(event_add(event, NULL), 0);
    task = weft_task_new(fresh, WEFT_CALL(sleeper, .seconds = 3600));
    ck_assert_int_eq(weft_call_soon(fresh, write_byte, NULL, NULL), 0);
    fail_from(1, 1000000000);
    ck_assert_int_ge(event_base_dispatch(base), 0); /* the byte comes while there is no memory */
    ck_assert_int_gt(made, 0);
    weft_future_cancel(task, NULL);
    ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
    ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE), 0);
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(task);
    event_free(event);
    crowd_out();
    weft_loop_unref(fresh);
    event_base_free(base);
}
END_RULE

RUN_SUITE("oom_events", a_loop, a_sleep, more_rounds_than_fit_into_a_turn, a_call_later,
          a_post_of_another_thread, a_job_in_an_executor, a_signal,
          a_loop_that_polls_starves_no_descriptor_of_the_hosts_and_ends_with_the_shortage)
