# What deploy/local/{up,down,status} share: where things are and how a process of ours is recognised.
# Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=${KEYWAY_LOCAL_DIR:-$root/.keyway/local}
loopback=127.0.0.1
# The metrics port of a program is its port plus this.
http_offset=2000

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# The process that `NAME.pid` names, when it lives and is ours (a pid may have been given to another).
pid_of() {
  local pid exe
  pid=$(cat "$dir/run/$1.pid" 2>/dev/null) || return 1
  exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 1
  [[ ${exe% (deleted)} == "$dir"/bin/* ]] || return 1
  printf '%s' "$pid"
}

# Names of everything that was started: "shard-7001", "proxy-6379".
started() {
  local file
  for file in "$dir"/run/*.pid; do
    [[ ! -e $file ]] || basename "$file" .pid
  done
}

port_is_busy() { (exec 3<>"/dev/tcp/$loopback/$1") 2>/dev/null; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local limit=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < limit)) || return 1
    sleep 0.1
  done
}

http_status() { curl -s -o /dev/null -m 2 -w '%{http_code}' "http://$loopback:$1$2" 2>/dev/null || true; }
cluster_info() { redis-cli -h $loopback -p "$1" cluster info 2>/dev/null | tr -d '\r'; }
cluster_nodes() { redis-cli -h $loopback -p "$1" cluster nodes 2>/dev/null; }
# replication_info PORT FIELD: what INFO says.
replication_info() { redis-cli -h $loopback -p "$1" info replication 2>/dev/null | tr -d '\r' | sed -n "s/^$2://p"; }

# "primary" with slots, "empty" without, "replica", or nothing when the shard does not answer.
role_of() { cluster_nodes "$1" | awk '$3 ~ /myself/ { print ($3 ~ /slave/ ? "replica" : NF > 8 ? "primary" : "empty") }'; }
# The id of one, as the shard on that port sees the cluster.
primary_with_fewest_replicas() {
  cluster_nodes "$1" | awk '
    $3 ~ /master/ && NF > 8 { order[++count] = $1 }
    $3 ~ /slave/ { ++replicas[$4] }
    END {
      for (i = 1; i <= count; ++i) if (i == 1 || replicas[order[i]] + 0 < replicas[best] + 0) best = order[i]
      print best
    }'
}
# replica_is_known PORT REPLICA_PORT PRIMARY_ID: to the shard on PORT.
replica_is_known() { cluster_nodes "$1" | awk -v port=":$2@" -v id="$3" 'index($2, port) && $4 == id { found = 1 } END { exit !found }'; }
