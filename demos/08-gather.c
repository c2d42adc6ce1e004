/* 8. The same requests at once: the whole takes as long as the longest.
 *
 *     async def request(name, seconds):               struct request { weft_gen gen; ... };
 *         await asyncio.sleep(seconds)                    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
 *         return len(name)                                WEFT_RETURN(f, weft_from_int(...));
 *
 *     async def main():                               struct program { weft_gen gen; ... };
 *         start = loop.time()                             f->start = weft_loop_time(NULL);
 *         map = create_task(request('map', 4))            map = weft_task_new(NULL, WEFT_CALL(request, ...));
 *         news = create_task(request('news', 1))          ...
 *         weather = create_task(request('weather', 2))    ...
 *         results = await asyncio.gather(                 WEFT_AWAIT(f, weft_gather(NULL,
 *             map, news, weather)                             WEFT_FUTURES(map, news, weather), 0));
 *         for size in results: ...                        const weft_result *results = weft_sent(f);
 *
 * Each task waits for its own server, and meanwhile the others run: max(4, 1, 2) = 4 seconds, and not 7.  The
 * results stand in the order of the arguments, whichever came first.
 *
 * It prints:
 *     1 s: news has answered
 *     2 s: weather has answered
 *     4 s: map has answered
 *     4 s: all have: 3, 4 and 7 letters
 */
#include <stdio.h>
#include <string.h>
#include <weft.h>

struct request {
    weft_gen gen;
    const char *name;
    double seconds, start;
};

static weft_step request(void *frame)
{
    struct request *f = frame;

    WEFT_BEGIN(f);
    f->start = weft_loop_time(NULL);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds)); /* in place of a server */
    printf("%.0f s: %s has answered\n", weft_loop_time(NULL) - f->start, f->name);
    WEFT_RETURN(f, weft_from_int((int)strlen(f->name)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(request);

static weft_task *start_request(const char *name, double seconds)
{
    return weft_task_new(NULL, WEFT_CALL(request, .name = name, .seconds = seconds));
}

struct program {
    weft_gen gen;
    double start;
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    weft_task *map, *news, *weather;
    const weft_result *results;

    WEFT_BEGIN(f);
    f->start = weft_loop_time(NULL);
    map = start_request("map", 4);
    news = start_request("news", 1);
    weather = start_request("weather", 2);
    WEFT_AWAIT(f, weft_gather(NULL, WEFT_FUTURES(map, news, weather), 0)); /* takes the tasks */
    results = weft_sent(f);
    printf("%.0f s: all have: %d, %d and %d letters\n", weft_loop_time(NULL) - f->start,
           (int)weft_int(results[0].value), (int)weft_int(results[1].value),
           (int)weft_int(results[2].value));
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
