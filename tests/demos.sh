#!/bin/sh
# The numbered demos print what their first comment says, in no time: they run on virtual time, and
# know nothing of it (WEFT_CLOCK, see weft/testing.h). Prints TAP.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
LC_ALL=C
WEFT_CLOCK=virtual
export LC_ALL WEFT_CLOCK

# A shell gives a job in the background SIGINT ignored, and a program leaves it so.
sigint_is_ignored() {
    sh -c 'kill -INT $$; exit 0' 2>/dev/null
}

begun=$(date +%s)
for demo in "$top_srcdir"/demos/[0-9]*.c; do
    demo=$(basename "$demo" .c)
    if [ "$demo" = 23-interrupt ] && sigint_is_ignored; then
        skip "$demo" "SIGINT is ignored here"
    else
        check "$demo prints what it says" prints_what_it_says "$demo"
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
# A file and its header are one, which knows those that it includes, and what they know.
claim "no file of a larger demo knows itself by way of others" "$(
    for folder in echo fetch; do
        for file in "$top_srcdir/demos/$folder"/*.[ch]; do
            name=$(basename "$file")
            sed -n "s/^#include \"\(.*\)\.h\"/${name%.*} \1/p" "$file"
        done | awk '$1 != $2' | tsort 2>&1 >/dev/null | sed "s/^tsort:/$folder:/"
    done
)"
claim "no demo is longer than 120 lines" "$(
    for demo in "$top_srcdir"/demos/[0-9]*.c; do
        lines=$(wc -l <"$demo")
        [ "$lines" -le 120 ] || echo "$(basename "$demo"): $lines"
    done
)"
done_testing
