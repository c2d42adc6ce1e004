/* 7. Streams: tasks on an event loop.
 *
 *     async def handle(reader, writer):               struct handle { weft_gen gen; ... };
 *         while True:
 *             data = await reader.read(4096)              WEFT_AWAIT(f, weft_stream_read(...));
 *             if not data:                                n = weft_sent_int(f)
 *                 break
 *             writer.write(data.upper())                  upper(f->data, n);
 *             await writer.drain()                        WEFT_AWAIT(f, weft_stream_write(...));
 *         writer.close()
 *         await writer.wait_closed()                      WEFT_AWAIT(f, weft_stream_close(f->stream));
 *
 *     async def main():                               struct program { weft_gen gen; ... };
 *         server = await asyncio.start_server(            WEFT_AWAIT(f, weft_start_server(
 *             handle, '127.0.0.1', port)                      NULL, welcome, NULL, ...));
 *         await end.wait()                                WEFT_YIELD_FROM(f, until_the_end());
 *         server.close()                                  WEFT_AWAIT(f,
 *         server.close_clients()                              weft_server_shutdown(f->server, 0));
 *         await server.wait_closed()
 *
 * The handler is in one piece again, as in the first server: read, write, to the end.  Where that blocks,
 * this one gives way, and one thread serves all, as in the sixth.
 */
#include <errno.h>
#include <stdio.h>
#include <weft.h>
#include "door.h"
#include "ending.h"
#include "mode.h"
#include "upper.h"

struct handle {
    weft_gen gen;
    weft_stream *stream;
    char data[CHUNK];
};

static weft_step handle(void *frame)
{
    struct handle *f = frame;
    size_t n;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_AWAIT(f, weft_stream_read(f->stream, f->data, sizeof f->data));
        n = (size_t)weft_sent_int(f);
        if (n == 0)
            break;
        upper(f->data, n);
        WEFT_AWAIT(f, weft_stream_write(f->stream, f->data, n));
    }
    WEFT_AWAIT(f, weft_stream_close(f->stream));
    WEFT_END(f);
}

static void handle_cleanup(void *frame)
{
    weft_stream_free(((struct handle *)frame)->stream);
}
WEFT_GEN_TYPE(handle, .cleanup = handle_cleanup);

static weft_gen *welcome(weft_stream *stream, void *arg)
{
    (void)arg;
    return WEFT_CALL(handle, .stream = stream);
}

/* A client that went away fails its task, which is reported; here that is nothing to talk about. */
static void on_report(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop, (void)arg;
    if (report->error != -ECONNRESET && report->error != -EPIPE)
        fprintf(stderr, "echo: %s: %s\n", report->message, weft_strerror(report->error));
}

struct program {
    weft_gen gen;
    weft_server *server;
    char service[8];
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    int error;

    WEFT_BEGIN(f);
    weft_loop_set_exception_handler(weft_running_loop(), on_report, NULL);
    WEFT_AWAIT(f, weft_start_server(NULL, welcome, NULL, .host = "127.0.0.1", .service = f->service,
                                    .backlog = SOMAXCONN));
    f->server = weft_take(f);
    error = door_announce(weft_server_port(f->server));
    if (error)
        WEFT_RAISE(f, error);
    WEFT_YIELD_FROM(f, until_the_end());
    WEFT_AWAIT(f, weft_server_shutdown(f->server, 0));
    WEFT_END(f);
}

static void program_cleanup(void *frame)
{
    weft_server_unref(((struct program *)frame)->server);
}
WEFT_GEN_TYPE(program, .cleanup = program_cleanup);

int serve_streams(int port)
{
    struct program frame = {.server = NULL};

    snprintf(frame.service, sizeof frame.service, "%d", port);
    return weft_run(weft_gen_copy(&program_type, &frame), NULL);
}
