/* check_group_explore.c - groups in every order, with a cancel of every task at every point.
 *
 * What must hold in each run: the exit ends after all children's frames are gone; each request to the owner is delivered
 * once or still stands; weft_task_cancelling counts the requests of others alone; the outcome is a possible one;
 * nothing leaks and nothing is reported (the explorer sees to that). */
#include <errno.h>

#include "support/harness.h"

enum { WORKERS = 3 };

/* What a worker does after a second: end, fail, cancel the group; or, at its start, be ready. */
enum job { REST, FAIL, STOP, READY };

static struct {
    weft_explorer *explorer;
    weft_task *owner;
    weft_group *group;
    enum job jobs[WORKERS];
    int count; /* of jobs */
    bool eager, starts, brief, nested, lingers;
    int alive;     /* children's frames */
    char spots[8]; /* what stands for one of them: it is touched at its end */
    int spawned;
    int delivered; /* cancels of the owner */
    int counted;   /* what weft_task_cancelling said at last */
    int exits;
    int failed; /* children that did */
    bool stopped;
    int error; /* the exit's */
    const char *wrong;
} run;

static void must(bool right, const char *what)
{
    if (!right && !run.wrong)
        run.wrong = what;
}

/* ---- children ---- */

struct worker {
    weft_gen gen;
    enum job job;
    int spot;
    weft_group *group;
};

static weft_step worker(void *frame)
{
    struct worker *f = frame;

    WEFT_BEGIN(f);
    if (f->job == READY)
        (void)weft_group_ready(NULL);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    if (weft_failed(f)) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, 0)); /* cleans up */
        WEFT_RAISE(f, WEFT_ECANCELLED);
    }
    weft_explore_touch(&run.spots[f->spot]);
    if (f->job == STOP) {
        run.stopped = true;
        weft_group_cancel(f->group);
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
        must(false, "a child that stopped its group was not cancelled");
    }
    if (f->job == FAIL) {
        run.failed++;
        WEFT_RAISE(f, -EIO);
    }
    WEFT_END(f);
}

static void worker_cleanup(void *frame)
{
    weft_explore_touch(&run.spots[((struct worker *)frame)->spot]);
    run.alive--;
}
WEFT_GEN_TYPE(worker, .cleanup = worker_cleanup);

static void spawn(weft_group *group, enum job job)
{
    weft_gen *gen;
    weft_task *task;

    run.alive++;
    gen = WEFT_CALL(worker, .job = job, .group = group, .spot = run.spawned++);
    if (run.eager)
        task = weft_group_task_eager(group, gen);
    else
        task = weft_group_task(group, gen);
    if (weft_future_is_done(task))
        must(weft_future_error(task) == WEFT_ESHUTDOWN, "a spawn was refused");
    weft_explore_task(run.explorer, task);
}

/* ---- owners ---- */

/* An inner group, in a child of the outer one or in the owner's own body. */
struct inner {
    weft_gen gen;
    weft_outcome outcome;
    weft_group *group;
};

static weft_step inner(void *frame)
{
    struct inner *f = frame;

    WEFT_BEGIN(f);
    f->group = weft_group_new(WEFT_FAIL_FAST);
    (void)weft_group_enter(f->group);
    WEFT_TRY(f);
    spawn(f->group, FAIL);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_FINALLY(f);
    WEFT_GROUP_EXIT(f, f->group);
    must(weft_group_size(f->group) == 0, "the inner exit did not wait");
    WEFT_END(f);
}

static void inner_cleanup(void *frame)
{
    weft_group_unref(((struct inner *)frame)->group);
}
WEFT_GEN_TYPE(inner, .cleanup = inner_cleanup);

struct owner {
    weft_gen gen;
    int error;
};

static weft_step owner(void *frame)
{
    struct owner *f = frame;

    WEFT_BEGIN(f);
    run.group = weft_group_new(WEFT_FAIL_FAST);
    (void)weft_group_enter(run.group);
    for (int i = 0; i < run.count; i++)
        spawn(run.group, run.jobs[i]);
    f->error = 0;
    if (run.starts) {
        run.alive++;
        WEFT_TRY_AWAIT(
            f, weft_group_start(run.group, WEFT_CALL(worker, .job = READY, .spot = run.spawned++)));
        f->error = weft_failed(f);
    }
    if (!f->error && run.nested) {
        WEFT_TRY_YIELD_FROM(f, WEFT_CALL(inner));
        f->error = weft_failed(f);
    }
    if (!f->error && !run.brief) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, run.lingers ? 2 : 1));
        f->error = weft_failed(f);
    }
    WEFT_TRY_AWAIT(f, weft_group_exit(run.group, f->error));
    for (int i = 0; i < run.spawned; i++)
        weft_explore_touch(&run.spots[i]);
    run.exits++;
    run.error = weft_failed(f);
    run.delivered += run.error == WEFT_ECANCELLED;
    must(run.alive == 0, "the exit did not wait");
    must(weft_group_size(run.group) == 0, "a child was not forgotten");
    must(run.error != -EIO || run.failed, "a failure without one");
    must(run.error == -EIO || !run.failed, "a failure was lost");
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 0));
    run.delivered += weft_failed(f) != 0;
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    run.delivered += weft_failed(f) != 0;
    run.counted = weft_task_cancelling(weft_current_task());
    WEFT_END(f);
}

static void owner_cleanup(void *frame)
{
    (void)frame;
    if (run.group)
        weft_group_unref(run.group);
}
WEFT_GEN_TYPE(owner, .cleanup = owner_cleanup);

/* ---- the search ---- */

static unsigned cancels;

static void start(weft_explorer *explorer, void *arg)
{
    (void)arg;
    run.explorer = explorer;
    run.group = NULL;
    run.alive = run.delivered = run.counted = run.exits = run.failed = run.error = 0;
    run.spawned = 0;
    run.stopped = false;
    run.wrong = NULL;
    run.owner = weft_task_new(NULL, WEFT_CALL(owner));
    weft_explore_task(explorer, weft_future_ref(run.owner));
}

static const char *check(void *arg)
{
    int error = weft_future_error(run.owner);

    (void)arg;
    weft_future_unref(run.owner);
    if (run.wrong)
        return run.wrong;
    if (run.exits == 0)
        return error == WEFT_ECANCELLED ? NULL : "the owner did not exit";
    if (error == WEFT_ECANCELLED)
        run.delivered++; /* at its end */
    if (run.delivered > run.counted)
        return "cancelled more often than it was asked";
    if (run.counted && !run.delivered)
        return "a request was lost";
    return cancels < 2 && run.counted > 1 ? "a request too many" : NULL;
}

static void search(unsigned how_many)
{
    cancels = how_many;
    (void)explore(
        (weft_scenario){.start = start, .check = check, .cancels = how_many, .reduce = true});
}

static void jobs(enum job a, enum job b, enum job c)
{
    run.jobs[0] = a;
    run.jobs[1] = b;
    run.jobs[2] = c;
    run.count = 3;
}

/* 143, 144, 147, 148, 149 */
RULE(a_failure_and_a_cancel_at_every_point)
{
    jobs(FAIL, REST, REST);
    search(0);
    search(1);
    run.lingers = true;
    search(1);
    search(2);
}
END_RULE

/* 143, 144, 147, 148, 149 */
RULE(a_failure_while_the_exit_waits_and_a_cancel_at_every_point)
{
    jobs(FAIL, REST, REST);
    run.brief = true;
    search(1);
}
END_RULE

/* 146, 148, 149 */
RULE(two_failures_and_two_cancels)
{
    jobs(FAIL, FAIL, REST);
    search(2);
}
END_RULE

/* 154, 149 */
RULE(a_child_that_cancels_the_group_and_a_cancel_at_every_point)
{
    jobs(STOP, REST, REST);
    search(1);
    run.lingers = true;
    search(1);
    search(2);
}
END_RULE

/* 154, 148, 149 */
RULE(a_failure_a_group_cancel_and_a_cancel_at_every_point)
{
    jobs(STOP, FAIL, STOP);
    search(1);
    run.lingers = true;
    search(1);
    run.brief = true;
    search(1);
}
END_RULE

/* 155, 149 */
RULE(start_with_a_failing_sibling_and_a_cancel_at_every_point)
{
    jobs(FAIL, REST, REST);
    run.count = 2;
    run.starts = true;
    search(1);
}
END_RULE

/* 153, 148, 149 */
RULE(an_inner_and_an_outer_failure_and_a_cancel_at_every_point)
{
    jobs(FAIL, REST, REST);
    run.count = 2;
    run.nested = true;
    search(1);
    search(2);
}
END_RULE

/* 209, 154, 149 */
RULE(eager_children_and_a_cancel_at_every_point)
{
    jobs(STOP, FAIL, REST);
    run.eager = true;
    search(1);
}
END_RULE

RUN_SUITE("group_explore", a_failure_and_a_cancel_at_every_point,
          a_failure_while_the_exit_waits_and_a_cancel_at_every_point, two_failures_and_two_cancels,
          a_child_that_cancels_the_group_and_a_cancel_at_every_point,
          a_failure_a_group_cancel_and_a_cancel_at_every_point,
          start_with_a_failing_sibling_and_a_cancel_at_every_point,
          an_inner_and_an_outer_failure_and_a_cancel_at_every_point,
          eager_children_and_a_cancel_at_every_point)
