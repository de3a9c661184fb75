#!/usr/bin/env python3
"""What keyway-shard says to those that replicate it, compared with redis-server byte for byte: REPLCONF, PSYNC, SYNC."""

import pathlib
import re
import sys

_HERE = pathlib.Path(__file__).absolute().parent
sys.path.insert(0, str(_HERE.parent / "support"))
sys.path.insert(0, str(_HERE))

import keyway_testing as kt  # noqa: E402
import replication_primary_test as primaries  # noqa: E402

_ID = re.compile(rb"[0-9a-f]{40}")


class HandshakeTest(primaries.PrimaryTest):
    """Bytes compared with those of redis-server."""

    def setUp(self):
        self.servers = [self.start(primaries.primary_server(kind, **primaries.DISKLESS, repl_ping_replica_period=3600))
                        for kind in (kt.RedisServer, kt.KeywayShard)]

    def conversation(self, server, requests, end=False):
        """What comes back for each of them; PING, on another connection, ends the waiting for one without a reply."""
        replies = []
        with server.client() as client:
            for request in requests:
                client.send(kt.encode(*request))
                if end:
                    replies.append(client.read_to_end())
                    break
                replies.append(client.read())
        return replies

    def assert_same(self, *requests, **options):
        answers = [self.conversation(server, requests, **options) for server in self.servers]
        self.assertEqual([_ID.sub(b"<id>", reply) for reply in answers[0]], [_ID.sub(b"<id>", reply) for reply in answers[1]])
        return answers

    def test_replconf(self):
        for request in (
                ("REPLCONF",), ("REPLCONF", "a"), ("REPLCONF", "a", "b"), ("REPLCONF", "listening-port", "x"),
                ("REPLCONF", "listening-port", "7000"), ("REPLCONF", "LISTENING-PORT", "7000", "capa", "eof", "capa", "unknown"),
                ("REPLCONF", "ip-address", "1.2.3.4"), ("REPLCONF", "ip-address", "x" * 45), ("REPLCONF", "ip-address", "x" * 46),
                ("REPLCONF", "ip-address", "x" * 254), ("REPLCONF", "ip-address", "x" * 255), ("REPLCONF", "ip-address", "x" * 256),
                ("REPLCONF", "ip-address", "x" * 1000),
                ("REPLCONF", "rdb-only", "1"), ("REPLCONF", "rdb-only", "2"), ("REPLCONF", "rdb-only", "x"), ("REPLCONF", "rdb-only", "-1"),
                ("REPLCONF", "rdb-filter-only", ""), ("REPLCONF", "rdb-filter-only", "functions"),
                ("REPLCONF", "rdb-filter-only", "functions foo"), ("REPLCONF", "rdb-filter-only", "'"),
                ("REPLCONF", "rdb-filter-only", "FUNCTIONS functions"), ("REPLCONF", "capa", "eof", "foo", "bar"),
                ("REPLCONF", "listening-port", "99999999999999999999"), ("REPLCONF", "listening-port", "-1")):
            with self.subTest(request=request):
                self.assert_same(request)

    def test_without_reply(self):
        for request in (("REPLCONF", "ack", "1"), ("REPLCONF", "ACK", "x"), ("REPLCONF", "getack", "*"),
                        ("REPLCONF", "ack", "1", "foo", "bar")):
            for server in self.servers:
                with server.client() as client:
                    client.send(kt.encode(*request) + kt.encode("PING"))
                    self.assertEqual(client.read(), b"+PONG\r\n", request)

    def test_errors_of_psync(self):
        for requests in ([("PSYNC", "?", "x")], [("PSYNC", "?")], [("PSYNC",)], [("SYNC", "x")], [("PSYNC", "?", "-1", "FAILOVER")],
                         [("MULTI",), ("PSYNC", "?", "-1"), ("EXEC",)], [("MULTI",), ("SYNC",), ("REPLCONF", "capa", "eof"), ("EXEC",)],
                         [("EVAL", "return redis.call('PSYNC', '?', '-1')", "0")], [("EVAL", "return redis.call('REPLCONF')", "0")],
                         [("REPLCONF", "rdb-filter-only", "functions"), ("PSYNC", "?", "-1")],
                         [("SUBSCRIBE", "c"), ("PSYNC", "?", "-1"), ("REPLCONF", "capa", "eof")]):
            with self.subTest(requests=requests):
                self.assert_same(*requests)

    def test_pending_output(self):
        answers = []
        for server in self.servers:
            with server.client() as client:
                client.send(kt.encode("PING") + kt.encode("PSYNC", "?", "-1"))
                answers.append([client.read(), client.read()])
        self.assertEqual(answers[0], answers[1])

    def full_sync(self, client, *request):
        """Sends it and takes the whole sync: the lines before the payload, the payload's kind, and the payload."""
        client.send(kt.encode(*request))
        data = client._received
        lines = []

        def more():
            chunk = client.socket.recv(1 << 16)
            self.assertTrue(chunk, bytes(data))
            data.extend(chunk)

        while True:
            while data[:1] == b"\n":
                del data[:1]
            while b"\r\n" not in data:
                more()
            if data[:1] == b"\n":
                continue
            line, _, _ = bytes(data).partition(b"\r\n")
            del data[:len(line) + 2]
            if line[:1] != b"$":
                lines.append(line)
                continue
            if line.startswith(b"$EOF:"):
                mark = line[5:]
                while mark not in data:
                    more()
                payload, _, _ = bytes(data).partition(mark)
                del data[:len(payload) + len(mark)]
                return lines, "stream", payload
            length = int(line[1:])
            while len(data) < length:
                more()
            payload = bytes(data[:length])
            del data[:length]
            return lines, "file", payload

    def acknowledge(self, server, client):
        # As long as the child is not gone it does not count.
        kt.wait_until(lambda: server.info("persistence")["rdb_bgsave_in_progress"] == "0", 10, "the end of the child")
        client.send(kt.encode("REPLCONF", "ACK", "0"))

    def test_full_sync(self):
        aux = re.compile(rb"\xfa.(redis-bits|repl-stream-db|repl-id|repl-offset|aof-base|redis-ver)", re.DOTALL)
        for server in self.servers:
            server.call("SET", "a", "1")
            server.call("FUNCTION", "LOAD", primaries.LIBRARY)
        for before, request in (
                ([], ("PSYNC", "?", "-1")), ([("REPLCONF", "capa", "eof", "capa", "psync2")], ("PSYNC", "?", "-1")),
                ([("REPLCONF", "capa", "eof")], ("PSYNC", "x" * 40, "1")), ([], ("SYNC",)), ([("REPLCONF", "capa", "eof")], ("SYNC",)),
                ([("REPLCONF", "capa", "eof", "rdb-filter-only", "functions")], ("PSYNC", "?", "-1")),
                ([("REPLCONF", "capa", "eof", "rdb-filter-only", "")], ("PSYNC", "?", "-1")),
                ([("REPLCONF", "capa", "eof", "rdb-only", "1")], ("PSYNC", "?", "-1")),
                ([("REPLCONF", "rdb-only", "1")], ("SYNC",))):
            with self.subTest(before=before, request=request):
                seen = []
                for server in self.servers:
                    with server.client() as client:
                        for words in before:
                            self.assertEqual(client.call(*words), b"+OK\r\n")
                        lines, kind, payload = self.full_sync(client, *request)
                        rdb_only = any("rdb-only" in words for words in before)
                        if rdb_only:
                            self.assertEqual(client.socket.recv(1), b"")
                        else:
                            # The stream begins with a SELECT, after an acknowledgement where the length was not known.
                            server.call("SET", "a", "2")
                            if kind == "stream":
                                self.acknowledge(server, client)
                            self.assertEqual([client.read(), client.read()],
                                             [kt.encode("SELECT", "0"), kt.encode("SET", "a", "2")])
                        seen.append(([_ID.sub(b"<id>", line).rpartition(b" ")[0] for line in lines], kind, aux.findall(payload), b"name=lib" in payload,
                                     b"\xfe\x00" in payload))
                    kt.wait_until(lambda: server.info("replication")["connected_slaves"] == "0", 10, "the end of the replica")
                self.assertEqual(seen[0], seen[1])

    def test_partial_sync(self):
        seen = []
        for server in self.servers:
            steps = []
            with server.client() as client:
                client.call("REPLCONF", "capa", "eof", "capa", "psync2", "listening-port", "1234")
                lines, _, _ = self.full_sync(client, "PSYNC", "?", "-1")
                _, replid, offset = lines[0].split()
                self.acknowledge(server, client)
                for i in range(10):
                    server.call("SET", "a", i)
                kt.wait_until(lambda: server.info("replication")["connected_slaves"] == "1", 10, "the replica")
                steps.append(server.info("replication")["slave0"].replace(str(server.port), "<port>").rpartition(",")[0])
            next_offset = int(server.info("replication")["master_repl_offset"]) + 1
            for capabilities, wanted in (("psync2", replid), ("eof", replid), ("psync2", replid.upper())):
                for at in (next_offset, int(offset) + 1, next_offset - 1):
                    with server.client() as client:
                        client.call("REPLCONF", "capa", capabilities)
                        client.send(kt.encode("PSYNC", wanted, at))
                        server.call("SET", "b", "1")
                        reply = client.read()
                        steps.append(reply.replace(replid, b"<id>"))
                        stream = []
                        while stream[-1:] != [kt.encode("SET", "b", "1")] and at == int(offset) + 1:
                            stream.append(client.read())
                        steps.append(stream[:12])
                    next_offset = int(server.info("replication")["master_repl_offset"]) + 1
            for at in (0, -1, int(offset), next_offset + 1):
                with server.client() as client:
                    client.call("REPLCONF", "capa", "eof")
                    steps.append(self.full_sync(client, "PSYNC", replid, at)[0][0].replace(replid, b"<id>").split(b" ")[:2])
            steps.append({name: value for name, value in server.info("stats").items() if name.startswith("sync_")})
            seen.append(steps)
        self.assertEqual(seen[0], seen[1])

    def test_replica_says_what_it_should_not(self):
        for request in (("GET", "a"), ("SET", "a", "1"), ("PING",), ("SUBSCRIBE", "c"), ("RESET",), ("FOO",), ("CLIENT", "LIST"),
                        ("EVAL", "return 1", "0"), ("MULTI",), ("REPLCONF", "listening-port", "1"), ("REPLCONF", "foo", "1")):
            seen = []
            for server in self.servers:
                server.call("SET", "a", "1")
                with server.client() as client:
                    client.call("REPLCONF", "capa", "eof")
                    self.full_sync(client, "PSYNC", "?", "-1")
                    self.acknowledge(server, client)
                    client.send(kt.encode(*request))
                    rest = client.read_to_end()
                    seen.append(rest)
                    kt.wait_until(lambda: "Replica generated a reply to command" in server.output(), 10, "the log")
            self.assertEqual(seen[0], seen[1], request)
        for request in (("PSYNC", "?", "-1"), ("SYNC",), ("MONITOR",), ("REPLCONF", "ACK", "x"), ("REPLCONF", "GETACK", "*")):
            for server in self.servers:
                with server.client() as client:
                    client.call("REPLCONF", "capa", "eof")
                    self.full_sync(client, "PSYNC", "?", "-1")
                    self.acknowledge(server, client)
                    client.send(kt.encode(*request))
                    server.call("SET", "a", "1")
                    self.assertEqual(client.read()[:6], b"*2\r\n$6", request)

    def test_client_list(self):
        seen = []
        for server in self.servers:
            with server.client() as client:
                client.call("REPLCONF", "capa", "eof")
                before = server.call("CLIENT", "LIST", "TYPE", "replica")
                self.full_sync(client, "PSYNC", "?", "-1")
                listed = server.value("CLIENT", "LIST", "TYPE", "replica").decode()
                seen.append((before, re.search(r"flags=\S+", listed)[0], re.search(r"cmd=\S+", listed)[0], listed.count("\n")))
                self.assertEqual(server.call("CLIENT", "KILL", "TYPE", "slave"), b":1\r\n")
        self.assertEqual(seen[0], seen[1])

    def test_sync_while_the_link_is_down(self):
        for server in self.servers:
            server.call("REPLICAOF", "127.0.0.1", kt.free_port())
        self.assert_same(("PSYNC", "?", "-1"))
        self.assert_same(("SYNC",))
        self.assert_same(("PSYNC", "0" * 40, "1", "FAILOVER"))

    def test_psync_failover(self):
        for server in self.servers:
            primary = self.start(primaries.primary_server(kt.RedisServer, **primaries.DISKLESS))
            primary.call("SET", "a", "1")
            self.replicate(primary, server)
            kt.wait_until(lambda: primaries.in_sync(primary, server), 10, "the replica")
            replid = server.info("replication")["master_replid"].encode()
            offset = int(server.info("replication")["master_repl_offset"]) + 1
            with server.client() as client:
                client.call("REPLCONF", "capa", "psync2")
                self.assertEqual(client.call("PSYNC", "0" * 40, offset, "FAILOVER"), b"-ERR PSYNC FAILOVER replid must match my replid.\r\n")
                reply = client.call("PSYNC", replid, offset, "failover")
                self.assertRegex(reply, rb"^\+CONTINUE [0-9a-f]{40}\r\n$")
                self.assertNotIn(replid, reply)
            self.assertEqual(server.value("ROLE")[0], b"master")


if __name__ == "__main__":
    kt.main()
