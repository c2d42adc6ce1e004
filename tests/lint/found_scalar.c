/* A number that is read after each kind of resume point. */
#include <weft.h>

struct child {
    weft_gen gen;
};
extern const weft_gen_type child_type;

struct add {
    weft_gen gen;
    int sum;
};

static weft_step add(void *frame)
{
    struct add *f = frame;

    WEFT_BEGIN(f);
    int n = 1;
    WEFT_YIELD(f, NULL);
    f->sum += n; /* lint: local 'n' is used after the resume point of line 20 */
    n = 2;
    WEFT_AWAIT(f, weft_sleep(NULL, n));
    f->sum += n; /* lint: local 'n' is used after the resume point of line 23 */
    n = 3;
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, n));
    n++; /* lint: local 'n' is used after the resume point of line 26 */
    WEFT_YIELD_FROM(f, WEFT_CALL(child));
    n += 4; /* lint: local 'n' is used after the resume point of line 28 */
    WEFT_PAUSE(f);
    f->sum += n; /* lint: local 'n' is used after the resume point of line 30 */
    n = 5;
    WEFT_TRY_YIELD_FROM(f, WEFT_CALL(child));
    if (weft_failed(f))
        WEFT_RAISE(f, n); /* lint: local 'n' is used after the resume point of line 33 */
    WEFT_END(f);
}
WEFT_GEN_TYPE(add);
