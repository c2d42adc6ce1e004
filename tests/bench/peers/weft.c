/* weft - streams, and what lies under them: weft_io, tried by hand in a task. */
#include "peer.h"

#include <weft.h>

/* ---- echo on streams ------------------------------------------------------------------------------------- */

struct echo {
    weft_gen gen;
    weft_stream *stream;
    char buffer[512];
};

static weft_step echo(void *frame)
{
    struct echo *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_AWAIT(f, weft_stream_read(f->stream, f->buffer, sizeof(f->buffer)));
        if (weft_sent_int(f) == 0)
            break;
        WEFT_AWAIT(f, weft_stream_write(f->stream, f->buffer, (size_t)weft_sent_int(f)));
    }
    WEFT_AWAIT(f, weft_stream_close(f->stream));
    WEFT_END(f);
}

static void echo_cleanup(void *frame)
{
    weft_stream_free(((struct echo *)frame)->stream);
}
WEFT_GEN_TYPE(echo, .cleanup = echo_cleanup);

static weft_gen *welcome(weft_stream *stream, void *arg)
{
    (void)arg;
    return WEFT_CALL(echo, .stream = stream);
}

struct server {
    weft_gen gen;
    weft_server *server;
};

static weft_step server(void *frame)
{
    struct server *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_start_server(NULL, welcome, NULL, .host = "127.0.0.1", .backlog = 4096));
    f->server = weft_take(f);
    peer_say(weft_server_port(f->server));
    WEFT_AWAIT(f, weft_server_wait_closed(f->server));
    WEFT_END(f);
}
WEFT_GEN_TYPE(server);

/* ---- echo on weft_io ------------------------------------------------------------------------------------- */

struct io_echo {
    weft_gen gen;
    weft_io *io;
    char buffer[512];
};

static weft_step io_echo(void *frame)
{
    struct io_echo *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_AWAIT(f, weft_sock_recv(f->io, f->buffer, sizeof(f->buffer)));
        if (weft_sent_int(f) == 0)
            break;
        WEFT_AWAIT(f, weft_sock_sendall(f->io, f->buffer, (size_t)weft_sent_int(f)));
    }
    WEFT_END(f);
}

static void io_echo_cleanup(void *frame)
{
    weft_io_close(((struct io_echo *)frame)->io);
}
WEFT_GEN_TYPE(io_echo, .cleanup = io_echo_cleanup);

struct io_server {
    weft_gen gen;
    weft_io *listening;
};

static weft_step io_server(void *frame)
{
    struct io_server *f = frame;
    weft_io *io;
    int fd;

    WEFT_BEGIN(f);
    if (weft_io_new(weft_running_loop(), peer_listen(), WEFT_IO_OWNED, &f->listening) != 0)
        abort();
    for (;;) {
        WEFT_AWAIT(f, weft_sock_accept(f->listening));
        fd = (int)weft_sent_int(f);
        (void)weft_take(f); /* the descriptor is ours now */
        peer_nodelay(fd);
        if (weft_io_new(weft_running_loop(), fd, WEFT_IO_OWNED, &io) != 0 ||
            weft_spawn(NULL, WEFT_CALL(io_echo, .io = io)) != 0)
            abort();
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(io_server);

/* ---- fetch ----------------------------------------------------------------------------------------------- */

static long bytes;

struct fetch {
    weft_gen gen;
    const char *service;
    int number;
    weft_stream *stream;
};

static weft_step fetch(void *frame)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"};
    struct fetch *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_open_connection(NULL, hosts[f->number % PEER_HOSTS], f->service));
    f->stream = weft_take(f);
    WEFT_AWAIT(f, weft_stream_write(f->stream, PEER_REQUEST, PEER_REQUEST_SIZE));
    WEFT_AWAIT(f, weft_stream_read_all(f->stream));
    bytes += (long)weft_stream_count(f->stream);
    WEFT_AWAIT(f, weft_stream_close(f->stream));
    WEFT_END(f);
}

static void fetch_cleanup(void *frame)
{
    weft_stream_free(((struct fetch *)frame)->stream);
}
WEFT_GEN_TYPE(fetch, .cleanup = fetch_cleanup);

struct io_fetch {
    weft_gen gen;
    int port, number;
    weft_io *io;
    char buffer[2048];
};

static weft_step io_fetch(void *frame)
{
    struct io_fetch *f = frame;
    struct sockaddr_in address;

    WEFT_BEGIN(f);
    if (weft_io_socket(weft_running_loop(), AF_INET, SOCK_STREAM, 0, &f->io) != 0)
        abort();
    address = peer_address(f->port, f->number);
    WEFT_AWAIT(f, weft_sock_connect(f->io, (struct sockaddr *)&address, sizeof(address)));
    WEFT_AWAIT(f, weft_sock_sendall(f->io, PEER_REQUEST, PEER_REQUEST_SIZE));
    for (;;) {
        WEFT_AWAIT(f, weft_sock_recv(f->io, f->buffer, sizeof(f->buffer)));
        if (weft_sent_int(f) == 0)
            break;
        bytes += (long)weft_sent_int(f);
    }
    WEFT_END(f);
}

static void io_fetch_cleanup(void *frame)
{
    weft_io_close(((struct io_fetch *)frame)->io);
}
WEFT_GEN_TYPE(io_fetch, .cleanup = io_fetch_cleanup);

/* ---- main ------------------------------------------------------------------------------------------------ */

static bool low; /* weft_io in place of streams */

struct waves {
    weft_gen gen;
    const struct peer_job *job;
    weft_gen **calls;
    char service[8];
    int wave;
};

static weft_step waves(void *frame)
{
    struct waves *f = frame;
    size_t n = (size_t)f->job->concurrent;
    int port = f->job->port;

    WEFT_BEGIN(f);
    f->calls = calloc(n, sizeof(weft_gen *));
    snprintf(f->service, sizeof(f->service), "%d", port);
    for (f->wave = 0; f->wave < f->job->waves; f->wave++) {
        for (size_t i = 0; i < n; i++)
            f->calls[i] = low ? WEFT_CALL(io_fetch, .port = port, .number = (int)i)
                              : WEFT_CALL(fetch, .service = f->service, .number = (int)i);
        WEFT_AWAIT(f, weft_gather_calls(NULL, f->calls, n, n, 0));
    }
    WEFT_END(f);
}

static void waves_cleanup(void *frame)
{
    free(((struct waves *)frame)->calls);
}
WEFT_GEN_TYPE(waves, .cleanup = waves_cleanup);

static void run(weft_gen *gen)
{
    int error = weft_run(gen, NULL);

    if (error) {
        fprintf(stderr, "weft: %s\n", weft_strerror(error));
        _exit(1);
    }
}

static void run_echo(void)
{
    run(low ? WEFT_CALL(io_server) : WEFT_CALL(server));
}

static long run_fetch(const struct peer_job *job)
{
    run(WEFT_CALL(waves, .job = job));
    return bytes;
}

int main(int argc, char **argv)
{
    low = argc > 2 && strcmp(argv[2], "io") == 0;
    return peer_main(argc, argv, 1, run_echo, run_fetch);
}
