/* gen.c - driving generators: send, throw, close, and delegation.
 *
 * A root and what it delegates to form a chain.  The root's link is the innermost frame; each other frame's
 * link is the one that delegated to it.  A root that delegates to nothing links to itself:
 *
 *      root ----------------.          weft__gen_run resumes root->link and looks at what came of it:
 *       ^                   |          delegated: the child becomes the innermost
 *     parent <---- innermost <         ended:     its outcome goes to its parent, which becomes the innermost
 *                                      yielded:   out of the loop, to whoever drives
 *
 * A chain is driven at its root alone: every other frame, and a root that a task has taken, is OWNED, and whoever else
 * drives, closes or takes it is refused.
 *
 * What a body returns with a destructor (weft_return_owned) passes through weft__thread.return_destroy: it is set from
 * that return until the driver has taken the value, and NULL otherwise.
 *
 * This is a loop and not a recursion: a resume costs the same at any depth, and depth is bounded by memory.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "core/gen.h"
#include "core/scope.h"
#include "base/thread.h"

static weft_step nomem_resume(void *frame)
{
    return weft_raise(frame, -ENOMEM);
}

static const weft_gen_type nomem_type = {
    .name = "out of memory", .size = sizeof(weft_gen), .resume = nomem_resume};
weft_gen weft__gen_nomem = {.type = &nomem_type};

weft_gen *weft_gen_copy(const weft_gen_type *type, void *frame)
{
    weft_gen *gen = weft__alloc(type->size);

    if (!gen) {
        if (type->cleanup) {
            weft_gen_init(frame, type);
            type->cleanup(frame);
        }
        return &weft__gen_nomem;
    }
    memcpy(gen, frame, type->size);
    weft_gen_init(gen, type);
    gen->flags = WEFT__GEN_ALLOCATED;
    weft__count(WEFT__COUNT_FRAMES, 1);
    return gen;
}

void weft_gen_init(weft_gen *gen, const weft_gen_type *type)
{
    *gen = (weft_gen){.type = type, .link = gen};
}

void weft__gen_free(weft_gen *gen)
{
    if (gen->flags & WEFT__GEN_ALLOCATED) {
        weft__count(WEFT__COUNT_FRAMES, -1);
        weft__free(gen, gen->type->size);
    }
}

/* Where the outcome waits while the FINALLY part runs. */
static weft_outcome *outcome_of(weft_gen *gen)
{
    return (weft_outcome *)(void *)((char *)gen + gen->outcome_at);
}

/* The body has ended, or never will: what its frame holds goes. */
static void frame_end(weft_gen *gen)
{
    void (*returning)(void *) = weft__thread.return_destroy;

    gen->flags |= WEFT__GEN_ENDED;
    if (gen->flags & WEFT__GEN_FINALIZING) {
        weft_outcome *outcome = outcome_of(gen);
        void (*destroy)(void *) = outcome->destroy;

        outcome->destroy = NULL;
        if (destroy)
            destroy(outcome->value);
    }
    if (gen->type->cleanup)
        gen->type->cleanup(gen);
    weft__thread.return_destroy = returning; /* user code may have driven generators of its own */
}

void weft__gen_end_chain(weft_gen *root)
{
    weft_gen *gen = root->link;

    for (; gen != root; gen = gen->link) {
        weft__scope_unwind(gen);
        frame_end(gen);
    }
    weft__scope_unwind(root);
    frame_end(root);
}

/* Free the frames within a root.  One may lie in another that is further out. */
static void free_inner(weft_gen *root)
{
    weft_gen *gen = root->link, *parent;

    for (; gen != root; gen = parent) {
        parent = gen->link;
        weft__gen_free(gen);
    }
    root->link = root;
}

void weft__gen_free_chain(weft_gen *root)
{
    free_inner(root);
    weft__gen_free(root);
}

void weft__gen_abandon(weft_gen *root)
{
    weft__gen_end_chain(root);
    free_inner(root);
}

/* Make what `gen` has delegated to the innermost frame.  One that was driven by hand before, and is
 * suspended deeper, brings its chain along. */
static void delegate(weft_gen *root, weft_gen *gen)
{
    weft_gen *child = gen->value;
    weft_gen *innermost;

    gen->value = NULL;
    gen->error = 0;
    if (child && child->flags & WEFT__GEN_OWNED) {
        gen->error = child == gen ? WEFT_EBADYIELD : WEFT_EOWNED;
        return;
    }
    if (!child || child == gen || child->running || child->flags & WEFT__GEN_ENDED) {
        gen->error = WEFT_EBADYIELD;
        if (child && child != gen && !child->running)
            weft__gen_free(child); /* it was taken, and has ended */
        return;
    }
    if (child == &weft__gen_nomem) {
        gen->error = -ENOMEM;
        return;
    }
    innermost = child->link;
    child->link = gen;
    child->flags |= WEFT__GEN_STARTED | WEFT__GEN_OWNED;
    innermost->value = NULL;
    innermost->error = 0;
    root->link = innermost;
}

/* The innermost frame has ended and is not the root: hand its outcome to its parent. */
static void pop(weft_gen *root, weft_gen *gen)
{
    weft_gen *parent = gen->link;

    parent->value = gen->value;
    parent->error = gen->error;
    weft__thread.return_destroy = NULL; /* the parent has taken the value */
    root->link = parent;
    frame_end(gen);
    weft__gen_free(gen);
}

weft_step weft__gen_settle(weft_gen *root, weft_step step)
{
    for (;;) {
        weft_gen *gen = root->link;

        switch (step) {
        case WEFT_YIELDED:
        case WEFT_AWAITING:
        case WEFT_PAUSED:
            return step;
        case WEFT_AGAIN:
            break;
        case WEFT_DELEGATED:
            delegate(root, gen);
            break;
        case WEFT_RETURNED:
        case WEFT_RAISED:
            if (step == WEFT_RAISED && gen->error >= 0)
                gen->error = -EINVAL; /* weft_raise(gen, 0) raises all the same */
            if (!(gen->flags & WEFT__GEN_FINALIZING) && gen->finally_state) {
                gen->state = gen->finally_state;
                break;
            }
            weft__scope_unwind(gen);
            if (gen == root) {
                frame_end(gen);
                return gen->error ? WEFT_RAISED : WEFT_RETURNED;
            }
            pop(root, gen);
        }
        gen = root->link;
        step = gen->type->resume(gen);
    }
}

/* ---- FINALLY ------------------------------------------------------------------------------------------ */

void weft_finally(weft_gen *gen, weft_outcome *outcome)
{
    outcome->value = gen->value;
    outcome->error = gen->error;
    outcome->destroy = weft__thread.return_destroy;
    weft__thread.return_destroy = NULL;
    gen->flags |= WEFT__GEN_FINALIZING;
    gen->outcome_at = (int32_t)((char *)outcome - (char *)gen);
    gen->value = NULL;
    gen->error = 0;
}

weft_step weft_end(weft_gen *gen)
{
    weft_outcome *outcome;

    if (!(gen->flags & WEFT__GEN_FINALIZING))
        return weft_return(gen, NULL);
    outcome = outcome_of(gen);
    gen->value = outcome->value;
    gen->error = outcome->error;
    weft__thread.return_destroy = outcome->destroy;
    outcome->destroy = NULL;
    return gen->error ? WEFT_RAISED : WEFT_RETURNED;
}

weft_step weft_return_owned(weft_gen *gen, void *value, void (*destroy)(void *value))
{
    weft__thread.return_destroy = destroy;
    return weft_return(gen, value);
}

weft_step weft_gen_bad_state(const weft_gen *gen)
{
    weft__fatal("%s was resumed in state %d, which its body does not have (last suspended at %s:%d); "
                "a yield inside a switch of the body's own does this",
                gen->type->name, gen->state, gen->site ? gen->site->file : "?",
                gen->site ? gen->site->line : 0);
}

/* ---- by hand -------------------------------------------------------------------------------------- */

/* What a body that is driven by hand awaits, and is done, it has at once, good until its next suspension: that is, until
 * whoever drives it goes on.  One that drives another meanwhile keeps its own. */
static weft__noinline weft_step run_with_held(weft_gen *gen)
{
    weft_future *outer = weft__thread.held;
    weft_step step;

    weft__thread.held = NULL;
    step = weft__gen_run(gen);
    weft_future_unref(weft__thread.held);
    weft__thread.held = outer;
    return step;
}

static weft__noinline void drop_held(void)
{
    weft_future *held = weft__thread.held;

    weft__thread.held = NULL;
    weft_future_unref(held);
}

static inline weft_step run_by_hand(weft_gen *gen)
{
    weft_step step;

    gen->running = 1;
    if (weft__unlikely(weft__thread.held)) {
        step = run_with_held(gen);
    } else {
        step = weft__gen_run(gen);
        if (weft__unlikely(weft__thread.held))
            drop_held();
    }
    gen->running = 0;
    return step;
}

/* Resume with what lies in the innermost frame. */
static inline int drive(weft_gen *gen, void **out)
{
    weft_step step = run_by_hand(gen);

    if (weft__likely(step <= WEFT_PAUSED)) {
        *out = gen->link->value;
        return 1;
    }
    *out = step == WEFT_RETURNED ? gen->value : NULL;
    return step == WEFT_RETURNED ? 0 : gen->error;
}

/* What is refused before a resume: 0, or the error. */
static int resumable(const weft_gen *gen, void **out)
{
    *out = NULL;
    if (gen->flags & WEFT__GEN_OWNED)
        return gen->running ? WEFT_ERUNNING : WEFT_EOWNED;
    if (gen->flags & WEFT__GEN_ENDED)
        weft__fatal("generator %s was resumed after its end", gen->type->name);
    return gen->running ? WEFT_ERUNNING : 0;
}

int weft_gen_send(weft_gen *gen, void *value, void **out)
{
    void *ignored;
    int error;
    int result;

    if (!out)
        out = &ignored;
    if (weft__unlikely(gen->running || gen->flags & (WEFT__GEN_ENDED | WEFT__GEN_OWNED)) &&
        (error = resumable(gen, out)))
        return error;
    if (weft__unlikely(!(gen->flags & WEFT__GEN_STARTED))) {
        *out = NULL;
        if (gen == &weft__gen_nomem)
            return -ENOMEM;
        if (value)
            return -EINVAL;
        gen->flags |= WEFT__GEN_STARTED;
    }
    gen->link->value = value;
    gen->link->error = 0;
    result = drive(gen, out);
    weft__thread.return_destroy = NULL; /* the caller has taken the value */
    return result;
}

int weft_gen_throw(weft_gen *gen, int error, void **out)
{
    void *ignored;
    int refused;
    int result;

    if (!out)
        out = &ignored;
    if ((refused = resumable(gen, out)))
        return refused;
    if (error >= 0)
        return -EINVAL;
    if (gen == &weft__gen_nomem)
        return error;
    if (!(gen->flags & WEFT__GEN_STARTED)) {
        gen->error = error;
        frame_end(gen);
        return error;
    }
    gen->link->value = NULL;
    gen->link->error = error;
    result = drive(gen, out);
    weft__thread.return_destroy = NULL;
    return result;
}

/* Raise WEFT_EGENEXIT where it is suspended, and see that it ends. */
static int close_suspended(weft_gen *gen)
{
    weft_step step;

    gen->link->value = NULL;
    gen->link->error = WEFT_EGENEXIT;
    step = run_by_hand(gen);
    if (step == WEFT_RAISED)
        return gen->error == WEFT_EGENEXIT ? 0 : gen->error;
    if (step == WEFT_RETURNED) {
        if (weft__thread.return_destroy)
            weft__thread.return_destroy(gen->value);
        weft__thread.return_destroy = NULL;
        return 0;
    }
    if (step == WEFT_AWAITING)
        weft_future_unref(gen->link->value);
    weft__gen_abandon(gen);
    return WEFT_EINVALIDSTATE;
}

int weft_gen_close(weft_gen *gen)
{
    int result = 0;

    if (!gen || gen == &weft__gen_nomem)
        return 0;
    if (gen->running)
        return WEFT_ERUNNING;
    if (gen->flags & WEFT__GEN_OWNED)
        return WEFT_EOWNED;
    if (!(gen->flags & WEFT__GEN_STARTED)) {
        if (!(gen->flags & WEFT__GEN_ENDED))
            frame_end(gen);
    } else if (!(gen->flags & WEFT__GEN_ENDED)) {
        result = close_suspended(gen);
    }
    weft__gen_free(gen);
    return result;
}

int weft_gen_is_ended(const weft_gen *gen)
{
    return (gen->flags & WEFT__GEN_ENDED) != 0;
}
