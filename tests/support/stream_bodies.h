/* stream_bodies.h - what the suites of streams share: a pair of streams on a socket pair, `ours` with edges, `theirs`
 * level-triggered, and ways to look at what a call gave. */
#ifndef WEFT_TESTS_STREAM_BODIES_H
#define WEFT_TESTS_STREAM_BODIES_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"

/* io_priv.h: weft_io_new, with its flags; 2 is level-triggered. */
int weft__io_new(weft_loop *where, int fd, unsigned flags, weft_io **io);

static weft_stream *ours, *theirs;

static inline weft_stream *stream_on(int fd, unsigned flags)
{
    weft_io *io;

    ck_assert_int_eq(weft__io_new(loop, fd, WEFT_IO_OWNED | flags, &io), 0);
    return weft_stream_new(io);
}

static inline void pair_open(void)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ours = stream_on(fds[0], 0);
    theirs = stream_on(fds[1], 2);
}

static inline void pair_close(void)
{
    weft_stream_free(ours);
    weft_stream_free(theirs);
    ours = theirs = NULL;
}

/* The error of a call that need not wait, or may. */
static inline int error_of(weft_future *f)
{
    return run_task(f, NULL);
}

/* Its number, or its error. */
static inline long number_of(weft_future *f)
{
    intptr_t n = 0;
    int error = run_task(f, &n);

    return error ? error : n;
}

/* Its text, until the next call; or its error's name. */
static inline const char *text_of(weft_future *f)
{
    static char *text;
    void *value = NULL;
    int error;

    free(text);
    error = weft_run_until_complete(loop, f, &value);
    text = error ? NULL : value;
    return error ? weft_errname(error) : text;
}

/* ---- libevent's memory: it gets none while `without` is set ---- */

static bool without;

static inline void *event_malloc(size_t size)
{
    return without ? NULL : malloc(size);
}

static inline void *event_realloc(void *old, size_t size)
{
    return without ? NULL : realloc(old, size);
}

/* From now on, `without` counts. */
static inline void event_memory_open(void)
{
    event_set_mem_functions(event_malloc, event_realloc, free);
}

/* Whether two texts are the same; check's own comparison prints them. */
static inline bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* The peer writes, or ends, without a stream of its own. */
static inline void they_write(const char *text)
{
    ck_assert_int_eq(write(weft_stream_fd(theirs), text, strlen(text)), (ssize_t)strlen(text));
}

static inline void they_end(void)
{
    ck_assert_int_eq(shutdown(weft_stream_fd(theirs), SHUT_WR), 0);
}

/* Read what has come for them, and forget it; returns how much. */
static inline size_t they_read(char *bytes, size_t size)
{
    ssize_t n = read(weft_stream_fd(theirs), bytes, size);

    return n > 0 ? (size_t)n : 0;
}

/* Let the loop look at its descriptors. */
static inline void turns(int n)
{
    run_rounds(n);
}

/* A text of `size` bytes in which each place differs from its neighbours. */
static inline char *pattern(size_t size)
{
    char *bytes = malloc(size + 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)('a' + (i * 7 + i / 26 + i / 4096) % 26);
    bytes[size] = 0;
    return bytes;
}

#endif
