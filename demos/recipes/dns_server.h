/* A name server on loopback, for the recipes that look names up: no query leaves the machine.
 *
 *     one.test, two.test    192.0.2.1, 192.0.2.2
 *     silent.test           no answer
 *     any other             there is no such name
 */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include <netinet/in.h>
#include <event2/event.h>

struct dns_server {
    struct evdns_server_port *port;
    struct sockaddr_in addr; /* where it listens: 127.0.0.1 and a port of its own */
    int count;               /* queries that it got */
};

/* Start it on an event_base.  Returns 0, or -errno; it may be stopped in any case. */
int dns_server_start(struct dns_server *server, struct event_base *base);
void dns_server_stop(struct dns_server *server);

#endif
