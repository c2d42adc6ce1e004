/* check_signal_threads.c - signals that arrive in another thread, and loops in several threads. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support/harness.h"

static void block(int how, int signum)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signum);
    ck_assert_int_eq(pthread_sigmask(how, &set, NULL), 0);
}

/* Wait until a thread of this process sleeps in the kernel. */
static void wait_asleep(long tid)
{
    static const struct timespec moment = {0, 1000000};
    char path[64], text[256], *state;
    FILE *stat;

    snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", tid);
    for (;;) {
        stat = fopen(path, "r");
        ck_assert_ptr_nonnull(stat);
        ck_assert_ptr_nonnull(fgets(text, sizeof(text), stat));
        fclose(stat);
        state = strrchr(text, ')');
        if (state && state[2] == 'S')
            return;
        nanosleep(&moment, NULL);
    }
}

/* Let the handler run in this thread, once the loop's is blocked. */
static void *raise_when_asleep(void *tid)
{
    wait_asleep((long)(intptr_t)tid);
    raise(SIGUSR1);
    return NULL;
}

/* 89 */
RULE(a_signal_that_another_thread_gets_wakes_a_blocked_run)
{
    pthread_t thread;
    intptr_t number = 0;
    weft_future *wait = weft_signal(loop, SIGUSR1);

    ck_assert_int_eq(pthread_create(&thread, NULL, raise_when_asleep, (void *)syscall(SYS_gettid)),
                     0);
    ck_assert_int_eq(run_task(wait, &number), 0);
    ck_assert_int_eq(number, SIGUSR1);
    pthread_join(thread, NULL);
}
END_RULE

static void *kill_when_asleep(void *tid)
{
    block(SIG_BLOCK, SIGUSR1);
    wait_asleep((long)(intptr_t)tid);
    kill(getpid(), SIGUSR1);
    return NULL;
}

/* 89, 99 */
RULE(a_signal_that_the_loops_own_thread_gets_wakes_it_too)
{
    pthread_t thread;
    weft_future *wait = weft_signal(loop, SIGUSR1);

    ck_assert_int_eq(pthread_create(&thread, NULL, kill_when_asleep, (void *)syscall(SYS_gettid)),
                     0);
    ck_assert_int_eq(run_task(wait, NULL), 0);
    pthread_join(thread, NULL);
}
END_RULE

enum { LOOPS = 4 };
static atomic_int ready;

/* A loop of its own, which waits for the signal once. */
static void *own_loop(void *arg)
{
    weft_loop *mine = weft_loop_new(NULL);
    weft_future *wait = weft_signal(mine, SIGUSR1);
    void *value = NULL;
    intptr_t error;

    (void)arg;
    atomic_fetch_add(&ready, 1);
    error = weft_run_until_complete(mine, wait, &value);
    weft_loop_unref(mine);
    return (void *)(error ? error : weft_int(value));
}

RULE(each_loop_of_each_thread_gets_it)
{
    static const struct timespec moment = {0, 1000000};
    pthread_t threads[LOOPS];
    void *result;

    for (int i = 0; i < LOOPS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, own_loop, NULL), 0);
    while (atomic_load(&ready) < LOOPS)
        nanosleep(&moment, NULL);
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < LOOPS; i++) {
        pthread_join(threads[i], &result);
        ck_assert_int_eq((intptr_t)result, SIGUSR1);
    }
}
END_RULE

enum { TIMES = 2000 };
static atomic_int over;

/* Loops come and go while signals rain: a late byte must not get into a file that has a pipe's old number. */
static void *come_and_go(void *arg)
{
    intptr_t wrong = 0;

    (void)arg;
    for (int i = 0; i < TIMES; i++) {
        weft_loop *mine = weft_loop_new(NULL);
        int fds[2];
        char byte;

        weft_future_unref(weft_signal(mine, SIGUSR1));
        weft_future_unref(weft_signal(mine, SIGUSR2));
        wrong += weft_signal_restore(mine, SIGUSR2) != 0;
        weft_loop_unref(mine);
        if (pipe(fds) != 0)
            continue;
        close(fds[1]);
        wrong += read(fds[0], &byte, 1) != 0;
        close(fds[0]);
    }
    atomic_fetch_add(&over, 1);
    return (void *)wrong;
}

RULE(loops_open_and_close_while_signals_rain)
{
    struct sigaction now, ignore = {.sa_handler = SIG_IGN};
    pthread_t threads[2];
    void *wrong;

    ck_assert_int_eq(sigaction(SIGUSR1, &ignore, NULL), 0);
    ck_assert_int_eq(sigaction(SIGUSR2, &ignore, NULL), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    for (int i = 0; atomic_load(&over) < 2; i++)
        raise(i & 1 ? SIGUSR1 : SIGUSR2);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &wrong);
        ck_assert_int_eq((intptr_t)wrong, 0);
    }
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &now), 0);
    ck_assert(now.sa_handler == SIG_IGN);
}
END_RULE

RUN_SUITE("signal_threads", a_signal_that_another_thread_gets_wakes_a_blocked_run,
          a_signal_that_the_loops_own_thread_gets_wakes_it_too, each_loop_of_each_thread_gets_it,
          loops_open_and_close_while_signals_rain)
