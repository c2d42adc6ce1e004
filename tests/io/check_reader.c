/* check_reader.c - a stream's reading: how much, up to where, what a cancel and a failure leave. */
#include "support/fault.h"
#include "support/stream_bodies.h"

/* ---- some, exactly, all ---------------------------------------------------------------------------------- */

/* 183 */
RULE(read_gives_what_is_there_and_0_at_the_end)
{
    char bytes[8] = "";
    weft_future *f;

    pair_open();
    ck_assert_int_eq(number_of(weft_stream_read(ours, NULL, 0)), 0);
    f = weft_stream_read(ours, bytes, 8);
    turns(2);
    ck_assert(!weft_future_is_done(f));
    they_write("abcde");
    ck_assert_int_eq(number_of(f), 5);
    ck_assert_mem_eq(bytes, "abcde", 5);
    ck_assert_uint_eq(weft_stream_count(ours), 5);
    ck_assert_int_eq(number_of(weft_stream_read(ours, NULL, 0)), 0);
    they_write("fghij");
    f = weft_stream_read(ours, bytes, 2);
    ck_assert_int_eq(number_of(f), 2);
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes + 2, 6)), 3);
    ck_assert_mem_eq(bytes, "fghij", 5);
    they_end();
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes, 8)), 0);
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes, 8)), 0);
    pair_close();
}
END_RULE

/* 183, 193 */
RULE(read_all_brings_everything_to_the_end_while_writing_has_ended)
{
    enum { SIZE = 3000000 };
    char *text = pattern(SIZE);
    weft_future *f, *w;

    pair_open();
    ck_assert_int_eq(weft_stream_write_eof(ours), 0);
    f = weft_stream_read_all(ours);
    w = weft_stream_write(theirs, text, SIZE);
    ck_assert_int_eq(weft_stream_write_eof(theirs), 0);
    ck_assert_str_eq(text_of(weft_stream_read_all(theirs)), "");
    ck_assert(same(text_of(f), text));
    ck_assert_uint_eq(weft_stream_count(ours), SIZE);
    ck_assert_str_eq(text_of(weft_stream_read_all(ours)), "");
    ck_assert_int_eq(error_of(w), 0);
    pair_close();
    free(text);
}
END_RULE

/* 184 */
RULE(read_exactly_is_exact_over_many_pieces)
{
    char bytes[7] = "";
    weft_future *f;

    pair_open();
    f = weft_stream_read_exactly(ours, bytes, 6);
    for (const char *p = "abcdef"; *p; p++) {
        ck_assert(!weft_future_is_done(f));
        they_write((char[2]){*p});
        turns(2);
    }
    ck_assert_int_eq(number_of(f), 6);
    ck_assert_str_eq(bytes, "abcdef");
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, NULL, 0)), 0);
    pair_close();
}
END_RULE

/* 184 */
RULE(read_exactly_that_ends_early_is_INCOMPLETE_with_what_came)
{
    char bytes[8] = "";
    weft_future *f;

    pair_open();
    they_write("abc");
    f = weft_stream_read_exactly(ours, bytes, 8);
    they_end();
    ck_assert_int_eq(number_of(f), WEFT_EINCOMPLETE);
    ck_assert_uint_eq(weft_stream_count(ours), 3);
    ck_assert_str_eq(bytes, "abc");
    ck_assert_int_eq(weft_stream_error(ours), 0);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, bytes, 1)), WEFT_EINCOMPLETE);
    ck_assert_uint_eq(weft_stream_count(ours), 0);
    ck_assert(weft_stream_at_eof(ours));
    pair_close();
}
END_RULE

/* ---- up to a separator ----------------------------------------------------------------------------------- */

static weft_future *until(const char *a, const char *b)
{
    static const char *separators[2];

    separators[0] = a;
    separators[1] = b;
    return weft_stream_read_until(ours, separators, b ? 2 : 1);
}

/* 185 */
RULE(lines_and_the_rest)
{
    pair_open();
    they_write("one\n\ntwo\nrest");
    they_end();
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "one\n");
    ck_assert_uint_eq(weft_stream_count(ours), 4);
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "\n");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "two\n");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "rest");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "");
    ck_assert_uint_eq(weft_stream_count(ours), 0);
    pair_close();
}
END_RULE

/* 185 */
RULE(a_separator_that_comes_in_pieces_is_found)
{
    const char *text = "ab\r\n\r\r\n\r\nrest";
    weft_future *f;

    for (size_t cut = 1; cut < 9; cut++) {
        char first[16] = "";

        pair_open();
        memcpy(first, text, cut);
        they_write(first);
        f = until("\r\n\r\n", NULL);
        turns(2);
        ck_assert(!weft_future_is_done(f));
        they_write(text + cut);
        ck_assert_str_eq(text_of(f), "ab\r\n\r\r\n\r\n");
        they_end();
        ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "rest");
        pair_close();
    }
}
END_RULE

/* 186 */
RULE(of_several_separators_the_one_that_ends_first_wins)
{
    pair_open();
    they_write("a--b;c;--d:::e;;f");
    ck_assert_str_eq(text_of(until("--", ";")), "a--");
    ck_assert_str_eq(text_of(until("--", ";")), "b;");
    ck_assert_str_eq(text_of(until(";--", ";")), "c;"); /* the shorter one ends first */
    ck_assert_str_eq(text_of(until("--d::", "d:")), "--d:");
    ck_assert_str_eq(text_of(until("::e", ":e")), "::e"); /* both end at once */
    ck_assert_str_eq(text_of(until(";;", "x")), ";;");
    they_end();
    ck_assert_str_eq(text_of(until("x", ";")), "WEFT_EINCOMPLETE");
    ck_assert_uint_eq(weft_stream_count(ours), 1);
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "f"); /* it is still there */
    pair_close();
}
END_RULE

/* 185 */
RULE(no_separators_are_EINVAL)
{
    pair_open();
    ck_assert_int_eq(error_of(weft_stream_read_until(ours, NULL, 0)), -EINVAL);
    ck_assert_str_eq(text_of(until("x", "")), "EINVAL");
    pair_close();
}
END_RULE

/* 185 */
RULE(over_the_limit_is_OVERRUN_with_the_count_and_the_bytes_stay)
{
    char bytes[32] = "";

    pair_open();
    weft_stream_set_limit(ours, 8);
    they_write("1234567\n12345678\nabc");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "1234567\n"); /* just the limit */
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "WEFT_EOVERRUN");
    ck_assert_uint_eq(weft_stream_count(ours), 9);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, bytes, 9)), 9);
    ck_assert_str_eq(bytes, "12345678\n");
    they_write("defghi"); /* nine, and no separator */
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "WEFT_EOVERRUN");
    ck_assert_uint_eq(weft_stream_count(ours), 9);
    ck_assert_int_eq(weft_stream_error(ours), 0);
    they_end();
    ck_assert_str_eq(text_of(weft_stream_read_all(ours)), "WEFT_EOVERRUN");
    ck_assert_uint_eq(weft_stream_count(ours), 9);
    weft_stream_set_limit(ours, 9);
    ck_assert_str_eq(text_of(weft_stream_read_all(ours)), "abcdefghi");
    pair_close();
}
END_RULE

/* 187 */
RULE(at_eof_only_when_the_buffer_is_empty_too)
{
    char byte;

    pair_open();
    they_write("ab");
    they_end();
    ck_assert(!weft_stream_at_eof(ours));
    ck_assert_str_eq(text_of(until("x", NULL)), "WEFT_EINCOMPLETE"); /* it has seen the end */
    ck_assert(!weft_stream_at_eof(ours));
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), 1);
    ck_assert(!weft_stream_at_eof(ours));
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), 1);
    ck_assert(weft_stream_at_eof(ours));
    pair_close();
}
END_RULE

/* ---- one reader; failures -------------------------------------------------------------------------------- */

/* 188 */
RULE(a_second_reader_is_busy_and_the_first_goes_on)
{
    char a, b;
    weft_future *f;

    pair_open();
    f = weft_stream_read(ours, &a, 1);
    ck_assert_int_eq(error_of(weft_stream_read(ours, &b, 1)), -EBUSY);
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "EBUSY");
    they_write("x");
    ck_assert_int_eq(number_of(f), 1);
    ck_assert_int_eq(a, 'x');
    pair_close();
}
END_RULE

/* 188 */
RULE(a_failure_of_reading_wakes_the_reader_and_the_writer_and_stays)
{
    struct fault_wire *wire = fault_new(1, 8);
    char bytes[32];
    weft_future *r, *w;

    wire->moods = 0;
    ours = fault_stream(wire, 0);
    theirs = fault_stream(wire, 1);
    weft_stream_set_marks(ours, 0, 0);
    r = weft_stream_read_exactly(ours, bytes, 32);
    w = weft_stream_write(ours, "more than eight", 15);
    ck_assert_int_eq(weft_stream_post(theirs, "bytes", 5), 0);
    wire->error = -ECONNRESET;
    ck_assert_int_eq(number_of(r), -ECONNRESET);
    ck_assert_uint_eq(weft_stream_count(ours), 5);
    ck_assert_mem_eq(bytes, "bytes", 5);
    ck_assert_int_eq(error_of(w), -ECONNRESET);
    wire->error = 0; /* it stays */
    ck_assert_int_eq(weft_stream_error(ours), -ECONNRESET);
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes, 1)), -ECONNRESET);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), -ECONNRESET);
    ck_assert_int_eq(weft_stream_write_eof(ours), -ECONNRESET);
    ck_assert_int_eq(error_of(weft_stream_close(ours)), -ECONNRESET);
    pair_close();
}
END_RULE

/* 188 */
RULE(a_failure_of_writing_lets_what_had_come_be_read_first_and_then_wakes_the_reader)
{
    char bytes[8];
    weft_future *f;

    pair_open();
    they_write("refused\nwhy");
    weft_stream_abort(theirs);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), -EPIPE);
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "refused\n");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "EPIPE"); /* and not the end */
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes, 8)), 3);
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes, 8)), -EPIPE);
    pair_close();
    pair_open();
    f = weft_stream_read_exactly(ours, bytes, 4);
    turns(2);
    they_write("abcdef");
    ck_assert_int_eq(shutdown(weft_stream_fd(theirs), SHUT_RD), 0);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), -EPIPE);
    ck_assert(weft_future_is_done(f));
    ck_assert_int_eq(number_of(f), 4);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, bytes, 4)), -EPIPE);
    ck_assert_uint_eq(weft_stream_count(ours), 2);
    pair_close();
    pair_open();
    f = weft_stream_read(ours, bytes, 4);
    ck_assert_int_eq(shutdown(weft_stream_fd(theirs), SHUT_RD), 0);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), -EPIPE);
    ck_assert(weft_future_is_done(f)); /* at once */
    ck_assert_int_eq(number_of(f), -EPIPE);
    pair_close();
}
END_RULE

/* 188 */
RULE(an_end_that_was_read_stays_the_end_when_writing_fails_later)
{
    char byte;

    pair_open();
    weft_stream_abort(theirs);
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), 0);
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), -EPIPE);
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), 0);
    pair_close();
}
END_RULE

/* 188, 183 */
RULE(read_all_that_fails_gives_its_bytes_back)
{
    struct fault_wire *wire = fault_new(1, 64);
    char bytes[8];
    weft_future *f;

    wire->moods = 0;
    ours = fault_stream(wire, 0);
    theirs = fault_stream(wire, 1);
    ck_assert_int_eq(weft_stream_post(theirs, "abc", 3), 0);
    f = weft_stream_read_all(ours);
    wire->error = -ETIMEDOUT;
    ck_assert_int_eq(error_of(f), -ETIMEDOUT);
    ck_assert_uint_eq(weft_stream_count(ours), 3);
    ck_assert(!weft_stream_at_eof(ours));
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)),
                     "ETIMEDOUT"); /* the wire is not asked again */
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes, 8)), 3);
    ck_assert_mem_eq(bytes, "abc", 3);
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes, 8)), -ETIMEDOUT);
    pair_close();
}
END_RULE

/* ---- demand ---------------------------------------------------------------------------------------------- */

/* 189: nothing is read ahead of demand beyond one call's scratch; the peer is slowed down */
RULE(who_does_not_read_slows_the_peer_down)
{
    struct fault_wire *wire = fault_new(1, 4096);
    char *text = pattern(64 * 1024), byte;
    weft_future *w;

    wire->moods = 0;
    ours = fault_stream(wire, 0);
    theirs = fault_stream(wire, 1);
    weft_stream_set_marks(theirs, 0, 0);
    w = weft_stream_write(theirs, text, 64 * 1024);
    fault_pass();
    ck_assert(!weft_future_is_done(w));
    ck_assert_uint_eq(wire->size[1], 4096); /* nobody has read */
    ck_assert_uint_eq(wire->sent, 4096);
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), 1);
    fault_pass();
    ck_assert_uint_eq(wire->sent, 4097); /* this one reads nothing ahead */
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, &byte, 1)), 1);
    fault_pass();
    ck_assert_uint_eq(wire->sent, 4097 + 4096); /* one call's worth: the first took all there was */
    ck_assert(!weft_future_is_done(w));
    weft_future_unref(w);
    pair_close();
    free(text);
}
END_RULE

/* 189 */
RULE(a_read_of_an_exact_size_reads_8_KB_ahead_at_most)
{
    char *text = pattern(64 * 1024), byte;
    struct fault_wire *wire = fault_new(1, 64 * 1024);

    wire->moods = 0;
    ours = fault_stream(wire, 0);
    theirs = fault_stream(wire, 1);
    ck_assert_int_eq(weft_stream_post(theirs, text, 64 * 1024), 0);
    ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, &byte, 1)), 1);
    ck_assert_uint_ge(wire->size[1], 64 * 1024 - 8 * 1024 - 1);
    fault_pass();
    ck_assert_uint_ge(wire->size[1], 64 * 1024 - 8 * 1024 - 1);
    pair_close();
    free(text);
}
END_RULE

/* 196 */
RULE(recv_of_nothing_is_done_at_once_on_a_drained_descriptor)
{
    char bytes[8];
    weft_future *f;
    weft_io *io;
    int fds[2];

    for (unsigned level = 0; level <= 2; level += 2) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        ck_assert_int_eq(weft__io_new(loop, fds[0], WEFT_IO_OWNED | level, &io), 0);
        f = weft_sock_recv(io, bytes, 8);
        weft_future_cancel(f, NULL);
        weft_future_unref(f);
        f = weft_sock_recv(io, bytes, 0);
        ck_assert(weft_future_is_done(f));
        ck_assert_int_eq(number_of(f), 0);
        weft_io_close(io);
        close(fds[1]);
    }
}
END_RULE

RUN_SUITE("reader", read_gives_what_is_there_and_0_at_the_end,
          read_all_brings_everything_to_the_end_while_writing_has_ended,
          read_exactly_is_exact_over_many_pieces,
          read_exactly_that_ends_early_is_INCOMPLETE_with_what_came, lines_and_the_rest,
          a_separator_that_comes_in_pieces_is_found,
          of_several_separators_the_one_that_ends_first_wins, no_separators_are_EINVAL,
          over_the_limit_is_OVERRUN_with_the_count_and_the_bytes_stay,
          at_eof_only_when_the_buffer_is_empty_too, a_second_reader_is_busy_and_the_first_goes_on,
          a_failure_of_reading_wakes_the_reader_and_the_writer_and_stays,
          a_failure_of_writing_lets_what_had_come_be_read_first_and_then_wakes_the_reader,
          an_end_that_was_read_stays_the_end_when_writing_fails_later,
          read_all_that_fails_gives_its_bytes_back, who_does_not_read_slows_the_peer_down,
          a_read_of_an_exact_size_reads_8_KB_ahead_at_most,
          recv_of_nothing_is_done_at_once_on_a_drained_descriptor)
