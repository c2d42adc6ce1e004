/* A local whose address is taken after the resume point: its value is used, too. */
#include <string.h>
#include <weft.h>

void step(int *n);
int look(const int *n);
void fill(char *text);

struct walk {
    weft_gen gen;
    int sum;
    char text[8];
};

static weft_step walk(void *frame)
{
    struct walk *f = frame;

    WEFT_BEGIN(f);
    int n = 0;
    char text[8];
    char *end = f->text;
    fill(text);
    WEFT_YIELD(f, NULL);
    step(&n);       /* lint: local 'n' is used after the resume point of line 24 */
    fill(text + 1); /* lint: local 'text' is used after the resume point of line 24 */
    *end = 0;       /* lint: local 'end' is used after the resume point of line 24 */
    WEFT_YIELD(f, NULL);
    f->sum = look(&n);          /* lint: local 'n' is used after the resume point of line 28 */
    f->sum += f->text[text[0]]; /* lint: local 'text' is used after the resume point of line 28 */
    end[1] = 0;                 /* lint: local 'end' is used after the resume point of line 28 */
    WEFT_YIELD(f, NULL);
    strcpy(text + 2, "x"); /* lint: local 'text' is used after the resume point of line 32 */
    WEFT_END(f);
}
WEFT_GEN_TYPE(walk);
