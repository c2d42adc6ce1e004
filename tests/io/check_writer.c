/* check_writer.c - a stream's writing: marks, order, ends, and what a failure does to it. */

#include "support/fault.h"
#include "support/stream_bodies.h"

enum { BIG = 4 * 1024 * 1024 };

/* A pair over a wire that holds `capacity` bytes, in no mood. */
static struct fault_wire *wire_open(size_t capacity)
{
    struct fault_wire *wire = fault_new(1, capacity);

    wire->moods = 0;
    ours = fault_stream(wire, 0);
    theirs = fault_stream(wire, 1);
    return wire;
}

/* ---- marks ----------------------------------------------------------------------------------------------- */

/* 190 [D] forgetting drain is the norm */
RULE(a_write_waits_above_the_high_mark_until_the_low_mark)
{
    struct fault_wire *wire = wire_open(10);
    char bytes[64];
    weft_future *f;

    weft_stream_set_marks(ours, 5, 20);
    ck_assert_int_eq(error_of(weft_stream_write(ours, "0123456789", 10)), 0); /* it is out */
    f = weft_stream_write(ours, "abcdefghijklmnopqrst", 20);                  /* just the mark */
    ck_assert(weft_future_is_done(f));
    ck_assert_int_eq(error_of(f), 0);
    f = weft_stream_write(ours, "u", 1);
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, bytes, 10)), 10);
    fault_pass(); /* 20 are out, 11 are kept */
    ck_assert(!weft_future_is_done(f));
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, bytes + 10, 10)), 10);
    fault_pass();
    ck_assert(weft_future_is_done(f));
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, bytes + 20, 11)), 11);
    ck_assert_mem_eq(bytes, "0123456789abcdefghijklmnopqrstu", 31);
    ck_assert_uint_eq(wire->sent, 31);
    ck_assert_int_eq(error_of(f), 0);
    pair_close();
}
END_RULE

/* 190 [D] fire and forget has a name of its own */
RULE(post_never_waits)
{
    char *big = pattern(BIG);

    pair_open();
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(weft_stream_post(ours, big + (size_t)i * BIG / 4, BIG / 4), 0);
    ck_assert_int_eq(weft_stream_post(ours, "", 0), 0);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    ck_assert(same(text_of(weft_stream_read_all(theirs)), big));
    pair_close();
    free(big);
}
END_RULE

/* 190 */
RULE(a_write_goes_out_at_once_while_there_is_room)
{
    char bytes[8];

    pair_open();
    ck_assert_int_eq(weft_stream_post(ours, "ab", 2), 0);
    ck_assert_int_eq(weft_stream_post(ours, "cd", 2), 0);
    ck_assert_uint_eq(they_read(bytes, 8), 4); /* and the loop has not run */
    ck_assert_mem_eq(bytes, "abcd", 4);
    pair_close();
}
END_RULE

/* 191 */
RULE(several_tasks_may_drain_at_once)
{
    char bytes[64];
    weft_future *a, *b, *c;

    wire_open(4);
    weft_stream_set_marks(ours, 0, 100);
    ck_assert_int_eq(error_of(weft_stream_drain(ours)), 0);
    ck_assert_int_eq(weft_stream_post(ours, "0123456789", 10), 0);
    a = weft_stream_drain(ours);
    b = weft_stream_drain(ours);
    c = weft_stream_drain(ours);
    weft_future_cancel(b, NULL);
    ck_assert(weft_future_is_cancelled(b));
    turns(3);
    ck_assert(!weft_future_is_done(a) && !weft_future_is_done(c));
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, bytes, 6)), 6);
    ck_assert_int_eq(error_of(a), 0);
    ck_assert_int_eq(error_of(c), 0);
    weft_future_unref(b);
    pair_close();
}
END_RULE

/* 190 */
RULE(marks_that_are_raised_wake_who_waits)
{
    weft_future *w;

    wire_open(4);
    weft_stream_set_marks(ours, 0, 0);
    w = weft_stream_write(ours, "0123456789", 10);
    ck_assert(!weft_future_is_done(w));
    weft_stream_set_marks(ours, 5, 5);
    ck_assert(!weft_future_is_done(w)); /* six are kept */
    weft_stream_set_marks(ours, 9, 6);  /* low is no more than high */
    ck_assert(weft_future_is_done(w));
    ck_assert_int_eq(error_of(w), 0);
    pair_close();
}
END_RULE

/* ---- in one piece ---------------------------------------------------------------------------------------- */

struct writer {
    weft_gen gen;
    char letter;
    char piece[5000];
    int left;
};

static weft_step writer(void *frame)
{
    struct writer *f = frame;

    WEFT_BEGIN(f);
    memset(f->piece, f->letter, sizeof(f->piece) - 1);
    f->piece[sizeof(f->piece) - 1] = '\n';
    for (f->left = 20; f->left > 0; f->left--)
        WEFT_AWAIT(f, weft_stream_write(ours, f->piece, sizeof(f->piece)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(writer);

/* 190 */
RULE(writes_of_several_tasks_stay_in_one_piece)
{
    weft_task *tasks[4];
    int counts[4] = {0};

    pair_open();
    weft_stream_set_marks(ours, 0, 0);
    for (int i = 0; i < 4; i++)
        tasks[i] = weft_task_new(loop, WEFT_CALL(writer, .letter = (char)('a' + i)));
    for (int n = 0; n < 80; n++) {
        const char *line = text_of(weft_stream_read_line(theirs));

        ck_assert_uint_eq(strlen(line), 5000);
        ck_assert_uint_eq(strspn(line, (char[2]){line[0]}), 4999);
        counts[line[0] - 'a']++;
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(counts[i], 20);
        ck_assert_int_eq(run_task(tasks[i], NULL), 0);
    }
    pair_close();
}
END_RULE

/* 190 */
RULE(a_cancelled_write_goes_out_all_the_same)
{
    char bytes[16] = "";
    weft_future *f;

    wire_open(4);
    weft_stream_set_marks(ours, 0, 0);
    f = weft_stream_write(ours, "0123456789", 10);
    weft_future_cancel(f, NULL);
    ck_assert(weft_future_is_cancelled(f));
    weft_future_unref(f);
    weft_future_unref(weft_stream_write(ours, "abc", 3)); /* and a dropped one */
    ck_assert_int_eq(number_of(weft_stream_read_exactly(theirs, bytes, 13)), 13);
    ck_assert_str_eq(bytes, "0123456789abc");
    pair_close();
}
END_RULE

/* 190 */
RULE(writev_writes_all_its_parts_in_order_however_many)
{
    enum { PARTS = 3000 };
    char *text = pattern(PARTS * 100);
    struct iovec parts[PARTS];
    weft_future *f;

    for (size_t i = 0; i < PARTS; i++)
        parts[i] = (struct iovec){text + i * 100, 100};
    pair_open();
    f = weft_stream_writev(ours, parts, PARTS);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    ck_assert(same(text_of(weft_stream_read_all(theirs)), text));
    ck_assert_int_eq(error_of(f), 0);
    pair_close();
    pair_open();
    ck_assert_int_eq(error_of(weft_stream_writev(ours, NULL, 0)), 0);
    ck_assert_int_eq(error_of(weft_stream_writev(ours, parts, 2)), 0);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    ck_assert_uint_eq(strlen(text_of(weft_stream_read_all(theirs))), 200);
    pair_close();
    free(text);
}
END_RULE

/* ---- ends ------------------------------------------------------------------------------------------------ */

/* 193 */
RULE(write_eof_half_closes_after_what_was_written)
{
    char *big = pattern(BIG), byte;

    pair_open();
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    ck_assert_int_eq(weft_stream_write_eof(ours), 0); /* once more */
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), WEFT_ECLOSED);
    ck_assert_int_eq(error_of(weft_stream_write(ours, "x", 1)), WEFT_ECLOSED);
    ck_assert(same(text_of(weft_stream_read_all(theirs)), big));
    ck_assert_int_eq(error_of(weft_stream_drain(ours)), 0);
    they_write("y");
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), 1);
    ck_assert_int_eq(byte, 'y');
    ck_assert_int_eq(error_of(weft_stream_close(ours)), 0);
    pair_close();
    free(big);
}
END_RULE

/* 193, 195: of a pipe, too; its dead reader is an error, and no signal */
RULE(write_eof_ends_a_pipe_and_a_write_to_one_raises_no_signal)
{
    char bytes[8];
    int fds[2];

    for (int closes = 0; closes < 2; closes++) {
        weft_stream *writer;

        ck_assert_int_eq(pipe(fds), 0);
        writer = stream_on(fds[1], 0);
        ck_assert_int_eq(error_of(weft_stream_write(writer, "text", 4)), 0);
        if (closes) {
            close(fds[0]);
            ck_assert_int_eq(error_of(weft_stream_write(writer, "more", 4)), -EPIPE);
        } else {
            ck_assert_int_eq(weft_stream_write_eof(writer), 0);
            ck_assert_int_eq(read(fds[0], bytes, 8), 4);
            ck_assert_int_eq(read(fds[0], bytes, 8), 0);
            close(fds[0]);
        }
        weft_stream_free(writer);
    }
}
END_RULE

/* 193 */
RULE(an_end_that_the_transport_puts_off_comes_later)
{
    struct fault_wire *wire = wire_open(64);

    wire->moods = 16;
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    fault_pass();
    ck_assert(!wire->ended[0]);
    wire->moods = 0;
    fault_pass();
    ck_assert(wire->ended[0]);
    ck_assert_str_eq(text_of(weft_stream_read_all(theirs)), "");
    pair_close();
}
END_RULE

/* 191, 188 */
RULE(a_lost_connection_fails_every_writer_and_stays)
{
    char *big = pattern(BIG);
    weft_future *w, *d;

    pair_open();
    w = weft_stream_write(ours, big, BIG);
    d = weft_stream_drain(ours);
    weft_stream_abort(theirs);
    ck_assert_int_eq(error_of(w), -EPIPE);
    ck_assert_int_eq(error_of(d), -EPIPE);
    ck_assert_int_eq(weft_stream_error(ours), -EPIPE);
    ck_assert_int_eq(error_of(weft_stream_drain(ours)), -EPIPE);
    ck_assert_int_eq(error_of(weft_stream_write(ours, "x", 1)), -EPIPE);
    ck_assert_int_eq(weft_stream_write_eof(ours), -EPIPE);
    pair_close();
    free(big);
}
END_RULE

struct drainer {
    weft_gen gen;
    int rounds;
};

static weft_step drainer(void *frame)
{
    struct drainer *f = frame;

    WEFT_BEGIN(f);
    for (;; f->rounds++) {
        WEFT_TRY_AWAIT(f, weft_stream_drain(ours));
        if (weft_failed(f))
            break;
    }
    say("%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(drainer);

static void close_ours(void *arg)
{
    (void)arg;
    weft_future_unref(weft_stream_close(ours));
}

/* 191: a task that does nothing but drain is not blind */
RULE(drain_always_notices_closing)
{
    weft_task *task;

    pair_open();
    task = weft_task_new(loop, WEFT_CALL(drainer, .rounds = 0));
    weft_call_soon(loop, close_ours, NULL, NULL);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "WEFT_ECLOSED");
    pair_close();
}
END_RULE

/* ---- memory ---------------------------------------------------------------------------------------------- */

static int attempt_write(void)
{
    return error_of(weft_stream_write(ours, "0123456789", 10));
}

static int attempt_drain(void)
{
    weft_future *f = weft_stream_drain(ours);
    int error = weft_future_is_done(f) ? weft_future_error(f) : 0;

    weft_future_unref(f);
    return error;
}

/* 100, 190: the memory of libevent's buffers is not counted: see the next */
RULE(a_write_without_memory_has_written_nothing)
{
    struct fault_wire *wire = wire_open(10);

    weft_stream_set_marks(ours, 0, 0);
    each_allocation_fails(attempt_write);
    ck_assert_uint_eq(wire->sent, 10);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), 0);
    each_allocation_fails(attempt_drain);
    ck_assert_int_eq(weft_stream_error(ours), 0);
    pair_close();
}
END_RULE

/* 100, 191 */
RULE(bytes_that_cannot_be_kept_fail_the_stream)
{
    weft_future *w, *f;

    event_memory_open();
    for (int i = 0; i < 2; i++) {
        wire_open(4);
        weft_stream_set_marks(ours, 0, 0);
        w = i ? weft_stream_write(ours, "01234", 5) : NULL; /* one that waits */
        without = true;
        f = weft_stream_write(ours, (char[5000]){0}, 5000);
        without = false; /* select asks for memory as well */
        ck_assert_int_eq(error_of(f), -ENOMEM);
        ck_assert_int_eq(weft_stream_error(ours), -ENOMEM);
        ck_assert_int_eq(weft_stream_post(ours, "x", 1), -ENOMEM);
        if (w)
            ck_assert_int_eq(error_of(w), -ENOMEM);
        pair_close();
    }
}
END_RULE

RUN_SUITE("writer", a_write_waits_above_the_high_mark_until_the_low_mark, post_never_waits,
          a_write_goes_out_at_once_while_there_is_room, several_tasks_may_drain_at_once,
          marks_that_are_raised_wake_who_waits, writes_of_several_tasks_stay_in_one_piece,
          a_cancelled_write_goes_out_all_the_same, writev_writes_all_its_parts_in_order_however_many,
          write_eof_half_closes_after_what_was_written,
          write_eof_ends_a_pipe_and_a_write_to_one_raises_no_signal,
          an_end_that_the_transport_puts_off_comes_later,
          a_lost_connection_fails_every_writer_and_stays, drain_always_notices_closing,
          a_write_without_memory_has_written_nothing, bytes_that_cannot_be_kept_fail_the_stream)
