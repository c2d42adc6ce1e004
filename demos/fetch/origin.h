/* The origin: a small web server on weft, for the fetch to fetch from.  It answers after a while,
 * whatever the query:
 *
 *     /           1 KB                              /stall      never anything
 *     /bytes/N    N bytes                           /reset      a reset connection (RST)
 *     /chunked    10 KB, in chunks                  /early      less than it announces
 *     /close      1 KB without a length, to EOF     /empty      nothing, and closes
 *     /keep       1 KB, and stays connected         /cut        less than all of its chunks
 *     /status/N   that status                       /garbage    what is not HTTP
 *                                                   /header     a header without end
 */
#ifndef FETCH_ORIGIN_H
#define FETCH_ORIGIN_H

#include <sys/types.h>

/* A process of its own, on a free port of 127.0.0.1.  It ends when its parent closes `control`, or when
 * its parent is gone, however that came. */
struct origin {
    pid_t pid;
    int control;
    int port;
};

/* Start one that answers after `delay` seconds.  Returns 0 or an error; nothing was started then.
 * It forks: call it before there is a loop. */
int origin_start(struct origin *origin, double delay);

/* End it, and wait until it has ended.  Returns its exit status, 0 when all is well. */
int origin_stop(struct origin *origin);

/* Serve in this process until SIGINT, SIGTERM or the end of `control`; a file, /dev/null too, is at
 * its end at once.  Port 0: a free one.  Prints the URL to stdout. */
int origin_serve(int port, double delay, int control);

#endif
