/* A reference that is given away twice through one variable. */
#include <weft.h>

struct twice {
    weft_gen gen;
    weft_outcome outcome;
    weft_future *future, *other, *kept;
    weft_task *task;
    weft_gen *child;
    int i;
};

static weft_step twice(void *frame)
{
    struct twice *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    f->future = weft_sleep(NULL, 1);
    WEFT_AWAIT(f, f->future);
    WEFT_AWAIT(f, f->future); /* lint: 'f->future' was given away at line 20, which took its refere */
    f->other = weft_sleep(NULL, 1);
    WEFT_TRY_AWAIT(f, weft_wait_for(f->other, 1));
    weft_future_unref(f->other); /* lint: 'f->other' was given away at line 23 */
    f->task = weft_task_new(NULL, f->child);
    WEFT_YIELD_FROM(f, f->child); /* lint: 'f->child' was given away at line 25 */
    for (f->i = 0; f->i < 3; f->i++)
        WEFT_AWAIT(f, weft_shield(f->task)); /* lint: 'f->task' was given away at line 28 */
    f->future = weft_sleep(NULL, 1);
    f->other = weft_sleep(NULL, 1);
    WEFT_AWAIT(f, weft_gather(NULL, WEFT_FUTURES(f->future, f->other), 0));
    if (weft_future_is_done(f->other)) /* lint: 'f->other' is used after it was given away at line 31 */
        WEFT_RETURN(f, NULL);
    f->kept = weft_sleep(NULL, 1);
    WEFT_AWAIT(f, f->kept);
    WEFT_FINALLY(f);
    if (f->kept)
        WEFT_AWAIT(f, f->kept); /* lint: 'f->kept' was given away at line 35 */
    WEFT_END(f);
}
static void twice_cleanup(void *frame)
{
    struct twice *f = frame;

    weft_future_unref(f->kept); /* lint: the frame's 'kept' was given away at line 35 */
}
WEFT_GEN_TYPE(twice, .cleanup = twice_cleanup);

int main(void)
{
    weft_loop *loop = weft_loop_new(NULL);
    weft_task *task = weft_task_new(loop, WEFT_CALL(twice));
    int error = weft_run_until_complete(loop, task, NULL);

    weft_future_unref(task); /* lint: 'task' was given away at line 53 */
    weft_loop_unref(loop);
    return error ? 1 : 0;
}
