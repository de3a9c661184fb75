"""MONITOR shows the same lines as that of redis-server."""

import re

import keyway_testing as kt

_TIME = re.compile(rb"^\+\d+\.\d{6} \[(\d+) ([^\]]*)\] ")


class MonitorTest(kt.TestCase):
    def lines_of(self, server, script, end):
        """What a monitor of the server sees of the script, with a letter for each connection in place of its address."""
        seen, names = [], {}
        with server.client() as monitor, server.client() as one, server.client() as two:
            self.assertEqual(monitor.call("MONITOR"), b"+OK\r\n")
            for line in script:
                if isinstance(line, tuple):
                    two.call(*line)
                else:
                    one.call(*line)
            two.call("ECHO", end)
            while True:
                line = monitor.read()
                match = _TIME.match(line)
                self.assertIsNotNone(match, line)
                address = match.group(2)
                if b":" in address:
                    address = names.setdefault(address, b"address%d" % len(names))
                seen.append(match.group(1) + b" " + address + b" " + line[match.end():])
                if end.encode() in line:
                    return seen

    def test_same_lines(self):
        script = [
            ["SET", "k", "v"], ["get", "K"], ["SET", "n", "12345"], ["SET", b'\x00\n\r\t\a\b"\\\'\xff\x7f ', "x y"], ["SET", "e", ""],
            ["SELECT", "3"], ["GET", "k"], ("GET", "k"), ["SELECT", "0"], ["AUTH", "u", "secret"], ["AUTH", "secret"],
            ["HELLO", "2", "AUTH", "default", "secret", "SETNAME", "me"], ["CONFIG", "GET", "port"],
            ["CONFIG", "SET", "maxmemory", "0"], ["CLIENT", "LIST"], ["CLIENT", "ID"], ["NOSUCH", "x"], ["GET"], ["INCR", "k"],
            ["MULTI"], ["SET", "a", "1"], ["INCR", "k"], ["PING"], ["EXEC"], ["MULTI"], ["SET", "a", "1"], ["DISCARD"],
            ["MULTI"], ["GET"], ["EXEC"], ["WATCH", "a"], ["UNWATCH"], ["PUBLISH", "a", "b"], ["BLPOP", "nolist", "0.01"],
            ["DEBUG", "SLEEP", "0"], ["COMMAND", "COUNT"], ["INFO", "clients"], ["SLOWLOG", "LEN"], ["FLUSHALL"], ["TIME"],
            ["MIGRATE", "127.0.0.1", "1", "x", "0", "10", "AUTH", "secret", "KEYS", "a"], ["SUBSCRIBE", "a"], ["GET", "x"],
            ["UNSUBSCRIBE"], ["RESET"], ["PING", "x"]]
        seen = [self.lines_of(self.start(node_class(enable_debug_command="yes")), script, "the-end")
                for node_class in (kt.RedisServer, kt.KeywayShard)]
        missing = [line for line in seen[0] if line not in seen[1] and b"MIGRATE" not in line]
        self.assertEqual(missing, [])
        self.assertEqual([line for line in seen[0] if b"MIGRATE" not in line], [line for line in seen[1] if b"MIGRATE" not in line])
        self.assertNotIn(b"secret", b"".join(seen[1]))

    def test_scripts_and_functions(self):
        body = "redis.call('SET', 'a', 1) redis.pcall('NOSUCH') redis.pcall('GET') redis.pcall('LPUSH', 'a', 1) redis.pcall('CONFIG', 'GET', 'port') " \
               "redis.call('SELECT', 2) redis.call('SET', 'b\\n', 1.5) return redis.pcall('EVAL', 'return 1', 0)"
        library = f"#!lua name=lib\nredis.register_function('f', function(KEYS, ARGV) {body} end)"
        script = [
            ["EVAL", body, "1", "key", "argument"], ("EVAL_RO", "return redis.call('GET', KEYS[1])", "1", "a"), ["SCRIPT", "LOAD", "return redis.call('PING')"],
            ["EVALSHA", "0d1ea3a2d5e1d8d8c3b5e8d8e6f0e1c2b3a4f5d6", "0"], ["SCRIPT", "EXISTS", "x"], ["FUNCTION", "LOAD", library], ["FCALL", "f", "0"],
            ["FCALL_RO", "f", "0"], ["FUNCTION", "LIST"], ["FUNCTION", "DELETE", "lib"], ["SELECT", "3"], ["EVAL", "return redis.call('GET', 'a')", "0"],
            ["MULTI"], ["EVAL", "return redis.call('SET', 'a', 1)", "0"], ["SET", "b", "2"], ["EXEC"], ["EVAL", "error('x')", "0"], ["EVAL", "x =", "0"], ["EVAL", "return 1", "x"],
            ["EVAL", "redis.call('BLPOP', 'nolist', 0) redis.call('PUBLISH', 'c', 'm') return redis.call('SPUBLISH', 'c', 'm')", "0"], ["EVAL", "redis.call('FLUSHALL')", "0"]]
        seen = [self.lines_of(self.start(node_class()), script, "the-end") for node_class in (kt.RedisServer, kt.KeywayShard)]
        self.assertEqual(seen[0], seen[1])
        self.assertTrue(any(b" lua " in line for line in seen[0]))

    def test_its_own_commands_and_resp3(self):
        shard = self.start(kt.KeywayShard())
        for resp in (2, 3):
            with shard.client() as monitor, shard.client() as other:
                monitor.call("HELLO", resp)
                self.assertEqual(monitor.call("MONITOR"), b"+OK\r\n")
                # No answer to the second.
                monitor.send(kt.encode("MONITOR") + kt.encode("PING"))
                self.assertEqual(monitor.read(), b"+PONG\r\n")
                self.assertIn(b'] "PING"\r\n', monitor.read())
                self.assertIn(b" flags=O ", shard.call("CLIENT", "LIST"))
                self.assertIn(b'] "CLIENT" "ID"\r\n', (other.call("CLIENT", "ID"), monitor.read())[1])
                monitor.send(kt.encode("RESET"))
                self.assertEqual(monitor.read(), b"+RESET\r\n")
                other.call("GET", "x")
                self.assertEqual(monitor.call("ECHO", "quiet"), b"$5\r\nquiet\r\n")
                self.assertNotIn(b" flags=O ", shard.call("CLIENT", "LIST"))

    def test_a_slow_monitor_is_closed(self):
        shard = self.start(kt.KeywayShard(client_output_buffer_limit="normal 1mb 0 0"))
        with shard.client() as monitor, shard.client() as other:
            monitor.call("MONITOR")
            for _ in range(200):
                other.call("SET", "k", "x" * 100_000)
            kt.wait_until(lambda: "overcoming of output buffer limits" in shard.output(), what="the line in the log")
            self.assertEqual(other.call("PING"), b"+PONG\r\n")

    def test_unix_socket(self):
        path = self.temporary_folder() + "/s"
        shard = self.start(kt.KeywayShard(unixsocket=path))
        with shard.client() as monitor, kt.Client(0, path=path) as other:
            monitor.call("MONITOR")
            other.call("GET", "x")
            self.assertIn(b"[0 unix:" + path.encode() + b'] "GET" "x"\r\n', monitor.read())


if __name__ == "__main__":
    kt.main()
