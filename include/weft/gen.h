/* weft/gen.h - generators: hand-written state machines that yield, and continue where they left off.
 *
 * A generator is a frame (a struct of yours whose first member is a weft_gen) and a body (a function
 * that is called once a step and switches to where it stopped).  Its life:
 *
 *     weft_gen *g = WEFT_CALL(count, .to = 3);              a frame is made; nothing has run
 *     while ((r = weft_gen_send(g, NULL, &value)) > 0)      each send runs to the next yield
 *         use(value);
 *     r is 0 (returned; value is the result) or an error    the body has ended, cleanup has run
 *     weft_gen_close(g);                                    the frame is freed
 *
 *               send            yield                  send, throw
 *     CREATED ---------> RUNNING -----> SUSPENDED ----------------> RUNNING
 *        | throw, close     | return, raise                 (close: ends it too)
 *        v                  v
 *      ENDED <------------- +
 *
 * A generator needs no loop.  A task (weft/task.h) is one way to drive it, weft_gen_send another.
 * What drives a generator owns its frame and frees it at its end: a task and a WEFT_YIELD_FROM do so by
 * themselves, weft_gen_close does it by hand.  It has one owner: once a task or a WEFT_YIELD_FROM has taken it, nobody
 * else may drive, close or take it; that is refused, WEFT_EOWNED.
 *
 * Source: Python's generator objects (PEP 342, PEP 380).  Delegation is a loop here and never C
 * recursion: the root frame knows the innermost one, so that a step costs the same at any depth.
 * Python walks the chain.
 */
#ifndef WEFT_GEN_H
#define WEFT_GEN_H

#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>
#include <weft/language.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_gen weft_gen;
typedef struct weft_gen_type weft_gen_type;
typedef struct weft_future weft_future;

/* What a body's step came to.  A body returns one of the calls below, which make these. */
typedef enum weft_step {
    WEFT_YIELDED,   /* suspended; gen->value goes to whoever drives */
    WEFT_AWAITING,  /* suspended; gen->value is a future, and its reference */
    WEFT_PAUSED,    /* suspended; to be resumed in the loop's next round */
    WEFT_AGAIN,     /* go on at once: the awaited future is already done */
    WEFT_DELEGATED, /* suspended; gen->value is the generator to run until it ends */
    WEFT_RETURNED,  /* ended; gen->value is the result */
    WEFT_RAISED     /* ended; gen->error is the error */
} weft_step;

/* Run the next step of a body.  You implement it.  `frame` is the struct that begins with the weft_gen. */
typedef weft_step weft_resume_fn(void *frame);

/* A place in the source. */
typedef struct weft_site {
    const char *file;
    const char *function;
    int line;
} weft_site;

/* What all frames of one body share.  WEFT_GEN_TYPE writes it. */
struct weft_gen_type {
    size_t struct_size;           /* of this struct, as the program knows it; 0: up to `flags` */
    const char *name;             /* the body's */
    size_t size;                  /* of the frame, in bytes */
    weft_resume_fn *resume;       /* the body */
    void (*cleanup)(void *frame); /* frees what the frame holds; runs once, from any state; or NULL */
    const char *const *states;    /* the explicit form: the states' names, for dumps; or NULL */
    int state_count;              /* how many there are */
    uint32_t flags;               /* 0: there are none yet */
};

/* The first member of every frame. */
struct weft_gen {
    const weft_gen_type *type;
    weft_gen *link;        /* in the root: the innermost frame.  In a delegated one: its parent */
    void *value;           /* in: sent.  out: yielded or returned */
    const weft_site *site; /* where it is suspended; NULL in the explicit form */
    int error;             /* in: thrown.  out: raised */
    int state;             /* the resume point; 0: not started */
    union {
        int32_t finally_state; /* armed: the state to enter at the end; 0: not armed */
        int32_t outcome_at;    /* WEFT__GEN_FINALIZING: where in the frame the outcome waits */
    };
    uint16_t flags;  /* WEFT__GEN_ bits */
    uint8_t running; /* root only: a step is on the C stack */
};

/* How a body ended; a body with a FINALLY part keeps one in its frame, named `outcome`. */
typedef struct weft_outcome {
    void *value;
    void (*destroy)(void *value);
    int error;
} weft_outcome;

enum {
    WEFT__GEN_ALLOCATED = 1,  /* the frame is ours to free */
    WEFT__GEN_ENDED = 2,      /* the body has ended and cleanup has run */
    WEFT__GEN_FINALIZING = 4, /* the FINALLY part was entered: the outcome waits in the frame */
    WEFT__GEN_STARTED = 8,    /* the body has been entered */
    WEFT__GEN_OWNED = 16, /* a task's, or delegated to: nobody else may drive, close or take it */
    WEFT__STATE_FINALLY = -1 /* the written-out form's resume point for FINALLY */
};

/* ---- Making one --------------------------------------------------------------------------------- */

/* Define `name_type`, the type of the body `name` whose frame is `struct name`; designators of
 * weft_gen_type may follow: WEFT_GEN_TYPE(fetch, .cleanup = fetch_cleanup).
 * WEFT_GEN_FORWARD(name) declares it earlier in the same file, for bodies that call each other.
 * A body that other files call is defined with WEFT_GEN_EXPORT, and declared in a header by
 * `extern const weft_gen_type name_type;` and its struct. */
#define WEFT_GEN_TYPE(...) \
    WEFT__LOCAL(const WEFT__GEN_TYPE(__VA_ARGS__, )) \
    WEFT__CHECK_FRAME(__VA_ARGS__, )
#define WEFT_GEN_EXPORT(...) \
    const WEFT__GEN_TYPE(__VA_ARGS__, ); \
    WEFT__CHECK_FRAME(__VA_ARGS__, )
#define WEFT_GEN_FORWARD(name) WEFT__LOCAL_FORWARD(const weft_gen_type name##_type)
#define WEFT__GEN_TYPE(body, ...) \
    weft_gen_type body##_type = {.struct_size = sizeof(weft_gen_type), \
                                 .name = #body, \
                                 .size = sizeof(struct body), \
                                 .resume = body, \
                                 __VA_ARGS__}
#define WEFT__CHECK_FRAME(body, ...) \
    WEFT__STATIC_ASSERT(offsetof(struct body, gen) == 0, \
                        "`weft_gen gen` has to be the first member of struct " #body)

/* Make a generator on the heap: WEFT_CALL(fetch, .host = host, .port = 80).  The rest of the frame is 0.
 * Ownership: yours, until a task or a YIELD_FROM takes it; weft_gen_close frees it.
 * Errors: never NULL.  Without memory the type's cleanup is called on the arguments, as it would be at
 * the body's end, and you get an immortal generator that raises -ENOMEM when it is driven.
 * The frame is copied once: keep large buffers behind a pointer, or use weft_gen_init.
 * C++: see weft/language.h; the frame has no constructors or destructors of its own. */
#define WEFT_CALL(...) WEFT__CALL(__VA_ARGS__, )
#ifdef __cplusplus
#define WEFT__CALL(body, ...) weft__call<struct body>(&body##_type, {.gen = {}, __VA_ARGS__})
#else
#define WEFT__CALL(body, ...) weft_gen_copy(&body##_type, &(struct body){.gen = {0}, __VA_ARGS__})
#endif
/* The same with a frame that is filled in already, `gen` with zeros. */
WEFT_API weft_gen *weft_gen_copy(const weft_gen_type *type, void *frame);

/* Prepare a frame that lies in memory of yours (often inside the caller's frame, so that a whole call
 * tree is one allocation): set its fields first, then call this.
 * Ownership: the memory stays yours and must outlive the generator; cleanup runs all the same. */
WEFT_API void weft_gen_init(weft_gen *gen, const weft_gen_type *type);

/* ---- Driving one by hand ---------------------------------------------------------------------- */

/* Resume a generator with a value and run it to its next yield (Python's send).
 * Returns 1: it yielded, *out is the value (a future that it awaits comes with its reference).
 *         0: it returned, *out is the result.  Below 0: it raised that error, *out is NULL.
 * Errors: -EINVAL: a value for one that has not started; it stays as it was.
 *         WEFT_ERUNNING: it is being run right now, further down the C stack.
 *         WEFT_EOWNED: it is a task's, or another one delegates to it.
 * Resuming it after its end stops the program, with its name. */
WEFT_API int weft_gen_send(weft_gen *gen, void *value, void **out);

/* Raise an error at the yield where it is suspended (Python's throw); the rest as weft_gen_send.
 * One that has not started ends with the error, and its body never runs. `error` is negative. */
WEFT_API int weft_gen_throw(weft_gen *gen, int error, void **out);

/* End a generator and free its frame: WEFT_EGENEXIT is raised where it is suspended (Python's close), in the
 * innermost frame; one that returns instead of passing it on lets its parent go on (Python raises it there,
 * too).
 * Errors: 0, also when it had ended before; WEFT_EINVALIDSTATE: it yielded instead of ending; then
 * it is ended without asking again (its FINALLY part stays unfinished, cleanup runs).  WEFT_ERUNNING, WEFT_EOWNED: as
 * above, and nothing has changed.  Another error is one that it raised meanwhile.  A NULL generator is fine. */
WEFT_API int weft_gen_close(weft_gen *gen);

/* Say whether the body has ended. */
WEFT_API int weft_gen_is_ended(const weft_gen *gen);

/* ---- The explicit form: what a body returns ---------------------------------------------------------- */

/* Yield a value to whoever drives this generator.  In a task that is an error, WEFT_EBADYIELD: a task
 * awaits futures, weft_await. */
static inline weft_step weft_yield(weft_gen *gen, void *value)
{
    gen->value = value;
    return WEFT_YIELDED;
}

/* Give way for exactly one round: everything else that is ready runs first.  Driven by hand, it yields NULL.
 * Source: a bare `yield` in a coroutine, which is what asyncio.sleep(0) does. */
static inline weft_step weft_pause(weft_gen *gen)
{
    gen->value = NULL;
    return WEFT_PAUSED;
}

/* Await a future: on resumption gen->error is its error, or gen->value its result.
 * Suspends: only if the future is not done (or 64 done ones came in a row); else the body is called again
 * in the same step, in the state that it has set.
 * Ownership: takes the reference.  The result is good until the next suspension or the body's end.
 * Cancelled: the future is cancelled first; what its own contract says is undone.
 * Source: `yield from future`, Future.__await__. */
WEFT_API weft_step weft_await(weft_gen *gen, weft_future *future);
#define weft_await(gen, future) weft_await((gen), WEFT__FUTURE(future))

/* Run another generator to its end: on resumption gen->error or gen->value is what it ended with.
 * Ownership: takes it, on every path.
 * Errors: WEFT_EBADYIELD at that point: NULL, this very generator, or one that is running or has ended.
 * WEFT_EOWNED: it is a task's, or somebody delegates to it already; it stays theirs.
 * Source: `yield from generator` (PEP 380). */
static inline weft_step weft_yield_from(weft_gen *gen, weft_gen *child)
{
    gen->value = child;
    return WEFT_DELEGATED;
}
#define weft_yield_from(gen, child) weft_yield_from((gen), WEFT__GEN(child))

/* End with a result. */
static inline weft_step weft_return(weft_gen *gen, void *value)
{
    gen->value = value;
    gen->error = 0;
    return WEFT_RETURNED;
}

/* End with a result that `destroy` frees if nobody takes it.  A caller that gets it through YIELD_FROM
 * has taken it; a task keeps the destructor with its result. */
WEFT_API weft_step weft_return_owned(weft_gen *gen, void *value, void (*destroy)(void *value));

/* End with an error, negative. */
static inline weft_step weft_raise(weft_gen *gen, int error)
{
    gen->value = NULL;
    gen->error = error;
    return WEFT_RAISED;
}

/* End by running off the body: with NULL; or, in the FINALLY part, with the outcome that was under way. */
WEFT_API weft_step weft_end(weft_gen *gen);

/* Arm the FINALLY part: from now on the body, however it ends, continues at `state` first. */
static inline void weft_try(weft_gen *gen, int state)
{
    gen->finally_state = state;
}

/* Enter the FINALLY part: put the outcome aside, in the frame.  weft_end brings it back; an error raised
 * or a value returned in the part replaces it (as in Python), and the one put aside is destroyed. */
WEFT_API void weft_finally(weft_gen *gen, weft_outcome *outcome);

/* Stop the program: the generator was resumed in a state that its body does not have. */
WEFT_API WEFT_NORETURN weft_step weft_gen_bad_state(const weft_gen *gen);

/* In the FINALLY part: end with this error, or (0) with none; a result that was put aside stays if there is none. */
static inline void weft_outcome_replace(weft_outcome *outcome, int error)
{
    if (error && outcome->destroy)
        outcome->destroy(outcome->value);
    if (error) {
        outcome->value = NULL;
        outcome->destroy = NULL;
    }
    outcome->error = error;
}

/* ---- The written-out form: the cases as macros --------------------------------------------------------
 *
 * `f` is the frame.  A resume point is `case __LINE__`: two on one line do not compile.  What is read
 * after a yield must live in the frame: C locals are gone by then.  A yield inside the body's own
 * `switch` does not work: it stops the program when it is resumed.  weft-lint finds both, and results that
 * are kept too long, references that are given away twice, and calls that block the loop.
 */

#define WEFT_BEGIN(f) \
    switch ((f)->gen.state) { \
    default: \
        return weft_gen_bad_state(&(f)->gen); \
    case 0:

/* Running into END returns NULL. */
#define WEFT_END(f) \
    ; \
    } \
    return weft_end(&(f)->gen)

/* Yield to whoever drives; weft_sent(f) is what they sent.  Raises what they threw. */
#define WEFT_YIELD(f, what) \
    do { \
        WEFT__SUSPEND(f); \
        return weft_yield(&(f)->gen, (what)); \
    case __LINE__: \
        WEFT__RAISE_IF(f); \
    } while (0)

/* Await a future; weft_sent(f) is its result.  Raises its error to the caller. */
#define WEFT_AWAIT(f, future) \
    do { \
        WEFT__AWAIT(f, future); \
        WEFT__RAISE_IF(f); \
    } while (0)

/* Await a future and stay in the body: weft_failed(f) is its error or 0. */
#define WEFT_TRY_AWAIT(f, future) \
    do { \
        WEFT__AWAIT(f, future); \
    } while (0)

/* Give way for one round.  Raises a cancel. */
#define WEFT_PAUSE(f) \
    do { \
        WEFT__SUSPEND(f); \
        return weft_pause(&(f)->gen); \
    case __LINE__: \
        WEFT__RAISE_IF(f); \
    } while (0)

/* Run another generator; weft_sent(f) is its result.  Raises its error; the TRY_ form stays. */
#define WEFT_YIELD_FROM(f, child) \
    do { \
        WEFT__DELEGATE(f, child); \
        WEFT__RAISE_IF(f); \
    } while (0)
#define WEFT_TRY_YIELD_FROM(f, child) \
    do { \
        WEFT__DELEGATE(f, child); \
    } while (0)

/* What follows WEFT_FINALLY runs exactly once however the part between the two ends: by return,
 * error or cancel, or by running into it.  It may await.  The frame has a member `weft_outcome outcome`.
 * One without the other does not compile: the names are what the compiler says then. */
#define WEFT_TRY(f) \
    ; \
    enum { WEFT_FINALLY_without_WEFT_TRY = WEFT__STATE_FINALLY }; \
    do { \
        if (0) \
            goto WEFT_TRY_without_WEFT_FINALLY; \
        weft_try(&(f)->gen, WEFT_FINALLY_without_WEFT_TRY); \
    } while (0)
#define WEFT_FINALLY(f) \
    return weft_return(&(f)->gen, NULL); \
    WEFT_TRY_without_WEFT_FINALLY: \
    case WEFT_FINALLY_without_WEFT_TRY: \
    weft_finally(&(f)->gen, &(f)->outcome)

#define WEFT_RETURN(f, what) return weft_return(&(f)->gen, (what))
#define WEFT_RETURN_OWNED(f, what, destroy) return weft_return_owned(&(f)->gen, (what), (destroy))
#define WEFT_RAISE(f, error) return weft_raise(&(f)->gen, (error))

/* The value that the last resume brought; and as the small integer that travelled in it. */
#define weft_sent(f) ((f)->gen.value)
#define weft_sent_int(f) weft_int((f)->gen.value)
/* The error that the last TRY_ resume brought, or 0. */
#define weft_failed(f) ((f)->gen.error)
/* The awaited result, made yours: its destructor will not run, and later readers of the future get NULL. */
#define weft_take(f) weft_gen_take(&(f)->gen)
WEFT_API void *weft_gen_take(weft_gen *gen);

/* Small integers travel in a result's pointer. */
static inline void *weft_from_int(intptr_t number)
{
    return (void *)number;
}
static inline intptr_t weft_int(const void *value)
{
    return (intptr_t)value;
}

#if defined(__GNUC__)
#define WEFT__FALLTHROUGH __attribute__((fallthrough))
#else
#define WEFT__FALLTHROUGH (void)0
#endif
#define WEFT__SUSPEND(f) \
    static const weft_site weft__here = {__FILE__, __func__, __LINE__}; \
    (f)->gen.site = &weft__here; \
    (f)->gen.state = __LINE__
#define WEFT__AWAIT(f, future) \
    WEFT__SUSPEND(f); \
    if (weft_await(&(f)->gen, (future)) == WEFT_AWAITING) \
        return WEFT_AWAITING; \
    WEFT__FALLTHROUGH; \
    case __LINE__: \
        (void)0
#define WEFT__DELEGATE(f, child) \
    WEFT__SUSPEND(f); \
    return weft_yield_from(&(f)->gen, (child)); \
    case __LINE__: \
        (void)0
#define WEFT__RAISE_IF(f) \
    do { \
        if ((f)->gen.error) \
            return weft_raise(&(f)->gen, (f)->gen.error); \
    } while (0)

#ifdef __cplusplus
}

template <class Frame> weft_gen *weft__call(const weft_gen_type *type, Frame frame)
{
    static_assert(std::is_trivially_copyable<Frame>::value,
                  "a frame is copied as bytes: what has a constructor lies behind a pointer");
    return weft_gen_copy(type, &frame);
}
#endif
#endif
