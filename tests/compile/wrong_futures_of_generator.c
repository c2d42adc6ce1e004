/* a generator among WEFT_FUTURES
 * gcc: incompatible type for argument 2 of 'weft__future_not_generator_x8'
 * clang: to parameter of incompatible type 'weft__future_not_generator_arg'
 */
#include <weft.h>

int use(weft_loop *loop, weft_future *a, weft_gen *b);
int use(weft_loop *loop, weft_future *a, weft_gen *b)
{
#ifdef WRONG
    return weft_run_until_complete(loop, weft_gather(loop, WEFT_FUTURES(a, b), 0), NULL);
#else
    return weft_run_until_complete(
        loop, weft_gather(loop, WEFT_FUTURES(a, weft_task_new(loop, b)), 0), NULL);
#endif
}
