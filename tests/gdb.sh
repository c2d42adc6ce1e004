#!/bin/sh
# The gdb command `weft-tasks` prints what weft_dump prints, from a core file and from a live
# process. gdb/tree.c dumps from within a step and aborts; gdb makes the core file, whatever the
# system does with those. Prints TAP.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
command=$top_srcdir/tools/gdb/weft-gdb.py

# No init files, and no questions to a server for debug information.
run_gdb() {
    DEBUGINFOD_URLS='' gdb -nx -q --batch -ex 'set confirm off' "$@" </dev/null 2>"$work/errors"
}
have gdb || skip_all "gdb is missing"
[ "$(run_gdb -ex 'python print(6 * 7)')" = 42 ] || skip_all "gdb is without Python"

# ---- the program ----

flags=${CFLAGS-}
archive=$top_builddir/.libs/libweft.a
case $flags in
*-fsanitize*) # its shadow memory would make a core file of terabytes
    flags=
    archive=
    ;;
esac

build() { # what comes instead of the library's archive...
    # shellcheck disable=SC2086 # lists of flags
    ${CC-cc} -std=c11 -D_GNU_SOURCE $flags -g ${EVENT_CFLAGS-} "-I$top_srcdir/include" \
        "$top_srcdir/tests/gdb/tree.c" "$@" ${EVENT_LIBS--levent_core} -lpthread -o "$work/tree"
}
# A command, a program, more arguments of gdb: what the command prints, without gdb's own lines.
tasks() {
    last=$1
    shift
    run_gdb "$@" -x "$command" -ex 'echo --- weft-tasks\n' -ex "$last" |
        awk 'found; /^--- weft-tasks$/ { found = 1 }'
}

if ! [ -e "$archive" ] || ! build "$archive" ||
    [ "$(tasks weft-tasks "$work/tree")" != "no loop" ]; then
    # There is no build of the library that would do, or it is without debug information.
    for macro in SYS_EVENTFD_H EVENTFD; do
        echo "#define HAVE_$macro 1"
    done >"$work/config.h"
    [ -e "$top_builddir/config.h" ] && cp "$top_builddir/config.h" "$work"
    build -O0 "-I$work" "-I$top_srcdir/lib" "$top_srcdir"/lib/*/*.c || exit 99
fi

run_gdb -ex starti -ex 'python print(gdb.selected_inferior().pid)' "$work/tree" >"$work/started"
[ "$(tail -n 1 "$work/started")" -gt 0 ] 2>/dev/null || skip_all "gdb cannot trace here (ptrace)"

# Of each clock: live.CLOCK from the process, core.CLOCK from its core file, dump.CLOCK its own.
for clock in virtual real; do
    tasks weft-tasks "$work/tree" -ex "run '$work/dump.$clock' $clock >'$work/out'" \
        -ex "generate-core-file $work/core.$clock" >"$work/live.$clock"
    if ! [ -e "$work/core.$clock" ] || ! [ -s "$work/dump.$clock" ]; then
        sed 's/^/# /' "$work/errors"
        echo "Bail out! no core file, or no dump"
        exit 99
    fi
    tasks weft-tasks "$work/tree" "$work/core.$clock" >"$work/from-core.$clock"
done

# ---- the claims ----

is_same() { # the file that is wanted, the file that came
    diff "$1" "$2" || {
        cat "$work/errors"
        return 1
    }
}
same() { # the claim, the file that is wanted, the file that came
    check "$1" is_same "$2" "$3"
}
has_line() { # a file, a line that it must have, as a basic regular expression
    grep -q -e "$2" "$1" || {
        echo "no line like $2 in:"
        cat "$1" "$work/errors"
        return 1
    }
}
holds() { # the claim, a file, its line
    check "$1" has_line "$2" "$3"
}
without_times() {
    sed 's/waiting [0-9]*\.[0-9]*+\{0,1\} s/waiting/' "$1" >"$1.timeless"
}
for file in dump live from-core; do
    without_times "$work/$file.real"
done

same "from a core file: what weft_dump printed, times included" \
    "$work/dump.virtual" "$work/from-core.virtual"
same "from a live process: what weft_dump printed, times included" \
    "$work/dump.virtual" "$work/live.virtual"
same "with the real clock, from a core file: the same but for the times" \
    "$work/dump.real.timeless" "$work/from-core.real.timeless"
same "with the real clock, from a live process: the same but for the times" \
    "$work/dump.real.timeless" "$work/live.real.timeless"
holds "in a core file a time of the real clock is a lower bound" \
    "$work/from-core.real" '^waiter-3  waiting [0-9.]*+ s on '
holds "in a live process it is exact" "$work/live.real" '^waiter-3  waiting [0-9.]* s on '

# What the dump must have for the comparisons to mean something.
dump=$work/dump.virtual
holds "a name that was set" "$dump" '^längst  waiting 0.520 s on <sleep pending, 1 waiting>  (made'
holds "a request to cancel" "$dump" '^stubborn-2  .*  cancel requested at .*tree.c:[0-9]*: enough  '
holds "a named future" "$dump" '^waiter-3  .* on <future pending, 1 waiting named doorbell>'
holds "a future and its place" "$dump" '^nameless-4  .* on <future pending, 1 waiting at .*tree.c:'
holds "a task that awaits a task" "$dump" '^waiter-5  .* on <task längst pending, 2 waiting at '
holds "a descriptor" "$dump" '^parent-7  waiting 0.500 s on <sock_recv pending, 1 waiting>'
holds "a delegated frame, with its state's name" "$dump" '^    reader  state RECEIVED$'
holds "a state without a name" "$dump" '^  nameless  state 1$'
holds "a place in the source" "$dump" '^  waiter  .*tree.c:[0-9]*$'
holds "more frames than are shown" "$dump" '^  \.\.\. and 10 more frames within$'
holds "the running task" "$dump" '^reporter-9  running  '
holds "a task that has not started" "$dump" '^  nested  not started$'

# ---- arguments, and trouble ----

on_core() { # a command: what it prints, errors included
    tasks "$1" "$work/tree" "$work/core.virtual"
    grep 'weft-tasks:' "$work/errors"
}
sed '1d; /^loop/,$d' "$dump" >"$work/first"
# By their file: libraries have a `first` or a `plain` as well, and which one gdb takes is its choice.
first="'tree.c'::first"
plain="'tree.c'::plain"
on_core "weft-tasks $first" >"$work/came"
same "an argument: that loop alone" "$work/first" "$work/came"
on_core 'weft-tasks weft__loops->next_loop' >"$work/came"
same "an argument is any expression" "$work/first" "$work/came"
on_core "weft-tasks (long)$first" >"$work/came"
same "an argument is an address" "$work/first" "$work/came"
on_core "weft-tasks $plain" >"$work/trouble"
holds "an argument of another type is refused" "$work/trouble" "$plain is no weft_loop \\*"
on_core "weft-tasks $first->is_virtual" >"$work/trouble"
holds "so is a truth value, which is no address" "$work/trouble" 'is_virtual is no weft_loop \*'

echo "no loop" >"$work/wanted"
on_core 'weft-tasks (weft_loop *)0' >"$work/came"
same "NULL: no loop" "$work/wanted" "$work/came"
tasks weft-tasks "$work/tree" >"$work/came"
same "a program that has not been started: no loop" "$work/wanted" "$work/came"

tasks "weft-tasks $first" "$work/tree" -ex "run '$work/dump.broken' virtual >'$work/out'" \
    -ex "set var $first->tasks->next->gen = (weft_gen *)16" \
    -ex "set var $first->last_task->prev->gen->type = (weft_gen_type *)16" >"$work/came"
grep -v '^stubborn-2 \|^  stubborn \|^reporter-9 \|^  reporter ' "$work/first" >"$work/wanted"
grep -v '^  task at 0x[0-9a-f]*: Cannot access memory at address ' "$work/came" >"$work/others"
same "tasks in broken memory do not hide the others" "$work/wanted" "$work/others"

claim="without debug information it says so"
cp "$work/tree" "$work/bare"
if ${STRIP-strip} -g "$work/bare" 2>/dev/null; then
    tasks weft-tasks "$work/bare" >"$work/came"
    holds "$claim" "$work/errors" 'no debug information of libweft'
else
    skip "$claim" "strip is missing"
fi
(
    export LC_ALL=C
    tasks weft-tasks "$work/tree" "$work/core.virtual"
) >"$work/came"
grep -v längst "$dump" >"$work/wanted"
grep -v 'l.*ngst' "$work/came" >"$work/others"
same "a locale that lacks a letter of a name loses no line" "$work/wanted" "$work/others"

done_testing
