/* check_connect_number.c - connections to numbers: nobody is asked for an address. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "core/round.h"
#include "support/resolver.h"

#include "support/server_bodies.h"

#define OPEN(...) weft_open_connection(loop, __VA_ARGS__)

/* 199: numeric hosts skip DNS */
RULE(a_number_needs_no_thread_and_the_stream_carries_bytes_at_once)
{
    int port = 0, on = 0, fd, listener = plain_listener("127.0.0.1", 8, &port);
    weft_stream *stream = opened(OPEN("127.0.0.1", text_of(port)));
    socklen_t size = sizeof(on);
    char byte = 0;

    ck_assert_int_eq(lookups, 0);
    fd = accept(listener, NULL, NULL);
    ck_assert_int_eq(weft_stream_post(stream, "x", 1), 0);
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
    ck_assert_int_eq(weft_stream_post(stream, "y", 1),
                     0); /* it does not wait for an answer to the first */
    ck_assert_int_eq(getsockopt(weft_stream_fd(stream), IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    ck_assert_int_ne(on, 0);
    ck_assert(fcntl(weft_stream_fd(stream), F_GETFD) & FD_CLOEXEC);
    weft_stream_free(stream);
    close(fd);
    close(listener);
}
END_RULE

/* 199: numeric hosts skip DNS */
RULE(a_number_of_IPv6_needs_no_thread_either)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET6, SOCK_STREAM, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0) {
        close(listener);
        return; /* the machine has no IPv6 */
    }
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 2; i++) {
        weft_stream_free(
            opened(OPEN("::1", text_of(ntohs(address.sin6_port)), .family = i ? AF_INET6 : 0)));
        close(accept(listener, NULL, NULL));
    }
    ck_assert_int_eq(lookups, 0);
    ck_assert_int_eq(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 0), 0);
    close(listener);
}
END_RULE

static bool is_lookups(int error)
{
    return strncmp(weft_errname(error), "EAI_", 4) == 0;
}

/* 199: what is not quite a number is the lookup's, and what is of another family */
RULE(only_what_is_a_number_skips_the_lookup)
{
    static const char *const numbers[] = {"65535", "9", "0"};
    static const char *const others[] = {"80x", "+1", ":1", "65536", "-1"};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        (void)run_task(OPEN("127.0.0.1", numbers[i]), NULL);
    ck_assert_int_eq(lookups, 0);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        lookups = 0;
        (void)run_task(OPEN("127.0.0.1", others[i]), NULL);
        ck_assert_int_gt(lookups, 0);
    }
    ck_assert(is_lookups(run_task(OPEN("127.0.0.1", "80x"), NULL)));
    ck_assert(is_lookups(run_task(OPEN("127.0.0.1", "1", .family = AF_INET6), NULL)));
    ck_assert(is_lookups(run_task(OPEN("::1", "1", .family = AF_INET), NULL)));
    (void)run_task(OPEN(NULL, "1"), NULL); /* it is this machine */
    ck_assert_int_ne(run_task(OPEN("127.0.0.1", NULL), NULL), 0);
}
END_RULE

RUN_SUITE("connect_number", a_number_needs_no_thread_and_the_stream_carries_bytes_at_once,
          a_number_of_IPv6_needs_no_thread_either, only_what_is_a_number_skips_the_lookup)
