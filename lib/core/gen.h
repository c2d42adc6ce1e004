/* core/gen.h - what tasks know of generators beyond weft/gen.h. */
#ifndef WEFT_CORE_GEN_H
#define WEFT_CORE_GEN_H

#include <weft/gen.h>

#include "base/thread.h"

/* What WEFT_CALL gives without memory: it raises -ENOMEM, and is never written to. */
extern weft_gen weft__gen_nomem;

/* The innermost frame has delegated, ended, or goes on: see to it, and run on; see weft__gen_run. */
weft_step weft__gen_settle(weft_gen *root, weft_step step);

/* Run a root from where it is suspended (the innermost frame's value and error are what it is sent) to its
 * next YIELDED, AWAITING or PAUSED (the value is in the innermost frame), or to its end: RETURNED (the value
 * is in the root, its destructor in weft__thread.return_destroy) or RAISED. */
static inline weft_step weft__gen_run(weft_gen *root)
{
    weft_gen *gen = root->link;
    weft_step step = gen->type->resume(gen);

    return weft__likely(step <= WEFT_PAUSED) ? step : weft__gen_settle(root, step);
}

/* End a root from any state without running its body: cleanup of every frame, innermost first.  All frames stay. */
void weft__gen_end_chain(weft_gen *root);
/* Free all frames of a root that was ended so. */
void weft__gen_free_chain(weft_gen *root);
/* Both, but for the root itself. */
void weft__gen_abandon(weft_gen *root);

/* Free a root that has ended. */
void weft__gen_free(weft_gen *root);

#endif
