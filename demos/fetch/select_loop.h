/* The documents' event loop: select() and a callback for each descriptor.  No weft, no libevent.
 *
 *     def run_until_complete(self):                               select_loop_run
 *         while can_read or can_write:
 *             r, w, _ = select.select(can_read, can_write, [])        select(...)
 *             for fd in r + w:
 *                 can_....pop(fd)()                                   call(fd)
 */
#ifndef FETCH_SELECT_LOOP_H
#define FETCH_SELECT_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/select.h>

/* Be told that a descriptor is ready; error: 0, or WEFT_ETIMEDOUT: its deadline has passed. */
typedef void select_cb(void *arg, int error);

/* One waiter for each descriptor, below FD_SETSIZE: that is select's limit. */
struct select_loop {
    struct select_waiter {
        select_cb *cb; /* NULL: nobody waits */
        void *arg;
        double deadline;
        unsigned long round; /* in which it began to wait */
    } waiters[FD_SETSIZE];
    fd_set can_read, can_write;
    unsigned long round;
    int top; /* above all descriptors that are waited for */
};

/* Call cb(arg, 0) once, as soon as the descriptor is readable or writable.  Zero the loop before the first. */
void select_loop_wait(struct select_loop *loop, int fd, bool is_writing, double deadline,
                      select_cb *cb, void *arg);

/* Run until nobody waits any more.  Returns 0 or an error. */
int select_loop_run(struct select_loop *loop);

#endif
