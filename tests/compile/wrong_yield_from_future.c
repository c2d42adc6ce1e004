/* WEFT_YIELD_FROM of a future: that is what WEFT_AWAIT is for
 * gcc: incompatible type for argument 1 of 'weft__generator_not_future'
 * clang: to parameter of incompatible type 'weft__generator_not_future_arg'
 */
#include <weft.h>

struct nap {
    weft_gen gen;
};

static weft_step nap(void *frame)
{
    struct nap *f = frame;

    WEFT_BEGIN(f);
#ifdef WRONG
    WEFT_YIELD_FROM(f, weft_sleep(NULL, 1));
#else
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
#endif
    WEFT_END(f);
}
extern const weft_gen_type nap_type;
WEFT_GEN_EXPORT(nap);
