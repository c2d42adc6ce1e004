/* WEFT_CALL with an argument that the frame does not have
 * gcc: 'struct count' has no member named 'upto'
 * clang: field designator 'upto' does not refer to any field in type 'struct count'
 */
#include <weft.h>

struct count {
    weft_gen gen;
    int to;
};

static weft_step count(void *frame)
{
    struct count *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD(f, weft_from_int(f->to));
    WEFT_END(f);
}
WEFT_GEN_TYPE(count);

weft_gen *make(void);
weft_gen *make(void)
{
#ifdef WRONG
    return WEFT_CALL(count, .upto = 3);
#else
    return WEFT_CALL(count, .to = 3);
#endif
}
