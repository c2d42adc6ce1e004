/* weft/testing.h - for tests, yours and ours: time that jumps, memory that runs out, leaks that show.
 *
 *     weft_loop *loop = weft_loop_new(NULL);
 *     weft_testing_virtual_clock(loop);          starts at 0; a sleep of an hour takes no time
 *     ...
 *     weft_loop_unref(loop);
 *     weft_testing_live(&live);                  all zero, or something leaked
 *
 * Source: trio's MockClock(autojump_threshold=0); expat's and c-ares' failing allocators.
 */
#ifndef WEFT_TESTING_H
#define WEFT_TESTING_H

#include <stdint.h>
#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Give a loop a clock of its own, which stands at 0 and jumps to the next deadline when nothing is ready and
 * nobody waits for a descriptor or a thread.  For a loop that weft_run_ drives.
 * Where the environment has WEFT_CLOCK=virtual, every loop on a base of its own has one from the start: so a program is
 * tested that knows nothing of it.
 * Errors: WEFT_EINVALIDSTATE: the loop has timers already. */
WEFT_API int weft_testing_virtual_clock(weft_loop *loop);

/* Move the virtual clock forward by hand; what has become due runs when the loop runs. */
WEFT_API void weft_testing_advance(weft_loop *loop, double seconds);

/* Run what is ready, and what that makes ready, until nothing is; no time passes, and nothing is waited for.
 * Errors: those of weft_run_forever: WEFT_ERUNNING, WEFT_ECLOSED, the code of weft_abort.
 * Source: twisted's and asyncio's test loops. */
WEFT_API int weft_testing_run_until_idle(weft_loop *loop);

/* Let the tasks of each round (of a long one, each thousand) run in an order drawn from a seed, in place of first come,
 * first served; 0 ends it.  The same seed, the same run.  Callbacks and calls keep their order among themselves: it is
 * promised; where they come between the tasks is drawn.
 * Errors: -ENOMEM; WEFT_ECLOSED; WEFT_EINVALIDSTATE: the loop is weft_testing_explore's.
 * Source: trio's randomized batches. */
WEFT_API int weft_testing_shuffle(weft_loop *loop, uint64_t seed);

/* ---- Every order, every cancel ------------------------------------------------------------------------------
 *
 *     static void start(weft_explorer *explorer, void *arg)      makes the tasks of the scenario, on its loop
 *     {
 *         weft_explore_task(explorer, weft_task_new(NULL, WEFT_CALL(...)));   cancels may hit them
 *     }
 *     static const char *check(void *arg)                        after each run: NULL, or what is wrong
 *
 *     result = weft_testing_explore(.start = start, .check = check, .cancels = 1);
 *     if (result.wrong) ...                                      result.schedule says in which order
 *
 * The scenario runs once for every order in which the tasks of each round can run, and, with `.cancels`, once more for
 * every point at which a cancel of each task can arrive: before each step, and before time passes.  Callbacks and calls
 * keep their order among themselves, and come before, between or after the tasks of their round.
 *
 * Each run has a loop of its own, on a virtual clock, and ends when nothing is left to run.  Wrong is then
 *   - what `check` or weft_explore_wrong says,
 *   - a task that has not ended; a run that does not end (after 20,000 choices), or was stopped,
 *   - whatever is reported: a failure that nobody read is one, so let `check` read the error of a task that may fail,
 *   - and whatever is still alive once the loop is closed.
 * The first of these ends the search.  What `start` made, `check` frees: it is called after every run.
 *
 * A choice is a number, and a run is the list of its choices: the search is depth first over these lists, by running
 * the scenario again and again (stateless model checking).  So a scenario does the same thing each time: it starts
 * from fresh memory, and waits for no descriptor, thread or signal.  A run takes a few microseconds; n tasks that take
 * m steps each, side by side, have n!^m orders: keep both small, set `.reduce`, or set `.detours` to 2 or 3, which
 * finds most of what is wrong.
 *
 * With `.reduce`, of the orders that differ in independent steps alone one is run (partial-order reduction), and cancels
 * come where they make a difference.  n tasks that share nothing have one order then, and not n!^m.  Two steps are
 * independent if what the one writes the other neither reads nor writes.  Of weft's own objects the search knows; of the
 * scenario's memory it does not, so this is the scenario's promise:
 *   - what the steps of several tasks use besides weft's objects, they tell by weft_explore_touch, unless all of them
 *     only count there and nobody but `check` reads it;
 *   - and `check` minds what came out, not in which order steps came that share nothing: no trace without a touch.
 * What is missing there makes the search miss orders, and nothing tells.  What else the search cannot follow
 * (weft_ios, threads, failing allocations, timers that are due when they are made) makes it run every order.  With
 * `.detours` nothing is left out.
 *
 * A run that is wrong is shrunk before it is told: fewer choices that are not the first, then cancels that come earlier,
 * as long as the scenario is wrong in the same way (the same words up to the first colon).  So the scenario runs on for a
 * while after the run that was wrong.  One call runs it again: weft_testing_explore with the same scenario and
 * `.schedule = result.schedule`.
 *
 * Source: CHESS, loom; the detours: delay-bounded scheduling; the reduction: source-DPOR with sleep sets, as in
 * Nidhugg; the shrinking: delta debugging. */
typedef struct weft_explorer weft_explorer;

typedef struct weft_scenario {
    size_t struct_size;                                /* the macro's: see weft/language.h */
    void (*start)(weft_explorer *explorer, void *arg); /* runs as a callback of the loop */
    const char *(*check)(void *arg); /* after the run, before the loop is closed; or NULL */
    void *arg;
    unsigned cancels; /* how many requests in one run; 0: none */
    unsigned detours; /* at most so many choices in a run that are not the first; 0: any number */
    unsigned long limit; /* runs; 0: a million */
    bool reduce; /* leave out orders that differ in independent steps alone: see above for what it asks of them */
    const char *schedule; /* run this one only, as weft_explored gives it; NULL: all */
} weft_scenario;

typedef struct weft_explored {
    unsigned long runs; /* without those that shrank the last one */
    bool complete; /* that was all there is; false: something is wrong, or the limit came first */
    const char *wrong; /* NULL, or what is.  Good until this thread's next search */
    char schedule[256]; /* the choices of that run.  "..." at its end: it does not fit, and cannot be run */
} weft_explored;
/* A schedule has a word for each step: which of the ready ones went on, 0 for the first; "c1" before a step: a cancel
 * of the second task arrived; "t": time passed; "0*12": the same word twelve times.  The zeros at its end are
 * left out.  "0 2 c1 1": the first, the third; a cancel of the second task; the second; and so on in order. */

/* The task belongs to the scenario, which has at most sixteen.  Takes the reference, and gives it back after `check`.
 * From `start`, a body or a callback. */
WEFT_API void weft_explore_task(weft_explorer *explorer, weft_task *task);
/* For `.reduce`: this step uses memory that another task's step uses, too, at this address.  Before or behind the use, in
 * the same step; from any code: outside of a search it does nothing. */
WEFT_API void weft_explore_touch(const void *shared);
/* Something is wrong in this run, which goes on.  For bodies and callbacks. */
WEFT_API void weft_explore_wrong(weft_explorer *explorer, const char *what);
#define weft_testing_explore(...) \
    weft_testing_explore_with(WEFT__STRUCT(weft_scenario, __VA_ARGS__))
/* State: outside of any loop's run.  Threads: no other one uses the library meanwhile: leaks are counted. */
WEFT_API weft_explored weft_testing_explore_with(const weft_scenario *scenario);

/* ---- Memory ------------------------------------------------------------------------------------------------ */

/* Let the nth allocation of the library from now on fail (1: the next), and with `count` that many in a row;
 * 0, 0 ends it.  Counts the library's own allocations on all threads. */
WEFT_API void weft_testing_fail_allocation(long nth, long count);
/* How many allocations were made since the last weft_testing_fail_allocation. */
WEFT_API long weft_testing_allocations(void);

/* What is alive, in all loops of the process. */
typedef struct weft_live {
    long allocations; /* blocks of the library's allocator, all of the below included */
    long loops;
    long futures; /* tasks included */
    long tasks;
    long frames;  /* generators on the heap */
    long handles; /* calls that were asked for and have not run */
    long ios;     /* weft_io objects */
} weft_live;
WEFT_API void weft_testing_live(weft_live *live);

#ifdef __cplusplus
}
#endif
#endif
