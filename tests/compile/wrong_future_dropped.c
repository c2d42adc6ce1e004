/* a new future that nobody takes
 * gcc: ignoring return value
 * clang: ignoring return value
 */
#include <weft.h>

struct nap {
    weft_gen gen;
    weft_future *future;
};

static weft_step nap(void *frame)
{
    struct nap *f = frame;

    WEFT_BEGIN(f);
#ifdef WRONG
    weft_future_new(NULL);
#else
    f->future = weft_future_new(NULL);
    WEFT_AWAIT(f, f->future);
#endif
    WEFT_YIELD(f, NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(nap);

weft_gen *make(void);
weft_gen *make(void)
{
    return WEFT_CALL(nap);
}
