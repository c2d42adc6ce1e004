/* explore_bodies.h - a body of a few steps, for the suites of the reduced search: a function says what each of them does. */
#ifndef WEFT_TESTS_EXPLORE_BODIES_H
#define WEFT_TESTS_EXPLORE_BODIES_H

#include "support/harness.h"

struct party;
typedef weft_future *party_fn(
    struct party *f); /* what it awaits next, NULL: it gives way; `ended` is set at the end */

struct party {
    weft_gen gen;
    party_fn *fn;
    int who, step;
    bool ended;
    int *shared;
};

static weft_step party(void *frame)
{
    struct party *f = frame;

    WEFT_BEGIN(f);
    for (f->step = 0;; f->step++) {
        f->gen.value = f->fn(f);
        if (f->ended)
            break;
        if (f->gen.value)
            WEFT_AWAIT(f, f->gen.value);
        else
            WEFT_PAUSE(f);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(party);

static weft_task *parties[3];

static void start_parties(weft_explorer *explorer, party_fn *fn, int count)
{
    for (int i = 0; i < count; i++) {
        parties[i] = weft_task_new(NULL, WEFT_CALL(party, .fn = fn, .who = i));
        weft_explore_task(explorer, parties[i]);
    }
}

#endif
