#!/bin/sh
# lib/ is a house of layers: what a file includes or calls is in its own folder, or in one below, as
# lib/layers says. Prints TAP.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
top_srcdir=$(cd "$top_srcdir" && pwd)
lib=$top_srcdir/lib
archive=$top_builddir/.libs/libweft.a

# "core base": a folder and one that it may use, itself and those further down included; a library's
# own folder may use itself alone.
allowed() {
    awk '
        /^#/ || !NF { next }
        {
            folder = $1
            sub(/:$/, "", folder)
            may[folder, folder] = 1
            for (i = 2; i <= NF; i++) {
                may[folder, $i] = 1
                for (j = 0; j < count; j++)
                    if (($i, known[j]) in may)
                        may[folder, known[j]] = 1
            }
            known[count++] = folder
        }
        END {
            for (pair in may) {
                split(pair, part, SUBSEP)
                print part[1], part[2]
            }
        }' "$lib/layers"
}

# "core/loop.c core/task.h": who includes what, of lib/.
includes() {
    (cd "$lib" && grep -HE '^ *# *include *"' ./*/*.[ch]) |
        sed 's,^\./\([^:]*\):[^"]*"\([^"]*\)".*,\1 \2,' | grep -v ' config\.h$'
}

# "core/loop.c base/alloc.c weft__alloc": who calls what of another file.
uses() {
    (cd "$lib" && find . -name '*.c') | sed 's,^\./,,' >"$work/files"
    ${NM-nm} -A "$archive" 2>/dev/null | sed 's/^[^:]*[:[]\([a-z_]*\)\.o[]:]*:/\1 /' | awk '
        FILENAME != "-" { name = $1; sub(/.*\//, "", name); sub(/\.c$/, "", name); file[name] = $1; next }
        $(NF - 1) == "U" { needs[++count] = file[$1] " " $NF; next }
        $(NF - 1) ~ /^[A-TV-Z]$/ { home[$NF] = file[$1] }
        END {
            for (i = 1; i <= count; i++) {
                split(needs[i], part, " ")
                if (part[2] in home)
                    print part[1], home[part[2]], part[2]
            }
        }' "$work/files" -
}

# Of lines "core/x.c io/y.h ...", those that go up.
upward() {
    awk '
        FILENAME != "-" { may[$1, $2] = 1; next }
        {
            from = $1
            to = $2
            sub(/\/.*/, "", from)
            sub(/\/.*/, "", to)
            if (!((from, to) in may))
                print
        }' "$work/allowed" -
}

allowed >"$work/allowed"
claim "lib/layers names each folder, and no other" "$(
    {
        grep -v '^#' "$lib/layers" | sed 's/:.*//'
        (cd "$lib" && ls -d ./*/) | sed 's,^\./,,; s,/$,,'
    } | sort | uniq -u
)"
claim "a folder stands only on those above its line" "$(awk '
    /^#/ { next }
    { for (i = 2; i <= NF; i++) if (!(($i ":") in seen) && $i != "weft") print; seen[$1] = 1 }' "$lib/layers")"
claim "no two files of lib/ have one name" "$(cd "$lib" && find . -name '*.c' | sed 's,.*/,,' | sort | uniq -d)"
claim "each include of lib/ is rooted there, and exists" "$(
    includes | while read -r file header; do
        [ -e "$lib/$header" ] || echo "$file includes \"$header\""
    done
)"
claim "no include goes up" "$(includes | upward)"
if [ -e "$archive" ]; then
    claim "the archive's symbols are seen" "$(uses | grep -q . || echo "none: $archive")"
    claim "no symbol is used from below" "$(uses | upward)"
else
    skip "no symbol is used from below" "no static library in this build"
fi
claim "libevent is included where docs/design.md says" "$(
    cd "$lib" && grep -lE 'include <event2/' ./*/*.[ch] | sed 's,^\./,lib/,' | while read -r file; do
        grep -qF "$file" "$top_srcdir/docs/design.md" || echo "$file"
    done
)"
claim "docs/design.md's picture has each folder" "$(
    sed 's/#.*//; s/:.*//' "$lib/layers" | while read -r folder; do
        [ -z "$folder" ] || grep -qE "^   .*\b$folder\b" "$top_srcdir/docs/design.md" || echo "$folder"
    done
)"
done_testing
