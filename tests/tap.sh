#!/bin/sh
# tap.sh - what the shell tests stand on; each begins with
#
#     . "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
#
# so that it runs by hand as well as in `make check`, which says where the trees are. It prints TAP:
# a line for each claim, and as the last thing done, how many there were. $work is a directory that
# is gone at the end, and so are the servers whose ids are in $servers.
set -u
top_srcdir=${top_srcdir-$(dirname "$0")/..}
top_builddir=${top_builddir-$top_srcdir}

work=$(mktemp -d) || exit 99
servers=
cleanup() {
    for pid in $servers; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' HUP INT TERM

# ---- claims ----

n=0
check() { # claim, command...: ok if it returns 0; what it prints is shown if not
    claim=$1
    shift
    n=$((n + 1))
    if "$@" >"$work/log" 2>&1; then
        echo "ok $n - $claim"
    else
        echo "not ok $n - $claim"
        sed 's/^/# /' "$work/log"
    fi
}

claim() { # claim, what breaks it: ok if that is empty
    n=$((n + 1))
    if [ -z "$2" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        echo "$2" | sed 's/^/# /'
    fi
}

skip() { # claim, reason
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}

check_with() { # a program that it takes, claim, command...
    peer=$1
    shift
    if have "$peer"; then
        check "$@"
    else
        skip "$1" "${peer##*/} is missing"
    fi
}

skip_all() { # reason
    echo "1..0 # SKIP $1"
    exit 0
}

done_testing() {
    echo "1..$n"
}

have() { # a program
    command -v "$1" >/dev/null
}

# ---- what is checked of $program ----

exits() { # the code that is expected, arguments...; its output goes to $work/out
    expected=$1
    shift
    timeout -k 5 60 "${program:?}" "$@" >"$work/out" 2>&1
    code=$?
    cat "$work/out"
    [ "$code" -eq "$expected" ] || {
        echo "exit code $code, expected $expected: ${program##*/} $*"
        return 1
    }
}

prints() { # an extended regular expression that a line of $work/out has
    grep -Eq -e "$1" "$work/out" || {
        echo "no line matches: $1"
        return 1
    }
}

fails_with() { # text, arguments...
    text=$1
    shift
    exits 1 "$@" && prints "$text"
}

usage_error() { # text, arguments...
    text=$1
    shift
    exits 2 "$@" && prints "$text"
}

# ---- demos ----

# What is left of "It prints:", and what it does print, on stderr, too: a report is a mistake.
prints_what_it_says() { # demo
    sed -n '/^ \* It prints:$/,/^ \*\/$/s/^ \*     //p' "$top_srcdir/demos/$1.c" >"$work/expected"
    [ -s "$work/expected" ] || {
        echo "its first comment does not say what it prints"
        return 1
    }
    timeout 60 "$top_builddir/demos/$1" >"$work/got" 2>&1
    code=$?
    [ $code -eq 0 ] || echo "exit status $code"
    diff "$work/expected" "$work/got" && [ $code -eq 0 ]
}

# ---- servers ----

wait_for() { # a command that is tried for 10 seconds
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        sleep 0.05
    done
}

# An nginx for files; what it says is in $work/nginx.
start_nginx() { # the files' directory, where it listens...: sets $nginx_pid
    root=$1
    shift
    mkdir -p "$work/nginx/logs"
    user=
    [ "$(id -u)" -ne 0 ] || user='user root;'
    cat >"$work/nginx/nginx.conf" <<END
daemon off;
pid $work/nginx/pid;
error_log $work/nginx/logs/error.log;
worker_processes 1;
$user
events { worker_connections 512; }
http {
    access_log off;
    sendfile on;
    client_body_temp_path $work/nginx/body;
    proxy_temp_path $work/nginx/proxy;
    fastcgi_temp_path $work/nginx/fastcgi;
    uwsgi_temp_path $work/nginx/uwsgi;
    scgi_temp_path $work/nginx/scgi;
    server {
        $(printf 'listen %s; ' "$@")
        root $root;
        autoindex on;
    }
}
END
    nginx -p "$work/nginx" -c "$work/nginx/nginx.conf" >"$work/nginx/out" 2>&1 &
    nginx_pid=$!
    servers="$servers $nginx_pid"
}
