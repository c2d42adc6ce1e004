#!/bin/sh
# What each shared library exports is what its list lib/*.sym says. Prints TAP.
# With --update, rewrites the lists instead.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"

[ -e "$top_builddir/.libs/libweft.so" ] ||
    skip_all "no shared library in this build (--disable-shared)"

for list in "$top_srcdir"/lib/*.sym; do
    name=$(basename "$list" .sym)
    library=$top_builddir/.libs/lib$name.so

    # Defined symbols; the version nodes themselves (type A) are none.
    exported=$(${NM-nm} -D --defined-only "$library" |
        awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort -u)

    if [ "${1-}" = --update ]; then
        comment=$(grep '^#' "$list")
        printf '%s\n' "$comment" "$exported" >"$list"
        continue
    fi

    # A thread that has used it runs its code when it ends: a dlclose must leave it where it is.
    if grep -q '^WEFT_NODELETE_LDFLAGS = .' "$top_builddir/Makefile"; then
        claim "lib$name: a dlclose does not take it away" \
            "$(readelf -d "$library" | grep -q NODELETE || echo "no NODELETE")"
    fi

    listed=$(grep -v '^#' "$list")
    claim "lib$name: every exported symbol begins with weft_" "$(echo "$exported" | grep -v '^weft_')"
    # Internal names are exported only for a public header's macros and inline functions.
    internal=
    for symbol in $(echo "$exported" | grep '^weft__'); do
        grep -rqw "$symbol" "$top_srcdir/include" || internal="$internal $symbol"
    done
    claim "lib$name: a weft__ symbol is exported only if a public header uses it" "$internal"
    claim "lib$name: every listed symbol is exported" \
        "$(for symbol in $listed; do echo "$exported" | grep -qx "$symbol" || echo "$symbol"; done)"
    claim "lib$name: every exported symbol is listed (make update-symbols)" \
        "$(for symbol in $exported; do echo "$listed" | grep -qx "$symbol" || echo "$symbol"; done)"
done
[ "${1-}" = --update ] || done_testing
