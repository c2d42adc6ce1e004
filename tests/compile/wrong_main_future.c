/* weft_main of a future: it takes the generator
 * gcc: incompatible type for argument 1 of 'weft__generator_not_future'
 * clang: to parameter of incompatible type 'weft__generator_not_future_arg'
 */
#include <weft.h>

int use(weft_gen *gen, weft_future *future);
int use(weft_gen *gen, weft_future *future)
{
#ifdef WRONG
    return gen ? 1 : weft_main(future);
#else
    return weft_main(future ? NULL : gen);
#endif
}
