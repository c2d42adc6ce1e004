/* bufferevent.c - a stream on the host's bufferevent: libweft-bufferevent, on weft's public headers alone.
 *
 * The bridge is a transport on a manual weft_io.  The stream moves bytes out of the bufferevent's input, and into its output;
 * what libevent calls back only says that it may try again.
 *
 *   watch(read)  --> bufferevent_enable(EV_READ)        on_read, on_event --> weft_io_ready --> the stream reads
 *   watch(write)                                        on_drain (of an output) ------------^   writes
 *
 *   HELD --let_go: the stream is closed, or the loop of an OWNED one--> LET GO: it is the host's, or freed; calls: ECLOSED
 *
 * A BORROWED one outlives its loop: it stays with the stream, which may have bytes to give back.
 *
 * Invariant: libevent's callbacks never run the stream.  They may come within any call here (a pair, a filter), and under the
 * bufferevent's lock; weft_io_ready puts it off.  `wants` is what `watch` was told last: who waits for readable is told of
 * all that can change what `bev_read` answers, and so for writable.
 *
 * Rejected: the write callback and its low-watermark, in place of a callback on the outputs.  A filter's output is empty
 * at once, while what is below it grows without a bound; and its own drain tells nobody above.
 * Rejected: to enable reading for each read, and disable it after.  Two system calls a message; so it stays
 * enabled until something comes that nobody waits for.
 * Rejected: to write past the bufferevent, to its descriptor: rate limits, filters and TLS are there.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <weft/bufferevent.h>
#include <weft/loop.h>

enum { HIGH = 64 * 1024, LOW = 16 * 1024 }; /* of what is in the outputs */

/* The bufferevent, as the host had it. */
struct host {
    bufferevent_data_cb readcb, writecb;
    bufferevent_event_cb eventcb;
    void *arg;
    size_t low, high;
    short enabled;
};

struct bridge {
    struct bufferevent *bev; /* NULL: let go */
    weft_loop *loop;         /* the weft_io keeps it */
    weft_io *io;
    weft_stream *stream; /* which frees this */
    struct host host;
    bool owned;
    bool held; /* it is ours: `host` is valid */
    bool wants_read, wants_write;
    bool eof;       /* nothing more will come */
    bool deaf;      /* the other end of a pair reads no more */
    bool timed_out; /* the host's read timeout */
    bool flushed;   /* BEV_FINISHED was said */
    short told;     /* what on_event was */
    int error;      /* it has failed: nothing goes out any more */
};

/* ---- what goes out ------------------------------------------------------------------------------------- */

/* What is below a filter, or NULL. */
static struct bufferevent *below(struct bufferevent *bev)
{
    return bufferevent_get_underlying(bev);
}

static struct bufferevent *bottom(struct bufferevent *bev)
{
    struct bufferevent *next;

    while ((next = below(bev)))
        bev = next;
    return bev;
}

static size_t unsent(const struct bridge *b)
{
    size_t size = 0;

    for (struct bufferevent *bev = b->bev; bev; bev = below(bev))
        size += evbuffer_get_length(bufferevent_get_output(bev));
    return size;
}

/* What speaks against writing, or 0. */
static int write_error(const struct bridge *b)
{
    if (!b->bev)
        return WEFT_ECLOSED;
    return b->error ? b->error : b->deaf ? -EPIPE : 0;
}

/* Whether who waits to write has waited long enough. */
static bool is_writable(const struct bridge *b)
{
    return write_error(b) || unsent(b) <= LOW;
}

static void on_drain(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct bridge *b = arg;

    (void)output;
    if (info->n_deleted > 0 && b->wants_write && is_writable(b))
        weft_io_ready(b->io, false, true);
}

static void forget_outputs(struct bridge *b, struct bufferevent *bev)
{
    for (; bev; bev = below(bev))
        (void)evbuffer_remove_cb(bufferevent_get_output(bev), on_drain, b);
}

/* Errors: -ENOMEM. */
static int observe_outputs(struct bridge *b)
{
    for (struct bufferevent *bev = b->bev; bev; bev = below(bev))
        if (!evbuffer_add_cb(bufferevent_get_output(bev), on_drain, b)) {
            forget_outputs(b, b->bev);
            return -ENOMEM;
        }
    return 0;
}

/* ---- what libevent says -------------------------------------------------------------------------------- */

/* At the host's high-watermark, libevent's deferred callback would come again and again, and never let the loop go on. */
static void on_read(struct bufferevent *bev, void *arg)
{
    struct bridge *b = arg;
    size_t high = b->host.high;

    if (b->wants_read)
        weft_io_ready(b->io, true, false);
    if (!b->wants_read || (high && evbuffer_get_length(bufferevent_get_input(bev)) >= high))
        (void)bufferevent_disable(bev, EV_READ);
}

/* What went wrong; TLS leaves errno as it was, whatever that is. */
static int failure(struct bridge *b, int error)
{
    int lookup = bufferevent_socket_get_dns_error(b->bev);

    if (lookup)
        return weft_error_from_gai(lookup);
    return error > 0 && error != EAGAIN && error != EINTR && error != EINPROGRESS ? -error : -EIO;
}

/* Deferred callbacks may bring several at once. */
static void on_event(struct bufferevent *bev, short what, void *arg)
{
    int error = EVUTIL_SOCKET_ERROR();
    struct bridge *b = arg;
    bool writing = (what & BEV_EVENT_WRITING) != 0;

    (void)bev;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)))
        return;
    if (what == (BEV_EVENT_TIMEOUT | BEV_EVENT_READING) && !b->wants_read)
        return; /* nobody waited */
    b->told |= what;
    if (what & BEV_EVENT_EOF && (what & BEV_EVENT_READING || !writing))
        b->eof = true;
    if (what & BEV_EVENT_ERROR)
        b->error = failure(b, error);
    else if (what & BEV_EVENT_TIMEOUT && writing)
        b->error = -ETIMEDOUT;
    else if (what & BEV_EVENT_EOF && writing && unsent(b))
        b->error = -EPIPE;
    else if (what & BEV_EVENT_EOF && writing)
        b->deaf = true;
    if (what & BEV_EVENT_TIMEOUT && what & BEV_EVENT_READING)
        b->timed_out = true;
    weft_io_ready(b->io, true, true);
}

/* ---- the end ------------------------------------------------------------------------------------------- */

/* The host gets it back, and hears of what it must know. */
static void give_back(struct bridge *b, struct bufferevent *bev)
{
    const struct host *host = &b->host;
    short enabled = bufferevent_get_enabled(bev), on, ended = 0;

    if (b->told & BEV_EVENT_READING)
        ended |= EV_READ; /* libevent has disabled it */
    if (b->told & BEV_EVENT_WRITING)
        ended |= EV_WRITE;
    bufferevent_setwatermark(bev, EV_READ, host->low, host->high);
    bufferevent_setcb(bev, host->readcb, host->writecb, host->eventcb, host->arg);
    (void)bufferevent_disable(bev, (short)(enabled & ~host->enabled));
    on = (short)(host->enabled & ~enabled & ~ended);
    if (on)
        (void)bufferevent_enable(bev, on);
    if (host->enabled & EV_READ && evbuffer_get_length(bufferevent_get_input(bev)))
        bufferevent_trigger(bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
    if (b->told) {
        EVUTIL_SET_SOCKET_ERROR(-b->error);
        bufferevent_trigger_event(bev, b->told, BEV_TRIG_DEFER_CALLBACKS);
    }
}

static void let_go(struct bridge *b)
{
    struct bufferevent *bev = b->bev;

    b->bev = NULL;
    if (!bev)
        return;
    forget_outputs(b, bev);
    if (b->held && b->owned)
        bufferevent_free(bev);
    else if (b->held)
        give_back(b, bev);
}

/* ---- what is waited for -------------------------------------------------------------------------------- */

/* Get what is there.  A filter leaves bytes below, if it was disabled or full when they came; so does a pair at its end.
 * Returns how many can be read. */
static size_t fetch(struct bridge *b)
{
    struct evbuffer *input = bufferevent_get_input(b->bev);

    if (evbuffer_get_length(input))
        return evbuffer_get_length(input);
    if (b->wants_read && !b->eof && !b->error && !b->timed_out &&
        !(bufferevent_get_enabled(b->bev) & EV_READ)) /* it was full */
        (void)bufferevent_enable(b->bev, EV_READ);
    (void)bufferevent_flush(b->bev, EV_READ, b->eof ? BEV_FLUSH : BEV_NORMAL);
    return evbuffer_get_length(input);
}

static int watch(void *arg, bool readable, bool writable)
{
    struct bridge *b = arg;
    bool begins = readable && !b->wants_read, ends = !readable && b->wants_read;

    if (b->owned && weft_loop_is_closed(b->loop))
        let_go(b); /* the event_base may go with the loop */
    if (!b->bev)
        return 0;
    b->wants_read = readable;
    b->wants_write = writable;
    errno = 0;
    if (begins && bufferevent_enable(b->bev, EV_READ) != 0) {
        b->wants_read = false;
        return errno ? -errno : -EIO;
    }
    if (ends) {
        (void)bufferevent_disable(b->bev, EV_READ);
        if (b->timed_out && !b->eof && !b->error) /* but nobody waited */
            b->told = 0;
        b->timed_out = false;
    }
    if ((readable && fetch(b)) || (writable && is_writable(b)))
        weft_io_ready(b->io, readable, writable);
    return 0;
}

/* ---- the transport ------------------------------------------------------------------------------------- */

static ssize_t bev_read(void *transport, const struct iovec *parts, int count)
{
    struct bridge *b = transport;
    ssize_t size = 0;

    if (!b->bev)
        return WEFT_ECLOSED;
    if (!fetch(b)) {
        if (b->eof)
            return 0;
        return b->error ? b->error : b->timed_out ? -ETIMEDOUT : -EAGAIN;
    }
    for (int i = 0; i < count; i++) {
        int n = evbuffer_remove(bufferevent_get_input(b->bev), parts[i].iov_base, parts[i].iov_len);

        if (n < 0)
            return size > 0 ? size : -EPERM; /* the host has frozen it */
        size += n;
        if ((size_t)n < parts[i].iov_len)
            break;
    }
    return size;
}

static ssize_t bev_write(void *transport, const struct iovec *parts, int count)
{
    struct bridge *b = transport;
    int error = write_error(b);
    size_t kept, room;
    ssize_t size = 0;

    if (error)
        return error;
    kept = unsent(b);
    room = kept < HIGH ? HIGH - kept : 0;
    for (int i = 0; i < count && room > 0; i++) {
        size_t part = parts[i].iov_len < room ? parts[i].iov_len : room;

        if (bufferevent_write(b->bev, parts[i].iov_base, part) != 0)
            return size > 0 ? size : -ENOMEM;
        size += (ssize_t)part;
        room -= part;
    }
    return size > 0 ? size : -EAGAIN;
}

static int bev_end(void *transport)
{
    struct bridge *b = transport;
    int fd = -1;

    if (!b->bev || b->error)
        return write_error(b);
    if (b->deaf)
        return 0; /* all of it had gone out */
    if (!b->flushed && evbuffer_get_length(bufferevent_get_output(b->bev)))
        return -EAGAIN;
    if (!b->flushed) {
        b->flushed = true;
        (void)bufferevent_flush(b->bev, EV_WRITE, BEV_FINISHED);
    }
    if (unsent(b))
        return -EAGAIN;
    if (!b->owned || !weft_stream_is_closing(b->stream)) /* else it goes */
        fd = bufferevent_getfd(bottom(b->bev));
    if (fd < 0 || shutdown(fd, SHUT_WR) == 0)
        return 0;
    return errno == ENOTSOCK || errno == ENOTCONN ? 0 : -errno;
}

/* In front of what came after it. */
static void bev_unread(void *transport, struct evbuffer *bytes)
{
    struct bridge *b = transport;

    (void)evbuffer_prepend_buffer(bufferevent_get_input(b->bev), bytes);
}

static void bev_free(void *transport)
{
    let_go(transport);
    free(transport);
}

static const weft_transport_type owned_type = {
    .name = "bufferevent", .read = bev_read, .write = bev_write, .end = bev_end, .free = bev_free};
static const weft_transport_type borrowed_type = {.name = "bufferevent (borrowed)",
                                                  .read = bev_read,
                                                  .write = bev_write,
                                                  .end = bev_end,
                                                  .silent_close = true,
                                                  .unread = bev_unread,
                                                  .free = bev_free};

/* ---- the calls ----------------------------------------------------------------------------------------- */

/* The bridge on a bufferevent, or NULL. */
static struct bridge *bridge_on(struct bufferevent *bev)
{
    bufferevent_data_cb readcb;
    void *arg;

    bufferevent_getcb(bev, &readcb, NULL, NULL, &arg);
    return readcb == on_read ? arg : NULL;
}

/* From now on, it is the stream's. */
static int hold(struct bridge *b, bool owned)
{
    struct host *host = &b->host;

    bufferevent_getcb(b->bev, &host->readcb, &host->writecb, &host->eventcb, &host->arg);
    (void)bufferevent_getwatermark(b->bev, EV_READ, &host->low, &host->high);
    host->enabled = bufferevent_get_enabled(b->bev);
    b->held = true;
    bufferevent_setcb(b->bev, on_read, NULL, on_event, b);
    bufferevent_setwatermark(b->bev, EV_READ, 0, host->high);
    errno = 0;
    if (!(host->enabled & EV_WRITE) && bufferevent_enable(b->bev, EV_WRITE) != 0)
        return errno ? -errno : -EIO;
    b->owned = owned;
    return 0;
}

int weft_stream_from_bufferevent(weft_loop *loop, struct bufferevent *bev, unsigned flags,
                                 weft_stream **out)
{
    weft_stream *stream;
    struct bridge *b;
    int error;

    *out = NULL;
    if (flags & ~(unsigned)WEFT_BUFFEREVENT_OWNED)
        return -EINVAL;
    if (bridge_on(bev))
        return -EBUSY;
    b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    error = weft_io_new_manual(loop, watch, b, &b->io);
    b->loop = loop ? loop : weft_running_loop();
    b->bev = bev;
    if (!error && weft_loop_base(b->loop) != bufferevent_get_base(bev))
        error = WEFT_EOTHERLOOP;
    if (!error)
        error = observe_outputs(b);
    if (error) {
        weft_io_close(b->io);
        free(b);
        return error;
    }
    stream = weft_stream_new_on(b->io,
                                flags & WEFT_BUFFEREVENT_OWNED ? &owned_type : &borrowed_type, b);
    error = weft_stream_error(stream); /* then the bridge has gone */
    if (!error) {
        b->stream = stream;
        error = hold(b, (flags & WEFT_BUFFEREVENT_OWNED) != 0);
    }
    if (error)
        weft_stream_free(stream);
    else
        *out = stream;
    return error;
}
