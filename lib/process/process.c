/* process.c - child processes: how their end is noticed, and who waits for it.
 *
 *   STARTING --the program runs--> RUNNING --`watch` is done--> ENDED: reaped, `status`
 *      | an error                     +-----the loop closes---> LOST: `error`
 *      v
 *     gone
 *
 * Invariant: until it is ENDED or LOST, the process holds itself, its hook waits for `watch`, and
 * nobody has reaped the child.  Only the loop's thread reaps, when the hook runs: so a signal that
 * is sent before finds the child, or its remains, and never a stranger.
 *
 *   `watch`   a pidfd that becomes readable; or the job of a thread which waits for the end, and
 *             leaves the child where it is (WNOWAIT).  That job's result is the duty to reap: when
 *             the loop has gone, its destructor does it.
 *
 * Each such thread is in a pool of its own: children that live long would fill the loop's, and
 * hold up all else.
 *
 * Rejected: SIGCHLD, which the program may have a handler for, which is merged, and tells of other
 * people's children; to watch only while somebody waits: the others would stay zombies.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/combine.h>
#include <weft/executor.h>

#include "base/alloc.h"
#include "base/options.h"
#include "core/round.h"
#include "io/io.h"
#include "process/process.h"
#include "sync/waiters.h"

bool weft__no_pidfd;
atomic_uint weft__child_threads;

enum { UNKNOWN_STATUS = 255 };

struct weft_process {
    struct weft__object object; /* references: all users', its own while it runs, its waiters' */
    uint32_t users;
    pid_t pid;
    bool ended;
    int error; /* ENDED: somebody else has reaped it; LOST */
    int status;
    weft_io *pidfd; /* or */
    weft_executor *pool;
    weft_future *watch;
    struct weft__hook hook;
    struct weft__node waits;
    weft_stream *streams[3];
};

/* ---- its end -------------------------------------------------------------------------------- */

/* The job: wait for a child's end, and leave it. */
static int wait_for_end(void *arg, void **result)
{
    siginfo_t info;

    atomic_fetch_add(&weft__child_threads, 1);
    while (waitid(P_PID, (id_t)weft_int(arg), &info, WEXITED | WNOWAIT) != 0)
        if (errno != EINTR)
            return -errno;
    *result = arg;
    return 0;
}

/* Nobody took the job's result: the loop is closed.  (One that had not begun by then leaves it.) */
static void reap_unseen(void *pid)
{
    waitpid((pid_t)weft_int(pid), NULL, WNOHANG);
}

/* It has ended: take it away.  This waits for nothing, unless a debugger has it and must be told
 * first.  Errors: -ECHILD. */
static int reap(weft_process *process)
{
    siginfo_t info = {.si_pid = 0};
    int done = -1;

#ifdef P_PIDFD
    errno = EINVAL;
    while (process->pidfd &&
           (done = waitid(P_PIDFD, (id_t)weft_io_fd(process->pidfd), &info, WEXITED)) != 0 &&
           errno == EINTR)
        ;
    if (done != 0 && errno == EINVAL) /* the kernel knows pidfds, but not here */
#endif
        while ((done = waitid(P_PID, (id_t)process->pid, &info, WEXITED)) != 0 && errno == EINTR)
            ;
    if (done != 0)
        return -errno;
    process->status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return 0;
}

/* Let go of what watches it. */
static void unwatch(weft_process *process)
{
    weft_future_unref(process->watch);
    process->watch = NULL;
    weft_io_close(process->pidfd);
    process->pidfd = NULL;
    weft_executor_unref(process->pool);
    process->pool = NULL;
}

/* `watch` is done. */
static void on_end(struct weft__hook *hook)
{
    weft_process *process = weft__container_of(hook, struct weft_process, hook);
    struct weft__waiter *first;

    process->error = weft_future_error(process->watch);
    (void)weft_future_take(process->watch);
    if (process->error != WEFT_ECLOSED) {
        process->status = UNKNOWN_STATUS;
        process->error = reap(process);
        if (process->pool) /* its thread has nothing more to do: it ends at once */
            (void)weft_executor_shutdown(process->pool, WEFT_NEVER);
    }
    process->ended = true;
    unwatch(process);
    if (process->error)
        weft__waiters_fail(&process->waits, process->error);
    while ((first = weft__waiter_first(&process->waits)))
        weft__waiter_finish(first, weft_from_int(process->status), NULL);
    weft__object_unref(&process->object);
}

/* Not in the place of a standard descriptor that is closed: the next child would inherit it. */
static int pidfd_of(pid_t pid)
{
    int fd = -1;

#ifdef SYS_pidfd_open
    if (!weft__no_pidfd)
        fd = (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
#endif
    return fd < 0 ? -1 : weft__above_standard(fd);
}

/* See to it that its end is noticed.  Errors: -ENOMEM, -EAGAIN: no thread; what the backend says.
 * */
static int watch(weft_process *process)
{
    weft_loop *loop = process->object.loop;
    int fd = pidfd_of(process->pid), error = 0;

    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        error = weft_io_new(loop, fd, WEFT_IO_OWNED, &process->pidfd);
        if (error) {
            close(fd);
            return error;
        }
        process->watch = weft_io_readable(process->pidfd);
    } else {
        process->pool = weft_executor_new(1);
        if (!process->pool)
            return -ENOMEM;
        process->watch = weft_run_in_executor(loop, process->pool, .run = wait_for_end,
                                              .arg = weft_from_int(process->pid),
                                              .destroy = reap_unseen, .flags = WEFT_ABANDONABLE);
    }
    if (weft_future_is_done(process->watch))
        error = weft_future_error(process->watch);
    if (error) {
        unwatch(process);
        return error;
    }
    process->hook = (struct weft__hook){.node.kind = WEFT__NODE_HOOK, .fn = on_end};
    process->object.refs++;
    if (weft_future_is_done(process->watch))
        weft__loop_push(loop, &process->hook.node);
    else
        weft__future_wait(process->watch, &process->hook.node);
    return 0;
}

/* It never became its program, and is about to end: reap it now, or (a thread looks at it) when
 * that is told. */
static void take_back(weft_process *process, const struct weft__spawn *spawn)
{
    if (process->pool)
        return;
    weft__future_unwait(process->watch, &process->hook.node);
    unwatch(process);
    weft__spawn_bury(spawn);
    weft__object_unref(&process->object);
}

/* ---- its beginning -------------------------------------------------------------------------- */

static const struct weft__object_type process_type = {.size = sizeof(weft_process)};

/* A pipe between the child's descriptor `i`, whose end is *fd, and a stream. */
static int make_pipe(weft_process *process, int i, int *fd)
{
    int ours = i == 0, fds[2], error = weft__spawn_pipe(fds);
    weft_io *io;

    if (error)
        return error;
    *fd = fds[!ours];
    error = weft_io_new(process->object.loop, fds[ours], WEFT_IO_OWNED, &io);
    if (error) {
        close(fds[ours]);
        return error;
    }
    process->streams[i] = ours ? weft__pipe_stream(io) : weft_stream_new(io);
    return weft_stream_error(process->streams[i]);
}

/* Make the child's three descriptors; those that were opened for it are in `opened`, else -1. */
static int make_descriptors(weft_process *process, const weft_process_options *options, int fds[3],
                            int opened[3])
{
    const int what[3] = {options->in, options->out, options->err};

    for (int i = 0; i < 3; i++) {
        int error = 0;

        fds[i] = what[i] == WEFT_INHERIT ? i : what[i];
        if (what[i] == WEFT_PIPE) {
            error = make_pipe(process, i, &opened[i]);
        } else if (what[i] == WEFT_DEVNULL) {
            opened[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
            error = opened[i] < 0 ? -errno : 0;
            if (!error && (opened[i] = weft__above_standard(opened[i])) < 0)
                error = opened[i];
        } else if (what[i] < 0 && (i != 2 || what[i] != WEFT_STDOUT)) {
            error = -EINVAL;
        }
        if (error)
            return error;
        if (opened[i] >= 0)
            fds[i] = opened[i];
    }
    return 0;
}

/* Errors: -EINVAL: it would stand for another one; -EBADF. */
static int check_passed(const weft_process_options *options)
{
    for (size_t i = 0; i < options->pass_count; i++) {
        if (options->pass_fds[i] < 3)
            return -EINVAL;
        if (fcntl(options->pass_fds[i], F_GETFD) < 0)
            return -errno;
    }
    return 0;
}

/* Errors: then it never ran. */
static int run(weft_process *process, const char *const *argv, const int fds[3],
               const weft_process_options *options)
{
    struct weft__spawn spawn;
    int error = weft__spawn_begin(&spawn, argv, fds, options);

    if (error)
        return error;
    process->pid = spawn.pid;
    error = watch(process);
    if (error) {
        weft__spawn_abort(&spawn);
        return error;
    }
    error = weft__spawn_go(&spawn);
    if (error)
        take_back(process, &spawn);
    return error;
}

WEFT__OPTIONS_END(weft_process_options, pass_count);

int weft_process_start_with(weft_loop *loop, const char *const *argv, weft_process **out,
                            const weft_process_options *given)
{
    weft_process_options options;
    int fds[3], opened[3] = {-1, -1, -1};
    int error = weft__options_copy(&options, sizeof(options), given);
    weft_process *process;

    *out = NULL;
    loop = weft__loop_of(loop);
    if (error)
        return error;
    if (options.flags || !argv || !argv[0] || !argv[0][0])
        return -EINVAL;
    process = weft__object_new(loop, &process_type);
    if (process->object.error)
        return process->object.error;
    process->users = 1;
    weft__queue_init(&process->waits);
    error = check_passed(&options);
    if (!error)
        error = make_descriptors(process, &options, fds, opened);
    if (!error)
        error = run(process, argv, fds, &options);
    for (int i = 0; i < 3; i++)
        if (opened[i] >= 0)
            close(opened[i]);
    if (error)
        weft_process_unref(process);
    else
        *out = process;
    return error;
}

/* ---- the calls ------------------------------------------------------------------------------ */

weft_process *weft_process_ref(weft_process *process)
{
    process->users++;
    return process;
}

void weft_process_unref(weft_process *process)
{
    if (!process || --process->users > 0)
        return;
    for (int i = 0; i < 3; i++) {
        weft_stream_free(process->streams[i]);
        process->streams[i] = NULL;
    }
    weft__object_unref(&process->object);
}

int weft_process_pid(const weft_process *process)
{
    return (int)process->pid;
}

weft_stream *weft_process_in(const weft_process *process)
{
    return process->streams[0];
}

weft_stream *weft_process_out(const weft_process *process)
{
    return process->streams[1];
}

weft_stream *weft_process_err(const weft_process *process)
{
    return process->streams[2];
}

static const struct weft__future_type wait_type = WEFT__WAITER_TYPE("process_wait",
                                                                    struct weft__waiter);

weft_future *weft_process_wait(weft_process *process)
{
    weft_loop *loop = process->object.loop;

    weft__check_thread(loop, "weft_process_wait");
    if (!process->ended)
        return weft__waiter_new(&process->object, &process->waits, &wait_type);
    if (process->error)
        return weft__failed(loop, process->error, NULL);
    return weft_future_new_done_at(loop, weft_from_int(process->status), NULL);
}

bool weft_process_has_ended(const weft_process *process, int *status)
{
    if (!process->ended || process->error == WEFT_ECLOSED)
        return false;
    if (status)
        *status = process->status;
    return true;
}

int weft_process_signal(weft_process *process, int signum)
{
    weft__check_thread(process->object.loop, "weft_process_signal");
    if (process->ended)
        return process->error == WEFT_ECLOSED ? WEFT_ECLOSED : -ESRCH;
#ifdef SYS_pidfd_send_signal
    if (process->pidfd) {
        if (syscall(SYS_pidfd_send_signal, weft_io_fd(process->pidfd), signum, NULL, 0) == 0)
            return 0;
        if (errno != ENOSYS)
            return -errno;
    }
#endif
    return kill(process->pid, signum) == 0 ? 0 : -errno;
}

weft_loop *weft__process_loop(const weft_process *process)
{
    return process->object.loop;
}
