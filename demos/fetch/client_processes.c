/* Rung 2 of the documents' ladder: the blocking client, in a pool of processes.
 *
 *     def process_way():                                          processes_run
 *         workers = 10
 *         with futures.ProcessPoolExecutor(workers) as executor:      start_worker
 *             futs = {executor.submit(blocking_way)                   take_next
 *                     for i in range(n)}
 *         return len([fut.result() for fut in futs])                  waitpid; the rows
 *
 * The kernel lets one worker run while another waits.  The price is a process for each; and what they find
 * out has to be carried back: here the rows of the record, and the number of the next request, lie in memory
 * that all of them share.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "mode.h"
#include "request.h"

enum { WORKERS = 10 };

static void work(struct batch *batch, atomic_size_t *next)
{
    size_t i;

    while ((i = atomic_fetch_add(next, 1)) < batch->count)
        request_fetch(&batch->requests[i], blocking_fetch);
}

/* Returns its id, or an error. */
static pid_t start_worker(struct batch *batch, atomic_size_t *next)
{
    pid_t pid;

    fflush(NULL); /* or both processes write what is in the buffers */
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        work(batch, next);
        _exit(EXIT_SUCCESS);
    }
    return pid;
}

/* One that was killed leaves a row without an end. */
static void describe_lost(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->requests[i].row->times.at[MARK_ENDED] == 0)
            request_describe(&batch->requests[i], "the worker died", WEFT_EABANDONED);
}

int processes_run(struct batch *batch)
{
    size_t workers = batch->count < WORKERS ? batch->count : WORKERS, count = 0;
    pid_t pids[WORKERS], pid = 0;
    atomic_size_t *next = mmap(NULL, sizeof *next, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (next == MAP_FAILED)
        return -errno;
    atomic_init(next, 0);
    while (count < workers && (pid = start_worker(batch, next)) > 0)
        pids[count++] = pid;
    for (size_t i = 0; i < count; i++)
        while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
            ;
    munmap(next, sizeof *next);
    if (count == 0)
        return pid; /* fewer than asked for will do, but none won't */
    describe_lost(batch);
    return 0;
}
