"""maxmemory and maxmemory-clients: what is evicted, what is refused, and how well it chooses, beside redis-server."""

import random

import keyway_testing as kt

MEGABYTE = 1 << 20
POLICIES = ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu", "allkeys-random"]
OOM = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"


class Evicting(kt.TestCase):
    def start(self, kind=kt.KeywayShard, **directives):
        server = kind(enable_debug_command="yes", **directives)
        self.addCleanup(server.cleanup)
        server.start()
        client = server.client(timeout=60.0)
        self.addCleanup(client.close)
        return server, client

    def used(self, server):
        return int(server.info("memory")["used_memory"])

    def set_limit_above_use(self, server, client, room):
        client.value("CONFIG", "SET", "maxmemory", str(self.used(server) + room))


class Policies(Evicting):
    def test_memory_stays_below_the_limit(self):
        for policy in POLICIES:
            with self.subTest(policy):
                server, client = self.start(maxmemory_policy=policy)
                self.set_limit_above_use(server, client, 4 * MEGABYTE)
                limit = int(client.value("CONFIG", "GET", "maxmemory")[1])
                for start in range(0, 40000, 1000):
                    replies = client.pipeline([("SET", f"key:{i}", "x" * 200, "EX", str(1000 + i)) for i in range(start, start + 1000)])
                    self.assertEqual(set(replies), {b"+OK\r\n"})
                info = server.info("everything")
                self.assertGreater(int(info["evicted_keys"]), 1000)
                self.assertEqual(int(info["evicted_keys"]) + client.value("DBSIZE"), 40000)
                self.assertLess(int(info["used_memory"]), limit + MEGABYTE)
                self.assertGreater(client.value("DBSIZE"), 5000)
                self.assertEqual(info["maxmemory_policy"], policy)
                client.value("CONFIG", "RESETSTAT")
                self.assertEqual(server.info("stats")["evicted_keys"], "0")

    def test_volatile_policies_leave_other_keys_alone(self):
        for policy in POLICIES[:4]:
            with self.subTest(policy):
                server, client = self.start(maxmemory_policy=policy)
                client.pipeline([("SET", f"stays:{i}", "x" * 200) for i in range(5000)])
                self.set_limit_above_use(server, client, MEGABYTE)
                replies = client.pipeline([("SET", f"goes:{i}", "x" * 200, "PX", "10000000") for i in range(10000)])
                self.assertEqual(set(replies), {b"+OK\r\n"})
                self.assertEqual(client.value("EXISTS", *[f"stays:{i}" for i in range(5000)]), 5000)
                # Nothing is left to be evicted in the end, and then writes fail.
                replies = client.pipeline([("SET", f"more:{i}", "x" * 200) for i in range(20000)])
                self.assertEqual(set(replies), {b"+OK\r\n", OOM})
                self.assertEqual(replies[-1], OOM)
                self.assertEqual(client.call("GET", "stays:1"), b"$200\r\n" + b"x" * 200 + b"\r\n")
                self.assertEqual(client.value("DEL", "stays:1"), 1)
                self.assertEqual(client.value("EXISTS", *[f"stays:{i}" for i in range(2, 5000)]), 4998)
                self.assertGreater(int(server.info("stats")["current_eviction_exceeded_time"]), -1)

    def test_ttl_chooses_what_would_expire_first(self):
        server, client = self.start(maxmemory_policy="volatile-ttl", maxmemory_samples="10", maxmemory_eviction_tenacity="100")
        keys = list(range(10000))
        random.Random(1).shuffle(keys)
        client.pipeline([("SET", f"key:{i}", "x" * 100, "EX", str(100000 + i)) for i in keys])
        while client.value("DBSIZE") > 5000:
            client.value("CONFIG", "SET", "maxmemory", str(self.used(server) - 50000))
            client.value("PING")
        client.value("CONFIG", "SET", "maxmemory", "0")
        late = client.value("EXISTS", *[f"key:{i}" for i in range(5000, 10000)])
        self.assertGreater(late / client.value("DBSIZE"), 0.95)

    def test_all_databases(self):
        # Not by age: what was written a second earlier would be evicted first, all of it.
        for policy in ["allkeys-lfu", "allkeys-random"]:
            with self.subTest(policy):
                server, client = self.start(maxmemory_policy=policy, maxmemory_eviction_tenacity="100")
                for db in (0, 3, 9):
                    client.value("SELECT", str(db))
                    client.pipeline([("SET", f"key:{i}", "x" * 100) for i in range(5000)])
                client.value("CONFIG", "SET", "maxmemory", str(self.used(server) - MEGABYTE))
                client.value("PING")
                for db in (0, 3, 9):
                    client.value("SELECT", str(db))
                    self.assertLess(client.value("DBSIZE"), 5000)
                    self.assertGreater(client.value("DBSIZE"), 1000)

    def test_a_lower_limit_evicts_in_the_background(self):
        server, client = self.start(maxmemory_policy="allkeys-random", maxmemory_eviction_tenacity="0")
        client.value("DEBUG", "POPULATE", "100000")
        before = self.used(server)
        client.value("CONFIG", "SET", "maxmemory", str(before // 2))
        kt.wait_until(lambda: self.used(server) <= before // 2, what="eviction")
        self.assertIn("is smaller than the current memory usage", server.output())
        self.assertGreater(int(server.info("stats")["total_eviction_exceeded_time"]), 0)
        self.assertEqual(server.info("stats")["current_eviction_exceeded_time"], "0")

    def test_large_values_are_freed_on_the_side(self):
        server, client = self.start(maxmemory_policy="allkeys-lru", lazyfree_lazy_eviction="yes")
        self.set_limit_above_use(server, client, 10 * MEGABYTE)
        for i in range(150):
            client.pipeline([("SADD", f"set:{i}", *[f"member:{j}" for j in range(start, start + 500)]) for start in range(0, 5000, 500)])
        kt.wait_until(lambda: int(server.info("memory")["lazyfree_pending_objects"]) == 0, what="lazy freeing")
        self.assertGreater(int(server.info("memory")["lazyfreed_objects"]), 5)
        self.assertGreater(int(server.info("stats")["evicted_keys"]), 5)


class NoEviction(Evicting):
    def both(self):
        return [self.start(kt.RedisServer), self.start()]

    def test_refusals_are_those_of_redis(self):
        script = [
            ("SET", "a", "1"), ("GET", "a"), ("DEL", "a"), ("APPEND", "a", "1"), ("EXPIRE", "a", "100"), ("PING",),
            ("MULTI",), ("GET", "a"), ("EXEC",), ("MULTI",), ("SET", "a", "1"), ("EXEC",), ("MULTI",), ("PING",), ("DISCARD",),
            ("MULTI",), ("WATCH", "a"), ("MULTI",), ("EXEC",), ("CONFIG", "SET", "maxmemory", "0"), ("SET", "a", "1"),
            ("MULTI",), ("SET", "a", "2"), ("CONFIG", "SET", "maxmemory", "1"), ("EXEC",), ("SET", "a", "3"), ("LPUSH", "l", "1"),
            ("CONFIG", "SET", "maxmemory", "0"), ("MULTI",), ("SET", "a", "9"), ("OTHER",), ("EXEC",), ("GET", "a")]
        replies = []
        for server, client in self.both():
            other = server.client()
            self.addCleanup(other.close)
            client.value("CONFIG", "SET", "maxmemory", "1")
            here = []
            for request in script:
                if request == ("OTHER",):
                    here.append(other.call("CONFIG", "SET", "maxmemory", "1"))
                else:
                    here.append(client.call(*request))
            here.append(sorted(line for line in other.value("INFO", "errorstats").decode().splitlines()))
            replies.append(here)
        self.assertEqual(replies[1], replies[0])
        self.assertIn(OOM, replies[1])


class Choice(Evicting):
    """How many of the keys that are used a lot survive when half of all keys must go."""

    KEYS = 20000
    HOT = 8000  # fewer than may stay

    def survivors(self, kind, policy, heat):
        server, client = self.start(kind, maxmemory_policy=policy, maxmemory_eviction_tenacity="100")
        client.pipeline([("SET", f"key:{i}", "x" * 100) for i in range(self.KEYS)])
        hot = random.Random(2).sample(range(self.KEYS), self.HOT)
        heat(client, [f"key:{i}" for i in hot])
        while client.value("DBSIZE") > self.KEYS // 2:
            client.value("CONFIG", "SET", "maxmemory", str(self.used(server) - 20000))
            client.value("PING")
        client.value("CONFIG", "SET", "maxmemory", "0")
        return client.value("EXISTS", *[f"key:{i}" for i in hot]) / self.HOT

    def compare(self, policy, heat):
        theirs = self.survivors(kt.RedisServer, policy, heat)
        ours = self.survivors(kt.KeywayShard, policy, heat)
        print(f"{policy}: {ours:.3f} of the hot keys survive, in redis-server {theirs:.3f}")
        self.assertGreater(ours, theirs - 0.03)
        self.assertGreater(ours, 0.85)

    def test_lru(self):
        def heat(client, keys):
            kt.wait_until(lambda: client.value("OBJECT", "IDLETIME", keys[0]) >= 2, what="keys to age")
            client.pipeline([("GET", key) for key in keys])
        self.compare("allkeys-lru", heat)

    def test_lfu(self):
        def heat(client, keys):
            for _ in range(30):
                client.pipeline([("GET", key) for key in keys])
        self.compare("allkeys-lfu", heat)


class Clients(Evicting):
    def hoard(self, server, megabytes, protect=False):
        """A client that has sent most of a long request."""
        client = server.client()
        self.addCleanup(client.close)
        client.value("CLIENT", "SETNAME", f"hoards{megabytes}")
        if protect:
            client.value("CLIENT", "NO-EVICT", "on")
        bytes_of_value = megabytes * MEGABYTE
        try:
            client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (bytes_of_value + 1) + b"x" * bytes_of_value)
        except ConnectionError:
            pass  # closed while it sends
        return client

    def names(self, client):
        return {line.split(" name=")[1].split(" ")[0] for line in client.value("CLIENT", "LIST").decode().splitlines()} - {""}

    def test_the_largest_go_first(self):
        server, client = self.start()
        for megabytes in (1, 3, 5):
            self.hoard(server, megabytes)
        self.hoard(server, 4, protect=True)
        kt.wait_until(lambda: int(server.info("clients")["client_recent_max_input_buffer"]) > 0, what="input")
        kt.wait_until(lambda: self.total(client) > 13 * MEGABYTE, what="input")
        self.assertEqual(self.names(client), {"hoards1", "hoards3", "hoards4", "hoards5"})
        client.value("CONFIG", "SET", "maxmemory-clients", "7mb")
        kt.wait_until(lambda: self.names(client) == {"hoards1", "hoards3", "hoards4"}, what="eviction")
        self.assertEqual(server.info("stats")["evicted_clients"], "1")
        self.assertIn("Evicting client: id=", server.output())
        # A percentage of maxmemory.
        client.value("CONFIG", "SET", "maxmemory-clients", "3%")
        client.value("CONFIG", "SET", "maxmemory", str(100 * MEGABYTE))
        kt.wait_until(lambda: self.names(client) == {"hoards1", "hoards4"}, what="eviction")
        client.value("CONFIG", "RESETSTAT")
        self.assertEqual(server.info("stats")["evicted_clients"], "0")

    def total(self, client):
        return sum(int(line.split(" tot-mem=")[1].split(" ")[0]) for line in client.value("CLIENT", "LIST").decode().splitlines())

    def test_whoever_grows_beyond_the_limit_is_closed(self):
        server, client = self.start(maxmemory_clients="2mb")
        bad = self.hoard(server, 8)
        self.assertEqual(bad.read_to_end(), b"")
        self.assertEqual(client.value("PING"), "PONG")
        # By output that is not read.
        client.value("SETRANGE", "big", str(MEGABYTE), "x")
        bad = server.client()
        self.addCleanup(bad.close)
        bad.send(kt.resp.encode("GET", "big") * 60)
        kt.wait_until(lambda: server.info("stats")["evicted_clients"] == "2", what="eviction")
        self.assertEqual(client.value("PING"), "PONG")


if __name__ == "__main__":
    kt.main()
