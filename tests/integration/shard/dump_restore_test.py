"""Values of every type and encoding move between redis-server and keyway-shard by DUMP and RESTORE, both ways, and are the same
there. Payloads with broken bytes are refused by both or taken by both."""

import random

import keyway_testing as kt
from keyway_testing import rdb

SEED = 7015
REFERENCE = {"enable_debug_command": "yes", "sanitize_dump_payload": "yes"}


def _commands():
    """What makes a value of each encoding."""
    many = [b"%d" % i for i in range(600)]
    long = b"v" * 70
    yield "integer", [("SET", "k", "12345")]
    yield "large integer", [("SET", "k", "-1234567890123")]
    yield "embedded", [("SET", "k", "hello")]
    yield "raw", [("SET", "k", bytes(range(256)))]
    yield "compressible", [("SET", "k", b"abc" * 5000)]
    yield "large", [("SETRANGE", "k", "300000", "x")]
    yield "with an expiry", [("SET", "k", "v", "PX", "100000000")]
    yield "hyperloglog", [("PFADD", "k", *many)]
    yield "list", [("RPUSH", "k", "a", "1", "-70000", long, "")]
    yield "list of many", [("RPUSH", "k", *many), ("RPUSH", "k", b"x" * 9000, "end")]
    yield "list with a plain node", [("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "50"), ("RPUSH", "k", "a", long, "b"),
                                     ("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "0")]
    yield "intset", [("SADD", "k", "1", "2", "3")]
    yield "wide intset", [("SADD", "k", "1", "-1099511627776")]
    yield "set", [("SADD", "k", "a", "1", "", long)]
    yield "set of many", [("SADD", "k", *many)]
    yield "packed hash", [("HSET", "k", "f", "v", "1", "2", "", "")]
    yield "hash", [("HSET", "k", "f", long, "1", "2")]
    yield "hash of many", [("HSET", "k", *many)]
    yield "packed zset", [("ZADD", "k", "1", "a", "2.5", "b", "inf", "c", "-inf", "d", "1e300", "5")]
    yield "zset", [("ZADD", "k", "1", long, "2.5", "b", "-0", "z", "3.14159265358979", "pi")]
    yield "zset of many", [("ZADD", "k", *many)]
    stream = [("XADD", "k", f"{i}-{i % 3}", "field", f"value{i}") for i in range(1, 250)]
    stream += [("XADD", "k", "1000-1", "other", "x", "field", "y"), ("XDEL", "k", "5-2", "249-0")]
    yield "stream", stream
    yield "empty stream", [("XADD", "k", "5-1", "a", "b"), ("XDEL", "k", "5-1")]
    groups = [("XGROUP", "CREATE", "k", "g", "0"), ("XGROUP", "CREATE", "k", "h", "$"), ("XREADGROUP", "GROUP", "g", "alice", "COUNT", "5", "STREAMS", "k", ">"),
              ("XREADGROUP", "GROUP", "g", "bob", "COUNT", "3", "STREAMS", "k", ">"), ("XACK", "k", "g", "2-2"), ("XGROUP", "CREATECONSUMER", "k", "g", "carol")]
    yield "stream with groups", stream + groups


def _is_error(reply):
    return reply.startswith(b"-")


class DumpRestoreTest(kt.TestCase):
    def setUp(self):
        self.reference = self.start(kt.RedisServer(**REFERENCE)).client()
        self.shard = self.start(kt.KeywayShard(**REFERENCE)).client()
        self.addCleanup(self.reference.close)
        self.addCleanup(self.shard.close)

    def make(self, client, commands):
        client.call("FLUSHALL")
        for command in commands:
            self.assertFalse(_is_error(client.call(*command)), command)

    def look(self, client):
        """What can be seen of the value, without what depends on when one looks."""
        encoding, digest = client.value("OBJECT", "ENCODING", "k"), client.value("DEBUG", "DIGEST-VALUE", "k")
        groups = client.call("XINFO", "STREAM", "k", "FULL") if encoding == b"stream" else None
        return encoding, digest, groups

    def test_both_ways(self):
        for name, commands in _commands():
            for source, target in ((self.reference, self.shard), (self.shard, self.reference)):
                with self.subTest(name, to_shard=target is self.shard):
                    self.make(source, commands)
                    payload = source.value("DUMP", "k")
                    target.call("FLUSHALL")
                    self.assertEqual(target.call("RESTORE", "k", "100000000" if "expiry" in name else "0", payload), b"+OK\r\n")
                    self.assertEqual(self.look(target), self.look(source))
                    # And back, without the value having changed.
                    again = target.value("DUMP", "k")
                    # Ours compresses a large string in pieces.
                    self.assertLess(abs(len(again) - len(payload)), 64)
                    source.call("FLUSHALL")
                    self.assertEqual(source.call("RESTORE", "k", "0", again), b"+OK\r\n")

    def test_payloads_of_older_versions(self):
        for name, payload in rdb.old_payloads().items():
            with self.subTest(name):
                seen = []
                for client in (self.reference, self.shard):
                    client.call("FLUSHALL")
                    self.assertEqual(client.call("RESTORE", "k", "0", payload), b"+OK\r\n")
                    seen.append(self.look(client))
                self.assertEqual(*seen)

    def test_broken_payloads(self):
        generator = random.Random(SEED)
        bodies = [rdb.body_of(payload) for payload in rdb.old_payloads().values()]
        for _, commands in _commands():
            self.make(self.reference, commands)
            bodies.append(rdb.body_of(self.reference.value("DUMP", "k")))
        taken = 0
        for body in bodies:
            for _ in range(60):
                broken = bytearray(body)
                for _ in range(generator.choice([1, 1, 2, 4])):
                    at = generator.randrange(min(len(broken), 300))
                    broken[at] ^= 1 << generator.randrange(8)
                if generator.random() < 0.2:
                    del broken[generator.randrange(len(broken)):]
                # A table made as large as a broken number says would take the reference long.
                if not broken or broken[0] in (6, 7) or b"\x80" in broken[1:3] or b"\x81" in broken[1:3]:
                    continue
                payload = rdb.with_footer(bytes(broken))
                replies = [client.call("RESTORE", "k", "0", payload, "REPLACE") for client in (self.reference, self.shard)]
                if broken[0] in (rdb.STREAM, rdb.STREAM_2) and _is_error(replies[1]):
                    continue  # of a stream's listpacks more is checked
                self.assertEqual(*replies, payload)
                if not _is_error(replies[0]):
                    taken += 1
                    self.assertEqual(self.look(self.reference)[:2], self.look(self.shard)[:2], payload)
        self.assertGreater(taken, 100)


if __name__ == "__main__":
    kt.main()
