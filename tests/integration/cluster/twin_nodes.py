"""What the tests share that start one node of each program from the same nodes.conf and compare what they say."""

import os

import keyway_testing as kt

ME = "0123456789abcdef0123456789abcdef01234567"
PEER = "fedcba9876543210fedcba9876543210fedcba98"
REPLICA = "1111111111111111111111111111111111111111"
TIMEOUT = 60000  # the peers do not exist, and are not missed during a test


def nodes_conf(my_slots, peer_slots, my_flags="myself,master -", peer_host="", epochs=(3, 5)):
    """`epochs`: of this node and of its peer."""
    mine, peers = epochs
    return (f"{ME} 127.0.0.1:7000@17000 {my_flags} 0 0 {mine} connected {my_slots}\n"
            f"{PEER} 127.0.0.9:1@10001{peer_host} master - 0 1 {peers} connected {peer_slots}\n"
            f"{REPLICA} 127.0.0.8:2@10002 slave {PEER} 0 1 {peers} connected\n"
            f"vars currentEpoch {max(epochs)} lastVoteEpoch 0\n")


class TwinNodesTest(kt.TestCase):
    def both(self, conf, **directives):
        servers = []
        for node_class in (kt.KeywayShard, kt.RedisServer):
            server = node_class(cluster_enabled="yes", cluster_node_timeout=TIMEOUT, **directives)
            with open(os.path.join(server.folder, "nodes.conf"), "w", encoding="utf-8") as file:
                file.write(conf)
            servers.append(self.start(server))
        return servers

    def wait_ok(self, servers):
        for server in servers:
            kt.wait_until(lambda s=server: b"cluster_state:ok" in s.value("CLUSTER", "INFO"), timeout=20, what="ok")

    def compare(self, servers, script):
        """Every line is sent to both, ASKING before it if it begins with '!', by another connection if with '@'. The
        replies, by line."""
        clients = [server.client() for server in servers]
        others = [server.client() for server in servers]
        seen = {}
        for line in script.strip().splitlines():
            line = line.strip()
            replies = []
            for client, other in zip(clients, others):
                if line.startswith("@"):
                    client = other
                if line.lstrip("@").startswith("!"):
                    client.call("ASKING")
                words = line.lstrip("@!").split()
                words = [{"ME": ME, "PEER": PEER, "REPLICA": REPLICA}.get(word, word) for word in words]
                replies.append(client.call(*words))
            self.assertEqual(replies[0], replies[1], line)
            seen[line] = replies[0]
        for client in clients + others:
            client.close()
        return seen
