/* 9. Three tasks of 1, 2 and 4 seconds: waiting for the first, for some time, and for all.
 *
 *     done, pending = await asyncio.wait(tasks,       WEFT_AWAIT(f, weft_wait(NULL, f->tasks, 3,
 *         return_when=FIRST_COMPLETED)                    WEFT_FIRST_COMPLETED, WEFT_NEVER));
 *     done, pending = await asyncio.wait(tasks,       WEFT_AWAIT(f, weft_wait(NULL, f->tasks, 3,
 *         timeout=2)                                      WEFT_ALL, 2));
 *     len(done)                                       weft_sent_int(f)
 *     task in done                                    weft_future_is_done(f->tasks[i])
 *     task.result()                                   weft_future_result(f->tasks[i], &value)
 *
 * A wait only looks: it cancels nothing, takes no result, and borrows the tasks.  Time that is up is no error.
 * The same tasks may be waited for again.
 *
 * It prints:
 *     1 s: the first is done (done: 1)
 *     3 s: two more seconds have passed (done: 1 2)
 *     4 s: all are done (done: 1 2 4)
 */
#include <stdio.h>
#include <weft.h>

struct work {
    weft_gen gen;
    int seconds;
};

static weft_step work(void *frame)
{
    struct work *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    WEFT_RETURN(f, weft_from_int(f->seconds));
    WEFT_END(f);
}
WEFT_GEN_TYPE(work);

enum { TASKS = 3 };

struct program {
    weft_gen gen;
    weft_task *tasks[TASKS];
    double start;
};

static void show(const struct program *f, const char *what)
{
    const char *blank = "";
    void *result;

    printf("%.0f s: %s (done: ", weft_loop_time(NULL) - f->start, what);
    for (int i = 0; i < TASKS; i++) {
        if (weft_future_is_done(f->tasks[i]) && weft_future_result(f->tasks[i], &result) == 0) {
            printf("%s%d", blank, (int)weft_int(result));
            blank = " ";
        }
    }
    printf(")\n");
}

static weft_step program(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    f->start = weft_loop_time(NULL);
    for (int i = 0; i < TASKS; i++)
        f->tasks[i] = weft_task_new(NULL, WEFT_CALL(work, .seconds = 1 << i));

    WEFT_AWAIT(f, weft_wait(NULL, f->tasks, TASKS, WEFT_FIRST_COMPLETED, WEFT_NEVER));
    show(f, "the first is done");
    WEFT_AWAIT(f, weft_wait(NULL, f->tasks, TASKS, WEFT_ALL, 2));
    show(f, "two more seconds have passed");
    WEFT_AWAIT(f, weft_wait(NULL, f->tasks, TASKS, WEFT_ALL, WEFT_NEVER));
    show(f, "all are done");
    WEFT_END(f);
}

/* Runs once, however the body ends: what the frame holds is given back. */
static void program_cleanup(void *frame)
{
    struct program *f = frame;

    for (int i = 0; i < TASKS; i++)
        weft_future_unref(f->tasks[i]);
}
WEFT_GEN_TYPE(program, .cleanup = program_cleanup);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
