#!/bin/sh
# tools/weft-lint says about lint/found_* and lint/doc.md what their comments say, at these lines,
# and about lint/clean_* nothing. The first line of a sample is its claim. Prints TAP.
set -u
top_srcdir=${top_srcdir-$(dirname "$0")/..}
samples=$top_srcdir/tests/lint

python=${PYTHON3:-python3}
lint() {
    # shellcheck disable=SC2086 # a list of flags
    "$python" "$top_srcdir/tools/weft-lint" "$@" -- -I"$top_srcdir/include" ${EVENT_CFLAGS-}
}

if ! command -v "$python" >/dev/null; then
    echo "1..0 # SKIP python3 is missing"
    exit 0
fi
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

echo 'int main(void) { return 0; }' >"$tmp/fine.c"
echo 'int main(void) { return' >"$tmp/broken.c"
lint "$tmp/fine.c" 2>"$tmp/errors"
if [ $? -eq 2 ] && grep -q 'clang is missing' "$tmp/errors"; then
    echo "1..0 # SKIP clang is missing"
    exit 0
fi

n=0
claim() { # the claim, what is wanted, what came
    n=$((n + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        printf 'wanted:\n%s\ncame:\n%s\n' "$2" "$3" | sed 's/^/# /'
    fi
}

# "12: local 'n' is used": of each comment, and of each message as much as the comment has.
wanted() { # file
    sed -n '/.*\/\* lint: \(.*[^ ]\) *\*\/.*/{=;s//\1/p;}' "$1" | paste -d: - - | sed 's/:/: /'
}
came() { # file, prints what lint said
    wanted "$1" >"$tmp/wanted"
    sed '/^$/d; s/^.*:\([0-9][0-9]*\): [a-z_]*: /\1: /' |
        awk 'FILENAME != "-" { wanted[$0]; next }
            { for (text in wanted) if (index($0, text) == 1) $0 = text; print }' "$tmp/wanted" -
}

for sample in "$samples"/found_*.c "$samples"/clean_*.c; do
    title=$(sed -n '1s/^\/\* *\(.*[^ .]\)\.* *\*\/$/\1/p' "$sample")
    case $sample in
    */found_*) status=1 ;;
    *) status=0 ;;
    esac
    out=$(lint "$sample" 2>&1)
    got=$?
    claim "$(basename "$sample" .c): $title" "$(wanted "$sample" && echo "status $status")" \
        "$(echo "$out" | came "$sample" && echo "status $got")"
done

page=$samples/doc.md
out=$(lint -v "$page" 2>&1)
status=$?
claim "in Markdown the lines are the page's" "$(wanted "$page")" \
    "$(echo "$out" | grep -v '^weft-lint:' | came "$page")"
claim "-v counts the blocks that do not compile on their own" \
    "weft-lint: $page:44: does not compile on its own, skipped
weft-lint: $page: 2 blocks checked, 1 skipped" "$(echo "$out" | grep '^weft-lint:')"
claim "findings in Markdown: status 1" 1 $status

set -- "$samples/found_try.c" "$samples/clean_branches.c" "$samples/found_no_begin.c"
claim "several files come in the order in which they are named" "found_try.c:14
found_no_begin.c:15" "$(lint "$@" | sed 's/^.*\/\([^:]*:[0-9]*\):.*/\1/')"

trouble() { # the claim, what the message holds, command...: nothing on stdout, and status 2
    title=$1
    text=$2
    shift 2
    out=$("$@" 2>"$tmp/errors")
    status=$?
    grep -qF -- "$text" "$tmp/errors" && out="$out$text"
    claim "$title: status 2" "$text, 2" "$out, $status"
}
trouble "a file that does not compile, and the command that shows why" \
    "$tmp/broken.c does not compile; to see why: " lint "$tmp/broken.c"
trouble "one such file among several" "broken.c does not compile" lint "$tmp/fine.c" "$tmp/broken.c"
trouble "a file that is missing" "$tmp/none.c" lint "$tmp/none.c"
trouble "no clang" "/none/clang" \
    env CLANG=/none/clang "$python" "$top_srcdir/tools/weft-lint" "$tmp/fine.c"
trouble "no file named" "usage: weft-lint" "$python" "$top_srcdir/tools/weft-lint"

echo "1..$n"
