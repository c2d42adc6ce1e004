/* 16. Five jobs, two at a time.
 *
 *     async def job(number):                          struct job { weft_gen gen; int number; };
 *         print(...)
 *         await asyncio.sleep(1)                          WEFT_AWAIT(f, weft_sleep(NULL, 1));
 *
 *     jobs = [job(number) for number in range(5)]     calls[i] = WEFT_CALL(job, .number = i);
 *     await gather_limited(2, *jobs)                  WEFT_AWAIT(f, weft_gather_calls(NULL, calls, JOBS, 2, 0));
 *
 * asyncio has no such call: there it is a gather under a Semaphore, as in demo 17.  weft_gather_calls makes a
 * task of a job only when its turn has come: of a million jobs, there are never more than two tasks.
 *
 * It prints:
 *     0 s: job 0 begins
 *     0 s: job 1 begins
 *     1 s: job 2 begins
 *     1 s: job 3 begins
 *     2 s: job 4 begins
 *     3 s: all five have ended
 */
#include <stdio.h>
#include <weft.h>

static double start; /* of the program, on the loop's clock */

struct job {
    weft_gen gen;
    int number;
};

static weft_step job(void *frame)
{
    struct job *f = frame;

    WEFT_BEGIN(f);
    printf("%.0f s: job %d begins\n", weft_loop_time(NULL) - start, f->number);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_END(f);
}
WEFT_GEN_TYPE(job);

struct program {
    weft_gen gen;
};

static weft_step program(void *frame)
{
    enum { JOBS = 5 };
    struct program *f = frame;
    weft_gen *calls[JOBS];

    WEFT_BEGIN(f);
    start = weft_loop_time(NULL);
    for (int i = 0; i < JOBS; i++)
        calls[i] = WEFT_CALL(job, .number = i);
    WEFT_AWAIT(f, weft_gather_calls(NULL, calls, JOBS, 2, 0)); /* takes them; the array is ours */
    printf("%.0f s: all five have ended\n", weft_loop_time(NULL) - start);
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
