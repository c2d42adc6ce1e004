/* References that are given away once, or of which there are more. */
#include <weft.h>

struct once {
    weft_gen gen;
    weft_outcome outcome;
    weft_future *future, *other, *again, *left;
    weft_task *tasks[2];
    int i;
};

void renew(struct once *f);
int open_it(weft_future **future);

static weft_step once(void *frame)
{
    struct once *f = frame;
    weft_future *future;

    WEFT_BEGIN(f);
    if (f->i == 1)
        WEFT_AWAIT(f, f->again);
    if (f->i != 1)
        weft_future_unref(f->again);
    f->again = weft_sleep(NULL, 1);
    WEFT_AWAIT(f, weft_gather(NULL, f->tasks, 2, 0));
    f->tasks[0] = f->tasks[1] = weft_task_new(NULL, NULL);
    WEFT_AWAIT(f, weft_gather(NULL, f->tasks, 1, 0));
    WEFT_TRY(f);
    for (;;) {
        f->future = weft_sleep(NULL, 1);
        WEFT_AWAIT(f, f->future);
        if (f->i++ == 3)
            break;
    }
    f->future = weft_sleep(NULL, 1);
    WEFT_AWAIT(f, weft_future_ref(f->future));
    if (weft_future_is_cancelled(f->future))
        WEFT_RETURN(f, NULL);
    WEFT_AWAIT(f, f->future);
    renew(f);
    WEFT_AWAIT(f, f->future);
    if (open_it(&f->future) == 0)
        WEFT_AWAIT(f, f->future);
    f->other = weft_sleep(NULL, 1);
    (void)weft_future_ref(f->other);
    WEFT_AWAIT(f, f->other);
    weft_future_unref(f->other);
    if (f->i == 2)
        WEFT_AWAIT(f, f->again);
    else
        weft_future_unref(f->again);
    f->again = NULL;
    weft_future_unref(f->again);
    for (f->i = 0; f->i < 2; f->i++)
        WEFT_AWAIT(f, f->tasks[f->i]);
    WEFT_FINALLY(f);
    if (f->left) {
        future = f->left;
        f->left = NULL;
        WEFT_AWAIT(f, future);
    }
    WEFT_END(f);
}
static void once_cleanup(void *frame)
{
    struct once *f = frame;

    weft_future_unref(f->left);
}
WEFT_GEN_TYPE(once, .cleanup = once_cleanup);

int main(void)
{
    weft_loop *loop = weft_loop_new(NULL);
    weft_task *task = weft_task_new(loop, WEFT_CALL(once));
    int error = weft_run_until_complete(loop, weft_future_ref(task), NULL);

    weft_future_unref(task);
    for (int i = 0; i < 2; i++) {
        weft_task *each = weft_task_new(loop, WEFT_CALL(once));

        error = weft_run_until_complete(loop, each, NULL);
    }
    weft_loop_unref(loop);
    return error ? 1 : 0;
}
