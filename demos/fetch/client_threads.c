/* Rung 3 of the documents' ladder: the blocking client, in a pool of threads.
 *
 *     def thread_way():                                           threads_run
 *         workers = 10
 *         with futures.ThreadPoolExecutor(workers) as executor:       pthread_create
 *             futs = {executor.submit(blocking_way)                   work
 *                     for i in range(n)}
 *         return len([fut.result() for fut in futs])                  pthread_join; the rows
 *
 * A thread is cheaper than a process, and memory is shared: each writes its own rows, and the number of the
 * next request is atomic.  Still each request that waits holds a stack, and ten workers wait for ten answers.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include "mode.h"
#include "request.h"

enum { WORKERS = 10 };

struct pool {
    struct batch *batch;
    atomic_size_t next;
};

static void *work(void *arg)
{
    struct pool *pool = arg;
    size_t i;

    while ((i = atomic_fetch_add(&pool->next, 1)) < pool->batch->count)
        request_fetch(&pool->batch->requests[i], blocking_fetch);
    return NULL;
}

int threads_run(struct batch *batch)
{
    struct pool pool = {.batch = batch};
    size_t workers = batch->count < WORKERS ? batch->count : WORKERS, count = 0;
    pthread_t threads[WORKERS];
    int error = 0;

    atomic_init(&pool.next, 0);
    while (count < workers && !error) {
        error = pthread_create(&threads[count], NULL, work, &pool);
        count += error == 0;
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return count > 0 ? 0 : -error; /* fewer than asked for will do, but none won't */
}
