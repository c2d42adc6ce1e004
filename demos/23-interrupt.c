/* 23. Ctrl-C: the main body is cancelled, and may put things in order.
 *
 *     async def main():                               struct program { weft_gen gen; };
 *         try:
 *             print('working; Ctrl-C ends it')
 *             await asyncio.sleep(3600)                   WEFT_TRY_AWAIT(f, weft_sleep(NULL, 3600));
 *         except asyncio.CancelledError:                  if (weft_failed(f) == WEFT_ECANCELLED) {
 *             print('saving')
 *             await asyncio.sleep(1)                          WEFT_AWAIT(f, weft_sleep(NULL, 1));
 *             print('saved')                              }
 *
 *     asyncio.run(main())                             return weft_main(WEFT_CALL(program));
 *
 * SIGINT is a cancel like any other: what the body awaits ends with WEFT_ECANCELLED.  A body that lets the error
 * through ends the program with status 130.  A second Ctrl-C does not wait for the saving.
 *
 * It prints:
 *     working; Ctrl-C ends it
 *     saving
 *     saved
 */
#include <signal.h>
#include <stdio.h>
#include <weft.h>

struct program {
    weft_gen gen;
};

static weft_step program(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    printf("working; Ctrl-C ends it\n");
    raise(SIGINT); /* presses it; leave this line out to do so yourself */
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 3600));
    if (weft_failed(f) == WEFT_ECANCELLED) {
        printf("saving\n");
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
        printf("saved\n");
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
