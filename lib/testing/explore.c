/* explore.c - every order and every cancel: a scenario is run again and again, each time otherwise.
 *
 * A run is the list of its choices, the `points`: which of the ready ones goes on, and whether a cancel
 * arrives.  The first choice everywhere is 0, and that run is what a loop without us would do.  The next run
 * repeats this list up to the last point where another choice is left, takes that, and goes on with zeros: a
 * depth-first search over all lists, with no more memory than one of them.
 *
 *     0 0 0  ->  0 0 1  ->  0 1 0  ->  0 1 1  ->  1 0 0 ...
 *
 * Invariant: the first `prefix` points are repeated; what is offered there must be what was offered when they were
 * recorded, or the scenario is not deterministic, which is an error of its own.
 *
 * What is chosen among: the tasks of a round, and the first of its callbacks.  Callbacks, calls and the library's own
 * hooks keep their order among themselves: that is promised, also by completion; how tasks come between
 * them is not.
 *
 * Each run has a loop of its own, so that a leak shows in the run that makes it.  They share an event_base, the
 * keeper's: making one costs more than a whole run.
 *
 * Rejected: partial-order reduction, which leaves out orders that differ in independent steps alone: what a step
 * touches is the user's memory, and we do not see it.  A cancel twice at one point in both orders is not
 * left out for the same reason.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/testing.h>

#include "base/alloc.h"
#include "base/options.h"
#include "core/loop.h"
#include "core/round.h"

enum {
    TASKS = 16,
    POINTS = 20000, /* a run that has more does not end */
    RUNS = 1000000  /* unless the scenario says how many */
};

enum kind { PICK, CANCEL, TIME, NONE };

struct point {
    uint8_t kind;
    uint8_t task; /* CANCEL: whose, if a cancel was chosen */
    uint16_t choice;
    uint16_t options;
};

/* A schedule that is read: the word at hand, which stands `left` times, and the text behind it. */
struct script {
    const char *rest; /* NULL: there is none, this is a search */
    enum kind kind;
    unsigned long number;
    unsigned long left;
};

struct weft_explorer {
    struct weft__order order;
    struct weft__hook start;
    const weft_scenario *scenario;
    weft_loop *keeper, *loop;
    weft_task *tasks[TASKS];
    unsigned task_count;
    unsigned cancels_left;
    struct script script;
    struct point *points;
    size_t count, prefix;
    bool is_wrong;
};

/* What was wrong in this thread's last search. */
static _Thread_local char wrong_text[512];

static void WEFT_PRINTF(2, 3) wrong(weft_explorer *explorer, const char *format, ...)
{
    va_list args;

    if (explorer->is_wrong)
        return; /* what comes later is often only the consequence */
    explorer->is_wrong = true;
    va_start(args, format);
    vsnprintf(wrong_text, sizeof(wrong_text), format, args);
    va_end(args);
}

/* ---- schedules as text ------------------------------------------------------------------------------------ */

static bool is_default(const struct point *point)
{
    return point->kind == TIME || point->choice == 0;
}

/* The word of a point; empty for a cancel that did not come. */
static void word_of(const struct point *point, char *word, size_t size)
{
    word[0] = 0;
    if (point->kind == TIME)
        snprintf(word, size, "t");
    else if (point->kind == PICK)
        snprintf(word, size, "%u", point->choice);
    else if (point->choice)
        snprintf(word, size, "c%u", point->task);
}

/* Append a word.  False: it does not fit, and the text ends in "..." now. */
static bool add_word(char *text, size_t size, const char *word)
{
    size_t length = strlen(text);

    if (length + 1 + strlen(word) + sizeof("...") < size) {
        snprintf(text + length, size - length, "%s%s", length ? " " : "", word);
        return true;
    }
    strcpy(text + length, " ...");
    return false;
}

static bool add_words(char *text, size_t size, const char *word, unsigned times)
{
    char many[32];

    if (times > 3) {
        snprintf(many, sizeof(many), "%s*%u", word, times);
        return add_word(text, size, many);
    }
    while (times-- > 0)
        if (!add_word(text, size, word))
            return false;
    return true;
}

/* Write the run's schedule, without the zeros at its end. */
static void write_schedule(const weft_explorer *explorer, char *text, size_t size)
{
    char last[16] = "", word[16];
    size_t count = explorer->count;
    unsigned times = 0;

    text[0] = 0;
    while (count && is_default(&explorer->points[count - 1]))
        count--;
    for (size_t i = 0; i < count; i++) {
        word_of(&explorer->points[i], word, sizeof(word));
        if (!word[0])
            continue;
        if (strcmp(word, last) != 0) {
            if (!add_words(text, size, last, times))
                return;
            strcpy(last, word);
            times = 0;
        }
        times++;
    }
    (void)add_words(text, size, last, times);
}

/* Have the word that comes next at hand.  False: the schedule is at its end, or this is a search. */
static bool read_word(weft_explorer *explorer)
{
    struct script *script = &explorer->script;
    const char *at = script->rest;
    char *end;

    if (script->left)
        return true;
    if (!at)
        return false;
    at += strspn(at, " ");
    if (!*at)
        return false;
    script->kind = *at == 'c' ? CANCEL : *at == 't' ? TIME : PICK;
    at += script->kind != PICK;
    end = (char *)(uintptr_t)at;
    if (script->kind != TIME && *at >= '0' && *at <= '9')
        script->number = strtoul(at, &end, 10);
    else if (script->kind != TIME)
        script->kind = NONE; /* it fits nowhere */
    script->left = *end == '*' ? strtoul(end + 1, &end, 10) : 1;
    if (script->left == 0) {
        script->kind = NONE;
        script->left = 1;
    }
    script->rest = end;
    return true;
}

static void misfit(weft_explorer *explorer)
{
    wrong(explorer, "the schedule does not fit the scenario, at choice %zu", explorer->count);
    explorer->script = (struct script){.rest = ""};
}

/* The choice that the schedule makes at a point: each word is used where it stands. */
static unsigned read_choice(weft_explorer *explorer, const struct point *point,
                            const uint8_t *unfinished)
{
    struct script *script = &explorer->script;
    unsigned choice = 0;

    if (!read_word(explorer))
        return 0;
    if (point->kind != script->kind) {
        if (point->kind != CANCEL)
            misfit(explorer);
        return 0; /* or no cancel here */
    }
    script->left--;
    if (point->kind == PICK && script->number < point->options)
        return (unsigned)script->number;
    if (point->kind == TIME)
        return 0;
    if (point->kind == CANCEL)
        for (choice = point->options - 1; choice; choice--)
            if (unfinished[choice - 1] == script->number)
                return choice;
    misfit(explorer);
    return 0;
}

/* ---- choosing --------------------------------------------------------------------------------------------- */

/* One point of the run: choose among so many.  `unfinished`: the tasks that a cancel can hit. */
static unsigned choose(weft_explorer *explorer, enum kind kind, unsigned options,
                       const uint8_t *unfinished)
{
    size_t place = explorer->count++;
    struct point *point = &explorer->points[place];

    if (place >= POINTS) {
        explorer->count = POINTS;
        wrong(explorer, "the run does not end");
        weft_abort(explorer->loop, WEFT_EDEADLOCK);
        return 0;
    }
    if (options > UINT16_MAX)
        options = UINT16_MAX;
    if (place >= explorer->prefix) {
        *point = (struct point){.kind = (uint8_t)kind, .options = (uint16_t)options};
        point->choice = (uint16_t)read_choice(explorer, point, unfinished);
    } else if (point->kind != kind || point->options != options) {
        wrong(explorer, "the scenario is not deterministic: it came to choice %zu in another way",
              place);
        explorer->prefix = place;
        *point = (struct point){.kind = (uint8_t)kind, .options = (uint16_t)options};
    }
    if (kind == CANCEL && point->choice)
        point->task = unfinished[point->choice - 1];
    return point->choice;
}

/* A point at which a cancel can arrive; and after it another one. */
static void offer_cancels(weft_explorer *explorer)
{
    while (explorer->cancels_left) {
        uint8_t unfinished[TASKS];
        unsigned count = 0, choice;

        for (unsigned i = 0; i < explorer->task_count; i++)
            if (!weft__done(explorer->tasks[i]))
                unfinished[count++] = (uint8_t)i;
        if (!count)
            return;
        choice = choose(explorer, CANCEL, count + 1, unfinished);
        if (!choice)
            return;
        explorer->cancels_left--;
        (void)weft_future_cancel(explorer->tasks[unfinished[choice - 1]], "explored");
    }
}

/* How many may run next; and the one that was chosen. */
static unsigned count_next(const struct weft__node *batch)
{
    unsigned tasks = 0, others = 0;

    for (const struct weft__node *node = batch->next; node != batch; node = node->next) {
        tasks += weft__node_is_task(node);
        others |= !weft__node_is_task(node);
    }
    return tasks + others;
}

static struct weft__node *find_next(struct weft__node *batch, unsigned choice)
{
    struct weft__node *node = batch->next;
    bool other = false;

    for (;; node = node->next) {
        if (!weft__node_is_task(node) && other)
            continue; /* behind another one of its kind */
        other = other || !weft__node_is_task(node);
        if (choice-- == 0)
            return node;
    }
}

static struct weft__node *on_next(struct weft__order *order, weft_loop *loop)
{
    weft_explorer *explorer = weft__container_of(order, weft_explorer, order);
    struct weft__node *node;
    unsigned options;

    if (weft__queue_empty(&loop->batch))
        return NULL;
    offer_cancels(explorer);
    options = count_next(&loop->batch);
    if (!options)
        return NULL; /* a cancel has taken what was there */
    node = find_next(&loop->batch, choose(explorer, PICK, options, NULL));
    weft__queue_remove(node);
    return node;
}

static void on_idle(struct weft__order *order, weft_loop *loop)
{
    weft_explorer *explorer = weft__container_of(order, weft_explorer, order);

    offer_cancels(explorer);
    if (!weft__anything_ready(loop))
        (void)choose(explorer, TIME, 1, NULL);
}

static void on_close(struct weft__order *order)
{
    (void)order; /* the explorer outlives its loops */
}

/* ---- one run ---------------------------------------------------------------------------------------------- */

static void on_start(struct weft__hook *hook)
{
    weft_explorer *explorer = weft__container_of(hook, weft_explorer, start);

    explorer->scenario->start(explorer, explorer->scenario->arg);
}

static void on_report(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop;
    wrong(arg, "%s: %s: %s", report->message, report->subject ? report->subject : "-",
          weft_errname(report->error));
}

void weft_explore_task(weft_explorer *explorer, weft_task *task)
{
    if (explorer->task_count < TASKS) {
        explorer->tasks[explorer->task_count++] = task;
        return;
    }
    wrong(explorer, "the scenario has more than %d tasks", TASKS);
    weft_future_unref(task);
}

void weft_explore_wrong(weft_explorer *explorer, const char *what)
{
    wrong(explorer, "%s", what);
}

/* Run until nothing is left, and say what is wrong then. */
static void run_loop(weft_explorer *explorer)
{
    weft_loop *loop = explorer->loop;
    int result = weft_run_forever(loop);
    const weft_future *awaited;
    char task[192], what[192] = "nothing";

    if (result != WEFT_EDEADLOCK) {
        wrong(explorer, "the loop was stopped: %s", weft_errname(result));
    } else if (loop->tasks) {
        awaited = weft__task_blocked_on(loop->tasks);
        weft_future_describe(&loop->tasks->future, task, sizeof(task));
        if (awaited)
            weft_future_describe(awaited, what, sizeof(what));
        wrong(explorer, "a task has not ended: %s awaits %s", task, what);
    } else if (read_word(explorer)) {
        misfit(explorer);
    }
}

static void compare_counts(weft_explorer *explorer, const struct weft__counts *before)
{
    static const char *const names[WEFT__COUNTERS] = {[WEFT__COUNT_BLOCKS] = "allocations",
                                                      [WEFT__COUNT_LOOPS] = "loops",
                                                      [WEFT__COUNT_FUTURES] = "futures",
                                                      [WEFT__COUNT_TASKS] = "tasks",
                                                      [WEFT__COUNT_FRAMES] = "frames",
                                                      [WEFT__COUNT_CALLS] = "handles",
                                                      [WEFT__COUNT_IOS] = "ios"};
    struct weft__counts after;

    weft__counts_sum(&after);
    for (size_t i = WEFT__COUNTERS; i-- > 0;) /* blocks say least */
        if (after.alive[i] != before->alive[i])
            wrong(explorer, "a leak: %s: %ld", names[i], after.alive[i] - before->alive[i]);
}

static void run_once(weft_explorer *explorer)
{
    const weft_scenario *scenario = explorer->scenario;
    struct weft__counts before;
    const char *complaint;

    weft__counts_sum(&before);
    explorer->count = 0;
    explorer->cancels_left = scenario->cancels;
    explorer->loop = weft_loop_new(weft_loop_base(explorer->keeper));
    if (!explorer->loop) {
        wrong(explorer, "out of memory");
        return;
    }
    (void)weft_testing_virtual_clock(explorer->loop);
    weft_loop_set_exception_handler(explorer->loop, on_report, explorer);
    explorer->loop->order = &explorer->order;
    weft__loop_observe(explorer->loop);
    weft__queue_push(&explorer->loop->ready, &explorer->start.node);
    run_loop(explorer);
    complaint = scenario->check ? scenario->check(scenario->arg) : NULL;
    if (complaint)
        wrong(explorer, "%s", complaint);
    while (explorer->task_count)
        weft_future_unref(explorer->tasks[--explorer->task_count]);
    (void)weft_loop_close(explorer->loop); /* whoever has taken a reference on it */
    weft_loop_unref(explorer->loop);
    compare_counts(explorer, &before);
}

/* ---- the search ------------------------------------------------------------------------------------------- */

/* Make the next list of choices: the last one that can be raised is.  False: there is none. */
static bool advance(weft_explorer *explorer)
{
    unsigned most = explorer->scenario->detours, detours = 0;
    size_t place;

    for (place = 0; place < explorer->count; place++)
        detours += explorer->points[place].choice != 0;
    while (place-- > 0) {
        struct point *point = &explorer->points[place];

        detours -= point->choice != 0;
        if (point->choice + 1 >= point->options || (most && detours >= most))
            continue;
        point->choice++;
        explorer->prefix = place + 1;
        return true;
    }
    return false;
}

static void search(weft_explorer *explorer, weft_explored *result)
{
    unsigned long limit = explorer->scenario->limit ? explorer->scenario->limit : RUNS;

    for (;;) {
        run_once(explorer);
        result->runs++;
        if (explorer->is_wrong)
            return;
        result->complete = explorer->script.rest || !advance(explorer);
        if (result->complete || result->runs >= limit)
            return;
    }
}

WEFT__OPTIONS_END(weft_scenario, schedule);

weft_explored weft_testing_explore_with(const weft_scenario *given)
{
    weft_scenario scenario;
    int error = weft__options_copy(&scenario, sizeof(scenario), given);
    weft_explorer explorer = {
        .order = {.next = on_next, .idle = on_idle, .close = on_close},
        .start = {.node.kind = WEFT__NODE_HOOK, .fn = on_start},
        .scenario = &scenario,
        .script.rest = scenario.schedule,
    };
    weft_explored result = {.runs = 0};

    explorer.points = weft__alloc(POINTS * sizeof(*explorer.points));
    explorer.keeper = explorer.points ? weft_loop_new(NULL) : NULL;
    if (error || !scenario.start)
        wrong(&explorer, "a scenario without its size, without a start, or of a newer library");
    else if (weft__thread.loop)
        wrong(&explorer, "a search inside of a loop's run");
    else if (!explorer.keeper)
        wrong(&explorer, "out of memory");
    else
        search(&explorer, &result);
    if (explorer.keeper)
        weft_loop_unref(explorer.keeper);
    if (explorer.is_wrong) {
        result.wrong = wrong_text;
        write_schedule(&explorer, result.schedule, sizeof(result.schedule));
    }
    weft__free(explorer.points, POINTS * sizeof(*explorer.points));
    return result;
}
