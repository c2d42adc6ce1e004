/* gen_bodies.h - generators that both of their suites drive by hand, in both forms of a body. */
#ifndef WEFT_TESTS_GEN_BODIES_H
#define WEFT_TESTS_GEN_BODIES_H

#include <errno.h>

#include "support/harness.h"

/* Counts from `from` up to `to`; says what it was sent; a thrown error goes through. */
struct count {
    weft_gen gen;
    int from, to;
    int *cleaned;
};

static weft_step count(void *frame)
{
    struct count *f = frame;

    WEFT_BEGIN(f);
    for (; f->from < f->to; f->from++) {
        WEFT_YIELD(f, weft_from_int(f->from));
        if (weft_sent(f))
            say("got%d", (int)weft_sent_int(f));
    }
    WEFT_RETURN(f, weft_from_int(99));
    WEFT_END(f);
}

static void count_cleanup(void *frame)
{
    struct count *f = frame;

    if (f->cleaned)
        ++*f->cleaned;
}
WEFT_GEN_TYPE(count, .cleanup = count_cleanup);

/* The same, as an explicit state machine. */
struct plain {
    weft_gen gen;
    int from, to;
};

static weft_step plain(void *frame)
{
    struct plain *f = frame;

    switch (f->gen.state) {
    case 1:
        if (f->gen.error)
            return weft_raise(&f->gen, f->gen.error);
        if (f->gen.value)
            say("got%d", (int)weft_sent_int(f));
        f->from++;
        break;
    case 0:
        break;
    default:
        return weft_gen_bad_state(&f->gen);
    }
    f->gen.state = 1;
    if (f->from < f->to)
        return weft_yield(&f->gen, weft_from_int(f->from));
    return weft_return(&f->gen, weft_from_int(99));
}
WEFT_GEN_TYPE(plain);

/* Sends, and says what came: "name:1" was yielded, "name=1" returned, "name!0" raised. */
static int step(weft_gen *gen, intptr_t value, const char *name)
{
    void *out = &out;
    int result = weft_gen_send(gen, weft_from_int(value), &out);

    say("%s%s%d", name, result > 0 ? ":" : result == 0 ? "=" : "!", (int)weft_int(out));
    return result;
}

/* Throws, and says what came of it. */
static int raise_in(weft_gen *gen, int error)
{
    void *out = &out;
    int result = weft_gen_throw(gen, error, &out);

    say("%s,%d", result > 0 ? "yield" : weft_errname(result), (int)weft_int(out));
    return result;
}

#endif
