/* The seven servers.
 *
 * Each does the same: it takes connections on 127.0.0.1, sends back in upper case what it receives, and
 * closes a connection when its client has ended writing and all of it was sent.  Each has a file of its
 * own, beside the Python that it mirrors. */
#ifndef ECHO_MODE_H
#define ECHO_MODE_H

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

#endif
