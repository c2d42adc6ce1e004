/* A run: all requests in one mode, in a process of its own.
 *
 *     here                              the child, and what it starts: a process group
 *     run_mode --fork-----------------> the mode fills the record, which both share
 *       looks at the record: progress.h
 *       Ctrl-C --SIGINT to them all---> weft's modes cancel what is under way, others die of it
 *       takes the figures <------------ ends
 *
 * So a mode's figures are its own.  And what blocks need not know how to be interrupted: whatever its
 * process has fetched so far is in the record.
 */
#ifndef FETCH_RUN_H
#define FETCH_RUN_H

#include <sys/resource.h>
#include "options.h"
#include "record.h"

struct mode;
struct tracer;

/* From now on the first SIGINT or SIGTERM interrupts the run, and a second one ends this process.
 * One that was ignored stays so. */
void run_catch_signals(void);

/* The signal that has interrupted a run; 0: none. */
int run_signal(void);

/* Run a mode, the `number`-th.  The record says what became of each request, also after an interrupt;
 * *usage is what it took, with its workers.  Returns 0, or why it could not be run. */
int run_mode(const struct options *options, const struct mode *mode, int number, size_t window,
             struct tracer *tracer, struct record *record, struct rusage *usage);

#endif
