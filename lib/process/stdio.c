/* stdio.c - this process's standard streams, and the transport of pipes.
 *
 * What a standard descriptor refers to (the open file description, which has O_NONBLOCK) is shared
 * with whoever started us, and with all whom that started.  So it is not touched, if that can be
 * helped:
 *
 *   pipe, terminal   opened anew, non-blocking; if that is refused: dup, O_NONBLOCK until the end
 *   socket           dup; MSG_DONTWAIT in each call
 *   regular file     dup: opened anew, it would have a position of its own; it is always ready
 *
 * Rejected: a thread that reads a regular file: the loop is held up by a disk, not by a person.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/io.h"
#include "io/pipe.h"
#include "process/process.h"
#include "sync/waiters.h"

bool weft__no_proc;

/* The transport. */
struct pipe_end {
    weft_io *io;
    bool is_socket;
    bool restores; /* the flags that it had: */
    int flags;
};

/* ---- the transport -------------------------------------------------------------------------- */

static ssize_t end_read(void *transport, const struct iovec *parts, int count)
{
    struct pipe_end *end = transport;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    ssize_t n;

    do
        n = end->is_socket ? recvmsg(weft_io_fd(end->io), &message, MSG_DONTWAIT)
                           : readv(weft_io_fd(end->io), parts, count);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static ssize_t end_write(void *transport, const struct iovec *parts, int count)
{
    struct pipe_end *end = transport;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    ssize_t n;

    if (!end->is_socket)
        return weft__pipe_write(weft_io_fd(end->io), parts, count);
    do
        n = sendmsg(weft_io_fd(end->io), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static int end_end(void *transport)
{
    struct pipe_end *end = transport;

    if (end->is_socket)
        return shutdown(weft_io_fd(end->io), SHUT_WR) == 0 || errno == ENOTCONN ? 0 : -errno;
    /* One that is shared goes on: closing it would end nothing. */
    return end->restores ? 0 : weft__pipe_end(weft_io_fd(end->io));
}

static void end_free(void *transport)
{
    struct pipe_end *end = transport;

    if (end->restores)
        fcntl(weft_io_fd(end->io), F_SETFL, end->flags);
    weft__free(end, sizeof(*end));
}

static const weft_transport_type pipe_type = {.name = "pipe",
                                              .read = end_read,
                                              .write = end_write,
                                              .end = end_end,
                                              .silent_close = true,
                                              .free = end_free};
/* One that is shared: it is not closed. */
static const weft_transport_type socket_type = {
    .name = "socket", .read = end_read, .write = end_write, .end = end_end, .free = end_free};

static weft_stream *stream_on(weft_io *io, const struct pipe_end *fields)
{
    struct pipe_end *end = weft__alloc(sizeof(*end));

    if (!end) {
        weft_io_close(io);
        return weft__object_refused(-ENOMEM);
    }
    *end = *fields;
    end->io = io;
    return weft_stream_new_on(io, end->is_socket ? &socket_type : &pipe_type, end);
}

weft_stream *weft__pipe_stream(weft_io *io)
{
    return stream_on(io, &(struct pipe_end){.is_socket = false});
}

/* ---- standard streams ----------------------------------------------------------------------- */

/* Open what a descriptor refers to anew.  Errors: -1: it cannot be. */
static int open_anew(int fd, int flags)
{
    char path[32];

    if (weft__no_proc)
        return -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Make a stream on what descriptor `fd` refers to. */
static int open_standard(weft_loop *loop, int fd, weft_stream **stream)
{
    struct pipe_end end = {.flags = fcntl(fd, F_GETFL)};
    bool is_file, anew = false;
    struct stat status;
    weft_io *io;
    int copy, error;

    *stream = NULL;
    if (end.flags < 0 || fstat(fd, &status) != 0)
        return -errno;
    end.is_socket = S_ISSOCK(status.st_mode);
    is_file = !end.is_socket && !S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode);
    copy = is_file || end.is_socket ? -1 : open_anew(fd, end.flags);
    anew = copy >= 0;
    if (!anew)
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return -errno;
    error = weft_io_new(loop, copy, WEFT_IO_OWNED, &io);
    if (error) {
        close(copy);
        return error;
    }
    end.restores = !anew && !is_file && !end.is_socket && !(end.flags & O_NONBLOCK);
    if (is_file || end.is_socket)
        fcntl(copy, F_SETFL, end.flags); /* as it was: it is shared */
    *stream = stream_on(io, &end);
    error = weft_stream_error(*stream);
    if (error) {
        if (end.restores)
            fcntl(fd, F_SETFL, end.flags);
        *stream = NULL;
    }
    return error;
}

int weft_open_stdin(weft_loop *loop, weft_stream **stream)
{
    return open_standard(loop, STDIN_FILENO, stream);
}

int weft_open_stdout(weft_loop *loop, weft_stream **stream)
{
    return open_standard(loop, STDOUT_FILENO, stream);
}

int weft_open_stderr(weft_loop *loop, weft_stream **stream)
{
    return open_standard(loop, STDERR_FILENO, stream);
}
