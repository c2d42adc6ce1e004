/* a generator in the explicit form's weft_await
 * gcc: incompatible type for argument 1 of 'weft__future_not_generator'
 * clang: to parameter of incompatible type 'weft__future_not_generator_arg'
 */
#include <weft.h>

int use(weft_gen *gen, weft_gen *child);
int use(weft_gen *gen, weft_gen *child)
{
#ifdef WRONG
    return weft_await(gen, child);
#else
    return weft_yield_from(gen, child);
#endif
}
