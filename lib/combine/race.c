/* race.c - the staggered race: start one after the other, until one succeeds.
 *
 *   RUNNING --one succeeds--> WON: the others are cancelled --all ended--> finished, with the winner's value
 *      |    --all have failed---------------------------------------------> failed
 *      +----a cancel--------> asked: all are cancelled      --all ended--> cancelled
 *
 * A winner cannot be recalled: a cancel that comes then waits for the await after it (value first).
 */
#include "config.h"

#include <errno.h>
#include <math.h>

#include <weft/combine.h>

#include "combine/join.h"
#include "core/loop.h"

struct race {
    struct weft__join join;
    struct weft__edge *winner;
    double delay;
    int *errors; /* the caller's, or NULL */
    int error;   /* the first */
};

static struct race *race_of(struct weft__join *join)
{
    return (struct race *)(void *)join;
}

/* Start the next one, and the time until the one after it.  A timer that there is no memory for starts it
 * at once. */
static void start_next(struct race *race)
{
    struct weft__join *join = &race->join;

    weft__timer_remove(weft__join_future(join)->loop, &join->timer);
    while (weft__join_start(join))
        if (join->started == join->count || weft__join_arm(join, race->delay) == 0)
            return;
}

static void race_finish(struct race *race)
{
    weft_future *future = weft__join_future(&race->join);

    weft_future_ref(future); /* destructors may drop the last one */
    weft__timer_remove(future->loop, &race->join.timer);
    if (race->winner)
        weft__join_end_as(&race->join, race->winner);
    else if (race->join.compound.asked)
        weft__future_cancelled(future, future->reason, future->where);
    else
        weft__future_fail(future, race->error);
    weft__join_release_edges(&race->join);
    weft_future_unref(future);
}

static void race_done(struct weft__join *join, struct weft__edge *edge)
{
    struct race *race = race_of(join);
    weft_future *child = edge->child;
    bool open = !race->winner && !join->compound.asked;
    weft_future *future = weft_future_ref(weft__join_future(join)); /* a circle may be broken */
    int error = open ? child->error : child->error ? child->error : WEFT_ECANCELLED;

    child->flags |= WEFT__READ;
    if (race->errors)
        race->errors[edge - join->edges] = error;
    if (open && !error) {
        race->winner = edge;
        weft__timer_remove(future->loop, &join->timer);
        weft__join_cancel_children(join, "another one won", future->site);
    } else if (open) {
        race->error = race->error ? race->error : error;
        start_next(race);
    }
    if (join->left == 0 && !weft__done(future))
        race_finish(race);
    weft_future_unref(future);
}

static void race_expired(struct weft__join *join)
{
    start_next(race_of(join));
}

static bool race_cancel(weft_future *future, const char *reason, const char *where)
{
    struct weft__join *join = weft__join(future);
    bool taken;

    if (race_of(join)->winner)
        return false;
    weft_future_ref(future); /* a circle that is broken lets go of it */
    taken = weft__join_cancel(future, reason, where);
    if (taken)
        weft__timer_remove(future->loop, &join->timer);
    weft_future_unref(future);
    return taken;
}

static const struct weft__join_type race_type = {
    .base = {WEFT__JOIN_TYPE("staggered_race", struct race, race_cancel)},
    .done = race_done,
    .expired = race_expired};

weft_future *weft_staggered_race_at(const char *where, weft_loop *loop, weft_gen *const *calls,
                                    size_t count, double delay, int *errors)
{
    struct weft__join *join = NULL;
    int error = count == 0 || isnan(delay) ? -EINVAL : 0;

    loop = weft__loop_of(loop);
    if (!error && loop->closed)
        error = WEFT_ECLOSED;
    if (!error) {
        join = weft__join_new(loop, &race_type, where);
        error = join ? 0 : -ENOMEM;
    }
    if (error) {
        weft__close_calls(calls, count);
        return weft__failed(loop, error, where);
    }
    if (weft__join_calls(join, calls, count) != 0) {
        weft_future_unref(weft__join_future(join));
        return weft__failed(loop, -ENOMEM, where);
    }
    race_of(join)->delay = delay;
    race_of(join)->errors = errors;
    for (size_t i = 0; errors && i < count; i++)
        errors[i] = WEFT_ECANCELLED;
    start_next(race_of(join));
    return weft__join_future(join);
}
