/* weft_gather_calls of futures: weft_gather is for them
 * gcc: incompatible type for argument 1 of 'weft__generators_not_futures'
 * clang: to parameter of incompatible type 'weft__generators_not_futures_arg'
 */
#include <weft.h>

int use(weft_loop *loop, weft_future *a, weft_future *b);
int use(weft_loop *loop, weft_future *a, weft_future *b)
{
#ifdef WRONG
    return weft_run_until_complete(loop, weft_gather_calls(loop, WEFT_FUTURES(a, b), 2, 0), NULL);
#else
    return weft_run_until_complete(loop, weft_gather(loop, WEFT_FUTURES(a, b), 0), NULL);
#endif
}
