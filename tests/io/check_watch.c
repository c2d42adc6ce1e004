/* check_watch.c - bare descriptors: one-shot waits, readers, numbers that are given again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/harness.h"

/* 85, 88: closed under its waiter, and opened anew */
RULE(a_stale_wait_for_a_bare_number_is_told_and_the_new_one_does_not_hang)
{
    int fds[2], again[2];
    weft_future *stale, *f;

    ck_assert_int_eq(pipe(fds), 0);
    stale = weft_readable(loop, fds[0]);
    ck_assert(!weft_future_is_done(stale));
    close(fds[0]);
    close(fds[1]);
    ck_assert_int_eq(pipe(again), 0);
    ck_assert_int_eq(again[0], fds[0]);
    f = weft_readable(loop, again[0]);
    ck_assert_int_eq(weft_future_error(stale), WEFT_ECLOSED);
    ck_assert_int_eq(write(again[1], "x", 1), 1);
    ck_assert_int_eq(run_task(f, NULL), 0);
    weft_future_unref(stale);
    close(again[0]);
    close(again[1]);
}
END_RULE

static void say_and_remove(void *arg)
{
    say("read");
    say("%d", weft_remove_reader(NULL, *(int *)arg));
}

/* 85, 87 */
RULE(a_reader_may_be_replaced_and_remove_itself_also_after_the_close)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(weft_add_reader(loop, fds[0], say_call, "replaced"), 0);
    ck_assert_int_eq(weft_add_reader(loop, fds[0], say_and_remove, &fds[0]), 0);
    ck_assert_int_eq(run_task(weft_readable(loop, fds[0]), NULL), -EBUSY);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    run_all();
    ck_assert_str_eq(trace(), "read 1");
    ck_assert_int_eq(weft_add_reader(loop, fds[0], say_call, "never"), 0);
    close(fds[0]);
    ck_assert(weft_remove_reader(loop, fds[0]));
    ck_assert(!weft_remove_reader(loop, fds[0]));
    close(fds[1]);
}
END_RULE

static void fill(void *arg)
{
    static const char bytes[4096];

    ck_assert_int_gt(write(*(int *)arg, bytes, sizeof(bytes)), 0);
    say("w");
}

static void say_and_remove_writer(void *arg)
{
    say("written %d", weft_remove_writer(NULL, *(int *)arg));
}

static size_t said_after(int rounds)
{
    run_rounds(rounds);
    return strlen(trace());
}

/* 85, 87: the other direction, which the reader knows nothing of */
RULE(a_writer_is_called_while_there_is_room_and_apart_from_the_reader)
{
    char bytes[8192];
    size_t length;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(weft_add_reader(loop, fds[0], say_call, "read"), 0);
    ck_assert_int_eq(weft_add_writer(loop, fds[0], say_call, "replaced"), 0);
    ck_assert_int_eq(weft_add_writer(loop, fds[0], fill, &fds[0]), 0);
    ck_assert_int_eq(run_task(weft_writable(loop, fds[0]), NULL), -EBUSY);
    length = said_after(200);
    ck_assert_int_eq(strncmp(trace(), "w w w", 5), 0);
    ck_assert_uint_eq(said_after(5), length); /* it is full */
    while (read(fds[1], bytes, sizeof(bytes)) > 0)
        ;
    ck_assert_uint_gt(said_after(5), length);
    ck_assert_int_eq(weft_add_writer(loop, fds[0], say_and_remove_writer, &fds[0]), 0);
    run_rounds(5);
    ck_assert_str_eq(strstr(trace(), "written"), "written 1");
    ck_assert_int_eq(run_task(weft_writable(loop, fds[0]), NULL), 0);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    run_rounds(2);
    ck_assert_ptr_nonnull(strstr(trace(), "written 1 read"));
    ck_assert(weft_remove_reader(loop, fds[0]));
    ck_assert_int_eq(weft_add_writer(loop, fds[0], say_call, "never"), 0);
    close(fds[0]);
    ck_assert(weft_remove_writer(loop, fds[0]));
    ck_assert(!weft_remove_writer(loop, fds[0]));
    close(fds[1]);
}
END_RULE

/* 88, 87 [D] closing is silent under epoll */
RULE(notify_closing_ends_the_waiters_of_a_bare_descriptor)
{
    weft_future *f;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    f = weft_readable(loop, fds[0]);
    ck_assert_int_eq(run_task(weft_readable(loop, fds[0]), NULL), -EBUSY);
    ck_assert_int_eq(weft_add_reader(loop, fds[0], say_call, "x"), -EBUSY);
    weft_notify_closing(loop, fds[0]);
    close(fds[0]);
    close(fds[1]);
    ck_assert_int_eq(run_task(f, NULL), WEFT_ECLOSED);
    ck_assert_int_eq(run_task(weft_readable(loop, fds[0]), NULL), -EBADF);
}
END_RULE

/* 85: with poll and select, too, which would take them */
RULE(a_regular_file_and_a_directory_are_always_ready_and_refused)
{
    FILE *file = tmpfile();
    int fds[] = {fileno(file), open("/", O_RDONLY | O_DIRECTORY)};

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(run_task(weft_readable(loop, fds[i]), NULL), -EPERM);
        ck_assert_int_eq(run_task(weft_writable(loop, fds[i]), NULL), -EPERM);
        ck_assert_int_eq(weft_add_reader(loop, fds[i], say_call, "x"), -EPERM);
        ck_assert_int_eq(weft_add_writer(loop, fds[i], say_call, "x"), -EPERM);
        ck_assert(!weft_remove_reader(loop, fds[i]));
    }
    close(fds[1]);
    fclose(file);
}
END_RULE

/* 85, 88 */
RULE(a_number_that_means_a_regular_file_by_now_ends_the_stale_wait)
{
    FILE *file = tmpfile();
    weft_future *stale;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    stale = weft_readable(loop, fds[0]);
    ck_assert_int_eq(dup2(fileno(file), fds[0]), fds[0]);
    ck_assert_int_eq(run_task(weft_readable(loop, fds[0]), NULL), -EPERM);
    ck_assert_int_eq(run_task(stale, NULL), WEFT_ECLOSED);
    close(fds[0]);
    close(fds[1]);
    fclose(file);
}
END_RULE

static int armed_timer(void)
{
    const struct itimerspec now = {.it_value.tv_nsec = 1};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    ck_assert_int_eq(timerfd_settime(fd, 0, &now, NULL), 0);
    return fd;
}

/* 85, 279 [D] the kernel gives all of them one inode */
RULE(an_eventfd_and_a_timer_are_told_apart_from_others_that_got_their_number)
{
    for (int i = 0; i < 3; i++) {
        int fd = eventfd(0, EFD_NONBLOCK), fresh;
        weft_future *stale = weft_readable(loop, fd), *wait;

        close(fd);
        fresh = i == 0 ? eventfd(1, EFD_NONBLOCK) : armed_timer();
        ck_assert_int_eq(fresh, fd);
        wait = weft_readable(loop, fresh);
        ck_assert_int_eq(weft_future_error(stale), WEFT_ECLOSED);
        ck_assert_int_eq(weft_run_until_complete(loop, wait, NULL), 0);
        weft_future_unref(stale);
        close(fresh);
    }
}
END_RULE

/* 86, 279 */
RULE(an_eventfd_that_is_still_the_same_keeps_its_waiters)
{
    int fd = eventfd(0, EFD_NONBLOCK);
    weft_future *readable = weft_readable(loop, fd);

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(weft_run_until_complete(loop, weft_writable(loop, fd), NULL), 0);
    ck_assert(!weft_future_is_done(readable));
    ck_assert_int_eq(eventfd_write(fd, 1), 0);
    ck_assert_int_eq(weft_run_until_complete(loop, readable, NULL), 0);
    close(fd);
}
END_RULE

RUN_SUITE("watch", a_stale_wait_for_a_bare_number_is_told_and_the_new_one_does_not_hang,
          a_reader_may_be_replaced_and_remove_itself_also_after_the_close,
          a_writer_is_called_while_there_is_room_and_apart_from_the_reader,
          notify_closing_ends_the_waiters_of_a_bare_descriptor,
          a_regular_file_and_a_directory_are_always_ready_and_refused,
          a_number_that_means_a_regular_file_by_now_ends_the_stale_wait,
          an_eventfd_and_a_timer_are_told_apart_from_others_that_got_their_number,
          an_eventfd_that_is_still_the_same_keeps_its_waiters)
