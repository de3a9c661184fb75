#!/usr/bin/python3
"""RDB files of versions 1 to 10, as an independent writer makes them, are loaded by redis-server and by the shard, which then hold
the same keys in the same encodings, with the same times, and the same functions. Of damaged files the shard refuses each that
redis-server refuses."""

import os
import pathlib
import random

import keyway_testing as kt
from keyway_testing import rdb, rdb_file

ROUNDS = int(os.environ.get("KEYWAY_ROUNDS", "6"))
SEED = int(os.environ.get("KEYWAY_SEED", "1"))
# What may be between the one's loading and the other's.
_SECONDS = 60
_NAMES = {getattr(rdb, name): name for name in dir(rdb) if name.isupper() and isinstance(getattr(rdb, name), int)}


class Target:
    """A server that loads one file after the other. One that ends because of a file is started again."""

    def __init__(self, test, kind, **directives):
        self._test = test
        self._make = lambda: kind(enable_debug_command="yes", **directives)
        self._start()

    def _start(self):
        self.server = self._test.start(self._make())
        self.client = self.server.client(timeout=60)
        self.client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")

    def log(self):
        return self.server.output()

    def load(self, data):
        """Whether the file was loaded."""
        if not self.server.is_alive():
            self.server.cleanup()
            self._start()
        (pathlib.Path(self.server.folder) / "dump.rdb").write_bytes(data)
        try:
            reply = self.client.call("DEBUG", "RELOAD", "NOSAVE")
        except (OSError, EOFError):
            self.server.wait()
            return False
        return reply == b"+OK\r\n"

    def digest(self):
        return self.client.value("DEBUG", "DIGEST")

    def libraries(self):
        return sorted(dict(zip(each[::2], each[1::2]))[b"library_code"] for each in self.client.value("FUNCTION", "LIST", "WITHCODE"))

    def keys(self):
        """How the use of keys is known, and {(database, key): (digest, encoding, expiry, use)}"""
        found = {}
        use = b"FREQ" if b"lfu" in self.client.value("CONFIG", "GET", "maxmemory-policy")[1] else b"IDLETIME"
        for database in range(16):
            self.client.call("SELECT", str(database))
            for key in self.client.value("KEYS", "*"):
                found[database, key] = (self.client.value("DEBUG", "DIGEST-VALUE", key)[0], self.client.value("OBJECT", "ENCODING", key),
                                        self.client.value("PEXPIRETIME", key), self.client.value("OBJECT", use, key))
        self.client.call("SELECT", "0")
        return use, found


class RdbVersionsTest(kt.TestCase):
    maxDiff = 2000

    def assertSame(self, reference, shard, message):
        (use, expected), (_, actual) = reference.keys(), shard.keys()
        for key in sorted(expected.keys() | actual.keys()):
            of_reference, of_shard = expected.get(key), actual.get(key)
            self.assertIsNotNone(of_reference, f"{message}: {key} is too much: {of_shard}")
            self.assertIsNotNone(of_shard, f"{message}: {key} is missing: {of_reference}")
            self.assertEqual(of_shard[:3], of_reference[:3], f"{message}: {key}")
            # redis-server keeps one object for all keys with the same small number.
            if of_shard[1] == b"int":
                continue
            self.assertAlmostEqual(of_shard[3], of_reference[3], delta=_SECONDS if use == b"IDLETIME" else 1, msg=f"{message}: {key}")
        self.assertEqual(shard.digest(), reference.digest(), message)
        self.assertEqual(shard.libraries(), reference.libraries(), message)

    def compare(self, seeds, directives, **arguments):
        reference, shard = Target(self, kt.RedisServer, **directives), Target(self, kt.KeywayShard, **directives)
        for version in range(1, 11):
            for seed in seeds:
                message = f"version {version}, seed {seed}"
                data = rdb_file.random_file(version, seed, **arguments)
                self.assertTrue(reference.load(data), f"{message}: {reference.log()[-1500:]}")
                self.assertTrue(shard.load(data), f"{message}: {shard.log()[-1500:]}")
                self.assertSame(reference, shard, message)

    def seeds(self, rounds=ROUNDS):
        return range(SEED, SEED + rounds)

    def test_every_version(self):
        self.compare(self.seeds(), {})

    def test_with_frequencies(self):
        self.compare(self.seeds(ROUNDS // 3), {"maxmemory_policy": "allkeys-lfu"}, lfu=True)

    def test_with_small_limits(self):
        limits = {"hash_max_listpack_entries": 5, "hash_max_listpack_value": 10, "zset_max_listpack_entries": 5,
                  "zset_max_listpack_value": 10, "set_max_intset_entries": 5, "list_max_listpack_size": 3}
        self.compare(self.seeds(ROUNDS // 3), limits)

    def test_each_type_alone(self):
        reference, shard = Target(self, kt.RedisServer), Target(self, kt.KeywayShard)
        for value_type, version in rdb_file.FIRST_VERSION.items():
            for seed in self.seeds(ROUNDS // 2):
                message = f"{_NAMES[value_type]}, seed {seed}"
                data = rdb_file.random_file(10, seed, types=[value_type])
                self.assertTrue(reference.load(data), message)
                self.assertTrue(shard.load(data), f"{message}: {shard.log()[-1500:]}")
                self.assertSame(reference, shard, message)

    # Keys of collections without elements are skipped, and the log says so.
    def test_empty_keys(self):
        reference, shard = Target(self, kt.RedisServer), Target(self, kt.KeywayShard)

        def lines(target):
            # What follows the time and the sign of the level.
            return [line.split(" ", 6)[-1].split("* ")[-1].split("# ")[-1] for line in target.log().splitlines() if "empty key" in line]

        for version in range(1, 11):
            for seed in self.seeds(max(ROUNDS // 3, 1)):
                data = rdb_file.random_file(version, seed, with_empty=True)
                self.assertTrue(reference.load(data))
                self.assertTrue(shard.load(data), f"version {version}, seed {seed}: {shard.log()[-1500:]}")
                self.assertSame(reference, shard, f"version {version}, seed {seed}")
        self.assertTrue(lines(reference))
        self.assertEqual(lines(shard), lines(reference))
        # RESTORE refuses what loading skips.
        values = rdb_file.Values(rdb_file.RdbFile(10, random.Random(1)), random.Random(1))
        for value_type in rdb_file.FIRST_VERSION:
            empty = values.empty(value_type)
            if empty is not None:
                for target in (reference, shard):
                    self.assertEqual(target.client.call("RESTORE", "empty", "0", rdb.payload(value_type, empty)), b"-ERR Bad data format\r\n")

    def refuses(self, data, text, message):
        """Both programs do, with the same words."""
        shard = kt.KeywayShard()
        self.addCleanup(shard.cleanup)
        (pathlib.Path(shard.folder) / "dump.rdb").write_bytes(data)
        shard.start(wait=False)
        self.assertNotEqual(shard.wait(), 0, message)
        self.assertIn(text, shard.output(), message)
        reference = kt.RedisServer()
        self.addCleanup(reference.cleanup)
        (pathlib.Path(reference.folder) / "dump.rdb").write_bytes(data)
        reference.start(wait=False)
        # Its code may be 0: its check of the file, which is the last that it does, may find nothing.
        reference.wait()
        self.assertIn(text, reference.output(), message)

    def test_says_why_it_refuses(self):
        def file(version, *parts, end=True):
            data = b"REDIS%04d" % version + b"".join(parts)
            return rdb_file.with_checksum(data + b"\xff") if end else data

        module = (0x0123456789ABCDEF).to_bytes(8, "big")
        key = b"\x01k"
        for name, data, text in (
                ("magic", b"RADIS0010\xff", "Wrong signature trying to load DB from file"),
                ("version 0", file(0), "Can't handle RDB format version 0"),
                ("version 11", file(11), "Can't handle RDB format version 11"),
                ("database", file(10, b"\xfe\x10"), "FATAL: Data file was created with a Redis server configured to handle more than 16 databases."),
                ("cut", file(10, b"\x00", key, b"\x05ab", end=False), "Unexpected EOF reading RDB file"),
                ("checksum", file(10, b"\x00", key, b"\x01a")[:-8] + b"abcdefgh", "Wrong RDB checksum expected: ("),
                ("module", file(10, b"\x07", key, b"\x81", module, b"\x00"),
                 "The RDB file contains module data I can't load: no matching module type 'ASNFZ4mrz'"),
                ("module of version 1", file(10, b"\x06", key, b"\x81", module, b"\x00"),
                 "The RDB file contains module data I can't load: no matching module type 'ASNFZ4mrz'"),
                ("module aux", file(10, b"\xf7\x81", module, b"\x02\x01\x00"),
                 "The RDB file contains AUX module data I can't load: no matching module 'ASNFZ4mrz'"),
                ("module aux of another form", file(10, b"\xf7\x81", module, b"\x01\x01\x00"), "bad when_opcode"),
                ("type", file(10, b"\x14", key, b"\x01a"), "Unknown RDB encoding type 20"),
                ("function", file(10, b"\xf5\x03abc"), "Failed loading library, Missing library metadata"),
                ("function of a candidate", file(10, b"\xf6\x01a\x02JS\x00\x01b"), "Failed loading library, Engine 'JS' not found"),
                ("intset", file(10, b"\x0b", key, rdb.string(rdb.intset([1, 2])[:-1])), "Intset integrity check failed."),
                ("zipmap", file(10, b"\x09", key, rdb.string(b"\x00\xff")), "Zipmap integrity check failed."),
                ("ziplist", file(10, b"\x0a", key, rdb.string(b"abcdefghijklmn")), "List ziplist integrity check failed."),
                ("duplicates", file(10, b"\x02\x02\x01a\x01a".replace(b"\x02\x02", b"\x02" + key + b"\x02", 1)), "Duplicate set members detected"),
        ):
            with self.subTest(name):
                self.refuses(data, text, name)

    def test_refuses_every_cut(self):
        shard = Target(self, kt.KeywayShard)
        for version in range(1, 11):
            data = rdb_file.random_file(version, SEED, keys=2)[:1200] if version != 4 else rdb_file.random_file(version, SEED, keys=2)
            for size in range(0, min(len(data), 1200)):
                self.assertFalse(shard.load(data[:size]), f"version {version}, {size} bytes of {len(data)}")
            self.assertTrue(shard.server.is_alive())

    # What redis-server checks with sanitize-dump-payload is checked here always.
    def test_damaged(self):
        reference = Target(self, kt.RedisServer, sanitize_dump_payload="yes")
        shard = Target(self, kt.KeywayShard)
        loaded, refused = 0, 0
        for seed in self.seeds(ROUNDS * 20):
            chance = random.Random(seed)
            version = chance.randrange(1, 11)
            types = None if chance.randrange(2) else [chance.choice(list(rdb_file.FIRST_VERSION))]
            data = bytearray(rdb_file.random_file(version, seed, keys=3, types=types))
            end = len(data) - 8 if version >= rdb_file.FIRST_VERSION_WITH_CHECKSUM else len(data)
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(9, end)
                data[at] = chance.choice((data[at] ^ 1 << chance.randrange(8), chance.randrange(256), 0xFF))
            data = bytes(data)
            if version >= rdb_file.FIRST_VERSION_WITH_CHECKSUM:
                data = rdb_file.with_checksum(data[:-8])
            message = f"seed {seed}, version {version}, types {types}"
            by_reference, by_shard = reference.load(data), shard.load(data)
            self.assertTrue(shard.server.is_alive(), f"{message}: {shard.log()[-3000:]}")
            if by_reference and by_shard:
                self.assertSame(reference, shard, message)
                loaded += 1
            elif by_shard:
                # It may have crashed: then what was loaded has to make sense.
                shard.keys()
                self.assertIn("REDIS BUG REPORT", reference.log(), f"{message}: {reference.log()[-1500:]}")
            else:
                refused += 1
        self.assertGreater(loaded, 0)
        self.assertGreater(refused, 0)


if __name__ == "__main__":
    kt.main()
