#!/bin/sh
# Each public header compiles alone, as C11 and as C++11, without a warning, with every compiler
# that is there. Prints TAP.
set -u
top_srcdir=${top_srcdir-$(dirname "$0")/..}
cd "$top_srcdir/include" || exit 99

n=0
compile() { # claim, compiler and its flags
    claim=$1
    shift
    n=$((n + 1))
    # shellcheck disable=SC2086 # a list of flags
    # -include of the header into an empty file, so that no "pragma once in main file" comes up
    if out=$("$@" -Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror -fsyntax-only -I. \
        ${EVENT_CFLAGS-} -include "$header" /dev/null 2>&1); then
        echo "ok $n - $claim"
    else
        echo "not ok $n - $claim"
        echo "$out" | sed 's/^/# /'
    fi
}

seen=
for cc in "${CC-cc}" gcc clang; do
    case $seen in *"<$cc>"*) continue ;; esac
    seen="$seen<$cc>"
    command -v "${cc%% *}" >/dev/null || continue
    for header in weft.h weft/*.h; do
        # shellcheck disable=SC2086 # it may carry flags
        compile "$header alone, as C11, $cc" $cc -std=c11 -Wstrict-prototypes -x c
    done
done
for cxx in g++ clang++; do
    if ! command -v $cxx >/dev/null; then
        n=$((n + 1))
        echo "ok $n - headers as C++11, $cxx # SKIP $cxx is missing"
        continue
    fi
    for header in weft.h weft/*.h; do
        compile "$header alone, as C++11, $cxx" $cxx -std=c++11 -x c++
    done
done
echo "1..$n"
