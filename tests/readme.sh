#!/bin/sh
# README.md shows what there is: its programs are compiled, its commands run, and what they print has
# the form that is shown; the paths, names, options and demos that it names are there, and no demo is
# left out. Prints TAP.
#
# What takes too long here is run by .ci/run, which asks:
#
#     readme.sh --like COMMAND FILE     Is what COMMAND has printed, in FILE, like what is shown?
#
# On the page a line `    $ command` is followed by what it prints.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
top_srcdir=$(cd "$top_srcdir" && pwd)
top_builddir=$(cd "$top_builddir" && pwd)
page=$top_srcdir/README.md
LC_ALL=C
export LC_ALL

# ---- the page ----

commands() { # those that are shown with what they print
    sed -n 's/^    \$ //p' "$page"
}

shown() { # command: what it prints, says the page
    commands | grep -qxF -e "$1" || echo "not on the page: $1"
    awk -v command="    \$ $1" '
        /^    [$] / { inside = $0 == command; next }
        /^[^ ]/ { inside = 0 }
        inside { sub(/^    /, ""); print }' "$page" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
}

block() { # the n-th block of C
    awk -v wanted="$1" '/^```c$/ { inside = ++n == wanted; next }
        /^```$/ { inside = 0 }
        inside' "$page"
}

words() { # the page's words: paths and names are whole
    tr -cs 'A-Za-z0-9_.*/+-' '\n' <"$page" | sed 's/[.]*$//' | sort -u
}

# The form alone: numbers and bars differ from run to run, and rows of one form count one. What a
# quickstart has to do depends on what was done before, and which tests are skipped on the machine.
form() {
    sed -E 's/[0-9]+([.][0-9]+)*/N/g; s/[^ -~]+/=/g; s/ +/ /g; s/^ //; s/ $//' |
        sed -E '/^([.]{3}|SKIP: .*|quickstart: (installing|bootstrapping|configuring|building).*|)$/d' |
        uniq
}

is_like() { # command, a file with what it has printed: in one piece, maybe amidst more
    shown "$1" | form >"$work/shown"
    form <"$2" >"$work/printed"
    [ -s "$work/shown" ] || return
    awk 'NR == FNR { shown = shown $0 "\n"; next }
        { printed = printed $0 "\n" }
        END { exit !index("\n" printed, "\n" shown) }' "$work/shown" "$work/printed" && return
    echo "README.md shows (<), and '$1' prints (>), numbers apart:"
    diff "$work/shown" "$work/printed"
    return 1
}

if [ "${1-}" = --like ]; then
    is_like "$2" "$3"
    exit
fi

# ---- the programs ----

# A compiler and a pkg-config that know this build, and have nothing else of their own.
mkdir "$work/bin"
cat >"$work/bin/cc" <<END
#!/bin/sh
PATH='$PATH'
exec ${CC-cc} ${CFLAGS-} -Wall -Wextra -Werror "\$@"
END
static=
[ -e "$top_builddir/.libs/libweft.so" ] || static=--static
cat >"$work/bin/pkg-config" <<END
#!/bin/sh
PATH='$PATH'
exec ${PKG_CONFIG:-pkg-config} $static "\$@"
END
chmod +x "$work"/bin/*

in_work() { # command...: as it stands on the page, with weft as it is built
    (
        cd "$work" || exit
        PATH=$work/bin:$PATH
        PKG_CONFIG_PATH=$top_builddir${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
        WEFT_CLOCK=virtual
        export PATH PKG_CONFIG_PATH WEFT_CLOCK
        sh -c "$*"
    )
}

program=$(commands | grep '^cc ')
block 1 >"$work/prog.c"
runs_as_shown() {
    in_work "$program" >"$work/got" || return
    shown "$program" | diff - "$work/got"
}

# The statements for a program that has an event_base, with the bodies of the other one.
{
    echo '#include <event2/event.h>'
    sed '/^int main/,$d' "$work/prog.c"
    echo 'int main(void) {'
    block 2
    echo 'return 0; }'
} >"$work/host.c"
is_a_guest() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    in_work 'cc host.c $(pkg-config --cflags --libs weft libevent_core) -o host && ./host' >"$work/got" &&
        printf 'guest %s\n' 1 2 3 | diff - "$work/got"
}

if have "${PKG_CONFIG:-pkg-config}" && [ -e "$top_builddir/weft-uninstalled.pc" ]; then
    check "the program compiles as shown, without a warning, and prints what is shown" runs_as_shown
    check "the statements for a program that has an event_base do so, too" is_a_guest
else
    skip "the programs" "pkg-config is missing"
fi

# ---- the commands ----

# What ./quickstart runs when all is built, which is most of what it prints.
fetches() {
    {
        echo 'quickstart: running demos/fetch/fetch'
        LC_ALL=C.UTF-8 "$top_builddir/demos/fetch/fetch"
    } >"$work/fetched" && is_like ./quickstart "$work/fetched"
}

climbs() {
    LC_ALL=C.UTF-8 "$top_builddir/demos/fetch/fetch" --ladder >"$work/ladder" &&
        is_like 'demos/fetch/fetch --ladder' "$work/ladder"
}

if [ "$(LC_ALL=C.UTF-8 locale charmap 2>/dev/null)" = UTF-8 ]; then
    check "the fetch prints what is shown" fetches
    check "its ladder prints what is shown" climbs
else
    skip "the fetch prints what is shown" "no locale with UTF-8"
fi
claim "what is shown of quickstart's steps is what it says" "$(
    shown ./quickstart >"$work/steps"
    shown './quickstart check' >>"$work/steps"
    sed -n 's/^quickstart: //p' "$work/steps" | while read -r step; do
        grep -qF -e "\"$step\"" "$top_srcdir/quickstart" || echo "$step"
    done
)"
claim "each command that is shown with its output is run, here or by .ci/run" "$(
    commands | grep -vxF -e ./quickstart -e './quickstart check' -e "$program" \
        -e 'demos/fetch/fetch --ladder'
)"

helps() {
    "$top_srcdir/quickstart" --help >"$work/help" 2>"$work/err" && ! [ -s "$work/err" ] &&
        grep -q '^  ./quickstart check  ' "$work/help"
}
refuses() {
    "$top_srcdir/quickstart" chekc >"$work/help" 2>"$work/err"
    [ $? -eq 2 ] && ! [ -s "$work/help" ] && grep -q "'chekc'" "$work/err"
}
check "quickstart --help is no error, and goes to stdout" helps
check "a word that quickstart does not know is named on stderr, with status 2" refuses

# ---- what is named ----

claim "each path is there" "$(
    words | grep -E '^(demos|docs|include|lib|tests|tools)/|[.](md|sh)$' | while read -r path; do
        for at in "$top_srcdir"/$path "$top_srcdir/$path.c" ''; do
            [ ! -e "$at" ] || break
        done
        [ -n "$at" ] || echo "$path"
    done
)"
claim "each name of the library stands in its headers" "$(
    words | grep -E '^(weft|WEFT)_' | grep -vx -e WEFT_CFLAGS -e WEFT_LIBS | while read -r name; do
        grep -rqw -e "$name" "$top_srcdir/include" || echo "$name"
    done
)"
claim "each option is one of the programs that are shown" "$(
    {
        "$top_builddir/demos/fetch/fetch" --help
        "$top_builddir/demos/echo/echo" --help
        echo "configure: --prefix  pkg-config: --cflags --libs"
    } >"$work/help"
    words | grep -e '^--[a-z]' | while read -r option; do
        grep -qw -e "$option" "$work/help" || echo "$option"
    done
)"
claim "how to install stands before what takes it" "$(
    awk '/^    make install$/ { install = NR } /^    ldconfig$/ && install { loader = NR }
        /pkg-config --cflags/ && !loader { print NR ": " $0 }
        END { if (!loader) print "not at all" }' "$page"
)"
claim "each document is installed" "$(
    for document in LICENSE NEWS.md README.md "$top_srcdir"/docs/*; do
        document=${document#"$top_srcdir"/}
        sed -n '/^dist_doc_DATA/p; /^dist_docs_DATA/,/[^\\]$/p' "$top_srcdir/Makefile.am" |
            grep -qwF -e "$document" || echo "$document"
    done
)"

# ---- the demos ----

# "01-hello|A task that sleeps, and prints.": of the table, and of the first lines.
listed() {
    # shellcheck disable=SC2016 # the page's backquotes
    sed -n '/^## The demos/,/^## Link/s/^| `\([^`]*\)` | \(.*\) |$/\1|\2/p' "$page"
}
titled() {
    for demo in "$top_srcdir"/demos/[0-9]*.c; do
        printf '%s|' "$(basename "$demo" .c)"
        sed -n '1s/^\/\* [0-9]*\. //p' "$demo"
    done
}
claim "the numbered demos are listed, with the titles in their first lines" "$(
    titled >"$work/titled"
    listed | grep '^[0-9]' | diff - "$work/titled"
)"
claim "so are all others, and nothing else" "$(
    for demo in "$top_srcdir"/demos/[!0-9]*.c "$top_srcdir"/demos/*/*.c; do
        demo=${demo#"$top_srcdir"/demos/}
        demo=${demo%%/*}
        echo "${demo%.c}"
    done | sort -u >"$work/others"
    listed | sed -n '/^[^0-9]/s/|.*//p' | sort | diff - "$work/others"
)"
done_testing
