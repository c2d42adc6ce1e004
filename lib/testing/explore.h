/* testing/explore.h - what a search is inside: explore.c, its schedules as text, its reduction, its shrinking. */
#ifndef WEFT_TESTING_EXPLORE_H
#define WEFT_TESTING_EXPLORE_H

#include <weft/testing.h>

#include "core/round.h"

enum {
    WEFT__EXPLORE_TASKS = 16,
    WEFT__EXPLORE_POINTS = 20000 /* a run that has more does not end */
};

/* What is chosen at a point, besides a cancel. */
enum weft__point_kind {
    WEFT__POINT_STEP, /* which of the ready ones goes on */
    WEFT__POINT_TIME, /* nothing is ready: time passes */
    WEFT__POINT_ON    /* a cancel has made something ready meanwhile: that goes on */
};

/* The options of a point are its steps, of which the other kinds have one, and then the cancels. */
struct weft__point {
    uint8_t kind;
    uint8_t task; /* a cancel was chosen: whose */
    uint16_t choice;
    uint16_t options;
    uint16_t steps;
};

/* What stands in a schedule; and a schedule that is read: the word at hand, which stands `left` times, and the text
 * behind it. */
enum weft__word { WEFT__WORD_STEP, WEFT__WORD_CANCEL, WEFT__WORD_TIME, WEFT__WORD_NONE };
struct weft__script {
    const char *rest; /* NULL: there is none, this is a search */
    enum weft__word word;
    unsigned long number;
    unsigned long left;
};

struct weft__reducer; /* explore_reduce.c's */

struct weft_explorer {
    struct weft__order order;
    struct weft__hook start;
    const weft_scenario *scenario;
    weft_loop *keeper, *loop;
    weft_task *tasks[WEFT__EXPLORE_TASKS];
    unsigned task_count;
    unsigned cancels_left;
    struct weft__script script;
    struct weft__reducer *reducer; /* NULL: every order is run */
    const struct weft__point
        *plan; /* explore_shrink.c's: the choices of a run, as far as they can be made; or NULL */
    size_t planned;
    struct weft__point *points;
    size_t count, prefix;
    bool is_wrong;
    char wrong[512];
};

/* ---- explore.c ---- */

/* What is wrong in this run; what comes later is often only the consequence, and is left out. */
void weft__explore_wrong(weft_explorer *explorer, const char *format, ...) WEFT_PRINTF(2, 3);
void weft__explore_run(weft_explorer *explorer);
static inline bool weft__point_is_cancel(const struct weft__point *point)
{
    return point->choice >= point->steps;
}
/* The option of a point that is a cancel of this task; 0: there is none. */
static inline unsigned weft__point_cancel(const struct weft__point *point,
                                          const uint8_t *unfinished, unsigned long task)
{
    for (unsigned option = point->steps; option < point->options; option++)
        if (unfinished[option - point->steps] == task)
            return option;
    return 0;
}

/* ---- explore_text.c ---- */

/* Write the run's schedule, without the zeros at its end. */
void weft__schedule_write(const weft_explorer *explorer, char *text, size_t size);
/* The choice that the schedule makes at a point: each word is used where it stands. */
unsigned weft__schedule_choice(weft_explorer *explorer, const struct weft__point *point,
                               const uint8_t *unfinished);
/* The run is over, and so the schedule should be. */
void weft__schedule_end(weft_explorer *explorer);

/* ---- explore_shrink.c ---- */

/* A run is wrong: look for a shorter one that is, in the same way; the explorer has its points and its text then. */
void weft__explore_shrink(weft_explorer *explorer);

/* ---- explore_use.c ---- */

/* What an event used. */
struct weft__footprint {
    struct weft__use_of *uses;
    size_t count;
    bool all; /* and everything else */
};

struct weft__recorder {
    struct weft__use_of *uses;  /* of the run's events, one after the other */
    struct weft__block *blocks; /* by address */
    uint16_t *slots;            /* where the n-th one is */
    size_t use_count;
    uint32_t run, block_count;
    bool unseen;         /* something that cannot be followed was used */
    bool hooked;         /* it turned out that the order of sleeps matters */
    bool ordered_timers; /* it does */
    /* the event that runs: */
    weft_loop *loop; /* NULL: none does */
    struct weft__footprint *footprint;
    const weft_task *task;
    uint32_t first_block; /* later ones are its own */
    uint64_t others;      /* what was ready before it and is no task */
};

/* False: no memory; it is to be closed all the same. */
bool weft__recorder_open(struct weft__recorder *recorder);
void weft__recorder_close(struct weft__recorder *recorder);
/* A run begins; it is over. */
void weft__record_begin(struct weft__recorder *recorder);
void weft__record_end(struct weft__recorder *recorder);
/* The next event's footprint: everything, until it is entered. */
void weft__record_open(const struct weft__recorder *recorder, struct weft__footprint *footprint);
/* An event begins: a step of this node; or a cancel: NULL.  It ends. */
void weft__record_enter(struct weft__recorder *recorder, struct weft__footprint *footprint,
                        weft_loop *loop, struct weft__node *node);
void weft__record_leave(struct weft__recorder *recorder);
/* A step of a task is over, which may lie within another one.  Returns whether it was the one that was entered. */
bool weft__record_stepped(struct weft__recorder *recorder, const weft_task *task);
void weft__record_use(struct weft__recorder *recorder, const void *object, enum weft__use how);
/* Whether the order of two events may matter. */
bool weft__footprints_depend(const struct weft__footprint *a, const struct weft__footprint *b);
/* The bytes of a footprint's uses. */
size_t weft__footprint_size(const struct weft__footprint *footprint);

/* ---- explore_reduce.c ---- */

enum { WEFT__REDUCE_OPTIONS = 64 }; /* of one point; with more of them nothing is left out */

/* NULL without memory. */
struct weft__reducer *weft__reducer_new(void);
void weft__reducer_free(struct weft__reducer *reducer);
/* A run begins; it is over. */
void weft__reduce_begin(struct weft__reducer *reducer);
void weft__reduce_end(struct weft__reducer *reducer);
/* What runs at an option of a point: a task's step, by its number in the loop; the first of the others; a cancel; time. */
enum { WEFT__PROCESS_OTHER, WEFT__PROCESS_TIME, WEFT__PROCESSES };
static inline uint32_t weft__process_task(uint32_t id)
{
    return WEFT__PROCESSES + 2 * id;
}
static inline uint32_t weft__process_cancel(uint32_t index)
{
    return WEFT__PROCESSES + 2 * index + 1;
}
/* The run has come to a point, whose processes these are.  Returns the first choice there, if it is a new one. */
unsigned weft__reduce_point(struct weft__reducer *reducer, size_t place,
                            const struct weft__point *point, const uint32_t *processes);
/* What was chosen there begins: a step of this node; or a cancel: NULL.  The recorder is told when it is over. */
void weft__reduce_enter(struct weft__reducer *reducer, weft_loop *loop, struct weft__node *node);
struct weft__recorder *weft__reduce_recorder(struct weft__reducer *reducer);
/* The round is over: what follows cannot come before. */
void weft__reduce_round(struct weft__reducer *reducer);
/* Whether the run has used what cannot be followed: the search begins anew, without this reducer if *lost. */
bool weft__reduce_failed(struct weft__reducer *reducer, bool *lost);
/* Forget all points, to begin anew. */
void weft__reduce_forget(struct weft__reducer *reducer);
/* Make the next list of choices.  False: there is none, or no memory (*error). */
bool weft__reduce_next(struct weft__reducer *reducer, struct weft__point *points, size_t count,
                       size_t *prefix, int *error);

#endif
