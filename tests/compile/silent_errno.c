/* what the system said: weft.h alone brings the names of errno.h */
#include <weft.h>

struct dial {
    weft_gen gen;
    const char *server;
};

static weft_step dial(void *frame)
{
    struct dial *f = frame;

    WEFT_BEGIN(f);
    if (!f->server)
        WEFT_RAISE(f, -ECONNREFUSED);
    WEFT_END(f);
}
WEFT_GEN_EXPORT(dial);
