"""Publish and subscribe through proxies: byte for byte as one redis-server, in front of real Redis and of keyway-shards;
events of keys from all shards; shards that die, slots that move; many subscribers, slow ones, and ones that are killed."""

import random
import re
import signal
import socket
import threading
import time

import keyway_testing as kt
import proxied_cluster

# connection: request. Connection names are made up; each is a client of its own.
SCRIPT = r"""
a: UNSUBSCRIBE
a: PUNSUBSCRIBE
a: SUNSUBSCRIBE
a: UNSUBSCRIBE x y
a: SUBSCRIBE
a: PSUBSCRIBE
a: SSUBSCRIBE
a: PUBLISH
a: PUBLISH x
a: PUBLISH x y z
a: SPUBLISH x
a: PUBSUB
a: PUBSUB NOSUCH
a: PUBSUB HELP
a: PUBSUB CHANNELS a b
a: PUBSUB NUMPAT x
a: PUBSUB NUMSUB
a: PUBSUB SHARDNUMSUB
a: PUBSUB NUMSUB a b c
a: PUBSUB CHANNELS
a: PUBSUB NUMPAT
p: PUBLISH news 0
a: SUBSCRIBE news
p: PUBLISH news 1
p: PUBLISH other 1
b: SUBSCRIBE news sports news
p: PUBLISH news 2
p: PUBLISH sports 2
a: PING
a: PING hello
a: PING a b
a: SUBSCRIBE a b c d e f g h i j k l m n o
p: PUBSUB CHANNELS news
p: PUBSUB NUMSUB news sports other a o
p: PUBLISH a 3
p: PUBLISH o 3
b: PSUBSCRIBE n*
p: PUBLISH news 4
p: PUBLISH nothing 4
p: PUBLISH "" 4
p: PUBLISH news ""
c: PSUBSCRIBE n?ws [st]* \*x
p: PUBLISH news 5
p: PUBLISH tea 5
p: PUBLISH *x 5
p: PUBLISH xx 5
p: PUBSUB NUMPAT
c: PSUBSCRIBE n?ws
p: PUBSUB NUMPAT
c: PUNSUBSCRIBE n?ws nothing
p: PUBLISH news 6
d: SSUBSCRIBE s1 s2 s3 s1
p: SPUBLISH s1 x
p: SPUBLISH s2 x
p: SPUBLISH s4 x
p: PUBLISH s1 x
a: SSUBSCRIBE s1 news
p: SPUBLISH s1 y
p: SPUBLISH news y
p: PUBSUB SHARDNUMSUB s1 s2 s3 s4 news
p: PUBSUB NUMSUB s1 s2
p: PUBSUB SHARDCHANNELS s2
d: SUNSUBSCRIBE s2 s2 nothing
p: SPUBLISH s2 z
p: PUBSUB SHARDNUMSUB s1 s2
a: UNSUBSCRIBE news
p: PUBLISH news 7
a: PSUBSCRIBE news*
p: PUBLISH newspaper 8
b: UNSUBSCRIBE sports
p: PUBLISH sports 9
b: UNSUBSCRIBE
b: PUNSUBSCRIBE
b: GET x
p: PUBLISH news 10
e: SUBSCRIBE only
p: PUBLISH only 1
e: RESET
e: GET x
p: PUBLISH only 2
e: SUBSCRIBE again
p: PUBLISH again 1
e: QUIT
p: PUBLISH again 2
d: SUNSUBSCRIBE s3
d: SUNSUBSCRIBE
c: PUNSUBSCRIBE
p: PUBSUB NUMPAT
p: PUBSUB SHARDCHANNELS s*
"""

RESTRICTED = r"""
a: SUBSCRIBE ch
a: GET x
a: get x
a: SET x 1
a: MGET a b c
a: CONFIG GET port
a: CLIENT LIST
a: PUBSUB CHANNELS
a: PUBLISH ch x
a: NOSUCH
a: GET
a: CLIENT
a: HELLO 3
a: AUTH x
a: SELECT 1
a: ECHO x
a: INFO
a: PING
a: PSUBSCRIBE p
a: SSUBSCRIBE s
a: UNSUBSCRIBE
a: PUNSUBSCRIBE
a: GET x
a: SUNSUBSCRIBE
a: GET x
a: SUBSCRIBE ch
a: RESET
a: GET x
a: HELLO 3
a: SUBSCRIBE ch
a: GET x
a: SET y 1
a: PUBLISH ch 1
a: PSUBSCRIBE c*
a: PUBLISH ch 2
a: SSUBSCRIBE ch
a: SPUBLISH ch 3
a: PING x
a: HELLO 2
a: GET x
p: PUBLISH ch 4
p: SPUBLISH ch 5
a: UNSUBSCRIBE
a: PUNSUBSCRIBE
a: SUNSUBSCRIBE
a: GET y
"""

MARK = b"end-of-step"
MARKED = re.compile(rb"(\*2\r\n\$4\r\npong\r\n)?\$11\r\nend-of-step\r\n\Z")


def script_of(text):
    for line in text.splitlines():
        if line:
            name, request = line.split(": ", 1)
            yield name, ["" if word == '""' else word for word in request.split(" ")]


class Talker:
    """A client whose every byte counts."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.data = b""

    def send(self, *request):
        self.socket.sendall(kt.encode(*request))

    def read_some(self):
        chunk = self.socket.recv(1 << 16)
        self.data += chunk
        return bool(chunk)

    def take_all(self):
        """What the server has sent by now: a single-threaded one has sent it before it answers a PING. None: closed."""
        try:
            self.send("PING", MARK)
            while not MARKED.search(self.data):
                if not self.read_some():
                    break
        except (BrokenPipeError, ConnectionResetError):
            pass
        data, self.data = MARKED.sub(b"", self.data), b""
        return data

    def take(self, size):
        while len(self.data) < size:
            if not self.read_some():
                break
        data, self.data = self.data[:size], self.data[size:]
        return data

    def drain(self, quiet=0.05):
        """What comes until nothing does."""
        self.socket.settimeout(quiet)
        try:
            while self.read_some():
                pass
        except TimeoutError:
            pass
        self.socket.settimeout(10)
        data, self.data = self.data, b""
        return data


def in_any_order(data, separator=rb"(?=[>*][34]\r\n\$\d\r\n[ps]?message\r\n|(?<=\n):)"):
    """The messages in `data`: which pattern is told first is the server's own choice."""
    return sorted(re.split(separator, data))


def masked(data):
    return re.sub(rb"\$2\r\nid\r\n:\d+", b"$2\r\nid\r\n:N", data)


class PubSubTests:
    """With any kind of node."""

    proxy_count = 2
    node_directives = {"notify_keyspace_events": "KEA"}

    @classmethod
    def new_proxy(cls, **flags):
        return super().new_proxy(http_port=kt.free_port(), topology_refresh_ms=1000, **flags)

    def talker(self, port):
        talker = Talker(port)
        self.addCleanup(talker.socket.close)
        return talker

    def compare(self, script, version, place=lambda name: 0, mask_counts=False):
        """`place`: which proxy the connection goes to."""
        reference = self.start(kt.RedisServer())
        ours, theirs = {}, {}

        def same(name, what):
            expected = theirs[name].take_all()
            # An identifier may have more digits than the other.
            got = ours[name].take_all() if b"$2\r\nid\r\n" in expected else ours[name].take(len(expected))
            pair = [masked(got), masked(expected)]
            if mask_counts:
                pair = [re.sub(rb"(?m)^:\d+", b":N", data) for data in pair]
            self.assertEqual(*pair, f"what {name} has after {what}")

        for name, request in script_of(script):
            if name not in ours:
                ours[name] = self.talker(self.proxies[place(name)].port)
                theirs[name] = self.talker(reference.port)
                if version == 3:
                    ours[name].send("HELLO", 3)
                    theirs[name].send("HELLO", 3)
                    same(name, "HELLO 3")
            ours[name].send(*request)
            theirs[name].send(*request)
            same(name, f"{name}: {request}")
            for other in ours:
                if other != name:
                    same(other, f"{name}: {request}")
        for name, talker in ours.items():
            self.assertEqual(talker.drain(), b"", f"{name} has more")

    def test_as_redis_resp2(self):
        self.compare(SCRIPT, 2)

    def test_as_redis_resp3(self):
        self.compare(SCRIPT, 3)

    def test_as_redis_through_two_proxies(self):
        self.compare(SCRIPT, 2, place=lambda name: 1 if name in "pc" else 0, mask_counts=True)

    def test_what_a_subscriber_may_say(self):
        self.compare(RESTRICTED, 2)

    def test_pipelines(self):
        reference = self.start(kt.RedisServer())
        requests = [["SET", "k", "1"], ["GET", "k"], ["SUBSCRIBE", "p1", "p2"], ["GET", "k"], ["PING"], ["SUBSCRIBE", "p3"],
                    ["UNSUBSCRIBE", "p1"], ["NOSUCH"], ["PSUBSCRIBE", "x*"], ["UNSUBSCRIBE", "p3", "p2"], ["UNSUBSCRIBE"], ["PUNSUBSCRIBE"], ["GET", "k"],
                    ["HELLO", "3"], ["SUBSCRIBE", "p1"], ["GET", "k"], ["PUBLISH", "p1", "me"], ["GET", "k"], ["SSUBSCRIBE", "p1"],
                    ["SPUBLISH", "p1", "me"], ["UNSUBSCRIBE", "p1"], ["PUBLISH", "p1", "me"], ["SUNSUBSCRIBE"],
                    ["CLIENT", "REPLY", "OFF"], ["SUBSCRIBE", "off"], ["GET", "k"], ["PUBLISH", "off", "x"], ["UNSUBSCRIBE"],
                    ["CLIENT", "REPLY", "ON"], ["GET", "k"]]
        data = b"".join(kt.encode(*request) for request in requests)
        theirs = self.talker(reference.port)
        theirs.socket.sendall(data)
        expected = theirs.take_all()
        for _ in range(3):
            ours = self.talker(self.proxy.port)
            ours.socket.sendall(data)
            while masked(ours.data).count(b"\r\n") < masked(expected).count(b"\r\n"):
                self.assertTrue(ours.read_some())
            self.assertEqual(masked(ours.data), masked(expected))

    def test_another_version_counts_from_its_reply(self):
        """A message that comes while an earlier request is under way cannot be taken for its reply."""
        slow = self.nodes[0]
        key, channel = self.keys_of(slow, 1)[0], self.keys_of(self.nodes[1], 1)[0]
        with self.proxy.client() as client, self.proxy.client() as other:
            me = client.value("CLIENT", "ID")
            client.call("HELLO", 3)
            client.call("SUBSCRIBE", channel)
            client.call("SET", key, "v")
            slow.signal(signal.SIGSTOP)
            try:
                client.send(kt.encode("GET", key) + kt.encode("HELLO", 2))
                kt.wait_until(lambda: b" oll=0 " not in other.value("CLIENT", "LIST", "ID", me), what="the requests to be under way")
                other.call("PUBLISH", channel, "m")
                self.assertEqual(client.read()[:12], b">3\r\n$7\r\nmess")
            finally:
                slow.signal(signal.SIGCONT)
            self.assertEqual(client.read(), b"$1\r\nv\r\n")
            self.assertEqual(client.read()[:4], b"*14\r")

    def test_messages_come_behind_the_transaction_that_subscribed(self):
        """Whether another part of it, or a request before it, takes long: in RESP2 a message would be taken for the reply."""
        slow = self.nodes[0]
        (key, far), channel = self.keys_of(slow, 2), self.keys_of(self.nodes[1], 1)[0]
        queued = [b"+OK\r\n", b"+QUEUED\r\n"]
        confirmed = b"*3\r\n$9\r\nsubscribe\r\n" + kt.encode(channel)[4:] + b":1\r\n"
        for before, after in (([], [["SUBSCRIBE", far]]), ([["SET", key, "v"]], [])):
            with self.proxy.client() as client, self.proxy.client() as other:
                me = client.value("CLIENT", "ID")
                client.call("SET", key, "v")
                slow.signal(signal.SIGSTOP)
                try:
                    client.send(b"".join(kt.encode(*request)
                                         for request in [*before, ["MULTI"], ["SUBSCRIBE", channel], *after, ["EXEC"]]))
                    kt.wait_until(lambda: b" oll=0 " not in other.value("CLIENT", "LIST", "ID", me), what="the requests to be under way")
                    # The part that can be subscribed to is by then.
                    deadline = time.monotonic() + 1
                    while time.monotonic() < deadline:
                        other.call("PUBLISH", channel, "m")
                finally:
                    slow.signal(signal.SIGCONT)
                for reply in [b"+OK\r\n"] * len(before) + queued + [b"+QUEUED\r\n"] * len(after):
                    self.assertEqual(client.read(), reply)
                self.assertEqual(client.read()[:4 + len(confirmed)], b"*%d\r\n" % (1 + len(after)) + confirmed)

    def compare_random(self, seed, steps):
        """Five clients of one proxy that do anything; after each step all of them have what they would have of one Redis."""
        chance = random.Random(seed)
        reference = self.start(kt.RedisServer())
        pairs = [(self.talker(self.proxy.port), self.talker(reference.port)) for _ in range(5)]
        names = ["a", "b", "ab", "abc", "", "x y", "long" * 20]
        patterns = ["*", "a*", "?", "[ab]*", "abc", "nothing*"]
        # What each has, so that not more than one name is left to an order that is the server's own.
        having = [{"": set(), "P": set(), "S": set()} for _ in pairs]
        done = []
        for _ in range(steps):
            who = chance.randrange(len(pairs))
            kind = chance.choice(["", "P", "S"])
            mine = having[who][kind]
            choice = chance.random()
            some = chance.choices(patterns if kind == "P" else names, k=chance.randint(1, 4))
            if choice < 0.25:
                request = [f"{kind}SUBSCRIBE", *some]
                mine.update(some)
            elif choice < 0.4:
                request = [f"{kind}UNSUBSCRIBE", *some]
                mine.difference_update(some)
            elif choice < 0.45 and len(mine) < 2:
                request = [f"{kind}UNSUBSCRIBE"]
                mine.clear()
            elif choice < 0.8:
                request = [chance.choice(["PUBLISH", "SPUBLISH"]), chance.choice(names), f"message {len(done)}"]
            elif choice < 0.9:
                request = ["PUBSUB", *chance.choice([["CHANNELS"], ["CHANNELS", "a*"], ["SHARDCHANNELS"], ["NUMPAT"],
                                                     ["NUMSUB", *some], ["SHARDNUMSUB", *some]])]
            elif choice < 0.95:
                request = ["HELLO", chance.choice([2, 3])]
            else:
                request = chance.choice([["RESET"], ["PING"], ["GET", "x"], ["PING", "x"]])
                if request == ["RESET"]:
                    having[who] = {"": set(), "P": set(), "S": set()}
            done.append((who, request))
            # The one who asks first: the others may have their messages later.
            for ours, theirs in [pairs[who], *(pair for pair in pairs if pair is not pairs[who])]:
                if ours is pairs[who][0]:
                    ours.send(*request)
                    theirs.send(*request)
                expected = theirs.take_all()
                got = ours.take_all() if b"$2\r\nid\r\n" in expected else ours.take(len(expected))
                separator = [rb"\r\n"] if request[0] == "PUBSUB" else []
                self.assertEqual(in_any_order(masked(got), *separator), in_any_order(masked(expected), *separator),
                                 f"seed {seed}, after {done[-8:]}")
        for ours, _ in pairs:
            self.assertEqual(ours.drain(), b"")
            ours.socket.close()
        self.wait_gone()

    def test_random_sessions(self):
        for seed in range(3):
            self.compare_random(seed, 300)

    def subscriber(self, proxy, *request, version=2):
        client = proxy.client()
        self.addCleanup(client.close)
        if version == 3:
            client.call("HELLO", 3)
        client.send(kt.encode(*request))
        for _ in request[1:]:
            client.read()
        return client

    def wait_gone(self):
        """Until no shard counts a subscriber."""
        def gone():
            return all(node.value("PUBSUB", "CHANNELS") == [] and node.value("PUBSUB", "NUMPAT") == 0 and
                       node.value("PUBSUB", "SHARDCHANNELS") == [] for node in self.nodes if node.is_alive())
        kt.wait_until(gone, what="the shards to have no subscriptions")

    def test_counts_of_many_clients(self):
        first, second = self.proxies
        clients = [self.subscriber(first, "SUBSCRIBE", "crowd") for _ in range(20)]
        clients += [self.subscriber(first, "PSUBSCRIBE", "cr*", "other*") for _ in range(7)]
        clients += [self.subscriber(first, "SSUBSCRIBE", "crowd") for _ in range(5)]
        with first.client() as publisher:
            self.assertEqual(publisher.call("PUBLISH", "crowd", "x"), b":27\r\n")
            self.assertEqual(publisher.call("SPUBLISH", "crowd", "x"), b":5\r\n")
            self.assertEqual(publisher.value("PUBSUB", "NUMSUB", "crowd"), [b"crowd", 20])
            self.assertEqual(publisher.value("PUBSUB", "SHARDNUMSUB", "crowd"), [b"crowd", 5])
            self.assertEqual(publisher.value("PUBSUB", "NUMPAT"), 2)
        # One subscription a thread and name, at one node, or at all for a pattern.
        for node in self.nodes:
            self.assertEqual(node.value("PUBSUB", "NUMPAT"), 2)
        self.assertLessEqual(sum(node.value("PUBSUB", "NUMSUB", "crowd")[1] for node in self.nodes), 2)
        with second.client() as publisher:
            publisher.call("PUBLISH", "crowd", "y")
        for client in clients[:27]:
            self.assertIn(b"$1\r\nx\r\n", client.read())
            self.assertIn(b"$1\r\ny\r\n", client.read())
        for client in clients:
            client.close()
        self.wait_gone()

    def test_events_of_keys_on_all_shards(self):
        keys = [self.keys_of(node, 1)[0] for node in self.nodes]
        by_pattern = self.subscriber(self.proxies[0], "PSUBSCRIBE", "__key*__:*", version=3)
        by_event = self.subscriber(self.proxies[1], "SUBSCRIBE", "__keyevent@0__:set")
        by_key = self.subscriber(self.proxies[1], "SUBSCRIBE", *(f"__keyspace@0__:{key}" for key in keys))
        everything = self.subscriber(self.proxies[0], "PSUBSCRIBE", "*")
        with self.proxy.client() as client:
            for key in keys:
                client.call("SET", key, 1)
                self.assertEqual(kt.parse(by_pattern.read()), [b"pmessage", b"__key*__:*", f"__keyspace@0__:{key}".encode(), b"set"])
                self.assertEqual(kt.parse(by_pattern.read()), [b"pmessage", b"__key*__:*", b"__keyevent@0__:set", key.encode()])
                self.assertEqual(kt.parse(by_event.read()), [b"message", b"__keyevent@0__:set", key.encode()])
                self.assertEqual(kt.parse(by_key.read()), [b"message", f"__keyspace@0__:{key}".encode(), b"set"])
                everything.read()
                everything.read()
            client.call("PUBLISH", "plain", "once")
            self.assertEqual(kt.parse(everything.read()), [b"pmessage", b"*", b"plain", b"once"])
            client.call("PUBLISH", "plain", "again")
            self.assertEqual(kt.parse(everything.read()), [b"pmessage", b"*", b"plain", b"again"])

    def test_a_thousand_subscribers_get_everything_in_order(self):
        clients = [self.proxies[number % 2].client() for number in range(1000)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(kt.encode("SUBSCRIBE", "feed"))
        for client in clients:
            client.read()
        messages = [b"message %d" % number for number in range(200)]
        expected = b"".join(b"*3\r\n$7\r\nmessage\r\n$4\r\nfeed\r\n$%d\r\n%s\r\n" % (len(text), text) for text in messages)

        def publish():
            with self.proxies[1].client() as publisher:
                publisher.pipeline([["PUBLISH", "feed", text] for text in messages])

        thread = threading.Thread(target=publish)
        thread.start()
        for client in clients:
            received = b""
            while len(received) < len(expected):
                received += client.socket.recv(1 << 20)
            self.assertEqual(received, expected)
        thread.join()

    def test_a_subscriber_that_does_not_read_is_cut_off(self):
        proxy = self.start(self.new_proxy(client_output_buffer_limit_pubsub="2mb 0 0"))
        self.wait_covered(proxy)
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", proxy.port))
        self.addCleanup(slow.close)
        slow.sendall(kt.encode("SUBSCRIBE", "flood"))
        quick = self.subscriber(proxy, "SUBSCRIBE", "flood")
        kt.wait_until(lambda: proxy.value("PUBSUB", "NUMSUB", "flood")[1] == 2, what="both subscribers")
        with proxy.client() as publisher:
            for number in range(300):
                publisher.call("PUBLISH", "flood", b"%d " % number + b"x" * 50000)
                self.assertEqual(quick.read()[:35].split(b"\r\n")[0], b"*3")
        kt.wait_until(lambda: proxy.value("PUBSUB", "NUMSUB", "flood")[1] == 1, what="the slow one to be gone")
        self.assertIn("output buffer limits", proxy.output())

    def test_the_soft_limit_takes_time(self):
        proxy = self.start(self.new_proxy(client_output_buffer_limit_pubsub="0 100kb 1"))
        self.wait_covered(proxy)
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", proxy.port))
        self.addCleanup(slow.close)
        slow.sendall(kt.encode("SUBSCRIBE", "flood"))
        kt.wait_until(lambda: proxy.value("PUBSUB", "NUMSUB", "flood")[1] == 1, what="the subscriber")
        began = time.monotonic()
        with proxy.client() as publisher:
            for _ in range(200):
                self.assertEqual(publisher.call("PUBLISH", "flood", b"x" * 50000), b":1\r\n")
        self.assertLess(time.monotonic() - began, 1)
        kt.wait_until(lambda: proxy.value("PUBSUB", "NUMSUB", "flood")[1] == 0, what="the slow one to be gone")
        self.assertGreater(time.monotonic() - began, 1)

    def test_killed_subscribers_leave_nothing(self):
        clients = [self.subscriber(self.proxies[number % 2], *request)
                   for number in range(10)
                   for request in [("SUBSCRIBE", "one", "two"), ("PSUBSCRIBE", "o*"), ("SSUBSCRIBE", "one", "two")]]
        self.assertTrue(any(node.value("PUBSUB", "CHANNELS") for node in self.nodes))
        listed = self.proxies[0].value("CLIENT", "LIST", "TYPE", "pubsub").decode()
        self.assertEqual(len(listed.splitlines()), 15)
        self.assertEqual(listed.count(" flags=P "), 15)
        self.assertEqual(listed.count(" sub=2 psub=0 ssub=0 "), 5)
        self.assertEqual(self.proxies[0].value("CLIENT", "KILL", "TYPE", "pubsub"), 15)
        for client in clients:
            client.socket.close()
        self.wait_gone()

    def test_subscribers_that_come_and_go(self):
        stop = threading.Event()

        def churn(number):
            port = self.proxies[number % 2].port
            while not stop.is_set():
                client = socket.create_connection(("127.0.0.1", port))
                client.sendall(kt.encode("SUBSCRIBE", f"c{number % 3}", "common") + kt.encode("PSUBSCRIBE", "c*"))
                if number % 2:
                    client.recv(100)
                client.close()

        threads = [threading.Thread(target=churn, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        with self.proxy.client() as publisher:
            end = time.monotonic() + 3
            while time.monotonic() < end:
                self.assertTrue(publisher.call("PUBLISH", "common", "x").startswith(b":"))
        stop.set()
        for thread in threads:
            thread.join()
        self.wait_gone()


    def test_what_no_shard_confirms_is_an_error(self):
        proxy = self.start(self.new_proxy(request_deadline_ms=400))
        self.wait_covered(proxy)
        node = self.nodes[0]
        channel = self.keys_of(node, 1)[0]
        for request in [("SUBSCRIBE", channel), ("PSUBSCRIBE", "x*"), ("SSUBSCRIBE", channel)]:
            with proxy.client() as client:
                node.signal(signal.SIGSTOP)
                try:
                    reply = client.call(*request)
                finally:
                    node.signal(signal.SIGCONT)
                self.assertTrue(reply.startswith(f"-ERR keyway-proxy: 127.0.0.1:{node.port} has not confirmed".encode()), reply)
                # It is no subscriber, and can become one.
                self.assertEqual(client.call("ECHO", "x"), b"$1\r\nx\r\n")
                self.assertIn(b"subscribe", client.call(*request))
        self.wait_gone()

    def test_shard_channels_follow_their_slot(self):
        channel = "moving"
        subscriber = self.subscriber(self.proxies[0], "SSUBSCRIBE", channel, version=3)
        plain = self.subscriber(self.proxies[0], "SUBSCRIBE", channel, version=3)
        slot = self.slot(channel)
        for number in range(2):
            # What a node has heard of by the bus, and is late to tell, may come a second time from the next owner.
            there, last = b"there %d" % number, b"last %d" % number
            source = self.owner(slot)
            target = next(node for node in self.nodes if node is not source)
            source_id, target_id = (node.value("CLUSTER", "MYID").decode() for node in (source, target))
            # Who has imported a slot raises its epoch when it takes it, so that no older word makes it go back.
            target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
            source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
            for node in [target] + [node for node in self.nodes if node is not target]:
                self.assertEqual(node.call("CLUSTER", "SETSLOT", slot, "NODE", target_id), b"+OK\r\n")
            kt.wait_until(lambda: target.value("PUBSUB", "SHARDNUMSUB", channel)[1] == 1, what="the subscription at the new owner")
            kt.wait_until(lambda: target.value("PUBSUB", "NUMSUB", channel)[1] == 1, what="the channel at its new home")
            kt.wait_until(lambda: source.value("PUBSUB", "NUMSUB", channel)[1] == 0, what="the old home to be left")
            with self.proxies[1].client() as publisher:
                kt.wait_until(lambda: publisher.call("SPUBLISH", channel, there) == b":1\r\n", what="a receiver")
                kt.wait_until(lambda: publisher.call("PUBLISH", channel, there) == b":1\r\n", what="a receiver")
                # Nothing but messages has come, and the one that counted has.
                publisher.call("SPUBLISH", channel, last)
                publisher.call("PUBLISH", channel, last)
            for client, kind in [(subscriber, b"smessage"), (plain, b"message")]:
                texts = []
                while texts[-1:] != [last]:
                    message = kt.parse(client.read())
                    self.assertEqual(message[:2], [kind, channel.encode()])
                    texts.append(message[2])
                self.assertIn(there, texts)


class FailoverTests:
    """A cluster of its own with a replica, for there is a node less afterwards."""

    node_directives = {"notify_keyspace_events": "KEA"}

    @classmethod
    def new_proxy(cls, **flags):
        return super().new_proxy(topology_refresh_ms=1000, **flags)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        first = cls.nodes[0]
        cls.replica = cls.start_once(cls.node_class(cluster_enabled="yes", cluster_node_timeout=2000, **cls.node_directives))
        kt.redis_cli_cluster("add-node", f"127.0.0.1:{cls.replica.port}", f"127.0.0.1:{first.port}", "--cluster-slave",
                             "--cluster-master-id", first.value("CLUSTER", "MYID").decode())
        kt.wait_until(lambda: kt.cluster_is_whole([*cls.nodes, cls.replica]), timeout=30, what="the replica to be known to all")
        kt.wait_until(lambda: cls.replica.info("replication").get("master_link_status") == "up", timeout=30, what="the replica to follow")

    def test_messages_flow_again_after_a_failover(self):
        key = self.keys_of(self.nodes[0], 1)[0]
        subscriptions = [("SUBSCRIBE", key), ("PSUBSCRIBE", key[:-1] + "*"), ("SSUBSCRIBE", key), ("SUBSCRIBE", f"__keyspace@0__:{key}")]
        clients = []
        for request in subscriptions:
            client = self.proxy.client(timeout=30)
            self.addCleanup(client.close)
            client.call(*request)
            clients.append(client)
        self.nodes[0].kill()
        publisher = self.proxy.client(timeout=30)
        self.addCleanup(publisher.close)

        def all_is_well():
            return (publisher.call("PUBLISH", key, "again"), publisher.call("SPUBLISH", key, "again"),
                    publisher.call("SET", key, "again")) == (b":2\r\n", b":1\r\n", b"+OK\r\n")

        kt.wait_until(all_is_well, timeout=40, what="the promoted replica to serve", interval=0.2)
        # That there are receivers is known before the last one has confirmed.
        stop = threading.Event()

        def go_on():
            with self.proxy.client() as client:
                while not stop.is_set():
                    for request in [("PUBLISH", key, "again"), ("SPUBLISH", key, "again"), ("SET", key, "again")]:
                        client.call(*request)
                    stop.wait(0.1)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            for client in clients:
                self.assertIn(key.encode(), client.read())
        finally:
            stop.set()
            thread.join()


class WithRedisTest(PubSubTests, proxied_cluster.ProxiedClusterTest):
    pass


class WithShardsTest(PubSubTests, proxied_cluster.ProxiedClusterTest):
    node_class = kt.KeywayShard


class FailoverOfRedisTest(FailoverTests, proxied_cluster.ProxiedClusterTest):
    pass


class FailoverOfShardsTest(FailoverTests, proxied_cluster.ProxiedClusterTest):
    node_class = kt.KeywayShard


if __name__ == "__main__":
    kt.main()
