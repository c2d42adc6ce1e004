/* explore_shrink.c - a run that is wrong becomes a short one.
 *
 * Delta debugging over the list of choices: one of them is made smaller, the scenario runs again, and if it is wrong in
 * the same way, that run is the new best.  A choice that no longer fits is the first one instead, so each list is a run.
 * Smaller is: fewer detours (choices that are not the first); then cancels that come earlier; then steps nearer to the
 * first come, first served.  When none of these can be made any smaller, the best is a local minimum (1-minimal: no
 * single detour can be left out), which the first run of a depth-first search that is wrong often is not.
 *
 * The same way: the same complaint up to its first colon, behind which stand tasks and numbers.
 */
#include "config.h"

#include <string.h>

#include "base/alloc.h"
#include "testing/explore.h"

enum { ATTEMPTS = 2000 };

struct shrinker {
    weft_explorer *explorer;
    struct weft__point *best, *plan;
    size_t count;   /* of the best; what follows are first choices */
    size_t planned; /* of the plan */
    char wrong[512];
    unsigned attempts;
};

struct cost {
    size_t detours, cancels, steps;
};

static struct cost cost_of(const struct weft__point *points, size_t count)
{
    struct cost cost = {.detours = 0};

    for (size_t i = 0; i < count; i++) {
        bool is_cancel = weft__point_is_cancel(&points[i]);

        cost.detours += points[i].choice != 0;
        cost.cancels += is_cancel ? i + 1 : 0;
        cost.steps += is_cancel ? 0 : points[i].choice;
    }
    return cost;
}

static bool is_less(struct cost a, struct cost b)
{
    if (a.detours != b.detours)
        return a.detours < b.detours;
    if (a.cancels != b.cancels)
        return a.cancels < b.cancels;
    return a.steps < b.steps;
}

static bool is_same_way(const char *a, const char *b)
{
    size_t length = strcspn(a, ":");

    return length == strcspn(b, ":") && memcmp(a, b, length) == 0;
}

/* The run that was made is the best so far. */
static void keep(struct shrinker *self)
{
    const weft_explorer *explorer = self->explorer;

    self->count = explorer->count;
    while (self->count && explorer->points[self->count - 1].choice == 0)
        self->count--;
    memcpy(self->best, explorer->points, self->count * sizeof(*self->best));
    memcpy(self->wrong, explorer->wrong, sizeof(self->wrong));
}

/* Run the plan.  True: it is better, and the new best.  The run without detours was the search's first: it was right. */
static bool try_plan(struct shrinker *self)
{
    weft_explorer *explorer = self->explorer;

    if (cost_of(self->plan, self->planned).detours == 0)
        return false;
    self->attempts++;
    explorer->plan = self->plan;
    explorer->planned = self->planned;
    explorer->is_wrong = false;
    weft__explore_run(explorer);
    if (!explorer->is_wrong || !is_same_way(explorer->wrong, self->wrong) ||
        !is_less(cost_of(explorer->points, explorer->count), cost_of(self->best, self->count)))
        return false;
    keep(self);
    return true;
}

/* Plan the best run without the cancel at `place`; or, at a step, with another choice. */
static void plan_without(struct shrinker *self, size_t place, unsigned choice)
{
    memcpy(self->plan, self->best, self->count * sizeof(*self->plan));
    self->planned = self->count;
    if (weft__point_is_cancel(&self->best[place])) {
        self->planned--;
        memmove(self->plan + place, self->plan + place + 1,
                (self->planned - place) * sizeof(*self->plan));
    } else {
        self->plan[place].choice = (uint16_t)choice;
    }
}

/* Try what makes the choice at a place smaller: none; a cancel: each earlier place; a step: each choice before it. */
static bool shrink_place(struct shrinker *self, size_t place)
{
    struct weft__point point = self->best[place];

    plan_without(self, place, 0);
    if (try_plan(self))
        return true;
    if (!weft__point_is_cancel(&point)) {
        for (unsigned choice = 1; choice < point.choice; choice++) {
            plan_without(self, place, choice);
            if (try_plan(self))
                return true;
        }
        return false;
    }
    for (size_t earlier = 0; earlier < place && self->attempts < ATTEMPTS; earlier++) {
        plan_without(self, place, 0);
        memmove(self->plan + earlier + 1, self->plan + earlier,
                (self->planned - earlier) * sizeof(*self->plan));
        self->plan[earlier] = point;
        self->planned++;
        if (try_plan(self))
            return true;
    }
    return false;
}

static void shrink(struct shrinker *self)
{
    size_t place = 0;

    keep(self);
    while (place < self->count && self->attempts < ATTEMPTS) {
        if (self->best[place].choice && shrink_place(self, place))
            place = 0;
        else
            place++;
    }
}

void weft__explore_shrink(weft_explorer *explorer)
{
    size_t size = WEFT__EXPLORE_POINTS * sizeof(*explorer->points);
    struct shrinker self = {
        .explorer = explorer, .best = weft__alloc(size), .plan = weft__alloc(size)};

    weft__reducer_free(explorer->reducer);
    explorer->reducer = NULL;
    explorer->prefix = 0;
    if (self.best && self.plan) {
        shrink(&self);
        memcpy(explorer->points, self.best, self.count * sizeof(*self.best));
        memcpy(explorer->wrong, self.wrong, sizeof(self.wrong));
        explorer->count = self.count;
        explorer->is_wrong = true;
    }
    weft__free(self.best, size);
    weft__free(self.plan, size);
}
