#include "ending.h"

#include <signal.h>
#include <unistd.h>
#include "door.h"

struct end_of_input {
    weft_gen gen;
};

static weft_step end_of_input(void *frame)
{
    struct end_of_input *f = frame;

    WEFT_BEGIN(f);
    do /* a file cannot be waited for: it has all that it will ever have */
        WEFT_TRY_AWAIT(f, weft_readable(NULL, STDIN_FILENO));
    while (!weft_failed(f) && !door_has_ended(STDIN_FILENO));
    WEFT_END(f);
}
WEFT_GEN_TYPE(end_of_input);

struct ending {
    weft_gen gen;
    weft_future *ends[3];
    size_t count;
};

static weft_step ending(void *frame)
{
    struct ending *f = frame;

    WEFT_BEGIN(f);
    f->ends[f->count++] = weft_signal(NULL, SIGINT);
    f->ends[f->count++] = weft_signal(NULL, SIGTERM);
    f->ends[f->count++] = weft_task_new(NULL, WEFT_CALL(end_of_input));
    WEFT_AWAIT(f, weft_wait(NULL, f->ends, f->count, WEFT_FIRST_COMPLETED, WEFT_NEVER));
    WEFT_END(f);
}

static void ending_cleanup(void *frame)
{
    struct ending *f = frame;

    for (size_t i = 0; i < f->count; i++) {
        weft_future_cancel(f->ends[i], "it is the end");
        weft_future_unref(f->ends[i]);
    }
}
WEFT_GEN_TYPE(ending, .cleanup = ending_cleanup);

weft_gen *until_the_end(void)
{
    return WEFT_CALL(ending);
}
