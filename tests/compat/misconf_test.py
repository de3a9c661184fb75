"""What is refused while files cannot be written: redis-server and keyway-shard go through the same scenes, and what is seen must be the same."""

import os
import re
import resource

import keyway_testing as kt

LIBRARY = """#!lua name=lib
redis.register_function('writes', function(keys) return redis.call('set', 'f', '1') end)
redis.register_function{function_name='reads', callback=function() return redis.call('get', 'f') end, flags={'no-writes'}}
redis.register_function{function_name='lies', callback=function() return redis.pcall('set', 'f', '1') end, flags={'no-writes'}}
"""

REQUESTS = [
    ("PING",), ("PING", "x"), ("ECHO", "x"), ("SET", "a", "1"), ("GET", "a"), ("SET", "a"), ("DEL", "a"), ("EXPIRE", "nope", "1"),
    ("FLUSHALL",), ("PUBLISH", "a", "b"), ("PFCOUNT", "a"), ("SORT", "a", "STORE", "b"), ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"),
    ("EVAL", "return redis.call('set', 'a', 1)", "0"), ("EVAL", "return redis.pcall('set', 'a', 1)", "0"),
    ("EVAL", "return redis.call('ping')", "0"), ("EVAL", "return redis.call('publish', 'a', 'b')", "0"), ("EVAL", "return redis.call('get', 'a')", "0"),
    ("EVAL", "#!lua\nreturn 1", "0"), ("EVAL", "#!lua flags=no-writes\nreturn 1", "0"), ("EVAL_RO", "#!lua\nreturn 1", "0"),
    ("EVAL", "#!lua flags=allow-oom\nreturn 1", "0"), ("EVAL_RO", "return redis.call('set', 'a', 1)", "0"),
    ("FCALL", "writes", "0"), ("FCALL", "reads", "0"), ("FCALL", "lies", "0"), ("FCALL_RO", "reads", "0"), ("FCALL_RO", "writes", "0"),
    ("FUNCTION", "LIST", "LIBRARYNAME", "no"), ("FUNCTION", "FLUSH"), ("FUNCTION", "DELETE", "nope"), ("SCRIPT", "FLUSH"), ("SCRIPT", "LOAD", "return 1"),
    ("MULTI",), ("SET", "a", "1"), ("EXEC",), ("MULTI",), ("GET", "a"), ("EXEC",), ("MULTI",), ("PING",), ("EXEC",),
    ("MULTI",), ("EVAL", "return redis.call('set', 'a', 1)", "0"), ("GET", "a"), ("EXEC",), ("MULTI",), ("EVAL", "#!lua\nreturn 1", "0"), ("EXEC",),
    ("HELLO",), ("CONFIG", "GET", "hz"), ("CLIENT", "SETNAME", "x"), ("BLPOP", "l", "0.01"), ("SUBSCRIBE", "c"), ("PING",), ("SET", "a", "1"), ("RESET",),
]


class IgnoringSizeSignal:
    """A server that is not ended when a file grows beyond RLIMIT_FSIZE: its writes fail."""

    def command(self):
        return ["/bin/sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh", *super().command()]


class Redis(IgnoringSizeSignal, kt.RedisServer):
    pass


class Shard(IgnoringSizeSignal, kt.KeywayShard):
    pass


class MisconfTest(kt.TestCase):
    def compare(self, scene, **directives):
        """Plays `scene` on both servers and compares what it returns."""
        seen = []
        for kind in (Redis, Shard):
            server = self.start(kind(enable_debug_command="yes", enable_protected_configs="yes", **directives))
            with server.client() as client:
                client.call("FUNCTION", "LOAD", LIBRARY)
                client.call("SET", "a", "0")
                client.call("XADD", "s", "1-1", "f", "v")
                client.call("XGROUP", "CREATE", "s", "g", "0")
                seen.append(scene(server, client))
        for theirs, ours in zip(*seen):
            self.assertEqual(ours, theirs)
        self.assertEqual(len(seen[1]), len(seen[0]))

    def requests(self, client):
        replies = []
        for request in REQUESTS:
            reply = client.call(*request)
            if request[0] == "HELLO":
                reply = re.sub(rb"\$2\r\nid\r\n:\d+", b"", reply)
            replies.append((request, reply))
        return replies

    def statistics(self, server):
        stats = server.info("commandstats")
        return [server.info("errorstats"),
                {name: re.sub("usec=.*?,rej", "rej", stats[name]) for name in sorted(stats)
                 if name in ("cmdstat_set", "cmdstat_eval", "cmdstat_fcall", "cmdstat_exec", "cmdstat_del", "cmdstat_publish")}]

    def breaks_snapshots(self, server):
        os.makedirs(os.path.join(server.folder, "folder"), exist_ok=True)
        server.call("CONFIG", "SET", "dbfilename", "folder")
        server.call("BGSAVE")
        kt.wait_until(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "err", what="the save to fail")

    def test_snapshots(self):
        def scene(server, client):
            self.breaks_snapshots(server)
            seen = self.requests(client) + self.statistics(server)
            # Neither without save points nor when it is switched off.
            client.call("CONFIG", "SET", "save", "")
            seen.append(client.call("SET", "a", "2"))
            client.call("CONFIG", "SET", "save", "3600 1")
            seen.append(client.call("SET", "a", "2"))
            client.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
            seen.append(client.call("SET", "a", "2"))
            client.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
            seen.append(client.call("SET", "a", "2"))
            client.call("CONFIG", "SET", "dbfilename", "dump.rdb")
            seen += [client.call("SAVE"), client.call("SET", "a", "3"), client.call("PING")]
            return seen
        self.compare(scene, save=["3600", "1"])

    def test_breaks_in_the_middle_of_a_transaction(self):
        def scene(server, client):
            seen = []
            for queued in ([("SET", "b", "1")], [("GET", "b")], [("EVAL", "return redis.call('set', 'b', 1)", "0"), ("GET", "b")],
                           [("EVAL", "#!lua\nreturn redis.call('set', 'b', 1)", "0")], [("FCALL", "writes", "0")], [("FCALL", "reads", "0")],
                           [("PING",)], [("EVAL", "#!lua flags=no-writes\nreturn redis.call('get', 'b')", "0")]):
                client.call("MULTI")
                for request in queued:
                    client.call(*request)
                self.breaks_snapshots(server)
                seen.append((queued, client.call("EXEC")))
                server.call("CONFIG", "SET", "dbfilename", "dump.rdb")
                server.call("SAVE")
            return seen + self.statistics(server)
        self.compare(scene, save=["3600", "1"])

    def test_append_only_file(self):
        def scene(server, client):
            pid = server.process.pid
            client.call("CONFIG", "SET", "appendonly", "yes")
            kt.wait_until(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0", what="the rewrite")
            limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            # The log may grow, the append-only file may not.
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (100_000, limits[1]))
            client.call("SET", "big", "x" * 200_000)
            kt.wait_until(lambda: server.info("persistence")["aof_last_write_status"] == "err", what="the write to fail")
            seen = self.requests(client) + self.statistics(server)
            seen.append({name: value for name, value in server.info("persistence").items() if name in ("aof_enabled", "aof_last_write_status")})
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
            kt.wait_until(lambda: server.info("persistence")["aof_last_write_status"] == "ok", what="the disk to work")
            seen += [client.call("PING"), client.call("SET", "a", "3")]
            server.stop()
            server.start()
            with server.client() as again:
                seen.append(again.call("MGET", "a", "f"))
                seen.append(again.call("STRLEN", "big"))
            return seen
        self.compare(scene, save="", appendfsync="everysec")


if __name__ == "__main__":
    kt.main()
