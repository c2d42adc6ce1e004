#!/bin/sh
# The demos inside another program: host-callback prints what its first comment says, and the evhttp
# server with a weft handler works, alone and for many. Prints TAP.
set -u
top_srcdir=${top_srcdir-$(dirname "$0")/..}
top_builddir=${top_builddir-$top_srcdir}
LC_ALL=C
export LC_ALL

work=$(mktemp -d) || exit 99
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' HUP INT TERM

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

skip_rest() { # reason
    echo "ok $((n + 1)) - host-evhttp # SKIP $1"
    echo "1..$((n + 1))"
    exit 0
}

prints_what_it_says() { # demo
    sed -n '/^ \* It prints:$/,/^ \*\/$/s/^ \*     //p' "$top_srcdir/demos/$1.c" >"$work/expected"
    [ -s "$work/expected" ] || return
    timeout 20 "$top_builddir/demos/$1" >"$work/got" || return
    diff "$work/expected" "$work/got"
}

check "host-callback prints what it says" prints_what_it_says host-callback

# ---- host-evhttp ----

evhttp=$top_builddir/demos/host-evhttp
[ -x "$evhttp" ] || skip_rest "libevent_extra is missing"
command -v curl >/dev/null || skip_rest "curl is missing"

get() { # path, more of curl's options
    path=$1
    shift
    curl -sS --noproxy '*' "$@" "$url$path"
}

# There is no way to ask for a free port: tries one after the other.
start() { # after how many requests it ends
    port=$((20000 + $$ % 20000))
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        port=$((port + 1))
        url=http://127.0.0.1:$port
        : >"$work/server"
        "$evhttp" $port "$1" >"$work/server" 2>&1 &
        server=$!
        while kill -0 $server 2>/dev/null; do
            ! grep -q http "$work/server" || return 0
            sleep 0.05
        done
        wait $server
    done
    echo "no free port"
    return 1
}

ends() { # what it ends after was done; it does so with 0
    tries=0
    while kill -0 "$server" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || return 1
        sleep 0.1
    done
    wait "$server"
    code=$?
    server=
    cat "$work/server"
    [ $code -eq 0 ]
}

steps='step 1 of 3
step 2 of 3
step 3 of 3'

both_handlers() {
    start 2 || return
    [ "$(get /plain)" = plain ] && [ "$(get /slow)" = "$steps" ] && ends
}

ten_at_once() {
    start 10 || return
    getters=
    begun=$(date +%s%N)
    for i in 1 2 3 4 5 6 7 8 9 10; do
        get /slow -o "$work/slow$i" &
        getters="$getters $!"
    done
    for getter in $getters; do
        wait "$getter" || return
    done
    [ $((($(date +%s%N) - begun) / 1000000)) -lt 2000 ] || return
    for i in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(cat "$work/slow$i")" = "$steps" ] || return
    done
    ends
}

client_leaves() {
    start 2 || return
    get /slow --max-time 0.15
    [ "$(get /slow)" = "$steps" ] && ends && grep -qx '/slow: cancelled' "$work/server"
}

ends_on() { # a signal
    start 0 || return
    get /slow >"$work/slow" &
    getter=$!
    sleep 0.1
    kill "-$1" "$server"
    # What is under way is finished first.
    wait "$getter" && [ "$(cat "$work/slow")" = "$steps" ] && ends
}

check "host-evhttp: a callback and a task side by side" both_handlers
check "host-evhttp: ten slow requests at once" ten_at_once
check "host-evhttp: a client that leaves cancels its task" client_leaves
check "host-evhttp: SIGTERM" ends_on TERM
check "host-evhttp: SIGINT" ends_on INT
echo "1..$n"
