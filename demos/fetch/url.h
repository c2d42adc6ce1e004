/* A URL, taken apart, and its addresses.
 *
 *     url_parse(&url, "http://[::1]:8080/a", &problem);     host ::1, port 8080, uri /a
 *     url_resolve(&url);                                    blocks: call it before the loop runs
 *     url_free(&url);
 */
#ifndef FETCH_URL_H
#define FETCH_URL_H

#include <stdbool.h>
#include <netdb.h>

struct url {
    char *text;                 /* as it was given */
    char *host;                 /* without brackets */
    char *port;                 /* "80" by default */
    char *uri;                  /* path and query: "/" at least */
    struct addrinfo *addresses; /* in the order in which to try them; NULL: it has none */
    int error;                  /* why it has none */
};

/* Take a URL apart.  Returns false with the reason in *problem; the url needs no free then. */
bool url_parse(struct url *url, const char *text, const char **problem);

/* Look its name up: sets the addresses, or the error, one of weft's. */
void url_resolve(struct url *url);

void url_free(struct url *url);

#endif
