"""Scenes about the append-only file that are played on a redis-server and on a shard, and a data set that has everything."""

import os
import pathlib
import re
import signal
import subprocess

import keyway_testing as kt

LIBRARY = "#!lua name=%s\nredis.register_function('%s', function(keys, args) return 1 end)"
# Of INFO persistence, what depends on the time and on memory.
VOLATILE = {"aof_last_rewrite_time_sec", "aof_current_rewrite_time_sec", "aof_last_cow_size", "aof_pending_bio_fsync",
            "aof_delayed_fsync", "aof_buffer_length"}
# Of the log, what these scenes are about.
LOGGED = re.compile(r"AOF|append only|append-only|rewrit", re.IGNORECASE)


class Scene:
    """What happens on one server."""

    def __init__(self, server):
        self.server = server
        self.seen = []
        self.client = server.client(timeout=30.0)

    @property
    def folder(self):
        return pathlib.Path(self.server.folder) / "appendonlydir"

    def note(self, what):
        self.seen.append(what)

    def call(self, *request):
        """Sends a request and notes it with the reply."""
        reply = self.client.call(*request)
        self.note((request, reply))
        return reply

    def do(self, *request):
        """Sends a request that must not fail."""
        reply = self.client.call(*request)
        assert not reply.startswith(b"-"), (request, reply)
        return reply

    def info(self):
        return self.server.info("persistence")

    def manifest(self):
        path = self.folder / "appendonly.aof.manifest"
        return path.read_text() if path.exists() else None

    def files(self):
        """Names of all files about the AOF, without process ids. redis-server writes under one more name before the temporary one."""
        names = sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []
        others = sorted(re.sub(r"(-bg)?-\d+", "-N", path.name) for path in pathlib.Path(self.server.folder).glob("temp-*"))
        return names + others

    def note_files(self, temporary=True):
        """`temporary`: no child runs, which may or may not have made its file."""
        self.note((self.manifest(), [name for name in self.files() if temporary or not name.startswith("temp-rewrite")]))

    def note_info(self, *without):
        self.note({name: value for name, value in self.info().items()
                   if name.startswith("aof_") and name not in VOLATILE and name not in without})

    def note_log(self, without="CoW"):
        """The lines about the AOF: level and text, without numbers of processes and microseconds. The order in which a child and its
        parent write is chance."""
        lines = []
        for line in self.server.output().splitlines():
            head = re.search(r"\d+:([MC]) \d+ \w+ \d+ [\d:.]+ (.) (.*)", line)
            if head and LOGGED.search(head[3]) and not re.search("CoW|Client closed|DB loaded|" + without, head[3]):
                lines.append((head[1], head[2], re.sub(r"(pid |child: |-bg-|took )\d+", r"\1N", head[3])))
        for role in "MC":
            self.note([line for line in lines if line[0] == role])

    def is_idle(self):
        info = self.info()
        return all(info[name] == "0" for name in ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress"))

    def wait(self):
        """Until no child runs and none is scheduled, and what was replaced is gone from the disk."""
        kt.wait_until(self.is_idle, timeout=30, what="children to end")

    def saved(self, count):
        """Whether so many BGSAVEs have ended and none runs: rdb_saves counts them when they begin."""
        info = self.info()
        return info["rdb_bgsave_in_progress"] == "0" and info["rdb_saves"] == str(count)

    def wait_files(self, count):
        kt.wait_until(lambda: len(self.files()) == count, timeout=30, what=f"{count} files, not {self.files()}")

    def rewrite(self):
        reply = self.do("BGREWRITEAOF")
        self.wait()
        return reply

    def child(self):
        """The id of the child that runs."""
        pids = subprocess.run(["pgrep", "-P", str(self.server.process.pid)], capture_output=True, text=True).stdout.split()
        assert len(pids) == 1, pids
        return int(pids[0])

    def kill_child(self, number=signal.SIGKILL):
        os.kill(self.child(), number)
        kt.wait_until(lambda: "0" == self.info()["aof_rewrite_in_progress"] == self.info()["rdb_bgsave_in_progress"], timeout=30,
                      what="the child to be missed")

    def digest(self):
        return self.client.value("DEBUG", "DIGEST")

    def end(self):
        self.client.close()


def fill(client):
    """The same data set each time: all types and encodings, several databases, expiries, libraries."""
    for i in range(3):
        client.call("FUNCTION", "LOAD", "REPLACE", LIBRARY % (f"lib{i}", f"f{i}"))
    for database in (0, 3, 15):
        client.call("SELECT", str(database))
        for name, count in (("one", 1), ("small", 5), ("63", 63), ("64", 64), ("65", 65), ("large", 700)):
            elements = [f"element-{i}-" + "x" * (i % 90) for i in range(count)]
            client.call("RPUSH", f"list:{name}", *elements, *(str(i) for i in range(count)))
            client.call("SADD", f"set:{name}", *elements)
            client.call("SADD", f"ints:{name}", *(str((i - 3) * 1000003) for i in range(count)))
            client.call("HSET", f"hash:{name}", *(word for i, element in enumerate(elements) for word in (element, str(i))))
            client.call("HSET", f"short-hash:{name}", *(word for i in range(count) for word in (f"f{i}", str(i - 2))))
            client.call("ZADD", f"zset:{name}", *(word for i, element in enumerate(elements) for word in (str(i / 7), element)))
            scores = [str(i * 10 ** (i % 30)) for i in range(count)]
            client.call("ZADD", f"short-zset:{name}", *(word for i in range(count) for word in (scores[i], str(i))))
            for i in range(count):
                client.call("XADD", f"stream:{name}", f"{i + 1}-{i % 3}", "field", elements[i], *(["other", str(i)] if i % 7 == 0 else []))
            for group in ("group", "a-group"):
                client.call("XGROUP", "CREATE", f"stream:{name}", group, "0")
                client.call("XGROUP", "CREATECONSUMER", f"stream:{name}", group, "idle")
                client.call("XREADGROUP", "GROUP", group, "consumer", "COUNT", str(count // 2 + 1), "STREAMS", f"stream:{name}", ">")
                for i in range(count):
                    client.call("XCLAIM", f"stream:{name}", group, f"consumer{i % 3}", "0", f"{i + 1}-{i % 3}", "TIME", str(1600000000000 + i),
                                "RETRYCOUNT", str(i), "JUSTID")
            for i in range(0, count, 5):
                client.call("XDEL", f"stream:{name}", f"{i + 1}-{i % 3}")
        client.call("ZADD", "zset:special", "inf", "a", "-inf", "b", "0.1", "c", "-0", "d", "1e300", "e", "3", "f", "1e-7", "g", "1e17", "h")
        client.call("XGROUP", "CREATE", "stream:empty", "group", "5-5", "MKSTREAM", "ENTRIESREAD", "7")
        client.call("XADD", "stream:deleted", "9-9", "a", "b")
        client.call("XDEL", "stream:deleted", "9-9")
        client.call("XADD", "stream:trimmed", "MAXLEN", "0", "9-9", "a", "b")
        client.call("XADD", "stream:set", "1-1", "a", "b")
        client.call("XSETID", "stream:set", "18446744073709551615-18446744073709551615", "ENTRIESADDED", "9223372036854775807")
        client.call("SET", "integer", "-9223372036854775808")
        client.call("SET", "short", "text")
        client.call("SET", "binary", bytes(range(256)))
        client.call("SET", "empty", "")
        client.call("SET", "large", "abc" * 400000)
        client.call("SET", "\x00key\r\n", "v")
        client.call("SET", "expires", "later", "PXAT", "4102444800123")
        client.call("RPUSH", "expires-list", "later")
        client.call("PEXPIREAT", "expires-list", "4102444800124")
        client.call("PFADD", "hll", *(str(i) for i in range(3000)))
        client.call("GEOADD", "geo", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania")
    client.call("SELECT", "0")


class AofSceneTest(kt.TestCase):
    def scene(self, kind, **directives):
        server = self.start(kind(**{"save": "", "enable_debug_command": "yes", "appendonly": "yes", "loglevel": "verbose",
                                    "auto_aof_rewrite_percentage": "0", **directives}))
        played = Scene(server)
        self.addCleanup(played.end)
        return played

    def compare(self, play, **directives):
        """Plays a scene on both servers and compares what it has noted."""
        seen = []
        for kind in (kt.RedisServer, kt.KeywayShard):
            played = self.scene(kind, **directives)
            play(played)
            seen.append(played.seen)
            played.end()
        for number, (theirs, ours) in enumerate(zip(*seen)):
            self.assertEqual(ours, theirs, f"note {number}")
        self.assertEqual(len(seen[1]), len(seen[0]))

    def restart(self, scene, **directives):
        """The same server again, on the same folder."""
        scene.end()
        scene.server.kill()
        scene.server.directives.update(directives)
        scene.server.start()
        scene.client = scene.server.client(timeout=30.0)
