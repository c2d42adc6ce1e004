/* check_getaddrinfo.c - names and numbers; nothing leaves the machine, but for a name that nobody has.
 *
 * A machine may have neither /etc/hosts nor /etc/services: no test stands on a name in them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "thread/executor.h"

#include "support/harness.h"
#include "support/resolver.h"

/* "family type address port" of the first address. */
static const char *first(const struct addrinfo *list)
{
    static char text[128];
    char address[64] = "?", port[16] = "?";

    ck_assert_int_eq(getnameinfo(list->ai_addr, list->ai_addrlen, address, sizeof(address), port,
                                 sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV),
                     0);
    snprintf(text, sizeof(text), "%s %s %s %s", list->ai_family == AF_INET ? "v4" : "v6",
             list->ai_socktype == SOCK_STREAM ? "stream" : "other", address, port);
    return text;
}

/* An answer that must be there at once. */
static const char *number(const char *host, const char *service, const struct addrinfo *hints)
{
    weft_future *f = weft_getaddrinfo(loop, host, service, hints);
    const char *text;
    void *list;

    ck_assert(weft_future_is_done(f));
    ck_assert_ptr_null(weft__default_executor(loop)); /* no thread was needed */
    ck_assert_msg(weft_future_result(f, &list) == 0, "%s", weft_errname(weft_future_error(f)));
    text = first(list);
    weft_future_unref(f);
    return text;
}

static const struct addrinfo stream = {.ai_socktype = SOCK_STREAM};
static const struct addrinfo passive = {
    .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE, .ai_family = AF_INET};
static const struct addrinfo numbers_only = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
static const struct addrinfo only_v6 = {.ai_family = AF_INET6};

/* 61: only what may wait needs a thread */
RULE(numbers_are_answered_at_once_and_without_a_thread)
{
    ck_assert_str_eq(number("192.0.2.7", "443", &stream), "v4 stream 192.0.2.7 443");
    ck_assert_str_eq(number("2001:db8::7", "443", &stream), "v6 stream 2001:db8::7 443");
    ck_assert_str_eq(number(NULL, "8080", &passive), "v4 stream 0.0.0.0 8080");
    number("127.0.0.1", NULL, NULL);
    number("127.0.0.1", "80", &numbers_only);
}
END_RULE

/* 61: the hints are respected */
RULE(a_name_where_only_numbers_were_asked_for_is_an_error_at_once)
{
    weft_future *f = weft_getaddrinfo(loop, "localhost", "80", &numbers_only);

    ck_assert(weft_future_is_done(f));
    ck_assert_str_eq(weft_errname(weft_future_error(f)), "EAI_NONAME");
    ck_assert_ptr_null(weft__default_executor(loop));
    weft_future_unref(f);
    f = weft_getaddrinfo(loop, NULL, NULL, NULL);
    ck_assert(weft_future_is_done(f));
    ck_assert_str_eq(weft_errname(weft_future_error(f)), "EAI_NONAME");
    weft_future_unref(f);
}
END_RULE

/* 61 */
RULE(a_number_of_another_family_than_the_hints_is_an_error)
{
    weft_future *f = weft_getaddrinfo(loop, "127.0.0.1", NULL, &only_v6);

    ck_assert_int_le(run_task(f, NULL), WEFT_EGAI);
}
END_RULE

struct lookup {
    weft_gen gen;
    const char *host, *service;
};

static weft_step lookup(void *frame)
{
    struct lookup *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_getaddrinfo(NULL, f->host, f->service, &stream));
    say("%s", first(weft_sent(f)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(lookup);

/* 61, 201 */
RULE(a_name_is_looked_up_in_a_thread)
{
    static const char *const list[] = {"192.0.2.7", "2001:db8::7", NULL};
    char host[] = "several.test", service[] = "80";
    weft_task *task;

    several = list;
    task = weft_task_new(loop, WEFT_CALL(lookup, .host = host, .service = service));
    run_rounds(1);
    ck_assert_ptr_nonnull(weft__default_executor(loop));
    memset(host, 'x', sizeof(host) - 1); /* they were copied */
    memset(service, 'x', sizeof(service) - 1);
    ck_assert_int_eq(run_task(task, NULL), 0);
    ck_assert_str_eq(trace(), "v4 stream 192.0.2.7 80");
}
END_RULE

/* 61, 201: it may wait for a server as well */
RULE(a_services_name_is_looked_up_in_a_thread_as_getaddrinfo_has_it)
{
    struct addrinfo *list = NULL;
    int wanted = weft_error_from_gai(getaddrinfo("127.0.0.1", "http", &stream, &list));
    weft_task *task = weft_task_new(loop, WEFT_CALL(lookup, .host = "127.0.0.1", .service = "http"));

    run_rounds(1);
    ck_assert_ptr_nonnull(weft__default_executor(loop));
    ck_assert_int_eq(run_task(task, NULL), wanted); /* EAI_SERVICE without /etc/services */
    ck_assert_str_eq(trace(), wanted ? "" : first(list));
    if (list)
        freeaddrinfo(list);
}
END_RULE

/* 61, 201 */
RULE(a_name_that_nobody_has_is_an_error_of_getaddrinfos)
{
    int error = run_task(weft_getaddrinfo(loop, "nobody.invalid", "80", &stream), NULL);

    ck_assert_int_lt(error, WEFT_EGAI); /* which one depends on the resolver */
    ck_assert_int_gt(error, WEFT_EGAI - 1000);
    ck_assert_str_ne(weft_errname(error), "UNKNOWN");
}
END_RULE

/* 61 */
RULE(a_lookup_that_is_cancelled_ends_at_once_and_goes_on_alone)
{
    weft_future *f = weft_getaddrinfo(loop, "nobody.invalid", "80", &stream);

    ck_assert(weft_future_cancel(f, NULL));
    if (!weft_future_is_done(f))
        say("quick"); /* it had ended already: the outcome stands */
    run_all();
    ck_assert(trace()[0] ? weft_future_error(f) < WEFT_EGAI : weft_future_is_cancelled(f));
    weft_future_unref(f);
    weft_future_unref(weft_getaddrinfo(loop, "localhost", "80", &stream)); /* dropped */
    weft_executor_shutdown(weft__default_executor(loop), WEFT_NEVER); /* so that nothing is left */
}
END_RULE

/* 61, 76 */
RULE(after_close_a_lookup_is_refused)
{
    weft_future *f;

    ck_assert_int_eq(weft_loop_close(loop), 0);
    f = weft_getaddrinfo(loop, "127.0.0.1", "80", &stream);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
}
END_RULE

static int one_number(void)
{
    return weft_run_until_complete(loop, weft_getaddrinfo(loop, "127.0.0.1", "80", &stream), NULL);
}

static int one_name(void)
{
    static const char *const list[] = {"192.0.2.7", NULL};

    several = list;
    return weft_run_until_complete(loop, weft_getaddrinfo(loop, "several.test", "80", &stream),
                                   NULL);
}

/* 100, 61 */
RULE(a_lookup_without_memory_says_so)
{
    each_allocation_fails(one_number);
    each_allocation_fails(one_name);
}
END_RULE

/* ---- and back --------------------------------------------------------------------------------------------- */

static struct sockaddr_in local(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* "host service" of an address, or the error. */
static const char *names_of(int port, int flags)
{
    struct sockaddr_in address = local(port);
    static char text[128];
    void *value;
    int error = weft_run_until_complete(
        loop, weft_getnameinfo(loop, (struct sockaddr *)&address, sizeof(address), flags), &value);
    weft_nameinfo *names = value;

    if (error)
        return weft_errname(error);
    snprintf(text, sizeof(text), "%s %s", names->host, names->service);
    free(names);
    return text;
}

/* 61, 225: only what may wait needs a thread */
RULE(the_numbers_of_an_address_are_answered_at_once_and_without_a_thread)
{
    ck_assert_str_eq(names_of(80, NI_NUMERICHOST | NI_NUMERICSERV), "127.0.0.1 80");
    ck_assert_ptr_null(weft__default_executor(loop));
}
END_RULE

/* 225 */
RULE(the_names_of_an_address_are_looked_up_in_a_thread)
{
    ck_assert_str_eq(names_of(54321, NI_NUMERICHOST), "127.0.0.1 54321"); /* no service has it */
    ck_assert_ptr_nonnull(weft__default_executor(loop));
}
END_RULE

/* 225 */
RULE(an_address_that_is_none_is_an_error)
{
    struct sockaddr none = {.sa_family = 250};
    weft_future *f;

    for (int flags = 0; flags <= (NI_NUMERICHOST | NI_NUMERICSERV);
         flags += NI_NUMERICHOST | NI_NUMERICSERV)
        ck_assert_int_lt(run_task(weft_getnameinfo(loop, &none, sizeof(none), flags), NULL),
                         WEFT_EGAI);
    ck_assert_int_eq(run_task(weft_getnameinfo(loop, &none, 129, 0), NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    f = weft_getnameinfo(loop, &none, sizeof(none), 0);
    ck_assert_int_eq(weft_future_error(f), WEFT_ECLOSED);
    weft_future_unref(f);
}
END_RULE

RUN_SUITE("getaddrinfo", numbers_are_answered_at_once_and_without_a_thread,
          a_name_where_only_numbers_were_asked_for_is_an_error_at_once,
          a_number_of_another_family_than_the_hints_is_an_error, a_name_is_looked_up_in_a_thread,
          a_services_name_is_looked_up_in_a_thread_as_getaddrinfo_has_it,
          a_name_that_nobody_has_is_an_error_of_getaddrinfos,
          a_lookup_that_is_cancelled_ends_at_once_and_goes_on_alone,
          after_close_a_lookup_is_refused, a_lookup_without_memory_says_so,
          the_numbers_of_an_address_are_answered_at_once_and_without_a_thread,
          the_names_of_an_address_are_looked_up_in_a_thread, an_address_that_is_none_is_an_error)
