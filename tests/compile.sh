#!/bin/sh
# What the headers let a compiler refuse, and what they must not make it complain of:
#   compile/silent_*.c  compile without a warning;
#   compile/wrong_*.c   do so, too, but with -DWRONG they fail, for what their head names;
#   compile/run_cxxN.cc  compile as C++N, run, and print what their second line says.
# With every compiler that is there. The first line of a program is its claim. Prints TAP.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
LC_ALL=C # messages in English, with plain quotes
export LC_ALL

strict="-std=c11 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wformat=2 -Wvla -Wundef -Wimplicit-fallthrough -Werror"
strict_cxx="-O2 -Wall -Wextra -Wpedantic -Wundef -Wno-missing-field-initializers -Werror"

head_of() { # program, key: what stands behind " * key: " in its first comment
    sed -n '/\*\//q; s/^ \* '"$2"': \(.*\)$/\1/p' "$1"
}

compile() { # program, flags...: what the compiler says goes to $work/said, too
    program=$1
    shift
    # shellcheck disable=SC2086 # lists of flags
    $cc $strict -I"$top_srcdir/include" ${EVENT_CFLAGS-} "$@" -c "$program" -o "$work/o" \
        >"$work/said" 2>&1
    code=$?
    cat "$work/said"
    return $code
}

is_fine() { # program
    compile "$1" && ! [ -s "$work/said" ]
}

is_refused() { # program
    is_fine "$1" || { # else it fails for any reason
        echo "it fails without what is wrong, too"
        return 1
    }
    # shellcheck disable=SC2046 # a list of flags
    ! compile "$1" -DWRONG $(head_of "$1" "$kind flags") || {
        echo "it compiles"
        return 1
    }
    reason=$(head_of "$1" "$kind")
    { [ -n "$reason" ] && grep 'error:' "$work/said" | grep -qF -- "$reason"; } || {
        echo "no error with: $reason"
        return 1
    }
}

# 228, 229
seen=
for cc in "${CC-gcc}" gcc clang; do
    case $seen in *"<$cc>"*) continue ;; esac
    seen="$seen<$cc>"
    if ! have "${cc%% *}"; then
        skip "the programs of compile/, $cc" "$cc is missing"
        continue
    fi
    # Each has words of its own.
    kind=gcc
    # shellcheck disable=SC2086 # it may carry flags
    ! $cc --version 2>/dev/null | grep -q clang || kind=clang
    for sample in "$top_srcdir"/tests/compile/*.c; do
        title=$(sed -n '1s/^\/\* *\(.*[^ ]\) *$/\1/p' "$sample" | sed 's/ *\*\/$//')
        case $sample in
        */silent_*) check "$cc is silent about $title" is_fine "$sample" ;;
        *) check "$cc refuses $title" is_refused "$sample" ;;
        esac
    done
done

# ---- C++ ----

runs() { # compiler, program
    standard=${2##*run_cxx}
    # shellcheck disable=SC2086 # lists of flags
    "$1" -std="c++${standard%.cc}" $strict_cxx -I"$top_srcdir/include" ${EVENT_CFLAGS-} \
        "$2" "$archive" ${EVENT_LIBS--levent_core} -lpthread -o "$work/run" || return 1
    printed=$(WEFT_CLOCK=virtual timeout 60 "$work/run") || echo "exit status $?"
    [ "$printed" = "$(sed -n '2s/^.*prints: //p' "$2")" ] || {
        echo "it prints: $printed"
        return 1
    }
}

# 230
archive=$top_builddir/.libs/libweft.a
for cxx in g++ clang++; do
    for sample in "$top_srcdir"/tests/compile/run_cxx*.cc; do
        title="$cxx compiles, and it runs: $(sed -n '1s/^.. //p' "$sample")"
        case ${CFLAGS-} in
        *-fsanitize*) skip "$title" "the library wants a sanitizer's own libraries" && continue ;;
        esac
        if ! have $cxx; then
            skip "$title" "$cxx is missing"
        elif ! [ -e "$archive" ]; then
            skip "$title" "there is no libweft.a"
        else
            check "$title" runs $cxx "$sample"
        fi
    done
done
done_testing
