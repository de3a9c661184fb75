"""Waiting clients and transactions of keyway-shard, as seen on the sockets: who goes away, who waits behind whom."""

import socket
import time

import keyway_testing as kt


def blocked(shard):
    return int(shard.info("clients")["blocked_clients"])


class BlockingTest(kt.TestCase):
    def block(self, shard, *request):
        """A connection that waits."""
        before = blocked(shard)
        client = shard.client()
        self.addCleanup(client.close)
        client.send(kt.encode(*request))
        kt.wait_until(lambda: blocked(shard) == before + 1, what=f"{request} to block")
        return client

    def test_requests_behind_a_waiting_one(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as client:
            client.send(b"".join(kt.encode(*request) for request in (
                ("SET", "a", "1"), ("BLPOP", "l", "0"), ("INCR", "a"), ("BLPOP", "l", "0"), ("INCR", "a"))))
            self.assertEqual(client.read(), b"+OK\r\n")
            kt.wait_until(lambda: blocked(shard) == 1)
            self.assertEqual(shard.value("GET", "a"), b"1")
            client.send(kt.encode("GET", "a"))  # comes while it waits
            self.assertEqual(shard.value("RPUSH", "l", "x"), 1)
            self.assertEqual(kt.value_of(client.read()), [b"l", b"x"])
            self.assertEqual(client.read(), b":2\r\n")
            kt.wait_until(lambda: blocked(shard) == 1)
            self.assertEqual(shard.value("RPUSH", "l", "y", "z"), 2)
            self.assertEqual(kt.value_of(client.read()), [b"l", b"y"])
            self.assertEqual(client.read(), b":3\r\n")
            self.assertEqual(client.read(), b"$1\r\n3\r\n")
        self.assertEqual(shard.value("LRANGE", "l", "0", "-1"), [b"z"])

    def test_clients_that_go_away_take_nothing(self):
        shard = self.start(kt.KeywayShard())
        closed = self.block(shard, "BLPOP", "l", "0")
        reset = self.block(shard, "BLPOP", "l", "100")
        half = self.block(shard, "BLMOVE", "l", "m", "LEFT", "LEFT", "0")
        with_more = self.block(shard, "BLPOP", "l", "0")
        stays = self.block(shard, "BLPOP", "l", "0")
        closed.close()
        reset.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        reset.close()
        half.end_input()
        with_more.send(kt.encode("SET", "never", "1"))
        with_more.close()
        kt.wait_until(lambda: blocked(shard) == 1, what="the others to be forgotten")
        self.assertEqual(shard.value("RPUSH", "l", "x"), 1)
        self.assertEqual(kt.value_of(stays.read()), [b"l", b"x"])
        self.assertEqual(shard.value("EXISTS", "l", "m", "never"), 0)
        self.assertEqual(shard.info("clients")["clients_in_timeout_table"], "0")

    def test_killed_clients_take_nothing(self):
        shard = self.start(kt.KeywayShard())
        killed = self.block(shard, "BLPOP", "l", "0")
        name = killed.socket.getsockname()
        stays = self.block(shard, "BLPOP", "l", "0")
        self.assertEqual(shard.value("CLIENT", "KILL", f"{name[0]}:{name[1]}"), "OK")
        self.assertEqual(killed.read_to_end(), b"")
        shard.call("RPUSH", "l", "x")
        self.assertEqual(kt.value_of(stays.read()), [b"l", b"x"])

    def test_many_waiting_clients_in_order(self):
        shard = self.start(kt.KeywayShard())
        clients = []
        for _ in range(300):
            clients.append(shard.client())
            self.addCleanup(clients[-1].close)
            clients[-1].send(kt.encode("BLPOP", "other", "l", "0"))
            # Each is there before the next one begins to wait.
            expected = len(clients)
            kt.wait_until(lambda: blocked(shard) == expected)
        for start in range(0, 300, 50):
            self.assertEqual(shard.value("RPUSH", "l", *range(start, start + 50)), 50)
            for i in range(start, start + 50):
                self.assertEqual(kt.value_of(clients[i].read()), [b"l", str(i).encode()])
        self.assertEqual(shard.value("EXISTS", "l"), 0)

    def test_timeouts(self):
        shard = self.start(kt.KeywayShard())
        began = time.monotonic()
        waits = [(0.6, shard.client()), (0.2, shard.client()), (0.4, shard.client())]
        for seconds, client in waits:
            self.addCleanup(client.close)
            client.send(kt.encode("BLPOP", "l", seconds))
        kt.wait_until(lambda: shard.info("clients")["clients_in_timeout_table"] == "3" or time.monotonic() - began > 0.1)
        for seconds, client in sorted(waits, key=lambda wait: wait[0]):
            self.assertEqual(client.read(), b"*-1\r\n")
            self.assertGreater(time.monotonic() - began, seconds - 0.01)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(shard.info("clients")["clients_in_timeout_table"], "0")
        with shard.client() as client:
            began = time.monotonic()
            self.assertEqual(client.call("WAIT", "1", "200"), b":0\r\n")
            self.assertGreater(time.monotonic() - began, 0.19)

    def test_client_unblock(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as client:
            number = client.value("CLIENT", "ID")
            self.assertEqual(shard.value("CLIENT", "UNBLOCK", number), 0)
            for request in (("BLPOP", "l", "0"), ("BZPOPMIN", "z", "100"), ("BLMOVE", "l", "m", "LEFT", "LEFT", "0"),
                            ("XREAD", "BLOCK", "0", "STREAMS", "s", "$")):
                for words, reply in (((), b"*-1\r\n"), (("TIMEOUT",), b"*-1\r\n"),
                                     (("error",), b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")):
                    client.send(kt.encode(*request))
                    kt.wait_until(lambda: blocked(shard) == 1)
                    self.assertEqual(shard.value("CLIENT", "UNBLOCK", number, *words), 1)
                    self.assertEqual(client.read(), reply)
            client.send(kt.encode("WAIT", "1", "0"))
            kt.wait_until(lambda: blocked(shard) == 1)
            self.assertEqual(shard.value("CLIENT", "UNBLOCK", number), 1)
            self.assertEqual(client.read(), b":0\r\n")

    def test_paused_clients_are_not_unblocked(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as client, shard.client() as admin:
            number = client.value("CLIENT", "ID")
            admin.call("CLIENT", "PAUSE", "100000", "WRITE")
            client.send(kt.encode("SET", "a", "1"))
            kt.wait_until(lambda: blocked(shard) == 1)
            self.assertEqual(admin.value("CLIENT", "UNBLOCK", number), 0)
            admin.call("CLIENT", "UNPAUSE")
            self.assertEqual(client.read(), b"+OK\r\n")

    def test_replies_that_are_off(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as client:
            client.send(b"".join(kt.encode(*request) for request in (
                ("CLIENT", "REPLY", "SKIP"), ("BLPOP", "l", "0"), ("PING",))))
            kt.wait_until(lambda: blocked(shard) == 1)
            shard.call("RPUSH", "l", "x")
            self.assertEqual(client.read(), b"+PONG\r\n")
            client.send(kt.encode("CLIENT", "REPLY", "OFF") + kt.encode("BLPOP", "l", "0"))
            kt.wait_until(lambda: blocked(shard) == 1)
            shard.call("RPUSH", "l", "x")
            kt.wait_until(lambda: blocked(shard) == 0)
            self.assertEqual(client.call("CLIENT", "REPLY", "ON"), b"+OK\r\n")

    def test_end_of_the_process_while_clients_wait(self):
        shard = self.start(kt.KeywayShard())
        waiting = [self.block(shard, "BLPOP", "l", timeout) for timeout in ("0", "100")]
        with shard.client() as client:
            client.call("WATCH", "a")
            client.call("MULTI")
            client.call("SET", "a", "1")
            self.assertEqual(shard.stop(), 0)
        for client in waiting:
            self.assertEqual(client.read_to_end(), b"")

    def test_statistics_of_a_wait(self):
        shard = self.start(kt.KeywayShard())
        client = self.block(shard, "BLPOP", "l", "0")
        self.assertIn("calls=1,", shard.info("commandstats")["cmdstat_blpop"])
        self.assertNotIn("latency_percentiles_usec_blpop", shard.info("latencystats"))
        shard.call("RPUSH", "l", "x")
        client.read()
        self.assertIn("calls=1,", shard.info("commandstats")["cmdstat_blpop"])
        self.assertIn("latency_percentiles_usec_blpop", shard.info("latencystats"))


class TransactionTest(kt.TestCase):
    def test_replies_skipped_inside(self):
        shard, redis = self.start(kt.KeywayShard()), self.start(kt.RedisServer())
        answers = []
        for server in (shard, redis):
            with server.client() as client:
                client.send(b"".join(kt.encode(*request) for request in (
                    ("MULTI",), ("PING",), ("CLIENT", "REPLY", "SKIP"), ("PING",), ("EXEC",), ("PING",), ("PING", "end"),
                    ("MULTI",), ("CLIENT", "REPLY", "OFF"), ("PING",), ("EXEC",), ("PING",), ("CLIENT", "REPLY", "ON"),
                    ("QUIT",))))
                answers.append(client.read_to_end())
        self.assertEqual(*answers)

    def test_queue_is_bounded(self):
        shard = self.start(kt.KeywayShard(client_query_buffer_limit="1mb"))
        with shard.client() as client:
            client.call("MULTI")
            with self.assertRaises((ConnectionError, EOFError)):
                for _ in range(100):
                    client.call("SET", "a", "x" * 100_000)
        self.assertIn("Closing client that reached max query buffer length", shard.output())
        self.assertEqual(shard.value("EXISTS", "a"), 0)

    def test_client_list(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as client:
            number = client.value("CLIENT", "ID")

            def fields():
                line = shard.value("CLIENT", "LIST", "ID", number).decode()
                return dict(field.split("=", 1) for field in line.split())

            self.assertEqual(fields()["multi"], "-1")
            client.call("WATCH", "a")
            self.assertEqual((fields()["multi"], fields()["flags"]), ("-1", "N"))
            client.call("MULTI")
            self.assertEqual((fields()["multi"], fields()["flags"]), ("0", "x"))
            client.call("SET", "b", "x" * 10_000)
            self.assertEqual((fields()["multi"], fields()["cmd"]), ("1", "set"))
            self.assertGreater(int(fields()["multi-mem"]), 10_000)
            self.assertGreater(int(fields()["tot-mem"]), 10_000)
            shard.call("SET", "a", "1")
            self.assertEqual(fields()["flags"], "xd")
            self.assertEqual(client.call("EXEC"), b"*-1\r\n")
            self.assertEqual((fields()["multi"], fields()["flags"], fields()["multi-mem"]), ("-1", "N", "0"))


class ClusterTest(kt.TestCase):
    def cluster(self):
        shard = self.start(kt.KeywayShard(cluster_enabled="yes"))
        shard.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        kt.wait_until(lambda: shard.call("GET", "a").startswith(b"$"), what="the cluster to be ok")
        return shard

    def test_slots_of_a_transaction(self):
        shard = self.cluster()
        with shard.client() as client:
            client.call("MULTI")
            self.assertEqual(client.call("SET", "{a}1", "x"), b"+QUEUED\r\n")
            self.assertEqual(client.call("GET", "{a}2"), b"+QUEUED\r\n")
            self.assertEqual(client.call("EXEC"), b"*2\r\n+OK\r\n$-1\r\n")
            client.call("MULTI")
            self.assertEqual(client.call("SET", "a", "x"), b"+QUEUED\r\n")
            self.assertEqual(client.call("SET", "b", "x"), b"+QUEUED\r\n")
            self.assertEqual(client.call("EXEC"), b"-CROSSSLOT Keys in request don't hash to the same slot\r\n")
            self.assertEqual(client.call("EXEC"), b"-ERR EXEC without MULTI\r\n")
            client.call("MULTI")
            self.assertEqual(client.call("MGET", "a", "b"), b"-CROSSSLOT Keys in request don't hash to the same slot\r\n")
            self.assertTrue(client.call("EXEC").startswith(b"-EXECABORT"))
            self.assertEqual(client.call("WATCH", "a", "b"), b"-CROSSSLOT Keys in request don't hash to the same slot\r\n")
            # The slot goes away between queueing and EXEC.
            client.call("MULTI")
            self.assertEqual(client.call("SET", "a", "y"), b"+QUEUED\r\n")
            slot = shard.value("CLUSTER", "KEYSLOT", "a")
            shard.call("CLUSTER", "DELSLOTS", slot)
            self.assertTrue(client.call("EXEC").startswith(b"-CLUSTERDOWN"))
            self.assertEqual(client.call("EXEC"), b"-ERR EXEC without MULTI\r\n")
            client.call("MULTI")
            self.assertEqual(client.call("PING"), b"+QUEUED\r\n")
            self.assertEqual(client.call("EXEC"), b"*1\r\n+PONG\r\n")

    def test_waiting_for_a_slot_that_goes_away(self):
        shard = self.cluster()
        with shard.client() as client:
            client.send(kt.encode("BLPOP", "a", "0"))
            kt.wait_until(lambda: blocked(shard) == 1)
            shard.call("CLUSTER", "DELSLOTS", shard.value("CLUSTER", "KEYSLOT", "a"))
            self.assertTrue(client.read().startswith(b"-CLUSTERDOWN "))
            self.assertEqual(client.call("PING"), b"+PONG\r\n")


if __name__ == "__main__":
    kt.main()
