/* The command line of the echo. */
#ifndef ECHO_OPTIONS_H
#define ECHO_OPTIONS_H

#include "client.h"

struct mode;

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
    enum { SERVE = 256, CLIENT, LADDER } action;
    const struct mode *mode;
    int port;
    struct load load;
};

/* Read the command line.  Exits if it is wrong, naming what is, or asks for help. */
void options_read(struct options *options, int argc, char **argv);

#endif
