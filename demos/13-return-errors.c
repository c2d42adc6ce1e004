/* 13. One of several fails, and the others go on: errors are among the results.
 *
 *     one = create_task(request(1, None))             one = weft_task_new(NULL, WEFT_CALL(request, ...));
 *     ...
 *     results = await asyncio.gather(                 WEFT_AWAIT(f, weft_gather(NULL,
 *         one, two, four, return_exceptions=True)         WEFT_FUTURES(one, two, four), WEFT_RETURN_ERRORS));
 *
 *     for result in results:                          const weft_result *results = weft_sent(f);
 *         if isinstance(result, Exception):               if (results[i].error)
 *             print('failed:', result)                        weft_strerror(results[i].error)
 *         else:
 *             print(result)                                   results[i].value
 *
 * It prints:
 *     one: answered after 1 s
 *     two: failed: Connection reset by peer
 *     four: answered after 4 s
 *     4 s in all
 */
#include <errno.h>
#include <stdio.h>
#include <weft.h>

struct request {
    weft_gen gen;
    int seconds;
    int error;
};

static weft_step request(void *frame)
{
    struct request *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_RETURN(f, weft_from_int(f->seconds));
    WEFT_END(f);
}
WEFT_GEN_TYPE(request);

static weft_task *start_request(int seconds, int error)
{
    return weft_task_new(NULL, WEFT_CALL(request, .seconds = seconds, .error = error));
}

static const char *const names[] = {"one", "two", "four"};

struct program {
    weft_gen gen;
    double start;
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    weft_task *one, *two, *four;
    const weft_result *results;

    WEFT_BEGIN(f);
    f->start = weft_loop_time(NULL);
    one = start_request(1, 0);
    two = start_request(2, -ECONNRESET);
    four = start_request(4, 0);
    WEFT_AWAIT(f, weft_gather(NULL, WEFT_FUTURES(one, two, four), WEFT_RETURN_ERRORS));
    results = weft_sent(f);
    for (int i = 0; i < 3; i++) {
        if (results[i].error)
            printf("%s: failed: %s\n", names[i], weft_strerror(results[i].error));
        else
            printf("%s: answered after %d s\n", names[i], (int)weft_int(results[i].value));
    }
    printf("%.0f s in all\n", weft_loop_time(NULL) - f->start);
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
