#!/usr/bin/python3
"""What a shard makes of files when it starts, beside redis-server: both get copies of the same files, made by redis-server or by hand and
then damaged. They start or refuse alike, say the same of it, and hold the same data."""

import os
import pathlib
import re
import signal
import time

import keyway_testing as kt

_DIRECTIVES = {"save": "", "enable_debug_command": "yes"}
_LIMIT_SECONDS = 30
_AOF = "appendonlydir/appendonly.aof"
_INCR = _AOF + ".1.incr.aof"
_MANIFEST = _AOF + ".manifest"
_ONE_INCR = b"file appendonly.aof.1.incr.aof seq 1 type i\n"
_LIBRARY = "#!lua name=lib\nredis.register_function('f', function(keys, args) return redis.call('SET', keys[1], args[1]) end)"


def request(*words):
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def rdb(*parts, version=b"0010"):
    """A file by hand, without a checksum."""
    return b"REDIS" + version + b"".join(parts) + b"\xff" + bytes(8)


def rdb_string(key, value):
    return b"\x00" + bytes([len(key)]) + key + bytes([len(value)]) + value


def aof(*requests):
    """The files of an append-only file that has only commands."""
    return {_MANIFEST: _ONE_INCR, _INCR: b"".join(requests)}


class LoadingTest(kt.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made = cls.make_files()

    @classmethod
    def make_files(cls):
        """{path: contents} of what a redis-server with some of everything has left: dump.rdb and an AOF with base and increment."""
        server = kt.RedisServer(appendonly="yes", **_DIRECTIVES)
        try:
            server.start()
            with server.client() as client:
                cls.fill(client, "before")
                client.call("BGREWRITEAOF")
                kt.wait_until(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0"
                              and os.path.exists(os.path.join(server.folder, _AOF + ".2.base.rdb")), _LIMIT_SECONDS)
                cls.fill(client, "after")
                client.call("SAVE")
            server.stop()
            root = pathlib.Path(server.folder)
            return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*")
                    if path.is_file() and (path.name == "dump.rdb" or path.parent.name == "appendonlydir")}
        finally:
            server.cleanup()

    @staticmethod
    def fill(client, name):
        for database in (0, 3, 15):
            client.call("SELECT", str(database))
            client.call("SET", f"{name}:string", "value")
            client.call("SET", f"{name}:expires", "later", "EX", "100000")
            client.call("RPUSH", f"{name}:list", *(str(i) for i in range(300)))
            client.call("HSET", f"{name}:hash", *(str(i) for i in range(300)))
            client.call("SADD", f"{name}:set", *(f"m{i}" for i in range(300)))
            client.call("ZADD", f"{name}:zset", *(str(i) for i in range(600)))
            client.call("XADD", f"{name}:stream", "1-1", "field", "value")
            client.call("XGROUP", "CREATE", f"{name}:stream", "group", "0")
            client.call("XREADGROUP", "GROUP", "group", "consumer", "STREAMS", f"{name}:stream", ">")
            for word in ("MULTI", "EXEC"):
                client.call(word)
                if word == "MULTI":
                    client.call("INCR", f"{name}:counter")
                    client.call("INCR", f"{name}:counter")
            client.call("EVAL", "redis.call('SET', KEYS[1], 'x') redis.call('INCR', KEYS[2])", "2", f"{name}:script", f"{name}:counter")
            client.call("SET", f"{name}:gone", "x", "PX", "1")
        client.call("FUNCTION", "LOAD", "REPLACE", _LIBRARY)
        client.call("FCALL", "f", "1", f"{name}:function", "x")
        client.call("SELECT", "0")
        kt.wait_until(lambda: client.value("GET", f"{name}:gone") is None, _LIMIT_SECONDS)

    def put(self, server, files):
        for name, contents in files.items():
            path = pathlib.Path(server.folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)

    def pair(self, files, **directives):
        """redis-server and a shard on copies of the files; each runs when this returns, or has ended."""
        servers = []
        for kind in (kt.RedisServer, kt.KeywayShard):
            server = kind(**{**_DIRECTIVES, **directives})
            self.addCleanup(server.cleanup)
            self.put(server, files)
            server.start(wait=False)
            servers.append(server)
        for server in servers:
            kt.wait_until(lambda s=server: s.is_ready() or not s.is_alive(), _LIMIT_SECONDS)
        return servers

    def says(self, server, texts):
        for text in texts:
            self.assertIn(text, server.output())

    def both_start(self, files, *texts, **directives):
        """Returns them; they hold the same data."""
        reference, shard = self.pair(files, **directives)
        for server in (reference, shard):
            self.assertTrue(server.is_alive(), f"{type(server).__name__}: {server.output()}")
            self.says(server, texts)
        self.same_data(reference, shard)
        return reference, shard

    def same_data(self, reference, shard):
        def fingerprint(server):
            keyspace = {name: re.sub(",avg_ttl=.*", "", value) for name, value in server.info("keyspace").items()}
            return server.value("DEBUG", "DIGEST"), keyspace, server.value("FUNCTION", "LIST", "WITHCODE")

        # What has expired goes when it is come across, not at once.
        deadline = time.monotonic() + _LIMIT_SECONDS
        while fingerprint(reference) != fingerprint(shard) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(fingerprint(shard), fingerprint(reference))

    def both_refuse(self, files, *texts, ours=(), **directives):
        for server in self.pair(files, **directives):
            self.assertFalse(server.is_alive(), f"{type(server).__name__} has started")
            self.assertEqual(server.wait(), 1, server.output())
            self.says(server, texts)
        self.says(server, ours)
        return server

    def lines(self, server, begin):
        return [line.split(begin, 1)[1] for line in server.output().splitlines() if begin in line]

    # --- RDB

    def test_rdb(self):
        files = {"dump.rdb": self.made["dump.rdb"]}
        reference, shard = self.both_start(files, "Loading RDB produced by version 7.0.15", "RDB age ", "DB loaded from disk: ")
        self.assertGreater(len(reference.info("keyspace")), 2)
        for begin in ("Done loading RDB", "RDB memory usage when created"):
            self.assertEqual(self.lines(shard, begin), self.lines(reference, begin))
        for name in ("rdb_last_load_keys_loaded", "rdb_last_load_keys_expired", "loading", "rdb_changes_since_last_save"):
            self.assertEqual(shard.info("persistence")[name], reference.info("persistence")[name], name)
        for name in ("keyspace_hits", "keyspace_misses", "expired_keys"):
            self.assertEqual(shard.info("stats")[name], reference.info("stats")[name], name)
        self.assertEqual(shard.value("FCALL", "f", "1", "k", "v"), "OK")

    def test_no_file_is_an_empty_start(self):
        reference, shard = self.both_start({})
        self.assertEqual(shard.info("keyspace"), {})

    def test_keys_that_have_expired(self):
        past = b"\xfc" + (1000).to_bytes(8, "little")
        future = b"\xfc" + (4102444800123).to_bytes(8, "little")
        file = rdb(b"\xfe\x00\xfb\x03\x02", past + rdb_string(b"past", b"x"), future + rdb_string(b"future", b"x"), rdb_string(b"k", b"x"))
        for server in self.both_start({"dump.rdb": file}, "Done loading RDB, keys loaded: 2, keys expired: 1.",
                                      "RDB file was saved with checksum disabled: no check performed."):
            self.assertEqual(server.value("PTTL", "k"), -1)
            self.assertEqual(server.value("PEXPIRETIME", "future"), 4102444800123)

    def test_access_times(self):
        idle = b"\xf8\x80\x00\x00\x03\xe8" + rdb_string(b"k", b"x")
        for server in self.both_start({"dump.rdb": rdb(idle)}):
            self.assertIn(server.value("OBJECT", "IDLETIME", "k"), range(990, 1100))
        often = b"\xf9\xc8" + rdb_string(b"k", b"x")
        for server in self.both_start({"dump.rdb": rdb(often)}, maxmemory_policy="allkeys-lfu"):
            self.assertIn(server.value("OBJECT", "FREQ", "k"), range(195, 201))

    def test_aux_fields(self):
        aux = b"\xfa\x05%what\x03now" + b"\xfa\x07unknown\x01x" + b"\xfa\x08aof-base\xc0\x01"
        self.both_start({"dump.rdb": rdb(aux)}, "RDB '%what': now", "Unrecognized RDB AUX field: 'unknown'", "RDB is base AOF",
                        loglevel="debug")

    def test_broken_rdb(self):
        whole = self.made["dump.rdb"]
        wrong_sum = whole[:-1] + bytes([whole[-1] ^ 1])
        for name, file, text in (
                ("empty", b"", "Short read or OOM loading DB"),
                ("cut", whole[:-100], "Internal error in RDB reading offset "),
                ("cut in header", whole[:7], "Short read or OOM loading DB"),
                ("no end", whole[:-9], "Short read or OOM loading DB"),
                ("no RDB", b"RADIS" + whole[5:], "Wrong signature trying to load DB from file"),
                ("newer", whole[:5] + b"0011" + whole[9:], "Can't handle RDB format version 11"),
                ("sum", wrong_sum, "Wrong RDB checksum expected: ("),
                ("twice", rdb(rdb_string(b"k", b"x") * 2), "RDB has duplicated key 'k' in DB 0"),
                ("function", rdb(b"\xf5\x04nope"), "Failed loading library, ")):
            with self.subTest(name):
                reference, shard = self.pair({"dump.rdb": file})
                for server in (reference, shard):
                    self.assertFalse(server.is_alive(), f"{name}: {type(server).__name__} has started")
                self.assertEqual(shard.wait(), 1, name)
                # Of a key that is there twice redis-server dies by an assertion; with a library that it cannot load its checker finds
                # the file in order.
                if name not in ("twice", "function"):
                    self.assertEqual(reference.wait(), 1, name)
                self.says(shard, ["dump.rdb", "redis-check-rdb", "offset"])
                for server in (reference, shard):
                    self.says(server, [text])
        self.both_start({"dump.rdb": wrong_sum}, rdbchecksum="no")

    def test_more_databases_than_there_are(self):
        self.both_refuse({"dump.rdb": self.made["dump.rdb"]},
                         "FATAL: Data file was created with a Redis server configured to handle more than 4 databases. Exiting",
                         databases="4")

    # --- AOF

    def multi_part(self):
        return {name: contents for name, contents in self.made.items() if name != "dump.rdb"}

    def last(self, files):
        return next(name for name in files if name.endswith("incr.aof"))

    def test_multi_part(self):
        reference, shard = self.both_start(self.multi_part(), "Reading RDB base file on AOF loading...", "RDB is base AOF",
                                           "DB loaded from base file appendonly.aof.2.base.rdb: ",
                                           "DB loaded from incr file appendonly.aof.2.incr.aof: ", "DB loaded from append only file: ",
                                           appendonly="yes")
        self.assertGreater(len(reference.info("keyspace")), 2)
        for name in ("keyspace_hits", "keyspace_misses"):
            self.assertEqual(shard.info("stats")[name], "0", name)
        self.assertNotIn("cmdstat_incr", shard.info("commandstats"))
        self.assertEqual(shard.info("persistence")["rdb_changes_since_last_save"], "0")

    def test_no_append_only_file(self):
        # The RDB file is not looked at.
        for server in self.both_start({"dump.rdb": self.made["dump.rdb"]}, appendonly="yes"):
            self.assertEqual(server.value("DBSIZE"), 0)

    def test_append_only_is_off(self):
        for server in self.both_start(self.multi_part()):
            self.assertEqual(server.value("DBSIZE"), 0)
        files = {**self.multi_part(), _MANIFEST: b"nonsense\n"}
        self.both_refuse(files, "*** FATAL AOF MANIFEST FILE ERROR ***")

    def test_an_empty_last_file(self):
        files = self.multi_part()
        files[self.last(files)] = b""
        self.both_start(files, "DB loaded from append only file: ", appendonly="yes")
        self.both_start({_MANIFEST: _ONE_INCR, _INCR: b""}, appendonly="yes")

    def test_files_that_are_missing(self):
        for missing in (name for name in self.multi_part() if not name.endswith("manifest")):
            with self.subTest(missing):
                files = self.multi_part()
                del files[missing]
                self.both_refuse(files, f"Unable to obtain the AOF file {missing.split('/')[1]} length. stat: No such file or directory",
                                 appendonly="yes")
        files = self.multi_part()
        del files[_MANIFEST]
        self.both_start(files, appendonly="yes")

    def test_broken_manifests(self):
        for text, error in ((b"", "Found an empty AOF manifest"), (b"file x seq 1\n", "Invalid AOF manifest file format"),
                            (b"file x seq 1 type z\n", "Unknown AOF file type"), (_ONE_INCR * 2, "Found a non-monotonic sequence number"),
                            (b"file b seq 1 type b\nfile c seq 2 type b\n", "Found duplicate base file information"),
                            (_ONE_INCR[:-1], "The AOF manifest file contains too long line"),
                            (b"file ../x seq 1 type i\n", "File can't be a path, just a filename")):
            with self.subTest(error):
                server = self.both_refuse({_MANIFEST: text, _INCR: b""}, "*** FATAL AOF MANIFEST FILE ERROR ***", error, appendonly="yes")
                if b"\n" in text:
                    self.says(server, ["Reading the manifest file, at line "])
        self.both_start({_MANIFEST: b"# a comment\n" + _ONE_INCR, _INCR: request("SET", "a", "1")}, appendonly="yes")
        leftover = {_MANIFEST + ".tmp": b"file", "appendonlydir/temp-appendonly.aof.manifest": b"file"}
        self.both_start({**aof(request("SET", "a", "1")), **leftover}, appendonly="yes")

    def test_the_single_file_of_redis_6(self):
        commands = request("SELECT", "0") + request("SET", "a", "1") + request("RPUSH", "l", "x")
        preamble = self.made["dump.rdb"]
        adopted = b"file appendonly.aof seq 1 type b\n"
        for name, files in (("commands", {"appendonly.aof": commands}),
                            ("preamble", {"appendonly.aof": preamble + commands}),
                            ("empty manifest", {"appendonly.aof": commands, _MANIFEST: b"# nothing\n"}),
                            ("half done", {"appendonly.aof": commands, _MANIFEST: adopted})):
            with self.subTest(name):
                for server in self.both_start(files, "Successfully migrated an old-style AOF file (appendonly.aof) into the AOF directory "
                                              "(appendonlydir).", "DB loaded from base file appendonly.aof: ", appendonly="yes"):
                    folder = pathlib.Path(server.folder)
                    self.assertFalse((folder / "appendonly.aof").exists())
                    self.assertEqual((folder / _AOF).read_bytes(), files["appendonly.aof"])
                    self.assertTrue((folder / _MANIFEST).read_bytes().startswith(adopted))
                    if name == "preamble":
                        self.says(server, ["Reading RDB preamble from AOF file...", "Reading the remaining AOF tail..."])
        # Both are there: the one in the directory counts.
        files = {"appendonly.aof": commands, _AOF: request("SET", "b", "1"), _MANIFEST: adopted}
        for server in self.both_start(files, appendonly="yes"):
            self.assertEqual(server.value("GET", "b"), b"1")
            self.assertTrue((pathlib.Path(server.folder) / "appendonly.aof").exists())

    def test_what_commands_do(self):
        """Expiry, errors, and commands that Redis 7 no longer writes."""
        files = aof(request("SELECT", "0"), request("SET", "a", "1"), request("PEXPIREAT", "a", "1000"), request("INCR", "a"),
                    request("PERSIST", "a"),
                    request("SET", "b", "1", "PXAT", "1000"), request("APPEND", "b", "x"), request("GETEX", "b", "PERSIST"),
                    request("SET", "gone", "1"), request("EXPIREAT", "gone", "1"),
                    request("SET", "c", "1"), request("EXPIRE", "c", "1000"), request("SETEX", "d", "1000", "x"),
                    request("LPUSH", "a", "not a list"), request("GET", "a"), request("PING"),
                    request("eval", "return redis.call('SET', KEYS[1], ARGV[1])", "1", "e", "1"), request("SCRIPT", "LOAD", "return 1"),
                    request("FUNCTION", "LOAD", _LIBRARY), request("FCALL", "f", "1", "f", "1"),
                    request("MULTI"), request("SET", "m", "1"), request("SELECT", "3"), request("SET", "m", "2"), request("EXEC"),
                    request("RPUSH", "list", "x"), request("BLPOP", "list", "0"), request("BLPOP", "list", "0"),
                    request("SWAPDB", "3", "4"), b"#TS:1700000000\r\n", request("SET", "last", "1"))
        for server in self.both_start(files, appendonly="yes"):
            self.assertEqual(server.value("GET", "a"), b"2")
            self.assertEqual(server.value("GET", "b"), b"1x")
            self.assertEqual(server.value("EXISTS", "gone"), 0)
            self.assertIn(server.value("TTL", "c"), range(900, 1001))
            self.assertLess(server.value("OBJECT", "IDLETIME", "a"), 100)

    def test_unknown_commands(self):
        self.both_refuse(aof(request("SET", "a", "1"), request("NOSUCH", "x")),
                         "Unknown command 'NOSUCH' reading the append only file appendonly.aof.1.incr.aof", appendonly="yes")

    def test_a_database_that_is_not_there(self):
        # redis-server puts what follows into the database that was selected before.
        _, shard = self.pair(aof(request("SELECT", "9"), request("SET", "a", "1")), appendonly="yes", databases="4")
        self.assertFalse(shard.is_alive())
        self.says(shard, ["configured to handle more than 4 databases. Exiting"])

    def test_bad_format(self):
        good = request("SET", "a", "1")
        for name, bad in (("text", b"nonsense\r\n" + good), ("count", b"*0\r\n"), ("length", b"*1\r\n:5\r\n"), ("zeros", bytes(100))):
            with self.subTest(name):
                self.both_refuse(aof(good, bad), "Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup of "
                                 "your AOF file, then use ./redis-check-aof --fix <filename.manifest>",
                                 ours=[f"sound up to offset {len(good)}"], appendonly="yes")

    def check_cut(self, good, tail, offset=None):
        """The last file ends in `tail`, which goes."""
        name = "appendonly.aof.1.incr.aof"
        for server in self.both_start(aof(good, tail), f"!!! Warning: short read while loading the AOF file {name}!!!",
                                      f"!!! Truncating the AOF {name} at offset {len(good) if offset is None else offset} !!!",
                                      f"AOF {name} loaded anyway because aof-load-truncated is enabled", appendonly="yes"):
            self.assertEqual((pathlib.Path(server.folder) / _INCR).read_bytes(), good)
        self.both_refuse(aof(good, tail), f"Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your "
                         "AOF file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the "
                         "'aof-load-truncated' configuration option to yes and restart the server.",
                         ours=[f"sound up to offset {len(good)}"], appendonly="yes", aof_load_truncated="no")

    def test_a_tail_that_is_cut_off(self):
        good = request("SET", "a", "1") + request("MULTI") + request("INCR", "a") + request("EXEC")
        command = request("RPUSH", "list", "some", "elements")
        for length in (1, 3, 4, 6, 12, len(command) - 1):
            with self.subTest(length):
                self.check_cut(good, command[:length])

    def test_a_transaction_without_its_end(self):
        good = request("SET", "a", "1")
        self.check_cut(good, request("MULTI") + request("INCR", "a"))
        # redis-server leaves MULTI and INCR in the file here, and appends to them.
        reference, shard = self.both_start(aof(good, request("MULTI"), request("INCR", "a"), request("INCR", "a")[:9]), appendonly="yes")
        self.assertEqual((pathlib.Path(shard.folder) / _INCR).read_bytes(), good)

    def test_a_file_that_is_cut_off_and_is_not_the_last(self):
        files = {_MANIFEST: _ONE_INCR + b"file appendonly.aof.2.incr.aof seq 2 type i\n", _INCR: request("SET", "a", "1")[:-3],
                 _AOF + ".2.incr.aof": request("SET", "b", "1")}
        server = self.both_refuse(files, "Fatal error: the truncated file is not the last file", appendonly="yes")
        self.assertEqual((pathlib.Path(server.folder) / _INCR).read_bytes(), files[_INCR])

    def test_a_file_that_is_cut_off_and_that_nothing_follows(self):
        """A power cut at the begin of a rewrite may leave it so; redis-server wants an operator then."""
        good = request("SET", "a", "1")
        files = {_MANIFEST: _ONE_INCR + b"file appendonly.aof.2.incr.aof seq 2 type i\n", _INCR: good + request("SET", "b", "1")[:-3],
                 _AOF + ".2.incr.aof": b""}
        reference, shard = self.pair(files, appendonly="yes")
        self.assertFalse(reference.is_alive())
        self.assertTrue(shard.is_alive(), shard.output())
        kt.wait_until(lambda: "Ready to accept" in shard.output(), _LIMIT_SECONDS)
        self.assertEqual(shard.value("KEYS", "*"), [b"a"])
        self.assertEqual((pathlib.Path(shard.folder) / _INCR).read_bytes(), good)

    def test_a_base_that_is_cut_off(self):
        base = _AOF + ".1.base.rdb"
        manifest = b"file appendonly.aof.1.base.rdb seq 1 type b\n"
        whole = self.made[_AOF + ".2.base.rdb"]
        for contents in (whole[:-20], whole[:200], whole[:9]):
            for text in (manifest, manifest + _ONE_INCR):
                self.both_refuse({_MANIFEST: text, base: contents, _INCR: b""}, "RDB", appendonly="yes")

    def test_writes_after_a_tail_was_cut_off(self):
        _, shard = self.both_start(aof(request("SET", "a", "1"), request("SET", "b", "2")[:-4]), appendonly="yes", appendfsync="always")
        shard.call("SET", "c", "3")
        shard.kill()
        shard.start()
        self.assertEqual([shard.value("GET", key) for key in ("a", "b", "c")], [b"1", None, b"3"])

    # --- In a cluster

    def test_slots_of_a_cluster(self):
        keys = [b"k%d" % i for i in range(20)]
        files = {"dump.rdb": rdb(*(rdb_string(key, b"x") for key in keys))}
        reference, shard = self.pair(files, cluster_enabled="yes")
        for server in (reference, shard):
            self.assertTrue(server.is_alive(), server.output())
            self.says(server, ["I have keys for unassigned slot ", "Taking responsibility for it."])
            self.assertEqual(server.value("CLUSTER", "COUNTKEYSINSLOT", str(server.value("CLUSTER", "KEYSLOT", "k0"))), 1)
        self.assertEqual(sorted(self.lines(shard, "I have keys")), sorted(self.lines(reference, "I have keys")))

        def slots(server):
            return [line.split(" ", 8)[8] for line in server.value("CLUSTER", "NODES").decode().splitlines()]

        kt.wait_until(lambda: slots(shard) == slots(reference), _LIMIT_SECONDS)
        own, other = "a" * 40, "b" * 40
        files["nodes.conf"] = (f"{own} 127.0.0.1:1@10001 myself,master - 0 0 1 connected 0-8000\n"
                               f"{other} 127.0.0.1:2@10002 master - 0 0 2 connected 8001-16383\nvars currentEpoch 2 lastVoteEpoch 0\n").encode()
        reference, shard = self.pair(files, cluster_enabled="yes")
        for server in (reference, shard):
            self.assertTrue(server.is_alive(), server.output())
            self.says(server, ["but the slot is assigned to another node. Setting it to importing state."])

        def mine(server):
            return next(line for line in slots(server) if "0-8000" in line)

        self.assertEqual(sorted(mine(shard).split()), sorted(mine(reference).split()))

    def test_databases_in_a_cluster(self):
        files = {"dump.rdb": rdb(b"\xfe\x01", rdb_string(b"k", b"x"))}
        # redis-server dies of a segmentation fault.
        shard = kt.KeywayShard(cluster_enabled="yes", **_DIRECTIVES)
        self.put(shard, files)
        self.start(shard, wait=False)
        self.assertEqual(shard.wait(), 1)
        self.says(shard, ["You can't have keys in a DB different than DB 0 when in Cluster mode. Exiting."])
        shard = kt.KeywayShard(cluster_enabled="yes", cluster_databases="2", cluster_require_full_coverage="no", **_DIRECTIVES)
        self.addCleanup(shard.cleanup)
        self.put(shard, files)
        shard.start()
        with shard.client() as client:
            client.call("SELECT", "1")
            kt.wait_until(lambda: client.value("GET", "k") == b"x", _LIMIT_SECONDS)

    # --- Meanwhile

    def large_file(self):
        server = self.start(kt.RedisServer(**_DIRECTIVES))
        with server.client(timeout=60) as client:
            client.call("DEBUG", "POPULATE", "300000", "key", "20")
            client.call("SAVE")
        return {"dump.rdb": (pathlib.Path(server.folder) / "dump.rdb").read_bytes()}

    def loading(self, kind, files, **directives):
        """A server that is loading, slowly, and a client of it."""
        server = kind(key_load_delay="-5", loading_process_events_interval_bytes="32768", **{**_DIRECTIVES, **directives})
        self.addCleanup(server.cleanup)
        self.put(server, files)
        server.start(wait=False)
        client = None
        deadline = time.monotonic() + _LIMIT_SECONDS
        while client is None and time.monotonic() < deadline:
            try:
                client = server.client(timeout=60)
            except OSError:
                time.sleep(0.01)
        return server, client

    def test_what_clients_are_told_meanwhile(self):
        rdb_files = self.large_file()
        commands = b"".join(request("SET", f"key:{i}", "x" * 20) for i in range(300000))
        for files, directives in ((rdb_files, {}), (aof(commands), {"appendonly": "yes"})):
            seen = []
            for kind in (kt.RedisServer, kt.KeywayShard):
                server, client = self.loading(kind, files, **directives)
                with client:
                    replies = [client.call(*words) for words in (["PING"], ["GET", "key:1"], ["SET", "a", "1"], ["SAVE"], ["ECHO", "x"],
                                                                ["CONFIG", "GET", "port"], ["SUBSCRIBE", "x"])]
                    replies[5] = replies[5][:1]
                with server.client(timeout=60) as client:
                    info = [dict(line.split(":", 1) for line in client.value("INFO", "persistence").decode().splitlines() if ":" in line)
                            for _ in range(2)]
                size = str(sum(len(contents) for name, contents in files.items() if not name.endswith("manifest")))
                self.assertEqual([each["loading"] for each in info], ["1", "1"])
                self.assertEqual(info[0]["loading_total_bytes"], size)
                self.assertLessEqual(int(info[0]["loading_loaded_bytes"]), int(info[1]["loading_loaded_bytes"]))
                self.assertLess(int(info[1]["loading_loaded_bytes"]), int(size))
                self.assertAlmostEqual(int(info[0]["loading_start_time"]), time.time(), delta=60)
                seen.append((replies, {name for name in info[0] if name.startswith("loading")}))
                kt.wait_until(server.is_ready, 60)
                self.assertEqual(server.value("DBSIZE"), 300000)
                self.assertEqual(server.info("persistence")["loading"], "0")
                server.cleanup()
            self.assertTrue(seen[0][0][0].startswith(b"-LOADING"))
            self.assertEqual(seen[1], seen[0])

    def test_it_can_be_ended_meanwhile(self):
        for kind in (kt.RedisServer, kt.KeywayShard):
            files = aof(b"".join(request("SET", f"key:{i}", "x" * 20) for i in range(300000)))
            server, client = self.loading(kind, files, appendonly="yes")
            with client:
                self.assertTrue(client.call("PING").startswith(b"-LOADING"))
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0, server.output())
            self.assertEqual((pathlib.Path(server.folder) / _INCR).read_bytes(), files[_INCR])
            server.cleanup()

    # --- Again

    def test_debug_reload(self):
        _, shard = self.both_start({"dump.rdb": self.made["dump.rdb"]})
        digest = shard.value("DEBUG", "DIGEST")
        shard.call("SET", "more", "x")
        self.assertEqual(shard.call("DEBUG", "RELOAD", "NOSAVE"), b"+OK\r\n")
        self.assertEqual(shard.value("DEBUG", "DIGEST"), digest)
        shard.call("SET", "more", "x")
        self.assertEqual(shard.call("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE"), b"+OK\r\n")
        self.assertEqual(shard.value("GET", "more"), b"x")


if __name__ == "__main__":
    kt.main()
