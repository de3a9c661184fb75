"""Clusters of keyway-shard, alone and with redis-server: made with redis-cli --cluster create, seen alike by all."""

import keyway_testing as kt

NODE_TIMEOUT = 2000


def nodes_of(server):
    """CLUSTER NODES as {id: (address with host name, flags, epoch, link, slots)}."""
    nodes = {}
    for line in server.value("CLUSTER", "NODES").decode().splitlines():
        words = line.split(" ")
        flags = words[2].replace("myself,", "")
        nodes[words[0]] = (words[1], flags, words[3], words[6], words[8:])
    return nodes


def info_of(server):
    return dict(line.split(":", 1) for line in server.value("CLUSTER", "INFO").decode().splitlines())


class FormationTest(kt.TestCase):
    def start_nodes(self, *classes, **directives):
        directives = {"cluster_enabled": "yes", "cluster_node_timeout": NODE_TIMEOUT, **directives}
        return [self.start(node_class(**directives)) for node_class in classes]

    def create(self, servers):
        kt.redis_cli_cluster("create", *(f"127.0.0.1:{server.port}" for server in servers), "--cluster-yes")
        kt.wait_until(lambda: kt.cluster_is_whole(servers), timeout=30, what="a whole cluster")

    def assert_agreement(self, servers):
        """All see the same nodes, roles, epochs and slots, connected."""
        def views():
            return [nodes_of(server) for server in servers]
        def agree():
            seen = views()
            return all(view == seen[0] for view in seen)
        kt.wait_until(agree, timeout=20, what="agreement")
        for address, flags, _, _, _ in views()[0].values():
            self.assertIn(flags, ("master", "slave"), address)
        epochs = [view[2] for view in map(list, views()[0].values())]
        self.assertEqual(len(epochs), len(servers))

    def check(self, servers):
        for server in servers:
            output = kt.redis_cli_cluster("check", f"127.0.0.1:{server.port}")
            self.assertIn("[OK] All nodes agree about slots configuration.", output)
            self.assertIn("[OK] All 16384 slots covered.", output)
        output = kt.redis_cli_cluster("info", f"127.0.0.1:{servers[0].port}")
        self.assertIn(f"keys in {len(servers)} masters.", output)

    def exercise(self, servers):
        """Every key is served by one node, and all others know which."""
        for i in range(50):
            key = f"key:{i}"
            slot = servers[0].value("CLUSTER", "KEYSLOT", key)
            served = 0
            targets = set()
            for server in servers:
                reply = server.value("SET", key, i)
                if reply == "OK":
                    served += 1
                    targets.add(f"{slot} 127.0.0.1:{server.port}")
                else:
                    targets.add(str(reply).removeprefix("MOVED "))
            self.assertEqual(served, 1)
            self.assertEqual(len(targets), 1, targets)

    def run_cluster(self, *classes):
        servers = self.start_nodes(*classes)
        self.create(servers)
        self.assert_agreement(servers)
        self.check(servers)
        self.exercise(servers)
        return servers

    def test_three_shards(self):
        servers = self.run_cluster(*[kt.KeywayShard] * 3)
        info = info_of(servers[0])
        self.assertEqual(info["cluster_slots_assigned"], "16384")
        self.assertEqual(info["cluster_size"], "3")
        self.assertEqual(info["cluster_known_nodes"], "3")

    def test_six_shards(self):
        self.run_cluster(*[kt.KeywayShard] * 6)

    def test_two_shards_and_two_redis(self):
        self.run_cluster(kt.KeywayShard, kt.RedisServer, kt.KeywayShard, kt.RedisServer)

    def test_redis_first(self):
        self.run_cluster(kt.RedisServer, kt.KeywayShard, kt.RedisServer)

    def test_host_names_both_ways(self):
        servers = [
            self.start(kt.KeywayShard(cluster_enabled="yes", cluster_announce_hostname="shard.example.com")),
            self.start(kt.RedisServer(cluster_enabled="yes", cluster_announce_hostname="redis.example.com")),
            self.start(kt.KeywayShard(cluster_enabled="yes")),
        ]
        self.create(servers)
        self.assert_agreement(servers)
        for server in servers:
            text = server.value("CLUSTER", "NODES").decode()
            self.assertIn(",shard.example.com ", text)
            self.assertIn(",redis.example.com ", text)
            self.assertEqual(server.value("CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname"), "OK")
        moved = [str(server.value("GET", "key")) for server in servers]
        self.assertTrue(any("redis.example.com" in text or "shard.example.com" in text or "?:" in text
                            for text in moved), moved)
        # And taken back.
        servers[0].value("CONFIG", "SET", "cluster-announce-hostname", "")
        servers[1].value("CONFIG", "SET", "cluster-announce-hostname", "other.example.com")
        def changed():
            texts = [server.value("CLUSTER", "NODES").decode() for server in servers]
            return all("shard.example.com" not in text and ",other.example.com " in text for text in texts)
        kt.wait_until(changed, timeout=20, what="the new host names")

    def test_replica_of_redis_is_shown(self):
        servers = self.start_nodes(kt.KeywayShard, kt.RedisServer, kt.RedisServer)
        self.create(servers)
        replica = self.start(kt.RedisServer(cluster_enabled="yes", cluster_node_timeout=NODE_TIMEOUT))
        replica.value("CLUSTER", "MEET", "127.0.0.1", servers[0].port)
        primary_id = servers[1].value("CLUSTER", "MYID").decode()
        everyone = servers + [replica]
        kt.wait_until(lambda: kt.cluster_is_whole(everyone), timeout=20, what="the fourth node")
        kt.wait_until(lambda: replica.value("CLUSTER", "REPLICATE", primary_id) == "OK", what="REPLICATE")
        replica_id = replica.value("CLUSTER", "MYID").decode()
        def known():
            return [line.split(" ")[0] for line in map(bytes.decode, servers[0].value("CLUSTER", "REPLICAS", primary_id))]
        kt.wait_until(lambda: known() == [replica_id], timeout=20, what="the replica")
        self.assert_agreement(everyone)
        # With something replicated it has an offset, and is listed with the slots.
        kt.wait_until(lambda: servers[1].info("replication").get("slave0", "").find("state=online") > 0, timeout=20,
                      what="replication")
        def listed():
            ours, reference = servers[0].value("CLUSTER", "SLOTS"), servers[1].value("CLUSTER", "SLOTS")
            return ours == reference and any(len(entry) == 4 for entry in ours)
        kt.wait_until(listed, timeout=30, what="the replica among the slots")
        shards = servers[0].value("CLUSTER", "SHARDS")
        roles = sorted(node[node.index(b"role") + 1] for shard in shards for node in shard[3])
        self.assertEqual(roles, [b"master", b"master", b"master", b"replica"])
        error = servers[0].value("CLUSTER", "REPLICAS", replica_id)
        self.assertEqual(str(error), "ERR The specified node is not a master")
        # A primary fails: the replica is elected by the others, and the shard follows.
        servers[1].kill()
        def taken_over():
            node = nodes_of(servers[0])[replica_id]
            return node[1] == "master" and node[4] and info_of(servers[0])["cluster_state"] == "ok"
        kt.wait_until(taken_over, timeout=30, what="the failover to be seen")


if __name__ == "__main__":
    kt.main()
