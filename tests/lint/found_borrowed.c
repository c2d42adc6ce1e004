/* A borrowed result that is kept in the frame and read after a further wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft.h>

struct copy {
    weft_gen gen;
    weft_outcome outcome;
    weft_stream *from, *to;
    char *line, *kept;
    const weft_result *results;
    struct {
        char *text;
    } last;
    weft_gen *names;
};

static weft_step name(void *frame)
{
    WEFT_BEGIN((struct copy *)frame);
    WEFT_RETURN_OWNED((struct copy *)frame, strdup("name"), free);
    WEFT_END((struct copy *)frame);
}
struct name {
    weft_gen gen;
};
WEFT_GEN_TYPE(name);

static weft_step copy(void *frame)
{
    struct copy *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_stream_read_line(f->from));
    f->line = weft_sent(f);
    puts(f->line);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    puts(f->line); /* lint: 'f->line' points to a result that was borrowed until the wait of line 38 */

    WEFT_AWAIT(f, weft_wait_for(weft_stream_read_until(f->from, NULL, 0), 5));
    char *text = weft_sent(f);
    f->last.text = text;
    WEFT_PAUSE(f);
    puts(f->last.text); /* lint: 'f->last.text' points to a result that was borrowed */

    WEFT_AWAIT(f, weft_gather(NULL, WEFT_FUTURES(weft_sleep(NULL, 1), weft_sleep(NULL, 2)), 0));
    f->results = weft_sent(f);
    WEFT_YIELD_FROM(f, f->names);
    if (f->results[0].error) /* lint: 'f->results' points to a result that was borrowed */
        WEFT_RAISE(f, WEFT_EBROKEN);

    WEFT_AWAIT(f, weft_task_new(NULL, WEFT_CALL(name)));
    f->kept = weft_sent(f);
    WEFT_AWAIT(f, weft_stream_write(f->to, f->kept, 4));
    WEFT_AWAIT(f, weft_stream_write(f->to, f->kept, 4)); /* lint: 'f->kept' points to a result */

    do {
        WEFT_AWAIT(f, weft_stream_read_all(f->from));
        if (f->kept && strcmp(f->kept, weft_sent(f)) == 0) /* lint: 'f->kept' points to a result */
            break;
        f->kept = weft_sent(f);
    } while (f->line);
    WEFT_END(f);
}
WEFT_GEN_TYPE(copy);
