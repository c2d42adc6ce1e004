/* Results that were taken, that are read before the next wait, or that nobody frees. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft.h>

struct copy {
    weft_gen gen;
    weft_stream *from, *to;
    weft_queue *queue;
    weft_future *opened;
    char *line, *item, *child, *shared, *copied;
    size_t length;
};

void refill(struct copy *f);

static weft_step name(void *frame)
{
    WEFT_BEGIN((struct copy *)frame);
    WEFT_RETURN((struct copy *)frame, "name");
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
    for (;;) {
        WEFT_AWAIT(f, weft_stream_read_line(f->from));
        f->line = weft_sent(f);
        f->length = strlen(f->line);
        WEFT_AWAIT(f, weft_stream_write(f->to, f->line, f->length)); /* it copies */
        if (f->length == 0)
            break;
    }
    WEFT_AWAIT(f, weft_stream_read_line(f->from));
    f->line = weft_take(f);
    WEFT_PAUSE(f);
    puts(f->line);

    WEFT_AWAIT(f, weft_stream_read_line(f->from));
    f->copied = weft_sent(f);
    puts(f->copied);
    (void)weft_take(f); /* it is f->copied */
    WEFT_PAUSE(f);
    puts(f->copied);

    WEFT_AWAIT(f, weft_stream_read_line(f->from));
    f->copied = weft_sent(f);
    WEFT_PAUSE(f);
    refill(f);
    puts(f->copied);

    WEFT_GET(f, f->queue); /* an item is who gets it's */
    f->item = weft_sent(f);
    WEFT_AWAIT(f, f->opened); /* whose it is only its maker knows */
    f->shared = weft_sent(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(name)); /* what it brings is ours */
    f->child = weft_sent(f);
    WEFT_PAUSE(f);
    printf("%s %s %s\n", f->item, f->shared, f->child);
    WEFT_AWAIT(f, weft_task_new(NULL, WEFT_CALL(name))); /* a literal */
    f->child = weft_sent(f);
    WEFT_PAUSE(f);
    puts(f->child);
    WEFT_END(f);
}
WEFT_GEN_TYPE(copy);
