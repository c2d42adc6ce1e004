/* net/server.h - what a server is inside: shared by its life (server.c) and its start (listen.c). */
#ifndef WEFT_NET_SERVER_H
#define WEFT_NET_SERVER_H

#include <sys/types.h>
#include <weft/group.h>
#include <weft/server.h>
#include <weft/sync.h>

#include "core/loop.h"

struct weft_server {
    weft_loop *loop;
    uint32_t users, pins;
    weft_client_fn *fn;
    void *arg;
    weft_io **listeners;
    size_t listener_count, listener_size;
    int port;
    char *path; /* of a unix socket; and which file that is, if it is one */
    dev_t device;
    ino_t inode;
    weft_group *group;
    weft_future *closing;    /* done once it is closed */
    weft_semaphore *permits; /* NULL: no limit */
    weft_task *keeper;
    weft_server *next, **link; /* in the loop, while it listens */
    bool closed;
};

/* The loop shuts down: accept no more. */
void weft__servers_close(weft_loop *loop);
void weft__server_unpin(weft_server *server);
/* Start the keeper and the acceptors.  Errors: -ENOMEM; what runs already ends with the server's last reference. */
int weft__server_run(weft_server *server);

#endif
