"""Slots that move: CLUSTER SETSLOT, and which requests a node takes meanwhile. keyway-shard and redis-server on the same
nodes.conf give the same replies, and write the same into nodes.conf."""

import os

import keyway_testing as kt
from twin_nodes import ME, PEER, REPLICA, TwinNodesTest, nodes_conf

SLOT = 15495  # of "a", "{a}1"


def own_lines(text):
    """CLUSTER NODES without addresses and times."""
    lines = []
    for line in text.splitlines():
        if line.startswith("vars"):
            lines.append(line)
            continue
        words = line.split(" ")
        lines.append(" ".join([words[0], words[2], words[3], words[6]] + words[8:]))
    return sorted(lines)


class SlotCase(TwinNodesTest):
    def compare_nodes(self, servers):
        texts = [own_lines(server.value("CLUSTER", "NODES").decode()) for server in servers]
        self.assertEqual(texts[0], texts[1])
        files = []
        for server in servers:
            with open(os.path.join(server.folder, "nodes.conf"), encoding="utf-8") as file:
                files.append(own_lines(file.read()))
        self.assertEqual(files[0], files[1])
        return texts[0]


class SetSlotTest(SlotCase):
    def test_errors(self):
        servers = self.both(nodes_conf("0-9999", "10000-16383"))
        self.compare(servers, """
            CLUSTER SETSLOT
            CLUSTER SETSLOT 1
            CLUSTER SETSLOT 1 FOO
            CLUSTER SETSLOT x FOO
            CLUSTER SETSLOT -1 STABLE
            CLUSTER SETSLOT 16384 STABLE
            CLUSTER SETSLOT 1 STABLE x
            CLUSTER SETSLOT 1 NODE
            CLUSTER SETSLOT 1 NODE x
            CLUSTER SETSLOT 1 NODE x y
            CLUSTER SETSLOT 1 NODE REPLICA
            CLUSTER SETSLOT 1 MIGRATING
            CLUSTER SETSLOT 1 MIGRATING x
            CLUSTER SETSLOT 1 MIGRATING REPLICA
            CLUSTER SETSLOT 1 MIGRATING PEER PEER
            CLUSTER SETSLOT 10000 MIGRATING PEER
            CLUSTER SETSLOT 10000 MIGRATING x
            CLUSTER SETSLOT 1 IMPORTING
            CLUSTER SETSLOT 1 IMPORTING PEER
            CLUSTER SETSLOT 10000 IMPORTING
            CLUSTER SETSLOT 10000 IMPORTING x
            CLUSTER SETSLOT 10000 IMPORTING REPLICA
            CLUSTER SETSLOT 1 MIGRATING ME
            CLUSTER SETSLOT 10000 IMPORTING ME
            CLUSTER SETSLOT 10000 stable
            CLUSTER SETSLOT 1 stable
            CLUSTER SETSLOT 1 node 0123456789abcdef0123456789abcdef0123456
            CLUSTER SETSLOT 1 node 0123456789abcdef0123456789abcdef012345678
            CLUSTER SETSLOT 1 node 0123456789abcdef0123456789abcdef01234568
            CLUSTER HELP
        """)
        self.compare_nodes(servers)

    def test_not_in_a_cluster(self):
        servers = [self.start(kt.KeywayShard()), self.start(kt.RedisServer())]
        self.compare(servers, f"CLUSTER SETSLOT 1 NODE {ME}\nASKING\nRESTORE-ASKING a 0 x\n")

    def test_on_a_replica(self):
        conf = (f"{ME} 127.0.0.1:7000@17000 myself,slave {PEER} 0 0 2 connected\n"
                f"{PEER} 127.0.0.9:1@10001 master - 0 1 2 connected 0-16383\n"
                "vars currentEpoch 3 lastVoteEpoch 0\n")
        servers = self.both(conf)
        self.compare(servers, "CLUSTER SETSLOT 1 STABLE\nCLUSTER SETSLOT x NODE y\nCLUSTER SETSLOT 1 FOO\nCLUSTER SETSLOT 1\n")

    def test_source(self):
        servers = self.both(nodes_conf("0-16383", ""))
        self.wait_ok(servers)
        self.compare(servers, f"""
            SET a 1
            CLUSTER SETSLOT {SLOT} MIGRATING PEER
            CLUSTER SETSLOT {SLOT} MIGRATING PEER
            CLUSTER SETSLOT {SLOT} NODE PEER
        """)
        lines = self.compare_nodes(servers)
        self.assertTrue(any(f"[{SLOT}->-{PEER}]" in line for line in lines), lines)
        self.compare(servers, f"""
            CLUSTER SETSLOT {SLOT} STABLE
            CLUSTER SETSLOT {SLOT} NODE ME
            CLUSTER SETSLOT {SLOT} MIGRATING PEER
            CLUSTER SETSLOT {SLOT} NODE ME
            CLUSTER COUNTKEYSINSLOT {SLOT}
            CLUSTER GETKEYSINSLOT {SLOT} 10
        """)
        self.compare_nodes(servers)
        self.compare(servers, f"""
            DEL a
            CLUSTER SETSLOT {SLOT} NODE PEER
            CLUSTER COUNTKEYSINSLOT {SLOT}
            GET a
            SET a 1
        """)
        self.compare_nodes(servers)

    def test_target(self):
        servers = self.both(nodes_conf("0-9999", "10000-16383"))
        self.wait_ok(servers)
        self.compare(servers, f"""
            CLUSTER SETSLOT {SLOT} IMPORTING PEER
            !SET a 1
            CLUSTER SETSLOT {SLOT} NODE PEER
            CLUSTER SETSLOT {SLOT} NODE ME
            GET a
        """)
        lines = self.compare_nodes(servers)
        self.assertTrue(any(line.startswith(f"{ME} myself,master - 6 0-9999 {SLOT}") for line in lines), lines)
        self.compare(servers, f"""
            CLUSTER SETSLOT 10001 IMPORTING PEER
            CLUSTER SETSLOT 10001 NODE ME
            CLUSTER SETSLOT 10002 NODE ME
            CLUSTER SETSLOT 10003 IMPORTING PEER
            CLUSTER ADDSLOTS 10003
            CLUSTER DELSLOTS 10003
            CLUSTER ADDSLOTS 10003
            CLUSTER BUMPEPOCH
        """)
        self.compare_nodes(servers)

    def test_moved_slot_of_a_third_node(self):
        servers = self.both(nodes_conf("0-9999", "10000-15000"))
        self.compare(servers, "CLUSTER SETSLOT 16000 NODE PEER\nCLUSTER SETSLOT 16001 NODE ME\nCLUSTER SETSLOT 16001 NODE PEER\n")
        self.compare_nodes(servers)

    def test_last_slot(self):
        """A primary left without slots replicates the new owner."""
        for allowed in ("yes", "no"):
            servers = self.both(nodes_conf("5", "0-4 6-16383"), cluster_allow_replica_migration=allowed)
            self.compare(servers, "CLUSTER SETSLOT 5 MIGRATING PEER\nCLUSTER SETSLOT 5 NODE PEER\n")
            lines = self.compare_nodes(servers)
            self.assertEqual(any("myself,slave " + PEER in line for line in lines), allowed == "yes", lines)


class OpenSlotTest(SlotCase):
    """What is admitted while the slot of "a" moves."""

    def test_leaving(self):
        servers = self.both(nodes_conf("0-16383", ""))
        self.wait_ok(servers)
        seen = self.compare(servers, f"""
            SET {{a}}1 1
            SET {{a}}2 2
            SET b 1
            CLUSTER SETSLOT {SLOT} MIGRATING PEER
            GET {{a}}1
            GET a
            SET a 1
            !GET a
            SET {{a}}1 3
            MGET {{a}}1 {{a}}2
            MGET {{a}}1 a
            MGET a {{a}}3
            MGET a a
            MSET {{a}}1 1 a 2
            DEL {{a}}1 {{a}}9
            DEL {{a}}1 {{a}}2
            SET b 2
            MGET a b
            EXISTS a
            OBJECT ENCODING a
            RENAME {{a}}2 a
            RESTORE-ASKING a 0 x
            EVAL return(1) 1 a
            EVAL return(1) 2 a {{a}}2
            EVAL return(1) 0
            EVAL return(redis.pcall('get','a').err) 0
            MULTI
            GET a
            EXEC
            MULTI
            GET b
            EXEC
            GET {{a}}2
            BLPOP a 1
            BLPOP a {{a}}2 1
            XREAD BLOCK 1 STREAMS a $
            WATCH a
            UNWATCH
            SPUBLISH a m
            @SSUBSCRIBE a
            SPUBLISH a m
            @SUNSUBSCRIBE a
            MIGRATE 127.0.0.1 1 a 0 100
            MIGRATE 127.0.0.1 1 b 0 100
            MIGRATE 127.0.0.1 1 "" 0 100 KEYS a {{a}}9
            SORT a STORE {{a}}5
            COMMAND GETKEYS GET a
        """.replace('""', '""'))
        self.assertEqual(seen["GET a"], f"-ASK {SLOT} 127.0.0.9:1\r\n".encode())
        self.assertEqual(seen["MGET {a}1 a"], b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n")

    def test_transactions_while_leaving(self):
        servers = self.both(nodes_conf("0-16383", ""))
        self.wait_ok(servers)
        self.compare(servers, f"""
            SET {{a}}1 1
            SET {{a}}2 1
            MULTI
            GET {{a}}1
            GET {{a}}2
            @CLUSTER SETSLOT {SLOT} MIGRATING PEER
            EXEC
            MULTI
            GET {{a}}1
            @DEL {{a}}1
            EXEC
            MULTI
            GET {{a}}2
            GET {{a}}1
            EXEC
            @CLUSTER SETSLOT {SLOT} STABLE
            MULTI
            GET {{a}}2
            GET {{a}}1
            @CLUSTER SETSLOT {SLOT} MIGRATING PEER
            EXEC
            GET {{a}}2
            @CLUSTER SETSLOT {SLOT} STABLE
            MULTI
            SPUBLISH {{a}}2 m
            SPUBLISH a m
            @CLUSTER SETSLOT {SLOT} MIGRATING PEER
            EXEC
            @CLUSTER SETSLOT {SLOT} STABLE
            MULTI
            SPUBLISH a m
            GET a
            @CLUSTER SETSLOT {SLOT} MIGRATING PEER
            EXEC
        """)

    def test_expired_keys_while_leaving(self):
        servers = self.both(nodes_conf("0-16383", ""))
        self.wait_ok(servers)
        for server in servers:
            server.call("SET", "a", 1, "PX", 30)
        kt.wait_until(lambda: all(server.value("GET", "a") is None for server in servers), what="the end of the keys")
        self.compare(servers, f"CLUSTER SETSLOT {SLOT} MIGRATING PEER\nGET a\nSET a 1\n")

    def test_arriving(self):
        servers = self.both(nodes_conf("0-9999", "10000-16383"))
        self.wait_ok(servers)
        seen = self.compare(servers, f"""
            CLUSTER SETSLOT {SLOT} IMPORTING PEER
            GET a
            !GET a
            !SET a 1
            GET a
            !GET a
            GET a
            !MGET a {{a}}1
            !MGET a a
            !SET {{a}}1 1
            !MGET a {{a}}1
            !DEL a {{a}}7
            !EVAL return(1) 1 a
            !EVAL return(1) 2 a {{a}}7
            EVAL return(1) 1 a
            RESTORE-ASKING a 0 x
            RESTORE a 0 x
            !RESTORE {{a}}8 0 x
            MULTI
            !GET a
            GET a
            EXEC
            !MULTI
            GET a
            EXEC
            ASKING
            PING
            GET a
            SPUBLISH a m
            !SPUBLISH a m
            SSUBSCRIBE a
            !MIGRATE 127.0.0.1 1 a 0 100
            MIGRATE 127.0.0.1 1 a 0 100
            MIGRATE 127.0.0.1 1 c 0 100
            MIGRATE 127.0.0.1 1 {{a}}77 0 100
            READONLY
            GET a
            CLUSTER COUNTKEYSINSLOT {SLOT}
            CLUSTER SETSLOT {SLOT} STABLE
            !GET a
            CLUSTER COUNTKEYSINSLOT {SLOT}
        """)
        self.assertEqual(seen["GET a"], f"-MOVED {SLOT} 127.0.0.9:1\r\n".encode())

    def test_waiting_clients(self):
        """A client that waits for a key of a slot stays until the slot is another's."""
        servers = self.both(nodes_conf("0-16383", ""))
        self.wait_ok(servers)
        replies = []
        for server in servers:
            with server.client(timeout=20) as waiting, server.client(timeout=20) as moved, server.client() as admin:
                waiting.send(kt.encode("BLPOP", "a", 0))
                moved.send(kt.encode("XREAD", "BLOCK", 0, "STREAMS", "{a}2", "$"))
                kt.wait_until(lambda: int(server.info("clients")["blocked_clients"]) == 2, what="the waiting clients")
                self.assertEqual(admin.value("CLUSTER", "SETSLOT", SLOT, "MIGRATING", PEER), "OK")
                waiting.socket.settimeout(2.5)
                with self.assertRaises(TimeoutError):
                    waiting.read()
                waiting.socket.settimeout(20)
                self.assertEqual(admin.value("CLUSTER", "SETSLOT", SLOT, "NODE", PEER), "OK")
                replies.append((waiting.read(), moved.read()))
        self.assertEqual(replies[0], replies[1])
        self.assertTrue(replies[0][0].startswith(b"-MOVED"), replies)

    def test_shard_channels(self):
        """Their subscribers are told when the slot goes."""
        servers = self.both(nodes_conf("0-16383", ""))
        self.wait_ok(servers)
        seen = []
        for server in servers:
            with server.client() as subscriber, server.client() as admin:
                subscriber.call("SSUBSCRIBE", "a", "{a}2", "b")  # crosses slots
                replies = [subscriber.call("SSUBSCRIBE", "a"), subscriber.call("SSUBSCRIBE", "b")]
                self.assertEqual(admin.value("CLUSTER", "SETSLOT", SLOT, "MIGRATING", PEER), "OK")
                replies += [admin.call("SPUBLISH", "a", "m"), subscriber.read()]
                self.assertEqual(admin.value("CLUSTER", "SETSLOT", SLOT, "NODE", PEER), "OK")
                replies += [subscriber.read(), admin.call("SPUBLISH", "b", "m"), subscriber.read(), admin.call("SPUBLISH", "a", "m")]
                seen.append(replies)
        self.assertEqual(seen[0], seen[1])


if __name__ == "__main__":
    kt.main()
