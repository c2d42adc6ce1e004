/* WEFT_BEGIN of a frame that does not begin with a weft_gen
 * gcc: 'struct nap' has no member named 'gen'
 * clang: no member named 'gen' in 'struct nap'
 */
#include <weft.h>

struct nap {
#ifdef WRONG
    int gone;
#else
    weft_gen gen;
#endif
};

weft_step nap(void *frame);
weft_step nap(void *frame)
{
    struct nap *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD(f, NULL);
    WEFT_END(f);
}
