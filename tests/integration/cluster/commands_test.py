"""CLUSTER's subcommands on keyway-shard and on redis-server: the same replies, byte for byte, but for ids and times."""

import re

import keyway_testing as kt

# Every line is sent to both servers, in RESP2 and then, on fresh servers, in RESP3. MYID stands for the node's own id,
# PORT for its port.
SCRIPT = """
CLUSTER
CLUSTER NOSUCH
CLUSTER INFO
CLUSTER INFO x
CLUSTER MYID
CLUSTER MYID x
CLUSTER NODES
CLUSTER SLOTS
CLUSTER SHARDS
CLUSTER LINKS
CLUSTER KEYSLOT
CLUSTER KEYSLOT foo
CLUSTER KEYSLOT {foo}bar
CLUSTER KEYSLOT foo bar
GET x
CLUSTER MEET
CLUSTER MEET 127.0.0.1
CLUSTER MEET name 7000
CLUSTER MEET 127.0.0.1 x
CLUSTER MEET 127.0.0.1 07
CLUSTER MEET 127.0.0.1 0
CLUSTER MEET 127.0.0.1 -1
CLUSTER MEET 127.0.0.1 65536
CLUSTER MEET 127.0.0.1 60000
CLUSTER MEET 127.0.0.1 7000 x
CLUSTER MEET 127.0.0.1 7000 0
CLUSTER MEET 127.0.0.1 7000 65536
CLUSTER MEET 127.0.0.1 7000 17000 1
CLUSTER ADDSLOTS
CLUSTER ADDSLOTS x
CLUSTER ADDSLOTS 1 x
CLUSTER ADDSLOTS -1
CLUSTER ADDSLOTS 01
CLUSTER ADDSLOTS 16384
CLUSTER ADDSLOTS 1 1
CLUSTER ADDSLOTS 1 2 5
CLUSTER ADDSLOTS 1
CLUSTER ADDSLOTS 3 1
CLUSTER ADDSLOTS 1 x
CLUSTER ADDSLOTS 3 3 1
CLUSTER ADDSLOTS 1 3 3
CLUSTER ADDSLOTSRANGE
CLUSTER ADDSLOTSRANGE 1
CLUSTER ADDSLOTSRANGE 1 2 3
CLUSTER ADDSLOTSRANGE 7 6
CLUSTER ADDSLOTSRANGE 7 x
CLUSTER ADDSLOTSRANGE x 7
CLUSTER ADDSLOTSRANGE 7 16384
CLUSTER ADDSLOTSRANGE 0 1
CLUSTER ADDSLOTSRANGE 100 200 150 160
CLUSTER ADDSLOTSRANGE 7 6 x 2
CLUSTER ADDSLOTSRANGE 0 1 9 8
CLUSTER ADDSLOTSRANGE 20 21 0 1 9 8
CLUSTER ADDSLOTSRANGE 20 21 x 1
CLUSTER ADDSLOTSRANGE 100 200 300 300
CLUSTER NODES
CLUSTER SLOTS
CLUSTER SHARDS
CLUSTER INFO
CLUSTER DELSLOTS
CLUSTER DELSLOTS 3
CLUSTER DELSLOTS 1 1
CLUSTER DELSLOTS 1 x
CLUSTER DELSLOTS 1 3
CLUSTER DELSLOTS 1
CLUSTER DELSLOTSRANGE
CLUSTER DELSLOTSRANGE 1 2 3
CLUSTER DELSLOTSRANGE 9 8
CLUSTER DELSLOTSRANGE 99 101
CLUSTER DELSLOTSRANGE 100 110 105 106
CLUSTER DELSLOTSRANGE 100 110
CLUSTER COUNTKEYSINSLOT
CLUSTER COUNTKEYSINSLOT x
CLUSTER COUNTKEYSINSLOT -1
CLUSTER COUNTKEYSINSLOT 16384
CLUSTER COUNTKEYSINSLOT 1
CLUSTER GETKEYSINSLOT
CLUSTER GETKEYSINSLOT 1
CLUSTER GETKEYSINSLOT x 1
CLUSTER GETKEYSINSLOT 1 x
CLUSTER GETKEYSINSLOT 1 -1
CLUSTER GETKEYSINSLOT -1 1
CLUSTER GETKEYSINSLOT 16384 1
CLUSTER GETKEYSINSLOT 1 1
CLUSTER BUMPEPOCH
CLUSTER BUMPEPOCH
CLUSTER BUMPEPOCH x
CLUSTER SET-CONFIG-EPOCH
CLUSTER SET-CONFIG-EPOCH x
CLUSTER SET-CONFIG-EPOCH -1
CLUSTER SET-CONFIG-EPOCH 7
CLUSTER COUNT-FAILURE-REPORTS x
CLUSTER COUNT-FAILURE-REPORTS MYID
CLUSTER FORGET x
CLUSTER FORGET MYID
CLUSTER FORGET 0123456789012345678901234567890123456789
CLUSTER REPLICAS x
CLUSTER REPLICAS MYID
CLUSTER SLAVES x
CLUSTER SLAVES MYID
CLUSTER SAVECONFIG
CLUSTER SAVECONFIG x
CLUSTER FLUSHSLOTS
CLUSTER FLUSHSLOTS x
CLUSTER FLUSHSLOTS
CLUSTER INFO
CLUSTER RESET x
CLUSTER RESET hard soft
CLUSTER RESET SOFT
CLUSTER INFO
CLUSTER RESET hard
CLUSTER INFO
CLUSTER SET-CONFIG-EPOCH 7
CLUSTER SET-CONFIG-EPOCH 8
CLUSTER ADDSLOTSRANGE 0 16383
CONFIG SET cluster-announce-hostname node.example.com
CLUSTER NODES
CLUSTER SLOTS
CLUSTER SHARDS
CONFIG SET cluster-preferred-endpoint-type hostname
CLUSTER SLOTS
CLUSTER SHARDS
CONFIG SET cluster-preferred-endpoint-type unknown-endpoint
CLUSTER SLOTS
CLUSTER SHARDS
CONFIG SET cluster-announce-hostname ""
CLUSTER SLOTS
CLUSTER SHARDS
CONFIG SET cluster-preferred-endpoint-type hostname
CLUSTER SLOTS
CLUSTER SHARDS
CONFIG SET cluster-preferred-endpoint-type ip
CONFIG SET cluster-announce-ip 192.0.2.7
CONFIG SET cluster-announce-port 6399
CONFIG SET cluster-announce-bus-port 7777
CLUSTER NODES
CLUSTER SLOTS
CLUSTER SHARDS
READONLY
READWRITE
ASKING
"""

WITH_KEYS = """
MSET {a}1 1 {a}2 2
MSET a 1 b 2
MGET {a}1 b
DEL {a}1 b
GET {a}1
CLUSTER COUNTKEYSINSLOT 15495
CLUSTER GETKEYSINSLOT 15495 0
SET b 1
CLUSTER GETKEYSINSLOT 3300 1000
CLUSTER FLUSHSLOTS
CLUSTER RESET
CLUSTER RESET hard
CLUSTER DELSLOTS 15495
GET {a}1
GET b
CLUSTER ADDSLOTS 15495
"""

DISABLED = """
CLUSTER
CLUSTER INFO
CLUSTER KEYSLOT x
CLUSTER NODES
CLUSTER MEET 127.0.0.1 7000
CLUSTER HELP
CLUSTER HELP x
CLUSTER NOSUCH
READONLY
READWRITE
ASKING
"""

_ID = re.compile(rb"\b[0-9a-f]{40}\b")


def words_of(line):
    return [b"" if word == '""' else word.encode() for word in line.split()]


class ClusterCommandsTest(kt.TestCase):
    def compare(self, script, servers, clients):
        """Runs the script on both; the replies differ in ids and ports at most."""
        for line in script.strip().splitlines():
            replies = []
            for server, client in zip(servers, clients):
                words = words_of(line)
                if b"MYID" in words[2:]:
                    my_id = client.value("CLUSTER", "MYID")
                    words = words[:2] + [my_id if word == b"MYID" else word for word in words[2:]]
                reply = _ID.sub(b"<id>", client.call(*words))
                reply = reply.replace(b"%d" % (server.port + 10000), b"<bus>").replace(b"%d" % server.port, b"<port>")
                # In its first two seconds redis-server does not count; keyway-shard counts from the start.
                reply = re.sub(rb"cluster_size:\d", b"cluster_size:<size>", reply)
                replies.append(reply)
            self.assertEqual(*self.without_lengths(replies), line)

    @staticmethod
    def without_lengths(replies):
        """Lengths of texts with ports in them may differ."""
        return [re.sub(rb"([$=])\d+\r\n(?=[^$=*%]*<)", rb"\1<length>\r\n", reply) for reply in replies]

    def both(self, protocol, **directives):
        servers = [self.start(kt.KeywayShard(**directives)), self.start(kt.RedisServer(**directives))]
        clients = [server.client() for server in servers]
        for client in clients:
            self.addCleanup(client.close)
            client.call("HELLO", protocol)
        return servers, clients

    def test_resp2(self):
        self.compare(SCRIPT, *self.both(2, cluster_enabled="yes"))

    def test_resp3(self):
        self.compare(SCRIPT, *self.both(3, cluster_enabled="yes"))

    def test_disabled(self):
        self.compare(DISABLED, *self.both(2))

    def test_with_keys(self):
        servers, clients = self.both(2, cluster_enabled="yes", cluster_node_timeout=1000)
        for client in clients:
            self.assertEqual(client.value("CLUSTER", "ADDSLOTSRANGE", 0, 16383), "OK")
        for client in clients:
            kt.wait_until(lambda c=client: b"cluster_state:ok" in c.value("CLUSTER", "INFO"), timeout=20, what="ok")
        self.compare(WITH_KEYS, servers, clients)

    def test_help_names_what_there_is(self):
        shard = self.start(kt.KeywayShard(cluster_enabled="yes"))
        reference = self.start(kt.RedisServer(cluster_enabled="yes"))
        ours, theirs = shard.value("CLUSTER", "HELP"), reference.value("CLUSTER", "HELP")
        self.assertEqual([line for line in ours if line not in theirs], [])
        for line in ours[1:]:
            if not line.startswith(" "):
                error = str(shard.value("CLUSTER", line.split(" ")[0]))
                self.assertNotIn("unknown subcommand", error)


if __name__ == "__main__":
    kt.main()
