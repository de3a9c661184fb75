#!/usr/bin/env python3
"""How long a slot takes no write after kill -9 of its primary: clusters of keyway-shard and of redis-server, in turns.

    KEYWAY_SHARD=bazel-bin/shard/keyway-shard tests/bench/failover/failover_bench.py [--rounds 50] [--node-timeout 2000]

Two clusters of three primaries with a replica each run side by side, both under a light load. In each round one primary
of each is killed; the time until its replica accepts a write is taken; then the killed node starts again and becomes a
replica, and the next round begins when the cluster is whole. At the end the acknowledged writes that are missing
are counted: replication is asynchronous, so that there may be some, as with Redis.
"""

import argparse
import statistics
import sys
import time

if __name__ == "__main__":
    import pathlib
    sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402

PRIMARIES = 3


class Cluster:
    """Three primaries with a replica each, and writers."""

    def __init__(self, node_class, node_timeout):
        self.nodes = [node_class(cluster_enabled="yes", cluster_node_timeout=node_timeout, repl_diskless_sync_delay=0)
                      for _ in range(2 * PRIMARIES)]
        self.writers = None

    def start(self):
        for node in self.nodes:
            node.start()
        kt.redis_cli_cluster("create", *(f"127.0.0.1:{node.port}" for node in self.nodes), "--cluster-replicas", 1, "--cluster-yes")
        self.wait_whole()
        self.writers = kt.Writers([node.port for node in self.nodes], threads=1, keys=1000, rate=200).start()

    def end(self):
        if self.writers is not None:
            self.writers.stop()
        for node in self.nodes:
            node.cleanup()

    def is_whole(self):
        """Every node knows all others, and every replica is in sync with a primary that has it."""
        if not kt.cluster_is_whole(self.nodes):
            return False
        infos = [node.info("replication") for node in self.nodes]
        replicas = [info for info in infos if info["role"] == "slave"]
        return (len(replicas) == PRIMARIES and all(info["master_link_status"] == "up" for info in replicas)
                and all(info["connected_slaves"] == "1" for info in infos if info["role"] == "master"))

    def wait_whole(self):
        kt.wait_until(self.is_whole, timeout=60, what="the cluster to be whole")

    def primaries(self):
        return [node for node in self.nodes if node.info("replication")["role"] == "master"]

    def round(self, turn):
        """Seconds from the kill of one primary to the first write that its replica accepts."""
        primaries = self.primaries()
        victim = primaries[turn % len(primaries)]
        slots = next(one for one in victim.value("CLUSTER", "SLOTS") if one[2][1] == victim.port)
        key = kt.key_in_slots(slots[0], slots[1], b"probe")
        replica = next(node for node in self.nodes if node.port == slots[3][1])
        with replica.client() as client:
            begin = time.monotonic()
            victim.kill()
            while client.call("SET", key, turn) != b"+OK\r\n":
                if time.monotonic() - begin > 60:
                    raise AssertionError(f"no failover within 60 seconds:\n{replica.output()[-4000:]}")
                time.sleep(0.002)
            seconds = time.monotonic() - begin
        victim.start()
        self.wait_whole()
        return seconds


def run(rounds, node_timeout, log=lambda line: None):
    """Seconds of each round: (ours, theirs)."""
    clusters = [Cluster(node_class, node_timeout) for node_class in (kt.KeywayShard, kt.RedisServer)]
    times = ([], [])
    try:
        for cluster in clusters:
            cluster.start()
        for turn in range(rounds):
            for cluster, seconds in zip(clusters, times):
                seconds.append(cluster.round(turn))
            log(f"round {turn + 1} of {rounds}: {times[0][-1]:.3f} {times[1][-1]:.3f}")
        for cluster in clusters:
            cluster.writers.stop()
            log(f"{cluster.writers.count} writes acknowledged, {len(cluster.writers.missing([n.port for n in cluster.nodes]))} missing, "
                f"longest wait {cluster.writers.longest_wait:.2f} s")
    finally:
        for cluster in clusters:
            cluster.end()
    return times


def table(times, node_timeout):
    lines = [f"{'seconds without a write':28}{'Keyway':>10}{'redis-server':>14}"]
    for name, figure in (("min", min), ("median", statistics.median), ("max", max)):
        lines.append(f"{name:28}{figure(times[0]):10.3f}{figure(times[1]):14.3f}")
    over = statistics.median(times[0]) > statistics.median(times[1])
    lines.append("budget, a median not above redis-server's: " + ("missed" if over else "kept"))
    late = sum(seconds > node_timeout / 1000 + 1 for seconds in times[0])
    lines.append(f"target, the node timeout and a second: {len(times[0]) - late} of {len(times[0])} rounds")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--node-timeout", type=int, default=2000)
    options = parser.parse_args()
    times = run(options.rounds, options.node_timeout, log=lambda line: print(line, file=sys.stderr, flush=True))
    print(table(times, options.node_timeout))


if __name__ == "__main__":
    main()
