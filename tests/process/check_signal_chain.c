/* check_signal_chain.c - signals that the program has a handler for: ours and the other one. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"

static int heard;
static int code;
static bool blocked; /* SIGUSR2, while it ran */
static void *context_seen;

static void on_usr1(int signum)
{
    sigset_t now;

    sigprocmask(SIG_BLOCK, NULL, &now);
    blocked = sigismember(&now, SIGUSR2) == 1;
    heard += signum == SIGUSR1;
}

static void on_usr1_info(int signum, siginfo_t *info, void *context)
{
    heard += signum == SIGUSR1;
    code = info->si_code;
    context_seen = context;
}

static void set_handler(struct sigaction action)
{
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    heard = 0;
}

static void set_default(void)
{
    set_handler((struct sigaction){.sa_handler = SIG_DFL});
}

/* Raise it while weft waits; returns whether weft has heard it. */
static bool raised(void)
{
    weft_future *wait = weft_signal(loop, SIGUSR1);
    bool done;

    raise(SIGUSR1);
    for (int i = 0; i < 2; i++)
        run_rounds(1);
    done = weft_future_is_done(wait);
    weft_future_unref(wait);
    return done;
}

/* 274 */
RULE(a_handler_that_was_there_hears_the_signal_too_and_has_it_alone_after_the_restore)
{
    struct sigaction mine = {.sa_handler = on_usr1}, now;

    sigaddset(&mine.sa_mask, SIGUSR2);
    set_handler(mine);
    ck_assert(raised());
    ck_assert(raised());
    ck_assert_int_eq(heard, 2);
    ck_assert(blocked);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), 0);
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &now), 0);
    ck_assert(now.sa_handler == on_usr1);
    raise(SIGUSR1);
    ck_assert_int_eq(heard, 3);
    set_default();
}
END_RULE

/* 274 */
RULE(a_handler_with_siginfo_is_told_as_the_kernel_told_us)
{
    set_handler((struct sigaction){.sa_sigaction = on_usr1_info, .sa_flags = SA_SIGINFO});
    ck_assert(raised());
    ck_assert_int_eq(heard, 1);
    ck_assert(code == SI_TKILL || code == SI_USER);
    ck_assert_ptr_nonnull(context_seen);
    weft_loop_close(loop);
    set_default();
}
END_RULE

/* 274 */
RULE(a_handler_for_one_signal_hears_one_and_the_default_comes_after_it)
{
    struct sigaction now;

    set_handler((struct sigaction){.sa_handler = on_usr1, .sa_flags = (int)SA_RESETHAND});
    ck_assert(raised());
    ck_assert(raised());
    ck_assert_int_eq(heard, 1);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), 0);
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &now), 0);
    ck_assert(now.sa_handler == SIG_DFL);
}
END_RULE

/* 274 */
RULE(a_call_that_the_handler_was_to_interrupt_is_interrupted)
{
    struct sigaction now;

    set_handler((struct sigaction){.sa_handler = on_usr1});
    ck_assert(raised());
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &now), 0);
    ck_assert(!(now.sa_flags & SA_RESTART));
    weft_loop_close(loop);
    set_default();
}
END_RULE

/* ---- handlers that pass it on, too ------------------------------------------------------------- */

static struct sigaction under;

static void on_usr1_and_under(int signum, siginfo_t *info, void *context)
{
    heard++;
    if (under.sa_flags & SA_SIGINFO)
        under.sa_sigaction(signum, info, context);
}

/* 274 */
RULE(two_handlers_that_pass_it_on_to_each_other_hear_it_once)
{
    struct sigaction over = {.sa_sigaction = on_usr1_and_under, .sa_flags = SA_SIGINFO};

    set_default();
    ck_assert(raised());
    ck_assert_int_eq(sigaction(SIGUSR1, &over, &under), 0);
    ck_assert(raised());
    ck_assert_int_eq(heard, 1);
    ck_assert_int_eq(weft_signal_restore(loop, SIGUSR1), 0); /* the other one stays, */
    ck_assert(raised());                                     /* and ours goes over it */
    ck_assert_int_eq(heard, 2);
    weft_loop_close(loop);
    set_default();
}
END_RULE

/* ---- a host's evsignal ------------------------------------------------------------------------- */

static struct event_base *base;
static weft_loop *hosted;
static struct event *signal_event;

static void on_host_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    heard++;
}

static void on_weft_signal(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    say("weft");
}

static void host_open(void)
{
    set_default();
    base = event_base_new();
    hosted = weft_loop_new(base);
    signal_event = evsignal_new(base, SIGUSR1, on_host_signal, NULL);
    ck_assert_ptr_nonnull(signal_event);
}

static void host_close(void)
{
    weft_loop_unref(hosted);
    event_free(signal_event);
    event_base_free(base);
}

/* Let weft wait, if it is to; raise it; say who has heard it. */
static const char *who_hears(bool wait)
{
    weft_future *future = wait ? weft_signal(hosted, SIGUSR1) : NULL;
    int before = heard;

    if (future)
        ck_assert_int_eq(weft_future_add_done_callback(future, on_weft_signal, NULL), 0);
    say(".");
    raise(SIGUSR1);
    for (int i = 0; i < 5; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    if (heard > before)
        say("host%d", heard - before);
    if (future) {
        weft_future_remove_done_callback(future, on_weft_signal, NULL);
        weft_future_unref(future);
    }
    return trace();
}

static bool is_default(void)
{
    struct sigaction now;

    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &now), 0);
    return now.sa_handler == SIG_DFL;
}

/* 274 */
RULE(a_hosts_evsignal_and_weft_both_hear_a_signal)
{
    host_open();
    event_add(signal_event, NULL);
    (void)who_hears(false);
    (void)who_hears(true);
    (void)who_hears(true);
    ck_assert_int_eq(weft_signal_restore(hosted, SIGUSR1), 0);
    ck_assert_str_eq(who_hears(false), ". host1 . weft host1 . weft host1 . host1");
    event_del(signal_event);
    ck_assert(is_default());
    host_close();
}
END_RULE

/* 274 */
RULE(a_host_that_takes_its_evsignal_away_first_takes_ours_along_until_the_next_wait)
{
    host_open();
    event_add(signal_event, NULL);
    (void)who_hears(true);
    event_del(signal_event);
    ck_assert(is_default());
    ck_assert_str_eq(who_hears(true), ". weft host1 . weft");
    ck_assert_int_eq(weft_signal_restore(hosted, SIGUSR1), 0);
    ck_assert(is_default());
    host_close();
}
END_RULE

/* 274 [D] libevent's handler calls no other */
RULE(a_hosts_evsignal_over_ours_hears_it_alone_and_gives_it_back)
{
    host_open();
    (void)who_hears(true);
    event_add(signal_event, NULL);
    (void)who_hears(true);
    event_del(signal_event);
    (void)who_hears(true);
    event_add(signal_event, NULL);
    ck_assert_int_eq(weft_signal_restore(hosted, SIGUSR1), 0);
    ck_assert_str_eq(who_hears(true), ". weft . host1 . weft . weft host1"); /* now it is below */
    host_close();
    set_default();
}
END_RULE

/* 274 */
RULE(a_handler_of_ours_that_was_put_back_after_the_restore_does_what_was_done_before)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        host_open();
        weft_future_unref(weft_signal(hosted, SIGUSR1));
        event_add(signal_event, NULL);
        weft_signal_restore(hosted, SIGUSR1);
        event_del(signal_event); /* puts ours back, for which nobody waits */
        raise(SIGUSR1);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGUSR1);
}
END_RULE

RUN_SUITE("signal_chain",
          a_handler_that_was_there_hears_the_signal_too_and_has_it_alone_after_the_restore,
          a_handler_with_siginfo_is_told_as_the_kernel_told_us,
          a_handler_for_one_signal_hears_one_and_the_default_comes_after_it,
          a_call_that_the_handler_was_to_interrupt_is_interrupted,
          two_handlers_that_pass_it_on_to_each_other_hear_it_once,
          a_hosts_evsignal_and_weft_both_hear_a_signal,
          a_host_that_takes_its_evsignal_away_first_takes_ours_along_until_the_next_wait,
          a_hosts_evsignal_over_ours_hears_it_alone_and_gives_it_back,
          a_handler_of_ours_that_was_put_back_after_the_restore_does_what_was_done_before)
