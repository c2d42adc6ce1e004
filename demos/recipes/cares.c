/* c-ares as futures: a library with sockets and timeouts of its own.
 *
 *     c-ares says                                     the loop does
 *     sock_state_cb(fd, readable, writable)           weft_add_reader, weft_add_writer, or removes them
 *     ares_timeout: look again in so many ms          weft_call_later
 *                                                     the loop says, and c-ares works
 *                                                     ares_process_fd(channel, fd or none)
 *
 * So no thread and no poll of its own: queries run beside everything else.  ares_cancel ends all queries of a
 * channel, and there is no call for one.  So a query that is cancelled alone is let go: its answer finds the future
 * done.  When nobody waits for any query any more, ares_cancel ends what is left.  All callbacks come, once each;
 * some within the very call that starts the query, so the record may be gone when that returns.
 *
 * It prints:
 *     one.test: 192.0.2.1
 *     two.test: 192.0.2.2
 *     none.test: Name or service not known
 *     silent.test, until c-ares gives up: Connection timed out
 *     silent.test, for a moment: deadline expired
 *     a name that is none: Name or service not known
 *     c-ares was called 6 times and called back 6 times, once for a cancel
 *     when it was closed it had 0 sockets
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <ares.h>
#include <weft.h>
#include "dns_server.h"

/* ---- the channel on the loop ---------------------------------------------------------------------- */

struct resolver {
    weft_loop *loop;
    ares_channel channel;
    weft_handle timer;
    struct watched *sockets;
    int wanted; /* queries that somebody waits for */
};

struct watched {
    struct resolver *resolver;
    ares_socket_t fd;
    struct watched *next;
};

static void process(struct resolver *resolver, ares_socket_t readable, ares_socket_t writable);

static void on_time(void *arg)
{
    process(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* Each call of c-ares may have moved its next deadline. */
static void rearm(struct resolver *resolver)
{
    struct timeval buffer, *next = ares_timeout(resolver->channel, NULL, &buffer);

    weft_handle_cancel(resolver->loop, resolver->timer);
    resolver->timer = 0;
    if (next)
        (void)weft_call_later(resolver->loop, (double)next->tv_sec + (double)next->tv_usec / 1e6,
                              on_time, resolver, &resolver->timer);
}

static void process(struct resolver *resolver, ares_socket_t readable, ares_socket_t writable)
{
    ares_process_fd(resolver->channel, readable, writable);
    rearm(resolver);
}

static void on_readable(void *arg)
{
    struct watched *watched = arg; /* may be gone after this */

    process(watched->resolver, watched->fd, ARES_SOCKET_BAD);
}

static void on_writable(void *arg)
{
    struct watched *watched = arg;

    process(watched->resolver, ARES_SOCKET_BAD, watched->fd);
}

static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = arg;
    struct watched **at = &resolver->sockets, *watched;

    while (*at && (*at)->fd != fd)
        at = &(*at)->next;
    if (!*at)
        *at = calloc(1, sizeof(**at));
    watched = *at;
    if (!watched)
        return; /* the query will run into its timeout */
    watched->resolver = resolver;
    watched->fd = fd;
    if (readable)
        (void)weft_add_reader(resolver->loop, fd, on_readable, watched);
    else
        weft_remove_reader(resolver->loop, fd);
    if (writable)
        (void)weft_add_writer(resolver->loop, fd, on_writable, watched);
    else
        weft_remove_writer(resolver->loop, fd);
    if (!readable && !writable) { /* c-ares is about to close it */
        *at = watched->next;
        free(watched);
    }
}

/* ---- a query as a future ----------------------------------------------------------------------------- */

static struct {
    int calls, answers, cancelled;
} seen;

struct query {
    struct resolver *resolver;
    weft_future *future;
};

static int error_of(int status)
{
    switch (status) {
    case ARES_ENOMEM:
        return -ENOMEM;
    case ARES_ETIMEOUT:
        return -ETIMEDOUT;
    case ARES_ECANCELLED:
        return WEFT_ECANCELLED;
    case ARES_EDESTRUCTION:
        return WEFT_ECLOSED;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
        return weft_error_from_gai(EAI_NONAME);
    default:
        return weft_error_from_gai(EAI_FAIL);
    }
}

static void free_result(void *result)
{
    ares_freeaddrinfo(result);
}

static void on_cancel(weft_future *future, void *arg) /* the loop calls: nobody wants it any more */
{
    struct query *query = arg;
    struct resolver *resolver = query->resolver;

    (void)future;
    if (--resolver->wanted == 0) {
        ares_cancel(resolver->channel); /* calls on_answer: the query is gone after this */
        rearm(resolver);
    }
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    struct query *query = arg;

    (void)timeouts;
    if (status == ARES_SUCCESS)
        weft_future_set_owned_unless_done(query->future, result, free_result);
    else
        weft_future_set_error_unless_done(query->future, error_of(status));
    query->resolver->wanted -= weft_future_remove_done_callback(query->future, on_cancel, query);
    weft_future_unref(query->future);
    free(query);
    seen.answers++;
    seen.cancelled += status == ARES_ECANCELLED;
}

/* Result: struct ares_addrinfo, owned; ares_freeaddrinfo frees it. */
static weft_future *resolve(struct resolver *resolver, const char *name)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_INET};
    weft_future *future = weft_future_new(NULL);
    struct query *query = calloc(1, sizeof(*query));

    if (!query || weft_future_add_done_callback(future, on_cancel, query) != 0) {
        free(query);
        weft_future_set_error_unless_done(future, -ENOMEM);
        return future;
    }
    query->resolver = resolver;
    query->future = weft_future_ref(future);
    resolver->wanted++;
    seen.calls++;
    ares_getaddrinfo(resolver->channel, name, NULL, &hints, on_answer, query);
    rearm(resolver); /* the query may be gone already; the future is ours */
    return future;
}

static int resolver_start(struct resolver *resolver, const struct sockaddr_in *server)
{
    struct ares_options options = {
        .timeout = 150, .tries = 2, .sock_state_cb = on_state, .sock_state_cb_data = resolver};
    char lookups[] = "b", address[64]; /* b: not the hosts file */

    resolver->loop = weft_running_loop();
    options.lookups = lookups;
    if (ares_init_options(&resolver->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                              ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS) != ARES_SUCCESS)
        return -ENOMEM;
    snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(server->sin_port));
    return ares_set_servers_ports_csv(resolver->channel, address) ? -EINVAL : 0;
}

/* What is under way ends with WEFT_ECLOSED, now. */
static void resolver_stop(struct resolver *resolver)
{
    weft_handle_cancel(resolver->loop, resolver->timer);
    if (resolver->channel)
        ares_destroy(resolver->channel);
}

/* ---- a program ------------------------------------------------------------------------------------- */

struct program {
    weft_gen gen;
    weft_outcome outcome;
    struct dns_server server;
    struct resolver resolver;
};

static void print_address(const char *name, const struct ares_addrinfo *result)
{
    const struct sockaddr_in *addr = (const struct sockaddr_in *)(void *)result->nodes->ai_addr;

    printf("%s: %s\n", name, inet_ntoa(addr->sin_addr));
}

static weft_step program(void *frame)
{
    struct program *f = frame;
    const weft_result *results;
    int error;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    error = dns_server_start(&f->server, weft_loop_base(weft_running_loop()));
    error = error ? error : resolver_start(&f->resolver, &f->server.addr);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_AWAIT(f, weft_gather(NULL,
                              WEFT_FUTURES(resolve(&f->resolver, "one.test"),
                                           resolve(&f->resolver, "two.test")),
                              0));
    results = weft_sent(f);
    print_address("one.test", results[0].value);
    print_address("two.test", results[1].value);
    WEFT_TRY_AWAIT(f, resolve(&f->resolver, "none.test"));
    printf("none.test: %s\n", weft_strerror(weft_failed(f)));
    WEFT_TRY_AWAIT(f, resolve(&f->resolver, "silent.test"));
    printf("silent.test, until c-ares gives up: %s\n", weft_strerror(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_wait_for(resolve(&f->resolver, "silent.test"), 0.05));
    printf("silent.test, for a moment: %s\n", weft_strerror(weft_failed(f)));
    WEFT_TRY_AWAIT(f, resolve(&f->resolver, "two..dots"));
    printf("a name that is none: %s\n", weft_strerror(weft_failed(f)));
    printf("c-ares was called %d times and called back %d times, %s for a cancel\n", seen.calls,
           seen.answers, seen.cancelled == 1 ? "once" : "not once");
    WEFT_FINALLY(f);
    resolver_stop(&f->resolver);
    dns_server_stop(&f->server);
    printf("when it was closed it had %d sockets\n", f->resolver.sockets ? 1 : 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
