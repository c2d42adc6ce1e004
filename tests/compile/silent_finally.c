/* TRY and FINALLY, twice in one file, with awaits in both parts */
#include <stdlib.h>
#include <weft.h>

struct copy {
    weft_gen gen;
    weft_outcome outcome;
    char *buffer;
};

static weft_step copy(void *frame)
{
    struct copy *f = frame;

    WEFT_BEGIN(f);
    f->buffer = malloc(100);
    if (!f->buffer)
        WEFT_RAISE(f, -1);
    WEFT_TRY(f);
    while (f->buffer[0])
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_FINALLY(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    free(f->buffer);
    WEFT_END(f);
}
WEFT_GEN_TYPE(copy);

struct nap {
    weft_gen gen;
    weft_outcome outcome;
};

static weft_step nap(void *frame)
{
    struct nap *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(copy));
    WEFT_FINALLY(f);
    WEFT_END(f);
}
WEFT_GEN_TYPE(nap);

weft_gen *make(void);
weft_gen *make(void)
{
    return WEFT_CALL(nap);
}
