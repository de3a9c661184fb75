"""The judge is judged: histories that are right and wrong, and a fleet before a small server that lies in known ways."""

import socket
import threading
import time

import keyway_testing as kt
from storm_clients import Fleet, ReplyReader
from storm_history import CLOSED, EARLY, ERROR, FUTURE, LOST, WRONG, Counter, History, LossWindow, Register, verdict

UNCERTAIN = "UNCERTAIN the connection was lost; the command may or may not have been executed"


def kinds(findings):
    return [finding.kind for finding in findings]


class RegisterTest(kt.TestCase):
    def setUp(self):
        self.register = Register(b"r")
        self.register.was_set(1, 10.0)
        self.register.was_set(2, 11.0)

    def read(self, number):
        return self.register.was_read(self.register.value(number) if number else None, 12.0)

    def test_last_written(self):
        self.assertIsNone(self.read(2))

    def test_older(self):
        finding = self.read(1)
        self.assertEqual((finding.kind, finding.acknowledged, finding.since), (LOST, (11.0,), 11.0))
        self.assertIsNone(self.read(1), "it is told once")

    def test_missing(self):
        finding = self.read(0)
        self.assertEqual((finding.kind, finding.acknowledged), (LOST, (10.0, 11.0)))

    def test_newer(self):
        self.assertEqual(self.read(3).kind, FUTURE)

    def test_maybe_written(self):
        self.register.was_not_set(3)
        self.assertIsNone(self.read(3))
        self.assertEqual(self.read(2).kind, LOST)

    def test_overwritten_by_an_earlier_one(self):
        self.register.was_not_set(3)
        self.register.was_set(4, 11.5)
        self.assertEqual(self.read(3).kind, LOST)

    def test_wrong_replies(self):
        for value in (b"other=2", b"r=", b"", 2, "OK", [b"r=2"]):
            self.assertEqual(self.register.was_read(value, 12.0).kind, WRONG, value)

    def test_lost_that_is_not_remembered(self):
        for number in range(3, 3000):
            self.register.was_set(number, float(number))
        self.assertIn(float("-inf"), self.read(1).acknowledged)


class CounterTest(kt.TestCase):
    def setUp(self):
        self.counter = Counter(b"c")
        self.assertIsNone(self.counter.was_incremented(1, 10.0))
        self.assertIsNone(self.counter.was_incremented(2, 11.0))

    def test_right(self):
        self.assertIsNone(self.counter.was_read(b"2", 12.0))
        self.assertIsNone(self.counter.was_incremented(3, 12.0))

    def test_lost(self):
        finding = self.counter.was_incremented(2, 12.0)
        self.assertEqual((finding.kind, finding.acknowledged), (LOST, (11.0,)))
        self.assertIsNone(self.counter.was_incremented(3, 12.5))
        finding = self.counter.was_read(None, 13.0)
        self.assertEqual((finding.kind, finding.acknowledged), (LOST, (10.0, 12.0, 12.5)))

    def test_counted_twice(self):
        self.assertEqual(self.counter.was_incremented(4, 12.0).kind, FUTURE)
        self.assertEqual(self.counter.was_read(b"5", 12.0).kind, FUTURE)

    def test_ambiguous(self):
        self.counter.was_not_incremented()
        self.counter.was_not_incremented()
        self.assertIsNone(self.counter.was_incremented(4, 12.0), "one of them has come to light")
        self.assertIsNone(self.counter.was_read(b"5", 12.0), "and the other one, late")
        self.assertEqual(self.counter.was_read(b"6", 12.0).kind, FUTURE)

    def test_ambiguous_and_lost(self):
        self.counter.was_not_incremented()
        self.assertEqual(self.counter.was_read(b"1", 12.0).kind, LOST)

    def test_wrong_replies(self):
        self.assertEqual(self.counter.was_incremented(b"3", 12.0).kind, WRONG)
        self.assertEqual(self.counter.was_read(b"r=3", 12.0).kind, WRONG)


class HistoryTest(kt.TestCase):
    def setUp(self):
        self.history = History(b"x", registers=2, counters=1)

    def answer(self, request, value):
        self.history.answered(request, kt.ProtocolError(value[1:]) if isinstance(value, str) and value[:1] == "-" else value, 1.0)

    def test_right(self):
        first = self.history.new_set(0)
        self.assertEqual(self.history.words(first), (b"SET", b"x:r0", b"x:r0=1"))
        self.answer(first, "OK")
        self.answer(("GET", 0), b"x:r0=1")
        self.answer(("MGET",), [b"x:r0=1", None])
        self.answer(("INCR", 0), 1)
        self.answer(("INCR", 0), "-" + UNCERTAIN)
        self.answer(("COUNT", 0), b"2")
        self.assertEqual(self.history.findings, [])
        self.assertEqual((self.history.ambiguous, self.history.answered_count), ([1.0], 6))

    def test_errors(self):
        self.answer(self.history.new_set(0), "-" + UNCERTAIN)
        self.answer(("GET", 0), "-CLUSTERDOWN The cluster is down")
        self.answer(("MGET",), "-TRYAGAIN later")
        self.answer(("INCR", 0), "-CLUSTERDOWN The cluster is down")
        self.answer(("INCR", 0), "-UNCERTAIN whatever")
        self.assertEqual(kinds(self.history.findings), [ERROR] * 5)

    def test_replies_in_a_wrong_order(self):
        self.answer(("GET", 0), 1)
        self.answer(("INCR", 0), None)
        self.answer(self.history.new_set(0), None)
        self.answer(("MGET",), b"x:r0=1")
        self.answer(("MGET",), [None])
        self.assertEqual(kinds(self.history.findings), [WRONG] * 5)

    def test_read_before_the_write_ahead_of_it(self):
        """In a pipeline SET, GET the read must see the write; in GET, SET it must not."""
        self.answer(self.history.new_set(0), "OK")
        behind = self.history.new_set(0)
        self.answer(("GET", 0), b"x:r0=2")
        self.answer(behind, "OK")
        self.answer(("GET", 0), b"x:r0=1")
        self.assertEqual(kinds(self.history.findings), [EARLY, LOST])

    def test_counted_before_the_increment_ahead_of_it(self):
        self.history.sent(("COUNT", 0))
        self.history.sent(("INCR", 0))
        self.answer(("COUNT", 0), b"1")
        self.answer(("INCR", 0), "-" + UNCERTAIN)
        self.answer(("COUNT", 0), b"1")
        self.answer(("COUNT", 0), b"3")
        self.assertEqual(kinds(self.history.findings), [EARLY, FUTURE])

    def test_unanswered(self):
        self.history.unanswered(("INCR", 0), CLOSED, 1.0)
        self.answer(("INCR", 0), 2)
        self.assertEqual(kinds(self.history.findings), [CLOSED])


class VerdictTest(kt.TestCase):
    def setUp(self):
        self.counter = Counter(b"c")
        for value, at in ((1, 10.0), (2, 11.0), (3, 12.0)):
            self.counter.was_incremented(value, at)
        self.slot = kt.slot_of(b"c")

    def lost(self, value):
        return [self.counter.was_read(b"%d" % value, 20.0)]

    def test_within_a_window(self):
        window = LossWindow(frozenset([self.slot]), 10.5, 12.5)
        self.assertEqual([len(part) for part in verdict(self.lost(1), [window])], [0, 1, 0])

    def test_acknowledged_before_it(self):
        window = LossWindow(frozenset([self.slot]), 10.5, 12.5)
        self.assertEqual([len(part) for part in verdict(self.lost(0), [window])], [1, 0, 0])

    def test_another_slot(self):
        window = LossWindow(frozenset([self.slot + 1]), 0.0, 100.0)
        self.assertEqual([len(part) for part in verdict(self.lost(2), [window])], [1, 0, 0])

    def test_what_no_window_excuses(self):
        window = LossWindow(frozenset([self.slot]), 0.0, 100.0)
        twice = self.counter.was_incremented(9, 12.0)
        self.assertEqual([len(part) for part in verdict([twice], [window])], [1, 0, 0])

    def test_reads_that_are_sent_again(self):
        history = History(b"x", 1, 1)
        history.new_set(0)
        history.answered(("GET", 0), b"x:r0=1", at=9.0, sent=5.0)
        slots = frozenset([kt.slot_of(b"x:r0")])
        for death, faults in ((LossWindow(slots, 6.0, 6.1), 0), (LossWindow(slots, 9.5, 9.6), 1), (LossWindow(slots, 4.0, 4.1), 1),
                              (LossWindow(frozenset(), 6.0, 6.1), 1)):
            self.assertEqual([len(part) for part in verdict(history.findings, [], deaths=[death])], [faults, 0, 0], death)

    def test_connections_that_end_with_their_proxy(self):
        history = History(b"x", 1, 1)
        history.unanswered(("GET", 0), CLOSED, 5.0)
        self.assertEqual([len(part) for part in verdict(history.findings, [], [(4.0, 6.0)])], [0, 0, 1])
        self.assertEqual([len(part) for part in verdict(history.findings, [], [(6.0, 7.0)])], [1, 0, 0])


class ReplyReaderTest(kt.TestCase):
    def test_any_pieces(self):
        data = b"+OK\r\n:-12\r\n$5\r\na\r\nbc\r\n$-1\r\n*2\r\n$1\r\nx\r\n$-1\r\n-ERR no\r\n"
        expected = ["OK", -12, b"a\r\nbc", None, [b"x", None], "ERR no"]
        for size in range(1, len(data) + 1):
            reader, values = ReplyReader(), []
            for at in range(0, len(data), size):
                values += reader.feed(data[at:at + size])
            self.assertEqual([str(value) if isinstance(value, Exception) else value for value in values], expected, size)


class LyingServer:
    """GET, MGET, SET and INCR for clients of one thread each. `lie(turn, words, store)`: a reply instead of the right one, b"" to close, or
    None; turn counts requests."""

    def __init__(self, lie):
        self.lie = lie
        self.store = {}
        self.turn = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]

    def serve(self):
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:  # the test is over
                return
            threading.Thread(target=self._connection, args=(connection,), daemon=True).start()

    def _connection(self, connection):
        reader = ReplyReader()
        with connection:
            while data := connection.recv(1 << 16):
                for words in reader.feed(data):
                    with self.lock:
                        self.turn += 1
                        reply = self.lie(self.turn, words, self.store)
                        if reply is None:
                            reply = self.execute(words)
                    if not reply:
                        return
                    connection.sendall(reply)

    def execute(self, words):
        command, *keys = words
        if command == b"SET":
            self.store[keys[0]] = keys[1]
            return b"+OK\r\n"
        if command == b"INCR":
            self.store[keys[0]] = self.store.get(keys[0], 0) + 1
            return b":%d\r\n" % self.store[keys[0]]
        values = [self.store.get(key) for key in keys]
        values = [b"%d" % value if isinstance(value, int) else value for value in values]
        texts = [b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value) for value in values]
        return texts[0] if command == b"GET" else b"*%d\r\n" % len(texts) + b"".join(texts)


class FleetTest(kt.TestCase):
    def findings(self, lie, requests=400):
        server = LyingServer(lie)
        self.addCleanup(server.listener.close)
        fleet = Fleet([server.port], count=8, rate=100, seed=1)
        self.addCleanup(fleet.end)
        server.serve()
        kt.wait_until(lambda: fleet.state().answered > requests, timeout=60, what="the requests")
        report = fleet.stop()
        self.assertEqual(len(report.histories), 8)
        return report.findings

    @staticmethod
    def every(number, command, then):
        return lambda turn, words, store: then(words, store) if turn % number == 0 and words[0] == command else None

    def test_an_honest_server(self):
        self.assertEqual(self.findings(lambda turn, words, store: None), [])

    def test_slow_replies_are_told(self):
        server = LyingServer(lambda turn, words, store: time.sleep(0.2) if turn == 50 else None)
        self.addCleanup(server.listener.close)
        fleet = Fleet([server.port], count=8, rate=100, seed=1)
        self.addCleanup(fleet.end)
        server.serve()
        kt.wait_until(lambda: fleet.state().answered > 200, timeout=60, what="the requests")
        self.assertGreaterEqual(max(wait.answered - wait.sent for wait in fleet.stop().slow), 0.2)

    def test_writes_that_are_acknowledged_and_not_done(self):
        found = self.findings(self.every(7, b"SET", lambda words, store: b"+OK\r\n"))
        self.assertEqual(set(kinds(found)), {LOST})

    def test_increments_that_are_done_twice(self):
        def twice(words, store):
            store[words[1]] = store.get(words[1], 0) + 2
            return b":%d\r\n" % store[words[1]]
        found = set(kinds(self.findings(self.every(7, b"INCR", twice))))
        self.assertTrue({FUTURE} <= found <= {FUTURE, EARLY}, found)

    def test_increments_that_are_ambiguous(self):
        def ambiguous(words, store):
            store[words[1]] = store.get(words[1], 0) + 1
            return b"-%s\r\n" % UNCERTAIN.encode()
        self.assertEqual(self.findings(self.every(7, b"INCR", ambiguous)), [])

    def test_ambiguous_increments_that_are_done_twice(self):
        def ambiguous(words, store):
            store[words[1]] = store.get(words[1], 0) + 2
            return b"-%s\r\n" % UNCERTAIN.encode()
        found = set(kinds(self.findings(self.every(7, b"INCR", ambiguous))))
        self.assertTrue({FUTURE} <= found <= {FUTURE, EARLY}, found)

    def test_replies_of_others(self):
        found = self.findings(self.every(7, b"GET", lambda words, store: b"$9\r\nstorm:x=1\r\n"))
        self.assertEqual(set(kinds(found)), {WRONG})

    def test_errors(self):
        found = self.findings(self.every(7, b"GET", lambda words, store: b"-CLUSTERDOWN The cluster is down\r\n"))
        self.assertEqual(set(kinds(found)), {ERROR})

    def test_connections_that_end(self):
        """What was under way is told, done again where that is safe, and counted right."""
        found = self.findings(lambda turn, words, store: b"" if turn % 50 == 0 else None)
        self.assertEqual(set(kinds(found)), {CLOSED})


if __name__ == "__main__":
    kt.main()
