/* weft.h - futures, tasks and generators on libevent: everything, in reading order.
 *
 * A future holds a result that is not there yet.  A generator is a hand-written state machine whose
 * `switch` continues where it left off.  A task is a future that drives a generator: each time the
 * generator awaits a future, the task registers itself there and gives way; when the future is done,
 * the loop resumes the generator with the result.  That is all; the rest of the library stands on it.
 */
#ifndef WEFT_H
#define WEFT_H

#include <weft/error.h>
#include <weft/gen.h>
#include <weft/future.h>
#include <weft/task.h>
#include <weft/loop.h>
#include <weft/timer.h>
#include <weft/io.h>
#include <weft/scope.h>
#include <weft/combine.h>
#include <weft/group.h>
#include <weft/sync.h>
#include <weft/queue.h>
#include <weft/executor.h>
#include <weft/signal.h>
#include <weft/stream.h>
#include <weft/connect.h>
#include <weft/server.h>
#include <weft/datagram.h>
#include <weft/process.h>
#include <weft/runner.h>
#include <weft/debug.h>
#include <weft/testing.h>

#endif
