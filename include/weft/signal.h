/* weft/signal.h - signals as futures.
 *
 *     for (;;) {
 *         WEFT_AWAIT(f, weft_signal(NULL, SIGHUP));
 *         reload();
 *     }
 *
 *     IGNORED BY WEFT --weft_signal--> WATCHED: the signal wakes the loop; none is lost between two waits
 *            ^                            |
 *            +-- weft_signal_restore, or the loop's close: the disposition is what it was before
 *
 * From the first weft_signal on, the signal's default action does not happen any more.  One that comes while nobody
 * waits is kept, and the next weft_signal is done at once; as with the kernel's, several become one.
 * All that wait for it get it; so do all loops that watch it.
 *
 * A program that watches SIGINT has taken it over from its runner (weft/runner.h): it cancels no main then.
 *
 * Our own handler writes into a pipe of the loop; libevent's is not used, because it serves one event_base a process.
 * It runs with SA_RESTART, in whichever thread the kernel chooses.
 *
 * A handler of yours that was there before, a function, goes on hearing the signal: ours calls it, and runs with its
 * mask and its SA_RESTART.  So a host's evsignal and weft_signal both get it.  What comes the other way round is not
 * in weft's hands: a handler that you install over ours hears the signal alone, unless it calls ours in turn (libevent's
 * does not), and is yours to take away.  If you take yours away from under ours, by sigaction or by event_del, ours goes
 * with it, until the next weft_signal.
 *
 * Source: loop.add_signal_handler; trio.open_signal_receiver.
 */
#ifndef WEFT_SIGNAL_H
#define WEFT_SIGNAL_H

#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Wait for a signal.  Result: its number, an integer.
 * Suspends: unless one has come since the last wait.  A wait for a signal keeps the run going: no WEFT_EDEADLOCK.
 * Errors: -EINVAL: no such signal, or one that cannot be waited for: SIGKILL, SIGSTOP, and those that the kernel raises
 * at an instruction, which would come again for ever (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS); -EMFILE: no
 * descriptor, or more than 64 loops watch signals; -ENFILE; -ENOMEM; WEFT_ECLOSED.
 * Cancelled: a signal that comes later is kept. */
WEFT_API weft_future *weft_signal(weft_loop *loop, int signum) WEFT_NODISCARD;

/* Watch it no longer: waits end with WEFT_EABANDONED, and once no loop watches it, its disposition is
 * what it was before the first weft_signal.
 * Errors: -EINVAL; WEFT_EINVALIDSTATE: this loop does not watch it. */
WEFT_API int weft_signal_restore(weft_loop *loop, int signum);

#ifdef __cplusplus
}
#endif
#endif
