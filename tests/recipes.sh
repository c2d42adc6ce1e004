#!/bin/sh
# The programs of docs/recipes.md print what their first comment says, and leave nothing behind; what
# the page quotes is what stands in them. Prints TAP. Nothing leaves the machine: the servers that
# are asked are in the programs, but for libpq's, which is started here, on a socket in $work.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
page=$top_srcdir/docs/recipes.md
recipes=$top_builddir/demos/recipes
LC_ALL=C
export LC_ALL

# ---- what a program prints ----

prints_its_comment() { # recipe, its arguments...: stderr, too: a report is a mistake
    recipe=$1
    shift
    sed -n '/^ \* It prints:$/,/^ \*\/$/s/^ \*     //p' "$top_srcdir/demos/recipes/$recipe.c" \
        >"$work/expected"
    [ -s "$work/expected" ] || return
    timeout -k 5 20 "$recipes/$recipe" "$@" >"$work/got" 2>&1
    code=$?
    [ $code -eq 0 ] || echo "exit status $code"
    diff "$work/expected" "$work/got" && [ $code -eq 0 ]
}

in_debug_mode() { # command...: it stops a program that calls from a wrong thread
    (
        WEFT_DEBUG=1
        export WEFT_DEBUG
        "$@"
    )
}

leaves_nothing() { # recipe, its arguments...
    recipe=$1
    shift
    WEFT_MALLOC=plain timeout -k 5 60 valgrind -q --fair-sched=yes --error-exitcode=99 \
        --leak-check=full --num-callers=30 "$recipes/$recipe" "$@" 2>&1
}

check_recipe() { # recipe, what it needs, its arguments...
    recipe=$1
    needs=$2
    shift 2
    if ! [ -x "$recipes/$recipe" ]; then
        skip "$recipe prints what it says" "$needs is missing"
        return
    fi
    check "$recipe prints what it says" prints_its_comment "$recipe" "$@"
    check "$recipe does so in debug mode" in_debug_mode prints_its_comment "$recipe" "$@"
    if ! have valgrind; then
        skip "$recipe leaves nothing behind" "valgrind is missing"
    elif grep -q -e __asan_init -e __tsan_init "$recipes/$recipe"; then
        skip "$recipe leaves nothing behind" "built with a sanitizer, which says so itself"
    elif grep -q 'clang version' "$recipes/$recipe"; then
        skip "$recipe leaves nothing behind" "built with clang, whose debug information valgrind may refuse"
    else
        check "$recipe leaves nothing behind" leaves_nothing "$recipe" "$@"
    fi
}

check_recipe callback "the program"
check_recipe many "the program"
check_recipe thread "the program"
check_recipe evhttp libevent_extra
check_recipe evdns libevent_extra
check_recipe cares "c-ares, or libevent_extra"

# ---- libpq, which needs a server ----

as_user() { # command...: PostgreSQL refuses to be run by root
    (
        cd "$work/pg" || exit
        [ "$(id -u)" -ne 0 ] || set -- setpriv --reuid=nobody --regid="$(id -g nobody)" \
            --clear-groups env HOME="$work/pg" "$@"
        "$@"
    )
}

find_postgres() { # prints the folder of initdb and pg_ctl
    for bin in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin /usr/bin; do
        if [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ]; then
            echo "$bin"
            return
        fi
    done
    return 1
}

stop_postgres() {
    as_user "$postgres/pg_ctl" -D "$work/pg/data" -m immediate stop >/dev/null 2>&1
    cleanup
}

start_postgres() {
    mkdir "$work/pg" || return
    if [ "$(id -u)" -eq 0 ]; then
        chown nobody "$work/pg" && chmod 711 "$work" || return
    fi
    as_user "$postgres/initdb" -D "$work/pg/data" -A trust -U weft -N >"$work/initdb" 2>&1 || {
        cat "$work/initdb"
        return 1
    }
    trap stop_postgres EXIT
    # Its output goes to files: the server would keep this script's stdout open.
    as_user "$postgres/pg_ctl" -D "$work/pg/data" -w -t 30 -l "$work/pg/log" \
        -o "-F -h '' -k '$work/pg'" start >"$work/started" 2>&1 </dev/null || {
        cat "$work/started" "$work/pg/log"
        return 1
    }
}

if ! [ -x "$recipes/libpq" ]; then
    skip "libpq prints what it says" "libpq is missing"
elif ! postgres=$(find_postgres); then
    skip "libpq prints what it says" "a PostgreSQL server is missing (on Debian: postgresql)"
elif [ "$(id -u)" -eq 0 ] && ! have setpriv; then
    skip "libpq prints what it says" "a server is not started by root, and setpriv is missing"
else
    check "a PostgreSQL server starts, on a socket of its own" start_postgres
    check_recipe libpq libpq "host=$work/pg user=weft dbname=postgres"
fi

# ---- the page ----

# A block that is introduced by "From demos/<path>:" goes to $work/quote/<number>, its path to <number>.path
mkdir "$work/quote"
awk -v into="$work/quote" '
    /^From demos\/[a-z_\/-]+\.c:$/ { sub(/^From /, ""); sub(/:$/, ""); file = $0; next }
    file && /^```c$/ { at = into "/" ++count; printf "" >at; print file >(at ".path"); next }
    at && /^```$/ { close(at); at = file = ""; next }
    at { print >at }
    !at && file && NF { print "no block follows: " file >(into "/trouble"); file = "" }
' "$page"

stands_in() { # a quote, a file: verbatim
    [ -s "$1" ] && awk 'NR == FNR { quote = quote $0 "\n"; next }
        { text = text $0 "\n" }
        END { exit !index(text, quote) }' "$1" "$2"
}

claim "each quoted block stands in the file that it names" "$(
    [ ! -e "$work/quote/trouble" ] || cat "$work/quote/trouble"
    for path in "$work"/quote/*.path; do
        file=$(cat "$path")
        stands_in "${path%.path}" "$top_srcdir/$file" || {
            echo "$file has not:"
            cat "${path%.path}"
        }
    done
)"
claim "each recipe is quoted, and each block of C says where it is from" "$(
    for recipe in callback many thread evhttp evdns cares libpq; do
        grep -qx "demos/recipes/$recipe.c" "$work"/quote/*.path || echo "not quoted: $recipe.c"
    done
    blocks=$(grep -c '^```c$' "$page")
    quotes=$(find "$work/quote" -name '*.path' | wc -l)
    [ "$blocks" -eq "$quotes" ] || echo "$blocks blocks, $quotes of them from a file"
)"
claim "no recipe is longer than 300 lines" "$(
    for file in "$top_srcdir"/demos/recipes/*.[ch]; do
        lines=$(wc -l <"$file")
        [ "$lines" -le 300 ] || echo "$(basename "$file"): $lines"
    done
)"
done_testing
