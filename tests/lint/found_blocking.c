/* What blocks the loop: in a body, in what it calls, and in callbacks. */
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weft.h>

struct slow {
    weft_gen gen;
    struct addrinfo *found;
    struct pollfd fds[2];
    struct timeval limit;
    weft_remote *remote;
    sem_t *sem;
    char line[100];
    int fd, pid;
};

static void wait_a_while(void)
{
    struct timespec pause = {.tv_nsec = 1000};
    nanosleep(&pause, NULL); /* lint: nanosleep blocks the loop that runs save */
}
static void save(struct slow *f)
{
    fsync(f->fd); /* lint: fsync blocks the loop that runs slow; weft_run_in_executor does it */
    wait_a_while();
}

static weft_step slow(void *frame)
{
    struct slow *f = frame;

    WEFT_BEGIN(f);
    sleep(1);                                     /* lint: sleep blocks the loop; weft_sleep */
    getaddrinfo("example.org", "80", NULL, &f->found); /* lint: getaddrinfo blocks the loop; weft_g */
    poll(f->fds, 2, -1);                          /* lint: poll blocks the loop; weft_io_readable */
    select(3, NULL, NULL, NULL, &f->limit);       /* lint: select blocks the loop */
    WEFT_AWAIT(f, weft_sleep(NULL, system("ls"))); /* lint: system blocks the loop; weft_process */
    waitpid(f->pid, NULL, 0);                     /* lint: waitpid blocks the loop */
    waitpid(f->pid, NULL, WUNTRACED);             /* lint: waitpid blocks the loop */
    sem_wait(f->sem);                             /* lint: sem_wait blocks the loop; weft_lock */
    flock(f->fd, LOCK_EX);                        /* lint: flock blocks the loop */
    fgets(f->line, 100, stdin);                   /* lint: fgets blocks the loop; weft_open_stdin */
    if (read(STDIN_FILENO, f->line, 100) > 0)     /* lint: read blocks the loop */
        weft_remote_wait(f->remote, WEFT_NEVER, NULL); /* lint: weft_remote_wait blocks the loop */
    save(f);
    WEFT_END(f);
}
WEFT_GEN_TYPE(slow);

static void on_done(weft_future *future, void *arg)
{
    (void)future;
    pthread_join(*(pthread_t *)arg, NULL); /* lint: pthread_join blocks the loop whose callback */
}
int watch(weft_future *future, pthread_t *thread);
int watch(weft_future *future, pthread_t *thread)
{
    return weft_future_add_done_callback(future, on_done, thread);
}
