/* 12. One of several fails: the others are cancelled, and awaited.
 *
 *     async def request(name, seconds, error):        struct request { weft_gen gen; ... };
 *         try:                                            WEFT_TRY(f);
 *             await asyncio.sleep(seconds)                WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
 *             if error: raise error                       if (f->error) WEFT_RAISE(f, f->error);
 *         finally:                                        WEFT_FINALLY(f);
 *             await asyncio.sleep(1)                      WEFT_AWAIT(f, weft_sleep(NULL, 1));
 *             print(name, 'is closed')
 *
 *     one = create_task(request('one', 1, None))      one = weft_task_new(NULL, WEFT_CALL(request, ...));
 *     ...
 *     try:
 *         await asyncio.gather(one, two, eight)       WEFT_TRY_AWAIT(f, weft_gather(NULL,
 *                                                         WEFT_FUTURES(one, two, eight), 0));
 *     except ConnectionResetError as e: ...           weft_failed(f)
 *
 * asyncio's gather fails at once, and leaves `eight` running.  weft's cancels it, and fails when it has ended:
 * a sibling often holds pointers into the frame of the one who gathers.  WEFT_KEEP_RUNNING asks for
 * asyncio's rule.
 *
 * It prints:
 *     2 s: one is closed: success
 *     3 s: two is closed: Connection reset by peer
 *     4 s: eight is closed: cancelled
 *     4 s: the gather failed: Connection reset by peer
 */
#include <errno.h>
#include <stdio.h>
#include <weft.h>

static double start; /* of the program, on the loop's clock */

struct request {
    weft_gen gen;
    weft_outcome outcome;
    const char *name;
    double seconds;
    int error;
};

static weft_step request(void *frame)
{
    struct request *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_FINALLY(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1)); /* a farewell to the server */
    printf("%.0f s: %s is closed: %s\n", weft_loop_time(NULL) - start, f->name,
           weft_strerror(f->outcome.error));
    WEFT_END(f);
}
WEFT_GEN_TYPE(request);

static weft_task *start_request(const char *name, double seconds, int error)
{
    return weft_task_new(NULL, WEFT_CALL(request, .name = name, .seconds = seconds, .error = error));
}

struct program {
    weft_gen gen;
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    weft_task *one, *two, *eight;

    WEFT_BEGIN(f);
    start = weft_loop_time(NULL);
    one = start_request("one", 1, 0);
    two = start_request("two", 2, -ECONNRESET);
    eight = start_request("eight", 8, 0);
    WEFT_TRY_AWAIT(f, weft_gather(NULL, WEFT_FUTURES(one, two, eight), 0));
    printf("%.0f s: the gather failed: %s\n", weft_loop_time(NULL) - start,
           weft_strerror(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
