/* a task among WEFT_CALLS
 * gcc: incompatible type for argument 1 of 'weft__generator_not_future_x8'
 * clang: to parameter of incompatible type 'weft__generator_not_future_arg'
 */
#include <weft.h>

int use(weft_loop *loop, weft_gen *a, weft_gen *b);
int use(weft_loop *loop, weft_gen *a, weft_gen *b)
{
#ifdef WRONG
    return weft_run_until_complete(
        loop, weft_gather_calls(loop, WEFT_CALLS(weft_task_new(loop, a), b), 2, 0), NULL);
#else
    return weft_run_until_complete(loop, weft_gather_calls(loop, WEFT_CALLS(a, b), 2, 0), NULL);
#endif
}
