/* queue_bodies.h - bodies that put and get, for the suites of queues. */
#ifndef WEFT_TESTS_QUEUE_BODIES_H
#define WEFT_TESTS_QUEUE_BODIES_H

#include <stdlib.h>

#include "support/harness.h"

#if defined(__GNUC__)
#define MAYBE_UNUSED __attribute__((unused))
#else
#define MAYBE_UNUSED
#endif

/* Numbers by size, and by their hundreds. */
static inline bool less(const void *a, const void *b)
{
    return weft_int(a) < weft_int(b);
}
static inline bool less_tens(const void *a, const void *b)
{
    return weft_int(a) / 100 < weft_int(b) / 100;
}

/* Items that own memory: how many there are; their destructor says "d1". */
static int made;

static inline void *make(int number)
{
    int *item = malloc(sizeof(*item));

    *item = number;
    made++;
    return item;
}
MAYBE_UNUSED static void destroy(void *item)
{
    say("d%d", *(int *)item);
    made--;
    free(item);
}
static inline bool less_made(const void *a, const void *b)
{
    return *(const int *)a < *(const int *)b;
}

static inline void put_number(weft_queue *queue, intptr_t number)
{
    ck_assert_int_eq(weft_queue_put_nowait(queue, weft_from_int(number)), 0);
}

/* Awaits a put: "name." or "name!ENAME". */
struct put_one {
    weft_gen gen;
    const char *name;
    weft_queue *queue;
    void *item;
};

static weft_step put_one(void *frame)
{
    struct put_one *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_queue_put(f->queue, f->item));
    if (weft_failed(f)) {
        say("%s!%s", f->name, weft_errname(weft_failed(f)));
        WEFT_RETURN(f, NULL);
    }
    if (f->name)
        say("%s.", f->name);
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(put_one);

/* Awaits a get: "name=number" or "name!ENAME". */
struct get_one {
    weft_gen gen;
    const char *name;
    weft_queue *queue;
};

static weft_step get_one(void *frame)
{
    struct get_one *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_queue_get(f->queue));
    if (weft_failed(f)) {
        say("%s!%s", f->name, weft_errname(weft_failed(f)));
        WEFT_RETURN(f, NULL);
    }
    say("%s=%d", f->name, (int)weft_int(weft_take(f)));
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(get_one);

/* Awaits a join: "name." or "name!ENAME". */
struct join_one {
    weft_gen gen;
    const char *name;
    weft_queue *queue;
};

static weft_step join_one(void *frame)
{
    struct join_one *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_queue_join(f->queue));
    if (weft_failed(f))
        say("%s!%s", f->name, weft_errname(weft_failed(f)));
    else
        say("%s.", f->name);
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(join_one);

/* Puts 1 to n with the macro: "put". */
struct put_many {
    weft_gen gen;
    weft_queue *queue;
    int i, n;
};

static weft_step put_many(void *frame)
{
    struct put_many *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 1; f->i <= f->n; f->i++)
        WEFT_PUT(f, f->queue, weft_from_int(f->i));
    say("put");
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(put_many);

/* Gets n with the macro: "g1 g2 got"; "g!ENAME". */
struct get_many {
    weft_gen gen;
    weft_queue *queue;
    int i, n;
    weft_outcome outcome;
    bool got;
};

static weft_step get_many(void *frame)
{
    struct get_many *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    for (f->i = 0; f->i < f->n; f->i++) {
        WEFT_GET(f, f->queue);
        ck_assert_ptr_eq(weft_take(f), weft_sent(f));
        say("g%d", (int)weft_sent_int(f));
    }
    f->got = true;
    say("got");
    WEFT_FINALLY(f);
    if (!f->got) {
        say("g!%s", weft_errname(f->outcome.error));
        weft_outcome_replace(&f->outcome, 0);
    }
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(get_many);

/* The explicit form: "e=number". */
struct explicit_get {
    weft_gen gen;
    weft_queue *queue;
};

static weft_step explicit_get(void *frame)
{
    struct explicit_get *f = frame;

    switch (f->gen.state) {
    case 0:
        f->gen.state = 1;
        return weft_queue_await_get(&f->gen, f->queue);
    case 1:
        if (f->gen.error)
            return weft_raise(&f->gen, f->gen.error);
        say("e=%d", (int)weft_int(weft_take(f)));
        return weft_return(&f->gen, NULL);
    }
    return weft_gen_bad_state(&f->gen);
}
MAYBE_UNUSED WEFT_GEN_TYPE(explicit_get);

/* Puts items 1 to n that own memory, with the macro. */
struct put_with_macro {
    weft_gen gen;
    weft_queue *queue;
    int i, n;
};

static weft_step put_with_macro(void *frame)
{
    struct put_with_macro *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 1; f->i <= f->n; f->i++)
        WEFT_PUT(f, f->queue, make(f->i));
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(put_with_macro);

/* Takes n items, in turn with the macro and with a future, and destroys each: "d1 d2 end". */
struct take_all {
    weft_gen gen;
    weft_queue *queue;
    int i, n;
};

static weft_step take_all(void *frame)
{
    struct take_all *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < f->n; f->i++) {
        if (f->i % 3 == 0) {
            WEFT_AWAIT(f, weft_queue_get(f->queue));
            destroy(weft_take(f));
        } else {
            WEFT_GET(f, f->queue);
            destroy(weft_sent(f));
        }
    }
    say("end");
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(take_all);

/* Takes, or puts, n items with the macro; says the error that ends that. */
struct take_some {
    weft_gen gen;
    weft_queue *queue;
    int i, n;
    weft_outcome outcome;
};

static weft_step take_some(void *frame)
{
    struct take_some *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    for (f->i = 0; f->i < f->n; f->i++) {
        WEFT_GET(f, f->queue);
        destroy(weft_sent(f));
    }
    WEFT_FINALLY(f);
    if (f->outcome.error)
        say("%s", weft_errname(f->outcome.error));
    weft_outcome_replace(&f->outcome, 0);
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(take_some);

struct put_some {
    weft_gen gen;
    weft_queue *queue;
    int i, n;
    weft_outcome outcome;
};

static weft_step put_some(void *frame)
{
    struct put_some *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    for (f->i = 1; f->i <= f->n; f->i++)
        WEFT_PUT(f, f->queue, make(f->i));
    WEFT_FINALLY(f);
    if (f->outcome.error)
        say("%s", weft_errname(f->outcome.error));
    weft_outcome_replace(&f->outcome, 0);
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(put_some);

/* Looks at an item that it gets, but does not take it: "saw1 d1 on". */
struct look_only {
    weft_gen gen;
    weft_queue *queue;
};

static weft_step look_only(void *frame)
{
    struct look_only *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_queue_get(f->queue));
    say("saw%d", *(int *)weft_sent(f));
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    say("on");
    WEFT_END(f);
}
MAYBE_UNUSED WEFT_GEN_TYPE(look_only);

static inline weft_task *start_put(const char *name, weft_queue *queue, intptr_t number)
{
    return weft_task_new(
        loop, WEFT_CALL(put_one, .name = name, .queue = queue, .item = weft_from_int(number)));
}
static inline weft_task *start_put_owned(const char *name, weft_queue *queue, int number)
{
    return weft_task_new(loop,
                         WEFT_CALL(put_one, .name = name, .queue = queue, .item = make(number)));
}
static inline weft_task *start_get(const char *name, weft_queue *queue)
{
    return weft_task_new(loop, WEFT_CALL(get_one, .name = name, .queue = queue));
}
static inline weft_task *start_waiter(const char *name, weft_future *future)
{
    return weft_task_new(loop, WEFT_CALL(waiter, .name = name, .future = future));
}

#endif
