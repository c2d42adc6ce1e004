#define _POSIX_C_SOURCE 200809L
#include "origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft.h>

/* ---- the pages -------------------------------------------------------------------------------- */

enum ending { CLOSE, STAY, RESET };

struct page {
    const char *path; /* with a slash at the end: a number follows */
    const char *head;
    const char *tail; /* of the head, after that number */
    uint64_t body;    /* its length; BY_NUMBER: that number */
    bool is_chunked;
    enum ending ending;
};

#define BY_NUMBER UINT64_MAX
#define OK "HTTP/1.1 200 OK\r\nServer: weft-origin\r\n"
#define CLOSES "Connection: close\r\n"

static const struct page pages[] = {
    {"/", OK CLOSES "Content-Length: 1024\r\n\r\n", NULL, 1024, false, CLOSE},
    {"/bytes/", OK CLOSES "Content-Length: ", "\r\n\r\n", BY_NUMBER, false, CLOSE},
    {"/chunked", OK CLOSES "Transfer-Encoding: chunked\r\n\r\n", NULL, 10240, true, CLOSE},
    {"/close", OK CLOSES "\r\n", NULL, 1024, false, CLOSE},
    {"/keep", OK "Content-Length: 1024\r\n\r\n", NULL, 1024, false, STAY},
    {"/status/", "HTTP/1.1 ", " As asked for\r\nContent-Length: 5\r\n\r\n", 5, false, CLOSE},
    {"/stall", "", NULL, 0, false, STAY},
    {"/reset", "", NULL, 0, false, RESET},
    {"/early", OK CLOSES "Content-Length: 10240\r\n\r\n", NULL, 1024, false, CLOSE},
    {"/cut", OK CLOSES "Transfer-Encoding: chunked\r\n\r\n3e8\r\n", NULL, 1000, false, CLOSE},
    {"/empty", "", NULL, 0, false, CLOSE},
    {"/garbage", "220 this is not HTTP\r\n", NULL, 0, false, CLOSE},
    {"/header", OK "Endless: ", NULL, 1 << 20, false, CLOSE},
};
static const struct page not_found = {
    "", "HTTP/1.1 404 Not found\r\n" CLOSES "Content-Length: 10\r\n\r\n", NULL, 10, false, CLOSE};

/* The page of a path, and the number in it. */
static const struct page *find_page(const char *path, uint64_t *number)
{
    char *end;

    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        size_t length = strlen(pages[i].path);

        if (!pages[i].tail && strcmp(path, pages[i].path) == 0)
            return &pages[i];
        if (pages[i].tail && strncmp(path, pages[i].path, length) == 0) {
            *number = strtoull(path + length, &end, 10);
            if (*end == '\0' && end != path + length)
                return &pages[i];
        }
    }
    return &not_found;
}

/* What bodies are made of: lines, which begin with a blank, so that they can go on with a header, too. */
static char block[64 * 1024];

static void fill_block(void)
{
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = i % 64 == 63 ? '\n' : i % 64 == 0 ? ' ' : (char)('!' + (i + i / 64) % 94);
}

/* ---- one connection --------------------------------------------------------------------------- */

struct answer {
    weft_gen gen;
    weft_io *io;
    double delay;
    const struct page *page;
    uint64_t number; /* in the path */
    uint64_t left;   /* to send of the body */
    size_t part;     /* of it, under way */
    size_t size;     /* of the text */
    char text[2048]; /* the request; then the head; then what stands before each chunk */
};

/* Whether all of the request is there.  Finds the page then. */
static bool is_asked(struct answer *f)
{
    char path[64] = "";

    f->text[f->size] = '\0';
    if (!strstr(f->text, "\r\n\r\n"))
        return false;
    sscanf(f->text, "GET %63[^ ?]", path);
    f->page = find_page(path, &f->number);
    f->left = f->page->body == BY_NUMBER ? f->number : f->page->body;
    return true;
}

static weft_future *send_head(struct answer *f)
{
    const struct page *page = f->page;
    int size;

    if (page->tail)
        size = snprintf(f->text, sizeof f->text, "%s%" PRIu64 "%s", page->head, f->number,
                        page->tail);
    else
        size = snprintf(f->text, sizeof f->text, "%s", page->head);
    return weft_sock_sendall(f->io, f->text, (size_t)size);
}

static weft_future *send_chunk_size(struct answer *f)
{
    int size = snprintf(f->text, sizeof f->text, "%zx;part\r\n", f->part);

    return weft_sock_sendall(f->io, f->text, (size_t)size);
}

static size_t next_part(const struct answer *f)
{
    size_t most = f->page->is_chunked ? 1000 : sizeof block;

    return f->left < most ? (size_t)f->left : most;
}

/* Closing then sends RST: the peer's next call fails with ECONNRESET. */
static void reset_at_close(weft_io *io)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    setsockopt(weft_io_fd(io), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

static weft_step answer(void *frame)
{
    struct answer *f = frame;

    WEFT_BEGIN(f);
    while (!is_asked(f)) {
        WEFT_AWAIT(f, weft_sock_recv(f->io, f->text + f->size, sizeof f->text - 1 - f->size));
        if (weft_sent_int(f) == 0)
            WEFT_RETURN(f, NULL); /* closed; or this is more than we take */
        f->size += (size_t)weft_sent_int(f);
    }
    WEFT_AWAIT(f, weft_sleep(NULL, f->delay));

    WEFT_AWAIT(f, send_head(f));
    for (; f->left > 0; f->left -= f->part) {
        f->part = next_part(f);
        if (f->page->is_chunked)
            WEFT_AWAIT(f, send_chunk_size(f));
        WEFT_AWAIT(f, weft_sock_sendall(f->io, block, f->part));
        if (f->page->is_chunked)
            WEFT_AWAIT(f, weft_sock_sendall(f->io, "\r\n", 2));
    }
    if (f->page->is_chunked)
        WEFT_AWAIT(f, weft_sock_sendall(f->io, "0\r\nTrailer: yes\r\n\r\n", 19));

    if (f->page->ending == STAY)
        WEFT_AWAIT(f, weft_sock_recv(f->io, f->text, 1)); /* until the client closes */
    if (f->page->ending == RESET)
        reset_at_close(f->io);
    WEFT_END(f);
}
WEFT_GEN_TYPE(answer);

struct connection {
    weft_gen gen;
    weft_io *io;
    double delay;
};

/* A client that went away is nobody's failure: it ends here. */
static weft_step connection(void *frame)
{
    struct connection *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_YIELD_FROM(f, WEFT_CALL(answer, .io = f->io, .delay = f->delay));
    WEFT_END(f);
}

static void connection_cleanup(void *frame)
{
    struct connection *f = frame;

    weft_io_close(f->io);
}
WEFT_GEN_TYPE(connection, .cleanup = connection_cleanup);

/* ---- the server ------------------------------------------------------------------------------- */

struct accept_all {
    weft_gen gen;
    weft_io *listener;
    double delay;
};

static void welcome(int fd, double delay)
{
    weft_io *io;

    if (weft_io_new(NULL, fd, WEFT_IO_OWNED, &io) < 0)
        close(fd);
    else
        weft_spawn(NULL, WEFT_CALL(connection, .io = io, .delay = delay));
}

static weft_step accept_all(void *frame)
{
    struct accept_all *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_AWAIT(f, weft_sock_accept(f->listener));
        welcome((int)weft_int(weft_take(f)), f->delay);
    }
    WEFT_END(f);
}

static void accept_all_cleanup(void *frame)
{
    struct accept_all *f = frame;

    weft_io_close(f->listener);
}
WEFT_GEN_TYPE(accept_all, .cleanup = accept_all_cleanup);

struct control_ends {
    weft_gen gen;
    int control;
};

static bool has_ended(int fd)
{
    char byte;
    ssize_t n = read(fd, &byte, 1);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static weft_step control_ends(void *frame)
{
    struct control_ends *f = frame;

    WEFT_BEGIN(f);
    do /* a file cannot be waited for: it has all that it will ever have */
        WEFT_TRY_AWAIT(f, weft_readable(NULL, f->control));
    while (!weft_failed(f) && !has_ended(f->control));
    WEFT_END(f);
}
WEFT_GEN_TYPE(control_ends);

struct serve {
    weft_gen gen;
    int fd, control;
    int port; /* to be told; or 0 */
    double delay;
    weft_io *listener;
    weft_future *ends[2];
};

static int announce(int port)
{
    return printf("http://127.0.0.1:%d/\n", port) > 0 && fflush(stdout) == 0 ? 0 : -errno;
}

/* The main task.  SIGINT cancels it (weft/runner.h). */
static weft_step serve(void *frame)
{
    struct serve *f = frame;
    int error;

    WEFT_BEGIN(f);
    error = weft_io_new(NULL, f->fd, WEFT_IO_OWNED, &f->listener);
    if (error)
        WEFT_RAISE(f, error);
    weft_spawn(NULL, WEFT_CALL(accept_all, .listener = f->listener, .delay = f->delay));
    f->ends[0] = weft_task_new(NULL, WEFT_CALL(control_ends, .control = f->control));
    f->ends[1] = weft_signal(NULL, SIGTERM);
    error = f->port ? announce(f->port) : 0; /* now: who reads it may send a signal at once */
    if (error)
        WEFT_RAISE(f, error);
    WEFT_AWAIT(f, weft_wait(NULL, f->ends, 2, WEFT_FIRST_COMPLETED, WEFT_NEVER));
    WEFT_END(f);
}

static void serve_cleanup(void *frame)
{
    struct serve *f = frame;

    for (size_t i = 0; i < 2 && f->ends[i]; i++) {
        weft_future_cancel(f->ends[i], "the origin ends");
        weft_future_unref(f->ends[i]);
    }
}
WEFT_GEN_TYPE(serve, .cleanup = serve_cleanup);

/* What the main task leaves behind, the connections, is cancelled. */
static int run(int fd, double delay, int control, int port)
{
    int error;

    fill_block();
    error = weft_run(WEFT_CALL(serve, .fd = fd, .delay = delay, .control = control, .port = port),
                     NULL);
    return error == WEFT_EINTERRUPTED ? 0 : error;
}

/* Returns a listening socket, or an error; *port is its port. */
static int listen_on(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, error;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

int origin_serve(int port, double delay, int control)
{
    int fd = listen_on(&port);

    return fd < 0 ? fd : run(fd, delay, control, port);
}

int origin_start(struct origin *origin, double delay)
{
    int ends[2], fd, error;

    origin->port = 0;
    fd = listen_on(&origin->port);
    if (fd < 0)
        return fd;
    if (pipe(ends) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    fflush(NULL); /* or both processes write what is in the buffers */
    origin->pid = fork();
    if (origin->pid == 0) {
        setpgid(0, 0); /* Ctrl-C is for the parent's group; the parent then closes the pipe */
        close(ends[1]);
        error = run(fd, delay, ends[0], 0);
        close(ends[0]);
        exit(error ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    error = origin->pid < 0 ? -errno : 0;
    close(fd);
    close(ends[0]);
    if (error)
        close(ends[1]);
    origin->control = ends[1];
    return error;
}

int origin_stop(struct origin *origin)
{
    int status = 0;

    close(origin->control);
    while (waitpid(origin->pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status;
}
