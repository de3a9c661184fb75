#!/usr/bin/python3
"""RDB files go through our reader and writer, and redis-server finds in the new file what was in the old one: the data of random
requests of all families, libraries of functions, expiries, several databases. redis-check-rdb accepts what we write."""

import os
import pathlib
import subprocess
import sys
import tempfile

import keyway_testing as kt

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent / "random"))

from generator import Generator  # noqa: E402

CONVERTER = os.path.abspath(os.environ.get("KEYWAY_RDB_FILE", "bazel-bin/tests/support/rdb_file"))
ROUNDS = int(os.environ.get("KEYWAY_ROUNDS", "6"))
REQUESTS_A_ROUND = 1500
LIBRARY = "#!lua name=%s\nredis.register_function('%s', function(keys, args) return 1 end)"


def fill(client, seed):
    """Leaves what random requests leave, and some of what they hardly ever make."""
    generator = Generator(seed)
    for _ in range(REQUESTS_A_ROUND):
        client.call(*generator.request())
    client.call("RESET")
    for i in range(3):
        client.call("FUNCTION", "LOAD", "REPLACE", LIBRARY % (f"lib{seed}x{i}", f"f{seed}x{i}"))
    client.call("SELECT", str(seed % 16))
    for name, count in (("small", 5), ("large", 700)):
        elements = [f"element-{i}-" + "x" * (i % 90) for i in range(count)]
        client.call("DEL", *(f"{kind}:{name}" for kind in ("list", "set", "hash", "zset", "ints")))
        client.call("RPUSH", f"list:{name}", *elements)
        client.call("SADD", f"set:{name}", *elements)
        client.call("SADD", f"ints:{name}", *(str(i * 1000003) for i in range(count)))
        client.call("HSET", f"hash:{name}", *(word for i, element in enumerate(elements) for word in (element, str(i))))
        client.call("ZADD", f"zset:{name}", *(word for i, element in enumerate(elements) for word in (str(i / 7), element)))
        for i in range(count):
            client.call("XADD", f"stream:{name}:{seed}", f"{i + 1}-1", "field", elements[i])
        client.call("XGROUP", "CREATE", f"stream:{name}:{seed}", "group", "0")
        client.call("XREADGROUP", "GROUP", "group", "consumer", "COUNT", str(count // 2), "STREAMS", f"stream:{name}:{seed}", ">")
    client.call("SET", "compressible", "abc" * 40000)
    client.call("SET", "expires", "later", "PXAT", "4102444800123")


def fingerprint(server):
    """The digest of all keys, how many expire in each database, and the libraries."""
    keyspace = {name: value for name, value in server.info("keyspace").items()}
    counts = {name: [part for part in str(value).split(",") if not part.startswith("avg_ttl")] for name, value in keyspace.items()}
    libraries = server.value("FUNCTION", "LIST", "WITHCODE")
    return server.value("DEBUG", "DIGEST"), counts, sorted(dict(zip(each[::2], each[1::2]))[b"library_code"] for each in libraries)


class RdbFileTest(kt.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def server(self, name):
        directory = self.folder / name
        directory.mkdir(exist_ok=True)
        return self.start(kt.RedisServer(dir=str(directory), dbfilename="dump.rdb", enable_debug_command="yes"))

    def convert(self, source, target):
        target.parent.mkdir(exist_ok=True)
        return subprocess.run([CONVERTER, str(source), str(target)], capture_output=True, text=True)

    def test_there_and_back(self):
        server = self.server("from")
        client = server.client()
        for seed in range(1, ROUNDS + 1):
            fill(client, seed)
            # Nothing may expire between here and there.
            server.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            client.call("SAVE")
            source, target = self.folder / "from" / "dump.rdb", self.folder / f"to{seed}" / "dump.rdb"
            done = self.convert(source, target)
            self.assertEqual(done.returncode, 0, done.stderr)
            checked = subprocess.run(["redis-check-rdb", str(target)], capture_output=True, text=True)
            self.assertEqual(checked.returncode, 0, checked.stdout)
            # What redis-server makes of its own file is what it is to make of ours.
            own = self.folder / f"own{seed}"
            own.mkdir()
            (own / "dump.rdb").write_bytes(source.read_bytes())
            reference, ours = self.server(f"own{seed}"), self.server(f"to{seed}")
            self.assertEqual(fingerprint(ours), fingerprint(reference), f"seed {seed}")
            self.assertGreater(len(reference.info("keyspace")), 1)
            reference.cleanup()
            ours.cleanup()
            client.call("SELECT", "0")

    def test_refuses_what_is_broken(self):
        server = self.server("from")
        server.call("SET", "a", "1")
        server.call("RPUSH", "l", "x", "y")
        server.call("SAVE")
        whole = (self.folder / "from" / "dump.rdb").read_bytes()
        broken = {"cut": whole[:-20], "empty": b"", "magic": b"RADIS" + whole[5:], "version": whole[:5] + b"0011" + whole[9:],
                  "checksum": whole[:-1] + bytes([whole[-1] ^ 1]), "longer": whole + b"x"}
        for name, data in broken.items():
            source = self.folder / name
            source.write_bytes(data)
            done = self.convert(source, self.folder / "out" / "dump.rdb")
            self.assertEqual(done.returncode, 1, name)
            self.assertNotEqual(done.stderr, "", name)
        unchecked = self.folder / "unchecked"
        unchecked.write_bytes(whole[:-8] + bytes(8))
        self.assertEqual(self.convert(unchecked, self.folder / "out" / "dump.rdb").returncode, 0)


if __name__ == "__main__":
    kt.main()
