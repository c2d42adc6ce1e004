/* layer.c - transports on transports: what a stream's transport stands on, and how it is tried again.
 *
 *   stream --> your transport --> layer --> the transport before, down to the descriptor
 *                                   +-- gives first what the stream had read ahead
 *
 * Invariant: a layer stands for what carried the stream when another transport was put above it.  It goes after that, and
 * takes what it stands for along.
 *
 * A descriptor that is not empty tells so by itself (weft__io_again).  Of bytes in a transport's own memory nobody tells:
 * the stream has a hook that tries them again in the next round.
 *
 * Rejected: to have whoever adds a layer pass on the bytes that were read ahead.  It would have to be done right in each
 * bridge, and what is lost there shows up rarely.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/round.h"
#include "io/stream.h"

struct weft__layer {
    struct weft__layer *next; /* further below */
    weft_transport_type const *type;
    void *transport;
    struct evbuffer *in; /* what was read ahead, or NULL */
    bool eof;            /* and its end */
};

/* ---- trying again ---------------------------------------------------------------------------------------- */

static void on_again(struct weft__hook *hook)
{
    weft_stream *stream = weft__container_of(hook, weft_stream, again);

    if (stream->closed || stream->object.loop->closed)
        return;
    stream->object.refs++;
    if (stream->read)
        (void)weft__read_step(stream->read);
    if (!stream->closed && !stream->error)
        (void)weft__stream_flush(stream);
    weft__object_unref(&stream->object);
}

static void push_hook(weft_stream *stream)
{
    if (!stream->again.node.next && !stream->object.loop->closed)
        weft__loop_push(stream->object.loop, &stream->again.node);
}

int weft__stream_again(weft_stream *stream, enum weft__direction direction)
{
    if (stream->transport_type == &weft__descriptor_type)
        return weft__io_again(stream->io, direction);
    push_hook(stream);
    return 0;
}

void weft__stream_arm(weft_stream *stream)
{
    stream->again = (struct weft__hook){.node.kind = WEFT__NODE_HOOK, .fn = on_again};
    if (stream->transport_type->flush)
        push_hook(stream);
}

void weft_stream_wake(weft_stream *stream)
{
    if (stream->object.error || stream->closed)
        return;
    weft__check_thread(stream->object.loop, "weft_stream_wake");
    push_hook(stream);
}

/* ---- what is below --------------------------------------------------------------------------------------- */

static ssize_t layer_read(void *transport, const struct iovec *parts, int count)
{
    struct weft__layer *layer = transport;
    ssize_t done = 0;

    if (!weft__buffered(layer->in))
        return layer->eof ? 0 : layer->type->read(layer->transport, parts, count);
    for (int i = 0; i < count && weft__buffered(layer->in); i++) {
        ev_ssize_t n = evbuffer_copyout(layer->in, parts[i].iov_base, parts[i].iov_len);

        if (n > 0) {
            evbuffer_drain(layer->in, (size_t)n);
            done += n;
        }
    }
    return done;
}

static ssize_t layer_write(void *transport, const struct iovec *parts, int count)
{
    struct weft__layer *layer = transport;

    return layer->type->write(layer->transport, parts, count);
}

static ssize_t layer_send_file(void *transport, int fd, int64_t offset, size_t size)
{
    struct weft__layer *layer = transport;

    return layer->type->send_file ? layer->type->send_file(layer->transport, fd, offset, size)
                                  : -ENOSYS;
}

static int layer_end(void *transport)
{
    struct weft__layer *layer = transport;

    return layer->type->end(layer->transport);
}

static unsigned layer_wants(void *transport, bool writing)
{
    struct weft__layer *layer = transport;

    if (layer->type->wants)
        return layer->type->wants(layer->transport, writing);
    return writing ? WEFT_WRITABLE : WEFT_READABLE;
}

static ssize_t layer_flush(void *transport)
{
    struct weft__layer *layer = transport;

    return layer->type->flush ? layer->type->flush(layer->transport) : 0;
}

static bool layer_has_input(void *transport)
{
    struct weft__layer *layer = transport;

    return weft__buffered(layer->in) > 0 || layer->eof ||
           (layer->type->has_input && layer->type->has_input(layer->transport));
}

static void layer_unread(void *transport, struct evbuffer *bytes)
{
    struct weft__layer *layer = transport;

    if (layer->in || (layer->in = evbuffer_new()))
        (void)evbuffer_prepend_buffer(layer->in, bytes);
}

static const weft_transport_type layer_type = {.name = "layer",
                                               .read = layer_read,
                                               .write = layer_write,
                                               .send_file = layer_send_file,
                                               .end = layer_end,
                                               .wants = layer_wants,
                                               .flush = layer_flush,
                                               .has_input = layer_has_input,
                                               .unread = layer_unread};

void weft__layers_free(weft_stream *stream)
{
    struct weft__layer *layer;

    while ((layer = stream->layers)) {
        stream->layers = layer->next;
        if (layer->type->unread && weft__buffered(layer->in) > 0)
            layer->type->unread(layer->transport, layer->in);
        if (layer->in)
            evbuffer_free(layer->in);
        if (layer->type->free)
            layer->type->free(layer->transport);
        weft__free(layer, sizeof(*layer));
    }
}

/* ---- the calls ------------------------------------------------------------------------------------------- */

/* What speaks against another transport, or none: see stream.h. */
static int change_error(const weft_stream *stream)
{
    int error = weft__stream_write_error(stream);

    if (error)
        return error;
    return stream->read || weft__stream_unsent(stream) ? -EBUSY : 0;
}

int weft_stream_add_layer(weft_stream *stream, const weft_transport_type *type, void *transport,
                          weft_transport *below)
{
    int error = change_error(stream);
    struct weft__layer *layer;

    if (error)
        return error;
    weft__check_thread(stream->object.loop, "weft_stream_add_layer");
    layer = weft__zalloc(sizeof(*layer));
    if (!layer)
        return -ENOMEM;
    *layer = (struct weft__layer){.next = stream->layers,
                                  .type = stream->transport_type,
                                  .transport = stream->transport,
                                  .in = stream->in,
                                  .eof = stream->eof};
    *below = (weft_transport){&layer_type, layer};
    stream->layers = layer;
    stream->transport_type = type;
    stream->transport = transport;
    stream->in = NULL;
    stream->eof = false;
    stream->wants[READING] = WEFT_READABLE;
    stream->wants[WRITING] = WEFT_WRITABLE;
    if (type->flush)
        push_hook(stream);
    return 0;
}

int weft_stream_detach(weft_stream *stream, weft_io **io, void **bytes, size_t *size)
{
    int error = change_error(stream);

    *io = NULL;
    *bytes = NULL;
    *size = 0;
    if (error)
        return error;
    weft__check_thread(stream->object.loop, "weft_stream_detach");
    if (stream->transport_type != &weft__descriptor_type)
        return -ENOTSUP;
    if (weft__buffered(stream->in)) {
        *bytes = malloc(weft__buffered(stream->in));
        if (!*bytes)
            return -ENOMEM;
        *size = weft__in_take(stream, *bytes, weft__buffered(stream->in));
    }
    (void)weft__stream_watch(stream); /* nothing is waited for */
    *io = stream->io;
    weft__io_unregister(*io);
    stream->io = NULL;
    weft__stream_finish_close(stream);
    return 0;
}
