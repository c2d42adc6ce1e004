/* 15. A deadline for a piece of a body, whatever it does there.
 *
 *     async def download():                           struct download { weft_gen gen; };
 *         await step('connected', 1)                      WEFT_YIELD_FROM(f, WEFT_CALL(step, ...));
 *         await step('asked', 1)
 *         await step('read it all', 4)
 *
 *     try:
 *         async with asyncio.timeout(3):                  weft_scope_enter(&f->scope, 3, 0);
 *             await download()                            WEFT_TRY_YIELD_FROM(f, WEFT_CALL(download));
 *     except TimeoutError:                                error = weft_scope_exit(&f->scope, weft_failed(f));
 *         print('too slow')                               error == WEFT_ETIMEDOUT
 *
 * weft_wait_for limits one future, a scope all the waits between enter and exit, in this body and in those it
 * calls; no task of its own is needed for it.  Exit must be reached: hence the TRY_ form.
 *
 * It prints:
 *     1 s: connected
 *     2 s: asked
 *     3 s: too slow, go on without it
 *     4 s: done with something else
 */
#include <stdio.h>
#include <weft.h>

static double start; /* of the program, on the loop's clock */

struct step {
    weft_gen gen;
    const char *what;
    double seconds;
};

static weft_step step(void *frame)
{
    struct step *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    printf("%.0f s: %s\n", weft_loop_time(NULL) - start, f->what);
    WEFT_END(f);
}
WEFT_GEN_TYPE(step);

struct download {
    weft_gen gen;
};

static weft_step download(void *frame)
{
    struct download *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(step, .what = "connected", .seconds = 1));
    WEFT_YIELD_FROM(f, WEFT_CALL(step, .what = "asked", .seconds = 1));
    WEFT_YIELD_FROM(f, WEFT_CALL(step, .what = "read it all", .seconds = 4));
    WEFT_END(f);
}
WEFT_GEN_TYPE(download);

struct program {
    weft_gen gen;
    weft_scope scope;
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    int error;

    WEFT_BEGIN(f);
    start = weft_loop_time(NULL);
    weft_scope_enter(&f->scope, 3, 0);
    WEFT_TRY_YIELD_FROM(f, WEFT_CALL(download));
    error = weft_scope_exit(&f->scope, weft_failed(f));
    if (error && error != WEFT_ETIMEDOUT)
        WEFT_RAISE(f, error);
    if (error)
        printf("%.0f s: too slow, go on without it\n", weft_loop_time(NULL) - start);
    WEFT_YIELD_FROM(f, WEFT_CALL(step, .what = "done with something else", .seconds = 1));
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
