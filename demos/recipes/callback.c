/* A callback API as futures: the pattern, and what a cancel does.
 *
 * Two libraries that take a function and a context pointer, and call the one with the other, once:
 *
 *     event_base_once    libevent's own: cannot be stopped            after
 *     lookup_start       below: lookup_cancel stops it, in silence    lookup
 *
 * For the first, the context pointer is the future.  A cancel ends the future at once, and the timer runs on for
 * nobody.  The second one has a record, and a done callback that runs however the future has ended: it tells the
 * library if that has not called back, and frees the record.
 *
 *     async def find(key):                            weft_future *find(struct event_base *base, ...)
 *         future = loop.create_future()                   weft_future_new(NULL)
 *         future.add_done_callback(on_done)               weft_future_add_done_callback(future, on_done, find)
 *         lookup_start(key, on_found)                     lookup_start(base, key, on_found, find)
 *         return await future                             return future
 *
 * It prints:
 *     a future of a timer: success
 *     north: 52
 *     nowhere: No such file or directory
 *     slow, for a moment: deadline expired
 *     slow, dropped: nobody waits for it
 *     the library was told to stop 2 times
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include <weft.h>

/* ---- a context pointer only ---------------------------------------------------------------------- */

static void on_time(evutil_socket_t fd, short events, void *future)
{
    (void)fd, (void)events;
    weft_future_set_result_unless_done(future, NULL); /* it may have been cancelled meanwhile */
    weft_future_unref(future);                        /* the reference that the library had */
}

static weft_future *after(struct event_base *base, const struct timeval *delay)
{
    weft_future *future = weft_future_new(NULL);

    if (event_base_once(base, -1, EV_TIMEOUT, on_time, weft_future_ref(future), delay) != 0) {
        weft_future_set_error_unless_done(future, -ENOMEM); /* it will not call back */
        weft_future_unref(future);
    }
    return future;
}

/* ---- the other library: a table that takes its time to look something up --------------------------- */

typedef void lookup_cb(int error, int value, void *arg);

struct lookup {
    struct event *timer;
    const char *key;
    lookup_cb *cb;
    void *arg;
};

static int cancelled; /* how often lookup_cancel was called */

static void lookup_free(struct lookup *lookup)
{
    event_free(lookup->timer);
    free(lookup);
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    struct lookup lookup = *(struct lookup *)arg;

    (void)fd, (void)events;
    lookup_free(arg);
    if (strcmp(lookup.key, "nowhere") == 0)
        lookup.cb(ENOENT, 0, lookup.arg);
    else
        lookup.cb(0, 52, lookup.arg);
}

/* Returns NULL without memory, and does not call back then. */
static struct lookup *lookup_start(struct event_base *base, const char *key, lookup_cb *cb,
                                   void *arg)
{
    struct timeval delay = {.tv_sec = strcmp(key, "slow") == 0 ? 3600 : 0, .tv_usec = 1000};
    struct lookup *lookup = malloc(sizeof(*lookup));

    if (!lookup)
        return NULL;
    *lookup = (struct lookup){event_new(base, -1, 0, on_timer, lookup), key, cb, arg};
    if (!lookup->timer || event_add(lookup->timer, &delay) != 0) {
        if (lookup->timer)
            event_free(lookup->timer);
        free(lookup);
        return NULL;
    }
    return lookup;
}

/* After this it does not call back. */
static void lookup_cancel(struct lookup *lookup)
{
    cancelled++;
    lookup_free(lookup);
}

/* ---- the bridge ----------------------------------------------------------------------------------- */

struct find {
    struct lookup *lookup; /* NULL: it has called back, or was not started */
    weft_future *future;   /* our reference: as long as the library may set it */
};

static void on_found(int error, int value, void *arg) /* the library calls: there is an outcome */
{
    struct find *find = arg;

    find->lookup = NULL;
    if (error)
        weft_future_set_error_unless_done(find->future, -error);
    else
        weft_future_set_result_unless_done(find->future, weft_from_int(value));
}

static void on_done(weft_future *future, void *arg) /* the loop calls: set, or cancelled */
{
    struct find *find = arg;

    if (find->lookup)
        lookup_cancel(find->lookup);
    free(find);
    weft_future_unref(future);
}

static weft_future *find(struct event_base *base, const char *key)
{
    weft_future *future = weft_future_new(NULL);
    struct find *find = calloc(1, sizeof(*find));

    if (!find || weft_future_add_done_callback(future, on_done, find) != 0) {
        free(find);
        weft_future_set_error_unless_done(future, -ENOMEM);
        return future;
    }
    find->future = weft_future_ref(future);
    find->lookup = lookup_start(base, key, on_found, find);
    if (!find->lookup)
        weft_future_set_error_unless_done(future, -ENOMEM);
    return future;
}

/* The same for callers that drop a future instead of cancelling it: then this one cancels. */
static weft_future *find_while_wanted(struct event_base *base, const char *key)
{
    return weft_wait_for(find(base, key), WEFT_NEVER);
}

/* ---- a program ------------------------------------------------------------------------------------ */

struct program {
    weft_gen gen;
    struct event_base *base;
};

static weft_step program(void *frame)
{
    static const struct timeval moment = {.tv_usec = 1000};
    struct program *f = frame;

    WEFT_BEGIN(f);
    f->base = weft_loop_base(weft_running_loop());
    WEFT_TRY_AWAIT(f, after(f->base, &moment));
    printf("a future of a timer: %s\n", weft_strerror(weft_failed(f)));
    WEFT_AWAIT(f, find(f->base, "north"));
    printf("north: %d\n", (int)weft_sent_int(f));
    WEFT_TRY_AWAIT(f, find(f->base, "nowhere"));
    printf("nowhere: %s\n", weft_strerror(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_wait_for(find(f->base, "slow"), 0.01));
    printf("slow, for a moment: %s\n", weft_strerror(weft_failed(f)));
    weft_future_unref(find_while_wanted(f->base, "slow"));
    WEFT_PAUSE(f); /* a round, in which on_done runs */
    printf("slow, dropped: nobody waits for it\n");
    printf("the library was told to stop %d times\n", cancelled);
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
