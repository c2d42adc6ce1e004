#define _POSIX_C_SOURCE 200809L
#include "select_loop.h"

#include <errno.h>
#include <weft.h>
#include "record.h"

void select_loop_wait(struct select_loop *loop, int fd, bool is_writing, double deadline,
                      select_cb *cb, void *arg)
{
    loop->waiters[fd] = (struct select_waiter){
        .cb = cb, .arg = arg, .deadline = deadline, .round = loop->round};
    FD_SET(fd, is_writing ? &loop->can_write : &loop->can_read);
    if (loop->top <= fd)
        loop->top = fd + 1;
}

/* Forgets the waiter, and then calls it: it may wait anew. */
static void call(struct select_loop *loop, int fd, int error)
{
    struct select_waiter waiter = loop->waiters[fd];

    loop->waiters[fd].cb = NULL;
    FD_CLR(fd, &loop->can_read);
    FD_CLR(fd, &loop->can_write);
    waiter.cb(waiter.arg, error);
}

/* The earliest deadline; *top is set above the last waiter, 0 if there is none. */
static double next_deadline(struct select_loop *loop)
{
    double earliest = WEFT_NEVER;
    int top = 0;

    for (int fd = 0; fd < loop->top; fd++)
        if (loop->waiters[fd].cb) {
            top = fd + 1;
            if (loop->waiters[fd].deadline < earliest)
                earliest = loop->waiters[fd].deadline;
        }
    loop->top = top;
    return earliest;
}

static int wait_for_one(struct select_loop *loop, double deadline, fd_set *read, fd_set *write)
{
    double left = deadline - clock_now();
    struct timeval limit;

    if (left < 0)
        left = 0;
    *read = loop->can_read;
    *write = loop->can_write;
    if (deadline != WEFT_NEVER) {
        limit.tv_sec = (time_t)left;
        limit.tv_usec = (suseconds_t)((left - (double)limit.tv_sec) * 1e6);
    }
    return select(loop->top, read, write, NULL, deadline != WEFT_NEVER ? &limit : NULL);
}

/* Calls those whose time is up, and those that are ready. */
static void call_ready(struct select_loop *loop, const fd_set *read, const fd_set *write)
{
    double now = clock_now();
    int top = loop->top;

    loop->round++;
    for (int fd = 0; fd < top; fd++) {
        /* What select has said is not about one that a callback has just added: the number may have been
         * another's a moment ago. */
        if (!loop->waiters[fd].cb || loop->waiters[fd].round == loop->round)
            continue;
        if (now >= loop->waiters[fd].deadline) /* first: one may be ready for ever */
            call(loop, fd, WEFT_ETIMEDOUT);
        else if (FD_ISSET(fd, read) || FD_ISSET(fd, write))
            call(loop, fd, 0);
    }
}

int select_loop_run(struct select_loop *loop)
{
    fd_set read, write;

    for (;;) {
        double deadline = next_deadline(loop);

        if (loop->top == 0)
            return 0;
        if (wait_for_one(loop, deadline, &read, &write) >= 0)
            call_ready(loop, &read, &write);
        else if (errno != EINTR)
            return -errno;
    }
}
