/* The modes: the documents' ladder, one rung after the other, and the explicit form of the sixth. */
#ifndef FETCH_MODE_H
#define FETCH_MODE_H

#include <weft.h>

struct batch;
struct client;

struct mode {
    const char *name;
    const char *file;                /* where its client is */
    int (*run)(struct batch *batch); /* runs all requests; returns 0, or why it could not */
    weft_gen *(*fetch)(struct client *client); /* with on_weft: the generator; its result is the client */
    double python; /* seconds that the documents took for 20 requests, far away; 0: not a rung */
};

/* The rungs in order, then the others. */
enum { RUNGS = 8, MODES };
extern const struct mode modes[MODES];

const struct mode *mode_find(const char *name);

/* Each runs a batch in its way.  Errors: -ENOMEM and the like: nothing was fetched then. */
int blocking_run(struct batch *batch);
int processes_run(struct batch *batch);
int threads_run(struct batch *batch);
int poll_run(struct batch *batch);
int select_run(struct batch *batch);
int on_weft_run(struct batch *batch);

/* What 2 and 3 do many times at once. */
int blocking_fetch(struct client *client);

/* Each makes the generator that fetches. */
weft_gen *generator_fetch(struct client *client);
weft_gen *explicit_fetch(struct client *client);
weft_gen *yield_from_fetch(struct client *client);
weft_gen *native_fetch(struct client *client);

#endif
