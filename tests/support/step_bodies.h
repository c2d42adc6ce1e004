/* step_bodies.h - a body that steps, for the suites on order. */
#ifndef WEFT_TESTS_STEP_BODIES_H
#define WEFT_TESTS_STEP_BODIES_H

#include "support/harness.h"

/* Says its name and how many steps are left, and gives way. */
struct steps {
    weft_gen gen;
    const char *name;
    int left;
};

static weft_step steps(void *frame)
{
    struct steps *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        say("%s%d", f->name, f->left);
        if (f->left-- == 0)
            break;
        WEFT_PAUSE(f);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(steps);

/* Up to four of them, a to d, on the fixture's loop; nobody keeps a handle. */
static void make_steps(int count, int left)
{
    static const char *const names[] = {"a", "b", "c", "d"};

    for (int i = 0; i < count; i++)
        ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(steps, .name = names[i], .left = left)), 0);
}

static void abort_run(void *arg)
{
    (void)arg;
    weft_abort(loop, -EIO);
}

#endif
