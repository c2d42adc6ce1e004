/* WEFT_CALL of a body that has no WEFT_GEN_TYPE
 * gcc: 'count_type' undeclared
 * clang: use of undeclared identifier 'count_type'
 */
#include <weft.h>

struct count {
    weft_gen gen;
    int to;
};

weft_step count(void *frame);
weft_step count(void *frame)
{
    struct count *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD(f, weft_from_int(f->to));
    WEFT_END(f);
}
#ifndef WRONG
WEFT_GEN_TYPE(count);
#endif

weft_gen *make(void);
weft_gen *make(void)
{
    return WEFT_CALL(count, .to = 3);
}
