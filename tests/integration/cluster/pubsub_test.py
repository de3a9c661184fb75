"""Publish and subscribe across a cluster of keyway-shard and redis-server: messages reach every node in both directions."""

import keyway_testing as kt


def start_mixed(test, classes, **directives):
    directives = {"cluster_enabled": "yes", "cluster_node_timeout": 5000, **directives}
    nodes = [test.start(node_class(**directives)) for node_class in classes]
    kt.redis_cli_cluster("create", *(f"127.0.0.1:{node.port}" for node in nodes), "--cluster-yes")
    kt.wait_until(lambda: kt.cluster_is_whole(nodes), timeout=30, what="the cluster to become whole")
    return nodes


def owner_of(nodes, key):
    """The node that serves the key, the others."""
    owners = [node for node in nodes if not node.call("GET", key).startswith(b"-MOVED")]
    assert len(owners) == 1, owners
    return owners[0], [node for node in nodes if node is not owners[0]]


def bus_count(node, which):
    text = node.value("CLUSTER", "INFO").decode()
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return int(fields.get("cluster_stats_messages_" + which, 0))


class ClusterPubSubTest(kt.TestCase):
    def listener(self, node, *request, resp=2):
        client = node.client(timeout=20)
        self.addCleanup(client.close)
        if resp == 3:
            client.call("HELLO", "3")
        client.call(*request)
        return client

    def nodes(self):
        return start_mixed(self, [kt.KeywayShard, kt.RedisServer, kt.KeywayShard])

    def test_published_everywhere(self):
        nodes = self.nodes()
        listeners = [self.listener(node, "SUBSCRIBE", "ch") for node in nodes]
        patterns = [self.listener(node, "PSUBSCRIBE", "c*", resp=3) for node in nodes]
        for number, node in enumerate(nodes):
            before = bus_count(node, "publish_sent")
            for text in (f"from {number}", "", b"\0\r\n\xff" * 3):
                # Those of other nodes are not counted.
                self.assertEqual(node.value("PUBLISH", "ch", text), 2)
                raw = text if isinstance(text, bytes) else text.encode()
                for client in listeners:
                    self.assertEqual(kt.parse(client.read()), [b"message", b"ch", raw])
                for client in patterns:
                    self.assertEqual(kt.parse(client.read()), [b"pmessage", b"c*", b"ch", raw])
            self.assertEqual(bus_count(node, "publish_sent") - before, 2 * 3)
        for node in nodes:
            self.assertEqual(bus_count(node, "publish_received"), 2 * 3)
        # Nothing came twice.
        for client in listeners:
            self.assertEqual(kt.parse(client.call("PING")), [b"pong", b""])

    def test_large_messages(self):
        nodes = self.nodes()
        listeners = [self.listener(node, "SUBSCRIBE", "ch") for node in nodes]
        for size in (100_000, 20_000_000):
            for node in nodes:
                self.assertEqual(node.value("PUBLISH", "ch", b"x" * size), 1)
                for client in listeners:
                    self.assertEqual(kt.parse(client.read())[2], b"x" * size)

    def test_many_messages_keep_their_order(self):
        nodes = self.nodes()
        listeners = [self.listener(node, "SUBSCRIBE", "ch") for node in nodes]
        for node in nodes:
            with node.client() as client:
                client.send(b"".join(kt.encode("PUBLISH", "ch", i) for i in range(3000)))
                for _ in range(3000):
                    client.read()
            for listener in listeners:
                for i in range(3000):
                    self.assertEqual(kt.parse(listener.read())[2], b"%d" % i)

    def test_keyspace_events_stay_at_home(self):
        nodes = self.nodes()
        for node in nodes:
            node.value("CONFIG", "SET", "notify-keyspace-events", "KEA")
        listeners = {node: self.listener(node, "PSUBSCRIBE", "__key*__:*") for node in nodes}
        owner, others = owner_of(nodes, "x")
        sent = bus_count(owner, "publish_sent")
        owner.value("SET", "x", "1")
        self.assertEqual(kt.parse(listeners[owner].read()), [b"pmessage", b"__key*__:*", b"__keyspace@0__:x", b"set"])
        self.assertEqual(kt.parse(listeners[owner].read()), [b"pmessage", b"__key*__:*", b"__keyevent@0__:set", b"x"])
        self.assertEqual(bus_count(owner, "publish_sent"), sent)
        for node in others:
            self.assertEqual(kt.parse(listeners[node].call("PING")), [b"pong", b""])

    def test_shard_channels(self):
        nodes = self.nodes()
        for channel in ("a", "b", "c", "x"):
            owner, others = owner_of(nodes, channel)
            moved = others[0].call("GET", channel)
            for node in others:
                for request in (("SSUBSCRIBE", channel), ("SPUBLISH", channel, "m"), ("SUNSUBSCRIBE", channel)):
                    self.assertEqual(node.call(*request), moved)
            listener = self.listener(owner, "SSUBSCRIBE", channel)
            self.assertEqual(owner.value("SPUBLISH", channel, "m"), 1)
            self.assertEqual(kt.parse(listener.read()), [b"smessage", channel.encode(), b"m"])
        for node in nodes:
            self.assertEqual(node.call("SSUBSCRIBE", "a", "b")[:10], b"-CROSSSLOT")
            self.assertEqual(bus_count(node, "publishshard_sent"), 0)

    def test_a_slot_goes_with_its_channels(self):
        for node_class in (kt.KeywayShard, kt.RedisServer):
            for resp in (2, 3):
                with self.subTest(node=node_class.__name__, resp=resp):
                    node = self.start(node_class(cluster_enabled="yes", cluster_allow_pubsubshard_when_down="yes"))
                    node.value("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
                    kt.wait_until(lambda n=node: b"cluster_state:ok" in n.value("CLUSTER", "INFO"), what="ok")
                    listener = self.listener(node, "SSUBSCRIBE", "a", resp=resp)
                    listener.call("SSUBSCRIBE", "b")
                    listener.call("SUBSCRIBE", "a")
                    slot = node.value("CLUSTER", "KEYSLOT", "a")
                    self.assertEqual(node.value("CLUSTER", "DELSLOTS", slot), "OK")
                    head = b">" if resp == 3 else b"*"
                    self.assertEqual(listener.read(), head + b"3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:1\r\n")
                    self.assertEqual(node.value("PUBSUB", "SHARDCHANNELS"), [b"b"])
                    self.assertEqual(node.value("PUBSUB", "CHANNELS"), [b"a"])
                    node.value("CLUSTER", "FLUSHSLOTS")
                    self.assertEqual(listener.read(), head + b"3\r\n$12\r\nsunsubscribe\r\n$1\r\nb\r\n:0\r\n")
                    self.assertEqual(node.value("PUBSUB", "SHARDCHANNELS"), [])

    def test_while_the_cluster_is_down(self):
        replies = []
        for node_class in (kt.KeywayShard, kt.RedisServer):
            node = self.start(node_class(cluster_enabled="yes"))
            node.value("CLUSTER", "ADDSLOTSRANGE", "0", "16382")
            seen = []
            for allowed in ("yes", "no"):
                node.value("CONFIG", "SET", "cluster-allow-pubsubshard-when-down", allowed)
                seen += [node.call(*request.split()) for request in
                         ("SSUBSCRIBE a", "SPUBLISH a m", "SUNSUBSCRIBE a", "SUNSUBSCRIBE", "PUBLISH a m", "SUBSCRIBE a", "GET a")]
            replies.append(seen)
        self.assertEqual(replies[0], replies[1])

    def test_a_node_that_goes_away(self):
        nodes = self.nodes()
        listener = self.listener(nodes[0], "SUBSCRIBE", "ch")
        nodes[1].stop()
        for i in range(100):
            nodes[2].value("PUBLISH", "ch", i)
        for i in range(100):
            self.assertEqual(kt.parse(listener.read())[2], b"%d" % i)


if __name__ == "__main__":
    kt.main()
