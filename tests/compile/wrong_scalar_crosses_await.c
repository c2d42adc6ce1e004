/* a number that is read after an await without being set after it: clang needs a flag to say so
 * gcc: 'n' may be used uninitialized
 * clang: 'n' may be uninitialized when used here
 * clang flags: -Wconditional-uninitialized
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
    WEFT_AWAIT(f, weft_sleep(NULL, n));
    f->sum += n;
#else
    f->n = f->sum * 2;
    WEFT_AWAIT(f, weft_sleep(NULL, f->n));
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
