# What the tests of the command line share.  Sourced by bash: TEST PROGRAM
#
# A listening echo writes to a pipe that the test reads, so nothing here sleeps or guesses a time:
# what must come is waited for, and given up only after minutes.  Every process runs under timeout,
# and only processes that were started here are ended.  What may be ended by a signal to its timeout
# runs in the foreground: otherwise a SIGCONT follows, and a leak check that then has begun, and
# stopped the program, waits for ever.
set -u
program=$1
folder=$(mktemp -d) || exit 2
listeners=() # by their own number
unset IROH_SECRET SSLKEYLOGFILE

finish() {
    local pid
    for pid in "${listeners[@]}"; do
        kill -TERM "$pid" 2>/dev/null # it is timeout, which passes that on
        wait "$pid"
    done
    rm -rf "$folder"
}
trap finish EXIT

fail() {
    echo "$(basename "$0"): $*" >&2
    local file
    for file in "$folder"/*.err "$folder"/*.out; do
        [ -s "$file" ] && [ "$(stat -c %s "$file")" -lt 10000 ] && sed "s,^,  ${file##*/}: ," "$file" >&2
    done
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# expect STATUS COMMAND...: runs it with its output in $folder/run.out and run.err.
expect() {
    local expected=$1 status=0
    shift
    timeout 300 "$@" >"$folder/run.out" 2>"$folder/run.err" || status=$?
    [ "$status" = "$expected" ] || fail "status $status instead of $expected: $*"
}

# says FILE LINE: the file is that line.
says() {
    [ "$(cat "$folder/$1")" = "$2" ] || fail "$1 is not: $2"
}

# The program behind the timeout that was started as process $1.
child_of() {
    local children=
    read -r children _ <"/proc/$1/task/$1/children" # has no newline at its end
    [ -n "$children" ] || fail "process $1 has no child"
    echo "$children"
}

# listen OPTION...: starts one, sets listener and id, ticket, addr of it.  It binds any port of
# IPv4's loopback unless $bind says otherwise ("": everything).
listen() {
    local pipe=$folder/pipe
    mkfifo "$pipe" || exit 2
    # shellcheck disable=SC2086 # no --bind at all is one possibility
    timeout --foreground 600 "$program" listen ${bind---bind 127.0.0.1:0} "$@" >"$pipe" 2>"$folder/listen.err" &
    listener=$!
    listeners[listener]=$listener
    exec {lines}<"$pipe"
    rm "$pipe"
}

next_line() {
    IFS= read -r -t 120 -u "$lines" line || fail "the listening echo says no more"
}

# The same, and reads how to reach it.
serve() {
    listen "$@"
    next_line
    id=${line#endpoint id  }
    [ "$line" = "endpoint id  $id" ] || fail "not an id: $line"
    next_line
    ticket=${line#ticket       }
    [ "$line" = "ticket       $ticket" ] || fail "not a ticket: $line"
    next_line
    addr=${line#address      }
    [ "$line" = "address      $addr" ] || fail "not an address: $line"
}

# wait_for FILE TEXT: until the text stands in the file.
wait_for() {
    until grep -q "$2" "$folder/$1" 2>/dev/null; do
        [ "$SECONDS" -lt 300 ] || fail "$1 never says: $2"
    done
}

# Waits for the end of the listener, and sets its status.
listener_ends() {
    status=0
    wait "$listener" || status=$?
    unset "listeners[$listener]"
}

# The most memory that process $1 has had, in kB.
peak_memory() { sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/$1/status"; }

is_sanitized() { grep -q __asan_init "$program" 2>/dev/null; }

# bytes COUNT: as many that do not repeat and cannot be compressed.
bytes() { openssl enc -aes-128-ctr -nosalt -pass pass:echo </dev/zero 2>/dev/null | head -c "$1"; }
