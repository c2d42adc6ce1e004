/* A macro of the program's own around one of weft's is a resume point, too. */
#include <weft.h>

#define PAUSE(f) WEFT_AWAIT(f, weft_sleep(NULL, 1))

struct tick {
    weft_gen gen;
    int sum;
};

static weft_step tick(void *frame)
{
    struct tick *f = frame;

    WEFT_BEGIN(f);
    int n = f->sum;
    PAUSE(f);
    WEFT_YIELD(f,                 /* the finding is on the argument's line, not on the macro's */
               weft_from_int(n)); /* lint: local 'n' is used after the resume point of line 17 */
    switch (f->sum) {
    case 1:
        PAUSE(f); /* lint: PAUSE inside a switch of the body's own */
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(tick);
