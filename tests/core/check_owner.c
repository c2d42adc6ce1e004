/* check_owner.c - whose a loop is: one thread's, until it is handed over. */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"

/* ---- the wrong thread -------------------------------------------------------------------------- */

static struct event_base *base;
static weft_loop *wanted; /* by the wrong thread */

static void run_it(void)
{
    weft_run_forever(wanted);
}

static void complete_it(void)
{
    weft_run_until_complete(wanted, weft_future_new(wanted), NULL);
}

static void close_it(void)
{
    weft_loop_close(wanted);
}

static void shut_it_down(void)
{
    weft_loop_shutdown(wanted, 1);
}

static void drop_it(void)
{
    weft_loop_unref(wanted);
}

static void dispatch_it(void)
{
    event_base_dispatch(base);
}

static void hand_it_over(void)
{
    weft_loop_hand_over(wanted);
}

static void *elsewhere(void *fn)
{
    ((void (*)(void))(uintptr_t)fn)();
    return NULL;
}

/* Let a child do it in another thread; it must be stopped, and say why in these words. */
static void is_stopped(void (*fn)(void), const char *what, const char *why)
{
    char text[1024] = "";
    size_t length = 0;
    ssize_t n;
    int fds[2], status;
    pid_t child;

    ck_assert_int_eq(pipe(fds), 0);
    child = fork();
    if (child == 0) {
        pthread_t thread;

        dup2(fds[1], 2);
        pthread_create(&thread, NULL, elsewhere, (void *)(uintptr_t)fn);
        pthread_join(thread, NULL);
        _exit(0);
    }
    close(fds[1]);
    while (length < sizeof(text) - 1 &&
           (n = read(fds[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)n;
    close(fds[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s", what);
    ck_assert_msg(strstr(text, what) && strstr(text, why), "%s: %s", what, text);
}

/* 271 [D] it would look at what another thread changes, and miss what is posted */
RULE(what_runs_or_ends_a_loop_in_another_thread_stops_the_program_always)
{
    static const char why[] = "from another thread than the loop's";

    base = event_base_new();
    wanted = weft_loop_new(base);
    weft_loop_set_debug(wanted, false);
    ck_assert_int_eq(weft_call_soon(wanted, say_call, "never", NULL), 0);
    is_stopped(run_it, "weft_run_forever", why);
    is_stopped(complete_it, "weft_run_until_complete", why);
    is_stopped(close_it, "weft_loop_close", why);
    is_stopped(shut_it_down, "weft_loop_shutdown", why);
    is_stopped(drop_it, "weft_loop_close", why);
    is_stopped(dispatch_it, "a dispatch", why);
    is_stopped(hand_it_over, "weft_loop_hand_over", why);
    is_stopped(run_it, "it is ", "'s; from there, use what is called _threadsafe");
    weft_loop_unref(wanted);
    event_base_free(base);
}
END_RULE

/* 271, 272 */
RULE(what_was_handed_over_is_nobodys_until_it_is_taken)
{
    static const char why[] = "has not taken it over";

    wanted = weft_loop_new(NULL);
    ck_assert_int_eq(weft_loop_hand_over(wanted), 0);
    is_stopped(run_it, "weft_run_forever", why);
    is_stopped(drop_it, "weft_loop_close", why);
    ck_assert_int_eq(weft_loop_take_over(wanted), 0);
    weft_loop_unref(wanted);
}
END_RULE

/* ---- handing over ------------------------------------------------------------------------------ */

struct runner {
    weft_loop *loop;
    int taken, ran; /* what these calls said */
};

static void *take_and_run(void *arg)
{
    struct runner *self = arg;

    usleep(2000); /* what is posted meanwhile must wait, and neither run nor get lost */
    self->taken = weft_loop_take_over(self->loop);
    self->ran = weft_run_forever(self->loop);
    weft_loop_unref(self->loop);
    return NULL;
}

static pthread_t ran_in;

static void say_and_stop(void *arg)
{
    ran_in = pthread_self();
    say_call(arg);
    weft_loop_stop(NULL);
}

/* 272 */
RULE(a_loop_made_here_runs_in_the_thread_that_takes_it_over)
{
    weft_loop *real = weft_loop_new(NULL);
    struct runner self = {weft_loop_ref(real), 1, 1};
    pthread_t thread;

    ck_assert_int_eq(weft_call_soon(real, say_call, "before", NULL), 0);
    ck_assert_int_eq(weft_loop_hand_over(real), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, take_and_run, &self), 0);
    ck_assert_int_eq(weft_call_soon_threadsafe(real, say_and_stop, "posted"), 0);
    weft_loop_unref(real);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(self.taken, 0);
    ck_assert_int_eq(self.ran, 0);
    ck_assert(pthread_equal(ran_in, thread));
    ck_assert_str_eq(trace(), "before posted");
}
END_RULE

static int error_within;

static void hand_over_within(void *arg)
{
    error_within = weft_loop_hand_over(arg);
}

/* 272 */
RULE(a_loop_that_runs_or_is_closed_cannot_be_handed_over)
{
    weft_call_soon(loop, hand_over_within, loop, NULL);
    run_all();
    ck_assert_int_eq(error_within, WEFT_ERUNNING);
    ck_assert_int_eq(weft_loop_take_over(loop), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_loop_hand_over(loop), 0);
    ck_assert_int_eq(weft_loop_take_over(loop), 0); /* back again */
    ck_assert_int_eq(weft_loop_take_over(loop), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_loop_hand_over(loop), WEFT_ECLOSED);
    ck_assert_int_eq(weft_loop_take_over(loop), WEFT_ECLOSED);
}
END_RULE

RUN_SUITE("owner", what_runs_or_ends_a_loop_in_another_thread_stops_the_program_always,
          what_was_handed_over_is_nobodys_until_it_is_taken,
          a_loop_made_here_runs_in_the_thread_that_takes_it_over,
          a_loop_that_runs_or_is_closed_cannot_be_handed_over)
