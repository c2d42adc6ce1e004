/* harness.h - what every suite stands on.
 *
 * A test runs on a loop with a virtual clock, writes what happens into one string, and compares the whole
 * order: ck_assert_str_eq(trace(), "a1 b1 a2").  Teardown fails on whatever is left: a future, a frame, an
 * allocation, a descriptor, a report that the test did not expect.
 *
 *     RULE(set_result_twice_is_refused)      the claim is the name; its number stands above
 *     {
 *         weft_future *f = weft_future_new(loop);
 *         ...
 *     }
 *     END_RULE
 */
#ifndef WEFT_TESTS_HARNESS_H
#define WEFT_TESTS_HARNESS_H

#include <check.h>
#include <weft.h>

/* The fixture's loop: own base, virtual clock. */
extern weft_loop *loop;

/* Append a word to the trace; words are parted by blanks. */
void say(const char *format, ...) WEFT_PRINTF(1, 2);
/* The trace so far. */
const char *trace(void);
/* The reports so far, as "message: subject: WEFT_ENAME", parted by newlines; reading them expects them. */
const char *reports(void);

/* Run until nothing is ready and no timer is left (virtual time passes). */
void run_all(void);
/* Run the rounds that are ready, exactly `n` of them, without time passing. */
void run_rounds(int n);
/* Run a task (the reference is taken) to its end; returns its error; its result as a small integer. */
int run_task(weft_future *task, intptr_t *result);

/* A done callback that says its arg, a string; and a call that does. */
void say_done(weft_future *future, void *arg);
void say_call(void *arg);

/* A body that does nothing but sleep: says "name" at its start and its end ("name." ), or "name!" on error. */
struct sleeper {
    weft_gen gen;
    const char *name;
    double seconds;
    intptr_t result;
};
extern const weft_gen_type sleeper_type;
/* A body that awaits a future (takes the reference) and says "name=value" or "name!ENAME"; returns the
 * value. */
struct waiter {
    weft_gen gen;
    const char *name;
    weft_future *future;
};
extern const weft_gen_type waiter_type;

/* Make a call of the library with each of its allocations failing in turn, until it succeeds; `attempt` returns
 * the error (0: success) and leaves nothing behind when it failed.  Fails the test on any error but
 * -ENOMEM, if the first run succeeds without an allocation, or on a leak after a failed attempt. */
void each_allocation_fails(int (*attempt)(void));

/* Explore a scenario (weft_testing_explore) and fail with its schedule if something is wrong.  `make check` takes
 * the scenario as it is; with WEFT_EXPLORE=all in the environment, any number of detours, and ten million
 * runs.  What it says of a run that is wrong ends in the call that makes it again: with WEFT_REPLAY="2: 0 1 c0" the
 * second search of a case is that run alone, and the others are left out.  Returns how many runs there were. */
unsigned long explore(weft_scenario scenario);

/* What a function writes to stderr before it stops the program; it runs in a process of its own, and must stop it. */
const char *last_words(void (*fn)(void));

void harness_setup(void);
void harness_teardown(void);
/* Run a suite of tests; each is a case of its own (a line of TAP).  Returns main's exit status. */
int harness_main(const char *suite, const TTest *const *tests, size_t count);

#define RULE(name) START_TEST(name)
#define END_RULE END_TEST
/* RUN_SUITE("future", first_test, second_test, ...) is the file's last line. */
#define RUN_SUITE(suite, ...) \
    int main(void) \
    { \
        const TTest *const tests[] = {__VA_ARGS__}; \
\
        return harness_main(suite, tests, sizeof(tests) / sizeof(*(tests))); \
    }

#endif
