/* io_priv.h - operations on descriptors, and the two places where they wait.
 *
 * An operation is a future that knows which system call it stands for.  It is tried at once; on EAGAIN it waits
 * in a weft_io or a watch, and is tried again when libevent says so, or once more when it is cancelled: data
 * that has come by then wins.
 */
#ifndef WEFT_IO_PRIV_H
#define WEFT_IO_PRIV_H

#include <sys/stat.h>
#include <weft/io.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "loop_priv.h"

enum weft__direction { READING, WRITING };

enum weft__op_kind { OP_READY, OP_CONNECT, OP_RECV, OP_SEND, OP_ACCEPT };

/* An operation under way.  Of `io` and `watch`, one is where it waits; both NULL: nowhere any more. */
struct weft__op {
    weft_future future;
    enum weft__op_kind kind;
    enum weft__direction direction;
    weft_io *io;
    struct weft__watch *watch;
    char *bytes;
    size_t left;
    struct weft__timer backoff; /* accept, out of descriptors */
};

struct weft_io {
    weft_loop *loop;
    weft_io *next; /* all of the loop */
    weft_io *prev;
    int fd;
    unsigned flags;
    bool registered;
    struct weft__op *ops[2];
    struct event event;
};

/* One direction of a bare descriptor. */
struct weft__side {
    struct event event;
    bool added;
    struct weft__op *op;   /* a one-shot wait, or */
    void (*fn)(void *arg); /* a reader or writer, */
    void *arg;
    struct weft__hook hook; /* which the loop calls */
};

struct weft__watch {
    weft_loop *loop;
    int fd;
    dev_t device; /* the file that the number meant */
    ino_t inode;
    struct weft__side sides[2];
};

/* op.c: make one that waits nowhere yet; NULL without memory. */
struct weft__op *weft__op_new(weft_loop *loop, enum weft__op_kind kind,
                              enum weft__direction direction);
/* Try the call; true if the operation has ended.  It must wait somewhere. */
bool weft__op_try(struct weft__op *op);
/* It waits nowhere any more. */
void weft__op_detach(struct weft__op *op);
/* Its wait has ended without it. */
void weft__op_end(struct weft__op *op, int error);
/* It could not be started: drop it, and give the error as a future. */
weft_future *weft__op_failed(struct weft__op *op, int error);

/* io.c: see to it that libevent wakes what waits.  Errors: what the backend says. */
int weft__io_register(weft_io *io);

/* watch.c: a number is given to a weft_io: stale waits on it end. */
void weft__watch_refresh(weft_loop *loop, int fd);
/* The loop closes: see loop_priv.h. */
bool weft__watches_gone(const weft_loop *loop);
void weft__watches_forget(weft_loop *loop);
void weft__watches_close(weft_loop *loop);

#endif
