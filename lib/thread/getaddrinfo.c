/* getaddrinfo.c - names become addresses, and back: getaddrinfo(3) and getnameinfo(3), in a thread, because they block.
 *
 * The lookup owns copies of all that it looks at, so it can be abandoned.  Numbers are answered at
 * once: asked for nothing but numbers (AI_NUMERICHOST, AI_NUMERICSERV), getaddrinfo neither waits
 * nor asks anybody.
 *
 * Rejected: evdns (neither TCP nor a trust in nsswitch in libevent 2.1); getaddrinfo_a (glibc's
 * alone, with threads of its own).
 */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <weft/executor.h>

#include "base/alloc.h"
#include "core/loop.h"

struct lookup {
    const char *host, *service;   /* in `text`, or NULL */
    const struct addrinfo *hints; /* NULL, or: */
    struct addrinfo copy;
    size_t size;
    char text[];
};

static void free_result(void *result)
{
    if (result)
        freeaddrinfo(result);
}

static void free_lookup(void *arg)
{
    struct lookup *lookup = arg;

    weft__free(lookup, lookup->size);
}

/* The job. */
static int look_up(void *arg, void **result)
{
    const struct lookup *lookup = arg;
    struct addrinfo *list = NULL;
    int eai;

    errno = 0;
    eai = getaddrinfo(lookup->host, lookup->service, lookup->hints, &list);
    if (!eai)
        *result = list;
    return weft_error_from_gai(eai);
}

static const char *append(struct lookup *lookup, size_t *at, const char *text)
{
    char *copy = lookup->text + *at;
    size_t size = text ? strlen(text) + 1 : 0;

    if (!text)
        return NULL;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

/* What counts of the hints; the rest is to be zero. */
static struct addrinfo copy_hints(const struct addrinfo *hints)
{
    return (struct addrinfo){.ai_flags = hints->ai_flags,
                             .ai_family = hints->ai_family,
                             .ai_socktype = hints->ai_socktype,
                             .ai_protocol = hints->ai_protocol};
}

static struct lookup *new_lookup(const char *host, const char *service, const struct addrinfo *hints)
{
    size_t size = sizeof(struct lookup) + (host ? strlen(host) + 1 : 0) +
                  (service ? strlen(service) + 1 : 0);
    struct lookup *lookup = weft__zalloc(size);
    size_t at = 0;

    if (!lookup)
        return NULL;
    lookup->size = size;
    lookup->host = append(lookup, &at, host);
    lookup->service = append(lookup, &at, service);
    if (hints) {
        lookup->copy = copy_hints(hints);
        lookup->hints = &lookup->copy;
    }
    return lookup;
}

/* Answer without a lookup, if it can be.  Returns whether that is the answer; *error is 0, or the
 * error. */
static bool answer_numbers(const char *host, const char *service, const struct addrinfo *hints,
                           struct addrinfo **result, int *error)
{
    struct addrinfo numeric = hints ? copy_hints(hints) : (struct addrinfo){.ai_family = AF_UNSPEC};
    int asked = numeric.ai_flags;
    int eai;

    if (host)
        numeric.ai_flags |= AI_NUMERICHOST;
    if (service)
        numeric.ai_flags |= AI_NUMERICSERV;
    errno = 0;
    eai = getaddrinfo(host, service, &numeric, result);
    *error = weft_error_from_gai(eai);
    return !eai || ((!host || asked & AI_NUMERICHOST) && (!service || asked & AI_NUMERICSERV));
}

weft_future *weft_getaddrinfo(weft_loop *loop, const char *host, const char *service,
                              const struct addrinfo *hints)
{
    weft_job job = {.struct_size = sizeof(job),
                    .run = look_up,
                    .free_arg = free_lookup,
                    .destroy = free_result,
                    .flags = WEFT_ABANDONABLE | WEFT_SLOW};
    struct addrinfo *result = NULL;
    struct lookup *lookup;
    weft_future *future;
    int error;

    loop = weft__loop_of(loop);
    if (loop->closed)
        return weft__failed(loop, WEFT_ECLOSED, NULL);
    if (answer_numbers(host, service, hints, &result, &error)) {
        if (error)
            return weft__failed(loop, error, NULL);
        future = weft_future_new_at(loop, NULL);
        (void)weft_future_set_owned(future, result, free_result); /* it destroys what it refuses */
        return future;
    }
    lookup = new_lookup(host, service, hints);
    if (!lookup)
        return weft__failed(loop, -ENOMEM, NULL);
    job.arg = lookup;
    return weft_run_job(loop, NULL, &job, NULL);
}

/* ---- and back --------------------------------------------------------------------------------- */

struct naming {
    struct sockaddr_storage address;
    socklen_t size;
    int flags;
};

static void free_naming(void *arg)
{
    weft__free(arg, sizeof(struct naming));
}

/* The names in one block.  Errors: -ENOMEM. */
static int make_names(const char *host, const char *service, weft_nameinfo **result)
{
    size_t host_size = strlen(host) + 1, service_size = strlen(service) + 1;
    weft_nameinfo *names = malloc(sizeof(*names) + host_size + service_size);

    if (!names)
        return -ENOMEM;
    names->host = memcpy((char *)(names + 1), host, host_size);
    names->service = memcpy((char *)(names + 1) + host_size, service, service_size);
    *result = names;
    return 0;
}

/* The job. */
static int look_name_up(void *arg, void **result)
{
    const struct naming *naming = arg;
    char host[1025], service[32]; /* NI_MAXHOST, NI_MAXSERV, which not all systems say */
    weft_nameinfo *names = NULL;
    int error;

    errno = 0;
    error = weft_error_from_gai(getnameinfo((const struct sockaddr *)&naming->address, naming->size,
                                            host, sizeof(host), service, sizeof(service),
                                            naming->flags));
    if (!error)
        error = make_names(host, service, &names);
    *result = names;
    return error;
}

weft_future *weft_getnameinfo(weft_loop *loop, const struct sockaddr *addr, socklen_t len, int flags)
{
    weft_job job = {.struct_size = sizeof(job),
                    .run = look_name_up,
                    .free_arg = free_naming,
                    .destroy = free,
                    .flags = WEFT_ABANDONABLE | WEFT_SLOW};
    struct naming naming = {.size = len, .flags = flags}, *copy;
    weft_future *future;
    void *names;
    int error;

    loop = weft__loop_of(loop);
    if (loop->closed)
        return weft__failed(loop, WEFT_ECLOSED, NULL);
    if (len > sizeof(naming.address))
        return weft__failed(loop, -EINVAL, NULL);
    memcpy(&naming.address, addr, len);
    if (flags & NI_NUMERICHOST && flags & NI_NUMERICSERV) {
        error = look_name_up(&naming, &names);
        if (error)
            return weft__failed(loop, error, NULL);
        future = weft_future_new_at(loop, NULL);
        (void)weft_future_set_owned(future, names, free); /* it destroys what it refuses */
        return future;
    }
    copy = weft__alloc(sizeof(*copy));
    if (!copy)
        return weft__failed(loop, -ENOMEM, NULL);
    *copy = naming;
    job.arg = copy;
    return weft_run_job(loop, NULL, &job, NULL);
}
