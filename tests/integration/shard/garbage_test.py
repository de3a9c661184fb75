"""Whatever bytes come in on the port, keyway-shard answers or closes, and serves the others."""

import random

import keyway_testing as kt

SEED = 20260101
NAMES = ["PING", "SET", "GET", "MSET", "MGET", "DEL", "CONFIG", "CLIENT", "COMMAND", "INFO", "HELLO", "AUTH", "SELECT", "RESET",
         "EXPIRE", "SCAN", "OBJECT", "SETRANGE", "GETRANGE", "LCS", "INCRBYFLOAT", "COPY", "RENAME", "DEBUG", "LOLWUT",
         "CLUSTER", "ASKING", "READONLY", "SWAPDB", "FLUSHALL", "KEYS", "RANDOMKEY", "TOUCH", "GETEX", "QUIT", "nosuch"]
WORDS = ["", "a", "b", "{a}b", "0", "1", "-1", "99999999999999999999", "9223372036854775807", "-9223372036854775808", "*", "?[a-",
         "get", "set", "list", "info", "id", "kill", "help", "type", "reply", "on", "skip", "count", "docs", "getkeys", "match",
         "nodes", "slots", "keyslot", "meet", "127.0.0.1", "ex", "px", "nx", "xx", "keepttl", "1.5", "nan", "inf", "1e400",
         "\x00\xff\r\n", "x" * 1000, "maxmemory", "hz", "3", "setname", "auth", "default", "encoding", "len", "idx"]


class GarbageTest(kt.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)

    def feed(self, shard, data):
        """Sends `data`, ends the sending side, reads until the shard closes or falls silent."""
        with shard.client(timeout=5.0) as client:
            try:
                client.send(data)
                client.end_input()
                client.read_to_end()
            except ConnectionError:
                pass

    def check_alive(self, shard, seen):
        self.assertTrue(shard.is_alive(), f"ended after {seen!r}")
        with shard.client() as client:
            self.assertEqual(client.call("PING"), b"+PONG\r\n", seen)

    def random_bytes(self):
        kind = self.random.randrange(4)
        length = self.random.choice([1, 10, 100, 3000, 70_000])
        if kind == 0:
            return self.random.randbytes(length)
        alphabet = b"*$\r\n0123456789-+ '\"\\xab\x00" if kind == 1 else b"*1\r\n$4PING"
        return bytes(self.random.choices(alphabet, k=length))

    def random_request(self):
        words = [self.random.choice(NAMES)] + self.random.choices(WORDS, k=self.random.randrange(7))
        # These would slow the test down or end it, as they should.
        if words[0] == "DEBUG" or "pause" in words:
            words[1:] = []
        return kt.encode(*words)

    def mutated(self, data):
        data = bytearray(data)
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(data))
            match self.random.randrange(3):
                case 0:
                    data[at] = self.random.randrange(256)
                case 1:
                    del data[at:at + self.random.randrange(1, 8)]
                case 2:
                    data[at:at] = self.random.randbytes(self.random.randrange(1, 8))
            if not data:
                break
        return bytes(data)

    def run_on(self, shard, make, rounds):
        for i in range(rounds):
            data = make()
            self.feed(shard, data)
            if i % 20 == 0:
                self.check_alive(shard, data[:500])
        self.check_alive(shard, "all of it")

    def test_random_bytes(self):
        self.run_on(self.start(kt.KeywayShard()), self.random_bytes, 300)

    def test_requests(self):
        for cluster in ("no", "yes"):
            shard = self.start(kt.KeywayShard(cluster_enabled=cluster))
            self.run_on(shard, lambda: b"".join(self.random_request() for _ in range(50)), 40)

    def test_mutated_requests(self):
        make = lambda: self.mutated(b"".join(self.random_request() for _ in range(5)))
        self.run_on(self.start(kt.KeywayShard()), make, 300)

    def test_unauthenticated(self):
        shard = self.start(kt.KeywayShard(requirepass="secret"))
        make = lambda: b"".join(self.random_request() for _ in range(20)) + self.random_bytes()
        for _ in range(100):
            self.feed(shard, make())
        self.assertTrue(shard.is_alive())
        self.assertEqual(shard.call("GET", "a"), b"-NOAUTH Authentication required.\r\n")

    def test_nothing_is_left_behind(self):
        shard = self.start(kt.KeywayShard())
        self.run_on(shard, self.random_bytes, 50)
        before = int(shard.info("memory")["used_memory"])
        self.run_on(shard, self.random_bytes, 200)
        kt.wait_until(lambda: shard.info("clients")["connected_clients"] == "1", what="the end of all connections")
        self.assertLess(int(shard.info("memory")["used_memory"]) - before, 1_000_000)


if __name__ == "__main__":
    kt.main()
