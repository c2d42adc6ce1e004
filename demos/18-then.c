/* 18. A chain of callbacks: Twisted's Deferred, JavaScript's Promise.then.
 *
 *     # with a Deferred                               static weft_future *dialled(weft_future *done, void *arg)
 *     def dialled(connection):
 *         return ask()                                    return weft_task_new(NULL, WEFT_CALL(ask));
 *
 *     chain = dial(server)                            chain = weft_task_new(loop, WEFT_CALL(dial, ...));
 *     chain.addCallback(dialled)                      chain = weft_then(chain, dialled, NULL, NULL);
 *     chain.addBoth(tell)                             chain = weft_then(chain, tell, server, NULL);
 *
 *     # with asyncio
 *     connection = await dial(server)                 WEFT_YIELD_FROM(f, WEFT_CALL(dial, ...));
 *     answer = await ask()                            WEFT_YIELD_FROM(f, WEFT_CALL(ask));
 *
 * A callback of the chain is called however the future before it has ended, and returns the next one: an
 * operation, which the chain waits for, or what it was given, which passes it on.  So an error runs along to
 * whoever handles it.  A body says the same in order, and keeps its variables; where there is no body,
 * in a host's callback, there is weft_then.
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
};

static weft_step ask(void *frame)
{
    struct ask *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_RETURN(f, weft_from_int(42));
    WEFT_END(f);
}
WEFT_GEN_TYPE(ask);

static weft_future *dialled(weft_future *done, void *arg)
{
    (void)arg;
    if (weft_future_error(done))
        return weft_future_ref(done); /* not ours: on to the next */
    return weft_task_new(NULL, WEFT_CALL(ask));
}

static weft_future *tell(weft_future *done, void *server)
{
    void *answer;
    int error = weft_future_result(done, &answer);

    if (error)
        printf("%s: %s\n", (const char *)server, weft_strerror(error));
    else
        printf("%s: %d\n", (const char *)server, (int)weft_int(answer));
    return NULL; /* the chain's result: NULL, and no error any more */
}

static int call(weft_loop *loop, char *server)
{
    weft_future *chain = weft_task_new(loop, WEFT_CALL(dial, .server = server));

    chain = weft_then(chain, dialled, NULL, NULL); /* takes the one, gives the next */
    chain = weft_then(chain, tell, server, NULL);
    return weft_run_until_complete(loop, chain, NULL);
}

int main(void)
{
    weft_loop *loop = weft_loop_new(NULL);
    int error;

    if (!loop)
        return 1;
    error = call(loop, "first");
    if (!error)
        error = call(loop, "second");
    weft_loop_unref(loop);
    return error ? 1 : 0;
}
