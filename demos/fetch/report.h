/* The report: a table with a row for each request, and all of them as bars on one axis of time.
 * It knows nothing of weft. */
#ifndef FETCH_REPORT_H
#define FETCH_REPORT_H

#include <stdio.h>
#include "record.h"

void report_print(FILE *out, const struct record *record);

#endif
