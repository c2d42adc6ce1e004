#!/bin/sh
# What the shared library exports is what lib/weft.sym lists. Prints TAP.
# With --update, rewrites that list instead.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
list=$top_srcdir/lib/weft.sym
library=$top_builddir/.libs/libweft.so

[ -e "$library" ] || skip_all "no shared library in this build (--disable-shared)"

# Defined symbols; the version nodes themselves (type A) are none.
exported=$(${NM-nm} -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    LC_ALL=C sort -u)

if [ "${1-}" = --update ]; then
    comment=$(grep '^#' "$list")
    printf '%s\n' "$comment" "$exported" >"$list"
    exit
fi

listed=$(grep -v '^#' "$list")
claim "every exported symbol begins with weft_" "$(echo "$exported" | grep -v '^weft_')"
# Internal names are exported only for a public header's macros and inline functions.
internal=
for name in $(echo "$exported" | grep '^weft__'); do
    grep -rqw "$name" "$top_srcdir/include" || internal="$internal $name"
done
claim "a weft__ symbol is exported only if a public header uses it" "$internal"
claim "every listed symbol is exported" \
    "$(for name in $listed; do echo "$exported" | grep -qx "$name" || echo "$name"; done)"
claim "every exported symbol is listed (make update-symbols)" \
    "$(for name in $exported; do echo "$listed" | grep -qx "$name" || echo "$name"; done)"
done_testing
