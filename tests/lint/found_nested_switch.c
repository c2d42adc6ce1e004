/* A resume point inside a switch of the body's own is never reached again. */
#include <weft.h>

struct menu {
    weft_gen gen;
    int choice;
};

static weft_step menu(void *frame)
{
    struct menu *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD(f, NULL);
    switch (f->choice) {
    case 1:
        WEFT_AWAIT(f, weft_sleep(NULL, 1)); /* lint: WEFT_AWAIT inside a switch of the body's own */
        break;
    default:
        while (f->choice-- > 0)
            WEFT_YIELD(f, NULL); /* lint: WEFT_YIELD inside a switch of the body's own */
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(menu);
