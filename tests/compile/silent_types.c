/* WEFT_GEN_TYPE with designators and without, FORWARD, EXPORT, calls with arguments and without */
#include <stdlib.h>
#include <weft.h>

struct ping {
    weft_gen gen;
};
struct pong {
    weft_gen gen;
    char *text;
    int left;
};
struct both {
    weft_gen gen;
    struct pong pong; /* a child's frame inside this one */
};
WEFT_GEN_FORWARD(pong);
extern const weft_gen_type both_type;

static weft_step ping(void *frame)
{
    struct ping *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(pong, .left = 3));
    WEFT_END(f);
}
WEFT_GEN_TYPE(ping);

static weft_step pong(void *frame)
{
    struct pong *f = frame;

    WEFT_BEGIN(f);
    if (f->left-- > 0)
        WEFT_YIELD_FROM(f, WEFT_CALL(ping));
    WEFT_END(f);
}
static void pong_cleanup(void *frame)
{
    struct pong *f = frame;

    free(f->text);
}
WEFT_GEN_TYPE(pong, .cleanup = pong_cleanup);

static weft_step both(void *frame)
{
    struct both *f = frame;

    WEFT_BEGIN(f);
    f->pong.left = 2;
    weft_gen_init(&f->pong.gen, &pong_type);
    WEFT_YIELD_FROM(f, &f->pong.gen);
    WEFT_YIELD_FROM(f, WEFT_CALL(pong, .text = NULL, .left = 1));
    WEFT_END(f);
}
WEFT_GEN_EXPORT(both);
