/* weft/process.h - child processes: started, spoken to through streams, and waited for.
 *
 *     error = weft_process_start(NULL, WEFT_ARGV("sort", "-u"), &f->process,
 *                                .in = WEFT_PIPE, .out = WEFT_PIPE);
 *     WEFT_AWAIT(f, weft_process_communicate(f->process, text, size));
 *     f->output = weft_take(f);
 *     cleanup: weft_output_free(f->output); weft_process_unref(f->process);
 *
 *     RUNNING --it ends, or is killed--> ENDED: reaped by the loop; its status is kept
 *        +------the loop is closed-----> LOST: it goes on, and stays unreaped; its waits get
 *                                        WEFT_ECLOSED
 *
 * The loop reaps each child as soon as it has ended, whether somebody waits for it or not, and
 * whether somebody still holds the weft_process or not.  It does so by a descriptor of the
 * kernel's (pidfd), or where that is lacking by a thread for each child: no handler of SIGCHLD,
 * and no wait for any child but its own.  Until it is reaped, its number is nobody else's: a
 * signal never hits another process.  A program that ignores SIGCHLD, or reaps by wait(-1) itself,
 * takes the status away: -ECHILD.
 *
 * A child that runs keeps a run of its loop, and event_base_dispatch, going: it may end.
 *
 * Source: asyncio.create_subprocess_exec, Process, PidfdChildWatcher, ThreadedChildWatcher.
 */
#ifndef WEFT_PROCESS_H
#define WEFT_PROCESS_H

#include <weft/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_process weft_process;

/* What the child's standard descriptors are; or the number of a descriptor of yours, 1 and up,
 * which stays yours. */
enum {
    WEFT_INHERIT = 0, /* this process's own */
    WEFT_PIPE = -1,   /* a stream: weft_process_in, _out, _err */
    WEFT_STDOUT = -2, /* .err alone: where its output goes */
    WEFT_DEVNULL = -3
};

typedef struct weft_process_options {
    size_t struct_size; /* the macro's: see weft/language.h */
    int in, out, err;
    const char *const *env; /* "NAME=value", ..., NULL; or NULL: this process's own */
    const char *cwd;        /* where it starts; NULL: here */
    bool new_session;       /* setsid: it has no terminal, and leads a process group of its own */
    unsigned long flags;    /* 0: there are none yet */
    /* Descriptors, 3 and up, that the child gets besides the first three, under the same numbers; they
     * stay yours. */
    const int *pass_fds;
    size_t pass_count;
} weft_process_options;

/* The arguments of a program, the first one its name: WEFT_ARGV("ls", "-l"). */
#define WEFT_ARGV(...) WEFT__LIST(const char *const, __VA_ARGS__, NULL)
/* The same of a command for the shell: weft_process_start(NULL, WEFT_SHELL("ls | wc -l"), ...).
 * What comes from elsewhere does not belong into its text, but behind it, where the shell finds it
 * as "$1": WEFT_ARGV("/bin/sh", "-c", "ls \"$1\" | wc -l", "sh", folder). */
#define WEFT_SHELL(command) WEFT_ARGV("/bin/sh", "-c", (command))

/* Start a program.  argv[0] is looked for in PATH (of `.env`, if that is given), unless it has a
 * slash; then, and in a relative PATH, it is relative to `.cwd`.  `loop` may be NULL inside a task
 * or a callback.
 * The child gets its three standard descriptors, those of `.pass_fds` and no others, no signal
 * blocked, and each at its default.
 * Returns 0 when the program is running, and *process, one reference.
 * All that can fail has been done before it runs: on failure it never ran.  The calling thread
 * waits for the fork and the exec.
 * Errors: execve(2)'s: -ENOENT: no such program, -EACCES, -ENOEXEC, -E2BIG; chdir(2)'s; fork(2)'s:
 * -EAGAIN; pipe(2)'s: -EMFILE; -EBADF: a descriptor that is not open; -EINVAL: no argv[0], or a
 * number that means nothing, also in `.pass_fds`, or flags; -ENOMEM; WEFT_ECLOSED. */
#define weft_process_start(...) WEFT__PROCESS_START(__VA_ARGS__, )
#define WEFT__PROCESS_START(loop, argv, process, ...) \
    weft_process_start_with((loop), (argv), (process), \
                            WEFT__STRUCT(weft_process_options, __VA_ARGS__))
WEFT_API int weft_process_start_with(weft_loop *loop, const char *const *argv,
                                     weft_process **process,
                                     const weft_process_options *options) WEFT_NODISCARD;

WEFT_API weft_process *weft_process_ref(weft_process *process);
/* At the last one its streams are closed at once (weft_stream_free).  One that runs goes on, and
 * is reaped all the same; waits for it go on, too.  NULL is fine. */
WEFT_API void weft_process_unref(weft_process *process);

/* Its number, also after its end. */
WEFT_API int weft_process_pid(const weft_process *process);
/* The other ends of its pipes, borrowed; NULL: there is none.  Closing `in` is the child's end of
 * file; a write to a child that has closed it is -EPIPE, without a SIGPIPE. */
WEFT_API weft_stream *weft_process_in(const weft_process *process);
WEFT_API weft_stream *weft_process_out(const weft_process *process);
WEFT_API weft_stream *weft_process_err(const weft_process *process);

/* Wait until it has ended; any number of tasks may.  Result: its exit status, 0 to 255, an
 * integer; or -n: a signal n ended it.
 * Suspends: unless it has ended and was reaped.  Output that it has written may still be in the
 * pipes.
 * A child that fills a pipe which nobody reads does not end: weft_process_communicate reads.
 * Errors: -ECHILD: somebody else has reaped it; WEFT_ECLOSED; -ENOMEM.
 * Cancelled: it goes on.  Source: Process.wait. */
WEFT_API weft_future *weft_process_wait(weft_process *process) WEFT_NODISCARD;
/* Whether it has ended, as far as the loop knows; `status` (may be NULL) receives what wait would
 * give. */
WEFT_API bool weft_process_has_ended(const weft_process *process, int *status);

/* Send it a signal (SIGTERM, SIGKILL); 0 only asks.
 * Errors: -ESRCH: it has ended, and was reaped; WEFT_ECLOSED: the loop is, and does not know;
 * -EPERM; -EINVAL.
 * Source: Process.send_signal, terminate, kill. */
WEFT_API int weft_process_signal(weft_process *process, int signum);

/* What communicate brings.  The strings have a NUL behind them; "" where there was no pipe. */
typedef struct weft_output {
    char *out, *err;
    size_t out_size, err_size;
    int status; /* as of weft_process_wait */
} weft_output;

/* Write `size` bytes to its input, close that, read its output and errors to their ends, and wait
 * for its end; all at once, so that neither side waits for the other for ever.  What is no pipe is
 * left out.
 * Result: weft_output *, owned; weft_take makes it yours, weft_output_free frees it.
 * A child that does not read all of its input is no error.
 * Ownership: the bytes must stay until the future is done; holds a reference on the process.
 * Errors: those of wait and of reading; -EBUSY: somebody reads already; WEFT_EOVERRUN: more than a
 * limit that was set (weft_stream_set_limit); WEFT_ECLOSED: a stream was closed; -ENOMEM.
 * Cancelled, or failed: the child goes on: signal it.  What was read until then is lost.
 * Source: Process.communicate. */
WEFT_API weft_future *weft_process_communicate(weft_process *process, const void *input,
                                               size_t size) WEFT_NODISCARD;
/* NULL is fine. */
WEFT_API void weft_output_free(weft_output *output);

/* ---- This process --------------------------------------------------------------------------- */

/* Make a stream of this process's standard input, output or errors: descriptor 0, 1 or 2.
 *
 * What they are is shared with other processes, a shell say, so it is left as it is: pipes and
 * terminals are opened anew (by /proc/self/fd) and only that is non-blocking; sockets are asked
 * not to block, call by call.  Where a pipe or terminal cannot be opened anew, it is made
 * non-blocking, for all who share it, until the stream is closed.
 * Regular files and /dev/null are always ready: they are read and written at once, and a slow disk
 * holds up the loop.
 *
 * Closing the stream leaves the descriptor open: who reads from a pipe that is this output sees
 * its end when this process ends, or has closed descriptor 1, too.  A write that nobody reads is
 * -EPIPE, without a SIGPIPE.
 * The stream must be closed like any other; weft_stream_close writes out what is left.
 *
 * Returns 0 and *stream, one reference.
 * Errors: -EBADF: it is closed; -EMFILE, -ENOMEM, WEFT_ECLOSED.
 * Source: loop.connect_read_pipe(sys.stdin), connect_write_pipe(sys.stdout); regular files, which
 * asyncio refuses. */
WEFT_API int weft_open_stdin(weft_loop *loop, weft_stream **stream) WEFT_NODISCARD;
WEFT_API int weft_open_stdout(weft_loop *loop, weft_stream **stream) WEFT_NODISCARD;
WEFT_API int weft_open_stderr(weft_loop *loop, weft_stream **stream) WEFT_NODISCARD;

#ifdef __cplusplus
}
#endif
#endif
