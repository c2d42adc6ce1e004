/* The seven servers: what they have in common.
 *
 * Each does the same: it takes connections on 127.0.0.1, sends back in upper case what it receives, and
 * closes a connection when its client has ended writing and all of it was sent.  Each has a file of its
 * own, beside the Python that it mirrors. */
#ifndef ECHO_H
#define ECHO_H

#include <stddef.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum { CHUNK = 4096 }; /* bytes that a server receives at once */

struct mode {
    const char *name;
    const char *file;
    /* Serve until SIGINT, SIGTERM or the end of the input.  Port 0: any free one.  Returns 0 or an error. */
    int (*serve)(int port);
};

enum { MODES = 7 };
extern const struct mode modes[MODES];

int serve_blocking(int port);
int serve_processes(int port);
int serve_threads(int port);
int serve_polling(int port);
int serve_select(int port);
int serve_callbacks(int port);
int serve_streams(int port);

/* data.upper(), for ASCII.  In place. */
void upper(char *bytes, size_t size);

#endif
