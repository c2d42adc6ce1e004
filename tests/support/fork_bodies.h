/* fork_bodies.h - a test that goes on in two processes; for the suites on forks. */
#ifndef WEFT_TESTS_FORK_BODIES_H
#define WEFT_TESTS_FORK_BODIES_H

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/harness.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(WITH_TSAN)
/* Its children may start threads. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}
#endif

/* In a child Check must not end the test: it ends with the number of the line. */
#define NEED(condition) \
    do { \
        if (!(condition)) \
            _exit(__LINE__ % 255 + 1); \
    } while (0)

/* A child that hangs is ended by this. */
static pid_t fork_child(void)
{
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0)
        alarm(10);
    return child;
}

static void child_is_fine(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child was killed by signal %d", WTERMSIG(status));
    ck_assert_msg(WEXITSTATUS(status) == 0, "NEED failed in line n, n %% 255 + 1 is %d",
                  WEXITSTATUS(status));
}

#endif
