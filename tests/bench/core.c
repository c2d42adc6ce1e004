/* core - what the core costs, beside the same work in bare C, measured in the same run.
 *
 *     make bench && tests/bench/core [rounds [words]]
 */
#include <stdlib.h>
#include <string.h>

#include "bare.h"
#include "bench.h"

/* ---- send and yield ---- */

struct count {
    weft_gen gen;
    intptr_t i;
};

static weft_step count(void *frame)
{
    struct count *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0;; f->i++)
        WEFT_YIELD(f, weft_from_int(f->i));
    WEFT_END(f);
}
WEFT_GEN_TYPE(count);

static double weft_send(void)
{
    enum { N = 5000000 };
    weft_gen *gen = WEFT_CALL(count);
    void *value;
    double start = bench_now_ns();

    for (int i = 0; i < N; i++)
        weft_gen_send(gen, NULL, &value);
    start = (bench_now_ns() - start) / N;
    weft_gen_close(gen);
    return start;
}

/* ---- through the ready queue, at any depth ---- */

struct yielder {
    weft_gen gen;
    int left, depth;
};

static weft_step yielder(void *frame);
WEFT_GEN_FORWARD(yielder);

static weft_step yielder(void *frame)
{
    struct yielder *f = frame;

    WEFT_BEGIN(f);
    if (f->depth > 1)
        WEFT_YIELD_FROM(f, WEFT_CALL(yielder, .left = f->left, .depth = f->depth - 1));
    else
        for (; f->left > 0; f->left--)
            WEFT_PAUSE(f);
    WEFT_END(f);
}
WEFT_GEN_TYPE(yielder);

/* `tasks` tasks give way, each `N / tasks` times. */
static double yields(int tasks, int depth)
{
    enum { N = 4000000 };
    weft_loop *loop = bench_loop();
    double start;

    for (int i = 0; i < tasks; i++)
        weft_spawn(loop, WEFT_CALL(yielder, .left = N / tasks, .depth = depth));
    start = bench_now_ns();
    weft_run_forever(loop);
    start = (bench_now_ns() - start) / N;
    weft_loop_unref(loop);
    return start;
}

static double weft_yields(void)
{
    return yields(16, 1);
}
static double weft_depth_1(void)
{
    return yields(1, 1);
}
static double weft_depth_1000(void)
{
    return yields(1, 1000);
}

/* ---- futures ---- */

struct awaiter {
    weft_gen gen;
    int left;
    weft_future *future;
};

static void set_it(void *arg)
{
    weft_future *future = arg;

    weft_future_set_result(future, NULL);
    weft_future_unref(future);
}

static weft_step awaiter(void *frame)
{
    struct awaiter *f = frame;

    WEFT_BEGIN(f);
    for (; f->left > 0; f->left--) {
        f->future = weft_future_new(NULL);
        weft_call_soon(NULL, set_it, weft_future_ref(f->future), NULL);
        WEFT_AWAIT(f, f->future);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(awaiter);

static double weft_futures(void)
{
    enum { N = 1000000 };

    return bench_run(WEFT_CALL(awaiter, .left = N)) / N;
}

struct done_awaiter {
    weft_gen gen;
    int left;
};

static weft_step done_awaiter(void *frame)
{
    struct done_awaiter *f = frame;

    WEFT_BEGIN(f);
    for (; f->left > 0; f->left--)
        WEFT_AWAIT(f, weft_future_new_done(NULL, NULL));
    WEFT_END(f);
}
WEFT_GEN_TYPE(done_awaiter);

static double weft_done_futures(void)
{
    enum { N = 4000000 };

    return bench_run(WEFT_CALL(done_awaiter, .left = N)) / N;
}

/* ---- a million tasks ---- */

enum { MILLION = 1000000 };

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

struct joiner {
    weft_gen gen;
    weft_task **tasks;
    int i;
};

static weft_step joiner(void *frame)
{
    struct joiner *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < MILLION; f->i++)
        WEFT_AWAIT(f, f->tasks[f->i]);
    WEFT_END(f);
}
WEFT_GEN_TYPE(joiner);

static double bytes_per_task;

static void open_gate(void *gate)
{
    weft_future_set_result(gate, NULL);
}

static double weft_million(void)
{
    weft_loop *loop = bench_loop();
    weft_future *gate = weft_future_new(loop);
    weft_task **tasks = malloc(MILLION * sizeof(*tasks));
    double resident, start;

    memset(tasks, 1, MILLION * sizeof(*tasks));
    resident = resident_bytes();
    start = bench_now_ns();
    for (int i = 0; i < MILLION; i++)
        tasks[i] = weft_task_new(loop, WEFT_CALL(gated, .gate = gate, .number = i));
    weft_loop_stop(loop);
    weft_run_forever(loop); /* one round: each has taken its first step */
    bytes_per_task = (resident_bytes() - resident) / MILLION;
    weft_call_soon(loop, open_gate, gate, NULL);
    weft_run_until_complete(loop, weft_task_new(loop, WEFT_CALL(joiner, .tasks = tasks)), NULL);
    start = (bench_now_ns() - start) / MILLION;
    free(tasks);
    weft_future_unref(gate);
    weft_loop_unref(loop);
    return start;
}

static double weft_bytes(void)
{
    weft_million();
    return bytes_per_task;
}

/* ---- a million sleeps, over one second ---- */

struct dreamer {
    weft_gen gen;
    double until;
};

static weft_step dreamer(void *frame)
{
    struct dreamer *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep_until(NULL, f->until));
    WEFT_END(f);
}
WEFT_GEN_TYPE(dreamer);

static double weft_sleeps(void)
{
    weft_loop *loop = bench_loop();
    double start = bench_cpu_ns();
    double base = weft_loop_time(loop) + 0.2;

    for (int i = 0; i < MILLION; i++)
        weft_spawn(loop, WEFT_CALL(dreamer, .until = base + bare_random(i)));
    weft_run_forever(loop);
    weft_loop_unref(loop);
    return (bench_cpu_ns() - start) / 1e9;
}

/* ---- the table ---- */

static const struct bench_row rows[] = {
    {"memory of a suspended task", "bytes", bare_bytes, weft_bytes, 192, 1},
    {"generator send and yield", "ns", bare_send, weft_send, 2, 0},
    {"yield and resume through the ready queue", "ns", bare_yields, weft_yields, 4, 0},
    {"new future, call_soon(set_result), await", "ns", bare_futures, weft_futures, 15, 0},
    {"await of a done future, made for it", "ns", bare_done_futures, weft_done_futures, 5, 0},
    {"spawn, suspend, join 1,000,000", "ns", bare_million, weft_million, 120, 5},
    {"resume at depth 1", "ns", bare_depth, weft_depth_1, 4, 0},
    {"resume at depth 1000", "ns", bare_depth, weft_depth_1000, 4, 0},
    {"1,000,000 sleeps over 1 s, CPU", "s", bare_sleeps, weft_sleeps, 0.45, 3},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, rows, sizeof(rows) / sizeof(*rows));
}
