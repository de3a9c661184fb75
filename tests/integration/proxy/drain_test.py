"""The end of a proxy on SIGTERM: nobody who waits for nothing notices more than a closed connection, and everything has an end."""

import signal
import socket
import threading
import time
import urllib.error
import urllib.request

import keyway_testing as kt

from proxied_cluster import ProxiedClusterTest


def http(proxy, path):
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{proxy.flags['http_port']}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(proxy, name):
    lines = [line for line in http(proxy, "/metrics")[1].splitlines() if line.startswith(name)]
    return float(lines[0].split()[-1])


def read_to_end(connection):
    """What comes until the peer closes."""
    data = b""
    while True:
        try:
            part = connection.recv(1 << 16)
        except ConnectionResetError:
            return data + b"<reset>"
        if not part:
            return data
        data += part


def connect(proxy, *request):
    """A plain connection on which `request` has been answered."""
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
    connection.sendall(kt.encode(*(request or ("PING",))))
    assert connection.recv(1 << 16)
    return connection


class DrainTest(ProxiedClusterTest):
    def start_proxy(self, **flags):
        proxy = self.start(self.new_proxy(http_port=kt.free_port(), **flags))
        self.wait_covered(proxy)
        return proxy

    def connect(self, *arguments):
        connection = connect(*arguments)
        self.addCleanup(connection.close)
        return connection

    def log_of(self, proxy):
        return next(line for line in proxy.output().splitlines() if "Clients closed:" in line)

    def test_it_says_so_before_it_listens_no_more(self):
        proxy = self.start_proxy(drain_delay_ms=3000)
        self.assertEqual(http(proxy, "/readyz")[0], 200)
        self.assertEqual(metric(proxy, "keyway_proxy_draining"), 0)
        idle = self.connect(proxy)
        proxy.signal(signal.SIGTERM)
        kt.wait_until(lambda: http(proxy, "/readyz") == (503, "not ready: shutting down\n"), what="/readyz to say 503")
        self.assertEqual(metric(proxy, "keyway_proxy_draining"), 1)
        # Clients of before and new ones are served all the same.
        idle.sendall(kt.encode("SET", "k", "v"))
        self.assertEqual(idle.recv(100), b"+OK\r\n")
        self.assertEqual(proxy.value("GET", "k"), b"v")
        self.assertEqual(proxy.wait(), 0)
        self.assertEqual(read_to_end(idle), b"")

    def test_who_waits_for_nothing_is_closed_at_once(self):
        proxy = self.start_proxy(drain_timeout_ms=60_000, drain_idle_ms=200)
        clients = [self.connect(proxy) for _ in range(20)]
        queueing = self.connect(proxy, "MULTI")
        watching = self.connect(proxy, "WATCH", "w")
        partial = self.connect(proxy)
        partial.sendall(b"*1\r\n$4\r\nPI")
        proxy.signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual(read_to_end(client), b"")
        # Who is in the middle of something ends it.
        queueing.sendall(kt.encode("SET", "k", "v"))
        self.assertEqual(queueing.recv(100), b"+QUEUED\r\n")
        time.sleep(0.3)
        queueing.sendall(kt.encode("EXEC"))
        self.assertEqual(read_to_end(queueing), b"*1\r\n+OK\r\n")
        watching.sendall(kt.encode("UNWATCH"))
        self.assertEqual(read_to_end(watching), b"+OK\r\n")
        partial.sendall(b"NG\r\n")
        self.assertEqual(read_to_end(partial), b"+PONG\r\n")
        self.assertEqual(proxy.wait(), 0)
        self.assertIn("Clients closed: 20 idle, 3 behind a reply, 0 at the limit", self.log_of(proxy))

    def test_requests_under_way_are_answered(self):
        proxy = self.start_proxy(drain_timeout_ms=60_000)
        node = self.nodes[0]
        [key] = self.keys_of(node, 1)
        client = self.connect(proxy)
        node.signal(signal.SIGSTOP)
        try:
            client.sendall(kt.encode("INCR", key) * 3)
            kt.wait_until(lambda: metric(proxy, "keyway_proxy_requests_in_flight") == 3, what="the requests to be under way")
            proxy.signal(signal.SIGTERM)
            kt.wait_until(lambda: not proxy.is_ready(), what="the proxy to listen no more")
            time.sleep(0.3)
        finally:
            node.signal(signal.SIGCONT)
        self.assertEqual(read_to_end(client), b":1\r\n:2\r\n:3\r\n")
        self.assertEqual(proxy.wait(), 0)

    def test_a_client_that_never_pauses_is_closed_behind_a_reply(self):
        """It sees the end of the stream as soon as the reply."""
        proxy = self.start_proxy(drain_timeout_ms=60_000)
        missed = []
        under_way = set()

        def run(name):
            with connect(proxy) as client:
                for number in range(1 << 30):
                    client.sendall(kt.encode("SET", name, number))
                    if client.recv(100) != b"+OK\r\n":
                        missed.append(number)
                        return
                    under_way.add(name)
                    client.setblocking(False)
                    try:
                        if client.recv(100) == b"":
                            return
                        missed.append("data")
                    except BlockingIOError:
                        pass
                    client.setblocking(True)
        threads = [threading.Thread(target=run, args=(f"key:{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        kt.wait_until(lambda: len(under_way) == len(threads), what="all clients to be at work")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)
        for thread in threads:
            thread.join()
        self.assertEqual(missed, [])
        self.assertRegex(self.log_of(proxy), r"Clients closed: 0 idle, 4 behind a reply, 0 at the limit")

    def test_a_pipeline_in_parts_is_answered_as_a_whole(self):
        """Also when the replies to one part are there before the next part comes."""
        proxy = self.start_proxy(drain_timeout_ms=60_000)
        client = self.connect(proxy)
        proxy.signal(signal.SIGTERM)
        kt.wait_until(lambda: not proxy.is_ready(), what="the proxy to listen no more")
        for _ in range(200):
            client.sendall(kt.encode("PING"))
            time.sleep(0.001)
        self.assertEqual(read_to_end(client), b"+PONG\r\n" * 200)
        self.assertEqual(proxy.wait(), 0)

    def test_everything_has_an_end(self):
        proxy = self.start_proxy(drain_timeout_ms=3000)
        blocked = [self.connect(proxy) for _ in range(3)]
        blocked[0].sendall(kt.encode("BLPOP", "empty", 0))
        blocked[1].sendall(kt.encode("BLPOP", *(f"empty:{n}" for n in range(9)), 0))
        served = self.connect(proxy)
        served.sendall(kt.encode("BLPOP", "served", 0))
        kt.wait_until(lambda: proxy.info("clients")["blocked_clients"] == "3", what="three clients to wait")
        subscriber = self.connect(proxy, "SUBSCRIBE", "channel")
        queueing = self.connect(proxy, "MULTI")
        with proxy.client() as client:
            client.call("CLIENT", "PAUSE", 600_000)
        blocked[2].sendall(kt.encode("SET", "k", "v"))
        kt.wait_until(lambda: metric(proxy, "keyway_proxy_blocked_clients") == 4, what="four clients to wait")
        proxy.signal(signal.SIGTERM)
        kt.wait_until(lambda: not proxy.is_ready(), what="the proxy to listen no more")
        # They are served for as long as there is time.
        self.owner_of_key("served").call("RPUSH", "served", "element")
        self.assertEqual(read_to_end(served), kt.encode("served", "element"))
        self.assertEqual(proxy.wait(), 0)
        for client in blocked[:2]:
            self.assertRegex(read_to_end(client), b"^-UNBLOCKED [^\r]*\r\n$")
        for client in (blocked[2], subscriber, queueing):
            self.assertEqual(read_to_end(client), b"")
        self.assertIn(" 5 at the limit", self.log_of(proxy))

    def test_a_second_signal_ends_it_at_once(self):
        proxy = self.start_proxy(drain_timeout_ms=600_000)
        self.connect(proxy, "SUBSCRIBE", "channel")
        proxy.signal(signal.SIGTERM)
        kt.wait_until(lambda: not proxy.is_ready(), what="the proxy to listen no more")
        self.assertTrue(proxy.is_alive())
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)

    def test_connections_in_the_queue_are_served(self):
        """Closing the socket would reset them."""
        proxy = self.start_proxy(threads=2)
        proxy.signal(signal.SIGSTOP)
        clients = []
        try:
            for number in range(200):
                client = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
                self.addCleanup(client.close)
                client.sendall(kt.encode("SET", f"key:{number}", "v"))
                clients.append(client)
            proxy.signal(signal.SIGTERM)
        finally:
            proxy.signal(signal.SIGCONT)
        self.assertEqual([read_to_end(client) for client in clients], [b"+OK\r\n"] * len(clients))
        self.assertEqual(proxy.wait(), 0)


if __name__ == "__main__":
    kt.main()
