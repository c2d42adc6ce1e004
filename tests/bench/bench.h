/* bench.h - what the benchmarks share: a table of rows, in each of which bare C and weft take turns.
 *
 * Each figure is the median of the rounds, each measured in a process of its own: each finds the same fresh heap.
 * Bare C is what one would write by hand for this one purpose: a struct, a switch, an intrusive queue, malloc;
 * no errors, no cancel, no names.
 */
#ifndef WEFT_BENCH_H
#define WEFT_BENCH_H

#include <stddef.h>
#include <weft.h>

struct bench_row {
    const char *work, *unit;
    double (*bare)(void);
    double (*weft)(void);
    double target; /* in `unit`, on the machine that the targets were set on; 0: none */
    int rounds;    /* at most; 0: as many as asked */
};

/* Print the table: `name [rounds [words of the rows to run]]`.  Returns main's exit status. */
int bench_main(int argc, char **argv, const struct bench_row *rows, size_t count);

double bench_now_ns(void);                      /* monotonic */
double bench_cpu_ns(void);                      /* of the process */
double bench_median(double *values, int count); /* sorts them */
weft_loop *bench_loop(void);
/* Run a body to its end on a loop of its own; ns that took. */
double bench_run(weft_gen *gen);

#endif
