/* call.c - a client for tests/peers.sh.
 *
 *     call get HOST PORT PATH      prints what an HTTP server answers, without its head
 *     call echo HOST PORT COUNT    sends so many bytes while it reads them back; fails if they are others
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>

static char byte_at(size_t i)
{
    return (char)(i * 31 + (i >> 8) + (i >> 16));
}

/* ---- echo ------------------------------------------------------------------------------------------------ */

/* Sends the bytes, then the end; in pieces, so that it waits now and then. */
struct sender {
    weft_gen gen;
    weft_stream *stream;
    size_t count, sent, size;
    char bytes[3000];
};

static weft_step sender(void *frame)
{
    struct sender *f = frame;

    WEFT_BEGIN(f);
    while (f->sent < f->count) {
        for (f->size = 0; f->size < sizeof(f->bytes) && f->sent < f->count; f->size++)
            f->bytes[f->size] = byte_at(f->sent++);
        WEFT_AWAIT(f, weft_stream_write(f->stream, f->bytes, f->size));
    }
    if (weft_stream_write_eof(f->stream) != 0)
        WEFT_RAISE(f, weft_stream_error(f->stream));
    WEFT_END(f);
}
WEFT_GEN_TYPE(sender);

struct program {
    weft_gen gen;
    const char *host, *port, *what;
    char log[512], request[512];
    weft_stream *stream;
    char *answer;
    weft_task *sender;
    size_t count, got, size;
    char bytes[4096];
};

static weft_step echo(void *frame)
{
    struct program *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_open_connection(NULL, f->host, f->port));
    f->stream = weft_take(f);
    f->count = strtoul(f->what, NULL, 10);
    f->sender = weft_task_new(NULL, WEFT_CALL(sender, .stream = f->stream, .count = f->count));
    for (;;) {
        WEFT_AWAIT(f, weft_stream_read(f->stream, f->bytes, sizeof(f->bytes)));
        f->size = (size_t)weft_sent_int(f);
        if (f->size == 0)
            break;
        for (size_t i = 0; i < f->size; i++)
            if (f->bytes[i] != byte_at(f->got++))
                WEFT_RAISE(f, -EBADMSG);
    }
    WEFT_AWAIT(f, weft_future_ref(f->sender));
    if (f->got != f->count)
        WEFT_RAISE(f, WEFT_EINCOMPLETE);
    WEFT_AWAIT(f, weft_stream_close(f->stream));
    WEFT_END(f);
}

/* ---- get ------------------------------------------------------------------------------------------------- */

static weft_step get(void *frame)
{
    static const char *const blank_line[] = {"\r\n\r\n"};
    struct program *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(
        f, weft_open_connection(NULL, f->host, f->port, .log = f->log, .log_size = sizeof(f->log)));
    fputs(f->log, stderr);
    if (weft_failed(f))
        WEFT_RAISE(f, weft_failed(f));
    f->stream = weft_take(f);
    snprintf(f->request, sizeof(f->request), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", f->what,
             f->host);
    WEFT_AWAIT(f, weft_stream_write(f->stream, f->request, strlen(f->request)));
    WEFT_AWAIT(f, weft_stream_read_until(f->stream, blank_line, 1));
    WEFT_AWAIT(f, weft_stream_read_all(f->stream));
    f->answer = weft_take(f);
    fwrite(f->answer, 1, weft_stream_count(f->stream), stdout);
    WEFT_END(f);
}

static void program_cleanup(void *frame)
{
    struct program *f = frame;

    weft_future_unref(f->sender);
    weft_stream_free(f->stream);
    free(f->answer);
}

static const weft_gen_type get_type = {
    .name = "get", .size = sizeof(struct program), .resume = get, .cleanup = program_cleanup};
static const weft_gen_type echo_type = {
    .name = "echo", .size = sizeof(struct program), .resume = echo, .cleanup = program_cleanup};

int main(int argc, char **argv)
{
    struct program frame = {.gen = {0}};

    if (argc < 5)
        return 2;
    frame.host = argv[2];
    frame.port = argv[3];
    frame.what = argv[4];
    return weft_main(weft_gen_copy(strcmp(argv[1], "echo") == 0 ? &echo_type : &get_type, &frame));
}
