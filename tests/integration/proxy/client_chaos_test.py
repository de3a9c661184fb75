"""Clients that are killed at any moment - in MULTI, with WATCH, waiting on one shard or on several, subscribed, within a
request, in a pipeline, while a large reply is on its way - leave nothing behind: no lease, queue entry, subscription or
client that waits, on the proxies and on the shards; and what was pushed is either delivered or still there.

KEYWAY_CHAOS_MOMENTS: how many clients die for each kind of shard, 1000 if not given."""

import heapq
import os
import random
import re
import socket
import struct
import threading
import time
import urllib.request

import keyway_testing as kt

MOMENTS = int(os.environ.get("KEYWAY_CHAOS_MOMENTS", "1000"))
ELEMENT = re.compile(rb"element:\d+:\d+")
LARGE = 4 << 20


def metrics(proxy):
    """The gauges of what is under way for clients, by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.flags['http_port']}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    gauges = set(re.findall(r"^# TYPE (keyway_proxy_\S+) gauge$", text, re.MULTILINE))
    values = {}
    for line in text.splitlines():
        name = line.split("{")[0].split(" ")[0]
        if name in gauges and "topology" not in name:
            values[line.rpartition(" ")[0]] = float(line.rpartition(" ")[2])
    return values


def fields_of(line):
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


class Victim:
    """A client of its own keys. `requests` are sent in one piece, cut at any byte; `pushes` are what others write meanwhile."""

    def __init__(self, number, chance, port):
        self.number = number
        self.chance = chance
        self.kind, self.requests, pushes = chance.choice(SCENARIOS)(f"v{number}", chance)
        # What it can take an element from, and how often: a second element may not be gone.
        self.pushes = [(command, key, f"element:{number}:{turn}") for turn, (command, key) in enumerate(pushes)]
        self.pushed = []
        self.delivered = []
        self.received = b""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        data = b"".join(kt.encode(*request) for request in self.requests)
        if chance.random() < 0.4:
            data = kt.encode("HELLO", "3") + data
        if chance.random() < 0.15:
            data = data[:chance.randrange(1, len(data))]
        self.socket.sendall(data)
        self.socket.setblocking(False)
        self.reads = chance.random() < 0.8

    def look(self):
        """Reads what is there, with elements that were delivered among it."""
        while self.reads:
            try:
                data = self.socket.recv(1 << 16)
            except (BlockingIOError, ConnectionResetError):
                break
            if not data:
                break
            if len(self.received) < 1 << 16:
                self.received += data
        self.delivered = ELEMENT.findall(self.received)

    def kill(self):
        self.look()
        way = self.chance.randrange(4)
        if way == 0:  # a reset
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif way == 1:  # the end of what it sends, as netcat says it; it still reads a moment
            self.socket.shutdown(socket.SHUT_WR)
            return False
        self.socket.close()
        return True


def in_multi(key, chance):
    key = "{%s}" % key
    requests = [("MULTI",)] + [("SET", key + str(i), i) for i in range(chance.randrange(20))]
    if chance.random() < 0.3:
        requests += [("BLPOP", key + "list", 0)]
    return "in MULTI", requests + [("EXEC",)] * chance.randrange(2), []


def with_watch(key, chance):
    key = "{%s}" % key
    requests = [("WATCH", key + "a", key + "b"), ("GET", key + "a"), ("WATCH", key + "c")]
    end = [[], [("MULTI",), ("SET", key + "a", 1)], [("MULTI",), ("SET", key + "a", 1), ("EXEC",), ("WATCH", key + "a")],
           [("MULTI",), ("SET", key + "a", 1), ("EXEC",)]]
    return "with WATCH", requests + chance.choice(end), []


def waits_for_one(key, chance):
    key = "{%s}" % key
    return chance.choice([
        ("waits for one list", [("BLPOP", key, 0)], [("RPUSH", key)] * 2),
        ("waits for one list", [("BLMPOP", 0, 1, key, "LEFT"), ("GET", key + "next")], [("RPUSH", key)] * 2),
        ("waits to move an element", [("BLMOVE", key, key + "to", "LEFT", "RIGHT", 0)], [("RPUSH", key)] * 2),
        ("waits for a sorted set", [("BZPOPMIN", key, 0)], [("ZADD", key)] * 2),
        ("waits for a stream", [("XREAD", "BLOCK", 0, "STREAMS", key, "$")], []),
        ("waits with a group", [("XGROUP", "CREATE", key, "g", "$", "MKSTREAM"),
                                ("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", key, ">")], []),
    ])


def waits_for_several(key, chance):
    keys = [f"{key}:{i}" for i in range(chance.randrange(2, 9))]
    return chance.choice([
        ("waits for several lists", [("BRPOP", *keys, 0)], [("RPUSH", each) for each in keys]),
        ("waits for several lists", [("BLMPOP", 0, len(keys), *keys, "LEFT", "COUNT", 1)], [("RPUSH", each) for each in keys]),
        ("waits for several sorted sets", [("BZPOPMAX", *keys, 0)], [("ZADD", each) for each in keys]),
    ])


def subscribed(key, chance):
    requests = [("SUBSCRIBE", "news", f"{key}:own", "more"), ("PSUBSCRIBE", "n*", f"{key}:*"), ("SSUBSCRIBE", f"{key}:shard", f"{key}:shard")]
    chance.shuffle(requests)
    return "subscribed", requests[:chance.randrange(1, 4)] + [("UNSUBSCRIBE", "news")] * chance.randrange(2), []


def in_a_pipeline(key, chance):
    requests = []
    for i in range(chance.randrange(300)):
        requests += [("SET", f"{key}:{i % 20}", "x" * 100), ("GET", f"{key}:{i % 20}"), ("MGET", *(f"{key}:{j}" for j in range(9)))]
    return "in a pipeline", requests + [("PING",)], []


def gets_much(key, chance):
    return "gets a large reply", [("GET", "large")] * chance.randrange(1, 4) + [("MGET", "large", "{other}large")] * chance.randrange(2), []


def in_a_script(key, chance):
    return "in a script", [("EVAL", "for i = 1, 20000 do redis.call('INCR', KEYS[1]) end", 1, key), ("SCAN", 0)], []


def after_another(key, chance):
    first = chance.choice([("WATCH", "{%s}" % key), ("SELECT", "0"), ("SUBSCRIBE", "news"), ("CLIENT", "REPLY", "SKIP"), ("RESET",)])
    kind, requests, pushes = waits_for_one(key, chance) if chance.random() < 0.5 else waits_for_several(key, chance)
    return kind + " after " + first[0], [first, *requests], pushes


SCENARIOS = [in_multi, with_watch, waits_for_one, waits_for_one, waits_for_several, waits_for_several, subscribed, in_a_pipeline,
             gets_much, in_a_script, after_another]


class ClientChaos:
    """The tests; a class of TestCase says what the shards are."""

    node_class = None

    @classmethod
    def setUpClass(cls):
        cls.nodes, cls.proxies = kt.start_proxied_cluster(cls, cls.node_class, proxies=2, threads=2)

    def setUp(self):
        self.assertEqual(self.proxies[0].call("FLUSHALL"), b"+OK\r\n")

    def at_rest(self):
        """What is left of clients, as text; empty when nothing is."""
        left = []
        for number, proxy in enumerate(self.proxies):
            for name, value in metrics(proxy).items():
                # Connections to shards stay, shared or spare, and so do scripts; everything else is about clients.
                if value != 0 and not re.search("backend_connections|spare|scripts_cached", name):
                    left.append(f"proxy {number}: {name} is {value}")
            lines = proxy.value("CLIENT", "LIST").decode().splitlines()
            if len(lines) != 1:
                left += [f"proxy {number}: {line}" for line in lines]
        for number, node in enumerate(self.nodes):
            for line in node.value("CLIENT", "LIST").decode().splitlines():
                client = fields_of(line)
                flags = set(client["flags"])
                if flags & set("bxdP") or [client[name] for name in ("sub", "psub", "ssub", "multi")] != ["0", "0", "0", "-1"]:
                    left.append(f"node {number}: {line}")
            if node.info("clients")["blocked_clients"] != "0":
                left.append(f"node {number}: blocked clients")
            for kind in (("CHANNELS",), ("NUMPAT",), ("SHARDCHANNELS",)):
                if node.value("PUBSUB", *kind) not in ([], 0):
                    left.append(f"node {number}: PUBSUB {kind[0]} is {node.value('PUBSUB', *kind)}")
        return left

    def wait_at_rest(self):
        kt.wait_until(lambda: not self.at_rest(), timeout=20, what="nothing to be left of the clients", interval=0.1)

    def assert_at_rest(self):
        try:
            self.wait_at_rest()
        except AssertionError:
            self.fail("left behind:\n" + "\n".join(self.at_rest()))

    def remaining(self, client, victim):
        """The elements that are still where they were pushed to, or moved to."""
        found = []
        for key in {key for _, key, _ in victim.pushes}:
            for each in (key, key + "to"):
                kind = client.value("TYPE", each)
                if kind == "list":
                    found += client.value("LRANGE", each, 0, -1)
                elif kind == "zset":
                    found += client.value("ZRANGE", each, 0, -1)
        return found

    def test_clients_that_die_at_any_moment(self):
        chance = random.Random(int(os.environ.get("KEYWAY_CHAOS_SEED", "7")))
        stop = threading.Event()
        failures = []

        def publish():
            with self.proxies[0].client(timeout=30) as client:
                while not stop.is_set():
                    reply = client.call("PUBLISH", chance.choice(["news", "more"]), "message")
                    if reply.startswith(b"-"):
                        failures.append(reply)
                        return
                    time.sleep(0.001)

        pusher = self.proxies[1].client(timeout=30)
        for key in ("large", "{other}large"):
            self.assertEqual(pusher.call("SET", key, "x" * LARGE), b"+OK\r\n")
        publisher = threading.Thread(target=publish)
        publisher.start()
        victims, events, sequence = [], [], 0
        now = 0.0  # of the plan, in seconds; the clock follows it
        for number in range(MOMENTS):
            now += chance.random() * 0.004
            heapq.heappush(events, (now, sequence, "born", number))
            sequence += 1
        started = time.monotonic()
        try:
            while events:
                at, _, what, subject = heapq.heappop(events)
                time.sleep(max(0.0, started + at - time.monotonic()))
                if what == "born":
                    victim = Victim(subject, chance, chance.choice(self.proxies).port)
                    victims.append(victim)
                    dies = at + chance.choice([0.0, chance.random() * 0.003, chance.random() * 0.05])
                    heapq.heappush(events, (dies, sequence, "dies", victim))
                    sequence += 1
                    for push in victim.pushes:
                        heapq.heappush(events, (max(at, dies + (chance.random() - 0.5) * 0.02), sequence, "push", (victim, push)))
                        sequence += 1
                elif what == "push":
                    victim, (command, key, element) = subject
                    victim.look() if victim.socket.fileno() >= 0 else None
                    reply = pusher.call(command, key, *([1] if command == "ZADD" else []), element)
                    self.assertTrue(reply.startswith(b":"), reply)
                    victim.pushed.append(element.encode())
                elif what == "closed":
                    subject.look()
                    subject.socket.close()
                elif not subject.kill():
                    heapq.heappush(events, (at + 0.01, sequence, "closed", subject))
                    sequence += 1
        finally:
            stop.set()
            publisher.join(30)
        self.assertEqual(failures, [])
        pusher.close()
        self.assert_at_rest()

        # What was pushed is there once: with the victim, in its list, or, as with one server, in a reply to a victim that did
        # not live to read it.
        lost = {}
        with self.proxies[0].client(timeout=30) as client:
            for victim in victims:
                there = self.remaining(client, victim) + ([] if "move" in victim.kind else victim.delivered)
                self.assertEqual(len(there), len(set(there)), f"{victim.kind}: an element twice: {there}")
                self.assertLessEqual(set(there), set(victim.pushed), victim.kind)
                gone = set(victim.pushed) - set(there)
                if gone:
                    self.assertLessEqual(len(gone), 1, f"{victim.kind}: {victim.requests} lost {gone}")
                    lost[victim.kind] = lost.get(victim.kind, 0) + 1
        kinds = {}
        for victim in victims:
            kinds[victim.kind] = kinds.get(victim.kind, 0) + 1
        print(f"{len(victims)} victims: {kinds}; replies that nobody read: {lost}")
        self.still_serves()

    def test_what_is_pushed_after_a_client_has_gone_stays(self):
        """Clients wait, go, and then what they waited for comes: all of it is there."""
        chance = random.Random(11)
        number = 0
        for way in ("close", "reset", "kill"):
            victims = []
            while len(victims) < 60:
                number += 1
                victim = Victim(number, chance, self.proxies[number % 2].port)
                if not victim.pushes or victim.kind.split(" after ")[-1] in ("SUBSCRIBE",):
                    victim.socket.close()
                    continue
                victims.append(victim)
            time_to_wait = sum(1 for victim in victims if len(victim.requests) == 1)
            self.assertGreater(time_to_wait, 10)
            kt.wait_until(lambda: sum(int(proxy.info("clients")["blocked_clients"]) for proxy in self.proxies) >= 30, what="clients that wait")
            for victim in victims:
                if way == "reset":
                    victim.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if way != "kill":
                    victim.socket.close()
            if way == "kill":
                for proxy in self.proxies:
                    proxy.value("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            self.assert_at_rest()
            with self.proxies[0].client() as client:
                for victim in victims:
                    victim.socket.close()
                    for command, key, element in victim.pushes:
                        self.assertTrue(client.call(command, key, *([1] if command == "ZADD" else []), element).startswith(b":"))
                for victim in victims:
                    self.assertEqual(sorted(self.remaining(client, victim)), sorted(element.encode() for _, _, element in victim.pushes),
                                     victim.kind)
                    client.call("DEL", *{key for _, key, _ in victim.pushes})

    def still_serves(self):
        for proxy in self.proxies:
            with proxy.client() as client:
                for number in range(100):
                    self.assertEqual(client.call("SET", f"after:{number}", number), b"+OK\r\n")
                self.assertEqual(client.value("EXISTS", *(f"after:{number}" for number in range(100))), 100)

    def tearDown(self):
        for server in [*self.proxies, *self.nodes]:
            self.assertTrue(server.is_alive(), server.output()[-4000:])

    @classmethod
    def tearDownClass(cls):
        for proxy in cls.proxies:
            code = proxy.stop()
            assert code == 0, f"the proxy ended with {code}:\n{proxy.output()[-8000:]}"


class BeforeKeywayShardsTest(ClientChaos, kt.TestCase):
    node_class = kt.KeywayShard


class BeforeRedisServersTest(ClientChaos, kt.TestCase):
    node_class = kt.RedisServer


if __name__ == "__main__":
    kt.main()
