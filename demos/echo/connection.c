#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "door.h"

int send_all(int fd, const char *bytes, size_t size)
{
    ssize_t n;

    for (; size > 0; bytes += n, size -= (size_t)n) {
        n = send(fd, bytes, size, MSG_NOSIGNAL);
        if (n < 0)
            return -errno;
    }
    return 0;
}

void *connection_new(struct connection **list, int fd, size_t size)
{
    struct connection *c = calloc(1, size);

    if (!c || set_nonblocking(fd) != 0) {
        free(c);
        close(fd);
        return NULL;
    }
    c->fd = fd;
    c->next = *list;
    if (c->next)
        c->next->link = &c->next;
    c->link = list;
    *list = c;
    return c;
}

void connection_free(struct connection *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    close(c->fd);
    free(c);
}

bool connection_is_sending(const struct connection *c)
{
    return c->sent < c->size;
}

static int error_of(ssize_t n)
{
    if (n >= 0)
        return 0;
    return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

int connection_receive(struct connection *c)
{
    ssize_t n = recv(c->fd, c->bytes, sizeof c->bytes, 0);

    if (n <= 0)
        return n == 0 ? -ESHUTDOWN : error_of(n);
    upper(c->bytes, (size_t)n);
    c->size = (size_t)n;
    c->sent = 0;
    return 0;
}

int connection_send(struct connection *c)
{
    ssize_t n = send(c->fd, c->bytes + c->sent, c->size - c->sent, MSG_NOSIGNAL);

    if (n > 0)
        c->sent += (size_t)n;
    if (n >= 0 && connection_is_sending(c))
        return -EAGAIN;
    return error_of(n);
}
