/* sync_bodies.h - a body that plays a script on a lock, a condition, ...: what all suites on them use.
 *
 * A script is a string of letters, each of which is said when it is done, with the actor's name: "aA aR".
 * One that fails says its error, "aA!WEFT_ECANCELLED", and ends the actor, unless a '?' follows it.
 *
 *     A R     acquire and release the lock            W N B   condition: wait, notify one, all
 *     P V     semaphore: acquire, release             E S C   event: wait, set, clear
 *     Y       barrier: wait ("aY=0")                  0 - 9   sleep so many seconds
 *     U       condition: wait until it is `ready`     !       set `ready`
 *     X       cancel itself
 */
#ifndef WEFT_TESTS_SYNC_BODIES_H
#define WEFT_TESTS_SYNC_BODIES_H

#include "support/harness.h"

static weft_lock *the_lock;
static weft_condition *condition;
static weft_semaphore *semaphore;
static weft_event *event;
static weft_barrier *barrier;
static bool ready;
static int last_error; /* of a letter */

struct actor {
    weft_gen gen;
    const char *name;
    const char *script;
    weft_future *future; /* what the letter gave, until it is awaited */
    int error;
};

static bool is_ready(void *arg)
{
    (void)arg;
    return ready;
}

/* Do what a letter says: the future to be awaited is in the frame, or else the error. */
static void act(struct actor *f)
{
    f->error = 0;
    f->future = NULL;
    switch (*f->script) {
    case 'A':
        f->future = weft_lock_acquire(the_lock);
        break;
    case 'R':
        f->error = weft_lock_release(the_lock);
        break;
    case 'W':
        f->future = weft_condition_wait(condition);
        break;
    case 'N':
        f->error = weft_condition_notify(condition, 1);
        break;
    case 'B':
        f->error = weft_condition_notify(condition, SIZE_MAX);
        break;
    case 'P':
        f->future = weft_semaphore_acquire(semaphore);
        break;
    case 'V':
        f->error = weft_semaphore_release(semaphore);
        break;
    case 'E':
        f->future = weft_event_wait(event);
        break;
    case 'S':
        f->error = weft_event_set(event);
        break;
    case 'C':
        f->error = weft_event_clear(event);
        break;
    case 'Y':
        f->future = weft_barrier_wait(barrier);
        break;
    case '!':
        ready = true;
        break;
    case 'X':
        weft_future_cancel(weft_current_task(), "itself");
        break;
    default:
        f->future = weft_sleep(NULL, *f->script - '0');
    }
}

/* Say what came of a letter.  Returns the error that ends the actor, or 0. */
static int acted(struct actor *f)
{
    char letter = *f->script;
    bool caught = f->script[1] == '?';

    if (f->error) {
        last_error = f->error;
        say("%s%c!%s", f->name, letter, weft_errname(f->error));
    } else if (letter == 'Y') {
        say("%sY=%d", f->name, (int)weft_sent_int(f));
    } else {
        say("%s%c", f->name, letter);
    }
    f->script += caught ? 2 : 1;
    return caught ? 0 : f->error;
}

static weft_step actor(void *frame)
{
    struct actor *f = frame;
    int error;

    WEFT_BEGIN(f);
    while (*f->script) {
        if (*f->script == 'U') {
            WEFT_TRY_YIELD_FROM(f, weft_condition_wait_until(condition, is_ready, NULL));
            f->error = weft_failed(f);
        } else {
            act(f);
            if (f->future) {
                WEFT_TRY_AWAIT(f, f->future);
                f->error = weft_failed(f);
            }
        }
        error = acted(f);
        if (error)
            WEFT_RAISE(f, error);
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(actor);

/* Start one; its end is nobody's business, unless it fails. */
static inline weft_task *start(const char *name, const char *script)
{
    return weft_task_new(loop, WEFT_CALL(actor, .name = name, .script = script));
}

/* How an actor, or a future, has ended: its error; takes the reference. */
static inline int ended(weft_task *task)
{
    int error = weft_future_error(task);

    weft_future_unref(task);
    return error;
}

/* Run a few actors to the end of all; how they ended is in the trace. */
static inline void play(const char *const *scripts)
{
    static const char *const names[] = {"a", "b", "c", "d"};

    for (int i = 0; scripts[i]; i++)
        weft_future_unref(start(names[i], scripts[i]));
    run_all();
}
#define PLAY(...) play((const char *const[]){__VA_ARGS__, NULL})

/* A callback that cancels a task. */
static inline void cancel_call(void *task)
{
    say("cancel");
    ck_assert(weft_future_cancel(task, NULL));
}

static inline void cancel_later(weft_task *task, double seconds)
{
    ck_assert_int_eq(weft_call_later(loop, seconds, cancel_call, task, NULL), 0);
}

/* A lock, which the actors use. */
static inline void with_lock(void)
{
    the_lock = weft_lock_new(loop);
}

/* A condition with a lock of its own, which the actors use. */
static inline void with_condition(void)
{
    condition = weft_condition_new(loop, NULL);
    the_lock = weft_condition_lock(condition);
    ready = false;
}

/* Nobody holds the lock, and nobody waits. */
static inline void all_is_free(void)
{
    ck_assert(!weft_lock_is_locked(the_lock));
    weft_condition_unref(condition);
}

#endif
