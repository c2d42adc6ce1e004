/* core/mailbox.h - what other threads post, and who they are. */
#ifndef WEFT_CORE_MAILBOX_H
#define WEFT_CORE_MAILBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <weft/loop.h>

#include "core/node.h"

/* What another thread posts, in memory of its own; its hook runs on the loop's thread, also at close. */
struct weft__letter {
    struct weft__hook hook;
    struct weft__letter *next;
};

/* What other threads know of a loop, and must hear of its end: in the loop's list, under its lock. */
struct weft__guest {
    struct weft__guest *next, *prev;
    bool listed;
    /* The loop closes; under its lock.  It is in no list any more. */
    void (*closing)(struct weft__guest *guest);
    /* Within fork(2), in the child: other threads are not there.  Under the lock, too. */
    void (*forked)(struct weft__guest *guest);
};

/* A loop's. */
struct weft__mailbox {
    /* under the lock: */
    pthread_mutex_t lock;
    struct weft__letter *posted, *last_posted;
    bool signalled;
    bool gone; /* closed */
    int refs;
    int guests;                     /* threads of ours that may post, and keep the memory */
    struct weft__guest *guest_list; /* those that must hear of the close */
    bool closing;                   /* no more of them */
    bool forsaken;                  /* only guests are left */
    int aside; /* threads that let the loop in first; they wait for `entered` */
    pthread_cond_t entered;
    /* any thread's: */
    atomic_bool shared;     /* refs > 1 */
    atomic_bool collecting; /* the loop wants the lock */
    atomic_bool waits;      /* something is posted and not collected */
    /* the loop's thread's: */
    struct weft__letter *mail, *last_mail; /* collected, not yet fed to the rounds */
    size_t due;  /* letters that guests are going to post: the wake-up is listened to */
    int wake[2]; /* to read, and to write; one and the same where there are eventfds */
};

int weft__mailbox_open(weft_loop *loop);
void weft__mailbox_forked(weft_loop *loop);
/* What a loop is woken through, an eventfd or a pipe: non-blocking, close-on-exec.  fds[0] is to be read, and fds[1] to
 * be written, also from a signal's handler.  Errors: eventfd(2)'s, pipe(2)'s. */
int weft__wake_open(int fds[2]);
void weft__wake_write(int fd);
void weft__wake_close(const int fds[2]);
/* In the child of a fork: others, of the child's own, under the same numbers. */
void weft__wake_renew(const int fds[2]);
void weft__mailbox_collect(weft_loop *loop);
/* Make up to `count` of what was posted ready. */
void weft__mailbox_feed(weft_loop *loop, unsigned count);
/* The loop closes: refuse what comes from now on, and queue what came before; then close the descriptors. */
void weft__mailbox_refuse(weft_loop *loop);
void weft__mailbox_close(weft_loop *loop);
/* The loop is closed: references on futures that other threads have given back since then go. */
void weft__mailbox_late(weft_loop *loop);
/* Nobody looks at it any more. */
void weft__mailbox_destroy(weft_loop *loop);
/* Post a letter from any thread; nothing is allocated.  A guest needs no reference on the loop.
 * Errors: WEFT_ECLOSED, WEFT_EUNSHARED: it was not posted, and is the caller's. */
int weft__mailbox_post(weft_loop *loop, struct weft__letter *letter, bool guest);
/* Begin to be a guest, on any thread that holds the loop; cease, on any. */
void weft__loop_enter_guest(weft_loop *loop);
void weft__loop_leave_guest(weft_loop *loop);
/* Hear of the close, on any thread that holds the loop.  Errors: WEFT_ECLOSED: it closes.  And no longer. */
int weft__guest_enlist(weft_loop *loop, struct weft__guest *guest);
void weft__guest_delist(weft_loop *loop, struct weft__guest *guest);
/* The loop is about to close: all of them hear of it. */
void weft__guests_close(weft_loop *loop);

#endif
