#!/bin/sh
# tools/weft-lint says about lint/found_* and lint/doc.md what their comments say, at these lines,
# and about lint/clean_* nothing. The first line of a sample is its claim. Prints TAP.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
samples=$top_srcdir/tests/lint

python=${PYTHON3:-python3}
lint() {
    # shellcheck disable=SC2086 # a list of flags
    "$python" "$top_srcdir/tools/weft-lint" "$@" -- -I"$top_srcdir/include" ${EVENT_CFLAGS-}
}

have "$python" || skip_all "python3 is missing"

echo 'int main(void) { return 0; }' >"$work/fine.c"
echo 'int main(void) { return' >"$work/broken.c"
lint "$work/fine.c" 2>"$work/errors"
if [ $? -eq 2 ] && grep -q 'clang is missing' "$work/errors"; then
    skip_all "clang is missing"
fi

same() { # the claim, what is wanted, what came
    claim "$1" "$([ "$2" = "$3" ] || printf 'wanted:\n%s\ncame:\n%s\n' "$2" "$3")"
}

# "12: local 'n' is used": of each comment, and of each message as much as the comment has.
wanted() { # file
    sed -n '/.*\/\* lint: \(.*[^ ]\) *\*\/.*/{=;s//\1/p;}' "$1" | paste -d: - - | sed 's/:/: /'
}
came() { # file, prints what lint said
    wanted "$1" >"$work/wanted"
    sed '/^$/d; s/^.*:\([0-9][0-9]*\): [a-z_]*: /\1: /' |
        awk 'FILENAME != "-" { wanted[$0]; next }
            { for (text in wanted) if (index($0, text) == 1) $0 = text; print }' "$work/wanted" -
}

# 231, 232, 233
for sample in "$samples"/found_*.c "$samples"/clean_*.c; do
    title=$(sed -n '1s/^\/\* *\(.*[^ .]\)\.* *\*\/$/\1/p' "$sample")
    case $sample in
    */found_*) status=1 ;;
    *) status=0 ;;
    esac
    out=$(lint "$sample" 2>&1)
    got=$?
    same "$(basename "$sample" .c): $title" "$(wanted "$sample" && echo "status $status")" \
        "$(echo "$out" | came "$sample" && echo "status $got")"
done

page=$samples/doc.md
out=$(lint -v "$page" 2>&1)
status=$?
same "in Markdown the lines are the page's" "$(wanted "$page")" \
    "$(echo "$out" | grep -v '^weft-lint:' | came "$page")"
same "-v counts the blocks that do not compile on their own" \
    "weft-lint: $page:44: does not compile on its own, skipped
weft-lint: $page: 2 blocks checked, 1 skipped" "$(echo "$out" | grep '^weft-lint:')"
same "findings in Markdown: status 1" 1 $status

set -- "$samples/found_macro.c" "$samples/clean_branches.c" "$samples/found_no_begin.c"
same "several files come in the order in which they are named" "found_macro.c:19
found_macro.c:22
found_no_begin.c:15" "$(lint "$@" | sed 's/^.*\/\([^:]*:[0-9]*\):.*/\1/')"

# What blocks is the user's to say, too.
cat >"$work/read.c" <<'END'
#include <unistd.h>
#include <weft.h>
struct fetch { weft_gen gen; int fd; char bytes[9]; };
static weft_step fetch(void *frame)
{
    struct fetch *f = frame;
    WEFT_BEGIN(f);
    read(f->fd, f->bytes, 9);
    sleep(1);
    WEFT_END(f);
}
WEFT_GEN_TYPE(fetch);
END
printf '%s\n' '# those of this program' 'read ask the cache' '' 'recv' >"$work/list"
said() { # arguments: what is said of read.c
    lint "$@" "$work/read.c" | sed 's/^.*\/\([^:]*:[0-9]*\):/\1/'
}
# 231
same "a read of a descriptor that may not block is no finding" \
    "read.c:9 fetch: sleep blocks the loop; weft_sleep waits without blocking" "$(said)"
same "--blocking names more functions, and what to say of them" \
    "read.c:8 fetch: read blocks the loop; ask the cache
read.c:9 fetch: sleep blocks the loop; weft_sleep waits without blocking" \
    "$(said --blocking "$work/list")"
same "--allow takes one out" "read.c:8 fetch: read blocks the loop; ask the cache" \
    "$(said "--blocking=$work/list" --allow sleep)"
same "with nothing left: status 0" 0 "$(lint --allow sleep "$work/read.c"; echo $?)"

trouble() { # the claim, what the message holds, command...: nothing on stdout, and status 2
    title=$1
    text=$2
    shift 2
    out=$("$@" 2>"$work/errors")
    status=$?
    grep -qF -- "$text" "$work/errors" && out="$out$text"
    same "$title: status 2" "$text, 2" "$out, $status"
}
trouble "a file that does not compile, and the command that shows why" \
    "$work/broken.c does not compile; to see why: " lint "$work/broken.c"
trouble "one such file among several" "broken.c does not compile" lint "$work/fine.c" "$work/broken.c"
trouble "a file that is missing" "$work/none.c" lint "$work/none.c"
trouble "no clang" "/none/clang" \
    env CLANG=/none/clang "$python" "$top_srcdir/tools/weft-lint" "$work/fine.c"
trouble "a list that is missing" "$work/none" lint --blocking "$work/none" "$work/fine.c"
trouble "no file named" "usage: weft-lint" "$python" "$top_srcdir/tools/weft-lint"

done_testing
