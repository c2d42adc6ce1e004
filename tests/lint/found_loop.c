/* What the bottom of a loop leaves for its top, with a resume point in between. */
#include <weft.h>

struct poll {
    weft_gen gen;
    int tries;
};

static weft_step poll(void *frame)
{
    struct poll *f = frame;

    WEFT_BEGIN(f);
    double pause = 0.1;
    while (f->tries-- > 0) {
        pause *= 2; /* lint: local 'pause' is used after the resume point of line 17 */
        WEFT_AWAIT(f, weft_sleep(NULL, pause));
    }
    int last = 0;
    for (f->tries = 0; f->tries < 3; f->tries++) {
        if (last) /* lint: local 'last' is used after the resume point of line 25 */
            continue;
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
        last = f->tries;
        WEFT_YIELD(f, NULL);
    }
    for (int i = 0; i < 3; i++) /* lint: local 'i' is used after the resume point of line 28 */
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
    int n = 1;
    while (f->tries-- > 0) {
        f->tries -= n; /* lint: local 'n' is used after the resume point of line 32 */
        WEFT_YIELD(f, NULL);
        if (f->tries > 9)
            continue;
        n = 2;
    }
    int m = 1;
    for (;;) {
        WEFT_YIELD(f, NULL);
        if (f->tries > 9)
            break;
        m = 2;
    }
    f->tries = m; /* lint: local 'm' is used after the resume point of line 39 */
    int k = 1;
    WEFT_YIELD(f, NULL);
    while (f->tries-- > 0) {
        f->tries += k; /* lint: local 'k' is used after the resume point of line 46 */
        WEFT_YIELD(f, NULL);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(poll);
