#define _POSIX_C_SOURCE 200809L
#include "url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <weft.h>

static bool is_port(const char *digits, size_t length)
{
    long port = 0;

    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9' || i >= 5)
            return false;
        port = port * 10 + (digits[i] - '0');
    }
    return port > 0 && port <= 65535;
}

/* What stands in a request's first line must not end it. */
static bool is_printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

/* The parts of "host:port" or "[host]:port", up to `end`.  Returns what is wrong with them, or NULL. */
static const char *split_authority(const char *text, const char *end, const char **host,
                                   size_t *host_length, const char **port, size_t *port_length)
{
    const char *host_end;

    if (memchr(text, '@', (size_t)(end - text)))
        return "a user name is not supported";
    if (*text == '[') {
        *host = text + 1;
        host_end = memchr(text, ']', (size_t)(end - text));
        if (!host_end)
            return "the bracket is not closed";
        text = host_end + 1;
    } else {
        *host = text;
        host_end = memchr(text, ':', (size_t)(end - text));
        text = host_end = host_end ? host_end : end;
    }
    *host_length = (size_t)(host_end - *host);
    if (*host_length == 0)
        return "the host is missing";

    *port = "80";
    *port_length = 2;
    if (text == end || (*text == ':' && text + 1 == end))
        return NULL;
    *port = text + 1;
    *port_length = (size_t)(end - *port);
    if (*text != ':' || !is_port(*port, *port_length))
        return "the port must be a number from 1 to 65535";
    return NULL;
}

bool url_parse(struct url *url, const char *text, const char **problem)
{
    const char *authority, *host = NULL, *port = NULL, *uri, *slash;
    size_t host_length, port_length, uri_length;

    memset(url, 0, sizeof *url);
    if (strncasecmp(text, "http://", 7) != 0) {
        *problem = "it must begin with http://";
        return false;
    }
    if (!is_printable(text)) {
        *problem = "it must not contain blanks or control characters";
        return false;
    }
    authority = text + 7;
    uri = authority + strcspn(authority, "/?#");
    *problem = split_authority(authority, uri, &host, &host_length, &port, &port_length);
    if (*problem)
        return false;
    uri_length = strcspn(uri, "#");
    slash = *uri == '/' ? "" : "/";

    url->text = strdup(text);
    url->host = strndup(host, host_length);
    url->port = strndup(port, port_length);
    url->uri = malloc(strlen(slash) + uri_length + 1);
    if (!url->text || !url->host || !url->port || !url->uri) {
        url_free(url);
        *problem = "out of memory";
        return false;
    }
    strcpy(url->uri, slash);
    strncat(url->uri, uri, uri_length);
    return true;
}

void url_resolve(struct url *url)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    url->error = weft_error_from_gai(getaddrinfo(url->host, url->port, &hints, &url->addresses));
}

void url_free(struct url *url)
{
    free(url->text);
    free(url->host);
    free(url->port);
    free(url->uri);
    if (url->addresses)
        freeaddrinfo(url->addresses);
    memset(url, 0, sizeof *url);
}
