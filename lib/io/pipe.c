/* pipe.c - writing quietly, to sockets, pipes and files: what send(2) and shutdown(2) do for sockets.
 *
 * A pipe has no MSG_NOSIGNAL, and sendfile(2) has none either.  A write blocks SIGPIPE in this thread, and takes away
 * the one that it caused.
 *
 * Rejected: to ignore SIGPIPE, which is the program's to say.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/io.h"
#include "io/pipe.h"

void weft__quiet_begin(struct weft__quiet *quiet)
{
    sigset_t pending;

    sigemptyset(&quiet->pipe);
    sigaddset(&quiet->pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &quiet->pipe, &quiet->before);
    sigpending(&pending);
    quiet->was_pending = sigismember(&pending, SIGPIPE) == 1;
}

/* Without waiting: it may have gone to another thread. */
static void take_sigpipe(const sigset_t *set)
{
#ifdef HAVE_SIGTIMEDWAIT
    const struct timespec now = {0};

    while (sigtimedwait(set, NULL, &now) < 0 && errno == EINTR)
        ;
#else
    sigset_t pending;
    int signum;

    if (sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1)
        (void)sigwait(set, &signum);
#endif
}

/* Take away the SIGPIPE that the write caused, but none that was there before. */
void weft__quiet_end(struct weft__quiet *quiet, bool broken)
{
    if (broken && !quiet->was_pending)
        take_sigpipe(&quiet->pipe);
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

ssize_t weft__pipe_write(int fd, const struct iovec *parts, int count)
{
    struct weft__quiet quiet;
    ssize_t n;

    weft__quiet_begin(&quiet);
    do
        n = writev(fd, parts, count);
    while (n < 0 && errno == EINTR);
    n = n >= 0 ? n : errno == EWOULDBLOCK ? -EAGAIN : -errno;
    weft__quiet_end(&quiet, n == -EPIPE);
    return n;
}

/* What is no socket says so once, at the first write. */
ssize_t weft__io_send(weft_io *io, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    ssize_t n;

    if (io->is_pipe)
        return weft__pipe_write(io->fd, parts, count);
    do
        n = count == 1 ? send(io->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                       : sendmsg(io->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    if (errno != ENOTSOCK)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    io->is_pipe = true;
    return weft__pipe_write(io->fd, parts, count);
}

/* The end of file is that the descriptor goes: another pipe's, broken, takes its number. */
int weft__pipe_end(int fd)
{
    int fds[2];

#ifdef HAVE_PIPE2
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -errno;
    dup3(fds[1], fd, O_CLOEXEC);
#else
    if (pipe(fds) != 0)
        return -errno;
    dup2(fds[1], fd);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
    close(fds[0]);
    close(fds[1]);
    return 0;
}
