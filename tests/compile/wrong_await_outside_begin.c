/* WEFT_AWAIT before WEFT_BEGIN
 * gcc: case label not within a switch statement
 * clang: 'case' statement not in switch statement
 */
#include <weft.h>

struct nap {
    weft_gen gen;
};

static weft_step nap(void *frame)
{
    struct nap *f = frame;

#ifdef WRONG
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_BEGIN(f);
#else
    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
#endif
    WEFT_END(f);
}
WEFT_GEN_TYPE(nap);

weft_gen *make(void);
weft_gen *make(void)
{
    return WEFT_CALL(nap);
}
