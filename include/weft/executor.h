/* weft/executor.h - blocking work in threads, awaited like anything else; and tasks that threads
 * hand over.
 *
 *     WEFT_AWAIT(f, weft_run_in_executor(NULL, NULL, .run = hash_file, .arg = f));
 *
 *     QUEUED --a thread is free--> RUNNING --it returns--> done: the loop is told
 *       | cancel                      | cancel
 *       v                             v
 *     cancelled: never runs         goes on: its end is the outcome; or, ABANDONED, alone
 *
 * A thread cannot be stopped, and C has no collector to keep what it uses.  So a job that has begun
 * ends its wait only when it has ended; unless it is abandonable, that is, owns all the memory that
 * it touches.
 *
 * The threads block all signals but those of a crash: the program's handlers run in its own
 * threads. fork is not supported while a pool has threads: the child has none of them, and must
 * leave pools and loops alone (exec, or _exit); a job may not fork, either, unless it execs.
 *
 * Source: loop.run_in_executor, asyncio.to_thread, concurrent.futures.ThreadPoolExecutor;
 * trio.to_thread's abandon_on_cancel; asyncio.run_coroutine_threadsafe; loop.getaddrinfo.
 */
#ifndef WEFT_EXECUTOR_H
#define WEFT_EXECUTOR_H

#include <sys/socket.h>
#include <weft/scope.h> /* WEFT_NEVER */
#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Pools ----------------------------------------------------------------------------------- */

typedef struct weft_executor weft_executor;

/* Make a pool of up to `threads` threads (0: the number of processors and four, at most 32).  A
 * thread is started when a job finds none idle, and stays.  Jobs start in the order in which they
 * came, but that slow ones let others pass: see WEFT_SLOW.  One pool may serve several loops.
 * Each loop has a default pool, made when it is needed and closed with the loop.
 * Ownership: one reference for you.  NULL without memory.  Threads: any. */
WEFT_API weft_executor *weft_executor_new(unsigned threads) WEFT_NODISCARD;
/* Take a reference; returns the pool.  Threads: any. */
WEFT_API weft_executor *weft_executor_ref(weft_executor *executor);
/* Shut it down: further jobs fail with WEFT_ESHUTDOWN, those that are queued are cancelled, idle
 * threads end.  Waits up to `seconds` (WEFT_NEVER: for ever; 0: not at all) for the jobs that run,
 * abandoned ones, too.  It blocks: on a loop's thread, nothing else runs meanwhile.  Calling it
 * again is fine.
 * Errors: WEFT_ETIMEDOUT: some still run; they go on, and their loops hear of them.
 * WEFT_EDEADLOCK: from a job of its own; it is shut down, and has not waited. -EINVAL: not a
 * number; nothing has changed. */
WEFT_API int weft_executor_shutdown(weft_executor *executor, double seconds);
/* Give a reference back; the last one shuts it down without waiting.  NULL is fine.  Threads:
 * any. */
WEFT_API void weft_executor_unref(weft_executor *executor);

/* Let this pool be the loop's default one, for lookups, too: with fewer threads, or more.  Before its first job.
 * Ownership: takes the reference, also when it fails.  The pool is the loop's from then on: it is shut down with it.
 * Errors: WEFT_EINVALIDSTATE: the loop has one already; WEFT_ECLOSED; -ENOMEM, also for a pool that is NULL: that could
 * not be made.
 * Source: loop.set_default_executor. */
WEFT_API int weft_loop_set_default_executor(weft_loop *loop, weft_executor *executor);

/* ---- Jobs ------------------------------------------------------------------------------------ */

/* Do the work, in a thread of the pool: return 0 and set *result (NULL before), or return an error,
 * negative; then *result is nothing.  There is no running loop here: of the library, only what is
 * for any thread may be called. */
typedef int weft_job_fn(void *arg, void **result);

enum {
    WEFT_ABANDONABLE = 1, /* a cancel ends the wait at once; the job goes on with what it owns */
    /* It may take long, for it waits for others: a resolver, a server, a tape.  Half of the pool's
     * threads (rounded up) run such at most, those included that were abandoned; the rest is for
     * what is quick.  Lookups of names (weft_getaddrinfo) are slow ones. */
    WEFT_SLOW = 2
};

typedef struct weft_job {
    size_t struct_size; /* the macro's: see weft/language.h */
    weft_job_fn *run;
    void *arg;
    void (*free_arg)(void *arg);   /* or NULL; once, after run or if it never runs; in any thread */
    void (*destroy)(void *result); /* or NULL; once, of a result that nobody takes; in any thread */
    unsigned long flags;
} weft_job;

/* Run a job in a thread: weft_run_in_executor(NULL, NULL, .run = work, .arg = arg).  `executor`
 * NULL: the loop's.
 * Result: what it set, with `.destroy` as its destructor.  Errors: what it returned
 * (WEFT_ECANCELLED: the future is cancelled); -EAGAIN: no thread can be started, and the pool has
 * none; WEFT_ESHUTDOWN; -ENOMEM; WEFT_ECLOSED; -EINVAL: no `.run`, or unknown flags.
 * Ownership: takes `arg` on every path, if there is a `.free_arg`.
 * Cancelled: before it began: it never runs.  After that: the await succeeds when it has ended, and
 * the next one is cancelled; an abandonable one is cancelled at once.
 * Dropping the future is a cancel, too.  A job that runs and is not abandonable then goes on for
 * nobody, and still counts in what follows: it may look at what its arg points to.
 * The loop stays open for it: a run does not end with WEFT_EDEADLOCK while a job is under way, on a
 * virtual clock, neither.  Closing the loop waits, blocking, for jobs that run, unless they are
 * abandonable; queued ones never run.
 * A job that waits for the loop meanwhile is told (weft_remote_wait: WEFT_ECLOSED); one that waits
 * for it in ways of its own would wait for ever. */
#define weft_run_in_executor(...) WEFT__RUN_IN_EXECUTOR(__VA_ARGS__, )
#define WEFT__RUN_IN_EXECUTOR(loop, executor, ...) \
    weft_run_job((loop), (executor), WEFT__STRUCT(weft_job, __VA_ARGS__), WEFT_HERE)
WEFT_API weft_future *weft_run_job(weft_loop *loop, weft_executor *executor, const weft_job *job,
                                   const char *where) WEFT_NODISCARD;

/* ---- Names ----------------------------------------------------------------------------------- */

struct addrinfo;

/* Look up a host and a service, in a thread: getaddrinfo(3), with everything that nsswitch.conf
 * says.  `hints` may be NULL.  All arguments are copied.
 * Result: struct addrinfo *, owned: freeaddrinfo frees it.
 * Suspends: unless both are numbers (or NULL), which needs no thread.
 * Errors: WEFT_EGAI codes (weft_strerror says "Name or service not known"); those of a job.
 * Cancelled: at once; the lookup is abandoned.  Its thread is busy until the resolver gives up: so
 * lookups are slow jobs (WEFT_SLOW), and leave half of the loop's pool to others.
 * Source: loop.getaddrinfo. */
WEFT_API weft_future *weft_getaddrinfo(weft_loop *loop, const char *host, const char *service,
                                       const struct addrinfo *hints) WEFT_NODISCARD;

/* What weft_getnameinfo brings, in one block. */
typedef struct weft_nameinfo {
    const char *host, *service;
} weft_nameinfo;

/* Look up the names of an address, which is copied, in a thread: getnameinfo(3), with its flags
 * (NI_NUMERICHOST, NI_NUMERICSERV, NI_NAMEREQD, ...).
 * Result: weft_nameinfo *, owned: weft_take makes it yours, free frees it, strings and all.
 * Suspends: unless both are to be numbers, which needs no thread.
 * Errors: WEFT_EGAI codes; -EINVAL: an address over 128 bytes; those of a job.
 * Cancelled: as weft_getaddrinfo.
 * Source: loop.getnameinfo. */
WEFT_API weft_future *weft_getnameinfo(weft_loop *loop, const struct sockaddr *addr, socklen_t len,
                                       int flags) WEFT_NODISCARD;

/* ---- From other threads ---------------------------------------------------------------------- */

/* A task as another thread sees it: it may wait for it, blocking, and cancel it. */
typedef struct weft_remote weft_remote;

/* Make a task in the loop's thread, from another thread, which holds a reference on the loop
 * (weft_loop_ref).  `loop` may not be NULL.
 * Ownership: takes the generator, also when it fails; a refused one is closed, in this thread.  One
 * reference for you.
 * Returns never NULL: weft_remote_wait tells what went wrong: WEFT_ECLOSED, WEFT_EUNSHARED,
 * -ENOMEM.
 * Threads: any; on the loop's own, weft_remote_wait never waits.
 * Source: asyncio.run_coroutine_threadsafe, and the concurrent.futures.Future that it returns. */
#define weft_task_new_threadsafe(loop, gen) \
    weft_task_new_threadsafe_at((loop), WEFT__GEN(gen), WEFT_HERE)
WEFT_API weft_remote *weft_task_new_threadsafe_at(weft_loop *loop, weft_gen *gen,
                                                  const char *where) WEFT_NODISCARD;

/* Wait until the task has ended, up to `seconds` (WEFT_NEVER; 0: only look), blocking this thread.
 * Returns the task's error (WEFT_ECANCELLED if cancelled), or 0; `value` (may be NULL) receives the
 * result.  If that has a destructor, it is yours with the first call that receives it, and later
 * ones get NULL.
 * Errors: WEFT_ETIMEDOUT: it goes on; cancel it if you want it to end.  WEFT_ECLOSED: the loop was
 * closed before; told when its close begins.  WEFT_EDEADLOCK: it has not ended, and the loop's own
 * thread would wait for itself. -EINVAL: not a number.
 * Threads: any, several at once, too. */
WEFT_API int weft_remote_wait(weft_remote *remote, double seconds, void **value);

/* Ask the task to cancel, with `reason`, which outlives it, or NULL.  It ends when it has ended:
 * weft_remote_wait tells.  Requests that come before the loop has looked are one. 0 also if it has
 * ended.
 * Threads: any that may call weft_task_new_threadsafe.
 * Errors: WEFT_ECLOSED, WEFT_EUNSHARED: it was not asked. */
WEFT_API int weft_remote_cancel(weft_remote *remote, const char *reason);
/* Give the reference back; the last one destroys a result that nobody received.  The task goes on.
 * NULL is fine.
 * Threads: any. */
WEFT_API void weft_remote_unref(weft_remote *remote);

#ifdef __cplusplus
}
#endif
#endif
