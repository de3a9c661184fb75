"""One client or one shard delays nobody else: clients that read a large value slowly or not at all, that ask for far more than they
read, or that send without an end; a shard that is stuck. The proxy's memory stays within what it states.

KEYWAY_ISOLATION=full: with a value of 512 MB and 1 GB of pending replies."""

import contextlib
import hashlib
import os
import random
import re
import signal
import socket
import statistics
import threading
import time
import urllib.request

import keyway_testing as kt

FULL = os.environ.get("KEYWAY_ISOLATION") == "full"
MB = 1 << 20
LARGE = 512 * MB if FULL else 96 * MB
MEDIUM = 64 * MB
PENDING = 1024 if FULL else 128  # replies of 1 MB each
# What the proxy may hold of all this: the marks of the streams, blocks that the allocator keeps.
ALLOWANCE = 48 * MB
ORDER_TURNS = 100 if FULL else 8


def metric(proxy, name):
    """The sum of a metric's series whose names begin with `name`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.flags['http_port']}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def rss(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024


class Watcher(threading.Thread):
    """Notes the largest resident set of a process while it runs."""

    def __init__(self, process):
        super().__init__()
        self.process = process
        self.before = self.largest = rss(process)
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(0.01):
            self.largest = max(self.largest, rss(self.process))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join()

    @property
    def growth(self):
        return self.largest - self.before


class Digest:
    """Reads a bulk string of known length piece by piece, without keeping it."""

    def __init__(self, connection):
        self.connection = connection
        self.digest = hashlib.sha256()
        self.left = b""

    def take(self, length):
        header = f"${length}\r\n".encode()
        data = self.left
        while len(data) < len(header):
            data += self.receive()
        assert data.startswith(header), data[:40]
        data, missing = data[len(header):], length
        while True:
            part = data[:missing]
            self.digest.update(part)
            missing -= len(part)
            data = data[len(part):]
            if missing == 0 and len(data) >= 2:
                break
            data += self.receive()
        assert data[:2] == b"\r\n"
        self.left = data[2:]
        return self.digest.hexdigest()

    def receive(self):
        data = self.connection.recv(MB)
        assert data, "closed"
        return data


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def measure(client, keys, count):
    """Seconds that GETs of `keys` in turn take."""
    times = []
    for number in range(count):
        begin = time.monotonic()
        client.call("GET", keys[number % len(keys)])
        times.append(time.monotonic() - begin)
    return times


class IsolationTest(kt.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes, [cls.proxy] = kt.start_proxied_cluster(cls, kt.KeywayShard, directives={"cluster_node_timeout": 60000}, threads=1)
        cls.addresses = cls.proxy.flags["startup_nodes"]
        # Through another proxy, whose memory does not matter.
        loader = kt.KeywayProxy(startup_nodes=cls.addresses)
        cls.addClassCleanup(loader.cleanup)
        with loader.start().client(timeout=120) as client:
            kt.wait_until(lambda: client.call("GET", "key:0") == b"$-1\r\n", what="the slot map")
            # {large}, {large}:medium and {large}:small lie on one shard.
            value = os.urandom(MB) * (LARGE // MB)
            client.call("SET", "{large}", value)
            client.call("SET", "{large}:small", "v")
            client.call("SET", "{large}:medium", value[:MEDIUM])
            for number in range(16):
                client.call("SET", f"mb:{number}", os.urandom(1) * MB)
            for number in range(64):
                client.call("SET", f"key:{number}", "v")
        loader.kill()
        cls.digest = hashlib.sha256(value).hexdigest()

    def proxy_with(self, **flags):
        proxy = self.start(kt.KeywayProxy(startup_nodes=self.addresses, http_port=kt.free_port(), threads=1, **flags))
        kt.wait_until(lambda: proxy.info("proxy").get("proxy_covered_slots") == "16384", what="the slot map")
        return proxy

    def connect(self, proxy=None):
        connection = socket.create_connection(("127.0.0.1", (proxy or self.proxy).port), timeout=60)
        self.addCleanup(connection.close)
        return connection

    def ask(self, proxy, *requests):
        """A client that has asked, and reads nothing."""
        connection = socket.socket()
        self.addCleanup(connection.close)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", proxy.port))
        connection.sendall(b"".join(kt.encode(*request) for request in requests))
        return connection

    @contextlib.contextmanager
    def stopped_node(self, key):
        """The node of `key`, stopped."""
        [node] = [node for node in self.nodes if not node.call("EXISTS", key).startswith(b"-MOVED")]
        node.signal(signal.SIGSTOP)
        try:
            yield node
        finally:
            node.signal(signal.SIGCONT)

    def assert_closed(self, connection):
        try:
            while connection.recv(MB):
                pass
        except ConnectionResetError:
            pass

    def test_slow_reader_of_a_large_value(self):
        proxy = self.proxy_with()
        with proxy.client() as client, Watcher(proxy.process) as watcher:
            alone = measure(client, ["{large}:small"], 300)
            slow = self.ask(proxy, ["GET", "{large}"], ["GET", "{large}:small"])
            self.wait_stopped(proxy)
            beside = measure(client, ["{large}:small"], 300)
            # The same again, while it is read.
            result = []

            def read():
                reader = Digest(slow)
                result.append(reader.take(LARGE))
                reader.digest = hashlib.sha256()
                result.append(reader.take(1))
            reading = threading.Thread(target=read)
            reading.start()
            meanwhile = measure(client, ["{large}:small"], 100)
            reading.join()
        self.assertEqual(result, [self.digest, hashlib.sha256(b"v").hexdigest()])
        print(f"p99 of small GETs: {p99(alone) * 1e3:.2f} ms alone, {p99(beside) * 1e3:.2f} ms beside a client that does not read, "
              f"{p99(meanwhile) * 1e3:.2f} ms while it reads; memory + {watcher.growth >> 10} KiB for {LARGE >> 20} MiB")
        self.assertLess(p99(beside), max(0.25, 20 * p99(alone)))
        self.assertLess(watcher.growth, ALLOWANCE)
        kt.wait_until(lambda: metric(proxy, "keyway_proxy_backend_retired_connections") == 0, what="all connections to be free")
        self.assertEqual(metric(proxy, "keyway_proxy_clients_closed_total"), 0)

    def test_many_slow_readers(self):
        with self.proxy.client() as client, Watcher(self.proxy.process) as watcher:
            slow = []
            for _ in range(12):
                before = metric(self.proxy, "keyway_proxy_backend_replies_in_parts_total")
                slow.append(self.ask(self.proxy, ["GET", "{large}"]))
                kt.wait_until(lambda before=before: metric(self.proxy, "keyway_proxy_backend_replies_in_parts_total") > before,
                              what="the reply")
            self.assertEqual({client.call("GET", "{large}:small") for _ in range(100)}, {b"$1\r\nv\r\n"})
        self.assertLess(watcher.growth, 2 * ALLOWANCE)
        for connection in slow:
            connection.close()
        for name in ("keyway_proxy_backend_retired_connections", "keyway_proxy_requests_in_flight", "keyway_proxy_client_memory_bytes"):
            kt.wait_until(lambda name=name: metric(self.proxy, name) == 0, what=name)

    def test_many_slow_readers_at_once(self):
        """Their requests are on one connection before a reply shows that it is large, so one waits for the other, and for the
        first that is stalled; what is then kept for those who read nothing has its limit."""
        limit = 2 * MEDIUM + 32 * MB
        proxy = self.proxy_with(maxmemory_clients=limit, stalled_client_timeout_ms=300)
        proxy.call("GET", "{large}:small")
        with self.stopped_node("{large}") as node, Watcher(proxy.process) as watcher, proxy.client(timeout=60) as client:
            slow = [self.ask(proxy, ["GET", "{large}:medium"]) for _ in range(8)]
            kt.wait_until(lambda: metric(proxy, "keyway_proxy_backend_pending_requests") == 8, what="all to have asked")
            client.send(kt.encode("GET", "{large}:small"))
            kt.wait_until(lambda: metric(proxy, "keyway_proxy_backend_pending_requests") == 9, what="the last one to have asked")
            node.signal(signal.SIGCONT)
            begin = time.monotonic()
            self.assertEqual(client.read(), b"$1\r\nv\r\n")
            waited = time.monotonic() - begin
        closed = {cause: metric(proxy, f'keyway_proxy_clients_closed_total{{limit="{cause}"}}') for cause in ("stalled", "memory")}
        print(f"behind 8 of {MEDIUM >> 20} MiB that nobody reads: {waited:.2f} s, memory + {watcher.growth >> 10} KiB, closed: {closed}")
        self.assertGreater(sum(closed.values()), 0)
        self.assertLess(watcher.growth, limit + 2 * ALLOWANCE)
        for connection in slow:
            connection.close()

    def test_pending_replies(self):
        proxy = self.proxy_with()
        # Whoever asks before the first replies show that they are large is behind them; then the greedy client is closed, and it
        # takes another one to show what is to be seen.
        for _ in range(5):
            with proxy.client(timeout=60) as client, Watcher(proxy.process) as watcher:
                stalled = metric(proxy, 'keyway_proxy_clients_closed_total{limit="stalled"}')
                greedy = self.connect(proxy)
                for number in range(PENDING):
                    greedy.sendall(kt.encode("GET", f"mb:{number % 16}"))
                self.wait_stopped(proxy)
                times = measure(client, [f"key:{number}" for number in range(64)], 640)
                if metric(proxy, 'keyway_proxy_clients_closed_total{limit="stalled"}') > stalled:
                    continue
                reader = Digest(greedy)
                for _ in range(PENDING):
                    reader.take(MB)
                break
        else:
            self.fail("always somebody was behind")
        print(f"{PENDING} MiB of pending replies: memory + {watcher.growth >> 10} KiB, p99 of others {p99(times) * 1e3:.2f} ms")
        self.assertLess(watcher.growth, ALLOWANCE)

    @staticmethod
    def wait_stopped(proxy):
        """Until clients that read nothing have what they get, and their replies are stopped."""
        seen = []

        def unchanged():
            seen.append([metric(proxy, name) for name in ("keyway_proxy_backend_replies_total", "keyway_proxy_client_memory_bytes")])
            return seen[-1][1] > MB and len(seen) > 10 and all(look == seen[-1] for look in seen[-10:])
        kt.wait_until(unchanged, timeout=60, what="replies to be stopped", interval=0.03)

    def test_who_stalls_others_is_closed(self):
        proxy = self.proxy_with(stalled_client_timeout_ms=200)
        with proxy.client(timeout=60) as other:
            other.call("GET", "{large}:small")
            # While the node is stopped, both requests are sent on one connection.
            with self.stopped_node("{large}"):
                slow = self.ask(proxy, ["GET", "{large}"])
                kt.wait_until(lambda: metric(proxy, "keyway_proxy_backend_pending_requests") == 1, what="the first request")
                other.send(kt.encode("GET", "{large}:small"))
                kt.wait_until(lambda: metric(proxy, "keyway_proxy_backend_pending_requests") == 2, what="the second request")
            self.assertEqual(other.read(), b"$1\r\nv\r\n")
        self.assertEqual(metric(proxy, 'keyway_proxy_clients_closed_total{limit="stalled"}'), 1)
        self.assert_closed(slow)

    def test_order_among_large_and_small(self):
        """What clients pipeline on keys of their own, of all sizes, has its replies as one Redis gives them."""
        proxy = self.proxy_with()
        failures, turns = [], []

        def client_of(number):
            chance = random.Random(number)
            known = {}
            try:
                with proxy.client(timeout=60) as client:
                    for turn in range(ORDER_TURNS):
                        requests, wanted = [], []
                        for step in range(chance.randrange(1, 24)):
                            key = f"order:{number}:{chance.randrange(6)}"
                            if chance.random() < 0.4:
                                size = chance.choice([5, 5, 5, 30_000, 200_000, 1_500_000])
                                known[key] = (b"%d.%d.%d." % (number, turn, step) * (size // 5 + 1))[:size]
                                requests.append(["SET", key, known[key]])
                                wanted.append(b"+OK\r\n")
                            elif chance.random() < 0.2:
                                requests.append(["STRLEN", key])
                                wanted.append(b":%d\r\n" % len(known.get(key, b"")))
                            else:
                                requests.append(["GET", key])
                                value = known.get(key)
                                wanted.append(b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value))
                        data = b"".join(kt.encode(*request) for request in requests)
                        sending = threading.Thread(target=client.send, args=(data,))
                        sending.start()
                        if chance.random() < 0.2:
                            time.sleep(chance.random() * 0.05)
                        for request, reply in zip(requests, wanted):
                            got = client.read()
                            if got != reply:
                                failures.append(f"{request[:2]} in turn {turn} of {number}: {got[:60]!r} for {reply[:60]!r}")
                                return
                        sending.join()
                        turns.append(len(requests))
            except (OSError, EOFError) as error:
                failures.append(f"{number}: {error!r}")
        threads = [threading.Thread(target=client_of, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{len(turns)} pipelines of {sum(turns)} requests, {metric(proxy, 'keyway_proxy_backend_retirements_total'):.0f} times another "
              "connection was taken")
        self.assertEqual(failures, [])
        kt.wait_until(lambda: metric(proxy, "keyway_proxy_backend_retired_connections") == 0, what="all connections to be free")

    def test_output_limits(self):
        proxy = self.proxy_with(client_output_buffer_limit="4mb 64kb 1")
        self.assertEqual(proxy.value("CONFIG", "GET", "client-output-buffer-limit")[1],
                         b"normal 4194304 65536 1 slave 0 0 0 pubsub 33554432 8388608 60")
        # A reply that is made of several is not stopped.
        many = self.ask(proxy, *[["MGET", *(f"mb:{number}" for number in range(16))]] * 2)
        kt.wait_until(lambda: metric(proxy, 'keyway_proxy_clients_closed_total{limit="output"}') == 1, what="the hard limit")
        self.assert_closed(many)
        slow = self.ask(proxy, ["GET", "{large}"])
        kt.wait_until(lambda: metric(proxy, 'keyway_proxy_clients_closed_total{limit="output"}') == 2, what="the soft limit")
        self.assert_closed(slow)

    def test_memory_of_all_clients(self):
        proxy = self.proxy_with(maxmemory_clients="24mb")
        self.assertEqual(proxy.value("CONFIG", "GET", "maxmemory-clients"), [b"maxmemory-clients", b"25165824"])
        with proxy.client() as small, Watcher(proxy.process) as watcher:
            small.send(kt.encode("SET", "upload:small", "v" * MB)[:-100])
            hogs = [self.connect(proxy) for _ in range(4)]
            for hog in hogs:
                hog.settimeout(0.5)
                try:
                    hog.sendall(b"*3\r\n$3\r\nSET\r\n$6\r\nupload\r\n$%d\r\n" % (64 * MB) + b"v" * 12 * MB)
                except OSError:
                    pass
            kt.wait_until(lambda: metric(proxy, 'keyway_proxy_clients_closed_total{limit="memory"}') >= 2, what="the largest to be closed")
            kt.wait_until(lambda: metric(proxy, "keyway_proxy_client_memory_bytes") <= 24 * MB, what="the memory to be within its limit")
            small.send(b"v" * 98 + b"\r\n")
            self.assertEqual(small.read(), b"+OK\r\n")
        print(f"maxmemory_clients 24 MiB: memory + {watcher.growth >> 10} KiB")

    def test_stuck_shard(self):
        """What the others' requests take, as the middle one of rounds with and without a shard that is stopped."""
        normal, stuck = [], []
        with self.proxy.client(timeout=60) as client:
            stopped = self.nodes[0]
            keys, lost = [], []
            for number in range(64):
                reply = stopped.call("GET", f"key:{number}")
                (keys if reply.startswith(b"-MOVED") else lost).append(f"key:{number}")
            measure(client, keys, 500)
            for _ in range(5):
                measure(client, keys, 50)
                normal.append(p99(measure(client, keys, 400)))
                stopped.signal(signal.SIGSTOP)
                try:
                    waiting = self.connect()
                    waiting.sendall(b"".join(kt.encode("GET", key) for key in lost))
                    measure(client, keys, 50)
                    stuck.append(p99(measure(client, keys, 400)))
                finally:
                    stopped.signal(signal.SIGCONT)
                data = b""
                while len(data) < len(lost) * len(b"$1\r\nv\r\n"):
                    part = waiting.recv(MB)
                    self.assertTrue(part)
                    data += part
                self.assertEqual(data, b"$1\r\nv\r\n" * len(lost))
        ratio = statistics.median(stuck) / statistics.median(normal)
        print(f"p99 of the other shards: {statistics.median(normal) * 1e3:.2f} ms, {statistics.median(stuck) * 1e3:.2f} ms "
              f"while one shard is stuck: {ratio:.2f} times")
        self.assertLess(statistics.median(stuck), max(2 * statistics.median(normal), 0.05))


if __name__ == "__main__":
    kt.main()
