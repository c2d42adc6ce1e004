/* What does not block, or cannot be known to, or is not on the loop's thread. */
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weft.h>

struct quick {
    weft_gen gen;
    weft_io *io;
    FILE *file;
    struct pollfd fds[2];
    char bytes[100];
    int fd, pid, options;
};

static int work(void *arg, void **result)
{
    (void)arg;
    *result = NULL;
    sleep(1); /* in a thread of its own */
    return 0;
}

static weft_step quick(void *frame)
{
    struct quick *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_io_readable(f->io));
    if (read(weft_io_fd(f->io), f->bytes, 100) < 0) /* as it is ready, or does not block */
        WEFT_RAISE(f, WEFT_EBROKEN);
    (void)recv(f->fd, f->bytes, 100, MSG_DONTWAIT);
    (void)write(f->fd, f->bytes, 100);
    if (fgets(f->bytes, 100, f->file)) /* a file's */
        poll(f->fds, 2, 0);
    waitpid(f->pid, NULL, WNOHANG | WUNTRACED);
    waitpid(f->pid, NULL, f->options);
    flock(f->fd, LOCK_EX | LOCK_NB);
    usleep(10); /* weft-lint: allow (a chip wants it) */
    WEFT_AWAIT(f, weft_run_in_executor(NULL, NULL, .run = work));
    WEFT_END(f);
}
WEFT_GEN_TYPE(quick);

int main(void)
{
    sleep(1); /* nothing runs yet */
    return weft_main(WEFT_CALL(quick));
}
