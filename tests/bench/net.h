/* net.h - what the network benchmarks share: peers, which are programs in peers/, and what each has cost.
 *
 * A peer is a process of its own, and the kernel says what it has used: its CPU clock, in nanoseconds; how that is
 * divided into user and system, in ticks of 10 ms, which is why the share is that of all rounds together; the memory
 * that is resident.  All are read before and after the work, and so a start does not count.
 * Rounds are interleaved: one of each peer, then the next.  What is printed are medians.
 */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { NET_MAX_ROUNDS = 21, NET_PEERS = 16 };

struct net_peer {
    const char *name;     /* in the table */
    const char *program;  /* in peers/ */
    const char *words[3]; /* its first arguments, after echo or fetch; the rest NULL */
    const char *package;  /* of Debian, that it needs */
};

struct net_process {
    const char *name;
    pid_t pid;
    int to, from; /* its input and output */
};

/* What a process has used so far. */
struct net_usage {
    double cpu;            /* s */
    double user, system;   /* s, roughly */
    double resident, peak; /* KB */
};

/* What one round came to. */
struct net_result {
    double work;            /* how many messages, or fetches */
    struct net_usage start; /* echo: without a connection */
    struct net_usage before, after;
};

struct net_row {
    const struct net_peer *peer;
    int rounds; /* 0: not here, or not asked for */
    struct net_result results[NET_MAX_ROUNDS];
};

/* ---- Peers ----------------------------------------------------------------------------------------------- */

/* Start a peer: `mode` is "echo" or "fetch", `numbers` end with one below 0.  Whatever fails ends the program. */
struct net_process net_start(const struct net_peer *peer, const char *mode, const int *numbers);
long net_number(const struct net_process *process); /* the next one that it says */
void net_go(const struct net_process *process);     /* give it the byte that it waits for */
struct net_usage net_usage(const struct net_process *process);
void net_end(const struct net_process *process);

void net_fail(const char *name, const char *what); /* print, and end the program with all its peers */
int net_port(int fd);
void net_die_with_parent(void); /* in a child */

/* ---- Tables ---------------------------------------------------------------------------------------------- */

/* Measure those peers that are here and whose name has `word` in it (NULL: all), `rounds` times each. */
size_t net_measure(const struct net_peer *peers, size_t count, int rounds, const char *word,
                   void (*measure)(const struct net_peer *peer, struct net_result *result),
                   struct net_row *rows);
double net_median(const struct net_row *row, double (*of)(const struct net_result *result));
double net_cpu(const struct net_result *result);  /* us for each message or fetch */
double net_user_share(const struct net_row *row); /* 0 to 1 */
/* A row against the one of that name: the median of what each round's ratio is, as the machine's speed changes from round
 * to round, until the next call; "-": there is none. */
const char *net_ratio(const struct net_row *rows, size_t count, size_t which, const char *name,
                      double (*of)(const struct net_result *result));
void net_raise_limit(void); /* of descriptors */

#endif
