"""Commands whose keys lie on several shards, against the same commands on one redis-server: the gathered ones (SINTER, SUNION,
SDIFF, SINTERCARD, ZUNION, ZINTER, ZDIFF, ZINTERCARD, PFCOUNT), the split ones, what is refused, and what becomes of all
of them when a shard is away or a slot is on its way."""

import random

import keyway_testing as kt
import proxied_cluster

KEYS = [f"k{number}" for number in range(24)] + [f"{{tag}}{number}" for number in range(6)]
SET_REPLIES = ("SINTER", "SUNION", "SDIFF")


def in_order(request, reply):
    """The reply with the elements of a set in one order."""
    if request[0].upper() not in SET_REPLIES or reply[:1] not in b"*~":
        return reply
    head = reply[:reply.index(b"\r\n") + 2]
    return head + b"".join(sorted(kt.elements_of(reply)))


class RandomRequests:
    """Requests that make, change and read values of all kinds at a few keys."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def keys(self, most=5):
        return [self.chance.choice(KEYS) for _ in range(self.chance.randint(1, most))]

    def member(self):
        return self.chance.choice([str(self.chance.randrange(40)), f"m{self.chance.randrange(40)}", ""])

    def score(self):
        return self.chance.choice(["1", "2.5", "-3", "0.1", "1e300", "inf", "-inf", "3.0000000000000001", "0"])

    def counted(self):
        keys = self.keys()
        number = str(len(keys)) if self.chance.random() < 0.95 else self.chance.choice(["0", "-1", "x", "1", "99", "1x", ""])
        return [number, *keys]

    def limit(self):
        return self.chance.choice([[]] * 5 + [["LIMIT", "0"], ["LIMIT", "2"], ["limit", "1", "LIMIT", "3"], ["LIMIT", "-1"], ["LIMIT", "x"],
                                   ["LIMIT"], ["NOPE"]])

    def zset_options(self, keys):
        options = []
        if self.chance.random() < 0.4:
            options += ["WEIGHTS", *(self.chance.choice(["1", "2", "0", "-1.5", "inf", "0.3"]) for _ in range(keys))]
        if self.chance.random() < 0.4:
            options += ["AGGREGATE", self.chance.choice(["SUM", "min", "MAX"])]
        if self.chance.random() < 0.6:
            options.insert(self.chance.choice([0, len(options)]), "WITHSCORES")
        if self.chance.random() < 0.08:
            options.append(self.chance.choice(["WEIGHTS", "AGGREGATE", "AGGREGATE AVG", "NOPE", "WEIGHTS x"]))
        return [word for option in options for word in option.split()]

    def write(self):
        chance, key = self.chance, self.chance.choice(KEYS)
        kind = chance.randrange(12)
        if kind < 4:
            return ["SADD", key, *(self.member() for _ in range(chance.randint(1, 12)))]
        if kind < 7:
            pairs = [(self.score(), self.member()) for _ in range(chance.randint(1, 8))]
            return ["ZADD", key, *(word for pair in pairs for word in pair)]
        if kind < 9:
            return ["PFADD", key, *(str(chance.randrange(3000)) for _ in range(chance.randint(1, 200)))]
        if kind == 9:
            return ["SET", key, chance.choice(["x", "HYLL", "12"])]
        return ["DEL", *self.keys(3)]

    def read(self):
        chance = self.chance
        name = chance.choice(["SINTER", "SUNION", "SDIFF", "SINTERCARD", "ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD", "PFCOUNT", "EXISTS",
                              "TOUCH", "MGET", "sunion"])
        if name in ("SINTERCARD", "ZINTERCARD"):
            return [name, *self.counted(), *self.limit()]
        if name.startswith("Z"):
            counted = self.counted()
            return [name, *counted, *self.zset_options(len(counted) - 1)]
        return [name, *self.keys()]

    def request(self):
        return self.write() if self.chance.random() < 0.3 else self.read()


class GatherTests:
    """What holds before any kind of shards."""

    def setUp(self):
        super().setUp()
        self.reference = self.start(kt.RedisServer())

    def pair(self, version):
        clients = self.proxy.client(), self.reference.client()
        for client in clients:
            self.addCleanup(client.close)
            client.call("HELLO", str(version))
        return clients

    def compare(self, ours, theirs, requests):
        """Pipelines of both, compared; how many were errors."""
        errors = 0
        for request, one, other in zip(requests, ours.pipeline(requests), theirs.pipeline(requests)):
            self.assertEqual(in_order(request, one), in_order(request, other), f"the reply to {request}")
            errors += one.startswith(b"-")
        return errors

    def test_random_requests(self):
        for version in (2, 3):
            ours, theirs = self.pair(version)
            source = RandomRequests(seed=version)
            for _ in range(150):
                self.compare(ours, theirs, [source.request() for _ in range(40)])

    def test_gathered_values_of_many_members(self):
        ours, theirs = self.pair(3)
        chance = random.Random(9)
        fill = []
        for key in ("big1", "big2", "big3"):
            members = [chance.randbytes(chance.randrange(1, 30)) for _ in range(3000)] + [b"m%d" % number for number in range(2000)]
            fill += [["SADD", key, *members[at:at + 500]] for at in range(0, 5000, 500)]
            fill += [["ZADD", "z" + key, *(word for member in members[at:at + 500] for word in (repr(chance.uniform(-9, 9)), member))]
                     for at in range(0, 5000, 500)]
            fill.append(["PFADD", "p" + key, *members])
        self.assertEqual(self.compare(ours, theirs, fill), 0)
        every = ["big1", "big2", "big3"]
        zsets, logs = ["z" + key for key in every], ["p" + key for key in every]
        self.assertEqual(self.compare(ours, theirs, [
            ["SUNION", *every], ["SINTER", *every], ["SDIFF", *every], ["SINTERCARD", "3", *every], ["PFCOUNT", *logs],
            ["ZUNION", "3", *zsets, "WITHSCORES"], ["ZINTER", "3", *zsets, "WITHSCORES", "WEIGHTS", "0.1", "0.7", "3"],
            ["ZDIFF", "3", *zsets, "WITHSCORES"], ["ZUNION", "4", *zsets, "big1", "WITHSCORES"], ["ZINTERCARD", "3", *zsets]]), 0)

    def test_corrupted_hyperloglogs(self):
        ours, theirs = self.pair(2)
        self.compare(ours, theirs, [
            ["PFADD", "p1", "a"], ["SET", "p2", b"HYLL\1" + b"\0" * 11 + b"\x7f\xfe"], ["SET", "p3", b"HYLL\1" + b"\0" * 11],
            ["SET", "p4", "x"], ["SET", "p5", "12"], ["SADD", "s", "x"], ["PFCOUNT", "p1", "p2"], ["PFCOUNT", "p1", "p3"],
            ["PFCOUNT", "p1", "p4", "p2"], ["PFCOUNT", "p2", "p4"], ["PFCOUNT", "p5", "s"], ["PFCOUNT", "s", "p5"],
            ["PFCOUNT", "missing", "p1"], ["PFCOUNT", "missing", "missing2"]])

    def test_what_needs_one_slot(self):
        ours, theirs = self.pair(2)
        crossed = b"-CROSSSLOT Keys in request don't hash to the same slot\r\n"
        for line in ["MSETNX a 1 b 2", "RENAME a b", "RENAMENX a b", "COPY a b", "SMOVE a b x", "SINTERSTORE a b", "SUNIONSTORE a b c",
                     "SDIFFSTORE a b", "ZUNIONSTORE a 1 b", "ZINTERSTORE a 1 b", "ZDIFFSTORE a 1 b", "ZRANGESTORE a b 0 -1", "BITOP AND a b",
                     "PFMERGE a b", "LMOVE a b LEFT LEFT", "RPOPLPUSH a b", "GEOSEARCHSTORE a b FROMMEMBER m BYRADIUS 1 km", "SORT a STORE b",
                     "LCS a b", "LMPOP 2 a b LEFT", "ZMPOP 2 a b MIN"]:
            self.assertEqual(ours.call(*line.split()), crossed, line)
        self.compare(ours, theirs, [line.split() for line in [
            "MSETNX a 1 b", "RENAME a", "COPY a", "SINTERSTORE a", "ZUNIONSTORE a x b", "ZUNIONSTORE a 9 b", "ZUNIONSTORE a 0 b", "BITOP AND a",
            "LMOVE a b LEFT", "PFMERGE", "LMPOP x a LEFT", "SINTERCARD 0 a", "ZUNION 0 a", "SINTER", "SUNION", "SDIFF", "PFCOUNT", "ZDIFF 1"]])

    def test_pfselftest_and_pfdebug(self):
        ours, theirs = self.pair(2)
        self.compare(ours, theirs, [["PFSELFTEST"], ["PFADD", "p", "a", "b"], ["PFDEBUG", "ENCODING", "p"], ["PFDEBUG", "DECODE", "p"],
                                    ["PFDEBUG", "TODENSE", "p"], ["PFDEBUG", "ENCODING", "missing"], ["PFDEBUG", "NOPE", "p"]])


class GatherBeforeRedisTest(GatherTests, proxied_cluster.ProxiedClusterTest):
    pass


class GatherBeforeShardsTest(GatherTests, proxied_cluster.ProxiedClusterTest):
    node_class = kt.KeywayShard


if __name__ == "__main__":
    kt.main()
