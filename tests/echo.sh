#!/bin/sh
# The seven echo servers against our client, and against one in Python, byte for byte; the client
# against servers that do it wrong; the ladder. Prints TAP. Starts its own servers, on free ports.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
echo=${ECHO_DEMO-$top_builddir/demos/echo/echo}
program=$echo
python=${PYTHON3-python3}
LC_ALL=C
export LC_ALL
modes='blocking processes threads polling select callbacks streams'

server=

# ---- what is checked ----

check_python() { # claim, command...
    check_with "$python" "$@"
}

drives() { # connections, messages, the largest size
    exits 0 --client -c "$1" -m "$2" -s "$3" "127.0.0.1:$port" &&
        prints "^$1 connections?, $(($1 * $2)) messages, [0-9]+ bytes each way: [0-9.]+ seconds, \
[0-9]+ messages per second, client CPU [0-9.]+ seconds\$" || return
    [ "$(wc -l <"$work/out")" -eq 1 ]
}

peer() { # the name of a function of peer.py, arguments
    timeout -k 5 60 "$python" "$work/peer.py" "$@"
}

both_in_order() { # what the seed says is what is sent: the same bytes each way, twice
    exits 0 --client -c 3 -m 20 --seed "$1" "127.0.0.1:$port" || return
    first=$(sed 's/.*messages, \([0-9]*\) bytes.*/\1/' "$work/out")
    exits 0 --client -c 3 -m 20 --seed "$1" "127.0.0.1:$port" || return
    [ "$first" -eq "$(sed 's/.*messages, \([0-9]*\) bytes.*/\1/' "$work/out")" ] || return
    exits 0 --client -c 3 -m 20 --seed "$2" "127.0.0.1:$port" || return
    [ "$first" -ne "$(sed 's/.*messages, \([0-9]*\) bytes.*/\1/' "$work/out")" ]
}

against() { # a wrong server of peer.py, text, arguments of --client...
    wrong=$1
    text=$2
    shift 2
    rm -f "$work/port"
    "$python" "$work/peer.py" wrong "$wrong" >"$work/port" &
    server=$!
    servers=$server
    wait_for_port "$work/port"
    fails_with "$text" --client "$@" "127.0.0.1:$port"
    failed=$?
    stop_server
    return $failed
}

climbs() {
    exits 0 --ladder -c 10 -m 10 || return
    i=0
    for mode in $modes; do
        i=$((i + 1))
        prints "^$i $mode +100 +[0-9.]+ +[0-9]+ +[0-9.]+ s +[0-9.]+ MB +[0-9]+\$" || return
    done
    [ "$(grep -Ec '^[0-9] ' "$work/out")" -eq 7 ] &&
        prints '^one client at a time: blocking \(' && fits_80
}

fits_80() { # what was printed
    awk 'length($0) > 80 { print length($0) ": " $0; bad = 1 } END { exit bad }' "$work/out"
}

help_fits_80() {
    exits 0 --help && fits_80
}

no_room() { # arguments...: the disk is full
    timeout 60 "$echo" "$@" >/dev/full 2>"$work/out"
    code=$?
    cat "$work/out"
    [ $code -eq 1 ] && prints '^echo: .*[Nn]o space left on device \(ENOSPC\)$'
}

ends_with_a_file() { # mode: the input is at its end
    timeout 20 "$echo" --serve --mode "$1" </dev/null && timeout 20 "$echo" --serve --mode "$1" <"$0"
}

refused() { # arguments..., of which "extra" is refused: it is named, with the usage, on stderr
    ! timeout 60 "$echo" "$@" >"$work/out" 2>"$work/err" && [ ! -s "$work/out" ] || return
    cat "$work/err"
    grep -q "'extra'" "$work/err" && grep -q '^usage: echo ' "$work/err" && usage_error "'extra'" "$@"
}

# ---- the servers ----

wait_for_port() { # a file into which a server writes where it listens: sets $port
    wait_for grep -q listening "$1" || return
    port=$(sed -n 's/^listening on 127\.0\.0\.1:\([0-9]*\)$/\1/p' "$1")
}

start_server() { # mode: sets $port
    rm -f "$work/server"
    # in the foreground: else it sends SIGCONT as well, which stops a leak checker for ever
    [ -p "$work/held" ] || mkfifo "$work/held" # an input without an end
    timeout --foreground -k 20 120 "$echo" --serve --mode "$1" <>"$work/held" >"$work/server" \
        2>"$work/complaints" &
    server=$!
    servers=$server
    wait_for_port "$work/server"
}

stop_server() { # returns its status
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null
    wait "$server"
    status=$?
    server=
    servers=
    return $status
}

ends_quietly() {
    stop_server || return
    cat "$work/complaints"
    [ ! -s "$work/complaints" ]
}

cat >"$work/peer.py" <<'END'
import os, random, signal, socket, struct, subprocess, sys, threading, time

def connect(port):
    return socket.create_connection(('127.0.0.1', int(port)), timeout=20)

def read_all(client):
    chunks = []
    while chunk := client.recv(65536):
        chunks.append(chunk)
    return b''.join(chunks)

def read_exactly(client, size):
    data = b''
    while len(data) < size:
        chunk = client.recv(size - len(data))
        assert chunk, f'ended after {len(data)} of {size} bytes'
        data += chunk
    return data

def exchange(client, data):
    client.sendall(data)
    assert read_exactly(client, len(data)) == data.upper()

def bytes_(port):
    with connect(port) as client:
        exchange(client, bytes(range(256)))
        for _ in range(200):
            exchange(client, random.randbytes(random.randint(1, 5000)))
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b''

def half_close(port):
    with connect(port) as client:  # nothing at all
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b''
    with connect(port) as client:  # what was sent before comes back after
        client.sendall(b'half-close')
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b'HALF-CLOSE'

def large(port):
    data = random.randbytes(1 << 20)
    def send():
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    with connect(port) as client:
        sender = threading.Thread(target=send)
        sender.start()
        assert read_all(client) == data.upper()
        sender.join()

def slow_reader(port):  # the server has to keep what it cannot send, and go on later
    data = random.randbytes(3 << 20)
    def send():
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(('127.0.0.1', int(port)))
    sender = threading.Thread(target=send)
    sender.start()
    time.sleep(0.05)
    assert read_all(client) == data.upper()
    sender.join()
    client.close()

def gone(port):  # in the middle of it, in three ways
    def full(client):
        client.setblocking(False)
        try:
            for _ in range(1000):
                client.send(bytes(65536))
        except BlockingIOError:
            pass
    for reset in (False, True):
        client = connect(port)
        full(client)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.close()
    client = connect(port)
    exchange(client, b'hello')
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    client.close()
    with connect(port) as client:
        exchange(client, b'still there')

def hundred(port):  # all are connected, and each is answered
    clients = [connect(port) for _ in range(100)]
    for turn in range(2):
        for i, client in reversed(list(enumerate(clients))):
            exchange(client, b'client %d, turn %d' % (i, turn))
    for client in clients:
        client.close()

def one_at_a_time(port):
    with connect(port) as first, connect(port) as second:
        exchange(first, b'first')
        second.sendall(b'second')
        second.settimeout(0.1)
        try:
            second.recv(1)
            assert False, 'the second one was answered'
        except TimeoutError:
            pass
        first.close()
        second.settimeout(20)
        assert read_exactly(second, 6) == b'SECOND'

def reaps(echo):  # children that have ended are waited for, not only at the end
    server = subprocess.Popen([echo, '--serve', '--mode', 'processes'],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port = int(server.stdout.readline().split(b':')[1])
    for _ in range(20):
        with connect(port) as client:
            exchange(client, b'hello')
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b''
    with open(f'/proc/{server.pid}/task/{server.pid}/children') as children:
        count = len(children.read().split())
    server.stdin.close()
    assert server.wait(10) == 0
    server.stdout.close()
    assert count < 10, f'{count} children are there'

def ends(echo, mode):
    for how in (signal.SIGINT, signal.SIGTERM, None):
        server = subprocess.Popen([echo, '--serve', '--mode', mode], start_new_session=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        port = int(server.stdout.readline().split(b':')[1])
        client = connect(port)
        exchange(client, b'hello')
        stuck = connect(port)  # its server waits for room, or for its turn
        stuck.setblocking(False)
        try:
            for _ in range(1000):
                stuck.send(bytes(65536))
        except BlockingIOError:
            pass
        server.stdin.write(b'this is not the end\n')
        server.stdin.flush()
        time.sleep(0.02)
        assert server.poll() is None, 'ended by itself'
        if how:
            server.send_signal(how)
        else:
            server.stdin.close()
        assert server.wait(10) == 0, f'{how}: status {server.returncode}'
        try:
            assert client.recv(1) == b''
        except ConnectionResetError:
            pass
        try:
            os.killpg(server.pid, 0)
            assert False, 'a process is left'
        except ProcessLookupError:
            pass
        client.close()
        stuck.close()
        server.stdout.close()

def wrong(how):
    def serve(client):
        total = 0
        while True:
            data = client.recv(65536)
            if not data:
                break
            total += len(data)
            answer = data.upper()
            if how == 'lower':
                answer = data
            if how == 'byte' and total > 3000:
                answer = answer[:-1] + b'a'
            if how == 'silent':
                continue
            if how == 'short':
                client.sendall(answer[:len(answer) // 2])
                break
            if how == 'reset':
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                break
            client.sendall(answer)
        if how == 'more':
            client.sendall(b'!')
        client.close()
    listener = socket.create_server(('127.0.0.1', 0))
    print('listening on 127.0.0.1:%d' % listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

globals()[sys.argv[1]](*sys.argv[2:])
END

# ---- the claims ----

for mode in $modes; do
    start_server "$mode"
    check "$mode: 10 connections, 50 messages on each" drives 10 50 4096
    check "$mode: messages of up to 1 MB" drives 3 2 1048576
    check "$mode: connections without a message" drives 3 0 1
    check_python "$mode: each byte is what Python's upper makes of it" peer bytes_ "$port"
    check_python "$mode: half-close: what was sent before comes back" peer half_close "$port"
    check_python "$mode: 1 MB in one piece" peer large "$port"
    check_python "$mode: who reads slowly gets all of it" peer slow_reader "$port"
    check_python "$mode: a client that goes away in the middle ends nothing" peer gone "$port"
    if [ "$mode" = blocking ]; then
        check_python "$mode: the second client waits for the first" peer one_at_a_time "$port"
    else
        check_python "$mode: 100 clients are connected, and each is answered" peer hundred "$port"
        check "$mode: 100 connections, 10 messages on each" drives 100 10 2048
    fi
    [ "$mode" != processes ] || ! [ -e "/proc/$$/task/$$/children" ] ||
        check_python "$mode: a child that has ended is waited for" peer reaps "$echo"
    [ "$mode" != streams ] || check "the seed says what is sent" both_in_order 7 8
    check "$mode: a port that is taken" fails_with 'EADDRINUSE' --serve --mode "$mode" -p "$port"
    check "$mode: ends with status 0 after all that, without a complaint" ends_quietly
    check_python "$mode: ends with a signal, or its input; clients or not; nothing is left" \
        peer ends "$echo" "$mode"
    check "$mode: ends with its input, a file, /dev/null too" ends_with_a_file "$mode"
    if [ -c /dev/full ]; then
        check "$mode: who cannot say where it listens has failed" no_room --serve --mode "$mode"
    else
        skip "$mode: who cannot say where it listens has failed" "no /dev/full here"
    fi
done

check_python "what is not in upper case is seen" \
    against lower 'connection 1: message 1: byte [0-9]+ of [0-9]+ is 0x[67][0-9a-f] and not 0x[45]' -c 1
check_python "one wrong byte is seen" \
    against byte 'connection 1: message [0-9]+: byte [0-9]+ of [0-9]+ is 0x61 and not 0x' -c 1
check_python "a byte too much is seen" \
    against more 'connection 2: more than was sent came back: 0x21 \(EBADMSG\)' -c 2 -m 3
check_python "an answer that ends early is seen" \
    against short 'message 1: ended after [0-9]+ of [0-9]+ bytes \(WEFT_EINCOMPLETE\)' -c 1
check_python "a reset is seen" against reset 'connection 1: .*\(ECONNRESET\)' -c 1
check_python "an answer that does not come is seen" \
    against silent '^4 connections failed' -c 4 -m 1 -t 0.2
closed=$(: | "$echo" --serve --mode blocking | sed 's/.*://')
check "a refused port is seen" fails_with 'connection 1: .*\(ECONNREFUSED\)' \
    --client -c 2 "127.0.0.1:$closed"

check "the ladder has seven rows of 80 columns, and says who serves one at a time" climbs
if [ -c /dev/full ]; then
    check "a full disk is an error: --ladder" no_room --ladder -c 2 -m 2
    check "a full disk is an error: --help" no_room --help
else
    skip "a full disk is an error" "no /dev/full here"
fi

check "a bad -c is named" usage_error "-c: 'none'" --client -c none 127.0.0.1:1
check "a -s of 0 is refused" usage_error "-s: '0'" --client -s 0 127.0.0.1:1
check "a bad --mode is named" usage_error "--mode: 'fibres'" --serve --mode fibres
check "a --serve without a mode is refused" usage_error "expected a --mode" --serve
check "a --client without an address is refused" usage_error "expected HOST:PORT" --client
check "an address without a port is refused" usage_error "'localhost': expected" --client localhost
check "a bad port is named" usage_error "PORT: 'http'" --client localhost:http
check "no action at all is refused" usage_error "expected --ladder, --serve or --client"
check "an unknown option is named" usage_error "no-such-option" --no-such-option
check "an argument in place of an action is refused" refused extra
check "an argument too many is refused" refused --ladder extra
check "a second address is refused" refused --client 127.0.0.1:1 extra
check "--help is no error, and has room in 80 columns" help_fits_80
done_testing
