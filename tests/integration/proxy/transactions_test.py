"""Transactions through the proxy: every reply beside a standalone redis-server's, before three redis-servers and before
three shards; counters that clients of two proxies increase together; primaries that die on the way."""

import re
import threading

import keyway_testing as kt
import proxied_cluster

# One request a line, sent one by one, and as one pipeline. All keys of a transaction lie in one slot.
SCRIPT = r"""
# The checks of queueing, in Redis's order.
EXEC
DISCARD
EXEC x
DISCARD x
MULTI x
UNWATCH x
WATCH
MULTI
MULTI
WATCH {t}a
EXEC
MULTI
NOSUCH x
PING
EXEC
MULTI
GET
SET {t}a 1
EXEC
GET {t}a
MULTI
CONFIG FOO
EXEC
MULTI
MULTI x
EXEC
MULTI
DISCARD x
EXEC
MULTI
WATCH
EXEC
MULTI
EXEC x
EXEC
MULTI
SYNC
EXEC
MULTI
PSYNC ? -1
DISCARD
MULTI
SET {t}a 1
DISCARD
DISCARD
GET {t}a
# Values of all kinds, and errors in their places.
MULTI
SET {t}a 1
GET {t}a
GET {t}missing
INCR {t}a
INCRBYFLOAT {t}f 1.5
RPUSH {t}l a b c
LRANGE {t}l 0 -1
LPUSH {t}a x
HSET {t}h f v g w
HGETALL {t}h
SADD {t}s x
SMEMBERS {t}s
ZADD {t}z 1.5 m
ZRANGE {t}z 0 -1 WITHSCORES
ZSCORE {t}z m
ZADD {t}z x m
SET {t}a 1 BAD
INCR {t}l
MSET {t}x 1 {t}y 2
MGET {t}x {t}y {t}missing
MSET {t}x 1 {t}y
MSETNX {t}x 1 {t}y 2
DEL {t}x {t}y
EXISTS {t}x {t}a
XADD {t}st 1-1 f v
XRANGE {t}st - +
XREAD BLOCK 0 STREAMS {t}st $
XREAD STREAMS {t}st 0
EVAL "return redis.call('get',KEYS[1])" 1 {t}a
EVAL "return {1,2,{3,'x'}}" 0
EVAL "return x y" 0
EVAL x 5
OBJECT ENCODING {t}a
TYPE {t}h
EXPIRE {t}a 100
SORT {t}l ALPHA
LCS {t}a {t}f
EXEC
MULTI
EXEC
# Replies of the proxy itself among those of the shard.
MULTI
PING
PING x
ECHO y
GET {t}a
CLIENT GETNAME
CLIENT SETNAME me
CLIENT GETNAME
SELECT x
SELECT -1
SELECT 0
GET {t}a
CLIENT SETNAME "a b"
COMMAND COUNT x
CONFIG GET nosuchdirective
CLUSTER INFO
READONLY
AUTH x
AUTH a b
UNWATCH
LOLWUT
EXEC
CLIENT GETNAME
MULTI
PING
EXEC
MULTI
UNWATCH
SET {t}a 5
EXEC
MULTI
CLIENT SETNAME ""
EXEC
# The version of what follows in a transaction.
MULTI
HGETALL {t}h
HELLO 3
HGETALL {t}h
PING
HELLO 2
HGETALL {t}h
EXEC
HGETALL {t}h
MULTI
SELECT 99
GET {t}a
EXEC
MULTI
HELLO 9
HELLO 2 NOPE
GET {t}a
EXEC
# What blocks does not.
MULTI
BLPOP {t}none 0
BRPOP {t}none {t}none2 0
BLMOVE {t}none {t}l LEFT LEFT 0
BLPOP {t}l 0
BZPOPMIN {t}none 0
EXEC
# WATCH.
WATCH {t}a
MULTI
SET {t}a 6
EXEC
WATCH {t}a {t}b {t}a
GET {t}a
MULTI
GET {t}a
SET {t}b x
EXEC
WATCH {t}a
SET {t}a 7
MULTI
SET {t}a 8
EXEC
GET {t}a
WATCH {t}a
WATCH {t}b
DEL {t}b
MULTI
PING
EXEC
WATCH {t}a
SET {t}a 9
UNWATCH
MULTI
GET {t}a
EXEC
WATCH {t}a
SET {t}a 10
MULTI
DISCARD
MULTI
GET {t}a
EXEC
WATCH {t}a
MULTI
NOSUCH
EXEC
WATCH {t}missing
MULTI
EXEC
WATCH {t}missing
SET {t}missing 1
MULTI
EXEC
WATCH {t}missing
FLUSHALL
MULTI
SET {t}a 1
EXEC
WATCH {t}missing
FLUSHALL
MULTI
SET {t}a 1
EXEC
WATCH {t}a
EXEC x
SET {t}a 2
MULTI
GET {t}a
EXEC
WATCH {t}a
MULTI
HELLO 3
HGETALL {t}h
HELLO 2
CLIENT GETNAME
EXEC
WATCH {t}l
RPUSH {t}l 1
LPOP {t}l
MULTI
PING
EXEC
# RESET ends it all.
MULTI
SET {t}a 3
RESET
EXEC
WATCH {t}a
RESET
SET {t}a 4
MULTI
GET {t}a
EXEC
"""

CROSS_SLOT = b"-CROSSSLOT Keys in request don't hash to the same slot\r\n"
# Identifiers differ by nature.
MASK = re.compile(rb"\$2\r\nid\r\n:\d+")


def requests():
    for line in SCRIPT.splitlines():
        if line and not line.startswith("#"):
            yield [quoted if word.startswith('"') else word for word, quoted in re.findall(r'("([^"]*)"|\S+)', line)]


def masked(reply):
    return MASK.sub(b"$2\r\nid\r\n:N", reply)


class Cases:
    """Run before redis-servers and before shards."""

    proxy_count = 2

    def clients(self, version=2):
        ours, theirs = self.proxy.client(), self.reference.client()
        for client in (ours, theirs):
            self.addCleanup(client.close)
            if version == 3:
                client.call("HELLO", 3)
        return ours, theirs

    def setUp(self):
        super().setUp()
        self.reference = self.start(kt.RedisServer())

    def test_one_by_one(self):
        for version in (2, 3):
            self.reference.call("FLUSHALL")
            self.proxy.call("FLUSHALL")
            ours, theirs = self.clients(version)
            for number, request in enumerate(requests()):
                self.assertEqual(masked(ours.call(*request)), masked(theirs.call(*request)), f"{number}: the reply to {request}")

    def test_in_one_pipeline(self):
        script = list(requests())
        data = b"".join(kt.encode(*request) for request in script)
        for version in (2, 3):
            self.reference.call("FLUSHALL")
            self.proxy.call("FLUSHALL")
            ours, theirs = self.clients(version)
            for client in (ours, theirs):
                client.send(data)
            for number, request in enumerate(script):
                self.assertEqual(masked(ours.read()), masked(theirs.read()), f"{number}: the reply to {request}")

    def test_reply_modes(self):
        for script in [["MULTI", "PING", "CLIENT REPLY OFF", "GET a", "EXEC", "PING", "CLIENT REPLY ON"],
                       ["MULTI", "PING", "CLIENT REPLY SKIP", "PING", "EXEC", "PING", "PING x"],
                       ["CLIENT REPLY OFF", "MULTI", "GET a", "CLIENT REPLY ON", "ECHO x", "GET a", "EXEC", "PING"],
                       ["CLIENT REPLY SKIP", "MULTI", "GET a", "EXEC"],
                       ["MULTI", "GET a", "CLIENT REPLY SKIP", "CLIENT REPLY NOPE", "EXEC", "PING"]]:
            # Some of these arrays are shorter than they say, so all is read to the end.
            data = b"".join(kt.encode(*line.split()) for line in [*script, "QUIT"])
            ours, theirs = self.clients()
            for client in (ours, theirs):
                client.send(data)
            self.assertEqual(ours.read_to_end(), theirs.read_to_end(), script)

    def test_quit_and_shown_state(self):
        ours, theirs = self.clients()
        for client in (ours, theirs):
            client.call("MULTI")
            client.call("CLIENT", "INFO")
            client.call("PING")
        with self.proxy.client() as other:
            line = [line for line in other.value("CLIENT", "LIST").decode().splitlines() if "multi=2" in line]
            self.assertEqual(len(line), 1)
            self.assertIn("flags=x ", line[0])
        for client in (ours, theirs):
            info = client.value("EXEC")[0].decode()
            self.assertIn(" flags=x ", info)
            self.assertIn(" multi=2 ", info)
            self.assertIn(" multi=-1 ", client.value("CLIENT", "INFO").decode())
            client.send(kt.encode("MULTI") + kt.encode("SET", "q", "1") + kt.encode("QUIT") + kt.encode("PING"))
        self.assertEqual(ours.read_to_end(), theirs.read_to_end())

    def test_several_slots(self):
        with self.proxy.client() as client:
            for script in [["SET a 1", "SET b 2"], ["MSET a 1 b 2"], ["RENAME a b"], ["GET a", "DBSIZE"], ["FLUSHALL"], ["SCAN 0"]]:
                client.call("MULTI")
                for line in script:
                    self.assertEqual(client.call(*line.split()), b"+QUEUED\r\n", line)
                self.assertEqual(client.call("EXEC"), CROSS_SLOT, script)
            self.assertEqual(client.call("MGET", "a", "b"), b"*2\r\n$-1\r\n$-1\r\n")
            self.assertEqual(client.call("WATCH", "a", "b"), CROSS_SLOT)
            self.assertEqual(client.call("WATCH", "a"), b"+OK\r\n")
            self.assertEqual(client.call("WATCH", "b"), CROSS_SLOT)
            client.call("MULTI")
            client.call("SET", "b", "1")
            self.assertEqual(client.call("EXEC"), CROSS_SLOT)

    def test_watch_sees_what_others_do(self):
        with self.proxy.client() as client, self.proxies[1].client() as other:
            for change in [["SET", "{w}k", "2"], ["DEL", "{w}k"], ["EXPIRE", "{w}k", "100"], ["FLUSHALL"], ["FLUSHDB"],
                           ["APPEND", "{w}k", "x"], ["RENAME", "{w}k", "{w}l"]]:
                other.call("SET", "{w}k", "1")
                self.assertEqual(client.call("WATCH", "{w}k"), b"+OK\r\n")
                other.call(*change)
                client.call("MULTI")
                client.call("SET", "{w}k", "mine")
                self.assertEqual(client.call("EXEC"), b"*-1\r\n", change)
            # A key that ends by itself, but not before it is watched.
            other.call("SET", "{w}k", "1", "PX", "1000")
            client.call("WATCH", "{w}k")
            kt.wait_until(lambda: other.call("EXISTS", "{w}k") == b":0\r\n", what="the key to expire")
            client.call("MULTI")
            self.assertEqual(client.call("EXEC"), b"*-1\r\n")
            # What others read, or do to other keys, does not matter.
            client.call("WATCH", "{w}k")
            other.call("GET", "{w}k")
            other.call("SET", "{w}other", "1")
            client.call("MULTI")
            self.assertEqual(client.call("EXEC"), b"*0\r\n")

    def test_increments_through_two_proxies(self):
        """Every successful EXEC counts once."""
        keys = ["{i}1", "{j}1", "{k}1"]
        successes, failures = [0] * 12, []

        def work(number):
            try:
                with self.proxies[number % 2].client() as client:
                    for turn in range(60):
                        key = keys[(number + turn) % len(keys)]
                        while True:
                            client.call("WATCH", key)
                            value = int(client.value("GET", key) or 0)
                            reply = client.pipeline([["MULTI"], ["SET", key, value + 1], ["EXEC"]])[-1]
                            if reply != b"*-1\r\n":
                                break
                        assert reply == b"*1\r\n+OK\r\n", reply
                        successes[number] += 1
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(successes))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(sum(int(self.proxy.value("GET", key)) for key in keys), sum(successes))

    def test_nobody_comes_between(self):
        """Transactions on a shared connection are not torn apart."""
        stop, failures = threading.Event(), []

        def work(proxy, number):
            with proxy.client() as client:
                while not stop.is_set():
                    first, second, third, replies = client.pipeline(
                        [["MULTI"], ["RPUSH", "{n}l", number], ["RPUSH", "{n}l", number], ["EXEC"]])
                    if (first, second, third) != (b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n") or not replies.startswith(b"*2\r\n"):
                        failures.append((first, second, third, replies))

        threads = [threading.Thread(target=work, args=(self.proxies[number % 2], number)) for number in range(8)]
        for thread in threads:
            thread.start()
        kt.wait_until(lambda: self.proxy.value("LLEN", "{n}l") > 2000, what="two thousand elements")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        elements = self.proxy.value("LRANGE", "{n}l", 0, -1)
        self.assertEqual(elements[::2], elements[1::2])

    def test_a_slot_that_moves(self):
        key, other = "{moving}k", "{moving}other"
        source = self.owner_of_key(key)
        target = next(node for node in self.nodes if node is not source)
        slot = self.slot(key)
        source_id, target_id = source.value("CLUSTER", "MYID"), target.value("CLUSTER", "MYID")

        def give(new_owner):
            for node in self.nodes:
                node.call("CLUSTER", "SETSLOT", slot, "NODE", new_owner)

        with self.proxy.client() as client, self.proxy.client() as plain:
            plain.call("SET", key, "1")
            client.call("WATCH", key)
            client.call("MULTI")
            client.call("SET", key, "2")
            target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
            source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
            source.call("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
            self.assertEqual(client.call("EXEC"), b"*-1\r\n")
            # Without a watch it waits until the slot has moved; so does a watch.
            client.send(kt.encode("MULTI") + kt.encode("SET", key, "3") + kt.encode("GET", key) + kt.encode("EXEC"))
            with self.proxy.client() as watching:
                watching.send(kt.encode("WATCH", other) + kt.encode("MULTI") + kt.encode("GET", other) + kt.encode("EXEC"))
                kt.wait_until(lambda: int(self.proxy.info("proxy").get("proxy_waiting_requests", 1)) >= 1, what="it to wait")
                give(target_id)
                replies = [client.read() for _ in range(4)]
                self.assertEqual(replies[-1], b"*2\r\n+OK\r\n$1\r\n3\r\n")
                self.assertEqual([watching.read() for _ in range(3)], [b"+OK\r\n", b"+OK\r\n", b"+QUEUED\r\n"])
                self.assertEqual(watching.read(), b"*1\r\n$-1\r\n")
            # A watch on the node that had the slot.
            client.call("WATCH", key)
            target.call("CLUSTER", "SETSLOT", slot, "MIGRATING", source_id)
            source.call("CLUSTER", "SETSLOT", slot, "IMPORTING", target_id)
            target.call("MIGRATE", "127.0.0.1", source.port, key, 0, 5000)
            give(source_id)
            client.call("MULTI")
            client.call("SET", key, "4")
            self.assertEqual(client.call("EXEC"), b"*-1\r\n")
            self.assertEqual(plain.call("GET", key), b"$1\r\n3\r\n")
        kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=20, what="the cluster to agree")

    def test_a_client_that_goes_frees_its_connection(self):
        node = self.owner_of_key("{gone}")
        before = int(node.info("clients")["connected_clients"])
        clients = [self.proxy.client() for _ in range(50)]
        for number, client in enumerate(clients):
            client.call("WATCH", "{gone}")
            if number % 2:
                client.call("MULTI")
                client.call("SET", "{gone}", "x")
        self.assertGreaterEqual(int(node.info("clients")["connected_clients"]), before + 50)
        for client in clients:
            client.close()
        kt.wait_until(lambda: int(node.info("clients")["connected_clients"]) <= before + 1, what="the connections to close")
        self.assertEqual(self.proxy.call("EXISTS", "{gone}"), b":0\r\n")

    def test_out_of_memory(self):
        node = self.owner_of_key("{o}")
        with self.proxy.client() as client:
            client.call("MULTI")
            client.call("SET", "{o}", "x")
            node.call("CONFIG", "SET", "maxmemory", "1")
            try:
                self.assertEqual(client.call("EXEC"), b"-EXECABORT Transaction discarded because of: OOM command not allowed when "
                                                      b"used memory > 'maxmemory'.\r\n")
            finally:
                node.call("CONFIG", "SET", "maxmemory", "0")


class BeforeRedisTest(Cases, proxied_cluster.ProxiedClusterTest):
    pass


class BeforeShardsTest(Cases, proxied_cluster.ProxiedClusterTest):
    node_class = kt.KeywayShard


class FailoverTest(kt.TestCase):
    """A primary with a replica, killed between the steps of transactions."""

    def setUp(self):
        self.nodes = [self.start(kt.RedisServer(cluster_enabled="yes", cluster_node_timeout=1000, cluster_replica_validity_factor=0))
                      for _ in range(6)]
        kt.redis_cli_cluster("create", *(f"127.0.0.1:{node.port}" for node in self.nodes), "--cluster-yes", "--cluster-replicas", "1")
        kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=30, what="the cluster to become whole")
        self.proxy = self.start(kt.KeywayProxy(startup_nodes=",".join(f"127.0.0.1:{node.port}" for node in self.nodes),
                                               request_deadline_ms=20000, topology_refresh_ms=500))
        kt.wait_until(lambda: self.proxy.info("proxy").get("proxy_covered_slots") == "16384", what="the slot map")

    def primary_of(self, key):
        slot = self.nodes[-1].value("CLUSTER", "KEYSLOT", key)
        for first, last, primary, *_ in self.nodes[-1].value("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == primary[1])
        raise AssertionError(key)

    def test_a_primary_dies(self):
        key = "{f}k"
        primary = self.primary_of(key)
        kt.wait_until(lambda: "state=online" in primary.call("INFO", "replication").decode(), what="the replica")
        waiting, watching = self.proxy.client(timeout=30), self.proxy.client(timeout=30)
        working = [self.proxy.client(timeout=30) for _ in range(4)]
        for client in [waiting, watching, *working]:
            self.addCleanup(client.close)
        watching.call("WATCH", key)
        waiting.call("MULTI")
        waiting.call("INCR", "{f}waiting")
        # Some are at work while it happens: each is executed, or says that nobody knows, or was not.
        outcomes, failures = [], []

        def work(client):
            while True:
                replies = client.pipeline([["MULTI"], ["INCR", "{f}count"], ["INCR", "{f}twin"], ["EXEC"]])
                outcomes.append(replies[-1])
                if not replies[-1].startswith((b"*2", b"-UNCERTAIN")):
                    failures.append(replies)
                if died.is_set() and replies[-1].startswith(b"*2"):
                    return

        died = threading.Event()
        threads = [threading.Thread(target=work, args=(client,)) for client in working]
        for thread in threads:
            thread.start()
        kt.wait_until(lambda: len(outcomes) > 200, what="some to be executed")
        primary.kill()
        died.set()
        # Between MULTI and EXEC: it waits for the new primary.
        self.assertEqual(waiting.call("EXEC"), b"*1\r\n:1\r\n")
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        # Between WATCH and EXEC: nobody can tell.
        watching.call("MULTI")
        watching.call("SET", key, "x")
        self.assertEqual(watching.call("EXEC"), b"*-1\r\n")
        self.assertEqual(watching.call("WATCH", key), b"+OK\r\n")
        watching.call("MULTI")
        watching.call("SET", key, "y")
        self.assertEqual(watching.call("EXEC"), b"*1\r\n+OK\r\n")
        # Both or none, each time.
        self.assertEqual(waiting.value("GET", "{f}count"), waiting.value("GET", "{f}twin"))


if __name__ == "__main__":
    kt.main()
