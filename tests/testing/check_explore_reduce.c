/* check_explore_reduce.c - the reduction leaves out orders, and nothing else: random programs end in the same ways with
 * it and without it.
 *
 * A program is a few tasks with a few operations each, drawn from a seed, on objects that all of them share.  Each task
 * writes down what it sees; the outcome of a run is all that together.  The search without the reduction says which
 * outcomes there are.  The bugs that it has to find stand in check_explore_races.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

enum { TASKS = 4, OPS = 4, KINDS = 4, NOTES = 48, OUTCOMES = 20000, RUNS = 3000 };

enum op {
    PAUSE,
    SLEEP,
    GIVE_WAY,
    SET,
    AWAIT,
    LOOK,
    ADD,
    COPY,
    LOCK,
    SIGNAL,
    WAIT,
    CLEAR,
    ACQUIRE,
    RELEASE,
    PUT,
    GET,
    TRY_GET,
    CANCEL,
    SPAWN,
    SPAWN_EAGERLY,
    JOIN,
    WAIT_FOR,
    GATHER,
    CALL_SOON,
    ON_DONE,
    SCOPE,
    GROUP,
    DROP,
    COUNT_TASKS,
    OPS_COUNT
};

static struct {
    enum op ops[TASKS][OPS];
    int args[TASKS][OPS];
    int tasks, length;
} program;

static struct {
    weft_explorer *explorer;
    weft_future *futures[2];
    weft_lock *lock;
    weft_event *event;
    weft_semaphore *semaphore;
    weft_queue *queue;
    weft_task *tasks[TASKS];
    weft_task *children[TASKS];
    int number, copy, calls;
    char notes[TASKS + 1][NOTES];
} run;

static void note(int who, char what, int value)
{
    size_t length = strlen(run.notes[who]);

    snprintf(run.notes[who] + length, NOTES - length, "%c%d", what, value);
}

/* ---- bodies ------------------------------------------------------------------------------------------------- */

struct child {
    weft_gen gen;
    int value;
};

static weft_step child(void *frame)
{
    struct child *f = frame;

    WEFT_BEGIN(f);
    weft_explore_touch(&run.copy);
    run.copy = run.copy * 2 + f->value;
    WEFT_PAUSE(f);
    weft_explore_touch(&run.copy);
    run.copy = run.copy * 2 + f->value;
    WEFT_END(f);
}
WEFT_GEN_TYPE(child);

static void on_call(void *arg)
{
    run.calls = run.calls * 3 + (int)(intptr_t)arg;
}

static void on_done(weft_future *future, void *arg)
{
    (void)future;
    on_call(arg);
}

struct actor {
    weft_gen gen;
    int who, at, arg;
    bool holds;
    weft_scope scope;
    weft_group *group;
};

/* The operations that need not wait. */
static void act(struct actor *f, enum op op)
{
    void *item;
    weft_future *future = run.futures[f->arg % 2];

    switch (op) {
    case SET:
        note(f->who, 's', weft_future_set_int(future, f->who));
        break;
    case LOOK:
        note(f->who, 'l', weft_future_is_done(future));
        break;
    case ADD:
        weft_explore_touch(&run.number);
        run.number = run.number * 3 + f->who;
        break;
    case COPY:
        weft_explore_touch(&run.number);
        note(f->who, 'n', run.number);
        break;
    case SIGNAL:
        (void)weft_event_set(run.event);
        break;
    case CLEAR:
        note(f->who, 'e', weft_event_is_set(run.event));
        (void)weft_event_clear(run.event);
        break;
    case RELEASE:
        (void)weft_semaphore_release(run.semaphore);
        break;
    case TRY_GET:
        note(f->who, 'g', weft_queue_get_nowait(run.queue, &item) ? 9 : (int)weft_int(item));
        break;
    case CANCEL:
        note(f->who, 'c', weft_future_cancel(run.tasks[f->arg % program.tasks], "told"));
        break;
    case SPAWN:
        weft_spawn(NULL, WEFT_CALL(child, .value = f->who));
        break;
    case SPAWN_EAGERLY:
        weft_future_unref(weft_task_new_eager(NULL, WEFT_CALL(child, .value = f->who)));
        break;
    case CALL_SOON:
        weft_call_soon(NULL, on_call, (void *)(intptr_t)f->who, NULL);
        break;
    case ON_DONE:
        weft_future_add_done_callback(future, on_done, (void *)(intptr_t)f->who);
        break;
    case DROP:
        if (run.children[f->who])
            weft_future_unref(run.children[f->who]);
        run.children[f->who] = NULL;
        break;
    case COUNT_TASKS:
        note(f->who, 't', (int)weft_all_tasks(NULL, NULL, 0));
        break;
    default:
        break;
    }
}

/* What an operation waits for, or NULL. */
static weft_future *waits_for(struct actor *f, enum op op)
{
    weft_future *future = run.futures[f->arg % 2];

    switch (op) {
    case SLEEP:
        return weft_sleep(NULL, 1 + f->arg % 2);
    case GIVE_WAY:
        return weft_sleep(NULL, 0);
    case AWAIT:
        return weft_future_ref(future);
    case LOCK:
        return f->holds ? NULL : weft_lock_acquire(run.lock);
    case WAIT:
        return weft_event_wait(run.event);
    case ACQUIRE:
        return weft_semaphore_acquire(run.semaphore);
    case PUT:
        return weft_queue_put(run.queue, weft_from_int(f->who + 1));
    case GET:
        return weft_queue_get(run.queue);
    case JOIN:
        if (f->arg % program.tasks == f->who)
            return NULL;
        return weft_shield(weft_future_ref(run.tasks[f->arg % program.tasks]));
    case WAIT_FOR:
        return weft_wait_for(f->arg % 2 ? weft_future_ref(future) : weft_queue_get(run.queue), 1);
    case GATHER:
        return weft_gather(NULL, WEFT_FUTURES(weft_sleep(NULL, 1), weft_event_wait(run.event)), 0);
    default:
        return NULL;
    }
}

static weft_step actor(void *frame)
{
    struct actor *f = frame;

    WEFT_BEGIN(f);
    for (f->at = 0; f->at < program.length; f->at++) {
        f->arg = program.args[f->who][f->at];
        act(f, program.ops[f->who][f->at]);
        if (program.ops[f->who][f->at] == PAUSE)
            WEFT_PAUSE(f);
        if (program.ops[f->who][f->at] == SCOPE) {
            if (!f->scope.task)
                (void)weft_scope_enter(&f->scope, 1, 0);
            else
                note(f->who, 'x', weft_scope_exit(&f->scope, 0) != 0);
        }
        if (program.ops[f->who][f->at] == GROUP && !f->group) {
            f->group = weft_group_new(WEFT_FAIL_FAST);
            (void)weft_group_enter(f->group);
            weft_group_spawn(f->group, WEFT_CALL(child, .value = f->who));
            weft_group_spawn(f->group, WEFT_CALL(child, .value = 1));
            WEFT_TRY_AWAIT(f, weft_group_exit(f->group, 0));
            note(f->who, 'u', weft_failed(f) != 0);
        }
        f->gen.value = waits_for(f, program.ops[f->who][f->at]);
        if (!f->gen.value)
            continue;
        WEFT_TRY_AWAIT(f, f->gen.value);
        if (weft_failed(f))
            note(f->who, '!', weft_failed(f) == WEFT_ECANCELLED);
        else
            note(f->who, '.', program.ops[f->who][f->at] == GET ? (int)weft_sent_int(f) : 0);
        if (weft_failed(f) == WEFT_ECANCELLED)
            WEFT_RAISE(f, WEFT_ECANCELLED);
        if (program.ops[f->who][f->at] == GATHER)
            weft_results_free(weft_take(f));
        f->holds |= program.ops[f->who][f->at] == LOCK;
    }
    WEFT_END(f);
}

static void actor_cleanup(void *frame)
{
    struct actor *f = frame;

    if (f->holds)
        (void)weft_lock_release(run.lock);
    if (f->group)
        weft_group_unref(f->group);
}
WEFT_GEN_TYPE(actor, .cleanup = actor_cleanup);

/* Whoever waits for ever is cancelled in the end. */
struct warden {
    weft_gen gen;
    int i;
};

static weft_step warden(void *frame)
{
    struct warden *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_AWAIT(f, weft_sleep(NULL, 100));
        for (f->i = 0; f->i < program.tasks; f->i++)
            if (!weft_future_is_done(run.tasks[f->i]))
                break;
        if (f->i == program.tasks)
            break;
        for (f->i = 0; f->i < program.tasks; f->i++)
            weft_future_cancel(run.tasks[f->i], "for ever");
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(warden);

/* ---- outcomes ------------------------------------------------------------------------------------------------- */

static uint64_t outcomes[OUTCOMES];
static size_t outcome_count;

static void start(weft_explorer *explorer, void *arg)
{
    (void)arg;
    memset(&run, 0, sizeof(run));
    run.explorer = explorer;
    for (int i = 0; i < 2; i++)
        run.futures[i] = weft_future_new(NULL);
    run.lock = weft_lock_new(NULL);
    run.event = weft_event_new(NULL);
    run.semaphore = weft_semaphore_new(NULL, 1);
    run.queue = weft_queue_new(NULL, .size = 1);
    for (int i = 0; i < program.tasks; i++) {
        run.tasks[i] = weft_task_new(NULL, WEFT_CALL(actor, .who = i));
        run.children[i] = weft_future_ref(run.futures[0]);
        weft_explore_task(explorer, weft_future_ref(run.tasks[i]));
    }
    weft_spawn(NULL, WEFT_CALL(warden));
}

static void add_outcome(uint64_t outcome)
{
    size_t at = 0;

    while (at < outcome_count && outcomes[at] != outcome)
        at++;
    if (at < OUTCOMES)
        outcomes[at] = outcome;
    outcome_count += at == outcome_count && at < OUTCOMES;
}

static const char *check(void *arg)
{
    uint64_t hash = 1469598103934665603u;
    char rest[64];

    (void)arg;
    for (int i = 0; i < program.tasks; i++)
        note(i, ' ', weft_future_error(run.tasks[i]));
    snprintf(rest, sizeof(rest), "%d %d %d %ld %zu", run.number, run.copy, run.calls,
             weft_semaphore_value(run.semaphore), weft_queue_count(run.queue));
    for (int i = 0; i < program.tasks; i++)
        for (const char *at = run.notes[i]; *at; at++)
            hash = (hash ^ (uint64_t)*at) * 1099511628211u;
    for (const char *at = rest; *at; at++)
        hash = (hash ^ (uint64_t)*at) * 1099511628211u;
    add_outcome(hash);
    for (int i = 0; i < 2; i++)
        weft_future_set_result_unless_done(run.futures[i], NULL);
    for (int i = 0; i < program.tasks; i++) {
        weft_future_unref(run.tasks[i]);
        weft_future_unref(run.children[i]);
    }
    weft_lock_unref(run.lock);
    weft_event_unref(run.event);
    weft_semaphore_unref(run.semaphore);
    weft_queue_unref(run.queue);
    for (int i = 0; i < 2; i++)
        weft_future_unref(run.futures[i]);
    return NULL;
}

/* ---- programs ------------------------------------------------------------------------------------------------- */

static uint32_t state;

static int draw(int below)
{
    state = state * 1664525u + 1013904223u;
    return (int)((state >> 8) % (uint32_t)below);
}

static void draw_program(uint32_t seed, int tasks, int length)
{
    enum op kinds[KINDS];

    state = seed * 2654435761u + 1;
    program.tasks = tasks;
    program.length = length;
    for (int i = 0; i < KINDS; i++) /* few kinds, so that they meet */
        kinds[i] = (enum op)draw(OPS_COUNT);
    for (int i = 0; i < tasks; i++)
        for (int k = 0; k < length; k++) {
            program.ops[i][k] = kinds[draw(KINDS)];
            program.args[i][k] = draw(12);
        }
}

static weft_explored search(bool reduce, unsigned cancels)
{
    outcome_count = 0;
    return weft_testing_explore(.start = start, .check = check, .cancels = cancels, .limit = RUNS,
                                .reduce = reduce);
}

/* Search a program both ways, and compare the outcomes.  Programs with too many orders are left out. */
static void compare(uint32_t seed, unsigned cancels, unsigned long runs[2])
{
    static uint64_t all[OUTCOMES];
    size_t count, found;
    weft_explored result = search(false, cancels);

    ck_assert_msg(!result.wrong, "%u: %s [%s]", seed, result.wrong, result.schedule);
    if (!result.complete)
        return;
    runs[0] += result.runs;
    count = outcome_count;
    memcpy(all, outcomes, count * sizeof(*all));
    result = search(true, cancels);
    ck_assert_msg(!result.wrong, "%u: %s [%s]", seed, result.wrong, result.schedule);
    ck_assert(result.complete);
    runs[1] += result.runs;
    found = outcome_count;
    for (size_t i = 0; i < count; i++)
        add_outcome(all[i]);
    ck_assert_msg(found == count && outcome_count == count,
                  "seed %u, %u cancels: %zu outcomes of %zu, %zu new ones", seed, cancels, found,
                  count, outcome_count - count);
}

static unsigned seeds(unsigned usual)
{
    const char *mode = getenv("WEFT_EXPLORE");

    return mode && strcmp(mode, "all") == 0 ? usual * 10 : usual;
}

static void compare_all(int tasks, int length, unsigned cancels, unsigned count)
{
    unsigned long runs[2] = {0, 0};
    const char *from = getenv("SEED");

    for (uint32_t seed = from ? (uint32_t)atoi(from) : 1; seed <= seeds(count); seed++) {
        draw_program(seed, tasks, length);
        compare(seed, cancels, runs);
    }
    if (getenv("WEFT_EXPLORE"))
        printf("%d tasks, %d steps, %u cancels: %lu runs, %lu\n", tasks, length, cancels, runs[0],
               runs[1]);
}

/* 234, 238 */
RULE(programs_of_two_tasks_end_in_the_same_ways)
{
    compare_all(2, 4, 0, 50);
}
END_RULE

/* 234, 238 */
RULE(programs_of_three_tasks_end_in_the_same_ways)
{
    compare_all(3, 3, 0, 20);
}
END_RULE

/* 234, 238 */
RULE(programs_with_a_cancel_at_every_point_end_in_the_same_ways)
{
    compare_all(2, 3, 1, 40);
    compare_all(3, 2, 1, 15);
}
END_RULE

/* 234, 238 */
RULE(programs_with_two_cancels_end_in_the_same_ways)
{
    compare_all(2, 2, 2, 20);
}
END_RULE

RUN_SUITE("explore_reduce", programs_of_two_tasks_end_in_the_same_ways,
          programs_of_three_tasks_end_in_the_same_ways,
          programs_with_a_cancel_at_every_point_end_in_the_same_ways,
          programs_with_two_cancels_end_in_the_same_ways)
