/* a generator run until it is complete: only a task of it can be
 * gcc: incompatible type for argument 1 of 'weft__future_not_generator'
 * clang: to parameter of incompatible type 'weft__future_not_generator_arg'
 */
#include <weft.h>

int use(weft_loop *loop, weft_gen *gen);
int use(weft_loop *loop, weft_gen *gen)
{
#ifdef WRONG
    return weft_run_until_complete(loop, gen, NULL);
#else
    return weft_run_until_complete(loop, weft_task_new(loop, gen), NULL);
#endif
}
