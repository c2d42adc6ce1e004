/* the written-out form: loops, branches without braces, every kind of resume point */
#include <weft.h>

struct child {
    weft_gen gen;
    int n;
};

static weft_step child(void *frame)
{
    struct child *f = frame;

    WEFT_BEGIN(f);
    do
        WEFT_YIELD(f, weft_from_int(f->n));
    while (f->n-- > 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(child);

struct parent {
    weft_gen gen;
    int i, j;
    weft_gen *kept;
};

static weft_step parent(void *frame)
{
    struct parent *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < 3; f->i++)
        for (f->j = 0; f->j < 3; f->j++)
            WEFT_AWAIT(f, weft_sleep(NULL, 0.1));
    if (f->i > f->j)
        WEFT_YIELD(f, NULL);
    else if (f->i < f->j)
        WEFT_PAUSE(f);
    else
        WEFT_YIELD_FROM(f, WEFT_CALL(child, .n = 3));
    f->kept = WEFT_CALL(child);
    WEFT_TRY_YIELD_FROM(f, f->kept);
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    while (weft_sent_int(f) != 0) {
        int left = f->i;
        int sum = 0;
        while (left-- > 0)
            sum += left;
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, sum));
        if (weft_failed(f) == WEFT_ECANCELLED)
            break;
        if (weft_failed(f))
            continue;
        switch (f->i) {
        case 1:
            f->j = 2;
            break;
        default:
            WEFT_RETURN(f, weft_take(f));
        }
    }
    if (f->j)
        WEFT_RETURN_OWNED(f, weft_sent(f), NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(parent);

weft_gen *make(void);
weft_gen *make(void)
{
    return WEFT_CALL(parent);
}
