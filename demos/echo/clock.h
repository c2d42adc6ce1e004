/* Clocks, in seconds. */
#ifndef ECHO_CLOCK_H
#define ECHO_CLOCK_H

#include <sys/resource.h>

/* One that only goes forward. */
double clock_now(void);
/* Processor time: this process's; that of a usage. */
double clock_cpu(void);
double clock_cpu_of(const struct rusage *usage);

#endif
