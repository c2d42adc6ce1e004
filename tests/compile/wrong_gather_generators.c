/* a gather of generators: weft_gather_calls is for them
 * gcc: incompatible type for argument 1 of 'weft__futures_not_generators'
 * clang: to parameter of incompatible type 'weft__futures_not_generators_arg'
 */
#include <weft.h>

int use(weft_loop *loop, weft_gen *a, weft_gen *b);
int use(weft_loop *loop, weft_gen *a, weft_gen *b)
{
#ifdef WRONG
    return weft_run_until_complete(loop, weft_gather(loop, WEFT_CALLS(a, b), 0), NULL);
#else
    return weft_run_until_complete(loop, weft_gather_calls(loop, WEFT_CALLS(a, b), 2, 0), NULL);
#endif
}
