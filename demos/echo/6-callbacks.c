/* 6. Callbacks on an event loop.
 *
 *     def on_connection(sock):                        static void on_connection(fd, events, server)
 *         client, addr = sock.accept()                    fd = door_accept(server->listener);
 *         loop.add_reader(client, on_readable, client)    event_new(..., on_readable, c); event_add
 *
 *     def on_readable(client):                        static void on_readable(fd, events, c)
 *         data = client.recv(4096)                        connection_receive(&c->connection);
 *         if not data:
 *             loop.remove_reader(client)                  drop(c);
 *             return client.close()
 *         client.left = data.upper()
 *         loop.remove_reader(client)                      event_del(c->readable);
 *         loop.add_writer(client, on_writable, client)    event_add(c->writable, NULL);
 *
 *     def on_writable(client):                        static void on_writable(fd, events, c)
 *         n = client.send(client.left)                    connection_send(&c->connection);
 *         client.left = client.left[n:]
 *         if not client.left:
 *             loop.remove_writer(client)                  event_del(c->writable);
 *             loop.add_reader(client, on_readable, client)    event_add(c->readable, NULL);
 *
 *     loop.add_reader(sock, on_connection, sock)      event_add(server.door, NULL);
 *     loop.run_forever()                              event_base_dispatch(server.base);
 *
 * The loop is somebody else's: libevent's, which asks epoll, and a round costs as much as there is to do.
 * But the handler is in pieces: what was one loop with two calls is two functions that hand over to each
 * other, and what a client is about lies in a struct, because a callback has no locals to come back to.
 */
#include <errno.h>
#include <event2/event.h>
#include "connection.h"
#include "door.h"
#include "mode.h"

struct server {
    struct event_base *base;
    struct event *door;
    struct connection *clients;
    int listener;
};

struct client {
    struct connection connection;
    struct event *readable, *writable;
};

static void drop(struct client *c)
{
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    connection_free(&c->connection);
}

static void on_writable(evutil_socket_t fd, short events, void *arg)
{
    struct client *c = arg;
    int error = connection_send(&c->connection);

    (void)fd, (void)events;
    if (error && error != -EAGAIN) {
        drop(c);
    } else {
        event_del(error ? c->readable : c->writable);
        event_add(error ? c->writable : c->readable, NULL);
    }
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    struct client *c = arg;
    int error = connection_receive(&c->connection);

    if (error && error != -EAGAIN)
        drop(c);
    else if (!error)
        on_writable(fd, events, c); /* at once: there is room, most of the time */
}

static void on_connection(evutil_socket_t fd, short events, void *arg)
{
    struct server *server = arg;
    struct client *c;

    (void)events;
    fd = door_accept(server->listener);
    if (fd < 0 && fd != -EAGAIN)
        event_base_loopbreak(server->base); /* the end */
    if (fd < 0 || !(c = connection_new(&server->clients, fd, sizeof *c)))
        return;
    c->readable = event_new(server->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(server->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    if (!c->readable || !c->writable || event_add(c->readable, NULL) != 0)
        drop(c);
}

int serve_callbacks(int port)
{
    struct server s = {.base = event_base_new(), .listener = door_open(port)};
    int error = s.listener < 0 ? s.listener : s.base ? 0 : -ENOMEM;

    if (!error) {
        set_nonblocking(s.listener);
        s.door = event_new(s.base, s.listener, EV_READ | EV_PERSIST, on_connection, &s);
        if (!s.door || event_add(s.door, NULL) != 0 || event_base_dispatch(s.base) != 0)
            error = -ENOMEM;
    }
    while (s.clients)
        drop((struct client *)s.clients);
    if (s.door)
        event_free(s.door);
    if (s.base)
        event_base_free(s.base);
    if (s.listener >= 0)
        door_close(s.listener);
    return error;
}
