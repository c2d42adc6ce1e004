/* weft/group.h - task groups: children that do not outlive a body.
 *
 *     static weft_step crawl(void *frame)
 *     {
 *         struct crawl *f = frame;
 *
 *         WEFT_BEGIN(f);
 *         f->group = weft_group_new(WEFT_FAIL_FAST);
 *         WEFT_TRY(f);
 *         weft_group_enter(f->group);
 *         for (f->i = 0; f->i < f->count; f->i++)
 *             weft_group_spawn(f->group, WEFT_CALL(fetch, .url = f->urls[f->i]));
 *         WEFT_FINALLY(f);
 *         WEFT_GROUP_EXIT(f, f->group);                     waits for all; raises the first error
 *         WEFT_END(f);
 *     }
 *     cleanup: weft_group_unref(f->group);
 *
 *     NEW --enter--> OPEN --exit------------> EXITING --all children have ended--> ENDED
 *                     |  --a failure, cancel--> STOPPING: children and body are cancelled --exit--> EXITING
 *
 * The task that enters is the owner.  Its body may await whatever it likes while the group is open; a failure in the
 * group cancels what it awaits.  Whoever holds the group may spawn into it: children, too.
 *
 * What a child's failure does is the group's policy.  A child that ends cancelled has not failed.  A failure of the
 * owner's body cancels the children in every policy.
 *
 * Source: asyncio.TaskGroup; trio's nursery for `start`.  What differs: the outcome is the first error and a bounded
 * list, not a tree of exceptions: there is no `except*` in C.
 */
#ifndef WEFT_GROUP_H
#define WEFT_GROUP_H

#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_group weft_group;

enum weft_group_policy {
    WEFT_FAIL_FAST, /* the first failure cancels the siblings and the body, and is the outcome */
    WEFT_COLLECT,   /* the others run on; the first failure is the outcome */
    WEFT_IGNORE     /* the others run on; a failure is reported, and is no outcome: for servers */
};

/* Make a group of the running loop.
 * Ownership: one reference for you.  Never NULL: without memory, or outside of a loop, it is one whose calls answer
 * -ENOMEM or WEFT_ENOTASK.
 * Dropping the last reference before the exit, or the exit's future before it is done, cancels the children;
 * nobody awaits them then, and failures are reported. */
WEFT_API weft_group *weft_group_new(enum weft_group_policy policy) WEFT_NODISCARD;
WEFT_API weft_group *weft_group_ref(weft_group *group);
/* NULL is fine. */
WEFT_API void weft_group_unref(weft_group *group);

/* Open the group, and make the current task its owner.
 * Errors: WEFT_ENOTASK; WEFT_EINVALIDSTATE: entered before; WEFT_EOTHERLOOP; -ENOMEM. */
WEFT_API int weft_group_enter(weft_group *group);

/* Start a child, whose handle nobody needs.
 * Ownership: takes the generator, also when it fails.
 * Errors: WEFT_EINVALIDSTATE: not entered, or ended; WEFT_ESHUTDOWN: it is stopping; -ENOMEM; WEFT_ECLOSED. */
#define weft_group_spawn(group, gen) weft_group_spawn_at((group), WEFT__GEN(gen), WEFT_HERE)
WEFT_API int weft_group_spawn_at(weft_group *group, weft_gen *gen, const char *where);

/* Start a child and get its handle.  The group counts as who reads its failure, unless its policy is WEFT_IGNORE.
 * Errors: never NULL; as weft_group_spawn, as the task's error.
 * Source: TaskGroup.create_task. */
#define weft_group_task(group, gen) weft_group_task_at((group), WEFT__GEN(gen), WEFT_HERE)
WEFT_API weft_task *weft_group_task_at(weft_group *group, weft_gen *gen,
                                       const char *where) WEFT_NODISCARD;

/* The same, with the first step at once (weft_task_new_eager). */
#define weft_group_task_eager(group, gen) \
    weft_group_task_eager_at((group), WEFT__GEN(gen), WEFT_HERE)
WEFT_API weft_task *weft_group_task_eager_at(weft_group *group, weft_gen *gen,
                                             const char *where) WEFT_NODISCARD;

/* Start a child and wait until it says that it is ready: a server that listens, a connection that is up.
 * Result: the value that it gave to weft_group_ready.
 * Errors: the child's, if it ends before; WEFT_EABANDONED: it returned without being ready.  Such a failure
 * is yours alone: the group does not count it.  Or as weft_group_spawn.
 * Cancelled: cancels the child, and ends when that has ended or is ready.  Dropped: cancels it, too; if it fails
 * then, that is the group's.
 * Source: trio's nursery.start. */
#define weft_group_start(group, gen) weft_group_start_at((group), WEFT__GEN(gen), WEFT_HERE)
WEFT_API weft_future *weft_group_start_at(weft_group *group, weft_gen *gen,
                                          const char *where) WEFT_NODISCARD;
/* In the child: say that it is ready.  One that nobody waits for may say so, too: nothing happens.
 * Errors: WEFT_ENOTASK; WEFT_EINVALIDSTATE: said before. */
WEFT_API int weft_group_ready(void *value);

/* End the group without an error: its children and the body are cancelled, and exit gives 0.
 * May be called by the owner, a child or a callback, any number of times, before the exit and during it; each is
 * asked once.  Before enter: the body is cancelled at its first await. */
#define weft_group_cancel(group) weft_group_cancel_at((group), WEFT_HERE)
WEFT_API void weft_group_cancel_at(weft_group *group, const char *where);

/* Wait until all children have ended.  `error` is how the body got here: 0 or its error.  For the owner alone, once.
 * In a body with a FINALLY part, WEFT_GROUP_EXIT does it.
 * The outcome is, in this order: the first failure, of a child or the body; WEFT_ECANCELLED, if the body or the exit
 * was cancelled by others; 0, also after weft_group_cancel.
 * Owner cancelled and a failure: the failure is the outcome, and the owner's next await is cancelled, as long as the
 * request stands (a body that has dealt with it says so by weft_task_uncancel).
 * weft_task_cancelling is afterwards what it was before, but for requests of others.
 * Errors: besides the outcome, WEFT_ENOTOWNER; WEFT_EINVALIDSTATE: not entered, or exited before; -ENOMEM: it could not
 * be made; each only if `error` is none.
 * Cancelled: cancels the children, and ends when they have ended.
 * Source: TaskGroup.__aexit__. */
WEFT_API weft_future *weft_group_exit(weft_group *group, int error) WEFT_NODISCARD;

/* In the FINALLY part: exit with the body's outcome, and let the group's take its place. */
#define WEFT_GROUP_EXIT(f, group) \
    do { \
        WEFT__AWAIT(f, weft_group_exit((group), (f)->outcome.error)); \
        weft_outcome_replace(&(f)->outcome, (f)->gen.error); \
    } while (0)

/* How many children have not ended; one that ends is forgotten in the next round. */
WEFT_API size_t weft_group_size(const weft_group *group);

/* One failure. */
typedef struct weft_group_error {
    char task[32]; /* the name, cut if it is longer */
    int error;
} weft_group_error;

/* The failures, the first ones first: writes up to `size`, returns how many there were in all.  The first 16 are
 * kept.  Good from the first failure until the last unref. */
WEFT_API size_t weft_group_errors(const weft_group *group, weft_group_error *errors, size_t size);

#ifdef __cplusplus
}
#endif
#endif
