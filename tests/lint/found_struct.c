/* A struct whose members are read after a yield, and one that is copied. */
#include <weft.h>

struct point {
    int x, y;
};
struct move {
    weft_gen gen;
    struct point at;
};

static weft_step move(void *frame)
{
    struct move *f = frame;
    struct point by = {1, 0}, to;

    WEFT_BEGIN(f);
    to = f->at;
    to.x += by.x;
    by.y = 2;
    WEFT_YIELD(f, NULL);
    f->at = to;      /* lint: local 'to' is used after the resume point of line 21 */
    f->at.y += by.y; /* lint: local 'by' starts anew at the resume point of line 21 */
    WEFT_END(f);
}
WEFT_GEN_TYPE(move);
