/* 11. An error: raised deep down, caught where somebody knows what to do.
 *
 *     async def connect(server):                      struct dial { weft_gen gen; const char *server; };
 *         await asyncio.sleep(1)
 *         if server != 'second':
 *             raise ConnectionRefusedError                WEFT_RAISE(f, -ECONNREFUSED);
 *
 *     async def ask(server):                          struct ask { weft_gen gen; const char *server; };
 *         await connect(server)                           WEFT_YIELD_FROM(f, WEFT_CALL(dial, ...));
 *         return 42                                       WEFT_RETURN(f, weft_from_int(42));
 *
 *     for server in 'first', 'second':
 *         try:
 *             answer = await create_task(ask(server))     WEFT_TRY_AWAIT(f, weft_task_new(NULL, ...));
 *             break                                       if (!weft_failed(f)) ...
 *         except ConnectionRefusedError as e:             if (weft_failed(f) != -ECONNREFUSED)
 *             print(e)                                        WEFT_RAISE(f, weft_failed(f));
 *
 * An error is a negative int: -errno, or a code of weft's.  WEFT_AWAIT and WEFT_YIELD_FROM pass it on to the
 * caller; their TRY_ forms stay in the body.  They see a cancel, too: whoever does not know an error raises
 * it again.
 *
 * It prints:
 *     first: Connection refused
 *     second: 42
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weft.h>

struct dial {
    weft_gen gen;
    const char *server;
};

static weft_step dial(void *frame)
{
    struct dial *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1)); /* in place of a network */
    if (strcmp(f->server, "second") != 0)
        WEFT_RAISE(f, -ECONNREFUSED);
    WEFT_END(f);
}
WEFT_GEN_TYPE(dial);

struct ask {
    weft_gen gen;
    const char *server;
};

static weft_step ask(void *frame)
{
    struct ask *f = frame;

    WEFT_BEGIN(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(dial, .server = f->server)); /* ends here, if that fails */
    WEFT_RETURN(f, weft_from_int(42));
    WEFT_END(f);
}
WEFT_GEN_TYPE(ask);

static const char *const servers[] = {"first", "second"};

struct program {
    weft_gen gen;
    int i;
};

static weft_step program(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < 2; f->i++) {
        WEFT_TRY_AWAIT(f, weft_task_new(NULL, WEFT_CALL(ask, .server = servers[f->i])));
        if (!weft_failed(f)) {
            printf("%s: %d\n", servers[f->i], (int)weft_sent_int(f));
            break;
        }
        if (weft_failed(f) != -ECONNREFUSED)
            WEFT_RAISE(f, weft_failed(f));
        printf("%s: %s\n", servers[f->i], weft_strerror(weft_failed(f)));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
