/* a future in the explicit form's weft_yield_from
 * gcc: incompatible type for argument 1 of 'weft__generator_not_future'
 * clang: to parameter of incompatible type 'weft__generator_not_future_arg'
 */
#include <weft.h>

int use(weft_gen *gen, weft_future *future);
int use(weft_gen *gen, weft_future *future)
{
#ifdef WRONG
    return weft_yield_from(gen, future);
#else
    return weft_await(gen, future);
#endif
}
