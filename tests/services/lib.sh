# Helpers of the service scripts: a server in a folder of its own, on loopback, on a free port, known by
# the pid it was started with. Sourced, never run.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A free port below the ephemeral range, so that no outgoing connection takes it meanwhile.
port_pick() {
    local port
    while :; do
        port=$((10100 + RANDOM % 21900))
        port_is_open "$port" || { echo "$port"; return; }
    done
}

is_running() { [ -s "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

# service_start FOLDER COMMAND...: in a session of its own, so that it outlives the script.
service_start() {
    local folder=$1
    shift
    setsid "$@" >"$folder/log" 2>&1 </dev/null &
    echo $! >"$folder/pid"
}

# service_await FOLDER PORT SECONDS: until the port accepts; says the log when it does not.
service_await() {
    local folder=$1 port=$2 turns=$(($3 * 50))
    while ! port_is_open "$port"; do
        is_running "$folder" || { tail -20 "$folder/log" >&2; return 1; }
        turns=$((turns - 1))
        [ "$turns" -gt 0 ] || { tail -20 "$folder/log" >&2; return 1; }
        sleep 0.02
    done
    echo "$port" >"$folder/port"
}

# service_stop FOLDER: asks, waits at most ten seconds, then ends it. Safe to repeat.
service_stop() {
    local folder=$1 pid turns=500
    [ -s "$folder/pid" ] || return 0
    pid=$(cat "$folder/pid")
    kill -TERM "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null && [ "$turns" -gt 0 ]; do
        turns=$((turns - 1))
        sleep 0.02
    done
    kill -KILL "$pid" 2>/dev/null || true
    rm -rf "${folder:?}"
}

# A port can be lost between the pick and the bind: three tries.
service_try() {
    local folder=$1 tries=3
    shift
    mkdir -p "$folder"
    while [ "$tries" -gt 0 ]; do
        if "$@" "$folder" "$(port_pick)"; then
            cat "$folder/port"
            return 0
        fi
        tries=$((tries - 1))
    done
    die "did not start; see $folder/log"
}

# service_again FOLDER RUN: ends it at once (kill -9) and runs it on the same port.
service_again() {
    local folder=$1 pid
    pid=$(cat "$folder/pid")
    kill -KILL "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
    "$2" "$folder" "$(cat "$folder/port")"
}
