#!/bin/sh
# The demos inside another program: host-callback and host-bufferevent print what their first
# comments say, and the evhttp server with a weft handler works, alone and for many. Prints TAP.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
LC_ALL=C
WEFT_MALLOC=plain MALLOC_PERTURB_=165 # what is used after it was freed is garbage then
export LC_ALL WEFT_MALLOC MALLOC_PERTURB_

check "host-callback prints what it says" prints_what_it_says host-callback
check "host-bufferevent prints what it says" prints_what_it_says host-bufferevent

# ---- host-evhttp ----

skip_rest() { # what is missing
    skip host-evhttp "$1 is missing"
    done_testing
    exit 0
}

evhttp=$top_builddir/demos/host-evhttp
[ -x "$evhttp" ] || skip_rest "libevent_extra"
have curl || skip_rest curl

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
        servers=$server
        while kill -0 $server 2>/dev/null; do
            ! grep -q http "$work/server" || return 0
            sleep 0.05
        done
        wait $server
    done
    echo "no free port"
    return 1
}

has_ended() {
    ! kill -0 "$server"
}

ends() { # what it ends after was done; it does so with 0
    wait_for has_ended || return
    wait "$server"
    code=$?
    servers=
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

# From the signal on it has half a second, and a request takes 0.3: some are still open at the end.
ends_amid_requests() {
    start 0 || return
    getters=
    kill -INT "$server"
    for _ in 1 2 3 4 5 6 7 8 9; do
        get /slow >/dev/null 2>&1 &
        getters="$getters $!"
        sleep 0.06
    done
    ends
    status=$?
    for getter in $getters; do
        wait "$getter"
    done
    [ $status -eq 0 ] && grep -qx '/slow: cancelled' "$work/server"
}

check "host-evhttp: a callback and a task side by side" both_handlers
check "host-evhttp: ten slow requests at once" ten_at_once
check "host-evhttp: a client that leaves cancels its task" client_leaves
check "host-evhttp: SIGTERM" ends_on TERM
check "host-evhttp: SIGINT" ends_on INT
check "host-evhttp: requests that are open at the end are cancelled, and given back" ends_amid_requests
done_testing
