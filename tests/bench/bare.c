/* bare.c - the work of core.c by hand: structs, switches, an intrusive queue, malloc. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "bare.h"

static double clock_s(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (file && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

double bare_random(int i)
{
    uint64_t x = (uint64_t)i * 0x9E3779B97F4A7C15u;

    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    x ^= x >> 32;
    return (double)(x >> 11) / 9007199254740992.0;
}

/* ---- a machine that yields ---- */

struct machine {
    struct machine *next;
    int (*step)(struct machine *);
    int state;
    int left;
    void *value;
};

static int count_step(struct machine *m)
{
    switch (m->state) {
    case 0:
        for (;; m->left++) {
            m->value = (void *)(intptr_t)m->left;
            m->state = 1;
            return 1;
        case 1:;
        }
    }
    return 0;
}

double bare_send(void)
{
    enum { N = 5000000 };
    struct machine machine = {.step = count_step};
    struct machine *volatile m = &machine;
    double start = clock_s(CLOCK_MONOTONIC);

    for (int i = 0; i < N; i++)
        m->step(m);
    return (clock_s(CLOCK_MONOTONIC) - start) * 1e9 / N;
}

/* ---- a ready queue, with a look at libevent every 256 steps ---- */

struct queue {
    struct machine *first, **last;
};

static void push(struct queue *queue, struct machine *m)
{
    m->next = NULL;
    *queue->last = m;
    queue->last = &m->next;
}

static int yield_step(struct machine *m)
{
    switch (m->state) {
    case 0:
        while (m->left-- > 0) {
            m->state = 1;
            return 1;
        case 1:;
        }
    }
    return 0;
}

static double run_yields(int count, int each)
{
    struct event_base *base = event_base_new();
    struct queue ready = {NULL, &ready.first};
    struct machine *machines = calloc((size_t)count, sizeof(*machines)), *m;
    unsigned steps = 0;
    double start;

    for (int i = 0; i < count; i++) {
        machines[i].step = yield_step;
        machines[i].left = each;
        push(&ready, &machines[i]);
    }
    start = clock_s(CLOCK_MONOTONIC);
    while ((m = ready.first)) {
        ready.first = m->next;
        if (!ready.first)
            ready.last = &ready.first;
        if (m->step(m))
            push(&ready, m);
        if (++steps % 256 == 0)
            event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
    }
    start = (clock_s(CLOCK_MONOTONIC) - start) * 1e9 / count / each;
    free(machines);
    event_base_free(base);
    return start;
}

double bare_yields(void)
{
    return run_yields(16, 250000);
}

double bare_depth(void)
{
    return run_yields(1, 4000000);
}

/* ---- a future that a queued call sets ---- */

struct bare_future {
    void *value;
    struct machine *waiter;
    int done;
};

struct call {
    struct call *next;
    struct bare_future *future;
};

static struct queue futures_ready;
static struct call *first_call, **last_call = &first_call;

static int await_step(struct machine *m)
{
    struct call *call;

    switch (m->state) {
    case 0:
        for (; m->left > 0; m->left--) {
            m->value = calloc(1, sizeof(struct bare_future));
            call = malloc(sizeof(*call));
            call->future = m->value;
            call->next = NULL;
            *last_call = call;
            last_call = &call->next;
            call->future->waiter = m;
            m->state = 1;
            return 1;
        case 1:
            free(m->value);
        }
    }
    return 0;
}

double bare_futures(void)
{
    enum { N = 1000000 };
    struct machine machine = {.step = await_step, .left = N}, *m;
    double start = clock_s(CLOCK_MONOTONIC);

    futures_ready.last = &futures_ready.first;
    push(&futures_ready, &machine);
    while (futures_ready.first || first_call) {
        while ((m = futures_ready.first)) {
            futures_ready.first = m->next;
            if (!futures_ready.first)
                futures_ready.last = &futures_ready.first;
            m->step(m);
        }
        while (first_call) {
            struct call *call = first_call;

            first_call = call->next;
            if (!first_call)
                last_call = &first_call;
            call->future->done = 1;
            push(&futures_ready, call->future->waiter);
            free(call);
        }
    }
    return (clock_s(CLOCK_MONOTONIC) - start) * 1e9 / N;
}

static int done_step(struct machine *m)
{
    for (; m->left > 0; m->left--) {
        struct bare_future *volatile future = calloc(1, sizeof(*future));

        future->done = 1;
        if (!future->done)
            return 1;
        m->value = future->value;
        free(future);
    }
    return 0;
}

double bare_done_futures(void)
{
    enum { N = 4000000 };
    struct machine machine = {.step = done_step, .left = N};
    double start = clock_s(CLOCK_MONOTONIC);

    machine.step(&machine);
    return (clock_s(CLOCK_MONOTONIC) - start) * 1e9 / N;
}

/* ---- a million tasks: 128 bytes each, and a future of 64 ---- */

enum { MILLION = 1000000 };

struct bare_task {
    struct machine machine;
    struct bare_future *future;
    char room[128 - sizeof(struct machine) - sizeof(void *)];
};

static double bare_task_bytes;

static int task_step(struct machine *m)
{
    struct bare_task *task = (struct bare_task *)m;

    if (m->state++ == 0)
        return 1;
    task->future->value = m->value;
    task->future->done = 1;
    return 0;
}

double bare_million(void)
{
    struct bare_task **tasks = malloc(MILLION * sizeof(*tasks));
    struct queue ready = {NULL, &ready.first};
    double resident, start;

    for (int i = 0; i < MILLION; i++)
        tasks[i] = NULL;
    resident = resident_bytes();
    start = clock_s(CLOCK_MONOTONIC);
    for (int i = 0; i < MILLION; i++) {
        tasks[i] = calloc(1, sizeof(**tasks));
        tasks[i]->future = calloc(1, 64);
        tasks[i]->machine.step = task_step;
        push(&ready, &tasks[i]->machine);
    }
    for (int pass = 0; pass < 2; pass++) {
        struct machine *m = ready.first, *next;

        ready.first = NULL;
        ready.last = &ready.first;
        for (; m; m = next) {
            next = m->next;
            if (m->step(m))
                push(&ready, m);
        }
        if (pass == 0)
            bare_task_bytes = (resident_bytes() - resident) / MILLION;
    }
    for (int i = 0; i < MILLION; i++) {
        free(tasks[i]->future);
        free(tasks[i]);
    }
    start = (clock_s(CLOCK_MONOTONIC) - start) * 1e9 / MILLION;
    free(tasks);
    return start;
}

double bare_bytes(void)
{
    bare_million();
    return bare_task_bytes;
}

/* ---- a million timers in a 4-ary heap, under one sleep ---- */

struct bare_timer {
    double when;
    int *fired;
};

static struct bare_timer *heap;
static int heap_count;

static void heap_add(struct bare_timer timer)
{
    int at = heap_count++;

    for (; at > 0 && timer.when < heap[(at - 1) / 4].when; at = (at - 1) / 4)
        heap[at] = heap[(at - 1) / 4];
    heap[at] = timer;
}

static struct bare_timer heap_pop(void)
{
    struct bare_timer first = heap[0], last = heap[--heap_count];
    int at = 0;

    for (;;) {
        int least = at * 4 + 1;
        int end = least + 4 < heap_count ? least + 4 : heap_count;

        if (least >= heap_count)
            break;
        for (int child = least + 1; child < end; child++)
            if (heap[child].when < heap[least].when)
                least = child;
        if (heap[least].when >= last.when)
            break;
        heap[at] = heap[least];
        at = least;
    }
    heap[at] = last;
    return first;
}

double bare_sleeps(void)
{
    struct event_base *base = event_base_new();
    double start = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    double begin = clock_s(CLOCK_MONOTONIC) + 0.2;
    int *fired = calloc(MILLION, sizeof(*fired));

    heap = malloc(MILLION * sizeof(*heap));
    for (int i = 0; i < MILLION; i++)
        heap_add((struct bare_timer){begin + bare_random(i), &fired[i]});
    while (heap_count > 0) {
        double now = clock_s(CLOCK_MONOTONIC);

        while (heap_count > 0 && heap[0].when <= now)
            ++*heap_pop().fired;
        if (heap_count > 0) {
            double left = heap[0].when - now;
            struct timeval timeout = {(time_t)left, (suseconds_t)((left - (time_t)left) * 1e6)};

            event_base_loopexit(base, &timeout);
            event_base_dispatch(base);
        }
    }
    free(heap);
    free(fired);
    event_base_free(base);
    return clock_s(CLOCK_PROCESS_CPUTIME_ID) - start;
}
