#!/usr/bin/python3
"""Files move between redis-server and the shard in both directions: the RDB file, the append-only file of Redis 7 (a folder with a
manifest) and that of Redis 6 (one file). Whoever wrote them, redis-check-rdb and redis-check-aof accept them, and both programs,
started with a copy, hold the data set of the writer: every type in every encoding, big values, functions, expiries, several
databases, what eviction knows of the keys."""

import os
import pathlib
import shutil
import subprocess
import sys

import keyway_testing as kt

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent / "random"))

from generator import Generator  # noqa: E402

SEED = int(os.environ.get("KEYWAY_SEED", "1"))
REQUESTS = int(os.environ.get("KEYWAY_REQUESTS", "600"))
LIBRARY = "#!lua name=%s\nredis.register_function('%s', function(keys, args) return 1 end)"
SECONDS = 60.0


def words(*pairs):
    return [word for pair in pairs for word in pair]


def fill(server, seed, big=False):
    """What random requests leave, and each type in each encoding. `big`: with values of 100,000 elements and of megabytes."""
    client = server.client(timeout=SECONDS)
    generator = Generator(seed)
    for _ in range(REQUESTS):
        client.call(*generator.request())
    client.call("RESET")
    for i in range(3):
        client.call("FUNCTION", "LOAD", "REPLACE", LIBRARY % (f"lib{seed}x{i}", f"f{seed}x{i}"))
    for database in (0, 5):
        client.call("SELECT", str(database))
        for name, count in (("small", 5), ("large", 700), *([("huge", 100_000)] if big and database == 0 else [])):
            texts = [f"element-{i}-" + "x" * (i % 90) for i in range(count)]
            for key, request in (("list", ["RPUSH", *texts]), ("set", ["SADD", *texts]), ("ints", ["SADD", *(str(i * 1000003) for i in range(count))]),
                                 ("hash", ["HSET", *words(*((text, str(i)) for i, text in enumerate(texts)))]),
                                 ("zset", ["ZADD", *words(*((str(i / 7), text) for i, text in enumerate(texts)))])):
                client.call("DEL", f"{key}:{name}")
                client.call(request[0], f"{key}:{name}", *request[1:])
        stream(client, "stream", 700)
        stream(client, "stream:small", 3)
        client.call("XADD", "stream:empty", "MAXLEN", "0", "5-5", "a", "b")
        # In a file these are exact, and keep their limits.
        client.call("XADD", "stream:small", "MAXLEN", "~", "1", "LIMIT", "25", "*", "a", "b")
        client.call("XTRIM", "stream", "MAXLEN", "~", "500", "LIMIT", "100")
        client.call("XGROUP", "CREATE", "stream:empty", "group", "$")
        client.call("HSET", "hash:long", "field", "v" * 100)
        client.call("ZADD", "zset:long", "1.5", "m" * 100, "-inf", "low", "inf", "high", "1e100", "much", "0.1", "tenth")
        client.call("DEL", "list:nodes")
        for size in (10, 9000, 100, 70_000, 3):
            client.call("RPUSH", "list:nodes", "n" * size, b"\x00\xff" * (size // 2))
        for name, value in (("int", "12345678901"), ("small int", "7"), ("embstr", "short"), ("raw", "r" * 60), ("compressible", "abc" * 40_000),
                            ("binary", bytes(range(256)) * 20), ("", "empty key"), ("empty", ""), ("big", bytes(range(251)) * (8000 if big else 12)),
                            ("appended", "x")):
            client.call("SET", name, value)
        client.call("APPEND", "appended", "y")
        client.call("SETBIT", "bits", "100000", "1")
        client.call("PFADD", "hll", *(str(i) for i in range(1000)))
        client.call("GEOADD", "geo", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania")
        client.call("SET", "expires", "later", "PXAT", "4102444800123")
        client.call("EXPIREAT", "hash:small", "4102444800")
        use = ("FREQ", "200") if b"lfu" in client.value("CONFIG", "GET", "maxmemory-policy")[1] else ("IDLETIME", "5000")
        client.call("RESTORE", "used", "0", client.value("DUMP", "embstr"), "REPLACE", *use)
    # Nothing may expire while the files are compared.
    for database in range(16):
        client.call("SELECT", str(database))
        for key in client.value("KEYS", "*"):
            if 0 <= client.value("PTTL", key) < 3_600_000:
                client.call("PEXPIREAT", key, "4102444800456")
    client.close()


def stream(client, key, count):
    """With deleted entries, groups, pending entries, and a consumer that has none."""
    client.call("DEL", key)
    for i in range(count):
        client.call("XADD", key, f"{i + 1}-{i % 3}", "field", f"value {i}", *(["other", str(i)] if i % 5 == 0 else []))
    client.call("XDEL", key, "2-1")
    for group in ("group", "second"):
        client.call("XGROUP", "CREATE", key, group, "0")
        client.call("XREADGROUP", "GROUP", group, "alice", "COUNT", str(count // 2), "STREAMS", key, ">")
        client.call("XREADGROUP", "GROUP", group, "bob", "COUNT", "1", "STREAMS", key, ">")
        client.call("XACK", key, group, "1-0")
    client.call("XGROUP", "CREATECONSUMER", key, "group", "idle")


def more(server):
    """What comes after a snapshot or a rewrite."""
    with server.client(timeout=SECONDS) as client:
        for i in range(300):
            client.call("RPUSH", "list:more", str(i))
            client.call("XADD", "stream", "*", "n", str(i))
            client.call("INCR", "counter")
        client.call("SELECT", "3")
        client.call("MULTI")
        client.call("SADD", "set:more", "a", "b", "c")
        client.call("SET", "later", "x", "EX", "100000000")
        client.call("EXEC")
        client.call("SPOP", "set:more")
        client.call("FUNCTION", "LOAD", LIBRARY % ("more", "more"))


def without_seen_times(reply):
    """A reply of XINFO STREAM FULL without what an append-only file does not keep."""
    if not isinstance(reply, list):
        return reply
    if b"seen-time" in [item for item in reply if isinstance(item, bytes)]:
        at = reply.index(b"seen-time")
        reply = reply[:at] + reply[at + 2:]
    # Where the nodes of streams begin and end differs by how they were made.
    for name in (b"radix-tree-keys", b"radix-tree-nodes"):
        if name in [item for item in reply if isinstance(item, bytes)]:
            at = reply.index(name)
            reply = reply[:at] + reply[at + 2:]
    return [without_seen_times(item) for item in reply]


class Holdings:
    """What a server holds: equal, `uses` nearly, whatever program it is."""

    def __init__(self, server):
        with server.client(timeout=SECONDS) as client:
            self.digest = client.value("DEBUG", "DIGEST")
            self.libraries = sorted(dict(zip(each[::2], each[1::2]))[b"library_code"] for each in client.value("FUNCTION", "LIST", "WITHCODE"))
            self.policy = client.value("CONFIG", "GET", "maxmemory-policy")[1]
            self.use = "FREQ" if b"lfu" in self.policy else "IDLETIME"
            self.uses, self.keys, self.encodings, self.streams = {}, {}, {}, {}
            for database in range(16):
                client.call("SELECT", str(database))
                for key in client.value("KEYS", "*"):
                    self.uses[database, key] = client.value("OBJECT", self.use, key)
                    encoding = self.encodings[database, key] = client.value("OBJECT", "ENCODING", key)
                    self.keys[database, key] = client.value("PEXPIRETIME", key)
                    if encoding == b"stream":
                        self.streams[database, key] = client.value("XINFO", "STREAM", key, "FULL", "COUNT", "0")


class PersistenceInteropTest(kt.TestCase):
    maxDiff = 3000

    def folder(self, name):
        path = pathlib.Path(self.temporary_folder()) / name
        path.mkdir()
        return path

    def started(self, kind, folder, directives):
        server = self.start(kind(dir=str(folder), enable_debug_command="yes", save="", **directives))
        server.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        return server

    def loads(self, kind, source, directives):
        """What a server of that kind holds that starts with a copy of the files in `source`."""
        folder = self.folder("copy")
        shutil.copytree(source, folder, dirs_exist_ok=True)
        server = self.started(kind, folder, directives)
        holdings = Holdings(server)
        self.assertEqual(server.call("SET", "writable", "yes"), b"+OK\r\n")
        server.cleanup()
        return holdings

    def assertBothLoad(self, source, writer, directives, aof):
        """Both programs make of the files what `writer` held, and the same."""
        ours, theirs = self.loads(kt.KeywayShard, source, directives), self.loads(kt.RedisServer, source, directives)
        for holdings in (ours, theirs):
            self.assertEqual(holdings.keys, writer.keys)
            self.assertEqual(holdings.digest, writer.digest)
            self.assertEqual(holdings.libraries, writer.libraries)
        self.assertEqual(ours.encodings, theirs.encodings)
        for key, of_theirs in theirs.streams.items():
            of_ours, of_writer = ours.streams[key], writer.streams[key]
            self.assertEqual(of_ours if not aof else without_seen_times(of_ours), of_theirs if not aof else without_seen_times(of_theirs), key)
            if not aof:
                self.assertEqual(of_theirs, of_writer, key)
        for key, of_theirs in theirs.uses.items():
            # redis-server keeps one object for all keys with the same small number.
            if theirs.encodings[key] == b"int":
                continue
            # Counters grow by chance where commands are executed.
            self.assertAlmostEqual(ours.uses[key], of_theirs, delta=60 if writer.use == "IDLETIME" else 20 if aof else 2, msg=key)
            # A file says of the use of keys what the policy wants to know.
            if not aof and (b"lru" in writer.policy or b"lfu" in writer.policy):
                self.assertAlmostEqual(of_theirs, writer.uses[key], delta=2 if writer.use == "FREQ" else 60, msg=key)

    def check(self, program, path):
        done = subprocess.run([program, str(path)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    # --- The RDB file.

    def moves_rdb(self, kind, directives=None, seed=SEED):
        folder = self.folder("writer")
        server = self.started(kind, folder, directives or {})
        fill(server, seed, big=directives is None)
        directives = directives or {}
        holdings = Holdings(server)
        with server.client(timeout=SECONDS) as client:
            self.assertEqual(client.call("SAVE"), b"+OK\r\n")
        server.cleanup()
        self.check("redis-check-rdb", folder / "dump.rdb")
        self.assertBothLoad(folder, holdings, directives, aof=False)

    def test_rdb_of_the_shard(self):
        self.moves_rdb(kt.KeywayShard)

    def test_rdb_of_redis(self):
        self.moves_rdb(kt.RedisServer)

    def test_rdb_with_what_eviction_knows(self):
        for kind in (kt.KeywayShard, kt.RedisServer):
            for directives in ({"maxmemory_policy": "allkeys-lfu", "lfu_decay_time": 0}, {"maxmemory_policy": "volatile-lru"}):
                with self.subTest(kind.__name__, **directives):
                    self.moves_rdb(kind, directives, seed=SEED + 1)

    def test_rdb_without_checksum_or_compression(self):
        for kind in (kt.KeywayShard, kt.RedisServer):
            for directives in ({"rdbchecksum": "no"}, {"rdbcompression": "no"}, {"rdbchecksum": "no", "rdbcompression": "no"}):
                with self.subTest(kind.__name__, **directives):
                    self.moves_rdb(kind, directives, seed=SEED + 2)

    def test_rdb_of_a_child(self):
        folder = self.folder("writer")
        server = self.started(kt.KeywayShard, folder, {})
        fill(server, SEED + 3)
        holdings = Holdings(server)
        self.assertTrue(server.call("BGSAVE").startswith(b"+"))
        kt.wait_until(lambda: server.info("persistence")["rdb_bgsave_in_progress"] == "0", SECONDS, "the child")
        self.assertEqual(server.info("persistence")["rdb_last_bgsave_status"], "ok")
        server.cleanup()
        self.check("redis-check-rdb", folder / "dump.rdb")
        self.assertBothLoad(folder, holdings, {}, aof=False)

    # --- The append-only file.

    def rewrite(self, server):
        self.assertTrue(server.call("BGREWRITEAOF").startswith(b"+"))

        def is_over():
            info = server.info("persistence")
            return info["aof_rewrite_in_progress"] == "0" and info["aof_rewrite_scheduled"] == "0"

        kt.wait_until(is_over, SECONDS, "the rewrite")
        self.assertEqual(server.info("persistence")["aof_last_bgrewrite_status"], "ok")

    def write_aof(self, kind, directives, rewritten, seed):
        """The folder and the holdings of its writer, which has ended."""
        folder = self.folder("writer")
        server = self.started(kind, folder, directives)
        fill(server, seed, big=rewritten and "appendfilename" in directives)
        if rewritten:
            self.rewrite(server)
        more(server)
        holdings = Holdings(server)
        server.stop()
        return folder, holdings

    def moves_aof(self, kind, directives, rewritten, seed):
        directives = {"appendonly": "yes", **directives}
        folder, holdings = self.write_aof(kind, directives, rewritten, seed)
        self.check("redis-check-aof", folder / "appendonlydir" / "appendonly.aof.manifest")
        self.assertBothLoad(folder, holdings, directives, aof=True)

    def test_aof(self):
        for kind in (kt.KeywayShard, kt.RedisServer):
            for rewritten in (False, True):
                for preamble in ("yes", "no"):
                    with self.subTest(kind.__name__, rewritten=rewritten, preamble=preamble):
                        self.moves_aof(kind, {"aof_use_rdb_preamble": preamble}, rewritten, SEED + 4)

    def test_aof_with_other_options(self):
        for kind in (kt.KeywayShard, kt.RedisServer):
            for directives in ({"aof_timestamp_enabled": "yes", "appendfsync": "always"}, {"appendfilename": "other name.aof", "appenddirname": "other-dir"},
                               {"maxmemory_policy": "allkeys-lfu", "rdbcompression": "no", "rdbchecksum": "no"}):
                with self.subTest(kind.__name__, **directives):
                    name, where = directives.get("appendfilename", "appendonly.aof"), directives.get("appenddirname", "appendonlydir")
                    folder, holdings = self.write_aof(kind, {"appendonly": "yes", **directives}, True, SEED + 5)
                    self.check("redis-check-aof", folder / where / f"{name}.manifest")
                    self.assertBothLoad(folder, holdings, {"appendonly": "yes", **directives}, aof=True)

    # A folder that one program goes on with where the other has ended.
    def test_aof_goes_on(self):
        folder = self.folder("shared")
        directives = {"appendonly": "yes"}
        for turn, kind in enumerate((kt.RedisServer, kt.KeywayShard, kt.RedisServer, kt.KeywayShard)):
            server = self.started(kind, folder, directives)
            with server.client() as client:
                for i in range(turn):
                    self.assertEqual(client.value("LRANGE", f"turn:{i}", "0", "-1"), [b"%d" % n for n in range(200)])
                for n in range(100):
                    client.call("RPUSH", f"turn:{turn}", str(n))
            self.rewrite(server)
            for n in range(100, 200):
                server.call("RPUSH", f"turn:{turn}", str(n))
            holdings = Holdings(server)
            server.stop()
            self.check("redis-check-aof", folder / "appendonlydir" / "appendonly.aof.manifest")
        self.assertBothLoad(folder, holdings, directives, aof=True)

    # --- The single file of Redis 6.

    def test_aof_of_redis_6(self):
        for preamble in ("yes", "no"):
            for rewritten in (False, True):
                with self.subTest(preamble=preamble, rewritten=rewritten):
                    directives = {"appendonly": "yes", "aof_use_rdb_preamble": preamble}
                    source, holdings = self.write_aof(kt.RedisServer, directives, rewritten, SEED + 6)
                    parts = [line.split()[1] for line in (source / "appendonlydir" / "appendonly.aof.manifest").read_text().splitlines()]
                    folder = self.folder("old")
                    (folder / "appendonly.aof").write_bytes(b"".join((source / "appendonlydir" / part).read_bytes() for part in parts))
                    self.assertBothLoad(folder, holdings, directives, aof=True)
                    made = []
                    for kind in (kt.KeywayShard, kt.RedisServer):
                        copy = self.folder("copy")
                        shutil.copytree(folder, copy, dirs_exist_ok=True)
                        server = self.started(kind, copy, directives)
                        server.stop()
                        made.append({str(path.relative_to(copy)): path.read_bytes() for path in sorted(copy.rglob("*")) if path.is_file()})
                    self.assertEqual([sorted(each) for each in made][0], [sorted(each) for each in made][1])
                    manifest = "appendonlydir/appendonly.aof.manifest"
                    self.assertEqual(made[0][manifest], made[1][manifest])


if __name__ == "__main__":
    kt.main()
