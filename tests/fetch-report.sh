#!/bin/sh
# What the fetch prints, draws and traces, on a terminal, on a pipe and on a full disk; and how it ends
# when it is interrupted. Prints TAP. Starts its own server, on a free port.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
fetch=$top_builddir/demos/fetch/fetch
program=$fetch
python=${PYTHON3-python3}
LC_ALL=C
export LC_ALL
unset COLUMNS
ladder='blocking processes threads poll select generator yield-from native'

check_python() { # claim, command...
    check_with "$python" "$@"
}

# ---- what is printed ----

no_wider_than() { # columns
    awk -v most="$1" 'length($0) > most { print length($0) ": " $0; bad = 1 } END { exit bad }' "$work/out"
}

fits_80() { # arguments...
    exits 0 "$@" && no_wider_than 80
}

fits_the_screen() { # arguments...
    fits_80 "$@" && [ "$(wc -l <"$work/out")" -le 24 ]
}

# The axis ends where the screen does, and no row beyond it.
as_wide_as() { # columns, what $COLUMNS says
    COLUMNS=$2 timeout 60 "$fetch" -n 3 "$origin/" >"$work/all"
    grep -E '^ *(#|[1-3]) +(status|200) ' "$work/all" >"$work/out"
    no_wider_than "$1" || return
    awk -v expected="$1" '/^ *# status/ { found = length($0) == expected; print } END { exit !found }' \
        "$work/out" || return
    [ "$(grep -Ec "^ *[1-3] +200 .*#\$" "$work/out")" -eq 3 ]
}

names_what_it_fetches() {
    exits 0 -n 2 "$origin/" && prints "^2 requests to $origin/, mode generator \\(client_generator.c\\)\$" &&
        exits 0 -n 2 "$origin/" "$origin/keep" && prints '^4 requests to 2 URLs, mode' &&
        [ "$(grep -xE "$origin/(keep)?" "$work/out" | xargs)" = "$origin/ $origin/keep" ]
}

no_room() { # arguments...: the disk is full
    timeout 60 "$fetch" "$@" >/dev/full 2>"$work/out"
    code=$?
    cat "$work/out"
    [ $code -eq 1 ] && prints '^fetch: .*[Nn]o space left on device \(ENOSPC\)$'
}

no_room_for() { # an option with a file
    fails_with '[Nn]o space left on device \(ENOSPC\)$' -n 100 "$@" /dev/full "$origin/"
}

# In time: not after a request of a minute.
found_before_the_run() { # option
    timeout 20 "$fetch" --delay 60 "$1" "$work/no/none" >"$work/out" 2>"$work/err"
    [ $? -eq 1 ] && [ ! -s "$work/out" ] && grep -q "^fetch: $work/no/none: .*(ENOENT)" "$work/err"
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

explains_its_columns() {
    exits 0 --ladder -n 1 --delay 10ms && no_wider_than 80 &&
        prints '^mode +seconds speed-up +CPU s +peak KB switches +Python s$' || return
    sed '1,/^8 /d' "$work/out" >"$work/legend"
    for word in CPU memory switches 'Python s:'; do
        grep -q "$word" "$work/legend" || return
    done
}

# ---- on a terminal ----

cat >"$work/terminal.py" <<'END'
"""terminal.py COLUMNS KEY command...: runs a command on a terminal of so many columns, and presses a key (or
none: "") once it shows how far it is. Prints the screen as it is at the end; above it, after "was:",
each line that was overwritten. Exits as the command does."""
import fcntl, os, pty, signal, struct, sys, termios
columns, key, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    os.environ['TERM'] = 'dumb'
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(command[0], command)
data = b''
try:
    while part := os.read(terminal, 65536):
        data += part
        if key and b' requests, ' in data:
            os.write(terminal, key.encode())
            key = ''
except OSError:  # the other side is closed
    pass
for line in data.decode('ascii', 'replace').replace('\r\n', '\n').split('\n'):
    screen = ''
    for layer in line.split('\r'):
        if screen.strip() and layer:
            assert len(screen) <= columns, 'it does not go away: ' + screen
            print('was:', screen.rstrip())
        screen = layer + screen[len(layer):]
    print(screen.rstrip())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END

on_terminal() { # exit code, columns, key, arguments...
    expected=$1 columns=$2 key=$3
    shift 3
    timeout 60 "$python" "$work/terminal.py" "$columns" "$key" "$fetch" "$@" >"$work/out"
    code=$?
    cat "$work/out"
    [ $code -eq "$expected" ]
}

adapts_to_the_terminal() {
    for columns in 40 60 80 120 200; do
        on_terminal 0 $columns '' -n 3 "$origin/" || return
        awk -v expected="$columns" '/^ *# status/ { found = length($0) == expected } END { exit !found }' \
            "$work/out" || return
    done
}

shows_how_far_it_is() {
    on_terminal 0 60 '' --delay 900ms -n 2 -m blocking || return
    prints '^was: blocking: 0 of 2 requests, 0\.[5-9] s$' &&
        prints '^was: blocking: 1 of 2 requests, 1\.[0-9] s$' && ! grep -q '^blocking: ' "$work/out"
}

shows_nothing_on_a_pipe() {
    exits 0 --delay 800ms -n 1 && ! grep -q "$(printf '\r')" "$work/out" &&
        ! grep -q ' of 1 requests' "$work/out"
}

is_quick_without_progress() {
    on_terminal 0 80 '' -n 2 "$origin/" && ! grep -q '^was' "$work/out"
}

# ---- interrupted ----

no_process_left() { # a word of its arguments
    ! grep -ls "$1" /proc/[0-9]*/cmdline
}

# One request is over, the other one never will be.
interrupted() { # signal, exit code, mode
    url="$origin/stall?$1-$3"
    rm -rf "$work/saved" && mkdir "$work/saved" || return
    # What a shell runs in the background ignores SIGINT.
    env --default-signal=INT "$fetch" -m "$3" -t 0 --save "$work/saved" "$origin/" "$url" \
        >"$work/out" 2>&1 &
    pid=$!
    wait_for test -s "$work/saved/1"
    sleep 0.1
    kill "-$1" "$pid"
    wait "$pid"
    code=$?
    cat "$work/out"
    [ "$code" -eq "$2" ] && prints '^ *1 +200 +1024 ' && prints '^ *2 +- +0 ' &&
        prints 'cancelled \(WEFT_ECANCELLED\)$' && prints 'failed: 1$' &&
        prints '^Request Times: 2, ' && wait_for no_process_left "${url##*/}"
}

# The rungs above are printed, and this one as far as it came; those below are not.
ladder_interrupted() {
    env --default-signal=INT "$fetch" --ladder -t 0 -n 1 --timeline "$work/cut-ladder.svg" \
        "$origin/" "$origin/stall?ladder" >"$work/out" 2>&1 &
    pid=$!
    sleep 0.3
    kill -INT "$pid"
    wait "$pid"
    code=$?
    cat "$work/out"
    [ "$code" -eq 130 ] && prints '^1 blocking .*failed: 1$' && ! grep -q '^2 processes' "$work/out" &&
        grep -q '</svg>' "$work/cut-ladder.svg" && wait_for no_process_left 'stall?ladder'
}

# The key reaches all processes of the terminal. Its own server may not end before the requests.
interrupted_by_a_key() {
    for mode in blocking processes threads select native; do
        on_terminal 130 80 "$(printf '\003')" --delay 60 -n 3 -m $mode || return
        prints 'cancelled \(WEFT_ECANCELLED\)' && prints 'failed: 3$' || return
    done
}

# timeout signals its whole process group; its own server may not end before the requests.
terminated_as_a_group() {
    timeout --preserve-status 1 "$fetch" --delay 60 -n 3 >"$work/out" 2>&1
    code=$?
    cat "$work/out"
    [ $code -eq 143 ] && prints 'cancelled \(WEFT_ECANCELLED\)' && prints 'failed: 3$' &&
        ! grep -q RESET "$work/out"
}

serves_until() { # a signal
    : >"$work/out" # or the text of the claim before may be found
    env --default-signal=INT "$fetch" --serve 0 <>"$work/held" >"$work/out" &
    pid=$!
    servers="$servers $pid"
    wait_for grep -q http "$work/out" && kill "-$1" $pid && wait $pid
}

ends_with_its_input() {
    : | timeout 20 "$fetch" --serve && timeout 20 "$fetch" --serve </dev/null &&
        timeout 20 "$fetch" --serve <"$0"
}

# ---- pictures and traces ----

cat >"$work/timeline.py" <<'END'
import colorsys, itertools, re, sys
from xml.dom import minidom

def read(path):
    global document
    document = minidom.parse(path)
    assert document.documentElement.tagName == 'svg'

def having(tag, name):
    return [e for e in document.getElementsByTagName(tag) if name in e.getAttribute('class').split()]

def texts(name):
    return [''.join(n.data for n in e.childNodes) for e in having('text', name)]

# Its parts: as many bars as there were requests, in as many runs as there were modes.
def parts(runs, bars, whole):
    assert len(having('text', 'name')) == int(runs), texts('name')
    assert len(document.getElementsByTagName('g')) == int(bars)
    for phase in 'connect', 'send', 'wait', 'receive':
        assert len(having('rect', phase)) - 1 >= int(whole), phase # one is the legend's
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

def title(expected):
    assert texts('title') == [expected], texts('title')

# Of about ten pixels a letter, there is room for so many.
def cut_title():
    [found] = texts('title')
    assert 60 < len(found) < 100 and found.endswith('...'), found

# A row's number stands at its row's height; a wait is thinner than what happens.
def numbered(rows):
    numbers = having('text', 'number')
    assert texts('number') == [str(i + 1) for i in range(int(rows))], texts('number')
    for text, bar in zip(numbers, document.getElementsByTagName('g')):
        parts = {r.getAttribute('class'): r for r in bar.getElementsByTagName('rect')}
        top, height = (float(parts['connect'].getAttribute(a)) for a in ('y', 'height'))
        assert top < float(text.getAttribute('y')) <= top + height, text.toxml()
        assert height >= 10 and float(parts['wait'].getAttribute('height')) < height, bar.toxml()

# The labels: "55 ms, 18.9x", against the first.
def speed_ups():
    labels = [re.fullmatch(r'(\d+) ms, ([\d.]+)x', t) for t in texts('dim')]
    labels = [(int(m[1]), float(m[2])) for m in labels if m]
    assert len(labels) == 8 and labels[0][1] == 1, labels
    for took, ratio in labels:
        assert abs(labels[0][0] / took - ratio) < 0.05 * ratio + 0.06, labels

# How far apart two colours look (CIE76), to whom lacks the red cones, the green ones, or none: by
# Machado's matrices of 2009.
EYES = {'all': ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        'red': ((.152286, 1.052583, -.204868), (.114503, .786281, .099216), (-.003882, -.048116, 1.051998)),
        'green': ((.367322, .860646, -.227968), (.280085, .672501, .047413), (-.011820, .042940, .968881))}

def lab(colour, eyes):
    linear = [c / 12.92 if c <= .04045 else ((c + .055) / 1.055) ** 2.4 for c in rgb(colour)]
    r, g, b = (min(1, max(0, sum(k * c for k, c in zip(row, linear)))) for row in eyes)
    x, y, z = (t ** (1 / 3) if t > .008856 else 7.787 * t + 16 / 116 for t in (
        (.4124 * r + .3576 * g + .1805 * b) / .9505, .2126 * r + .7152 * g + .0722 * b,
        (.0193 * r + .1192 * g + .9505 * b) / 1.089))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)

def rgb(colour):
    return [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]

def colours():
    style = document.getElementsByTagName('style')[0].firstChild.data
    for part in style.split('@media'):
        of = dict(re.findall(r'\.(connect|send|wait|receive|failed|run) { fill: (#\w{6}) }', part))
        assert len(of) == 6, part
        hues = [colorsys.rgb_to_hsv(*rgb(of[name]))[0] for name in ('connect', 'failed')]
        assert 1 / 3 <= abs(hues[0] - hues[1]) <= 2 / 3, of
        for eyes, (a, b) in itertools.product(EYES, itertools.combinations(of, 2)):
            far = sum((p - q) ** 2 for p, q in zip(lab(of[a], EYES[eyes]), lab(of[b], EYES[eyes]))) ** .5
            assert far >= 20, f'{a} and {b} look alike without {eyes}: {far:.0f}'

read(sys.argv[1])
globals()[sys.argv[2]](*sys.argv[3:])
END

picture() { # file, a function of timeline.py, arguments
    "$python" "$work/timeline.py" "$@"
}

is_timeline() { # file, runs, requests in all, how many of them came to their end
    file=$1
    shift
    picture "$file" parts "$@"
}

titles_say_what_is_fetched() {
    exits 0 -n 2 --timeline "$work/two.svg" "$origin/" "$origin/keep" &&
        picture "$work/two.svg" title '4 requests to 2 URLs' || return
    exits 0 -n 1 --timeline "$work/two.svg" "$origin/" &&
        picture "$work/two.svg" title "1 request to $origin/" || return
    exits 0 -n 1 --timeline "$work/two.svg" "$origin/?$(seq -s, 100)" && picture "$work/two.svg" cut_title
}

one_run_is_numbered() {
    exits 0 -n 20 --timeline "$work/twenty.svg" "$origin/" && picture "$work/twenty.svg" numbered 20
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


# ---- the server ----

mkfifo "$work/held"
"$fetch" --serve 0 --delay 0.01 <>"$work/held" >"$work/origin" & # an input without an end
servers=$!
wait_for grep -q http "$work/origin"
origin=$(sed 's,/$,,' "$work/origin")

# ---- the claims ----

check "without arguments, the report has room on a screen of 80 x 24" fits_the_screen
check "--help has room in 80 columns" fits_80 --help
check "the first line says what is fetched, and in which mode" names_what_it_fetches
for columns in 40 80 120 200; do
    check "the table is $columns columns wide, if there are so many" as_wide_as $columns $columns
done
check "and never less than 40" as_wide_as 40 10
check "and never more than 200" as_wide_as 200 5000
check "and 80 if nobody knows" as_wide_as 80 many
check_python "on a terminal it is as wide as that" adapts_to_the_terminal

check_python "on a terminal one sees how far slow requests are, until they are over" at_last shows_how_far_it_is
check_python "and nothing of it if they are quick" at_last is_quick_without_progress
check "and nothing of it on a pipe" shows_nothing_on_a_pipe

if [ -c /dev/full ]; then
    check "a full disk is an error: the report" no_room "$origin/"
    check "a full disk is an error: --ladder" no_room --ladder -n 1 "$origin/"
    check "a full disk is an error: --help" no_room --help
    check "a full disk is an error: --serve" no_room --serve 0
    check "a full disk is an error: --timeline" no_room_for --timeline
    check "a full disk is an error: --trace" no_room_for --trace
    check "a full disk is an error: --output" no_room_for --output
else
    skip "a full disk is an error" "no /dev/full here"
fi
check "a bad --timeline is found before the run" found_before_the_run --timeline
check "a bad --trace is found before the run" found_before_the_run --trace

if [ -d /proc/self ] && env --default-signal=INT true 2>/dev/null; then
    for mode in $ladder explicit; do
        check "$mode: Ctrl-C ends it with 130 and the table of what there is" interrupted INT 130 "$mode"
    done
    check "SIGTERM ends it with 143 and that table" interrupted TERM 143 threads
    check "SIGTERM ends it with 143 and that table, with weft, too" interrupted TERM 143 native
    check "SIGTERM to all of its processes does so, too" at_last terminated_as_a_group
    check "--ladder: Ctrl-C ends it with 130 and the rows of what there is" \
        at_last ladder_interrupted
    check "--serve ends with SIGINT" serves_until INT
    check "--serve ends with SIGTERM" serves_until TERM
else
    skip "Ctrl-C" "no /proc, or env takes no --default-signal"
fi
check_python "Ctrl-C on a terminal, which reaches the built-in server, too" interrupted_by_a_key
check "--serve ends with its input, a pipe or a file, /dev/null too" ends_with_its_input

check "--ladder prints the eight modes in order; 6 to 8 take the time of one request" \
    at_last ladder_in_order
check "--ladder has room in 80 columns, and says what its columns are" explains_its_columns
check "--ladder counts the requests that failed, in each mode" ladder_counts_failures
if have "$python"; then
    check "--timeline: well-formed, eight runs, all requests" is_timeline "$work/ladder.svg" 8 32 32
    check "--timeline: each run's label says how many times as fast it was" picture "$work/ladder.svg" speed_ups
    check "--timeline of requests that failed" is_timeline "$work/failed.svg" 8 16 16
    check "--timeline: its colours look different to the colour-blind, too" picture "$work/failed.svg" colours
    check "--timeline: one run's rows are numbered, and waits are thin" one_run_is_numbered
    check "--timeline: the title, of one URL, of several, of a long one" titles_say_what_is_fetched
    check "--trace: valid, what begins ends, three modes" is_trace "$work/ladder.json" 3
    check "--timeline and --trace of one mode; the URL is quoted" one_mode_draws_and_traces
    check "--trace of requests that fail: what begins ends" failures_are_traced
else
    skip "--timeline and --trace" "python is missing"
fi
done_testing
