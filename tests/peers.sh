#!/bin/sh
# Our servers driven by curl and by python's asyncio, our clients against asyncio, http.server and
# nginx. Prints TAP. Starts its own servers, on free ports.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
peers=$top_builddir/tests/peers
serve=$peers/serve
call=$peers/call
python=${PYTHON3-python3}
PATH=$PATH:/usr/sbin:/sbin # nginx lives there
LC_ALL=C
export PATH LC_ALL

# ---- servers ----

start() { # file for its output, command...: sets $pid, and $line, the first line that it prints
    out=$1
    shift
    : >"$out"
    # What a shell runs in the background ignores SIGINT.
    env --default-signal=INT "$@" >"$out" 2>"$out.err" <"$work/forever" &
    pid=$!
    servers="$servers $pid"
    wait_for grep -q . "$out"
    line=$(head -n 1 "$out")
}

ended() { # pid: waits for it; its number may be another's from now on
    wait "$1"
    code=$?
    servers=$(echo " $servers " | sed "s/ $1 / /")
    return $code
}

fetch() { # curl's arguments
    curl -sS --noproxy '*' --max-time 30 "$@"
}

peer() { # arguments of peer.py
    timeout -k 5 60 "$python" "$top_srcdir/tests/peers/peer.py" "$@"
}

# An input that does not end.
mkfifo "$work/forever"
sleep 600 >"$work/forever" &
servers="$servers $!"

head -c 3000000 /dev/urandom >"$work/large"
: >"$work/empty"

start "$work/http" "$serve" http
http=$line
start "$work/limited" "$serve" http 3
limited=$line
start "$work/echo" "$serve" echo
echo=$line
start "$work/path" "$serve" http 0 "$work/socket"

# ---- our servers ----

get_bytes() { # count
    fetch "http://127.0.0.1:$http/bytes/$1" >"$work/got" && [ "$(wc -c <"$work/got")" -eq "$1" ]
}

gets_all_sizes() {
    for size in 0 1 4095 65536 65537 5000000; do
        get_bytes $size || return
    done
}

posts() { # file, more of curl's options
    file=$1
    shift
    fetch "$@" --data-binary "@$file" -H 'Content-Type: x/y' -o "$work/got" &&
        cmp "$file" "$work/got"
}

keeps_the_connection() {
    url=http://127.0.0.1:$http/bytes
    fetch -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects}' "$url/1" "$url/2" "$url/3" \
        >"$work/got" && [ "$(cat "$work/got")" = 100 ]
}

many_at_once() { # port, count
    i=0
    pids=
    rm -f "$work"/many.*
    while [ $i -lt "$2" ]; do
        fetch -o "$work/many.$i" "http://127.0.0.1:$1/bytes/200000" &
        pids="$pids $!"
        i=$((i + 1))
    done
    for pid in $pids; do
        wait "$pid" || return
    done
    [ "$(cat "$work"/many.* | wc -c)" -eq $((200000 * $2)) ]
}

speaks_nc() {
    [ "$(printf 'a\nb\n' | timeout 10 nc -N 127.0.0.1 "$echo")" = "$(printf 'a\nb')" ]
}

rude_and_polite() {
    peer rude-clients "$echo" 60 && peer echo-clients "$echo" 20
}

is_interrupted() {
    start "$work/idle-server" "$serve" echo 1
    server=$pid
    start "$work/idle" "$python" "$top_srcdir/tests/peers/peer.py" idle-client "$line"
    client=$pid
    [ "$line" = connected ] || return
    kill -INT "$server"
    ended "$server"
    code=$?
    cat "$work/idle-server" "$work/idle-server.err"
    [ $code -eq 130 ] && grep -q '^cancelled 1$' "$work/idle-server" && ended "$client"
}

pid_of_path=$pid
unlinks_its_path() {
    [ -S "$work/socket" ] || return
    kill -INT "$pid_of_path"
    ended "$pid_of_path"
    [ ! -e "$work/socket" ]
}

check_with curl "curl gets every size" gets_all_sizes
check_with curl "curl gets back what it posts" posts "$work/large" "http://127.0.0.1:$http/"
check_with curl "curl gets back nothing" posts "$work/empty" "http://127.0.0.1:$http/"
check_with curl "curl keeps its connection" keeps_the_connection
check_with curl "curl: 30 at once" many_at_once "$http" 30
check_with curl "curl: 12 at once, where 3 are served at a time" many_at_once "$limited" 12
check_with curl "curl through a unix socket" posts "$work/large" --unix-socket "$work/socket" \
    http://localhost/
check_with nc "nc hears its own words" speaks_nc
check_with "$python" "asyncio: 200 at once" peer echo-clients "$echo" 200
check_with "$python" "asyncio: some reset, and the others are served" rude_and_polite
check_with "$python" "Ctrl-C: connections are cancelled after the grace" is_interrupted
check "Ctrl-C: a unix socket is unlinked" unlinks_its_path

# ---- our clients ----

calls() { # code, text that stderr has, arguments of call...; its output goes to $work/out
    expected=$1
    text=$2
    shift 2
    timeout -k 5 60 "$call" "$@" >"$work/out" 2>"$work/err"
    code=$?
    cat "$work/err"
    [ $code -eq "$expected" ] && { [ -z "$text" ] || grep -q "$text" "$work/err"; }
}

echoes() { # manner, code, text
    start "$work/asyncio" "$python" "$top_srcdir/tests/peers/peer.py" echo-server "$1"
    calls "$2" "$3" echo 127.0.0.1 "$line" 3000000
}

same_as_curl() { # port
    for file in large empty; do
        calls 0 '' get 127.0.0.1 "$1" "/$file" && cmp "$work/$file" "$work/out" || return
    done
}

from_http_server() {
    (cd "$work" && exec "$python" -u -m http.server --bind 127.0.0.1 0) >"$work/python" 2>&1 &
    servers="$servers $!"
    wait_for grep -q 'http://' "$work/python"
    same_as_curl "$(sed -n 's,.*(http://[^:]*:\([0-9]*\)/).*,\1,p' "$work/python")"
}

# No server listens there: its socket has just been closed.
closed_port() {
    start "$work/closed" "$serve" echo
    kill -INT "$pid"
    ended "$pid"
    port=$line
}

from_nginx() {
    closed_port
    start_nginx "$work" "127.0.0.1:$port"
    wait_for calls 0 '' get 127.0.0.1 "$port" /empty || cat "$work/nginx/out"
    same_as_curl "$port"
}

refused() {
    closed_port
    calls 1 "^127.0.0.1 $port: ECONNREFUSED" get 127.0.0.1 "$port" /
}

check_with "$python" "3 MB to asyncio and back" echoes '' 0 ''
check_with "$python" "3 MB to an asyncio that sleeps first" echoes slow 0 ''
check_with "$python" "an asyncio that hangs up is an error" \
    echoes early 1 'WEFT_EINCOMPLETE\|ECONNRESET\|EPIPE'
check_with "$python" "an asyncio that resets is an error" echoes reset 1 'ECONNRESET\|EPIPE'
check_with "$python" "http.server's files" from_http_server
check_with nginx "nginx's files" from_nginx
check "a refused port is named" refused
done_testing
