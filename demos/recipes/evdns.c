/* evdns as futures: a library whose callback always comes, also after a cancel.
 *
 *     WEFT_AWAIT(f, resolve(f->dns, "one.test"));                      weft_sent(f) is the address
 *     WEFT_TRY_AWAIT(f, weft_wait_for(resolve(...), 0.1));             WEFT_ETIMEDOUT: evdns has been told
 *
 * evdns_cancel_request ends a request with DNS_ERR_CANCEL, later, through the same callback.  So that callback is
 * the last that happens, and frees our record; the done callback does no more than ask.  In between the answer may
 * come for a future that is cancelled already: it is set "unless done".
 *
 * The name server is in the same process (dns_server.h).
 *
 * It prints:
 *     one.test: 192.0.2.1
 *     two.test: 192.0.2.2
 *     none.test: Name or service not known
 *     silent.test, until evdns gives up: Connection timed out
 *     silent.test, for a moment: deadline expired
 *     a task that is cancelled while it waits: cancelled
 *     evdns was called 6 times and called back 6 times, 2 of them for a cancel
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <weft.h>
#include "dns_server.h"

static struct {
    int calls, answers, cancelled;
} seen;

/* ---- the bridge ----------------------------------------------------------------------------------- */

struct lookup {
    struct evdns_base *dns;
    struct evdns_request *request;
    weft_future *future;
};

static int error_of(int result)
{
    if (result == DNS_ERR_NOTEXIST || result == DNS_ERR_NODATA)
        return weft_error_from_gai(EAI_NONAME);
    return result == DNS_ERR_TIMEOUT  ? -ETIMEDOUT
           : result == DNS_ERR_CANCEL ? WEFT_ECANCELLED
                                      : weft_error_from_gai(EAI_FAIL);
}

static void on_cancel(weft_future *future, void *arg) /* the loop calls: nobody wants it any more */
{
    struct lookup *lookup = arg;

    (void)future;
    evdns_cancel_request(lookup->dns, lookup->request); /* on_answer still comes */
}

static void on_answer(int result, char type, int count, int ttl, void *addresses, void *arg)
{
    struct lookup *lookup = arg;

    (void)type, (void)ttl;
    if (result == DNS_ERR_NONE && count > 0)
        weft_future_set_result_unless_done(lookup->future, weft_from_int(*(in_addr_t *)addresses));
    else
        weft_future_set_error_unless_done(lookup->future, error_of(result));
    weft_future_remove_done_callback(lookup->future, on_cancel, lookup); /* it may be queued */
    weft_future_unref(lookup->future);
    free(lookup);
    seen.answers++;
    seen.cancelled += result == DNS_ERR_CANCEL;
}

/* Result: the first address, as a small integer in the net's order. */
static weft_future *resolve(struct evdns_base *dns, const char *name)
{
    weft_future *future = weft_future_new(NULL);
    struct lookup *lookup = calloc(1, sizeof(*lookup));

    if (!lookup || weft_future_add_done_callback(future, on_cancel, lookup) != 0) {
        free(lookup);
        weft_future_set_error_unless_done(future, -ENOMEM);
        return future;
    }
    lookup->dns = dns;
    lookup->future = weft_future_ref(future);
    lookup->request = evdns_base_resolve_ipv4(dns, name, DNS_QUERY_NO_SEARCH, on_answer, lookup);
    if (!lookup->request) /* it does not call back then */
        on_answer(DNS_ERR_UNKNOWN, 0, 0, 0, NULL, lookup);
    seen.calls++;
    return future;
}

/* ---- a program ------------------------------------------------------------------------------------- */

struct ask {
    weft_gen gen;
    struct evdns_base *dns;
};

static weft_step ask(void *frame)
{
    struct ask *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, resolve(f->dns, "silent.test"));
    printf("silent.test has answered\n");
    WEFT_END(f);
}
WEFT_GEN_TYPE(ask);

struct program {
    weft_gen gen;
    weft_outcome outcome;
    struct dns_server server;
    struct evdns_base *dns;
    weft_task *task;
};

/* By default it tells stderr of each server that does not answer. */
static void quiet(int is_warning, const char *text)
{
    (void)is_warning, (void)text;
}

static int dns_start(struct program *f)
{
    struct event_base *base = weft_loop_base(weft_running_loop());
    int error = dns_server_start(&f->server, base);

    if (error)
        return error;
    f->dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!f->dns)
        return -ENOMEM;
    evdns_set_log_fn(quiet);
    evdns_base_set_option(f->dns, "timeout:", "0.3");
    evdns_base_set_option(f->dns, "attempts:", "1");
    return evdns_base_nameserver_sockaddr_add(f->dns, (struct sockaddr *)&f->server.addr,
                                              sizeof(f->server.addr), 0)
               ? -EINVAL
               : 0;
}

static void print_address(const char *name, intptr_t address)
{
    struct in_addr addr = {(in_addr_t)address};

    printf("%s: %s\n", name, inet_ntoa(addr));
}

static weft_step program(void *frame)
{
    struct program *f = frame;
    const weft_result *results;
    int error;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    error = dns_start(f);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_AWAIT(
        f, weft_gather(NULL, WEFT_FUTURES(resolve(f->dns, "one.test"), resolve(f->dns, "two.test")),
                       0));
    results = weft_sent(f);
    print_address("one.test", weft_int(results[0].value));
    print_address("two.test", weft_int(results[1].value));
    WEFT_TRY_AWAIT(f, resolve(f->dns, "none.test"));
    printf("none.test: %s\n", weft_strerror(weft_failed(f)));
    WEFT_TRY_AWAIT(f, resolve(f->dns, "silent.test"));
    printf("silent.test, until evdns gives up: %s\n", weft_strerror(weft_failed(f)));
    WEFT_TRY_AWAIT(f, weft_wait_for(resolve(f->dns, "silent.test"), 0.05));
    printf("silent.test, for a moment: %s\n", weft_strerror(weft_failed(f)));

    f->task = weft_task_new(NULL, WEFT_CALL(ask, .dns = f->dns));
    WEFT_AWAIT(f, weft_sleep(NULL, 0.05));
    weft_future_cancel(f->task, "no longer wanted");
    WEFT_TRY_AWAIT(f, f->task);
    printf("a task that is cancelled while it waits: %s\n", weft_strerror(weft_failed(f)));
    WEFT_AWAIT(f, weft_sleep(NULL, 0.01)); /* evdns calls back for a cancel, but not at once */
    WEFT_FINALLY(f);
    if (f->dns)
        evdns_base_free(f->dns, 0);
    dns_server_stop(&f->server);
    printf("evdns was called %d times and called back %d times, %d of them for a cancel\n",
           seen.calls, seen.answers, seen.cancelled);
    WEFT_END(f);
}
WEFT_GEN_TYPE(program);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
