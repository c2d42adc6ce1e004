/* 10. Cancelling a task: a request, which arrives at the await where the task waits.
 *
 *     async def worker():                             struct worker { weft_gen gen; weft_outcome outcome; };
 *         try:                                            WEFT_TRY(f);
 *             print('working')
 *             await asyncio.sleep(3600)                   WEFT_AWAIT(f, weft_sleep(NULL, 3600));
 *             print('never printed')
 *         finally:                                        WEFT_FINALLY(f);
 *             print('tidying up')
 *             await asyncio.sleep(0.1)                    WEFT_AWAIT(f, weft_sleep(NULL, 0.1));
 *             print('tidy')
 *
 *     task = loop.create_task(worker())               weft_task_new(loop, WEFT_CALL(worker))
 *     loop.call_later(0.1, task.cancel)               weft_call_later(loop, 0.1, give_up, task, NULL)
 *     try: loop.run_until_complete(task)              error = weft_run_until_complete(...)
 *     except CancelledError: ...                      error == WEFT_ECANCELLED
 *
 * What follows WEFT_FINALLY runs once, however the body ends, and may itself wait.
 *
 * It prints:
 *     working
 *     tidying up
 *     tidy
 *     the worker ended: cancelled, because it took too long
 */
#include <stdio.h>
#include <weft.h>

struct worker {
    weft_gen gen;
    weft_outcome outcome; /* how it ends: kept here while FINALLY runs */
};

static weft_step worker(void *frame)
{
    struct worker *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    printf("working\n");
    WEFT_AWAIT(f, weft_sleep(NULL, 3600));
    printf("never printed\n");

    WEFT_FINALLY(f);
    printf("tidying up\n");
    WEFT_AWAIT(f, weft_sleep(NULL, 0.1));
    printf("tidy\n");
    WEFT_END(f); /* with what was under way: the cancel */
}
WEFT_GEN_TYPE(worker);

static void give_up(void *task)
{
    weft_future_cancel(task, "it took too long");
}

int main(void)
{
    weft_loop *loop = weft_loop_new(NULL);
    weft_task *task;
    int error;

    if (!loop)
        return 1;
    task = weft_task_new(loop, WEFT_CALL(worker));
    weft_call_later(loop, 0.1, give_up, task, NULL);
    error = weft_run_until_complete(loop, weft_future_ref(task), NULL);
    printf("the worker ended: %s, because %s\n", weft_strerror(error),
           weft_future_cancel_reason(task));
    weft_future_unref(task);
    weft_loop_unref(loop);
    return error == WEFT_ECANCELLED ? 0 : 1;
}
