/* weft/scope.h - scopes in a body: a deadline, a shield, a cancel that stays.
 *
 * A scope lies in the frame.  Between enter and exit it belongs to the task that entered; scopes nest, and
 * are left in the reverse order.
 *
 *     weft_scope_enter(&f->scope, 2.0, 0);                 two seconds from now
 *     WEFT_TRY_YIELD_FROM(f, WEFT_CALL(client_fetch, ...));
 *     error = weft_scope_exit(&f->scope, weft_failed(f));  WEFT_ETIMEDOUT if it was this scope's cancel
 *
 *     OUT --enter--> ACTIVE --deadline--> EXPIRING ----exit--> EXPIRED
 *                       +-----cancel----> CANCELLING --exit--> CANCELLED
 *                       +----------------------------exit--> OUT
 *
 * At the deadline the task is asked to cancel, once.  Exit turns the WEFT_ECANCELLED that this caused, and no
 * other, into WEFT_ETIMEDOUT: only if the scope expired and no request but its own has come since enter.  One that
 * weft_scope_cancel caused it swallows: the body goes on behind the scope.
 * A body that got through withdraws a request that was not delivered.
 *
 * A request that a shield holds back has not come: a deadline in a shielded cleanup is a timeout, however often others
 * ask meanwhile.  It is delivered when the shield is left.
 *
 * Source: asyncio.timeout; the shield and the level trigger are trio's CancelScope.
 */
#ifndef WEFT_SCOPE_H
#define WEFT_SCOPE_H

#include <weft/task.h>
#include <weft/timer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Lies in your frame; zero it, or let WEFT_CALL do so.  The fields are weft's. */
typedef struct weft_scope {
    struct weft_scope *outer;
    weft_task *task;
    struct weft__timer timer;
    uint32_t flags;
    uint16_t entry_seen;
    uint16_t withheld;
    uint8_t state;
    bool entry_must;
    bool stays_cancelled;
} weft_scope;

enum {
    WEFT_SCOPE_SHIELD = 1, /* requests wait outside: they are delivered after exit */
    WEFT_SCOPE_LEVEL = 2 /* once cancelled, every await inside fails until exit; a shield exempts */
};

/* No deadline. */
#define WEFT_NEVER (1.0 / 0.0)

/* Enter a scope with a deadline in `seconds`: WEFT_NEVER for none; 0 or less: the body runs to its first
 * await.
 * Errors: WEFT_ENOTASK: no task is running; WEFT_EINVALIDSTATE: entered already; -EINVAL: not a number;
 * -ENOMEM (for the timer).  Not entered then, and exit passes its argument through. */
WEFT_API int weft_scope_enter(weft_scope *scope, double seconds, unsigned flags);

/* The same with a deadline on the loop's clock (weft_loop_time): several scopes, in several tasks, may have the same one.
 * Source: asyncio.timeout_at. */
WEFT_API int weft_scope_enter_at(weft_scope *scope, double when, unsigned flags);

/* Leave it.  `error` is how the body got here: 0 or an error.  Returns that; WEFT_ETIMEDOUT, or after weft_scope_cancel 0,
 * in place of its own WEFT_ECANCELLED. */
WEFT_API int weft_scope_exit(weft_scope *scope, int error);

/* Move the deadline, in seconds from now; WEFT_NEVER disables it.
 * Errors: WEFT_EINVALIDSTATE: not entered, expiring, or over; -EINVAL; -ENOMEM. */
WEFT_API int weft_scope_reschedule(weft_scope *scope, double seconds);
/* The same, to a time on the loop's clock.  Source: Timeout.reschedule. */
WEFT_API int weft_scope_reschedule_at(weft_scope *scope, double when);
/* The deadline, on the loop's clock, while it is ahead; WEFT_NEVER if there is none, or it has come.
 * Source: Timeout.when. */
WEFT_API double weft_scope_when(const weft_scope *scope);

/* Cancel what is within the scope, and nothing else: the task is asked once, as at the deadline, and the body goes on behind
 * exit.  From any task or callback of the loop, as long as the scope is entered: it lies in a frame.  Calling it again is
 * fine, and so is calling it when the deadline has come, which stays a timeout.
 * Errors: WEFT_EINVALIDSTATE: not entered, or over.
 * Source: trio's CancelScope.cancel. */
#define weft_scope_cancel(scope) weft_scope_cancel_at((scope), WEFT_HERE)
WEFT_API int weft_scope_cancel_at(weft_scope *scope, const char *where);
/* Whether weft_scope_cancel was called while the scope was active. */
WEFT_API bool weft_scope_is_cancelled(const weft_scope *scope);

/* Whether the deadline has come while the scope was active. */
WEFT_API bool weft_scope_expired(const weft_scope *scope);

#ifdef __cplusplus
}
#endif
#endif
