/* A web server on plain evhttp callbacks, which adopts weft for one handler.
 *
 *     demos/host-evhttp [port [requests]]         8080; ends after so many requests, or on Ctrl-C
 *     curl http://127.0.0.1:8080/plain            a callback, as all of them were before
 *     curl -N http://127.0.0.1:8080/slow          a task: three steps, each sent when it is done
 *
 *     async def stream(request):                              stream
 *         try:                                                    WEFT_TRY(f);
 *             for step in 1, 2, 3:
 *                 await asyncio.sleep(0.1)                        WEFT_AWAIT(f, weft_sleep(NULL, 0.1));
 *                 request.send_chunk(f'step {step} of 3')
 *         finally:                                                WEFT_FINALLY(f);
 *             request.send_end()
 *
 * A client that leaves early is a callback of evhttp's: it cancels the task, whose FINALLY part gives the
 * request back.  So does weft_loop_shutdown at the end, which awaits that: a bare unref would destroy
 * the tasks, and evhttp call back with their pointers.  The base and its dispatch stay the host's.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <weft.h>

/* ---- the task --------------------------------------------------------------------------------- */

struct stream {
    weft_gen gen;
    weft_outcome outcome;
    struct evhttp_request *request;
    int step;
};

static void on_client_gone(struct evhttp_connection *connection, void *task)
{
    (void)connection;
    weft_future_cancel(task, "the client has gone");
}

static weft_step stream(void *frame)
{
    struct stream *f = frame;
    struct evhttp_connection *client = evhttp_request_get_connection(f->request);
    struct evbuffer *text = evhttp_request_get_output_buffer(f->request);

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    evhttp_connection_set_closecb(client, on_client_gone, weft_current_task());
    evhttp_send_reply_start(f->request, HTTP_OK, "OK");
    for (f->step = 1; f->step <= 3; f->step++) {
        WEFT_AWAIT(f, weft_sleep(NULL, 0.1));
        evbuffer_add_printf(text, "step %d of 3\n", f->step);
        evhttp_send_reply_chunk(f->request, text);
    }
    WEFT_FINALLY(f);
    if (client) /* NULL: it has gone */
        evhttp_connection_set_closecb(client, NULL, NULL);
    evhttp_send_reply_end(f->request);
    printf("/slow: %s\n", weft_strerror(f->outcome.error));
    WEFT_END(f);
}
WEFT_GEN_TYPE(stream);

/* ---- the host --------------------------------------------------------------------------------- */

struct host {
    struct event_base *base;
    weft_loop *loop;
    long left; /* requests until it ends; 0: without end */
};

static void on_end(evutil_socket_t number, short events, void *arg)
{
    struct host *h = arg;

    (void)number, (void)events;
    event_base_loopexit(h->base, &(struct timeval){.tv_usec = 500000}); /* a grace */
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct host *h = arg;

    if (strcmp(evhttp_request_get_uri(request), "/slow") == 0) {
        weft_spawn(h->loop, WEFT_CALL(stream, .request = request)); /* that is all */
    } else {
        evbuffer_add_printf(evhttp_request_get_output_buffer(request), "plain\n");
        evhttp_send_reply(request, HTTP_OK, "OK", NULL);
    }
    if (--h->left == 0)
        on_end(0, 0, h);
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 8080;
    struct host h = {.base = event_base_new(), .left = argc > 2 ? atol(argv[2]) : 0};
    struct evhttp *http = evhttp_new(h.base);
    struct event *interrupt = evsignal_new(h.base, SIGINT, on_end, &h);
    struct event *term = evsignal_new(h.base, SIGTERM, on_end, &h);
    int bound = evhttp_bind_socket(http, "127.0.0.1", (ev_uint16_t)port);

    if (!(h.loop = weft_loop_new(h.base)))
        return 1;
    evhttp_set_gencb(http, on_request, &h);
    event_add(interrupt, NULL);
    event_add(term, NULL);
    fprintf(stderr, bound < 0 ? "can't have port %d\n" : "http://127.0.0.1:%d/slow\n", port);
    if (bound == 0)
        event_base_dispatch(h.base);
    evhttp_set_gencb(http, NULL, NULL); /* no more tasks: who asks now gets a 404 */
    weft_loop_shutdown(h.loop, 5);
    weft_loop_unref(h.loop); /* first: it stands on the base */
    event_free(interrupt);
    event_free(term);
    evhttp_free(http);
    event_base_free(h.base);
    return bound < 0;
}
