"""RDB files written: redis-server and keyway-shard go through the same scenes, and what is seen must be the same; redis-server reads what the shard
has written."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import keyway_testing as kt

# A key: a child that saves stays until it is killed.
FOREVER = 1000 * 1000 * 1000
LIBRARY = "#!lua name=%s\nredis.register_function('%s', function(keys, args) return 1 end)"
LOG_LINE = re.compile(r"\d+:([A-Z]) \d+ \w+ \d+ [\d:.]+ ([-.*#]) (.*)$")


def fill(client, count, value="value"):
    client.pipeline([("SET", f"key:{i}", f"{value}:{i}") for i in range(count)])


def fill_with_all_types(client):
    """Every type in each of its encodings, several databases, expiries."""
    requests = [("SET", "int", "12345"), ("SET", "negative", "-1"), ("SET", "embedded", "short"), ("SET", "raw", "long" * 100),
                ("SET", "incompressible", os.urandom(5000)), ("SET", "empty", ""), ("SET", b"\x00\xff binary", b"\r\n\x00"),
                ("RPUSH", "list", *range(100)), ("RPUSH", "long list", *(f"{i}" * 100 for i in range(500))), ("RPUSH", "plain node", "x" * 10000),
                ("SADD", "ints16", 1, 2, 3), ("SADD", "ints32", 70000, -5), ("SADD", "ints64", 1 << 40),
                ("SADD", "set", *(f"m{i}" for i in range(1000))),
                ("HSET", "hash", "a", "1", "b", "two"), ("HSET", "big hash", *(f"f{i}" for i in range(2000))), ("HSET", "wide hash", "f", "x" * 1000),
                ("ZADD", "zset", "1.5", "a", "-inf", "b", "+inf", "c", "0", "d"),
                ("ZADD", "big zset", *(x for i in range(500) for x in (i / 3, f"z{i}"))),
                ("PFADD", "hll", *range(10)), ("PFADD", "dense hll", *range(20000)), ("SETBIT", "bits", 10000, 1),
                ("GEOADD", "geo", 13.4, 52.5, "Berlin"),
                *(("XADD", "stream", f"{i}-1", "field", f"v{i}", "n", i) for i in range(1, 300)), ("XDEL", "stream", "5-1", "6-1"),
                ("XGROUP", "CREATE", "stream", "group", "0"), ("XREADGROUP", "GROUP", "group", "alice", "COUNT", "10", "STREAMS", "stream", ">"),
                ("XREADGROUP", "GROUP", "group", "bob", "COUNT", "3", "STREAMS", "stream", ">"), ("XACK", "stream", "group", "1-1"),
                ("XADD", "emptied", "1-1", "a", "b"), ("XDEL", "emptied", "1-1"), ("XGROUP", "CREATE", "emptied", "g", "$"),
                ("SET", "expires", "x", "PX", "100000000"), ("HSET", "expiring hash", "a", "b"), ("PEXPIREAT", "expiring hash", "4102444800123"),
                ("SELECT", "3"), ("SET", "elsewhere", "1"), ("SELECT", "15"), ("RPUSH", "elsewhere", "2"), ("SELECT", "0"),
                ("FUNCTION", "LOAD", LIBRARY % ("first", "f")), ("FUNCTION", "LOAD", LIBRARY % ("second", "g"))]
    for reply in client.pipeline(requests):
        assert not reply.startswith(b"-"), reply


def children_of(pid):
    """Living child processes."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = pathlib.Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(entry))
    return found


def is_gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


class Scene:
    """What happens on one server."""

    def __init__(self, server):
        self.server = server
        self.seen = []
        self.client = server.client(timeout=60.0)

    def note(self, *replies):
        self.seen += replies

    def do(self, *requests):
        """Sends them, one after the other, and notes the replies."""
        for request in requests:
            self.note((request, self.client.call(*request)))

    def config(self, **directives):
        for name, value in directives.items():
            assert self.client.call("CONFIG", "SET", name.replace("_", "-"), str(value)) == b"+OK\r\n", name

    def info(self):
        return self.server.info("persistence")

    def note_info(self, *names):
        fields = self.info()
        self.note(*((name, fields[name]) for name in names))

    def status(self):
        self.note_info("rdb_changes_since_last_save", "rdb_bgsave_in_progress", "rdb_last_bgsave_status", "rdb_saves")

    def child(self):
        """The pid of the child; there is one."""
        return kt.wait_until(lambda: children_of(self.server.process.pid), timeout=60, what="a child")[0]

    def start_slow_save(self):
        self.config(rdb_key_save_delay=FOREVER)
        self.do(("BGSAVE",))
        child = self.child()
        self.config(rdb_key_save_delay=0)
        return child

    def temporary(self):
        return [name for name in os.listdir(self.server.folder) if name.startswith("temp-")]

    def wait_for_temporary(self):
        kt.wait_until(self.temporary, timeout=60, what="a temporary file")

    def in_progress(self):
        fields = self.info()
        return fields["rdb_bgsave_in_progress"] != "0" or fields["aof_rewrite_in_progress"] != "0"

    def wait_for_end(self):
        kt.wait_until(lambda: not self.in_progress(), timeout=60, what="the child to end")

    def saves(self):
        return int(self.info()["rdb_saves"])

    def note_log(self, first):
        """The lines from the first one with this text on, without numbers and paths."""
        lines = [match.groups() for match in map(LOG_LINE.search, self.server.output().splitlines()) if match]
        start = next(i for i, line in enumerate(lines) if first in line[2])
        # Parent and child write when they come to it: only the order within each is sure.
        for role, level, text in sorted(lines[start:], key=lambda line: line[0] == "C"):
            text = text.replace(self.server.folder, "FOLDER")
            if "SIGUSR1 in child" not in text:
                self.note((role, level, re.sub(r"\d+", "N", text)))

    def end(self):
        self.client.close()
        if self.server.is_alive():
            for child in children_of(self.server.process.pid):
                os.kill(child, signal.SIGKILL)


class SnapshotTest(kt.TestCase):
    def compare(self, scene, **directives):
        """Plays `scene` on both servers and compares what it has noted."""
        seen = []
        for kind in (kt.RedisServer, kt.KeywayShard):
            server = self.start(kind(**{"save": "", **directives}))
            played = Scene(server)
            self.addCleanup(played.end)
            scene(played)
            seen.append(played.seen)
        for theirs, ours in zip(*seen):
            self.assertEqual(ours, theirs)
        self.assertEqual(len(seen[1]), len(seen[0]))

    def shard(self, **directives):
        scene = Scene(self.start(kt.KeywayShard(**{"save": "", **directives})))
        self.addCleanup(scene.end)
        return scene

    def load_in_redis(self, path, **directives):
        """redis-server with a copy of the file, which redis-check-rdb has accepted."""
        check = subprocess.run(["/usr/bin/redis-check-rdb", path], capture_output=True, text=True, check=False)
        self.assertEqual(check.returncode, 0, check.stdout)
        redis = kt.RedisServer(enable_debug_command="yes", **directives)
        shutil.copy(path, os.path.join(redis.folder, "dump.rdb"))
        return self.start(redis)

    # --- Replies and states

    def test_arguments(self):
        def scene(s):
            s.do(("SAVE", "x"), ("BGSAVE", "x"), ("BGSAVE", "SCHEDULE", "x"), ("BGSAVE", "x", "SCHEDULE"), ("LASTSAVE", "x"), ("SAVE",),
                 ("bgsave", "schedule"))
            s.wait_for_end()
            s.status()
            s.do(("MULTI",), ("SAVE",), ("EXEC",), ("EVAL", "return redis.call('save')", "0"), ("EVAL", "return redis.call('bgsave')", "0"),
                 ("EVAL", "return type(redis.pcall('lastsave'))", "0"), ("CONFIG", "RESETSTAT"))
            s.status()
        self.compare(scene)

    def test_fields_of_info(self):
        def scene(s):
            fill(s.client, 10)
            s.note(list(s.info()))
            child = s.start_slow_save()
            s.note(list(s.info()))
            os.kill(child, signal.SIGUSR1)
            s.wait_for_end()
            s.note(list(s.info()))
        self.compare(scene)

    def test_while_it_saves(self):
        def scene(s):
            fill(s.client, 10)
            s.status()
            child = s.start_slow_save()
            s.wait_for_temporary()
            s.do(("BGSAVE",), ("SAVE",), ("BGSAVE", "SCHEDULE"), ("BGSAVE", "x"), ("MULTI",), ("BGSAVE",), ("BGSAVE", "SCHEDULE"), ("SET", "a", "1"),
                 ("EXEC",), ("SET", "b", "1"), ("GET", "a"), ("PING",))
            s.status()
            s.note(s.temporary() == [f"temp-{child}.rdb"])
            os.kill(child, signal.SIGUSR1)
            s.wait_for_end()
            s.status()
            s.note_info("current_save_keys_processed", "current_save_keys_total", "current_cow_size", "current_cow_peak", "current_cow_size_age",
                        "current_fork_perc", "rdb_current_bgsave_time_sec")
            s.note(s.temporary())
            s.do(("BGSAVE",))
            s.wait_for_end()
            s.status()
            s.note_log("Background saving started")
        self.compare(scene)

    def test_changes_meanwhile_are_unsaved(self):
        def scene(s):
            fill(s.client, 3)
            s.config(rdb_key_save_delay=1500 * 1000)
            s.do(("BGSAVE",), ("SET", "a", "1"), ("SET", "b", "1"), ("INCR", "c"))
            s.status()
            s.wait_for_end()
            s.status()
            s.do(("SAVE",))
            s.status()
        self.compare(scene)

    def test_while_a_rewrite_runs(self):
        def scene(s):
            fill(s.client, 10)
            s.config(rdb_key_save_delay=FOREVER)
            s.do(("BGREWRITEAOF",))
            child = s.child()
            s.config(rdb_key_save_delay=0)
            s.do(("BGSAVE",), ("BGSAVE", "x"), ("SAVE",))
            s.status()
            s.do(("MULTI",), ("BGSAVE",), ("EXEC",), ("BGSAVE", "SCHEDULE"), ("BGSAVE", "schedule"))
            s.status()
            os.kill(child, signal.SIGUSR1)
            kt.wait_until(lambda: s.saves() == 2, timeout=60, what="the scheduled save")
            s.wait_for_end()
            s.status()
        self.compare(scene)

    def test_in_a_transaction(self):
        def scene(s):
            s.do(("SET", "a", "1"), ("MULTI",), ("BGSAVE",), ("SET", "b", "1"), ("BGSAVE", "SCHEDULE"), ("BGSAVE", "x"), ("EXEC",))
            kt.wait_until(lambda: s.saves() == 1, timeout=60, what="the scheduled save")
            s.wait_for_end()
            s.status()
        self.compare(scene)

    def test_last_save(self):
        def scene(s):
            began = int(time.time())
            first = s.client.value("LASTSAVE")
            kt.wait_until(lambda: time.time() >= began + 2, timeout=60)
            for name in ("SAVE", "BGSAVE"):
                now = int(time.time())
                s.do((name,))
                s.wait_for_end()
                last = s.client.value("LASTSAVE")
                # A server may read a coarse clock, which trails this one by some milliseconds.
                s.note(last > first, last >= now - 1, s.info()["rdb_last_save_time"] == str(last))
            s.do(("EVAL", "return type(redis.call('lastsave'))", "0"), ("EVAL_RO", "return type(redis.call('lastsave'))", "0"))
        self.compare(scene)

    def test_a_child_that_is_killed(self):
        def scene(s):
            fill(s.client, 10)
            child = s.start_slow_save()
            s.wait_for_temporary()
            os.kill(child, signal.SIGKILL)
            s.wait_for_end()
            s.status()
            kt.wait_until(lambda: not s.temporary(), timeout=60, what="the temporary file to be removed")
            s.do(("SET", "a", "1"), ("PING",), ("GET", "a"))
            s.config(save="3600 1")
            s.do(("SET", "a", "1"), ("PING",), ("GET", "a"), ("MULTI",), ("SET", "a", "1"), ("EXEC",),
                 ("EVAL", "return redis.call('set', 'a', '1')", "0"))
            s.config(stop_writes_on_bgsave_error="no")
            s.do(("SET", "a", "1"), ("PING",))
            s.config(stop_writes_on_bgsave_error="yes")
            s.do(("SET", "a", "1"), ("BGSAVE",))
            s.wait_for_end()
            s.do(("SET", "a", "1"), ("PING",))
            s.status()
            s.note_log("Background saving started")
        self.compare(scene)

    # --- Save points

    def test_save_points(self):
        def scene(s):
            fill(s.client, 10)
            kt.wait_until(lambda: s.saves() == 1, timeout=60, what="the save point")
            s.wait_for_end()
            s.status()
            s.do(("SET", "a", "1"))
            s.status()
            fill(s.client, 2)
            kt.wait_until(lambda: s.saves() == 2, timeout=60, what="the save point")
            s.wait_for_end()
            s.status()
            s.note_log("3 changes in 1 seconds")
        self.compare(scene, save=["3600", "1", "1", "3"])

    def test_save_points_changed(self):
        def scene(s):
            fill(s.client, 10)
            s.config(save="1 5")
            kt.wait_until(lambda: s.saves() == 1, timeout=60, what="the save point")
            s.wait_for_end()
            s.status()
        self.compare(scene)

    def test_flushall(self):
        def scene(s):
            fill(s.client, 10)
            path = os.path.join(s.server.folder, "dump.rdb")
            child = s.start_slow_save()
            s.do(("FLUSHALL",))
            kt.wait_until(lambda: is_gone(child), timeout=60, what="the child to die")
            s.wait_for_end()
            s.status()
            s.note(os.path.exists(path), s.temporary())
            s.config(save="3600 1")
            fill(s.client, 10)
            child = s.start_slow_save()
            s.do(("FLUSHALL",))
            kt.wait_until(lambda: is_gone(child), timeout=60, what="the child to die")
            s.wait_for_end()
            s.status()
            s.note(os.path.exists(path), s.temporary())
            s.do(("SET", "a", "1"), ("FLUSHDB",))
            s.status()
            s.do(("MULTI",), ("SET", "a", "1"), ("FLUSHALL", "ASYNC"), ("SET", "b", "1"), ("EXEC",))
            s.status()
        self.compare(scene)

    # --- Failures

    def test_a_file_that_cannot_be_renamed(self):
        def scene(s):
            fill(s.client, 10)
            path = os.path.join(s.server.folder, "dump.rdb")
            os.mkdir(path)
            s.do(("SAVE",), ("BGSAVE",))
            s.wait_for_end()
            s.status()
            s.note(s.temporary())
            s.config(save="3600 1")
            s.do(("SET", "a", "1"))
            os.rmdir(path)
            s.do(("SAVE",), ("SET", "a", "1"))
            s.status()
            s.note_log("Error moving temp DB file")
        self.compare(scene)

    def test_a_folder_that_is_gone(self):
        def scene(s):
            fill(s.client, 10)
            folder = os.path.join(s.server.folder, "inner")
            os.mkdir(folder)
            s.config(dir=folder)
            os.rmdir(folder)
            s.do(("SAVE",), ("BGSAVE",))
            s.wait_for_end()
            s.status()
            s.config(dir=s.server.folder)
            s.do(("BGSAVE",))
            s.wait_for_end()
            s.status()
            s.note_log("Failed opening")
        self.compare(scene, enable_protected_configs="yes")

    def test_a_save_point_that_fails_waits(self):
        def scene(s):
            path = os.path.join(s.server.folder, "dump.rdb")
            os.mkdir(path)
            fill(s.client, 10)
            kt.wait_until(lambda: s.saves() == 1, timeout=60, what="the save point")
            first = time.monotonic()
            kt.wait_until(lambda: s.saves() == 2, timeout=60, what="the next try")
            s.note(time.monotonic() - first > 4.5)
            s.wait_for_end()
            os.rmdir(path)
            kt.wait_until(lambda: s.saves() == 3, timeout=60, what="the next try")
            s.wait_for_end()
            s.status()
            s.note_log("changes in")
        self.compare(scene, save=["1", "1"])

    # --- Files

    def test_redis_reads_all_types(self):
        for directives in ({}, {"maxmemory_policy": "allkeys-lru"}, {"maxmemory_policy": "volatile-lfu", "lfu_decay_time": "0"},
                           {"rdbcompression": "no", "rdbchecksum": "no"}):
            with self.subTest(directives):
                s = self.shard(enable_debug_command="yes", **directives)
                fill_with_all_types(s.client)
                s.do(("BGSAVE",))
                s.wait_for_end()
                redis = self.load_in_redis(os.path.join(s.server.folder, "dump.rdb"), **directives)
                self.assertEqual(redis.value("DEBUG", "DIGEST"), s.client.value("DEBUG", "DIGEST"))
                for request in (("INFO", "keyspace"), ("FUNCTION", "LIST", "WITHCODE"), ("PEXPIRETIME", "expires"), ("XINFO", "STREAM", "stream"),
                                ("OBJECT", "FREQ", "int")):
                    theirs, ours = redis.call(*request), s.client.call(*request)
                    if request[0] == "INFO":
                        theirs, ours = (re.sub(rb",avg_ttl=\d+|^\$\d+", b"", text) for text in (theirs, ours))
                    if request[0] == "FUNCTION":  # in any order
                        theirs, ours = sorted(theirs), sorted(ours)
                    self.assertEqual(ours, theirs)

    def test_holds_what_was_there_at_the_fork(self):
        s = self.shard(rdb_key_save_delay=200)
        fill(s.client, 3000, "before")
        s.do(("BGSAVE",))
        fill(s.client, 3000, "after")
        s.client.call("SET", "new", "x")
        s.wait_for_end()
        self.assertEqual(s.info()["rdb_changes_since_last_save"], "3001")
        redis = self.load_in_redis(os.path.join(s.server.folder, "dump.rdb"))
        with redis.client() as client:
            replies = client.pipeline([("GET", f"key:{i}") for i in range(3000)])
            self.assertEqual([kt.parse(reply) for reply in replies], [f"before:{i}".encode() for i in range(3000)])
            self.assertEqual(client.value("DBSIZE"), 3000)

    def test_aux_fields(self):
        files = []
        for kind in (kt.RedisServer, kt.KeywayShard):
            server = self.start(kind(save=""))
            self.assertEqual(server.call("SAVE"), b"+OK\r\n")
            data = pathlib.Path(server.folder, "dump.rdb").read_bytes()
            data = re.sub(rb"(ctime)\xc2....", rb"\1", data, flags=re.DOTALL)
            files.append(re.sub(rb"(used-mem)\xc2....", rb"\1", data, flags=re.DOTALL)[:-8])
        self.assertEqual(files[1], files[0])

    # --- The child

    def test_progress(self):
        s = self.shard(rdb_key_save_delay=1000)
        fill(s.client, 10000)
        s.do(("BGSAVE",))
        fields = kt.wait_until(lambda: (lambda info: info if int(info["current_save_keys_processed"]) > 1 else None)(s.info()), timeout=60,
                               what="progress")
        self.assertEqual(fields["current_save_keys_total"], "10000")
        keys = int(fields["current_save_keys_processed"])
        self.assertEqual(keys % 1024, 1)
        self.assertEqual(fields["current_fork_perc"], f"{keys / 100:.2f}")
        self.assertGreater(int(fields["current_cow_size"]), 0)
        self.assertGreaterEqual(int(fields["current_cow_peak"]), int(fields["current_cow_size"]))
        self.assertLess(int(fields["current_cow_size_age"]), 60)
        s.config(rdb_key_save_delay=0)
        os.kill(s.child(), signal.SIGUSR1)
        s.wait_for_end()
        s.do(("BGSAVE",))
        s.wait_for_end()
        self.assertGreater(int(s.info()["rdb_last_cow_size"]), 0)
        self.assertRegex(s.server.output(), r"\d+:C .* \* Fork CoW for RDB: current \d+ MB, peak \d+ MB, average \d+ MB\n")
        stats = s.server.info("stats")
        self.assertEqual(stats["total_forks"], "2")
        self.assertGreater(int(stats["latest_fork_usec"]), 0)

    def test_serves_meanwhile(self):
        s = self.shard()
        fill(s.client, 10000)
        s.start_slow_save()
        s.wait_for_temporary()
        for i in range(2000):
            self.assertEqual(s.client.call("SET", f"key:{i}", "x"), b"+OK\r\n")
        self.assertEqual(s.info()["rdb_bgsave_in_progress"], "1")

    def test_keeps_no_descriptor(self):
        s = self.shard(cluster_enabled="yes", logfile="the.log")
        clients = [s.server.client() for _ in range(20)]
        s.client.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        kt.wait_until(lambda: s.client.call("SET", "a", "1") == b"+OK\r\n", timeout=60)
        child = s.start_slow_save()
        s.wait_for_temporary()
        held = sorted(os.readlink(f"/proc/{child}/fd/{fd}") for fd in os.listdir(f"/proc/{child}/fd") if int(fd) > 2)
        names = [os.path.basename(name) for name in held if name.startswith("/")]
        self.assertEqual(names, [f"temp-{child}.rdb", "the.log"], held)
        self.assertEqual(len([name for name in held if name.startswith("pipe:")]), 1, held)
        self.assertEqual(len(held), 3, held)
        for client in clients:
            client.close()

        # What it logs is in the log, even if that was moved away.
        path = pathlib.Path(s.server.folder, "the.log")
        for moved in (False, True):
            os.kill(s.child(), signal.SIGUSR1)
            s.wait_for_end()
            if moved:
                path.rename(path.with_suffix(".old"))
                # That is looked at once a second.
                kt.wait_until(lambda: s.do(("BGSAVE",)) or path.exists(), timeout=60, what="a new log")
                s.wait_for_end()
            s.do(("BGSAVE",))
            s.wait_for_end()
            self.assertRegex(path.read_text(), r"\d+:C .* \* DB saved on disk\n(?s:.*)Background saving terminated with success")
            s.start_slow_save()

    def test_dies_with_its_parent(self):
        s = self.shard()
        fill(s.client, 10)
        child = s.start_slow_save()
        s.wait_for_temporary()
        s.server.kill()
        kt.wait_until(lambda: is_gone(child), timeout=60, what="the child to die")
        # The port is free.
        self.start(kt.KeywayShard(port=s.server.port, save=""))

    def test_signals_of_the_group(self):
        # As from a terminal: the parent decides for itself, the child ends.
        s = self.shard()
        fill(s.client, 10)
        for number in (signal.SIGTERM, signal.SIGINT):
            child = s.start_slow_save()
            os.kill(child, number)
            s.wait_for_end()
            self.assertTrue(s.server.is_alive())
            self.assertIn(f"Background saving terminated by signal {int(number)}", s.server.output())
            self.assertEqual(s.client.call("SET", "a", "1"), b"+OK\r\n")

    def test_shows_itself(self):
        cpu = min(os.sched_getaffinity(0))
        s = self.shard(bgsave_cpulist=str(cpu), oom_score_adj="relative", oom_score_adj_values=["10", "200", "300"])
        fill(s.client, 10)
        child = s.start_slow_save()
        s.wait_for_temporary()
        self.assertRegex(pathlib.Path(f"/proc/{child}/cmdline").read_text(), f"^keyway-rdb-bgsave 127[.]0[.]0[.]1:{s.server.port}")
        status = pathlib.Path(f"/proc/{child}/status").read_text()
        self.assertIn(f"Cpus_allowed_list:\t{cpu}\n", status)
        scores = [int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (s.server.process.pid, child)]
        self.assertEqual(scores[1] - scores[0], 290)

    def test_latency_of_the_fork(self):
        s = self.shard(latency_monitor_threshold=1)
        fill(s.client, 100000, "x" * 50)
        s.do(("BGSAVE",))
        s.wait_for_end()
        if int(s.server.info("stats")["latest_fork_usec"]) >= 1000:
            self.assertIn(b"fork", s.client.call("LATENCY", "LATEST"))

    def test_many_saves_under_load(self):
        # Each file is whole, whatever happens around it.
        s = self.shard()
        path = os.path.join(s.server.folder, "dump.rdb")
        for round_number in range(20):
            fill(s.client, 2000, f"round {round_number}")
            s.do(("BGSAVE",))
            fill(s.client, 2000, "meanwhile")
            if round_number % 3 == 0:
                for child in children_of(s.server.process.pid):
                    with contextlib.suppress(ProcessLookupError):  # it may have come to its end
                        os.kill(child, signal.SIGUSR1)
            s.wait_for_end()
            if os.path.exists(path):
                self.assertEqual(subprocess.run(["/usr/bin/redis-check-rdb", path], capture_output=True, check=False).returncode, 0)
            self.assertEqual(s.temporary(), [])
        self.assertEqual(s.saves(), 20)


if __name__ == "__main__":
    kt.main()
