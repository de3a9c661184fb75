"""Proxies added and removed by turns behind haproxy in TCP mode, under the load of redis-py with its default settings: no client sees an error.

KEYWAY_HAPROXY_EXCHANGES: how many proxies are exchanged, 4 if not given."""

import csv
import os
import pathlib
import random
import socket
import threading
import time

import redis

import keyway_testing as kt

from proxied_cluster import ProxiedClusterTest

EXCHANGES = int(os.environ.get("KEYWAY_HAPROXY_EXCHANGES", "4"))

CONFIGURATION = """
global
  maxconn 1000
  stats socket {socket}
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option redispatch
  retries 3
listen keyway
  bind 127.0.0.1:{port}
  balance leastconn
  option httpchk GET /readyz
  http-check expect status 200
  default-server inter 100ms fall 1 rise 1
"""


class Haproxy(kt.Server):
    def __init__(self, servers):
        """`servers`: pairs of a proxy's port and the port of its /readyz."""
        super().__init__()
        lines = [f"  server proxy{port} 127.0.0.1:{port} check port {http_port}" for port, http_port in servers]
        self.socket = os.path.join(self.folder, "socket")
        self.file = pathlib.Path(self.folder, "haproxy.cfg")
        self.file.write_text(CONFIGURATION.format(port=self.port, socket=self.socket) + "\n".join(lines) + "\n", encoding="ascii")

    def command(self):
        return ["/usr/sbin/haproxy", "-db", "-f", str(self.file)]

    def uses(self, port):
        """Whether it sends clients to the proxy on `port`."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.socket)
            connection.sendall(b"show stat\n")
            table = b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode()
        return any(row["svname"] == f"proxy{port}" and row["status"] == "UP" for row in csv.DictReader(table.splitlines()))


class Load(threading.Thread):
    """A client. `kept`: it goes on with its connection, else with a new one each time; `pause`: seconds between two requests at most."""

    def __init__(self, port, name, kept, pause):
        super().__init__()
        self.port, self.name, self.kept, self.pause = port, name, kept, pause
        self.stopped = threading.Event()
        self.rounds = 0
        self.failures = []
        self.slowest = 0

    def run(self):
        client = redis.Redis(port=self.port)
        while not self.stopped.is_set():
            begin = time.monotonic()
            try:
                self.round(client)
            except (redis.RedisError, AssertionError) as error:
                self.failures.append(f"{self.name}, round {self.rounds}: {error!r}")
            self.slowest = max(self.slowest, time.monotonic() - begin)
            if not self.kept:
                client.close()
                client = redis.Redis(port=self.port)
            if self.pause:
                time.sleep(random.uniform(0, self.pause))
        client.close()

    def round(self, client):
        self.rounds += 1
        key = f"{self.name}:{self.rounds % 100}"
        assert client.set(key, self.rounds)
        assert client.get(key) == b"%d" % self.rounds
        assert client.incr(f"{self.name}:count") == self.rounds
        if self.rounds % 5 == 0:
            pipe = client.pipeline(transaction=False)
            for number in range(50):
                pipe.set(f"{key}:{number}", b"x" * 2000)
            assert pipe.execute() == [True] * 50
        if self.rounds % 7 == 0:
            pipe = client.pipeline(transaction=True)
            pipe.set(key, "in").get(key)
            assert pipe.execute() == [True, b"in"]

    def stop(self):
        self.stopped.set()
        self.join()


class HaproxyTest(ProxiedClusterTest):
    def test_exchanged_under_load(self):
        places = [kt.free_ports(2) for _ in range(2)]
        flags = {"drain_delay_ms": 1500, "drain_timeout_ms": 5000}
        proxies = [self.start(self.new_proxy(port=port, http_port=http_port, **flags)) for port, http_port in places]
        for proxy in proxies:
            self.wait_covered(proxy)
        haproxy = self.start(Haproxy(places))
        kt.wait_until(lambda: all(haproxy.uses(port) for port, _ in places), timeout=60, what="haproxy to use both")
        loads = [Load(haproxy.port, f"client{number}", kept=number % 2 == 0, pause=(0, 0.01, 0.3)[number % 3]) for number in range(10)]
        for load in loads:
            load.start()
        ended = []
        try:
            for number in range(EXCHANGES):
                place = number % 2
                ended.append(proxies[place])
                self.assertEqual(proxies[place].stop(), 0)
                port, http_port = places[place]
                proxies[place] = self.start(self.new_proxy(port=port, http_port=http_port, **flags))
                self.wait_covered(proxies[place])
                kt.wait_until(lambda: haproxy.uses(port), timeout=60, what="haproxy to use the new proxy")
        finally:
            for load in loads:
                load.stop()
        counts = [line.split("Clients closed: ")[1] for proxy in ended for line in proxy.output().splitlines() if "Clients closed" in line]
        print(f"{EXCHANGES} exchanges, {sum(load.rounds for load in loads)} rounds, slowest {max(load.slowest for load in loads):.3f} s;", *counts)
        self.assertEqual([failure for load in loads for failure in load.failures], [])
        for load in loads:
            self.assertGreater(load.rounds, 0)
            self.assertEqual(int(proxies[0].value("GET", f"{load.name}:count")), load.rounds)


if __name__ == "__main__":
    kt.main()
