/* 19. A task group: tasks that make more tasks, none of which outlives the block.
 *
 *     async def visit(page):                          struct visit { weft_gen gen; ... };
 *         await asyncio.sleep(1)                          WEFT_AWAIT(f, weft_sleep(NULL, 1));
 *         print(page)
 *         for link in (2 * page, 2 * page + 1):
 *             if link <= PAGES:
 *                 tg.create_task(visit(link))             weft_group_spawn(f->group, WEFT_CALL(visit, ...));
 *
 *     async with asyncio.TaskGroup() as tg:           f->group = weft_group_new(WEFT_FAIL_FAST);
 *                                                     WEFT_TRY(f);
 *                                                     weft_group_enter(f->group);
 *         tg.create_task(visit(1))                    weft_group_spawn(f->group, WEFT_CALL(visit, ...));
 *                                                     WEFT_FINALLY(f);
 *                                                     WEFT_GROUP_EXIT(f, f->group);
 *
 * A gather must know its tasks beforehand; a group grows.  Its exit waits for all, also for those that children
 * have made.  If one fails, the others and the body are cancelled, and the exit raises the error.
 *
 * It prints:
 *     1 s: page 1
 *     2 s: page 2
 *     2 s: page 3
 *     3 s: page 4
 *     3 s: page 5
 *     3 s: all pages
 */
#include <stdio.h>
#include <weft.h>

enum { PAGES = 5 };

static double start; /* of the program, on the loop's clock */

struct visit {
    weft_gen gen;
    weft_group *group; /* main's, which waits for us */
    int page;
};
WEFT_GEN_FORWARD(visit);

static weft_step visit(void *frame)
{
    struct visit *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1)); /* in place of a server */
    printf("%.0f s: page %d\n", weft_loop_time(NULL) - start, f->page);
    for (int link = 2 * f->page; link <= 2 * f->page + 1 && link <= PAGES; link++)
        weft_group_spawn(f->group, WEFT_CALL(visit, .group = f->group, .page = link));
    WEFT_END(f);
}
WEFT_GEN_TYPE(visit);

struct program {
    weft_gen gen;
    weft_outcome outcome;
    weft_group *group;
};

static weft_step program(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    start = weft_loop_time(NULL);
    f->group = weft_group_new(WEFT_FAIL_FAST);
    WEFT_TRY(f);
    weft_group_enter(f->group);
    weft_group_spawn(f->group, WEFT_CALL(visit, .group = f->group, .page = 1));
    WEFT_FINALLY(f);
    WEFT_GROUP_EXIT(f, f->group); /* the end of the `with` block */
    if (!f->outcome.error)
        printf("%.0f s: all pages\n", weft_loop_time(NULL) - start);
    WEFT_END(f);
}

static void program_cleanup(void *frame)
{
    weft_group_unref(((struct program *)frame)->group);
}
WEFT_GEN_TYPE(program, .cleanup = program_cleanup);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
