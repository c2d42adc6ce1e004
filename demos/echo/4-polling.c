/* 4. Non-blocking sockets: try each, again and again.
 *
 *     sock.setblocking(False)                         set_nonblocking(listener);
 *     clients = []                                    struct connection *clients = NULL;
 *     while True:
 *         try:
 *             client, addr = sock.accept()            client = door_accept(listener);
 *             client.setblocking(False)               connection_new(&clients, client, ...);
 *             clients.append(client)
 *         except BlockingIOError:                     -EAGAIN
 *             pass
 *         for client in clients[:]:                   for (c = clients; c; c = next)
 *             try:
 *                 data = client.recv(4096)                try_it(c): connection_receive,
 *                 if data:                                connection_send
 *                     client.sendall(data.upper())
 *                 else:                                   -ESHUTDOWN
 *                     clients.remove(client)              connection_free(c);
 *             except BlockingIOError:                     -EAGAIN
 *                 pass
 *
 * One thread, all clients: nothing blocks any more, so nobody waits for another.  But nobody sleeps,
 * either: most tries are for nothing, each is a system call, and a server without anything to do keeps a
 * processor busy.
 *
 * Python's sendall does not say how much it has sent when it raises.  So send is called here, and what is
 * left is sent before more is received.
 */
#include <errno.h>
#include <sched.h>
#include "connection.h"
#include "door.h"
#include "mode.h"

static int try_it(struct connection *c)
{
    int error = connection_is_sending(c) ? 0 : connection_receive(c);

    return error ? error : connection_send(c);
}

int serve_polling(int port)
{
    struct connection *clients = NULL, *c, *next;
    int listener = door_open(port), client, error;

    if (listener < 0)
        return listener;
    set_nonblocking(listener);
    for (;;) {
        client = door_accept(listener);
        if (client >= 0)
            connection_new(&clients, client, sizeof *clients);
        else if (client != -EAGAIN)
            break; /* the end */
        for (c = clients; c; c = next) {
            next = c->next;
            error = try_it(c);
            if (error && error != -EAGAIN)
                connection_free(c);
        }
        sched_yield(); /* busy all the same, but others who want the processor get it */
    }
    while (clients)
        connection_free(clients);
    door_close(listener);
    return 0;
}
