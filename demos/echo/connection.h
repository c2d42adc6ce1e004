/* A connection of the servers, one that blocks (1 to 3) or one that does not (4 to 6). */
#ifndef ECHO_CONNECTION_H
#define ECHO_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include "upper.h"

/* client.sendall(data), on a socket that blocks.  Returns 0 or an error. */
int send_all(int fd, const char *bytes, size_t size);

/* Begins what a server has for each of its clients. */
struct connection {
    int fd;
    size_t size, sent; /* so much was received; so much of it was sent */
    struct connection *next, **link;
    char bytes[CHUNK];
};

/* Make a connection on a socket, which becomes non-blocking, and put it into the list.  `size`: of the
 * struct that begins with it; the rest is 0.  NULL: no memory, and the socket is closed. */
void *connection_new(struct connection **list, int fd, size_t size);
/* Out of the list; closed; freed. */
void connection_free(struct connection *c);

/* Whether not all of what it received was sent: the next call is a send then, and else a receive. */
bool connection_is_sending(const struct connection *c);

/* Both try once, where Python raises BlockingIOError.  Returns 0; -EAGAIN: not now, or not all; another
 * error: it is over (-ESHUTDOWN: the client has ended). */
int connection_receive(struct connection *c); /* in upper case already */
int connection_send(struct connection *c);

#endif
