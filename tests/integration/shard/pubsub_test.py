"""Subscribers that come, go, lag and change their minds, seen by all others and by CLIENT LIST, INFO and the log."""

import random
import re
import time

import keyway_testing as kt


def fields_of(line):
    return dict(word.split("=", 1) for word in line.split(" ") if "=" in word)


class SubscribersTest(kt.TestCase):
    def clients_of(self, shard, *filters):
        text = shard.value("CLIENT", "LIST", *filters).decode()
        return [fields_of(line) for line in text.splitlines()]

    def test_client_list_and_info(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as one, shard.client() as two:
            one.call("SUBSCRIBE", "a")
            one.call("SUBSCRIBE", "b")
            one.call("PSUBSCRIBE", "a*")
            two.call("SSUBSCRIBE", "s")
            listed = self.clients_of(shard, "TYPE", "pubsub")
            self.assertEqual([(c["flags"], c["sub"], c["psub"], c["ssub"]) for c in listed],
                             [("P", "2", "1", "0"), ("P", "0", "0", "1")])
            self.assertEqual(len(self.clients_of(shard, "TYPE", "normal")), 1)
            stats = shard.info("stats")
            self.assertEqual((stats["pubsub_channels"], stats["pubsub_patterns"], stats["pubsubshard_channels"]),
                             ("2", "1", "1"))
            two.call("SUNSUBSCRIBE")
            self.assertEqual(len(self.clients_of(shard, "TYPE", "pubsub")), 1)
            self.assertEqual(shard.value("CLIENT", "KILL", "TYPE", "pubsub"), 1)
            self.assertEqual(one.read_to_end(), b"")
            self.assertEqual(shard.info("stats")["pubsub_channels"], "0")

    def test_order_of_delivery(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as client, shard.client() as publisher:
            client.call("HELLO", "3")
            client.call("PSUBSCRIBE", "c*")
            client.call("SUBSCRIBE", "ch")
            client.call("PSUBSCRIBE", "*h")
            self.assertEqual(kt.parse(publisher.call("PUBLISH", "ch", "m")), 3)
            self.assertEqual([kt.parse(client.read())[:2] for _ in range(3)],
                             [[b"message", b"ch"], [b"pmessage", b"c*"], [b"pmessage", b"*h"]])

    def test_a_slow_subscriber_is_closed_and_others_are_not(self):
        shard = self.start(kt.KeywayShard(client_output_buffer_limit="pubsub 1mb 0 0"))
        with shard.client() as slow, shard.client() as other, shard.client() as publisher:
            slow.call("SUBSCRIBE", "ch")
            other.call("SUBSCRIBE", "ch")
            for i in range(300):
                publisher.call("PUBLISH", "ch", "x" * 100_000)
                other.read()
            kt.wait_until(lambda: "overcoming of output buffer limits" in shard.output(), what="the line in the log")
            self.assertEqual(kt.parse(publisher.call("PUBLISH", "ch", "x")), 1)
            self.assertEqual(kt.parse(other.read())[2], b"x")

    def test_the_limit_is_that_of_normal_clients_again(self):
        shard = self.start(kt.KeywayShard(client_output_buffer_limit="pubsub 100kb 0 0"))
        with shard.client() as client:
            client.call("SET", "big", "x" * 1_000_000)
            client.call("SUBSCRIBE", "a")
            client.call("UNSUBSCRIBE", "a")
            self.assertEqual(len(client.call("GET", "big")), 1_000_012)

    def test_idle_subscribers_stay(self):
        shard = self.start(kt.KeywayShard(timeout=1))
        with shard.client() as subscriber, shard.client() as idle:
            subscriber.call("SUBSCRIBE", "a")
            idle.call("PING")
            self.assertEqual(idle.read_to_end(), b"")
            time.sleep(1.2)
            self.assertEqual(shard.value("PUBLISH", "a", "m"), 1)
            self.assertEqual(kt.parse(subscriber.read()), [b"message", b"a", b"m"])

    def test_many_channels_of_one_client(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as client:
            names = [b"channel%d" % i for i in range(20_000)]
            client.send(kt.encode("SUBSCRIBE", *names))
            for i, name in enumerate(names):
                self.assertEqual(kt.parse(client.read()), [b"subscribe", name, i + 1])
            client.send(kt.encode("UNSUBSCRIBE"))
            for i in range(len(names)):
                self.assertEqual(kt.parse(client.read())[2], len(names) - 1 - i)
            self.assertEqual(shard.value("PUBSUB", "CHANNELS"), [])

    def test_pushes_do_not_tear_a_reply(self):
        """A RESP3 client hears of keys that expire while its own MGET is answered."""
        shard = self.start(kt.KeywayShard(notify_keyspace_events="KEA", enable_debug_command="yes"))
        with shard.client() as client:
            client.call("HELLO", "3")
            client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            with shard.client() as other:
                for i in range(5):
                    other.call("SET", f"k{i}", "v", "PX", "1")
            client.call("PSUBSCRIBE", "__key*__:*")
            time.sleep(0.05)
            client.send(kt.encode("MGET", *(f"k{i}" for i in range(5))) + kt.encode("PING"))
            seen = []
            while not seen or seen[-1] != "PONG":
                seen.append(kt.parse(client.read()))
            self.assertIn([None] * 5, seen)
            self.assertEqual(len(seen), 12)

    def test_random_subscriptions(self):
        """Random subscribing, leaving, closing and publishing, against a model."""
        choose = random.Random(1)
        shard = self.start(kt.KeywayShard())
        names = [b"a", b"b", b"ab", b"ba", b"abc"]
        patterns = [b"a*", b"*b*", b"?", b"a", b"*"]
        clients, publisher = {}, shard.client()
        matches = {(p, n): re.fullmatch(p.decode().replace("*", ".*").replace("?", "."), n.decode()) is not None
                   for p in patterns for n in names}

        for _ in range(4000):
            action = choose.random()
            if action < 0.05 or not clients:
                client = shard.client()
                client.call("HELLO", "3")
                clients[client] = ([], [])
                continue
            client = choose.choice(list(clients))
            channels, wanted = clients[client]
            if action < 0.08:
                client.close()
                del clients[client]
                kt.wait_until(lambda: int(shard.info("clients")["connected_clients"]) == len(clients) + 2, what="the end")
            elif action < 0.45:
                kind = choose.randrange(2)
                own, all_names = clients[client][kind], (names, patterns)[kind]
                name, leave = choose.choice(all_names), choose.random() < 0.5
                verb = (b"un" if leave and not kind else b"pun" if leave else b"p" if kind else b"") + b"subscribe"
                if leave and name in own:
                    own.remove(name)
                elif not leave and name not in own:
                    own.append(name)
                self.assertEqual(kt.parse(client.call(verb, name)), [verb, name, len(channels) + len(wanted)])
            elif action < 0.48:
                client.call("RESET")
                client.call("HELLO", "3")
                clients[client] = ([], [])
            else:
                name = choose.choice(names)
                sent = {c: [[b"message", name, b"m"]] * (name in own) +
                           [[b"pmessage", p, name, b"m"] for p in pats if matches[p, name]]
                        for c, (own, pats) in clients.items()}
                self.assertEqual(kt.parse(publisher.call("PUBLISH", name, "m")), sum(map(len, sent.values())))
                for receiver, messages in sent.items():
                    got = [kt.parse(receiver.read()) for _ in messages]
                    self.assertEqual(sorted(got), sorted(messages))
                    self.assertEqual(got[:1], messages[:1] if name in clients[receiver][0] else got[:1])
        for client in clients:
            client.close()
        publisher.close()
        kt.wait_until(lambda: shard.value("PUBSUB", "NUMPAT") == 0 and shard.value("PUBSUB", "CHANNELS") == [],
                      what="everyone to be forgotten")


if __name__ == "__main__":
    kt.main()
