/* 4. A task is a future: its result is what its body returns.
 *
 *     async def greeting(name):                       struct greeting { weft_gen gen; const char *name; };
 *         await asyncio.sleep(1)                          WEFT_AWAIT(f, weft_sleep(NULL, 1));
 *         return f'good morning, {name}'                  WEFT_RETURN_OWNED(f, text, free);
 *
 *     task = loop.create_task(greeting('world'))      task = weft_task_new(loop, WEFT_CALL(greeting, ...))
 *     task.add_done_callback(on_done)                 weft_future_add_done_callback(task, on_done, NULL)
 *     text = loop.run_until_complete(task)            weft_run_until_complete(loop, task, &text)
 *
 * A result is a pointer, and may bring its destructor.  Whoever reads it borrows it; whoever takes it frees it;
 * if nobody takes it, the last reference does.
 *
 * It prints:
 *     the task is pending
 *     callback: good morning, world
 *     main: good morning, world
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <weft.h>

struct greeting {
    weft_gen gen;
    const char *name;
};

static weft_step greeting(void *frame)
{
    enum { SIZE = 100 };
    struct greeting *f = frame;
    char *text;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    text = malloc(SIZE);
    if (!text)
        WEFT_RAISE(f, -ENOMEM);
    snprintf(text, SIZE, "good morning, %s", f->name);
    WEFT_RETURN_OWNED(f, text, free);
    WEFT_END(f);
}
WEFT_GEN_TYPE(greeting);

static void on_done(weft_future *task, void *arg)
{
    void *text;

    (void)arg;
    if (weft_future_result(task, &text) == 0) /* borrowed */
        printf("callback: %s\n", (const char *)text);
}

int main(void)
{
    weft_loop *loop = weft_loop_new(NULL);
    weft_task *task;
    void *text;
    int error;

    if (!loop)
        return 1;
    task = weft_task_new(loop, WEFT_CALL(greeting, .name = "world"));
    weft_future_add_done_callback(task, on_done, NULL);
    printf("the task is %s\n", weft_future_is_done(task) ? "done" : "pending");

    error = weft_run_until_complete(loop, task, &text);
    if (!error)
        printf("main: %s\n", (const char *)text);
    free(text); /* what run_until_complete gives is taken; NULL after an error */
    weft_loop_unref(loop);
    return error ? 1 : 0;
}
