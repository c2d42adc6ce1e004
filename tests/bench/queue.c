/* queue - what a message from one task to another costs, beside the same work in bare C.
 *
 *     make bench && tests/bench/queue [rounds [words]]
 */
#include <stdlib.h>

#include "bench.h"

enum { N = 4000000, LARGEST = 128 };

/* ---- bare C: two machines, a ring of items, and a queue of those that are ready ---- */

struct machine {
    struct machine *next;
    int (*step)(struct machine *m); /* 0: it has ended */
    int state;
    int left;
    uintptr_t sum;
};

static struct machine *first, **last;

static struct {
    void *items[LARGEST];
    unsigned head, count, size;      /* a power of two */
    struct machine *getter, *putter; /* who waits */
} channel;

static void ready(struct machine *m)
{
    m->next = NULL;
    *last = m;
    last = &m->next;
}

static void wake(struct machine **waiting)
{
    struct machine *m = *waiting;

    if (m) {
        *waiting = NULL;
        ready(m);
    }
}

static int produce(struct machine *m)
{
    switch (m->state) {
    case 0:
        for (; m->left > 0; m->left--) {
            while (channel.count == channel.size) {
                channel.putter = m;
                m->state = 1;
                return 1;
            case 1:;
            }
            channel.items[(channel.head + channel.count++) & (channel.size - 1)] = weft_from_int(
                m->left);
            wake(&channel.getter);
        }
    }
    return 0;
}

static int consume(struct machine *m)
{
    switch (m->state) {
    case 0:
        for (; m->left > 0; m->left--) {
            while (channel.count == 0) {
                channel.getter = m;
                m->state = 1;
                return 1;
            case 1:;
            }
            m->sum += (uintptr_t)channel.items[channel.head];
            channel.head = (channel.head + 1) & (channel.size - 1);
            channel.count--;
            wake(&channel.putter);
        }
    }
    return 0;
}

static double bare(unsigned size)
{
    struct machine producer = {.step = produce, .left = N}, consumer = {.step = consume, .left = N};
    struct machine *m;
    double start = bench_now_ns();

    channel.size = size;
    last = &first;
    ready(&producer);
    ready(&consumer);
    while ((m = first)) {
        first = m->next;
        if (!first)
            last = &first;
        m->step(m);
    }
    start = bench_now_ns() - start;
    if (consumer.sum != (uintptr_t)N * (N + 1) / 2)
        abort();
    return start / N;
}

static double bare_1(void)
{
    return bare(1);
}
static double bare_128(void)
{
    return bare(128);
}

/* ---- weft: with the macros, and with a future for each ---- */

struct party {
    weft_gen gen;
    weft_queue *queue;
    int left;
    uintptr_t sum;
};

static weft_step put_all(void *frame)
{
    struct party *f = frame;

    WEFT_BEGIN(f);
    for (; f->left > 0; f->left--)
        WEFT_PUT(f, f->queue, weft_from_int(f->left));
    WEFT_END(f);
}

static weft_step get_all(void *frame)
{
    struct party *f = frame;

    WEFT_BEGIN(f);
    for (; f->left > 0; f->left--) {
        WEFT_GET(f, f->queue);
        f->sum += (uintptr_t)weft_sent(f);
    }
    WEFT_RETURN(f, (void *)f->sum);
    WEFT_END(f);
}

static weft_step await_put_all(void *frame)
{
    struct party *f = frame;

    WEFT_BEGIN(f);
    for (; f->left > 0; f->left--)
        WEFT_AWAIT(f, weft_queue_put(f->queue, weft_from_int(f->left)));
    WEFT_END(f);
}

static weft_step await_get_all(void *frame)
{
    struct party *f = frame;

    WEFT_BEGIN(f);
    for (; f->left > 0; f->left--) {
        WEFT_AWAIT(f, weft_queue_get(f->queue));
        f->sum += (uintptr_t)weft_sent(f);
    }
    WEFT_RETURN(f, (void *)f->sum);
    WEFT_END(f);
}

static const weft_gen_type put_all_type = {
    .name = "put_all", .size = sizeof(struct party), .resume = put_all};
static const weft_gen_type get_all_type = {
    .name = "get_all", .size = sizeof(struct party), .resume = get_all};
static const weft_gen_type await_put_all_type = {
    .name = "await_put_all", .size = sizeof(struct party), .resume = await_put_all};
static const weft_gen_type await_get_all_type = {
    .name = "await_get_all", .size = sizeof(struct party), .resume = await_get_all};

static double messages(size_t size, const weft_gen_type *putting, const weft_gen_type *getting)
{
    weft_loop *loop = bench_loop();
    weft_queue *queue = weft_queue_new(loop, .size = size);
    struct party party = {.queue = queue, .left = N};
    double start = bench_now_ns();
    void *sum;

    if (weft_spawn(loop, weft_gen_copy(putting, &party)) ||
        weft_run_until_complete(loop, weft_task_new(loop, weft_gen_copy(getting, &party)), &sum) ||
        (uintptr_t)sum != (uintptr_t)N * (N + 1) / 2)
        abort();
    start = bench_now_ns() - start;
    weft_queue_unref(queue);
    weft_loop_unref(loop);
    return start / N;
}

static double macros_1(void)
{
    return messages(1, &put_all_type, &get_all_type);
}
static double macros_128(void)
{
    return messages(128, &put_all_type, &get_all_type);
}
static double futures_1(void)
{
    return messages(1, &await_put_all_type, &await_get_all_type);
}
static double futures_128(void)
{
    return messages(128, &await_put_all_type, &await_get_all_type);
}

static const struct bench_row rows[] = {
    {"a message, WEFT_PUT and WEFT_GET, size 1", "ns", bare_1, macros_1, 12, 0},
    {"a message, WEFT_PUT and WEFT_GET, size 128", "ns", bare_128, macros_128, 5, 0},
    {"a message, put and get awaited, size 1", "ns", bare_1, futures_1, 0, 0},
    {"a message, put and get awaited, size 128", "ns", bare_128, futures_128, 0, 0},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, rows, sizeof(rows) / sizeof(*rows));
}
