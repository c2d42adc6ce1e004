/* io/io.h - operations on descriptors, and the two places where they wait.
 *
 * An operation is a future that knows which system call it stands for.  It is tried at once; on EAGAIN it waits
 * in a weft_io or a watch, and is tried again when libevent says so, or once more when it is cancelled: data
 * that has come by then wins.  A stream waits in its weft_io in the same way, without a future for each wait.
 */
#ifndef WEFT_IO_IO_H
#define WEFT_IO_IO_H

#include <sys/stat.h>
#include <weft/io.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "core/loop.h"

enum weft__direction { READING, WRITING };

enum { WEFT__BURST = 256 * 1024 }; /* so much is moved before others have their turn */

enum weft__op_kind { OP_READY, OP_CONNECT, OP_RECV, OP_SEND, OP_ACCEPT };

/* What waits in a weft_io: it is told that something has happened, and tries its call again. */
struct weft__wait {
    const struct weft__wait_type *type;
};
struct weft__wait_type {
    void (*ready)(struct weft__wait *wait, enum weft__direction direction);
    void (*closed)(struct weft__wait *wait, int error); /* the weft_io goes: it waits no longer */
};

/* An operation under way.  Of `io` and `watch`, one is where it waits; both NULL: nowhere any more. */
struct weft__op {
    weft_future future;
    struct weft__wait wait;
    enum weft__op_kind kind;
    enum weft__direction direction;
    weft_io *io;
    struct weft__watch *watch;
    char *bytes;
    size_t left;
    struct weft__timer backoff; /* accept, out of descriptors */
};

/* A loop's descriptors. */
struct weft__ios {
    struct weft__part part;
    weft_io *first;
    struct weft__watch **watches; /* by number */
    int watch_count;
    int known; /* watch.c: tells the kernel's own files apart; -1: not needed yet */
    bool edge_triggered;
    bool is_epoll;
};

/* The first cache line is ours, the other two are libevent's. */
struct weft_io {
    weft_loop *loop;
    weft_io *next; /* all of the loop */
    weft_io **link;
    int fd;
    uint8_t flags;
    bool level;    /* registered level-triggered: reading for good, writing while somebody waits */
    uint8_t added; /* EV_READ, EV_WRITE: what libevent watches */
    uint8_t told;  /* EV_READ, EV_WRITE: what its waits are being told of, on the C stack */
    bool is_pipe;  /* or whatever is no socket */
    uint8_t nagle; /* 2, 1: counts a stream's writes; with the second, Nagle's algorithm goes */
    bool dead;     /* it was closed while it told them */
    bool is_epoll;
    bool paused[2];  /* who waits does not want to know now */
    bool drained[2]; /* the last call found nothing more: no use in trying before libevent says so */
    struct weft__wait *waits[2];
    struct event *write_event; /* level-triggered: writing; made when that first has to wait */
    struct event event;        /* both directions; level-triggered: reading */
};

/* One without a descriptor: what stands for it is watched, and told, by hand. */
struct weft__manual_io {
    weft_io io;
    weft_io_watch *watch;
    void *arg;
    uint8_t ready;          /* EV_READ, EV_WRITE: to be told of */
    struct weft__hook hook; /* in the ready queue as long as there is something to be told */
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
/* Nothing is to be told any more. */
void weft__io_unregister(weft_io *io);
/* Wait for a direction, which nobody does, and be told; errors: as above.  Wait no longer. */
int weft__io_wait(weft_io *io, enum weft__direction direction, struct weft__wait *wait);
void weft__io_leave(weft_io *io, enum weft__direction direction);
/* There may be more, which nobody has asked for yet: tell it again.  Errors: the backend's. */
int weft__io_again(weft_io *io, enum weft__direction direction);
/* pipe.c: write, without a SIGPIPE, whatever it is.  Errors: -errno; -EAGAIN, never -EWOULDBLOCK. */
struct iovec;
ssize_t weft__io_send(weft_io *io, const struct iovec *parts, int count);
/* A read has got less than it asked for. */
static inline void weft__io_short(weft_io *io)
{
    if (io->level)
        io->drained[READING] = true;
}

/* A loop's descriptors: NULL without memory, or if it is closed and had none. */
struct weft__ios *weft__ios(weft_loop *loop);
/* Small writes go out at once (TCP_NODELAY). */
void weft__no_delay(int fd);

/* Flags of weft__io_new, which is weft_io_new with these, too. */
enum {
    WEFT__IO_LEVEL = 2,       /* see io.c */
    WEFT__IO_NONBLOCKING = 4, /* we know that it is: no need to ask */
    WEFT__IO_MANUAL = 8       /* a weft__manual_io; not to be asked for */
};
int weft__io_new(weft_loop *loop, int fd, unsigned flags, weft_io **io);

/* watch.c: a number is given to a weft_io: stale waits on it end. */
void weft__watch_refresh(weft_loop *loop, int fd);
/* The loop closes: see weft__part. */
bool weft__watches_gone(const struct weft__ios *ios);
void weft__watches_forget(struct weft__ios *ios);
void weft__watches_end_waits(struct weft__ios *ios);
void weft__watches_close(struct weft__ios *ios);

#endif
