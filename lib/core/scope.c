/* scope.c - scopes in a body: deadline, shield, level trigger.
 *
 * A task's scopes are a list from the innermost outwards.  A request to cancel comes from one of them (its
 * deadline) or from outside all, and goes inwards: the first shield on its way keeps it until that is left; the
 * level-triggered scopes that it passed stay cancelled.  The mark WEFT__LEVEL on the task follows from the list, and is
 * computed anew whenever that changes.
 *
 * Invariant: `cancelling` counts the requests that stand.  Each shield counts those that it withholds, and the task's
 * extra has their sum.  The rest has been seen by the body, or is about to be (WEFT__MUST): what asks whose a cancel
 * was compares these alone, because one that waits outside of a shield cannot have caused what happened inside.  (To
 * compare all of them lets a cancel end a cleanup that is shielded, once a deadline in it expires.)
 *
 * A scope that a body forgets to leave is left for it when its frame ends: it lies in that frame.
 */
#include "config.h"

#include <errno.h>

#include "core/loop.h"
#include "core/scope.h"

enum scope_state {
    SCOPE_OUT,
    SCOPE_ACTIVE,
    SCOPE_EXPIRING,
    SCOPE_EXPIRED,
    SCOPE_CANCELLING,
    SCOPE_CANCELLED
};

/* In scope->flags, beside the user's: it lies in no frame of its task's chain, but in one that is driven by hand, say.  When
 * such a frame ends, on whichever C stack, its scopes are looked for in all tasks of the thread. */
enum { STRAY = 1u << 16 };

/* Compute the mark: a level-triggered scope was cancelled, and no shield lies within it. */
static void refresh(struct weft__task *task)
{
    weft_scope *scope = task->extra->scopes;

    task->future.flags &= (uint8_t)~WEFT__LEVEL;
    for (; scope && !scope->stays_cancelled; scope = scope->outer)
        if (scope->flags & WEFT_SCOPE_SHIELD)
            return;
    task->future.flags |= scope ? WEFT__LEVEL : 0;
}

/* ---- requests ------------------------------------------------------------------------------------------- */

unsigned weft__scope_seen(const struct weft__task *task)
{
    return task->future.cancelling - (unsigned)(task->extra ? task->extra->withheld : 0);
}

/* A shield keeps a request that has been counted. */
static void withhold(struct weft__task *task, weft_scope *shield)
{
    if (!weft__scope_seen(task))
        return; /* more than can be counted */
    shield->withheld++;
    task->extra->withheld++;
}

/* A request passes the scopes within `outer`, from there inwards; the same walk for all who ask. */
static const weft_scope *hold(struct weft__task *task, const weft_scope *outer)
{
    weft_scope *shield = NULL;
    weft_scope *scope;

    for (scope = task->extra->scopes; scope && scope != outer; scope = scope->outer)
        if (scope->flags & WEFT_SCOPE_SHIELD)
            shield = scope;
    scope = shield ? shield->outer : task->extra->scopes;
    for (; scope && scope != outer; scope = scope->outer)
        if (scope->flags & WEFT_SCOPE_LEVEL)
            scope->stays_cancelled = true;
    if (shield)
        withhold(task, shield);
    refresh(task);
    return shield;
}

bool weft__scope_hold(struct weft__task *task, weft_scope *asking)
{
    if (!task->extra || !task->extra->scopes)
        return false;
    if (asking && asking->flags & WEFT_SCOPE_LEVEL)
        asking->stays_cancelled = true;
    return hold(task, asking) != NULL;
}

const weft_scope *weft__scope_hold_within(struct weft__task *task, const weft_scope *outer)
{
    return task->extra && task->extra->scopes ? hold(task, outer) : NULL;
}

/* The shield that a request is taken off: `holder`, or (NULL) the outermost that has one, for what the others hold is
 * their scopes', which withdraw it themselves. */
static weft_scope *find_holder(const struct weft__task *task, const weft_scope *holder)
{
    weft_scope *found = NULL;

    if (!task->extra)
        return NULL;
    for (weft_scope *scope = task->extra->scopes; scope; scope = scope->outer)
        if (scope->withheld && (!holder || scope == holder))
            found = scope;
    return found;
}

bool weft__scope_withdraw(struct weft__task *task, const weft_scope *holder)
{
    weft_scope *scope = find_holder(task, holder);

    if (!scope)
        return false;
    scope->withheld--;
    task->extra->withheld--;
    task->future.cancelling--;
    return true;
}

void weft__scope_withdraw_any(struct weft__task *task)
{
    if (weft__scope_seen(task))
        task->future.cancelling--; /* those that the body knows of go first */
    else
        (void)weft__scope_withdraw(task, NULL);
}

/* A shield is left: what it held back is delivered.  No shield around it would hold that, for it goes to the outermost
 * one inside of who asked. */
static void release(struct weft__task *task, weft_scope *shield)
{
    if (shield->withheld)
        task->future.flags |= WEFT__MUST;
    task->extra->withheld -= shield->withheld;
    shield->withheld = 0;
}

/* ---- their life ----------------------------------------------------------------------------------------- */

static void scope_due(weft_loop *loop, struct weft__timer *timer)
{
    (void)loop;
    weft__scope_expire(weft__container_of(timer, weft_scope, timer));
}

static const struct weft__timer_type scope_timer = {.fire = scope_due, .is_deadline = true};

static int arm(weft_scope *scope, double seconds, bool relative)
{
    weft_loop *loop = scope->task->loop;
    int64_t when;
    int error;

    if (seconds == WEFT_NEVER) {
        weft__timer_remove(loop, &scope->timer);
        return 0;
    }
    error = weft__deadline(loop, seconds, relative, &when);
    if (error)
        return error;
    weft__timer_remove(loop, &scope->timer);
    return weft__timer_add(loop, &scope->timer, &scope_timer, when);
}

static bool lies_in(const weft_scope *scope, const weft_gen *gen)
{
    return (const char *)scope >= (const char *)gen &&
           (const char *)scope < (const char *)gen + gen->type->size;
}

/* Whether it lies in one of the frames that the task drives. */
static bool lies_in_chain(const struct weft__task *task, const weft_scope *scope)
{
    const weft_gen *root = task->gen, *gen = root->link;

    while (gen != root && !lies_in(scope, gen))
        gen = gen->link;
    return lies_in(scope, gen);
}

static int enter(weft_scope *scope, double seconds, bool relative, unsigned flags)
{
    struct weft__task *task;
    int error;

    if (!weft__thread.task)
        return WEFT_ENOTASK;
    if (scope->task)
        return WEFT_EINVALIDSTATE;
    task = weft__task(weft__thread.task);
    if (!weft__task_need_extra(task))
        return -ENOMEM;
    *scope = (weft_scope){.task = &task->future, .flags = flags};
    error = arm(scope, seconds, relative);
    if (error) {
        scope->task = NULL;
        return error;
    }
    scope->state = SCOPE_ACTIVE;
    if (!lies_in_chain(task, scope)) {
        scope->flags |= STRAY;
        weft__thread.stray_scopes++;
    }
    scope->outer = task->extra->scopes;
    task->extra->scopes = scope;
    scope->entry_must = (task->future.flags & WEFT__MUST) != 0;
    if (flags & WEFT_SCOPE_SHIELD && scope->entry_must) {
        task->future.flags &= (uint8_t)~WEFT__MUST;
        withhold(task, scope);
    }
    scope->entry_seen = (uint16_t)weft__scope_seen(task);
    refresh(task);
    if (seconds <= (relative ? 0 : weft_loop_time(task->future.loop))) {
        /* Due already: the first await is cancelled, even a sleep(0). */
        weft__timer_remove(task->future.loop, &scope->timer);
        weft__scope_expire(scope);
    }
    return 0;
}

int weft_scope_enter(weft_scope *scope, double seconds, unsigned flags)
{
    return enter(scope, seconds, true, flags);
}

int weft_scope_enter_at(weft_scope *scope, double when, unsigned flags)
{
    return enter(scope, when, false, flags);
}

/* A scope asks its task to cancel. */
static void ask(weft_scope *scope, enum scope_state state, const char *reason, const char *where)
{
    struct weft__task *task = weft__task(scope->task);

    scope->state = state;
    weft__task_count_request(task, reason, where);
    if (!weft__scope_hold(task, scope))
        weft__task_deliver(task);
}

void weft__scope_expire(weft_scope *scope)
{
    ask(scope, SCOPE_EXPIRING, "deadline", scope->task->site);
}

int weft_scope_cancel_at(weft_scope *scope, const char *where)
{
    if (!scope->task)
        return WEFT_EINVALIDSTATE;
    weft__check_thread(scope->task->loop, "weft_scope_cancel");
    weft__loop_use(scope->task->loop, weft__task(scope->task), WEFT__USE_INSIDE);
    if (scope->state != SCOPE_ACTIVE)
        return 0; /* it was asked before */
    weft__timer_remove(scope->task->loop, &scope->timer);
    ask(scope, SCOPE_CANCELLING, "the scope was cancelled", where);
    return 0;
}

/* Take a scope off its task's list; the ones within it that were not left go with it. */
static void take_off(weft_scope *scope)
{
    struct weft__task *task = weft__task(scope->task);
    weft_scope *inner;

    while ((inner = task->extra->scopes) != scope)
        (void)weft_scope_exit(inner, WEFT_ECANCELLED);
    task->extra->scopes = scope->outer;
    weft__thread.stray_scopes -= (scope->flags & STRAY) != 0;
    weft__timer_remove(task->future.loop, &scope->timer);
    refresh(task);
}

/* Whether a request that stood at entry was delivered within: together with the deadline's, as one cancel. */
static bool foreign_delivered(const weft_scope *scope)
{
    return scope->entry_must && !(scope->flags & WEFT_SCOPE_SHIELD) &&
           !(scope->task->flags & WEFT__MUST);
}

/* Its own request ends with it.  The body may be here with another's: returns what becomes of the error. */
static int settle(weft_scope *scope, int error)
{
    struct weft__task *task = weft__task(scope->task);
    bool theirs = foreign_delivered(scope);

    if (weft__scope_seen(task))
        task->future.cancelling--;
    if (weft__scope_seen(task) > scope->entry_seen)
        return error;
    if (!scope->entry_must)
        task->future.flags &= (uint8_t)~WEFT__MUST; /* the body got through before it came */
    if (error != WEFT_ECANCELLED || theirs)
        return error;
    return scope->state == SCOPE_EXPIRING ? WEFT_ETIMEDOUT : 0;
}

int weft_scope_exit(weft_scope *scope, int error)
{
    static const uint8_t after[] = {
        [SCOPE_ACTIVE] = SCOPE_OUT, [SCOPE_EXPIRING] = SCOPE_EXPIRED, [SCOPE_CANCELLING] = SCOPE_CANCELLED};
    weft_future *future = scope->task;

    if (!future)
        return error;
    weft__loop_use(future->loop, weft__task(future), WEFT__USE_INSIDE);
    take_off(scope);
    if (scope->state != SCOPE_ACTIVE)
        error = settle(scope, error);
    scope->state = after[scope->state];
    release(weft__task(future), scope);
    scope->task = NULL;
    return error;
}

static int reschedule(weft_scope *scope, double seconds, bool relative)
{
    if (!scope->task || scope->state != SCOPE_ACTIVE)
        return WEFT_EINVALIDSTATE;
    weft__loop_use(scope->task->loop, weft__task(scope->task), WEFT__USE_INSIDE);
    return arm(scope, seconds, relative);
}

int weft_scope_reschedule(weft_scope *scope, double seconds)
{
    return reschedule(scope, seconds, true);
}

int weft_scope_reschedule_at(weft_scope *scope, double when)
{
    return reschedule(scope, when, false);
}

double weft_scope_when(const weft_scope *scope)
{
    return scope->task && scope->timer.index ? weft__timer_when(scope->task->loop, &scope->timer)
                                             : WEFT_NEVER;
}

bool weft_scope_is_cancelled(const weft_scope *scope)
{
    return scope->state == SCOPE_CANCELLING || scope->state == SCOPE_CANCELLED;
}

bool weft_scope_expired(const weft_scope *scope)
{
    return scope->state == SCOPE_EXPIRING || scope->state == SCOPE_EXPIRED;
}

/* ---- frames that end ------------------------------------------------------------------------------------ */

/* Take a scope out of the middle of its task's list: those within it are not of its frame, and stay. */
static void drop_from(weft_scope **link)
{
    weft_scope *scope = *link;
    struct weft__task *task = weft__task(scope->task);

    *link = scope->outer;
    weft__thread.stray_scopes -= (scope->flags & STRAY) != 0;
    weft__timer_remove(task->future.loop, &scope->timer);
    if (scope->state != SCOPE_ACTIVE)
        weft__scope_withdraw_any(task);
    scope->state = SCOPE_OUT;
    release(task, scope);
    scope->task = NULL;
    refresh(task);
}

/* Leave the scopes of a task that lie in a frame. */
static void unwind_task(struct weft__task *task, weft_gen *gen)
{
    weft_scope **link = &task->extra->scopes;

    while (*link)
        if (!lies_in(*link, gen))
            link = &(*link)->outer;
        else if (link == &task->extra->scopes)
            gen->error = weft_scope_exit(*link, gen->error);
        else
            drop_from(link);
}

/* The frame is driven by hand, and may have entered its scopes in whichever task. */
static weft__noinline void unwind_stray(weft_gen *gen)
{
    pthread_mutex_lock(&weft__loops_mutex);
    for (weft_loop *loop = weft__loops; loop; loop = loop->next_loop)
        for (struct weft__task *task = pthread_equal(loop->thread, pthread_self()) ? loop->tasks
                                                                                   : NULL;
             task; task = task->next)
            if (task->extra)
                unwind_task(task, gen);
    pthread_mutex_unlock(&weft__loops_mutex);
}

void weft__scope_unwind(weft_gen *gen)
{
    struct weft__task *task;
    weft_scope *scope;

    if (weft__unlikely(weft__thread.stray_scopes))
        unwind_stray(gen);
    if (weft__likely(!weft__thread.task || !weft__task(weft__thread.task)->extra))
        return;
    task = weft__task(weft__thread.task);
    while ((scope = task->extra->scopes) && lies_in(scope, gen))
        gen->error = weft_scope_exit(scope, gen->error);
}

void weft__scope_forget(struct weft__task *task)
{
    if (!task->extra)
        return;
    for (weft_scope *scope = task->extra->scopes; scope; scope = scope->outer) {
        weft__timer_remove(task->future.loop, &scope->timer);
        weft__thread.stray_scopes -= (scope->flags & STRAY) != 0;
        scope->state = SCOPE_OUT;
        scope->task = NULL;
    }
    task->extra->scopes = NULL;
    task->extra->withheld = 0;
}
