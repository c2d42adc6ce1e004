/* The client that drives a server, whichever it is, and checks each byte that comes back. */
#ifndef ECHO_CLIENT_H
#define ECHO_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft.h>

struct load {
    const char *host, *service;
    size_t connections; /* all at once */
    size_t messages;    /* on each, one after the other */
    size_t size;        /* each of 1 to so many bytes */
    uint64_t seed;      /* what they are follows from it */
    double timeout;     /* for a connection, in seconds */
};

/* What came of it. */
struct tally {
    uint64_t messages, bytes; /* that came back, and were right */
    size_t failures;          /* connections */
    double seconds;
    double cpu; /* of the client, in seconds */
};

/* Drive a server.  What went wrong with a connection is a line on stderr.  Returns 0 when all are over, also
 * if some have failed; or why it could not. */
int client_drive(const struct load *load, struct tally *tally);

/* See whether a server serves one client at a time: whether one that is connected and silent keeps another
 * one from its answer.  Returns 1 or 0, or an error. */
int client_probe(const struct load *load);

#endif
