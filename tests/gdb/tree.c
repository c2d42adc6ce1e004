/* Tasks in every position that a dump can show; then the dump, from within a step, and abort().
 *
 *     tree FILE virtual|real          FILE: what weft_dump prints of each loop
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft.h>
#include <weft/testing.h>

static weft_loop *first, *last;
static weft_future *plain, *named;
static weft_io *io;
static const char *file;
static char byte;

/* ---- leaves: both forms --------------------------------------------------------------------- */

/* Awaits what it is given. */
struct waiter {
    weft_gen gen;
    weft_future *what;
};

static weft_step waiter(void *frame)
{
    struct waiter *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, f->what);
    WEFT_END(f);
}
WEFT_GEN_TYPE(waiter);

/* The explicit form, with names of states: RESTED after a first sleep, and then it receives. */
struct reader {
    weft_gen gen;
};
enum reader_state { READER_START, READER_RESTED, READER_RECEIVED };
static const char *const reader_states[] = {"START", "RESTED", "RECEIVED"};

static weft_step reader(void *frame)
{
    struct reader *f = frame;

    switch ((enum reader_state)f->gen.state) {
    case READER_START:
        f->gen.state = READER_RESTED;
        return weft_await(&f->gen, weft_sleep(NULL, 0.02));
    case READER_RESTED:
        f->gen.state = READER_RECEIVED;
        return weft_await(&f->gen, weft_sock_recv(io, &byte, 1));
    case READER_RECEIVED:
        return weft_return(&f->gen, NULL);
    }
    return weft_gen_bad_state(&f->gen);
}
WEFT_GEN_TYPE(reader, .states = reader_states, .state_count = 3);

/* The explicit form without names. */
struct nameless {
    weft_gen gen;
};

static weft_step nameless(void *frame)
{
    struct nameless *f = frame;

    if (f->gen.state++ > 0)
        return weft_return(&f->gen, NULL);
    return weft_await(&f->gen, weft_future_ref(plain));
}
WEFT_GEN_TYPE(nameless);

/* ---- what delegates ------------------------------------------------------------------------- */

/* Delegates to itself, and at the end to a `waiter`. */
struct nested {
    weft_gen gen;
    int depth;
};
WEFT_GEN_FORWARD(nested);

static weft_step nested(void *frame)
{
    struct nested *f = frame;

    WEFT_BEGIN(f);
    if (f->depth > 0)
        WEFT_YIELD_FROM(f, WEFT_CALL(nested, .depth = f->depth - 1));
    else
        WEFT_YIELD_FROM(f, WEFT_CALL(waiter, .what = weft_sleep_forever(NULL)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(nested);

struct parent {
    weft_gen gen;
};
static const char *const parent_states[] = {"ALONE", "READING"};

static weft_step parent(void *frame)
{
    struct parent *f = frame;

    if (f->gen.state)
        return weft_return(&f->gen, NULL);
    f->gen.state = 1;
    return weft_yield_from(&f->gen, WEFT_CALL(reader));
}
WEFT_GEN_TYPE(parent, .states = parent_states, .state_count = 2);

/* Takes long to end when it is cancelled. */
struct stubborn {
    weft_gen gen;
};

static weft_step stubborn(void *frame)
{
    struct stubborn *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_sleep_forever(NULL));
    WEFT_AWAIT(f, weft_sleep(NULL, 3600));
    WEFT_END(f);
}
WEFT_GEN_TYPE(stubborn);

/* ---- the one that dumps --------------------------------------------------------------------- */

struct reporter {
    weft_gen gen;
    weft_task *victim;
};

static void dump(void)
{
    FILE *out = fopen(file, "w");

    if (!out)
        exit(2);
    fprintf(out, "loop %p\n", (void *)first);
    weft_dump(first, out);
    fprintf(out, "loop %p\n", (void *)last);
    weft_dump(last, out);
    fclose(out);
}

static weft_step reporter(void *frame)
{
    struct reporter *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 0.01));
    weft_future_cancel(f->victim, "enough");
    WEFT_AWAIT(f, weft_sleep(NULL, 0.01)); /* ends after the reader's sleep */
    weft_testing_advance(first, 0.5);
    (void)weft_spawn(NULL, WEFT_CALL(nested, .depth = 0)); /* not started */
    dump();
    abort();
    WEFT_END(f);
}
WEFT_GEN_TYPE(reporter);

/* ---- all of them ---------------------------------------------------------------------------- */

static void spawn_all(void)
{
    weft_task *slow = weft_task_new(first, WEFT_CALL(waiter, .what = weft_sleep(first, 7200)));
    weft_task *stuck = weft_task_new(first, WEFT_CALL(stubborn));

    (void)weft_task_set_name(slow, "l\xc3\xa4ngst");
    (void)weft_spawn(first, WEFT_CALL(waiter, .what = weft_future_ref(named)));
    (void)weft_spawn(first, WEFT_CALL(nameless));
    (void)weft_spawn(first, WEFT_CALL(waiter, .what = weft_future_ref(slow)));
    (void)weft_spawn(first, WEFT_CALL(waiter, .what = slow));
    (void)weft_spawn(first, WEFT_CALL(parent));
    (void)weft_spawn(first, WEFT_CALL(nested, .depth = 40));
    (void)weft_spawn(first, WEFT_CALL(reporter, .victim = stuck));
    (void)weft_spawn(last, WEFT_CALL(parent));
}

int main(int argc, char **argv)
{
    int pair[2];
    weft_loop *closed;

    if (argc != 3 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return 2;
    alarm(60);
    file = argv[1];
    first = weft_loop_new(NULL);
    closed = weft_loop_new(NULL);
    last = weft_loop_new(NULL);
    weft_loop_unref(closed);
    if (strcmp(argv[2], "virtual") == 0)
        (void)weft_testing_virtual_clock(first);
    if (weft_io_new(first, pair[0], WEFT_IO_OWNED, &io) != 0)
        return 2;
    plain = weft_future_new(first);
    named = weft_future_new(first);
    weft_future_set_name(named, "doorbell");
    spawn_all();
    return weft_run_forever(first) != 0;
}
