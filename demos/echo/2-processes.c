/* 2. Processes: one for each client.
 *
 *     while True:
 *         client, addr = sock.accept()                client = door_accept(listener);
 *         reap()                                      reap(WNOHANG);
 *         if os.fork() == 0:                          pid = fork(); if (pid == 0) {
 *             sock.close()                                close(listener);
 *             handle(client)                              handle(client);
 *             os._exit(0)                                 _exit(0); }
 *         client.close()                              close(client);
 *
 *     def reap():                                     static void reap(int options)
 *         while os.waitpid(-1, os.WNOHANG)[0]:            while ((pid = waitpid(-1, NULL, options)) > 0)
 *             pass
 *
 * handle is the first server's, to the letter: it still blocks, but only itself.  The price is a process
 * for each client; and what one has learnt the others do not know.
 *
 * Each child is waited for, or it stays as a zombie, and its times do not count as ours.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "connection.h"
#include "door.h"
#include "mode.h"
#include "upper.h"

enum { MOST = 512 }; /* at once; more wait to be accepted */
static pid_t children[MOST];
static int count;

/* Forget one, or (WNOHANG) all, of those that have ended. */
static void reap(int options)
{
    pid_t pid;

    while ((pid = waitpid(-1, NULL, options)) > 0) {
        for (int i = 0; i < count; i++)
            if (children[i] == pid) {
                children[i] = children[--count];
                break;
            }
        options = WNOHANG;
    }
}

static void handle(int client)
{
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
}

int serve_processes(int port)
{
    int listener = door_open(port), client;
    pid_t pid;

    if (listener < 0)
        return listener;
    while ((client = door_accept(listener)) >= 0) {
        reap(count == MOST ? 0 : WNOHANG);
        pid = fork();
        if (pid == 0) {
            close(listener);
            handle(client);
            _exit(0);
        }
        if (pid > 0)
            children[count++] = pid;
        close(client); /* the child has its own; without one, the client sees the end */
    }
    for (int i = 0; i < count; i++)
        kill(children[i], SIGKILL); /* they hold nothing but a socket */
    while (count > 0)
        reap(0);
    door_close(listener);
    return 0;
}
