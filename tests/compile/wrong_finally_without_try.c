/* FINALLY without TRY
 * gcc: 'WEFT_FINALLY_without_WEFT_TRY' undeclared
 * clang: use of undeclared identifier 'WEFT_FINALLY_without_WEFT_TRY'
 */
#include <weft.h>

struct copy {
    weft_gen gen;
    weft_outcome outcome;
};

static weft_step copy(void *frame)
{
    struct copy *f = frame;

    WEFT_BEGIN(f);
#ifndef WRONG
    WEFT_TRY(f);
#endif
    WEFT_YIELD(f, NULL);
    WEFT_FINALLY(f);
    WEFT_YIELD(f, NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(copy);

weft_gen *make(void);
weft_gen *make(void)
{
    return WEFT_CALL(copy);
}
