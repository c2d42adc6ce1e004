/* A switch of the body's own between resume points, and functions that are no bodies. */
#include <weft.h>

struct menu {
    weft_gen gen;
    int choice;
};

static int weigh(int choice)
{
    int weight, state = choice;

    switch (state) {
    case 1:
        weight = 2;
        break;
    case 2:
        weight = 3;
        break;
    default:
        weight = 4;
    }
    return weight;
}

static weft_step menu(void *frame)
{
    struct menu *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD(f, NULL);
    switch (f->choice) {
    case 1:
        f->choice = weigh(2);
        break;
    default:
        WEFT_RAISE(f, -1);
    }
    if (f->choice == 2)
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
    else
        WEFT_YIELD(f, NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(menu);
