#!/bin/sh
# What the headers let a compiler refuse, and what they must not make it complain of:
#   compile/silent_*.c  compile without a warning;
#   compile/wrong_*.c   do so, too, but with -DWRONG they fail, for the reason that their head names.
# With every compiler that is there. The first line of a program is its claim. Prints TAP.
set -u
top_srcdir=${top_srcdir-$(dirname "$0")/..}
LC_ALL=C # messages in English, with plain quotes
export LC_ALL

strict="-std=c11 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wformat=2 -Wvla -Wundef -Wimplicit-fallthrough -Werror"

tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

n=0
claim() { # ok or not ok, the claim
    n=$((n + 1))
    echo "$1 $n - $2"
    [ "$1" = ok ] || sed 's/^/# /' "$tmp/out"
}

head_of() { # program, key: what stands behind " * key: " in its first comment
    sed -n '/\*\//q; s/^ \* '"$2"': \(.*\)$/\1/p' "$1"
}

compile() { # program, flags...: into tmp/out
    program=$1
    shift
    # shellcheck disable=SC2086 # lists of flags
    $cc $strict -I"$top_srcdir/include" ${EVENT_CFLAGS-} "$@" -c "$program" -o "$tmp/o" >"$tmp/out" 2>&1
}

check() { # program
    program=$1
    title=$(sed -n '1s/^\/\* *\(.*[^ ]\) *$/\1/p' "$program" | sed 's/ *\*\/$//')
    case $program in
    */silent_*)
        if compile "$program" && ! [ -s "$tmp/out" ]; then
            claim ok "$cc is silent about $title"
        else
            claim "not ok" "$cc is silent about $title"
        fi
        return
        ;;
    esac

    title="$cc refuses $title"
    reason=$(head_of "$program" "$kind")
    flags=$(head_of "$program" "$kind flags")
    # Without what is wrong it must compile: else it fails for any reason.
    if ! compile "$program" || [ -s "$tmp/out" ]; then
        claim "not ok" "$title (it fails without what is wrong, too)"
    elif
        # shellcheck disable=SC2086 # a list of flags
        compile "$program" -DWRONG $flags
    then
        echo "it compiles" >>"$tmp/out"
        claim "not ok" "$title"
    elif [ -z "$reason" ] || ! grep 'error:' "$tmp/out" | grep -qF -- "$reason"; then
        echo "no error with: $reason" >>"$tmp/out"
        claim "not ok" "$title"
    else
        claim ok "$title"
    fi
}

seen=
for cc in "${CC-gcc}" gcc clang; do
    case $seen in *"<$cc>"*) continue ;; esac
    seen="$seen<$cc>"
    if ! command -v "${cc%% *}" >/dev/null; then
        n=$((n + 1))
        echo "ok $n - the programs of compile/, $cc # SKIP $cc is missing"
        continue
    fi
    # Each has words of its own.
    kind=gcc
    # shellcheck disable=SC2086 # it may carry flags
    ! $cc --version 2>/dev/null | grep -q clang || kind=clang
    for program in "$top_srcdir"/tests/compile/*.c; do
        check "$program"
    done
done
echo "1..$n"
