/* The explicit form: each case starts with what is computed before the switch, and nothing else. */
#include <stdio.h>
#include <time.h>
#include <weft.h>

int load(int fd, char *buffer);

struct inner {
    weft_gen gen;
};
struct read_all {
    weft_gen gen;
    weft_gen *child;
    int fd, error;
};

/* START -> READABLE -> (READABLE ...) -> CLOSING -> done */
enum read_state { READ_START, READ_READABLE, READ_CLOSING };

static weft_step read_all(void *frame)
{
    struct read_all *f = frame;
    weft_gen *gen = &f->gen;
    int error = f->gen.error;
    char buffer[128], *at;
    struct timespec now;
    void *value;
    int n;

    switch ((enum read_state)gen->state) {
    case READ_START:
        n = weft_gen_send(f->child, NULL, &value);
        if (n == 0)
            return weft_return(gen, value);
        gen->state = READ_READABLE;
        return weft_await(gen, weft_readable(NULL, f->fd));
    case READ_READABLE:
        if (error)
            return weft_raise(gen, error);
        n = load(f->fd, buffer);
        for (at = buffer; at < buffer + n; at++)
            putchar(*at);
        if (n > 0)
            return weft_await(gen, weft_readable(NULL, f->fd));
        error = weft_gen_send(f->child, NULL, &value);
        if (error < 0)
            return weft_raise(gen, error);
        gen->state = READ_CLOSING;
        return weft_yield_from(gen, value);
    case READ_CLOSING:
        if (error)
            return weft_raise(gen, error);
        now.tv_sec = 0;
        now.tv_nsec = f->fd;
        return weft_return(gen, weft_from_int(now.tv_sec + now.tv_nsec));
    }
    return weft_gen_bad_state(gen);
}
WEFT_GEN_TYPE(read_all);
