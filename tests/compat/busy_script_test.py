"""Scripts that take too long: redis-server and keyway-shard go through the same scenes, and what is seen must be the same."""

import re
import signal
import time

import keyway_testing as kt

FOREVER = "while true do end"
# Ends when nobody is subscribed to "gate" any more; what it calls changes nothing.
GATE = "while redis.call('pubsub', 'numsub', 'gate')[2] > 0 do end"
LIBRARY = """#!lua name=busy
redis.register_function('forever', function(keys, args) while true do end end)
redis.register_function('writes', function(keys, args)
  redis.call('set', keys[1], 'x')
  while redis.call('pubsub', 'numsub', 'gate')[2] > 0 do end
  return redis.call('get', keys[1])
end)
redis.register_function{function_name='reads', callback=function(keys, args) while true do end end, flags={'no-writes'}}
"""


def without_id(hello):
    """The reply to HELLO, but for the client's number."""
    return re.sub(rb"(\$2\r\nid\r\n):\d+", rb"\1:N", hello)


class Scene:
    """What happens on one server."""

    def __init__(self, server):
        self.server = server
        self.seen = []
        self.clients = []
        self.probe = self.client()
        self.gate = None

    def client(self, *first):
        client = self.server.client(timeout=30.0)
        self.clients.append(client)
        for request in first:
            client.call(*request)
        return client

    def note(self, *replies):
        self.seen += replies

    def is_busy(self):
        return self.probe.call("PING").startswith(b"-BUSY")

    def close_gate(self):
        self.gate = self.client(("SUBSCRIBE", "gate"))

    def open_gate(self):
        self.gate.send(kt.encode("RESET"))
        kt.wait_until(lambda: not self.is_busy(), timeout=30, what="the script to end")

    def start(self, *request, client=None):
        """Sends a request whose script takes too long; returns when others are refused."""
        client = client or self.client()
        client.send(kt.encode(*request))
        kt.wait_until(self.is_busy, timeout=30, what=f"{request} to take too long")
        return client

    def kill(self, client=None, how="SCRIPT"):
        """Kills the script and notes what both sides get."""
        self.note(self.probe.call(how, "KILL"))
        if client is not None:
            self.note(client.read())

    def end(self):
        for client in self.clients:
            client.close()


class BusyTest(kt.TestCase):
    def compare(self, scene, **directives):
        """Plays `scene` on both servers and compares what it has noted."""
        seen = []
        for kind in (kt.RedisServer, kt.KeywayShard):
            server = self.start(kind(busy_reply_threshold=5, **directives))
            played = Scene(server)
            self.addCleanup(played.end)
            scene(played)
            seen.append(played.seen)
        for theirs, ours in zip(*seen):
            self.assertEqual(ours, theirs)
        self.assertEqual(len(seen[1]), len(seen[0]))

    def test_configuration(self):
        def scene(s):
            for request in (("GET", "*time-limit"), ("GET", "busy-reply*"), ("SET", "lua-time-limit", "7"), ("GET", "lua-time-limit"),
                            ("GET", "busy-reply-threshold"), ("SET", "busy-reply-threshold", "-1"), ("SET", "lua-time-limit", "x"),
                            ("SET", "busy-reply-threshold", "9223372036854775807"), ("GET", "lua-time-limit"),
                            ("SET", "busy-reply-threshold", "0"), ("GET", "busy-reply-threshold")):
                s.note(s.probe.call("CONFIG", *request))
        self.compare(scene)

    def test_default_threshold(self):
        for kind in (kt.RedisServer, kt.KeywayShard):
            server = self.start(kind())
            self.assertEqual(server.value("CONFIG", "GET", "lua-time-limit"), [b"lua-time-limit", b"5000"])

    REQUESTS = [
        ("PING",), ("GET", "a"), ("SET", "a", "1"), ("EVAL", "return 1", "0"), ("EVALSHA", "x" * 40, "0"), ("EVAL_RO", "return 1", "0"),
        ("FCALL", "forever", "0"), ("FCALL_RO", "forever", "0"), ("INFO",), ("CONFIG", "GET", "port"), ("CONFIG", "SET", "hz", "10"),
        ("CLIENT", "LIST"), ("CLIENT", "KILL", "ID", "1"), ("CLIENT", "ID"), ("CLIENT", "PAUSE", "1"), ("CLIENT", "REPLY", "OFF"),
        ("CLIENT", "UNBLOCK", "1"), ("nosuch",), ("GET",), ("HELLO", "2", "SETNAME", "n"), ("HELLO", "4"), ("AUTH", "x"), ("AUTH", "x", "y"),
        ("MULTI",), ("SET", "a", "1"), ("MULTI",), ("EXEC",), ("MULTI",), ("EXEC",), ("MULTI",), ("DISCARD",), ("MULTI",), ("GET", "a"),
        ("DISCARD",), ("WATCH", "x"), ("UNWATCH",), ("EXEC",), ("DISCARD",), ("RESET",), ("SCRIPT", "EXISTS", "x"), ("SCRIPT", "FLUSH"),
        ("SCRIPT", "LOAD", "return 1"), ("SCRIPT", "HELP"), ("SCRIPT", "DEBUG", "NO"), ("SCRIPT", "NOSUCH"), ("FUNCTION", "LIST"),
        ("FUNCTION", "DUMP"), ("FUNCTION", "HELP"), ("FUNCTION", "FLUSH"), ("FUNCTION", "LOAD", "x"), ("SHUTDOWN",), ("SHUTDOWN", "SAVE"),
        ("SHUTDOWN", "NOW"), ("SHUTDOWN", "FORCE"), ("SHUTDOWN", "ABORT"), ("SHUTDOWN", "x"), ("SHUTDOWN", "NOSAVE", "SAVE"),
        ("SHUTDOWN", "ABORT", "NOSAVE"), ("SUBSCRIBE", "x"), ("UNSUBSCRIBE",), ("PSUBSCRIBE", "x"), ("SSUBSCRIBE", "x"), ("PUBLISH", "x", "y"),
        ("MONITOR",), ("SLOWLOG", "GET"), ("LATENCY", "LATEST"), ("COMMAND", "COUNT"), ("CLUSTER", "INFO"), ("READONLY",), ("ASKING",),
        ("SELECT", "1"), ("MEMORY", "DOCTOR"), ("DBSIZE",), ("FLUSHALL",), ("BLPOP", "l", "0"), ("WAIT", "0", "0"), ("OBJECT", "HELP"),
        ("DEBUG", "SLEEP", "0"), ("ECHO", "x"), ("TIME",), ("LOLWUT",), ("ROLE",),
    ]

    def requests(self, s):
        other = s.client()
        for request in self.REQUESTS:
            s.note((request, without_id(other.call(*request))))
        waiting = s.client()
        waiting.send(b"".join(kt.encode(*request) for request in (("PING",), ("MULTI",), ("SET", "a", "1"), ("EXEC",), ("PING",))))
        for _ in range(5):
            s.note(waiting.read())

    def test_requests_while_a_script_runs(self):
        def scene(s):
            script = s.start("EVAL", FOREVER, "0")
            self.requests(s)
            for request in (("FUNCTION", "KILL"), ("FUNCTION", "STATS")):
                s.note(s.probe.call(*request))
            s.kill(script)
            for request in (("SCRIPT", "KILL"), ("FUNCTION", "KILL"), ("PING",)):
                s.note(s.probe.call(*request))
        self.compare(scene)

    def test_requests_while_a_function_runs(self):
        def scene(s):
            s.note(s.probe.call("FUNCTION", "LOAD", LIBRARY))
            for name, function in (("FCALL", "forever"), ("FCALL_RO", "reads")):
                script = s.start(name, function, "1", "k", "argument")
                self.requests(s)
                s.note(s.probe.call("SCRIPT", "KILL"))
                for version in ("3", "2"):
                    stats = s.client(("HELLO", version)).call("FUNCTION", "STATS")
                    s.note(re.sub(rb"(duration_ms\r\n):\d+", rb"\1:N", stats))
                s.kill(script, "FUNCTION")
                s.note(s.probe.call("FUNCTION", "STATS"))
        self.compare(scene)

    def test_killed(self):
        def scene(s):
            for script in (FOREVER,
                           "while true do pcall(function() while true do end end) end",
                           "local f = coroutine.wrap(function() while true do end end) return f()",
                           "\n\nlocal function f()\n while true do\n  local a = 1\n end\nend\nf()",
                           "while true do redis.call('get', 'x') end",
                           "while true do redis.pcall('nosuch', 'x') end",
                           "while true do redis.call('ping') end",
                           "#!lua flags=no-writes\nwhile true do redis.pcall('set', 'x', '1') end",
                           "#!lua\nlocal t = {}\nwhile true do t[#t % 10 + 1] = tostring(#t) end",
                           "redis.call('publish', 'x', '1') while true do end",
                           "local t = {} table.sort(t) for k, v in pairs(redis) do t[k] = v end while true do t.sha1hex('') end"):
                s.note(script)
                s.kill(s.start("EVAL", script, "0"))
                s.note(s.probe.call("EVAL", "return redis.call('ping')", "0"))
            s.kill(s.start("EVAL_RO", FOREVER, "0"))
            s.note(s.probe.call("SCRIPT", "LOAD", FOREVER))
            for name in ("EVALSHA", "EVALSHA_RO"):
                s.kill(s.start(name, "694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7", "0"))
            s.kill(s.start("EVAL", FOREVER, "0", client=s.client(("HELLO", "3"))))
        self.compare(scene)

    def test_nothing_holds_the_end_up(self):
        # In redis-server some of these survive, or cannot be killed.
        shard = self.start(kt.KeywayShard(busy_reply_threshold=5))
        s = Scene(shard)
        self.addCleanup(s.end)
        for script in ("\nlocal function f()\n while true do\n  pcall(type)\n end\nend\npcall(f)\npcall(f)\nreturn 'survived'",
                       "local ok, e = pcall(function() while true do end end) return 'survived'",
                       "while true do pcall(coroutine.wrap(function() while true do end end)) end",
                       "while true do local co = coroutine.create(function() while true do end end) coroutine.resume(co) end",
                       "xpcall(function() while true do end end, function() while true do end end) return 'survived'",
                       "while true do xpcall(function() while true do end end, function(e) return e end) end",
                       "local t = setmetatable({}, {__index = function(t, k) while true do end end}) pcall(function() return t.x end) return 'survived'",
                       "string.gsub(string.rep('x', 100), '.', function() while true do end end) return 'survived'",
                       "table.sort({3, 2, 1}, function(a, b) while true do end end) return 'survived'",
                       "local f = function() while true do end end pcall(pcall, pcall, f) return 'survived'"):
            with self.subTest(script):
                client = s.start("EVAL", script, "0")
                self.assertEqual(s.probe.call("SCRIPT", "KILL"), b"+OK\r\n")
                self.assertRegex(client.read(), b"^-ERR Script killed by user with SCRIPT KILL[.][.][.] script: ")
                self.assertEqual(s.probe.call("EVAL", "return 1", "0"), b":1\r\n")

    def test_after_a_write(self):
        def scene(s):
            s.probe.call("FUNCTION", "LOAD", LIBRARY)
            for script in ("redis.call('set', KEYS[1], '1')", "redis.call('del', 'nothing')", "redis.pcall('incr', 'string')",
                           "redis.pcall('set', 'x')", "redis.call('publish', 'c', 'x')", "redis.call('pfcount', 'none')"):
                s.probe.call("SET", "string", "x")
                s.close_gate()
                client = s.start("EVAL", f"{script} {GATE} return redis.call('get', KEYS[1])", "1", "k")
                killed = s.probe.call("SCRIPT", "KILL")
                s.note(script, killed)
                if killed.startswith(b"-"):
                    s.note(s.probe.call("FUNCTION", "KILL"), s.probe.call("PING"))
                    s.open_gate()
                else:
                    s.gate.close()
                s.note(client.read())
                s.probe.call("FLUSHALL")
            s.close_gate()
            client = s.start("FCALL", "writes", "1", "k")
            s.note(s.probe.call("FUNCTION", "KILL"), s.probe.call("SCRIPT", "KILL"))
            s.open_gate()
            s.note(client.read(), s.probe.call("GET", "k"))
        self.compare(scene)

    def test_transactions(self):
        def scene(s):
            tx = s.client(("MULTI",), ("SET", "m", "1"), ("EVAL", FOREVER, "0"), ("INCR", "m"),
                          ("EVAL", "return redis.call('get', 'm')", "0"))
            s.kill(s.start("EXEC", client=tx))
            # Two of them, the first of which has written.
            tx = s.client(("MULTI",), ("EVAL", "redis.call('set', 'x', '1')", "0"), ("EVAL", FOREVER, "0"), ("EVAL", FOREVER, "0"),
                          ("INCR", "x"))
            s.start("EXEC", client=tx)
            # Between one and the other nobody is served.
            kt.wait_until(lambda: s.probe.call("SCRIPT", "KILL").startswith(b"-NOTBUSY"))
            s.note(tx.read())
            # Queued before, executed while another script runs.
            early = s.client(("WATCH", "w"), ("MULTI",), ("SET", "early", "1"))
            script = s.start("EVAL", FOREVER, "0")
            s.note(early.call("EXEC"), early.call("EXEC"), early.call("DISCARD"))
            s.kill(script)
            s.note(early.call("EXEC"), s.probe.call("EXISTS", "early"))
            # Begun while a script runs, and ended afterwards.
            script = s.start("EVAL", FOREVER, "0")
            late = s.client(("MULTI",))
            s.note(late.call("SET", "late", "1"))
            s.kill(script)
            s.note(late.call("SET", "late", "1"), late.call("EXEC"))
            # Watched while the script runs, which then writes.
            s.close_gate()
            script = s.start("EVAL", f"{GATE} return redis.call('set', 'watched', '1')", "0")
            watcher = s.client(("WATCH", "watched"))
            s.open_gate()
            s.note(script.read(), watcher.call("MULTI"), watcher.call("PING"), watcher.call("EXEC"))
        self.compare(scene)

    def test_pipelines_wait(self):
        def scene(s):
            client = s.client()
            client.send(b"".join(kt.encode(*request) for request in (
                ("SET", "a", "1"), ("EVAL", FOREVER, "0"), ("INCR", "a"), ("EVAL", "return redis.call('incr', 'a')", "0"), ("PING",))))
            kt.wait_until(s.is_busy, timeout=30)
            client.send(kt.encode("GET", "a"))
            s.note(s.probe.call("SCRIPT", "KILL"))
            for _ in range(6):
                s.note(client.read())
        self.compare(scene)

    def test_waiting_clients(self):
        def scene(s):
            served, timed_out, stays = s.client(), s.client(), s.client()
            served.send(kt.encode("BLPOP", "served", "0.05"))
            timed_out.send(kt.encode("BLPOP", "nothing", "0.05"))
            stays.send(kt.encode("BLPOP", "stays", "0"))
            kt.wait_until(lambda: s.server.info("clients")["blocked_clients"] == "3")
            s.close_gate()
            began = time.monotonic()
            script = s.start("EVAL", f"redis.call('rpush', 'served', 'x') redis.call('rpush', 'stays', 'y') {GATE} "
                             "return redis.call('lrange', 'served', 0, -1)", "0")
            kt.wait_until(lambda: time.monotonic() - began > 0.2)
            for client in (served, timed_out, stays):
                client.socket.settimeout(0.02)
                with self.assertRaises(TimeoutError):
                    client.read()
                client.socket.settimeout(10)
            s.open_gate()
            s.note(script.read(), served.read(), timed_out.read(), stays.read(), s.probe.call("EXISTS", "served", "stays"))
        self.compare(scene)

    def test_nothing_changes_meanwhile(self):
        def scene(s):
            for i in range(20):
                s.probe.call("SET", f"k{i}", "x", "PX", "400")
            s.probe.call("SET", "stays", "x" * 100)
            s.close_gate()
            script = s.start("EVAL", "local before = redis.call('dbsize') " + GATE +
                             " return {before, redis.call('dbsize'), redis.call('exists', 'k1', 'k2'), redis.call('get', 'k3')}", "0")
            began = time.monotonic()
            kt.wait_until(lambda: time.monotonic() - began > 1)
            s.open_gate()
            s.note(script.read())
            kt.wait_until(lambda: s.probe.value("DBSIZE") == 1, what="the keys to expire")
        self.compare(scene)

    def test_the_caller_goes_away(self):
        def scene(s):
            s.close_gate()
            script = s.start("EVAL", f"redis.call('set', 'a', '1') {GATE} return redis.call('incr', 'a')", "0")
            script.send(kt.encode("SET", "never", "1"))
            script.close()
            s.open_gate()
            s.note(s.probe.call("MGET", "a", "never"))
            script = s.start("EVAL", FOREVER, "0")
            script.close()
            s.kill()
            kt.wait_until(lambda: not s.is_busy())
            s.close_gate()
            tx = s.client(("MULTI",), ("INCR", "a"), ("EVAL", GATE, "0"), ("INCR", "a"))
            s.start("EXEC", client=tx)
            tx.close()
            s.open_gate()
            s.note(s.probe.call("GET", "a"))
            kt.wait_until(lambda: s.server.info("clients")["connected_clients"] == str(
                1 + sum(client.socket.fileno() >= 0 for client in s.clients)))
        self.compare(scene)

    def test_messages_meanwhile(self):
        def scene(s):
            subscriber = s.client(("SUBSCRIBE", "c"))
            caller = s.client(("HELLO", "3"), ("SUBSCRIBE", "c"))
            s.close_gate()
            s.start("EVAL", f"redis.call('publish', 'c', 'first') {GATE} redis.call('publish', 'c', 'last') return 1", "0", client=caller)
            s.note(subscriber.read())
            s.note(subscriber.call("PING"), subscriber.call("UNSUBSCRIBE"))
            s.open_gate()
            s.note(subscriber.read(), caller.read(), caller.read(), caller.read())
            tracking = s.client(("HELLO", "3"), ("CLIENT", "TRACKING", "on"), ("GET", "k"))
            broadcast = s.client(("HELLO", "3"), ("CLIENT", "TRACKING", "on", "BCAST"))
            s.close_gate()
            script = s.start("EVAL", f"redis.call('set', 'k', '1') {GATE} redis.call('set', 'l', '1')", "0")
            s.note(tracking.read())
            broadcast.socket.settimeout(0.05)
            with self.assertRaises(TimeoutError):
                broadcast.read()
            broadcast.socket.settimeout(10)
            s.open_gate()
            s.note(script.read(), broadcast.read())
        self.compare(scene)

    def test_monitor_meanwhile(self):
        def scene(s):
            monitor = s.client(("MONITOR",))
            script = s.start("EVAL", FOREVER, "0")
            other = s.client()
            for request in (("HELLO", "2"), ("SET", "a", "1"), ("MULTI",), ("EXEC",), ("FUNCTION", "KILL"), ("RESET",)):
                other.call(*request)
            lines = []
            while not lines or b"RESET" not in lines[-1]:
                lines.append(re.sub(rb"^\+[\d.]+ \[0 [\d.:]+\]", b"+T", monitor.read()))
            s.note([line for line in lines if b"PING" not in line])
            s.kill(script)
        self.compare(scene)

    def test_client_pause(self):
        def scene(s):
            s.probe.call("CLIENT", "PAUSE", "100", "WRITE")
            writer = s.client()
            writer.send(kt.encode("EVAL", "return redis.call('incr', 'a')", "0"))
            s.close_gate()
            script = s.start("EVAL_RO", GATE + " return 1", "0")
            began = time.monotonic()
            kt.wait_until(lambda: time.monotonic() - began > 0.3)
            writer.socket.settimeout(0.02)
            with self.assertRaises(TimeoutError):
                writer.read()
            writer.socket.settimeout(10)
            s.open_gate()
            s.note(script.read(), writer.read())
        self.compare(scene)

    def test_statistics(self):
        def scene(s):
            s.probe.call("CONFIG", "SET", "slowlog-log-slower-than", "1000", "latency-monitor-threshold", "1")
            s.close_gate()
            script = s.start("EVAL", GATE + " return redis.call('info', 'clients')", "0")
            other = s.client(("HELLO", "2"), ("GET", "a"), ("SCRIPT", "NOSUCH"), ("HELLO", "9"))
            other.close()
            began = time.monotonic()
            kt.wait_until(lambda: time.monotonic() - began > 0.1)
            s.open_gate()
            s.note(re.search(rb"blocked_clients:\d+", script.read()).group())
            s.kill(s.start("EVAL", FOREVER, "0"))
            stats = s.server.info("commandstats")
            s.note({name: re.sub(r"usec.*?,rej", "rej", stats[name])
                    for name in ("cmdstat_eval", "cmdstat_script|kill", "cmdstat_get", "cmdstat_info")})
            entries = [entry for entry in s.probe.value("SLOWLOG", "GET") if entry[3][0] == b"EVAL"]
            s.note([entry[3] for entry in entries], entries[-1][2] > 80_000)
            s.note({"count=1" if value == "count=1" else name for name, value in s.server.info("errorstats").items()
                    if name != "errorstat_BUSY"})
            s.note("command" in {event[0].decode() for event in s.probe.value("LATENCY", "LATEST")})
        self.compare(scene)

    def test_log(self):
        def scene(s):
            s.probe.call("FUNCTION", "LOAD", LIBRARY)
            s.kill(s.start("EVAL", FOREVER, "0"))
            s.kill(s.start("FCALL", "forever", "0"), "FUNCTION")
            lines = re.findall(r"(# Slow script.*|# Lua script.*)", s.server.output())
            s.note([re.sub(r"after \d+ milli", "after N milli", line) for line in lines])
        self.compare(scene)

    def test_shutdown(self):
        def scene(s):
            script = s.start("EVAL", "redis.call('set', 'a', '1') while true do pcall(redis.call, 'ping') end", "0")
            s.note(s.probe.call("SHUTDOWN"), s.probe.call("SCRIPT", "KILL"))
            s.probe.send(kt.encode("SHUTDOWN", "NOSAVE"))
            s.note(s.server.wait(), s.probe.read_to_end(), script.read_to_end())
        self.compare(scene)

    def test_shutdown_in_a_transaction(self):
        def scene(s):
            tx = s.client(("MULTI",), ("EVAL", FOREVER, "0"), ("EVAL", FOREVER, "0"), ("EVAL", "while true do pcall(redis.call, 'get', 'a') end", "0"))
            waiting = s.client()
            waiting.send(kt.encode("BLPOP", "l", "0"))
            kt.wait_until(lambda: s.server.info("clients")["blocked_clients"] == "1")
            s.start("EXEC", client=tx)
            s.probe.send(kt.encode("SHUTDOWN", "NOSAVE"))
            # Of what was written before it, redis-server may have sent a part.
            s.note(s.server.wait(), s.probe.read_to_end(), waiting.read_to_end())
        self.compare(scene)

    def test_signals(self):
        def scene(s):
            script = s.start("EVAL", FOREVER, "0")
            s.server.signal(signal.SIGTERM)
            kt.wait_until(lambda: "Received SIGTERM scheduling shutdown..." in s.server.output())
            s.note(s.is_busy(), s.server.is_alive())
            # A signal may be noticed later than the next request.
            kt.wait_until(lambda: s.probe.call("SHUTDOWN", "ABORT") == b"+OK\r\n")
            s.note(s.probe.call("SHUTDOWN", "ABORT"), "Shutdown manually aborted." in s.server.output())
            s.kill(script)
            s.note(s.probe.call("PING"))
            script = s.start("EVAL", FOREVER, "0")
            s.server.signal(signal.SIGTERM)
            kt.wait_until(lambda: s.server.output().count("Received SIGTERM") == 2)
            s.note(s.is_busy(), s.probe.call("SCRIPT", "KILL"), s.server.wait())
        self.compare(scene)

    def test_new_connections(self):
        def scene(s):
            script = s.start("EVAL", FOREVER, "0")
            clients = [s.client() for _ in range(50)]
            for client in clients:
                client.send(kt.encode("PING") + kt.encode("HELLO", "3") + kt.encode("GET", "a"))
            for client in clients:
                s.note(client.read(), without_id(client.read()), client.read())
            s.kill(script)
            s.note(clients[0].call("PING"))
        self.compare(scene)

    def test_password(self):
        def scene(s):
            s.probe.call("AUTH", "secret")
            script = s.client(("AUTH", "secret"))
            s.start("EVAL", FOREVER, "0", client=script)
            other = s.client()
            for request in (("PING",), ("SCRIPT", "KILL"), ("AUTH", "wrong"), ("AUTH", "secret"), ("PING",), ("RESET",), ("PING",)):
                s.note(other.call(*request))
            s.kill(script)
        self.compare(scene, requirepass="secret")

    def test_no_limit(self):
        def scene(s):
            s.probe.call("CONFIG", "SET", "busy-reply-threshold", "0")
            s.note(s.probe.call("EVAL", "local n = 0 for i = 1, 3000000 do n = n + 1 end return n", "0"))
            s.note("Slow script" in s.server.output())
        self.compare(scene)

    def test_out_of_memory_meanwhile(self):
        def scene(s):
            s.probe.call("SET", "a", "x" * 100_000)
            s.close_gate()
            used = int(s.server.info("memory")["used_memory"])
            s.probe.call("CONFIG", "SET", "maxmemory", used + 2_000_000, "maxmemory-policy", "allkeys-lru")
            # Far above the limit: nothing is evicted before the script has ended.
            script = s.start("EVAL", "for i = 1, 100 do redis.call('set', 'k' .. i, string.rep('x', 100000)) end local n = redis.call('dbsize') "
                             + GATE + " return {n, redis.call('dbsize')}", "0")
            other = s.client()
            s.note(other.call("SET", "b", "1"), other.call("HELLO", "2")[:4])
            began = time.monotonic()
            kt.wait_until(lambda: time.monotonic() - began > 0.1)
            s.open_gate()
            s.note(script.read(), s.probe.call("SET", "b", "1"))
            s.note(s.probe.value("DBSIZE") < 60)
        self.compare(scene)


class ClusterTest(kt.TestCase):
    def test_the_node_stays_alive(self):
        nodes = kt.start_cluster(self, kt.KeywayShard, cluster_node_timeout=1000, busy_reply_threshold=5)
        busy, *others = nodes
        name = busy.value("CLUSTER", "MYID")
        slots = others[0].call("CLUSTER", "SLOTS")
        subscriber = busy.client()
        subscriber.call("SUBSCRIBE", "gate")
        with busy.client(timeout=60) as caller, busy.client() as probe:
            caller.send(kt.encode("EVAL", GATE + " return 1", "0"))
            kt.wait_until(lambda: probe.call("PING").startswith(b"-BUSY"))
            end = time.monotonic() + 4
            while time.monotonic() < end:
                for node in others:
                    line = next(line for line in node.value("CLUSTER", "NODES").splitlines() if line.startswith(name))
                    self.assertNotIn(b"fail", line)
                    self.assertEqual(node.call("CLUSTER", "SLOTS"), slots)
                    self.assertIn(b"cluster_state:ok", node.value("CLUSTER", "INFO"))
                time.sleep(0.1)
            self.assertTrue(probe.call("PING").startswith(b"-BUSY"))
            subscriber.send(kt.encode("RESET"))
            self.assertEqual(caller.read(), b":1\r\n")
            self.assertTrue(kt.cluster_is_whole(nodes))
        subscriber.close()


if __name__ == "__main__":
    kt.main()
