#!/usr/bin/env python3
"""What an application sees while its cluster of redis-server nodes fails over, is restarted and loses slots: through keyway-proxy, with
redis-py's RedisCluster, and through twemproxy (Debian's nutcracker), which knows no cluster: it is asked before three servers of its
own, where primaries can only come back and hang.

    KEYWAY_PROXY=bazel-bin/proxy/keyway-proxy tests/bench/failover/failover_clients.py [ClientsTest.test_redis_py ...]

    KEYWAY_STORM_ROUNDS   one of each kind
    KEYWAY_STORM_CLIENTS  50
    KEYWAY_STORM_RATE     requests a second of each client, 20
    KEYWAY_STORM_SEED     1

Faults are what nothing excuses: what was counted twice, wrong or lost although no primary had died, besides errors, which have a
column of their own.
"""

import collections
import os
import pathlib
import shutil
import sys
import time

if __name__ == "__main__":
    tests = pathlib.Path(__file__).absolute().parents[2]
    sys.path[:0] = [str(tests / "support"), str(tests / "integration" / "proxy")]

import keyway_testing as kt  # noqa: E402
import storm  # noqa: E402
from storm_history import ERROR  # noqa: E402
from storm_rounds import ROUNDS, Shard, StormCluster  # noqa: E402

CLUSTER_KINDS = ("kill", "reshard", "failover", "hang", "restart_primary", "stall")
SERVER_KINDS = ("restart_primary", "down", "stall")
_DOWN_SECONDS = 3.0


def down(cluster):
    """kill -9, and the server is away for as long as a failover takes."""
    primary = cluster.any_shard().primary
    primary.kill()
    time.sleep(_DOWN_SECONDS)
    primary.start()


class Twemproxy(kt.Server):
    """Before servers that know nothing of each other."""

    def __init__(self, ports):
        super().__init__()
        self.file = os.path.join(self.folder, "nutcracker.yml")
        servers = "\n".join(f"    - 127.0.0.1:{port}:1" for port in ports)
        pathlib.Path(self.file).write_text(
            f"pool:\n  listen: 127.0.0.1:{self.port}\n  redis: true\n  hash: fnv1a_64\n  distribution: modula\n  auto_eject_hosts: false\n"
            f"  timeout: 10000\n  server_retry_timeout: 100\n  servers:\n{servers}\n")

    def command(self):
        return ["nutcracker", "-c", self.file, "-s", str(kt.free_port())]


class ServersBehindTwemproxy(StormCluster):
    """Three servers without replicas."""

    def make(self, proxies):
        self.nodes = [self.start_node() for _ in range(3)]
        self.proxies = [self.test.start(Twemproxy([node.port for node in self.nodes])) for _ in range(proxies)]

    def shards(self):
        return [Shard(node, [], ()) for node in self.nodes]

    def is_whole(self):
        return True

    def read_all(self, histories):
        pass  # only the proxy knows where a key is; what was lost or doubled shows in later replies


class ClientsTest(kt.TestCase):
    def storm(self, title, cluster, kinds, **options):
        get = os.environ.get
        outcome = storm.run(cluster, kinds=kinds, rounds=int(get("KEYWAY_STORM_ROUNDS", "0")) or None,
                            clients=int(get("KEYWAY_STORM_CLIENTS", "50")), rate=float(get("KEYWAY_STORM_RATE", "20")),
                            seed=int(get("KEYWAY_STORM_SEED", "1")), **options)
        texts = collections.Counter(" ".join(finding.text.split()[:6]) if finding.kind == ERROR else finding.kind for finding in outcome.faults)
        print(f"--- {title}\n{storm.table(outcome)}", *(f"{count:6} {text}" for text, count in texts.most_common(8)), sep="\n", flush=True)

    def test_keyway_proxy(self):
        self.storm("keyway-proxy", StormCluster(self, kt.RedisServer), CLUSTER_KINDS)

    def test_redis_py(self):
        from library_fleet import LibraryFleet
        self.storm("redis-py, RedisCluster", StormCluster(self, kt.RedisServer, proxies=0), CLUSTER_KINDS, start_fleet=LibraryFleet)

    def test_twemproxy(self):
        if shutil.which("nutcracker") is None:
            self.skipTest("nutcracker is not installed")
        ROUNDS["down"] = down
        self.storm("twemproxy, servers without a cluster", ServersBehindTwemproxy(self, kt.RedisServer), SERVER_KINDS)


if __name__ == "__main__":
    kt.main()
