/* check_server.c - servers: what they listen on, and how connections come. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <sys/syscall.h>

#include "support/resolver.h"
#include "core/round.h"
#include "net/server.h"

#include "support/server_bodies.h"

/* ---- addresses ------------------------------------------------------------------------------------------- */

/* bind(2), overlaid: the first `taken` binds of 127.0.0.3 to a port that is given find it taken. */
static int taken, binds;

int overlaid_bind(int fd, const struct sockaddr *address, socklen_t size) __asm__("bind");
int overlaid_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    const struct sockaddr_in *in = (const void *)address;

    binds++;
    if (address->sa_family == AF_INET && in->sin_port &&
        in->sin_addr.s_addr == inet_addr("127.0.0.3") && taken > 0) {
        taken--;
        errno = EADDRINUSE;
        return -1;
    }
    return (int)syscall(SYS_bind, fd, address, size);
}

/* Connect, say a word, and hear it. */
static void talk(int fd, const char *word)
{
    char line[32], answer[32];
    ssize_t n;

    snprintf(line, sizeof(line), "%s\n", word);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, line, strlen(line)), (ssize_t)strlen(line));
    RUN_UNTIL(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1);
    n = read(fd, answer, sizeof(answer));
    ck_assert_int_eq(n, (ssize_t)strlen(line));
    ck_assert_mem_eq(answer, line, (size_t)n);
}

/* 195: a handler for each connection */
RULE(a_server_on_any_free_port_answers_and_sends_at_once)
{
    weft_server *server = START(serve, NULL, .host = "127.0.0.1");
    int fd = plain_connect("127.0.0.1", weft_server_port(server));
    int second = plain_connect("127.0.0.1", weft_server_port(server));

    ck_assert_int_gt(weft_server_port(server), 0);
    ck_assert_uint_eq(weft_server_count(server), 0);
    talk(fd, "one");
    talk(second, "two");
    talk(fd, "three");
    ck_assert_uint_eq(weft_server_count(server), 2);
    close(fd);
    RUN_UNTIL(weft_server_count(server) == 1);
    close(second);
    finish(server);
    ck_assert_str_eq(trace(), "+one +two +three - -");
}
END_RULE

static int no_delay = -1;

static weft_gen *look_at_no_delay(weft_stream *stream, void *arg)
{
    socklen_t size = sizeof(no_delay);

    (void)arg;
    ck_assert_int_eq(getsockopt(weft_stream_fd(stream), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size),
                     0);
    return NULL;
}

/* 195: NULL closes the connection */
RULE(a_handler_of_NULL_closes_the_connection_which_sends_at_once)
{
    for (size_t limit = 0; limit < 2; limit++) {
        weft_server *server = START(look_at_no_delay, NULL, .host = "127.0.0.1", .limit = limit);
        int fd = plain_connect("127.0.0.1", weft_server_port(server));
        int second = plain_connect("127.0.0.1", weft_server_port(server));

        RUN_UNTIL(has_ended(fd));
        RUN_UNTIL(has_ended(second)); /* the permit came back */
        ck_assert_int_ne(no_delay, 0);
        close(fd);
        close(second);
        finish(server);
    }
}
END_RULE

/* 195 */
RULE(all_addresses_of_a_name_get_the_same_port_and_one_that_is_there_twice_counts_once)
{
    static const char *const list[] = {"127.0.0.2", "127.0.0.3", "127.0.0.2", "192.0.2.1", NULL};
    weft_server *server;
    int first, second;

    several = list;
    server = START(serve, NULL, .host = "several.test", .service = "0");
    first = plain_connect("127.0.0.2", weft_server_port(server));
    second = plain_connect("127.0.0.3", weft_server_port(server));
    talk(first, "a");
    talk(second, "b");
    close(first);
    close(second);
    finish(server);
    several = list + 2; /* one that the machine has, and one that it has not */
    finish(START(serve, NULL, .host = "several.test", .service = "0"));
}
END_RULE

/* 195: an address of IPv6 is that alone, and the port of IPv4 is free for others */
RULE(a_server_on_IPv6_leaves_IPv4_alone)
{
    int probe = socket(AF_INET6, SOCK_STREAM, 0), port;
    weft_server *server;

    if (probe < 0)
        return; /* the machine has no IPv6 */
    close(probe);
    server = START(serve, NULL, .host = "::");
    port = weft_server_port(server);
    ck_assert_int_eq(plain_connect("127.0.0.1", port), -ECONNREFUSED);
    close(plain_listener("0.0.0.0", 1, &port));
    finish(server);
}
END_RULE

struct starter {
    weft_gen gen;
};

static weft_step starter(void *frame)
{
    struct starter *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_start_server(NULL, serve, NULL, .host = "127.0.0.1"));
    WEFT_RETURN(f, weft_take(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(starter);

/* 195: a body need not name its loop */
RULE(a_server_that_a_body_starts_is_of_the_running_loop)
{
    weft_server *server = started(weft_task_new(loop, WEFT_CALL(starter)));
    int fd = plain_connect("127.0.0.1", weft_server_port(server));

    talk(fd, "a");
    close(fd);
    finish(server);
}
END_RULE

/* 195 */
RULE(a_free_port_that_is_taken_on_another_address_is_tried_again)
{
    static const char *const list[] = {"127.0.0.2", "127.0.0.3", NULL};
    weft_server *server;
    int fd;

    several = list;
    taken = 3;
    server = START(serve, NULL, .host = "several.test");
    ck_assert_int_eq(taken, 0);
    fd = plain_connect("127.0.0.3", weft_server_port(server));
    talk(fd, "a");
    close(fd);
    finish(server);
    taken = 1000; /* not for ever */
    binds = 0;
    ck_assert_int_eq(run_task(weft_start_server(loop, serve, NULL, .host = "several.test"), NULL),
                     -EADDRINUSE);
    ck_assert_int_eq(binds, 32);
    taken = 1; /* not with a port that is asked for */
    ck_assert_int_eq(run_task(weft_start_server(loop, serve, NULL, .host = "several.test",
                                                .service = text_of(closed_port())),
                              NULL),
                     -EADDRINUSE);
    ck_assert_int_eq(taken, 0);
}
END_RULE

/* 195 */
RULE(a_start_fails_as_the_lookup_the_bind_or_the_loop_does)
{
    static const char *const foreign[] = {"192.0.2.1", NULL};
    int port = 0, listener = plain_listener("127.0.0.1", 8, &port), before = open_count();

    several = foreign;
    ck_assert_int_eq(
        run_task(weft_start_server(loop, serve, NULL, .host = "127.0.0.1", .service = text_of(port)),
                 NULL),
        -EADDRINUSE);
    ck_assert_int_eq(run_task(weft_start_server(loop, serve, NULL, .host = "192.0.2.1"), NULL),
                     -EADDRNOTAVAIL);
    ck_assert_str_eq(weft_errname(run_task(weft_start_server(loop, serve, NULL, .host = "127.0.0.1",
                                                             .service = "no such service"),
                                           NULL)),
                     "EAI_SERVICE");
    ck_assert_int_eq(open_count(), before);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(run_task(weft_start_server(loop, serve, NULL), NULL), WEFT_ECLOSED);
    close(listener);
}
END_RULE

/* 195, 61 */
RULE(a_start_that_is_cancelled_during_the_lookup_leaves_nothing)
{
    static const char *const list[] = {"127.0.0.2", NULL};
    weft_task *start;

    several = list;
    start = weft_start_server(loop, serve, NULL, .host = "several.test", .limit = 1);
    run_rounds(1);
    ck_assert(!weft_future_is_done(start));
    ck_assert(weft_future_cancel(start, NULL));
    ck_assert_int_eq(run_task(start, NULL), WEFT_ECANCELLED);
    run_rounds(6); /* what it had already made ends, too */
}
END_RULE

/* 195 */
RULE(two_servers_share_a_port_if_both_say_so)
{
    weft_server *one = START(serve, NULL, .host = "127.0.0.1", .reuse_port = true), *two;
    const char *port = text_of(weft_server_port(one));

    ck_assert_int_eq(
        run_task(weft_start_server(loop, serve, NULL, .host = "127.0.0.1", .service = port), NULL),
        -EADDRINUSE);
    two = START(serve, NULL, .host = "127.0.0.1", .service = port, .reuse_port = true);
    ck_assert_int_eq(weft_server_port(one), weft_server_port(two));
    finish(one);
    finish(two);
}
END_RULE

/* ---- how many -------------------------------------------------------------------------------------------- */

/* 195 */
RULE(above_the_limit_a_connection_waits_until_another_one_has_ended)
{
    static const char *const list[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4", NULL};
    weft_server *server;
    int fds[4], before;

    several = list;
    server = START(serve, NULL, .host = "several.test", .limit = 2);
    before = open_count();
    /* More addresses than permits, and all connections on one: an idle acceptor holds none. */
    for (int i = 0; i < 4; i++)
        fds[i] = plain_connect("127.0.0.4", weft_server_port(server));
    talk(fds[0], "a");
    talk(fds[1], "b");
    ck_assert_int_eq(write(fds[2], "c\n", 2), 2);
    run_rounds(20);
    ck_assert_uint_eq(weft_server_count(server), 2);
    ck_assert_int_eq(open_count(), before + 4 + 2); /* it is not accepted */
    ck_assert_str_eq(trace(), "+a +b");
    close(fds[0]);
    RUN_UNTIL(strstr(trace(), "+c") && poll(&(struct pollfd){.fd = fds[2], .events = POLLIN}, 1, 0));
    ck_assert_int_eq(read(fds[2], (char[4]){0}, 4), 2);
    ck_assert_uint_eq(weft_server_count(server), 2);
    close(fds[1]);
    talk(fds[3], "d");
    close(fds[2]);
    close(fds[3]);
    finish(server);
    ck_assert_str_eq(trace(), "+a +b - +c - +d - -");
}
END_RULE

/* 195, 90 */
RULE(a_server_with_nothing_to_do_does_nothing)
{
    for (size_t limit = 0; limit < 2; limit++) {
        weft_server *server = START(serve, NULL, .host = "127.0.0.1", .limit = limit);
        int fd = plain_connect("127.0.0.1", weft_server_port(server));

        talk(fd, "a");
        run_rounds(6);
        ck_assert(!weft__anything_ready(loop));
        close(fd);
        RUN_UNTIL(weft_server_count(server) == 0);
        run_rounds(6);
        ck_assert(!weft__anything_ready(loop));
        finish(server);
    }
}
END_RULE

/* 195: listeners that a fork has shared */
RULE(a_connection_that_another_process_takes_costs_no_permit)
{
    static const char *const list[] = {"127.0.0.2", "127.0.0.3", NULL};
    weft_server *server;
    int fds[3], stolen;

    several = list;
    server = START(serve, NULL, .host = "several.test", .limit = 1);
    fds[0] = plain_connect("127.0.0.2", weft_server_port(server));
    talk(fds[0], "a");
    fds[1] = plain_connect("127.0.0.2", weft_server_port(server));
    run_rounds(4); /* it is seen, and waits for the permit */
    stolen = accept(weft_io_fd(server->listeners[0]), NULL, NULL);
    ck_assert_int_ge(stolen, 0);
    close(fds[0]);
    RUN_UNTIL(weft_server_count(server) == 0);
    fds[2] = plain_connect("127.0.0.3", weft_server_port(server));
    talk(fds[2], "c");
    close(fds[1]);
    close(fds[2]);
    close(stolen);
    RUN_UNTIL(weft_server_count(server) == 0);
    fds[1] = plain_connect("127.0.0.2", weft_server_port(server));
    talk(fds[1], "d");
    run_rounds(6);
    ck_assert(!weft__anything_ready(loop));
    close(fds[1]);
    finish(server);
}
END_RULE

/* 195, 158 */
RULE(with_a_limit_a_handler_that_fails_is_reported_under_its_name_and_gives_its_place_back)
{
    weft_server *server = START(serve, NULL, .host = "127.0.0.1", .limit = 1);
    int fd = plain_connect("127.0.0.1", weft_server_port(server));
    int second = plain_connect("127.0.0.1", weft_server_port(server));

    ck_assert_int_eq(write(fd, "fail\n", 5), 5);
    talk(second, "b");
    close(fd);
    close(second);
    finish(server);
    ck_assert_str_eq(trace(), "+fail +b -");
    ck_assert_ptr_nonnull(strstr(reports(), "task echo"));
    ck_assert_ptr_nonnull(strstr(reports(), "EPROTO"));
}
END_RULE

/* 99 [D] C sees errno raw */
RULE(out_of_descriptors_is_reported_and_the_server_goes_on)
{
    for (size_t limit = 0; limit < 2; limit++) {
        weft_server *server = START(serve, NULL, .host = "127.0.0.1", .limit = limit);
        int fd = plain_connect("127.0.0.1", weft_server_port(server));
        struct rlimit before, low;

        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
        low = before;
        low.rlim_cur = 3;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
        run_rounds(8);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert_ptr_nonnull(strstr(reports(), "EMFILE"));
        ck_assert_uint_eq(weft_server_count(server), 0);
        weft_testing_advance(loop, 1.1);
        close(fd); /* valgrind's EMFILE takes it away */
        fd = plain_connect("127.0.0.1", weft_server_port(server));
        talk(fd, "a");
        close(fd);
        finish(server);
    }
    ck_assert_ptr_nonnull(strchr(reports(), '\n'));
    ck_assert_ptr_eq(strchr(reports(), '\n'), strrchr(reports(), '\n')); /* one for each server */
}
END_RULE

/* ---- memory ---------------------------------------------------------------------------------------------- */

/* Start one with the nth allocation failing; what starts must work, too.  Returns the error. */
static int start_without(long nth, const weft_server_options *options)
{
    weft_future *start;
    weft_server *server;
    int error, fd;

    weft_testing_fail_allocation(nth, 1);
    start = weft_start_server_with(loop, serve, NULL, options);
    error = weft_run_until_complete(loop, weft_future_ref(start), NULL);
    weft_testing_fail_allocation(0, 0);
    server = error ? NULL : weft_future_take(start);
    weft_future_unref(start);
    run_rounds(6); /* what it had made ends; acceptors begin */
    if (error)
        return error;
    weft_testing_advance(loop, 1.1);
    if (!options->path) {
        fd = plain_connect("127.0.0.1", weft_server_port(server));
        talk(fd, "a");
        close(fd);
    }
    finish(server);
    return 0;
}

/* 100 */
RULE(without_memory_a_start_is_ENOMEM_and_leaves_nothing)
{
    char path[64];
    const weft_server_options kinds[] = {
        {.struct_size = sizeof(weft_server_options), .host = "127.0.0.1"},
        {.struct_size = sizeof(weft_server_options), .host = "127.0.0.1", .limit = 3},
        {.struct_size = sizeof(weft_server_options), .path = path}};
    int before = open_count();

    snprintf(path, sizeof(path), "/tmp/weft-%d.sock", (int)getpid());
    for (int i = 0; i < 3; i++) {
        int failed = 0;

        for (long nth = 1; nth < 24; nth++) {
            int error = start_without(nth, &kinds[i]);

            failed += error != 0;
            ck_assert_int_eq(error, error ? -ENOMEM : 0);
            ck_assert_int_eq(open_count(), before);
            ck_assert_int_eq(access(path, F_OK), -1);
        }
        ck_assert_int_gt(failed, 8);
    }
    ck_assert_ptr_null(strstr(reports(), "dropped")); /* an acceptor may say that it pauses */
}
END_RULE

/* 100: a connection may be lost, the server is not */
RULE(without_memory_an_accept_is_reported_and_the_server_goes_on)
{
    for (size_t limit = 0; limit < 2; limit++) {
        weft_server *server = START(serve, NULL, .host = "127.0.0.1", .limit = limit);

        for (long nth = 1; nth < 16; nth++) {
            int fd = plain_connect("127.0.0.1", weft_server_port(server));

            weft_testing_fail_allocation(nth, 1);
            run_rounds(6);
            weft_testing_fail_allocation(0, 0);
            weft_testing_advance(loop, 1.1);
            run_rounds(6);
            close(fd);
            RUN_UNTIL(weft_server_count(server) == 0);
            fd = plain_connect("127.0.0.1", weft_server_port(server));
            talk(fd, "a");
            close(fd);
            RUN_UNTIL(weft_server_count(server) == 0);
        }
        ck_assert_ptr_nonnull(strstr(reports(), "ENOMEM"));
        finish(server);
    }
}
END_RULE

/* 100, 98 */
RULE(without_any_memory_the_acceptor_gives_way)
{
    weft_server *server = START(serve, NULL, .host = "127.0.0.1");
    int fd = plain_connect("127.0.0.1", weft_server_port(server)), lines = 0;

    weft_testing_fail_allocation(1, 100000);
    run_rounds(6);
    weft_testing_fail_allocation(0, 0);
    for (const char *at = reports(); (at = strstr(at, "accept failed")); at++)
        lines++;
    ck_assert_int_ge(lines, 2);
    ck_assert_int_le(lines, 6); /* one a round */
    close(fd);
    fd = plain_connect("127.0.0.1", weft_server_port(server));
    talk(fd, "a");
    close(fd);
    finish(server);
}
END_RULE

RUN_SUITE("server", a_server_on_any_free_port_answers_and_sends_at_once,
          a_handler_of_NULL_closes_the_connection_which_sends_at_once,
          all_addresses_of_a_name_get_the_same_port_and_one_that_is_there_twice_counts_once,
          a_server_on_IPv6_leaves_IPv4_alone, a_server_that_a_body_starts_is_of_the_running_loop,
          a_free_port_that_is_taken_on_another_address_is_tried_again,
          a_start_fails_as_the_lookup_the_bind_or_the_loop_does,
          a_start_that_is_cancelled_during_the_lookup_leaves_nothing,
          two_servers_share_a_port_if_both_say_so,
          above_the_limit_a_connection_waits_until_another_one_has_ended,
          a_server_with_nothing_to_do_does_nothing,
          a_connection_that_another_process_takes_costs_no_permit,
          with_a_limit_a_handler_that_fails_is_reported_under_its_name_and_gives_its_place_back,
          out_of_descriptors_is_reported_and_the_server_goes_on,
          without_memory_a_start_is_ENOMEM_and_leaves_nothing,
          without_memory_an_accept_is_reported_and_the_server_goes_on,
          without_any_memory_the_acceptor_gives_way)
