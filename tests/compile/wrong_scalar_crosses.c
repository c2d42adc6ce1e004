/* a number that is read after a yield without being set after it
 * gcc: 'n' may be used uninitialized
 * clang: 'n' is uninitialized when used here
 */
#include <weft.h>

struct add {
    weft_gen gen;
    int n, sum;
};

static weft_step add(void *frame)
{
    struct add *f = frame;

    WEFT_BEGIN(f);
#ifdef WRONG
    int n = f->sum * 2;
    WEFT_YIELD(f, weft_from_int(n));
    f->sum += n;
#else
    f->n = f->sum * 2;
    WEFT_YIELD(f, weft_from_int(f->n));
    f->sum += f->n;
#endif
    WEFT_END(f);
}
WEFT_GEN_TYPE(add);

weft_gen *make(void);
weft_gen *make(void)
{
    return WEFT_CALL(add);
}
