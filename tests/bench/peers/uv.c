/* uv - libuv's callbacks, as its guide writes them: a handle for each connection, and a request for each write.
 *
 * Echo tries to write at once (uv_try_write), and so needs a request for what is left only.  All reads share one buffer.
 */
#include "peer.h"

#include <uv.h>

static char buffer[65536]; /* libuv suggests that much */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    (void)handle, (void)suggested;
    *room = uv_buf_init(buffer, sizeof(buffer));
}

static void must(int result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, uv_strerror(result));
    _exit(1);
}

/* ---- echo ------------------------------------------------------------------------------------------------ */

static void on_free(uv_handle_t *handle)
{
    free(handle);
}

struct rest {
    uv_write_t request;
    char bytes[];
};

static void on_rest(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

static void on_message(uv_stream_t *stream, ssize_t count, const uv_buf_t *read)
{
    uv_buf_t part;
    struct rest *rest;
    int n;

    if (count < 0) {
        uv_close((uv_handle_t *)stream, on_free);
        return;
    }
    part = uv_buf_init(read->base, (unsigned)count);
    n = uv_try_write(stream, &part, 1);
    if (n == count)
        return;
    part.base += n > 0 ? n : 0;
    part.len -= n > 0 ? (size_t)n : 0;
    rest = malloc(sizeof(*rest) + part.len);
    memcpy(rest->bytes, part.base, part.len);
    part.base = rest->bytes;
    uv_write(&rest->request, stream, &part, 1, on_rest);
}

static void on_connection(uv_stream_t *listening, int status)
{
    uv_tcp_t *tcp = malloc(sizeof(*tcp));

    must(status, "listen");
    must(uv_tcp_init(listening->loop, tcp), "init");
    must(uv_accept(listening, (uv_stream_t *)tcp), "accept");
    uv_tcp_nodelay(tcp, 1);
    must(uv_read_start((uv_stream_t *)tcp, on_alloc, on_message), "read");
}

static void echo(void)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address = {.sin_family = AF_INET};
    int size = sizeof(address);
    uv_tcp_t listening;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(uv_tcp_init(loop, &listening), "init");
    must(uv_tcp_bind(&listening, (struct sockaddr *)&address, 0), "bind");
    must(uv_listen((uv_stream_t *)&listening, 4096, on_connection), "listen");
    must(uv_tcp_getsockname(&listening, (struct sockaddr *)&address, &size), "getsockname");
    peer_say(ntohs(address.sin_port));
    uv_run(loop, UV_RUN_DEFAULT);
}

/* ---- fetch ----------------------------------------------------------------------------------------------- */

static long bytes;

struct connection {
    uv_tcp_t tcp;
    uv_connect_t connecting;
    uv_write_t writing;
};

static void on_answer(uv_stream_t *stream, ssize_t count, const uv_buf_t *read)
{
    (void)read;
    if (count >= 0) {
        bytes += count;
        return;
    }
    if (count != UV_EOF)
        must((int)count, "read");
    uv_close((uv_handle_t *)stream, NULL);
}

static void on_written(uv_write_t *request, int status)
{
    (void)request;
    must(status, "write");
}

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *connection = request->data;
    uv_buf_t part = uv_buf_init((char *)PEER_REQUEST, PEER_REQUEST_SIZE);

    must(status, "connect");
    must(uv_write(&connection->writing, request->handle, &part, 1, on_written), "write");
    must(uv_read_start(request->handle, on_alloc, on_answer), "read");
}

static long fetch(const struct peer_job *job)
{
    uv_loop_t *loop = uv_default_loop();
    struct connection *connections = calloc((size_t)job->concurrent, sizeof(*connections));

    for (int wave = 0; wave < job->waves; wave++) {
        for (int i = 0; i < job->concurrent; i++) {
            struct connection *connection = &connections[i];
            struct sockaddr_in address = peer_address(job->port, i);

            connection->connecting.data = connection;
            must(uv_tcp_init(loop, &connection->tcp), "init");
            must(uv_tcp_connect(&connection->connecting, &connection->tcp,
                                (struct sockaddr *)&address, on_connected),
                 "connect");
        }
        uv_run(loop, UV_RUN_DEFAULT); /* ends with the last handle */
    }
    free(connections);
    return bytes;
}

int main(int argc, char **argv)
{
    return peer_main(argc, argv, 0, echo, fetch);
}
