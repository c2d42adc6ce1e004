/* A request: one URL to be fetched, with one client, into one row of the record; and a batch of them, which is
 * what a mode runs (run.c makes it).
 *
 *     error = request_begin(r);          r->client is there; its row begins
 *     if (!error)
 *         error = ...fetch(r->client)    the mode's part
 *     request_end(r, error);             the row is complete, the client gone
 */
#ifndef FETCH_REQUEST_H
#define FETCH_REQUEST_H

#include "client.h"
#include "record.h"

struct options;
struct tracer;

struct request {
    const struct options *options;
    const struct url *url;
    size_t number; /* from 1 */
    struct row *row;
    struct client *client; /* from begin to end */
};

struct batch {
    const struct options *options;
    struct request *requests;
    size_t count;
    size_t window;         /* how many descriptors there may be at once */
    struct tracer *tracer; /* or NULL */
};

/* Make the client, and open the file for its body.  Errors: whatever; call request_end with it all the same. */
int request_begin(struct request *request);

/* Take the client's result into the row, and free the client.  Returns the error, or that of closing the file. */
int request_end(struct request *request, int error);

/* All of it, where the mode's part is one call that blocks. */
void request_fetch(struct request *request, int (*fetch)(struct client *client));

/* Free what a request that never came to its end holds. */
void request_drop(struct request *request);

/* Write into the row what went wrong, and the error's name: "connection refused (ECONNREFUSED)". */
void request_describe(struct request *request, const char *problem, int error);

#endif
