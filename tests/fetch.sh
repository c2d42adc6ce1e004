#!/bin/sh
# The fetch in all modes against its own origin, nginx and python's http.server: byte for byte what
# curl gets, and each thing that can go wrong; then what it prints, draws and traces of the ladder.
# Prints TAP. Starts its own servers, on free ports.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
fetch=$top_builddir/demos/fetch/fetch
program=$fetch
python=${PYTHON3-python3}
PATH=$PATH:/usr/sbin:/sbin # nginx lives there
LC_ALL=C
export PATH LC_ALL
ladder='blocking processes threads poll select generator yield-from native'
modes="$ladder explicit"

# ---- what is checked ----

total_below() { # seconds
    awk -v most="$1" '/^Request Times: / { cost = $6; found = 1 }
        END { exit !(found && cost < most) }' "$work/out"
}

twenty_at_once() { # mode
    exits 0 --mode "$1" &&
        prints '^Request Times: 20, Total Cost: [0-9.]+ seconds$' &&
        total_below 1.0 &&
        [ "$(grep -Ec '^ *[0-9]+ +200 +1024 ' "$work/out")" -eq 20 ]
}

same_as_curl() { # mode, URL...
    mode=$1
    shift
    for url; do
        rm -f "$work/expected" "$work/got"
        # no -f: the body of a 404 counts as well
        curl -sS --noproxy '*' -o "$work/expected" "$url" || return
        : >>"$work/expected" # curl makes no file of an empty body
        exits 0 --mode "$mode" --output "$work/got" "$url" || return
        cmp "$work/expected" "$work/got" || return
    done
}

with_several() { # a command, for which the name several.test has several addresses
    printf '127.0.0.%s several.test\n' 2 3 1 4 >"$work/hosts"
    ! $has_v6 || echo '::1 several.test' >>"$work/hosts"
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare -rm sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$work/hosts" "$@"
}

one_of_several() { # mode; the origin is on 127.0.0.1 alone
    with_several timeout 60 "$fetch" --mode "$1" "http://several.test:${origin##*:}/" &&
        ! with_several timeout 60 "$fetch" --mode "$1" "http://several.test:$closed/" \
            >"$work/out" && prints 'connection refused'
}

# A body that takes days; and it is written so slowly that there is always more to receive.
times_out_amid_data() { # mode
    rm -f "$work/slowly"
    mkfifo "$work/slowly" || return
    for _ in $(seq 300); do # for six seconds at least
        [ "$(head -c 65536 | wc -c)" -gt 0 ] || break
        sleep 0.02
    done <"$work/slowly" &
    fails_with 'no complete answer within 0.3 seconds \(WEFT_ETIMEDOUT\)' --mode "$1" \
        --timeout 0.3 --output "$work/slowly" "$origin/bytes/1000000000000000" && total_below 3
}

the_others_go_on() { # mode
    exits 1 --mode "$1" --timeout 1 "$origin/" "http://127.0.0.1:$closed/" "$origin/reset" \
        http://no-such-host.invalid/ "$origin/early" "$origin/stall" "$origin/empty" \
        "$origin/garbage" "$origin/header" "$origin/bytes/100000" &&
        prints '^ *1 +200 +1024 ' &&
        prints '^ *10 +200 +100000 ' &&
        prints 'failed: 8$' &&
        prints '^Request Times: 10, '
}

saves_each() {
    mkdir "$work/save" || return
    exits 0 -n 3 --save "$work/save" "$origin/bytes/5000" "$origin/chunked" || return
    [ "$(find "$work/save" -type f | wc -l)" -eq 6 ] &&
        cmp "$work/save/1" "$work/save/3" &&
        cmp "$work/save/4" "$work/save/6" &&
        [ "$(wc -c <"$work/save/2")" -eq 5000 ] && [ "$(wc -c <"$work/save/5")" -eq 10240 ]
}

# Its table's rows, in order; each with six figures and the documents' one.
ladder_in_order() {
    exits 0 --ladder -n 4 --delay 150ms --timeline "$work/ladder.svg" --trace "$work/ladder.json" || return
    awk -v modes="$ladder" '
        BEGIN { count = split(modes, mode, " ") }
        /^[1-8] [a-z-]+ +[0-9]+[.][0-9]+ / {
            n++
            if ($1 != n || $2 != mode[n] || NF != 8) { print "row " n ": " $0; bad = 1 }
            seconds[n] = $3
        }
        END {
            one = seconds[1] / 4
            for (i = 6; i <= 8; i++)
                if (!(seconds[i] < 1.1 * one)) {
                    print mode[i] ": " seconds[i] " s, one request: " one " s"
                    bad = 1
                }
            if (n != count) print n " rows"
            exit bad || n != count
        }' "$work/out"
}

# What measures time has three tries: the machine may be busy.
at_last() { # command...
    "$@" || "$@" || "$@"
}

ladder_counts_failures() {
    exits 1 --ladder -n 2 --timeline "$work/failed.svg" "$origin/early" &&
        [ "$(grep -c 'failed: 2$' "$work/out")" -eq 8 ]
}

# Its parts: as many bars as there were requests, in as many runs as there were modes.
is_timeline() { # file, runs, requests in all, how many of them came to their end
    "$python" - "$@" <<'END'
import sys
from xml.dom import minidom
path, (runs, bars, whole) = sys.argv[1], map(int, sys.argv[2:])
document = minidom.parse(path)
def having(tag, name):
    return [e for e in document.getElementsByTagName(tag) if e.getAttribute('class') == name]
assert document.documentElement.tagName == 'svg'
assert len(having('text', 'name')) == runs, having('text', 'name')
assert len(document.getElementsByTagName('g')) == bars
for phase in 'connect', 'send', 'wait', 'receive':
    assert len(having('rect', phase)) - 1 >= whole, phase # one is the legend's
style = document.getElementsByTagName('style')[0].firstChild.data
assert 'prefers-color-scheme: dark' in style
for text in document.getElementsByTagName('text'):
    x = float(text.getAttribute('x'))
    assert 0 <= x <= 1000, text.toxml()
for bar in document.getElementsByTagName('g'):
    end = None
    for rect in bar.getElementsByTagName('rect'):
        x, width = float(rect.getAttribute('x')), float(rect.getAttribute('width'))
        assert width > 0 and 150 <= x <= 1000, bar.toxml()
        assert end is None or abs(x - end) < 0.05, 'parts overlap: ' + bar.toxml()
        end = x + width
END
}

# Every b has its e, every s its f, not before it; and steps do not overlap in a process.
is_trace() { # file, modes
    "$python" - "$@" <<'END'
import json, sys
events = json.load(open(sys.argv[1]))
assert isinstance(events, list)
for begin, end in 'be', 'sf':
    open_ones = {}
    for event in events:
        if event['ph'] == begin:
            key = event['cat'], event['name'], event['id'], event['pid']
            assert key not in open_ones, event
            open_ones[key] = event
    assert open_ones, begin
    for event in events:
        if event['ph'] == end:
            first = open_ones.pop((event['cat'], event['name'], event['id'], event['pid']))
            assert first['ts'] <= event['ts'], (first, event)
    assert not open_ones, open_ones
steps = sorted((e['pid'], e['ts'], e['dur']) for e in events if e['ph'] == 'X')
assert len({pid for pid, _, _ in steps}) == int(sys.argv[2]), steps
for (pid, ts, duration), (next_pid, next_ts, _) in zip(steps, steps[1:]):
    assert pid != next_pid or ts + duration <= next_ts + 0.01, (pid, ts, duration, next_ts)
# both ends of a wake-up lie in a step, and so does a task's end
for event in events:
    if event['ph'] in 'sfe':
        assert any(pid == event['pid'] and ts - 0.01 <= event['ts'] <= ts + duration + 0.01
                   for pid, ts, duration in steps), event
END
}

one_mode_draws_and_traces() {
    exits 0 --mode native -n 3 --timeline "$work/one.svg" --trace "$work/one.json" \
        "$origin/none?<&>" && is_timeline "$work/one.svg" 1 3 3 && is_trace "$work/one.json" 1
}

# A request that is cut short leaves nothing open.
failures_are_traced() {
    exits 1 --timeout 0.2 --trace "$work/cut.json" --timeline "$work/cut.svg" "$origin/stall" \
        "$origin/early" "$origin/" && is_trace "$work/cut.json" 1 && is_timeline "$work/cut.svg" 1 3 2
}

interrupted() {
    # Its own server is asked to wait for a minute.  What a shell runs in the background ignores SIGINT.
    env --default-signal=INT "$fetch" --delay 60 >"$work/out" 2>&1 &
    pid=$!
    sleep 0.5
    kill -INT "$pid"
    wait "$pid"
    code=$?
    cat "$work/out"
    [ "$code" -eq 1 ] && prints 'cancelled \(WEFT_ECANCELLED\)' && prints 'failed: 20$'
}

serves_until() { # a signal
    env --default-signal=INT "$fetch" --serve 0 <>"$work/held" >"$work/out" &
    pid=$!
    servers="$servers $pid"
    wait_for grep -q http "$work/out" && kill "-$1" $pid && wait $pid
}

ends_with_its_input() {
    : | timeout 20 "$fetch" --serve && timeout 20 "$fetch" --serve </dev/null &&
        timeout 20 "$fetch" --serve <"$0"
}

# ---- the servers ----

is_up() { # URL, pid
    kill -0 "$2" && "$fetch" --timeout 5 "$1"
}

start_origin() { # seconds: sets $url
    : >"$work/origin"
    [ -p "$work/held" ] || mkfifo "$work/held"
    "$fetch" --serve 0 --delay "$1" <>"$work/held" >"$work/origin" & # an input without an end
    servers="$servers $!"
    wait_for grep -q http "$work/origin"
    url=$(sed 's,/$,,' "$work/origin")
}

# No server listens there: its socket has just been closed.
closed_port() {
    : | "$fetch" --serve 0 | sed 's,.*:\([0-9]*\)/$,\1,'
}

# 127.0.0.1 alone, or [::1] as well.
nginx_of_www() {
    port=$(closed_port)
    set -- "127.0.0.1:$port"
    ! $has_v6 || set -- "$@" "[::1]:$port"
    start_nginx "$work/www" "$@"
    nginx=http://127.0.0.1:$port
    nginx_v6="http://[::1]:$port"
    wait_for is_up "$nginx/" "$nginx_pid" || {
        sed 's/^/# /' "$work/nginx/out" "$work/nginx/logs/error.log"
        nginx=
    }
}

start_python() { # address: sets $url
    : >"$work/python"
    (cd "$work/www" && exec "$python" -u -m http.server --bind "$1" 0) >"$work/python" 2>/dev/null &
    servers="$servers $!"
    wait_for grep -q 'http://' "$work/python"
    url=$(sed -n 's,.*(\(http://.*\)/).*,\1,p' "$work/python")
}

has_v6=false
! grep -qs '^0\{31\}1 ' /proc/net/if_inet6 || has_v6=true

mkdir "$work/www" "$work/www/folder"
echo 'a small file' >"$work/www/small"
: >"$work/www/empty"
echo '<p>a page</p>' >"$work/www/folder/page.html"
head -c 104857600 /dev/urandom >"$work/www/large"

start_origin 0.01
origin=$url
closed=$(closed_port)
nginx= nginx_v6=
! have nginx || nginx_of_www
server=
server_v6=
if have "$python"; then
    start_python 127.0.0.1
    server=$url
    if $has_v6; then
        start_python ::1
        server_v6=$url
    fi
fi

# ---- the claims ----

for mode in $modes; do
    case $mode in
    blocking | poll) ;; # one after the other
    *) check "$mode: 20 requests with 50 ms of latency take less than a second" twenty_at_once "$mode" ;;
    esac

    claim="$mode: the origin's bodies are what curl gets: by length, chunked, to the close"
    if have curl; then
        check "$claim" same_as_curl "$mode" "$origin/" "$origin/bytes/0" "$origin/bytes/1" \
            "$origin/bytes/1000000" "$origin/chunked" "$origin/close" "$origin/keep" \
            "$origin/status/404" "$origin/status/500" "$origin/nothing-there"
    else
        skip "$claim" "curl is missing"
    fi
    for peer in nginx python; do
        base=$nginx
        [ $peer = nginx ] || base=$server
        if ! have curl || [ -z "$base" ]; then
            skip "$mode: $peer's files are what curl gets" "curl or $peer is missing"
            continue
        fi
        check "$mode: $peer's files are what curl gets: small, empty, a listing, none" \
            same_as_curl "$mode" "$base/small" "$base/empty" "$base/folder/" \
            "$base/small?a=b#c" "$base/no-such-file"
        case $mode in
        processes | threads) ;; # the blocking client once more
        *) check "$mode: 100 MB from $peer is what curl gets" same_as_curl "$mode" "$base/large" ;;
        esac
    done

    for peer in nginx python; do
        base=$nginx_v6
        [ $peer = nginx ] || base=$server_v6
        claim="$mode: $peer on [::1]"
        if ! $has_v6; then
            skip "$claim" "no IPv6 here"
        elif ! have curl || [ -z "$base" ]; then
            skip "$claim" "curl or $peer is missing"
        else
            check "$claim" same_as_curl "$mode" "$base/small"
        fi
    done
    if getent hosts localhost >/dev/null; then
        check "$mode: a name" exits 0 --mode "$mode" "http://localhost:${origin##*:}/"
    else
        skip "$mode: a name" "localhost does not resolve here"
    fi
    claim="$mode: a name with several addresses: one that refuses is passed over"
    if with_several true 2>"$work/log"; then
        check "$claim" one_of_several "$mode"
    else
        skip "$claim" "no mount namespaces here"
    fi

    check "$mode: a refused port" fails_with 'connection refused \(ECONNREFUSED\)' \
        --mode "$mode" "http://127.0.0.1:$closed/"
    check "$mode: an unknown host" fails_with '\(EAI_[A-Z]*\)' \
        --mode "$mode" http://no-such-host.invalid/
    check "$mode: a reset" fails_with 'connection reset by peer \(ECONNRESET\)' \
        --mode "$mode" "$origin/reset"
    check "$mode: a server that stalls past the timeout" \
        fails_with 'no complete answer within 0.2 seconds \(WEFT_ETIMEDOUT\)' \
        --mode "$mode" --timeout 0.2 "$origin/stall"
    check "$mode: a body without end, past the timeout" times_out_amid_data "$mode"
    check "$mode: an early close" \
        fails_with 'ended after 1024 of 10240 bytes \(WEFT_EINCOMPLETE\)' \
        --mode "$mode" "$origin/early"
    check "$mode: a chunked answer that ends early" \
        fails_with 'ended early, after 1000 bytes \(WEFT_EINCOMPLETE\)' \
        --mode "$mode" "$origin/cut"
    check "$mode: an empty answer" \
        fails_with 'closed without an answer \(WEFT_EINCOMPLETE\)' --mode "$mode" "$origin/empty"
    check "$mode: what is not HTTP" fails_with 'not an HTTP/1 answer \(EPROTO\)' \
        --mode "$mode" "$origin/garbage"
    check "$mode: a header without end" fails_with 'larger than 65536 bytes \(WEFT_EOVERRUN\)' \
        --mode "$mode" "$origin/header"
    check "$mode: among failures the others go on" the_others_go_on "$mode"
    case $mode in
    blocking | poll) many=30 ;; # one after the other
    processes | threads) many=300 ;;
    *) many=2000 ;;
    esac
    check "$mode: $many requests" exits 0 --mode "$mode" -n $many "$origin/"
done

check "--save writes each body" saves_each
check "--output that can't be written" fails_with "can't write .*/none \(ENOENT\)" \
    --output "$work/no/none" "$origin/"
check "Ctrl-C ends the requests and the origin" interrupted
check "--serve ends with SIGINT" serves_until INT
check "--serve ends with SIGTERM" serves_until TERM
check "--serve ends with its input, a pipe or a file, /dev/null too" ends_with_its_input
check "--serve on a port that is taken" fails_with 'EADDRINUSE' --serve "${origin##*:}"

check "--ladder prints the eight modes in order; 6 to 8 take the time of one request" \
    at_last ladder_in_order
check "--ladder counts the requests that failed, in each mode" ladder_counts_failures
if have "$python"; then
    check "--timeline: well-formed, eight runs, all requests" is_timeline "$work/ladder.svg" 8 32 32
    check "--timeline of requests that failed" is_timeline "$work/failed.svg" 8 16 16
    check "--trace: valid, what begins ends, three modes" is_trace "$work/ladder.json" 3
    check "--timeline and --trace of one mode; the URL is quoted" one_mode_draws_and_traces
    check "--trace of requests that fail: what begins ends" failures_are_traced
else
    skip "--timeline and --trace" "python is missing"
fi
check "--timeline that can't be written" fails_with '/none: .*\(ENOENT\)' \
    --timeline "$work/no/none" "$origin/"
check "--trace that can't be written" fails_with '/none: .*\(ENOENT\)' \
    --trace "$work/no/none" "$origin/"
check "--ladder has all modes: --mode is refused" usage_error "--ladder: 'native'" --ladder -m native
check "--ladder and --output are refused" usage_error "--ladder: 'file'" --ladder -o file
check "--trace of a mode without tasks is refused" usage_error "--trace: 'threads'" \
    --mode threads --trace "$work/none"

check "a bad -n is named" usage_error "-n: 'none'" -n none
check "a -n of 0 is refused" usage_error "-n: '0'" -n 0
check "a bad --mode is named" usage_error "--mode: 'fibers'" --mode fibers
check "a bad --timeout is named" usage_error "--timeout: '1 minute'" --timeout '1 minute'
check "a bad --delay is named" usage_error "--delay: '-1'" --delay -1
check "an unknown option is named" usage_error "no-such-option" --no-such-option
check "a bad URL is named" usage_error "URL: 'ftp://host/'" ftp://host/
check "a bad port is named" usage_error "'http://host:99999/'.*port" http://host:99999/
check "an open bracket is named" usage_error "'http://\[::1/'.*bracket" 'http://[::1/'
check "--help is no error" exits 0 --help
done_testing
