/* The documents' Client, as a struct: what its three forms share.
 *
 *     class Client:                                    struct client
 *         def __init__(self, host, port, uri):         client_init(&client, &url)
 *         def fetch(self):                             generator_fetch(&client)    client_generator.c
 *                                                      yield_from_fetch(&client)   client_yield_from.c
 *                                                      explicit_fetch(&client)     client_explicit.c
 *
 * What is called client_ here never waits.  What waits is in those three files, and nowhere else.
 */
#ifndef FETCH_CLIENT_H
#define FETCH_CLIENT_H

#include <sys/socket.h>
#include <weft.h>
#include "http.h"
#include "url.h"

struct client {
    const char *host, *port, *uri;  /* the url's, which must outlive the client */
    weft_io *io;                    /* `sock` */
    const struct sockaddr *address; /* where to connect */
    socklen_t address_size;
    const struct addrinfo *untried; /* the addresses that are left */
    char *get;                      /* "GET / HTTP/1.1..." */
    size_t get_size;
    char chunk[16 * 1024]; /* what the last recv brought */
    struct http_response response;
    bool stop;       /* the answer is complete */
    double answered; /* when its first bytes came, on the loop's clock; or 0 */
};

/* Each makes the generator that fetches.  Its result is the client. */
weft_gen *generator_fetch(struct client *client);
weft_gen *yield_from_fetch(struct client *client);
weft_gen *explicit_fetch(struct client *client);

/* Errors: -ENOMEM; it needs no free then. */
int client_init(struct client *client, const struct url *url);
void client_free(struct client *client);

/* sock = socket.socket(); sock.setblocking(False).  For the next address; closes the socket before. */
int client_socket(struct client *client);

/* Connecting ended with `error`: try the next address?  Not after 0, nor after a cancel, nor where none
 * is left. */
bool client_has_another(const struct client *client, int error);

/* Take the `size` bytes in client->chunk; 0: the server has closed.  Sets client->stop at the end. */
int client_received(struct client *client, intptr_t size);

void client_close(struct client *client);

#endif
