/* Progress: how far a run is, on one line of a terminal, which is gone when the run is over.
 * Elsewhere, and if it is over soon, nothing is shown. */
#ifndef FETCH_PROGRESS_H
#define FETCH_PROGRESS_H

#include <stdio.h>
#include "record.h"

/* Show it, or show it anew. */
void progress_show(FILE *out, const char *mode, const struct record *record, double seconds);
void progress_erase(FILE *out);

#endif
