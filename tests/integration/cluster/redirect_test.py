"""Which commands a node admits and where it sends the others: keyway-shard and redis-server on the same nodes.conf give
the same replies."""

import keyway_testing as kt
from twin_nodes import ME, PEER, REPLICA, TwinNodesTest, nodes_conf

SLOT = 15495  # of "a"; "b" is in 3300, "c" in 7365, "x" in 16287


class RedirectTest(TwinNodesTest):
    def test_owned_and_not(self):
        servers = self.both(nodes_conf("0-9999", "10000-16383", peer_host=",peer.example.com"))
        self.wait_ok(servers)
        seen = self.compare(servers, """
            GET b
            SET b 1
            GET b
            GET a
            SET a 1
            MGET b {b}1
            MGET a {a}1
            MGET a b
            MGET b a
            MGET b c
            MSET b 1 c 2
            DEL b c
            EXISTS a
            OBJECT ENCODING a
            READONLY
            GET a
            SET a 1
            READWRITE
            GET a
            !GET a
            KEYS *
            PING
            DBSIZE
            CONFIG SET cluster-preferred-endpoint-type hostname
            GET a
            CONFIG SET cluster-preferred-endpoint-type unknown-endpoint
            GET a
        """.replace("            ", ""))
        self.assertEqual(seen["MGET b a"], b"-CROSSSLOT Keys in request don't hash to the same slot\r\n")
        self.assertEqual(seen["GET a"], b"-MOVED 15495 :1\r\n")

    def test_slots_of_nobody(self):
        servers = self.both(nodes_conf("0-9999", "10000-15000"))
        self.compare(servers, "GET b\nSET b 1\nGET a\nSET a 1\nMGET a b\nMGET a {a}1\n")
        for server in servers:
            server.call("CONFIG", "SET", "cluster-require-full-coverage", "no")
        self.wait_ok(servers)
        seen = self.compare(servers, "SET b 1\nGET b\nGET a\nMGET a b\nMGET a {a}1")
        self.assertEqual(seen["GET b"], b"$1\r\n1\r\n")
        self.assertEqual(seen["GET a"], b"-CLUSTERDOWN Hash slot not served\r\n")

    def test_down(self):
        servers = self.both(nodes_conf("0-9998", "10000-16383"))
        seen = self.compare(servers, "GET b\nSET b 1\nGET a\nSET a 1\nMGET b a\nPING")
        self.assertEqual(seen["GET b"], b"-CLUSTERDOWN The cluster is down\r\n")
        for server in servers:
            self.assertEqual(server.value("CONFIG", "SET", "cluster-allow-reads-when-down", "yes"), "OK")
        seen = self.compare(servers, "GET b\nSET b 1\nDEL b\nGET a\nSET a 1\nEXISTS b {b}1\nTYPE b")
        self.assertEqual(seen["GET b"], b"$-1\r\n")
        self.assertEqual(seen["SET b 1"],
                         b"-CLUSTERDOWN The cluster is down and only accepts read commands\r\n")

    def test_slot_that_leaves(self):
        servers = self.both(nodes_conf(f"0-16383 [{SLOT}->-{PEER}]", ""))
        self.wait_ok(servers)
        self.compare(servers, """
            SET b 1
            GET a
            SET a 1
            MGET a {a}1
            MGET a b
            !GET a
            GET {b}2
        """.replace("            ", ""))
        for server in servers:
            # A key of the slot can be created only while it does not move.
            self.assertIn(f"[{SLOT}->-{PEER}]", server.value("CLUSTER", "NODES").decode())

    def test_slot_that_arrives(self):
        servers = self.both(nodes_conf(f"0-9999 [{SLOT}-<-{PEER}]", "10000-16383"))
        self.wait_ok(servers)
        seen = self.compare(servers, """
            GET a
            !GET a
            GET a
            !SET a 1
            GET a
            !GET a
            !MGET a {a}1
            !MGET {a}1 {a}1
            !MGET a a
            !MSET {a}1 1 {a}2 2
            !DEL a
            !GET a
            !MGET a b
            !GET x
        """.replace("            ", ""))
        self.assertEqual(seen["!MGET a {a}1"], b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n")
        self.assertEqual(seen["GET a"], f"-MOVED {SLOT} 127.0.0.9:1\r\n".encode())

    def test_replica(self):
        conf = (f"{ME} 127.0.0.1:7000@17000 myself,slave {PEER} 0 0 2 connected\n"
                f"{PEER} 127.0.0.9:1@10001 master - 0 1 2 connected 0-9999\n"
                f"{REPLICA} 127.0.0.8:2@10002 master - 0 1 3 connected 10000-16383\n"
                "vars currentEpoch 3 lastVoteEpoch 0\n")
        servers = self.both(conf)
        self.wait_ok(servers)
        seen = self.compare(servers, """
            GET b
            READONLY
            GET b
            MGET b {b}1
            SET b 1
            GET a
            READWRITE
            GET b
            CLUSTER FORGET fedcba9876543210fedcba9876543210fedcba98
        """.replace("            ", ""))
        self.assertEqual(seen["GET b"], b"-MOVED 3300 127.0.0.9:1\r\n")
        self.assertEqual(seen["MGET b {b}1"], b"*2\r\n$-1\r\n$-1\r\n")


if __name__ == "__main__":
    kt.main()
