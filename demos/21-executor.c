/* 21. Work that blocks, in a thread: the loop goes on meanwhile.
 *
 *     def count_primes(begin, end): ...               static int count_primes(void *arg, void **result)
 *
 *     low = loop.run_in_executor(None,                low = weft_run_in_executor(NULL, NULL,
 *         count_primes, 0, 500000)                        .run = count_primes, .arg = &f->low);
 *     high = loop.run_in_executor(None, ...)          high = ...
 *     print('handed over; the loop is free')
 *     await asyncio.gather(low, high)                 WEFT_AWAIT(f, weft_gather(NULL, WEFT_FUTURES(low, high), 0));
 *
 * A body that computes for a second stops every other task for a second.  A job runs in a thread of a pool, and
 * its future is resolved in the loop's thread: bodies still need no locks.  A job that has begun cannot be
 * stopped; what it touches must stay until it ends, and a cancel waits for that.
 *
 * It prints:
 *     main: handed over; the loop is free
 *     other: I run meanwhile
 *     main: 41538 + 36960 primes below 1000000
 */
#include <stdio.h>
#include <weft.h>

struct range {
    int begin, end;
};

/* In a thread of the pool. */
static int count_primes(void *arg, void **result)
{
    const struct range *range = arg;
    int count = 0;

    for (int n = range->begin; n < range->end; n++) {
        int divisor = 2;

        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        count += n >= 2 && divisor * divisor > n;
    }
    *result = weft_from_int(count);
    return 0;
}

struct other {
    weft_gen gen;
};

static weft_step other(void *frame)
{
    struct other *f = frame;

    WEFT_BEGIN(f);
    printf("other: I run meanwhile\n");
    WEFT_END(f);
}
WEFT_GEN_TYPE(other);

struct program {
    weft_gen gen;
    struct range low, high; /* in the frame: the threads read them while this body waits */
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    const weft_result *results;
    weft_future *low, *high;

    WEFT_BEGIN(f);
    f->low = (struct range){0, 500000};
    f->high = (struct range){500000, 1000000};
    low = weft_run_in_executor(NULL, NULL, .run = count_primes, .arg = &f->low);
    high = weft_run_in_executor(NULL, NULL, .run = count_primes, .arg = &f->high);
    printf("main: handed over; the loop is free\n");
    weft_spawn(NULL, WEFT_CALL(other));
    WEFT_AWAIT(f, weft_gather(NULL, WEFT_FUTURES(low, high), 0));
    results = weft_sent(f);
    printf("main: %d + %d primes below 1000000\n", (int)weft_int(results[0].value),
           (int)weft_int(results[1].value));
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
