/* check_sendfile.c - a stream sends files, in order with what is written around them. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "support/fault.h"
#include "support/stream_bodies.h"

enum { SIZE = 3 * 1024 * 1024 };

/* An unnamed file that holds a text; its position is at its end. */
static int file_of(const char *text, size_t size)
{
    FILE *file = tmpfile();
    int fd;

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, size, file), size);
    ck_assert_int_eq(fflush(file), 0);
    fd = dup(fileno(file));
    fclose(file);
    return fd;
}

static char *big_text(void)
{
    char *text = malloc(SIZE + 1);

    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)('a' + (i * 2654435761u >> 13) % 26);
    text[SIZE] = 0;
    return text;
}

/* 190, 193 */
RULE(a_file_goes_out_in_order_with_what_is_written_around_it)
{
    char *text = big_text(), *expected = malloc(SIZE + 64);
    int fd = file_of(text, SIZE), small = file_of("(a small one)", 13);
    weft_future *sent, *second;

    pair_open();
    ck_assert_int_eq(weft_stream_post(ours, "head ", 5), 0);
    sent = weft_stream_sendfile(ours, fd, 0, SIZE_MAX);
    second = weft_stream_sendfile(ours, small, 0, 13);
    ck_assert(!weft_future_is_done(sent) && !weft_future_is_done(second));
    ck_assert_int_eq(weft_stream_post(ours, " middle ", 8), 0);
    weft_future_unref(weft_stream_sendfile(ours, small, 3, 5)); /* nobody waits */
    ck_assert_int_eq(weft_stream_post(ours, " and ", 5), 0);
    weft_future_unref(weft_stream_sendfile(ours, small, 1, 1));
    ck_assert_int_eq(weft_stream_post(ours, " tail", 5), 0);
    close(fd);
    close(small);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    sprintf(expected, "head %s(a small one) middle small and a tail", text);
    ck_assert(same(text_of(weft_stream_read_all(theirs)), expected));
    ck_assert_int_eq(number_of(sent), SIZE);
    ck_assert_int_eq(number_of(second), 13);
    pair_close();
    free(text);
    free(expected);
}
END_RULE

RULE(a_part_of_a_file_is_sent_and_its_position_stays)
{
    char bytes[32];
    int fd = file_of("0123456789", 10);

    pair_open();
    ck_assert_int_eq(lseek(fd, 4, SEEK_SET), 4);
    ck_assert_int_eq(number_of(weft_stream_sendfile(ours, fd, 2, 3)), 3);
    ck_assert_int_eq(number_of(weft_stream_sendfile(ours, fd, 8, 100)), 2); /* it ends before */
    ck_assert_int_eq(number_of(weft_stream_sendfile(ours, fd, 99, 1)), 0);
    ck_assert_int_eq(number_of(weft_stream_sendfile(ours, fd, 0, 0)), 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 4);
    ck_assert_int_eq(number_of(weft_stream_read(theirs, bytes, 32)), 5);
    ck_assert_mem_eq(bytes, "23489", 5);
    close(fd);
    pair_close();
}
END_RULE

RULE(what_is_no_file_is_refused)
{
    int fds[2], fd = file_of("x", 1), only_written = open("/dev/null", O_WRONLY);
    char path[32];

    pair_open();
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(error_of(weft_stream_sendfile(ours, fds[0], 0, 1)), -EINVAL);
    ck_assert_int_eq(error_of(weft_stream_sendfile(ours, only_written, 0, 1)), -EINVAL);
    ck_assert_int_eq(error_of(weft_stream_sendfile(ours, -1, 0, 1)), -EBADF);
    ck_assert_int_eq(error_of(weft_stream_sendfile(ours, fd, -1, 1)), -EINVAL);
    ck_assert_int_eq(weft_stream_error(ours), 0);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    ck_assert_int_eq(error_of(weft_stream_sendfile(ours, fd, 0, 1)), WEFT_ECLOSED);
    /* One that cannot be read is found out too late. */
    sprintf(path, "/proc/self/fd/%d", fd);
    close(only_written);
    only_written = open(path, O_WRONLY);
    if (only_written >= 0) {
        ck_assert_int_eq(error_of(weft_stream_sendfile(theirs, only_written, 0, 1)), -EBADF);
        ck_assert_int_eq(weft_stream_error(theirs), -EBADF);
        close(only_written);
    }
    close(fd);
    close(fds[0]);
    close(fds[1]);
    pair_close();
}
END_RULE

/* 192: the close waits for it; cancelled or dropped, it stays in one piece, as a write does */
RULE(a_file_that_nobody_waits_for_any_more_goes_out_all_the_same)
{
    char *text = big_text();
    int fd = file_of(text, SIZE);
    weft_future *sent;

    pair_open();
    sent = weft_stream_sendfile(ours, fd, 0, SIZE_MAX);
    ck_assert(weft_future_cancel(sent, NULL));
    ck_assert_int_eq(error_of(sent), WEFT_ECANCELLED);
    weft_future_unref(weft_stream_sendfile(ours, fd, 0, 10));
    weft_future_unref(weft_stream_close(ours));
    close(fd);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, text, SIZE)), SIZE);
    ck_assert_uint_eq(strlen(text_of(weft_stream_read_all(theirs))), 10);
    pair_close();
    free(text);
}
END_RULE

/* 191: and no SIGPIPE, which would end this program */
RULE(a_dead_peer_ends_a_file_on_its_way_and_what_is_behind_it)
{
    char *text = big_text();
    int fd = file_of(text, SIZE);
    weft_future *first, *second, *closed;

    pair_open();
    first = weft_stream_sendfile(ours, fd, 0, SIZE_MAX);
    second = weft_stream_sendfile(ours, fd, 0, 1);
    closed = weft_stream_close(ours);
    weft_stream_free(theirs);
    theirs = NULL;
    ck_assert_int_eq(error_of(first), -EPIPE);
    ck_assert_int_eq(error_of(second), -EPIPE);
    ck_assert_int_eq(error_of(closed), -EPIPE);
    close(fd);
    pair_close();
    free(text);
}
END_RULE

RULE(an_abort_and_a_closed_loop_end_a_file_on_its_way)
{
    char *text = big_text();
    int fd = file_of(text, SIZE);
    weft_future *sent;

    pair_open();
    sent = weft_stream_sendfile(ours, fd, 0, SIZE_MAX);
    weft_stream_abort(ours);
    ck_assert_int_eq(error_of(sent), WEFT_ECLOSED);
    pair_close();
    pair_open();
    sent = weft_stream_sendfile(ours, fd, 0, SIZE_MAX);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(sent), WEFT_ECLOSED);
    weft_future_unref(sent);
    pair_close();
    close(fd);
    free(text);
}
END_RULE

/* 194 */
RULE(a_stream_that_is_dropped_lets_go_of_its_files)
{
    char *text = big_text();
    int fd = file_of(text, SIZE);

    pair_open();
    weft_future_unref(weft_stream_sendfile(ours, fd, 0, SIZE_MAX));
    weft_stream_unref(ours);
    ours = NULL;
    ck_assert_str_eq(reports(), "a stream was dropped without being closed: 0");
    close(fd);
    pair_close();
    free(text);
}
END_RULE

/* A wire that is no descriptor: it is read and written, in whatever pieces the wire takes. */
RULE(where_there_is_no_sendfile_it_is_read_and_written)
{
    for (unsigned seed = 0; seed < 100; seed++) {
        struct fault_wire *wire = fault_new(seed, 1 + seed * 3);
        int fd = file_of("a file of fifty bytes that goes through a bad wire", 50);
        weft_future *sent;

        wire->moods = seed % 12;
        ours = fault_stream(wire, 0);
        theirs = fault_stream(wire, 1);
        ck_assert_int_eq(weft_stream_post(ours, "head ", 5), 0);
        sent = weft_stream_sendfile(ours, fd, 0, 50);
        ck_assert_int_eq(weft_stream_post(ours, " tail", 5), 0);
        ck_assert_int_eq(weft_stream_write_eof(ours), 0);
        close(fd);
        ck_assert(same(text_of(weft_stream_read_all(theirs)),
                       "head a file of fifty bytes that goes through a bad wire tail"));
        ck_assert_int_eq(number_of(sent), 50);
        pair_close();
    }
}
END_RULE

/* What the kernel makes up as it is read cannot be sent from descriptor to descriptor everywhere. */
RULE(a_file_without_a_size_is_sent)
{
    int fd = open("/proc/self/status", O_RDONLY);
    long size;

    if (fd < 0)
        return;
    pair_open();
    size = number_of(weft_stream_sendfile(ours, fd, 0, SIZE_MAX));
    ck_assert_int_gt(size, 0);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    ck_assert_uint_eq(strlen(text_of(weft_stream_read_all(theirs))), (size_t)size);
    close(fd);
    pair_close();
}
END_RULE

RULE(a_file_goes_into_a_pipe_and_its_dead_reader_raises_no_signal)
{
    char *text = big_text();
    int fds[2], fd = file_of(text, SIZE);
    weft_stream *pipe_end;
    weft_future *sent;

    ck_assert_int_eq(pipe(fds), 0);
    pipe_end = stream_on(fds[1], 0);
    sent = weft_stream_sendfile(pipe_end, fd, 0, SIZE_MAX);
    ck_assert(!weft_future_is_done(sent));
    close(fds[0]);
    ck_assert_int_eq(error_of(sent), -EPIPE);
    weft_stream_free(pipe_end);
    close(fd);
    free(text);
}
END_RULE

static int file;

static int attempt(void)
{
    int error = error_of(weft_stream_sendfile(ours, file, 0, 4));

    return error;
}

RULE(without_memory_nothing_of_a_file_is_written)
{
    char bytes[8];

    file = file_of("data", 4);
    pair_open();
    each_allocation_fails(attempt);
    ck_assert_int_eq(weft_stream_error(ours), 0);
    ck_assert_int_eq(number_of(weft_stream_read(theirs, bytes, 8)), 4);
    close(file);
    pair_close();
}
END_RULE

RUN_SUITE("sendfile", a_file_goes_out_in_order_with_what_is_written_around_it,
          a_part_of_a_file_is_sent_and_its_position_stays, what_is_no_file_is_refused,
          a_file_that_nobody_waits_for_any_more_goes_out_all_the_same,
          a_dead_peer_ends_a_file_on_its_way_and_what_is_behind_it,
          an_abort_and_a_closed_loop_end_a_file_on_its_way,
          a_stream_that_is_dropped_lets_go_of_its_files,
          where_there_is_no_sendfile_it_is_read_and_written, a_file_without_a_size_is_sent,
          a_file_goes_into_a_pipe_and_its_dead_reader_raises_no_signal,
          without_memory_nothing_of_a_file_is_written)
