/* check_connect.c - connections by name and by path: which address wins, and what becomes of the others. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "thread/executor.h"
#include "support/resolver.h"

#include "support/server_bodies.h"

#define OPEN(...) weft_open_connection(loop, __VA_ARGS__)

/* Run a connect whose stream nobody takes. */
static int untaken(weft_future *future)
{
    return weft_run_until_complete(loop, future, NULL);
}

/* The address that a plain socket has accepted a connection from. */
static const char *accepted_from(int listener, int *fd)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);

    *fd = accept(listener, (struct sockaddr *)&peer, &size);
    ck_assert_int_ge(*fd, 0);
    return inet_ntoa(peer.sin_addr);
}

/* ---- one address ----------------------------------------------------------------------------------------- */

/* 199: a file is a write, too */
RULE(a_file_behind_a_request_goes_out_at_once)
{
    int port = 0, on = 0, fd, listener = plain_listener("127.0.0.1", 8, &port);
    weft_stream *stream = opened(OPEN("127.0.0.1", text_of(port)));
    socklen_t size = sizeof(on);
    FILE *file = tmpfile();

    accepted_from(listener, &fd);
    ck_assert_int_ge(fputs("file", file), 0);
    ck_assert_int_eq(fflush(file), 0);
    ck_assert_int_eq(weft_stream_post(stream, "x", 1), 0);
    ck_assert_int_eq(run_task(weft_stream_sendfile(stream, fileno(file), 0, 4), NULL), 0);
    ck_assert_int_eq(getsockopt(weft_stream_fd(stream), IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    ck_assert_int_ne(on, 0);
    weft_stream_free(stream);
    fclose(file);
    close(fd);
    close(listener);
}
END_RULE

/* 199 */
RULE(a_refused_connect_is_ECONNREFUSED_and_stands_in_the_log)
{
    char log[128] = "from before", expected[64];
    int port = closed_port(), before = open_count();

    ck_assert_int_eq(
        run_task(OPEN("127.0.0.1", text_of(port), .log = log, .log_size = sizeof(log)), NULL),
        -ECONNREFUSED);
    snprintf(expected, sizeof(expected), "127.0.0.1 %d: ECONNREFUSED\n", port);
    ck_assert_str_eq(log, expected);
    ck_assert_int_eq(run_task(OPEN("127.0.0.1", text_of(port), .log = log, .log_size = 10), NULL),
                     -ECONNREFUSED);
    ck_assert_str_eq(log, "127.0.0.1");
    ck_assert_int_eq(run_task(OPEN("127.0.0.1", text_of(port), .log = log, .log_size = 0), NULL),
                     -ECONNREFUSED);
    ck_assert_str_eq(log, "127.0.0.1");
    ck_assert_int_eq(open_count(), before);
}
END_RULE

/* 199: local address honoured */
RULE(the_local_address_is_where_it_comes_from)
{
    int port = 0, fd, listener = plain_listener("127.0.0.1", 8, &port);

    weft_stream_free(opened(OPEN("127.0.0.1", text_of(port), .local = "127.0.0.5")));
    ck_assert_str_eq(accepted_from(listener, &fd), "127.0.0.5");
    close(fd);
    ck_assert_int_eq(run_task(OPEN("127.0.0.1", "1", .local = "localhost"), NULL), -EINVAL);
    ck_assert_int_eq(
        run_task(OPEN("127.0.0.1", "1", .local = "127.0.0.1", .family = AF_INET6), NULL), -EINVAL);
    ck_assert_int_eq(run_task(OPEN("127.0.0.1", text_of(port), .local = "192.0.2.1"), NULL),
                     -EADDRNOTAVAIL);
    ck_assert_int_eq(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 0), 0);
    close(listener);
}
END_RULE

/* 199 */
RULE(a_name_that_nobody_has_is_the_lookups_error_and_the_log_is_empty)
{
    static const char *const none[] = {NULL};
    char log[16] = "from before";

    several = none;
    ck_assert_str_eq(weft_errname(run_task(
                         OPEN("several.test", "80", .log = log, .log_size = sizeof(log)), NULL)),
                     "EAI_NONAME");
    ck_assert_str_eq(log, "");
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(run_task(OPEN("127.0.0.1", "80"), NULL), WEFT_ECLOSED);
}
END_RULE

/* ---- several addresses ----------------------------------------------------------------------------------- */

/* 199: tries each address, reports all errors */
RULE(families_take_turns_and_every_error_is_told)
{
    static const char *const list[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4", "::1", "::1", NULL};
    char log[512], expected[512];
    int p = closed_port();

    several = list;
    ck_assert_int_eq(run_task(OPEN("several.test", text_of(p), .log = log, .log_size = sizeof(log),
                                   .delay = WEFT_NEVER),
                              NULL),
                     -ECONNREFUSED);
    snprintf(expected, sizeof(expected),
             "127.0.0.2 %d: ECONNREFUSED\n::1 %d: %s\n127.0.0.3 %d: ECONNREFUSED\n"
             "::1 %d: %s\n127.0.0.4 %d: ECONNREFUSED\n",
             p, p, strstr(log, "EADDRNOTAVAIL") ? "EADDRNOTAVAIL" : "ECONNREFUSED", p, p,
             strstr(log, "EADDRNOTAVAIL") ? "EADDRNOTAVAIL" : "ECONNREFUSED", p);
    ck_assert_str_eq(log, expected);
    ck_assert_int_eq(run_task(OPEN("several.test", text_of(p), .log = log, .log_size = sizeof(log),
                                   .family = AF_INET),
                              NULL),
                     -ECONNREFUSED);
    snprintf(expected, sizeof(expected),
             "127.0.0.2 %d: ECONNREFUSED\n127.0.0.3 %d: ECONNREFUSED\n127.0.0.4 %d: ECONNREFUSED\n",
             p, p, p);
    ck_assert_str_eq(log, expected);
    memset(log, 'x', sizeof(log));
    ck_assert_int_eq(
        run_task(OPEN("several.test", text_of(p), .log = log, .log_size = 14, .family = AF_INET),
                 NULL),
        -ECONNREFUSED);
    ck_assert_uint_eq(strlen(log), 13);
    for (size_t i = 14; i < sizeof(log); i++)
        ck_assert_int_eq(log[i], 'x'); /* what does not fit is cut */
}
END_RULE

/* 199 */
RULE(the_first_address_says_why_if_all_fail)
{
    static const char *const list[] = {"255.255.255.255", "127.0.0.2", NULL};
    char log[512];
    int error;

    several = list;
    error = run_task(
        OPEN("several.test", text_of(closed_port()), .log = log, .log_size = sizeof(log)), NULL);
    ck_assert_int_ne(error, -ECONNREFUSED);
    ck_assert_ptr_nonnull(strstr(log, weft_errname(error)));
    ck_assert_ptr_nonnull(strstr(log, "ECONNREFUSED"));
}
END_RULE

/* 199 */
RULE(an_address_that_refuses_is_passed_over_without_waiting_for_the_delay)
{
    static const char *const list[] = {"127.0.0.2", "127.0.0.3", "127.0.0.1", NULL};
    char log[512];
    int port = 0, fd, listener = plain_listener("127.0.0.1", 8, &port);

    several = list;
    weft_stream_free(opened(OPEN("several.test", text_of(port), .log = log, .log_size = sizeof(log),
                                 .delay = WEFT_NEVER)));
    ck_assert_str_eq(accepted_from(listener, &fd), "127.0.0.1");
    ck_assert_ptr_nonnull(strstr(log, "127.0.0.2"));
    ck_assert_ptr_nonnull(strstr(log, "127.0.0.3"));
    ck_assert_ptr_null(strstr(log, "127.0.0.1"));
    close(fd);
    close(listener);
}
END_RULE

/* A listener on 127.0.0.2 whose queue is full: a connect to it hangs. */
static struct hole {
    int listener, fill[4];
} hole;

static void hole_open(int *port)
{
    struct sockaddr_in address;

    hole.listener = plain_listener("127.0.0.2", 0, port);
    address = v4("127.0.0.2", *port);
    for (int i = 0; i < 4; i++) {
        hole.fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(hole.fill[i], (struct sockaddr *)&address, sizeof(address));
    }
}

static void hole_close(void)
{
    close(hole.listener);
    for (int i = 0; i < 4; i++)
        close(hole.fill[i]);
}

/* 199, 120: RFC 8305 */
RULE(an_address_that_hangs_loses_to_the_next_one_after_the_delay)
{
    static const char *const list[] = {"127.0.0.2", "127.0.0.1", NULL};
    int port = 0, listener, fd, before;
    char log[64];
    double begin;

    use_real_clock();
    hole_open(&port);
    listener = plain_listener("127.0.0.1", 8, &port);
    several = list;
    weft_future_unref(weft_getaddrinfo(loop, "several.test", "1", NULL)); /* the pool's thread */
    run_rounds(3);
    before = open_count();
    begin = weft_loop_time(loop);
    weft_stream_free(opened(
        OPEN("several.test", text_of(port), .delay = 0.03, .log = log, .log_size = sizeof(log))));
    ck_assert_double_ge(weft_loop_time(loop) - begin, 0.03);
    ck_assert_double_le(weft_loop_time(loop) - begin, 2);
    ck_assert_str_eq(log, "");
    ck_assert_int_eq(open_count(), before); /* the other attempt is closed */
    ck_assert_str_eq(accepted_from(listener, &fd), "127.0.0.1");
    close(fd);
    close(listener);
    hole_close();
}
END_RULE

/* ---- the end comes before -------------------------------------------------------------------------------- */

/* 199, 52 */
RULE(a_cancel_closes_the_attempts)
{
    static const char *const list[] = {"127.0.0.2", "127.0.0.2", "127.0.0.2", NULL};
    int port = 0, before, most = 0;
    weft_task *task;

    use_real_clock();
    hole_open(&port);
    several = list;
    task = OPEN("several.test", text_of(port), .delay = 0.001);
    before = open_count();
    RUN_UNTIL((most = open_count()) >= before + 3);
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(run_task(weft_future_ref(task), NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(open_count(), most - 3);
    weft_future_unref(task);
    /* a timeout is a cancel */
    ck_assert_int_eq(run_task(weft_wait_for(OPEN("127.0.0.2", text_of(port)), 0.01), NULL),
                     WEFT_ETIMEDOUT);
    ck_assert_int_eq(open_count(), most - 3);
    /* before its first step */
    task = OPEN("127.0.0.2", text_of(port));
    ck_assert(weft_future_cancel(task, NULL));
    ck_assert_int_eq(run_task(task, NULL), WEFT_ECANCELLED);
    hole_close();
}
END_RULE

/* 82 */
RULE(a_loop_that_closes_meanwhile_leaves_nothing)
{
    static const char *const list[] = {"127.0.0.2", "127.0.0.2", NULL};
    char log[64];
    int port = 0, before;
    weft_task *task;

    use_real_clock();
    hole_open(&port);
    several = list;
    task = OPEN("several.test", text_of(port), .delay = 0.001, .log = log, .log_size = sizeof(log));
    before = open_count();
    RUN_UNTIL(open_count() >= before + 2);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "[a task was destroyed while it was pending: WEFT_ECLOSED] "
                              "[a task was destroyed while it was pending: WEFT_ECLOSED] "
                              "[a task was destroyed while it was pending: WEFT_ECLOSED]");
    ck_assert_int_eq(weft_future_error(task), WEFT_ECLOSED);
    weft_future_unref(task);
    hole_close();
}
END_RULE

/* 22 [D] a stream that nobody takes would stay open */
RULE(a_connection_that_nobody_takes_is_closed_without_a_report)
{
    int port = 0, fd, listener = plain_listener("127.0.0.1", 8, &port);

    ck_assert_int_eq(untaken(OPEN("127.0.0.1", text_of(port))), 0);
    accepted_from(listener, &fd);
    ck_assert(has_ended(fd));
    close(fd);
    weft_future_unref(OPEN("127.0.0.1", text_of(port))); /* goes on alone */
    run_rounds(4);
    accepted_from(listener, &fd);
    RUN_UNTIL(has_ended(fd));
    close(fd);
    close(listener);
}
END_RULE

static const char *oom_port, *oom_path;

/* A success brings a stream. */
static int usable(weft_future *future)
{
    int error = untaken(weft_future_ref(future));
    void *stream = error ? NULL : weft_future_take(future);

    ck_assert(error || weft_stream_error(stream) == 0);
    weft_stream_free(stream);
    weft_future_unref(future);
    return error;
}

/* With a log, a number is looked up as a name is. */
static bool logs;

static int open_by_number(void)
{
    char log[64];

    return usable(OPEN("127.0.0.1", oom_port, .local = "127.0.0.1", .log = logs ? log : NULL,
                       .log_size = sizeof(log)));
}

static int open_by_path(void)
{
    return usable(weft_open_unix_connection(loop, oom_path));
}

/* 100 */
RULE(without_memory_a_connect_is_ENOMEM_and_leaves_nothing)
{
    int port = 0, listener = plain_listener("127.0.0.1", 100, &port), before = open_count();

    oom_port = text_of(port);
    each_allocation_fails(open_by_number);
    logs = true;
    each_allocation_fails(open_by_number);
    ck_assert_int_eq(open_count(), before);
    close(listener);
}
END_RULE

/* ---- by path --------------------------------------------------------------------------------------------- */

static int path_listener(const char *path, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(address.sun_path, path, length);
    if (*path == '@')
        address.sun_path[0] = 0;
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

/* 199, 100 */
RULE(a_path_and_an_abstract_name_are_connected_to)
{
    char folder[] = "/tmp/weft-XXXXXX", path[64], abstract[64], *const names[] = {path, abstract};

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/sock", folder);
    snprintf(abstract, sizeof(abstract), "@weft-%d", (int)getpid());
    for (int i = 0; i < 2; i++) {
        int listener = path_listener(names[i], 100), fd;
        weft_stream *stream = opened(weft_open_unix_connection(loop, names[i]));
        char byte = 0;

        fd = accept(listener, NULL, NULL);
        ck_assert_int_eq(weft_stream_post(stream, "x", 1), 0);
        ck_assert_int_eq(read(fd, &byte, 1), 1);
        weft_stream_free(stream);
        close(fd);
        oom_path = names[i];
        each_allocation_fails(open_by_path);
        close(listener);
    }
    ck_assert_int_eq(run_task(weft_open_unix_connection(loop, path), NULL), -ECONNREFUSED);
    unlink(path);
    ck_assert_int_eq(run_task(weft_open_unix_connection(loop, path), NULL), -ENOENT);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_RULE

/* 199 */
RULE(a_path_that_is_none_or_full_is_an_error)
{
    char name[200], abstract[64];
    int listener, error = 0, n = 0;
    weft_stream *streams[8];

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    ck_assert_int_eq(run_task(weft_open_unix_connection(loop, name), NULL), -ENAMETOOLONG);
    ck_assert_int_eq(run_task(weft_open_unix_connection(loop, ""), NULL), -EINVAL);
    snprintf(abstract, sizeof(abstract), "@weft-%d", (int)getpid());
    listener = path_listener(abstract, 1);
    while (!error && n < 8) {
        weft_future *future = weft_open_unix_connection(loop, abstract);

        error = untaken(weft_future_ref(future));
        if (!error)
            streams[n++] = weft_future_take(future);
        weft_future_unref(future);
    }
    ck_assert_int_eq(error, -EAGAIN);
    while (n > 0)
        weft_stream_free(streams[--n]);
    close(listener);
}
END_RULE

RUN_SUITE("connect", a_file_behind_a_request_goes_out_at_once,
          a_refused_connect_is_ECONNREFUSED_and_stands_in_the_log,
          the_local_address_is_where_it_comes_from,
          a_name_that_nobody_has_is_the_lookups_error_and_the_log_is_empty,
          families_take_turns_and_every_error_is_told, the_first_address_says_why_if_all_fail,
          an_address_that_refuses_is_passed_over_without_waiting_for_the_delay,
          an_address_that_hangs_loses_to_the_next_one_after_the_delay, a_cancel_closes_the_attempts,
          a_loop_that_closes_meanwhile_leaves_nothing,
          a_connection_that_nobody_takes_is_closed_without_a_report,
          without_memory_a_connect_is_ENOMEM_and_leaves_nothing,
          a_path_and_an_abstract_name_are_connected_to, a_path_that_is_none_or_full_is_an_error)
