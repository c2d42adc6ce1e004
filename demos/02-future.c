/* 2. A future: a result that is not there yet.
 *
 *     future = loop.create_future()                   weft_future_new(loop)
 *     future.add_done_callback(on_done)               weft_future_add_done_callback(future, on_done, arg)
 *     loop.call_later(0.1, future.set_result, 42)     weft_call_later(loop, 0.1, produce, future, NULL)
 *     loop.run_until_complete(future)                 weft_run_until_complete(loop, future, NULL)
 *     print(future.result())                          weft_future_result(future, &value)
 *
 * set_result runs nobody's code.  It queues the callbacks, and the loop calls them in its next round, in the
 * order in which they came.
 *
 * It prints:
 *     pending
 *     produce: set the result
 *     produce: done
 *     first callback: 42
 *     second callback: 42
 */
#include <stdio.h>
#include <weft.h>

static void on_done(weft_future *future, void *arg)
{
    void *value;

    if (weft_future_result(future, &value) == 0)
        printf("%s callback: %d\n", (const char *)arg, (int)weft_int(value));
}

static void produce(void *arg)
{
    weft_future *future = arg;

    printf("produce: set the result\n");
    weft_future_set_int(future, 42); /* a small integer travels in the pointer */
    printf("produce: done\n");
}

int main(void)
{
    weft_loop *loop = weft_loop_new(NULL);
    weft_future *future;
    int error;

    if (!loop)
        return 1;
    future = weft_future_new(loop);
    printf("%s\n", weft_future_is_done(future) ? "done" : "pending");
    weft_future_add_done_callback(future, on_done, "first");
    weft_future_add_done_callback(future, on_done, "second");
    weft_call_later(loop, 0.1, produce, future, NULL);

    /* It takes a reference; one more keeps the future for `produce`. */
    error = weft_run_until_complete(loop, weft_future_ref(future), NULL);
    weft_future_unref(future);
    weft_loop_unref(loop);
    return error ? 1 : 0;
}
