/* io/pipe.h - writing what has no MSG_NOSIGNAL, and the end of a pipe. */
#ifndef WEFT_IO_PIPE_H
#define WEFT_IO_PIPE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Between these two, what this thread writes to a dead peer raises no SIGPIPE. */
struct weft__quiet {
    sigset_t pipe, before;
    bool was_pending;
};
void weft__quiet_begin(struct weft__quiet *quiet);
void weft__quiet_end(struct weft__quiet *quiet, bool broken);

/* writev, quietly.  Errors: -errno. */
ssize_t weft__pipe_write(int fd, const struct iovec *parts, int count);
/* End a pipe: its other side sees the end of file, and the number stays ours.  Errors: pipe(2)'s. */
int weft__pipe_end(int fd);

#endif
