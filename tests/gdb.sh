#!/bin/sh
# The gdb command `weft-tasks` prints what weft_dump prints, from a core file and from a live
# process. gdb/tree.c dumps from within a step and aborts; gdb makes the core file, whatever the
# system does with those. Prints TAP.
set -u
top_srcdir=${top_srcdir-$(dirname "$0")/..}
top_builddir=${top_builddir-$top_srcdir}
command=$top_srcdir/tools/gdb/weft-gdb.py

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# No init files, and no questions to a server for debug information.
run_gdb() {
    DEBUGINFOD_URLS='' gdb -nx -q --batch -ex 'set confirm off' "$@" </dev/null 2>"$tmp/errors"
}
command -v gdb >/dev/null || skip "gdb is missing"
[ "$(run_gdb -ex 'python print(6 * 7)')" = 42 ] || skip "gdb is without Python"

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
        "$top_srcdir/tests/gdb/tree.c" "$@" ${EVENT_LIBS--levent_core} -lpthread -o "$tmp/tree"
}
# A command, a program, more arguments of gdb: what the command prints, without gdb's own lines.
tasks() {
    last=$1
    shift
    run_gdb "$@" -x "$command" -ex 'echo --- weft-tasks\n' -ex "$last" |
        awk 'found; /^--- weft-tasks$/ { found = 1 }'
}

if ! [ -e "$archive" ] || ! build "$archive" ||
    [ "$(tasks weft-tasks "$tmp/tree")" != "no loop" ]; then
    # There is no build of the library that would do, or it is without debug information.
    for have in SYS_EVENTFD_H EVENTFD; do
        echo "#define HAVE_$have 1"
    done >"$tmp/config.h"
    [ -e "$top_builddir/config.h" ] && cp "$top_builddir/config.h" "$tmp"
    build -O0 "-I$tmp" "-I$top_srcdir/lib" "$top_srcdir"/lib/*.c || exit 99
fi

run_gdb -ex starti -ex 'python print(gdb.selected_inferior().pid)' "$tmp/tree" >"$tmp/started"
[ "$(tail -n 1 "$tmp/started")" -gt 0 ] 2>/dev/null || skip "gdb cannot trace here (ptrace)"

# Of each clock: live.CLOCK from the process, core.CLOCK from its core file, dump.CLOCK its own.
for clock in virtual real; do
    tasks weft-tasks "$tmp/tree" -ex "run '$tmp/dump.$clock' $clock >'$tmp/out'" \
        -ex "generate-core-file $tmp/core.$clock" >"$tmp/live.$clock"
    if ! [ -e "$tmp/core.$clock" ] || ! [ -s "$tmp/dump.$clock" ]; then
        sed 's/^/# /' "$tmp/errors"
        echo "Bail out! no core file, or no dump"
        exit 99
    fi
    tasks weft-tasks "$tmp/tree" "$tmp/core.$clock" >"$tmp/from-core.$clock"
done

# ---- the claims ----

n=0
claim() { # the claim, the file that is wanted, the file that came
    n=$((n + 1))
    if diff "$2" "$3" >"$tmp/difference"; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        sed 's/^/# /' "$tmp/difference" "$tmp/errors"
    fi
}
holds() { # the claim, a file, a line that it must have, as a basic regular expression
    echo yes >"$tmp/wanted"
    if grep -q -e "$3" "$2"; then
        echo yes
    else
        echo "no line like $3 in:"
        cat "$2"
    fi >"$tmp/came"
    claim "$1" "$tmp/wanted" "$tmp/came"
}
without_times() {
    sed 's/waiting [0-9]*\.[0-9]*+\{0,1\} s/waiting/' "$1" >"$1.timeless"
}
for file in dump live from-core; do
    without_times "$tmp/$file.real"
done

claim "from a core file: what weft_dump printed, times included" \
    "$tmp/dump.virtual" "$tmp/from-core.virtual"
claim "from a live process: what weft_dump printed, times included" \
    "$tmp/dump.virtual" "$tmp/live.virtual"
claim "with the real clock, from a core file: the same but for the times" \
    "$tmp/dump.real.timeless" "$tmp/from-core.real.timeless"
claim "with the real clock, from a live process: the same but for the times" \
    "$tmp/dump.real.timeless" "$tmp/live.real.timeless"
holds "in a core file a time of the real clock is a lower bound" \
    "$tmp/from-core.real" '^waiter-3  waiting [0-9.]*+ s on '
holds "in a live process it is exact" "$tmp/live.real" '^waiter-3  waiting [0-9.]* s on '

# What the dump must have for the comparisons to mean something.
dump=$tmp/dump.virtual
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
    tasks "$1" "$tmp/tree" "$tmp/core.virtual"
    grep 'weft-tasks:' "$tmp/errors"
}
sed '1d; /^loop/,$d' "$dump" >"$tmp/first"
on_core 'weft-tasks first' >"$tmp/came"
claim "an argument: that loop alone" "$tmp/first" "$tmp/came"
on_core 'weft-tasks weft__loops->next_loop' >"$tmp/came"
claim "an argument is any expression" "$tmp/first" "$tmp/came"
on_core 'weft-tasks plain' >"$tmp/trouble"
holds "an argument of another type is refused" "$tmp/trouble" 'plain is no weft_loop \*'

echo "no loop" >"$tmp/wanted"
on_core 'weft-tasks (weft_loop *)0' >"$tmp/came"
claim "NULL: no loop" "$tmp/wanted" "$tmp/came"
tasks weft-tasks "$tmp/tree" >"$tmp/came"
claim "a program that has not been started: no loop" "$tmp/wanted" "$tmp/came"

tasks 'weft-tasks first' "$tmp/tree" -ex "run '$tmp/dump.broken' virtual >'$tmp/out'" \
    -ex 'set var first->tasks->next->body.gen = (weft_gen *)16' \
    -ex 'set var first->last_task->place.prev->body.gen->type = (weft_gen_type *)16' >"$tmp/came"
grep -v '^stubborn-2 \|^  stubborn \|^reporter-9 \|^  reporter ' "$tmp/first" >"$tmp/wanted"
grep -v '^  task at 0x[0-9a-f]*: Cannot access memory at address ' "$tmp/came" >"$tmp/others"
claim "tasks in broken memory do not hide the others" "$tmp/wanted" "$tmp/others"

cp "$tmp/tree" "$tmp/bare"
if ${STRIP-strip} -g "$tmp/bare" 2>/dev/null; then
    tasks weft-tasks "$tmp/bare" >"$tmp/came"
    holds "without debug information it says so" "$tmp/errors" 'no debug information of libweft'
fi
(
    export LC_ALL=C
    tasks weft-tasks "$tmp/tree" "$tmp/core.virtual"
) >"$tmp/came"
grep -v längst "$dump" >"$tmp/wanted"
grep -v 'l.*ngst' "$tmp/came" >"$tmp/others"
claim "a locale that lacks a letter of a name loses no line" "$tmp/wanted" "$tmp/others"

echo "1..$n"
