/* TRY and FINALLY, with locals in both parts, in both forms. */
#include <stdlib.h>
#include <weft.h>

struct copy {
    weft_gen gen;
    weft_outcome outcome;
    char *buffer;
    int size;
};

static weft_step copy(void *frame)
{
    struct copy *f = frame;
    int n = f->size;

    WEFT_BEGIN(f);
    f->buffer = malloc((size_t)n);
    WEFT_TRY(f);
    for (int i = 0; i < n; i++)
        f->buffer[i] = (char)i;
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_FINALLY(f);
    free(f->buffer);
    int tries = 3;
    while (tries-- > 0)
        f->size++;
    WEFT_AWAIT(f, weft_sleep(NULL, n));
    f->size = n;
    WEFT_END(f);
}
WEFT_GEN_TYPE(copy);

struct explicit_copy {
    weft_gen gen;
    weft_outcome outcome;
    char *buffer;
    int size;
};

static weft_step explicit_copy(void *frame)
{
    struct explicit_copy *f = frame;

    switch (f->gen.state) {
    case 0:
        weft_try(&f->gen, 2);
        f->gen.state = 1;
        return weft_await(&f->gen, weft_sleep(NULL, 1));
    case 1:
        return f->gen.error ? weft_raise(&f->gen, f->gen.error) : weft_return(&f->gen, NULL);
    case 2: {
        int n = f->size;
        weft_finally(&f->gen, &f->outcome);
        while (n-- > 0)
            f->buffer[n] = 0;
        return weft_end(&f->gen);
    }
    }
    return weft_gen_bad_state(&f->gen);
}
WEFT_GEN_TYPE(explicit_copy);
