/* The report: a table with a row for each request, and all of them as bars on one axis of time.
 * It knows nothing of weft. */
#ifndef FETCH_REPORT_H
#define FETCH_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct report_row {
    const char *title; /* stands above the row if it differs from the row's before */
    int status;        /* 0: none came */
    uint64_t bytes;    /* of the body */
    double start;      /* seconds, since the beginning of it all */
    double answered;   /* when the first bytes came; 0: never */
    double end;
    char error[160]; /* "" if all is well */
};

/* `total` is the end of the axis: how long all of it took. */
void report_print(FILE *out, const struct report_row *rows, size_t count, double total);

#endif
