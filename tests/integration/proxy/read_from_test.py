"""Reading from replicas through a proxy: which node gets what, by listener; what happens when a replica lags, hangs or
dies; the order within a pipeline; zones. In front of real Redis, and of keyway-shards."""

import http.client
import signal
import time

import keyway_testing as kt

LAG_MS = 1500
KEYS = [f"key:{number}" for number in range(24)]


class Rig:
    """Two primaries with two replicas each, for all tests of a class, which leave the nodes as they were."""

    node_class = None

    @classmethod
    def setUpClass(cls):
        directives = {"cluster_enabled": "yes", "cluster_node_timeout": 1000, "repl_diskless_sync_delay": 0,
                      "cluster_allow_replica_migration": "no"}
        nodes = [cls.start_once(cls.node_class(**directives)) for _ in range(6)]
        cls.nodes = {node.port: node for node in nodes}
        for number, node in enumerate(nodes):
            node.call("CONFIG", "SET", "cluster-announce-hostname", f"node-{number}.zone-{number}.example")
        primaries = nodes[:2]
        for node in nodes[1:]:
            nodes[0].call("CLUSTER", "MEET", "127.0.0.1", node.port)
        half = 8192
        primaries[0].call("CLUSTER", "ADDSLOTSRANGE", 0, half - 1)
        primaries[1].call("CLUSTER", "ADDSLOTSRANGE", half, 2 * half - 1)
        for number, node in enumerate(primaries):
            node.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        kt.wait_until(lambda: all(b"cluster_known_nodes:6" in node.value("CLUSTER", "INFO") for node in nodes), timeout=30, what="the nodes to meet")
        cls.replicas = {primaries[0].port: nodes[2:4], primaries[1].port: nodes[4:6]}
        for port, replicas in cls.replicas.items():
            for replica in replicas:
                kt.wait_until(lambda: replica.call("CLUSTER", "REPLICATE", cls.nodes[port].value("CLUSTER", "MYID")) == b"+OK\r\n", timeout=30, what="a replica")
        # A node that has not heard yet who is a replica would tell the proxy so.
        kt.wait_until(lambda: all(node.value("CLUSTER", "NODES").count(b"slave") == 4 for node in nodes), timeout=30, what="the nodes to know the replicas")
        kt.wait_until(lambda: kt.cluster_is_whole(nodes), timeout=30, what="the cluster to become whole")
        kt.wait_until(lambda: all(node.info("replication")["master_link_status"] == "up" for node in cls.all_replicas()), timeout=30, what="the links")
        # Those that are stopped are to come back as what they were.
        for node in nodes:
            node.call("CONFIG", "SET", "cluster-node-timeout", 60000)
        cls.primaries = primaries
        cls.ports = {policy: kt.free_port() for policy in ("replica", "nearest", "prefer_replica")}
        cls.proxy = cls.start_once(cls.new_proxy(read_ports=",".join(f"{port}={policy}" for policy, port in cls.ports.items())))
        cls.wait_ready(cls.proxy)
        with cls.proxy.client() as client:
            for key in KEYS:
                client.call("SET", key, key)
        cls.wait_in_sync()

    @classmethod
    def start_once(cls, server):
        cls.addClassCleanup(server.cleanup)
        return server.start()

    @classmethod
    def new_proxy(cls, **flags):
        return kt.KeywayProxy(startup_nodes=",".join(f"127.0.0.1:{port}" for port in cls.nodes), threads=1, http_port=kt.free_port(), topology_refresh_ms=300,
                              max_replica_lag_ms=LAG_MS, **flags)

    @classmethod
    def all_replicas(cls):
        return [node for replicas in cls.replicas.values() for node in replicas]

    @classmethod
    def wait_ready(cls, proxy):
        kt.wait_until(lambda: list(fitness(proxy).values()) == [1] * len(cls.nodes), timeout=30, what="all nodes to be fit")

    @classmethod
    def wait_in_sync(cls):
        for primary in cls.primaries:
            offset = int(primary.info("replication")["master_repl_offset"])
            for replica in cls.replicas[primary.port]:
                kt.wait_until(lambda: int(replica.info("replication")["slave_repl_offset"]) >= offset, timeout=30, what="the replicas to have all")

    def setUp(self):
        self.wait_ready(self.proxy)

    def client(self, policy, timeout=30.0):
        """Of the listener with this policy."""
        return kt.Client(self.ports[policy] if policy != "primary" else self.proxy.port, timeout=timeout)

    def calls(self, command="get"):
        """By node: how often it has executed `command` with success."""
        counts = {}
        for port, node in self.nodes.items():
            if not node.is_alive():
                continue
            line = node.info("commandstats").get(f"cmdstat_{command}", "calls=0")
            counts[port] = int(line.split(",")[0].removeprefix("calls="))
        return counts

    def spread(self, action, command="get"):
        """By node: what it executes of `command` because of `action`."""
        before = self.calls(command)
        action()
        return {port: calls - before[port] for port, calls in self.calls(command).items() if calls > before[port]}

    def replica_ports(self):
        return {node.port for node in self.all_replicas()}

    def primary_ports(self):
        return {node.port for node in self.primaries}

    def read_all(self, policy, clients=1):
        for _ in range(clients):
            with self.client(policy) as client:
                for key in KEYS:
                    self.assertEqual(client.value("GET", key), key.encode())

    # ---------------------------------------------------------------------------------------------

    def test_each_listener_has_its_policy(self):
        self.assertEqual(set(self.spread(lambda: self.read_all("primary"))), self.primary_ports())
        # Each client keeps to one replica of a shard; two that come one after the other have different ones.
        self.assertEqual(set(self.spread(lambda: self.read_all("replica", 2))), self.replica_ports())
        self.assertEqual(len(self.spread(lambda: self.read_all("replica"))), 2)
        self.assertEqual(set(self.spread(lambda: self.read_all("prefer_replica", 2))), self.replica_ports())
        nearest = self.spread(lambda: self.read_all("nearest", 6))
        self.assertEqual(sum(nearest.values()), 6 * len(KEYS))
        with self.client("replica") as client:
            line = client.value("CLIENT", "LIST", "ID", client.value("CLIENT", "ID"))
            self.assertIn(f"laddr=127.0.0.1:{self.ports['replica']} ".encode(), line)

    def test_what_replicas_are_asked(self):
        with self.client("replica") as client:
            for key in ["{t}a", "{t}b", "{t}set", "other"]:
                client.call("DEL", key)
            self.assertEqual(client.call("MSET", "{t}a", "1", "{t}b", "2", "other", "3"), b"+OK\r\n")
            client.call("SADD", "{t}set", "m")
            client.call("SADD", "set2", "n")
            self.wait_in_sync()

            def asked(request, expected, command=None):
                with self.subTest(request=request):
                    replies = []
                    nodes = self.spread(lambda: replies.append(client.call(*request)), command or request[0].lower())
                    self.assertEqual(replies[0], expected)
                    return set(nodes)

            reads = [
                (("GET", "{t}a"), b"$1\r\n1\r\n"),
                (("MGET", "{t}a", "{t}b", "other", "absent"), b"*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$-1\r\n"),
                (("EXISTS", "{t}a", "other", *KEYS), b":26\r\n"),
                (("SMEMBERS", "{t}set"), b"*1\r\n$1\r\nm\r\n"),
                (("EVAL_RO", "return redis.call('get', KEYS[1])", 1, "{t}a"), b"$1\r\n1\r\n"),
                (("EVAL_RO", "return 7", 0), b":7\r\n"),
                (("XREAD", "STREAMS", "{t}none", "0"), b"*-1\r\n"),
                (("SUNION", "{t}set", "set3"), b"*1\r\n$1\r\nm\r\n"),
            ]
            for request, expected in reads:
                nodes = asked(request, expected, "smembers" if request[0] == "SUNION" else None)
                self.assertLessEqual(nodes, self.replica_ports(), request)
            # What is about a node as a whole, and what might change something, is the primaries'.
            primaries = [
                (("DBSIZE",), None), (("SCAN", "0"), None), (("RANDOMKEY",), None), (("KEYS", "nothing*"), b"*0\r\n"),
                (("EVAL", "return redis.call('get', KEYS[1])", 1, "{t}a"), b"$1\r\n1\r\n"),
            ]
            for request, expected in primaries:
                replies = []
                nodes = self.spread(lambda: replies.append(client.call(*request)), request[0].lower())
                self.assertFalse(replies[0].startswith(b"-"), replies[0])
                if expected is not None:
                    self.assertEqual(replies[0], expected)
                self.assertTrue(nodes and set(nodes) <= self.primary_ports(), (request, nodes))
            # A transaction reads at the primary, what it has just written included.
            nodes = self.spread(lambda: self.assertEqual(
                client.pipeline([("MULTI",), ("SET", "{t}a", "9"), ("GET", "{t}a"), ("EXEC",)])[-1], b"*2\r\n+OK\r\n$1\r\n9\r\n"))
            self.assertLessEqual(set(nodes), self.primary_ports())
            # So does who watches: it will write what follows from what it reads.
            client.call("WATCH", "{t}a")
            self.assertLessEqual(set(self.spread(lambda: client.call("GET", "{t}b"))), self.primary_ports())
            client.call("UNWATCH")
            self.assertLessEqual(set(self.spread(lambda: client.call("GET", "{t}b"))), self.replica_ports())

    def test_scripts_by_sha(self):
        script = f"return redis.call('get', KEYS[1]) -- {time.monotonic()}"
        with self.client("replica") as client:
            sha = client.value("SCRIPT", "LOAD", script)
            self.wait_in_sync()
            nodes = self.spread(lambda: self.assertEqual(client.value("EVALSHA_RO", sha, 1, KEYS[0]), KEYS[0].encode()))
            self.assertLessEqual(set(nodes), self.replica_ports())
            # A script that the proxy has never seen is known to primaries at most.
            other = f"return redis.call('get', KEYS[1]) -- other {time.monotonic()}"
            for primary in self.primaries:
                sha = primary.value("SCRIPT", "LOAD", other)
            self.assertEqual(client.value("EVALSHA_RO", sha, 1, KEYS[0]), KEYS[0].encode())

    def test_order_within_a_pipeline(self):
        """A write and the reads around it never change places, whatever replicas have by then."""
        owner = self.owner("order")
        replicas = self.replicas[owner.port]
        for policy in ("prefer_replica", "nearest", "replica"):
            with self.subTest(policy=policy), self.client(policy) as client, self.client("replica") as other:
                client.call("SET", "order", "0")
                requests = [request for number in range(1, 100) for request in (("SET", "order", number), ("GET", "order"))]
                values = [int(kt.parse(reply)) for reply in client.pipeline(requests)[1::2]]
                # It may be late, but is nothing from behind the read.
                self.assertTrue(all(value <= number for number, value in enumerate(values, 1)), values)
                self.wait_in_sync()

                def stopped(nodes, *requests, under_way):
                    """Sends them while `nodes` are stopped; until so many are under way."""
                    for node in nodes:
                        node.signal(signal.SIGSTOP)
                    client.send(b"".join(kt.encode(*request) for request in requests))
                    kt.wait_until(lambda: metric(self.proxy, "keyway_proxy_requests_in_flight") >= under_way, what="the requests to be under way")

                # A write is under way: what is read behind it is not read before it.
                before = self.calls()
                try:
                    stopped([owner], ("SET", "order", "new"), ("GET", "order"), under_way=1 if policy == "replica" else 2)
                    self.assertEqual(other.value("GET", "order"), b"99")
                finally:
                    owner.signal(signal.SIGCONT)
                self.assertEqual(client.read(), b"+OK\r\n")
                value = client.read()
                if policy != "replica":
                    # It has gone the way of the write.
                    self.assertEqual(value, b"$3\r\nnew\r\n")
                    self.assertEqual(sum(self.calls()[replica.port] - before[replica.port] for replica in replicas), 1)
                if policy == "nearest":
                    continue
                # A read is under way: what is written behind it is not written before it.
                self.wait_in_sync()
                self.wait_ready(self.proxy)
                try:
                    stopped(replicas, ("GET", "order"), ("SET", "order", "later"), under_way=1)
                    self.assertEqual(owner.value("GET", "order"), b"new")
                finally:
                    for replica in replicas:
                        replica.signal(signal.SIGCONT)
                self.assertEqual(client.read(), b"$3\r\nnew\r\n")
                self.assertEqual(client.read(), b"+OK\r\n")
                self.wait_ready(self.proxy)

    def test_many_requests_under_way(self):
        """A client that always has something under way goes on reading from replicas after a write."""
        reads = b"".join(kt.encode("GET", key) for key in KEYS)
        with self.client("prefer_replica") as client:
            def run():
                client.send(kt.encode("SET", "{m}w", "x") + reads)
                for _ in range(20):
                    client.send(reads)
                    for _ in KEYS:
                        self.assertFalse(client.read().startswith(b"-"))
                for _ in range(len(KEYS) + 1):
                    client.read()
            nodes = self.spread(run)
        at_replicas = sum(count for port, count in nodes.items() if port in self.replica_ports())
        self.assertEqual(sum(nodes.values()), 21 * len(KEYS))
        self.assertGreater(at_replicas, len(KEYS))

    def test_lag(self):
        """A replica that is too far behind is read from no more; again when it has caught up."""
        owner = self.owner("lag")
        late, other = self.replicas[owner.port]
        late.call("CLIENT", "PAUSE", 60000, "WRITE")
        try:
            with self.client("primary") as writer:
                def excluded():
                    writer.call("INCR", "lag")
                    return fitness(self.proxy).get(late.port) == 0
                kt.wait_until(excluded, timeout=30, what="the late replica to be excluded")
                lag = metric(self.proxy, "keyway_proxy_node_lag_seconds", node=f"127.0.0.1:{late.port}")
                self.assertGreater(lag, LAG_MS / 1000)
                value = writer.value("GET", "lag")
                self.wait_offset(other, owner)
                for policy in ["replica", "prefer_replica"]:
                    for _ in range(2):
                        with self.client(policy) as client:
                            nodes = self.spread(lambda: self.assertEqual(client.value("GET", "lag"), value))
                            self.assertEqual(nodes, {other.port: 1})
        finally:
            late.call("CLIENT", "UNPAUSE")
        self.wait_ready(self.proxy)

    # ---------------------------------------------------------------------------------------------

    def owner(self, key):
        return self.primaries[0 if kt.slot_of(key.encode()) < 8192 else 1]

    def wait_offset(self, replica, primary):
        offset = int(primary.info("replication")["master_repl_offset"])
        kt.wait_until(lambda: int(replica.info("replication")["slave_repl_offset"]) >= offset, timeout=30, what="the replica to have all")


def metrics(proxy):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.flags["http_port"], timeout=10)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()


def metric(proxy, name, **labels):
    """The sum of its samples with these labels; 0 without any."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(line.split()[-1]) for line in metrics(proxy)
               if line.split("{")[0].split(" ")[0] == name and all(label in line for label in wanted))


def fitness(proxy):
    """By port of a node: whether the proxy would read from it."""
    found = {}
    for line in metrics(proxy):
        if line.startswith("keyway_proxy_node_fit{"):
            found[int(line.split('node="')[1].split('"')[0].rsplit(":", 1)[1])] = int(float(line.split()[-1]))
    return found


class RedisTest(Rig, kt.TestCase):
    node_class = kt.RedisServer

    def test_hung_and_dead_replicas(self):
        owner = self.owner("away")
        replicas = self.replicas[owner.port]
        strict = self.start(self.new_proxy(read_from="replica", request_deadline_ms=500))
        with self.client("primary") as client:
            client.call("SET", "away", "x")
        self.wait_in_sync()
        self.wait_ready(strict)
        # One hangs: the other serves. Both hang: the primary does, for those who allow it.
        try:
            for count in (1, 2):
                replicas[count - 1].signal(signal.SIGSTOP)
                kt.wait_until(lambda: [fitness(self.proxy).get(replica.port) for replica in replicas] == [0, 2 - count],
                              timeout=30, what="hung replicas to be excluded")
                if count == 1:
                    for _ in range(2):
                        with self.client("replica") as client:
                            self.assertEqual(client.value("GET", "away"), b"x")
            for policy in ("prefer_replica", "nearest"):
                with self.client(policy) as client:
                    self.assertEqual(client.value("GET", "away"), b"x")
            kt.wait_until(lambda: not any(fitness(strict).get(replica.port) for replica in replicas), timeout=30, what="unfit replicas")
            with strict.client() as client:
                self.assertEqual(client.call("GET", "away"), b"-ERR keyway-proxy: no replica of 127.0.0.1:%d is fit to be read from\r\n" % owner.port)
                self.assertEqual(client.call("SET", "away", "x"), b"+OK\r\n")
            with self.client("replica") as client:
                client.send(kt.encode("GET", "away"))
                with self.client("primary") as probe:
                    kt.wait_until(lambda: metric(self.proxy, "keyway_proxy_requests_waiting") >= 1, what="the read to wait")
                    self.assertEqual(probe.value("GET", "away"), b"x")
                replicas[0].signal(signal.SIGCONT)
                self.assertEqual(client.read(), b"$1\r\nx\r\n")
        finally:
            for replica in replicas:
                replica.signal(signal.SIGCONT)
        self.wait_ready(self.proxy)
        # One hangs with reads under way: they are answered by others. Then it dies.
        with self.client("replica") as first, self.client("replica") as second:
            victim = replicas[0]
            for client in (first, second):
                self.assertEqual(client.value("GET", "away"), b"x")
            victim.signal(signal.SIGSTOP)
            for client in (first, second):
                client.send(kt.encode("GET", "away"))
            for client in (first, second):
                self.assertEqual(client.read(), b"$1\r\nx\r\n")
            victim.kill()
            for client in (first, second):
                self.assertEqual(client.value("GET", "away"), b"x")
            victim.start()
        kt.wait_until(lambda: victim.info("replication")["master_link_status"] == "up", timeout=30, what="the replica")
        self.wait_ready(self.proxy)

    def test_zones(self):
        """Nodes of the zone come first; when they are not fit, others serve."""
        near = {port: replicas[1] for port, replicas in self.replicas.items()}
        numbers = {port: number for number, port in enumerate(self.nodes)}
        by_flag = {"zone": "here", "node_zones": ",".join(f"127.0.0.1:{node.port}=here" for node in near.values())}
        port = next(iter(near))
        by_name = {"zone": f"zone-{numbers[near[port].port]}", "zone_of_hostname": 2}
        for flags, shards in ((by_flag, list(near)), (by_name, [port])):
            for policy in ("prefer_replica", "nearest"):
                proxy = self.start(self.new_proxy(read_from=policy, **flags))
                self.wait_ready(proxy)

                def read():
                    for _ in range(2):
                        with proxy.client() as client:
                            for key in KEYS:
                                if self.owner(key).port in shards:
                                    self.assertEqual(client.value("GET", key), key.encode())
                self.assertEqual(set(self.spread(read)), {near[shard].port for shard in shards}, (flags, policy))
                if policy == "nearest" and flags is by_flag:
                    near[port].signal(signal.SIGSTOP)
                    try:
                        kt.wait_until(lambda: fitness(proxy).get(near[port].port) == 0, timeout=30, what="the hung replica")
                        read()
                    finally:
                        near[port].signal(signal.SIGCONT)


class ShardTest(Rig, kt.TestCase):
    node_class = kt.KeywayShard


if __name__ == "__main__":
    kt.main()
