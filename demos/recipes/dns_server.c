/* dns_server.c - the name server of the recipes: libevent's, on a socket of its own. */
#include "dns_server.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/util.h>

enum { NO_SUCH_NAME = 3 }; /* in a reply: RFC 1035's RCODE */

static void on_query(struct evdns_server_request *request, void *arg)
{
    static const char *const names[] = {"one.test", "two.test"};
    struct dns_server *server = arg;
    const struct evdns_server_question *question = request->questions[0];
    int result = NO_SUCH_NAME;

    server->count++;
    if (request->nquestions != 1 || strcasecmp(question->name, "silent.test") == 0) {
        evdns_server_request_drop(request);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct in_addr addr = {htonl(0xc0000201 + i)};

        if (strcasecmp(question->name, names[i]) != 0) /* a resolver may mix the cases */
            continue;
        result = 0;
        if (question->type == EVDNS_TYPE_A)
            evdns_server_request_add_a_reply(request, question->name, 1, &addr, 60);
    }
    evdns_server_request_respond(request, result);
}

int dns_server_start(struct dns_server *server, struct event_base *base)
{
    struct sockaddr *addr = (struct sockaddr *)&server->addr;
    socklen_t size = sizeof(server->addr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    *server = (struct dns_server){.addr = {.sin_family = AF_INET}};
    server->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        return -errno;
    if (bind(fd, addr, size) != 0 || getsockname(fd, addr, &size) != 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    evutil_make_socket_nonblocking(fd);
    server->port = evdns_add_server_port_with_base(base, fd, 0, on_query, server);
    if (!server->port)
        close(fd);
    return server->port ? 0 : -ENOMEM;
}

void dns_server_stop(struct dns_server *server)
{
    if (server->port)
        evdns_close_server_port(server->port); /* the socket, too */
    server->port = NULL;
}
