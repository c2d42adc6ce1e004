/* bufferevent_bodies.h - what the suites of bufferevents share: pairs of them, of all kinds, and streams on one end or both. */
#ifndef WEFT_TESTS_BUFFEREVENT_BODIES_H
#define WEFT_TESTS_BUFFEREVENT_BODIES_H

#include <pthread.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <weft/bufferevent.h>

#include "support/stream_bodies.h"

enum kind { PAIR, SOCKET, DEFERRED, LOCKED, FILTER, DEEP, KINDS };

static struct bufferevent *bevs[2];

/* ---- locks, as libevent_pthreads has them ---------------------------------------------------------------- */

static inline void *lock_new(unsigned type)
{
    pthread_mutex_t *lock = malloc(sizeof(*lock));
    pthread_mutexattr_t recursive;

    (void)type;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &recursive);
    return lock;
}

static inline void lock_free(void *lock, unsigned type)
{
    (void)type;
    pthread_mutex_destroy(lock);
    free(lock);
}

static inline int lock_take(unsigned mode, void *lock)
{
    (void)mode;
    return pthread_mutex_lock(lock);
}

static inline int lock_leave(unsigned mode, void *lock)
{
    (void)mode;
    return pthread_mutex_unlock(lock);
}

static inline void locks_use(void)
{
    const struct evthread_lock_callbacks locks = {.lock_api_version = EVTHREAD_LOCK_API_VERSION,
                                                  .supported_locktypes = EVTHREAD_LOCKTYPE_RECURSIVE,
                                                  .alloc = lock_new,
                                                  .free = lock_free,
                                                  .lock = lock_take,
                                                  .unlock = lock_leave};

    ck_assert_int_eq(evthread_set_lock_callbacks(&locks), 0);
}

/* ---- loops ----------------------------------------------------------------------------------------------- */

/* A loop on the real clock: who waits for a bufferevent's descriptor blocks. */
static inline void real_clock(void)
{
    weft_loop_unref(loop);
    loop = weft_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
}

/* ---- bufferevents ---------------------------------------------------------------------------------------- */

/* A filter that shifts each byte, up or down. */
static inline enum bufferevent_filter_result shift(struct evbuffer *from, struct evbuffer *to,
                                                   ev_ssize_t limit, int by)
{
    unsigned char bytes[512];
    size_t most = limit < 0 || (size_t)limit > sizeof(bytes) ? sizeof(bytes) : (size_t)limit;
    int n = evbuffer_remove(from, bytes, most);

    for (int i = 0; i < n; i++)
        bytes[i] = (unsigned char)(bytes[i] + by);
    if (n <= 0)
        return BEV_NEED_MORE;
    evbuffer_add(to, bytes, (size_t)n);
    return BEV_OK;
}

static inline enum bufferevent_filter_result shift_in(struct evbuffer *from, struct evbuffer *to,
                                                      ev_ssize_t limit,
                                                      enum bufferevent_flush_mode mode, void *arg)
{
    (void)mode, (void)arg;
    return shift(from, to, limit, -1);
}

/* With a farewell at the end. */
static inline enum bufferevent_filter_result shift_out(struct evbuffer *from, struct evbuffer *to,
                                                       ev_ssize_t limit,
                                                       enum bufferevent_flush_mode mode, void *arg)
{
    enum bufferevent_filter_result result = shift(from, to, limit, 1);

    (void)arg;
    if (result == BEV_NEED_MORE && mode == BEV_FINISHED)
        evbuffer_add(to, "/", 1); /* a '.' */
    return result;
}

static inline struct bufferevent *filter_on(struct bufferevent *bev)
{
    bev = bufferevent_filter_new(bev, shift_in, shift_out, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
    ck_assert_ptr_nonnull(bev);
    return bev;
}

static inline struct bufferevent *socket_on(int fd, int options)
{
    struct bufferevent *bev = bufferevent_socket_new(weft_loop_base(loop), fd,
                                                     BEV_OPT_CLOSE_ON_FREE | options);

    ck_assert_ptr_nonnull(bev);
    return bev;
}

/* Two that talk to each other. */
static inline void bevs_open(enum kind kind)
{
    static const int options[KINDS] = {[DEFERRED] = BEV_OPT_DEFER_CALLBACKS,
                                       [LOCKED] = BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS |
                                                  BEV_OPT_UNLOCK_CALLBACKS};
    int fds[2];

    if (kind == PAIR) {
        ck_assert_int_eq(bufferevent_pair_new(weft_loop_base(loop), 0, bevs), 0);
        return;
    }
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        bevs[i] = socket_on(fds[i], options[kind]);
        for (int depth = FILTER; depth <= (int)kind; depth++)
            bevs[i] = filter_on(bevs[i]);
    }
}

static inline weft_stream *stream_from(struct bufferevent *bev, unsigned flags)
{
    weft_stream *stream;

    ck_assert_int_eq(weft_stream_from_bufferevent(loop, bev, flags, &stream), 0);
    return stream;
}

/* A stream on each end, which owns it. */
static inline void streams_open(enum kind kind)
{
    bevs_open(kind);
    ours = stream_from(bevs[0], WEFT_BUFFEREVENT_OWNED);
    theirs = stream_from(bevs[1], WEFT_BUFFEREVENT_OWNED);
}

/* libevent frees them in the loop: one with a deferred callback under way would stay, if the base went first. */
static inline void streams_close(void)
{
    pair_close();
    bevs[0] = bevs[1] = NULL;
    run_rounds(3);
}

/* Run, until `n` bytes are in an end's input. */
static inline void run_until_input(struct bufferevent *bev, size_t n)
{
    for (int i = 0; i < 1000 && evbuffer_get_length(bufferevent_get_input(bev)) < n; i++)
        run_rounds(1);
    ck_assert_uint_eq(evbuffer_get_length(bufferevent_get_input(bev)), n);
}

static inline size_t output_of(struct bufferevent *bev)
{
    size_t size = 0;

    for (; bev; bev = bufferevent_get_underlying(bev))
        size += evbuffer_get_length(bufferevent_get_output(bev));
    return size;
}

/* ---- a host's callbacks ---------------------------------------------------------------------------------- */

static inline void host_read(struct bufferevent *bev, void *arg)
{
    char text[64];
    size_t n = bufferevent_read(bev, text, sizeof(text) - 1);

    text[n] = 0;
    say("%s:%s", (const char *)arg, text);
}

static inline void host_write(struct bufferevent *bev, void *arg)
{
    (void)bev;
    say("%s-written", (const char *)arg);
}

static inline void host_event(struct bufferevent *bev, short what, void *arg)
{
    int error = EVUTIL_SOCKET_ERROR();

    (void)bev;
    say("%s:%s%s%s%s%s%s", (const char *)arg, what & BEV_EVENT_CONNECTED ? "connected" : "",
        what & BEV_EVENT_EOF ? "eof" : "", what & BEV_EVENT_ERROR ? weft_errname(-error) : "",
        what & BEV_EVENT_TIMEOUT ? "timeout" : "", what & BEV_EVENT_READING ? "-r" : "",
        what & BEV_EVENT_WRITING ? "-w" : "");
}

static inline void host_on(struct bufferevent *bev, const char *name)
{
    bufferevent_setcb(bev, host_read, host_write, host_event, (void *)(uintptr_t)name);
}

#endif
