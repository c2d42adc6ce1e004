#!/bin/sh
# The fetch in all modes against its own origin, nginx and python's http.server: byte for byte what
# curl gets, and each thing that can go wrong. What it prints and draws: fetch-report.sh.
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

says_the_usage() {
    ! "$fetch" extra >"$work/out" 2>"$work/err" && [ ! -s "$work/out" ] || return
    grep -q '^usage: fetch ' "$work/err"
}

saves_each() {
    mkdir "$work/save" || return
    exits 0 -n 3 --save "$work/save" "$origin/bytes/5000" "$origin/chunked" || return
    [ "$(find "$work/save" -type f | wc -l)" -eq 6 ] &&
        cmp "$work/save/1" "$work/save/3" &&
        cmp "$work/save/4" "$work/save/6" &&
        [ "$(wc -c <"$work/save/2")" -eq 5000 ] && [ "$(wc -c <"$work/save/5")" -eq 10240 ]
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
        nginx_v6=
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
nginx=
nginx_v6=
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
    if [ -n "${EVENT_NOEPOLL-}" ]; then # its reader is killed by SIGPIPE there
        skip "$mode: a body without end, past the timeout" "not with poll(2) yet"
    else
        check "$mode: a body without end, past the timeout" times_out_amid_data "$mode"
    fi
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
check "--serve on a port that is taken" fails_with 'EADDRINUSE' --serve "${origin##*:}"

check "--ladder has all modes: --mode is refused" usage_error "--ladder: 'native'" --ladder -m native
check "--ladder and --output are refused" usage_error "--ladder: 'file'" --ladder -o file
check "--trace of a mode without tasks is refused" usage_error "--trace: 'threads'" \
    --mode threads --trace "$work/none"

check "a word that is no URL is refused" usage_error "URL: 'extra'" extra
check "a second port is refused" usage_error "--serve: 'extra'" --serve 0 extra
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
check "who is refused is shown the usage, on stderr" says_the_usage
done_testing
