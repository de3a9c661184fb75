"""Client-side caching with more than one connection a client: redirection, and what the server counts and bounds."""

import keyway_testing as kt


class TrackingTest(kt.TestCase):
    def client(self, server, resp=2):
        client = server.client(timeout=20)
        self.addCleanup(client.close)
        if resp == 3:
            client.call("HELLO", "3")
        return client

    def both(self, body, **directives):
        """What `body` collects from redis-server and from the shard is the same."""
        seen = []
        for node_class in (kt.RedisServer, kt.KeywayShard):
            collected = []
            body(self.start(node_class(**directives)), collected.append)
            seen.append(collected)
        self.assertEqual(seen[0], seen[1])
        return seen[1]

    def redirected(self, server, see, tracker_resp, listener_resp, options=()):
        listener, tracker, other = self.client(server, listener_resp), self.client(server, tracker_resp), self.client(server)
        number = kt.parse(listener.call("CLIENT", "ID"))
        listener.call("SUBSCRIBE", "__redis__:invalidate")
        see(tracker.call("CLIENT", "TRACKING", "ON", "REDIRECT", number, *options))
        see(kt.parse(tracker.call("CLIENT", "GETREDIR")) == number)
        tracker.call("GET", "a")
        other.call("SET", "a", "1")
        see(listener.read())
        tracker.call("GET", "a")
        see(tracker.call("SET", "a", "2"))
        see(listener.read())
        other.call("FLUSHALL")
        see(listener.read())
        see(tracker.call("PING"))
        listener.close()
        kt.wait_until(lambda: int(server.info("clients")["connected_clients"]) == 3, what="the listener to be gone")
        tracker.call("GET", "a")
        other.call("SET", "a", "3")
        if tracker_resp == 3:
            push = kt.parse(tracker.read())
            see((push[0], push[1] == number))
        info = tracker.call("CLIENT", "TRACKINGINFO")
        see(info.count(b"broken_redirect"))
        see(b"flags=tR" in tracker.call("CLIENT", "INFO") or b"flags=tRB" in tracker.call("CLIENT", "INFO"))
        see(tracker.call("CLIENT", "TRACKING", "ON", *options))
        see(tracker.call("CLIENT", "TRACKINGINFO"))

    def test_redirection(self):
        for tracker in (2, 3):
            for listener in (2, 3):
                with self.subTest(tracker=tracker, listener=listener):
                    self.both(lambda s, see, t=tracker, l=listener: self.redirected(s, see, t, l))

    def test_redirection_of_broadcasts(self):
        for listener in (2, 3):
            self.both(lambda s, see, l=listener: self.redirected(s, see, 3, l, ("BCAST",)))

    def test_a_listener_that_does_not_subscribe(self):
        def body(server, see):
            listener, tracker = self.client(server), self.client(server)
            tracker.call("CLIENT", "TRACKING", "ON", "REDIRECT", kt.parse(listener.call("CLIENT", "ID")))
            tracker.call("GET", "a")
            tracker.call("SET", "a", "1")
            see(listener.call("PING"))
            see(tracker.call("CLIENT", "TRACKINGINFO")[:40])
        self.both(body)

    def test_info(self):
        def body(server, see):
            def counts():
                stats = server.info("stats")
                see([server.info("clients")["tracking_clients"]] +
                    [stats["tracking_total_" + what] for what in ("keys", "items", "prefixes")])
            one, two = self.client(server, 3), self.client(server, 3)
            counts()
            one.call("CLIENT", "TRACKING", "ON")
            two.call("CLIENT", "TRACKING", "ON")
            one.call("MGET", "a", "b", "c")
            two.call("MGET", "a", "x")
            two.call("GET", "a")
            counts()
            server.value("SET", "a", "1")
            counts()
            two.call("CLIENT", "TRACKING", "OFF")
            two.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "p", "PREFIX", "q")
            counts()
            two.call("RESET")
            counts()
            server.value("FLUSHALL")
            counts()
        self.both(body)

    def test_client_list(self):
        def body(server, see):
            one = self.client(server, 3)
            for options in ((), ("NOLOOP",)):
                one.call("CLIENT", "TRACKING", "ON", *options)
                see(b" flags=t " in one.call("CLIENT", "INFO") and b" redir=0 " in one.call("CLIENT", "INFO"))
            one.call("CLIENT", "TRACKING", "OFF")
            see(b" redir=-1 " in one.call("CLIENT", "INFO"))
            one.call("CLIENT", "TRACKING", "ON", "BCAST")
            see(b" flags=tB " in one.call("CLIENT", "INFO"))
        self.assertEqual(self.both(body), [True] * 4)

    def test_the_table_is_bounded(self):
        shard = self.start(kt.KeywayShard(tracking_table_max_keys=10))
        client = self.client(shard, 3)
        client.call("CLIENT", "TRACKING", "ON")
        client.send(b"".join(kt.encode("GET", f"key{i}") for i in range(200)) + kt.encode("ECHO", "end"))
        told, replies = set(), 0
        while True:
            value = kt.parse(client.read())
            if value == b"end":
                break
            if isinstance(value, list):
                told.update(value[1])
            else:
                replies += 1
        self.assertEqual(replies, 200)
        stats = shard.info("stats")
        self.assertLessEqual(int(stats["tracking_total_keys"]), 11)
        self.assertGreaterEqual(len(told), 189)
        client.call("CLIENT", "TRACKING", "OFF")
        shard.value("CONFIG", "SET", "tracking-table-max-keys", "0")
        client.call("CLIENT", "TRACKING", "ON")
        for i in range(100):
            client.call("GET", f"other{i}")
        self.assertGreaterEqual(int(shard.info("stats")["tracking_total_keys"]), 100)

    def test_readers_that_are_gone_do_not_pile_up(self):
        shard = self.start(kt.KeywayShard())
        for _ in range(300):
            with shard.client() as client:
                client.send(kt.encode("HELLO", "3") + kt.encode("CLIENT", "TRACKING", "ON") + kt.encode("GET", "hot"))
                for _ in range(3):
                    client.read()
        self.assertLess(int(shard.info("stats")["tracking_total_items"]), 140)

    def test_a_batch_a_pass(self):
        shard = self.start(kt.KeywayShard())
        listener, writer = self.client(shard, 3), self.client(shard)
        listener.call("CLIENT", "TRACKING", "ON", "BCAST")
        writer.call("MULTI")
        for i in range(1000):
            writer.call("SET", f"k{i:04}", "v")
        writer.call("EXEC")
        self.assertEqual(kt.parse(listener.read()), [b"invalidate", [b"k%04d" % i for i in range(1000)]])


if __name__ == "__main__":
    kt.main()
