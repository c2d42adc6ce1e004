/* What the seventh server waits for, where a thread waits for the others (door.h). */
#ifndef ECHO_ENDING_H
#define ECHO_ENDING_H

#include <weft.h>

/* Returns at SIGINT, SIGTERM or the end of the input. */
weft_gen *until_the_end(void);

#endif
