/* The record: what every mode writes down, and everything that is printed or drawn is read from.
 *
 *     record_new(count);                         a row for each request, in memory that fork()ed workers share
 *     mark(&row->times, MARK_CONNECTED);         the clock, at each turn of a request
 *     record_free(record);
 *
 *     BEGUN --connect--> CONNECTED --send--> SENT --wait--> ANSWERED --receive--> ENDED
 *
 * It knows nothing of weft.
 */
#ifndef FETCH_RECORD_H
#define FETCH_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Seconds on the clock that all processes of a machine share; it starts anywhere. */
static inline double clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum mark { MARK_BEGUN, MARK_CONNECTED, MARK_SENT, MARK_ANSWERED, MARK_ENDED, MARKS };

/* When a request came to each of its turns, on that clock; 0: it never did. */
struct times {
    double at[MARKS];
};

/* Only the first time counts. */
static inline void mark(struct times *times, enum mark which)
{
    if (times->at[which] == 0)
        times->at[which] = clock_now();
}

struct row {
    const char *title; /* the URL */
    int status;        /* 0: none came */
    uint64_t bytes;    /* of the body */
    struct times times;
    char error[160]; /* "" if all is well */
};

struct record {
    size_t count;
    double begun, ended; /* all of it */
    int error;           /* why it could not be run, or 0 */
    int trace_error;     /* why its trace is not whole, or 0 */
    struct row rows[];
};

/* Make one, all 0, which processes that are forked later share.  NULL without memory. */
struct record *record_new(size_t count);
void record_free(struct record *record);

/* How many requests failed, or never came to their end. */
size_t record_failed(const struct record *record);

#endif
