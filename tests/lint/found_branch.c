/* Assigned after the resume point, but not on every path. */
#include <weft.h>

struct pick {
    weft_gen gen;
    int kind, sum;
};

static weft_step pick(void *frame)
{
    struct pick *f = frame;

    WEFT_BEGIN(f);
    int n = f->kind;
    WEFT_YIELD(f, NULL);
    if (f->kind > 1)
        n = 1;
    f->sum += n; /* lint: local 'n' is used after the resume point of line 15 */

    n = 2;
    if (f->kind > 2)
        WEFT_YIELD(f, NULL);
    f->sum += n; /* lint: local 'n' is used after the resume point of line 22 */

    n = 3;
    WEFT_YIELD(f, NULL);
    switch (f->kind) {
    case 1:
        n = 1;
        break;
    case 2:
        n = 2;
    }
    f->sum += n; /* lint: local 'n' is used after the resume point of line 26 */

    n = 4;
    WEFT_YIELD(f, NULL);
    f->sum += f->kind > 3 && (n = f->kind) ? n : 0;
    f->sum += n; /* lint: local 'n' is used after the resume point of line 37 */

    n = 5;
again:
    f->sum += n; /* lint: local 'n' is used after the resume point of line 44 */
    WEFT_YIELD(f, NULL);
    if (f->sum < 100)
        goto again;
    WEFT_END(f);
}
WEFT_GEN_TYPE(pick);
