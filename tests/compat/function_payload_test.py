"""Libraries travel between redis-server and keyway-shard as FUNCTION DUMP's payloads, in both directions; what is broken is
refused by both with the same words, and leaves both as they were."""

import random
import re

import keyway_testing as kt
from keyway_testing import rdb

LIBRARY, OLD_LIBRARY = b"\xf5", b"\xf6"


def code(name, *functions, more=b""):
    registered = b"".join(b"redis.register_function('%s', function(keys, args) return '%s' end)\n" % (function, name)
                          for function in functions)
    return b"#!lua name=%s\n" % name + registered + more


def dump(*codes):
    return rdb.with_footer(b"".join(LIBRARY + rdb.string(text) for text in codes))


CODES = {
    "small": code(b"small", b"f"),
    "compressed": code(b"large", b"f", b"g", more=b"--" + b"x" * 30000),
    "every byte": code(b"bytes", b"f", more=b"--" + bytes(byte for byte in range(256) if byte not in b"\r\n")),
    "named": b"#!lua name=named\nlocal n = 0\nredis.register_function{function_name='f', description='d\\0d', flags={'no-writes', "
             b"'allow-stale'}, callback=function(keys, args) n = n + 1 return {n, keys, args} end}",
    "blanks": b"#!LUA\t'name=quoted' \r\nredis.register_function('f', function() return 1 end)",
}


class FunctionPayloadTest(kt.TestCase):
    def setUp(self):
        self.servers = [self.start(kt.RedisServer()), self.start(kt.KeywayShard())]
        self.clients = [server.client() for server in self.servers]
        self.addCleanup(lambda: [client.close() for client in self.clients])

    def both(self, *request):
        # Which one of several names is found to be taken hangs on the hashes of redis-server.
        replies = [re.sub(rb"^-ERR (Library|Function) \w+ already", rb"-ERR \1 NAME already", client.call(*request)) for client in self.clients]
        self.assertEqual(replies[0], replies[1], request)
        return replies[0]

    def listed(self, client):
        libraries = client.value("FUNCTION", "LIST", "WITHCODE")
        for library in libraries:
            library[5].sort()
        return sorted(libraries)

    def assert_same_libraries(self):
        listed = [self.listed(client) for client in self.clients]
        self.assertEqual(*listed)
        return listed[0]

    def exchange(self, policy):
        """Each gets what the other has."""
        dumps = [client.value("FUNCTION", "DUMP") for client in self.clients]
        for client, payload in zip(self.clients, reversed(dumps)):
            self.assertEqual(client.call("FUNCTION", "RESTORE", payload, policy), b"+OK\r\n")
        return dumps

    def test_one_library(self):
        for name, text in CODES.items():
            for compression in ("yes", "no"):
                with self.subTest(name, compression=compression):
                    self.both("CONFIG", "SET", "rdbcompression", compression)
                    self.both("FUNCTION", "FLUSH")
                    self.both("FUNCTION", "LOAD", text)
                    one, other = self.exchange("FLUSH")
                    self.assertEqual(one, other)
                    self.assertEqual(len(self.assert_same_libraries()), 1)
                    self.both("FCALL", "f", "1", "k", "a")

    def test_many_libraries(self):
        for i in range(200):
            self.both("FUNCTION", "LOAD", code(b"lib%d" % i, b"f%d" % i, b"g%d" % i))
        for policy in ("FLUSH", "REPLACE"):
            self.exchange(policy)
            self.assertEqual(len(self.assert_same_libraries()), 200)
        for i in range(200):
            self.both("FCALL", f"G{i}", "0")

    def test_collisions(self):
        payloads = [dump(), dump(code(b"a", b"f")), dump(code(b"a", b"g")), dump(code(b"b", b"F")), dump(code(b"A", b"h")),
                    dump(code(b"a", b"g"), code(b"b", b"f")), dump(code(b"a", b"f"), code(b"b", b"g")),
                    dump(code(b"a", b"f"), code(b"a", b"g")), dump(code(b"c", b"x"), code(b"d", b"X"))]
        for first in payloads:
            for second in payloads:
                for policy in (["APPEND"], ["REPLACE"], ["FLUSH"], []):
                    with self.subTest(first=first, second=second, policy=policy):
                        self.both("FUNCTION", "FLUSH")
                        self.both("FUNCTION", "RESTORE", first)
                        self.both("FUNCTION", "RESTORE", second, *policy)
                        self.assert_same_libraries()
                        self.both("FCALL", "f", "0")
                        self.both("FUNCTION", "STATS")

    def test_of_release_candidates(self):
        body = b"redis.register_function('f', function() return 1 end)"
        fields = [rdb.string(b"old"), rdb.string(b"Lua"), rdb.length(1), rdb.string(b"description"), rdb.string(body)]
        for count in range(len(fields) + 1):
            self.both("FUNCTION", "RESTORE", rdb.with_footer(OLD_LIBRARY + b"".join(fields[:count])))
        self.both("FCALL", "f", "0")
        for name, engine in ((b"o d", b"lua"), (b"old", b"js"), (b"o\0d", b"lua\0"), (b"", b""), (b"a-b", b"lua")):
            fields[:2] = rdb.string(name), rdb.string(engine)
            for flag in (b"\0", b"\x02", b"\x81" + b"\xff" * 8, b"\xc1"):
                payload = rdb.with_footer(OLD_LIBRARY + fields[0] + fields[1] + flag + (fields[3] if flag in (b"\x02", b"\xc1") else b"") + fields[4])
                self.both("FUNCTION", "RESTORE", payload, "REPLACE")
        self.assert_same_libraries()

    def test_footer(self):
        body = rdb.body_of(dump(CODES["small"]))
        for version in (0, 1, 9, 10, 11, 255, 256, 65535):
            self.both("FUNCTION", "RESTORE", rdb.with_footer(body, version), "FLUSH")
        whole = rdb.with_footer(body)
        for length in range(len(whole)):
            self.both("FUNCTION", "RESTORE", whole[:length], "FLUSH")
        for position in range(len(whole)):
            changed = bytearray(whole)
            changed[position] ^= 0x10
            self.both("FUNCTION", "RESTORE", bytes(changed), "FLUSH")

    def test_broken_but_well_summed(self):
        """Cut and changed payloads with a right checksum: nothing in them can loop."""
        generator = random.Random(7)
        self.both("FUNCTION", "LOAD", code(b"before", b"before"))
        small, two = rdb.body_of(dump(CODES["small"])), rdb.body_of(dump(code(b"a", b"f"), code(b"b", b"g")))
        bodies = [small[:length] for length in range(len(small))] + [two[:length] for length in range(len(small), len(two))]
        for body in (small, two):
            for _ in range(400):
                changed = bytearray(body)
                changed[generator.choice([0, 1, 2, generator.randrange(len(changed))])] = generator.randrange(256)
                bodies.append(bytes(changed))
        for number, body in enumerate(bodies):
            # Redis sends control characters of a message as they are, which no client can read.
            if any(byte in b"\r\n" for byte in body[2:20].replace(b"\nredis", b"")):
                continue
            with self.subTest(body=body):
                self.both("FUNCTION", "RESTORE", rdb.with_footer(body), ("APPEND", "REPLACE", "FLUSH")[number % 3])
                if b"before" not in repr(self.assert_same_libraries()).encode():
                    self.both("FUNCTION", "FLUSH")
                    self.both("FUNCTION", "LOAD", code(b"before", b"before"))


if __name__ == "__main__":
    kt.main()
