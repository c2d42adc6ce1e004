/* What a server does with what it receives. */
#ifndef ECHO_UPPER_H
#define ECHO_UPPER_H

#include <stddef.h>

enum { CHUNK = 4096 }; /* bytes that it receives at once */

/* data.upper(), for ASCII.  In place. */
void upper(char *bytes, size_t size);

#endif
