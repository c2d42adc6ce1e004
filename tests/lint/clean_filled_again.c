/* Buffers that stand outside a loop and are filled anew in each round; out parameters. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weft.h>

struct pump {
    weft_gen gen;
    weft_gen *source;
    int fd;
};

static weft_step pump(void *frame)
{
    struct pump *f = frame;
    char buffer[256], text[32];
    struct sockaddr address;
    void *value;
    ssize_t n;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_AWAIT(f, weft_readable(NULL, f->fd));
        n = read(f->fd, buffer, sizeof buffer);
        if (n <= 0)
            break;
        snprintf(text, sizeof text, "%zd bytes", n);
        puts(text);
        WEFT_AWAIT(f, weft_writable(NULL, f->fd));
        memset(buffer, 0, sizeof buffer);
        n = write(f->fd, buffer, 1);
    }
    while (weft_gen_send(f->source, NULL, &value) > 0)
        WEFT_YIELD(f, value);
    address.sa_family = AF_UNIX;
    strcpy(address.sa_data, "peer");
    WEFT_RETURN(f, weft_from_int(address.sa_family));
    WEFT_END(f);
}
WEFT_GEN_TYPE(pump);
