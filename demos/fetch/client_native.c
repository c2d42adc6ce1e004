/* Rung 8 of the documents' ladder: the library's own streams; no socket in sight.
 *
 *     async def fetch(host, port, uri):
 *         reader, writer = await asyncio.open_connection(host, port)    WEFT_AWAIT(f, weft_open_connection(...))
 *                                                                       f->stream = weft_take(f)
 *         writer.write(get.encode('ascii'))                             WEFT_AWAIT(f, weft_stream_write(...))
 *         await writer.drain()
 *         response = b''
 *         chunk = await reader.read(4096)                               WEFT_AWAIT(f, weft_stream_read(...))
 *         while chunk:                                                  while (!c->stop)
 *             response += chunk                                             client_received(c, ...)
 *             chunk = await reader.read(4096)
 *         writer.close()                                                WEFT_AWAIT(f, weft_stream_close(...))
 *         await writer.wait_closed()
 *         return response                                               WEFT_RETURN(f, c)
 *
 *     await asyncio.gather(*[fetch(...) for i in range(n)])             on_weft.c: weft_gather_calls
 *
 * The connection looks the name up and tries its addresses by itself.  The frame holds the stream, and cleanup
 * frees it: after an error or a cancel nothing else has to be done.
 */
#include "client.h"
#include "mode.h"

struct fetch {
    weft_gen gen;
    struct client *client;
    weft_stream *stream;
};

static weft_step fetch(void *frame)
{
    struct fetch *f = frame;
    struct client *c = f->client;
    int error;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_open_connection(NULL, c->host, c->port));
    f->stream = weft_take(f);
    mark(c->times, MARK_CONNECTED);

    WEFT_AWAIT(f, weft_stream_write(f->stream, c->get, c->get_size));
    mark(c->times, MARK_SENT);

    while (!c->stop) {
        WEFT_AWAIT(f, weft_stream_read(f->stream, c->chunk, sizeof c->chunk));
        error = client_received(c, weft_sent_int(f));
        if (error)
            WEFT_RAISE(f, error);
    }
    WEFT_AWAIT(f, weft_stream_close(f->stream));
    WEFT_RETURN(f, c);
    WEFT_END(f);
}

static void fetch_cleanup(void *frame)
{
    weft_stream_free(((struct fetch *)frame)->stream);
}
WEFT_GEN_TYPE(fetch, .cleanup = fetch_cleanup);

weft_gen *native_fetch(struct client *client)
{
    return WEFT_CALL(fetch, .client = client);
}
