/* Assigned on every path since the resume point. */
#include <stdlib.h>
#include <weft.h>

struct pick {
    weft_gen gen;
    int kind, sum;
};

static weft_step pick(void *frame)
{
    struct pick *f = frame;
    int n;

    WEFT_BEGIN(f);
    if (f->kind == 1) {
        n = 1;
        WEFT_YIELD(f, weft_from_int(n));
        n = 2;
    } else if (f->kind == 2) {
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
        n = weft_sent_int(f) > 3 ? 3 : 4;
    } else {
        n = 5;
    }
    f->sum += n;

    n = f->sum;
    if (f->kind == 3) {
        WEFT_YIELD(f, weft_from_int(n));
        WEFT_RETURN(f, NULL);
    }
    f->sum += n; /* whoever comes here has not yielded */

    WEFT_YIELD(f, NULL);
    switch (f->kind) {
    case 1:
        n = 1;
        break;
    case 2:
        if (f->sum > 3)
            abort();
        n = 3;
        break;
    case 3:
        goto done;
    default:
        n = 2;
    }
    f->sum += n;

    WEFT_YIELD(f, NULL);
    for (;;) {
        n = rand();
        if (n > 10)
            break;
    }
    f->sum += n;

    WEFT_YIELD(f, NULL);
    if ((n = f->kind) > 1 || (n = f->sum) > 1)
        f->sum += n;
    WEFT_YIELD(f, NULL);
    if (!(f->kind > 0 && (n = f->kind)) || n > 3)
        WEFT_RAISE(f, -1);
    f->sum += n;
    WEFT_YIELD(f, NULL);
    if (f->sum > 9)
        n = 1;
    else
        abort();
    f->sum += n;
    WEFT_YIELD(f, NULL);
    n = 0;
again:
    if (n++ < 3)
        goto again;
done:;
    WEFT_END(f);
}
WEFT_GEN_TYPE(pick);
