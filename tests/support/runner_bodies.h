/* runner_bodies.h - a main, and a runner for it: check_runner.c and check_interrupt.c. */
#ifndef WEFT_TESTS_RUNNER_BODIES_H
#define WEFT_TESTS_RUNNER_BODIES_H

#include <signal.h>
#include <string.h>

#include "support/harness.h"

static void destroy(void *value)
{
    say("destroyed-%s", (const char *)value);
}

/* A main: says that it runs, sleeps, and ends as it is told. */
struct program {
    weft_gen gen;
    const char *name;
    double seconds;
    int raises;      /* so many SIGINTs at its beginning */
    int raises_late; /* and in its last step */
    int stubborn;    /* so many cancels that it survives */
    int error;       /* to end with */
    const char *result;
};

static weft_step program(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    say("%s", f->name);
    while (f->raises-- > 0)
        raise(SIGINT);
    do {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->seconds));
        if (weft_failed(f))
            say("%s!%s", f->name, weft_errname(weft_failed(f)));
        if (weft_failed(f) && f->stubborn == 0)
            WEFT_RAISE(f, weft_failed(f));
    } while (weft_failed(f) && f->stubborn-- > 1);
    while (f->raises_late-- > 0)
        raise(SIGINT);
    if (f->error)
        WEFT_RAISE(f, f->error);
    if (f->result)
        WEFT_RETURN_OWNED(f, (void *)(uintptr_t)f->result, destroy);
    WEFT_END(f);
}

static void program_cleanup(void *frame)
{
    say("%s-freed", ((struct program *)frame)->name);
}
WEFT_GEN_TYPE(program, .cleanup = program_cleanup);

#define PROGRAM(...) WEFT_CALL(program, .name = "main", __VA_ARGS__)

/* ---- a runner on a virtual clock ---- */

static char told[1024];

static void tell(weft_loop *where, const weft_report *report, void *arg)
{
    (void)where, (void)arg;
    strncat(told, report->message, sizeof(told) - strlen(told) - 1);
}

/* Check has a handler of its own for SIGINT. */
static void plain_sigint(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};

    ck_assert_int_eq(sigaction(SIGINT, &plain, NULL), 0);
}

static weft_runner *new_runner(void)
{
    weft_runner *runner = weft_runner_new();

    plain_sigint();
    ck_assert_ptr_nonnull(runner);
    ck_assert_int_eq(weft_testing_virtual_clock(weft_runner_loop(runner)), 0);
    weft_loop_set_exception_handler(weft_runner_loop(runner), tell, NULL);
    return runner;
}

#endif
