/* The FINALLY part can be entered from any resume point of the part before. */
#include <stdlib.h>
#include <weft.h>

void scribble(char *text);

struct copy {
    weft_gen gen;
    weft_outcome outcome;
};

static weft_step copy(void *frame)
{
    struct copy *f = frame;
    char *buffer = NULL;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    buffer = malloc(100);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_FINALLY(f);
    free(buffer); /* lint: local 'buffer' starts anew at the resume point of line 21 */
    WEFT_END(f);
}
WEFT_GEN_TYPE(copy);

struct watch {
    weft_gen gen;
    weft_outcome outcome;
};

static weft_step watch(void *frame)
{
    struct watch *f = frame;
    char text[8];

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    for (;;) {
        scribble(text); /* lint: local 'text' is used after the resume point of line 41 */
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
    }
    WEFT_FINALLY(f);
    scribble(text); /* lint: local 'text' is used after the resume point of line 43 */
    WEFT_END(f);
}
WEFT_GEN_TYPE(watch);
