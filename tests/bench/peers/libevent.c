/* libevent - its callbacks, without weft: what all others are compared with.
 *
 * Persistent events, which lie in the connections' own memory; the base takes no locks.  A write is tried at once.
 */
#include "peer.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base;

    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base)
        peer_fail("event_base_new_with_config");
    return base;
}

/* ---- echo ------------------------------------------------------------------------------------------------ */

static void on_message(evutil_socket_t fd, short what, void *arg)
{
    struct event *event = arg;
    char buffer[PEER_BUFFER];
    ssize_t n = read(fd, buffer, sizeof(buffer));

    (void)what;
    if (n > 0 && write(fd, buffer, (size_t)n) == n)
        return;
    event_del(event);
    close(fd);
    free(event);
}

static void on_connection(evutil_socket_t listening, short what, void *base)
{
    int fd;

    (void)what;
    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct event *event = malloc(sizeof(*event));

        peer_nodelay(fd);
        if (!event || event_assign(event, base, fd, EV_READ | EV_PERSIST, on_message, event) != 0 ||
            event_add(event, NULL) != 0)
            peer_fail("event_add");
    }
}

static void echo(void)
{
    struct event_base *base = new_base();
    struct event listening;

    event_assign(&listening, base, peer_listen(), EV_READ | EV_PERSIST, on_connection, base);
    event_add(&listening, NULL);
    event_base_dispatch(base);
}

/* ---- fetch ----------------------------------------------------------------------------------------------- */

static long bytes;

struct connection {
    struct event event;
};

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;
    char buffer[PEER_BUFFER];
    ssize_t n;

    (void)what;
    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        bytes += n;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        peer_fail("read");
    event_del(&connection->event);
    close(fd);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    (void)what, (void)arg;
    if (write(fd, PEER_REQUEST, PEER_REQUEST_SIZE) != PEER_REQUEST_SIZE)
        peer_fail("write");
}

static void begin(struct event_base *base, struct connection *connection, int port, int number)
{
    struct sockaddr_in address = peer_address(port, number);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0 ||
        (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS))
        peer_fail("connect");
    if (write(fd, PEER_REQUEST, PEER_REQUEST_SIZE) < 0) {
        if (errno != EAGAIN || event_base_once(base, fd, EV_WRITE, on_connected, NULL, NULL) != 0)
            peer_fail("write");
    }
    if (event_assign(&connection->event, base, fd, EV_READ | EV_PERSIST, on_answer, connection) != 0 ||
        event_add(&connection->event, NULL) != 0)
        peer_fail("event_add");
}

static long fetch(const struct peer_job *job)
{
    struct event_base *base = new_base();
    struct connection *connections = calloc((size_t)job->concurrent, sizeof(*connections));

    for (int wave = 0; wave < job->waves; wave++) {
        for (int i = 0; i < job->concurrent; i++)
            begin(base, &connections[i], job->port, i);
        event_base_dispatch(base); /* ends with the last event */
    }
    free(connections);
    return bytes;
}

int main(int argc, char **argv)
{
    return peer_main(argc, argv, 0, echo, fetch);
}
