/* sendfile.c - a stream sends a file: from descriptor to descriptor where the system can, else by reading and writing.
 *
 * A file takes its place among what is kept to be written: `before` of its bytes go out ahead of it.  It is the stream's
 * from then on, as bytes are: whoever waits for it may go, and it is sent all the same.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/loop.h"
#include "io/stream.h"

enum { CHUNK = 16 * 1024 }; /* read at a time, if it has to be */

static bool file_cancel(weft_future *future, const char *reason, const char *where)
{
    ((struct weft__file *)weft__waiter(future)->u.item)->waiter = NULL;
    return weft__waiter_cancel(future, reason, where);
}

static void file_drop(weft_future *future)
{
    ((struct weft__file *)weft__waiter(future)->u.item)->waiter = NULL;
    weft__waiter_drop(future);
}

static const struct weft__future_type file_type = {.name = "stream_sendfile",
                                                   .size = sizeof(struct weft__waiter),
                                                   .cancel = file_cancel,
                                                   .drop = file_drop};

/* The first file is sent, or not. */
static void file_end(weft_stream *stream, int error)
{
    struct weft__file *file = stream->files;
    struct weft__waiter *waiter = file->waiter;
    size_t sent = file->sent;

    stream->files = file->next;
    close(file->fd);
    weft__free(file, sizeof(*file));
    if (waiter && error)
        weft__waiter_fail(waiter, error);
    else if (waiter)
        weft__waiter_finish(waiter, weft_from_int((intptr_t)sent), NULL);
}

void weft__files_fail(weft_stream *stream, int error)
{
    while (stream->files)
        file_end(stream, error);
}

/* Read a chunk, and write what goes.  0: there is no more. */
static ssize_t copy_chunk(weft_stream *stream, const struct weft__file *file)
{
    char bytes[CHUNK];
    struct iovec part = {bytes, file->left < CHUNK ? file->left : CHUNK};
    ssize_t n;

    do
        n = pread(file->fd, bytes, part.iov_len, (off_t)file->offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : 0;
    part.iov_len = (size_t)n;
    n = stream->transport_type->write(stream->transport, &part, 1);
    return n != 0 ? n : -EAGAIN;
}

static ssize_t send_chunk(weft_stream *stream, const struct weft__file *file)
{
    const weft_transport_type *type = stream->transport_type;
    ssize_t n = type->send_file
                    ? type->send_file(stream->transport, file->fd, file->offset,
                                      file->left < WEFT__BURST ? file->left : WEFT__BURST)
                    : -ENOSYS;

    return n == -ENOSYS || n == -EINVAL ? copy_chunk(stream, file) : n;
}

int weft__file_push(weft_stream *stream)
{
    struct weft__file *file = stream->files;
    size_t before = file->sent;

    while (file->left > 0) {
        ssize_t n;

        if (file->sent - before >= WEFT__BURST) {
            int error = weft__stream_again(stream, WRITING);

            return error ? error : -EAGAIN;
        }
        n = send_chunk(stream, file);

        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        file->offset += n;
        file->left -= (size_t)n;
        file->sent += (size_t)n;
    }
    file_end(stream, 0);
    return 0;
}

/* ---- the call -------------------------------------------------------------------------------------------- */

/* Errors: see stream.h. */
static int check(int fd, int64_t offset)
{
    struct stat status;

    if (offset < 0)
        return -EINVAL;
    if (fstat(fd, &status) != 0)
        return -errno;
    return S_ISREG(status.st_mode) ? 0 : -EINVAL;
}

/* Put it behind what is kept.  Errors: -ENOMEM, -EMFILE. */
static int enqueue(weft_stream *stream, struct weft__waiter *waiter, int fd, int64_t offset,
                   size_t size)
{
    struct weft__file *file = weft__zalloc(sizeof(*file)), **last = &stream->files;

    if (!file)
        return -ENOMEM;
    file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (file->fd < 0) {
        weft__free(file, sizeof(*file));
        return -errno;
    }
    file->waiter = waiter;
    file->offset = offset;
    file->left = size;
    file->before = weft__buffered(stream->out);
    for (; *last; last = &(*last)->next)
        file->before -= (*last)->before;
    *last = file;
    waiter->u.item = file;
    return 0;
}

weft_future *weft_stream_sendfile(weft_stream *stream, int fd, int64_t offset, size_t size)
{
    int error = weft__stream_write_error(stream);
    struct weft__waiter *waiter;
    bool first;

    if (!error)
        error = check(fd, offset);
    if (error)
        return weft__object_failed(&stream->object, error);
    weft__check_thread(stream->object.loop, "a write to a stream");
    waiter = weft__waiter(weft__waiter_new(&stream->object, NULL, &file_type));
    if (weft__done(&waiter->future))
        return &waiter->future;
    first = !weft__stream_kept(stream);
    error = enqueue(stream, waiter, fd, offset, size);
    if (error)
        weft__waiter_fail(waiter, error);
    else if (first)
        (void)weft__stream_flush(stream); /* if it fails, so does the waiter */
    return &waiter->future;
}
