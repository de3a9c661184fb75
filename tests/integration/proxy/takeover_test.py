"""A new process takes the port of a running proxy over, again and again, while clients connect without a pause: nobody is refused or reset.

KEYWAY_TAKEOVERS: how often, 3 if not given."""

import os
import pathlib
import signal
import socket
import threading

import keyway_testing as kt

from drain_test import http
from proxied_cluster import ProxiedClusterTest

TAKEOVERS = int(os.environ.get("KEYWAY_TAKEOVERS", "3"))


class Connecting(threading.Thread):
    """A connection for each request."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.stopped = threading.Event()
        self.count = 0
        self.failures = []

    def run(self):
        while not self.stopped.is_set():
            self.count += 1
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
                    connection.sendall(kt.encode("INCR", "connections"))
                    reply = connection.recv(100)
                    if not reply.startswith(b":"):
                        self.failures.append(reply)
            except OSError as error:
                self.failures.append(error)

    def stop(self):
        self.stopped.set()
        self.join()
        return self


class TakeoverTest(ProxiedClusterTest):
    def setUp(self):
        super().setUp()
        self.pidfile = pathlib.Path(self.temporary_folder(), "pid")
        self.port, self.http_port, self.read_port = kt.free_ports(3)

    def start_next(self, **flags):
        proxy = self.new_proxy(port=self.port, **{"http_port": self.http_port, "pidfile": self.pidfile, "take_over": "true", "threads": 2,
                                                    "read_ports": f"{self.read_port}=prefer_replica", **flags})
        return self.start(proxy)

    def wait_serving(self, proxy):
        kt.wait_until(lambda: self.pidfile.exists() and self.pidfile.read_text(encoding="ascii") == f"{proxy.process.pid}\n", timeout=30,
                      what="the proxy to serve")

    def listeners(self):
        """How many sockets listen on the port."""
        with open("/proc/net/tcp", encoding="ascii") as table:
            return sum(words[1] == f"0100007F:{self.port:04X}" and words[3] == "0A" for words in map(str.split, table))

    def test_nobody_is_refused(self):
        # With nobody to take over from it is a start like any other.
        current = self.start_next()
        self.wait_serving(current)
        self.wait_covered(current)
        loads = [Connecting(port) for port in (self.port, self.port, self.port, self.read_port)]
        for load in loads:
            load.start()
        try:
            for number in range(TAKEOVERS):
                previous, current = current, self.start_next(threads=(3, 1, 2)[number % 3])
                self.wait_serving(current)
                self.assertEqual(previous.wait(), 0, previous.output()[-2000:])
                # It has as many sockets as its predecessor, even with fewer threads.
                self.assertEqual(self.listeners(), 3)
                kt.wait_until(lambda: "listens no more" in current.output(), what="the end of steering")
                self.wait_serving(current)
                kt.wait_until(lambda: http(current, "/readyz") == (200, "ready\n"), what="the new one's /readyz")
        finally:
            for load in loads:
                load.stop()
        count = sum(load.count for load in loads)
        print(f"{TAKEOVERS} takeovers, {count} connections")
        self.assertEqual([failure for load in loads for failure in load.failures], [])
        self.assertEqual(int(current.value("GET", "connections")), count)
        self.assertNotIn("cannot be steered", current.output())
        self.assertEqual(current.stop(), 0)
        self.assertFalse(self.pidfile.exists())

    def test_clients_of_before_are_served_by_the_old_one(self):
        old = self.start_next(drain_timeout_ms=60_000)
        self.wait_serving(old)
        with old.client() as client:
            self.assertEqual(client.call("MULTI"), b"+OK\r\n")
            new = self.start_next()
            self.wait_serving(new)
            kt.wait_until(lambda: self.listeners() == 2, what="the old one to listen no more")
            self.assertEqual(int(new.info("server")["process_id"]), new.process.pid)
            self.assertEqual(client.pipeline([["SET", "k", "v"], ["EXEC"]]), [b"+QUEUED\r\n", b"*1\r\n+OK\r\n"])
            self.assertEqual(old.wait(), 0)
        self.assertEqual(new.value("GET", "k"), b"v")

    def test_who_cannot_serve_takes_nothing(self):
        """Here: it knows no node. The old one serves on."""
        old = self.start_next()
        self.wait_serving(old)
        new = self.start_next(startup_nodes=f"127.0.0.1:{kt.free_port()}")
        kt.wait_until(lambda: "No new slot map" in new.output(), what="the new one to have tried")
        self.assertEqual(int(old.info("server")["process_id"]), old.process.pid)
        self.assertEqual(http(old, "/readyz")[0], 200)
        self.assertEqual(self.listeners(), 2)
        self.assertEqual(new.stop(), 0)
        self.assertEqual(old.call("PING"), b"+PONG\r\n")
        self.wait_serving(old)

    def test_without_the_flag_the_port_is_taken(self):
        old = self.start_next()
        self.wait_serving(old)
        new = self.new_proxy(port=self.port)
        self.addCleanup(new.cleanup)
        new.start(wait=False)
        self.assertEqual(new.wait(), 1)
        self.assertIn("Address already in use", new.output())
        alone = kt.KeywayProxy(take_over="true")
        self.addCleanup(alone.cleanup)
        alone.start(wait=False)
        self.assertEqual(alone.wait(), 1)
        self.assertIn("--take_over needs --pidfile", alone.output())

    def test_a_number_that_belongs_to_somebody_else(self):
        """The process that the file named has ended long ago."""
        self.pidfile.write_text(f"{os.getpid()}\n", encoding="ascii")
        proxy = self.start_next()
        self.wait_serving(proxy)
        self.assertEqual(proxy.stop(), 0)


if __name__ == "__main__":
    kt.main()
