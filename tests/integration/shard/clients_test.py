"""What keyway-shard does with many, slow, greedy and paused clients."""

import re
import time

import keyway_testing as kt

MB = 1024 * 1024


class LimitsTest(kt.TestCase):
    def test_maxclients(self):
        for cluster, text in (("no", b"-ERR max number of clients reached\r\n"),
                              ("yes", b"-ERR max number of clients + cluster connections reached\r\n")):
            with self.subTest(cluster=cluster):
                shard = self.start(kt.KeywayShard(maxclients=3, cluster_enabled=cluster))
                with shard.client() as first, shard.client() as second, shard.client() as third:
                    for client in (first, second, third):
                        self.assertEqual(client.call("PING"), b"+PONG\r\n")
                    with shard.client() as refused:
                        self.assertEqual(refused.read_to_end(), text)
                    self.assertIn(b"rejected_connections:1\r\n", first.call("INFO", "stats"))
                    self.assertEqual(first.call("CONFIG", "SET", "maxclients", "4"), b"+OK\r\n")
                    self.assertEqual(shard.call("PING"), b"+PONG\r\n")

    def test_idle_clients_are_closed(self):
        shard = self.start(kt.KeywayShard(timeout=1, loglevel="verbose"))
        with shard.client() as client:
            client.call("PING")
            began = time.monotonic()
            self.assertEqual(client.read_to_end(), b"")
            self.assertGreater(time.monotonic() - began, 0.9)
        self.assertIn("Closing idle client", shard.output())

    def test_output_hard_limit(self):
        shard = self.start(kt.KeywayShard(client_output_buffer_limit="normal 1mb 0 0"))
        with shard.client() as client:
            client.call("SET", "big", "x" * 300_000)
            client.send(kt.encode("GET", "big") * 100)
            self.assertLess(len(client.read_to_end()), 100 * 300_000)
        self.assertIn("scheduled to be closed ASAP for overcoming of output buffer limits.", shard.output())
        self.assertEqual(shard.call("PING"), b"+PONG\r\n")

    def test_output_soft_limit(self):
        shard = self.start(kt.KeywayShard(client_output_buffer_limit="normal 0 1mb 1"))
        with shard.client() as client:
            client.call("SET", "big", "x" * MB)
            client.send(kt.encode("GET", "big") * 40)
            kt.wait_until(lambda: "overcoming of output buffer limits" in shard.output(), what="the soft limit")

    def test_query_buffer_limit(self):
        shard = self.start(kt.KeywayShard(client_query_buffer_limit="1mb"))
        with shard.client() as client:
            with self.assertRaises((ConnectionError, EOFError)):
                for _ in range(100):
                    client.send(b"*2\r\n$4\r\nECHO\r\n$100000000\r\n" + b"x" * MB)
                client.read()
        kt.wait_until(lambda: "Closing client that reached max query buffer length: id=" in shard.output(),
                      what="the line in the log")
        self.assertEqual(shard.call("PING"), b"+PONG\r\n")

    def test_proto_max_bulk_len(self):
        shard = self.start(kt.KeywayShard(proto_max_bulk_len="1mb"))
        with shard.client() as client:
            self.assertEqual(client.call("ECHO", "x" * MB)[:10], b"$1048576\r\n")
            client.send(b"*2\r\n$4\r\nECHO\r\n$1048577\r\n")
            self.assertEqual(client.read_to_end(), b"-ERR Protocol error: invalid bulk length\r\n")
        with shard.client() as client:
            client.call("CONFIG", "SET", "proto-max-bulk-len", "2mb")
            self.assertEqual(client.call("ECHO", "x" * 2 * MB)[:10], b"$2097152\r\n")


class BackPressureTest(kt.TestCase):
    def test_client_that_reads_only_after_it_has_sent_all(self):
        """A pipeline whose replies exceed every buffer is answered in full, in bounded memory."""
        shard = self.start(kt.KeywayShard())
        requests = 200
        with shard.client(timeout=60) as client:
            client.call("SET", "big", "x" * MB)
            before = int(shard.info("memory")["used_memory"])
            client.send(kt.encode("GET", "big") * requests + kt.encode("PING"))
            kt.wait_until(lambda: re.search(rb" omem=[1-9]", shard.value("CLIENT", "LIST")), what="a full output buffer")
            self.assertLess(int(shard.info("memory")["used_memory"]) - before, 20 * MB)
            # Others are served meanwhile.
            self.assertEqual(shard.call("PING"), b"+PONG\r\n")
            for _ in range(requests):
                self.assertEqual(len(client.read()), MB + len(b"$1048576\r\n\r\n"))
            self.assertEqual(client.read(), b"+PONG\r\n")

    def test_pipelining_client_does_not_starve_others(self):
        shard = self.start(kt.KeywayShard())
        with shard.client(timeout=60) as greedy, shard.client() as other:
            batch = 200_000
            greedy.send(b"PING\r\n" * batch)
            self.assertEqual(other.call("PING"), b"+PONG\r\n")
            waiting = batch * len(b"+PONG\r\n")
            while waiting > 0:
                waiting -= len(greedy.socket.recv(MB))
            self.assertEqual(waiting, 0)

    def test_big_values_both_ways(self):
        shard = self.start(kt.KeywayShard())
        value = bytes(range(256)) * (64 * 1024)
        with shard.client(timeout=60) as client:
            self.assertEqual(client.call("SET", "k", value), b"+OK\r\n")
            self.assertEqual(client.value("GET", "k"), value)
            # Nothing of it stays in the connection's buffers.
            self.assertIn(b" qbuf-free=0 ", client.call("CLIENT", "LIST"))

    def test_peer_that_vanishes_with_output_waiting(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as keeper:
            keeper.call("SET", "big", "x" * MB)
            for _ in range(5):
                with shard.client() as client:
                    client.send(kt.encode("GET", "big") * 50)
            kt.wait_until(lambda: b"connected_clients:1\r\n" in keeper.call("INFO", "clients"), what="the end of the clients")


class PauseTest(kt.TestCase):
    def test_all(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as admin, shard.client() as client:
            began = time.monotonic()
            self.assertEqual(admin.call("CLIENT", "PAUSE", "400"), b"+OK\r\n")
            client.send(kt.encode("GET", "a") + kt.encode("PING"))
            self.assertEqual([client.read(), client.read()], [b"$-1\r\n", b"+PONG\r\n"])
            self.assertGreaterEqual(time.monotonic() - began, 0.39)

    def test_writes_only(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as admin, shard.client() as client:
            self.assertEqual(admin.call("CLIENT", "PAUSE", "100000", "WRITE"), b"+OK\r\n")
            self.assertEqual(client.call("GET", "a"), b"$-1\r\n")
            client.send(kt.encode("SET", "a", "b") + kt.encode("GET", "a"))
            kt.wait_until(lambda: b" flags=b " in admin.call("CLIENT", "LIST"), what="the waiting client")
            self.assertIn(b"blocked_clients:1\r\n", admin.call("INFO", "clients"))
            self.assertEqual(admin.call("EXISTS", "a"), b":0\r\n")
            # A shorter pause changes nothing.
            self.assertEqual(admin.call("CLIENT", "PAUSE", "1", "WRITE"), b"+OK\r\n")
            time.sleep(0.05)
            self.assertEqual(admin.call("EXISTS", "a"), b":0\r\n")
            self.assertEqual(admin.call("CLIENT", "UNPAUSE"), b"+OK\r\n")
            self.assertEqual([client.read(), client.read()], [b"+OK\r\n", b"$1\r\nb\r\n"])

    def test_paused_client_that_vanishes(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as admin:
            admin.call("CLIENT", "PAUSE", "300", "WRITE")
            for _ in range(3):
                with shard.client() as client:
                    client.send(kt.encode("SET", "a", "b"))
            kt.wait_until(lambda: b"connected_clients:1\r\n" in admin.call("INFO", "clients"), what="their end")
            time.sleep(0.35)
            self.assertEqual(admin.call("SET", "c", "d"), b"+OK\r\n")


class KillTest(kt.TestCase):
    def test_others_and_self(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as admin, shard.client() as by_id, shard.client() as by_address, shard.client() as by_local:
            number = by_id.value("CLIENT", "ID")
            self.assertEqual(admin.call("CLIENT", "KILL", "ID", number), b":1\r\n")
            self.assertEqual(by_id.read_to_end(), b"")
            address = "%s:%d" % by_address.socket.getsockname()
            self.assertEqual(admin.call("CLIENT", "KILL", address), b"+OK\r\n")
            self.assertEqual(by_address.read_to_end(), b"")
            self.assertEqual(admin.call("CLIENT", "KILL", "LADDR", f"127.0.0.1:{shard.port}", "TYPE", "normal"), b":1\r\n")
            self.assertEqual(by_local.read_to_end(), b"")
            self.assertEqual(admin.value("CLIENT", "LIST").count(b"\n"), 1)
            self.assertEqual(admin.call("CLIENT", "KILL", "USER", "default", "SKIPME", "no"), b":1\r\n")
            self.assertEqual(admin.read_to_end(), b"")

    def test_list_by_id(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as first, shard.client() as second:
            ids = [client.value("CLIENT", "ID") for client in (first, second)]
            second.call("CLIENT", "SETNAME", "second")
            lines = first.value("CLIENT", "LIST", "ID", ids[1], 999999, ids[0]).decode().splitlines()
            self.assertEqual([line.split()[0] for line in lines], [f"id={ids[1]}", f"id={ids[0]}"])
            self.assertIn(" name=second ", lines[0])

    def test_pipeline_behind_a_kill_of_oneself(self):
        shard = self.start(kt.KeywayShard())
        with shard.client() as client:
            client.send(kt.encode("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") + kt.encode("SET", "a", "b"))
            self.assertEqual(client.read_to_end(), b":1\r\n")
        self.assertEqual(shard.call("EXISTS", "a"), b":0\r\n")


if __name__ == "__main__":
    kt.main()
