/* Rung 7 of the documents' ladder, their Client in its second form: connect, read and readall are generators of
 * their own, and fetch delegates to them.  An error passes through all of them to whoever drives, as an exception would.
 *
 *     def connect(self, sock, address):
 *         f = Future()
 *         sock.setblocking(False)
 *         sock.connect(address)  # EINPROGRESS
 *         on writable: f.set_result(None)
 *         yield f
 *     def read(self, sock):
 *         f = Future()
 *         on readable: f.set_result(sock.recv(4096))
 *         return (yield f)
 *     def readall(self, sock):
 *         response = []
 *         chunk = yield from self.read(sock)
 *         while chunk:
 *             response.append(chunk)
 *             chunk = yield from self.read(sock)
 *         return b''.join(response)
 *     def fetch(self):
 *         sock = socket.socket()
 *         yield from self.connect(sock, (self.host, self.port))
 *         sock.send(get.encode('ascii'))
 *         self.response = yield from self.readall(sock)
 */
#include "client.h"
#include "mode.h"

struct client_connect {
    weft_gen gen;
    struct client *client;
};

static weft_step client_connect(void *frame)
{
    struct client_connect *f = frame;
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
    WEFT_END(f);
}
WEFT_GEN_TYPE(client_connect);

struct client_read {
    weft_gen gen;
    struct client *client;
};

static weft_step client_read(void *frame)
{
    struct client_read *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sock_recv(f->client->io, f->client->chunk, sizeof f->client->chunk));
    WEFT_RETURN(f, weft_sent(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(client_read);

struct client_readall {
    weft_gen gen;
    struct client *client;
};

static weft_step client_readall(void *frame)
{
    struct client_readall *f = frame;
    struct client *c = f->client;
    int error;

    WEFT_BEGIN(f);
    while (!c->stop) { /* not every server closes at the end */
        WEFT_YIELD_FROM(f, WEFT_CALL(client_read, .client = c));
        error = client_received(c, weft_sent_int(f));
        if (error)
            WEFT_RAISE(f, error);
    }
    WEFT_RETURN(f, &c->response);
    WEFT_END(f);
}
WEFT_GEN_TYPE(client_readall);

struct fetch {
    weft_gen gen;
    struct client *client;
};

static weft_step fetch(void *frame)
{
    struct fetch *f = frame;
    struct client *c = f->client;

    WEFT_BEGIN(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(client_connect, .client = c));
    mark(c->times, MARK_CONNECTED);
    WEFT_AWAIT(f, weft_sock_sendall(c->io, c->get, c->get_size));
    mark(c->times, MARK_SENT);
    WEFT_YIELD_FROM(f, WEFT_CALL(client_readall, .client = c));
    WEFT_RETURN(f, c);
    WEFT_END(f);
}

static void fetch_cleanup(void *frame)
{
    client_close(((struct fetch *)frame)->client);
}
WEFT_GEN_TYPE(fetch, .cleanup = fetch_cleanup);

weft_gen *yield_from_fetch(struct client *client)
{
    return WEFT_CALL(fetch, .client = client);
}
