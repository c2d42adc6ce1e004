/* 14. A timeout: at most two seconds for a future.
 *
 *     try:
 *         await asyncio.wait_for(task, 2)             WEFT_TRY_AWAIT(f, weft_wait_for(task, 2));
 *     except TimeoutError: ...                        weft_failed(f) == WEFT_ETIMEDOUT
 *
 * When time is up, the task is cancelled and awaited: nothing of it is left when the error arrives.
 *
 * It prints:
 *     1 s: the quick one: success
 *     3 s: the slow one was cancelled
 *     3 s: the slow one: deadline expired
 */
#include <stdio.h>
#include <weft.h>

static double start; /* of the program, on the loop's clock */

struct request {
    weft_gen gen;
    weft_outcome outcome;
    const char *name;
    double seconds;
};

static weft_step request(void *frame)
{
    struct request *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    WEFT_FINALLY(f);
    if (f->outcome.error)
        printf("%.0f s: %s was %s\n", weft_loop_time(NULL) - start, f->name,
               weft_strerror(f->outcome.error));
    WEFT_END(f);
}
WEFT_GEN_TYPE(request);

static const struct page {
    const char *name;
    double seconds;
} pages[] = {{"the quick one", 1}, {"the slow one", 4}};

struct program {
    weft_gen gen;
    int i;
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    weft_task *task;

    WEFT_BEGIN(f);
    start = weft_loop_time(NULL);
    for (f->i = 0; f->i < 2; f->i++) {
        task = weft_task_new(
            NULL, WEFT_CALL(request, .name = pages[f->i].name, .seconds = pages[f->i].seconds));
        WEFT_TRY_AWAIT(f, weft_wait_for(task, 2));
        if (weft_failed(f) && weft_failed(f) != WEFT_ETIMEDOUT)
            WEFT_RAISE(f, weft_failed(f));
        printf("%.0f s: %s: %s\n", weft_loop_time(NULL) - start, pages[f->i].name,
               weft_strerror(weft_failed(f)));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
