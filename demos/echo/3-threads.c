/* 3. Threads: one for each client.
 *
 *     while True:
 *         client, addr = sock.accept()                client = door_accept(listener);
 *         Thread(target=handle, args=(client,),       pthread_create(&thread, &detached, handle, ...);
 *                daemon=True).start()
 *
 * handle is the first server's once more.  A thread is cheaper than a process, and all share their memory:
 * that is what is good about it, and what is bad, because they run at any time, and each may be stopped
 * anywhere.  Here they share nothing but the list of who is in (door.c), and that has a lock.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include "connection.h"
#include "door.h"
#include "mode.h"
#include "upper.h"

static void *handle(void *arg)
{
    int client = (int)(intptr_t)arg;
    char data[CHUNK];
    ssize_t n;

    for (;;) {
        n = recv(client, data, sizeof data, 0);
        if (n <= 0)
            break;
        upper(data, (size_t)n);
        if (send_all(client, data, (size_t)n) != 0)
            break;
    }
    door_leave(client);
    return NULL;
}

int serve_threads(int port)
{
    int listener = door_open(port), client;
    pthread_attr_t detached;
    pthread_t thread;

    if (listener < 0)
        return listener;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while ((client = door_accept(listener)) >= 0) {
        door_enter(client);
        if (pthread_create(&thread, &detached, handle, (void *)(intptr_t)client) != 0)
            door_leave(client);
    }
    pthread_attr_destroy(&detached);
    door_close(listener); /* when the last one has left */
    return 0;
}
