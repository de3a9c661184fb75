"""redis-cli --cluster against shards: every subcommand, what fix mends, and slots that move between shards and redis-server."""

import glob
import json
import os
import time

import keyway_testing as kt
from resharding_rig import SLOTS, ClusterCase, address, cli, digests, fill, lines_of, my_id, open_slots, slots_of


class CommandsTest(ClusterCase):
    def test_cluster_with_replicas(self):
        nodes = self.nodes(*[kt.KeywayShard] * 6)
        cli("create", *map(address, nodes), "--cluster-replicas", 1, "--cluster-yes")
        self.wait_whole(nodes)
        primaries = [node for node in nodes if b"myself,master" in node.value("CLUSTER", "NODES")]
        replicas = [node for node in nodes if node not in primaries]
        self.assertEqual((len(primaries), len(replicas)), (3, 3))
        kt.wait_until(lambda: all(replica.info("replication").get("master_link_status") == "up" for replica in replicas),
                      timeout=60, what="the replicas to be in sync")
        keys = fill(nodes, 1000)
        before = digests(primaries)
        self.assertEqual(len(before), keys)

        text = self.wait_agreed(nodes)
        for wanted in ("[OK] All nodes agree about slots configuration.", "[OK] All 16384 slots covered."):
            self.assertIn(wanted, text)
        self.assertEqual(text.count("1 additional replica(s)"), 3)
        text = cli("info", address(nodes[0]))
        self.assertIn(f"[OK] {keys} keys in 3 masters.", text)
        self.assertIn("[OK]", cli("check", address(nodes[5]), "--cluster-search-multiple-owners"))

        self.assertEqual(cli("call", address(nodes[0]), "PING").count("PONG"), 6)
        self.assertEqual(cli("call", address(nodes[0]), "PING", "--cluster-only-masters").count("PONG"), 3)
        self.assertEqual(cli("call", address(nodes[0]), "PING", "--cluster-only-replicas").count("PONG"), 3)

        cli("set-timeout", address(nodes[0]), 7000)
        for node in nodes:
            self.assertEqual(node.value("CONFIG", "GET", "cluster-node-timeout")[1], b"7000")

        # A seventh as a replica of a certain primary, an eighth of whichever needs one.
        more = self.nodes(*[kt.KeywayShard] * 2)
        cli("add-node", address(more[0]), address(nodes[0]), "--cluster-slave", "--cluster-master-id", my_id(primaries[1]))
        self.wait_whole(nodes + more[:1])
        kt.wait_until(lambda: lines_of(more[0])[my_id(more[0])][3] == my_id(primaries[1]), timeout=20, what="the replica")
        self.wait_agreed(nodes)
        cli("add-node", address(more[1]), address(nodes[0]), "--cluster-slave")
        self.wait_whole(nodes + more)
        self.wait_agreed(nodes)
        for node in more:
            kt.wait_until(lambda n=node: n.info("replication").get("master_link_status") == "up", timeout=60, what="the sync")
            primary = lines_of(node)[my_id(node)][3]
            owner = next(one for one in primaries if my_id(one) == primary)
            kt.wait_until(lambda n=node, o=owner: n.value("DBSIZE") == o.value("DBSIZE"), timeout=20, what="the same keys")

        folder = self.temporary_folder()
        text = cli("backup", address(nodes[0]), folder)
        self.assertIn("[OK] Backup created into", text)
        with open(os.path.join(folder, "nodes.json"), encoding="utf-8") as file:
            stored = json.load(file)
        self.assertEqual({node["name"] for node in stored if node["slots_count"] > 0}, {my_id(node) for node in primaries})
        files = glob.glob(os.path.join(folder, "*.rdb"))
        self.assertEqual(len(files), 3)
        restored = {}
        for path in files:
            reader = self.start(kt.RedisServer(dir=folder, dbfilename=os.path.basename(path), enable_debug_command="yes"))
            restored.update(digests([reader]))
            reader.kill()
        self.assertEqual(restored, before)

        for node in more:
            cli("del-node", address(nodes[0]), my_id(node))
        self.wait_whole(nodes)
        self.wait_agreed(nodes)
        with self.assertRaisesRegex(AssertionError, "is not empty"):
            cli("del-node", address(nodes[0]), my_id(primaries[0]))
        self.assertEqual(digests(primaries), before)

    def test_reshard_and_rebalance(self):
        nodes = self.cluster(*[kt.KeywayShard] * 3)
        fill(nodes, 2000)
        before = digests(nodes)
        new = self.nodes(kt.KeywayShard)[0]
        cli("add-node", address(new), address(nodes[0]))
        nodes.append(new)
        self.wait_whole(nodes)
        self.wait_agreed(nodes)
        ids = [my_id(node) for node in nodes]

        text = cli("reshard", address(nodes[0]), "--cluster-from", ids[0], "--cluster-to", ids[3], "--cluster-slots", 100,
                   "--cluster-yes", "--cluster-pipeline", 3, "--cluster-timeout", 30000)
        self.assertIn("Moving slot 0 from", text)
        self.wait_slots(nodes, {ids[0]: 5361, ids[1]: 5462, ids[2]: 5461, ids[3]: 100})
        cli("reshard", address(nodes[1]), "--cluster-from", "all", "--cluster-to", ids[3], "--cluster-slots", 300, "--cluster-yes")
        # The parts of each are rounded.
        self.wait_agreed(nodes)
        kt.wait_until(lambda: 390 <= slots_of(nodes[0])[ids[3]] <= 410, what="the slots")
        self.assertEqual(digests(nodes), before)
        cli("reshard", address(nodes[1]), "--cluster-from", ids[3], "--cluster-to", ids[1], "--cluster-slots", slots_of(nodes[0])[ids[3]],
            "--cluster-yes", "--cluster-replace")
        # The fourth has become a replica of the one that took its last slot, as cluster-allow-replica-migration says.
        kt.wait_until(lambda: lines_of(new)[ids[3]][3] == ids[1], timeout=20, what="the empty primary to follow")
        kt.wait_until(lambda: new.info("replication").get("master_link_status") == "up", timeout=60, what="the sync")
        self.wait_agreed(nodes)
        self.assertEqual(digests(nodes[:3]), before)
        cli("del-node", address(nodes[0]), ids[3])
        del nodes[3], ids[3]
        self.wait_whole(nodes)

        new = self.nodes(kt.KeywayShard)[0]
        cli("add-node", address(new), address(nodes[0]))
        nodes.append(new)
        ids.append(my_id(new))
        self.wait_whole(nodes)
        self.wait_agreed(nodes)
        counts = slots_of(nodes[0])
        text = cli("rebalance", address(nodes[0]), "--cluster-use-empty-masters", "--cluster-simulate")
        self.assertIn("#####", text)
        self.assertEqual(slots_of(nodes[0]), counts)
        cli("rebalance", address(nodes[0]), "--cluster-use-empty-masters", "--cluster-pipeline", 100)
        self.wait_slots(nodes, {node_id: 4096 for node_id in ids})
        self.assertIn("within the 2.00% threshold", cli("rebalance", address(nodes[0])))
        self.assertEqual(digests(nodes), before)
        cli("rebalance", address(nodes[0]), "--cluster-weight", f"{ids[0]}=2", f"{ids[3]}=0", "--cluster-threshold", 1)
        kt.wait_until(lambda: sorted(slots_of(nodes[0]).values(), reverse=True)[:3] == [8192, 4096, 4096], timeout=20,
                      what="the weights")
        self.wait_agreed(nodes)
        self.assertEqual(digests(nodes[:3]), before)

    def test_import(self):
        nodes = self.cluster(*[kt.KeywayShard] * 3)
        for source_class in (kt.RedisServer, kt.KeywayShard):
            source = self.start(source_class(requirepass="secret", enable_debug_command="yes"))
            with source.client() as client:
                client.call("AUTH", "secret")
                for i in range(300):
                    client.call("SET", f"import:{i}", i)
                    client.call("RPUSH", f"import:l{i}", *range(i % 7 + 1))
                keys = client.value("KEYS", "*")
                wanted = {key: client.value("DEBUG", "DIGEST-VALUE", key)[0] for key in keys}
                cli("import", address(nodes[0]), "--cluster-from", address(source), "--cluster-from-pass", "secret", "--cluster-copy")
                self.assertEqual(digests(nodes), wanted)
                self.assertEqual(client.value("DBSIZE"), 600)
                nodes_keys = kt.ClusterClient([node.port for node in nodes])
                nodes_keys.call("SET", "import:0", "other", key=b"import:0")
                nodes_keys.close()
                cli("import", address(nodes[0]), "--cluster-from", address(source), "--cluster-from-pass", "secret",
                    "--cluster-replace")
                self.assertEqual(digests(nodes), wanted)
                self.assertEqual(client.value("DBSIZE"), 0)
            for node in nodes:
                node.call("FLUSHALL")


class FixTest(ClusterCase):
    """States that redis-cli --cluster fix mends."""

    def setUp(self):
        self.ring = self.cluster(*[kt.KeywayShard] * 3, cluster_require_full_coverage="no")
        self.ids = [my_id(node) for node in self.ring]
        fill(self.ring, 300)
        self.before = digests(self.ring)

    def owner(self, slot):
        ranges = self.ring[0].value("CLUSTER", "SLOTS")
        port = next(one[2][1] for one in ranges if one[0] <= slot <= one[1])
        return next(i for i, node in enumerate(self.ring) if node.port == port)

    def fix(self, *options):
        text = cli("fix", address(self.ring[0]), "--cluster-yes", *options)
        self.wait_agreed(self.ring)
        for node in self.ring:
            self.assertEqual(open_slots(node), [])
            self.assertEqual(sum(slots_of(node).values()), SLOTS)
        self.assertEqual(digests(self.ring), self.before)
        return text

    def broken(self, slot):
        """A slot with several keys, its owner and another node."""
        owner = self.owner(slot)
        with self.ring[owner].client() as client:
            for i in range(20):
                key = kt.key_in_slots(slot, slot, b"in%d" % i)
                self.assertEqual(client.value("SET", key, i), "OK")
                self.before[key] = client.value("DEBUG", "DIGEST-VALUE", key)[0]
        return owner, (owner + 1) % 3

    def set_slot(self, node, slot, *words):
        self.assertEqual(self.ring[node].value("CLUSTER", "SETSLOT", slot, *words), "OK")

    def move_some(self, slot, source, target, *options):
        keys = self.ring[source].value("CLUSTER", "GETKEYSINSLOT", slot, 7)
        self.assertEqual(self.ring[source].value("MIGRATE", "127.0.0.1", self.ring[target].port, "", 0, 5000, *options, "KEYS", *keys),
                         "OK")

    def test_open_slots(self):
        # On both sides, some keys have moved.
        source, target = self.broken(100)
        self.set_slot(target, 100, "IMPORTING", self.ids[source])
        self.set_slot(source, 100, "MIGRATING", self.ids[target])
        self.move_some(100, source, target)
        # Only at the source; only at the target, without and with keys.
        source, target = self.broken(5000)
        self.set_slot(source, 5000, "MIGRATING", self.ids[target])
        source, target = self.broken(9000)
        self.set_slot(target, 9000, "IMPORTING", self.ids[source])
        source, target = self.broken(12000)
        self.set_slot(target, 12000, "IMPORTING", self.ids[source])
        self.set_slot(source, 12000, "MIGRATING", self.ids[target])
        self.move_some(12000, source, target)
        self.set_slot(source, 12000, "STABLE")
        # Keys that are on both sides.
        source, target = self.broken(16000)
        self.set_slot(target, 16000, "IMPORTING", self.ids[source])
        self.set_slot(source, 16000, "MIGRATING", self.ids[target])
        self.move_some(16000, source, target, "COPY")
        with self.assertRaises(AssertionError):
            cli("check", address(self.ring[0]))
        self.assertIn("Fixing open slot 100", self.fix())

    def test_slots_of_nobody(self):
        source, _ = self.broken(100)
        other, target = self.broken(12000)
        # Of the second the keys are on two nodes.
        self.set_slot(target, 12000, "IMPORTING", self.ids[other])
        self.set_slot(other, 12000, "MIGRATING", self.ids[target])
        self.move_some(12000, other, target)
        for node in (other, target):
            self.set_slot(node, 12000, "STABLE")
        empty = next(slot for slot in range(SLOTS) if all(node.value("CLUSTER", "COUNTKEYSINSLOT", slot) == 0 for node in self.ring))
        def nobody_has_them():
            for node in self.ring:
                for slot in (100, 12000, empty):
                    node.call("CLUSTER", "DELSLOTS", slot)
            time.sleep(0.5)
            return all(sum(slots_of(node).values()) == SLOTS - 3 for node in self.ring)
        kt.wait_until(nobody_has_them, timeout=30, what="the slots to be nobody's")
        self.assertEqual(self.ring[source].value("CLUSTER", "COUNTKEYSINSLOT", 100), 20)
        text = self.fix()
        self.assertIn("Fixing slots coverage", text)

    def test_slot_of_two(self):
        owner, other = self.broken(100)
        for node in (owner, other):
            self.set_slot(node, 100, "NODE", self.ids[node])
        self.fix("--cluster-search-multiple-owners")


class MixedTest(ClusterCase):
    def test_both_directions(self):
        """Slots of redis-server go to shards, slots of shards to redis-server, in one cluster."""
        nodes = self.cluster(kt.RedisServer, kt.KeywayShard, kt.RedisServer, kt.KeywayShard)
        fill(nodes, 3000)
        before = digests(nodes)
        ids = [my_id(node) for node in nodes]
        counts = slots_of(nodes[0])
        for source, target in ((0, 1), (1, 2), (3, 2), (2, 1)):
            cli("reshard", address(nodes[source]), "--cluster-from", ids[source], "--cluster-to", ids[target], "--cluster-slots", 500,
                "--cluster-yes")
            counts[ids[source]] -= 500
            counts[ids[target]] += 500
            self.wait_slots(nodes, counts)
            self.wait_agreed(nodes)
            self.assertEqual(digests(nodes), before)
        # All of one goes to the other kind, and it follows.
        cli("reshard", address(nodes[0]), "--cluster-from", ids[3], "--cluster-to", ids[0], "--cluster-slots", counts[ids[3]],
            "--cluster-yes")
        self.wait_agreed(nodes)
        self.assertEqual(digests(nodes[:3]), before)


if __name__ == "__main__":
    kt.main()
