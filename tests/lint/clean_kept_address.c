/* Addresses that nobody keeps: of what is copied, and of what is used at once. */
#include <string.h>
#include <weft.h>

struct line {
    weft_gen gen;
    size_t size;
    char text[16];
};
extern const weft_gen_type line_type;

size_t measure(void *bytes);
weft_future *lookup(const char *name);
weft_future *either(weft_future **all, int count);

struct talk {
    weft_gen gen;
    weft_io *io;
    char text[16];
};

static weft_step talk(void *frame)
{
    struct talk *f = frame;

    WEFT_BEGIN(f);
    char name[] = "host";
    WEFT_AWAIT(f, lookup(name));
    struct sockaddr address = {.sa_family = AF_UNIX};
    WEFT_AWAIT(f, weft_sock_connect(f->io, &address, sizeof address));
    weft_future *both[] = {weft_sleep(NULL, 1), weft_sleep(NULL, 2)};
    WEFT_AWAIT(f, either(both, 2));
    WEFT_AWAIT(f, weft_sock_sendall(f->io, f->text, sizeof f->text));
    char bytes[8] = "";
    WEFT_YIELD_FROM(f, WEFT_CALL(line, .size = measure(bytes)));
    struct line line = {.size = 1};
    WEFT_YIELD_FROM(f, weft_gen_copy(&line_type, &line));
    WEFT_END(f);
}
WEFT_GEN_TYPE(talk);
