/* Locals that live and die between two resume points, in loops and out of them. */
#include <stdio.h>
#include <string.h>
#include <weft.h>

void fill(char *text);

struct report {
    weft_gen gen;
    char name[16];
    int i, sum;
};

static weft_step report(void *frame)
{
    struct report *f = frame;

    WEFT_BEGIN(f);
    int n = f->sum, squares[4];
    char text[32] = "";
    for (int i = 0; i < 4; i++)
        squares[i] = i * i + n;
    snprintf(text, sizeof text, "%d", squares[3]);
    puts(text);
    WEFT_YIELD(f, weft_from_int(squares[2]));

    for (f->i = 0; f->i < 3; f->i++) {
        char line[32];
        int length = snprintf(line, sizeof line, "%s %d", f->name, f->i);
        while (length > 0 && line[length - 1] == ' ')
            line[--length] = 0;
        puts(line);
        WEFT_AWAIT(f, weft_sleep(NULL, length));
        char rest[8];
        int left = 3;
        fill(rest);
        do
            f->sum += left;
        while (--left > 0);
    }

    /* The same local again: its value is new. */
    n = f->sum;
    WEFT_YIELD(f, weft_from_int(n));
    n = weft_failed(f) ? 1 : 2;
    f->sum += n;
    while (f->sum < 100) {
        WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
        n = weft_failed(f);
        if (n < 0)
            WEFT_RAISE(f, n);
        f->sum += n;
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(report);
