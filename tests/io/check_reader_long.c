/* check_reader_long.c - lines that are long, and more bytes than an int can count. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT, memfd_create */
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#include "io/stream.h"

#include "support/stream_bodies.h"

enum { LINE = 1 << 20, BLOCK = 1 << 20 };

static int searches;

struct evbuffer_ptr evbuffer_search(struct evbuffer *buffer, const char *what, size_t length,
                                    const struct evbuffer_ptr *start)
{
    struct evbuffer_ptr (*real)(struct evbuffer *, const char *, size_t,
                                const struct evbuffer_ptr *);

    *(void **)&real = dlsym(RTLD_NEXT, "evbuffer_search");
    searches++;
    return real(buffer, what, length, start);
}

/* `size` bytes without a separator in them, with `tail` behind: yours to free. */
static char *line_of(size_t size, const char *tail)
{
    char *text = malloc(size + strlen(tail) + 1);

    memset(text, 'x', size);
    strcpy(text + size, tail);
    return text;
}

/* They write it, and end if they are to. */
static void they_send(const char *text, bool ends)
{
    ck_assert_int_eq(weft_stream_post(theirs, text, strlen(text)), 0);
    if (ends)
        ck_assert_int_eq(weft_stream_write_eof(theirs), 0);
}

/* 218 */
RULE(a_long_line_is_searched_once_and_what_is_behind_it_comes_next)
{
    char *text = line_of(LINE, "\nshort\nrest");

    pair_open();
    weft_stream_set_limit(ours, SIZE_MAX);
    they_send(text, true);
    strcpy(text + LINE + 1, "");
    ck_assert(same(text_of(weft_stream_read_line(ours)), text));
    ck_assert_uint_eq(weft_stream_count(ours), LINE + 1);
    ck_assert_int_le(searches, 20); /* each 8 KB, until it is long */
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "short\n");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "rest");
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "");
    pair_close();
    free(text);
}
END_RULE

/* 185, 186, 218: wherever the pieces part it */
RULE(a_separator_behind_a_long_line_is_found_in_whatever_pieces_it_comes)
{
    static const char *const separators[] = {"<end>", "d>!", "<<"};

    for (size_t size = 64 * 1024 - 4; size < 64 * 1024 + 12; size++)
        for (size_t cut = 0; cut <= 5; cut++) {
            char *text = line_of(size, "<end>"), got[4] = "";
            weft_future *f;

            pair_open();
            weft_stream_set_limit(ours, SIZE_MAX);
            f = weft_stream_read_until(ours, separators, 3);
            ck_assert_int_eq(weft_stream_post(theirs, text, size + cut), 0);
            turns(3);
            ck_assert_int_eq(weft_stream_post(theirs, text + size + cut, 5 - cut), 0);
            ck_assert_int_eq(weft_stream_post(theirs, "abc", 3), 0);
            ck_assert(same(text_of(f), text));
            ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, got, 3)), 3);
            ck_assert_mem_eq(got, "abc", 3);
            pair_close();
            free(text);
        }
}
END_RULE

/* 185, 218 */
RULE(a_long_line_that_has_no_end_or_is_over_the_limit_can_still_be_read)
{
    static const char *const newline[] = {"\n"};
    char *text = line_of(LINE, ""), *got = calloc(1, LINE + 1);

    for (int over = 0; over < 2; over++) {
        pair_open();
        weft_stream_set_limit(ours, over ? LINE / 2 : LINE);
        they_send(text, true);
        ck_assert_str_eq(text_of(weft_stream_read_until(ours, newline, 1)),
                         over ? "WEFT_EOVERRUN" : "WEFT_EINCOMPLETE");
        ck_assert_uint_gt(weft_stream_count(ours), over ? LINE / 2 : LINE - 1);
        ck_assert_int_eq(number_of(weft_stream_read_exactly(ours, got, LINE)), LINE);
        ck_assert(same(got, text));
        pair_close();
    }
    free(text);
    free(got);
}
END_RULE

/* 184, 197, 218 */
RULE(a_long_line_that_is_cancelled_half_way_has_lost_nothing)
{
    char *text = line_of(200 * 1024, "\n");
    weft_future *f;

    for (int dropped = 0; dropped < 2; dropped++) {
        pair_open();
        weft_stream_set_limit(ours, SIZE_MAX);
        f = weft_stream_read_line(ours);
        ck_assert_int_eq(weft_stream_post(theirs, text, 150 * 1024), 0);
        turns(4);
        ck_assert(!weft_future_is_done(f));
        if (!dropped)
            ck_assert(weft_future_cancel(f, NULL));
        run_rounds(1);
        weft_future_unref(f);
        they_send(text + 150 * 1024, false);
        ck_assert(same(text_of(weft_stream_read_line(ours)), text));
        pair_close();
    }
    free(text);
}
END_RULE

/* 100, 188: what was behind it would be lost */
RULE(a_long_line_without_memory_for_what_is_behind_it_fails_for_good)
{
    char *text = line_of(100 * 1024, "");
    weft_future *f;

    event_memory_open();
    pair_open();
    weft_stream_set_limit(ours, SIZE_MAX);
    f = weft_stream_read_line(ours);
    they_send(text, false);
    turns(4);
    ck_assert(!weft_future_is_done(f));
    without = true;
    they_write("\nnext");
    ck_assert_int_eq(error_of(f), -ENOMEM);
    without = false;
    ck_assert_str_eq(text_of(weft_stream_read_line(ours)), "ENOMEM");
    ck_assert_int_eq(weft_stream_error(ours), -ENOMEM);
    pair_close();
    free(text);
}
END_RULE

/* ---- more than an int can count ------------------------------------------------------------------------------ */

#if SIZE_MAX > UINT32_MAX && defined(MFD_CLOEXEC)
/* 184, 219 */
RULE(more_than_2_GB_that_were_kept_are_read_at_once)
{
    size_t size = ((size_t)2 << 30) + BLOCK;
    int fd = memfd_create("block", MFD_CLOEXEC);
    char *all, *block;

    /* One megabyte of memory, so often in a row. */
    ck_assert_int_eq(ftruncate(fd, BLOCK), 0);
    all = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(all, MAP_FAILED);
    for (size_t at = 0; at < size; at += BLOCK)
        ck_assert_ptr_ne(mmap(all + at, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0),
                         MAP_FAILED);
    block = line_of(BLOCK, "");
    pair_open();
    ours->in = evbuffer_new();
    for (size_t at = 0; at < size; at += BLOCK)
        ck_assert_int_eq(evbuffer_add_reference(ours->in, block, BLOCK, NULL, NULL), 0);
    ck_assert_int_eq(number_of(weft_stream_read(ours, all, size)), (long)size);
    ck_assert_uint_eq(weft_stream_count(ours), size);
    ck_assert_uint_eq(weft__buffered(ours->in), 0);
    ck_assert_mem_eq(all, block, BLOCK);
    pair_close();
    munmap(all, size);
    close(fd);
    free(block);
}
END_RULE
#else
RULE(more_than_2_GB_that_were_kept_are_read_at_once)
{
    say("there is no such memory here");
}
END_RULE
#endif

RUN_SUITE("reader_long", a_long_line_is_searched_once_and_what_is_behind_it_comes_next,
          a_separator_behind_a_long_line_is_found_in_whatever_pieces_it_comes,
          a_long_line_that_has_no_end_or_is_over_the_limit_can_still_be_read,
          a_long_line_that_is_cancelled_half_way_has_lost_nothing,
          a_long_line_without_memory_for_what_is_behind_it_fails_for_good,
          more_than_2_GB_that_were_kept_are_read_at_once)
