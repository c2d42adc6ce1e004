/* 1. Blocking: one client after the other.
 *
 *     def handle(client):                             static void handle(int client)
 *         while True:
 *             data = client.recv(4096)                    n = recv(client, data, sizeof data, 0);
 *             if not data:                                if (n <= 0)
 *                 break                                       break;
 *             client.sendall(data.upper())                upper(data, n); send_all(client, data, n);
 *         client.close()                              door_leave(client);
 *
 *     sock = socket.socket()                          listener = door_open(port);
 *     sock.bind(('127.0.0.1', port))
 *     sock.listen()
 *     while True:
 *         client, addr = sock.accept()                client = door_accept(listener);
 *         handle(client)                              handle(client);
 *
 * Each call waits until it has what it wants, and nothing else runs meanwhile.  A client that is connected
 * and says nothing keeps all others waiting: the system has accepted them, and nobody serves them.
 */
#include <sys/socket.h>
#include "connection.h"
#include "door.h"
#include "mode.h"
#include "upper.h"

static void handle(int client)
{
    char data[CHUNK];
    ssize_t n;

    for (;;) {
        n = recv(client, data, sizeof data, 0);
        if (n <= 0)
            break; /* the client has ended, or is gone */
        upper(data, (size_t)n);
        if (send_all(client, data, (size_t)n) != 0)
            break;
    }
}

int serve_blocking(int port)
{
    int listener = door_open(port), client;

    if (listener < 0)
        return listener;
    while ((client = door_accept(listener)) >= 0) {
        door_enter(client);
        handle(client);
        door_leave(client);
    }
    door_close(listener);
    return 0;
}
