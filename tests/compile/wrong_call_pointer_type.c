/* WEFT_CALL with an argument that points to another type
 * gcc: from incompatible pointer type
 * clang: incompatible pointer types initializing
 */
#include <weft.h>

struct fetch {
    weft_gen gen;
    weft_io *io;
};

static weft_step fetch(void *frame)
{
    struct fetch *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_io_readable(f->io));
    WEFT_END(f);
}
WEFT_GEN_TYPE(fetch);

weft_gen *make(weft_io *io, weft_loop *loop);
weft_gen *make(weft_io *io, weft_loop *loop)
{
#ifdef WRONG
    (void)io;
    return WEFT_CALL(fetch, .io = loop);
#else
    (void)loop;
    return WEFT_CALL(fetch, .io = io);
#endif
}
