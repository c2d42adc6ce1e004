/* The report: a table with a row for each request, and all of them as bars on one axis of time, as
 * wide as the output.  It knows nothing of weft. */
#ifndef FETCH_REPORT_H
#define FETCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include "record.h"

/* With titles: a row's URL stands above it, if it differs from the row's before. */
void report_print(FILE *out, const struct record *record, bool has_titles);

#endif
