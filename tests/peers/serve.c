/* serve.c - a server for tests/peers.sh: it prints its port, or its path, and serves until it is interrupted.
 *
 *     serve echo|http [limit [path]]
 *
 * echo: bytes come back.  http: GET /bytes/N gives N bytes, POST gives back what was posted; connections are kept.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weft.h>

enum { LARGEST = 64 << 20 };

/* ---- echo ------------------------------------------------------------------------------------------------ */

struct echo {
    weft_gen gen;
    weft_stream *stream;
    char bytes[4096];
};

static weft_step echo(void *frame)
{
    struct echo *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_AWAIT(f, weft_stream_read(f->stream, f->bytes, sizeof(f->bytes)));
        if (weft_sent_int(f) == 0)
            break;
        WEFT_AWAIT(f, weft_stream_write(f->stream, f->bytes, (size_t)weft_sent_int(f)));
    }
    WEFT_AWAIT(f, weft_stream_close(f->stream));
    WEFT_END(f);
}

static void echo_cleanup(void *frame)
{
    weft_stream_free(((struct echo *)frame)->stream);
}
WEFT_GEN_TYPE(echo, .cleanup = echo_cleanup);

/* ---- HTTP ------------------------------------------------------------------------------------------------ */

struct http {
    weft_gen gen;
    weft_stream *stream;
    char *head; /* of the request */
    char *body;
    size_t size;
    char answer[128];
};

static const char *field(const char *head, const char *name)
{
    for (const char *line = head; (line = strchr(line, '\n')); line++)
        if (strncasecmp(line + 1, name, strlen(name)) == 0)
            return line + 1 + strlen(name);
    return NULL;
}

/* How long the request's body is; false: too long, or no memory. */
static int make_body(struct http *f)
{
    const char *length = field(f->head, "Content-Length:");
    bool gets = strncmp(f->head, "GET /bytes/", 11) == 0;

    f->size = strtoul(gets ? f->head + 11 : length ? length : "0", NULL, 10);
    if (f->size > LARGEST)
        return WEFT_EOVERRUN;
    f->body = malloc(f->size + 1);
    if (!f->body)
        return -ENOMEM;
    for (size_t i = 0; gets && i < f->size; i++)
        f->body[i] = (char)('a' + i % 26);
    return 0;
}

static void forget_request(struct http *f)
{
    free(f->head);
    free(f->body);
    f->head = f->body = NULL;
}

static weft_step http(void *frame)
{
    static const char *const blank_line[] = {"\r\n\r\n", "\n\n"};
    struct http *f = frame;
    int error;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_TRY_AWAIT(f, weft_stream_read_until(f->stream, blank_line, 2));
        if (weft_failed(f) == WEFT_EINCOMPLETE)
            break; /* it has had enough */
        if (weft_failed(f))
            WEFT_RAISE(f, weft_failed(f));
        f->head = weft_take(f);
        error = make_body(f);
        if (error)
            WEFT_RAISE(f, error);
        if (field(f->head, "Expect:"))
            (void)weft_stream_post(f->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        if (strncmp(f->head, "POST", 4) == 0)
            WEFT_AWAIT(f, weft_stream_read_exactly(f->stream, f->body, f->size));
        snprintf(f->answer, sizeof(f->answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                 f->size);
        WEFT_AWAIT(f, weft_stream_write(f->stream, f->answer, strlen(f->answer)));
        WEFT_AWAIT(f, weft_stream_write(f->stream, f->body, f->size));
        forget_request(f);
    }
    WEFT_END(f);
}

static void http_cleanup(void *frame)
{
    struct http *f = frame;

    forget_request(f);
    weft_stream_free(f->stream);
}
WEFT_GEN_TYPE(http, .cleanup = http_cleanup);

/* ---- the program ----------------------------------------------------------------------------------------- */

static weft_gen *serve(weft_stream *stream, void *arg)
{
    return strcmp(arg, "http") == 0 ? WEFT_CALL(http, .stream = stream)
                                    : WEFT_CALL(echo, .stream = stream);
}

struct program {
    weft_gen gen;
    weft_outcome outcome;
    char *mode, *path;
    size_t limit;
    weft_server *server;
};

static weft_step program(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_start_server(NULL, serve, f->mode, .host = f->path ? NULL : "127.0.0.1",
                                    .path = f->path, .limit = f->limit, .backlog = 512));
    f->server = weft_take(f);
    if (f->path)
        printf("%s\n", f->path);
    else
        printf("%d\n", weft_server_port(f->server));
    fflush(stdout);
    WEFT_TRY(f);
    WEFT_AWAIT(f, weft_sleep_forever(NULL));
    WEFT_FINALLY(f);
    WEFT_AWAIT(f, weft_server_shutdown(f->server, 0.3));
    printf("cancelled %d\n", (int)weft_sent_int(f));
    WEFT_END(f);
}

static void program_cleanup(void *frame)
{
    weft_server_unref(((struct program *)frame)->server);
}
WEFT_GEN_TYPE(program, .cleanup = program_cleanup);

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    return weft_main(WEFT_CALL(program, .mode = argv[1],
                               .limit = argc > 2 ? strtoul(argv[2], NULL, 10) : 0,
                               .path = argc > 3 ? argv[3] : NULL));
}
