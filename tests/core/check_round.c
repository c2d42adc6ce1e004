/* check_round.c - what a descriptor's event makes ready runs at once, if nothing else was ready: its order, and its bounds. */
#include <event2/event.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/harness.h"

enum { MANY = 600 };

static weft_io *ios[MANY];
static int peers[MANY];
static weft_future *reads[MANY];
static char bytes[MANY];

static void write_all(int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(write(peers[i], "x", 1), 1);
}

/* epoll tells in the order in which they became ready; poll(2) begins anywhere. */
static bool is_ordered(void)
{
    return strncmp(event_base_get_method(weft_loop_base(loop)), "epoll", 5) == 0;
}

/* `n` descriptors, on each of which a byte is there to be read. */
static void open_ready(int n)
{
    for (int i = 0; i < n; i++) {
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &ios[i]), 0);
        peers[i] = fds[1];
        reads[i] = weft_sock_recv(ios[i], &bytes[i], 1);
    }
    write_all(n);
}

static void close_all(int n)
{
    for (int i = 0; i < n; i++) {
        weft_future_unref(reads[i]);
        weft_io_close(ios[i]);
        close(peers[i]);
    }
}

static int pending(int n)
{
    int count = 0;

    for (int i = 0; i < n; i++)
        count += !weft_future_is_done(reads[i]);
    return count;
}

/* ---- what a waiter does ---------------------------------------------------------------------------------- */

static void tell_pending(weft_future *future, void *arg)
{
    (void)future;
    say("%d", pending(*(int *)arg));
}

static void stop_loop(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    say("stop");
    weft_loop_stop(loop);
}

static void abort_loop(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    say("abort");
    weft_abort(loop, -7);
}

static void call_more(weft_future *future, void *arg)
{
    (void)future;
    say("first");
    ck_assert_int_eq(weft_call_soon(loop, say_call, arg, NULL), 0);
}

/* Run until all have read.  (A future that is done already makes its run's end ready: no event comes first then.) */
static void run_reads(int n)
{
    for (int i = n - 1; i >= 0; i--)
        ck_assert_int_eq(run_task(weft_future_ref(reads[i]), NULL), 0);
}

/* ---- order ----------------------------------------------------------------------------------------------- */

RULE(who_waits_for_an_event_runs_before_the_next_event_is_looked_at)
{
    static int n = 4;

    if (!is_ordered())
        return;
    open_ready(n);
    for (int i = 0; i < n; i++)
        weft_future_add_done_callback(reads[i], tell_pending, &n);
    run_reads(n);
    ck_assert_str_eq(trace(), "3 2 1 0");
    close_all(n);
}
END_RULE

RULE(behind_something_that_was_ready_all_wait_for_their_turn)
{
    static int n = 3;

    if (!is_ordered())
        return;
    open_ready(n);
    for (int i = 0; i < n; i++)
        weft_future_add_done_callback(reads[i], tell_pending, &n);
    ck_assert_int_eq(weft_call_soon(loop, say_call, "call", NULL), 0);
    run_reads(n);
    ck_assert_str_eq(trace(), "call 0 0 0");
    close_all(n);
}
END_RULE

RULE(what_that_makes_ready_waits_for_the_next_turn_and_so_do_further_events)
{
    if (!is_ordered())
        return;
    open_ready(2);
    for (int i = 0; i < 2; i++)
        weft_future_add_done_callback(reads[i], call_more, i ? "second" : "more");
    run_reads(2);
    run_all();
    ck_assert_str_eq(trace(), "first more first second");
    close_all(2);
}
END_RULE

/* ---- stop and abort -------------------------------------------------------------------------------------- */

RULE(a_stop_after_an_event_leaves_the_others_for_the_next_run)
{
    static int n = 3;

    if (!is_ordered())
        return;
    open_ready(n);
    weft_future_add_done_callback(reads[0], stop_loop, NULL);
    weft_future_add_done_callback(reads[0], call_more, "more"); /* the round goes on to its end */
    weft_future_add_done_callback(reads[1], tell_pending, &n);
    ck_assert_int_eq(weft_run_forever(loop), 0);
    say("|");
    run_reads(n);
    ck_assert_str_eq(trace(), "stop first | more 0");
    close_all(n);
}
END_RULE

RULE(an_abort_after_an_event_runs_nothing_more)
{
    static int n = 2;

    if (!is_ordered())
        return;
    open_ready(n);
    weft_future_add_done_callback(reads[0], abort_loop, NULL);
    weft_future_add_done_callback(reads[0], tell_pending, &n);
    weft_future_add_done_callback(reads[1], tell_pending, &n);
    ck_assert_int_eq(weft_run_forever(loop), -7);
    say("|");
    run_reads(n);
    ck_assert_str_eq(trace(), "abort | 0 0");
    close_all(n);
}
END_RULE

/* ---- bounds ---------------------------------------------------------------------------------------------- */

static int counted;

static void count(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    counted++;
}

static void tell_count(void *arg)
{
    (void)arg;
    say("%d", counted);
}

/* A turn's worth, that is 256 rounds; then the loop looks at its timers, whatever libevent has in store. */
RULE(a_flood_of_events_does_not_hold_up_a_timer)
{
    static const struct rlimit limit = {4096, 4096};

    if (!is_ordered())
        return;
    weft_loop_unref(loop);
    loop = weft_loop_new(NULL); /* real time */
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    open_ready(MANY);
    run_reads(MANY); /* now libevent asks the kernel for more than 32 events at a time */
    for (int i = 0; i < MANY; i++) {
        weft_future_unref(reads[i]);
        reads[i] = weft_sock_recv(ios[i], &bytes[i], 1);
        weft_future_add_done_callback(reads[i], count, NULL);
    }
    write_all(MANY);
    ck_assert_int_eq(weft_call_later(loop, 1e-9, tell_count, NULL, NULL), 0);
    run_reads(MANY);
    ck_assert_str_eq(trace(), "256");
    close_all(MANY);
}
END_RULE

/* ---- in a host's dispatch -------------------------------------------------------------------------------- */

RULE(in_a_host_s_dispatch_it_runs_in_the_event_s_own_callback)
{
    static int n = 3;
    struct event_base *base;

    if (!is_ordered())
        return;
    base = event_base_new();
    weft_loop_unref(loop);
    loop = weft_loop_new(base);
    open_ready(n);
    for (int i = 0; i < n; i++)
        weft_future_add_done_callback(reads[i], tell_pending, &n);
    weft_future_add_done_callback(reads[n - 1], call_more, "more");
    while (pending(n) > 0)
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
    ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
    ck_assert_str_eq(trace(), "2 1 0 first more");
    close_all(n);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    event_base_free(base);
}
END_RULE

RUN_SUITE("round", who_waits_for_an_event_runs_before_the_next_event_is_looked_at,
          behind_something_that_was_ready_all_wait_for_their_turn,
          what_that_makes_ready_waits_for_the_next_turn_and_so_do_further_events,
          a_stop_after_an_event_leaves_the_others_for_the_next_run,
          an_abort_after_an_event_runs_nothing_more, a_flood_of_events_does_not_hold_up_a_timer,
          in_a_host_s_dispatch_it_runs_in_the_event_s_own_callback)
