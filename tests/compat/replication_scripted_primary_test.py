"""A primary that is only a script, which breaks off, lies or sends nonsense: redis-server and keyway-shard as its replica must say the same
to it, write the same lines into their logs, and show the same afterwards."""

import re
import socket
import threading
import time

import keyway_testing as kt

ID = b"0123456789abcdef0123456789abcdef01234567"
OTHER_ID = b"fedcba9876543210fedcba9876543210fedcba98"
# Of INFO replication, what does not depend on when it was asked.
SHOWN = ("role", "master_link_status", "master_sync_in_progress", "slave_read_repl_offset", "slave_repl_offset", "master_repl_offset",
         "second_repl_offset")


def encode(*words):
    return kt.encode(*words)


class Conversation:
    """One connection of the replica."""

    def __init__(self, connection, seen):
        self.connection = connection
        self.file = connection.makefile("rb")
        self.seen = seen

    def request(self):
        line = b"\n"
        while line == b"\n":  # a sign of life while it loads
            line = self.file.readline()
        if not line:
            raise EOFError
        if not line.startswith(b"*"):
            return line.split()
        words = []
        for _ in range(int(line[1:])):
            size = int(self.file.readline()[1:])
            words.append(self.file.read(size))
            self.file.read(2)
        return words

    def send(self, data):
        self.connection.sendall(data)

    def hear(self):
        """The next request, noted."""
        words = self.request()
        if words[:2] == [b"REPLCONF", b"listening-port"]:
            words[2] = b"PORT"
        if words[0] == b"PSYNC" and words[1] not in (b"?", ID, OTHER_ID):
            words[1] = b"OWN"
        self.seen.append(words)
        return words

    def shake_hands(self, answer, others=b"+OK\r\n"):
        """Up to PSYNC, which gets `answer`."""
        while True:
            words = self.hear()
            if words[0] == b"PSYNC":
                self.send(answer)
                return
            self.send(b"+PONG\r\n" if words[0] == b"PING" else others)

    def until_end(self):
        try:
            while True:
                self.request()
        except (EOFError, OSError):
            pass


class Primary:
    """`scene(conversation)` for the first connection; the others are held without a word."""

    def __init__(self, scene):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen = []
        self.held = []
        self.scene = scene
        self.done = threading.Event()
        self.again = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        connections = self.scene if isinstance(self.scene, (list, tuple)) else [self.scene]
        for play in connections:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    play(Conversation(connection, self.seen))
                except (EOFError, OSError) as error:
                    self.seen.append(type(error).__name__)
                except AssertionError as error:
                    self.seen.append(str(error))
        self.done.set()
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.held.append(connection)
            self.again.set()

    def stop(self):
        self.listener.close()
        for connection in self.held:
            connection.close()


class HandshakeTest(kt.TestCase):
    @classmethod
    def setUpClass(cls):
        server = kt.RedisServer(port=None)
        try:
            server.start()
            server.call("SET", "from", "the primary")
            server.call("SAVE")
            with open(server.folder + "/dump.rdb", "rb") as file:
                cls.rdb = file.read()
        finally:
            server.cleanup()

    def full(self, rdb=None, mark=None, offset=b"100"):
        rdb = self.rdb if rdb is None else rdb
        head = b"+FULLRESYNC " + ID + b" " + offset + b"\r\n"
        return head + (b"$%d\r\n" % len(rdb) + rdb if mark is None else b"$EOF:" + mark + b"\r\n" + rdb + mark)

    def lines(self, server, primary):
        lines = []
        for line in server.output().splitlines():
            head = re.match(r"\d+:[MSC] \d+ \w+ \d+ [\d:.]+ (.) (.*)", line)
            if not head or "Before turning" not in "".join(lines) + head[2]:
                continue
            text = re.sub(r"RDB age \d+|\d+\.\d\d Mb|\(user request from.*|id=\d+ addr=.*? resp=2", "N", head[2])
            # A peer that closes with something unread resets the connection: a race between its end and what is sent to it.
            text = re.sub(r": (Success|Connection reset by peer)$", ": closed", text)
            text = re.sub(r"[0-9a-f]{40}", "ID", text).replace(str(primary.port), "PORT")
            # Where redis-server says -ERR and where not is told by nothing but its source.
            text = re.sub(r"Query buffer during protocol error: .*", "", text.replace("'-ERR ", "'"))
            if "Latest backlog" not in text:
                lines.append(head[1] + " " + text)
        return lines

    def play(self, kind, scene, lives=True, **directives):
        server = self.start(kind(enable_debug_command="yes", **directives))
        primary = Primary(scene)
        self.addCleanup(primary.stop)
        server.call("SET", "own", "data")
        server.call("REPLICAOF", "127.0.0.1", str(primary.port))
        self.assertTrue(primary.done.wait(30), "the scene does not end")
        if not lives:
            code = server.wait(30)
            return code, primary.seen
        self.assertTrue(primary.again.wait(30), "the replica does not come back")
        info = server.info("replication")
        role = server.value("ROLE")[3:]
        values = [server.value("GET", key) for key in ("own", "from", "a")]
        lines = self.lines(server, primary)
        server.call("REPLICAOF", "NO", "ONE")
        primary.stop()
        return [{name: info.get(name) for name in SHOWN}, role, values, lines, primary.seen]

    def compare(self, scene, without=None, lives=True, **directives):
        """`without`: lines of redis-server that keyway-shard does not have, or the other way round."""
        theirs, ours = (self.play(kind, scene, lives, **directives) for kind in (kt.RedisServer, kt.KeywayShard))
        if lives and without:
            for seen in (theirs, ours):
                seen[3] = [line for line in seen[3] if not re.search(without, line)]
        self.assertEqual(ours, theirs)
        return theirs

    # --- The handshake.

    def test_ends_in_the_handshake(self):
        for after in range(5):
            def scene(c):
                for number in range(after):
                    c.hear()
                    c.send(b"+PONG\r\n" if number == 0 else b"+OK\r\n")
                if after:
                    c.hear()
            self.compare(scene)

    def test_refusals(self):
        for answer in (b"-ERR no\r\n", b"-LOADING wait\r\n", b"nonsense\r\n", b"\r\n"):
            def scene(c):
                c.hear()
                c.send(answer)
                c.until_end()
            self.compare(scene)

    def test_wants_a_password(self):
        for directives in ({}, {"masterauth": "secret"}, {"masterauth": "secret", "masteruser": "me"}, {"masteruser": "me"}):
            for answer in (b"+OK\r\n", b"-WRONGPASS no\r\n"):
                def scene(c):
                    c.hear()
                    c.send(b"-NOAUTH Authentication required.\r\n")
                    words = c.hear()
                    c.send(answer)
                    if words[0] == b"AUTH" and answer.startswith(b"-"):
                        c.until_end()
                        return
                    c.shake_hands(b"-LOADING\r\n")
                    c.until_end()
                self.compare(scene, **directives)

    def test_announces(self):
        for answer in (b"+OK\r\n", b"-ERR what\r\n"):
            def scene(c):
                c.shake_hands(b"-NOMASTERLINK no\r\n", others=answer)
                c.until_end()
            seen = self.compare(scene, replica_announce_ip="10.1.2.3", replica_announce_port="77")
            self.assertIn([b"REPLCONF", b"ip-address", b"10.1.2.3"], seen[4])

    def test_answers_to_psync(self):
        for answer in (b"-LOADING\r\n", b"-NOMASTERLINK\r\n", b"\n\n\n-LOADING x\r\n", b"+CONTINUE"):
            def scene(c):
                c.shake_hands(answer)
                if not answer.endswith(b"\n"):
                    return
                c.until_end()
            self.compare(scene)

    def test_full_sync_then_the_end(self):
        for answer in (self.full(), self.full(mark=b"m" * 40), b"\n\n" + self.full()):
            for more in (b"", encode("SELECT", "0") + encode("SET", "a", "b"), encode("MULTI") + encode("SET", "a", "b"), b"\n*1\r\n$4\r\nPI"):
                marked = b"EOF" in answer

                def scene(c):
                    c.shake_hands(answer)
                    if marked:
                        self.assertEqual(c.hear(), [b"REPLCONF", b"ACK", b"100"])
                    c.send(more)
                    time.sleep(0.3)
                self.compare(scene, repl_ping_replica_period="1")

    def test_comes_back_for_the_rest(self):
        done = encode("SELECT", "3") + encode("SET", "a", "1")
        rest = encode("SET", "a", "2") + encode("SELECT", "0") + encode("SET", "a", "3")

        def first(c):
            c.shake_hands(self.full() + done + encode("MULTI") + encode("SET", "a", "x"))
            time.sleep(0.3)

        for answer in (b"+CONTINUE\r\n", b"+CONTINUE " + ID + b"\r\n", b"+CONTINUE " + OTHER_ID + b"\r\n"):
            def second(c):
                c.shake_hands(answer + rest)
                time.sleep(0.3)
            seen = self.compare([first, second])
            self.assertIn([b"PSYNC", ID, b"%d" % (101 + len(done))], seen[4])

    def test_acknowledges(self):
        """What was executed, not what is queued, once a second and when it is asked."""
        one = encode("SET", "a", "b")
        ask = encode("REPLCONF", "GETACK", "*")

        def scene(c):
            c.shake_hands(self.full() + one + ask + one)
            acknowledged = []
            while len(acknowledged) < 3:
                acknowledged.append(int(c.request()[2]))
            self.assertEqual(sorted(acknowledged), acknowledged)
            self.assertIn(100 + len(one), acknowledged)
            self.assertEqual(acknowledged[-1], 100 + 2 * len(one) + len(ask))
            c.send(encode("MULTI") + one)
            self.assertEqual(int(c.request()[2]), acknowledged[-1])
            self.assertEqual(int(c.request()[2]), acknowledged[-1])
        self.compare(scene)

    # --- Payloads.

    def test_broken_payloads(self):
        start = b"+FULLRESYNC " + ID + b" 100\r\n"
        for answer in (start, start + b"\n", start + b"$1000\r\nabc", start + b"$EOF:" + b"m" * 40 + b"\r\nabc", start + b"-ERR no fork\r\n",
                       start + b"*1\r\n", start + b"$9\r\nREDIX0010", start + b"$9\r\nREDIS0099"):
            def scene(c):
                c.shake_hands(answer)
                if b"ERR" in answer or b"*1" in answer or b"REDI" in answer:
                    c.until_end()
            self.compare(scene)

    def test_payload_that_is_no_file_ends_the_process(self):
        for rdb in (self.rdb[:-12], self.rdb[:-1] + bytes([self.rdb[-1] ^ 1])):
            def scene(c):
                c.shake_hands(self.full(rdb))
                c.until_end()
            code, _ = self.compare(scene, lives=False)
            self.assertEqual(code, 1)

    def test_short_payload_to_memory_is_a_lost_connection(self):
        for mode in ("on-empty-db", "swapdb"):
            def scene(c):
                c.shake_hands(self.full(self.rdb[:-12]))
                c.until_end()
            server = self.start(kt.KeywayShard(repl_diskless_load=mode))
            primary = Primary(scene)
            self.addCleanup(primary.stop)
            if mode == "swapdb":
                server.call("SET", "own", "data")
            server.call("REPLICAOF", "127.0.0.1", str(primary.port))
            self.assertTrue(primary.again.wait(30))
            self.assertIn("assuming connection error, resuming operation", server.output())
            self.assertEqual(server.value("GET", "own"), b"data" if mode == "swapdb" else None)

    # --- The stream.

    def test_nonsense_in_the_stream(self):
        for nonsense in (b"*1\r\n+oops\r\n", b"\n\nSET a b\r\n", b"*abc\r\n", b"*1\r\n$-5\r\n"):
            def scene(c):
                c.shake_hands(self.full() + encode("SET", "a", "b"))
                time.sleep(0.3)
                c.send(nonsense)
                c.until_end()

            def second(c):
                c.shake_hands(b"-LOADING\r\n")
                c.until_end()
            seen = self.compare([scene, second])
            self.assertEqual(seen[4][-1], [b"PSYNC", b"?", b"-1"])

    def test_errors_in_the_stream(self):
        def scene(c):
            c.shake_hands(self.full() + encode("SET", "a", "b") + encode("LPUSH", "a", "x") + encode("NOSUCH") + encode("MULTI", "x") +
                          encode("MULTI") + encode("LPUSH", "a", "x") + encode("GET") + encode("EXEC") + encode("SET", "a", "c"))
            time.sleep(0.3)
        self.compare(scene)

    def test_timeouts(self):
        def silent(c):
            c.until_end()

        def in_payload(c):
            c.shake_hands(b"+FULLRESYNC " + ID + b" 100\r\n$1000\r\nabc")
            c.until_end()

        def in_stream(c):
            c.shake_hands(self.full())
            c.until_end()

        for scene in (silent, in_payload, in_stream):
            self.compare(scene, repl_timeout="1")


if __name__ == "__main__":
    kt.main()
