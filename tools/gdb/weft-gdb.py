"""weft-gdb.py - the gdb command `weft-tasks`: weft_dump for a live process or a core file.

    gdb -x weft-gdb.py prog core        or, from within gdb: source weft-gdb.py
    (gdb) weft-tasks                    the tasks of all open loops of the process
    (gdb) weft-tasks f->task->loop      of one loop: an expression for a weft_loop *

    3 tasks, 1 timer, 1 waiting for descriptors or threads
    fetch-1  waiting 0.200 s on <sleep pending, 1 waiting>  (made at main.c:40)
      fetch  fetch.c:31
        client_readall  client.c:57

Several loops come oldest first, each below a line with its address.  The task whose step was under
way is marked `running`.  A time with a `+` is a lower bound: a core file does not say when it was
made, so that the time ends with the loop's last turn.

It reads memory and calls nothing, so that a core file will do, and a process that is stopped
anywhere.  It needs the debug information of libweft (-g, or the distribution's debug package), not
the program's.  It starts at weft__loops, and relies on these: struct weft_loop, weft_future and
weft__task in lib/core/*.h, struct weft__node in lib/base/list.h, weft_gen and weft_gen_type in
include/weft/gen.h.
"""

import collections
import time

import gdb

DEPTH = 32  # frames that are shown of one task: the outermost


def symbol(name):
    """The value of a global of libweft, or of one of its enumerators."""
    found = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if found is None:
        raise gdb.GdbError(
            "weft-tasks: no debug information of libweft: %s is not known." % name
        )
    return found.value()


def text(pointer):
    return pointer.string("utf-8", "replace") if pointer else "(null)"


def plural(count, noun):
    return "%d %s%s" % (count, noun, "" if count == 1 else "s")


def chain(first, link):
    """What a link leads to, up to NULL or to where it has been: rings end, broken memory too."""
    seen = set()
    while first and int(first) not in seen:
        seen.add(int(first))
        yield first
        first = first[link]


def blocked_on(task):
    awaiting = task["awaiting"]
    if awaiting and awaiting["state"] == symbol("WEFT__PENDING"):
        return awaiting
    return None


def task_name(task):
    if task["extra"] and task["extra"]["name"]:
        return text(task["extra"]["name"])
    name = text(task["gen"]["type"]["name"])
    return "%s-%d" % (name, task["future"]["id"])


def describe(future, task_type):
    """A pending future, as weft_future_describe has it."""
    if future["type"] == symbol("weft__task_type").address:
        who = "task " + task_name(future.cast(task_type))
    else:
        who = text(future["type"]["name"])
    what = "pending"
    waiters = sum(1 for _ in chain(future["waiters"], "next"))
    if waiters:
        what += ", %d waiting" % waiters
    if future["site"]:
        named = int(future["flags"]) & int(symbol("WEFT__NAMED"))
        what += " %s %s" % ("named" if named else "at", text(future["site"]))
    return "<%s %s>" % (who, what)


def place(gen):
    """Where a frame is suspended."""
    site, state, kind = gen["site"], int(gen["state"]), gen["type"]
    if site:
        return "%s:%d" % (text(site["file"]), site["line"])
    if kind["states"] and 0 <= state < kind["state_count"] and kind["states"][state]:
        return "state " + text(kind["states"][state])
    return "state %d" % state if state else "not started"


class Clock:
    """How long a task of a loop has been waiting."""

    def __init__(self, loop):
        connection = getattr(gdb.selected_inferior(), "connection", None)
        self.bound = ""
        if loop["is_virtual"]:
            self.now = int(loop["virtual_now"]) // 1000000
        elif connection is not None and connection.type == "native":
            self.now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000000
        else:
            self.now = int(loop["now_ms"])
            self.bound = "+"

    def since(self, start):
        elapsed = (self.now - int(start)) & 0xFFFFFFFF  # the start is 32 bits, and wraps
        return "%.3f%s s" % (elapsed / 1e3, self.bound)


def task_line(task, clock):
    future, node, awaiting = task["future"], task["node"], blocked_on(task)
    line = task_name(task)
    if awaiting is not None:
        line += "  waiting %s on " % clock.since(node["since"])
        line += describe(awaiting, task.type)
    else:
        line += "  ready" if node["next"] else "  running"
    if future["cancelling"]:
        line += "  cancel requested at " + text(future["where"])
        if future["reason"]:
            line += ": " + text(future["reason"])
    if future["site"]:
        line += "  (made at %s)" % text(future["site"])
    return line


def frame_lines(task):
    """A line a frame, outermost first.  The links go outwards, and the root's to the innermost."""
    frames, depth = collections.deque(maxlen=DEPTH), 0
    for gen in chain(task["gen"]["link"], "link"):
        frames.append(gen)
        depth += 1
    for i, gen in enumerate(reversed(frames)):
        yield "  %*s%s  %s" % (2 * i, "", text(gen["type"]["name"]), place(gen))
    if depth > DEPTH:
        yield "  ... and %d more frames within" % (depth - DEPTH)


def loop_lines(loop):
    clock = Clock(loop)
    yield "%s, %s, %d waiting for descriptors or threads" % (
        plural(loop["task_count"], "task"),
        plural(loop["heap"]["count"], "timer"),
        loop["outside"],
    )
    for task in chain(loop["tasks"], "next"):
        # One that lies in broken memory does not hide the others.
        try:
            yield task_line(task, clock)
            yield from frame_lines(task)
        except gdb.MemoryError as error:
            yield "  task at 0x%x: %s" % (int(task), error)


class WeftTasks(gdb.Command):
    """Print every unfinished weft task as a tree of its frames, as weft_dump does.
Usage: weft-tasks [LOOP]
Each frame comes with its function, its file and line (or the name of its state); each task with
what it awaits, and since when.  LOOP is an expression for a weft_loop *; without it, all open loops
are shown.  A time with a `+` is a lower bound: a core file has the time of the loop's last turn."""

    def __init__(self):
        super().__init__("weft-tasks", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def loops(self, expression):
        newest = symbol("weft__loops")
        if not expression:
            return list(chain(newest, "next_loop"))[::-1]
        value = gdb.parse_and_eval(expression)
        kind = value.type.strip_typedefs()
        if kind.code == gdb.TYPE_CODE_PTR:
            target = kind.target().strip_typedefs().unqualified()
            fits = target == newest.type.target().strip_typedefs()
        else:
            fits = kind.code == gdb.TYPE_CODE_INT  # an address
        if not fits:
            raise gdb.GdbError("weft-tasks: %s is no weft_loop *." % expression)
        loop = value.cast(newest.type)
        return [loop] if loop else []

    def invoke(self, argument, from_tty):
        loops = self.loops(argument.strip())
        if not loops:
            gdb.write("no loop\n")
        for loop in loops:
            if len(loops) > 1:
                gdb.write("loop 0x%x\n" % int(loop))
            for line in loop_lines(loop):
                gdb.write(line + "\n")


WeftTasks()
