/* FINALLY without `outcome` in the frame
 * gcc: 'struct copy' has no member named 'outcome'
 * clang: no member named 'outcome' in 'struct copy'
 */
#include <weft.h>

struct copy {
    weft_gen gen;
#ifndef WRONG
    weft_outcome outcome;
#endif
};

static weft_step copy(void *frame)
{
    struct copy *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
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
