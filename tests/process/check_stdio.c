/* check_stdio.c - this process's standard streams: what they share with others stays as it is. */
#define _GNU_SOURCE /* posix_openpt */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/process.h"

#include "support/harness.h"

static int saved[2];

/* Let descriptors 0 and 1 be these; -1: closed. */
static void stand_in(int in, int out)
{
    const int fds[2] = {in, out};

    for (int i = 0; i < 2; i++) {
        saved[i] = fcntl(i, F_DUPFD, 10);
        if (fds[i] >= 0)
            ck_assert_int_eq(dup2(fds[i], i), i);
        else
            close(i);
    }
}

static void stand_back(void)
{
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
}

static bool is_blocking(int fd)
{
    return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static const char *line_of(weft_stream *stream)
{
    static char text[64];
    intptr_t value;

    ck_assert_int_eq(run_task(weft_stream_read_line(stream), &value), 0);
    snprintf(text, sizeof(text), "%s", (char *)value);
    free((char *)value);
    return text;
}

static void shut(weft_stream *stream)
{
    ck_assert_int_eq(run_task(weft_stream_close(stream), NULL), 0);
    weft_stream_unref(stream);
}

/* What is written to `feed` comes from stdin, and what stdout is given comes to `drain`. */
static void passes(int feed, int drain)
{
    weft_stream *in, *out;
    weft_future *f;
    char text[16] = "";

    ck_assert_int_eq(weft_open_stdin(loop, &in), 0);
    ck_assert_int_eq(weft_open_stdout(loop, &out), 0);
    f = weft_stream_read(in, text, sizeof(text));
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(write(feed, "one\n", 4), 4);
    ck_assert_int_eq(run_task(f, NULL), 0);
    ck_assert_str_eq(text, "one\n");
    ck_assert_int_eq(run_task(weft_stream_write(out, "two\n", 4), NULL), 0);
    ck_assert_int_eq(read(drain, text, sizeof(text)), 4);
    ck_assert_mem_eq(text, "two\n", 4);
    ck_assert_int_eq(weft_stream_write_eof(out), 0);
    run_rounds(2);
    ck_assert_int_eq(weft_stream_error(out), 0);
    shut(in);
    shut(out);
}

static void pipes(bool reopened)
{
    int in[2], out[2];
    weft_stream *stream;

    weft__no_proc = !reopened;
    ck_assert_int_eq(pipe(in), 0);
    ck_assert_int_eq(pipe(out), 0);
    stand_in(in[0], out[1]);
    ck_assert_int_eq(weft_open_stdin(loop, &stream), 0);
    ck_assert_int_eq(is_blocking(0), reopened);
    shut(stream);
    passes(in[1], out[0]);
    ck_assert(is_blocking(0));
    ck_assert(is_blocking(1));
    stand_back();
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
}

RULE(pipes_are_opened_anew_and_the_shells_stay_blocking)
{
    pipes(true);
}
END_RULE

RULE(pipes_that_cannot_be_opened_anew_are_non_blocking_until_the_end)
{
    pipes(false);
}
END_RULE

RULE(sockets_stay_blocking_and_do_not_block)
{
    int fds[2];
    weft_stream *in;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    stand_in(fds[0], fds[0]);
    passes(fds[1], fds[1]);
    ck_assert_int_eq(weft_open_stdin(loop, &in), 0);
    ck_assert(is_blocking(0));
    weft_stream_free(in);
    stand_back();
    close(fds[0]);
    close(fds[1]);
}
END_RULE

/* 190: it is in blocking mode, and must not block; no SIGPIPE ends this program */
RULE(a_full_socket_is_waited_for_and_a_broken_one_is_EPIPE)
{
    enum { BIG = 4000000 };
    char *text = calloc(1, BIG);
    weft_stream *out;
    weft_future *f;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    stand_in(0, fds[0]);
    ck_assert_int_eq(weft_open_stdout(loop, &out), 0);
    f = weft_stream_write(out, text, BIG);
    ck_assert(!weft_future_is_done(f));
    close(fds[1]);
    ck_assert_int_eq(run_task(f, NULL), -EPIPE);
    weft_stream_free(out);
    stand_back();
    close(fds[0]);
    free(text);
}
END_RULE

/* 193 */
RULE(the_end_of_a_socket_is_told_to_its_peer_although_it_is_shared)
{
    int fds[2], lonely = socket(AF_INET, SOCK_STREAM, 0);
    weft_stream *out;
    char byte;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    stand_in(0, fds[0]);
    ck_assert_int_eq(weft_open_stdout(loop, &out), 0);
    ck_assert_int_eq(weft_stream_write_eof(out), 0);
    run_rounds(2);
    ck_assert_int_eq(recv(fds[1], &byte, 1, MSG_DONTWAIT), 0);
    ck_assert_int_eq(weft_stream_error(out), 0);
    shut(out);
    stand_back();
    close(fds[0]);
    close(fds[1]);
    stand_in(0, lonely); /* it has no peer */
    ck_assert_int_eq(weft_open_stdout(loop, &out), 0);
    ck_assert_int_eq(weft_stream_write_eof(out), 0);
    run_rounds(2);
    ck_assert_int_eq(weft_stream_error(out), 0);
    weft_stream_free(out);
    stand_back();
    close(lonely);
}
END_RULE

RULE(a_terminal_is_opened_anew)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    weft_stream *in;

    if (master < 0)
        return; /* no /dev/pts is mounted here */
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(slave, 0);
    stand_in(slave, slave);
    ck_assert_int_eq(weft_open_stdin(loop, &in), 0);
    ck_assert(is_blocking(0));
    ck_assert_int_eq(write(master, "word\nmore\n", 10), 10);
    ck_assert_str_eq(line_of(in), "word\n");
    ck_assert_str_eq(line_of(in), "more\n");
    weft_stream_free(in);
    stand_back();
    close(master);
    close(slave);
}
END_RULE

/* The rest is left to whoever shares it; epoll refuses such files. */
RULE(regular_files_are_read_and_written_at_once_and_from_where_they_stand)
{
    char name[] = "/tmp/weft-stdio-XXXXXX", text[32] = "";
    int fd = mkstemp(name);
    weft_stream *in, *out;
    intptr_t n;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(write(fd, "first\nsecond\nthird\n", 19), 19);
    ck_assert_int_eq(lseek(fd, 6, SEEK_SET), 6);
    stand_in(fd, fd);
    ck_assert_int_eq(weft_open_stdin(loop, &in), 0);
    ck_assert(is_blocking(fd));
    ck_assert_str_eq(line_of(in), "second\n");
    ck_assert_str_eq(line_of(in), "third\n");
    ck_assert_int_eq(run_task(weft_stream_read(in, text, 8), &n), 0);
    ck_assert_int_eq(n, 0);
    ck_assert(weft_stream_at_eof(in));
    shut(in);
    ck_assert_int_eq(weft_open_stdout(loop, &out), 0);
    ck_assert_int_eq(run_task(weft_stream_write(out, "end\n", 4), NULL), 0);
    ck_assert_int_eq(weft_stream_write_eof(out), 0);
    shut(out);
    ck_assert_int_eq(write(1, ".", 1), 1); /* it is still ours, and stands behind */
    stand_back();
    ck_assert_int_eq(pread(fd, text, 32, 0), 24);
    ck_assert_str_eq(text, "first\nsecond\nthird\nend\n.");
    close(fd);
}
END_RULE

RULE(dev_null_is_at_its_end_and_takes_everything)
{
    int fd = open("/dev/null", O_RDWR);
    weft_stream *in, *out;
    intptr_t n;
    char byte;

    stand_in(fd, fd);
    ck_assert_int_eq(weft_open_stdin(loop, &in), 0);
    ck_assert_int_eq(run_task(weft_stream_read(in, &byte, 1), &n), 0);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(weft_open_stdout(loop, &out), 0);
    ck_assert_int_eq(run_task(weft_stream_write(out, "x", 1), NULL), 0);
    shut(in);
    shut(out);
    stand_back();
    close(fd);
}
END_RULE

/* 190: what the pipe does not take waits */
RULE(a_full_output_is_flushed_by_close_and_a_broken_one_is_EPIPE)
{
    enum { BIG = 300000 };
    char *text = calloc(1, BIG);
    weft_stream *out;
    weft_future *f;
    int fds[2];
    ssize_t n;

    ck_assert_int_eq(pipe(fds), 0);
    stand_in(0, fds[1]);
    ck_assert_int_eq(weft_open_stdout(loop, &out), 0);
    f = weft_stream_write(out, text, BIG);
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_gt(n = read(fds[0], text, BIG), 0);
    while (!weft_future_is_done(f)) {
        run_rounds(1);
        n += read(fds[0], text, BIG);
    }
    ck_assert_int_eq(run_task(f, NULL), 0);
    f = weft_stream_close(out);
    while (!weft_future_is_done(f)) {
        run_rounds(1);
        n += read(fds[0], text, BIG);
    }
    ck_assert_int_eq(run_task(f, NULL), 0);
    while (n < BIG)
        n += read(fds[0], text, BIG);
    ck_assert_int_eq(n, BIG);
    weft_stream_unref(out);
    ck_assert_int_eq(weft_open_stdout(loop, &out), 0);
    close(fds[0]);
    ck_assert_int_eq(run_task(weft_stream_write(out, "x", 1), NULL), -EPIPE);
    weft_stream_free(out);
    stand_back();
    close(fds[1]);
    free(text);
}
END_RULE

static int attempt(void)
{
    weft_loop *fresh = weft_loop_new(NULL);
    weft_stream *in;
    int error;

    if (!fresh)
        return -ENOMEM;
    error = weft_open_stdin(fresh, &in);
    if (!error)
        weft_stream_free(in);
    else
        ck_assert_ptr_null(in);
    ck_assert(is_blocking(0));
    weft_loop_unref(fresh);
    return error;
}

/* 100 */
RULE(what_keeps_a_stream_from_being_opened_is_an_error_and_leaves_all_as_it_was)
{
    weft_stream *stream;
    int fds[2];

    stand_in(-1, -1);
    ck_assert_int_eq(weft_open_stdin(loop, &stream), -EBADF);
    ck_assert_ptr_null(stream);
    ck_assert_int_eq(weft_open_stdout(loop, &stream), -EBADF);
    stand_back();
    ck_assert_int_eq(weft_open_stderr(loop, &stream), 0);
    weft_stream_free(stream);
    ck_assert_int_eq(pipe(fds), 0);
    stand_in(fds[0], fds[1]);
    each_allocation_fails(attempt);
    weft__no_proc = true;
    each_allocation_fails(attempt);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    for (int i = 0; i < 2; i++) {
        weft__no_proc = i > 0;
        ck_assert_int_eq(weft_open_stdin(loop, &stream), WEFT_ECLOSED);
        ck_assert(is_blocking(0));
    }
    stand_back();
    close(fds[0]);
    close(fds[1]);
}
END_RULE

RUN_SUITE("stdio", pipes_are_opened_anew_and_the_shells_stay_blocking,
          pipes_that_cannot_be_opened_anew_are_non_blocking_until_the_end,
          sockets_stay_blocking_and_do_not_block,
          a_full_socket_is_waited_for_and_a_broken_one_is_EPIPE,
          the_end_of_a_socket_is_told_to_its_peer_although_it_is_shared, a_terminal_is_opened_anew,
          regular_files_are_read_and_written_at_once_and_from_where_they_stand,
          dev_null_is_at_its_end_and_takes_everything,
          a_full_output_is_flushed_by_close_and_a_broken_one_is_EPIPE,
          what_keeps_a_stream_from_being_opened_is_an_error_and_leaves_all_as_it_was)
