"""Commands that wait, through the proxy in front of three shards, against the same session on one redis-server: keys
in one slot and in several, time-outs, CLIENT UNBLOCK, clients that vanish, and a failover while clients wait."""

import random
import re
import signal
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


def several_slots(session):
    keys = (A, B, C)
    for request, push in [
            (("BLPOP", *keys, 0), ("RPUSH", B, "x", "y")),
            (("BRPOP", *keys, "2.5"), None),
            (("BRPOP", *keys, 10), ("RPUSH", C, "x", "y", "z")),
            (("BLMPOP", 0, 3, *keys, "LEFT", "COUNT", 10), None),
            (("blmpop", 0, 3, *keys, "right", "count", 2), ("RPUSH", A, 1, 2, 3)),
            (("BLPOP", A, A, B, A, 0), None),
            (("BLPOP", A, A, B, A, 0), ("RPUSH", A, 7)),
            (("BZPOPMIN", *keys, 0), ("ZADD", B, "1.5", "one", 2, "two", "inf", "three")),
            (("BZPOPMAX", *keys, 0), None),
            (("BZPOPMAX", *keys, 0), None),
            (("BZMPOP", 5, 3, *keys, "MAX"), None),
            (("BZMPOP", 5, 3, *keys, "MAX", "COUNT", 2), ("ZADD", C, 1, "a", 2, "b", 3, "c")),
            (("BZMPOP", 5, 3, *keys, "MIN", "COUNT", 2), None),
            (("BLPOP", *keys, 5), ("LPUSH", A, "\x00\r\n")),
    ]:
        if push is not None:
            session.block(*request)
            session.call(*push)
            session.read()
        else:
            session.call(*request, by="waiter")
        for key in keys:
            session.call("TYPE", key)
    # Several are ready: in the order of the request.
    for key in keys:
        session.call("RPUSH", key, f"{key}1", f"{key}2")
    for order in [(C, A, B), (B, C, A), (A, C, B), (A, B, C), (A, B, C), (B, A, C)]:
        session.call("BLPOP", *order, 1)
    # What has the wrong type is met in that order, too; who waits already does not mind it.
    session.call("SET", B, "string")
    session.call("RPUSH", C, "x")
    session.call("BLPOP", A, B, C, 1)
    session.call("BLPOP", A, C, B, 1)
    session.call("BZPOPMIN", C, B, A, 1)
    session.call("DEL", B)
    session.block("BLPOP", A, B, C, 0)
    session.call("SET", A, "string")
    session.call("ZADD", B, 1, "m")
    session.call("RPUSH", C, "x")
    session.read()
    session.call("DEL", A, B, C)
    # Everything comes once. These are clients of different threads, maybe, between which there is no order.
    session.block("BLPOP", A, B, 0, by="first")
    session.block("BLPOP", C, B, 0, by="second")
    session.block("BLPOP", B, A, 0, by="third")
    session.call("RPUSH", B, 1, 2, 3, 4)
    session.replies.append(sorted(session.client(by).read() for by in ("first", "second", "third")))
    session.call("LRANGE", B, 0, -1)
    session.call("DEL", B)
    # Neither what a transaction takes away again, nor FLUSHALL, is something.
    session.block("BLPOP", A, B, C, 0, by="first")
    session.call("RPUSH", B, 1)
    session.read(by="first")
    session.block("BLPOP", A, B, C, 0, by="first")
    session.call("FLUSHALL")
    session.call("RENAME", A, "{a}x")
    session.call("RPUSH", "{c}other", "x")
    session.call("RENAME", "{c}other", C)
    session.read(by="first")
    # On another connection than what was asked before: it comes after it.
    session.replies.append(session.client("pipe").pipeline([["RPUSH", B, 5], ["BLPOP", A, B, 0], ["LLEN", B], ["RPUSH", A, 6],
                                                            ["BRPOP", B, A, 0], ["EXISTS", A]]))


def first_come_first_served(session):
    session.block("BLPOP", A, B, 0, by="first")
    session.block("BLPOP", C, B, 0, by="second")
    session.block("BLPOP", B, A, 0, by="third")
    session.block("BRPOP", C, A, 0, by="fourth")
    session.call("RPUSH", B, 1)
    session.read(by="first")
    session.block("BLPOP", A, B, 0, by="first")
    session.call("RPUSH", B, 2, 3, 4, 5)
    session.read(by="second")
    session.read(by="third")
    session.read(by="first")
    session.call("LRANGE", B, 0, -1)
    session.block("BLPOP", C, A, 0, by="first")
    session.call("RPUSH", A, 6, 7, 8)
    session.read(by="fourth")
    session.read(by="first")
    session.call("LRANGE", A, 0, -1)


def time_outs(session):
    for request in [("BLPOP", "q", "0.01"), ("BRPOP", "{q}1", "{q}2", "0.01"), ("BLMPOP", "0.01", 1, "q", "LEFT"),
                    ("BLMOVE", "{q}1", "{q}2", "LEFT", "LEFT", "0.01"), ("BRPOPLPUSH", "{q}1", "{q}2", "0.01"),
                    ("BZPOPMIN", "q", "0.01"), ("BZPOPMAX", "q", "1e-3"), ("BZMPOP", "0x1p-7", 1, "q", "MIN"),
                    ("XREAD", "BLOCK", 10, "STREAMS", "q", 0), ("XREAD", "BLOCK", 10, "STREAMS", "q", "$")]:
        session.call(*request)


def time_outs_in_several_slots(session):
    for request in [("BLPOP", A, B, "0.01"), ("BRPOP", A, B, C, "0.001"), ("BLMPOP", "0.01", 2, A, B, "LEFT"),
                    ("BZPOPMIN", A, B, "0.01"), ("BZPOPMAX", A, B, "1e-3"), ("BZMPOP", "0x1p-7", 2, A, B, "MIN")]:
        session.call(*request)
    session.call("RPUSH", C, "x")
    session.call("BLPOP", A, B, C, "0.0001")


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
        cls.one_thread = cls.start_once(cls.new_proxy(threads=1))
        for proxy in (cls.proxy, cls.one_thread):
            cls.wait_covered(proxy)
        cls.alone = cls.start_once(kt.RedisServer())

    def setUp(self):
        super().setUp()
        self.alone.call("FLUSHALL")

    def compare(self, scenario, *arguments, proxy=None):
        for protocol in (2, 3):
            with self.subTest(protocol=protocol):
                self.setUp()
                with Session(self.alone, protocol) as alone, Session(proxy or self.proxy, protocol) as proxied:
                    scenario(alone, *arguments)
                    scenario(proxied, *arguments)
                    self.assertEqual(len(alone.replies), len(proxied.replies))
                    for expected, actual in zip(alone.replies, proxied.replies):
                        self.assertEqual(expected, actual)
                self.assert_no_leases()

    def leases(self):
        """Without those that watch keys, which stay for a while."""
        return metric(self.http, "keyway_proxy_backend_leases") - metric(self.http, "keyway_proxy_key_watch_connections")

    def assert_no_leases(self):
        kt.wait_until(lambda: self.leases() == 0, what="the leases to end")
        kt.wait_until(lambda: metric(self.http, "keyway_proxy_watched_keys") == 0, what="the watched keys to be forgotten")

    def test_one_slot(self):
        self.compare(one_slot)

    def test_several_slots(self):
        self.assertEqual(len({self.owner_of_key(key) for key in (A, B, C)}), 3)
        self.compare(several_slots)

    def test_first_come_first_served(self):
        self.compare(first_come_first_served, proxy=self.one_thread)

    def test_time_outs(self):
        self.compare(time_outs)
        self.compare(time_outs_in_several_slots)

    def test_bad_arguments(self):
        self.compare(bad_arguments)

    def test_bad_arguments_in_several_slots(self):
        self.compare(bad_arguments, A, B)

    def test_unblock(self):
        self.compare(unblock)

    def test_unblock_in_several_slots(self):
        self.compare(unblock, (A, B, C))

    def test_line_ends_that_redis_does_not_look_at(self):
        """A request of its client's making is sent again in the proxy's own words, with the rest of its time."""
        node = self.owner_of_key("odd")
        with self.proxy.client(timeout=20) as client, node.client() as admin:
            client.send(b"*3\r.$5\r.BLPOP..$3\r.odd..$2\r.60..")

            def waiting():
                return re.findall(r"^id=(\d+) .* flags=\w*b\w* .* cmd=blpop", admin.value("CLIENT", "LIST").decode(), re.M)
            kt.wait_until(waiting, what="the client to wait at the shard")
            # Not at the wish of a client of the proxy, so it waits on.
            self.assertEqual(admin.value("CLIENT", "UNBLOCK", waiting()[0], "ERROR"), 1)
            kt.wait_until(waiting, what="the client to wait there again")
            admin.call("RPUSH", "odd", "x")
            self.assertEqual(client.read(), b"*2\r\n$3\r\nodd\r\n$1\r\nx\r\n")

    def test_client_that_vanishes(self):
        for _ in range(20):
            with Session(self.proxy, 2) as session:
                session.block("BLPOP", "gone", 0)
                self.assertEqual(self.leases(), 1)
            self.assert_no_leases()
        with Session(self.proxy, 2) as session:
            session.call("RPUSH", "gone", "x")
            self.assertEqual(session.call("LRANGE", "gone", 0, -1), b"*1\r\n$1\r\nx\r\n")

    def test_client_that_vanishes_from_several_slots(self):
        """Whether it goes before, after or while its element comes: the element is delivered, or still there."""
        delivered, names = [], [A, B, C]
        with self.proxy.client() as producer:
            for number in range(150):
                waiter = self.proxy.client(timeout=0.01)
                waiter.send(kt.encode("BLPOP", *names, 0))
                time.sleep(0.0001 * (number % 30))
                producer.call("RPUSH", names[number % 3], number)
                if number % 2 == 0:
                    try:
                        delivered.append(int(kt.parse(waiter.read())[1]))
                    except TimeoutError:
                        pass
                waiter.close()
            self.assert_no_leases()
            kept = [int(item) for name in names for item in producer.value("LRANGE", name, 0, -1)]
        lost = set(range(150)) - set(delivered) - set(kept)
        self.assertEqual(len(delivered) + len(kept), len(set(delivered) | set(kept)))
        # Nothing is lost but what was on its way to a client that did not stay for it.
        self.assertLessEqual(len(lost), 75)

    def test_queues_on_all_shards(self):
        """200 clients wait for queues on three shards: everything comes once, and each queue in its order."""
        names, workers, count = [f"queue:{n}" for n in range(9)], 200, 3000
        self.assertEqual(len({self.owner_of_key(name) for name in names}), 3)
        taken, errors, lock = [], [], threading.Lock()

        def work(number):
            order = names[number % 9:] + names[:number % 9]
            with self.proxy.client(timeout=30) as client:
                while True:
                    item = client.value("BLPOP", *order, 20)
                    if item is None or isinstance(item, Exception):
                        errors.append(item)
                        return
                    if item[1] == b"end":
                        return
                    with lock:
                        taken.append((item[0], int(item[1])))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        with self.proxy.client() as producer:
            for start in range(0, count, 100):
                producer.pipeline([["RPUSH", names[n % 9], n] for n in range(start, start + 100)])
            kt.wait_until(lambda: len(taken) == count, timeout=40, what="everything to be taken")
            for n in range(workers):
                producer.call("RPUSH", names[n % 9], "end")
            for thread in threads:
                thread.join(20)
        self.assertEqual(errors, [])
        self.assertEqual(sorted(number for _, number in taken), list(range(count)))
        self.assert_no_leases()

    def test_nobody_is_forgotten(self):
        """Keys come, go and change their types while clients begin to wait; once all keys have enough, everybody has something."""
        seed = random.randrange(1 << 32)
        choices = random.Random(seed)
        names, proxies = [f"queue:{n}" for n in range(6)], [self.proxy, self.one_thread]
        self.assertEqual(len({self.owner_of_key(name) for name in names}), 3)
        with self.proxy.client() as one, self.one_thread.client() as other:
            for number in range(150):
                waiters = []
                for _ in range(choices.randint(1, 12)):
                    client, keys = choices.choice(proxies).client(timeout=20), choices.sample(names, choices.randint(2, 6))
                    client.send(kt.encode("BLPOP", *keys, 0))
                    waiters.append((client, keys))
                    key = choices.choice(names)
                    choices.choice((one, other)).pipeline(choices.choice([
                        [], [], [["SET", key, "v"], ["DEL", key]], [["ZADD", key, 1, "m"], ["DEL", key]], [["SET", key, "v", "PX", 1]],
                        [["FLUSHALL"]], [["RPUSH", key, "x"]], [["RPUSH", key, "x"], ["DEL", key]],
                        [["RPUSH", f"{{{key}}}", "x"], ["RENAME", f"{{{key}}}", key]]]))
                for key in choices.sample(names, len(names)):
                    choices.choice((one, other)).pipeline([["DEL", key], ["RPUSH", key, *range(len(waiters))]])
                for client, keys in waiters:
                    try:
                        client.read()
                    except TimeoutError:
                        self.fail(f"seed {seed}, round {number}: still waiting for {keys}")
                    client.close()
                one.call("FLUSHALL")
        self.assert_no_leases()

    def test_one_waiter_gets_each_queue_in_its_order(self):
        names = [f"queue:{n}" for n in range(9)]
        with self.proxy.client() as client, self.proxy.client() as producer:
            producer.pipeline([["RPUSH", names[n % 9], n] for n in range(300)])
            taken = [client.value("BLPOP", *names, 5) for _ in range(300)]
        self.assertEqual([int(number) for _, number in taken], [n for q in range(9) for n in range(q, 300, 9)])

    def test_the_end_of_the_proxy_while_clients_are_being_unblocked(self):
        """By clients of other threads, at a shard that does not answer."""
        proxy = self.start(self.new_proxy(threads=2, drain_timeout_ms=100, http_port=kt.free_port()))
        self.wait_covered(proxy)
        waiting, callers = ([proxy.client() for _ in range(8)] for _ in range(2))
        for client in [*waiting, *callers]:
            self.addCleanup(client.close)
        numbers = [client.value("CLIENT", "ID") for client in waiting]
        for client in waiting:
            client.send(kt.encode("BLPOP", "end", 0))
        kt.wait_until(lambda: proxy.info("clients")["blocked_clients"] == "8", what="the clients to wait")
        kt.wait_until(lambda: b"cmd=blpop" in self.owner_of_key("end").value("CLIENT", "LIST"), what="the shard to know of it")
        shard = self.owner_of_key("end")
        shard.signal(signal.SIGSTOP)
        try:
            for client, number in zip(callers, numbers):
                client.send(kt.encode("CLIENT", "UNBLOCK", number))
            with proxy.client() as other:
                kt.wait_until(lambda: other.value("CLIENT", "LIST").count(b"cmd=client|unblock") == 8, what="the requests to be under way")
            self.assertEqual(proxy.stop(), 0, proxy.output()[-2000:])
        finally:
            shard.signal(signal.SIGCONT)

    def test_wait(self):
        for protocol in (2, 3):
            with Session(self.alone, protocol) as alone, Session(self.proxy, protocol) as proxied:
                for session in (alone, proxied):
                    session.call("SET", "k", "v")
                    for request in [("WAIT", 0, 0), ("WAIT", 0, 100), ("WAIT", 1, 50), ("WAIT", "x", 1), ("WAIT", 1, "x"), ("WAIT", 1, -1),
                                    ("WAIT", 1), ("WAIT", -1, 1)]:
                        session.call(*request)
                    number = session.block("WAIT", 1, 0)
                    session.client("caller").call("CLIENT", "UNBLOCK", number)
                    session.read()
                    number = session.block("WAIT", 1, 0)
                    session.client("caller").call("CLIENT", "UNBLOCK", number, "ERROR")
                    session.read()
                self.assertEqual(alone.replies, proxied.replies)
        self.assert_no_leases()


class BlockingAtKeywayShardsTest(BlockingTest):
    node_class = kt.KeywayShard


if __name__ == "__main__":
    kt.main()
