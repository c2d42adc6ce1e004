/* The ladder: the same requests in every mode, one mode after the other. */
#ifndef FETCH_LADDER_H
#define FETCH_LADDER_H

#include <stdio.h>
#include "options.h"
#include "record.h"

struct tracer;

/* Run all rungs, and print the table; an interrupt (run.h) ends it below the rung that it met.
 * records[RUNGS] are made as far as it came; record_free frees them, also after an error.
 * Returns 0 or an error; requests that failed are none: the records have them. */
int ladder_run(FILE *out, const struct options *options, size_t window, struct tracer *tracer,
               struct record **records);

#endif
