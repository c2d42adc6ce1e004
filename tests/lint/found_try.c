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
