/* The timeline: what every request did and when, of several runs, one under the other, as an SVG picture.
 * All have one axis of time.  It follows the reader's choice of light or dark. */
#ifndef FETCH_TIMELINE_H
#define FETCH_TIMELINE_H

#include <stdio.h>
#include "record.h"

struct timeline_run {
    char title[32]; /* "5 select" */
    const struct record *record;
};

/* Write the picture, and close the file.  Returns 0 or an error. */
int timeline_write(FILE *file, const char *title, const struct timeline_run *runs, size_t count);

#endif
