/* Rung 1 of the documents' ladder: each call blocks, and one request comes after the other.
 *
 *     def blocking_way():
 *         sock = socket.socket()                                  client_plain_socket(c, true)
 *         sock.connect((host, port))    # blocks                  connect(c->fd, ...)
 *         sock.send(get.encode('ascii'))                          send_all(c)
 *         response = b''
 *         chunk = sock.recv(4096)       # blocks                  recv(c->fd, c->chunk, ...)
 *         while chunk:                                            while (!c->stop)
 *             response += chunk                                       client_received(c, size)
 *             chunk = sock.recv(4096)
 *         return response
 *
 *     def sync_way():                                             blocking_run
 *         for i in range(n):
 *             blocking_way()
 *
 * While it waits for one server, the process does nothing else: the times add up.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include "mode.h"
#include "request.h"

static int connect_next(struct client *c)
{
    int error = client_plain_socket(c, true);

    if (!error)
        error = client_limit(c);
    if (!error && connect(c->fd, c->address, c->address_size) < 0)
        error = client_errno();
    return error;
}

static int send_all(struct client *c)
{
    size_t sent = 0;
    ssize_t n;

    while (sent < c->get_size) {
        n = send(c->fd, c->get + sent, c->get_size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return client_errno();
        sent += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Receives once, and takes what came. */
static int receive(struct client *c)
{
    int error = client_limit(c);
    ssize_t n;

    if (error)
        return error;
    n = recv(c->fd, c->chunk, sizeof c->chunk, 0);
    if (n < 0)
        return errno == EINTR ? 0 : client_errno();
    return client_received(c, n);
}

int blocking_fetch(struct client *c)
{
    int error;

    do
        error = connect_next(c);
    while (client_has_another(c, error));
    if (error)
        return error;
    mark(c->times, MARK_CONNECTED);

    error = send_all(c);
    mark(c->times, MARK_SENT);

    while (!c->stop && !error)
        error = receive(c);
    client_close(c);
    return error;
}

int blocking_run(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        request_fetch(&batch->requests[i], blocking_fetch);
    return 0;
}
