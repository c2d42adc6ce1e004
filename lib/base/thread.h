/* base/thread.h - what each thread knows: its running loop and task, and its arena. */
#ifndef WEFT_BASE_THREAD_H
#define WEFT_BASE_THREAD_H

#include <weft/task.h>

struct arena;

struct weft__thread {
    weft_loop *loop;                     /* the running loop, or NULL */
    weft_task *task;                     /* the task whose step runs, or NULL */
    void (*return_destroy)(void *value); /* of the value that a body is just returning */
    weft_future *held;                   /* what a generator driven by hand got last: see gen.c */
    unsigned stray_scopes;               /* entered in frames that no task drives: see scope.c */
    struct arena *arena;                 /* alloc.c's */
};

/* The initial-exec model makes an access two instructions instead of a call; it takes 32 bytes of the
 * static TLS block, which a library that is loaded late finds in the reserve. */
#if defined(__GNUC__)
extern _Thread_local struct weft__thread weft__thread
    __attribute__((tls_model("initial-exec"), visibility("hidden")));
#else
extern _Thread_local struct weft__thread weft__thread;
#endif

#if defined(__GNUC__)
#define weft__likely(x) __builtin_expect(!!(x), 1)
#define weft__unlikely(x) __builtin_expect(!!(x), 0)
#define weft__prefetch(pointer) __builtin_prefetch(pointer)
#define weft__noinline __attribute__((noinline)) /* keeps a hot function's frame small */
#else
#define weft__likely(x) (x)
#define weft__unlikely(x) (x)
#define weft__prefetch(pointer) (void)(pointer)
#define weft__noinline
#endif

/* Misuse that cannot be undone: say which, and stop the program. */
WEFT_NORETURN void weft__fatal(const char *format, ...) WEFT_PRINTF(1, 2);

#endif
