/* check_signal_fork.c - signals on both sides of a fork. */
#include <pthread.h>
#include <signal.h>

#include <event2/event.h>

#include "support/fork_bodies.h"

enum { TIMES = 20 };

/* Raise it so often, and wait for it each time. */
static bool hears_all(weft_loop *where)
{
    for (int i = 0; i < TIMES; i++) {
        weft_future *wait = weft_signal(where, SIGUSR1);

        raise(SIGUSR1);
        if (weft_run_until_complete(where, wait, NULL) != 0)
            return false;
    }
    return true;
}

/* 89, 276 */
RULE(each_side_hears_its_own_signals)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_future *wait = weft_signal(real, SIGUSR1); /* its wake-up is registered */
    pid_t child = fork_child();

    if (child == 0) {
        weft_future_unref(wait);
        NEED(hears_all(real));
        weft_loop_unref(real);
        _exit(0);
    }
    weft_future_unref(wait);
    ck_assert(hears_all(real));
    child_is_fine(child);
    ck_assert(hears_all(real));
    weft_loop_unref(real);
}
END_RULE

static void on_byte(evutil_socket_t fd, short what, void *arg)
{
    char byte;

    (void)what, (void)arg;
    NEED(read(fd, &byte, 1) == 1);
    raise(SIGUSR1);
}

static void break_base(weft_future *future, void *arg)
{
    (void)future;
    event_base_loopbreak(arg);
}

/* 276 [D] they would share the wake-up, and either would swallow what is meant for the other */
RULE(what_wakes_the_child_is_not_read_by_a_parent_that_waits)
{
    weft_loop *real = weft_loop_new(NULL);
    weft_future *wait = weft_signal(real, SIGUSR1);
    pid_t child = fork_child();

    if (child == 0) {
        for (int i = 0; i < 3; i++) {
            raise(SIGUSR1);
            usleep(2000); /* the parent sleeps, and would have time */
            NEED(weft_run_until_complete(real, wait, NULL) == 0);
            wait = weft_signal(real, SIGUSR1);
        }
        NEED(kill(getppid(), SIGUSR1) == 0);
        _exit(0);
    }
    ck_assert_int_eq(weft_run_until_complete(real, wait, NULL), 0);
    child_is_fine(child);
    weft_loop_unref(real);
}
END_RULE

/* A signal that comes in the child before anything of weft's has been called there. */
/* 276 */
RULE(a_hosts_dispatch_in_the_child_hears_a_signal_that_the_parent_does_not)
{
    struct event_base *base = event_base_new();
    weft_loop *hosted = weft_loop_new(base);
    weft_future *wait = weft_signal(hosted, SIGUSR1);
    struct event *event;
    int fds[2];
    pid_t child;

    ck_assert_int_eq(pipe(fds), 0);
    event = event_new(base, fds[0], EV_READ, on_byte, NULL);
    event_add(event, NULL);
    ck_assert_int_eq(weft_future_add_done_callback(wait, break_base, base), 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
    child = fork_child();
    if (child == 0) {
        NEED(event_reinit(base) == 0);
        NEED(write(fds[1], "x", 1) == 1);
        NEED(event_base_dispatch(base) >= 0);
        NEED(weft_future_is_done(wait));
        _exit(0);
    }
    child_is_fine(child);
    event_base_loop(base, EVLOOP_NONBLOCK);
    ck_assert(!weft_future_is_done(wait));
    weft_future_unref(wait);
    weft_loop_unref(hosted);
    event_free(event);
    event_base_free(base);
    close(fds[0]);
    close(fds[1]);
}
END_RULE

static int heard;

static void on_host_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    heard++;
}

/* 274, 276 */
RULE(a_hosts_evsignal_and_weft_both_hear_it_in_the_child_too)
{
    struct event_base *base = event_base_new();
    weft_loop *hosted = weft_loop_new(base);
    struct event *event = evsignal_new(base, SIGUSR1, on_host_signal, NULL);
    weft_future *wait;
    pid_t child;

    event_add(event, NULL);
    wait = weft_signal(hosted, SIGUSR1);
    child = fork_child();
    if (child == 0) {
        weft_future_unref(wait);
        NEED(hears_all(hosted));
        NEED(heard > 0);
        _exit(0);
    }
    child_is_fine(child);
    weft_future_unref(wait);
    ck_assert(hears_all(hosted));
    ck_assert_int_gt(heard, 0);
    weft_loop_unref(hosted);
    event_free(event);
    event_base_free(base);
}
END_RULE

static void *fork_in_thread(void *arg)
{
    pid_t child = fork_child();

    (void)arg;
    if (child == 0) {
        raise(SIGUSR1); /* kills it */
        _exit(0);
    }
    return (void *)(intptr_t)child;
}

/* 276 */
RULE(in_the_child_of_another_thread_a_loop_takes_no_signals)
{
    weft_loop *real = weft_loop_new(NULL);
    pthread_t thread;
    void *child;
    int status;

    weft_future_unref(weft_signal(real, SIGUSR1));
    ck_assert_int_eq(pthread_create(&thread, NULL, fork_in_thread, NULL), 0);
    pthread_join(thread, &child);
    ck_assert_int_eq(waitpid((pid_t)(intptr_t)child, &status, 0), (intptr_t)child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    ck_assert(hears_all(real));
    weft_loop_unref(real);
}
END_RULE

RUN_SUITE("signal_fork", each_side_hears_its_own_signals,
          what_wakes_the_child_is_not_read_by_a_parent_that_waits,
          a_hosts_dispatch_in_the_child_hears_a_signal_that_the_parent_does_not,
          a_hosts_evsignal_and_weft_both_hear_it_in_the_child_too,
          in_the_child_of_another_thread_a_loop_takes_no_signals)
