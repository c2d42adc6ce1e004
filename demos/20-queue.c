/* 20. A queue: a producer, two consumers, and a bound that makes the producer wait.
 *
 *     async def producer():
 *         for item in range(1, 6):
 *             await queue.put(item)                       WEFT_PUT(f, f->queue, weft_from_int(f->item));
 *         queue.shutdown()                                weft_queue_shutdown(f->queue, false);
 *
 *     async def consumer(name, pace):
 *         while True:
 *             try: item = await queue.get()               WEFT_TRY_AWAIT(f, weft_queue_get(f->queue));
 *                                                         item = weft_take(f);
 *             except asyncio.QueueShutDown: break         weft_failed(f) == WEFT_ESHUTDOWN
 *             await asyncio.sleep(pace)                   WEFT_AWAIT(f, weft_sleep(NULL, f->pace));
 *
 *     queue = asyncio.Queue(2)                        f->queue = weft_queue_new(NULL, .size = 2);
 *
 * The queue holds two: the producer is never further ahead.  A shutdown lets nothing more in; what is in the
 * queue is still given out, and then whoever asks is told.
 *
 * It prints:
 *     0.0 s: put 1
 *     0.0 s: put 2
 *     0.0 s: quick has got 1
 *     0.0 s: slow has got 2
 *     0.0 s: put 3
 *     0.0 s: put 4
 *     0.2 s: quick has got 3
 *     0.2 s: put 5
 *     0.4 s: quick has got 4
 *     0.5 s: slow has got 5
 *     1.0 s: all have ended
 */
#include <stdio.h>
#include <weft.h>

static double start; /* of the program, on the loop's clock */

struct producer {
    weft_gen gen;
    weft_queue *queue;
    int item;
};

static weft_step producer(void *frame)
{
    struct producer *f = frame;

    WEFT_BEGIN(f);
    for (f->item = 1; f->item <= 5; f->item++) {
        WEFT_PUT(f, f->queue, weft_from_int(f->item)); /* waits while the queue is full */
        printf("%.1f s: put %d\n", weft_loop_time(NULL) - start, f->item);
    }
    weft_queue_shutdown(f->queue, false);
    WEFT_END(f);
}
WEFT_GEN_TYPE(producer);

struct consumer {
    weft_gen gen;
    weft_queue *queue;
    const char *name;
    double pace; /* seconds for an item */
};

static weft_step consumer(void *frame)
{
    struct consumer *f = frame;

    WEFT_BEGIN(f);
    for (;;) {
        WEFT_TRY_AWAIT(f, weft_queue_get(f->queue)); /* waits while it is empty */
        if (weft_failed(f) == WEFT_ESHUTDOWN)
            WEFT_RETURN(f, NULL);
        if (weft_failed(f))
            WEFT_RAISE(f, weft_failed(f));
        printf("%.1f s: %s has got %d\n", weft_loop_time(NULL) - start, f->name,
               (int)weft_int(weft_take(f)));
        WEFT_AWAIT(f, weft_sleep(NULL, f->pace));
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(consumer);

static weft_task *start_consumer(weft_queue *queue, const char *name, double pace)
{
    return weft_task_new(NULL, WEFT_CALL(consumer, .queue = queue, .name = name, .pace = pace));
}

struct program {
    weft_gen gen;
    weft_queue *queue;
};

static weft_step program(void *frame)
{
    struct program *f = frame;
    weft_task *tasks[3];

    WEFT_BEGIN(f);
    start = weft_loop_time(NULL);
    f->queue = weft_queue_new(NULL, .size = 2);
    tasks[0] = weft_task_new(NULL, WEFT_CALL(producer, .queue = f->queue));
    tasks[1] = start_consumer(f->queue, "quick", 0.2);
    tasks[2] = start_consumer(f->queue, "slow", 0.5);
    WEFT_AWAIT(f, weft_gather(NULL, tasks, 3, 0));
    printf("%.1f s: all have ended\n", weft_loop_time(NULL) - start);
    WEFT_END(f);
}

static void program_cleanup(void *frame)
{
    weft_queue_unref(((struct program *)frame)->queue);
}
WEFT_GEN_TYPE(program, .cleanup = program_cleanup);

int main(void)
{
    return weft_main(WEFT_CALL(program));
}
