/* The command line of the fetch. */
#ifndef FETCH_OPTIONS_H
#define FETCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include "url.h"

struct mode;

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

struct options {
    size_t count; /* requests to each URL */
    const struct mode *mode;
    double timeout; /* WEFT_NEVER: none */
    double delay;
    const char *output;   /* a file for the first body, or NULL */
    const char *save;     /* a folder for all of them, or NULL */
    const char *timeline; /* a file for the picture, or NULL */
    const char *trace;    /* a file for the trace, or NULL */
    bool ladder;          /* all modes */
    bool serve;
    int port;
    struct url *urls; /* none: the origin's */
    size_t url_count;
};

/* Read the command line.  Exits if it is wrong, naming what is, or asks for help. */
void options_read(struct options *options, int argc, char **argv);

/* Say what is fetched: "20 requests to http://host/", or "6 requests to 2 URLs".  A text that the
 * room is too small for ends in "...".  Returns `text`. */
const char *options_describe(const struct options *options, char *text, size_t room);

#endif
