/* peer.h - what the peers in C share.  Each is a program, which tests/bench/echo and fetch start:
 *
 *     peer echo [words]                           listens on 127.0.0.1, says the port, echoes until it is killed
 *     peer fetch [words] PORT CONCURRENT WAVES    says 0 when it is ready, waits for a byte, makes so many
 *                                                 fetches at once, and as many again in the next wave; says
 *                                                 how many bytes have come, and waits to be killed
 *
 * What it says are numbers, a line each, on its output.  A peer that fails ends.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4 */
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a fetch asks; the answer goes to the end of the stream.  The peers in other languages ask the same. */
#define PEER_REQUEST "GET /1k HTTP/1.0\r\nHost: 127.0.0.1\r\nUser-Agent: weft-bench\r\n\r\n"

enum { PEER_REQUEST_SIZE = sizeof(PEER_REQUEST) - 1, PEER_HOSTS = 4, PEER_BUFFER = 4096 };

struct peer_job {
    int port, concurrent, waves;
};

static inline void peer_say(long number)
{
    if (dprintf(STDOUT_FILENO, "%ld\n", number) < 0)
        _exit(1);
}

static inline void peer_fail(const char *what)
{
    perror(what);
    _exit(1);
}

static inline void peer_wait(void)
{
    char byte;

    if (read(STDIN_FILENO, &byte, 1) < 0)
        peer_fail("read");
}

/* A socket that listens; its port has been said. */
static inline int peer_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        peer_fail("listen");
    peer_say(ntohs(address.sin_port));
    return fd;
}

static inline void peer_nodelay(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* Where the fetch with this number goes: 127.0.0.1 to 127.0.0.4 in turn. */
static inline struct sockaddr_in peer_address(int port, int number)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number % PEER_HOSTS));
    return address;
}

/* Run what the command line asks for: `count` words come before the numbers. */
static inline int peer_main(int argc, char **argv, int count, void (*echo)(void),
                            long (*fetch)(const struct peer_job *job))
{
    struct peer_job job;

    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "echo") == 0) {
        echo();
        return 1;
    }
    if (argc != 5 + count)
        return 2;
    job = (struct peer_job){atoi(argv[2 + count]), atoi(argv[3 + count]), atoi(argv[4 + count])};
    peer_say(0);
    peer_wait();
    peer_say(fetch(&job));
    peer_wait();
    return 0;
}

#endif
