/* 7. One request after another: the whole takes as long as all of them together.
 *
 *     async def request(name, seconds):               struct request { weft_gen gen; ... };
 *         await asyncio.sleep(seconds)                    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
 *         return len(name)                                WEFT_RETURN(f, weft_from_int(...));
 *
 *     async def main():                               struct program { weft_gen gen; ... };
 *         start = loop.time()                             f->start = weft_loop_time(NULL);
 *         for name, seconds in pages:                     for (f->i = 0; f->i < 3; f->i++) {
 *             size = await request(name, seconds)             WEFT_YIELD_FROM(f, WEFT_CALL(request, ...));
 *             print(...)                                      printf(...);
 *                                                         }
 *
 * The next one is not even begun before the last one has ended: 1 + 2 + 4 = 7 seconds.
 *
 * It prints:
 *     1 s: news, 4 letters
 *     3 s: weather, 7 letters
 *     7 s: map, 3 letters
 */
#include <stdio.h>
#include <string.h>
#include <weft.h>

struct request {
    weft_gen gen;
    const char *name;
    double seconds;
};

static weft_step request(void *frame)
{
    struct request *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds)); /* in place of a server */
    WEFT_RETURN(f, weft_from_int((int)strlen(f->name)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(request);

static const struct page {
    const char *name;
    double seconds;
} pages[] = {{"news", 1}, {"weather", 2}, {"map", 4}};

struct program {
    weft_gen gen;
    double start;
    int i;
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    const struct page *page;

    WEFT_BEGIN(f);
    f->start = weft_loop_time(NULL);
    for (f->i = 0; f->i < 3; f->i++) {
        page = &pages[f->i];
        WEFT_YIELD_FROM(f, WEFT_CALL(request, .name = page->name, .seconds = page->seconds));
        /* Not `page` any more: a local does not outlast a wait. */
        printf("%.0f s: %s, %d letters\n", weft_loop_time(NULL) - f->start, pages[f->i].name,
               (int)weft_sent_int(f));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
