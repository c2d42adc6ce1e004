/* A FINALLY part that was armed and never written. */
#include <weft.h>

struct one {
    weft_gen gen;
    weft_outcome outcome;
};

static weft_step one(void *frame)
{
    struct one *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f); /* lint: WEFT_TRY without WEFT_FINALLY */
    WEFT_YIELD(f, NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(one);

static weft_step two(void *frame)
{
    struct one *f = frame;

    switch (f->gen.state) {
    case 0:
        weft_try(&f->gen, 1); /* lint: weft_try without weft_finally */
        f->gen.state = 1;
        return weft_yield(&f->gen, NULL);
    case 1:
        return weft_return(&f->gen, NULL);
    }
    return weft_gen_bad_state(&f->gen);
}
extern const weft_gen_type two_type;
const weft_gen_type two_type = {.name = "two", .size = sizeof(struct one), .resume = two};
