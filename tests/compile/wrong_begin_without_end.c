/* WEFT_BEGIN without WEFT_END
 * gcc: expected declaration or statement at end of input
 * clang: expected '}'
 */
#include <weft.h>

struct nap {
    weft_gen gen;
};

weft_step nap(void *frame);
weft_step nap(void *frame)
{
    struct nap *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
#ifndef WRONG
    WEFT_END(f);
#endif
}
