#define _POSIX_C_SOURCE 200809L
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* 1.1, because servers then send the length of what they make up as they go, in chunks. */
static const char get_format[] = "GET %s HTTP/1.1\r\n"
                                 "Host: %s%s%s%s%s\r\n"
                                 "User-Agent: weft-fetch\r\n"
                                 "Accept: */*\r\n"
                                 "Connection: close\r\n"
                                 "\r\n";

int client_init(struct client *client, const struct url *url, struct times *times)
{
    bool is_v6 = strchr(url->host, ':') != NULL;
    bool is_80 = strcmp(url->port, "80") == 0;
    size_t room = sizeof get_format + strlen(url->uri) + strlen(url->host) + strlen(url->port) + 4;

    *client = (struct client){.host = url->host, .port = url->port, .uri = url->uri, .fd = -1};
    client->untried = url->addresses;
    client->deadline = WEFT_NEVER;
    client->times = times;
    client->get = malloc(room);
    if (!client->get)
        return -ENOMEM;
    client->get_size = (size_t)snprintf(client->get, room, get_format, url->uri, is_v6 ? "[" : "",
                                        url->host, is_v6 ? "]" : "", is_80 ? "" : ":",
                                        is_80 ? "" : url->port);
    return 0;
}

void client_free(struct client *client)
{
    client_close(client);
    http_free(&client->response);
    free(client->get);
    client->get = NULL;
}

/* Takes the next address, and closes the socket of the one before. */
static const struct addrinfo *next_address(struct client *client)
{
    const struct addrinfo *a = client->untried;

    client_close(client);
    client->address = a->ai_addr;
    client->address_size = a->ai_addrlen;
    client->untried = a->ai_next;
    return a;
}

int client_socket(struct client *client)
{
    const struct addrinfo *a;
    int error;

    do {
        a = next_address(client);
        error = weft_io_socket(NULL, a->ai_family, a->ai_socktype, a->ai_protocol, &client->io);
    } while (client_has_another(client, error)); /* a machine without IPv6, say */
    return error;
}

int client_plain_socket(struct client *client, bool is_blocking)
{
    const struct addrinfo *a;
    int error;

    do {
        a = next_address(client);
        client->fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        error = client->fd < 0 ? -errno : 0;
    } while (client_has_another(client, error));
    if (!error && (fcntl(client->fd, F_SETFD, FD_CLOEXEC) < 0 ||
                   (!is_blocking && fcntl(client->fd, F_SETFL, O_NONBLOCK) < 0)))
        error = -errno;
    return error;
}

bool client_has_another(const struct client *client, int error)
{
    return error != 0 && error != WEFT_ECANCELLED && error != WEFT_ETIMEDOUT && client->untried;
}

bool client_is_late(const struct client *client)
{
    return clock_now() >= client->deadline;
}

int client_limit(struct client *client)
{
    struct timeval limit;
    double left;

    if (client->deadline == WEFT_NEVER)
        return 0;
    left = client->deadline - clock_now();
    if (left < 1e-6) /* a limit of 0 would be none */
        return WEFT_ETIMEDOUT;
    limit.tv_sec = (time_t)left;
    limit.tv_usec = (suseconds_t)((left - (double)limit.tv_sec) * 1e6);
    if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
        setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
        return -errno;
    return 0;
}

int client_errno(void)
{
    bool is_limit = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS;

    return is_limit ? WEFT_ETIMEDOUT : -errno;
}

int client_received(struct client *client, intptr_t size)
{
    int error;

    mark(client->times, MARK_ANSWERED);
    if (size == 0)
        error = http_end(&client->response);
    else
        error = http_receive(&client->response, client->chunk, (size_t)size);
    client->stop = http_is_complete(&client->response);
    return error;
}

void client_close(struct client *client)
{
    weft_io_close(client->io);
    client->io = NULL;
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}
