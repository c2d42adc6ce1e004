/* check_stream_burst.c - a peer that is faster than we are does not keep the loop to itself. */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include <fcntl.h>

#include "support/stream_bodies.h"

enum { SIZE = 1 << 20, BURST = 256 * 1024 };

static char *text; /* SIZE bytes */

static void make_text(void)
{
    text = malloc(SIZE + 1);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)('a' + (i * 2654435761u >> 13) % 26);
    text[SIZE] = 0;
}

/* Sizes that a pipe can hold vary: NULL if it cannot be so much. */
static weft_stream *full_pipe(unsigned flags)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
#ifdef F_SETPIPE_SZ
    if (fcntl(fds[1], F_SETPIPE_SZ, SIZE) >= SIZE) {
        ck_assert_int_eq(write(fds[1], text, SIZE), SIZE);
        close(fds[1]);
        return stream_on(fds[0], flags);
    }
#endif
    close(fds[0]);
    close(fds[1]);
    return NULL;
}

static int rounds;
static bool ended;

/* Gives way all the time; says how often it had its turn. */
struct other {
    weft_gen gen;
};

static weft_step other(void *frame)
{
    struct other *f = frame;

    WEFT_BEGIN(f);
    for (rounds = 0; !ended; rounds++)
        WEFT_PAUSE(f);
    WEFT_END(f);
}
WEFT_GEN_TYPE(other);

static void on_end(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    ended = true;
}

/* Run until it is done, beside another task. */
static void run_beside(weft_future *future)
{
    ended = false;
    ck_assert(!weft_future_is_done(future));
    weft_future_add_done_callback(future, on_end, NULL);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(other)), NULL), 0);
    ck_assert_int_ge(rounds, SIZE / BURST - 1);
}

/* With edges and without. */
RULE(what_is_there_all_at_once_is_read_in_several_turns)
{
    char *bytes = malloc(SIZE);

    make_text();
    for (unsigned flags = 0; flags <= 2; flags += 2) {
        weft_stream *stream = full_pipe(flags);
        weft_future *f;

        if (!stream)
            break;
        f = weft_stream_read_all(stream);
        run_beside(f);
        ck_assert(same(text_of(f), text));
        weft_stream_free(stream);
        stream = full_pipe(flags);
        f = weft_stream_read_exactly(stream, bytes, SIZE);
        run_beside(f);
        ck_assert_int_eq(number_of(f), SIZE);
        ck_assert_mem_eq(bytes, text, SIZE);
        weft_stream_free(stream);
    }
    free(text);
    free(bytes);
}
END_RULE

/* 218 */
RULE(so_is_a_line)
{
    make_text();
    for (unsigned flags = 0; flags <= 2; flags += 2) {
        weft_stream *stream = full_pipe(flags);
        weft_future *f;

        if (!stream)
            break;
        weft_stream_set_limit(stream, SIZE);
        f = weft_stream_read_line(stream);
        run_beside(f);
        ck_assert(same(text_of(f), text));
        weft_stream_free(stream);
    }
    free(text);
}
END_RULE

/* A pipe with room for all of it: the writing end, and in *out the other; -1: there is none so large. */
static int empty_pipe(int *out)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
#ifdef F_SETPIPE_SZ
    if (fcntl(fds[1], F_SETPIPE_SZ, SIZE) >= SIZE) {
        *out = fds[0];
        return fds[1];
    }
#endif
    close(fds[0]);
    close(fds[1]);
    return -1;
}

static void check_pipe(int fd)
{
    char *bytes = malloc(SIZE);

    ck_assert_int_eq(read(fd, bytes, SIZE), SIZE);
    ck_assert_mem_eq(bytes, text, SIZE);
    close(fd);
    free(bytes);
}

/* 219 */
RULE(what_is_sent_to_a_reader_that_takes_all_goes_out_in_several_turns)
{
    make_text();
    for (unsigned flags = 0; flags <= 2; flags += 2) {
        int out, in = empty_pipe(&out);
        weft_future *f;
        weft_io *io;

        if (in < 0)
            break;
        ck_assert_int_eq(weft__io_new(loop, in, WEFT_IO_OWNED | flags, &io), 0);
        f = weft_sock_sendall(io, text, SIZE);
        run_beside(f);
        ck_assert_int_eq(error_of(f), 0);
        weft_io_close(io);
        check_pipe(out);
    }
    free(text);
}
END_RULE

/* 219: the first write takes what it can, the rest is kept */
RULE(so_does_what_a_stream_keeps)
{
    make_text();
    for (unsigned flags = 0; flags <= 2; flags += 2) {
        int out, in = empty_pipe(&out), size = 0;
        char *filling = malloc(SIZE);
        weft_stream *stream;
        weft_future *f;

        if (in < 0)
            break;
        stream = stream_on(in, flags);
        ck_assert_int_eq(fcntl(in, F_SETFL, O_NONBLOCK), 0);
        ck_assert_int_eq(write(in, text, SIZE), SIZE);
        ck_assert_int_eq(weft_stream_post(stream, text, SIZE), 0);
        weft_stream_set_marks(stream, 0, 0);
        f = weft_stream_drain(stream);
        turns(2);
        while (size < SIZE)
            size += (int)read(out, filling, SIZE);
        run_beside(f);
        ck_assert_int_eq(error_of(f), 0);
        weft_stream_free(stream);
        check_pipe(out);
        free(filling);
    }
    free(text);
}
END_RULE

RULE(a_read_that_is_cancelled_between_two_turns_has_lost_nothing)
{
    make_text();
    for (unsigned flags = 0; flags <= 2; flags += 2) {
        weft_stream *stream = full_pipe(flags);
        weft_future *f;

        if (!stream)
            break;
        f = weft_stream_read_all(stream);
        ck_assert(!weft_future_is_done(f));
        ck_assert(weft_future_cancel(f, NULL));
        ck_assert_int_eq(error_of(f), WEFT_ECANCELLED);
        ck_assert(same(text_of(weft_stream_read_all(stream)), text));
        weft_stream_free(stream);
    }
    free(text);
}
END_RULE

RULE(a_file_goes_out_in_several_turns)
{
    char *bytes = malloc(SIZE + 1);
    FILE *file = tmpfile();

    make_text();
    ck_assert_uint_eq(fwrite(text, 1, SIZE, file), SIZE);
    ck_assert_int_eq(fflush(file), 0);
    for (unsigned flags = 0; flags <= 2; flags += 2) {
        weft_stream *stream;
        weft_future *f;
        int fds[2];

        ck_assert_int_eq(pipe(fds), 0);
#ifdef F_SETPIPE_SZ
        if (fcntl(fds[1], F_SETPIPE_SZ, SIZE) >= SIZE) {
            stream = stream_on(fds[1], flags);
            f = weft_stream_sendfile(stream, fileno(file), 0, SIZE);
            run_beside(f);
            ck_assert_int_eq(number_of(f), SIZE);
            ck_assert_int_eq(read(fds[0], bytes, SIZE), SIZE);
            ck_assert_mem_eq(bytes, text, SIZE);
            weft_stream_free(stream);
            fds[1] = -1;
        }
#endif
        close(fds[0]);
        close(fds[1]);
    }
    fclose(file);
    free(text);
    free(bytes);
}
END_RULE

/* ---- a transport with bytes in its own memory ------------------------------------------------------------- */

static size_t taken;

static ssize_t memory_read(void *transport, const struct iovec *parts, int count)
{
    size_t n = parts->iov_len < SIZE - taken ? parts->iov_len : SIZE - taken;

    (void)transport, (void)count;
    memcpy(parts->iov_base, text + taken, n);
    taken += n;
    return (ssize_t)n;
}

static int never(void *arg, bool readable, bool writable)
{
    (void)arg, (void)readable, (void)writable;
    return 0;
}

/* 218: no descriptor tells of them */
RULE(bytes_in_a_transport_s_own_memory_are_read_to_their_end_in_several_turns)
{
    static const weft_transport_type type = {.name = "memory", .read = memory_read};
    weft_stream *stream;
    weft_future *f;
    weft_io *io;

    make_text();
    taken = 0;
    ck_assert_int_eq(weft_io_new_manual(loop, never, NULL, &io), 0);
    stream = weft_stream_new_on(io, &type, NULL);
    f = weft_stream_read_all(stream);
    run_beside(f);
    ck_assert(same(text_of(f), text));
    weft_stream_free(stream);
    free(text);
}
END_RULE

RUN_SUITE("stream_burst", what_is_there_all_at_once_is_read_in_several_turns, so_is_a_line,
          what_is_sent_to_a_reader_that_takes_all_goes_out_in_several_turns,
          so_does_what_a_stream_keeps, a_read_that_is_cancelled_between_two_turns_has_lost_nothing,
          a_file_goes_out_in_several_turns,
          bytes_in_a_transport_s_own_memory_are_read_to_their_end_in_several_turns)
