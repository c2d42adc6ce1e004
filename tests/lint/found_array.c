/* An array that is read after a yield: neither compiler says anything. */
#include <stdio.h>
#include <weft.h>

struct greet {
    weft_gen gen;
    const char *name;
};

static weft_step greet(void *frame)
{
    struct greet *f = frame;
    char line[64];

    WEFT_BEGIN(f);
    snprintf(line, sizeof line, "hello %s", f->name);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    puts(line); /* lint: local 'line' is used after the resume point of line 17 */
    puts(line);
    WEFT_YIELD(f, NULL);
    line[0] = 0; /* lint: local 'line' is used after the resume point of line 20 */
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    printf("%s\n", line); /* lint: local 'line' is used after the resume point of line 22 */
    WEFT_END(f);
}
WEFT_GEN_TYPE(greet);
