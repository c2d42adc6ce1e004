#!/bin/sh
# The numbered demos print what their first comment says, in no time: they run on virtual time, and
# know nothing of it (WEFT_CLOCK, see weft/testing.h). Prints TAP.
set -u
top_srcdir=${top_srcdir-$(dirname "$0")/..}
top_builddir=${top_builddir-$top_srcdir}
LC_ALL=C
export LC_ALL

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

n=0
claim() { # the claim, and what breaks it
    n=$((n + 1))
    if [ -z "$2" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        echo "$2" | sed 's/^/# /'
    fi
}

# What is left of "It prints:", and what it does print, on stderr, too: a report is a mistake.
differs() { # demo
    sed -n '/^ \* It prints:$/,/^ \*\/$/s/^ \*     //p' "$top_srcdir/demos/$1.c" >"$work/expected"
    [ -s "$work/expected" ] || echo "its first comment does not say what it prints"
    WEFT_CLOCK=virtual timeout 60 "$top_builddir/demos/$1" >"$work/got" 2>&1
    status=$?
    diff "$work/expected" "$work/got"
    [ $status -eq 0 ] || echo "exit status $status"
}

# A shell gives a job in the background SIGINT ignored, and a program leaves it so.
sigint_is_ignored() {
    sh -c 'kill -INT $$; exit 0' 2>/dev/null
}

begun=$(date +%s)
for demo in "$top_srcdir"/demos/[0-9]*.c; do
    demo=$(basename "$demo" .c)
    if [ "$demo" = 23-interrupt ] && sigint_is_ignored; then
        n=$((n + 1))
        echo "ok $n - $demo # SKIP SIGINT is ignored here"
    else
        claim "$demo prints what it says" "$(differs "$demo")"
    fi
done
took=$(($(date +%s) - begun))
claim "they did not sleep: in real time they take a minute" "$(
    [ $took -lt 30 ] || echo "they took $took seconds"
)"
claim "the numbers have no gap, and stand in the first line" "$(
    expected=0
    for demo in "$top_srcdir"/demos/[0-9]*.c; do
        expected=$((expected + 1))
        name=$(basename "$demo")
        [ "${name%%-*}" = "$(printf %02d $expected)" ] || echo "$name: not number $expected"
        head -n 1 "$demo" | grep -q "^/\* $expected\. " || echo "$name:1: not $expected"
    done
)"
claim "no demo is longer than 120 lines" "$(
    for demo in "$top_srcdir"/demos/[0-9]*.c; do
        lines=$(wc -l <"$demo")
        [ "$lines" -le 120 ] || echo "$(basename "$demo"): $lines"
    done
)"
echo "1..$n"
