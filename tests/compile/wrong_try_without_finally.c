/* TRY without FINALLY
 * gcc: label 'WEFT_TRY_without_WEFT_FINALLY' used but not defined
 * clang: use of undeclared label 'WEFT_TRY_without_WEFT_FINALLY'
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
    WEFT_TRY(f);
    WEFT_YIELD(f, NULL);
#ifndef WRONG
    WEFT_FINALLY(f);
#endif
    WEFT_YIELD(f, NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(copy);

weft_gen *make(void);
weft_gen *make(void)
{
    return WEFT_CALL(copy);
}
