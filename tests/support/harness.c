/* harness.c - see harness.h. */
#include <dirent.h>
#include <unistd.h>
#include <sys/wait.h>
#include <signal.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/debug.h"
#include "support/harness.h"

weft_loop *loop;

static char said[16384];
static char reported[8192];
static bool expected;
static int open_before;
static int searches; /* of the case */

/* ---- the trace ---- */

void say(const char *format, ...)
{
    size_t length = strlen(said);
    va_list args;

    ck_assert_msg(length < sizeof(said) - 256, "too much was said");
    if (length)
        said[length++] = ' ';
    va_start(args, format);
    vsnprintf(said + length, sizeof(said) - length, format, args);
    va_end(args);
}

const char *trace(void)
{
    return said;
}

static void on_report(weft_loop *where, const weft_report *report, void *arg)
{
    size_t length = strlen(reported);

    (void)where, (void)arg;
    snprintf(reported + length, sizeof(reported) - length, "%s%s%s%s: %s", length ? "\n" : "",
             report->message, report->subject ? ": " : "", report->subject ? report->subject : "",
             weft_errname(report->error));
}

const char *reports(void)
{
    expected = true;
    if (loop && !weft_loop_is_running(loop))
        weft__reports_tell(loop); /* what came up outside of a run waits for one */
    return reported;
}

/* ---- running ---- */

void run_all(void)
{
    ck_assert_int_eq(weft_run_forever(loop), WEFT_EDEADLOCK);
}

void run_rounds(int n)
{
    while (n-- > 0) {
        weft_loop_stop(loop);
        ck_assert_int_eq(weft_run_forever(loop), 0);
    }
}

int run_task(weft_future *task, intptr_t *result)
{
    void *value;
    int error = weft_run_until_complete(loop, task, &value);

    if (result)
        *result = weft_int(value);
    return error;
}

void say_done(weft_future *future, void *arg)
{
    (void)future;
    say("%s", (const char *)arg);
}

void say_call(void *arg)
{
    say("%s", (const char *)arg);
}

/* ---- bodies ---- */

static weft_step sleeper(void *frame)
{
    struct sleeper *f = frame;

    WEFT_BEGIN(f);
    if (f->name)
        say("%s", f->name);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, f->seconds));
    if (f->name)
        say("%s%s", f->name, weft_failed(f) ? "!" : ".");
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_RETURN(f, weft_from_int(f->result));
    WEFT_END(f);
}
WEFT_GEN_EXPORT(sleeper);

static weft_step waiter(void *frame)
{
    struct waiter *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, f->future);
    if (weft_failed(f)) {
        say("%s!%s", f->name, weft_errname(weft_failed(f)));
        WEFT_RAISE(f, weft_failed(f));
    }
    say("%s=%d", f->name, (int)weft_sent_int(f));
    WEFT_RETURN(f, weft_sent(f));
    WEFT_END(f);
}
WEFT_GEN_EXPORT(waiter);

/* ---- memory ---- */

void each_allocation_fails(int (*attempt)(void))
{
    weft_live before, after;
    int error;

    weft_testing_live(&before);
    for (long nth = 1;; nth++) {
        weft_testing_fail_allocation(nth, 1);
        error = attempt();
        if (weft_testing_allocations() < nth) {
            weft_testing_fail_allocation(0, 0);
            ck_assert_msg(error == 0, "without a failure: %s", weft_errname(error));
            ck_assert_msg(nth > 1, "nothing was allocated");
            return;
        }
        weft_testing_fail_allocation(0, 0);
        ck_assert_msg(error == 0 || error == -ENOMEM, "allocation %ld failed: %s", nth,
                      weft_errname(error));
        weft_testing_live(&after);
        ck_assert_msg(after.futures <= before.futures && after.frames <= before.frames &&
                          after.tasks <= before.tasks && after.handles <= before.handles,
                      "a leak after allocation %ld failed", nth);
    }
}

/* ---- every order ---- */

/* WEFT_REPLAY="2: 0 1 c0": in the case's second search this run alone, and none of the others. */
static bool replayed(const weft_scenario *scenario)
{
    const char *replay = getenv("WEFT_REPLAY");
    weft_scenario once = *scenario;
    weft_explored result;
    char *schedule;

    if (!replay || !*replay)
        return false;
    if (strtol(replay, &schedule, 10) != searches)
        return true;
    once.schedule = schedule + (*schedule == ':');
    result = weft_testing_explore_with(&once);
    ck_assert_msg(!result.wrong, "%s, in the run \"%s\"", result.wrong, result.schedule);
    return true;
}

unsigned long explore(weft_scenario scenario)
{
    const char *mode = getenv("WEFT_EXPLORE");
    weft_explored result;

    scenario.struct_size = sizeof(scenario);
    searches++;
    if (replayed(&scenario))
        return 1;

    if (mode && strcmp(mode, "all") == 0) {
        scenario.detours = 0;
        scenario.limit = 10000000;
    }
    result = weft_testing_explore_with(&scenario);
    ck_assert_msg(!result.wrong,
                  "%s, in the run \"%s\"; again: CK_RUN_CASE=%s WEFT_REPLAY=\"%d: %s\"",
                  result.wrong, result.schedule, tcase_name(), searches, result.schedule);
    if (mode)
        printf("%s, search %d: %lu runs\n", tcase_name(), searches, result.runs);
    ck_assert_msg(result.runs > 1, "there was nothing to choose");
    ck_assert_msg(result.complete || scenario.limit, "the search was cut off");
    return result.runs;
}

/* ---- the fixture ---- */

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

const char *last_words(void (*fn)(void))
{
    static char words[512];
    size_t length = 0;
    ssize_t got;
    int fds[2], status;
    pid_t pid;

    ck_assert_int_eq(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], 2);
        fn();
        _exit(0);
    }
    close(fds[1]);
    while ((got = read(fds[0], words + length, sizeof(words) - 1 - length)) > 0)
        length += (size_t)got;
    words[length] = 0;
    close(fds[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "it went on: %s", words);
    return words;
}

void harness_setup(void)
{
    said[0] = reported[0] = 0;
    searches = 0;
    expected = false;
    open_before = open_descriptors();
    loop = weft_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
    ck_assert_int_eq(weft_testing_virtual_clock(loop), 0);
    weft_loop_set_exception_handler(loop, on_report, NULL);
}

void harness_teardown(void)
{
    weft_live live;

    if (loop)
        weft_loop_unref(loop);
    loop = NULL;
    if (reported[0] && !expected)
        ck_abort_msg("unexpected report: %s", reported);
    weft_testing_live(&live);
    ck_assert_msg(live.futures == 0, "%ld futures leaked", live.futures);
    ck_assert_msg(live.tasks == 0, "%ld tasks leaked", live.tasks);
    ck_assert_msg(live.frames == 0, "%ld frames leaked", live.frames);
    ck_assert_msg(live.handles == 0, "%ld handles leaked", live.handles);
    ck_assert_msg(live.ios == 0, "%ld weft_io leaked", live.ios);
    ck_assert_msg(live.loops == 0, "%ld loops leaked", live.loops);
    ck_assert_msg(live.allocations == 0, "%ld allocations leaked", live.allocations);
    ck_assert_int_eq(open_descriptors(), open_before);
}

int harness_main(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    SRunner *runner;
    int failed;

    for (size_t i = 0; i < count; i++) {
        TCase *tcase = tcase_create(tests[i]->name);

        tcase_add_checked_fixture(tcase, harness_setup, harness_teardown);
        tcase_set_timeout(tcase, 120);
        tcase_add_test(tcase, tests[i]);
        suite_add_tcase(suite, tcase);
    }
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
