"""What a storm does to a cluster: three primaries with a replica each behind proxies, and rounds of one fault or change each.

A round is a function `(cluster)` in ROUNDS; it returns when the change is made, and `StormCluster.play` waits until the cluster is whole
again. To add a kind: a function, and its row. A round in which asynchronous replication may lose acknowledged writes says so with
`may_lose`; in all others nothing may be lost.
"""

import random
import signal
import time

import keyway_testing as kt
from storm_history import LossWindow

PRIMARIES = 3
NODE_TIMEOUT_MS = 2000
# A failed election, which a busy machine may cause, is repeated after four times the node timeout.
DEADLINE_MS = 20000
# Seconds within which a replica has what its primary has acknowledged, and a client the reply that its proxy was sent.
_LAG = 1.0
_STALL_SECONDS = 1.0
_WHOLE_SECONDS = 60


class Shard:
    """A primary, its replicas and its slots, as the cluster says."""

    def __init__(self, primary, replicas, slots):
        self.primary = primary
        self.replicas = replicas
        self.slots = frozenset(slots)


class StormCluster:
    """Nodes of `node_class` that `test` (a TestCase) ends, and `proxies` proxies before them."""

    def __init__(self, test, node_class, proxies=2, seed=1, slots_to_move=100, deadline_ms=DEADLINE_MS):
        self.test = test
        self.deadline_ms = deadline_ms
        # What a node acknowledges is in its file, so that its end alone loses nothing. redis-server writes before it replies in any case,
        # and serves nobody while a busy disk takes long to sync.
        self.directives = {"appendonly": "yes", "appendfsync": "no" if node_class is kt.RedisServer else "always"}
        self.node_class = node_class
        self.chance = random.Random(seed)
        self.slots_to_move = slots_to_move
        self.proxies = []
        self.windows = []  # of LossWindow
        self.deaths = []   # of LossWindow: when a primary ended or stopped answering
        self.closing = []  # (begin, end) of the ends of proxies
        self.unplanned = []  # texts about failovers that no round wanted
        self.wait_served = lambda: None  # returns when all clients are served
        self._planned = set()
        self.make(proxies)

    def make(self, proxies):
        self.directives = {"cluster_enabled": "yes", "cluster_node_timeout": NODE_TIMEOUT_MS, "cluster_replica_validity_factor": 0,
                           "cluster_allow_replica_migration": "no", "repl_diskless_sync_delay": 0, **self.directives}
        self.nodes = [self.start_node() for _ in range(2 * PRIMARIES)]
        kt.redis_cli_cluster("create", *map(address, self.nodes), "--cluster-replicas", 1, "--cluster-yes")
        self.wait_whole()
        self.proxies = [self.test.start(kt.KeywayProxy(startup_nodes=",".join(map(address, self.nodes)), request_deadline_ms=self.deadline_ms))
                        for _ in range(proxies)]
        for each in self.proxies:
            wait_covered(each)

    def start_node(self):
        return self.test.start(self.node_class(**self.directives))

    def ports(self):
        """Where clients go: to the proxies; without any, to the nodes."""
        return [server.port for server in self.proxies or self.nodes]

    def read_all(self, histories):
        """Reads all keys of these clients at the nodes themselves, into their histories."""
        client = kt.ClusterClient([node.port for node in self.nodes], timeout=5.0)
        try:
            read_keys(histories, lambda *words: client.call(*words, key=words[1]))
        finally:
            client.close()

    def shards(self):
        by_port = {node.port: node for node in self.nodes}
        found = {}
        for first, last, primary, *replicas in self.nodes[0].value("CLUSTER", "SLOTS"):
            shard = found.setdefault(primary[1], Shard(by_port[primary[1]], [by_port[each[1]] for each in replicas], ()))
            shard.slots |= frozenset(range(first, last + 1))
        return [found[port] for port in sorted(found)]

    def any_shard(self):
        return self.chance.choice(self.shards())

    def is_whole(self):
        """All nodes are there and agree about slots and roles, and each primary has replicas in sync."""
        if not kt.cluster_is_whole(self.nodes):
            return False
        views = [sorted((one[0], one[1], one[2][1], sorted(each[1] for each in one[3:])) for one in node.value("CLUSTER", "SLOTS"))
                 for node in self.nodes]
        if any(view != views[0] for view in views) or {port for one in views[0] for port in [one[2], *one[3]]} != {n.port for n in self.nodes}:
            return False
        infos = [node.info("replication") for node in self.nodes]
        return all(info["master_link_status"] == "up" if info["role"] == "slave" else "state=online" in info.get("slave0", "")
                   for info in infos)

    def wait_whole(self):
        kt.wait_until(self.is_whole, timeout=_WHOLE_SECONDS, what="the cluster to be whole", interval=0.1)

    def may_lose(self, shard, begin, end):
        """Writes that `shard` has acknowledged in this time, which a failover followed, may be gone."""
        self.windows.append(LossWindow(shard.slots, begin - _LAG, end + _LAG))

    def has_died(self, shard, begin, end):
        """The end of the primary, and of all connections to it."""
        self.deaths.append(LossWindow(shard.slots, begin, end))

    def plan_failover(self, shard):
        self._planned.add(shard.primary.port)

    def play(self, kind):
        """One round. Returns when the cluster is whole."""
        before, begin = self.shards(), time.monotonic()
        self._planned.clear()
        ROUNDS[kind](self)
        self.wait_whole()
        primaries = {shard.primary.port for shard in self.shards()}
        for shard in before:
            if shard.primary.port not in primaries | self._planned:  # a machine so busy that a node seemed to be dead
                self.unplanned.append(f"{kind}: {shard.primary.port} is no primary any more")
                self.may_lose(shard, begin, time.monotonic())


def address(node):
    return f"127.0.0.1:{node.port}"


def node_id(node):
    return node.value("CLUSTER", "MYID").decode()


def read_keys(histories, call):
    """Into these histories, all their keys, read with `call(*words)`, which returns raw replies."""
    for history in histories:
        for request in [("GET", i) for i in range(len(history.registers))] + [("COUNT", i) for i in range(len(history.counters))]:
            history.answered(request, kt.parse(call(*history.words(request))), time.monotonic())


def wait_covered(proxy):
    """Until the proxy knows a shard for every slot."""
    kt.wait_until(lambda: proxy.info("proxy").get("proxy_covered_slots") == "16384", timeout=30, what="the slot map")


def _is_primary(node):
    return node.info("replication")["role"] == "master"


def _wait_promoted(nodes):
    kt.wait_until(lambda: any(_is_primary(node) for node in nodes), timeout=40, what="a replica to take over")


def kill(cluster):
    """kill -9; the node comes back when its replica has taken over."""
    shard = cluster.any_shard()
    cluster.plan_failover(shard)
    begin = time.monotonic()
    shard.primary.kill()
    cluster.has_died(shard, begin, time.monotonic())
    cluster.may_lose(shard, begin, time.monotonic())
    _wait_promoted(shard.replicas)
    shard.primary.start()


def hang(cluster):
    """The primary neither answers nor closes anything, and goes on when all clients are served by its replica."""
    shard = cluster.any_shard()
    cluster.plan_failover(shard)
    begin = time.monotonic()
    shard.primary.signal(signal.SIGSTOP)
    cluster.has_died(shard, begin, time.monotonic())
    cluster.may_lose(shard, begin, time.monotonic())
    try:
        _wait_promoted(shard.replicas)
        cluster.wait_served()
    finally:
        # It takes itself for a primary for a moment, and executes what it had been sent; nobody may take that for done.
        shard.primary.signal(signal.SIGCONT)


def stall(cluster):
    """The same, but it goes on before it is missed."""
    shard = cluster.any_shard()
    shard.primary.signal(signal.SIGSTOP)
    try:
        time.sleep(_STALL_SECONDS * cluster.chance.random())
    finally:
        shard.primary.signal(signal.SIGCONT)


def _failover(cluster, shard, *how):
    """CLUSTER FAILOVER, which ends in nothing when a busy machine makes it take too long."""
    replica = cluster.chance.choice(shard.replicas)
    cluster.plan_failover(shard)
    for _ in range(5):
        reply = replica.call("CLUSTER", "FAILOVER", *how)
        cluster.test.assertEqual(reply, b"+OK\r\n")
        try:
            kt.wait_until(lambda: _is_primary(replica), timeout=7, what="the replica to take over")
            return
        except AssertionError:
            continue
    raise AssertionError(f"CLUSTER FAILOVER {how} has failed five times")


def failover(cluster):
    _failover(cluster, cluster.any_shard())


def _lossy_failover(cluster, how):
    shard, begin = cluster.any_shard(), time.monotonic()
    _failover(cluster, shard, how)
    # Until then it goes on acknowledging.
    kt.wait_until(lambda: not _is_primary(shard.primary), timeout=30, what="the old primary to learn of its end")
    cluster.may_lose(shard, begin, time.monotonic())


def force(cluster):
    _lossy_failover(cluster, "FORCE")


def takeover(cluster):
    _lossy_failover(cluster, "TAKEOVER")


def reshard(cluster):
    """Some slots move from the primary that has most to the one that has least."""
    shards = sorted(cluster.shards(), key=lambda shard: len(shard.slots))
    kt.redis_cli_cluster("reshard", address(cluster.nodes[0]), "--cluster-from", node_id(shards[-1].primary), "--cluster-to",
                         node_id(shards[0].primary), "--cluster-slots", cluster.slots_to_move, "--cluster-yes", timeout=120)


def restart_primary(cluster):
    """kill -9, and it is back before anybody takes its place."""
    shard, begin = cluster.any_shard(), time.monotonic()
    shard.primary.kill()
    cluster.has_died(shard, begin, time.monotonic())
    shard.primary.start()


def restart_replica(cluster):
    replica = cluster.chance.choice(cluster.any_shard().replicas)
    replica.kill()
    replica.start()


def replace(cluster):
    """A new node takes the place of a primary, which leaves the cluster."""
    shard = cluster.any_shard()
    old, new = shard.primary, cluster.start_node()
    others = list(cluster.nodes)
    kt.redis_cli_cluster("add-node", address(new), address(old), "--cluster-slave", "--cluster-master-id", node_id(old))
    cluster.nodes.append(new)
    cluster.wait_whole()
    shard.replicas = [new]
    _failover(cluster, shard)
    cluster.wait_whole()
    kt.redis_cli_cluster("del-node", address(new), node_id(old))
    cluster.nodes = [node for node in others if node is not old] + [new]
    old.kill()


def proxy(cluster):
    """A proxy ends as it should, and another one takes its port."""
    one = cluster.chance.choice(cluster.proxies)
    begin = time.monotonic()
    code = one.stop()
    cluster.closing.append((begin, time.monotonic() + _LAG))
    cluster.test.assertEqual(code, 0)
    one.start()
    wait_covered(one)


ROUNDS = {each.__name__: each for each in (
    kill, failover, reshard, hang, restart_primary, force, stall, replace, takeover, restart_replica, proxy)}
