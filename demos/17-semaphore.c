/* 17. Five tasks, of which two at a time may use something.
 *
 *     async def job(number):                          struct job { weft_gen gen; ... };
 *         async with semaphore:                           WEFT_AWAIT(f, weft_semaphore_acquire(f->semaphore));
 *             print(...)                                  WEFT_TRY(f);
 *             await asyncio.sleep(1)                      WEFT_AWAIT(f, weft_sleep(NULL, 1));
 *                                                         WEFT_FINALLY(f);
 *                                                         weft_semaphore_release(f->semaphore);
 *
 *     semaphore = asyncio.Semaphore(2)                f->semaphore = weft_semaphore_new(NULL, 2);
 *     await asyncio.gather(*[job(i) for i in ...])    WEFT_AWAIT(f, weft_gather(NULL, tasks, JOBS, 0));
 *
 * All five tasks run from the start.  A release hands the permit to the one that waits longest.
 *
 * It prints:
 *     0 s: job 0 has a permit
 *     0 s: job 1 has a permit
 *     1 s: job 2 has a permit
 *     1 s: job 3 has a permit
 *     2 s: job 4 has a permit
 *     3 s: all five have ended
 */
#include <stdio.h>
#include <weft.h>

static double start; /* of the program, on the loop's clock */

struct job {
    weft_gen gen;
    weft_outcome outcome;
    weft_semaphore *semaphore; /* main's: it waits for us */
    int number;
};

static weft_step job(void *frame)
{
    struct job *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_semaphore_acquire(f->semaphore));
    WEFT_TRY(f); /* not before: who has no permit must not give one back */
    printf("%.0f s: job %d has a permit\n", weft_loop_time(NULL) - start, f->number);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_FINALLY(f);
    weft_semaphore_release(f->semaphore);
    WEFT_END(f);
}
WEFT_GEN_TYPE(job);

struct program {
    weft_gen gen;
    weft_semaphore *semaphore;
};

static weft_step program(void *frame)
{
    enum { JOBS = 5 };
    struct program *f = frame;
    weft_task *tasks[JOBS];

    WEFT_BEGIN(f);
    start = weft_loop_time(NULL);
    f->semaphore = weft_semaphore_new(NULL, 2);
    for (int i = 0; i < JOBS; i++)
        tasks[i] = weft_task_new(NULL, WEFT_CALL(job, .semaphore = f->semaphore, .number = i));
    WEFT_AWAIT(f, weft_gather(NULL, tasks, JOBS, 0));
    printf("%.0f s: all five have ended\n", weft_loop_time(NULL) - start);
    WEFT_END(f);
}

static void program_cleanup(void *frame)
{
    weft_semaphore_unref(((struct program *)frame)->semaphore);
}
WEFT_GEN_TYPE(program, .cleanup = program_cleanup);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
