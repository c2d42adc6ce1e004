/* A callback that comes many times: a queue, and a body that takes from it.
 *
 * The library is libevent: a persistent event calls on_line for every line that comes through a pipe, whether
 * or not anybody is ready for it.  A future is one outcome, so it is no place for many; a queue is.  It is
 * bounded, and what a full one does is a decision: here the line is dropped and counted.
 *
 *     def on_line(line):                              on_line
 *         try:
 *             queue.put_nowait(line)                      weft_queue_put_nowait(lines->queue, line)
 *         except QueueFull:
 *             lost += 1                                   WEFT_EFULL: it is still ours
 *
 *     async for line in lines: ...                    for (;;) { WEFT_GET(f, f->lines.queue); ... }
 *
 * The subscription lies in the body's frame: FINALLY ends it, however the body ends.
 *
 * It prints:
 *     got one
 *     got two
 *     got three
 *     the reader was slow: 2 lines were dropped
 *     the end of the lines
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <weft.h>

/* ---- the subscription ------------------------------------------------------------------------------- */

struct lines {
    struct event *event;
    struct evbuffer *input;
    weft_queue *queue; /* of lines; each is malloc'ed */
    int lost;
};

/* libevent calls, as often as it likes. */
static void on_line(evutil_socket_t fd, short events, void *arg)
{
    struct lines *lines = arg;
    int n = evbuffer_read(lines->input, fd, -1);
    char *line;

    (void)events;
    while ((line = evbuffer_readln(lines->input, NULL, EVBUFFER_EOL_LF))) {
        if (weft_queue_put_nowait(lines->queue, line) != 0) { /* full: it is still ours */
            lines->lost++;
            free(line);
        }
    }
    if (n > 0)
        return;
    event_del(lines->event);
    weft_queue_shutdown(lines->queue, false); /* no more: gets take what is left, then fail */
}

static int lines_start(struct lines *lines, int fd, size_t size)
{
    lines->queue = weft_queue_new(NULL, .size = size, .destroy = free);
    lines->input = evbuffer_new();
    lines->event = event_new(weft_loop_base(weft_running_loop()), fd, EV_READ | EV_PERSIST, on_line,
                             lines);
    if (!lines->input || !lines->event || event_add(lines->event, NULL) != 0)
        return -ENOMEM;
    return 0;
}

/* No callback comes after this. */
static void lines_stop(struct lines *lines)
{
    if (lines->event)
        event_free(lines->event);
    if (lines->input)
        evbuffer_free(lines->input);
    weft_queue_unref(lines->queue);
}

/* ---- the body ---------------------------------------------------------------------------------------- */

struct reader {
    weft_gen gen;
    weft_outcome outcome;
    struct lines lines;
    int fd;
    char *line;
};

static weft_step reader(void *frame)
{
    struct reader *f = frame;
    int error;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    error = lines_start(&f->lines, f->fd, 2);
    if (error)
        WEFT_RAISE(f, error);
    for (;;) {
        WEFT_TRY_AWAIT(f, weft_queue_get(f->lines.queue));
        if (weft_failed(f) == WEFT_ESHUTDOWN)
            break;
        if (weft_failed(f))
            WEFT_RAISE(f, weft_failed(f));
        f->line = weft_take(f);
        printf("got %s\n", f->line);
        free(f->line);
    }
    printf("the reader was slow: %d lines were dropped\n", f->lines.lost);
    WEFT_FINALLY(f);
    lines_stop(&f->lines);
    WEFT_END(f);
}
WEFT_GEN_TYPE(reader);

int main(void)
{
    static const char text[] =
        "one\ntwo\nthree\nfour\nfive\n"; /* at once: one is awaited, and the queue has room for two */
    int ends[2], status;

    if (pipe(ends) != 0 || write(ends[1], text, strlen(text)) < 0)
        return 1;
    close(ends[1]);
    status = weft_main(WEFT_CALL(reader, .fd = ends[0]));
    printf("the end of the lines\n");
    close(ends[0]);
    return status;
}
