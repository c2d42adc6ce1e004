/* the explicit form, with state names and with FINALLY */
#include <weft.h>

struct fetch {
    weft_gen gen;
    weft_outcome outcome;
    weft_loop *loop;
    double pause;
};

/* START -> SLEPT -> (SLEPT ...) -> CLOSING -> CLOSED -> done.  Any state may raise. */
enum fetch_state { FETCH_START, FETCH_SLEPT, FETCH_CLOSING, FETCH_CLOSED };
static const char *const fetch_states[] = {"START", "SLEPT", "CLOSING", "CLOSED"};

WEFT_GEN_FORWARD(fetch);

static weft_step fetch(void *frame)
{
    struct fetch *f = frame;

    switch ((enum fetch_state)f->gen.state) {
    case FETCH_START:
        weft_try(&f->gen, FETCH_CLOSING);
        f->gen.state = FETCH_SLEPT;
        return weft_await(&f->gen, weft_sleep(f->loop, f->pause));
    case FETCH_SLEPT:
        if (f->gen.error)
            return weft_raise(&f->gen, f->gen.error);
        if (f->pause > 1)
            return weft_return(&f->gen, weft_from_int(1));
        f->pause *= 2;
        return weft_await(&f->gen, weft_sleep(f->loop, f->pause));
    case FETCH_CLOSING:
        weft_finally(&f->gen, &f->outcome);
        f->gen.state = FETCH_CLOSED;
        return weft_yield_from(&f->gen, WEFT_CALL(fetch, .loop = f->loop));
    case FETCH_CLOSED:
        return weft_end(&f->gen);
    }
    return weft_gen_bad_state(&f->gen);
}
WEFT_GEN_TYPE(fetch, .states = fetch_states,
              .state_count = (int)(sizeof fetch_states / sizeof *fetch_states));
