/* WEFT_AWAIT of a generator: that is what WEFT_YIELD_FROM is for
 * gcc: passing argument 2 of 'weft_await' from incompatible pointer type
 * clang: incompatible pointer types passing
 */
#include <weft.h>

struct nap {
    weft_gen gen;
};

static weft_step nap(void *frame)
{
    struct nap *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_END(f);
}
WEFT_GEN_TYPE(nap);

static weft_step day(void *frame)
{
    struct nap *f = frame;

    WEFT_BEGIN(f);
#ifdef WRONG
    WEFT_AWAIT(f, WEFT_CALL(nap));
#else
    WEFT_YIELD_FROM(f, WEFT_CALL(nap));
#endif
    WEFT_END(f);
}
struct day {
    struct nap nap;
};
extern const weft_gen_type day_type;
WEFT_GEN_EXPORT(day);
