"""MIGRATE between shards and redis-server, in all directions: what the client is told, what is where afterwards, what the
effect stream and listeners get, and targets that misbehave. The reference is MIGRATE between two redis-servers."""

import glob
import os
import re
import socket
import threading
import time

import keyway_testing as kt

SERVERS = (kt.RedisServer, kt.KeywayShard)
FILL = [
    ["SET", "int", "12345"],
    ["SET", "text", "hello"],
    ["SET", "large", "x" * 100000 + "y" * 100000],
    ["SET", b"\x00\xff binary \r\n", b"\x00\x01\r\n\xff"],
    ["RPUSH", "list", *range(5)],
    ["RPUSH", "quicklist", *("e%d" % (i * 7919) for i in range(3000))],
    ["SADD", "intset", *range(20)],
    ["SADD", "set", *("m%d" % i for i in range(1000))],
    ["HSET", "hash", "a", 1, "b", "two"],
    ["HSET", "bighash", *(f"f{i}" for i in range(2000))],
    ["ZADD", "zset", 1.5, "a", -2, "b"],
    ["ZADD", "bigzset", *(word for i in range(1000) for word in (i / 3, f"m{i}"))],
    ["XADD", "stream", "1-1", "f", "v"],
    ["XADD", "stream", "1-2", "f", "w"],
    ["XGROUP", "CREATE", "stream", "g", "0"],
    ["XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "STREAMS", "stream", ">"],
    ["PFADD", "hll", *range(1000)],
    ["SETBIT", "bits", 1000, 1],
]
KEYS = ["int", "text", "large", b"\x00\xff binary \r\n", "list", "quicklist", "intset", "set", "hash", "bighash", "zset", "bigzset",
        "stream", "hll", "bits"]


def digests(client, keys):
    return client.value("DEBUG", "DIGEST-VALUE", *keys)


class Target:
    """A listener that does as it is told: `script` is a list of functions of the connection, one a connection."""

    def __init__(self, *script):
        self.script = script
        self.received = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        for action in self.script:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # closed: nobody wants the rest of the script
            with connection:
                connection.settimeout(20)
                action(self, connection)

    def read(self, connection, ends):
        """Reads until the bytes end so."""
        data = b""
        while not data.endswith(ends):
            try:
                chunk = connection.recv(1 << 16)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                break
            data += chunk
        self.received.append(data)

    def close(self):
        """When the connections to it are closed: all that was received is there."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(20)
        self.listener.close()


class MigrateTest(kt.TestCase):
    def server(self, node_class, **directives):
        return self.start(node_class(enable_debug_command="yes", **directives))

    def compare(self, scenario, target_directives=None, source_directives=None, targets=SERVERS):
        """scenario(source, target) between all pairs of servers must return the same."""
        wanted = None
        for target_class in targets:
            for source_class in SERVERS:
                source = self.server(source_class, **(source_directives or {}))
                target = self.server(target_class, **(target_directives or {}))
                seen = scenario(source, target)
                if wanted is None:
                    wanted = seen
                else:
                    self.assertEqual(seen, wanted, (source_class, target_class))
                source.cleanup()
                target.cleanup()
        return wanted

    def requests(self, source, target, script):
        """Lines go to the source, or, behind '>', to the target; TARGET is its address. Returns the replies."""
        replies = []
        with source.client() as here, target.client() as there:
            for line in script.strip().splitlines():
                line = line.strip()
                client = there if line.startswith(">") else here
                words = [b"" if word == '""' else word for word in line.lstrip(">").split()]
                at = words.index("TARGET") if "TARGET" in words else None
                if at is not None:
                    words[at:at + 1] = ["127.0.0.1", target.port]
                replies.append((line, client.call(*words)))
        return replies

    def test_all_types(self):
        def scenario(source, target):
            with source.client() as here, target.client() as there:
                for request in FILL:
                    self.assertFalse(here.call(*request).startswith(b"-"), request[:2])
                before = digests(here, KEYS)
                self.assertNotIn(b"0" * 40, before)
                # One by one, then all at once, copied, replaced.
                for key in KEYS[:5]:
                    self.assertEqual(here.value("MIGRATE", "127.0.0.1", target.port, key, 0, 5000), "OK")
                self.assertEqual(here.value("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "COPY", "KEYS", *KEYS), "OK")
                self.assertEqual(digests(there, KEYS), before)
                self.assertEqual(digests(here, KEYS[5:]), before[5:])
                self.assertEqual(here.value("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "REPLACE", "KEYS", *KEYS), "OK")
                self.assertEqual(digests(there, KEYS), before)
                self.assertEqual(here.value("DBSIZE"), 0)
                # And back.
                self.assertEqual(there.value("MIGRATE", "127.0.0.1", source.port, "", 0, 5000, "KEYS", *KEYS), "OK")
                self.assertEqual(digests(here, KEYS), before)
                return before
        self.compare(scenario)

    def test_replies(self):
        def scenario(source, target):
            return self.requests(source, target, """
                SET a 1
                SET b 2
                SET c 3
                >SET b old
                MIGRATE TARGET b 0 1000
                MIGRATE TARGET "" 0 1000 KEYS a b c
                EXISTS a b c
                >MGET a b c
                MIGRATE TARGET "" 0 1000 KEYS a b c
                MIGRATE TARGET "" 0 1000 REPLACE KEYS a b c
                >MGET a b c
                MIGRATE TARGET "" 0 1000 REPLACE KEYS a b c
                SET a 1
                MIGRATE TARGET "" 0 1000 KEYS a a
                SET d 1
                MIGRATE TARGET "" 0 1000 KEYS d d
                EXISTS d
                SET e 1
                MIGRATE TARGET "" 0 1000 REPLACE KEYS e missing e
                EXISTS e
                >GET e
                SET f 1
                MIGRATE TARGET f 0 1000 COPY
                MIGRATE TARGET f 0 1000 COPY
                MIGRATE TARGET f 0 1000 COPY REPLACE
                GET f
                >GET f
                MULTI
                SET g 1
                MIGRATE TARGET g 0 1000
                GET g
                EXEC
                >GET g
                SET h 1
                EVAL return{redis.call('migrate','127.0.0.1',ARGV[2],KEYS[1],0,1000),redis.call('exists',KEYS[1])} 1 h TARGET
                >GET h
                INFO nothing
            """)
        self.compare(scenario)

    def test_databases(self):
        def scenario(source, target):
            return self.requests(source, target, """
                SET a 1
                SET b 2
                SET c 3
                SET d 4
                MIGRATE TARGET a 3 1000
                MIGRATE TARGET b 99 1000
                EXISTS b
                MIGRATE TARGET b -1 1000
                EXISTS b
                MIGRATE TARGET b 3 1000
                MIGRATE TARGET c 2 1000
                SELECT 5
                SET e 5
                MIGRATE TARGET e 5 1000
                SELECT 0
                MIGRATE TARGET d 0 1000
                >DBSIZE
                >SELECT 2
                >GET c
                >SELECT 3
                >MGET a b
                >SELECT 5
                >GET e
            """)
        self.compare(scenario)

    def test_database_below_zero_on_a_new_connection(self):
        self.compare(lambda source, target: self.requests(source, target, """
            SELECT 4
            SET a 1
            MIGRATE TARGET a -1 1000
            >DBSIZE
            DBSIZE
        """))

    def test_passwords(self):
        def scenario(source, target):
            with source.client() as here:
                here.call("SET", "a", 1)
                replies = []
                for words in ((), ("AUTH", "wrong"), ("AUTH2", "default", "wrong"), ("AUTH2", "nobody", "right"), ("AUTH", "right"),
                              ("COPY",), ("COPY", "AUTH2", "default", "right"), ("REPLACE", "AUTH", "wrong")):
                    replies.append(here.call("MIGRATE", "127.0.0.1", target.port, "a", 0, 1000, *words))
                    here.call("SET", "a", 1)
                replies.append(here.call("MIGRATE", "127.0.0.1", target.port, "", 0, 1000, "REPLACE", "AUTH", "right", "KEYS", "a", "b"))
                replies.append(here.value("DBSIZE"))
                return replies
        self.compare(scenario, target_directives={"requirepass": "right"})

    def test_target_without_password(self):
        self.compare(lambda source, target: self.requests(source, target, """
            SET a 1
            MIGRATE TARGET a 0 1000 AUTH x
            EXISTS a
            MIGRATE TARGET a 0 1000 AUTH2 default x
            EXISTS a
        """))

    def test_expiry(self):
        def scenario(source, target):
            with source.client() as here, target.client() as there:
                here.call("SET", "short", 1, "PX", 1)
                here.call("SET", "long", 1, "EX", 1000)
                here.call("SET", "none", 1)
                time.sleep(0.05)
                reply = here.call("MIGRATE", "127.0.0.1", target.port, "", 0, 1000, "KEYS", "short", "long", "none")
                left = there.value("PTTL", "long")
                self.assertTrue(990000 < left <= 1000000, left)
                return reply, there.value("TTL", "none"), there.value("EXISTS", "short"), here.value("DBSIZE")
        self.compare(scenario)

    def test_cached_sockets(self):
        for source_class in SERVERS:
            source, target = self.server(source_class), self.server(kt.KeywayShard)
            with source.client() as here, target.client() as there:
                def cached():
                    return int(source.info("stats")["migrate_cached_sockets"])
                def move(port=target.port):
                    here.call("SET", "a", 1)
                    return here.call("MIGRATE", "127.0.0.1", port, "a", 0, 1000, "REPLACE")
                self.assertEqual(cached(), 0)
                self.assertEqual(move(), b"+OK\r\n")
                self.assertEqual(move(), b"+OK\r\n")
                self.assertEqual(cached(), 1)
                # Closed over there: nobody notices.
                there.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                self.assertEqual(move(), b"+OK\r\n")
                self.assertEqual(cached(), 1)
                target.stop()
                # That nobody listens shows at once, or only with the first bytes.
                self.assertIn(move(), (b"-IOERR error or timeout connecting to the client\r\n",
                                       b"-IOERR error or timeout writing to target instance\r\n"))
                self.assertEqual(cached(), 0)
                target.start()
                for i in range(70):
                    self.assertEqual(move("0" * i + str(target.port)), b"+OK\r\n")
                self.assertEqual(cached(), 64)
                started = time.monotonic()
                kt.wait_until(lambda: cached() == 0, timeout=30, what="the sockets to be closed", interval=0.2)
                self.assertGreater(time.monotonic() - started, 8)
            source.cleanup()
            target.cleanup()

    def test_misbehaving_targets(self):
        """The same replies, after about the same time, and the same keys left."""
        def silent(target, connection):
            target.read(connection, b"never")
        def closes(_target, connection):
            connection.shutdown(socket.SHUT_RDWR)
        def closes_after(data):
            def action(target, connection):
                target.read(connection, b"REPLACE\r\n")
                connection.sendall(data)
            return action
        def answers(data):
            def action(target, connection):
                target.read(connection, b"REPLACE\r\n")
                connection.sendall(data)
                target.read(connection, b"never")
            return action
        # What the target does, connection by connection.
        scripts = [
            [silent, silent],
            [closes, closes],
            [closes_after(b""), closes_after(b"")],
            [closes_after(b""), answers(b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n")],
            [closes_after(b"+OK\r\n"), answers(b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n")],
            [closes_after(b"+OK\r\n+OK\r\n"), silent],
            [closes_after(b"+OK\r\n+OK\r\n-ERR no\r\n"), silent],
            [answers(b"+OK\r\n+OK\r\n"), silent],
            [answers(b"+OK\r\n-BUSYKEY x\r\n+OK\r\n-ERR y\r\n"), silent],
            [answers(b"-ERR select\r\n+OK\r\n+OK\r\n+OK\r\n"), silent],
            [answers(b"+OK\n+OK\n+OK\n+OK\n"), silent],
            [answers(b"\n\n\n\n"), silent],
            [answers(b"\r\n\r\n\r\n\r\n"), silent],
            [answers(b"$3\r\nfoo\r\n:1\r\n"), silent],
            [answers(b"+OK\r\n-" + b"x" * 500 + b"\r\n+OK\r\n+OK\r\n"), silent],
            [answers(b"+OK\r\n-a\tb\rc\x00d\r\n+OK\r\n+OK\r\n"), silent],
        ]
        for number, script in enumerate(scripts):
            seen = []
            for source_class in SERVERS:
                with self.subTest(number=number, source=source_class.__name__):
                    source = self.server(source_class)
                    target = Target(*script)
                    with source.client() as here:
                        here.call("MSET", "a", 1, "b", 2, "c", 3)
                        started = time.monotonic()
                        reply = here.call("MIGRATE", "127.0.0.1", target.port, "", 0, 300, "REPLACE", "KEYS", "a", "b", "c")
                        slow = time.monotonic() - started > 0.25
                        left = here.value("MGET", "a", "b", "c")
                        cached = source.info("stats")["migrate_cached_sockets"]
                    source.cleanup()
                    target.close()
                    seen.append((reply, slow, left, target.received, cached))
            self.assertEqual(seen[1], seen[0], number)

    def test_target_that_reads_nothing(self):
        """The time limit is for each piece, not for all."""
        for source_class in SERVERS:
            source = self.server(source_class)
            with socket.create_server(("127.0.0.1", 0)) as listener, source.client() as here:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                here.call("SET", "a", b"x" * 20_000_000)
                source.call("CONFIG", "SET", "rdbcompression", "no")
                started = time.monotonic()
                reply = here.call("MIGRATE", "127.0.0.1", listener.getsockname()[1], "a", 0, 300)
                self.assertLess(time.monotonic() - started, 5)
                self.assertEqual(reply, b"-IOERR error or timeout writing to target instance\r\n")
                self.assertEqual(here.value("EXISTS", "a"), 1)

    def test_effects_and_events(self):
        """DEL of the keys that have arrived, and nothing else."""
        def scenario(source, target):
            with source.client() as here, target.client() as there, source.client() as listener:
                here.call("DEBUG", "SET-ACTIVE-EXPIRE", 0)
                listener.call("PSUBSCRIBE", "__key*")
                here.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
                def migrate(*words):
                    return here.call("MIGRATE", "127.0.0.1", target.port, *words)
                here.call("MSET", "a", 1, "b", 2, "c", 3, "d", 4, "e", 5)
                here.call("SET", "x", 1, "PX", 1)
                there.call("SET", "b", "busy")
                time.sleep(0.02)
                replies = [migrate("", 0, 1000, "KEYS", "a", "b", "c"), migrate("d", 0, 1000, "COPY"), migrate("x", 0, 1000),
                           migrate("missing", 0, 1000), migrate("b", 0, 1000)]
                here.pipeline([("MULTI",), ("INCR", "n"), ("MIGRATE", "127.0.0.1", target.port, "n", 0, 1000), ("EXEC",)])
                replies += [migrate("e", 0, 1000), here.call("SET", "last", 1)]
                events = []
                while not events or b"__keyevent@0__:set" not in events[-1] or b"last" not in events[-1]:
                    events.append(listener.read())
                source.stop()
                names = glob.glob(os.path.join(source.folder, "appendonlydir", "*.incr.aof"))
                with open(names[0], "rb") as file:
                    return replies, events, re.sub(rb"\d{13}", b"TIME", file.read())
        directives = {"appendonly": "yes", "appendfsync": "always"}
        _, _, log = self.compare(scenario, source_directives=directives, targets=(kt.KeywayShard,))
        self.assertIn(b"*3\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nc\r\n", log)

    def test_what_is_sent(self):
        """Byte for byte, standalone and in a cluster."""
        def answer(target, connection):
            target.read(connection, b"REPLACE\r\n")
            connection.sendall(b"+OK\r\n" * 4)
        for cluster in ("no", "yes"):
            seen = []
            for source_class in SERVERS:
                source = self.server(source_class, cluster_enabled=cluster)
                if cluster == "yes":
                    source.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                    kt.wait_until(lambda s=source: b"cluster_state:ok" in s.value("CLUSTER", "INFO"), timeout=20, what="ok")
                target = Target(answer)
                with source.client() as here:
                    here.call("SET", "{a}1", "one")
                    here.call("RPUSH", "{a}2", "two", "2")
                    reply = here.call("MIGRATE", "127.0.0.1", target.port, "", 0, 1000, "AUTH2", "me", "pw", "REPLACE", "KEYS",
                                      "{a}1", "{a}2", "{a}3")
                    left = here.value("DBSIZE")
                source.cleanup()
                target.close()
                seen.append((reply, target.received, left))
            self.assertEqual(seen[1], seen[0])
            self.assertIn(b"RESTORE-ASKING" if cluster == "yes" else b"$7\r\nRESTORE\r\n", seen[0][1][0])

    def test_to_itself(self):
        """Nobody can answer."""
        for source_class in SERVERS:
            source = self.server(source_class)
            with source.client() as here:
                here.call("SET", "a", 1)
                self.assertEqual(here.call("MIGRATE", "127.0.0.1", source.port, "a", 1, 200),
                                 b"-IOERR error or timeout reading to target instance\r\n")
                self.assertEqual(here.value("EXISTS", "a"), 1)


if __name__ == "__main__":
    kt.main()
