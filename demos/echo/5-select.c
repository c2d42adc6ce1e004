/* 5. select: sleep until one of them is ready.
 *
 *     while True:                                     for (;;) {
 *         reading = [sock] + [c for c in clients          ask(listener, clients, &reading, &writing);
 *                             if not c.left]
 *         writing = [c for c in clients if c.left]
 *         r, w, _ = select(reading, writing, [])      select(most + 1, &reading, &writing, NULL, NULL);
 *         if sock in r:                               if (FD_ISSET(listener, &reading))
 *             client, addr = sock.accept()                welcome(listener, &clients);
 *             clients.append(client)
 *         for client in clients:                      for (c = clients; c; c = next)
 *             if client in r:                             if (FD_ISSET(c->fd, &reading))
 *                 client.left = client.recv().upper()         connection_receive(c);
 *             if client in w:                             if (FD_ISSET(c->fd, &writing))
 *                 client.left = send(client.left)             connection_send(c);
 *
 * The system says who is ready, and the server sleeps until then.  That is an event loop, in one function;
 * who waits for what stands in the lists, and has to be told anew each time: a round costs as much as there
 * are clients, however few of them are ready.  And a set has FD_SETSIZE places, mostly 1024.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/select.h>
#include "connection.h"
#include "door.h"
#include "mode.h"

/* Fill the sets.  Returns the largest descriptor. */
static int ask(int listener, const struct connection *clients, fd_set *reading, fd_set *writing)
{
    int most = listener;

    FD_ZERO(reading);
    FD_ZERO(writing);
    for (const struct connection *c = clients; c; c = c->next) {
        FD_SET(c->fd, connection_is_sending(c) ? writing : reading);
        if (c->fd > most)
            most = c->fd;
    }
    if (most < FD_SETSIZE - 1) /* else the sets are full: who comes now has to wait */
        FD_SET(listener, reading);
    return most;
}

/* False: the end. */
static bool welcome(int listener, struct connection **clients)
{
    int client = door_accept(listener);

    if (client >= 0)
        connection_new(clients, client, sizeof **clients);
    return client >= 0 || client == -EAGAIN;
}

int serve_select(int port)
{
    struct connection *clients = NULL, *c, *next;
    int listener = door_open(port), most, error;
    fd_set reading, writing;

    if (listener < 0)
        return listener;
    set_nonblocking(listener);
    for (;;) {
        most = ask(listener, clients, &reading, &writing);
        if (select(most + 1, &reading, &writing, NULL, NULL) < 0)
            continue;
        for (c = clients; c; c = next) {
            next = c->next;
            error = 0;
            if (FD_ISSET(c->fd, &reading))
                error = connection_receive(c);
            if (!error && (FD_ISSET(c->fd, &writing) || connection_is_sending(c)))
                error = connection_send(c); /* at once: there is room, most of the time */
            if (error && error != -EAGAIN)
                connection_free(c);
        }
        if (FD_ISSET(listener, &reading) && !welcome(listener, &clients))
            break;
    }
    while (clients)
        connection_free(clients);
    door_close(listener);
    return 0;
}
