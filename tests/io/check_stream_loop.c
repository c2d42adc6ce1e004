/* check_stream_loop.c - streams whose loop is closed under them or before them, and streams without memory. */
#include "support/stream_bodies.h"

enum { BIG = 4 * 1024 * 1024 };

/* ---- the loop closes ------------------------------------------------------------------------------------- */

/* 192 */
RULE(a_loop_that_is_closed_ends_all_that_waits)
{
    char *big = pattern(BIG), byte;
    weft_future *r, *w, *d, *c, *f;

    pair_open();
    r = weft_stream_read(ours, &byte, 1);
    w = weft_stream_write(ours, big, BIG);
    d = weft_stream_drain(ours);
    c = weft_stream_wait_closed(ours);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(r), WEFT_ECLOSED);
    ck_assert_int_eq(weft_future_error(w), WEFT_ECLOSED);
    ck_assert_int_eq(weft_future_error(d), WEFT_ECLOSED);
    ck_assert(!weft_future_is_done(c)); /* it is not closed */
    ck_assert_int_eq(weft_stream_post(theirs, "x", 1), WEFT_ECLOSED);
    ck_assert_int_eq(weft_stream_write_eof(theirs), WEFT_ECLOSED);
    f = weft_stream_read(theirs, &byte, 1);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
    f = weft_stream_drain(theirs);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
    f = weft_stream_close(theirs); /* for its memory */
    ck_assert_int_eq(weft_future_error(f), 0);
    weft_stream_unref(theirs);
    theirs = NULL;
    pair_close();
    ck_assert(weft_future_is_done(c));
    weft_loop_unref(loop);
    loop = NULL;
    weft_future_unref(f);
    weft_future_unref(r);
    weft_future_unref(w);
    weft_future_unref(d);
    ck_assert_int_eq(weft_future_error(c), WEFT_ECLOSED);
    weft_future_unref(c);
    free(big);
}
END_RULE

/* 192 */
RULE(a_loop_that_is_closed_while_a_stream_closes_ends_that_too)
{
    char *big = pattern(BIG);
    weft_future *closed;

    pair_open();
    ck_assert_int_eq(weft_stream_post(ours, big, BIG), 0);
    closed = weft_stream_close(ours);
    weft_stream_unref(ours); /* it holds itself */
    ours = NULL;
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_future_error(closed), WEFT_ECLOSED);
    weft_future_unref(closed);
    pair_close();
    free(big);
}
END_RULE

struct holder {
    weft_gen gen;
    weft_stream *stream;
    char byte;
};

static weft_step holder(void *frame)
{
    struct holder *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_stream_read(f->stream, &f->byte, 1));
    WEFT_END(f);
}

static void holder_cleanup(void *frame)
{
    weft_stream_free(((struct holder *)frame)->stream);
    say("cleanup");
}
WEFT_GEN_TYPE(holder, .cleanup = holder_cleanup);

/* 192 */
RULE(a_loop_that_is_closed_under_a_reading_task_frees_its_stream)
{
    pair_open();
    ck_assert_int_eq(weft_spawn(loop, WEFT_CALL(holder, .stream = ours)), 0);
    ours = NULL;
    turns(2);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "cleanup");
    pair_close();
    (void)reports();
}
END_RULE

/* 192 */
RULE(a_stream_on_a_closed_loop_answers_ECLOSED)
{
    weft_io *io;
    weft_stream *stream;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    stream = weft_stream_new(io);
    ck_assert_int_eq(weft_stream_error(stream), WEFT_ECLOSED);
    ck_assert(weft_stream_is_closing(stream) && weft_stream_at_eof(stream));
    ck_assert_int_eq(weft_stream_fd(stream), -1);
    ck_assert_int_eq(weft_stream_post(stream, "x", 1), WEFT_ECLOSED);
    ck_assert_int_eq(weft_stream_write_eof(stream), WEFT_ECLOSED);
    weft_stream_abort(stream);
    weft_stream_unref(weft_stream_ref(stream));
    weft_stream_free(stream);
}
END_RULE

/* ---- memory ---------------------------------------------------------------------------------------------- */

static int attempt_life(void)
{
    weft_io *io = NULL;
    weft_stream *stream;
    weft_future *f;
    char byte;
    int fds[2], error;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    error = weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io);
    if (error) {
        close(fds[0]);
        close(fds[1]);
        return error;
    }
    stream = weft_stream_new(io);
    error = weft_stream_error(stream);
    ck_assert_uint_eq(weft_stream_count(stream), 0);
    ck_assert_int_eq(weft_stream_at_eof(stream), error != 0);
    weft_stream_set_limit(stream, 10);
    weft_stream_set_marks(stream, 0, 0);
    if (error) { /* what answers with futures needs a running loop: see below */
        weft_stream_free(stream);
        close(fds[1]);
        return error;
    }
    f = weft_stream_read(stream, &byte, 1);
    if (weft_future_is_done(f))
        error = weft_future_error(f);
    weft_future_unref(f);
    if (!error)
        error = weft_stream_post(stream, "x", 1);
    f = weft_stream_close(stream);
    if (!error)
        error = weft_future_error(f);
    else
        (void)weft_future_error(f);
    weft_future_unref(f);
    weft_stream_free(stream);
    close(fds[1]);
    return error;
}

/* 100, 192: memory that libevent's buffers ask for is not counted; check_reader and check_writer take it away */
RULE(a_stream_without_memory_answers_ENOMEM_and_leaves_nothing)
{
    each_allocation_fails(attempt_life);
}
END_RULE

static void call_all(void *arg)
{
    weft_stream *stream = arg;
    const char *separators[] = {"x"};
    weft_future *all[] = {weft_stream_read(stream, NULL, 1),
                          weft_stream_read_exactly(stream, NULL, 1),
                          weft_stream_read_until(stream, separators, 1),
                          weft_stream_read_line(stream),
                          weft_stream_read_all(stream),
                          weft_stream_write(stream, "x", 1),
                          weft_stream_drain(stream),
                          weft_stream_close(stream),
                          weft_stream_wait_closed(stream)};

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        say("%s", weft_errname(weft_future_error(all[i])));
        weft_future_unref(all[i]);
    }
}

/* 100, 192 */
RULE(each_call_on_a_stream_that_could_not_be_made_answers_why)
{
    weft_io *io;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), 0);
    weft_testing_fail_allocation(1, 1);
    ours = weft_stream_new(io);
    weft_testing_fail_allocation(0, 0);
    ck_assert_int_eq(weft_stream_error(ours), -ENOMEM);
    weft_call_soon(loop, call_all, ours, NULL);
    turns(1);
    ck_assert_str_eq(trace(), "ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM ENOMEM");
    weft_stream_free(ours);
}
END_RULE

RUN_SUITE("stream_loop", a_loop_that_is_closed_ends_all_that_waits,
          a_loop_that_is_closed_while_a_stream_closes_ends_that_too,
          a_loop_that_is_closed_under_a_reading_task_frees_its_stream,
          a_stream_on_a_closed_loop_answers_ECLOSED,
          a_stream_without_memory_answers_ENOMEM_and_leaves_nothing,
          each_call_on_a_stream_that_could_not_be_made_answers_why)
