/* A resume point in a function that has no WEFT_BEGIN. */
#include <weft.h>

struct menu {
    weft_gen gen;
    int choice;
};

static weft_step menu(void *frame)
{
    struct menu *f = frame;

    switch (f->choice) {
    case 1:
        WEFT_AWAIT(f, weft_sleep(NULL, 1)); /* lint: WEFT_AWAIT without WEFT_BEGIN */
    }
    return weft_return(&f->gen, NULL);
}
WEFT_GEN_TYPE(menu);
