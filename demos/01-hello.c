/* 1. A task that sleeps, and prints.
 *
 *     async def hello(name):                          struct hello { weft_gen gen; const char *name; };
 *         print(f'hello, {name}')                     static weft_step hello(void *frame)
 *         await asyncio.sleep(0.1)                        WEFT_AWAIT(f, weft_sleep(NULL, 0.1));
 *         print(f'bye, {name}')
 *
 *     loop = asyncio.new_event_loop()                 weft_loop_new(NULL)
 *     task = loop.create_task(hello('world'))         weft_task_new(loop, WEFT_CALL(hello, ...))
 *     loop.run_until_complete(task)                   weft_run_until_complete(loop, task, NULL)
 *
 * A generator function becomes a struct, which holds what must outlast a wait, and a function, which is
 * called once a step and goes on where it stopped.
 *
 * It prints:
 *     hello, world
 *     bye, world
 */
#include <stdio.h>
#include <weft.h>

struct hello {
    weft_gen gen; /* first, in every frame */
    const char *name;
};

static weft_step hello(void *frame)
{
    struct hello *f = frame;

    WEFT_BEGIN(f);
    printf("hello, %s\n", f->name);
    WEFT_AWAIT(f, weft_sleep(NULL, 0.1)); /* returns to the loop here, and comes back here */
    printf("bye, %s\n", f->name);
    WEFT_END(f);
}
WEFT_GEN_TYPE(hello);

int main(void)
{
    weft_loop *loop = weft_loop_new(NULL);
    weft_task *task;
    int error;

    if (!loop)
        return 1;
    task = weft_task_new(loop, WEFT_CALL(hello, .name = "world"));
    error = weft_run_until_complete(loop, task, NULL); /* takes the task's reference */
    weft_loop_unref(loop);
    return error ? 1 : 0;
}
