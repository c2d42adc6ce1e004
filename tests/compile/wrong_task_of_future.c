/* a task that would drive a future
 * gcc: incompatible type for argument 1 of 'weft__generator_not_future'
 * clang: to parameter of incompatible type 'weft__generator_not_future_arg'
 */
#include <weft.h>

int use(weft_loop *loop, weft_gen *gen, weft_future *future);
int use(weft_loop *loop, weft_gen *gen, weft_future *future)
{
#ifdef WRONG
    return gen ? 1 : weft_spawn(loop, future);
#else
    return weft_spawn(loop, future ? NULL : gen);
#endif
}
