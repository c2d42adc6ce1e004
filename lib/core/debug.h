/* core/debug.h - reports, and who observes a loop. */
#ifndef WEFT_CORE_DEBUG_H
#define WEFT_CORE_DEBUG_H

#include <weft/debug.h>
#include <weft/loop.h>

void weft__report(weft_loop *loop, const char *message, int error, weft_future *future);
/* Whether rounds take the long way; to be called when one of the reasons changes. */
void weft__loop_observe(weft_loop *loop);

#endif
