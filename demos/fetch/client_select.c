/* Rung 5 of the documents' ladder: select says when, and callbacks go on.
 *
 *     class Crawler:                                              struct fetching
 *         def fetch(self):                                        fetch
 *             self.sock = socket.socket()
 *             self.sock.setblocking(False)                            client_plain_socket(c, false)
 *             try:
 *                 self.sock.connect((host, port))                     connect(...)
 *             except BlockingIOError:
 *                 pass
 *             loop.on_writable(sock, self.connected)                  wait_for(f, true, connected)
 *         def connected(self):                                    connected
 *             loop.unregister(sock)
 *             self.sock.send(get.encode('ascii'))                     send_rest
 *             loop.on_readable(sock, self.read_response)              wait_for(f, false, readable)
 *         def read_response(self):                                readable
 *             chunk = self.sock.recv(4096)                            recv(...)
 *             if chunk:
 *                 self.response += chunk                              client_received(c, size)
 *             else:
 *                 ...
 *
 * All requests wait at once, in one thread.  But what was one function is torn into pieces, one for each wait,
 * and the pieces' common state is carried by hand; no error finds its way up by itself.  The next rung mends it.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdlib.h>
#include "mode.h"
#include "request.h"
#include "select_loop.h"

struct all {
    struct select_loop loop;
    struct batch *batch;
    size_t next, running;
    struct fetching *fetchings; /* one for each request */
};

struct fetching {
    struct all *all;
    struct request *request;
    size_t sent;
};

static void connected(void *arg, int error);
static void writable(void *arg, int error);
static void readable(void *arg, int error);

static void wait_for(struct fetching *f, bool is_writing, select_cb *cb)
{
    struct client *c = f->request->client;

    select_loop_wait(&f->all->loop, c->fd, is_writing, c->deadline, cb, f);
}

static void end(struct fetching *f, int error)
{
    request_end(f->request, error);
    f->all->running--;
}

/* The next address that doesn't fail at once. */
static void fetch(struct fetching *f)
{
    struct client *c = f->request->client;
    int error;

    do {
        error = client_plain_socket(c, false);
        if (!error && c->fd >= FD_SETSIZE)
            error = -EMFILE;
        if (!error && connect(c->fd, c->address, c->address_size) < 0 && errno != EINPROGRESS)
            error = -errno;
    } while (client_has_another(c, error));
    if (error)
        end(f, error);
    else
        wait_for(f, true, connected);
}

static void connected(void *arg, int error)
{
    struct fetching *f = arg;
    struct client *c = f->request->client;
    socklen_t size = sizeof error;

    if (!error && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
        error = -error;
    if (client_has_another(c, error)) {
        fetch(f);
    } else if (error) {
        end(f, error);
    } else {
        mark(c->times, MARK_CONNECTED);
        writable(f, 0);
    }
}

static void writable(void *arg, int error)
{
    struct fetching *f = arg;
    struct client *c = f->request->client;
    ssize_t n = 0;

    if (!error) {
        n = send(c->fd, c->get + f->sent, c->get_size - f->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            error = -errno;
    }
    f->sent += n > 0 ? (size_t)n : 0;
    if (error) {
        end(f, error);
    } else if (f->sent < c->get_size) {
        wait_for(f, true, writable);
    } else {
        mark(c->times, MARK_SENT);
        wait_for(f, false, readable);
    }
}

static void readable(void *arg, int error)
{
    struct fetching *f = arg;
    struct client *c = f->request->client;
    ssize_t n;

    if (!error) {
        n = recv(c->fd, c->chunk, sizeof c->chunk, 0);
        if (n >= 0)
            error = client_received(c, n);
        else if (errno != EAGAIN && errno != EINTR)
            error = -errno;
    }
    if (error || c->stop)
        end(f, error);
    else
        wait_for(f, false, readable);
}

/* Starts as many as select has room for. */
static void start(struct all *all, size_t most)
{
    while (all->next < all->batch->count && all->running < most) {
        struct fetching *f = &all->fetchings[all->next];
        int error;

        f->all = all;
        f->request = &all->batch->requests[all->next++];
        all->running++;
        error = request_begin(f->request);
        if (error)
            end(f, error);
        else
            fetch(f);
    }
}

int select_run(struct batch *batch)
{
    struct all *all = calloc(1, sizeof *all);
    size_t room = FD_SETSIZE / 2 - 32; /* each may have a file besides its socket */
    int error = -ENOMEM;

    if (batch->window < room)
        room = batch->window;
    if (all)
        all->fetchings = calloc(batch->count, sizeof *all->fetchings);
    if (all && all->fetchings) {
        all->batch = batch;
        do {
            start(all, room);
            error = select_loop_run(&all->loop);
        } while (!error && all->next < batch->count);
    }
    for (size_t i = 0; i < batch->count; i++)
        request_drop(&batch->requests[i]);
    if (all)
        free(all->fetchings);
    free(all);
    return error;
}
