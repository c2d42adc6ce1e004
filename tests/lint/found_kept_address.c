/* A local's address given to what runs on while the body is left, though nobody reads it later. */
#include <stdio.h>
#include <string.h>
#include <weft.h>

struct line {
    weft_gen gen;
    char *text;
};
extern const weft_gen_type line_type;

struct talk {
    weft_gen gen;
    weft_io *io;
};

static weft_step talk(void *frame)
{
    struct talk *f = frame;

    WEFT_BEGIN(f);
    char text[] = "hello";
    WEFT_AWAIT(f, weft_sock_sendall(f->io, text, 5)); /* lint: the address of local 'text' */
    {
        char word[8];
        WEFT_TRY_AWAIT(f, weft_sock_recv(f->io, word, 8)); /* lint: the address of local 'word' */
    }
    {
        char name[8] = "";
        WEFT_YIELD_FROM(f, WEFT_CALL(line, .text = name)); /* lint: the address of local 'name' */
    }
    {
        struct line line = {.text = NULL};
        weft_gen_init(&line.gen, &line_type);
        WEFT_YIELD_FROM(f, &line.gen); /* lint: the address of local 'line' */
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(talk);
