"""A cluster of redis-server becomes one of keyway-shard while it is written to: shards join as replicas, take over, and the
redis-server nodes leave. No acknowledged write may be missing. Then the other way."""

import keyway_testing as kt

PRIMARIES = 3


class TakeoverTest(kt.TestCase):
    def start_nodes(self, kind, count):
        return [self.start(kind(cluster_enabled="yes", cluster_node_timeout=5000, repl_diskless_sync_delay=0, appendonly="yes"))
                for _ in range(count)]

    def replace(self, old, new):
        """Each node of `new` takes the place of a node of `old`, one after the other."""
        entry = f"127.0.0.1:{old[0].port}"
        everybody = old + new
        for leaving, coming in zip(old, new):
            primary = leaving.value("CLUSTER", "MYID").decode()
            kt.redis_cli_cluster("add-node", f"127.0.0.1:{coming.port}", entry, "--cluster-slave", "--cluster-master-id", primary)
            kt.wait_until(lambda: coming.info("replication").get("master_link_status") == "up", timeout=60, what="the new node's sync")
        kt.wait_until(lambda: kt.cluster_is_whole(everybody), timeout=60, what="all nodes to know each other")
        # Gossip tells them; nobody helps with the failover of a node that he does not know as a replica.
        primaries = [node.value("CLUSTER", "MYID").decode() for node in old]
        kt.wait_until(lambda: all(node.value("CLUSTER", "REPLICAS", primary) for node in everybody for primary in primaries), timeout=60,
                      what="all nodes to know all replicas")
        for coming in new:
            self.assertEqual(coming.call("CLUSTER", "FAILOVER"), b"+OK\r\n")
            kt.wait_until(lambda: coming.info("replication")["role"] == "master", timeout=30, what="the new node to take over")
        kt.wait_until(lambda: all(node.info("replication").get("master_link_status") == "up" for node in old), timeout=60,
                      what="the old nodes to become replicas")
        entry = f"127.0.0.1:{new[0].port}"
        for leaving in old:
            kt.redis_cli_cluster("del-node", entry, leaving.value("CLUSTER", "MYID").decode())
            leaving.kill()
        kt.wait_until(lambda: kt.cluster_is_whole(new), timeout=60, what="the new cluster to be whole")

    def play(self, first, second):
        old = self.start_nodes(first, PRIMARIES)
        kt.redis_cli_cluster("create", *(f"127.0.0.1:{node.port}" for node in old), "--cluster-yes")
        kt.wait_until(lambda: kt.cluster_is_whole(old), timeout=60, what="the first cluster")
        new = self.start_nodes(second, PRIMARIES)
        writers = kt.Writers([node.port for node in old + new], threads=2, keys=300).start()
        try:
            kt.wait_until(lambda: writers.count > 1000, timeout=60, what="some writes")
            self.replace(old, new)
            count = writers.count
            kt.wait_until(lambda: writers.count > count + 1000, timeout=60, what="some writes to the new cluster")
        finally:
            writers.stop()
        self.assertEqual(writers.failures, [])
        self.assertEqual(writers.missing([node.port for node in new]), [])
        print(f"{first.__name__} to {second.__name__}: {writers.count} writes, none missing, longest wait {writers.longest_wait:.2f} s")

    def test_redis_becomes_keyway(self):
        self.play(kt.RedisServer, kt.KeywayShard)

    def test_keyway_becomes_redis(self):
        self.play(kt.KeywayShard, kt.RedisServer)


if __name__ == "__main__":
    kt.main()
