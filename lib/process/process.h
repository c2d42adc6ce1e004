/* process/process.h - what starting a child, its life and the standard streams share. */
#ifndef WEFT_PROCESS_PROCESS_H
#define WEFT_PROCESS_PROCESS_H

#include <stdatomic.h>
#include <sys/types.h>

#include <weft/process.h>

/* A child that is about to be: it has forked, and waits for a word to become its program. */
struct weft__spawn {
    pid_t pid;
    int gate; /* to it; its answer comes here */
};

/* spawn.c: fork; `fds` are to be the child's standard descriptors.  Errors: -ENOMEM,
 * socketpair(2)'s, fork(2)'s. */
int weft__spawn_begin(struct weft__spawn *spawn, const char *const *argv, const int fds[3],
                      const weft_process_options *options);
/* Let it go on; returns when it runs, or why it cannot: then it is to be reaped. */
int weft__spawn_go(struct weft__spawn *spawn);
/* Let it end, and reap it.  The second: it ends by itself. */
void weft__spawn_abort(struct weft__spawn *spawn);
void weft__spawn_bury(const struct weft__spawn *spawn);
/* A pipe, both ends 3 or more, and closed on exec.  Errors: pipe(2)'s. */
int weft__spawn_pipe(int fds[2]);
/* A descriptor of 3 or more in place of `fd`, which is closed.  Errors: fcntl(2)'s. */
int weft__above_standard(int fd);

/* process.c */
weft_loop *weft__process_loop(const weft_process *process);

/* stdio.c: a stream to be written, on a pipe or whatever is no socket; takes the io. */
weft_stream *weft__pipe_stream(weft_io *io);

/* For tests: do as if the kernel had no pidfd_open, or no /proc. */
extern bool weft__no_pidfd, weft__no_proc;
/* For tests: how many threads have begun to wait for a child. */
extern atomic_uint weft__child_threads;

#endif
