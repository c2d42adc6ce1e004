/* 6. A body that calls another one, which waits and returns a value.
 *
 *     async def price(book):                          struct price { weft_gen gen; const char *book; };
 *         await asyncio.sleep(1)                          WEFT_AWAIT(f, weft_sleep(NULL, 1));
 *         return len(book)                                WEFT_RETURN(f, weft_from_int(...));
 *
 *     async def total(a, b):                          struct total { weft_gen gen; const char *a, *b; ... };
 *         return await price(a) + await price(b)          WEFT_YIELD_FROM(f, WEFT_CALL(price, .book = f->a));
 *                                                         f->sum += weft_sent_int(f);
 *     async def main():                                   ...
 *         print(await total('maps', 'poems'))         WEFT_YIELD_FROM(f, WEFT_CALL(total, ...));
 *
 * WEFT_YIELD_FROM is the call: the child runs in the same task, and whatever it awaits, the whole task waits
 * for.  When it ends, its frame is freed, and the caller goes on with what it returned.
 *
 * It prints:
 *     maps: 4
 *     poems: 5
 *     total: 9
 */
#include <stdio.h>
#include <string.h>
#include <weft.h>

struct price {
    weft_gen gen;
    const char *book;
};

static weft_step price(void *frame)
{
    struct price *f = frame;

    WEFT_BEGIN(f);
    /* Here program, total and price all wait: three frames, one task. */
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    printf("%s: %zu\n", f->book, strlen(f->book));
    WEFT_RETURN(f, weft_from_int((int)strlen(f->book))); /* a small integer travels in the pointer */
    WEFT_END(f);
}
WEFT_GEN_TYPE(price);

struct total {
    weft_gen gen;
    const char *a, *b;
    int sum;
};

static weft_step total(void *frame)
{
    struct total *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(price, .book = f->a));
    f->sum += (int)weft_sent_int(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(price, .book = f->b));
    f->sum += (int)weft_sent_int(f);
    WEFT_RETURN(f, weft_from_int(f->sum));
    WEFT_END(f);
}
WEFT_GEN_TYPE(total);

struct program {
    weft_gen gen;
};

static weft_step program(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(total, .a = "maps", .b = "poems"));
    printf("total: %d\n", (int)weft_sent_int(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
