/* Rung 4 of the documents' ladder: sockets that do not block, tried again and again.
 *
 *     def nonblocking_way():                                      poll_fetch
 *         sock = socket.socket()                                  client_plain_socket(c, false)
 *         sock.setblocking(False)
 *         while True:                                             connect_next
 *             try:
 *                 sock.connect((host, port))                          connect(...)
 *                 break
 *             except BlockingIOError:  # not yet                      is_not_yet(c)
 *                 pass
 *         sock.send(get.encode('ascii'))                          send_all
 *         while True:
 *             try:                                                receive
 *                 chunk = sock.recv(4096)                             recv(...)
 *                 while chunk:
 *                     response += chunk                               client_received(c, size)
 *                     chunk = sock.recv(4096)
 *                 break
 *             except OSError:          # not yet
 *                 pass
 *
 * It is as slow as the blocking one, since it does nothing else meanwhile either; but now it burns a processor
 * while it waits.  Not to block is only half of it: somebody has to say when to come back.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include "mode.h"
#include "request.h"

/* The last call failed: shall it be tried again?  If not, *error says why. */
static bool is_not_yet(const struct client *c, int *error)
{
    bool is_pending = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS ||
                      errno == EALREADY || errno == EINTR;

    *error = is_pending ? 0 : -errno;
    if (is_pending && client_is_late(c))
        *error = WEFT_ETIMEDOUT;
    return *error == 0;
}

static int connect_next(struct client *c)
{
    int error = client_plain_socket(c, false);

    while (!error && connect(c->fd, c->address, c->address_size) < 0) {
        if (errno == EISCONN) /* it went through since the last try */
            return 0;
        if (!is_not_yet(c, &error))
            return error;
    }
    return error;
}

static int send_all(struct client *c)
{
    size_t sent = 0;
    ssize_t n;
    int error;

    while (sent < c->get_size) {
        n = send(c->fd, c->get + sent, c->get_size - sent, MSG_NOSIGNAL);
        if (n < 0 && !is_not_yet(c, &error))
            return error;
        sent += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int receive(struct client *c)
{
    ssize_t n;
    int error;

    if (client_is_late(c)) /* also while something is always there */
        return WEFT_ETIMEDOUT;
    while ((n = recv(c->fd, c->chunk, sizeof c->chunk, 0)) < 0)
        if (!is_not_yet(c, &error))
            return error;
    return client_received(c, n);
}

static int poll_fetch(struct client *c)
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

int poll_run(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        request_fetch(&batch->requests[i], poll_fetch);
    return 0;
}
