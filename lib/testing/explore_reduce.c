/* explore_reduce.c - partial-order reduction: of the orders that differ in independent steps alone, one is run.
 *
 * Events are the steps of a round and the cancels among them.  Two are DEPENDENT if both use one object, and not in
 * ways that commute (enum weft__use): then their order may matter.  Orders that come from each other by changing places
 * of neighbours that are independent end in the same state; they are one class (a Mazurkiewicz trace), and it is enough
 * to run one of each.  Two techniques see to it, both known from the literature on stateless model checking:
 *
 *   backtrack points   An order is run, and each RACE in it is looked for: dependent events a, b with nothing in between
 *                      that orders them.  So that b comes before a in some run, one that can come first of those that lead
 *                      to b without a becomes an option to be searched at the point before a (source-DPOR: Abdulla,
 *                      Aronis, Jonsson, Sagonas 2014).  Other options are never tried.
 *   sleep sets         What was searched at a point need not be searched again behind the options that come after it,
 *                      until something runs that depends on it (Godefroid 1996).
 *
 * A round is a barrier: a step of the next one cannot come before one of this one.  So races lie within a round.
 *
 * Cancels need not happen; a race with one that did not is not seen.  So each is an option at the last point of a round
 * that offers it, as at the points between rounds; from there races carry it forward to wherever it makes a difference.
 *
 * What an event uses, and why it is sound to say so, stands in explore_use.c.  A run that uses what cannot be followed ends the
 * reduction: the search begins anew, with every order.
 *
 * Rejected: wakeup trees (optimal DPOR), which save the few runs that end asleep; sleep sets across rounds, for cancels
 * that wake nobody: they are few.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "testing/explore.h"

enum {
    PROCESSES = 4 * WEFT__EXPLORE_POINTS,
    EVENTS = 64 /* in a round; in a longer one, every order is run */
};

/* An option that was searched. */
struct searched {
    struct searched *next;
    size_t size;
    uint32_t process;
    struct weft__footprint footprint; /* its uses lie behind this */
};

/* What the reduction knows of a point. */
struct spot {
    uint64_t backtrack; /* options that are to be searched, or were */
    struct searched *searched;
    uint32_t *processes; /* of the options */
    uint32_t count;
    uint32_t round;
    uint32_t chosen; /* the process */
    uint32_t steps;  /* so many of the options; the others are cancels */
    bool redundant;
    struct weft__footprint footprint;
};

struct weft__reducer {
    struct weft__recorder recorder;
    struct spot *spots;
    uint32_t *processes;
    /* of this run: */
    size_t process_count;
    uint32_t round;
    size_t place;   /* of the last point */
    bool redundant; /* all that can go on is asleep: a run like it was made */
    bool unseen;
};

/* ---- life ------------------------------------------------------------------------------------------------- */

struct weft__reducer *weft__reducer_new(void)
{
    struct weft__reducer *reducer = weft__zalloc(sizeof(*reducer));

    if (!reducer)
        return NULL;
    reducer->spots = weft__zalloc(WEFT__EXPLORE_POINTS * sizeof(*reducer->spots));
    reducer->processes = weft__alloc(PROCESSES * sizeof(*reducer->processes));
    if (weft__recorder_open(&reducer->recorder) && reducer->spots && reducer->processes) {
        return reducer;
    }
    weft__reducer_free(reducer);
    return NULL;
}

static void forget_spot(struct spot *spot)
{
    struct searched *searched;

    while ((searched = spot->searched)) {
        spot->searched = searched->next;
        weft__free(searched, searched->size);
    }
}

void weft__reduce_forget(struct weft__reducer *reducer)
{
    for (size_t i = 0; reducer->spots && i < WEFT__EXPLORE_POINTS; i++)
        forget_spot(&reducer->spots[i]);
}

void weft__reducer_free(struct weft__reducer *reducer)
{
    if (!reducer)
        return;
    weft__reduce_forget(reducer);
    weft__free(reducer->spots, WEFT__EXPLORE_POINTS * sizeof(*reducer->spots));
    weft__free(reducer->processes, PROCESSES * sizeof(*reducer->processes));
    weft__recorder_close(&reducer->recorder);
    weft__free(reducer, sizeof(*reducer));
}

/* ---- a run ------------------------------------------------------------------------------------------------ */

void weft__reduce_begin(struct weft__reducer *reducer)
{
    weft__record_begin(&reducer->recorder);
    reducer->process_count = 0;
    reducer->round = 0;
    reducer->redundant = reducer->unseen = false;
}

void weft__reduce_end(struct weft__reducer *reducer)
{
    weft__record_end(&reducer->recorder);
}

struct weft__recorder *weft__reduce_recorder(struct weft__reducer *reducer)
{
    return &reducer->recorder;
}

void weft__reduce_enter(struct weft__reducer *reducer, weft_loop *loop, struct weft__node *node)
{
    weft__record_enter(&reducer->recorder, &reducer->spots[reducer->place].footprint, loop, node);
}

void weft__reduce_round(struct weft__reducer *reducer)
{
    reducer->round++;
}

/* ---- points ----------------------------------------------------------------------------------------------- */

/* Whether a process was searched at an earlier point of the round, and nothing that depends on it has run since. */
static bool is_asleep(const struct weft__reducer *reducer, size_t place, uint32_t process)
{
    const struct spot *spots = reducer->spots;

    for (size_t earlier = place; earlier-- > 0 && spots[earlier].round == spots[place].round;) {
        const struct searched *searched = spots[earlier].searched;
        size_t at = earlier;

        if (spots[earlier].chosen == process)
            return false; /* then it was another event of it */
        while (searched && searched->process != process)
            searched = searched->next;
        if (!searched)
            continue;
        while (at < place && !weft__footprints_depend(&searched->footprint, &spots[at].footprint))
            at++;
        if (at == place)
            return true;
    }
    return false;
}

/* The first option of a point that is awake, from this one on. */
static unsigned first_awake(const struct weft__reducer *reducer, size_t place, unsigned first,
                            unsigned end)
{
    while (first < end && is_asleep(reducer, place, reducer->spots[place].processes[first]))
        first++;
    return first;
}

/* Say what is to be searched at a new point, and what comes first. */
static unsigned open_point(struct weft__reducer *reducer, size_t place,
                           const struct weft__point *point)
{
    struct spot *spot = &reducer->spots[place];
    uint64_t all = UINT64_MAX >> (WEFT__REDUCE_OPTIONS - point->options);
    uint64_t steps = UINT64_MAX >> (WEFT__REDUCE_OPTIONS - point->steps);
    unsigned first = 0;

    if (!reducer->redundant && point->kind == WEFT__POINT_STEP)
        first = first_awake(reducer, place, 0, point->options);
    if (first == point->options) {
        reducer->redundant = true;
        first = 0;
    }
    spot->backtrack = UINT64_C(1) << first;
    spot->steps = point->steps;
    spot->redundant = reducer->redundant;
    if (!spot->redundant && (point->kind != WEFT__POINT_STEP || first >= point->steps))
        spot->backtrack |= all & ~steps;
    return first;
}

unsigned weft__reduce_point(struct weft__reducer *reducer, size_t place,
                            const struct weft__point *point, const uint32_t *processes)
{
    struct spot *spot = &reducer->spots[place];
    uint32_t count = point ? point->options : spot->count;
    unsigned first = 0;

    reducer->place = place;
    weft__record_open(&reducer->recorder, &spot->footprint);
    if (count > WEFT__REDUCE_OPTIONS || reducer->process_count + count > PROCESSES) {
        reducer->unseen = true;
        count = 0;
    }
    spot->processes = reducer->processes + reducer->process_count;
    spot->count = count;
    memcpy(spot->processes, processes, count * sizeof(*processes));
    reducer->process_count += count;
    if (point) {
        spot->round = reducer->round;
        if (count)
            first = open_point(reducer, place, point);
        spot->chosen = count ? processes[first] : WEFT__PROCESS_TIME;
    }
    return first;
}

/* ---- races ------------------------------------------------------------------------------------------------ */

/* The events of a round, and which of them each one follows: not only in time. */
struct round {
    struct spot *events;
    size_t count;
    uint64_t follows[EVENTS];
};

static bool ordered(const struct spot *a, const struct spot *b)
{
    return a->chosen == b->chosen || weft__footprints_depend(&a->footprint, &b->footprint);
}

static bool is_cancel(uint32_t process)
{
    return process >= WEFT__PROCESSES && process & 1;
}

/* The option of a point that this process is; as a bit, or 0. */
static uint64_t option_of(const struct spot *spot, uint32_t process)
{
    for (uint32_t i = 0; i < spot->count; i++)
        if (spot->processes[i] == process)
            return UINT64_C(1) << i;
    return 0;
}

/* Events a and b race: let one that can come first in a run with b before a be searched at a's point.  These are b and
 * those before it that do not follow a; `before_b`: those of them that b follows. */
static void reverse(struct round *round, size_t a, size_t b, uint64_t before_b)
{
    struct spot *spot = &round->events[a];
    uint64_t others = 0, initials = 0, first = 0;

    for (size_t i = a + 1; i <= b; i++) {
        uint64_t option;

        if (i == b ? (before_b & others) != 0 : round->follows[i] >> a & 1)
            continue;
        if (i == b || !(round->follows[i] & others)) {
            option = option_of(spot, round->events[i].chosen);
            initials |= option;
            first = first ? first : option;
        }
        others |= UINT64_C(1) << i;
    }
    if (!(initials & spot->backtrack))
        spot->backtrack |= first ? first : UINT64_MAX >> (WEFT__REDUCE_OPTIONS - spot->count);
}

static void find_races(struct round *round)
{
    for (size_t b = 0; b < round->count; b++) {
        uint64_t follows = 0;

        for (size_t a = b; a-- > 0;) {
            if (follows >> a & 1 || !ordered(&round->events[a], &round->events[b]))
                continue;
            if (round->events[a].chosen != round->events[b].chosen)
                reverse(round, a, b, follows);
            follows |= UINT64_C(1) << a | round->follows[a];
        }
        round->follows[b] = follows;
    }
}

/* Cancels that did not come: let each be searched at the last point of the round that offers it.  From there races
 * carry it to where it makes a difference. */
static void offer_cancels(struct round *round)
{
    for (size_t at = 0; at < round->count; at++) {
        struct spot *spot = &round->events[at];

        if (spot->redundant || is_cancel(spot->chosen))
            continue; /* a cancel did come here, and there may be no other one */
        for (uint32_t i = spot->steps; i < spot->count; i++)
            if (at + 1 == round->count || !option_of(spot + 1, spot->processes[i]))
                spot->backtrack |= UINT64_C(1) << i;
    }
}

/* Too many to be looked at: every order. */
static void reverse_all(struct round *round)
{
    for (size_t i = 0; i < round->count; i++)
        if (round->events[i].count)
            round->events[i].backtrack = UINT64_MAX >>
                                         (WEFT__REDUCE_OPTIONS - round->events[i].count);
}

/* Find the races in all rounds but those that lie before `place`: they are known. */
static void analyze(struct weft__reducer *reducer, size_t place, size_t count)
{
    struct spot *spots = reducer->spots;

    while (place > 0 && place < count && spots[place - 1].round == spots[place].round)
        place--;
    while (place < count) {
        struct round round = {.events = &spots[place]};

        while (place < count && spots[place].round == round.events->round) {
            place++;
            round.count++;
        }
        offer_cancels(&round);
        if (round.count > EVENTS)
            reverse_all(&round);
        else
            find_races(&round);
    }
}

/* ---- the search ------------------------------------------------------------------------------------------- */

bool weft__reduce_failed(struct weft__reducer *reducer, bool *lost)
{
    *lost = reducer->unseen || reducer->recorder.unseen;
    if (!*lost && !reducer->recorder.hooked)
        return false;
    reducer->recorder.ordered_timers = true;
    return true;
}

/* Note what was searched at a point.  False: no memory. */
static bool close_choice(struct spot *spot)
{
    size_t uses = weft__footprint_size(&spot->footprint);
    struct searched *searched = weft__alloc(sizeof(*searched) + uses);

    if (!searched)
        return false;
    *searched = (struct searched){.next = spot->searched,
                                  .size = sizeof(*searched) + uses,
                                  .process = spot->chosen,
                                  .footprint = spot->footprint};
    searched->footprint.uses = (struct weft__use_of *)(void *)(searched + 1);
    memcpy(searched->footprint.uses, spot->footprint.uses, uses);
    spot->searched = searched;
    return true;
}

/* The next option that is to be searched at a point, or their number. */
static unsigned next_option(const struct weft__reducer *reducer, size_t place)
{
    const struct spot *spot = &reducer->spots[place];

    for (unsigned i = 0; i < spot->count; i++) {
        const struct searched *searched = spot->searched;

        while (searched && searched->process != spot->processes[i])
            searched = searched->next;
        if (!searched && spot->backtrack >> i & 1 && !is_asleep(reducer, place, spot->processes[i]))
            return i;
    }
    return spot->count;
}

bool weft__reduce_next(struct weft__reducer *reducer, struct weft__point *points, size_t count,
                       size_t *prefix, int *error)
{
    analyze(reducer, *prefix ? *prefix - 1 : 0, count);
    while (count-- > 0) {
        struct spot *spot = &reducer->spots[count];
        unsigned option;

        if (!close_choice(spot)) {
            *error = -ENOMEM;
            return false;
        }
        option = next_option(reducer, count);
        if (option < spot->count) {
            points[count].choice = (uint16_t)option;
            spot->chosen = spot->processes[option];
            *prefix = count + 1;
            return true;
        }
        forget_spot(spot);
    }
    return false;
}
