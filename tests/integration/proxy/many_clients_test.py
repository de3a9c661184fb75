"""Many clients of one proxy at a time: most of them idle, some waiting for elements, some subscribed, while others go on with
their requests. Says what memory a client takes; everything is delivered, and nobody starves.

KEYWAY_CLIENTS: how many, 1000 if not given; a tenth of them waits, a tenth is subscribed."""

import os
import selectors
import socket
import threading
import time

import keyway_testing as kt

CLIENTS = int(os.environ.get("KEYWAY_CLIENTS", "1000"))
WAITING = SUBSCRIBED = CLIENTS // 10
ALL_QUEUES = [f"queue:all:{number}" for number in range(7)]
MESSAGES = 20
SECONDS = 120


def queue_of(number):
    """What the `number`-th client waits for: a queue that few others wait for, or, with others, one of those on all shards."""
    return f"queue:{number % 50}" if number % 2 else ALL_QUEUES[number // 2 % len(ALL_QUEUES)]


def rss_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmRSS:")).split()[1])


class Crowd:
    """Connections that are read together. `received[i]`: what the i-th got."""

    def __init__(self, port, count):
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        self.received = [b""] * count
        for number in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=30)
            connection.setblocking(False)
            self.selector.register(connection, selectors.EVENT_READ, number)
            self.sockets.append(connection)

    def send(self, number, *request):
        data = kt.encode(*request)
        assert self.sockets[number].send(data) == len(data)

    def read_until(self, condition, what):
        """`condition` is shown the number of each client that got something, and says when it is enough."""
        deadline = time.monotonic() + SECONDS
        while True:
            for key, _ in self.selector.select(0.1):
                data = key.fileobj.recv(1 << 16)
                assert data, f"client {key.data} was closed after {self.received[key.data]!r}"
                self.received[key.data] += data
                if condition(key.data):
                    return
            assert time.monotonic() < deadline, f"waited in vain for {what}"

    def read_all(self, wanted, what):
        """Until each of the clients in `wanted`, a dict, has that many bytes."""
        missing = {number for number, size in wanted.items() if len(self.received[number]) < size}

        def enough(number):
            if len(self.received[number]) >= wanted.get(number, 0):
                missing.discard(number)
            return not missing
        if missing:
            self.read_until(enough, f"{what}, of {len(missing)} clients")

    def close(self):
        self.selector.close()
        for connection in self.sockets:
            connection.close()


class Load(threading.Thread):
    """One client with its requests, one after the other; `slowest` and `median` in milliseconds."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.stopped = threading.Event()
        self.times = []
        self.failures = []

    def run(self):
        with kt.Client(self.port, timeout=60) as client:
            number = 0
            while not self.stopped.is_set():
                number += 1
                key = f"load:{number % 1000}"
                begin = time.monotonic()
                replies = client.pipeline([["SET", key, number], ["GET", key], ["MGET", key, "load:0", "load:1"]])
                self.times.append((time.monotonic() - begin) * 1000)
                if replies[:2] != [b"+OK\r\n", b"$%d\r\n%d\r\n" % (len(str(number)), number)]:
                    self.failures.append(replies)

    def stop(self):
        self.stopped.set()
        self.join()
        self.times.sort()
        return self

    def quantile(self, part):
        return self.times[min(len(self.times) - 1, int(len(self.times) * part))]

    def __str__(self):
        return f"{len(self.times)} turns, median {self.quantile(0.5):.2f} ms, 99% {self.quantile(0.99):.2f} ms, slowest {self.times[-1]:.1f} ms"


class ManyClientsTest(kt.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes, [cls.proxy] = kt.start_proxied_cluster(cls, kt.KeywayShard, directives={"maxclients": CLIENTS + 1000}, threads=2,
                                                          maxclients=CLIENTS + 1000)

    def load_for(self, seconds):
        load = Load(self.proxy.port)
        load.start()
        time.sleep(seconds)
        return load.stop()

    def test_everybody_is_served(self):
        before_load = self.load_for(2)
        self.assertEqual(before_load.failures, [])
        before = rss_kib(self.proxy.process)
        crowd = Crowd(self.proxy.port, CLIENTS)
        self.addCleanup(crowd.close)
        for number in range(CLIENTS):
            crowd.send(number, "PING")
        crowd.read_all(dict.fromkeys(range(CLIENTS), len(b"+PONG\r\n")), "PONG")
        idle = rss_kib(self.proxy.process)
        self.assertEqual(int(self.proxy.info("clients")["connected_clients"]), CLIENTS + 1)

        # The first ones wait, half of them for queues on all shards; the next ones are subscribed.
        for number in range(WAITING):
            crowd.send(number, "BLPOP", *([queue_of(number)] if number % 2 else ALL_QUEUES), 0)
        kt.wait_until(lambda: int(self.proxy.info("clients")["blocked_clients"]) == WAITING, timeout=SECONDS, what="all to wait")
        waiting = rss_kib(self.proxy.process)
        subscribers = range(WAITING, WAITING + SUBSCRIBED)
        replies = {}
        for number in subscribers:
            channel = f"channel:{number % 10}"
            crowd.send(number, "SUBSCRIBE", channel, "all")
            replies[number] = len("+PONG\r\n" + f"*3\r\n$9\r\nsubscribe\r\n$9\r\n{channel}\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$3\r\nall\r\n:2\r\n")
        crowd.read_all(replies, "the confirmation")
        subscribed = rss_kib(self.proxy.process)
        kt.wait_until(lambda: self.proxy.value("PUBSUB", "NUMSUB", "all") == [b"all", SUBSCRIBED], timeout=SECONDS, what="all subscribers")

        # While elements and messages are delivered, others are served as before.
        load = Load(self.proxy.port)
        load.start()
        with self.proxy.client(timeout=60) as client:
            for turn in range(MESSAGES):
                self.assertEqual(client.call("PUBLISH", "all", f"message:{turn:04}"), b":%d\r\n" % SUBSCRIBED)
                self.assertEqual(client.call("PUBLISH", f"channel:{turn % 10}", f"message:{turn:04}"), b":%d\r\n" % (SUBSCRIBED // 10))
            for number in range(WAITING):
                self.assertTrue(client.call("RPUSH", queue_of(number), f"element:{number:06}").startswith(b":"))
        got = {number: size for number, size in replies.items()}
        for number in subscribers:
            for turn in range(MESSAGES):
                got[number] += len(self.message("all", turn))
                if turn % 10 == number % 10:
                    got[number] += len(self.message(f"channel:{number % 10}", turn))
        crowd.read_all(got, "the messages")
        for number in subscribers:
            text = crowd.received[number]
            self.assertEqual(len(text), got[number])
            for channel in ("all", f"channel:{number % 10}"):
                wanted = [self.message(channel, turn) for turn in range(MESSAGES) if channel == "all" or turn % 10 == number % 10]
                places = [text.find(message) for message in wanted]
                self.assertTrue(all(place >= 0 for place in places) and places == sorted(places), f"client {number}: {channel}")
        # An element each, and each element once.
        waits = {number for number in range(WAITING) if b"element:" not in crowd.received[number]}

        def served(number):
            if b"element:" in crowd.received[number]:
                waits.discard(number)
            return not waits

        if waits:
            crowd.read_until(served, f"the elements of {len(waits)} clients")
        elements = sorted(crowd.received[number].split(b"\r\n")[-2] for number in range(WAITING))
        self.assertEqual(elements, [b"element:%06d" % number for number in range(WAITING)])
        self.assertEqual(self.proxy.value("EXISTS", *{queue_of(number) for number in range(WAITING)}), 0)
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertGreater(len(load.times), 0)
        # Bounded, that is: not for as long as somebody else is being served.
        self.assertLess(load.quantile(0.99), max(250, 50 * before_load.quantile(0.99)))

        crowd.close()
        kt.wait_until(lambda: int(self.proxy.info("clients")["connected_clients"]) == 1, timeout=SECONDS, what="the clients to be gone")
        print(f"{CLIENTS} clients, {WAITING} wait, {SUBSCRIBED} are subscribed. The proxy's memory: {before} KiB before, "
              f"{(idle - before) / CLIENTS:.2f} KiB a client, {(waiting - idle) / WAITING:.2f} KiB more for one that waits, "
              f"{(subscribed - waiting) / SUBSCRIBED:.2f} KiB more for one that is subscribed, {rss_kib(self.proxy.process)} KiB after.\n"
              f"Others before: {before_load}; meanwhile: {load}")

    @staticmethod
    def message(channel, turn):
        return f"*3\r\n$7\r\nmessage\r\n${len(channel)}\r\n{channel}\r\n$12\r\nmessage:{turn:04}\r\n".encode()


if __name__ == "__main__":
    kt.main()
