"""Commands that wait, through the proxy in front of three shards, against the same session on one redis-server: keys
in one slot and in several, time-outs, CLIENT UNBLOCK, clients that vanish, and a failover while clients wait."""

import re
import threading
import time
import urllib.request

import keyway_testing as kt
import proxied_cluster


def metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
    raise AssertionError(f"no metric {name}")


class Session:
    """The clients of one scenario, on one server, and everything they were answered."""

    def __init__(self, server, protocol):
        self.server = server
        self.protocol = protocol
        self.clients = {}
        self.replies = []

    def client(self, name):
        if name not in self.clients:
            self.clients[name] = self.server.client(timeout=20)
            if self.protocol != 2:
                self.clients[name].call("HELLO", self.protocol)
        return self.clients[name]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients.values():
            client.close()

    def call(self, *request, by="caller"):
        reply = self.client(by).call(*request)
        self.replies.append((by, request, reply))
        return reply

    def id(self, by):
        return kt.parse(self.client(by).call("CLIENT", "ID"))

    def block(self, *request, by="waiter"):
        """Sends a request, and returns when the server says that its client waits."""
        client = self.client(by)
        number = self.id(by)
        client.send(kt.encode(*request))
        self.wait_blocked(number)
        return number

    def wait_blocked(self, number, blocked=True):
        def waits():
            line = self.client("watcher").call("CLIENT", "LIST", "ID", number).decode()
            return bool(re.search(r" flags=\w*b", line)) == blocked
        kt.wait_until(waits, what=f"client {number} to wait")

    def read(self, by="waiter"):
        reply = self.client(by).read()
        self.replies.append((by, "reply", reply))
        return reply


# Of three shards, each name's slot is on another one.
A, B, C = "a", "b", "c"


def one_slot(session):
    for request, push in [
            (("BLPOP", "l", 0), ("RPUSH", "l", "x", "y")),
            (("BRPOP", "l", "2.5"), None),
            (("BRPOP", "{l}1", "{l}2", "l", 10), ("RPUSH", "{l}2", "x", "y", "z")),
            (("BLMPOP", 0, 2, "{l}3", "{l}2", "LEFT", "COUNT", 10), None),
            (("BLMPOP", 0, 2, "{l}3", "{l}2", "RIGHT", "COUNT", 2), ("RPUSH", "{l}2", 1, 2, 3)),
            (("BLMOVE", "{l}5", "{l}6", "LEFT", "RIGHT", 0), ("RPUSH", "{l}5", "m")),
            (("BRPOPLPUSH", "{l}5", "{l}6", 0), ("RPUSH", "{l}5", "n")),
            (("BZPOPMIN", "z", 0), ("ZADD", "z", "1.5", "one", 2, "two")),
            (("BZPOPMAX", "z", 0), None),
            (("BZMPOP", 5, 2, "z", "{z}1", "MAX", "COUNT", 2), ("ZADD", "{z}1", 1, "a", 2, "b", 3, "c")),
            (("XREAD", "COUNT", 2, "BLOCK", 0, "STREAMS", "s", "$"), ("XADD", "s", "1-1", "f", "v")),
            (("XREAD", "BLOCK", 10000, "STREAMS", "s", "{s}1", "0-0", "$"), None),
            (("XREAD", "BLOCK", 10000, "STREAMS", "s", "{s}1", "$", "$"), ("XADD", "{s}1", "2-1", "f", "v")),
    ]:
        if push is not None:
            session.block(*request)
            session.call(*push)
            session.read()
        else:
            session.call(*request, by="waiter")
    session.call("LRANGE", "{l}6", 0, -1)
    session.call("XGROUP", "CREATE", "s", "g", "$")
    session.block("XREADGROUP", "GROUP", "g", "me", "BLOCK", 0, "STREAMS", "s", ">")
    session.call("XADD", "s", "5-1", "a", "b")
    session.read()
    session.call("XPENDING", "s", "g")
    session.block("XREADGROUP", "GROUP", "g", "me", "BLOCK", 0, "STREAMS", "s", ">")
    session.call("DEL", "s")
    session.read()


def time_outs(session):
    for request in [("BLPOP", "q", "0.01"), ("BRPOP", "{q}1", "{q}2", "0.01"), ("BLMPOP", "0.01", 1, "q", "LEFT"),
                    ("BLMOVE", "{q}1", "{q}2", "LEFT", "LEFT", "0.01"), ("BRPOPLPUSH", "{q}1", "{q}2", "0.01"),
                    ("BZPOPMIN", "q", "0.01"), ("BZPOPMAX", "q", "1e-3"), ("BZMPOP", "0x1p-7", 1, "q", "MIN"),
                    ("XREAD", "BLOCK", 10, "STREAMS", "q", 0), ("XREAD", "BLOCK", 10, "STREAMS", "q", "$")]:
        session.call(*request)


def bad_arguments(session, q1="{q}1", q2="{q}2"):
    session.call("SET", q1, "string")
    for timeout in ["abc", "", " 1", "1 ", "-1", "nan", "inf", "-inf", "1e300", "1e5000", "1x"]:
        session.call("BLPOP", q1, q2, timeout)
        session.call("BZMPOP", timeout, 2, q1, q2, "MIN")
        session.call("BLMPOP", timeout, 2, q1, q2, "SIDEWAYS")
    session.call("XREAD", "BLOCK", "-1", "STREAMS", q2, 0)
    session.call("XREAD", "BLOCK", "1.5", "STREAMS", q2, 0)
    session.call("XREAD", "BLOCK", "STREAMS", q2, 0)
    session.call("XREAD", "BLOCK", 1, "STREAMS", q2, "{q}3", 0)
    session.call("BLMOVE", q2, q2, "LEFT", "MIDDLE", 1)
    session.call("BLMOVE", q2, q2, "LEFT", "LEFT", "x")
    for request in [("BLPOP", q1, q2, 1), ("BLPOP", q2, q1, 1), ("BZPOPMIN", q1, q2, 1), ("BLMPOP", 1, 2, q1, q2, "LEFT"),
                    ("BLPOP",), ("BLPOP", q1), ("BLMPOP", 1, 0, q1, "LEFT"), ("BLMPOP", 1, "x", q1, "LEFT"),
                    ("BLMPOP", 1, -1, q1, "LEFT"), ("BLMPOP", 1, 3, q1, q2, "LEFT"), ("BLMPOP", 1, 2, q1, q2, "LEFT", "COUNT"),
                    ("BLMPOP", 1, 2, q1, q2, "LEFT", "COUNT", 0), ("BLMPOP", 1, 2, q1, q2, "LEFT", "COUNT", "x"),
                    ("BLMPOP", 1, 2, q1, q2, "LEFT", "COUNT", 1, "COUNT", 1), ("BLMPOP", 1, 2, q1, q2, "LEFT", "LIMIT", 1),
                    ("BZMPOP", 1, 2, q1, q2, "LEFT"), ("BZMPOP", 1, 2, q1, q2, "MIN", "COUNT", -1),
                    ("BLMPOP", "x", 2, q1, q2, "LEFT", "COUNT", 0)]:
        session.call(*request)


def unblock(session, keys=("{u}1", "{u}2")):
    for command in [("BLPOP", *keys, 0), ("BZPOPMIN", *keys, 0), ("BLMPOP", 0, len(keys), *keys, "LEFT"),
                    ("BLMOVE", "u", "u", "LEFT", "LEFT", 100), ("XREAD", "BLOCK", 0, "STREAMS", "u", "$")]:
        for reason in [(), ("TIMEOUT",), ("ERROR",), ("error",)]:
            number = session.block(*command)
            reply = session.call("CLIENT", "UNBLOCK", number, *reason)[:2]
            session.replies[-1] = ("unblock", reply)
            session.read()
            session.client("caller").call("CLIENT", "UNBLOCK", number)
            session.replies.append(session.client("caller").call("CLIENT", "UNBLOCK", number))
    session.call("CLIENT", "UNBLOCK", 987654321)
    session.call("CLIENT", "UNBLOCK", "x")
    session.call("CLIENT", "UNBLOCK", 1, "SOON")
    session.call("CLIENT", "UNBLOCK", 1, "ERROR", "x")
    session.call("CLIENT", "UNBLOCK")


class BlockingTest(proxied_cluster.ProxiedClusterTest):
    proxy_flags = {"threads": 2}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.http = kt.free_port()
        cls.proxy = cls.start_once(cls.new_proxy(http_port=cls.http))
        cls.wait_covered(cls.proxy)
        cls.alone = cls.start_once(kt.RedisServer())

    def setUp(self):
        super().setUp()
        self.alone.call("FLUSHALL")

    def compare(self, scenario, *arguments):
        for protocol in (2, 3):
            with self.subTest(protocol=protocol):
                self.setUp()
                with Session(self.alone, protocol) as alone, Session(self.proxy, protocol) as proxied:
                    scenario(alone, *arguments)
                    scenario(proxied, *arguments)
                    self.assertEqual(len(alone.replies), len(proxied.replies))
                    for expected, actual in zip(alone.replies, proxied.replies):
                        self.assertEqual(expected, actual)
                self.assert_no_leases()

    def assert_no_leases(self):
        kt.wait_until(lambda: metric(self.http, "keyway_proxy_backend_leases") == 0, what="the leases to end")

    def test_one_slot(self):
        self.compare(one_slot)

    def test_time_outs(self):
        self.compare(time_outs)

    def test_bad_arguments(self):
        self.compare(bad_arguments)

    def test_unblock(self):
        self.compare(unblock)

    def test_client_that_vanishes(self):
        for _ in range(20):
            with Session(self.proxy, 2) as session:
                session.block("BLPOP", "gone", 0)
                self.assertEqual(metric(self.http, "keyway_proxy_backend_leases"), 1)
            self.assert_no_leases()
        with Session(self.proxy, 2) as session:
            session.call("RPUSH", "gone", "x")
            self.assertEqual(session.call("LRANGE", "gone", 0, -1), b"*1\r\n$1\r\nx\r\n")


if __name__ == "__main__":
    kt.main()
