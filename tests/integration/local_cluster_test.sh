#!/usr/bin/env bash
# deploy/local as a user meets it, on free ports and with the binaries of this build: up, both proxies, redis-cli
# --cluster, redis-benchmark, metrics, up again, a busy port, status, a primary that dies, down, and up once more from the
# saved state.
# Usage: local_cluster_test.sh PATH_OF_KEYWAY_SHARD PATH_OF_KEYWAY_PROXY
set -uo pipefail

shard=$1 proxy=$2
local_scripts=$PWD/deploy/local
export KEYWAY_LOCAL_DIR=$TEST_TMPDIR/local
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}
# expect WANTED COMMAND...: the command's output holds the wanted text.
expect() {
  local wanted=$1 output
  shift
  output=$("$@" 2>&1)
  [[ $output == *"$wanted"* ]] || fail "'$*' printed '$output', not '$wanted'"
}

# Ports whose relatives (+2000 metrics, +10000 bus) are free too.
free_ports() {
  /usr/bin/python3 - "$1" <<'PY'
import random, socket, sys
def free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
ports = []
while len(ports) < int(sys.argv[1]):
    port = random.randrange(11000, 20000)
    if port not in ports and all(free(port + offset) for offset in (0, 2000, 10000)):
        ports.append(port)
print(",".join(map(str, ports)))
PY
}
ports=$(free_ports 8)
proxies=$(cut -d, -f1-2 <<<"$ports")
shards=$(cut -d, -f3- <<<"$ports")
p1=${proxies%,*} p2=${proxies#*,} s1=${shards%%,*}

mkdir -p "$KEYWAY_LOCAL_DIR/bin"
install -m 755 "$shard" "$proxy" "$KEYWAY_LOCAL_DIR/bin/"
trap '"$local_scripts/down" --purge >/dev/null 2>&1; rm -rf "$KEYWAY_LOCAL_DIR"' EXIT
up=("$local_scripts/up" --no-install --no-build --proxy-ports "$proxies" --shard-ports "$shards")

expect "not running" "$local_scripts/status"
if ! "${up[@]}" >"$TEST_TMPDIR/up.log" 2>&1; then
  cat "$TEST_TMPDIR/up.log" >&2
  tail -n 20 "$KEYWAY_LOCAL_DIR"/log/*.log >&2
  exit 1
fi
cat "$TEST_TMPDIR/up.log"

expect OK redis-cli -p "$p1" set k v
expect v redis-cli -p "$p2" get k

# What keeps state between requests; what is given at one proxy is had at the other.
transaction=$(printf 'MULTI\nINCR {t}n\nINCR {t}n\nEXEC\n' | redis-cli -p "$p1" 2>&1)
[[ $transaction == $'OK\nQUEUED\nQUEUED\n1\n2' ]] || fail "a transaction: '$transaction'"
redis-cli -p "$p1" brpop queue:1 queue:2 queue:3 30 >"$TEST_TMPDIR/popped" 2>&1 &
waiter=$!
expect 1 redis-cli -p "$p2" lpush queue:2 job
wait "$waiter"
[[ $(cat "$TEST_TMPDIR/popped") == $'queue:2\njob' ]] || fail "BRPOP of several queues: '$(cat "$TEST_TMPDIR/popped")'"
timeout 60 redis-cli -p "$p1" subscribe news >"$TEST_TMPDIR/messages" 2>&1 &
subscriber=$!
for ((i = 0; i < 300; ++i)); do
  [[ $(redis-cli -p "$p2" publish news hello) == 0 ]] || break
  sleep 0.1
done
for ((i = 0; i < 300; ++i)); do
  ! grep -q hello "$TEST_TMPDIR/messages" || break
  sleep 0.1
done
expect hello cat "$TEST_TMPDIR/messages"
kill "$subscriber"
expect 3 redis-cli -p "$p2" eval "return redis.call('INCR', KEYS[1])" 1 '{t}n'

redis-cli --cluster check "127.0.0.1:$s1" >"$TEST_TMPDIR/check.log" || fail "cluster check: $(cat "$TEST_TMPDIR/check.log")"
expect "[OK] All 16384 slots covered" cat "$TEST_TMPDIR/check.log"
expect "[OK] All nodes agree about slots configuration" cat "$TEST_TMPDIR/check.log"
expect "cluster_known_nodes:6" redis-cli -p "$s1" cluster info

redis-benchmark -p "$p1" -t set,get,incr,mset -n 200000 -P 16 -c 50 -r 100000 -q >"$TEST_TMPDIR/benchmark.log" 2>&1 ||
  fail "redis-benchmark ended with $?: $(tail -n 3 "$TEST_TMPDIR/benchmark.log")"
! grep -iE "error|unknown|WARNING: Could not" "$TEST_TMPDIR/benchmark.log" || fail "redis-benchmark complained"
[[ $(tr '\r' '\n' <"$TEST_TMPDIR/benchmark.log" | grep -c "requests per second") -ge 4 ]] || fail "redis-benchmark did not finish its four tests"
[[ $(redis-cli -p "$p2" dbsize) -gt 50000 ]] || fail "redis-benchmark left $(redis-cli -p "$p2" dbsize) keys"

for port in "$p1" "$s1"; do
  for path in healthz readyz; do
    expect 200 curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$((port + 2000))/$path"
  done
  curl -s "http://127.0.0.1:$((port + 2000))/metrics" >"$TEST_TMPDIR/metrics-$port"
  # Names that end so are redis_exporter's.
  complaints=$(promtool check metrics <"$TEST_TMPDIR/metrics-$port" 2>&1 | grep -v '_duration_sec ')
  [[ -z $complaints ]] || fail "promtool does not accept the metrics of port $port: $complaints"
done
expect "redis_cluster_slots_assigned 16384" cat "$TEST_TMPDIR/metrics-$s1"
expect "keyway_proxy_" cat "$TEST_TMPDIR/metrics-$p1"

expect "running already" "${up[@]}"
"$local_scripts/status" || fail "status says that something is wrong"
[[ $("$local_scripts/status" | grep -c "replica of .*, link up") == 3 ]] || fail "not every primary has a replica"
KEYWAY_LOCAL_DIR=$TEST_TMPDIR/other expect "port $p1 is in use" "${up[@]}"
expect "unknown option" "$local_scripts/up" --no-such-option

# New proxies take the ports over.
expect "proxy-$p2: process" "$local_scripts/restart-proxies" --no-build
expect "proxy-$p1: process" "$local_scripts/restart-proxies" --no-build
expect v redis-cli -p "$p1" get k
"$local_scripts/status" || fail "status says that something is wrong after the proxies' restart"

# The primary that has k dies: its replica serves k.
moved=$(redis-cli -p "$s1" get k)
owner=$s1
[[ $moved != MOVED* ]] || owner=${moved##*:}
expect 1 redis-cli -p "$owner" wait 1 5000
expect master redis-cli -p "$owner" role
kill -KILL "$(cat "$KEYWAY_LOCAL_DIR/run/shard-$owner.pid")"
survivor=$s1
[[ $owner != "$s1" ]] || survivor=$(cut -d, -f2 <<<"$shards")
taken_over() { redis-cli -p "$survivor" cluster nodes | awk -v old=":$owner@" '/master/ && !index($2, old) && NF > 8 { ++n } END { exit n != 3 }'; }
for ((i = 0; i < 600; ++i)); do
  ! taken_over || break
  sleep 0.1
done
taken_over || fail "no replica has taken over: $(redis-cli -p "$survivor" cluster nodes)"
expect v redis-cli -p "$p1" get k
expect OK redis-cli -p "$p2" set k w
"$local_scripts/status" >/dev/null && fail "status is content without one of the shards"
expect "only in part" "${up[@]}"

expect "stopped 7 processes" "$local_scripts/down"
"$local_scripts/status" >/dev/null && fail "status is content with a stopped cluster"
# While it was down, another test may have taken one of the ports for itself.
start_again() {
  for ((i = 0; i < 30; ++i)); do
    ! "${up[@]}" >"$TEST_TMPDIR/up.log" 2>&1 || return 0
    grep -q "in use" "$TEST_TMPDIR/up.log" || return 1
    "$local_scripts/down" >/dev/null
    sleep 2
  done
  return 1
}
start_again || fail "the second start: $(tail -n 5 "$TEST_TMPDIR/up.log")"
expect "cluster_state:ok" redis-cli -p "$s1" cluster info
"$local_scripts/status" || fail "status says that something is wrong after the second start"
[[ $("$local_scripts/status" | grep -c "replica of .*, link up") == 3 ]] || fail "not every primary has a replica after the second start"
expect "stopped 8 processes" "$local_scripts/down" --purge

((failures == 0))
