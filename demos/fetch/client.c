#define _POSIX_C_SOURCE 200809L
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 1.1, because servers then send the length of what they make up as they go, in chunks. */
static const char get_format[] = "GET %s HTTP/1.1\r\n"
                                 "Host: %s%s%s%s%s\r\n"
                                 "User-Agent: weft-fetch\r\n"
                                 "Accept: */*\r\n"
                                 "Connection: close\r\n"
                                 "\r\n";

int client_init(struct client *client, const struct url *url)
{
    bool is_v6 = strchr(url->host, ':') != NULL;
    bool is_80 = strcmp(url->port, "80") == 0;
    size_t room = sizeof get_format + strlen(url->uri) + strlen(url->host) + strlen(url->port) + 4;

    *client = (struct client){.host = url->host, .port = url->port, .uri = url->uri};
    client->untried = url->addresses;
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

int client_socket(struct client *client)
{
    const struct addrinfo *a;
    int error;

    do {
        a = client->untried;
        client_close(client);
        client->address = a->ai_addr;
        client->address_size = a->ai_addrlen;
        client->untried = a->ai_next;
        error = weft_io_socket(NULL, a->ai_family, a->ai_socktype, a->ai_protocol, &client->io);
    } while (client_has_another(client, error)); /* a machine without IPv6, say */
    return error;
}

bool client_has_another(const struct client *client, int error)
{
    return error != 0 && error != WEFT_ECANCELLED && client->untried;
}

int client_received(struct client *client, intptr_t size)
{
    int error;

    if (client->answered == 0)
        client->answered = weft_loop_time(NULL);
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
}
