/* Where the figures are printed: how wide it is, and whether they have arrived. */
#ifndef FETCH_OUTPUT_H
#define FETCH_OUTPUT_H

#include <stdio.h>

enum { OUTPUT_LEAST = 40, OUTPUT_MOST = 200 };

/* Columns, between these two: $COLUMNS, else the terminal's, else 80. */
int output_width(FILE *out);

/* The last thing before the end: what was printed has to arrive, and a disk may be full.  Returns the
 * exit status: the one given, or EXIT_FAILURE in place of 0, after a line on stderr. */
int output_end(int status);

#endif
