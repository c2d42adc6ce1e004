/* A server of lines, on bufferevents and callbacks, that hands a connection over to a task, and gets it back.
 * A line is answered in a callback; an order, which takes several questions, is a task: straight code.  The client sends
 * all at once: what the task has read too much goes back, and is answered, too.
 *
 * It prints:
 *     client: hi, said the host
 *     client: what?
 *     client: how many?
 *     client: 3 cups of tea
 *     client: bye, said the host
 *     host: the client has gone
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <weft.h>
#include <weft/bufferevent.h>

struct order {
    weft_gen gen;
    weft_stream *stream;
    char what[32], answer[64];
};

static weft_step order(void *frame)
{
    struct order *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_stream_write(f->stream, "what?\n", 6));
    WEFT_AWAIT(f, weft_stream_read_line(f->stream));
    snprintf(f->what, sizeof f->what, "%s", (const char *)weft_sent(f));
    WEFT_AWAIT(f, weft_stream_write(f->stream, "how many?\n", 10));
    WEFT_AWAIT(f, weft_stream_read_line(f->stream));
    snprintf(f->answer, sizeof f->answer, "%d %s", atoi(weft_sent(f)), f->what);
    WEFT_AWAIT(f, weft_stream_write(f->stream, f->answer, strlen(f->answer)));
    WEFT_AWAIT(f, weft_stream_close(f->stream)); /* on_read and on_event are called again */
    WEFT_END(f);
}

static void order_cleanup(void *frame)
{
    weft_stream_free(((struct order *)frame)->stream);
}
WEFT_GEN_TYPE(order, .cleanup = order_cleanup);

static void on_read(struct bufferevent *bev, void *loop)
{
    struct evbuffer *input = bufferevent_get_input(bev);
    weft_stream *stream = NULL;
    char *line;

    while (!stream && (line = evbuffer_readln(input, NULL, EVBUFFER_EOL_LF))) {
        if (strcmp(line, "order") != 0)
            evbuffer_add_printf(bufferevent_get_output(bev), "%s, said the host\n", line);
        else if (weft_stream_from_bufferevent(loop, bev, WEFT_BUFFEREVENT_BORROWED, &stream) == 0)
            weft_spawn(loop, WEFT_CALL(order, .stream = stream));
        free(line);
    }
}

static void on_event(struct bufferevent *bev, short what, void *loop)
{
    (void)what, (void)loop;
    printf("host: the client has gone\n");
    bufferevent_free(bev);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
                          struct sockaddr *from, int size, void *loop)
{
    struct event_base *base = weft_loop_base(loop);
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

    (void)from, (void)size;
    bufferevent_setcb(bev, on_read, NULL, on_event, loop);
    bufferevent_enable(bev, EV_READ);
    evconnlistener_free(listener); /* one will do */
}

static void on_answer(struct bufferevent *bev, void *arg)
{
    int *left = arg;
    char *line;

    while ((line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF))) {
        printf("client: %s\n", line);
        --*left;
        free(line);
    }
    if (!*left)
        bufferevent_free(bev);
}

int main(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *address = (struct sockaddr *)&here;
    socklen_t size = sizeof here;
    struct event_base *base = event_base_new();
    weft_loop *loop = weft_loop_new(base);
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, on_connection, loop, LEV_OPT_CLOSE_ON_FREE, 1, address, size);
    struct bufferevent *client = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

    getsockname(evconnlistener_get_fd(listener), address, &size);
    bufferevent_setcb(client, on_answer, NULL, NULL, (int[]){5}); /* so many answers */
    bufferevent_enable(client, EV_READ);
    bufferevent_socket_connect(client, address, (int)size);
    bufferevent_write(client, "hi\norder\ncups of tea\n3\nbye\n", 27);
    event_base_dispatch(base);
    weft_loop_shutdown(loop, 1); /* or unref would destroy the tasks that are left */
    weft_loop_unref(loop);
    event_base_free(base);
}
