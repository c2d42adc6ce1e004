/* Set before WEFT_BEGIN is set at each entry: what was written to it since is lost. */
#include <weft.h>

struct skip {
    weft_gen gen;
    const char *text;
};

static weft_step skip(void *frame)
{
    struct skip *f = frame;
    const char *at = f->text;
    int count = 0;

    WEFT_BEGIN(f);
    at++;
    count++;
    WEFT_YIELD(f, NULL);
    if (*at) /* lint: local 'at' starts anew at the resume point of line 18 */
        WEFT_YIELD(f, weft_from_int(count)); /* lint: local 'count' starts anew */
    WEFT_END(f);
}
WEFT_GEN_TYPE(skip);
