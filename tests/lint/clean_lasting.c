/* What does live across a resume point: the frame, statics, globals, what is computed anew. */
#include <stdio.h>
#include <weft.h>

static int total;

struct pair {
    weft_gen gen;
    struct pair *other;
    char name[16];
    int (*values)[4];
};

static weft_step pair(void *frame)
{
    struct pair *f = frame, *const other = f->other;
    static const char *const words[] = {"one", "two"};
    const size_t count = sizeof words / sizeof *words;
    static char seen[8];
    char scratch[16];

    WEFT_BEGIN(f);
    seen[0]++;
    int n = total;
    total += n;
    snprintf(f->name, sizeof f->name, "%s", words[0]);
    WEFT_YIELD(f, f->name);
    total += (int)(count + sizeof scratch);
    puts(words[1]);
    puts(seen);
    (void)n;
    puts(f->name);
    WEFT_YIELD(f, other->name);
    f->values[0][1] = total;
    WEFT_YIELD_FROM(f, &other->gen);
    WEFT_RETURN(f, f->values[0] + 1);
    WEFT_END(f);
}
WEFT_GEN_TYPE(pair);
