/* a pointer that is read after a yield, in a loop
 * gcc: 'at' may be used uninitialized
 * clang: 'at' is uninitialized when used here
 */
#include <weft.h>

struct words {
    weft_gen gen;
    const char *text, *at;
};

static weft_step words(void *frame)
{
    struct words *f = frame;

    WEFT_BEGIN(f);
#ifdef WRONG
    for (const char *at = f->text; *at; at++)
        WEFT_YIELD(f, weft_from_int(*at));
#else
    for (f->at = f->text; *f->at; f->at++)
        WEFT_YIELD(f, weft_from_int(*f->at));
#endif
    WEFT_END(f);
}
WEFT_GEN_TYPE(words);

weft_gen *make(const char *text);
weft_gen *make(const char *text)
{
    return WEFT_CALL(words, .text = text);
}
