/* The explicit form: what one case sets and another one reads. */
#include <stdio.h>
#include <weft.h>

struct count {
    weft_gen gen;
    int to;
};

/* START -> WAITED -> (WAITED ...) -> done */
enum count_state { COUNT_START, COUNT_WAITED };

static weft_step count(void *frame)
{
    struct count *f = frame;
    char text[16], word[8];
    int n = 0;
    int to;

    switch ((enum count_state)f->gen.state) {
    case COUNT_START:
        snprintf(text, sizeof text, "%d", n);
        snprintf(word, sizeof word, "%.7s", text);
        to = f->to;
        n = to / 2;
        f->gen.state = COUNT_WAITED;
        return weft_await(&f->gen, weft_sleep(NULL, n));
    case COUNT_WAITED:
        puts(text);           /* lint: local 'text' is used after the resume point of line 28 */
        printf("%s\n", word); /* lint: local 'word' is used after the resume point of line 28 */
        if (n < 3)            /* lint: local 'n' starts anew at the resume point of line 28 */
            return weft_return(&f->gen, NULL);
        if (to > 4) /* lint: local 'to' is used after the resume point of line 28 */
            return weft_return(&f->gen, text);
        return weft_await(&f->gen, weft_sleep(NULL, 1));
    }
    return weft_gen_bad_state(&f->gen);
}
WEFT_GEN_TYPE(count);
