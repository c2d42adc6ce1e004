/* two resume points on one line
 * gcc: duplicate case value
 * clang: duplicate case value
 */
#include <weft.h>

struct twice {
    weft_gen gen;
};

static weft_step twice(void *frame)
{
    struct twice *f = frame;

    WEFT_BEGIN(f);
#ifdef WRONG
    /* clang-format off */
    WEFT_YIELD(f, NULL); WEFT_YIELD(f, NULL);
    /* clang-format on */
#else
    WEFT_YIELD(f, NULL);
    WEFT_YIELD(f, NULL);
#endif
    WEFT_END(f);
}
WEFT_GEN_TYPE(twice);

weft_gen *make(void);
weft_gen *make(void)
{
    return WEFT_CALL(twice);
}
