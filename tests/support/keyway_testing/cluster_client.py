"""A small client of Redis Cluster that follows redirects, and writers that remember what was acknowledged."""

import binascii
import collections
import threading
import time

from keyway_testing import resp

SLOTS = 16384
# What passes by itself: a failover, a move of a slot, a start.
_PASSING = (b"-CLUSTERDOWN", b"-TRYAGAIN", b"-LOADING", b"-MASTERDOWN", b"-READONLY", b"-NOREPLICAS", b"-UNBLOCKED")


def slot_of(key):
    """The slot of a key, bytes."""
    begin = key.find(b"{")
    if begin >= 0:
        end = key.find(b"}", begin + 1)
        if end > begin + 1:
            key = key[begin + 1:end]
    return binascii.crc_hqx(key, 0) % SLOTS


def key_in_slots(first, last, prefix=b"k"):
    """A key of one of the slots first to last."""
    number = 0
    while True:
        key = b"%s:%d" % (prefix, number)
        if first <= slot_of(key) <= last:
            return key
        number += 1


class NotAccepted(Exception):
    """No node took the request in time."""


class ClusterClient:
    """One connection to each node, made when needed. `ports`: nodes to ask for the map, tried in order."""

    def __init__(self, ports, timeout=1.0):
        self.ports = list(ports)
        self.timeout = timeout
        self.connections = {}
        self.owners = {}

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def connection(self, port):
        if port not in self.connections:
            self.connections[port] = resp.Client(port, timeout=self.timeout)
        return self.connections[port]

    def drop(self, port):
        connection = self.connections.pop(port, None)
        if connection is not None:
            connection.close()

    def refresh(self):
        for port in list(self.connections) + self.ports:
            try:
                ranges = self.connection(port).value("CLUSTER", "SLOTS")
            except (OSError, EOFError):
                self.drop(port)
                continue
            if isinstance(ranges, list) and ranges:
                self.owners = {slot: one[2][1] for one in ranges for slot in range(one[0], one[1] + 1)}
                return

    def call(self, *request, key, seconds=30.0):
        """The raw reply, after redirects, and retries of what passes by itself. NotAccepted when there is none within
        `seconds`. What a broken connection leaves open is sent again."""
        deadline = time.monotonic() + seconds
        slot = slot_of(key)
        asking = False
        port = self.owners.get(slot)
        last = None
        while time.monotonic() < deadline:
            if port is None:
                self.refresh()
                port = self.owners.get(slot)
            if port is None:
                time.sleep(0.02)
                continue
            try:
                connection = self.connection(port)
                if asking:
                    connection.call("ASKING")
                reply = connection.call(*request)
            except (OSError, EOFError) as error:
                last = error
                self.drop(port)
                port, asking = None, False
                time.sleep(0.02)
                continue
            asking = False
            if reply.startswith((b"-MOVED ", b"-ASK ")):
                asking = reply.startswith(b"-ASK ")
                port = int(reply.split()[2].rsplit(b":", 1)[1])
                if not asking:
                    self.owners[slot] = port
            elif reply.startswith(_PASSING):
                last = reply
                port = None
                time.sleep(0.02)
            else:
                return reply
        raise NotAccepted(f"{request!r}: {last!r}")


class Writers:
    """Threads that count up keys of their own with SET, each key over all slots, and remember what was acknowledged."""

    def __init__(self, ports, threads=4, keys=200, rate=None):
        """`rate`: writes a second of each thread; None: as fast as it goes."""
        self.acknowledged = collections.Counter()
        self.tried = collections.Counter()
        self.failures = []
        self.count = 0
        self.longest_wait = 0.0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(ports, number, keys, rate), daemon=True)
                         for number in range(threads)]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return self

    def _run(self, ports, number, keys, rate):
        client = ClusterClient(ports)
        turn = 0
        try:
            while not self._stop.is_set():
                key = b"writer:%d:%d" % (number, turn % keys)
                turn += 1
                self.tried[key] += 1
                begin = time.monotonic()
                try:
                    reply = client.call("SET", key, self.tried[key], key=key)
                except NotAccepted as error:
                    self.failures.append(str(error))
                    continue
                self.longest_wait = max(self.longest_wait, time.monotonic() - begin)
                if reply == b"+OK\r\n":
                    self.acknowledged[key] = self.tried[key]
                    self.count += 1
                else:
                    self.failures.append(repr(reply))
                if rate is not None:
                    time.sleep(1.0 / rate)
        finally:
            client.close()

    def missing(self, ports):
        """What was acknowledged and is not there: [(key, acknowledged, found)]."""
        client = ClusterClient(ports, timeout=5.0)
        lost = []
        try:
            for key, number in self.acknowledged.items():
                found = resp.parse(client.call("GET", key, key=key))
                if found is None or not number <= int(found) <= self.tried[key]:
                    lost.append((key, number, found))
        finally:
            client.close()
        return lost
