/* core/scope.h - scopes, as generators, tasks and timers see them. */
#ifndef WEFT_CORE_SCOPE_H
#define WEFT_CORE_SCOPE_H

#include <weft/scope.h>

struct weft__task;

/* A frame ends: the scopes that lie in it are left, with its outcome. */
void weft__scope_unwind(weft_gen *gen);
/* A scope's deadline has come. */
void weft__scope_expire(weft_scope *scope);
/* A frame is destroyed: forget the scopes of the task, and their timers. */
void weft__scope_forget(struct weft__task *task);
/* Somebody asks a task to cancel: one of its scopes, or (NULL) others.  Mark level-triggered scopes; returns
 * whether a shield holds it back. */
bool weft__scope_hold(struct weft__task *task, weft_scope *asking);
/* The same for what was entered when `outer` was the innermost scope, and is no scope.  Returns the shield that holds it
 * back, or NULL. */
const weft_scope *weft__scope_hold_within(struct weft__task *task, const weft_scope *outer);
/* How many of the requests that stand are not held back by a shield: only these does the body know of. */
unsigned weft__scope_seen(const struct weft__task *task);
/* A request that `holder` (NULL: any shield) holds back stands no longer.  False: it holds none. */
bool weft__scope_withdraw(struct weft__task *task, const weft_scope *holder);
/* One request stands no longer, whosever it was. */
void weft__scope_withdraw_any(struct weft__task *task);

#endif
