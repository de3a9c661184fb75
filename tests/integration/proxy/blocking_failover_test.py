"""Clients that wait through a proxy while the primary of their key is killed, while its slot moves, and while they go
away; WAIT with replicas. In front of real Redis, and of keyway-shards."""

import signal
import threading

import keyway_testing as kt
from blocking_test import Session, metric


class Rig:
    """Three primaries, a replica of each, and a proxy; made for each test, as they kill nodes."""

    node_class = None

    def setUp(self):
        directives = {"cluster_enabled": "yes", "cluster_node_timeout": 1500, "cluster_replica_validity_factor": 0,
                      "repl_diskless_sync_delay": 0}
        self.nodes = [self.start(self.node_class(**directives)) for _ in range(6)]
        kt.redis_cli_cluster("create", *(f"127.0.0.1:{node.port}" for node in self.nodes), "--cluster-replicas", 1, "--cluster-yes")
        kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=30, what="the cluster to become whole")
        # Connected is a replica before it has its first copy, too; it acknowledges nothing then.
        kt.wait_until(lambda: all("state=online" in node.info("replication").get("slave0", "") for node in self.primaries()),
                      timeout=30, what="the replicas to be online")
        self.http = kt.free_port()
        self.proxy = self.start(kt.KeywayProxy(startup_nodes=",".join(f"127.0.0.1:{node.port}" for node in self.nodes), threads=1,
                                               http_port=self.http, topology_refresh_ms=500))
        kt.wait_until(lambda: self.proxy.info("proxy").get("proxy_covered_slots") == "16384", what="the slot map")

    def primaries(self):
        return [node for node in self.nodes if node.is_alive() and node.info("replication")["role"] == "master"]

    def owner(self, key):
        slot = kt.slot_of(key.encode())
        for node in self.nodes:
            if not node.is_alive():
                continue
            for first, last, primary, *_ in node.value("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    return next(owner for owner in self.nodes if owner.port == primary[1])
        raise AssertionError(f"no owner of {key}")

    def assert_no_leases(self):
        kt.wait_until(lambda: metric(self.http, "keyway_proxy_backend_leases") ==
                      metric(self.http, "keyway_proxy_key_watch_connections"), what="the leases to end")
        kt.wait_until(lambda: metric(self.http, "keyway_proxy_watched_keys") == 0, what="the watched keys to be forgotten")

    def test_failover_while_clients_wait(self):
        victim = self.owner("a")
        requests = {"one": ("BRPOP", "a", 60), "many": ("BLPOP", "{a}many", "b", "c", 60), "move": ("BLMOVE", "{a}from", "{a}to", "LEFT", "LEFT", 60),
                    "read": ("XREAD", "BLOCK", 60000, "STREAMS", "{a}s", "$"), "short": ("BRPOP", "a", "0.5"), "other": ("BRPOP", "b", 60)}
        with Session(self.proxy, 2) as session:
            for name, request in requests.items():
                session.block(*request, by=name)
            self.assertEqual(session.read(by="short"), b"*-1\r\n")
            victim.signal(signal.SIGKILL)
            victim.wait()
            self.assertEqual(session.call("RPUSH", "b", "x"), b":1\r\n")
            self.assertEqual(session.read(by="other"), b"*2\r\n$1\r\nb\r\n$1\r\nx\r\n")
            pushes = {"one": ("RPUSH", "a", "1"), "many": ("RPUSH", "{a}many", "2"), "move": ("RPUSH", "{a}from", "3"),
                      "read": ("XADD", "{a}s", "1-1", "f", "v")}
            for name, push in pushes.items():
                def pushed(push=push):
                    return not session.call(*push).startswith(b"-")
                # Until the replica has taken over, the proxy waits, and then says so.
                kt.wait_until(pushed, timeout=40, what="the failover")
            self.assertEqual(session.read(by="one"), b"*2\r\n$1\r\na\r\n$1\r\n1\r\n")
            self.assertEqual(session.read(by="many"), b"*2\r\n$7\r\n{a}many\r\n$1\r\n2\r\n")
            self.assertEqual(session.read(by="move"), b"$1\r\n3\r\n")
            self.assertEqual(session.read(by="read"), b"*1\r\n*2\r\n$4\r\n{a}s\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n")
        self.assert_no_leases()

    def test_hanging_primary(self):
        """It answers nothing, closes nothing, and another one takes its place."""
        victim = self.owner("a")
        with Session(self.proxy, 2) as session:
            session.block("BRPOP", "a", 60, by="one")
            session.block("BRPOP", "b", "{a}many", 60, by="many")
            victim.signal(signal.SIGSTOP)
            try:
                for push in [("RPUSH", "a", "1"), ("RPUSH", "{a}many", "2")]:
                    kt.wait_until(lambda: not session.call(*push).startswith(b"-"), timeout=40, what="the failover")
                self.assertEqual(session.read(by="one"), b"*2\r\n$1\r\na\r\n$1\r\n1\r\n")
                self.assertEqual(session.read(by="many"), b"*2\r\n$7\r\n{a}many\r\n$1\r\n2\r\n")
            finally:
                victim.signal(signal.SIGCONT)

    def test_slot_moves_while_clients_wait(self):
        source = self.owner("a")
        target = next(node for node in self.primaries() if node is not source)
        slot = kt.slot_of(b"a")
        ids = {node: node.value("CLUSTER", "MYID") for node in (source, target)}
        with Session(self.proxy, 2) as session:
            session.block("BLPOP", "a", 60, by="one")
            session.block("BLPOP", "{a}many", "b", "c", 60, by="many")
            self.assertEqual(target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source]), b"+OK\r\n")
            self.assertEqual(source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target]), b"+OK\r\n")
            # Half-way: the key is made at the target.
            session.block("BLPOP", "c", "{a}half", "b", 60, by="half")
            self.assertEqual(session.call("RPUSH", "{a}half", "x"), b":1\r\n")
            self.assertEqual(session.read(by="half"), b"*2\r\n$7\r\n{a}half\r\n$1\r\nx\r\n")
            for node in [target, source] + self.primaries():
                self.assertEqual(node.call("CLUSTER", "SETSLOT", slot, "NODE", ids[target]), b"+OK\r\n")
            self.assertEqual(session.call("RPUSH", "a", 1), b":1\r\n")
            self.assertEqual(session.call("RPUSH", "{a}many", 2), b":1\r\n")
            self.assertEqual(session.read(by="one"), b"*2\r\n$1\r\na\r\n$1\r\n1\r\n")
            self.assertEqual(session.read(by="many"), b"*2\r\n$7\r\n{a}many\r\n$1\r\n2\r\n")
        self.assert_no_leases()

    def test_wait(self):
        slow = next(node for node in self.nodes if node.info("replication")["role"] == "slave")
        with Session(self.proxy, 2) as session:
            for key in ("a", "b", "c"):
                session.call("SET", key, "v")
            self.assertEqual(session.call("WAIT", 1, 5000), b":1\r\n")
            self.assertEqual(session.call("WAIT", 2, 50), b":1\r\n")
            slow.signal(signal.SIGSTOP)
            try:
                for key in ("a", "b", "c"):
                    session.call("SET", key, "w")
                # The least: one primary's replica does not answer.
                self.assertEqual(session.call("WAIT", 1, 300), b":0\r\n")
                session.block("WAIT", 1, 20000)
            finally:
                slow.signal(signal.SIGCONT)
            self.assertEqual(session.read(), b":1\r\n")
        self.assert_no_leases()

    def test_workers_through_a_failover(self):
        """Workers on queues of three shards, one of which fails over: all that was accepted comes, at most once, but for
        what was under way at the moment of death."""
        names = ["a", "b", "c"]
        taken, errors, stop, lock = [], [], threading.Event(), threading.Lock()

        def work(number):
            one = [names[number % 3]] if number % 2 == 0 else names[number % 3:] + names[:number % 3]
            with self.proxy.client(timeout=60) as client:
                while not stop.is_set():
                    try:
                        item = kt.parse(client.call("BRPOP", *one, 1))
                    except kt.ProtocolError as error:
                        item = error
                    with lock:
                        if isinstance(item, list):
                            taken.append(int(item[1]))
                        elif item is not None:
                            errors.append(str(item))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
        for thread in threads:
            thread.start()
        accepted, uncertain = [], []
        try:
            with self.proxy.client(timeout=60) as producer:
                for number in range(1500):
                    if number == 500:
                        self.owner("a").signal(signal.SIGKILL)
                    reply = producer.call("LPUSH", names[number % 3], number)
                    (uncertain if reply.startswith(b"-") else accepted).append(number)
                kt.wait_until(lambda: not any(producer.value("LLEN", name) for name in names), timeout=30, what="the queues to be empty")
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        self.assertEqual(len(taken), len(set(taken)), "something was taken twice")
        missing = set(accepted) - set(taken)
        # What was accepted and not yet replicated dies with the primary, and a pop's reply may.
        self.assertLessEqual(len(missing), 40, f"{missing} {errors}")
        self.assertLessEqual(len(uncertain), 500)
        self.assertTrue(all("UNCERTAIN" in error or "keyway-proxy" in error or "CLUSTERDOWN" in error for error in errors), errors[:5])
        self.assert_no_leases()


class RedisFailoverTest(Rig, kt.TestCase):
    node_class = kt.RedisServer


class ShardFailoverTest(Rig, kt.TestCase):
    node_class = kt.KeywayShard


if __name__ == "__main__":
    kt.main()
