/* check_signal.c - signals as futures: delivery, what is kept, dispositions. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"

/* Say "name=SIGNUM" or "name!ENAME" for a wait that has ended. */
static weft_task *waiting(const char *name, weft_future *future)
{
    return weft_task_new(loop, WEFT_CALL(waiter, .name = name, .future = future));
}

static void end(weft_task *task)
{
    ck_assert(weft_future_is_done(task));
    (void)weft_future_error(task);
    weft_future_unref(task);
}

static bool ours(int signum)
{
    struct sigaction now;

    ck_assert_int_eq(sigaction(signum, NULL, &now), 0);
    return now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN;
}

/* ---- delivery ---- */

/* 89 */
RULE(a_signal_ends_the_wait_with_its_number)
{
    weft_task *task = waiting("usr1", weft_signal(loop, SIGUSR1));
    weft_future *next;

    run_rounds(1);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_str_eq(trace(), "");
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_int_eq(SIGUSR1, 10);
    ck_assert_str_eq(trace(), "usr1=10");
    next = weft_signal(loop, SIGUSR1);
    ck_assert(!weft_future_is_done(next)); /* it was delivered, and is not kept, too */
    weft_future_unref(next);
}
END_RULE

/* Gets signals again and again; one arrives while it is awake. */
struct listener {
    weft_gen gen;
    int left;
};

static weft_step listener(void *frame)
{
    struct listener *f = frame;

    WEFT_BEGIN(f);
    for (; f->left > 0; f->left--) {
        WEFT_AWAIT(f, weft_signal(NULL, SIGHUP));
        say("%s%d", weft_current_task() ? "in-loop:" : "", (int)weft_sent_int(f));
        if (f->left > 1)
            ck_assert_int_eq(raise(SIGHUP), 0);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(listener);

/* 89 */
RULE(none_is_lost_between_two_waits)
{
    weft_task *task = weft_task_new(loop, WEFT_CALL(listener, .left = 3));

    run_rounds(1);
    ck_assert_int_eq(raise(SIGHUP), 0);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "in-loop:1 in-loop:1 in-loop:1");
}
END_RULE

RULE(all_that_wait_for_it_get_it_in_their_order)
{
    weft_task *a = waiting("a", weft_signal(loop, SIGUSR1));
    weft_task *other = waiting("other", weft_signal(loop, SIGUSR2));
    weft_task *b = waiting("b", weft_signal(loop, SIGUSR1));

    run_rounds(1);
    raise(SIGUSR1);
    ck_assert_int_eq(run_task(b, NULL), 0);
    ck_assert_str_eq(trace(), "a=10 b=10");
    raise(SIGUSR2);
    ck_assert_int_eq(run_task(other, NULL), 0);
    ck_assert_str_eq(trace(), "a=10 b=10 other=12");
    end(a);
}
END_RULE

RULE(one_that_comes_while_nobody_waits_is_kept_and_several_become_one)
{
    weft_task *task = waiting("first", weft_signal(loop, SIGUSR1));
    weft_future *next;

    raise(SIGUSR1);
    ck_assert_int_eq(run_task(task, NULL), 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    next = weft_signal(loop, SIGUSR1);
    ck_assert(weft_future_is_done(next));
    ck_assert_int_eq(run_task(next, NULL), 0);
    next = weft_signal(loop, SIGUSR1);
    ck_assert(!weft_future_is_done(next));
    weft_future_unref(next);
}
END_RULE

/* More than a pipe holds. */
RULE(a_storm_neither_blocks_nor_hides_another_signal_nor_changes_errno)
{
    weft_future *a = weft_signal(loop, SIGUSR1), *b;

    weft_future_unref(a);
    errno = EDOM;
    for (int i = 0; i < 70000; i++)
        raise(SIGUSR1);
    ck_assert_int_eq(errno, EDOM);
    b = weft_signal(loop, SIGUSR2);
    ck_assert(!weft_future_is_done(b));
    weft_future_unref(b);
    for (int i = 0; i < 70000; i++)
        raise(SIGUSR1);
    raise(SIGUSR2);
    ck_assert_int_eq(run_task(waiting("b", weft_signal(loop, SIGUSR2)), NULL), 0);
    ck_assert_int_eq(run_task(waiting("a", weft_signal(loop, SIGUSR1)), NULL), 0);
    ck_assert_str_eq(trace(), "b=12 a=10");
}
END_RULE

/* 90 */
RULE(a_signal_that_was_collected_does_not_wake_the_loop_again)
{
    struct pollfd pipe_end = {.fd = dup(0), .events = POLLIN};
    weft_future *kept, *wait;

    close(pipe_end.fd); /* the number is free: the pipe's read end gets it */
    kept = weft_signal(loop, SIGUSR1);
    wait = weft_signal(loop, SIGUSR2);
    weft_future_unref(kept);
    raise(SIGUSR1);
    ck_assert_int_eq(poll(&pipe_end, 1, 0), 1);
    run_rounds(1);
    ck_assert_int_eq(poll(&pipe_end, 1, 0), 0);
    weft_future_unref(wait);
}
END_RULE

/* ---- cancel, drop ---- */

/* 89 */
RULE(a_cancelled_wait_leaves_the_signal_to_the_next_one)
{
    weft_future *wait = weft_signal(loop, SIGUSR1);

    ck_assert(weft_future_cancel(wait, NULL));
    ck_assert(weft_future_is_cancelled(wait));
    weft_future_unref(wait);
    run_all(); /* nobody waits: nothing keeps the run going */
    raise(SIGUSR1);
    wait = weft_signal(loop, SIGUSR1);
    ck_assert_int_eq(run_task(wait, NULL), 0);
}
END_RULE

RULE(a_signal_that_came_is_delivered_before_a_cancel)
{
    weft_task *task = waiting("a", weft_signal(loop, SIGUSR1));
    weft_future *other = weft_signal(loop, SIGUSR2);

    run_rounds(1);
    raise(SIGUSR1);
    weft_future_unref(weft_signal(loop, SIGUSR2)); /* which collects */
    ck_assert(weft_future_cancel(task, NULL));
    weft_future_unref(other);
    run_all();
    ck_assert_str_eq(trace(), "a=10");
    ck_assert(weft_future_is_cancelled(task));
    weft_future_unref(task);
}
END_RULE

RULE(a_dropped_wait_is_gone)
{
    weft_future *wait = weft_signal(loop, SIGUSR1);

    ck_assert_int_eq(weft_call_soon(loop, say_call, "on", NULL), 0);
    weft_future_unref(wait);
    run_all();
    ck_assert_str_eq(trace(), "on");
}
END_RULE

RULE(a_wait_is_described_with_its_signal)
{
    weft_future *hup = weft_signal(loop, SIGHUP), *rt = weft_signal(loop, SIGRTMIN + 3);
    char text[96];

    weft_future_describe(hup, text, sizeof(text));
    ck_assert_str_eq(text, "<signal pending named SIGHUP>");
    weft_future_describe(rt, text, sizeof(text));
    ck_assert_str_eq(text, "<signal pending>");
    weft_future_unref(hup);
    weft_future_unref(rt);
}
END_RULE

/* ---- dispositions ---- */

/* 89 */
RULE(restore_ends_the_waits_and_gives_the_disposition_back)
{
    struct sigaction now, before = {.sa_handler = SIG_IGN};
    weft_task *a, *b;

    ck_assert_int_eq(sigaction(SIGUSR1, &before, NULL), 0);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), WEFT_EINVALIDSTATE);
    a = waiting("a", weft_signal(loop, SIGUSR1));
    b = waiting("b", weft_signal(loop, SIGUSR2));
    ck_assert_int_eq(weft_signal_restore(loop, SIGHUP), WEFT_EINVALIDSTATE);
    run_rounds(1);
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &now), 0);
    ck_assert(now.sa_flags & SA_RESTART);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), 0);
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &now), 0);
    ck_assert(now.sa_handler == SIG_IGN);
    raise(SIGUSR1);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), WEFT_EINVALIDSTATE);
    raise(SIGUSR2);
    ck_assert_int_eq(run_task(b, NULL), 0);
    ck_assert_str_eq(trace(), "a!WEFT_EABANDONED b=12");
    end(a);
}
END_RULE

RULE(restore_delivers_what_came_before_it)
{
    weft_task *task = waiting("a", weft_signal(loop, SIGUSR1));

    run_rounds(1);
    raise(SIGUSR1);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), 0);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "a=10");
}
END_RULE

RULE(restore_forgets_what_was_kept)
{
    weft_future *wait = weft_signal(loop, SIGUSR1);

    weft_future_unref(wait);
    raise(SIGUSR1);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), 0);
    wait = weft_signal(loop, SIGUSR1);
    ck_assert(!weft_future_is_done(wait));
    weft_future_unref(wait);
}
END_RULE

RULE(the_disposition_is_back_when_the_last_loop_has_closed)
{
    weft_loop *other = weft_loop_new(NULL);
    weft_future *mine = weft_signal(loop, SIGUSR1), *theirs = weft_signal(other, SIGUSR1);

    raise(SIGUSR1);
    ck_assert_int_eq(run_task(mine, NULL), 0);
    ck_assert_int_eq(weft_run_until_complete(other, theirs, NULL), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert(ours(SIGUSR1));
    weft_loop_unref(other);
    ck_assert(!ours(SIGUSR1));
}
END_RULE

static void not_ours(int signum)
{
    (void)signum;
}

RULE(a_handler_that_somebody_has_installed_over_ours_stays)
{
    struct sigaction now, over = {.sa_handler = not_ours};

    weft_future_unref(weft_signal(loop, SIGUSR1));
    ck_assert_int_eq(sigaction(SIGUSR1, &over, NULL), 0);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), 0);
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &now), 0);
    ck_assert(now.sa_handler == not_ours);
}
END_RULE

/* ---- errors ---- */

static int error_of(weft_future *future)
{
    int error = weft_future_error(future);

    weft_future_unref(future);
    return error;
}

RULE(what_cannot_be_waited_for_is_refused)
{
    static const int bad[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
                              SIGTRAP, SIGSYS,  0,       -SIGHUP, NSIG,   1000000};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ck_assert_int_eq(error_of(weft_signal(loop, bad[i])), -EINVAL);
        ck_assert_int_eq(weft_signal_restore(loop, bad[i]), -EINVAL);
    }
    ck_assert_int_eq(error_of(weft_signal(loop, 32)), -EINVAL); /* libc's own: sigaction refuses */
    ck_assert_int_eq(weft_signal_restore(loop, 32), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(error_of(weft_signal(loop, SIGRTMIN + 3)), WEFT_EINVALIDSTATE); /* pending */
}
END_RULE

RULE(a_closed_loop_answers_closed)
{
    weft_future *wait = weft_signal(loop, SIGUSR1);

    weft_task *task = waiting("a", weft_signal(loop, SIGUSR1));

    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(error_of(wait), WEFT_ECLOSED);
    end(task);
    ck_assert_int_eq(error_of(weft_signal(loop, SIGUSR1)), WEFT_ECLOSED);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), WEFT_EINVALIDSTATE);
    ck_assert(!ours(SIGUSR1));
    ck_assert_ptr_nonnull(strstr(reports(), "was destroyed while it was pending"));
}
END_RULE

RULE(sixty_four_loops_can_watch_and_a_closed_one_makes_room)
{
    weft_loop *loops[65];

    for (int i = 0; i < 65; i++) {
        loops[i] = weft_loop_new(NULL);
        ck_assert_int_eq(error_of(weft_signal(loops[i], SIGUSR1)),
                         i < 64 ? WEFT_EINVALIDSTATE : -EMFILE);
    }
    weft_loop_unref(loops[7]);
    ck_assert_int_eq(error_of(weft_signal(loops[64], SIGUSR1)), WEFT_EINVALIDSTATE);
    raise(SIGUSR1);
    for (int i = 0; i < 65; i++) {
        if (i == 7)
            continue;
        ck_assert_int_eq(error_of(weft_signal(loops[i], SIGUSR1)), 0);
        weft_loop_unref(loops[i]);
    }
    ck_assert(!ours(SIGUSR1));
}
END_RULE

RULE(without_descriptors_the_wait_fails)
{
    struct rlimit before, none;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(error_of(weft_signal(loop, SIGUSR1)), -EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert(!ours(SIGUSR1));
    ck_assert_int_eq(error_of(weft_signal(loop, SIGUSR1)), WEFT_EINVALIDSTATE);
}
END_RULE

static int attempt(void)
{
    weft_loop *other = weft_loop_new(NULL);
    int error = other ? error_of(weft_signal(other, SIGUSR1)) : -ENOMEM;

    weft_loop_unref(other);
    ck_assert(!ours(SIGUSR1));
    return error == WEFT_EINVALIDSTATE ? 0 : error;
}

RULE(each_allocation_of_a_wait_may_fail)
{
    each_allocation_fails(attempt);
}
END_RULE

/* ---- a host's base ---- */

static void raise_later(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    raise(SIGUSR1);
}

/* 89, 91 */
RULE(a_wait_keeps_the_hosts_dispatch_going_and_no_longer)
{
    static const struct timeval moment = {0, 1000};
    struct event_base *base = event_base_new();
    weft_loop *guest = weft_loop_new(base);
    weft_task *task = weft_task_new(
        guest, WEFT_CALL(waiter, .name = "a", .future = weft_signal(guest, SIGUSR1)));
    weft_future *wait;

    ck_assert_int_eq(event_base_once(base, -1, EV_TIMEOUT, raise_later, NULL, &moment), 0);
    ck_assert_int_eq(event_base_dispatch(base), 1);
    ck_assert_str_eq(trace(), "a=10");
    end(task);
    raise(SIGUSR1);
    ck_assert_int_eq(event_base_dispatch(base), 1); /* nobody waits */
    wait = weft_signal(guest, SIGUSR2);
    ck_assert(weft_future_cancel(wait, NULL));
    ck_assert_int_eq(event_base_dispatch(base), 1); /* nobody waits any more */
    weft_future_unref(wait);
    ck_assert_int_eq(error_of(weft_signal(guest, SIGUSR1)), 0);
    weft_loop_unref(guest);
    event_base_free(base);
}
END_RULE

RULE(two_waits_outlive_a_base_that_was_freed_too_early)
{
    struct event_base *base = event_base_new();
    weft_loop *guest = weft_loop_new(base);
    weft_task *a = weft_task_new(
        guest, WEFT_CALL(waiter, .name = "a", .future = weft_signal(guest, SIGUSR1)));
    weft_task *b = weft_task_new(
        guest, WEFT_CALL(waiter, .name = "b", .future = weft_signal(guest, SIGUSR1)));

    weft_loop_set_exception_handler(guest, NULL, NULL);
    ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
    event_base_free(base);
    ck_assert_int_eq(weft_loop_close(guest), WEFT_EBASEFREED);
    ck_assert(!ours(SIGUSR1));
    end(a);
    end(b);
    weft_loop_unref(guest);
}
END_RULE

RUN_SUITE("signal", a_signal_ends_the_wait_with_its_number, none_is_lost_between_two_waits,
          all_that_wait_for_it_get_it_in_their_order,
          one_that_comes_while_nobody_waits_is_kept_and_several_become_one,
          a_storm_neither_blocks_nor_hides_another_signal_nor_changes_errno,
          a_signal_that_was_collected_does_not_wake_the_loop_again,
          a_cancelled_wait_leaves_the_signal_to_the_next_one,
          a_signal_that_came_is_delivered_before_a_cancel, a_dropped_wait_is_gone,
          a_wait_is_described_with_its_signal, restore_ends_the_waits_and_gives_the_disposition_back,
          restore_delivers_what_came_before_it, restore_forgets_what_was_kept,
          the_disposition_is_back_when_the_last_loop_has_closed,
          a_handler_that_somebody_has_installed_over_ours_stays,
          what_cannot_be_waited_for_is_refused, a_closed_loop_answers_closed,
          sixty_four_loops_can_watch_and_a_closed_one_makes_room, without_descriptors_the_wait_fails,
          each_allocation_of_a_wait_may_fail, a_wait_keeps_the_hosts_dispatch_going_and_no_longer,
          two_waits_outlive_a_base_that_was_freed_too_early)
