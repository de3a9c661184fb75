"""Nodes that die, hang and come back, in clusters of keyway-shard and redis-server; what nodes.conf keeps."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time

import keyway_testing as kt

NODE_TIMEOUT = 2000


def nodes_of(server):
    """CLUSTER NODES as {id: words of the line}."""
    return {line.split(" ")[0]: line.split(" ") for line in server.value("CLUSTER", "NODES").decode().splitlines()}


def flags_of(server, node_id):
    words = nodes_of(server).get(node_id)
    return words[2].split(",") if words else []


def my_id(server):
    return server.value("CLUSTER", "MYID").decode()


def state_of(server):
    text = server.value("CLUSTER", "INFO").decode()
    return dict(line.split(":", 1) for line in text.splitlines())["cluster_state"]


def free_high_port():
    """One that has no room for a bus port above it, and lies above the ephemeral ports."""
    numbers = random.Random()
    while True:
        port = numbers.randrange(61001, 65536)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class FailureTest(kt.TestCase):
    def cluster(self, *classes):
        directives = {"cluster_enabled": "yes", "cluster_node_timeout": NODE_TIMEOUT}
        servers = [self.start(node_class(**directives)) for node_class in classes]
        kt.redis_cli_cluster("create", *(f"127.0.0.1:{server.port}" for server in servers), "--cluster-yes")
        kt.wait_until(lambda: kt.cluster_is_whole(servers), timeout=30, what="a whole cluster")
        return servers

    def kill_and_restart(self, servers, victim):
        dead = servers[victim]
        others = [server for server in servers if server is not dead]
        dead_id = my_id(dead)
        line = nodes_of(dead)[dead_id]
        epoch, slots = line[6], line[8:]
        dead.kill()
        started = time.monotonic()
        kt.wait_until(lambda: all("fail" in flags_of(server, dead_id) for server in others), timeout=30,
                      what="all to mark the node as failing")
        self.assertGreater(time.monotonic() - started, NODE_TIMEOUT / 2000)
        kt.wait_until(lambda: all(state_of(server) == "fail" for server in others), what="the cluster to fail")
        dead.start()
        self.assertEqual(my_id(dead), dead_id)
        line = nodes_of(dead)[dead_id]
        self.assertEqual((line[6], line[8:]), (epoch, slots))
        def well():
            return all(state_of(server) == "ok" and flags_of(server, dead_id)[-1] == "master" for server in servers)
        kt.wait_until(well, timeout=60, what="the failure to be over")

    def test_killed_shard_among_shards(self):
        self.kill_and_restart(self.cluster(*[kt.KeywayShard] * 4), 1)

    def test_killed_shard_among_redis(self):
        self.kill_and_restart(self.cluster(kt.RedisServer, kt.KeywayShard, kt.RedisServer), 1)

    def test_killed_redis_among_shards(self):
        self.kill_and_restart(self.cluster(kt.KeywayShard, kt.RedisServer, kt.KeywayShard), 1)

    def test_hanging_node_is_back_at_once(self):
        """A process that was stopped for longer than the timeout does not believe that all others have failed."""
        servers = self.cluster(*[kt.KeywayShard] * 3)
        hanging_id = my_id(servers[0])
        servers[0].signal(signal.SIGSTOP)
        kt.wait_until(lambda: "fail" in flags_of(servers[1], hanging_id), timeout=30, what="the failure")
        servers[0].signal(signal.SIGCONT)
        kt.wait_until(lambda: all(state_of(server) == "ok" for server in servers), timeout=60, what="the end of it")
        self.assertNotIn("Cluster state changed: fail", servers[0].output())

    def test_forget(self):
        servers = self.cluster(kt.KeywayShard, kt.RedisServer, kt.KeywayShard)
        extra = self.start(kt.KeywayShard(cluster_enabled="yes", cluster_node_timeout=NODE_TIMEOUT))
        servers[1].value("CLUSTER", "MEET", "127.0.0.1", extra.port)
        kt.wait_until(lambda: kt.cluster_is_whole(servers + [extra]), timeout=20, what="the fourth node")
        extra_id = my_id(extra)
        for server in servers:
            self.assertEqual(server.value("CLUSTER", "FORGET", extra_id), "OK")
        self.assertEqual(extra.value("CLUSTER", "RESET", "HARD"), "OK")
        self.assertNotEqual(my_id(extra), extra_id)
        deadline = time.monotonic() + 3 * NODE_TIMEOUT / 1000
        while time.monotonic() < deadline:
            for server in servers:
                self.assertNotIn(extra_id, nodes_of(server))
            time.sleep(0.2)
        self.assertEqual(len(nodes_of(extra)), 1)

    def test_move_to_another_port(self):
        servers = self.cluster(kt.KeywayShard, kt.RedisServer, kt.KeywayShard)
        moved, moved_id = servers[2], my_id(servers[2])
        moved.stop()
        moved.port = kt.free_port()
        moved.directives["port"] = moved.port
        moved.start()
        def known():
            return all(f":{moved.port}@" in nodes_of(server)[moved_id][1] for server in servers)
        kt.wait_until(known, timeout=20, what="the new address")
        kt.wait_until(lambda: kt.cluster_is_whole(servers), timeout=30, what="a whole cluster")


class NodesFileTest(kt.TestCase):
    def test_each_starts_on_the_others_file(self):
        servers = FailureTest.cluster(self, kt.KeywayShard, kt.RedisServer, kt.RedisServer)
        servers[1].value("CONFIG", "SET", "cluster-announce-hostname", "one.example.com")
        servers[0].value("CONFIG", "SET", "cluster-announce-hostname", "zero.example.com")
        kt.wait_until(lambda: all(b",one.example.com" in server.value("CLUSTER", "NODES") and
                                  b",zero.example.com" in server.value("CLUSTER", "NODES") for server in servers),
                      timeout=20, what="host names")
        before = [sorted((words[0], words[1].split(",")[0], words[6], words[8:]) for words in nodes_of(server).values())
                  for server in servers]
        for server in servers:
            server.stop()
        # The files change hands.
        successors = []
        for old, node_class in zip(servers, (kt.RedisServer, kt.KeywayShard, kt.KeywayShard)):
            new = node_class(port=old.port, cluster_enabled="yes", cluster_node_timeout=NODE_TIMEOUT)
            shutil.copy(os.path.join(old.folder, "nodes.conf"), os.path.join(new.folder, "nodes.conf"))
            successors.append(self.start(new))
        kt.wait_until(lambda: kt.cluster_is_whole(successors), timeout=30, what="a whole cluster")
        after = [sorted((words[0], words[1].split(",")[0], words[6], words[8:]) for words in nodes_of(server).values())
                 for server in successors]
        self.assertEqual(before, after)

    def test_lock(self):
        for first, second in ((kt.KeywayShard, kt.KeywayShard), (kt.RedisServer, kt.KeywayShard),
                              (kt.KeywayShard, kt.RedisServer)):
            holder = self.start(first(cluster_enabled="yes"))
            # Saved often: the lock moves with the file.
            for epoch in range(3):
                holder.value("CLUSTER", "ADDSLOTS", epoch)
                holder.value("CLUSTER", "SAVECONFIG")
            thief = second(cluster_enabled="yes", dir=holder.folder)
            self.addCleanup(thief.cleanup)
            thief.start(wait=False)
            self.assertEqual(thief.wait(), 1)
            self.assertIn("Sorry, the cluster configuration file nodes.conf is already used by a different", thief.output())

    def test_corrupt_files(self):
        node_id = "0123456789abcdef0123456789abcdef01234567"
        good = f"{node_id} 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5\nvars currentEpoch 1 lastVoteEpoch 0\n"
        bad = ["rubbish", "vars currentEpoch 1 lastVoteEpoch 0\n", good.replace("0-5", "16384"),
               good.replace("0-5", "[5->-x]"), good.replace("master", "emperor"), good.replace(node_id, "x"),
               good.replace("@17000", "@x"), good.replace("currentEpoch 1", "currentEpoch x"), "\0\0\0\0", good * 2]
        for text in bad:
            shard = kt.KeywayShard(cluster_enabled="yes")
            self.addCleanup(shard.cleanup)
            path = os.path.join(shard.folder, "nodes.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            shard.start(wait=False)
            self.assertEqual(shard.wait(), 1, text)
            self.assertIn("corrupted cluster config file", shard.output())
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), text)

    def test_start_without_bus_port(self):
        shard = kt.KeywayShard(cluster_enabled="yes")
        self.addCleanup(shard.cleanup)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", shard.port + 10000))
            taken.listen()
            shard.start(wait=False)
            self.assertEqual(shard.wait(), 1)
        self.assertIn(f"Warning: Could not create server TCP listening socket 127.0.0.1:{shard.port + 10000}: bind: "
                      "Address already in use", shard.output())
        self.assertIn(f"Failed listening on port {shard.port + 10000} (cluster), aborting.", shard.output())

    def test_port_too_high(self):
        for node_class in (kt.KeywayShard, kt.RedisServer):
            server = node_class(port=free_high_port(), cluster_enabled="yes")
            self.addCleanup(server.cleanup)
            done = subprocess.run(server.command(), cwd=server.folder, timeout=30, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("Redis port number too high. Cluster communication port is 10,000 port numbers higher than "
                          "your Redis port. Your Redis port number must be 55535 or less.", done.stdout)


if __name__ == "__main__":
    kt.main()
