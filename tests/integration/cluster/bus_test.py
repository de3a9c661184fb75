"""What comes in on the cluster bus port from anybody: nothing of it crashes the node, is believed, or makes it grow."""

import os
import random
import socket
import struct

import keyway_testing as kt

PING, PONG, MEET, FAIL, UPDATE = 0, 1, 2, 3, 7
HEADER_BYTES = 2256
STRANGER = b"a" * 40


def message(kind, sender=STRANGER, body=b"", count=0, slots=b"", epoch=0, flags=17, port=7, bus_port=17, total=None,
            version=1, ip=b""):
    """A message of the bus, as the Redis 7.0 protocol lays it out."""
    head = struct.pack(">4sIHHHHQQQ40s2048s40s46sH30sHHHB3s", b"RCmb",
                       HEADER_BYTES + len(body) if total is None else total, version, port, kind, count, epoch, epoch,
                       0, sender, slots, b"", ip, 0, b"", 0, bus_port, flags, 0, b"")
    assert len(head) == HEADER_BYTES
    return head + body


def gossip(node_id, ip=b"127.0.0.1", port=7, bus_port=17, flags=1):
    return struct.pack(">40sII46sHHHHH", node_id, 0, 0, ip, port, bus_port, flags, 0, 0)


def receive(connection, kind):
    """The next message, which is of this kind."""
    data = b""
    while len(data) < 16 or len(data) < struct.unpack(">I", data[4:8])[0]:
        chunk = connection.recv(1 << 16)
        if not chunk:
            raise EOFError("closed")
        data += chunk
    assert struct.unpack(">H", data[12:14])[0] == kind, data[:16]
    return data


class BusTest(kt.TestCase):
    def start_shard(self, **directives):
        # It does not give up handshakes and peers while a test looks at them.
        return self.start(kt.KeywayShard(cluster_enabled="yes", cluster_node_timeout=30000, **directives))

    def connect(self, shard, timeout=20.0):
        connection = socket.create_connection(("127.0.0.1", shard.port + 10000), timeout=timeout)
        self.addCleanup(connection.close)
        return connection

    def nodes(self, shard):
        return shard.value("CLUSTER", "NODES").decode().splitlines()

    def resident_bytes(self, shard):
        with open(f"/proc/{shard.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def send_and_wait_for_end(self, connection, data):
        """Sends what it can; returns when the other side has closed."""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass
        except OSError as error:
            # ENOTCONN of shutdown() is none of the ConnectionErrors.
            self.assertNotIsInstance(error, TimeoutError)

    def test_random_bytes(self):
        shard = self.start_shard()
        numbers = random.Random(1)
        for _ in range(100):
            self.send_and_wait_for_end(self.connect(shard), numbers.randbytes(numbers.randrange(1, 5000)))
        self.assertEqual(shard.value("PING"), "PONG")
        self.assertEqual(len(self.nodes(shard)), 1)

    def test_damaged_messages(self):
        """Messages that look right and have random bytes changed, so that they get past the first checks."""
        shard = self.start_shard()
        numbers = random.Random(2)
        my_id = shard.value("CLUSTER", "MYID")
        for _ in range(30):
            stream = bytearray()
            for _ in range(20):
                kind = numbers.choice([PING, PONG, FAIL, UPDATE, 4, 5, 6, 8, 9, 10, 11, 99])
                body = {FAIL: my_id, UPDATE: struct.pack(">Q40s2048s", 9, my_id, b"\xff" * 2048)}.get(kind, b"")
                count = 0
                if kind in (PING, PONG):
                    count = numbers.randrange(5)
                    body = b"".join(gossip(bytes([97 + i]) * 40) for i in range(count))
                one = bytearray(message(kind, body=body, count=count, epoch=99))
                for _ in range(numbers.randrange(3)):
                    one[numbers.randrange(8, len(one))] = numbers.randrange(256)
                stream += one
            self.send_and_wait_for_end(self.connect(shard), bytes(stream))
        self.assertEqual(shard.value("PING"), "PONG")
        self.assertEqual(len(self.nodes(shard)), 1)
        self.assertIn(b"cluster_current_epoch:0\r\n", shard.value("CLUSTER", "INFO"))

    def test_wrong_lengths(self):
        shard = self.start_shard()
        for total in (0, 15, 16, HEADER_BYTES - 1, 1 << 24, 0xffffffff):
            self.send_and_wait_for_end(self.connect(shard), message(PING, total=total))
        waiting = self.connect(shard)
        waiting.sendall(message(PING, count=1, total=HEADER_BYTES + 104))
        self.assertEqual(shard.value("PING"), "PONG")

    def test_half_a_message_then_the_rest(self):
        shard = self.start_shard()
        connection = self.connect(shard)
        data = message(PING)
        for at in range(0, len(data), 500):
            connection.sendall(data[at:at + 500])
        receive(connection, PONG)

    def test_strangers_are_answered_and_not_believed(self):
        shard = self.start_shard()
        shard.value("CLUSTER", "ADDSLOTS", 1)
        my_id = shard.value("CLUSTER", "MYID")
        connection = self.connect(shard)
        everything = b"\xff" * 2048
        connection.sendall(message(FAIL, body=my_id, epoch=50) +
                           message(UPDATE, body=struct.pack(">Q40s2048s", 50, my_id, everything), epoch=50) +
                           message(PING, body=gossip(b"b" * 40), count=1, slots=everything, epoch=50))
        answer = receive(connection, PONG)
        self.assertEqual(answer[40:80], my_id)
        nodes = self.nodes(shard)
        self.assertEqual(len(nodes), 1)
        self.assertTrue(nodes[0].endswith(" 0 connected 1"), nodes)
        info = shard.value("CLUSTER", "INFO").decode()
        self.assertIn("cluster_current_epoch:0\r\n", info)
        self.assertIn("cluster_stats_messages_fail_received:1\r\n", info)

    def test_meet_leads_to_a_handshake_only(self):
        shard = self.start_shard()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.settimeout(20)
            connection = self.connect(shard)
            connection.sendall(message(MEET, body=gossip(b"b" * 40), count=1, bus_port=listener.getsockname()[1]))
            receive(connection, PONG)
            back, _ = listener.accept()
            with back:
                back.settimeout(20)
                receive(back, PING)
                nodes = self.nodes(shard)
                self.assertEqual(len(nodes), 2)
                self.assertTrue(any(" handshake " in node for node in nodes))
                self.assertFalse(any(b"b" * 40 in node.encode() for node in nodes))
                # With the answer it is a node of the cluster, and may tell of others.
                back.sendall(message(PONG, bus_port=listener.getsockname()[1]))
                kt.wait_until(lambda: any(node.startswith("a" * 40) for node in self.nodes(shard)), what="the node")
                connection.sendall(message(PING, body=gossip(b"b" * 40, ip=b"127.0.0.1", bus_port=9), count=1,
                                           bus_port=listener.getsockname()[1]))
                kt.wait_until(lambda: any(node.startswith("b" * 40) for node in self.nodes(shard)), what="its friend")

    def test_flood_of_meets(self):
        shard = self.start_shard()
        connection = self.connect(shard)
        for port in range(1, 2000):
            connection.sendall(message(MEET, sender=b"%040d" % port, port=port, bus_port=1))
        kt.wait_until(lambda: b"meet_received:1999" in shard.value("CLUSTER", "INFO"), timeout=30, what="all")
        self.assertLessEqual(len(self.nodes(shard)), 257)

    def test_peer_that_does_not_read(self):
        shard = self.start_shard()
        connection = self.connect(shard, timeout=2.0)
        before = self.resident_bytes(shard)
        data = message(PING) * 100
        sent = 0
        try:
            while sent < 200 << 20:
                sent += connection.send(data)
        except TimeoutError:
            pass  # it is not read any more
        self.assertLess(sent, 100 << 20)
        self.assertLess(self.resident_bytes(shard) - before, 64 << 20)
        self.assertEqual(shard.value("PING"), "PONG")

    def test_long_publish_is_not_kept(self):
        shard = self.start_shard()
        connection = self.connect(shard)
        before = self.resident_bytes(shard)
        size = 200 << 20
        connection.sendall(message(4, total=HEADER_BYTES + size))
        chunk = bytes(1 << 20)
        for _ in range(size >> 20):
            connection.sendall(chunk)
        connection.sendall(message(PING))
        receive(connection, PONG)
        self.assertLess(self.resident_bytes(shard) - before, 64 << 20)

    def test_many_strangers_do_not_keep_nodes_away(self):
        shard = self.start_shard()
        idle = [self.connect(shard) for _ in range(1100)]
        peer = self.start(kt.RedisServer(cluster_enabled="yes"))
        self.assertEqual(peer.value("CLUSTER", "MEET", "127.0.0.1", shard.port), "OK")
        kt.wait_until(lambda: len(self.nodes(shard)) == 2 and "handshake" not in "".join(self.nodes(shard)), timeout=20,
                      what="the node")
        # The oldest had to go.
        idle[0].settimeout(20)
        self.assertEqual(idle[0].recv(1), b"")


if __name__ == "__main__":
    kt.main()
