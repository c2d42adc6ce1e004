/* evhttp's client as futures: pages at once, an error, a timeout that stops the request.
 *
 *     f->pages[i] = http_get(connection, "/1000");              a struct page, or an error
 *     WEFT_AWAIT(f, weft_gather(NULL, f->pages, 4, 0));         all of them
 *     WEFT_TRY_AWAIT(f, weft_wait_for(http_get(...), 0.2));     WEFT_ETIMEDOUT: evhttp has been told
 *
 * evhttp_cancel_request is silent: the request is freed, and its callback does not come.  So what frees our record
 * is the future's done callback, which runs once however the future has ended.  The connection is the caller's; it
 * serves one request at a time, and goes on after one that was cancelled.
 *
 * The server is in the same process and on the same event_base.  It answers /N with N bytes, and /slow never.
 *
 * It prints:
 *     /10: 200, 10 bytes
 *     /1000: 200, 1000 bytes
 *     /200000: 200, 200000 bytes
 *     /nothing: 404
 *     they were under way at once
 *     a port where nobody listens: Transport endpoint is not connected
 *     /slow, for a moment: deadline expired
 *     server: the client of /slow has gone
 *     /10 on the same connection: 200
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <weft.h>

/* ---- the bridge ---------------------------------------------------------------------------------- */

struct page {
    int status;
    size_t size;
    char body[];
};

struct get {
    struct evhttp_request *request; /* NULL: evhttp has let go of it */
    weft_future *page;              /* our reference: as long as evhttp may call back */
    int error;                      /* what to say if there is no page */
};

static void on_error(enum evhttp_request_error error, void *arg) /* evhttp says why, and then calls */
{
    struct get *get = arg;

    get->error = error == EVREQ_HTTP_TIMEOUT ? -ETIMEDOUT
                 : error == EVREQ_HTTP_EOF   ? -ECONNRESET
                                             : -EBADMSG;
}

static void on_response(struct evhttp_request *request, void *arg) /* evhttp calls */
{
    struct get *get = arg;
    struct evbuffer *body;
    struct page *page;

    get->request = NULL;
    if (!request || evhttp_request_get_response_code(request) == 0) {
        weft_future_set_error_unless_done(get->page, get->error);
        return;
    }
    body = evhttp_request_get_input_buffer(request);
    page = malloc(sizeof(*page) + evbuffer_get_length(body));
    if (!page) {
        weft_future_set_error_unless_done(get->page, -ENOMEM);
        return;
    }
    page->status = evhttp_request_get_response_code(request);
    page->size = evbuffer_get_length(body);
    evbuffer_remove(body, page->body, page->size);
    weft_future_set_owned_unless_done(get->page, page, free);
}

static void on_done(weft_future *page, void *arg) /* the loop calls: set, or cancelled */
{
    struct get *get = arg;

    if (get->request)
        evhttp_cancel_request(get->request);
    free(get);
    weft_future_unref(page);
}

/* Result: struct page, owned; free frees it.  The connection must stay until the future is done. */
static weft_future *http_get(struct evhttp_connection *connection, const char *path)
{
    weft_future *page = weft_future_new(NULL);
    struct get *get = calloc(1, sizeof(*get));

    if (!get || weft_future_add_done_callback(page, on_done, get) != 0) {
        free(get);
        weft_future_set_error_unless_done(page, -ENOMEM);
        return page;
    }
    get->page = weft_future_ref(page); /* from here on, on_done frees */
    get->error = -ENOTCONN;            /* of a failed connect evhttp says no more than that */
    get->request = evhttp_request_new(on_response, get);
    if (!get->request) {
        weft_future_set_error_unless_done(page, -ENOMEM);
        return page;
    }
    evhttp_request_set_error_cb(get->request, on_error);
    evhttp_add_header(evhttp_request_get_output_headers(get->request), "Host", "localhost");
    if (evhttp_make_request(connection, get->request, EVHTTP_REQ_GET, path) != 0) {
        get->request = NULL; /* evhttp's, also when it fails */
        weft_future_set_error_unless_done(page, -EIO);
    }
    return page;
}

/* ---- the server ------------------------------------------------------------------------------------ */

struct server {
    struct evhttp *http;
    ev_uint16_t port;
    int count, most;             /* requests whose answer is still to come: the most at once */
    struct evhttp_request *slow; /* the one that is never answered */
    weft_future *gone;           /* its client has gone */
};

static void on_gone(struct evhttp_connection *connection, void *arg)
{
    struct server *server = arg;

    (void)connection;
    weft_future_set_result_unless_done(server->gone, NULL);
}

struct answer {
    weft_gen gen;
    struct server *server;
    struct evhttp_request *request;
    int size;
};

static weft_step answer(void *frame)
{
    struct answer *f = frame;

    WEFT_BEGIN(f);
    f->server->count++;
    f->server->most += f->server->count > f->server->most;
    WEFT_AWAIT(f, weft_sleep(NULL, 0.05));
    f->server->count--;
    evbuffer_add_printf(evhttp_request_get_output_buffer(f->request), "%0*d", f->size, 0);
    evhttp_send_reply(f->request, HTTP_OK, "OK", NULL);
    WEFT_END(f);
}
WEFT_GEN_TYPE(answer);

static void on_request(struct evhttp_request *request, void *arg)
{
    struct server *server = arg;
    const char *path = evhttp_request_get_uri(request) + 1;
    int size = atoi(path);

    if (size > 0) {
        weft_spawn(NULL, WEFT_CALL(answer, .server = server, .request = request, .size = size));
    } else if (strcmp(path, "slow") == 0) {
        server->slow = request;
        evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_gone, server);
        evhttp_send_reply_start(request, HTTP_OK, "OK");
    } else {
        evhttp_send_error(request, HTTP_NOTFOUND, NULL);
    }
}

static int server_start(struct server *server)
{
    struct evhttp_bound_socket *bound;
    struct sockaddr_in addr = {0};
    socklen_t size = sizeof(addr);

    server->gone = weft_future_new(NULL);
    server->http = evhttp_new(weft_loop_base(weft_running_loop()));
    if (!server->http)
        return -ENOMEM;
    evhttp_set_gencb(server->http, on_request, server);
    bound = evhttp_bind_socket_with_handle(server->http, "127.0.0.1", 0);
    if (!bound ||
        getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&addr, &size) != 0)
        return -errno;
    server->port = ntohs(addr.sin_port);
    return 0;
}

static void server_stop(struct server *server)
{
    if (server->slow)
        evhttp_send_reply_end(server->slow);
    if (server->http)
        evhttp_free(server->http);
    weft_future_unref(server->gone);
}

/* A port that was free a moment ago: nobody listens there. */
static ev_uint16_t closed_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&addr, size) == 0)
        getsockname(fd, (struct sockaddr *)&addr, &size);
    close(fd);
    return ntohs(addr.sin_port);
}

/* ---- a program ------------------------------------------------------------------------------------- */

static const char *const paths[] = {"/10", "/1000", "/200000", "/nothing"};
enum { PATHS = 4 };

static void print_pages(const weft_result *results)
{
    for (int i = 0; i < PATHS; i++) {
        const struct page *page = results[i].value;

        if (page->status == HTTP_OK)
            printf("%s: %d, %zu bytes\n", paths[i], page->status, page->size);
        else
            printf("%s: %d\n", paths[i], page->status);
    }
}

struct program {
    weft_gen gen;
    weft_outcome outcome;
    struct server server;
    struct evhttp_connection *connections[PATHS + 1]; /* the last: to where nobody listens */
    weft_future *pages[PATHS];
};

static int connections_make(struct program *f)
{
    struct event_base *base = weft_loop_base(weft_running_loop());

    for (int i = 0; i <= PATHS; i++) {
        ev_uint16_t port = i < PATHS ? f->server.port : closed_port();

        f->connections[i] = evhttp_connection_base_new(base, NULL, "127.0.0.1", port);
        if (!f->connections[i])
            return -ENOMEM;
    }
    return 0;
}

static void connections_free(struct program *f)
{
    for (int i = 0; i <= PATHS; i++)
        if (f->connections[i])
            evhttp_connection_free(f->connections[i]);
}

static weft_step program(void *frame)
{
    struct program *f = frame;
    int error;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    error = server_start(&f->server);
    error = error ? error : connections_make(f);
    if (error)
        WEFT_RAISE(f, error);
    for (int i = 0; i < PATHS; i++)
        f->pages[i] = http_get(f->connections[i], paths[i]);
    WEFT_AWAIT(f, weft_gather(NULL, f->pages, PATHS, 0));
    print_pages(weft_sent(f));
    printf("they were %s\n", f->server.most == 3 ? "under way at once" : "one after the other");

    WEFT_TRY_AWAIT(f, http_get(f->connections[PATHS], "/"));
    printf("a port where nobody listens: %s\n", weft_strerror(weft_failed(f)));

    WEFT_TRY_AWAIT(f, weft_wait_for(http_get(f->connections[0], "/slow"), 0.2));
    printf("/slow, for a moment: %s\n", weft_strerror(weft_failed(f)));
    WEFT_AWAIT(f, weft_wait_for(weft_future_ref(f->server.gone), 5));
    printf("server: the client of /slow has gone\n");
    WEFT_AWAIT(f, http_get(f->connections[0], "/10"));
    printf("/10 on the same connection: %d\n", ((const struct page *)weft_sent(f))->status);
    WEFT_FINALLY(f);
    connections_free(f);
    server_stop(&f->server);
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
