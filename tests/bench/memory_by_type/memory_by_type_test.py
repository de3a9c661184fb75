"""What keys of each type cost in memory, beside what they cost in redis-server: never more.

Prints a table. Memory is counted (used_memory of both), not timed, so this may fail a build. KEYWAY_BENCH_SCALE=1 takes
the full numbers of keys; the default is a tenth of them.
"""

import os

import keyway_testing as kt

SCALE = float(os.environ.get("KEYWAY_BENCH_SCALE", "0.1"))
BATCH = 2000
# Beside the keys there is what a server allocates as it goes; it must not decide over small differences.
SLACK = 1.01


def strings(length):
    return lambda i: (b"SET", b"key:%012d" % i, (b"%d:" % i).ljust(length, b"v"))


def hashes(i):
    return (b"HSET", b"hash:%011d" % i, *[part for field in range(10) for part in (b"field:%d" % field, b"value:%d:%d" % (field, i))])


def large_hash(i):
    return (b"HSET", b"large", b"field:%09d" % i, b"value:%d" % i)


def lists(i):
    return (b"RPUSH", b"list:%011d" % i, *[b"element:%d:%d" % (element, i) for element in range(10)])


def integer_sets(i):
    return (b"SADD", b"iset:%011d" % i, *[b"%d" % (i + member * 1000) for member in range(10)])


def string_sets(i):
    return (b"SADD", b"sset:%011d" % i, *[b"member:%d:%d" % (member, i) for member in range(10)])


def sorted_sets(i):
    return (b"ZADD", b"zset:%011d" % i, *[part for member in range(10) for part in (b"%d" % (member * 7), b"member:%d:%d" % (member, i))])


def large_sorted_set(i):
    return (b"ZADD", b"large", b"%d.5" % (i * 7919 % 1000003), b"member:%09d" % i)


def streams(i):
    return (b"XADD", b"stream:%09d" % (i % 10000), b"%d-1" % (i + 1), b"temperature", b"%d" % (i % 40), b"city", b"Lisbon")


# What is stored, how many requests at full scale, how many keys or elements that makes.
DATA = [
    ("strings of 16 bytes", strings(16), 1_000_000),
    ("strings of 100 bytes", strings(100), 1_000_000),
    ("hashes of 10 fields", hashes, 100_000),
    ("lists of 10", lists, 100_000),
    ("sets of 10 integers", integer_sets, 100_000),
    ("sets of 10 strings", string_sets, 100_000),
    ("sorted sets of 10", sorted_sets, 100_000),
    ("members of one sorted set", large_sorted_set, 1_000_000),
    ("fields of one hash", large_hash, 1_000_000),
    ("entries in 10000 streams", streams, 1_000_000),
]


def used_memory(server):
    return int(server.info("memory")["used_memory"])


def bytes_each(server, request, count):
    with server.client(timeout=120.0) as client:
        client.call("FLUSHALL", "SYNC")
        before = used_memory(server)
        for start in range(0, count, BATCH):
            for reply in client.pipeline([request(i) for i in range(start, min(start + BATCH, count))]):
                assert not reply.startswith(b"-"), reply
    return (used_memory(server) - before) / count


class MemoryByTypeTest(kt.TestCase):
    def test_never_more_than_redis_server(self):
        redis, keyway = self.start(kt.RedisServer()), self.start(kt.KeywayShard())
        too_much = []
        print(f"{'':28}{'Keyway':>10}{'redis':>10}{'ratio':>8}   bytes each")
        for what, request, count in DATA:
            count = int(count * SCALE)
            ours, theirs = (bytes_each(server, request, count) for server in (keyway, redis))
            print(f"{count:>8} {what:<28}{ours:>10.1f}{theirs:>10.1f}{ours / theirs:>8.2f}")
            if ours > theirs * SLACK:
                too_much.append(what)
        self.assertEqual(too_much, [])


if __name__ == "__main__":
    kt.main()
