/* The documents' Client, as a struct: what all modes share.
 *
 *     class Client:                                    struct client
 *         def __init__(self, host, port, uri):         client_init(&client, &url)
 *         def fetch(self):                             blocking_fetch(&client)     client_blocking.c
 *                                                      poll_fetch(&client)         client_poll.c
 *                                                      fetch, connected, readable  client_select.c
 *                                                      generator_fetch(&client)    client_generator.c
 *                                                      explicit_fetch(&client)     client_explicit.c
 *                                                      yield_from_fetch(&client)   client_yield_from.c
 *                                                      native_fetch(&client)       client_native.c
 *
 * What is called client_ here never waits.  What waits is in those files, and nowhere else.
 */
#ifndef FETCH_CLIENT_H
#define FETCH_CLIENT_H

#include <sys/socket.h>
#include <weft.h>
#include "http.h"
#include "record.h"
#include "url.h"

struct client {
    const char *host, *port, *uri;  /* the url's, which must outlive the client */
    int fd;                         /* `sock`, where there is no weft; or -1 */
    weft_io *io;                    /* `sock`, where there is */
    const struct sockaddr *address; /* where to connect */
    socklen_t address_size;
    const struct addrinfo *untried; /* the addresses that are left */
    char *get;                      /* "GET / HTTP/1.1..." */
    size_t get_size;
    char chunk[16 * 1024]; /* what the last recv brought */
    struct http_response response;
    bool stop;       /* the answer is complete */
    double deadline; /* on clock_now's clock; WEFT_NEVER: none.  weft's modes have a scope instead */
    struct times *times; /* where to write down when */
};

/* Errors: -ENOMEM; it needs no free then. */
int client_init(struct client *client, const struct url *url, struct times *times);
void client_free(struct client *client);

/* sock = socket.socket(); sock.setblocking(False).  For the next address; closes the socket before. */
int client_socket(struct client *client);

/* The same without weft: sets client->fd. */
int client_plain_socket(struct client *client, bool is_blocking);

/* Connecting ended with `error`: try the next address?  Not after 0, nor after a cancel or when time is up, nor
 * where none is left. */
bool client_has_another(const struct client *client, int error);

/* Whether its time is up. */
bool client_is_late(const struct client *client);

/* Let the next call on a blocking socket wait until the deadline at most.  Errors: WEFT_ETIMEDOUT: it is over. */
int client_limit(struct client *client);

/* The error of a system call that has just failed; a time limit's is WEFT_ETIMEDOUT. */
int client_errno(void);

/* Take the `size` bytes in client->chunk; 0: the server has closed.  Sets client->stop at the end. */
int client_received(struct client *client, intptr_t size);

void client_close(struct client *client);

#endif
