/* check_reader_cancel.c - a read that is cancelled or dropped loses no byte; and what happens without memory. */

#include "support/fault.h"
#include "support/stream_bodies.h"

/* 197, 183 */
RULE(a_cancelled_read_exactly_gives_its_bytes_to_the_next_one)
{
    char bytes[8] = "", more[16] = "";
    weft_future *f;

    pair_open();
    they_write("abc");
    f = weft_stream_read_exactly(ours, bytes, 8);
    turns(2);
    weft_future_cancel(f, NULL);
    ck_assert(weft_future_is_cancelled(f));
    weft_future_unref(f);
    they_write("defghijk\n");
    ck_assert_int_eq(number_of(weft_stream_read(ours, more, 2)), 2);
    ck_assert_str_eq(more, "ab");
    f = weft_stream_read_exactly(ours, more, 16);
    weft_future_unref(f); /* dropped */
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "cdefghijk\n");
    pair_close();
}
END_RULE

/* 197, 185 */
RULE(cancelled_and_dropped_reads_of_each_kind_lose_nothing)
{
    static const char *const separators[] = {"--"};
    char bytes[16];
    weft_future *f;

    pair_open();
    for (int i = 0; i < 10; i++) {
        they_write((char[2]){(char)('a' + i)});
        if (i % 5 == 0)
            f = weft_stream_read_exactly(ours, bytes, 16);
        else if (i % 5 == 1)
            f = weft_stream_read_line(ours);
        else if (i % 5 == 2)
            f = weft_stream_read_all(ours);
        else if (i % 5 == 3)
            f = weft_stream_read_until(ours, separators, 1);
        else
            f = weft_stream_read_exactly(ours, bytes, 15);
        ck_assert(!weft_future_is_done(f));
        turns(i % 3);
        if (i % 2) {
            weft_future_cancel(f, NULL);
            ck_assert(weft_future_is_cancelled(f));
        }
        weft_future_unref(f);
    }
    they_end();
    ck_assert_str_eq(text_of(weft_stream_read_all(ours)), "abcdefghij");
    pair_close();
}
END_RULE

/* 137, 51 */
RULE(what_has_come_wins_over_a_cancel_if_it_is_enough)
{
    for (int side = 0; side < 2; side++) { /* with edges; level-triggered */
        weft_stream *reader, *writer;
        char bytes[4];
        weft_future *f;

        pair_open();
        reader = side ? theirs : ours;
        writer = side ? ours : theirs;
        ck_assert_int_eq(write(weft_stream_fd(writer), "x", 1), 1);
        ck_assert_int_eq(number_of(weft_stream_read(reader, bytes, 4)), 1);
        f = weft_stream_read(reader, bytes, 4);
        turns(2);
        ck_assert_int_eq(write(weft_stream_fd(writer), "abc", 3), 3);
        weft_future_cancel(f, NULL);
        ck_assert_int_eq(number_of(f), 3);
        f = weft_stream_read_exactly(reader, bytes, 4);
        ck_assert_int_eq(write(weft_stream_fd(writer), "abc", 3), 3);
        weft_future_cancel(f, NULL); /* not enough */
        ck_assert(weft_future_is_cancelled(f));
        weft_future_unref(f);
        ck_assert_int_eq(number_of(weft_stream_read(reader, bytes, 4)), 3);
        ck_assert_mem_eq(bytes, "abc", 3);
        pair_close();
    }
}
END_RULE

static void do_unref(weft_future *future, void *arg)
{
    (void)arg;
    say("%s", weft_errname(weft_future_error(future)));
    weft_stream_free(ours);
    ours = NULL;
}

/* 197 */
RULE(the_stream_may_go_where_a_cancelled_read_is_told)
{
    char bytes[4];
    weft_future *f;

    pair_open();
    f = weft_stream_read_exactly(ours, bytes, 4);
    they_write("ab");
    ck_assert_int_eq(weft_future_add_done_callback(f, do_unref, NULL), 0);
    weft_future_cancel(f, NULL);
    weft_future_unref(f);
    turns(2);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED");
    pair_close();
}
END_RULE

/* ---- memory ---------------------------------------------------------------------------------------------- */

static int reads_line(void)
{
    void *value = NULL;
    int error;

    they_write("line\n");
    error = weft_run_until_complete(loop, weft_stream_read_line(ours), &value);
    if (!error)
        free(value);
    if (error == -ENOMEM) { /* nothing was read */
        char bytes[5];

        ck_assert_int_eq(read(weft_stream_fd(ours), bytes, 5), 5);
    }
    return error;
}

static int reads_some(void)
{
    char bytes[5];
    int error;

    they_write("line\n");
    error = error_of(weft_stream_read(ours, bytes, 5));
    if (error == -ENOMEM)
        ck_assert_int_eq(read(weft_stream_fd(ours), bytes, 5), 5);
    return error;
}

static int reads_exactly(void)
{
    char bytes[5];
    int error;

    they_write("line\n");
    error = error_of(weft_stream_read_exactly(ours, bytes, 5));
    if (error == -ENOMEM)
        ck_assert_int_eq(read(weft_stream_fd(ours), bytes, 5), 5);
    return error;
}

static int reads_all(void)
{
    void *value = NULL;
    int error = weft_run_until_complete(loop, weft_stream_read_all(ours), &value);

    if (!error)
        free(value);
    return error;
}

/* 100, 183: memory of libevent's buffers and of results is not counted: see below */
RULE(a_read_without_memory_is_ENOMEM_and_has_read_nothing)
{
    char byte;

    pair_open();
    ck_assert_int_eq(write(weft_stream_fd(ours), "x", 1), 1); /* so that theirs is registered, too */
    ck_assert_int_eq(number_of(weft_stream_read(theirs, &byte, 1)), 1);
    each_allocation_fails(reads_some);
    each_allocation_fails(reads_exactly);
    each_allocation_fails(reads_line);
    they_end();
    each_allocation_fails(reads_all);
    ck_assert_int_eq(weft_stream_error(ours), 0);
    pair_close();
}
END_RULE

/* 100, 184 */
RULE(bytes_that_cannot_be_kept_fail_the_stream_and_leave_no_hole)
{
    char bytes[8];
    weft_future *f, *w;

    event_memory_open();
    pair_open();
    they_write("abc");
    f = weft_stream_read_exactly(ours, bytes, 8);
    w = weft_stream_wait_closed(ours);
    they_write("def");
    without = true;
    weft_future_cancel(f, NULL);
    without = false;
    ck_assert(weft_future_is_cancelled(f));
    weft_future_unref(f);
    they_write("ghi");
    ck_assert_int_eq(weft_stream_error(ours), -ENOMEM);
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes, 8)), -ENOMEM); /* and not "ghi" */
    ck_assert_int_eq(weft_stream_post(ours, "x", 1), -ENOMEM);
    weft_stream_abort(ours);
    ck_assert_int_eq(error_of(w), -ENOMEM);
    pair_close();
}
END_RULE

/* 100, 183 */
RULE(bytes_read_ahead_that_cannot_be_kept_fail_the_stream)
{
    char bytes[2];
    weft_future *f;

    event_memory_open();
    pair_open();
    they_write("abcdef");
    without = true;
    f = weft_stream_read_exactly(ours, bytes, 2);
    without = false; /* select asks for memory as well */
    ck_assert_int_eq(number_of(f), -ENOMEM);
    ck_assert_int_eq(weft_stream_error(ours), -ENOMEM);
    ck_assert_int_eq(number_of(weft_stream_read(ours, bytes, 2)), -ENOMEM);
    pair_close();
}
END_RULE

/* 100, 183 */
RULE(read_all_that_is_dropped_without_memory_fails_the_stream)
{
    char byte;
    weft_future *f;

    event_memory_open();
    pair_open();
    they_write("abc");
    f = weft_stream_read_all(ours);
    without = true;
    weft_future_unref(f);
    without = false;
    ck_assert_int_eq(weft_stream_error(ours), -ENOMEM);
    ck_assert_int_eq(number_of(weft_stream_read(ours, &byte, 1)), -ENOMEM);
    pair_close();
}
END_RULE

/* ---- in a task ------------------------------------------------------------------------------------------- */

struct late {
    weft_gen gen;
    weft_scope scope;
    char bytes[8];
};

static weft_step late(void *frame)
{
    struct late *f = frame;
    int error;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 0.003, 0), 0);
    WEFT_TRY_AWAIT(f, weft_stream_read_exactly(ours, f->bytes, 4));
    error = weft_scope_exit(&f->scope, weft_failed(f));
    say("%s", weft_errname(error));
    WEFT_AWAIT(f, weft_stream_read_line(ours));
    say("%s", (const char *)weft_sent(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(late);

static void write_later(void *arg)
{
    usleep(6000); /* the deadline passes while the loop is busy */
    they_write(arg);
}

/* 137, 51 */
RULE(a_deadline_that_expires_with_half_the_bytes_loses_none)
{
    weft_loop *fixture = loop;

    loop = weft_loop_new(NULL); /* the real clock */
    pair_open();
    weft_call_soon(loop, write_later, (void *)"ab\n", NULL);
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(late, .bytes = "")), NULL), 0);
    ck_assert_str_eq(trace(), "WEFT_ETIMEDOUT ab\n");
    pair_close();
    weft_loop_unref(loop);
    loop = fixture;
}
END_RULE

struct doomed {
    weft_gen gen;
    weft_scope scope;
    char bytes[8];
};

static weft_step doomed(void *frame)
{
    struct doomed *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 0, WEFT_SCOPE_LEVEL), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    WEFT_TRY_AWAIT(f, weft_stream_read(ours, f->bytes, 8));
    say("%s", weft_errname(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_stream_read(ours, f->bytes, 8));
    say("%s", weft_errname(weft_failed(f)));
    (void)weft_scope_exit(&f->scope, weft_failed(f));
    WEFT_AWAIT(f, weft_stream_read(ours, f->bytes, 8));
    say("%d", (int)weft_sent_int(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(doomed);

/* 137: a call whose await is bound to raise a cancel takes no effect */
RULE(a_read_that_is_bound_to_be_cancelled_takes_nothing)
{
    pair_open();
    they_write("abc");
    ck_assert_int_eq(run_task(weft_task_new(loop, WEFT_CALL(doomed, .bytes = "")), NULL), 0);
    ck_assert_str_eq(trace(), "WEFT_ECANCELLED WEFT_ECANCELLED 3");
    pair_close();
}
END_RULE

RUN_SUITE("reader_cancel", a_cancelled_read_exactly_gives_its_bytes_to_the_next_one,
          cancelled_and_dropped_reads_of_each_kind_lose_nothing,
          what_has_come_wins_over_a_cancel_if_it_is_enough,
          the_stream_may_go_where_a_cancelled_read_is_told,
          a_read_without_memory_is_ENOMEM_and_has_read_nothing,
          bytes_that_cannot_be_kept_fail_the_stream_and_leave_no_hole,
          bytes_read_ahead_that_cannot_be_kept_fail_the_stream,
          read_all_that_is_dropped_without_memory_fails_the_stream,
          a_deadline_that_expires_with_half_the_bytes_loses_none,
          a_read_that_is_bound_to_be_cancelled_takes_nothing)
