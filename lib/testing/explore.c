/* explore.c - every order and every cancel: a scenario is run again and again, each time otherwise.
 *
 * This is stateless model checking: no state is kept, and a run is the list of its choices, the `points`.  At each, one
 * of its options is taken: one of the ready ones goes on, or a cancel arrives.  The first choice everywhere is 0, and
 * that run is what a loop without us would do.  The next run repeats this list up to the last point where another
 * choice is left, takes that, and goes on with zeros: a depth-first search over all lists, with no more memory than
 * one of them.
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
 * With `.reduce`, of the orders that differ in independent steps alone one is run: explore_reduce.c then says which
 * choice comes first at a new point, and which one is next.  A run that is wrong is shrunk by explore_shrink.c, and
 * written by explore_text.c.
 *
 * Each run has a loop of its own, so that a leak shows in the run that makes it.  They share an event_base, the
 * keeper's: making one costs more than a whole run.
 *
 * Rejected: to reduce always: a step uses the user's memory, too, and we do not see that.  To reduce a search with
 * `.detours`: the one run that is left of many may be one that has too many.  To keep the states that were
 * seen, and end a run that comes to one of them: what a state is, the user's memory included, we cannot tell.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"
#include "core/loop.h"
#include "core/round.h"
#include "testing/explore.h"

enum { RUNS = 1000000 /* unless the scenario says how many */ };

/* What was wrong in this thread's last search. */
static _Thread_local char wrong_text[512];

void weft__explore_wrong(weft_explorer *explorer, const char *format, ...)
{
    va_list args;

    if (explorer->is_wrong)
        return;
    explorer->is_wrong = true;
    va_start(args, format);
    vsnprintf(explorer->wrong, sizeof(explorer->wrong), format, args);
    va_end(args);
}

/* ---- choosing --------------------------------------------------------------------------------------------- */

/* What can be chosen at a point. */
struct options {
    enum weft__point_kind kind;
    unsigned steps, cancels;
    uint32_t processes[WEFT__REDUCE_OPTIONS]; /* of the steps, and behind them of the cancels; the first of many */
    uint8_t unfinished[WEFT__EXPLORE_TASKS]; /* the tasks that a cancel can hit */
};

static void note_process(struct options *options, uint32_t process)
{
    if (options->steps + options->cancels < WEFT__REDUCE_OPTIONS)
        options->processes[options->steps + options->cancels] = process;
}

/* Add the cancels, which are the same at each kind of point. */
static void offer_cancels(weft_explorer *explorer, struct options *options)
{
    for (unsigned i = 0; i < explorer->task_count && explorer->cancels_left; i++) {
        if (weft__done(explorer->tasks[i]))
            continue;
        note_process(options, weft__process_cancel(i));
        options->unfinished[options->cancels++] = (uint8_t)i;
    }
}

static uint32_t id_of(const struct weft__node *node)
{
    return weft__container_of((uintptr_t)node, struct weft__task, node)->future.id;
}

/* The tasks of the round, and the first of its other nodes. */
static void offer_steps(weft_explorer *explorer, struct options *options)
{
    const struct weft__node *batch = &explorer->loop->batch;
    bool other = false;

    for (const struct weft__node *node = batch->next; node != batch; node = node->next) {
        bool is_task = weft__node_is_task(node);

        if ((!is_task && other) || options->steps + WEFT__EXPLORE_TASKS == UINT16_MAX)
            continue;
        other = other || !is_task;
        note_process(options, is_task ? weft__process_task(id_of(node)) : WEFT__PROCESS_OTHER);
        options->steps++;
    }
}

static unsigned plan_choice(const weft_explorer *explorer, size_t place,
                            const struct weft__point *point, const uint8_t *unfinished)
{
    const struct weft__point *planned = &explorer->plan[place];

    if (place >= explorer->planned)
        return 0;
    if (weft__point_is_cancel(planned))
        return weft__point_cancel(point, unfinished, planned->task);
    return planned->choice < point->steps ? planned->choice : 0;
}

/* The choice at a point that is not repeated. */
static unsigned first_choice(weft_explorer *explorer, size_t place, const struct weft__point *point,
                             const struct options *options)
{
    if (explorer->plan)
        return plan_choice(explorer, place, point, options->unfinished);
    if (explorer->reducer)
        return weft__reduce_point(explorer->reducer, place, point, options->processes);
    return weft__schedule_choice(explorer, point, options->unfinished);
}

/* One point of the run. */
static unsigned choose(weft_explorer *explorer, const struct options *options)
{
    size_t place = explorer->count;
    struct weft__point *point = &explorer->points[place];
    unsigned count = options->steps + options->cancels;

    if (place == WEFT__EXPLORE_POINTS) {
        weft__explore_wrong(explorer, "the run does not end");
        weft_abort(explorer->loop, WEFT_EDEADLOCK);
        return 0;
    }
    if (place < explorer->prefix && (point->kind != options->kind || point->options != count)) {
        weft__explore_wrong(
            explorer, "the scenario is not deterministic: it came to choice %zu in another way",
            place);
        explorer->prefix = place;
    }
    explorer->count++; /* a schedule that does not fit says where it ends */
    if (place >= explorer->prefix) {
        *point = (struct weft__point){.kind = (uint8_t)options->kind,
                                      .options = (uint16_t)count,
                                      .steps = (uint16_t)options->steps};
        point->choice = (uint16_t)first_choice(explorer, place, point, options);
    } else if (explorer->reducer) {
        (void)weft__reduce_point(explorer->reducer, place, NULL, options->processes);
    }
    if (weft__point_is_cancel(point))
        point->task = options->unfinished[point->choice - point->steps];
    return point->choice;
}

/* A cancel was chosen: it arrives. */
static void cancel(weft_explorer *explorer, unsigned index)
{
    explorer->cancels_left--;
    if (explorer->reducer)
        weft__reduce_enter(explorer->reducer, explorer->loop, NULL);
    (void)weft_future_cancel(explorer->tasks[index], "explored");
    if (explorer->reducer)
        weft__record_leave(weft__reduce_recorder(explorer->reducer));
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

    while (!weft__queue_empty(&loop->batch)) { /* a cancel may take what was there */
        struct options options = {.kind = WEFT__POINT_STEP};
        unsigned choice;

        offer_steps(explorer, &options);
        offer_cancels(explorer, &options);
        choice = choose(explorer, &options);
        if (choice >= options.steps) {
            cancel(explorer, options.unfinished[choice - options.steps]);
            continue;
        }
        node = find_next(&loop->batch, choice);
        weft__queue_remove(node);
        if (explorer->reducer)
            weft__reduce_enter(explorer->reducer, loop, node);
        return node;
    }
    return NULL;
}

static void on_idle(struct weft__order *order, weft_loop *loop)
{
    weft_explorer *explorer = weft__container_of(order, weft_explorer, order);
    unsigned choice;

    do {
        struct options options = {
            .kind = WEFT__POINT_TIME, .steps = 1, .processes = {WEFT__PROCESS_TIME}};

        offer_cancels(explorer, &options);
        if (weft__anything_ready(loop))
            options.kind = WEFT__POINT_ON;
        if (options.kind == WEFT__POINT_ON && !options.cancels)
            break;
        choice = choose(explorer, &options);
        if (choice)
            cancel(explorer, options.unfinished[choice - 1]);
    } while (choice);
    if (explorer->reducer)
        weft__reduce_round(explorer->reducer);
}

static void on_stepped(struct weft__order *order, weft_task *task)
{
    weft_explorer *explorer = weft__container_of(order, weft_explorer, order);
    bool over = weft__record_stepped(weft__reduce_recorder(explorer->reducer), task);

    weft_future_unref(task);
    if (!over)
        return;
    weft__record_leave(weft__reduce_recorder(explorer->reducer));
    if (weft__queue_empty(&explorer->loop->batch))
        weft__reduce_round(explorer->reducer);
}

static void on_use(struct weft__order *order, const void *object, enum weft__use how)
{
    weft__record_use(weft__reduce_recorder(weft__container_of(order, weft_explorer, order)->reducer),
                     object, how);
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
    weft__explore_wrong(arg, "%s: %s: %s", report->message, report->subject ? report->subject : "-",
                        weft_errname(report->error));
}

void weft_explore_task(weft_explorer *explorer, weft_task *task)
{
    weft__loop_use(task->loop, task, WEFT__USE_WRITE);
    weft__loop_use(task->loop, NULL, WEFT__USE_MAKE);
    if (explorer->task_count < WEFT__EXPLORE_TASKS) {
        explorer->tasks[explorer->task_count++] = task;
        return;
    }
    weft__explore_wrong(explorer, "the scenario has more than %d tasks", WEFT__EXPLORE_TASKS);
    weft_future_unref(task);
}

void weft_explore_wrong(weft_explorer *explorer, const char *what)
{
    weft__explore_wrong(explorer, "%s", what);
}

void weft_explore_touch(const void *shared)
{
    if (weft__thread.loop)
        weft__loop_use(weft__thread.loop, shared, WEFT__USE_SHARED);
}

/* Run until nothing is left, and say what is wrong then. */
static void run_loop(weft_explorer *explorer)
{
    weft_loop *loop = explorer->loop;
    int result = weft_run_forever(loop);
    const weft_future *awaited;
    char task[192], what[192] = "nothing";

    if (result != WEFT_EDEADLOCK) {
        weft__explore_wrong(explorer, "the loop was stopped: %s", weft_errname(result));
    } else if (loop->tasks) {
        awaited = weft__task_blocked_on(loop->tasks);
        weft_future_describe(&loop->tasks->future, task, sizeof(task));
        if (awaited)
            weft_future_describe(awaited, what, sizeof(what));
        weft__explore_wrong(explorer, "a task has not ended: %s awaits %s", task, what);
    } else {
        weft__schedule_end(explorer);
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
            weft__explore_wrong(explorer, "a leak: %s: %ld", names[i],
                                after.alive[i] - before->alive[i]);
}

void weft__explore_run(weft_explorer *explorer)
{
    const weft_scenario *scenario = explorer->scenario;
    struct weft__counts before;
    const char *complaint;

    weft__counts_sum(&before);
    explorer->count = 0;
    explorer->cancels_left = scenario->cancels;
    if (explorer->reducer)
        weft__reduce_begin(explorer->reducer);
    explorer->loop = weft_loop_new(weft_loop_base(explorer->keeper));
    if (!explorer->loop) {
        weft__explore_wrong(explorer, "out of memory");
        if (explorer->reducer)
            weft__reduce_end(explorer->reducer);
        return;
    }
    (void)weft_testing_virtual_clock(explorer->loop);
    weft_loop_set_exception_handler(explorer->loop, on_report, explorer);
    explorer->loop->order = &explorer->order;
    explorer->order.stepped = explorer->reducer ? on_stepped : NULL;
    explorer->order.use = explorer->reducer ? on_use : NULL;
    weft__loop_observe(explorer->loop);
    weft__queue_push(&explorer->loop->ready, &explorer->start.node);
    run_loop(explorer);
    if (explorer->reducer)
        weft__reduce_end(explorer->reducer);
    complaint = scenario->check ? scenario->check(scenario->arg) : NULL;
    if (complaint)
        weft__explore_wrong(explorer, "%s", complaint);
    while (explorer->task_count)
        weft_future_unref(explorer->tasks[--explorer->task_count]);
    (void)weft_loop_close(explorer->loop); /* whoever has taken a reference on it */
    weft_loop_unref(explorer->loop);
    compare_counts(explorer, &before);
}

/* ---- the search ------------------------------------------------------------------------------------------- */

/* Make the next list of choices: the last one that can be raised is.  False: there is none. */
static bool advance_all(weft_explorer *explorer)
{
    unsigned most = explorer->scenario->detours, detours = 0;
    size_t place;

    for (place = 0; place < explorer->count; place++)
        detours += explorer->points[place].choice != 0;
    while (place-- > 0) {
        struct weft__point *point = &explorer->points[place];

        detours -= point->choice != 0;
        if (point->choice + 1 >= point->options || (most && detours >= most))
            continue;
        point->choice++;
        explorer->prefix = place + 1;
        return true;
    }
    return false;
}

/* The same, without the orders that are left out.  What could not be followed begins the search anew. */
static bool advance_reduced(weft_explorer *explorer)
{
    bool more, lost;
    int error = 0;

    if (weft__reduce_failed(explorer->reducer, &lost)) {
        weft__reduce_forget(explorer->reducer);
        if (lost) {
            weft__reducer_free(explorer->reducer);
            explorer->reducer = NULL;
        }
        explorer->prefix = 0;
        return true;
    }
    more = weft__reduce_next(explorer->reducer, explorer->points, explorer->count,
                             &explorer->prefix, &error);
    if (error)
        weft__explore_wrong(explorer, "out of memory");
    return more;
}

static bool advance(weft_explorer *explorer)
{
    if (explorer->script.rest)
        return false; /* it was run */
    return explorer->reducer ? advance_reduced(explorer) : advance_all(explorer);
}

static void search(weft_explorer *explorer, weft_explored *result)
{
    unsigned long limit = explorer->scenario->limit ? explorer->scenario->limit : RUNS;

    for (;;) {
        weft__explore_run(explorer);
        result->runs++;
        if (explorer->is_wrong)
            break;
        result->complete = !advance(explorer);
        if (explorer->is_wrong || result->complete || result->runs >= limit)
            break;
    }
    if (explorer->is_wrong && result->runs > 1)
        weft__explore_shrink(explorer);
}

WEFT__OPTIONS_END(weft_scenario, schedule);

/* Get what a search needs.  False: no memory. */
static bool prepare(weft_explorer *explorer)
{
    const weft_scenario *scenario = explorer->scenario;

    explorer->points = weft__alloc(WEFT__EXPLORE_POINTS * sizeof(*explorer->points));
    explorer->keeper = explorer->points ? weft_loop_new(NULL) : NULL;
    if (explorer->keeper && scenario->reduce && !scenario->detours && !scenario->schedule) {
        explorer->reducer = weft__reducer_new();
        return explorer->reducer != NULL;
    }
    return explorer->keeper != NULL;
}

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

    if (error || !scenario.start)
        weft__explore_wrong(&explorer,
                            "a scenario without its size, without a start, or of a newer library");
    else if (weft__thread.loop)
        weft__explore_wrong(&explorer, "a search inside of a loop's run");
    else if (!prepare(&explorer))
        weft__explore_wrong(&explorer, "out of memory");
    else
        search(&explorer, &result);
    if (explorer.is_wrong) {
        memcpy(wrong_text, explorer.wrong, sizeof(wrong_text));
        result.complete = false;
        result.wrong = wrong_text;
        weft__schedule_write(&explorer, result.schedule, sizeof(result.schedule));
    }
    weft__reducer_free(explorer.reducer);
    if (explorer.keeper)
        weft_loop_unref(explorer.keeper);
    weft__free(explorer.points, WEFT__EXPLORE_POINTS * sizeof(*explorer.points));
    return result;
}
