/* bare.h - the yardstick: the same work by hand.  Each returns ns an operation (or bytes, or seconds). */
#ifndef WEFT_BENCH_BARE_H
#define WEFT_BENCH_BARE_H

double bare_send(void);
double bare_yields(void);
double bare_futures(void);
double bare_done_futures(void);
double bare_million(void);
double bare_bytes(void);
double bare_depth(void);
double bare_sleeps(void);

double resident_bytes(void);
/* The i-th of a fixed series of numbers in [0, 1). */
double bare_random(int i);

#endif
