"""keyway-shard answers connection and server commands as redis-server does, byte for byte.

What differs by nature (ids, addresses, times, amounts of memory) is masked on both sides; nothing else is.
"""

import os
import re

import keyway_testing as kt

# (pattern, replacement), applied to the raw replies of both servers.
MASKS = [
    (rb"\b(id|age|idle|fd|qbuf|qbuf-free|argv-mem|rbs|rbp|obl|oll|omem|tot-mem)=\d+", rb"\1=N"),
    (rb"\b(addr|laddr)=127\.0\.0\.1:\d+", rb"\1=A"),
    (rb"(\$2\r\nid\r\n):\d+", rb"\1:N"),
    # The length of what was masked.
    (rb"([$=])\d+\r\n((?:txt:)?id=N)", rb"\1L\r\n\2"),
]


def masked(reply):
    for pattern, replacement in MASKS:
        reply = re.sub(pattern, replacement, reply)
    return reply


def words(line):
    return line.split() if isinstance(line, str) else list(line)


BASICS = [
    "PING", "ping", "PING a", "PING a b", "ECHO", "ECHO a", "ECHO a b", ["ECHO", ""], ["ECHO", b"\x00\r\n\xff"],
    "foo", "foo a b c", ["foo", "x" * 200, "y" * 200], ["fo'o", "a'b"], ["", "a"], ["a\r\nb", "c\r\nd"],
    "config", "config foo", "config foo bar", "CLIENT", "client foo", "client setinfo lib-name x", "client setinfo",
    "command foo", "get", "get a b", "SELECT", "SELECT a", "select 16", "select -1", "select 15", "client info",
    "select 0", "select 99999999999999999999", "select 1.5", "select 3000000000", "select 2147483647", "select 01",
    "TIME 1", "LOLWUT", "LOLWUT 1", "LOLWUT version", "lolwut version 9", "lolwut version x", "lolwut 5 a",
    "role", "role a", "readonly", "readwrite", "asking", "readonly a", "reset", "reset a", "quit-not",
]

HELLO = [
    "HELLO", "HELLO 3", "HELLO", "HELLO 2", "HELLO 1", "HELLO 4", "HELLO -1", "HELLO a", "HELLO 3 AUTH", "HELLO 3 AUTH a",
    "HELLO 3 AUTH default x", "HELLO 3 AUTH foo x", "HELLO 3 SETNAME", ["HELLO", "3", "SETNAME", "a b"],
    "HELLO 3 SETNAME x", "CLIENT GETNAME", "HELLO 3 FOO", "HELLO 3 AUTH a b SETNAME c", "client getname",
    "HELLO 2 SETNAME d", "CLIENT GETNAME", ["HELLO", "2", "SETNAME", ""], "client getname", "HELLO 3 SETNAME x AUTH default z",
    "HELLO 99999999999999999999", "HELLO 3.0", "HELLO 2 foo bar", "HELLO 2", "AUTH", "AUTH a", "AUTH default",
    "AUTH default x", "AUTH foo x", "AUTH a b c",
]

CLIENT = [
    "client id a", "client getname", "client setname a", "client getname", ["client", "setname", "a b"],
    ["client", "setname", "a\n"], ["client", "setname", ""], "client getname", ["client", "setname", "\xe9"],
    "client setname last", "client info", "client list", "client list type normal", "client list type foo",
    "client list type master", "client list type replica", "client list type slave", "client list type pubsub",
    "client list type", "client list id", "client list id a", "client list id 999999 888888", "client list id 0",
    "client list foo", "client list id -1", "client list type normal id 1", "client info a", "client reply",
    "client reply foo", "client reply on", "client no-evict", "client no-evict on", "client info", "client no-evict off",
    "client no-evict foo", "client unblock", "client unblock a", "client unblock 999999", "client unblock 999999 TIMEOUT",
    "client unblock 999999 foo", "client unblock 999999 error", "client unblock 1 error a", "client pause", "client pause a",
    "client pause 1", "client pause 1 write", "client pause 1 foo", "client pause -1", "client pause 1 all",
    "client pause 99999999999999999999", "client pause 1 all b", "client unpause", "client unpause a",
    "client trackinginfo", "client getredir", "client caching yes", "client caching no", "client caching",
    "client help", "client help a", "client kill", "client kill a", "client kill 1.2.3.4:5", "client kill id",
    "client kill id a", "client kill id 999999", "client kill id 0", "client kill id -1", "client kill type foo",
    "client kill type normal skipme", "client kill type master", "client kill skipme foo",
    "client kill skipme yes id 999999", "client kill user default addr 1.2.3.4:5", "client kill user nouser",
    "client kill addr 1", "client kill laddr 1", "client kill foo bar", "client kill id 999999 id 888888",
    "client kill id 999999 foo", "client kill maxage 3", "client no-touch on", "client kill id 5 type foo",
]

SERVER = [
    "config get", "config set", "config set a", "config set a b", "config set maxmemory", "config set maxmemory 1 hz",
    "config resetstat", "config resetstat a", "config rewrite", "config rewrite a", "config help", "config help a",
    "config get maxmemory", "config get nosuch", "config get MAXMEMORY maxmemory", "config set maxmemory 100mb",
    "config get maxmemory", "config set hz 20 timeout 100", "config get hz", "config get timeout", "config set hz a timeout 7",
    "config get timeout", "config set timeout 0", "shutdown foo", "shutdown save nosave", "shutdown abort",
    "shutdown abort now", "shutdown nosave save", "shutdown now abort", "shutdown nosave abort", "shutdown abort abort",
    "info nosuch", "info a b c", "info modules", "info cluster", "info modules CLUSTER", "debug", "debug foo",
    "debug sleep", "debug sleep 0", "debug sleep 0.001", "debug sleep a", "debug set-active-expire",
    "debug set-active-expire 1", "debug object", "debug object nokey", "debug object a b", "command count a",
]


class CommandsTest(kt.TestCase):
    def compare(self, lines, redis, shard, protocols=(2, 3)):
        for protocol in protocols:
            with redis.client() as expected_client, shard.client() as client:
                if protocol == 3:
                    for each in (expected_client, client):
                        each.call("HELLO", 3)
                for line in lines:
                    expected = masked(expected_client.call(*words(line)))
                    with self.subTest(protocol=protocol, command=line):
                        self.assertEqual(masked(client.call(*words(line))), expected)

    def both(self, **directives):
        redis = self.start(kt.RedisServer(**directives))
        return redis, self.start(kt.KeywayShard(**directives))

    def test_standalone(self):
        redis, shard = self.both(enable_debug_command="yes")
        for lines in (BASICS, HELLO, CLIENT, SERVER):
            self.compare(lines, redis, shard)

    def test_cluster(self):
        redis, shard = self.both(cluster_enabled="yes")
        self.compare([
            "readonly", "client info", "readonly a", "readwrite", "client info", "asking", "asking a", "client info",
            "select 1", "select 0", "select a", "select 16", "hello", "hello 3", "hello 2", "role", "get a", "set a b",
            "mget a b", "info cluster", "readonly", "reset", "client info", "debug", "debug sleep 0", "debug help",
        ], redis, shard)

    def test_password(self):
        redis, shard = self.both(requirepass="foo")
        self.compare([
            "PING", "foo", "get", "get a", "config", "config foo", "config get *", "HELLO", "HELLO 3", "HELLO 4",
            "HELLO 3 AUTH default bad", "HELLO 3 SETNAME a", "AUTH bad", "AUTH default bad", "AUTH nouser foo",
            "AUTH a b c", "HELLO 3 AUTH default foo SETNAME zz", "CLIENT GETNAME", "PING", "RESET", "PING", "RESET a",
            "AUTH foo", "HELLO", "AUTH", "PING",
        ], redis, shard, protocols=(2,))
        for raw in (b"*11\r\n", b"*1\r\n$16385\r\n", b"QUIT\r\nPING\r\n", kt.encode("QUIT", "a")):
            self.compare_raw(raw, redis, shard)

    def compare_raw(self, raw, redis, shard):
        """Both close the connection after the same bytes."""
        replies = []
        for server in (redis, shard):
            with server.client() as client:
                client.send(raw)
                replies.append(client.read_to_end())
        with self.subTest(raw=raw):
            self.assertEqual(replies[1], replies[0])

    def test_protocol_errors_close(self):
        redis, shard = self.both()
        for raw in [
            b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$x\r\n", b"*1\r\n+OK\r\n", b"*x\r\n", b"*99999999999\r\n",
            b"*1\r\n$99999999999\r\n", b"*1\r\n$-1\r\n", b"GET '\r\n", b'GET "a"b\r\n', b"PING\r\n*1\r\n$x\r\n",
            b"A" * (64 * 1024 + 10), b"*1\r\n$" + b"1" * (64 * 1024 + 10), b"*" + b"1" * (64 * 1024 + 10),
            b"QUIT\r\nPING\r\n", b"*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n", b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"host: x\r\nPING\r\n", b"PING\r\nPOST a\r\nPING\r\n",
        ]:
            self.compare_raw(raw, redis, shard)

    def test_inline_and_pipelines(self):
        redis, shard = self.both()
        for raw, replies in [
            (b"PING\r\nECHO 'a b'\r\n\r\n  \r\nECHO \"\\x41\\n\"\nPING\n", 4),
            (b"*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n", 1),
            (b"foo bar\r\nPING\r\n", 2),
            (kt.encode("CLIENT", "REPLY", "OFF") + kt.encode("PING") + kt.encode("CLIENT", "REPLY", "ON")
             + kt.encode("CLIENT", "REPLY", "SKIP") + kt.encode("PING") + kt.encode("ECHO", "x"), 2),
            (kt.encode("CLIENT", "REPLY", "SKIP") * 2 + kt.encode("ECHO", 1) + kt.encode("ECHO", 2)
             + kt.encode("CLIENT", "REPLY", "OFF") + kt.encode("CLIENT", "REPLY", "SKIP") + kt.encode("ECHO", 3)
             + kt.encode("foo") + kt.encode("CLIENT", "REPLY", "ON") + kt.encode("foo"), 3),
            (kt.encode("CLIENT", "REPLY", "OFF") + kt.encode("RESET") + kt.encode("PING"), 2),
            (kt.encode("CLIENT", "REPLY", "SKIP") + kt.encode("HELLO", 3) + kt.encode("PING"), 1),
            (b"".join(kt.encode("ECHO", i) for i in range(5000)), 5000),
        ]:
            with redis.client() as expected, shard.client() as client, self.subTest(raw=raw[:200]):
                expected.send(raw)
                client.send(raw)
                self.assertEqual([client.read() for _ in range(replies)], [expected.read() for _ in range(replies)])

    def test_requests_in_pieces(self):
        redis, shard = self.both()
        request = kt.encode("ECHO", "a" * 30) + b"ECHO 'b c'\r\n" + kt.encode("PING")
        with shard.client() as client:
            for at in range(1, len(request)):
                client.send(request[:at])
                client.send(request[at:])
                self.assertEqual([client.read() for _ in range(3)],
                                 [b"$30\r\n" + b"a" * 30 + b"\r\n", b"$3\r\nb c\r\n", b"+PONG\r\n"])

    def test_time(self):
        _, shard = self.both()
        seconds, micros = shard.value("TIME")
        self.assertGreater(int(seconds), 1_600_000_000)
        self.assertLess(int(micros), 1_000_000)

    def test_info_has_every_field(self):
        redis, shard = self.both(maxmemory="50mb")
        for server in (redis, shard):
            server.call("SET", "a", "b")
            server.call("nosuchcommand")
        for sections in ([], ["all"], ["everything"], ["default"], ["memory"], ["Server", "keyspace"]):
            texts = [server.value("INFO", *sections).decode() for server in (redis, shard)]
            expected, actual = ([re.sub(r"[:=].*", "", line) for line in text.splitlines()] for text in texts)
            with self.subTest(sections=sections):
                # The figures of commands differ as the commands before did.
                self.assertEqual([n for n in actual if n not in ("keyway_version",) and "_usec_" not in n
                                  and not n.startswith("cmdstat_")],
                                 [n for n in expected if "_usec_" not in n and not n.startswith("cmdstat_")])

    def test_info_values(self):
        redis, shard = self.both()
        same = ("redis_version redis_git_sha1 redis_git_dirty redis_mode os arch_bits monotonic_clock multiplexing_api "
                "process_supervised uptime_in_days hz configured_hz config_file io_threads_active maxclients "
                "blocked_clients tracking_clients maxmemory maxmemory_human maxmemory_policy total_system_memory "
                "loading rdb_changes_since_last_save rdb_last_bgsave_status aof_enabled expired_keys evicted_keys "
                "keyspace_hits keyspace_misses role connected_slaves master_failover_state master_replid2 "
                "master_repl_offset second_repl_offset repl_backlog_active repl_backlog_size cluster_enabled db0").split()
        for server in (redis, shard):
            with server.client() as client:
                for request in ["SET a b", "GET a", "GET b", "SET c d EX 100", "nosuchcommand", "SELECT a"]:
                    client.call(*request.split())
        expected, actual = redis.info("everything"), shard.info("everything")
        for name in same:
            with self.subTest(field=name):
                if name == "db0":  # the average is sampled
                    self.assertEqual(actual[name].rsplit("=", 1)[0], expected[name].rsplit("=", 1)[0])
                else:
                    self.assertEqual(actual[name], expected[name])
        self.assertEqual(actual["errorstat_ERR"], expected["errorstat_ERR"])
        self.assertEqual(actual["total_error_replies"], expected["total_error_replies"])
        for name in ("set", "get", "select"):
            field = "cmdstat_" + name
            without_time = [re.sub(r"usec\w*=[\d.]+", "", info[field]) for info in (actual, expected)]
            self.assertEqual(*without_time)
            self.assertRegex(actual["latency_percentiles_usec_" + name], r"^p50=[\d.]+,p99=[\d.]+,p99.9=[\d.]+$")
        self.assertEqual(int(actual["process_id"]), shard.process.pid)
        self.assertEqual(int(actual["tcp_port"]), shard.port)
        self.assertGreater(int(actual["used_memory"]), 100_000)
        self.assertGreater(int(actual["total_net_input_bytes"]), 100)
        self.assertGreater(int(actual["total_net_output_bytes"]), 100)
        self.assertEqual(len(actual["run_id"]), 40)

    def test_resetstat(self):
        _, shard = self.both()
        with shard.client() as client:
            client.pipeline([["GET", "a"]] * 10 + [["nosuchcommand"]])
            self.assertEqual(client.call("CONFIG", "RESETSTAT"), b"+OK\r\n")
            fields = shard.info("stats", "commandstats", "errorstats")
        self.assertLess(int(fields["total_commands_processed"]), 10)
        self.assertEqual(fields["keyspace_misses"], "0")
        self.assertNotIn("cmdstat_get", fields)
        self.assertNotIn("errorstat_ERR", fields)
        self.assertLess(int(fields["total_net_input_bytes"]), 200)

    def test_renamed_commands(self):
        with open(os.path.join(self.temporary_folder(), "redis.conf"), "w") as file:
            file.write('rename-command ECHO ""\nrename-command PING Ahoy\nrename-command CONFIG conf\n')
        redis = self.start(kt.RedisServer(config_file=file.name))
        shard = self.start(kt.KeywayShard(config_file=file.name))
        self.compare(["ECHO a", "PING", "ahoy", "AHOY x", "conf get maxmemory", "conf foo", "config get maxmemory"],
                     redis, shard)


if __name__ == "__main__":
    kt.main()
