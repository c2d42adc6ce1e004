/* a frame whose weft_gen is not its first member
 * gcc: "`weft_gen gen` has to be the first member of struct nap"
 * clang: "`weft_gen gen` has to be the first member of struct nap"
 */
#include <weft.h>

struct nap {
#ifdef WRONG
    double seconds;
    weft_gen gen;
#else
    weft_gen gen;
    double seconds;
#endif
};

static weft_step nap(void *frame)
{
    struct nap *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    WEFT_END(f);
}
extern const weft_gen_type nap_type;
WEFT_GEN_EXPORT(nap);
