/* 22. Signals: SIGHUP reads the configuration again, SIGTERM ends the program.
 *
 *     async def reloader():                           struct reloader { weft_gen gen; };
 *         while True:
 *             await hangup.wait()                         WEFT_AWAIT(f, weft_signal(NULL, SIGHUP));
 *             hangup.clear()
 *             print('configuration read again')           printf(...);
 *
 *     loop.add_signal_handler(SIGHUP, hangup.set)     # hangup and end: asyncio.Event()
 *     loop.add_signal_handler(SIGTERM, end.set)
 *     task = asyncio.create_task(reloader())          weft_spawn(NULL, WEFT_CALL(reloader));
 *     await end.wait()                                WEFT_AWAIT(f, weft_signal(NULL, SIGTERM));
 *
 * A signal is a future, awaited where it belongs; nothing of yours runs in a signal handler.  All that wait for
 * it get it, and one that comes between two waits is kept for the next.
 *
 * It prints:
 *     $ kill -HUP
 *     configuration read again
 *     $ kill -HUP
 *     configuration read again
 *     $ kill -TERM
 *     the end
 */
#include <signal.h>
#include <stdio.h>
#include <weft.h>

struct reloader {
    weft_gen gen;
};

static weft_step reloader(void *frame)
{
    struct reloader *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_AWAIT(f, weft_signal(NULL, SIGHUP));
        printf("configuration read again\n");
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(reloader);

/* In place of another terminal. */
struct terminal {
    weft_gen gen;
    int i;
};

static weft_step terminal(void *frame)
{
    struct terminal *f = frame;
    weft_future *arrival;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < 2; f->i++) {
        printf("$ kill -HUP\n");
        arrival = weft_signal(NULL, SIGHUP); /* behind the reloader: both get it, in this order */
        raise(SIGHUP);
        WEFT_AWAIT(f, arrival);
    }
    printf("$ kill -TERM\n");
    raise(SIGTERM);
    WEFT_END(f);
}
WEFT_GEN_TYPE(terminal);

struct program {
    weft_gen gen;
};

static weft_step program(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    weft_spawn(NULL, WEFT_CALL(reloader));
    weft_spawn(NULL, WEFT_CALL(terminal));
    WEFT_AWAIT(f, weft_signal(NULL, SIGTERM));
    printf("the end\n");
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
