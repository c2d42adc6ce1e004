/* Rung 6 of the documents' ladder, their Client in its first form: one generator, which yields a future wherever
 * it has to wait.
 *
 *     def fetch(self):
 *         sock = socket.socket()                                  client_socket(c)
 *         sock.setblocking(False)
 *
 *         f = Future()                                            WEFT_TRY_AWAIT(f,
 *         sock.connect((self.host, self.port))  # EINPROGRESS         weft_sock_connect(c->io, ...))
 *         on writable: f.set_result(None)
 *         yield f
 *
 *         sock.send(get.encode('ascii'))                          WEFT_AWAIT(f, weft_sock_sendall(...))
 *
 *         while not self.stop:                                    while (!c->stop) {
 *             f = Future()                                            WEFT_AWAIT(f,
 *             on readable: f.set_result(sock.recv(4096))                  weft_sock_recv(c->io, ...));
 *             chunk = yield f                                         weft_sent_int(f)
 *             self.response += chunk                                  client_received(c, ...)
 *
 * The documents make each future by hand, and register the callback that will set its result.  The
 * weft_sock_ functions are just that: they return the future; libevent calls back; the result is set.
 * One loop is ours: a name may have several addresses, so connect tries one after the other.
 */
#include "client.h"
#include "mode.h"

struct fetch {
    weft_gen gen;
    struct client *client;
};

static weft_step fetch(void *frame)
{
    struct fetch *f = frame;
    struct client *c = f->client;
    int error;

    WEFT_BEGIN(f);
    do {
        error = client_socket(c);
        if (error)
            WEFT_RAISE(f, error);
        WEFT_TRY_AWAIT(f, weft_sock_connect(c->io, c->address, c->address_size));
    } while (client_has_another(c, weft_failed(f)));
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    mark(c->times, MARK_CONNECTED);

    WEFT_AWAIT(f, weft_sock_sendall(c->io, c->get, c->get_size));
    mark(c->times, MARK_SENT);

    while (!c->stop) {
        WEFT_AWAIT(f, weft_sock_recv(c->io, c->chunk, sizeof c->chunk));
        error = client_received(c, weft_sent_int(f));
        if (error)
            WEFT_RAISE(f, error);
    }
    WEFT_RETURN(f, c);
    WEFT_END(f);
}

/* Runs once, however the body ends, as a `with sock:` around it would. */
static void fetch_cleanup(void *frame)
{
    struct fetch *f = frame;

    client_close(f->client);
}

WEFT_GEN_TYPE(fetch, .cleanup = fetch_cleanup);

weft_gen *generator_fetch(struct client *client)
{
    return WEFT_CALL(fetch, .client = client);
}
