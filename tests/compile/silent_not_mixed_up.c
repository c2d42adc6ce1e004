/* NULL, void pointers, const arrays and functions' addresses, where generators and futures are told apart */
#include <weft.h>

typedef int (*runs)(weft_loop *loop, weft_future *future, void **value);
typedef weft_step (*awaits)(weft_gen *gen, weft_future *future);

struct all {
    runs run;
    awaits await;
    int (*main)(weft_gen *main);
    weft_step (*yield_from)(weft_gen *gen, weft_gen *child);
};
extern const struct all all;
const struct all all = {weft_run_until_complete, weft_await, weft_main, weft_yield_from};

int use(weft_loop *loop, void *any, weft_future *const *futures, weft_future **others,
        weft_gen *const *calls, weft_gen **more);
int use(weft_loop *loop, void *any, weft_future *const *futures, weft_future **others,
        weft_gen *const *calls, weft_gen **more)
{
    weft_task *const task = weft_task_new(loop, any);

    (void)weft_run_until_complete(loop, task, NULL);
    (void)weft_run_until_complete(loop, NULL, NULL);
    (void)weft_run_until_complete(loop, any, NULL);
    (void)weft_run(NULL, NULL);
    (void)weft_run_until_complete(loop, weft_gather(loop, futures, 2, 0), NULL);
    (void)weft_run_until_complete(loop, weft_gather(loop, others, 2, 0), NULL);
    (void)weft_run_until_complete(loop, weft_gather(loop, NULL, 0, 0), NULL);
    (void)weft_run_until_complete(loop, weft_gather_calls(loop, calls, 2, 1, 0), NULL);
    (void)weft_run_until_complete(loop, weft_gather_calls(loop, more, 2, 1, 0), NULL);
    return weft_run_until_complete(
        loop,
        weft_gather(loop,
                    WEFT_FUTURES(any, weft_sleep(loop, 1), NULL, others[0], futures[0],
                                 weft_shield(weft_wait_for(any, 1)), others[1], others[2],
                                 weft_then(others[3], NULL, NULL, NULL), others[4]),
                    0),
        NULL);
}
