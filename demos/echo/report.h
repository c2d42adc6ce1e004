/* What is printed: the client's summary, the ladder's table. */
#ifndef ECHO_REPORT_H
#define ECHO_REPORT_H

#include <sys/resource.h>
#include "client.h"

struct mode;

void report_summary(const struct load *load, const struct tally *tally);

struct row {
    const struct mode *mode;
    struct tally tally;
    struct rusage usage; /* the server's */
    int one_at_a_time;   /* 1 or 0, or an error */
};

void report_header(const struct load *load);
void report_row(int number, const struct row *row);
void report_footer(const struct row *rows, int count);

/* The last thing before the end: what was printed has to arrive, and a disk may be full.  Returns the
 * exit status: the one given, or EXIT_FAILURE in place of 0, after a line on stderr. */
int report_end(int status);

#endif
