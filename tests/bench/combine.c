/* combine - what gather, a limited run and a lock cost, beside the same work in bare C.
 *
 *     make bench && tests/bench/combine [rounds [words]]
 */
#include <stdlib.h>

#include "bench.h"

enum { N = 100000, AT_ONCE = 100, CONTENDERS = 16 };

/* ---- bare C: machines, and a queue of those that are ready ---- */

struct machine {
    struct machine *next;
    int state;
    intptr_t value;
};

struct list {
    struct machine *first, **last;
};

static void push(struct list *list, struct machine *m)
{
    m->next = NULL;
    *list->last = m;
    list->last = &m->next;
}

static struct machine *pop(struct list *list)
{
    struct machine *m = list->first;

    if (m && !(list->first = m->next))
        list->last = &list->first;
    return m;
}

/* ---- gather: N machines wait at a gate and return a number; one waits for all ---- */

static double bare_gather(void)
{
    struct list gate = {NULL, &gate.first}, ready = {NULL, &ready.first};
    intptr_t *results = malloc(N * sizeof(*results));
    int left = N;
    double start = bench_now_ns();
    struct machine *m;

    for (int i = 0; i < N; i++) {
        m = calloc(1, sizeof(*m));
        m->value = i;
        push(&ready, m);
    }
    while ((m = pop(&ready))) { /* the first step: wait at the gate */
        m->state = 1;
        push(&gate, m);
    }
    ready.first = gate.first; /* the gate opens */
    ready.last = gate.last;
    while ((m = pop(&ready))) {
        results[m->value] = m->value;
        left--;
        free(m);
    }
    start = bench_now_ns() - start;
    if (left != 0)
        abort();
    free(results);
    return start / N;
}

struct gated {
    weft_gen gen;
    weft_future *gate;
    intptr_t number;
};

static weft_step gated(void *frame)
{
    struct gated *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_future_ref(f->gate));
    WEFT_RETURN(f, weft_from_int(f->number));
    WEFT_END(f);
}
WEFT_GEN_TYPE(gated);

static void open_gate(void *gate)
{
    weft_future_set_result(gate, NULL);
}

struct gatherer {
    weft_gen gen;
    weft_future *gate;
    weft_future **tasks;
};

static weft_step gatherer(void *frame)
{
    struct gatherer *f = frame;

    WEFT_BEGIN(f);
    for (int i = 0; i < N; i++)
        f->tasks[i] = weft_task_new(NULL, WEFT_CALL(gated, .gate = f->gate, .number = i));
    weft_call_soon(NULL, open_gate, f->gate, NULL);
    WEFT_AWAIT(f, weft_gather(NULL, f->tasks, N, 0));
    if (weft_int(((const weft_result *)weft_sent(f))[N - 1].value) != N - 1)
        abort();
    WEFT_END(f);
}
WEFT_GEN_TYPE(gatherer);

static double weft_gathers(void)
{
    weft_loop *loop = bench_loop();
    weft_future *gate = weft_future_new(loop);
    weft_future **tasks = malloc(N * sizeof(*tasks));
    double start = bench_now_ns();

    if (weft_run_until_complete(
            loop, weft_task_new(loop, WEFT_CALL(gatherer, .gate = gate, .tasks = tasks)), NULL))
        abort();
    start = bench_now_ns() - start;
    free(tasks);
    weft_future_unref(gate);
    weft_loop_unref(loop);
    return start / N;
}

/* ---- a limited run: N jobs, of which 100 at once; each gives way once ---- */

static double bare_limited(void)
{
    struct list ready = {NULL, &ready.first};
    int started = 0, ended = 0;
    double start = bench_now_ns();
    struct machine *m;

    for (; started < AT_ONCE; started++)
        push(&ready, calloc(1, sizeof(*m)));
    while ((m = pop(&ready))) {
        if (m->state++ == 0) {
            push(&ready, m);
            continue;
        }
        free(m);
        ended++;
        if (started++ < N)
            push(&ready, calloc(1, sizeof(*m)));
    }
    start = bench_now_ns() - start;
    if (ended != N)
        abort();
    return start / N;
}

struct job {
    weft_gen gen;
};

static weft_step job(void *frame)
{
    struct job *f = frame;

    WEFT_BEGIN(f);
    WEFT_PAUSE(f);
    WEFT_END(f);
}
WEFT_GEN_TYPE(job);

static double weft_limited(void)
{
    weft_loop *loop = bench_loop();
    weft_gen **jobs = malloc(N * sizeof(*jobs));
    double start = bench_now_ns();

    for (int i = 0; i < N; i++)
        jobs[i] = WEFT_CALL(job);
    if (weft_run_until_complete(loop, weft_gather_calls(loop, jobs, N, AT_ONCE, 0), NULL))
        abort();
    start = bench_now_ns() - start;
    free(jobs);
    weft_loop_unref(loop);
    return start / N;
}

/* ---- a lock: 16 contenders; the holder gives way once, and hands over ---- */

static double bare_lock(void)
{
    struct list ready = {NULL, &ready.first}, waiting = {NULL, &waiting.first};
    struct machine machines[CONTENDERS] = {{0}}, *holder = NULL, *m;
    int turns = 0;
    double start = bench_now_ns();

    for (int i = 0; i < CONTENDERS; i++)
        push(&ready, &machines[i]);
    while ((m = pop(&ready))) {
        switch (m->state) {
        case 1: /* has the lock, and was away once: hand it over */
            if (++turns == N)
                return (bench_now_ns() - start) / N;
            if ((holder = pop(&waiting)))
                push(&ready, holder);
            m->state = 0;
            /* fall through */
        case 0: /* wants the lock */
            m->state = 2;
            if (holder) {
                push(&waiting, m);
                break;
            }
            holder = m;
            /* fall through */
        case 2: /* has got it: give way once */
            m->state = 1;
            push(&ready, m);
        }
    }
    return 0;
}

struct contender {
    weft_gen gen;
    weft_lock *lock;
    int *turns;
};

static weft_step contender(void *frame)
{
    struct contender *f = frame;

    WEFT_BEGIN(f);
    while (*f->turns < N) {
        WEFT_AWAIT(f, weft_lock_acquire(f->lock));
        WEFT_PAUSE(f);
        ++*f->turns;
        weft_lock_release(f->lock);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(contender);

static double weft_locks(void)
{
    weft_loop *loop = bench_loop();
    weft_lock *lock = weft_lock_new(loop);
    int turns = 0;
    double start = bench_now_ns();

    for (int i = 0; i < CONTENDERS; i++)
        weft_spawn(loop, WEFT_CALL(contender, .lock = lock, .turns = &turns));
    weft_run_forever(loop);
    start = bench_now_ns() - start;
    if (turns < N)
        abort();
    weft_lock_unref(lock);
    weft_loop_unref(loop);
    return start / turns;
}

/* ---- the table ---- */

static const struct bench_row rows[] = {
    {"spawn, suspend, gather 100,000", "ns", bare_gather, weft_gathers, 0, 0},
    {"100,000 jobs, 100 at once", "ns", bare_limited, weft_limited, 0, 0},
    {"lock hand-off, the holder gives way once", "ns", bare_lock, weft_locks, 0, 0},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, rows, sizeof(rows) / sizeof(*rows));
}
