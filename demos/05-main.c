/* 5. A program: one main body, and an orderly end.
 *
 *     async def ticker():                             struct ticker { weft_gen gen; int i; };
 *         for i in itertools.count(1):
 *             await asyncio.sleep(1)                      WEFT_AWAIT(f, weft_sleep(NULL, 1));
 *             print('tick', i)
 *
 *     async def main():                               struct program { weft_gen gen; };
 *         task = asyncio.create_task(ticker())            weft_spawn(NULL, WEFT_CALL(ticker));
 *         await asyncio.sleep(3.5)                        WEFT_AWAIT(f, weft_sleep(NULL, 3.5));
 *         print('main returns')
 *
 *     asyncio.run(main())                             return weft_main(WEFT_CALL(program));
 *
 * weft_main makes the loop, runs the body, cancels and awaits what still runs when it returns, closes the
 * loop, and gives main its exit status.  Ctrl-C cancels the body.
 *
 * It prints:
 *     tick 1
 *     tick 2
 *     tick 3
 *     main returns
 */
#include <stdio.h>
#include <weft.h>

struct ticker {
    weft_gen gen;
    int i;
};

static weft_step ticker(void *frame)
{
    struct ticker *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 1;; f->i++) {
        WEFT_AWAIT(f, weft_sleep(NULL, 1));
        printf("tick %d\n", f->i);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(ticker);

struct program {
    weft_gen gen;
};

static weft_step program(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    weft_spawn(NULL, WEFT_CALL(ticker)); /* NULL: the running loop */
    WEFT_AWAIT(f, weft_sleep(NULL, 3.5));
    printf("main returns\n");
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
