/* The ladder: each of the seven servers in turn, in a process of its own, under the same load. */
#ifndef ECHO_LADDER_H
#define ECHO_LADDER_H

#include "client.h"

/* Climb it, and print the table.  Returns whether all went well. */
bool ladder_climb(const struct load *load);

#endif
