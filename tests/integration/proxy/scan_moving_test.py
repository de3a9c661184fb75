"""SCAN through proxies while slots move: every key that is there all the time is in every full walk, whichever proxy is asked.
The other reads and writes of several keys while their slot is half moved, and while a shard is away."""

import random
import threading
import time

import keyway_testing as kt
import proxied_cluster

KEYS = [b"key:%d" % number for number in range(3000)]


class Mover(threading.Thread):
    """Moves slots from node to node, as redis-cli does, until it is stopped."""

    def __init__(self, nodes, seed):
        super().__init__(daemon=True)
        self.ports = {node.value("CLUSTER", "MYID").decode(): node.port for node in nodes}
        self.chance = random.Random(seed)
        self.stopping = threading.Event()
        self.moved = 0
        self.failure = None

    def run(self):
        clients = {identity: kt.Client(port) for identity, port in self.ports.items()}
        try:
            slots = [kt.slot_of(key) for key in KEYS[:40]]
            while not self.stopping.is_set():
                slot = self.chance.choice(slots)
                # Moving a slot on before all have heard of the last epoch confuses redis-server for good.
                kt.wait_until(lambda: agreed_view(clients) is not None, what="the nodes to agree", timeout=20)
                source = owner(clients, slot)
                target = self.chance.choice([identity for identity in clients if identity != source])
                self.move(clients, slot, source, target)
                self.moved += 1
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failure = error
        finally:
            for client in clients.values():
                client.close()

    def move(self, clients, slot, source, target):
        start_move(clients, slot, source, target)
        while True:
            keys = clients[source].value("CLUSTER", "GETKEYSINSLOT", slot, 2)
            if not keys:
                break
            reply = clients[source].call("MIGRATE", "127.0.0.1", self.ports[target], "", 0, 5000, "KEYS", *keys)
            assert reply in (b"+OK\r\n", b"+NOKEY\r\n"), reply
        for identity in (target, source, *clients):
            assert clients[identity].call("CLUSTER", "SETSLOT", slot, "NODE", target) == b"+OK\r\n"

    def stop(self):
        self.stopping.set()
        self.join(30)
        if self.failure is not None:
            raise self.failure


def start_move(clients, slot, source, target):
    assert clients[target].call("CLUSTER", "SETSLOT", slot, "IMPORTING", source) == b"+OK\r\n"
    assert clients[source].call("CLUSTER", "SETSLOT", slot, "MIGRATING", target) == b"+OK\r\n"


def agreed_view(clients):
    """Of each node: its id, epoch and slots, by the word of all; None while they do not agree."""
    views = set()
    for client in clients.values():
        lines = [line.split() for line in client.value("CLUSTER", "NODES").decode().splitlines()]
        views.add(tuple(sorted((line[0], line[6], *(word for word in line[8:] if not word.startswith("["))) for line in lines)))
    return views.pop() if len(views) == 1 else None


def owner(clients, slot):
    """The node that serves the slot, when the nodes agree."""
    for identity, _, *words in agreed_view(clients):
        for word in words:
            first, _, last = word.partition("-")
            if int(first) <= slot <= int(last or first):
                return identity
    raise AssertionError(f"nobody serves slot {slot}")


class ScanMovingTests:
    proxy_count = 2
    proxy_flags = {"topology_refresh_ms": 500, "request_deadline_ms": 4000}

    def fill(self):
        with self.proxy.client() as client:
            for key in KEYS:
                client.send(kt.encode("SET", key, "v"))
            for _ in KEYS:
                self.assertEqual(client.read(), b"+OK\r\n")
            client.call("SADD", "a-set", "x")

    def walk(self, clients, *options):
        found, cursor, calls = [], b"0", 0
        while True:
            reply = clients[calls % len(clients)].value("SCAN", cursor, *options)
            self.assertIsInstance(reply, list, str(reply))
            cursor, keys = reply
            self.assertLess(int(cursor), 2 ** 53)
            found += keys
            calls += 1
            self.assertLess(calls, 20000)
            if cursor == b"0":
                return found

    def test_at_rest_each_key_comes_once(self):
        self.fill()
        with self.proxies[0].client() as one, self.proxies[1].client() as other:
            for clients in ([one], [one, other]):
                found = self.walk(clients, "COUNT", "100", "MATCH", "key:*")
                self.assertEqual(set(found), set(KEYS))
            self.assertEqual(self.walk([one], "TYPE", "set"), [b"a-set"])

    def test_every_walk_is_complete_while_slots_move(self):
        self.fill()
        with self.proxies[0].client() as one, self.proxies[1].client() as other:
            mover = Mover(self.nodes, seed=5)
            mover.start()
            walks = 0
            try:
                end = time.monotonic() + 12
                while time.monotonic() < end or walks < 6:
                    options = [["COUNT", "50"], ["COUNT", "300", "MATCH", "key:*"], ["COUNT", "1000", "TYPE", "STRING"]][walks % 3]
                    missing = set(KEYS) - set(self.walk([one, other], *options))
                    self.assertEqual(missing, set(), f"walk {walks}, {mover.moved} slots moved")
                    walks += 1
            finally:
                mover.stop()
            print(f"{walks} walks, {mover.moved} slots moved")
            self.assertGreater(mover.moved, 20)

    def test_keys_of_a_slot_that_is_half_moved(self):
        keys = [b"{half}%d" % number for number in range(8)]
        slot = kt.slot_of(keys[0])
        nodes = {node.value("CLUSTER", "MYID").decode(): node for node in self.nodes}
        clients = {identity: node.client() for identity, node in nodes.items()}
        self.addCleanup(lambda: [client.close() for client in clients.values()])
        with self.proxy.client() as client:
            client.call("MSET", *(word for key in keys for word in (key, b"v" + key)))
            for key in (b"{half}s1", b"{half}s2"):
                client.call("SADD", key, key, "both")
            kt.wait_until(lambda: agreed_view(clients) is not None, what="the nodes to agree", timeout=20)
            source = owner(clients, slot)
            target = next(identity for identity in nodes if identity != source)
            start_move(clients, slot, source, target)
            for key in (*keys[:4], b"{half}s1"):
                self.assertEqual(clients[source].call("MIGRATE", "127.0.0.1", nodes[target].port, key, 0, 5000), b"+OK\r\n")
            self.assertEqual(client.value("MGET", *keys, "other", "{half}none"), [b"v" + key for key in keys] + [None, None])
            self.assertEqual(client.value("MGET", *keys), [b"v" + key for key in keys])
            self.assertEqual(client.value("EXISTS", *keys, "{half}none", "other"), 8)
            self.assertEqual(client.value("TOUCH", *keys), 8)
            self.assertEqual(sorted(client.value("SUNION", "{half}s1", "{half}s2", "other")), [b"both", b"{half}s1", b"{half}s2"])
            self.assertEqual(client.call("MSET", *(word for key in keys for word in (key, b"w"))), b"+OK\r\n")
            self.assertEqual(client.value("MGET", *keys), [b"w"] * 8)
            self.assertEqual(client.value("DEL", keys[0], keys[7]), 2)
            self.assertEqual(client.value("UNLINK", *keys, "other"), 6)
            # What needs both at once waits, and says why when it has waited long enough.
            self.assertTrue(client.call("SUNIONSTORE", "{half}d", "{half}s1", "{half}s2").startswith(b"-TRYAGAIN "))
            for key in clients[source].value("CLUSTER", "GETKEYSINSLOT", slot, 100):
                clients[source].call("MIGRATE", "127.0.0.1", nodes[target].port, key, 0, 5000)
            for identity in (target, source, *nodes):
                clients[identity].call("CLUSTER", "SETSLOT", slot, "NODE", target)
            self.assertEqual(client.value("SUNIONSTORE", "{half}d", "{half}s1", "{half}s2"), 3)

    def test_a_shard_that_does_not_answer_is_an_error(self):
        self.fill()
        stopped = self.nodes[2]
        stopped.signal(19)
        try:
            with self.proxy.client() as client:
                requests = [["MGET", *KEYS[:9]], ["EXISTS", *KEYS[:9]], ["DBSIZE"], ["SUNION", "a", "b", "c", "a-set"], ["KEYS", "*"],
                            ["RANDOMKEY"], ["DEL", *KEYS[:9]]]
                for request, reply in zip(requests, client.pipeline(requests)):
                    self.assertEqual(reply[:1], b"-", f"{request[0]}: {reply[:80]}")
                    if request[0] == "DEL":
                        self.assertTrue(reply.startswith(b"-UNCERTAIN "), reply)
        finally:
            stopped.signal(18)
        kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=30, what="the cluster to be whole again")


class BeforeRedisTest(ScanMovingTests, proxied_cluster.ProxiedClusterTest):
    node_directives = {"cluster_node_timeout": 20000}


class BeforeShardsTest(ScanMovingTests, proxied_cluster.ProxiedClusterTest):
    node_class = kt.KeywayShard
    node_directives = {"cluster_node_timeout": 20000}


if __name__ == "__main__":
    kt.main()
