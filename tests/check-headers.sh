#!/bin/sh
# Each public header compiles alone, as C11 and as C++11, without a warning, with every compiler
# that is there. Prints TAP.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
cd "$top_srcdir/include" || exit 99

compiles() { # claim, compiler and its flags
    claim=$1
    shift
    # shellcheck disable=SC2086 # a list of flags
    # -include of the header into an empty file, so that no "pragma once in main file" comes up
    check "$claim" "$@" -Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror -fsyntax-only -I. \
        ${EVENT_CFLAGS-} -include "$header" /dev/null
}

seen=
for cc in "${CC-cc}" gcc clang; do
    case $seen in *"<$cc>"*) continue ;; esac
    seen="$seen<$cc>"
    have "${cc%% *}" || continue
    for header in weft.h weft/*.h; do
        # shellcheck disable=SC2086 # it may carry flags
        compiles "$header alone, as C11, $cc" $cc -std=c11 -Wstrict-prototypes -x c
    done
done
for cxx in g++ clang++; do
    if ! have $cxx; then
        skip "headers as C++11, $cxx" "$cxx is missing"
        continue
    fi
    for header in weft.h weft/*.h; do
        compiles "$header alone, as C++11, $cxx" $cxx -std=c++11 -x c++
    done
done
claim "no type of theirs depends on how a program sees large files" "$(
    grep -nE '[^a-z_](off_t|ino_t|dev_t|struct (stat|dirent)|fpos_t|time_t|struct time(val|spec))[^a-z_]' weft.h weft/*.h |
        grep -v '^[^:]*:[0-9]*: \*'
)"
done_testing
