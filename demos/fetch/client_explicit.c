/* Rung 6 once more, the documents' Client in its third form: the generator as what it is, a state machine.
 * This is what the macros of client_generator.c write, with names for the states.
 *
 *     START --connect--> CONNECTED --send--> SENT --recv--> RECEIVED --> done
 *                         ^      |                          ^      |
 *                         +------+ refused: next address    +------+ recv
 *
 *     def fetch(self):                                            the state after it
 *         sock = socket.socket()
 *         sock.setblocking(False)
 *         f = Future()
 *         sock.connect((self.host, self.port))  # EINPROGRESS
 *         on writable: f.set_result(None)
 *         yield f                                                 FETCH_CONNECTED
 *         sock.send(get.encode('ascii'))                          FETCH_SENT
 *         while not self.stop:
 *             f = Future()
 *             on readable: f.set_result(sock.recv(4096))
 *             chunk = yield f                                     FETCH_RECEIVED
 *             self.response += chunk
 *
 * Each state is named after what has happened when the body is called again; any of them may raise.
 * To wait is to set the next state and return the future.
 */
#include "client.h"
#include "mode.h"

enum fetch_state { FETCH_START, FETCH_CONNECTED, FETCH_SENT, FETCH_RECEIVED };

static const char *const fetch_states[] = {"START", "CONNECTED", "SENT", "RECEIVED"};

struct fetch {
    weft_gen gen;
    struct client *client;
};

static weft_step await_connect(struct fetch *f)
{
    struct client *c = f->client;
    int error = client_socket(c);

    if (error)
        return weft_raise(&f->gen, error);
    f->gen.state = FETCH_CONNECTED;
    return weft_await(&f->gen, weft_sock_connect(c->io, c->address, c->address_size));
}

static weft_step await_sent(struct fetch *f)
{
    f->gen.state = FETCH_SENT;
    return weft_await(&f->gen,
                      weft_sock_sendall(f->client->io, f->client->get, f->client->get_size));
}

static weft_step await_received(struct fetch *f)
{
    struct client *c = f->client;

    f->gen.state = FETCH_RECEIVED;
    return weft_await(&f->gen, weft_sock_recv(c->io, c->chunk, sizeof c->chunk));
}

static weft_step fetch(void *frame)
{
    struct fetch *f = frame;
    struct client *c = f->client;
    int error = f->gen.error;

    switch ((enum fetch_state)f->gen.state) {
    case FETCH_START:
        return await_connect(f);
    case FETCH_CONNECTED:
        if (client_has_another(c, error))
            return await_connect(f);
        if (error)
            return weft_raise(&f->gen, error);
        mark(c->times, MARK_CONNECTED);
        return await_sent(f);
    case FETCH_SENT:
        if (error)
            return weft_raise(&f->gen, error);
        mark(c->times, MARK_SENT);
        return await_received(f);
    case FETCH_RECEIVED:
        if (!error)
            error = client_received(c, weft_sent_int(f));
        if (error)
            return weft_raise(&f->gen, error);
        return c->stop ? weft_return(&f->gen, c) : await_received(f);
    }
    return weft_gen_bad_state(&f->gen);
}

static void fetch_cleanup(void *frame)
{
    struct fetch *f = frame;

    client_close(f->client);
}

WEFT_GEN_TYPE(fetch, .cleanup = fetch_cleanup, .states = fetch_states, .state_count = 4);

weft_gen *explicit_fetch(struct client *client)
{
    return WEFT_CALL(fetch, .client = client);
}
