/* WEFT_AWAIT of a generator: that is what WEFT_YIELD_FROM is for
 * gcc: incompatible type for argument 1 of 'weft__future_not_generator'
 * clang: to parameter of incompatible type 'weft__future_not_generator_arg'
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

struct day {
    weft_gen gen;
};

static weft_step day(void *frame)
{
    struct day *f = frame;

    WEFT_BEGIN(f);
#ifdef WRONG
    WEFT_AWAIT(f, WEFT_CALL(nap));
#else
    WEFT_YIELD_FROM(f, WEFT_CALL(nap));
#endif
    WEFT_END(f);
}
extern const weft_gen_type day_type;
WEFT_GEN_EXPORT(day);
