/* check_server_where.c - where a server listens: on several addresses, on sockets that were handed in. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "core/round.h"
#include "support/resolver.h"

#include "support/server_bodies.h"

static int listens, taken_at; /* how many there were; which one finds its port taken */

int listen(int fd, int backlog)
{
    int (*real)(int, int);

    *(void **)&real = dlsym(RTLD_NEXT, "listen");
    if (++listens != taken_at)
        return real(fd, backlog);
    errno = EADDRINUSE;
    return -1;
}

static int start_error(weft_future *start)
{
    return weft_run_until_complete(loop, start, NULL);
}

static int port_at(weft_server *server, size_t index)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    ck_assert_int_eq(getsockname(weft_server_fd(server, index), (struct sockaddr *)&address, &size),
                     0);
    return ntohs(address.sin_port);
}

/* A client that says a word, and goes. */
static void visit(int port, const char *word)
{
    size_t size = strlen(word), before = strlen(trace());
    int fd = plain_connect("127.0.0.1", port);

    ck_assert_int_eq(write(fd, word, size), (ssize_t)size);
    shutdown(fd, SHUT_WR);
    RUN_UNTIL(strchr(trace() + before, '-'));
    close(fd);
}

/* 224 */
RULE(a_server_listens_on_several_addresses_each_with_a_port_of_its_own)
{
    weft_server *server = START(serve, NULL, .address_count = 3,
                                .addresses = (const weft_server_address[]){
                                    {"127.0.0.1", "0"}, {"127.0.0.1", NULL}, {"127.0.0.2", "0"}});
    int first = port_at(server, 0), second = port_at(server, 1);

    ck_assert_int_eq(weft_server_port(server), first);
    ck_assert_int_ne(first, second);
    ck_assert_int_gt(port_at(server, 2), 0);
    ck_assert_int_eq(weft_server_fd(server, 3), -1);
    visit(first, "a\n");
    visit(second, "b\n");
    finish(server);
    ck_assert_str_eq(trace(), "+a - +b -");
}
END_RULE

/* 224 */
RULE(a_name_that_begins_anew_for_a_port_of_all_its_addresses_leaves_the_others_alone)
{
    static const char *const numbers[] = {"127.0.0.1", "127.0.0.2", NULL};
    weft_server_address two[2] = {{"127.0.0.1", "0"}, {"several.test", "0"}};
    weft_server *server;

    several = numbers;
    taken_at = 3;
    server = START(serve, NULL, .addresses = two, .address_count = 2);
    ck_assert_int_eq(listens, 5);
    ck_assert_int_eq(port_at(server, 1), port_at(server, 2));
    ck_assert_int_eq(weft_server_fd(server, 3), -1);
    visit(port_at(server, 0), "a\n");
    finish(server);
}
END_RULE

/* 224 */
RULE(one_address_that_is_taken_is_the_starts_error_and_nothing_listens)
{
    int port = 0, before = open_count(), listener = plain_listener("127.0.0.1", 8, &port);
    weft_server_address two[2] = {{"127.0.0.1", "0"}, {"127.0.0.1", text_of(port)}};

    ck_assert_int_eq(
        start_error(weft_start_server(loop, serve, NULL, .addresses = two, .address_count = 2)),
        -EADDRINUSE);
    close(listener);
    run_rounds(3);
    ck_assert_int_eq(open_count(), before);
}
END_RULE

/* 224 */
RULE(sockets_that_listen_already_are_copied_and_stay_ours)
{
    int ports[2] = {0, 0}, fds[2];
    weft_server *server;

    for (int i = 0; i < 2; i++)
        fds[i] = plain_listener("127.0.0.1", 8, &ports[i]);
    server = START(serve, NULL, .fds = fds, .fd_count = 2);
    ck_assert_int_eq(weft_server_port(server), ports[0]);
    ck_assert_int_ne(weft_server_fd(server, 0), fds[0]);
    close(fds[0]);
    visit(ports[0], "a\n");
    visit(ports[1], "b\n");
    finish(server);
    ck_assert_int_eq(fcntl(fds[1], F_GETFD), 0); /* that one is still open */
    close(plain_connect("127.0.0.1", ports[1]));
    close(fds[1]);
    ck_assert_str_eq(trace(), "+a - +b -");
}
END_RULE

/* 224 */
RULE(they_are_copied_by_the_call_and_let_go_if_the_start_is_given_up)
{
    int port = 0, before = open_count(), fd = plain_listener("127.0.0.1", 8, &port);
    weft_future *start = weft_start_server(loop, serve, NULL, .fds = &fd, .fd_count = 1);

    close(fd);
    ck_assert_int_eq(open_count(), before + 1);
    ck_assert(weft_future_cancel(start, NULL));
    ck_assert_int_eq(start_error(start), WEFT_ECANCELLED);
    ck_assert_int_eq(open_count(), before);
}
END_RULE

/* 224 */
RULE(what_does_not_listen_and_two_ways_to_say_where_are_refused)
{
    weft_server_address one = {"127.0.0.1", "0"};
    int port = 0, fd = plain_listener("127.0.0.1", 8, &port), none = 900;
    int deaf = socket(AF_INET, SOCK_STREAM, 0), file = open("/dev/null", O_RDONLY);
    weft_future *start;

#define REFUSED(...) start_error(weft_start_server(loop, serve, NULL, __VA_ARGS__))
    ck_assert_int_eq(REFUSED(.fds = &deaf, .fd_count = 1), -EINVAL);
    ck_assert_int_eq(REFUSED(.fds = &file, .fd_count = 1), -ENOTSOCK);
    ck_assert_int_eq(REFUSED(.fds = &none, .fd_count = 1), -EBADF);
    ck_assert_int_eq(REFUSED(.fds = &fd, .fd_count = 1, .service = "0"), -EINVAL);
    ck_assert_int_eq(REFUSED(.fds = &fd, .fd_count = 1, .path = "/tmp/none"), -EINVAL);
    ck_assert_int_eq(REFUSED(.addresses = &one, .address_count = 1, .host = "::1"), -EINVAL);
    ck_assert_int_eq(REFUSED(.addresses = &one, .address_count = 1, .fds = &fd, .fd_count = 1),
                     -EINVAL);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    start = weft_start_server(loop, serve, NULL, .host = "::1");
    ck_assert_int_eq(weft_future_error(start), WEFT_ECLOSED);
    weft_future_unref(start);
    close(fd);
    close(deaf);
    close(file);
}
END_RULE

static int start_on_given(void)
{
    int port = 0, fd = plain_listener("127.0.0.1", 8, &port), error;
    weft_future *start = weft_start_server(loop, serve, NULL, .fds = &fd, .fd_count = 1);

    close(fd);
    error = weft_run_until_complete(loop, start, NULL); /* untaken: it is closed */
    run_rounds(3);
    return error;
}

static int start_on_two(void)
{
    int error = weft_run_until_complete(
        loop,
        weft_start_server(
            loop, serve, NULL, .address_count = 2,
            .addresses = (const weft_server_address[]){{"127.0.0.1", "0"}, {"127.0.0.1", "0"}}),
        NULL);

    run_rounds(3);
    return error;
}

/* 100, 224 */
RULE(a_start_without_memory_says_so_and_nothing_is_left)
{
    each_allocation_fails(start_on_given);
    each_allocation_fails(start_on_two);
    (void)reports(); /* some run long enough to accept, without memory */
}
END_RULE

RUN_SUITE("server_where", a_server_listens_on_several_addresses_each_with_a_port_of_its_own,
          a_name_that_begins_anew_for_a_port_of_all_its_addresses_leaves_the_others_alone,
          one_address_that_is_taken_is_the_starts_error_and_nothing_listens,
          sockets_that_listen_already_are_copied_and_stay_ours,
          they_are_copied_by_the_call_and_let_go_if_the_start_is_given_up,
          what_does_not_listen_and_two_ways_to_say_where_are_refused,
          a_start_without_memory_says_so_and_nothing_is_left)
